//! The methods of an address, for the `Allow` header that goes with a 405.
use connref_store::query::{ColumnDef, TableDef, ToMany};
use http::Method;

use super::Asked;
use super::names;
use super::path::Segment;
use super::table::takes;
use super::verb::{VerbKind, bound, verb};

/// The methods that the address of a request takes.
pub(super) fn allowed(asked: &Asked) -> Vec<Method> {
    let Some((first, rest)) = asked.segments.split_first() else { return vec![Method::GET] };
    match (first.name.as_str(), asked.tables.by_set(&first.name), verb(&first.name)) {
        ("$batch", ..) => vec![Method::POST],
        (_, Some(table), _) => of_rows(table, first, rest),
        (_, None, Some(verb)) if verb.kind == VerbKind::Action => vec![Method::POST],
        _ => vec![Method::GET],
    }
}

fn of_rows(table: &'static TableDef, first: &Segment, rest: &[Segment]) -> Vec<Method> {
    let takes = takes(table);
    let mut methods = match rest.last() {
        Some(last) if last.name == "$ref" => {
            return vec![Method::POST, Method::PUT, Method::DELETE];
        }
        _ => vec![Method::GET],
    };
    match (&first.arguments, rest) {
        (None, []) if takes.create => methods.push(Method::POST),
        (Some(_), []) => {
            methods.extend(takes.update.then_some(Method::PATCH));
            methods.extend(takes.delete.then_some(Method::DELETE));
        }
        (Some(_), [next]) if bound(table, &next.name).is_some() => return vec![Method::POST],
        (Some(_), [next])
            if table.collection(&next.name).is_some_and(|many| inserts(table, many).is_some()) =>
        {
            methods.push(Method::POST);
        }
        (Some(_), [property]) if takes.update && changes(table, property) => {
            methods.extend([Method::PUT, Method::DELETE]);
        }
        _ => {}
    }
    methods
}

/// The table of a collection and the lookup back, if new rows can be made through it.
pub(super) fn inserts(
    table: &'static TableDef,
    many: &ToMany,
) -> Option<(&'static TableDef, &'static ColumnDef)> {
    let target = table.beside(many.table).filter(|target| takes(target).create)?;
    let lookup = target.column(many.column).filter(|column| column.creatable)?;
    Some((target, lookup))
}

/// A property that can be changed at its own address.
pub(super) fn changes(table: &'static TableDef, property: &Segment) -> bool {
    table.navigation(&property.name).is_none()
        && property.arguments.is_none()
        && names::column(table, &property.name)
            .is_ok_and(|column| column.updatable && column.kind.lookup().is_none())
}
