-- Tables that solutions bring: what they are, as JSON; their rows lie in a table of their own, named by `physical`.
CREATE TABLE custom_table (
    environmentid TEXT NOT NULL,
    logicalname TEXT NOT NULL,
    setname TEXT NOT NULL,
    physical TEXT NOT NULL,
    definition TEXT NOT NULL,
    solutionid TEXT NOT NULL,
    createdon BIGINT NOT NULL,
    modifiedon BIGINT NOT NULL,
    PRIMARY KEY (environmentid, logicalname)
);
CREATE UNIQUE INDEX custom_table_set ON custom_table (environmentid, setname);
