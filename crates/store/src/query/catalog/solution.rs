//! Solutions, who publishes them and what is in them.
use super::super::table::{
    AlternateKey, ColumnDef as Col, Kind, Ownership, Source, TableDef, ToMany, Visibility,
};
use super::{
    CREATED, CREATED_BY, MANAGED, MODIFIED, MODIFIED_BY, VERSION, empty, no_one, organization,
};
use crate::access::Entity;

pub(super) const PUBLISHER: TableDef = TableDef {
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

pub(super) const SOLUTION: TableDef = TableDef {
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

pub(super) const SOLUTION_COMPONENT: TableDef = TableDef {
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

pub(super) const SOLUTION_COMPONENT_DEFINITION: TableDef = TableDef {
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

pub(super) const COMPONENT_LAYER: TableDef = TableDef {
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
