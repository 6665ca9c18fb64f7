//! `RetrieveMetadataChanges`: tables and what belongs to them, by a query in JSON. Nothing is told as
//! changed or deleted since a stamp: every answer is whole.
use connref_store::query::{ColumnDef, TableDef};
use serde_json::{Map, Value, json};

use super::parameters::Parameters;
use crate::webapi::entity_definition::collection;
use crate::webapi::metadata_document::{attribute, entity, option_set};
use crate::webapi::{Asked, Fault};

/// Deepest nesting of criteria.
const DEPTH_MAX: usize = 16;

pub(super) fn retrieve(asked: &Asked, parameters: &Parameters) -> Result<Value, Fault> {
    let query = Value::Object(parameters.object("Query").clone());
    let mut found = Vec::new();
    for table in asked.tables.all() {
        let document = entity(table);
        if fits(&document, &query["Criteria"], 0)? {
            found.push(complex_entity(asked, table, document, &query)?);
        }
    }
    Ok(json!({
        "ServerVersionStamp": asked.cx.environment.organization_id,
        "EntityMetadata": found,
        "DeletedMetadata": null,
    }))
}

fn complex_entity(
    asked: &Asked,
    table: &'static TableDef,
    document: Value,
    query: &Value,
) -> Result<Value, Fault> {
    let wanted = Wanted::read(&query["Properties"]);
    let mut shown = wanted.of(document);
    shown.insert("@odata.type".into(), json!("#Microsoft.Dynamics.CRM.ComplexEntityMetadata"));
    if wanted.names("Attributes") {
        let columns = table.columns.iter().map(|column| with_choices(table, column)).collect();
        shown.insert("Attributes".into(), below(columns, &query["AttributeQuery"])?);
    }
    let relationships =
        ["OneToManyRelationships", "ManyToOneRelationships", "ManyToManyRelationships"];
    let others = relationships.iter().map(|name| (*name, "RelationshipQuery"));
    for (name, by) in others.chain([("Keys", "KeyQuery")]) {
        if wanted.names(name) {
            let all = collection(table, name, asked.tables).unwrap_or_default();
            shown.insert(name.to_owned(), below(all, &query[by])?);
        }
    }
    Ok(Value::Object(shown))
}

fn with_choices(table: &TableDef, column: &ColumnDef) -> Value {
    let mut document = attribute(table, column);
    if let Some(set) = option_set(table, column) {
        document["OptionSet"] = set;
    }
    document
}

/// What belongs to a table, as a query of its own wants it. Types are told as the complex ones.
fn below(all: Vec<Value>, query: &Value) -> Result<Value, Fault> {
    let wanted = Wanted::read(&query["Properties"]);
    let mut kept = Vec::new();
    for one in all {
        if !fits(&one, &query["Criteria"], 0)? {
            continue;
        }
        let mut shown = wanted.of(one);
        if let Some(Value::String(class)) = shown.get_mut("@odata.type") {
            *class = class.replace("CRM.", "CRM.Complex");
        }
        kept.push(Value::Object(shown));
    }
    Ok(Value::Array(kept))
}

/// Which properties a query answers.
struct Wanted {
    all: bool,
    names: Vec<String>,
}

impl Wanted {
    fn read(properties: &Value) -> Self {
        let names = properties["PropertyNames"].as_array().map_or(&[][..], Vec::as_slice);
        Self {
            all: properties["AllProperties"] == true,
            names: names.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        }
    }

    fn names(&self, name: &str) -> bool {
        self.all || self.names.iter().any(|wanted| wanted == name)
    }

    /// The document with the properties that were wanted, and what identifies it.
    fn of(&self, document: Value) -> Map<String, Value> {
        let Value::Object(mut document) = document else { return Map::new() };
        document.retain(|name, _| {
            name.starts_with('@')
                || matches!(
                    name.as_str(),
                    "MetadataId" | "LogicalName" | "SchemaName" | "HasChanged"
                )
                || self.names(name)
        });
        document
    }
}

/// Whether a document fits criteria.
fn fits(document: &Value, criteria: &Value, depth: usize) -> Result<bool, Fault> {
    if depth > DEPTH_MAX {
        return Err(Fault::invalid(format!("Criteria nest at most {DEPTH_MAX} deep.")));
    }
    let list = |name: &str| criteria[name].as_array().map_or(&[][..], Vec::as_slice);
    let any = criteria["FilterOperator"].as_str().is_some_and(|by| by.eq_ignore_ascii_case("or"));
    let mut judged = Vec::new();
    for condition in list("Conditions") {
        judged.push(holds(document, condition)?);
    }
    for inner in list("Filters") {
        judged.push(fits(document, inner, depth + 1)?);
    }
    Ok(if any && !judged.is_empty() { judged.contains(&true) } else { !judged.contains(&false) })
}

fn holds(document: &Value, condition: &Value) -> Result<bool, Fault> {
    let name = condition["PropertyName"].as_str().unwrap_or_default();
    let own = text(&document[name]);
    // A value alone, or with the name of its type.
    let given = &condition["Value"];
    let given = given.get("Value").unwrap_or(given);
    let among = || match given {
        Value::Array(values) => values.iter().any(|value| text(value) == own),
        Value::String(list) => list.split(',').any(|value| value.trim().eq_ignore_ascii_case(&own)),
        other => text(other) == own,
    };
    match condition["ConditionOperator"].as_str().unwrap_or_default() {
        "Equals" => Ok(text(given) == own),
        "NotEquals" => Ok(text(given) != own),
        "In" => Ok(among()),
        "NotIn" => Ok(!among()),
        other => Err(Fault::unsupported(format!(
            "the operator `{other}` is not supported in a query of metadata"
        ))),
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.to_ascii_lowercase(),
        Value::Null => String::new(),
        // Managed properties compare by what they hold.
        Value::Object(object) => object.get("Value").map(text).unwrap_or_default(),
        other => other.to_string(),
    }
}
