//! `EntityDefinitions`, `RelationshipDefinitions` and `GlobalOptionSetDefinitions`: what clients ask
//! about tables before they write to them.
use connref_store::query::{ColumnDef, TableDef, Tables};
use http::{Method, StatusCode};
use serde_json::{Map, Value, json};

use super::fault::Fault;
use super::metadata_document::{
    attribute, entity, keys, many_to_many, message_filters, one_to_many, option_set, type_name,
};
use super::metadata_shape::{Wish, listed, single};
use super::path::{Arguments, Segment};
use super::query_string::QueryString;
use crate::name_id::name_id as metadata_id;

/// The sets of metadata.
pub(super) const SETS: [&str; 4] = [
    "EntityDefinitions",
    "GlobalOptionSetDefinitions",
    "RelationshipDefinitions",
    "sdkmessagefilters",
];
const PREFIX: &str = "#Microsoft.Dynamics.CRM.";

/// Refuses what is no read: tables, columns, keys and relationships come with solutions.
///
/// # Errors
/// Everything but GET.
pub(super) fn read_only(method: &Method) -> Result<(), Fault> {
    if *method == Method::GET {
        return Ok(());
    }
    Err(no_definitions())
}

/// The fault for whoever wants to make or change a table.
pub(super) fn no_definitions() -> Fault {
    Fault::unsupported(
        "tables, columns, keys and relationships cannot be made or changed here; import a solution that has them",
    )
}

/// Answers a read below one of the sets of metadata; the first segment is the set itself.
///
/// # Errors
/// Unknown tables, columns and relationships, and options that are not offered.
pub(super) fn read(
    segments: &[Segment],
    query: &QueryString,
    root: &str,
    tables: Tables,
) -> Result<Value, Fault> {
    let (first, rest) =
        segments.split_first().ok_or_else(|| Fault::no_resource("EntityDefinitions"))?;
    let context = format!("{root}/$metadata#{}", first.name);
    let wish = Wish::read(query)?;
    match first.name.as_str() {
        "RelationshipDefinitions" => {
            let mut all = one_to_many(tables);
            all.extend(many_to_many());
            below_collection(all, first, rest, "SchemaName", &wish, &context)
        }
        "sdkmessagefilters" => {
            let all = tables.all().flat_map(message_filters).collect();
            below_collection(all, first, rest, "sdkmessagefilterid", &wish, &context)
        }
        // Choices of this server belong to their columns.
        "GlobalOptionSetDefinitions" => {
            below_collection(Vec::new(), first, rest, "Name", &wish, &context)
        }
        _ => match &first.arguments {
            None => {
                if let Some(next) = rest.first() {
                    return Err(Fault::no_resource(&next.name));
                }
                listed(
                    tables.all().map(|table| (entity(table), Some(table))),
                    &wish,
                    tables,
                    &context,
                )
            }
            Some(arguments) => {
                let table = table(arguments, tables)?;
                below_table(table, rest, &wish, tables, &context)
            }
        },
    }
}

fn below_table(
    table: &'static TableDef,
    rest: &[Segment],
    wish: &Wish,
    tables: Tables,
    context: &str,
) -> Result<Value, Fault> {
    let Some((next, rest)) = rest.split_first() else {
        return single(entity(table), Some(table), wish, tables, &format!("{context}/$entity"));
    };
    let context = format!("{context}('{}')/{}", table.name, next.name);
    if next.name == "Attributes" {
        return below_attributes(table, next, rest, wish, &context);
    }
    if let Some(all) = collection(table, &next.name, tables) {
        let key = if next.name == "Keys" { "LogicalName" } else { "SchemaName" };
        return below_collection(all, next, rest, key, wish, &context);
    }
    match (entity(table).get(&next.name), rest) {
        (Some(value), []) if next.arguments.is_none() => {
            Ok(json!({"@odata.context": context, "value": value}))
        }
        _ => Err(Fault::no_resource(&next.name)),
    }
}

/// What belongs to a table, by the name it is expanded under.
pub(super) fn collection(
    table: &'static TableDef,
    name: &str,
    tables: Tables,
) -> Option<Vec<Value>> {
    let ends = |side: &'static str| {
        one_to_many(tables).into_iter().filter(move |one| one[side] == table.name).collect()
    };
    Some(match name {
        "Attributes" => table.columns.iter().map(|column| attribute(table, column)).collect(),
        "Keys" => keys(table),
        "OneToManyRelationships" => ends("ReferencedEntity"),
        "ManyToOneRelationships" => ends("ReferencingEntity"),
        "ManyToManyRelationships" => many_to_many()
            .into_iter()
            .filter(|one| {
                one["Entity1LogicalName"] == table.name || one["Entity2LogicalName"] == table.name
            })
            .collect(),
        _ => return None,
    })
}

fn below_attributes(
    table: &'static TableDef,
    at: &Segment,
    rest: &[Segment],
    wish: &Wish,
    context: &str,
) -> Result<Value, Fault> {
    let (cast, rest) = match rest.split_first() {
        Some((cast, rest)) if cast.name.ends_with("AttributeMetadata") => (Some(cast), rest),
        _ => (None, rest),
    };
    let fits = |column: &ColumnDef| cast.is_none_or(|cast| is_a(column, &cast.name));
    let shown = |column: &ColumnDef| {
        let mut document = attribute(table, column);
        if let Some(set) = option_set(table, column).filter(|_| cast.is_some()) {
            document["OptionSet"] = set;
            document["GlobalOptionSet"] = Value::Null;
        }
        document
    };
    let context = match cast {
        Some(cast) => format!("{context}/Microsoft.Dynamics.CRM.{}", cast.name),
        None => context.to_owned(),
    };
    let Some(arguments) = &at.arguments else {
        if let Some(next) = rest.first() {
            return Err(Fault::no_resource(&next.name));
        }
        let all = table.columns.iter().filter(|column| fits(column));
        return listed(all.map(|column| (shown(column), None)), wish, Tables::default(), &context);
    };
    let column = column(table, arguments)?;
    if !fits(column) {
        return Err(no_metadata(column.name));
    }
    match rest {
        [] => single(shown(column), None, wish, Tables::default(), &format!("{context}/$entity")),
        [next] if next.arguments.is_none() => match shown(column).get(&next.name) {
            Some(Value::Object(set)) if next.name == "OptionSet" => {
                let set = Value::Object(set.clone());
                single(set, None, wish, Tables::default(), &format!("{context}/OptionSet/$entity"))
            }
            Some(value) => Ok(json!({"@odata.context": context, "value": value})),
            None => Err(Fault::no_resource(&next.name)),
        },
        [next, ..] => Err(Fault::no_resource(&next.name)),
    }
}

/// Whether a column's metadata is of a class, or of one that is derived from it.
fn is_a(column: &ColumnDef, class: &str) -> bool {
    let own = type_name(column.kind);
    own == class
        || match class {
            "AttributeMetadata" => true,
            "EnumAttributeMetadata" => column.kind.choices().is_some(),
            _ => false,
        }
}

/// A list of documents, or the one of them that a key names; a cast keeps those of one class.
fn below_collection(
    mut all: Vec<Value>,
    at: &Segment,
    rest: &[Segment],
    key: &str,
    wish: &Wish,
    context: &str,
) -> Result<Value, Fault> {
    let rest = match rest.split_first() {
        Some((cast, rest)) if cast.name.ends_with("Metadata") => {
            let class = format!("{PREFIX}{}", cast.name);
            all.retain(|one| one["@odata.type"].as_str().is_none_or(|own| own == class));
            rest
        }
        _ => rest,
    };
    if let Some(next) = rest.first() {
        return Err(Fault::no_resource(&next.name));
    }
    let Some(arguments) = &at.arguments else {
        return listed(all.into_iter().map(|one| (one, None)), wish, Tables::default(), context);
    };
    let (name, value) = wanted(arguments, key)?;
    let found = all
        .into_iter()
        .find(|one| one[name].as_str().is_some_and(|own| own.eq_ignore_ascii_case(&value)));
    let found = found.ok_or_else(|| no_metadata(&value))?;
    single(found, None, wish, Tables::default(), &format!("{context}/$entity"))
}

fn no_metadata(name: &str) -> Fault {
    let message = format!("Could not find an entity or attribute with name {name} in metadata.");
    Fault::new(StatusCode::NOT_FOUND, super::fault::NOT_FOUND, message)
}

/// The property a key is about, and its value: a metadata id, or a name.
fn wanted<'a>(arguments: &Arguments, by: &'a str) -> Result<(&'a str, String), Fault> {
    match arguments {
        Arguments::Key(id) => Ok(("MetadataId", id.text().trim_matches(['{', '}']).to_owned())),
        Arguments::Named(named) => match named.as_slice() {
            [(name, value)] if name.eq_ignore_ascii_case(by) => Ok((by, value.text().to_owned())),
            [(name, value)] if name.eq_ignore_ascii_case("MetadataId") => {
                Ok(("MetadataId", value.text().to_owned()))
            }
            _ => Err(Fault::syntax(format!("Metadata is found by MetadataId or {by}."))),
        },
    }
}

fn table(arguments: &Arguments, tables: Tables) -> Result<&'static TableDef, Fault> {
    let (by, value) = wanted(arguments, "LogicalName")?;
    let found = match by {
        "LogicalName" => tables.by_name(&value),
        _ => {
            tables.all().find(|table| metadata_id("table", table.name).eq_ignore_ascii_case(&value))
        }
    };
    found.ok_or_else(|| no_metadata(&value))
}

fn column(table: &'static TableDef, arguments: &Arguments) -> Result<&'static ColumnDef, Fault> {
    let (by, value) = wanted(arguments, "LogicalName")?;
    let found = match by {
        "LogicalName" => table.column(&value),
        _ => table.columns.iter().find(|column| {
            let name = format!("{}.{}", table.name, column.name);
            metadata_id("column", &name).eq_ignore_ascii_case(&value)
        }),
    };
    found.ok_or_else(|| no_metadata(&value))
}

/// A document with its context in front.
pub(super) fn in_context(context: &str, document: Value) -> Value {
    let mut whole = Map::new();
    whole.insert("@odata.context".to_owned(), json!(context));
    if let Value::Object(inner) = document {
        whole.extend(inner);
    }
    Value::Object(whole)
}
