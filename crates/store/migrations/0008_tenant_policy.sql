-- Policies of the tenant: each is the document as it was given; which environments it covers stands in it.
CREATE TABLE tenant_policy (
    tenantid TEXT NOT NULL,
    policyid TEXT NOT NULL,
    name TEXT NOT NULL,
    name_key TEXT NOT NULL,
    document TEXT NOT NULL,
    createdon BIGINT NOT NULL,
    modifiedon BIGINT NOT NULL,
    PRIMARY KEY (tenantid, policyid)
);
CREATE UNIQUE INDEX tenant_policy_name ON tenant_policy (tenantid, name_key);
