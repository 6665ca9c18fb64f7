//! Between OData's names and logical columns: `_x_value`, navigation properties, managed properties.
use std::borrow::Cow;

use connref_store::query::{ColumnDef, Kind, TableDef};

use super::fault::Fault;

/// The OData name of a column.
pub(super) fn property(column: &ColumnDef) -> Cow<'static, str> {
    match column.kind {
        Kind::Lookup { .. } => Cow::Owned(format!("_{}_value", column.name)),
        _ => Cow::Borrowed(column.name),
    }
}

/// The column behind one OData name.
pub(super) fn column(table: &'static TableDef, name: &str) -> Result<&'static ColumnDef, Fault> {
    let lookup = name
        .strip_prefix('_')
        .and_then(|rest| rest.strip_suffix("_value"))
        .and_then(|inner| table.column(inner))
        .filter(|column| column.kind.lookup().is_some());
    lookup
        .or_else(|| table.column(name))
        .or_else(|| table.navigation(name))
        .ok_or_else(|| Fault::no_property(table.name, name))
}

/// What a path of names leads to, and the logical columns on the way.
pub(super) fn path(
    table: &'static TableDef,
    written: &str,
) -> Result<(Vec<String>, &'static ColumnDef), Fault> {
    let mut table = table;
    let mut columns = Vec::new();
    let mut names = written.split('/').peekable();
    while let Some(name) = names.next() {
        let found = match names.peek() {
            Some(_) => table.navigation(name).map_or_else(|| column(table, name), Ok)?,
            None => column(table, name)?,
        };
        columns.push(found.name.to_owned());
        match (names.peek(), found.kind) {
            (None, _) => return Ok((columns, found)),
            (Some(&"Value"), Kind::Managed) => return Ok((columns, found)),
            (Some(next), Kind::Lookup { target, .. }) => {
                table = table.beside(target).ok_or_else(|| Fault::no_property(table.name, next))?;
            }
            (Some(next), _) => return Err(Fault::no_property(found.name, next)),
        }
    }
    Err(Fault::no_property(table.name, written))
}

/// The logical columns of a `$select`; `*` stands for all.
pub(super) fn select(table: &'static TableDef, text: &str) -> Result<Option<Vec<String>>, Fault> {
    let names: Vec<_> = text.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    if names.is_empty() || names.contains(&"*") {
        return Ok(None);
    }
    let columns = names
        .into_iter()
        .map(|name| Ok(column(table, name)?.name.to_owned()))
        .collect::<Result<Vec<_>, Fault>>()?;
    Ok(Some(columns))
}

#[cfg(test)]
mod tests {
    use super::*;
    use connref_store::query::table_by_set;

    fn shown(set: &str, written: &str) -> String {
        match path(table_by_set(set).unwrap(), written) {
            Ok((columns, _)) => columns.join("/"),
            Err(fault) => fault.message,
        }
    }

    #[test]
    fn names_lead_to_columns() {
        for (set, written, expected) in [
            ("workflows", "_ownerid_value", "ownerid"),
            ("workflows", "ownerid/fullname", "ownerid/fullname"),
            ("workflows", "ownerid/businessunitid/name", "ownerid/businessunitid/name"),
            ("connectionreferences", "iscustomizable/Value", "iscustomizable"),
            (
                "environmentvariablevalues",
                "EnvironmentVariableDefinitionId/schemaname",
                "environmentvariabledefinitionid/schemaname",
            ),
            (
                "workflows",
                "_name_value",
                "Could not find a property named '_name_value' on type 'Microsoft.Dynamics.CRM.workflow'.",
            ),
        ] {
            assert_eq!(shown(set, written), expected);
        }
        assert!(shown("workflows", "name/x").contains("Could not find"));
        assert!(shown("workflows", "").contains("Could not find"));
    }
}
