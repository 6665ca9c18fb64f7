//! CR012: an operation that the custom connector's definition does not have.
use std::collections::{HashMap, HashSet};

use super::connector::operations;
use super::context::Context;
use super::draft::Draft;
use super::text::cut;
use crate::catalogue::code;
use crate::finding::Severity;

pub(super) fn check(cx: &Context<'_>, out: &mut Vec<Draft>) {
    let mut known: HashMap<&str, Option<HashSet<String>>> = HashMap::new();
    for flow in &cx.flows {
        for action in &flow.actions {
            let operation = action.operation();
            let connector = action.entry().and_then(|entry| cx.all_connectors.of_entry(entry));
            let Some((connector, definition)) =
                connector.and_then(|c| Some((c, c.openapi_definition.as_deref()?)))
            else {
                continue;
            };
            let ids = known.entry(&connector.name).or_insert_with(|| operations(definition));
            let Some(ids) = ids else { continue };
            if operation.is_empty() || ids.contains(&operation.to_lowercase()) {
                continue;
            }
            out.push(Draft::new(
                code::CR012,
                Severity::Warning,
                flow.subject(),
                flow.at_action(action, &["inputs", "host", "operationId"]),
                format!(
                    "`{}` calls `{}`, which the definition of the connector `{}` does not have",
                    cut(action.name),
                    cut(operation),
                    cut(&connector.display_name)
                ),
                "bring the connector and the flow to the same version",
            ));
        }
    }
}
