-- Layers, holding solutions, jobs, and files that wait.

-- The installed solution that a holding one will replace.
ALTER TABLE solution ADD COLUMN upgradeof TEXT;

-- What each managed solution brought of a component, the first installed lowest. The row of the
-- component holds what shows. solutionid is empty for the unmanaged layer, which has no content of
-- its own here: what shows is it. body: a flow's definition, a variable's default value. digest: see
-- layer_digest, empty if not known. uses: the references that a flow's body names, folded, one a line.
CREATE TABLE component_layer (
    environmentid TEXT NOT NULL,
    kind TEXT NOT NULL,
    objectid TEXT NOT NULL,
    solutionid TEXT NOT NULL,
    ordinal BIGINT NOT NULL,
    name TEXT NOT NULL,
    description TEXT,
    body TEXT,
    digest TEXT NOT NULL,
    uses TEXT NOT NULL,
    createdby TEXT NOT NULL,
    createdon BIGINT NOT NULL,
    modifiedon BIGINT NOT NULL,
    PRIMARY KEY (environmentid, kind, objectid, solutionid)
);
CREATE INDEX component_layer_solution ON component_layer (environmentid, solutionid);

INSERT INTO component_layer (environmentid, kind, objectid, solutionid, ordinal, name, description, body,
    digest, uses, createdby, createdon, modifiedon)
SELECT c.environmentid, c.kind, c.objectid, c.solutionid, s.installedon, w.name, w.description, w.clientdata,
    '', '', w.createdby, s.installedon, s.installedon
FROM solutioncomponent c
JOIN solution s ON s.environmentid = c.environmentid AND s.solutionid = c.solutionid AND s.ismanaged = 1
JOIN workflow w ON w.environmentid = c.environmentid AND w.workflowid = c.objectid
WHERE c.kind = 'flow';

INSERT INTO component_layer (environmentid, kind, objectid, solutionid, ordinal, name, description, body,
    digest, uses, createdby, createdon, modifiedon)
SELECT c.environmentid, c.kind, c.objectid, c.solutionid, s.installedon, r.connectionreferencedisplayname,
    r.description, NULL, '', '', r.createdby, s.installedon, s.installedon
FROM solutioncomponent c
JOIN solution s ON s.environmentid = c.environmentid AND s.solutionid = c.solutionid AND s.ismanaged = 1
JOIN connectionreference r ON r.environmentid = c.environmentid AND r.connectionreferenceid = c.objectid
WHERE c.kind = 'reference';

INSERT INTO component_layer (environmentid, kind, objectid, solutionid, ordinal, name, description, body,
    digest, uses, createdby, createdon, modifiedon)
SELECT c.environmentid, c.kind, c.objectid, c.solutionid, s.installedon, v.displayname, v.description,
    v.defaultvalue, '', '', v.ownerid, s.installedon, s.installedon
FROM solutioncomponent c
JOIN solution s ON s.environmentid = c.environmentid AND s.solutionid = c.solutionid AND s.ismanaged = 1
JOIN environmentvariabledefinition v ON v.environmentid = c.environmentid
    AND v.environmentvariabledefinitionid = c.objectid
WHERE c.kind = 'variable';

-- What an import job does: Import, Holding, Upgrade, Promote, Uninstall.
ALTER TABLE importjob ADD COLUMN operationcontext TEXT;

-- state and status are those of asyncoperations (0 ready, 2 locked, 3 completed; 0 waiting, 20 in
-- progress, 22 cancelling, 30 succeeded, 31 failed, 32 cancelled).
CREATE TABLE asyncoperation (
    environmentid TEXT NOT NULL,
    asyncoperationid TEXT NOT NULL,
    name TEXT NOT NULL,
    messagename TEXT NOT NULL,
    operationtype BIGINT NOT NULL,
    statecode BIGINT NOT NULL,
    statuscode BIGINT NOT NULL,
    message TEXT,
    friendlymessage TEXT,
    errorcode BIGINT,
    dependencytoken TEXT NOT NULL,
    jobid TEXT NOT NULL,
    ownerid TEXT NOT NULL,
    createdby TEXT NOT NULL,
    createdon BIGINT NOT NULL,
    startedon BIGINT,
    completedon BIGINT,
    modifiedon BIGINT NOT NULL,
    versionnumber BIGINT NOT NULL,
    PRIMARY KEY (environmentid, asyncoperationid)
);
CREATE INDEX asyncoperation_job ON asyncoperation (environmentid, jobid);

-- Packages that were staged and wait to be imported, and exports that wait to be fetched.
CREATE TABLE waiting_package (
    environmentid TEXT NOT NULL,
    packageid TEXT NOT NULL,
    kind TEXT NOT NULL,
    solutionname TEXT NOT NULL,
    content BYTEA NOT NULL,
    createdby TEXT NOT NULL,
    createdon BIGINT NOT NULL,
    PRIMARY KEY (environmentid, packageid)
);
