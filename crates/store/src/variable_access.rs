//! Who may do what with an environment variable: the definition and its value are rows of their own.
use connref_solution::model::{EnvironmentId, VariableId};

use crate::Result;
use crate::access::{Caller, Entity, Target, Verb, check};
use crate::db::Sql;

fn target<'a>(id: &'a str, name: &'a str) -> Target<'a> {
    Target { entity: Entity::VariableDefinition, id, kind: "environment variable", name }
}

/// Refuses unless the caller may do this to the definition.
pub(crate) fn definition_check(
    sql: &mut Sql<'_>,
    caller: &Caller,
    environment: &EnvironmentId,
    verb: Verb,
    id: &VariableId,
    name: &str,
) -> Result<()> {
    let attempt = match verb {
        Verb::Read => "see this environment variable",
        Verb::Delete => "delete this environment variable",
        _ => "change this environment variable",
    };
    check(sql, caller, environment, verb, target(id.as_str(), name), attempt).map(|_| ())
}

/// A value that is there is changed by whoever may change it; a new one is put to a definition by
/// whoever may append to that.
pub(crate) fn value_check(
    sql: &mut Sql<'_>,
    caller: &Caller,
    environment: &EnvironmentId,
    verb: Verb,
    definition: &VariableId,
    name: &str,
) -> Result<()> {
    let attempt = "set this environment variable";
    let row = sql.query_one(
        "SELECT environmentvariablevalueid FROM environmentvariablevalue WHERE environmentid = $1 \
         AND environmentvariabledefinitionid = $2 AND base = 0",
        &[environment.as_str().into(), definition.as_str().into()],
    )?;
    let place = target(definition.as_str(), name);
    match row {
        Some(row) => {
            let id = row.text(0)?;
            let place = Target { entity: Entity::VariableValue, id: &id, ..place };
            check(sql, caller, environment, verb, place, attempt)?;
        }
        None => {
            check(sql, caller, environment, Verb::AppendTo, place, attempt)?;
        }
    }
    Ok(())
}
