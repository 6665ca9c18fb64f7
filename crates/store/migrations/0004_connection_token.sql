-- What a connection's sign-in left, and what a rotation keeps. Secrets are rows of connection_secret whose field
-- begins with a tilde: ~access and ~refresh (version = generation), ~candidate.NAME and ~previous.NAME
-- (version = the slot's), ~signin.ID (version 1).

-- One row per connection that is refreshed. generation grows with every refresh and never goes back: it is the
-- fence of a refresh that comes too late. leaseowner is the node whose refresh is under way.
CREATE TABLE connection_token (
    environmentid TEXT NOT NULL,
    connectionid TEXT NOT NULL,
    credentialversion BIGINT NOT NULL,
    generation BIGINT NOT NULL,
    renewon BIGINT NOT NULL,
    expireson BIGINT NOT NULL,
    failure TEXT,
    leaseowner TEXT,
    leaseuntil BIGINT,
    PRIMARY KEY (environmentid, connectionid)
);

-- slot: candidate, previous
CREATE TABLE connection_slot (
    environmentid TEXT NOT NULL,
    connectionid TEXT NOT NULL,
    slot TEXT NOT NULL,
    version BIGINT NOT NULL,
    parameters TEXT NOT NULL,
    account TEXT,
    endson BIGINT,
    createdon BIGINT NOT NULL,
    PRIMARY KEY (environmentid, connectionid, slot)
);

-- kind: code, device
CREATE TABLE connection_signin (
    environmentid TEXT NOT NULL,
    signinid TEXT NOT NULL,
    connectionid TEXT NOT NULL,
    principal TEXT NOT NULL,
    kind TEXT NOT NULL,
    expireson BIGINT NOT NULL,
    askafter BIGINT NOT NULL,
    pause BIGINT NOT NULL,
    PRIMARY KEY (environmentid, signinid)
);
CREATE INDEX connection_signin_connection ON connection_signin (environmentid, connectionid);

ALTER TABLE connection ADD COLUMN statustarget TEXT;
-- When the secret or certificate ends; never the end of an access token.
ALTER TABLE connection ADD COLUMN endson BIGINT;
-- Until when the previous credential comes back by itself.
ALTER TABLE connection ADD COLUMN previousuntil BIGINT;
-- The target's fingerprint: who and where we are, as the last test found it.
ALTER TABLE connection ADD COLUMN testedon BIGINT;
ALTER TABLE connection ADD COLUMN testedas TEXT;
ALTER TABLE connection ADD COLUMN testedtarget TEXT;
