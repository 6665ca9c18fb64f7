//! Business units, teams, roles and shares.
use super::{
    CREATED, Col, Entity, Kind, MODIFIED, Ownership, Source, TableDef, ToMany, VERSION, Visibility,
    organization,
};

pub(super) const BUSINESS_UNIT: TableDef = TableDef {
    name: "businessunit",
    set: "businessunits",
    display_name: "Business Unit",
    object_type_code: 10,
    physical: "businessunit",
    primary_id: "businessunitid",
    primary_name: Some("name"),
    ownership: Ownership::BusinessUnit,
    columns: &[
        Col::new("businessunitid", Kind::Guid),
        Col::new("name", Kind::Text(160)).folded("name_key").edit().required(),
        Col::lookup("parentbusinessunitid", "businessunit", "parentbusinessunitid")
            .edit()
            .hierarchical(),
        organization("organizationid", "organizationid"),
        CREATED,
        MODIFIED,
        VERSION,
    ],
    keys: &[],
    many: &[],
    visibility: Visibility::Readable(Entity::BusinessUnit),
    rows: None,
    family: None,
};

pub(super) const TEAM: TableDef = TableDef {
    name: "team",
    set: "teams",
    display_name: "Team",
    object_type_code: 9,
    physical: "team",
    primary_id: "teamid",
    primary_name: Some("name"),
    ownership: Ownership::BusinessUnit,
    columns: &[
        Col::new("teamid", Kind::Guid),
        Col::new("name", Kind::Text(160)).folded("name_key").create().required(),
        Col::new("description", Kind::Memo(2000)).create(),
        Col::new(
            "teamtype",
            Kind::Picklist(&[
                (0, "Owner"),
                (1, "Access"),
                (2, "Security Group"),
                (3, "Office Group"),
            ]),
        )
        .create(),
        Col::new(
            "membershiptype",
            Kind::Picklist(&[
                (0, "Members and guests"),
                (1, "Members"),
                (2, "Owners"),
                (3, "Guests"),
            ]),
        )
        .create(),
        Col::new("azureactivedirectoryobjectid", Kind::Guid).create(),
        Col::lookup("businessunitid", "businessunit", "businessunitid").create(),
        Col::lookup("administratorid", "systemuser", "administratorid"),
        Col::new("isdefault", Kind::Flag).from(Source::Constant(0)),
        Col::new("systemmanaged", Kind::Flag).from(Source::Constant(0)),
        organization("organizationid", "organizationid_organization"),
        CREATED,
        MODIFIED,
        VERSION,
    ],
    keys: &[],
    many: &[ToMany { name: "connref_team_memberships", table: "teammembership", column: "teamid" }],
    visibility: Visibility::Readable(Entity::Team),
    rows: None,
    family: None,
};

pub(super) const TEAM_MEMBERSHIP: TableDef = TableDef {
    name: "teammembership",
    set: "teammemberships",
    display_name: "Team Membership",
    object_type_code: 23,
    physical: "teammembership",
    primary_id: "teammembershipid",
    primary_name: None,
    ownership: Ownership::None,
    columns: &[
        Col::new("teammembershipid", Kind::Guid),
        Col::lookup("teamid", "team", "teamid"),
        Col::lookup("systemuserid", "systemuser", "systemuserid"),
        VERSION,
    ],
    keys: &[],
    many: &[],
    visibility: Visibility::WithAny(Entity::Team),
    rows: None,
    family: None,
};

pub(super) const ROLE: TableDef = TableDef {
    name: "role",
    set: "roles",
    display_name: "Security Role",
    object_type_code: 1036,
    physical: "role",
    primary_id: "roleid",
    primary_name: Some("name"),
    ownership: Ownership::BusinessUnit,
    columns: &[
        Col::new("roleid", Kind::Guid),
        Col::new("name", Kind::Text(100)).folded("name_key").create().required(),
        Col::lookup("businessunitid", "businessunit", "businessunitid").from(Source::Sql(
            "(SELECT e.businessunitid FROM environment e WHERE e.environmentid = {t}.environmentid)",
        )),
        Col::new(
            "isinherited",
            Kind::Picklist(&[
                (0, "Team privileges only"),
                (1, "Direct User (Basic) access level and Team privileges"),
            ]),
        ),
        Col::new("ismanaged", Kind::Flag),
        // What a new role grants: `prvReadWorkflow=organization,…`; its rows tell it afterwards.
        Col::new("connref_privileges", Kind::Memo(20_000))
            .from(Source::Sql("CAST(NULL AS TEXT)"))
            .create(),
        organization("organizationid", "organizationid"),
        CREATED,
        MODIFIED,
        VERSION,
    ],
    keys: &[],
    many: &[ToMany { name: "connref_role_privileges", table: "roleprivileges", column: "roleid" }],
    visibility: Visibility::Readable(Entity::Role),
    rows: None,
    family: None,
};

pub(super) const ROLE_PRIVILEGES: TableDef = TableDef {
    name: "roleprivileges",
    set: "roleprivilegescollection",
    display_name: "Role Privilege",
    object_type_code: 12,
    physical: "roleprivileges",
    primary_id: "roleprivilegeid",
    primary_name: None,
    ownership: Ownership::None,
    columns: &[
        Col::new("roleprivilegeid", Kind::Guid),
        Col::lookup("roleid", "role", "roleid"),
        // The service has a table of privileges and its id here.
        Col::new("connref_privilege", Kind::Text(100)).from(Source::Column("privilege")),
        Col::new("privilegedepthmask", Kind::Int),
        VERSION,
    ],
    keys: &[],
    many: &[],
    visibility: Visibility::WithAny(Entity::Role),
    rows: None,
    family: None,
};

pub(super) const SYSTEM_USER_ROLES: TableDef = TableDef {
    name: "systemuserroles",
    set: "systemuserrolescollection",
    display_name: "User Role",
    object_type_code: 15,
    physical: "systemuserroles",
    primary_id: "systemuserroleid",
    primary_name: None,
    ownership: Ownership::None,
    columns: &[
        Col::new("systemuserroleid", Kind::Guid),
        Col::lookup("systemuserid", "systemuser", "systemuserid"),
        Col::lookup("roleid", "role", "roleid"),
        VERSION,
    ],
    keys: &[],
    many: &[],
    visibility: Visibility::WithAny(Entity::Role),
    rows: None,
    family: None,
};

pub(super) const TEAM_ROLES: TableDef = TableDef {
    name: "teamroles",
    set: "teamrolescollection",
    display_name: "Team Role",
    object_type_code: 40,
    physical: "teamroles",
    primary_id: "teamroleid",
    primary_name: None,
    ownership: Ownership::None,
    columns: &[
        Col::new("teamroleid", Kind::Guid),
        Col::lookup("teamid", "team", "teamid"),
        Col::lookup("roleid", "role", "roleid"),
        VERSION,
    ],
    keys: &[],
    many: &[],
    visibility: Visibility::WithAny(Entity::Role),
    rows: None,
    family: None,
};

pub(super) const PRINCIPAL_OBJECT_ACCESS: TableDef = TableDef {
    name: "principalobjectaccess",
    set: "principalobjectaccessset",
    display_name: "Principal Object Access",
    object_type_code: 11,
    physical: "principalobjectaccess",
    primary_id: "principalobjectaccessid",
    primary_name: None,
    ownership: Ownership::None,
    columns: &[
        Col::new("principalobjectaccessid", Kind::Guid),
        Col::new("objectid", Kind::Guid),
        Col::new("objecttypecode", Kind::Text(64)),
        Col::new("principalid", Kind::Guid),
        Col::new("principaltypecode", Kind::Text(64)),
        Col::new("accessrightsmask", Kind::Int),
        Col::new("changedon", Kind::Time),
        VERSION,
    ],
    keys: &[],
    many: &[],
    // Who shares with whom is for those who give rights to read.
    visibility: Visibility::Sharing,
    rows: None,
    family: None,
};
