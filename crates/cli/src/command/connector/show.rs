//! `connref connector show`
use connref_client::connector::{Connector, Operation, Parameter, Way};
use serde_json::{Value, json};

use super::row;
use crate::exit::Failure;
use crate::render::{Column, Output};

/// Prints a connector: tables for people, everything for programs.
pub(super) fn print(one: &Connector, output: Output) -> Result<(), Failure> {
    if !output.is_table() {
        return output.one(&whole(one));
    }
    output.one(&card(one))?;
    let sections: [(&[Column], Vec<Value>); 3] = [
        (
            &[
                ("SIGN-IN", "kinds"),
                ("SET", "set"),
                ("SERVICE PRINCIPAL", "servicePrincipal"),
                ("WHY", "reason"),
            ],
            one.ways.iter().map(way).collect(),
        ),
        (
            &[
                ("CONNECTION PARAMETER", "name"),
                ("TYPE", "type"),
                ("SET", "set"),
                ("REQUIRED", "required"),
                ("PROVIDER", "identityProvider"),
                ("ALLOWED", "allowedValues"),
            ],
            one.parameters.iter().map(parameter).collect(),
        ),
        (
            &[
                ("OPERATION", "call"),
                ("METHOD", "method"),
                ("PATH", "path"),
                ("SUMMARY", "summary"),
                ("NOT CALLABLE", "reason"),
            ],
            one.operations.iter().map(line).collect(),
        ),
    ];
    for (columns, rows) in sections.iter().filter(|(_, rows)| !rows.is_empty()) {
        // A column that nobody fills says nothing.
        let filled = |member: &str| {
            rows.iter().any(|row| match &row[member] {
                Value::Null => false,
                Value::String(text) => !text.is_empty(),
                Value::Array(list) => !list.is_empty(),
                _ => true,
            })
        };
        let columns: Vec<Column> =
            columns.iter().copied().filter(|(_, member)| filled(member)).collect();
        output.text("\n")?;
        output.list(&columns, rows)?;
    }
    Ok(())
}

/// Everything, for programs.
pub(super) fn whole(one: &Connector) -> Value {
    let mut item = row(one);
    item["servicePrincipalReason"] = one.service_principal_reason.as_deref().into();
    item["authentication"] = one.ways.iter().map(way).collect();
    item["parameters"] = one.parameters.iter().map(parameter).collect();
    item["operations"] = one.operations.iter().map(operation).collect();
    item["policies"] = one.policies.clone().into();
    item["unsupportedPolicies"] = one.unsupported_policies.clone().into();
    item["warnings"] = one
        .warnings
        .iter()
        .map(|w| json!({"part": w.part, "line": w.line, "column": w.column, "message": w.message}))
        .collect();
    item
}

fn way(one: &Way) -> Value {
    json!({
        "set": one.set,
        "kinds": one.kinds,
        "identityProviders": one.providers,
        "servicePrincipal": one.service_principal,
        "reason": one.reason,
    })
}

fn parameter(one: &Parameter) -> Value {
    json!({
        "name": one.name, "type": one.kind, "set": one.set, "required": one.required,
        "identityProvider": one.provider, "allowedValues": one.allowed,
    })
}

fn operation(one: &Operation) -> Value {
    let parameters = one
        .parameters
        .iter()
        .map(|p| json!({"name": p.name, "in": p.place, "type": p.kind, "required": p.required}));
    json!({
        "id": one.id, "method": one.method, "path": one.path, "kind": one.kind,
        "summary": one.summary, "visibility": one.visibility, "deprecated": one.deprecated,
        "callable": one.reason.is_none(), "reason": one.reason,
        "parameters": parameters.collect::<Vec<_>>(),
    })
}

/// What stands above the tables.
fn card(one: &Connector) -> Value {
    let mut item = row(one);
    if let Some(reason) = &one.service_principal_reason {
        item["servicePrincipal"] = format!("{}: {reason}", one.service_principal).into();
    }
    if !one.policies.is_empty() {
        item["policies"] = one.policies.clone().into();
    }
    if !one.unsupported_policies.is_empty() {
        item["unsupportedPolicies"] = one.unsupported_policies.clone().into();
    }
    item
}

/// An operation as a line: required parameters carry a star.
fn line(one: &Operation) -> Value {
    let names = one.parameters.iter();
    let names: Vec<_> =
        names.map(|p| if p.required { format!("{}*", p.name) } else { p.name.clone() }).collect();
    let mut item = operation(one);
    item["call"] = format!("{}({})", one.id, names.join(", ")).into();
    item
}
