-- The version under which secrets are sealed now.
ALTER TABLE tenant ADD COLUMN keyversion BIGINT NOT NULL DEFAULT 1;

-- Where the provider's key lies, as the setting names it; never how to get at it.
ALTER TABLE tenant_key ADD COLUMN place TEXT NOT NULL DEFAULT '';

-- The last change of the key, and how far it is. kind: rotate, move. The cursor is the last record that was
-- brought under the new key; endedon is null as long as records are left.
CREATE TABLE key_change (
    tenantid TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    toversion BIGINT NOT NULL,
    provider TEXT NOT NULL,
    place TEXT NOT NULL,
    total BIGINT NOT NULL,
    done BIGINT NOT NULL,
    unreadable BIGINT NOT NULL,
    cursorenvironment TEXT NOT NULL,
    cursorconnection TEXT NOT NULL,
    cursorfield TEXT NOT NULL,
    startedby TEXT NOT NULL,
    startedon BIGINT NOT NULL,
    endedon BIGINT
);
