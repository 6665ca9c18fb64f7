-- Issuers outside of connref whose tokens count in this tenant. audiences and allowed are lists in JSON: what a token
-- may be for besides the addresses of the installation, and the private addresses at which the issuer is reached.
-- byname: people are found by their name too, not only by an identity that was linked to them.
CREATE TABLE identity_issuer (
    tenantid TEXT NOT NULL,
    issuer TEXT NOT NULL,
    audiences TEXT NOT NULL,
    allowed TEXT NOT NULL,
    byname BIGINT NOT NULL,
    createdon BIGINT NOT NULL,
    PRIMARY KEY (tenantid, issuer)
);

-- What a federated token must be for.
ALTER TABLE principal_credential ADD COLUMN audience TEXT;
CREATE INDEX principal_credential_issuer ON principal_credential (issuer, material);
