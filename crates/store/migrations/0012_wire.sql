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
