//! `EntityDefinitions`: what clients ask about a table before they write to it. Only the part of the
//! vendor's metadata that describes the tables of this server.
use connref_store::query::{
    ColumnDef, Compare, Expr, Kind, Literal, Match, Operand, TableDef, Tables,
};
use serde_json::{Map, Value, json};

use super::fault::Fault;
use super::filter;
use super::filter_function::Surroundings;
use super::path::{Arguments, Segment};
use super::query_string::QueryString;

/// Answers a read below `EntityDefinitions`; the first segment is `EntityDefinitions` itself.
///
/// # Errors
/// Unknown tables and attributes, and options that are not offered.
pub(super) fn read(
    segments: &[Segment],
    query: &QueryString,
    root: &str,
    tables: Tables,
) -> Result<Value, Fault> {
    let (first, rest) =
        segments.split_first().ok_or_else(|| Fault::no_resource("EntityDefinitions"))?;
    let Some(arguments) = &first.arguments else {
        if let Some(next) = rest.first() {
            return Err(Fault::no_resource(&next.name));
        }
        let all = tables.all().map(entity).collect();
        return listed(all, query, &format!("{root}/$metadata#EntityDefinitions"));
    };
    let table = by_logical_name(arguments, "Entity")
        .and_then(|name| tables.by_name(name).ok_or_else(|| no_metadata(name)))?;
    let base = format!("{root}/$metadata#EntityDefinitions");
    let Some((next, rest)) = rest.split_first() else {
        return single(entity(table), query, &format!("{base}/$entity"));
    };
    if next.name != "Attributes" {
        return Err(Fault::no_resource(&next.name));
    }
    let base = format!("{base}('{}')/Attributes", table.name);
    let cast = rest.last().filter(|segment| segment.name.ends_with("AttributeMetadata"));
    let fits = |column: &ColumnDef| cast.is_none_or(|cast| type_name(column.kind) == cast.name);
    let options = cast.is_some();
    match &next.arguments {
        Some(arguments) => {
            let name = by_logical_name(arguments, "Attribute")?;
            let column = table.column(name).filter(|column| fits(column));
            let column = column.ok_or_else(|| no_metadata(name))?;
            single(attribute(table, column, options), query, &format!("{base}/$entity"))
        }
        None => {
            let all = table.columns.iter().filter(|column| fits(column));
            listed(all.map(|column| attribute(table, column, options)).collect(), query, &base)
        }
    }
}

fn no_metadata(name: &str) -> Fault {
    let message = format!("Could not find an entity or attribute with name {name} in metadata.");
    Fault::new(http::StatusCode::NOT_FOUND, super::fault::NOT_FOUND, message)
}

fn by_logical_name<'a>(arguments: &'a Arguments, what: &str) -> Result<&'a str, Fault> {
    match arguments {
        Arguments::Named(named) => match named.as_slice() {
            [(name, value)] if name.eq_ignore_ascii_case("LogicalName") => Ok(value.text()),
            _ => Err(Fault::unsupported(format!("{what} metadata is found by LogicalName only"))),
        },
        Arguments::Key(_) => {
            Err(Fault::unsupported(format!("{what} metadata is found by LogicalName only")))
        }
    }
}

fn label(text: &str) -> Value {
    let label = json!({"Label": text, "LanguageCode": 1033, "IsManaged": true});
    json!({"LocalizedLabels": [label], "UserLocalizedLabel": label})
}

/// The schema name: as the vendor writes names of one word.
fn schema_name(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

fn entity(table: &TableDef) -> Value {
    json!({
        "LogicalName": table.name,
        "SchemaName": schema_name(table.name),
        "EntitySetName": table.set,
        "LogicalCollectionName": table.set,
        "PrimaryIdAttribute": table.primary_id,
        "PrimaryNameAttribute": table.primary_name,
        "ObjectTypeCode": table.object_type_code,
        "OwnershipType": table.ownership.spelling(),
        "DisplayName": label(table.display_name),
        "IsCustomEntity": table.family.is_some(),
        "IsActivity": false,
        "IsIntersect": false,
    })
}

fn attribute(table: &TableDef, column: &ColumnDef, options: bool) -> Value {
    let mut object = Map::new();
    let mut set = |name: &str, value: Value| object.insert(name.to_owned(), value);
    set("@odata.type", json!(format!("#Microsoft.Dynamics.CRM.{}", type_name(column.kind))));
    set("LogicalName", json!(column.name));
    set("SchemaName", json!(schema_name(column.name)));
    set("EntityLogicalName", json!(table.name));
    set("AttributeType", json!(type_name(column.kind).trim_end_matches("AttributeMetadata")));
    set("DisplayName", label(column.name));
    set("IsPrimaryId", json!(column.name == table.primary_id));
    set("IsPrimaryName", json!(Some(column.name) == table.primary_name));
    set("IsValidForCreate", json!(column.creatable));
    set("IsValidForRead", json!(true));
    set("IsValidForUpdate", json!(column.updatable));
    let level = if column.required { "ApplicationRequired" } else { "None" };
    set("RequiredLevel", json!({"Value": level, "CanBeChanged": false}));
    if let Kind::Text(length) | Kind::Memo(length) = column.kind {
        set("MaxLength", json!(length));
    }
    if let Some((target, _)) = column.kind.lookup() {
        set("Targets", json!([target]));
    }
    if let (true, Some(choices)) = (options, column.kind.choices()) {
        let choices: Vec<_> = choices
            .iter()
            .map(|(value, text)| json!({"Value": value, "Label": label(text)}))
            .collect();
        set("OptionSet", json!({"IsGlobal": false, "Options": choices}));
    }
    Value::Object(object)
}

fn type_name(kind: Kind) -> &'static str {
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

fn listed(all: Vec<Value>, query: &QueryString, context: &str) -> Result<Value, Fault> {
    let around = Surroundings::bare(query);
    let filter =
        query.get("$filter").map(|text| filter::parse_metadata(text, &around)).transpose()?;
    let top = match query.get("$top") {
        Some(top) => top.trim().parse().map_err(|_| Fault::syntax("$top is a whole number."))?,
        None => usize::MAX,
    };
    let kept = all
        .into_iter()
        .filter(|object| filter.as_ref().is_none_or(|filter| holds(object, filter)))
        .take(top)
        .map(|object| selected(object, query))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(json!({"@odata.context": context, "value": kept}))
}

fn single(object: Value, query: &QueryString, context: &str) -> Result<Value, Fault> {
    let mut whole = Map::new();
    whole.insert("@odata.context".to_owned(), json!(context));
    if let Value::Object(inner) = selected(object, query)? {
        whole.extend(inner);
    }
    Ok(Value::Object(whole))
}

/// `$select`, and an `$expand` that can only name what is there already.
fn selected(object: Value, query: &QueryString) -> Result<Value, Fault> {
    let Value::Object(object) = object else { return Ok(object) };
    let Some(select) = query.get("$select") else { return Ok(Value::Object(object)) };
    let mut names: Vec<&str> = select.split(',').map(str::trim).filter(|n| !n.is_empty()).collect();
    if let Some(expand) = query.get("$expand") {
        let name = expand.split('(').next().unwrap_or("").trim();
        if !matches!(name, "OptionSet" | "GlobalOptionSet" | "Attributes") {
            return Err(Fault::no_property("EntityMetadata", name));
        }
        names.push(name);
    }
    let kept = object
        .into_iter()
        .filter(|(name, _)| name.starts_with('@') || names.contains(&name.as_str()))
        .collect();
    Ok(Value::Object(kept))
}

/// Whether an object of metadata fits a filter.
fn holds(object: &Value, filter: &Expr) -> bool {
    let text = |path: &[String]| {
        let value = path.iter().try_fold(object, |value, name| value.get(name))?;
        match value {
            Value::String(text) => Some(text.to_ascii_lowercase()),
            Value::Null => None,
            other => Some(other.to_string()),
        }
    };
    let literal = |literal: &Literal| match literal {
        Literal::Text(text) | Literal::Guid(text) => Some(text.to_ascii_lowercase()),
        Literal::Int(number) => Some(number.to_string()),
        Literal::Flag(flag) => Some(flag.to_string()),
        _ => None,
    };
    match filter {
        Expr::And(parts) => parts.iter().all(|part| holds(object, part)),
        Expr::Or(parts) => parts.iter().any(|part| holds(object, part)),
        Expr::Not(inner) => !holds(object, inner),
        Expr::Compare { left, by, right } => {
            let side = |operand: &Operand| match operand {
                Operand::Path(path) => text(path),
                Operand::Literal(value) => literal(value),
                Operand::Of { .. } => None,
            };
            let same = side(left) == side(right);
            if *by == Compare::Ne { !same } else { same }
        }
        // No text of a filter on metadata makes these.
        Expr::Exists { .. }
        | Expr::At { .. }
        | Expr::Line { .. }
        | Expr::Holds { .. }
        | Expr::Quarter { .. } => false,
        Expr::In { path, values } => values.iter().any(|value| text(path) == literal(value)),
        Expr::Match { path, by, pattern } => text(path).is_some_and(|text| {
            let pattern = pattern.to_ascii_lowercase();
            match by {
                Match::Contains => text.contains(&pattern),
                Match::StartsWith => text.starts_with(&pattern),
                Match::EndsWith => text.ends_with(&pattern),
                Match::Whole => text == pattern,
            }
        }),
    }
}
