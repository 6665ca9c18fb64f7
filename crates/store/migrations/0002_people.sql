-- Business units, teams, tenant groups, roles as privilege and depth, shares of rows and of connections.

CREATE TABLE businessunit (
    environmentid TEXT NOT NULL,
    businessunitid TEXT NOT NULL,
    name TEXT NOT NULL,
    name_key TEXT NOT NULL,
    parentbusinessunitid TEXT,
    createdon BIGINT NOT NULL,
    modifiedon BIGINT NOT NULL,
    versionnumber BIGINT NOT NULL,
    PRIMARY KEY (environmentid, businessunitid)
);
CREATE UNIQUE INDEX businessunit_name ON businessunit (environmentid, name_key);
CREATE INDEX businessunit_parent ON businessunit (environmentid, parentbusinessunitid);
INSERT INTO businessunit (environmentid, businessunitid, name, name_key, parentbusinessunitid, createdon,
    modifiedon, versionnumber)
SELECT environmentid, businessunitid, name, name_key, NULL, createdon, createdon, 1 FROM environment;

-- The number of the set of built-in roles that the environment has; 0: none yet.
ALTER TABLE environment ADD COLUMN rolesversion BIGINT NOT NULL DEFAULT 0;

ALTER TABLE systemuser ADD COLUMN businessunitid TEXT NOT NULL DEFAULT '';
ALTER TABLE systemuser ADD COLUMN parentsystemuserid TEXT;
UPDATE systemuser SET businessunitid = (SELECT e.businessunitid FROM environment e
    WHERE e.environmentid = systemuser.environmentid);
CREATE INDEX systemuser_unit ON systemuser (environmentid, businessunitid);

-- Credentials by which a service principal signs in. Never the secret: its hash; a certificate's thumbprint;
-- the issuer and subject of a federated token.
CREATE TABLE principal_credential (
    environmentid TEXT NOT NULL,
    credentialid TEXT NOT NULL,
    systemuserid TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    material TEXT NOT NULL,
    issuer TEXT,
    createdon BIGINT NOT NULL,
    expireson BIGINT,
    PRIMARY KEY (environmentid, credentialid)
);
CREATE INDEX principal_credential_user ON principal_credential (environmentid, systemuserid);

-- teamtype: 0 owner, 1 access, 2 security group, 3 office group.
CREATE TABLE team (
    environmentid TEXT NOT NULL,
    teamid TEXT NOT NULL,
    name TEXT NOT NULL,
    name_key TEXT NOT NULL,
    description TEXT,
    teamtype BIGINT NOT NULL,
    membershiptype BIGINT NOT NULL,
    businessunitid TEXT NOT NULL,
    azureactivedirectoryobjectid TEXT,
    administratorid TEXT NOT NULL,
    createdon BIGINT NOT NULL,
    modifiedon BIGINT NOT NULL,
    versionnumber BIGINT NOT NULL,
    PRIMARY KEY (environmentid, teamid)
);
CREATE UNIQUE INDEX team_name ON team (environmentid, name_key);
CREATE INDEX team_unit ON team (environmentid, businessunitid);

CREATE TABLE teammembership (
    environmentid TEXT NOT NULL,
    teammembershipid TEXT NOT NULL,
    teamid TEXT NOT NULL,
    systemuserid TEXT NOT NULL,
    versionnumber BIGINT NOT NULL,
    PRIMARY KEY (environmentid, teamid, systemuserid)
);
CREATE INDEX teammembership_user ON teammembership (environmentid, systemuserid);

-- Groups of the tenant; kind: security, office. Members are people by name, who may have a user in any of the
-- tenant's environments; kind of a member: member, owner, guest.
CREATE TABLE tenant_group (
    tenantid TEXT NOT NULL,
    groupid TEXT NOT NULL,
    name TEXT NOT NULL,
    name_key TEXT NOT NULL,
    kind TEXT NOT NULL,
    createdon BIGINT NOT NULL,
    PRIMARY KEY (tenantid, groupid)
);
CREATE UNIQUE INDEX tenant_group_name ON tenant_group (tenantid, name_key);

CREATE TABLE tenant_group_member (
    tenantid TEXT NOT NULL,
    groupid TEXT NOT NULL,
    principal_key TEXT NOT NULL,
    kind TEXT NOT NULL,
    PRIMARY KEY (tenantid, groupid, principal_key)
);
CREATE INDEX tenant_group_member_principal ON tenant_group_member (tenantid, principal_key);

-- isinherited: 1, a team's role counts at user depth for its members' own rows too; 0, for the team's only.
CREATE TABLE role (
    environmentid TEXT NOT NULL,
    roleid TEXT NOT NULL,
    name TEXT NOT NULL,
    name_key TEXT NOT NULL,
    isinherited BIGINT NOT NULL,
    ismanaged BIGINT NOT NULL,
    createdon BIGINT NOT NULL,
    modifiedon BIGINT NOT NULL,
    versionnumber BIGINT NOT NULL,
    PRIMARY KEY (environmentid, roleid)
);
CREATE UNIQUE INDEX role_name ON role (environmentid, name_key);

-- depth: 1 user, 2 business unit, 4 parent-child, 8 organisation.
CREATE TABLE roleprivileges (
    environmentid TEXT NOT NULL,
    roleprivilegeid TEXT NOT NULL,
    roleid TEXT NOT NULL,
    privilege TEXT NOT NULL,
    privilegedepthmask BIGINT NOT NULL,
    versionnumber BIGINT NOT NULL,
    PRIMARY KEY (environmentid, roleid, privilege)
);

CREATE TABLE systemuserroles (
    environmentid TEXT NOT NULL,
    systemuserroleid TEXT NOT NULL,
    systemuserid TEXT NOT NULL,
    roleid TEXT NOT NULL,
    versionnumber BIGINT NOT NULL,
    PRIMARY KEY (environmentid, systemuserid, roleid)
);
INSERT INTO systemuserroles (environmentid, systemuserroleid, systemuserid, roleid, versionnumber)
SELECT environmentid, systemuserid, systemuserid, CASE role
    WHEN 'system administrator' THEN '627090ff-40a3-4053-8790-584edc5be201'
    WHEN 'environment maker' THEN '0f3a1f5e-0c6d-4b5c-9a51-6d2f7c1e8b03'
    ELSE '0f3a1f5e-0c6d-4b5c-9a51-6d2f7c1e8b04' END, 1 FROM systemuser;

CREATE TABLE teamroles (
    environmentid TEXT NOT NULL,
    teamroleid TEXT NOT NULL,
    teamid TEXT NOT NULL,
    roleid TEXT NOT NULL,
    versionnumber BIGINT NOT NULL,
    PRIMARY KEY (environmentid, teamid, roleid)
);

-- Rows shared with users and teams; the mask is that of AccessRights.
CREATE TABLE principalobjectaccess (
    environmentid TEXT NOT NULL,
    principalobjectaccessid TEXT NOT NULL,
    objecttypecode TEXT NOT NULL,
    objectid TEXT NOT NULL,
    principalid TEXT NOT NULL,
    principaltypecode TEXT NOT NULL,
    accessrightsmask BIGINT NOT NULL,
    changedon BIGINT NOT NULL,
    versionnumber BIGINT NOT NULL,
    PRIMARY KEY (environmentid, objecttypecode, objectid, principalid)
);
CREATE INDEX principalobjectaccess_principal ON principalobjectaccess (environmentid, principalid);
-- Co-owners of flows (read, write, append, append to, delete, share); run-only users stay in workflow_share.
INSERT INTO principalobjectaccess (environmentid, principalobjectaccessid, objecttypecode, objectid, principalid,
    principaltypecode, accessrightsmask, changedon, versionnumber)
SELECT environmentid, substr(workflowid, 1, 18) || substr(principalid, 19), 'workflow', workflowid, principalid, 'systemuser', 327703,
    createdon, 1 FROM workflow_share WHERE level = 'edit';
DELETE FROM workflow_share WHERE level = 'edit';

ALTER TABLE connection_share ADD COLUMN principaltype TEXT NOT NULL DEFAULT 'user';
ALTER TABLE connection_share ADD COLUMN sharedby TEXT NOT NULL DEFAULT '';
ALTER TABLE connection_share ADD COLUMN expireson BIGINT;

-- The use of a connection that turning a flow on grants in that flow's context; gone when it is turned off.
CREATE TABLE workflow_use (
    environmentid TEXT NOT NULL,
    workflowid TEXT NOT NULL,
    connectionid TEXT NOT NULL,
    grantedby TEXT NOT NULL,
    grantedon BIGINT NOT NULL,
    PRIMARY KEY (environmentid, workflowid, connectionid)
);
CREATE INDEX workflow_use_connection ON workflow_use (environmentid, connectionid);
INSERT INTO workflow_use (environmentid, workflowid, connectionid, grantedby, grantedon)
SELECT DISTINCT w.environmentid, w.workflowid, c.connectionid, COALESCE(w.activatedby, w.ownerid), w.modifiedon
FROM workflow w JOIN workflow_reference r ON r.environmentid = w.environmentid AND r.workflowid = w.workflowid
JOIN connectionreference c ON c.environmentid = r.environmentid AND c.logicalname_key = r.logicalname_key
WHERE w.statecode = 1 AND w.category = 5 AND r.source = 'embedded' AND c.connectionid IS NOT NULL;
