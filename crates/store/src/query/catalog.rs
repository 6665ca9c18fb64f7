//! The tables that the Web API serves. Names, lengths, choices and object type codes are those of a
//! live organisation's metadata; what such an organisation has and this does not is left out.
use super::table::{
    AlternateKey, Choice, ColumnDef as Col, Kind, Ownership, Source, TableDef, ToMany, Visibility,
};
use crate::access::Entity;

mod people;

/// Every table, by logical name.
pub static TABLES: &[TableDef] = &[
    people::BUSINESS_UNIT,
    ASYNC_OPERATION,
    COMPONENT_LAYER,
    CONNECTION_REFERENCE,
    CONNECTOR,
    VARIABLE,
    VARIABLE_VALUE,
    IMPORT_JOB,
    ORGANIZATION,
    PUBLISHER,
    SOLUTION,
    SOLUTION_COMPONENT,
    SOLUTION_COMPONENT_DEFINITION,
    people::PRINCIPAL_OBJECT_ACCESS,
    people::ROLE,
    people::ROLE_PRIVILEGES,
    people::SYSTEM_USER_ROLES,
    people::TEAM,
    people::TEAM_MEMBERSHIP,
    people::TEAM_ROLES,
    SYSTEM_USER,
    WORKFLOW,
];

/// A table by entity set name, case and all, as the vendor's service does.
pub fn table_by_set(set: &str) -> Option<&'static TableDef> {
    TABLES.iter().find(|table| table.set == set)
}

/// A table by logical name.
pub fn table_by_logical_name(name: &str) -> Option<&'static TableDef> {
    TABLES.iter().find(|table| table.name.eq_ignore_ascii_case(name))
}

const COMPONENT_STATES: &[Choice] =
    &[(0, "Published"), (1, "Unpublished"), (2, "Deleted"), (3, "Deleted Unpublished")];
const ACTIVE_STATES: &[Choice] = &[(0, "Active"), (1, "Inactive")];
const ACTIVE_STATUSES: &[Choice] = &[(1, "Active"), (2, "Inactive")];

pub(super) const CREATED: Col = Col::new("createdon", Kind::Time);
pub(super) const MODIFIED: Col = Col::new("modifiedon", Kind::Time);
pub(super) const VERSION: Col = Col::new("versionnumber", Kind::BigInt);
const MANAGED: Col = Col::new("ismanaged", Kind::Flag);
pub(super) const CREATED_BY: Col = Col::lookup("createdby", "systemuser", "createdby");
const MODIFIED_BY: Col = Col::lookup("modifiedby", "systemuser", "modifiedby");
const OWNER: Col = Col::lookup("ownerid", "systemuser", "ownerid").update();
pub(super) const OWNING_USER: Col =
    Col::lookup("owninguser", "systemuser", "owninguser").from(Source::Sql(
        "(SELECT u.systemuserid FROM systemuser u WHERE u.environmentid = {t}.environmentid \
         AND u.systemuserid = {t}.ownerid)",
    ));
pub(super) const OWNING_TEAM: Col = Col::lookup("owningteam", "team", "owningteam").from(Source::Sql(
    "(SELECT t.teamid FROM team t WHERE t.environmentid = {t}.environmentid AND t.teamid = {t}.ownerid)",
));
pub(super) const OWNING_UNIT: Col = Col::lookup(
    "owningbusinessunit",
    "businessunit",
    "owningbusinessunit",
)
.from(Source::Sql(
    "COALESCE((SELECT u.businessunitid FROM systemuser u WHERE u.environmentid = {t}.environmentid \
         AND u.systemuserid = {t}.ownerid), (SELECT t.businessunitid FROM team t \
         WHERE t.environmentid = {t}.environmentid AND t.teamid = {t}.ownerid))",
));
const COMPONENT_STATE: Col =
    Col::new("componentstate", Kind::Picklist(COMPONENT_STATES)).from(Source::Constant(0));
const STATE: Col = Col::new("statecode", Kind::State(ACTIVE_STATES)).from(Source::Constant(0));
const STATUS: Col = Col::new("statuscode", Kind::Status(ACTIVE_STATUSES)).from(Source::Constant(1));

pub(super) const fn organization(name: &'static str, navigation: &'static str) -> Col {
    Col::lookup(name, "organization", navigation).from(Source::Sql(
        "(SELECT e.organizationid FROM environment e WHERE e.environmentid = {t}.environmentid)",
    ))
}

/// A column that clients read and that has no value here.
const fn empty(name: &'static str, kind: Kind) -> Col {
    let text = match kind {
        Kind::Text(_) | Kind::Memo(_) | Kind::Guid | Kind::Lookup { .. } | Kind::Spelled(_) => {
            "CAST(NULL AS TEXT)"
        }
        _ => "CAST(NULL AS BIGINT)",
    };
    Col::new(name, kind).from(Source::Sql(text))
}

/// A lookup without a value.
const fn no_one(name: &'static str) -> Col {
    Col::lookup(name, "systemuser", name).from(Source::Sql("CAST(NULL AS TEXT)"))
}

const ASYNC_OPERATION: TableDef = TableDef {
    name: "asyncoperation",
    set: "asyncoperations",
    display_name: "System Job",
    object_type_code: 4700,
    physical: "asyncoperation",
    primary_id: "asyncoperationid",
    primary_name: Some("name"),
    ownership: Ownership::User,
    columns: &[
        Col::new("asyncoperationid", Kind::Guid),
        Col::new("name", Kind::Text(256)),
        Col::new("messagename", Kind::Text(160)),
        Col::new(
            "operationtype",
            Kind::Picklist(&[(13, "Bulk Delete"), (54, "Execute Async Request")]),
        ),
        Col::new(
            "statecode",
            Kind::State(&[(0, "Ready"), (1, "Suspended"), (2, "Locked"), (3, "Completed")]),
        )
        .update(),
        Col::new(
            "statuscode",
            Kind::Status(&[
                (0, "Waiting For Resources"),
                (10, "Waiting"),
                (20, "In Progress"),
                (21, "Pausing"),
                (22, "Canceling"),
                (30, "Succeeded"),
                (31, "Failed"),
                (32, "Canceled"),
            ]),
        )
        .update(),
        Col::new("message", Kind::Memo(1_073_741_823)),
        Col::new("friendlymessage", Kind::Memo(1_073_741_823)),
        Col::new("errorcode", Kind::Int),
        Col::new("dependencytoken", Kind::Text(256)),
        Col::new("connref_jobid", Kind::Guid).from(Source::Column("jobid")),
        Col::lookup("ownerid", "systemuser", "ownerid"),
        OWNING_USER,
        OWNING_TEAM,
        OWNING_UNIT,
        CREATED_BY,
        // This process carries it out on behalf of its owner.
        Col::lookup("createdonbehalfby", "systemuser", "createdonbehalfby")
            .from(Source::Column("ownerid")),
        Col::lookup("modifiedby", "systemuser", "modifiedby").from(Source::Column("createdby")),
        Col::lookup("modifiedonbehalfby", "systemuser", "modifiedonbehalfby")
            .from(Source::Column("ownerid")),
        CREATED,
        Col::new("startedon", Kind::Time),
        Col::new("completedon", Kind::Time),
        MODIFIED,
        Col::new("correlationid", Kind::Guid),
        Col::new("correlationupdatedtime", Kind::Time).from(Source::Column("createdon")),
        Col::new("expanderstarttime", Kind::Time).from(Source::Column("createdon")),
        Col::new("executiontimespan", Kind::Double)
            .from(Source::Sql("(({t}.completedon - {t}.startedon) / 1000000)")),
        Col::new("hostid", Kind::Text(256)),
        // The vendor's service numbers the jobs of a correlation; here each has one of its own.
        Col::new("sequence", Kind::BigInt).from(Source::Constant(1)),
        Col::new("depth", Kind::Int).from(Source::Constant(1)),
        Col::new("subtype", Kind::Int).from(Source::Constant(1)),
        Col::new("retrycount", Kind::Int).from(Source::Constant(0)),
        Col::new("timezoneruleversionnumber", Kind::Int).from(Source::Constant(0)),
        Col::new("iswaitingforevent", Kind::Flag).from(Source::Constant(0)),
        Col::new("retainjobhistory", Kind::Flag).from(Source::Constant(0)),
        Col::new("parentpluginexecutionid", Kind::Guid)
            .from(Source::Sql("CAST('00000000-0000-0000-0000-000000000000' AS TEXT)")),
        empty("datablobid_name", Kind::Text(256)),
        empty("datablobid", Kind::Guid),
        Col::new("postponeuntil", Kind::Time).from(Source::Sql(
            "(SELECT b.nextrun FROM bulkdelete b WHERE b.environmentid = {t}.environmentid \
             AND b.jobid = {t}.asyncoperationid)",
        )),
        empty("workload", Kind::Text(200)),
        empty("primaryentitytype", Kind::Text(64)),
        empty("data", Kind::Memo(1_073_741_823)),
        empty("recurrencestarttime", Kind::Time),
        Col::new("recurrencepattern", Kind::Text(128)).from(Source::Sql(
            "(SELECT b.recurrence FROM bulkdelete b WHERE b.environmentid = {t}.environmentid \
             AND b.jobid = {t}.asyncoperationid)",
        )),
        // Lookups to tables that are not served: the name on the wire is the name here.
        empty("_regardingobjectid_value", Kind::Guid),
        empty("_workflowactivationid_value", Kind::Guid),
        empty("_owningextensionid_value", Kind::Guid),
        empty("requestid", Kind::Guid),
        empty("utcconversiontimezonecode", Kind::Int),
        empty("callerorigin", Kind::Text(256)),
        empty("rootexecutioncontext", Kind::Memo(10_000)),
        empty("workflowstagename", Kind::Text(256)),
        empty("breadcrumbid", Kind::Guid),
    ],
    keys: &[],
    many: &[],
    visibility: Visibility::WithAny(Entity::ImportJob),
    rows: None,
    family: None,
};

const COMPONENT_LAYER: TableDef = TableDef {
    name: "msdyn_componentlayer",
    set: "msdyn_componentlayers",
    display_name: "Component Layer",
    object_type_code: 10006,
    physical: "component_layer",
    primary_id: "msdyn_componentlayerid",
    primary_name: Some("msdyn_name"),
    ownership: Ownership::None,
    columns: &[
        // The row has no id of its own: made of the random ends of the two ids that are its key.
        Col::new("msdyn_componentlayerid", Kind::Guid).from(Source::Sql(
            "(CASE {t}.solutionid WHEN '' THEN '00000000-0000-0000' ELSE \
             substr({t}.solutionid, 29, 8) || '-' || substr({t}.solutionid, 25, 4) || '-' || \
             substr({t}.solutionid, 20, 4) END || '-' || substr({t}.objectid, 20))",
        )),
        Col::new("msdyn_componentid", Kind::Guid).from(Source::Column("objectid")),
        Col::new("msdyn_name", Kind::Text(100)).from(Source::Sql(
            "COALESCE((SELECT w.name FROM workflow w WHERE w.environmentid = {t}.environmentid \
             AND w.workflowid = {t}.objectid AND {t}.kind = 'flow'), \
             (SELECT r.connectionreferencelogicalname FROM connectionreference r \
             WHERE r.environmentid = {t}.environmentid AND r.connectionreferenceid = {t}.objectid \
             AND {t}.kind = 'reference'), (SELECT v.schemaname FROM environmentvariabledefinition v \
             WHERE v.environmentid = {t}.environmentid \
             AND v.environmentvariabledefinitionid = {t}.objectid AND {t}.kind = 'variable'), {t}.name)",
        )),
        Col::new("msdyn_solutioncomponentname", Kind::Text(100)).from(Source::Sql(
            "(CASE {t}.kind WHEN 'flow' THEN 'Workflow' WHEN 'reference' THEN 'connectionreference' \
             ELSE 'environmentvariabledefinition' END)",
        )),
        Col::new("msdyn_solutionname", Kind::Text(100)).from(Source::Sql(
            "COALESCE((SELECT s.uniquename FROM solution s WHERE s.environmentid = {t}.environmentid \
             AND s.solutionid = {t}.solutionid), 'Active')",
        )),
        // The first installed is 1; the unmanaged layer lies above all.
        Col::new("msdyn_order", Kind::Int).from(Source::Sql(
            "(SELECT COUNT(*) FROM component_layer o WHERE o.environmentid = {t}.environmentid \
             AND o.kind = {t}.kind AND o.objectid = {t}.objectid \
             AND ({t}.solutionid = '' OR (o.solutionid <> '' AND o.ordinal <= {t}.ordinal)))",
        )),
        CREATED,
        MODIFIED,
    ],
    keys: &[],
    many: &[],
    visibility: Visibility::WithAny(Entity::Solution),
    rows: None,
    family: None,
};

const CONNECTION_REFERENCE: TableDef = TableDef {
    name: "connectionreference",
    set: "connectionreferences",
    display_name: "Connection Reference",
    object_type_code: 10091,
    physical: "connectionreference",
    primary_id: "connectionreferenceid",
    primary_name: Some("connectionreferencedisplayname"),
    ownership: Ownership::User,
    columns: &[
        Col::new("connectionreferenceid", Kind::Guid),
        Col::new("connectionreferencelogicalname", Kind::Text(200))
            .folded("logicalname_key")
            .create()
            .required(),
        Col::new("connectionreferencedisplayname", Kind::Text(200)).edit(),
        Col::new("description", Kind::Text(2000)).edit(),
        Col::new("connectorid", Kind::Text(1000)).create().required(),
        Col::lookup("customconnectorid", "connector", "CustomConnectorId"),
        Col::new("connectionid", Kind::Text(1000)).edit(),
        Col::new("promptingbehavior", Kind::Picklist(&[(0, "Prompt on import"), (1, "Skip")])),
        Col::new("iscustomizable", Kind::Managed),
        MANAGED,
        COMPONENT_STATE,
        STATE,
        STATUS,
        OWNER,
        OWNING_USER,
        OWNING_TEAM,
        OWNING_UNIT,
        CREATED_BY,
        CREATED,
        MODIFIED,
        VERSION,
    ],
    keys: &[AlternateKey {
        name: "connectionreferencelogicalnamekey",
        columns: &["connectionreferencelogicalname"],
    }],
    many: &[],
    visibility: Visibility::Readable(Entity::ConnectionReference),
    rows: None,
    family: None,
};

const CONNECTOR: TableDef = TableDef {
    name: "connector",
    set: "connectors",
    display_name: "Connector",
    object_type_code: 372,
    physical: "connector",
    primary_id: "connectorid",
    primary_name: Some("name"),
    ownership: Ownership::User,
    columns: &[
        Col::new("connectorid", Kind::Guid),
        Col::new("name", Kind::Text(500)).create(),
        Col::new("connectorinternalid", Kind::Text(400)).folded("api_key"),
        Col::new("displayname", Kind::Text(200)).create().edit(),
        Col::new("description", Kind::Memo(100_000)).create(),
        Col::new("connectortype", Kind::Picklist(&[(0, "NotSpecified"), (1, "CustomConnector")]))
            .create(),
        Col::new("openapidefinition", Kind::Memo(500_000)).create().edit().required(),
        Col::new("connectionparameters", Kind::Memo(500_000)).create().edit(),
        Col::new("connectionparametersets", Kind::Memo(500_000)).create().edit(),
        Col::new("policytemplateinstances", Kind::Memo(500_000)).create().edit(),
        MANAGED,
        COMPONENT_STATE,
        STATE,
        STATUS,
        // Nobody owns a built-in one.
        OWNER.from(Source::Sql("NULLIF({t}.ownerid, '')")),
        OWNING_USER,
        OWNING_TEAM,
        OWNING_UNIT,
        CREATED,
        MODIFIED,
        VERSION,
    ],
    keys: &[],
    many: &[ToMany {
        name: "connector_connectionreference",
        table: "connectionreference",
        column: "customconnectorid",
    }],
    visibility: Visibility::Readable(Entity::Connector),
    rows: None,
    family: None,
};

const VARIABLE: TableDef = TableDef {
    name: "environmentvariabledefinition",
    set: "environmentvariabledefinitions",
    display_name: "Environment Variable Definition",
    object_type_code: 380,
    physical: "environmentvariabledefinition",
    primary_id: "environmentvariabledefinitionid",
    primary_name: Some("schemaname"),
    ownership: Ownership::User,
    columns: &[
        Col::new("environmentvariabledefinitionid", Kind::Guid),
        Col::new("schemaname", Kind::Text(100)).folded("schemaname_key").create().required(),
        Col::new("displayname", Kind::Text(100)).create().edit(),
        Col::new("description", Kind::Memo(2000)).create().edit(),
        Col::new(
            "type",
            Kind::Picklist(&[
                (100_000_000, "String"),
                (100_000_001, "Number"),
                (100_000_002, "Boolean"),
                (100_000_003, "JSON"),
                (100_000_004, "Data Source"),
                (100_000_005, "Secret"),
            ]),
        )
        .create(),
        Col::new("defaultvalue", Kind::Memo(2000)).create().edit(),
        Col::new("isrequired", Kind::Flag).create().edit(),
        Col::new("apiid", Kind::Text(150)).create(),
        Col::new("parameterkey", Kind::Text(150)).create(),
        Col::lookup("parentdefinitionid", "environmentvariabledefinition", "ParentDefinitionId")
            .from(Source::Sql(
                "(SELECT p.environmentvariabledefinitionid FROM environmentvariabledefinition p \
                 WHERE p.environmentid = {t}.environmentid \
                 AND p.schemaname_key = LOWER({t}.parentschemaname))",
            ))
            .create(),
        Col::new(
            "secretstore",
            Kind::Picklist(&[(0, "Azure Key Vault"), (1, "Microsoft Dataverse")]),
        )
        .create(),
        MANAGED,
        COMPONENT_STATE,
        STATE,
        STATUS,
        OWNER,
        OWNING_USER,
        OWNING_TEAM,
        OWNING_UNIT,
        CREATED,
        MODIFIED,
        VERSION,
    ],
    keys: &[AlternateKey { name: "definitionkey", columns: &["schemaname"] }],
    many: &[ToMany {
        name: "environmentvariabledefinition_environmentvariablevalue",
        table: "environmentvariablevalue",
        column: "environmentvariabledefinitionid",
    }],
    visibility: Visibility::Readable(Entity::VariableDefinition),
    rows: None,
    family: None,
};

const VARIABLE_VALUE: TableDef = TableDef {
    name: "environmentvariablevalue",
    set: "environmentvariablevalues",
    display_name: "Environment Variable Value",
    object_type_code: 381,
    physical: "environmentvariablevalue",
    primary_id: "environmentvariablevalueid",
    primary_name: Some("schemaname"),
    ownership: Ownership::None,
    columns: &[
        Col::new("environmentvariablevalueid", Kind::Guid),
        Col::new("schemaname", Kind::Text(100)).create(),
        Col::new("value", Kind::Memo(2000)).edit().required(),
        Col::lookup(
            "environmentvariabledefinitionid",
            "environmentvariabledefinition",
            "EnvironmentVariableDefinitionId",
        )
        .create()
        .required(),
        Col::new("ismanaged", Kind::Flag).from(Source::Column("base")),
        COMPONENT_STATE,
        STATE,
        STATUS,
        Col::lookup("ownerid", "systemuser", "ownerid"),
        OWNING_UNIT,
        CREATED,
        MODIFIED,
        VERSION,
    ],
    keys: &[AlternateKey {
        name: "environmentvariabledefinitionidkey",
        columns: &["environmentvariabledefinitionid"],
    }],
    many: &[],
    visibility: Visibility::Readable(Entity::VariableValue),
    // The environment's own value hides the one that travelled in a managed package.
    rows: Some(
        "({t}.base = 0 OR NOT EXISTS (SELECT 1 FROM environmentvariablevalue o \
         WHERE o.environmentid = {t}.environmentid AND o.base = 0 \
         AND o.environmentvariabledefinitionid = {t}.environmentvariabledefinitionid))",
    ),
    family: None,
};

const IMPORT_JOB: TableDef = TableDef {
    name: "importjob",
    set: "importjobs",
    display_name: "Import Job",
    object_type_code: 9107,
    physical: "importjob",
    primary_id: "importjobid",
    primary_name: None,
    ownership: Ownership::Organization,
    columns: &[
        Col::new("importjobid", Kind::Guid),
        Col::new("solutionname", Kind::Text(256)),
        Col::new("progress", Kind::Double),
        Col::new("data", Kind::Memo(1_073_741_823)),
        Col::new("operationcontext", Kind::Text(50)),
        // Rows of earlier versions hold a name there.
        CREATED_BY.from(Source::Sql(
            "(SELECT u.systemuserid FROM systemuser u WHERE u.environmentid = {t}.environmentid \
             AND u.systemuserid = {t}.createdby)",
        )),
        Col::new("createdon", Kind::Time).from(Source::Column("startedon")),
        Col::new("startedon", Kind::Time),
        Col::new("completedon", Kind::Time),
        VERSION,
    ],
    keys: &[],
    many: &[],
    visibility: Visibility::Readable(Entity::ImportJob),
    rows: None,
    family: None,
};

const ORGANIZATION: TableDef = TableDef {
    name: "organization",
    set: "organizations",
    display_name: "Organization",
    object_type_code: 1019,
    physical: "environment",
    primary_id: "organizationid",
    primary_name: Some("name"),
    ownership: Ownership::None,
    columns: &[
        Col::new("organizationid", Kind::Guid),
        Col::new("name", Kind::Text(160)),
        Col::new("languagecode", Kind::Int).from(Source::Constant(1033)),
        CREATED,
        Col::new("versionnumber", Kind::BigInt).from(Source::Column("version")),
    ],
    keys: &[],
    many: &[],
    visibility: Visibility::Members,
    rows: None,
    family: None,
};

const PUBLISHER: TableDef = TableDef {
    name: "publisher",
    set: "publishers",
    display_name: "Publisher",
    object_type_code: 7101,
    physical: "publisher",
    primary_id: "publisherid",
    primary_name: Some("friendlyname"),
    ownership: Ownership::Organization,
    columns: &[
        Col::new("publisherid", Kind::Guid),
        Col::new("uniquename", Kind::Text(256)).folded("uniquename_key").create().required(),
        Col::new("friendlyname", Kind::Text(256)).create().edit().required(),
        Col::new("customizationprefix", Kind::Text(8)).create().required(),
        Col::new("customizationoptionvalueprefix", Kind::Int).create().required(),
        organization("organizationid", "organizationid"),
        CREATED_BY,
        no_one("createdonbehalfby"),
        MODIFIED_BY,
        no_one("modifiedonbehalfby"),
        Col::new("isreadonly", Kind::Flag).from(Source::Constant(0)),
        empty("description", Kind::Text(2000)),
        empty("emailaddress", Kind::Text(100)),
        empty("supportingwebsiteurl", Kind::Text(200)),
        empty("entityimage", Kind::Text(200)),
        empty("entityimage_timestamp", Kind::BigInt),
        empty("entityimage_url", Kind::Text(200)),
        empty("entityimageid", Kind::Guid),
        empty("pinpointpublisherdefaultlocale", Kind::Text(16)),
        empty("pinpointpublisherid", Kind::BigInt),
        // Addresses of a publisher are kept in its package only.
        empty("address1_addressid", Kind::Guid),
        empty("address1_addresstypecode", Kind::Int),
        empty("address1_city", Kind::Text(80)),
        empty("address1_country", Kind::Text(80)),
        empty("address1_county", Kind::Text(50)),
        empty("address1_fax", Kind::Text(50)),
        empty("address1_latitude", Kind::Double),
        empty("address1_longitude", Kind::Double),
        empty("address1_line1", Kind::Text(250)),
        empty("address1_line2", Kind::Text(250)),
        empty("address1_line3", Kind::Text(250)),
        empty("address1_name", Kind::Text(200)),
        empty("address1_postalcode", Kind::Text(20)),
        empty("address1_postofficebox", Kind::Text(20)),
        empty("address1_shippingmethodcode", Kind::Int),
        empty("address1_stateorprovince", Kind::Text(50)),
        empty("address1_telephone1", Kind::Text(50)),
        empty("address1_telephone2", Kind::Text(50)),
        empty("address1_telephone3", Kind::Text(50)),
        empty("address1_upszone", Kind::Text(4)),
        empty("address1_utcoffset", Kind::Int),
        empty("address2_addressid", Kind::Guid),
        empty("address2_addresstypecode", Kind::Int),
        empty("address2_city", Kind::Text(80)),
        empty("address2_country", Kind::Text(80)),
        empty("address2_county", Kind::Text(50)),
        empty("address2_fax", Kind::Text(50)),
        empty("address2_latitude", Kind::Double),
        empty("address2_longitude", Kind::Double),
        empty("address2_line1", Kind::Text(250)),
        empty("address2_line2", Kind::Text(250)),
        empty("address2_line3", Kind::Text(250)),
        empty("address2_name", Kind::Text(200)),
        empty("address2_postalcode", Kind::Text(20)),
        empty("address2_postofficebox", Kind::Text(20)),
        empty("address2_shippingmethodcode", Kind::Int),
        empty("address2_stateorprovince", Kind::Text(50)),
        empty("address2_telephone1", Kind::Text(50)),
        empty("address2_telephone2", Kind::Text(50)),
        empty("address2_telephone3", Kind::Text(50)),
        empty("address2_upszone", Kind::Text(4)),
        empty("address2_utcoffset", Kind::Int),
        CREATED,
        MODIFIED,
        VERSION,
    ],
    keys: &[AlternateKey { name: "connref_publishername", columns: &["uniquename"] }],
    many: &[ToMany { name: "publisher_solution", table: "solution", column: "publisherid" }],
    visibility: Visibility::Readable(Entity::Publisher),
    rows: None,
    family: None,
};

const SOLUTION: TableDef = TableDef {
    name: "solution",
    set: "solutions",
    display_name: "Solution",
    object_type_code: 7100,
    physical: "solution",
    primary_id: "solutionid",
    primary_name: Some("friendlyname"),
    ownership: Ownership::Organization,
    columns: &[
        Col::new("solutionid", Kind::Guid),
        Col::new("uniquename", Kind::Text(65)).folded("uniquename_key").create().required(),
        Col::new("friendlyname", Kind::Text(256)).create().edit().required(),
        Col::new("description", Kind::Text(2000)).create().edit(),
        Col::new("version", Kind::Text(256)).create().edit().required(),
        MANAGED,
        Col::new("isvisible", Kind::Flag).from(Source::Constant(1)),
        Col::new("solutiontype", Kind::Picklist(&[(0, "None"), (1, "Snapshot"), (2, "Internal")]))
            .from(Source::Constant(0)),
        Col::lookup("publisherid", "publisher", "publisherid").create().required(),
        Col::lookup("parentsolutionid", "solution", "parentsolutionid")
            .from(Source::Column("upgradeof")),
        organization("organizationid", "organizationid"),
        // What its exports are written for.
        Col::new("solutionpackageversion", Kind::Text(256))
            .from(Source::Sql("CAST('9.2' AS TEXT)")),
        Col::new("isapimanaged", Kind::Flag).from(Source::Constant(0)),
        empty("templatesuffix", Kind::Text(65)),
        empty("thumbprint", Kind::Text(65)),
        empty("upgradeinfo", Kind::Memo(1_048_576)),
        empty("pinpointassetid", Kind::Text(255)),
        empty("pinpointpublisherid", Kind::BigInt),
        empty("pinpointsolutiondefaultlocale", Kind::Text(16)),
        empty("pinpointsolutionid", Kind::BigInt),
        empty("_configurationpageid_value", Kind::Guid),
        empty("updatedon", Kind::Time),
        CREATED_BY,
        no_one("createdonbehalfby"),
        MODIFIED_BY,
        no_one("modifiedonbehalfby"),
        Col::new("installedon", Kind::Time),
        CREATED,
        MODIFIED,
        VERSION,
    ],
    keys: &[AlternateKey { name: "connref_solutionname", columns: &["uniquename"] }],
    many: &[ToMany {
        name: "solution_solutioncomponent",
        table: "solutioncomponent",
        column: "solutionid",
    }],
    visibility: Visibility::Readable(Entity::Solution),
    rows: None,
    family: None,
};

const SOLUTION_COMPONENT: TableDef = TableDef {
    name: "solutioncomponent",
    set: "solutioncomponents",
    display_name: "Solution Component",
    object_type_code: 7103,
    physical: "solutioncomponent",
    primary_id: "solutioncomponentid",
    primary_name: None,
    ownership: Ownership::None,
    columns: &[
        // The row has no id of its own: made of the random ends of the two ids that are its key.
        Col::new("solutioncomponentid", Kind::Guid).from(Source::Sql(
            "(substr({t}.solutionid, 29, 8) || '-' || substr({t}.solutionid, 25, 4) || '-' || \
             substr({t}.solutionid, 20, 4) || '-' || substr({t}.objectid, 20))",
        )),
        Col::lookup("solutionid", "solution", "solutionid"),
        Col::new(
            "componenttype",
            Kind::Picklist(&[
                (29, "Workflow"),
                (372, "Connector"),
                (380, "Environment Variable Definition"),
                (10091, "Connection Reference"),
            ]),
        )
        .from(Source::Sql(
            "CAST(CASE {t}.kind WHEN 'flow' THEN 29 WHEN 'connector' THEN 372 \
             WHEN 'variable' THEN 380 WHEN 'reference' THEN 10091 ELSE 0 END AS BIGINT)",
        )),
        Col::new("objectid", Kind::Guid),
        Col::new(
            "rootcomponentbehavior",
            Kind::Picklist(&[
                (0, "Include Subcomponents"),
                (1, "Do not include subcomponents"),
                (2, "Include As Shell Only"),
            ]),
        )
        .from(Source::Constant(0)),
    ],
    keys: &[],
    many: &[],
    visibility: Visibility::WithAny(Entity::Solution),
    rows: None,
    family: None,
};

const SOLUTION_COMPONENT_DEFINITION: TableDef = TableDef {
    name: "solutioncomponentdefinition",
    set: "solutioncomponentdefinitions",
    display_name: "Solution Component Definition",
    object_type_code: 7104,
    physical: "solutioncomponentdefinition",
    primary_id: "solutioncomponentdefinitionid",
    primary_name: Some("name"),
    ownership: Ownership::None,
    columns: &[
        Col::new("solutioncomponentdefinitionid", Kind::Guid),
        Col::new("name", Kind::Text(256)),
        Col::new("primaryentityname", Kind::Text(64)),
        Col::new("solutioncomponenttype", Kind::Int),
        // Components of these kinds are rows of a table of the same number.
        Col::new("objecttypecode", Kind::Int).from(Source::Column("solutioncomponenttype")),
        Col::new("isviewable", Kind::Flag).from(Source::Constant(1)),
    ],
    keys: &[],
    many: &[],
    visibility: Visibility::Members,
    rows: None,
    family: None,
};

const SYSTEM_USER: TableDef = TableDef {
    name: "systemuser",
    set: "systemusers",
    display_name: "User",
    object_type_code: 8,
    physical: "systemuser",
    primary_id: "systemuserid",
    primary_name: Some("fullname"),
    ownership: Ownership::BusinessUnit,
    columns: &[
        Col::new("systemuserid", Kind::Guid),
        Col::new("domainname", Kind::Text(1024)).folded("domainname_key").create().required(),
        Col::new("fullname", Kind::Text(200)).create(),
        Col::new("internalemailaddress", Kind::Text(100)).from(Source::Column("domainname")),
        Col::new("applicationid", Kind::Guid).create(),
        // A user's object id on the wire is its row id.
        Col::new("azureactivedirectoryobjectid", Kind::Guid).from(Source::Column("systemuserid")),
        Col::new("isdisabled", Kind::Flag).edit(),
        Col::new(
            "accessmode",
            Kind::Picklist(&[
                (0, "Read-Write"),
                (1, "Administrative"),
                (2, "Read"),
                (3, "Support User"),
                (4, "Non-interactive"),
                (5, "Delegated Admin"),
            ]),
        )
        .from(Source::Sql(
            "CAST(CASE {t}.kind WHEN 'service principal' THEN 4 ELSE 0 END AS BIGINT)",
        ))
        .create(),
        Col::new(
            "connref_role",
            Kind::Spelled(&[
                ("system administrator", "System Administrator"),
                ("system customizer", "System Customizer"),
                ("deployer", "Deployer"),
                ("environment maker", "Environment Maker"),
                ("basic user", "Basic User"),
                ("none", "None"),
            ]),
        )
        .from(Source::Column("role"))
        .create(),
        Col::new("connref_departedon", Kind::Time).from(Source::Column("departedon")),
        Col::lookup("businessunitid", "businessunit", "businessunitid").edit(),
        Col::lookup("parentsystemuserid", "systemuser", "parentsystemuserid").edit().hierarchical(),
        organization("organizationid", "organizationid_organization"),
        CREATED,
        MODIFIED,
        VERSION,
    ],
    keys: &[
        AlternateKey { name: "aadobjectid", columns: &["azureactivedirectoryobjectid"] },
        AlternateKey { name: "connref_username", columns: &["domainname"] },
    ],
    many: &[],
    visibility: Visibility::Readable(Entity::User),
    rows: None,
    family: None,
};

const WORKFLOW: TableDef = TableDef {
    name: "workflow",
    set: "workflows",
    display_name: "Process",
    object_type_code: 4703,
    physical: "workflow",
    primary_id: "workflowid",
    primary_name: Some("name"),
    ownership: Ownership::User,
    columns: &[
        Col::new("workflowid", Kind::Guid).create(),
        Col::new("name", Kind::Text(100)).edit().required(),
        Col::new("description", Kind::Memo(100_000)).edit(),
        Col::new(
            "category",
            Kind::Picklist(&[
                (0, "Workflow"),
                (1, "Dialog"),
                (2, "Business Rule"),
                (3, "Action"),
                (4, "Business Process Flow"),
                (5, "Modern Flow"),
                (6, "Desktop Flow"),
                (7, "AI Flow"),
            ]),
        )
        .create()
        .required(),
        Col::new("type", Kind::Picklist(&[(1, "Definition"), (2, "Activation"), (3, "Template")]))
            .create(),
        Col::new("statecode", Kind::State(&[(0, "Draft"), (1, "Activated"), (2, "Suspended")]))
            .update(),
        Col::new(
            "statuscode",
            Kind::Status(&[(1, "Draft"), (2, "Activated"), (3, "CompanyDLPViolation")]),
        )
        .update(),
        Col::new("clientdata", Kind::Memo(1_073_741_823)).edit().required(),
        Col::new(
            "modernflowtype",
            Kind::Picklist(&[
                (0, "PowerAutomateFlow"),
                (1, "CopilotStudioFlow"),
                (2, "M365CopilotAgentFlow"),
            ]),
        ),
        Col::new("primaryentity", Kind::Text(64)).create(),
        MANAGED,
        COMPONENT_STATE,
        OWNER,
        OWNING_USER,
        OWNING_TEAM,
        OWNING_UNIT,
        CREATED_BY,
        CREATED,
        MODIFIED,
        VERSION,
    ],
    keys: &[],
    many: &[],
    visibility: Visibility::Readable(Entity::Workflow),
    rows: None,
    family: None,
};

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_table_is_whole() {
        for table in TABLES {
            let names: BTreeSet<_> = table.columns.iter().map(|column| column.name).collect();
            assert_eq!(names.len(), table.columns.len(), "{}: a column twice", table.name);
            assert_eq!(table.id_column().kind, Kind::Guid, "{}", table.name);
            for name in table.primary_name.iter().chain(table.keys.iter().flat_map(|k| k.columns)) {
                assert!(table.column(name).is_some(), "{}: no column {name}", table.name);
            }
            for column in table.columns {
                if let Some((target, _)) = column.kind.lookup() {
                    assert!(table_by_logical_name(target).is_some(), "{}: {target}", table.name);
                }
            }
            for many in table.many {
                let other = table_by_logical_name(many.table).expect(many.table);
                let lookup = other.column(many.column).and_then(|column| column.kind.lookup());
                assert_eq!(lookup.map(|l| l.0), Some(table.name), "{}", many.name);
            }
        }
    }

    #[test]
    fn sets_and_names_are_found_as_clients_write_them() {
        assert_eq!(table_by_set("workflows").map(|t| t.name), Some("workflow"));
        assert!(table_by_set("Workflows").is_none());
        assert_eq!(table_by_logical_name("WorkFlow").map(|t| t.set), Some("workflows"));
    }
}
