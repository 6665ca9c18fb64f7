//! Environment variables: what each is, what it holds, and what is still open.
use std::collections::HashMap;

use connref_solution::model::DeploymentSettings;
use connref_solution::model::LogicalName;
use connref_solution::model::package::PackageVariable;

use super::connector;
use super::{Shown, VariableFacts, VariableKind, short};
use crate::check::context::Context;
use crate::check::text::{connection_string, key_in_address, secret_like, secret_name, vault_path};

pub(super) fn variables(
    cx: &Context<'_>,
    settings: Option<&DeploymentSettings>,
) -> Vec<VariableFacts> {
    let mut readers: HashMap<LogicalName, Vec<String>> = HashMap::new();
    let mut read = |name: &LogicalName, who: String| {
        let list = readers.entry(name.clone()).or_default();
        if !list.contains(&who) {
            list.push(who);
        }
    };
    for flow in &cx.flows {
        for variable in &flow.source.body.variables {
            read(&variable.schema_name, flow.source.name.clone());
        }
    }
    for own in &cx.package.connectors {
        for name in connector::variables(own) {
            read(&name, own.display_name.clone());
        }
    }
    let facts = |variable: &PackageVariable| {
        let name = &variable.schema_name;
        let source = variable.api_name.clone();
        let filled = settings.map(|settings| {
            settings.variables.iter().any(|s| s.schema_name == *name && !s.value.is_empty())
        });
        VariableFacts {
            schema_name: name.clone(),
            display_name: variable.display_name.clone(),
            description: variable.description.clone().unwrap_or_default(),
            kind: kind(variable.kind),
            required: variable.required,
            default: shown(variable, variable.default_value.as_deref()),
            value: shown(variable, variable.value.as_deref()),
            source: source.map(|api| (api, variable.parameter_key.clone().unwrap_or_default())),
            parent: variable.parent.clone(),
            used_by: readers.get(name).cloned().unwrap_or_default(),
            filled,
        }
    };
    cx.package.variables.iter().map(facts).collect()
}

fn kind(number: i64) -> VariableKind {
    match number {
        100_000_000 => VariableKind::Text,
        100_000_001 => VariableKind::Number,
        100_000_002 => VariableKind::Boolean,
        100_000_003 => VariableKind::Json,
        100_000_004 => VariableKind::DataSource,
        100_000_005 => VariableKind::Secret,
        other => VariableKind::Other(other),
    }
}

/// A runbook goes from hand to hand: what is, or may be, a secret stays out of it.
fn shown(variable: &PackageVariable, text: Option<&str>) -> Shown {
    let Some(text) = text.filter(|t| !t.trim().is_empty()) else { return Shown::Nothing };
    let named = secret_name(variable.schema_name.as_str()) || secret_name(&variable.display_name);
    let secret = match kind(variable.kind) {
        VariableKind::Secret => !vault_path(text),
        VariableKind::Number | VariableKind::Boolean => false,
        _ => {
            !vault_path(text)
                && ((named && secret_like(text))
                    || connection_string(text).is_some()
                    || key_in_address(text).is_some())
        }
    };
    if secret { Shown::Withheld } else { Shown::Text(short(text)) }
}
