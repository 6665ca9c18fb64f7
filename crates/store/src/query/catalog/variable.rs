//! Environment variables: definitions and values.
use super::super::table::{
    AlternateKey, ColumnDef as Col, Kind, Ownership, Source, TableDef, ToMany, Visibility,
};
use super::{
    COMPONENT_STATE, CREATED, MANAGED, MODIFIED, OVERWRITTEN, OWNER, OWNING_TEAM, OWNING_UNIT,
    OWNING_USER, STATE, STATUS, VERSION, empty, no_one,
};
use crate::access::Entity;

pub(super) const VARIABLE: TableDef = TableDef {
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
        Col::new("environmentvariabledefinitionidunique", Kind::Guid)
            .from(Source::Column("environmentvariabledefinitionid")),
        empty("hint", Kind::Memo(2000)),
        empty("inputcontrolconfig", Kind::Memo(10_000)),
        empty("learnmoreurl", Kind::Text(2000)),
        empty("valueschema", Kind::Memo(2000)),
        Col::new("iscustomizable", Kind::Managed).from(Source::Constant(1)),
        OVERWRITTEN,
        empty("introducedversion", Kind::Text(48)),
        empty("importsequencenumber", Kind::Int),
        empty("overriddencreatedon", Kind::Time),
        empty("timezoneruleversionnumber", Kind::Int),
        empty("utcconversiontimezonecode", Kind::Int),
        no_one("createdby"),
        no_one("createdonbehalfby"),
        no_one("modifiedby"),
        no_one("modifiedonbehalfby"),
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

pub(super) const VARIABLE_VALUE: TableDef = TableDef {
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
        Col::new("environmentvariablevalueidunique", Kind::Guid)
            .from(Source::Column("environmentvariablevalueid")),
        Col::new("iscustomizable", Kind::Managed).from(Source::Constant(1)),
        OVERWRITTEN,
        empty("introducedversion", Kind::Text(48)),
        empty("importsequencenumber", Kind::Int),
        empty("overriddencreatedon", Kind::Time),
        empty("timezoneruleversionnumber", Kind::Int),
        empty("utcconversiontimezonecode", Kind::Int),
        no_one("createdby"),
        no_one("createdonbehalfby"),
        no_one("modifiedby"),
        no_one("modifiedonbehalfby"),
        STATE,
        STATUS,
        Col::lookup("ownerid", "systemuser", "ownerid"),
        OWNING_USER,
        OWNING_TEAM,
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
