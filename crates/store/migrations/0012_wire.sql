-- What the wire tells and no row held yet.

-- Who made a solution or a publisher and who changed it last: row ids of users; null where nobody is known.
ALTER TABLE solution ADD COLUMN createdby TEXT;
ALTER TABLE solution ADD COLUMN modifiedby TEXT;
ALTER TABLE publisher ADD COLUMN createdby TEXT;
ALTER TABLE publisher ADD COLUMN modifiedby TEXT;

-- Jobs named their maker; a lookup holds a row id.
UPDATE asyncoperation SET createdby = ownerid;
UPDATE importjob SET createdby = COALESCE((SELECT u.systemuserid FROM systemuser u
    WHERE u.environmentid = importjob.environmentid AND u.domainname_key = LOWER(importjob.createdby)), createdby);

-- The process that carried out a job, and what its steps have in common.
ALTER TABLE asyncoperation ADD COLUMN hostid TEXT;
ALTER TABLE asyncoperation ADD COLUMN correlationid TEXT;

-- The kinds of components with their numbers, as clients look them up.
CREATE VIEW solutioncomponentdefinition AS
SELECT e.environmentid, d.solutioncomponentdefinitionid, d.name, d.primaryentityname, d.solutioncomponenttype
FROM environment e CROSS JOIN (
    SELECT '00000000-0000-0000-00c0-000000000029' AS solutioncomponentdefinitionid, 'Workflow' AS name,
        'workflow' AS primaryentityname, CAST(29 AS BIGINT) AS solutioncomponenttype
    UNION ALL SELECT '00000000-0000-0000-00c0-000000000372', 'Connector', 'connector', 372
    UNION ALL SELECT '00000000-0000-0000-00c0-000000000380', 'Environment Variable Definition',
        'environmentvariabledefinition', 380
    UNION ALL SELECT '00000000-0000-0000-00c0-000000000381', 'Environment Variable Value',
        'environmentvariablevalue', 381
    UNION ALL SELECT '00000000-0000-0000-00c0-000000010091', 'Connection Reference', 'connectionreference', 10091
) d;

-- Bulk deletions: what is deleted (as it was asked), how often (null: once), when next (null: never again).
CREATE TABLE bulkdelete (
    environmentid TEXT NOT NULL,
    jobid TEXT NOT NULL,
    queries TEXT NOT NULL,
    recurrence TEXT,
    every BIGINT,
    nextrun BIGINT,
    deleted BIGINT NOT NULL,
    PRIMARY KEY (environmentid, jobid)
);
CREATE INDEX bulkdelete_next ON bulkdelete (nextrun);
