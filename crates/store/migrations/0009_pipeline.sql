-- Pipelines of the tenant: the document as it was given, with the settings of each stage.
CREATE TABLE pipeline (
    tenantid TEXT NOT NULL,
    pipelineid TEXT NOT NULL,
    name TEXT NOT NULL,
    name_key TEXT NOT NULL,
    document TEXT NOT NULL,
    createdby TEXT NOT NULL,
    createdon BIGINT NOT NULL,
    modifiedon BIGINT NOT NULL,
    PRIMARY KEY (tenantid, pipelineid)
);
CREATE UNIQUE INDEX pipeline_name ON pipeline (tenantid, name_key);

-- Deployments, each in the environment of its stage. state: waiting, running, succeeded, partly, failed,
-- refused, rejected. rollbackof: the deployment whose release this one brought back. detail: findings,
-- refusals, references, flows, bindings, as a document.
CREATE TABLE deployment (
    environmentid TEXT NOT NULL,
    deploymentid TEXT NOT NULL,
    pipelineid TEXT NOT NULL,
    stage TEXT NOT NULL,
    solutionname TEXT NOT NULL,
    solutionversion TEXT NOT NULL,
    packagehash TEXT NOT NULL,
    state TEXT NOT NULL,
    delegate TEXT NOT NULL,
    rollbackof TEXT,
    requestedby TEXT NOT NULL,
    requestedon BIGINT NOT NULL,
    decidedby TEXT,
    decidedon BIGINT,
    remark TEXT,
    startedon BIGINT,
    completedon BIGINT,
    detail TEXT NOT NULL,
    PRIMARY KEY (environmentid, deploymentid)
);
CREATE INDEX deployment_pipeline ON deployment (environmentid, pipelineid, requestedon);

-- The packages of deployments, each once: what a roll back imports again.
CREATE TABLE deployment_package (
    environmentid TEXT NOT NULL,
    packagehash TEXT NOT NULL,
    content BYTEA NOT NULL,
    PRIMARY KEY (environmentid, packagehash)
);
