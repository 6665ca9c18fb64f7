//! Documents of metadata: what a table, a column, an alternate key, a relationship and a choice look
//! like to clients. Only the part of the vendor's metadata that describes the tables of this server.
use connref_store::query::{AlternateKey, ColumnDef, Kind, MANY_TO_MANY, TableDef, Tables};
use serde_json::{Map, Value, json};

use crate::name_id::name_id as metadata_id;

/// Tables that only join two others.
const INTERSECTS: [&str; 4] = ["roleprivileges", "systemuserroles", "teammembership", "teamroles"];
/// Schema names of alternate keys, as the vendor writes them.
const KEY_SCHEMA_NAMES: [&str; 1] = ["ConnectionReferenceLogicalNameKey"];
/// Tables of the service itself that may be given columns and names of one's own.
const CUSTOMIZABLE: [&str; 3] = ["businessunit", "systemuser", "team"];
/// Schema names that are more than the logical name with a capital.
const SCHEMA_NAMES: [&str; 14] = [
    "AsyncOperation",
    "BusinessUnit",
    "connectionreference",
    "connector",
    "EnvironmentVariableDefinition",
    "EnvironmentVariableValue",
    "ImportJob",
    "PrincipalObjectAccess",
    "RolePrivileges",
    "SolutionComponent",
    "SystemUser",
    "SystemUserRoles",
    "TeamMembership",
    "TeamRoles",
];

/// A text with its language.
pub(super) fn label(text: &str) -> Value {
    let label = json!({"Label": text, "LanguageCode": 1033, "IsManaged": true});
    json!({"LocalizedLabels": [label], "UserLocalizedLabel": label})
}

fn managed(value: bool, name: &str) -> Value {
    json!({"Value": value, "CanBeChanged": false, "ManagedPropertyLogicalName": name})
}

/// The schema name: as the vendor writes it where that is known.
fn schema_name(name: &str) -> String {
    if let Some(known) = SCHEMA_NAMES.iter().find(|known| known.eq_ignore_ascii_case(name)) {
        return (*known).to_owned();
    }
    let mut chars = name.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// A table.
pub(super) fn entity(table: &TableDef) -> Value {
    let custom = table.family.is_some();
    let open = custom || CUSTOMIZABLE.contains(&table.name);
    json!({
        "MetadataId": metadata_id("table", table.name),
        "HasChanged": null,
        "LogicalName": table.name,
        "SchemaName": schema_name(table.name),
        "EntitySetName": table.set,
        "LogicalCollectionName": table.set,
        "CollectionSchemaName": schema_name(table.set),
        "PrimaryIdAttribute": table.primary_id,
        "PrimaryNameAttribute": table.primary_name,
        "PrimaryImageAttribute": null,
        "ObjectTypeCode": table.object_type_code,
        "OwnershipType": table.ownership.spelling(),
        "TableType": "Standard",
        "DataProviderId": null,
        "DisplayName": label(table.display_name),
        "DisplayCollectionName": label(table.display_name),
        "Description": label(""),
        "IsCustomEntity": custom,
        "IsManaged": true,
        "IsPrivate": false,
        "IsActivity": false,
        "IsActivityParty": false,
        "IsIntersect": INTERSECTS.contains(&table.name),
        "IsLogicalEntity": false,
        "IsChildEntity": false,
        "IsValidForAdvancedFind": true,
        "IsCustomizable": managed(open, "iscustomizable"),
        "IsRenameable": managed(open, "isrenameable"),
        "IsMappable": managed(open, "ismappable"),
        "CanCreateAttributes": managed(open, "cancreateattributes"),
        "IsAuditEnabled": managed(false, "canmodifyauditsettings"),
        "HasActivities": false,
        "HasNotes": false,
        "HasFeedback": false,
        "ChangeTrackingEnabled": false,
    })
}

/// A column. Its choices come by [`option_set`].
pub(super) fn attribute(table: &TableDef, column: &ColumnDef) -> Value {
    let mut object = Map::new();
    let mut set = |name: &str, value: Value| object.insert(name.to_owned(), value);
    let class = type_name(column.kind);
    let kind = match column.name {
        "ownerid" => "Owner",
        _ => class.trim_end_matches("AttributeMetadata"),
    };
    set("@odata.type", json!(format!("#Microsoft.Dynamics.CRM.{class}")));
    set("MetadataId", json!(metadata_id("column", &format!("{}.{}", table.name, column.name))));
    set("HasChanged", Value::Null);
    set("AttributeOf", Value::Null);
    set("LogicalName", json!(column.name));
    set("SchemaName", json!(schema_name(column.name)));
    set("EntityLogicalName", json!(table.name));
    set("AttributeType", json!(kind));
    set(
        "AttributeTypeName",
        json!({"Value": format!("{}Type", if kind == "Boolean" { "Boolean" } else { kind })}),
    );
    set("DisplayName", label(column.name));
    set("Description", label(""));
    set("IsPrimaryId", json!(column.name == table.primary_id));
    set("IsPrimaryName", json!(Some(column.name) == table.primary_name));
    set("IsCustomAttribute", json!(table.family.is_some()));
    set("IsManaged", json!(true));
    set("IsLogical", json!(false));
    set("IsValidForCreate", json!(column.creatable));
    set("IsValidForRead", json!(true));
    set("IsValidForUpdate", json!(column.updatable));
    set("IsValidODataAttribute", json!(true));
    set("IsCustomizable", managed(false, "iscustomizable"));
    let level = if column.required { "ApplicationRequired" } else { "None" };
    set(
        "RequiredLevel",
        json!({
            "Value": level,
            "CanBeChanged": false,
            "ManagedPropertyLogicalName": "canmodifyrequirementlevelsettings",
        }),
    );
    match column.kind {
        Kind::Text(length) => {
            set("MaxLength", json!(length));
            set("Format", json!("Text"));
            set("FormatName", json!({"Value": "Text"}));
        }
        Kind::Memo(length) => {
            set("MaxLength", json!(length));
            set("Format", json!("TextArea"));
        }
        Kind::Int => {
            set("Format", json!("None"));
            set("MinValue", json!(i32::MIN));
            set("MaxValue", json!(i32::MAX));
        }
        Kind::Fixed { places, .. } => {
            set("Precision", json!(places));
        }
        Kind::Time => {
            set("Format", json!("DateAndTime"));
            set("DateTimeBehavior", json!({"Value": "UserLocal"}));
        }
        _ => {}
    }
    if let Some((target, _)) = column.kind.lookup() {
        set("Targets", json!([target]));
    }
    Value::Object(object)
}

/// The choices of a column: of a choice, a state, or yes and no.
pub(super) fn option_set(table: &TableDef, column: &ColumnDef) -> Option<Value> {
    let name = format!("{}_{}", table.name, column.name);
    let common = json!({
        "MetadataId": metadata_id("choice", &name),
        "Name": name,
        "DisplayName": label(column.name),
        "IsGlobal": false,
        "IsCustomOptionSet": table.family.is_some(),
        "IsManaged": true,
    });
    let Value::Object(mut set) = common else { return None };
    let option =
        |value: i64, text: &str| json!({"Value": value, "Label": label(text), "IsManaged": true});
    match column.kind {
        Kind::Flag => {
            set.insert("OptionSetType".into(), json!("Boolean"));
            set.insert("FalseOption".into(), option(0, "No"));
            set.insert("TrueOption".into(), option(1, "Yes"));
        }
        kind => {
            let choices = kind.choices()?;
            let class = match kind {
                Kind::State(_) => "State",
                Kind::Status(_) => "Status",
                _ => "Picklist",
            };
            set.insert("OptionSetType".into(), json!(class));
            let options: Vec<_> =
                choices.iter().map(|(value, text)| option(*value, text)).collect();
            set.insert("Options".into(), Value::from(options));
        }
    }
    Some(Value::Object(set))
}

/// The class of a column's metadata.
pub(super) fn type_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Text(_) | Kind::Spelled(_) => "StringAttributeMetadata",
        Kind::Memo(_) => "MemoAttributeMetadata",
        Kind::Guid => "UniqueidentifierAttributeMetadata",
        Kind::Int => "IntegerAttributeMetadata",
        Kind::BigInt => "BigIntAttributeMetadata",
        Kind::Double | Kind::Fixed { double: true, .. } => "DoubleAttributeMetadata",
        Kind::Fixed { double: false, .. } => "DecimalAttributeMetadata",
        Kind::Flag => "BooleanAttributeMetadata",
        Kind::Managed => "ManagedPropertyAttributeMetadata",
        Kind::Picklist(_) => "PicklistAttributeMetadata",
        Kind::Choices(_) => "MultiSelectPicklistAttributeMetadata",
        Kind::State(_) => "StateAttributeMetadata",
        Kind::Status(_) => "StatusAttributeMetadata",
        Kind::Time => "DateTimeAttributeMetadata",
        Kind::Lookup { .. } => "LookupAttributeMetadata",
    }
}

/// The alternate keys of a table. Of several that stand for one, the widest is what the vendor tells.
pub(super) fn keys(table: &TableDef) -> Vec<Value> {
    let narrower = |key: &AlternateKey| {
        table.keys.iter().any(|other| {
            other.columns.len() > key.columns.len()
                && key.columns.iter().all(|column| other.columns.contains(column))
        })
    };
    table.keys.iter().filter(|key| !narrower(key)).map(|key| alternate_key(table, key)).collect()
}

fn alternate_key(table: &TableDef, key: &AlternateKey) -> Value {
    json!({
        "MetadataId": metadata_id("key", &format!("{}.{}", table.name, key.name)),
        "HasChanged": null,
        "LogicalName": key.name,
        "SchemaName": KEY_SCHEMA_NAMES.iter().find(|n| n.eq_ignore_ascii_case(key.name)).unwrap_or(&key.name),
        "EntityLogicalName": table.name,
        "EntityKeyIndexStatus": "Active",
        "KeyAttributes": key.columns,
        "DisplayName": label(key.name),
        "IsManaged": true,
        "IsSynchronous": true,
        "IsExportKey": false,
        "IsSecondaryKey": false,
    })
}

/// Every relationship of many to many.
pub(super) fn many_to_many() -> Vec<Value> {
    MANY_TO_MANY
        .iter()
        .map(|relationship| {
            let (name, between, [one, other]) =
                (relationship.name, relationship.between, relationship.ends);
            json!({
                "@odata.type": "#Microsoft.Dynamics.CRM.ManyToManyRelationshipMetadata",
                "MetadataId": metadata_id("relationship", name),
                "HasChanged": null,
                "SchemaName": name,
                "RelationshipType": "ManyToManyRelationship",
                "IsCustomRelationship": false,
                "IsManaged": true,
                "IsValidForAdvancedFind": true,
                "SecurityTypes": "None",
                "Entity1LogicalName": one,
                "Entity1IntersectAttribute": format!("{one}id"),
                "Entity1NavigationPropertyName": name,
                "Entity2LogicalName": other,
                "Entity2IntersectAttribute": format!("{other}id"),
                "Entity2NavigationPropertyName": name,
                "IntersectEntityName": between,
            })
        })
        .collect()
}

/// The relationships of one to many: a document for each lookup to a table that is here.
pub(super) fn one_to_many(tables: Tables) -> Vec<Value> {
    let lookups = tables.all().flat_map(|table| {
        table.columns.iter().filter_map(move |column| lookup_relationship(table, column))
    });
    lookups.collect()
}

fn lookup_relationship(table: &TableDef, column: &ColumnDef) -> Option<Value> {
    let (target, navigation) = column.kind.lookup()?;
    let there = table.beside(target)?;
    let collection = there
        .many
        .iter()
        .find(|many| many.table == table.name && many.column == column.name)
        .map(|many| many.name.to_owned());
    let name = collection
        .clone()
        .unwrap_or_else(|| format!("{}_{}_{}", there.name, table.name, column.name));
    let cascade = json!({
        "Assign": "NoCascade", "Delete": "RemoveLink", "Archive": "RemoveLink", "Merge": "NoCascade",
        "Reparent": "NoCascade", "Share": "NoCascade", "Unshare": "NoCascade", "RollupView": "NoCascade",
    });
    Some(json!({
        "@odata.type": "#Microsoft.Dynamics.CRM.OneToManyRelationshipMetadata",
        "MetadataId": metadata_id("relationship", &name),
        "HasChanged": null,
        "SchemaName": name,
        "RelationshipType": "OneToManyRelationship",
        "IsCustomRelationship": table.family.is_some(),
        "IsManaged": true,
        "IsHierarchical": false,
        "IsValidForAdvancedFind": true,
        "SecurityTypes": "None",
        "ReferencedEntity": there.name,
        "ReferencedAttribute": there.primary_id,
        "ReferencedEntityNavigationPropertyName": collection,
        "ReferencingEntity": table.name,
        "ReferencingAttribute": column.name,
        "ReferencingEntityNavigationPropertyName": navigation,
        "CascadeConfiguration": cascade,
    }))
}

/// The messages that a table takes, as clients ask before they write several rows at once.
pub(super) fn message_filters(table: &'static TableDef) -> Vec<Value> {
    let creates = table.columns.iter().any(|column| column.creatable);
    let updates = table.columns.iter().any(|column| column.updatable);
    [
        ("Retrieve", true),
        ("RetrieveMultiple", true),
        ("Create", creates),
        ("CreateMultiple", creates),
        ("Update", updates),
        ("UpdateMultiple", updates),
        ("UpsertMultiple", creates && updates),
    ]
    .into_iter()
    .filter(|(_, takes)| *takes)
    .map(|(message, _)| {
        let id = metadata_id("message", message);
        json!({
            "sdkmessagefilterid": metadata_id("message filter", &format!("{message}.{}", table.name)),
            "primaryobjecttypecode": table.name,
            "secondaryobjecttypecode": "none",
            "_sdkmessageid_value": id,
            "sdkmessageid": {"sdkmessageid": id, "name": message},
        })
    })
    .collect()
}
