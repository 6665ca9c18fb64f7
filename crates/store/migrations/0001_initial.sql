-- One text for SQLite and PostgreSQL: only TEXT, BIGINT and BYTEA. Ids are lower-case text, times are
-- microseconds UTC, flags are 0 or 1, documents are JSON text. Columns that the Web API serves carry
-- their Dataverse names. A column ending in _key is the lower-case form by which rows are looked up.

CREATE TABLE tenant (
    tenantid TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    createdon BIGINT NOT NULL
);

CREATE TABLE tenant_key (
    tenantid TEXT NOT NULL,
    version BIGINT NOT NULL,
    provider TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    wrapped BYTEA NOT NULL,
    createdon BIGINT NOT NULL,
    PRIMARY KEY (tenantid, version)
);

CREATE TABLE environment (
    environmentid TEXT NOT NULL PRIMARY KEY,
    tenantid TEXT NOT NULL,
    name TEXT NOT NULL,
    name_key TEXT NOT NULL,
    displayname TEXT NOT NULL,
    kind TEXT NOT NULL,
    fidelity TEXT NOT NULL,
    organizationid TEXT NOT NULL,
    businessunitid TEXT NOT NULL,
    allowed TEXT NOT NULL,
    version BIGINT NOT NULL,
    createdon BIGINT NOT NULL
);
CREATE UNIQUE INDEX environment_name ON environment (tenantid, name_key);

CREATE TABLE systemuser (
    environmentid TEXT NOT NULL,
    systemuserid TEXT NOT NULL,
    kind TEXT NOT NULL,
    domainname TEXT NOT NULL,
    domainname_key TEXT NOT NULL,
    fullname TEXT NOT NULL,
    applicationid TEXT,
    role TEXT NOT NULL,
    isdisabled BIGINT NOT NULL,
    departedon BIGINT,
    createdon BIGINT NOT NULL,
    modifiedon BIGINT NOT NULL,
    versionnumber BIGINT NOT NULL,
    PRIMARY KEY (environmentid, systemuserid)
);
CREATE UNIQUE INDEX systemuser_name ON systemuser (environmentid, domainname_key);

CREATE TABLE access_token (
    hash TEXT NOT NULL PRIMARY KEY,
    tenantid TEXT NOT NULL,
    principalname TEXT NOT NULL,
    createdon BIGINT NOT NULL,
    expireson BIGINT
);

CREATE TABLE connector (
    environmentid TEXT NOT NULL,
    connectorid TEXT NOT NULL,
    name TEXT NOT NULL,
    connectorinternalid TEXT NOT NULL,
    api_key TEXT NOT NULL,
    displayname TEXT NOT NULL,
    description TEXT,
    connectortype BIGINT NOT NULL,
    openapidefinition TEXT,
    connectionparameters TEXT,
    connectionparametersets TEXT,
    policytemplateinstances TEXT,
    serviceprincipal TEXT NOT NULL,
    ismanaged BIGINT NOT NULL,
    ownerid TEXT NOT NULL,
    createdon BIGINT NOT NULL,
    modifiedon BIGINT NOT NULL,
    versionnumber BIGINT NOT NULL,
    PRIMARY KEY (environmentid, connectorid)
);
CREATE UNIQUE INDEX connector_api ON connector (environmentid, api_key);

CREATE TABLE connection (
    environmentid TEXT NOT NULL,
    connectionid TEXT NOT NULL,
    api_name TEXT NOT NULL,
    api_key TEXT NOT NULL,
    displayname TEXT NOT NULL,
    ownerid TEXT NOT NULL,
    kind TEXT NOT NULL,
    status TEXT NOT NULL,
    statuserror TEXT,
    statusmessage TEXT,
    endpoint TEXT,
    account TEXT,
    parameters TEXT NOT NULL,
    credentialversion BIGINT NOT NULL,
    createdby TEXT NOT NULL,
    createdon BIGINT NOT NULL,
    modifiedon BIGINT NOT NULL,
    versionnumber BIGINT NOT NULL,
    PRIMARY KEY (environmentid, connectionid)
);
CREATE INDEX connection_owner ON connection (environmentid, ownerid);

CREATE TABLE connection_secret (
    environmentid TEXT NOT NULL,
    connectionid TEXT NOT NULL,
    field TEXT NOT NULL,
    version BIGINT NOT NULL,
    envelope BYTEA NOT NULL,
    PRIMARY KEY (environmentid, connectionid, field)
);

CREATE TABLE connection_share (
    environmentid TEXT NOT NULL,
    connectionid TEXT NOT NULL,
    principalid TEXT NOT NULL,
    level TEXT NOT NULL,
    createdon BIGINT NOT NULL,
    PRIMARY KEY (environmentid, connectionid, principalid)
);

CREATE TABLE publisher (
    environmentid TEXT NOT NULL,
    publisherid TEXT NOT NULL,
    uniquename TEXT NOT NULL,
    uniquename_key TEXT NOT NULL,
    friendlyname TEXT NOT NULL,
    customizationprefix TEXT NOT NULL,
    customizationoptionvalueprefix BIGINT NOT NULL,
    createdon BIGINT NOT NULL,
    modifiedon BIGINT NOT NULL,
    versionnumber BIGINT NOT NULL,
    PRIMARY KEY (environmentid, publisherid)
);
CREATE UNIQUE INDEX publisher_name ON publisher (environmentid, uniquename_key);

CREATE TABLE solution (
    environmentid TEXT NOT NULL,
    solutionid TEXT NOT NULL,
    uniquename TEXT NOT NULL,
    uniquename_key TEXT NOT NULL,
    friendlyname TEXT NOT NULL,
    description TEXT,
    version TEXT NOT NULL,
    ismanaged BIGINT NOT NULL,
    languagecode BIGINT NOT NULL,
    publisherid TEXT NOT NULL,
    createdon BIGINT NOT NULL,
    installedon BIGINT NOT NULL,
    modifiedon BIGINT NOT NULL,
    versionnumber BIGINT NOT NULL,
    PRIMARY KEY (environmentid, solutionid)
);
CREATE UNIQUE INDEX solution_name ON solution (environmentid, uniquename_key);

CREATE TABLE solution_part (
    environmentid TEXT NOT NULL,
    solutionid TEXT NOT NULL,
    ordinal BIGINT NOT NULL,
    name TEXT NOT NULL,
    content BYTEA NOT NULL,
    PRIMARY KEY (environmentid, solutionid, ordinal)
);

-- kind: reference, flow, variable, connector
CREATE TABLE solutioncomponent (
    environmentid TEXT NOT NULL,
    solutionid TEXT NOT NULL,
    kind TEXT NOT NULL,
    objectid TEXT NOT NULL,
    ordinal BIGINT NOT NULL,
    PRIMARY KEY (environmentid, solutionid, kind, objectid)
);
CREATE INDEX solutioncomponent_object ON solutioncomponent (environmentid, kind, objectid);

CREATE TABLE connectionreference (
    environmentid TEXT NOT NULL,
    connectionreferenceid TEXT NOT NULL,
    connectionreferencelogicalname TEXT NOT NULL,
    logicalname_key TEXT NOT NULL,
    connectionreferencedisplayname TEXT NOT NULL,
    description TEXT,
    connectorid TEXT NOT NULL,
    customconnectorid TEXT,
    connectionid TEXT,
    bindingversion BIGINT NOT NULL,
    promptingbehavior BIGINT,
    iscustomizable BIGINT NOT NULL,
    ismanaged BIGINT NOT NULL,
    ownerid TEXT NOT NULL,
    createdby TEXT NOT NULL,
    createdon BIGINT NOT NULL,
    modifiedon BIGINT NOT NULL,
    versionnumber BIGINT NOT NULL,
    PRIMARY KEY (environmentid, connectionreferenceid)
);
CREATE UNIQUE INDEX connectionreference_name ON connectionreference (environmentid, logicalname_key);
CREATE INDEX connectionreference_connection ON connectionreference (environmentid, connectionid);

CREATE TABLE binding (
    environmentid TEXT NOT NULL,
    connectionreferenceid TEXT NOT NULL,
    version BIGINT NOT NULL,
    connectionid TEXT,
    source TEXT NOT NULL,
    boundby TEXT NOT NULL,
    boundon BIGINT NOT NULL,
    PRIMARY KEY (environmentid, connectionreferenceid, version)
);

CREATE TABLE environmentvariabledefinition (
    environmentid TEXT NOT NULL,
    environmentvariabledefinitionid TEXT NOT NULL,
    schemaname TEXT NOT NULL,
    schemaname_key TEXT NOT NULL,
    displayname TEXT NOT NULL,
    description TEXT,
    type BIGINT NOT NULL,
    defaultvalue TEXT,
    isrequired BIGINT NOT NULL,
    apiid TEXT,
    parameterkey TEXT,
    parentschemaname TEXT,
    secretstore BIGINT,
    ismanaged BIGINT NOT NULL,
    ownerid TEXT NOT NULL,
    createdon BIGINT NOT NULL,
    modifiedon BIGINT NOT NULL,
    versionnumber BIGINT NOT NULL,
    PRIMARY KEY (environmentid, environmentvariabledefinitionid)
);
CREATE UNIQUE INDEX variable_name ON environmentvariabledefinition (environmentid, schemaname_key);

-- base = 1: the value that travelled in a managed package; the environment's own value (0) wins.
CREATE TABLE environmentvariablevalue (
    environmentid TEXT NOT NULL,
    environmentvariablevalueid TEXT NOT NULL,
    environmentvariabledefinitionid TEXT NOT NULL,
    schemaname TEXT NOT NULL,
    value TEXT NOT NULL,
    base BIGINT NOT NULL,
    ownerid TEXT NOT NULL,
    createdon BIGINT NOT NULL,
    modifiedon BIGINT NOT NULL,
    versionnumber BIGINT NOT NULL,
    PRIMARY KEY (environmentid, environmentvariablevalueid)
);
CREATE UNIQUE INDEX variable_value ON environmentvariablevalue (environmentid, environmentvariabledefinitionid, base);

CREATE TABLE workflow (
    environmentid TEXT NOT NULL,
    workflowid TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT,
    category BIGINT NOT NULL,
    type BIGINT NOT NULL,
    statecode BIGINT NOT NULL,
    statuscode BIGINT NOT NULL,
    wantedon BIGINT NOT NULL,
    whyoff TEXT,
    clientdata TEXT,
    definitionversion BIGINT NOT NULL,
    modernflowtype BIGINT,
    primaryentity TEXT NOT NULL,
    jsonfilename TEXT,
    triggername TEXT,
    triggertype TEXT,
    triggerkind TEXT,
    triggerauthentication TEXT,
    ownerid TEXT NOT NULL,
    createdby TEXT NOT NULL,
    activatedby TEXT,
    ismanaged BIGINT NOT NULL,
    createdon BIGINT NOT NULL,
    modifiedon BIGINT NOT NULL,
    versionnumber BIGINT NOT NULL,
    PRIMARY KEY (environmentid, workflowid)
);

-- The definition a run started with, kept so that a resumed run goes on with it.
CREATE TABLE workflow_definition (
    environmentid TEXT NOT NULL,
    workflowid TEXT NOT NULL,
    version BIGINT NOT NULL,
    clientdata TEXT NOT NULL,
    PRIMARY KEY (environmentid, workflowid, version)
);

CREATE TABLE workflow_reference (
    environmentid TEXT NOT NULL,
    workflowid TEXT NOT NULL,
    ordinal BIGINT NOT NULL,
    name TEXT NOT NULL,
    logicalname TEXT,
    logicalname_key TEXT,
    connectionname TEXT,
    api_name TEXT NOT NULL,
    api_logicalname TEXT,
    source TEXT NOT NULL,
    onbehalf BIGINT NOT NULL,
    PRIMARY KEY (environmentid, workflowid, ordinal)
);
CREATE INDEX workflow_reference_name ON workflow_reference (environmentid, logicalname_key);

CREATE TABLE workflow_child (
    environmentid TEXT NOT NULL,
    workflowid TEXT NOT NULL,
    childid TEXT NOT NULL,
    PRIMARY KEY (environmentid, workflowid, childid)
);

CREATE TABLE workflow_variable (
    environmentid TEXT NOT NULL,
    workflowid TEXT NOT NULL,
    ordinal BIGINT NOT NULL,
    parameter TEXT NOT NULL,
    schemaname TEXT NOT NULL,
    type TEXT NOT NULL,
    defaultvalue TEXT,
    PRIMARY KEY (environmentid, workflowid, ordinal)
);

-- level: run, edit
CREATE TABLE workflow_share (
    environmentid TEXT NOT NULL,
    workflowid TEXT NOT NULL,
    principalid TEXT NOT NULL,
    level TEXT NOT NULL,
    createdon BIGINT NOT NULL,
    PRIMARY KEY (environmentid, workflowid, principalid)
);

CREATE TABLE importjob (
    environmentid TEXT NOT NULL,
    importjobid TEXT NOT NULL,
    solutionname TEXT NOT NULL,
    progress BIGINT NOT NULL,
    data TEXT NOT NULL,
    createdby TEXT NOT NULL,
    startedon BIGINT NOT NULL,
    completedon BIGINT,
    versionnumber BIGINT NOT NULL,
    PRIMARY KEY (environmentid, importjobid)
);

-- status: Running, Succeeded, Failed, Cancelled, TimedOut
CREATE TABLE run (
    environmentid TEXT NOT NULL,
    runid TEXT NOT NULL,
    workflowid TEXT NOT NULL,
    definitionversion BIGINT NOT NULL,
    status TEXT NOT NULL,
    code TEXT,
    message TEXT,
    callerid TEXT NOT NULL,
    parentrunid TEXT,
    start TEXT NOT NULL,
    response TEXT,
    history TEXT,
    startedon BIGINT NOT NULL,
    endedon BIGINT,
    leaseowner TEXT,
    leaseuntil BIGINT,
    fence BIGINT NOT NULL,
    PRIMARY KEY (environmentid, runid)
);
-- Indexes of the journal do not begin with the environment: before its first ANALYZE PostgreSQL takes any
-- index that does for a write by key, and reads the environment's every run.
CREATE INDEX run_flow ON run (workflowid, startedon);
-- Only open runs have a lease.
CREATE INDEX run_open ON run (leaseuntil);

CREATE TABLE run_event (
    environmentid TEXT NOT NULL,
    runid TEXT NOT NULL,
    seq BIGINT NOT NULL,
    at BIGINT NOT NULL,
    path TEXT NOT NULL,
    payload TEXT NOT NULL,
    connectionid TEXT,
    connectionreferenceid TEXT,
    bindingversion BIGINT,
    acting TEXT,
    PRIMARY KEY (environmentid, runid, seq)
);
CREATE INDEX run_event_connection ON run_event (connectionid, at);

CREATE TABLE audit_head (
    environmentid TEXT NOT NULL PRIMARY KEY,
    seq BIGINT NOT NULL,
    hash TEXT NOT NULL
);

CREATE TABLE audit (
    environmentid TEXT NOT NULL,
    seq BIGINT NOT NULL,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    object TEXT NOT NULL,
    objectid TEXT NOT NULL,
    detail TEXT NOT NULL,
    previous TEXT NOT NULL,
    hash TEXT NOT NULL,
    PRIMARY KEY (environmentid, seq)
);
