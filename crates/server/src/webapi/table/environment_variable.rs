//! Environment variables: definitions, and the value of this environment.
use connref_store::query::{Cell, Expr, Literal, Query, Record, table_by_logical_name};
use connref_store::variable::VariableUpdate;

use super::{solution_header, text_of};
use crate::operation::variable::{
    VariableCreate, variable_create, variable_delete, variable_update, variable_value_delete,
    variable_value_set,
};
use crate::webapi::body::Fields;
use crate::webapi::locate::{pointed, run};
use crate::webapi::{Asked, Fault};

const DEFINITION: &str = "environmentvariabledefinition";
const DEFINITION_ID: &str = "environmentvariabledefinitionid";
const VALUE: &str = "environmentvariablevalue";
/// The choice for text.
const TEXT: i64 = 100_000_000;

pub(super) async fn create(asked: &Asked, mut fields: Fields) -> Result<String, Fault> {
    let new = VariableCreate {
        schema_name: fields.text("schemaname").unwrap_or_default(),
        display_name: fields.text("displayname").unwrap_or_default(),
        description: fields.text("description"),
        kind: fields.int("type").unwrap_or(TEXT),
        default_value: fields.text("defaultvalue"),
        required: fields.flag("isrequired").unwrap_or(false),
        api_name: fields.text("apiid"),
        parameter_key: fields.text("parameterkey"),
        parent: match fields.row("parentdefinitionid") {
            Some(segment) => Some(pointed(asked, &segment, DEFINITION).await?.id),
            None => None,
        },
        secret_store: fields.int("secretstore"),
        solution: solution_header(asked),
    };
    fields.finish()?;
    Ok(variable_create(&asked.cx, new).await?.as_str().to_owned())
}

pub(super) async fn update(
    asked: &Asked,
    record: &Record,
    mut fields: Fields,
) -> Result<(), Fault> {
    let update = VariableUpdate {
        display_name: fields.text("displayname"),
        description: fields.nullable("description").map(Option::unwrap_or_default),
        default_value: fields.nullable("defaultvalue").map(Option::unwrap_or_default),
        required: fields.flag("isrequired"),
    };
    fields.finish()?;
    Ok(variable_update(&asked.cx, &text_of(record, "schemaname"), update).await?)
}

pub(super) async fn delete(asked: &Asked, record: &Record) -> Result<(), Fault> {
    Ok(variable_delete(&asked.cx, &text_of(record, "schemaname")).await?)
}

/// A value belongs to its definition; `schemaname`, which clients repeat, must be the same.
pub(super) async fn value_create(asked: &Asked, mut fields: Fields) -> Result<String, Fault> {
    let segment = fields.row(DEFINITION_ID).ok_or_else(|| {
        Fault::payload("The property `EnvironmentVariableDefinitionId@odata.bind` is required.")
    })?;
    let (name, value) = (fields.text("schemaname"), fields.text("value").unwrap_or_default());
    fields.finish()?;
    let definition = pointed(asked, &segment, DEFINITION).await?;
    let schema_name = text_of(&definition, "schemaname");
    if name.is_some_and(|name| !name.eq_ignore_ascii_case(&schema_name)) {
        return Err(Fault::invalid(format!(
            "`schemaname` is not that of the definition, `{schema_name}`."
        )));
    }
    // What travelled in a managed package is no value of this environment: it is overlaid.
    let own = |row: &Record| row.cell("ismanaged") != Some(&Cell::Flag(true));
    if value_of(asked, &definition.id).await?.is_some_and(|row| own(&row)) {
        return Err(Fault::duplicate());
    }
    set(asked, &definition.id, &schema_name, value).await
}

pub(super) async fn value_update(
    asked: &Asked,
    record: &Record,
    mut fields: Fields,
) -> Result<(), Fault> {
    let value = fields.text("value");
    fields.finish()?;
    if let Some(value) = value {
        let definition = text_of(record, DEFINITION_ID);
        set(asked, &definition, &text_of(record, "schemaname"), value).await?;
    }
    Ok(())
}

pub(super) async fn value_delete(asked: &Asked, record: &Record) -> Result<(), Fault> {
    if record.cell("ismanaged") == Some(&Cell::Flag(true)) {
        return Err(Fault::invalid(
            "This value came with a managed solution; set another over it.",
        ));
    }
    Ok(variable_value_delete(&asked.cx, &text_of(record, "schemaname")).await?)
}

/// Sets the value; answers the id of its row.
async fn set(
    asked: &Asked,
    definition: &str,
    schema_name: &str,
    value: String,
) -> Result<String, Fault> {
    variable_value_set(&asked.cx, schema_name, value).await?;
    let row = value_of(asked, definition).await?;
    row.map(|row| row.id).ok_or_else(|| Fault::no_row(VALUE, definition))
}

async fn value_of(asked: &Asked, definition: &str) -> Result<Option<Record>, Fault> {
    let table = table_by_logical_name(VALUE).ok_or_else(|| Fault::no_resource(VALUE))?;
    let mut query = Query::new(table);
    query.filter = Some(Expr::equal(DEFINITION_ID, Literal::Guid(definition.to_owned())));
    query.top = Some(1);
    Ok(run(asked, query).await?.pop())
}
