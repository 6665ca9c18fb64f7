-- Keys that access tokens are signed with. sealed is the private half under the tenant's key; the public half stays
-- until no token that was signed with it lives.
CREATE TABLE signing_key (
    tenantid TEXT NOT NULL,
    keyid TEXT NOT NULL,
    publickey TEXT NOT NULL,
    sealed BYTEA NOT NULL,
    createdon BIGINT NOT NULL,
    signsuntil BIGINT NOT NULL,
    PRIMARY KEY (tenantid, keyid)
);

-- What was handed out and is shown again later, by its hash. kind: code, device, refresh, session, signin, consent.
-- state: open, confirmed, denied, used. Grants of one family follow one another: a used one that is shown again
-- ends them all. subject is who signed in, none until somebody did.
CREATE TABLE signin_grant (
    hash TEXT NOT NULL PRIMARY KEY,
    tenantid TEXT NOT NULL,
    kind TEXT NOT NULL,
    family TEXT NOT NULL,
    usercode TEXT,
    client TEXT NOT NULL,
    subject TEXT,
    content TEXT NOT NULL,
    state TEXT NOT NULL,
    pause BIGINT NOT NULL,
    askafter BIGINT NOT NULL,
    createdon BIGINT NOT NULL,
    expireson BIGINT NOT NULL
);
CREATE INDEX signin_grant_family ON signin_grant (family);
CREATE UNIQUE INDEX signin_grant_usercode ON signin_grant (tenantid, usercode);
CREATE INDEX signin_grant_expireson ON signin_grant (expireson);

-- The certificate itself (base64 of DER): a signed statement need not carry it then.
ALTER TABLE principal_credential ADD COLUMN certificate TEXT;
CREATE INDEX systemuser_application ON systemuser (applicationid);
