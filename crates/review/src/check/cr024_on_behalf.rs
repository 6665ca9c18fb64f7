//! CR024: who acts is not the owner of the connection alone.
use connref_solution::document::json::JsonNode;

use super::context::Context;
use super::draft::Draft;
use super::text::cut;
use crate::catalogue::code;
use crate::finding::Severity;

const HELP: &str = "what it may do differs from one run to the next, and whoever saves it needs the privilege to act for others; nothing to do if it is meant";

pub(super) fn check(cx: &Context<'_>, out: &mut Vec<Draft>) {
    for flow in &cx.flows {
        for entry in flow.entries().iter().filter(|e| e.on_behalf_of_invoker) {
            out.push(Draft::new(
                code::CR024,
                Severity::Note,
                flow.subject(),
                flow.at_entry(&entry.key),
                format!(
                    "`{}` uses `{}` on behalf of whoever runs it",
                    cut(&flow.source.name),
                    cut(cx.api_of(entry).as_str())
                ),
                HELP,
            ));
        }
        // With such an entry it is the same thing told from the other side.
        if flow.entries().iter().any(|e| e.on_behalf_of_invoker) {
            continue;
        }
        for action in flow.actions.iter().filter(|a| a.trigger) {
            let runas = action.parameters().find(|(n, _)| *n == "subscriptionRequest/runas");
            // 1 modifying user, 2 owner of the row, 3 owner of the flow.
            let number = |value: JsonNode<'_>| {
                value.as_i64().or_else(|| value.as_str()?.trim().parse().ok())
            };
            let who = match runas.and_then(|(_, value)| number(value)) {
                Some(1) => "whoever changed the row",
                Some(2) => "the owner of the row",
                _ => continue,
            };
            out.push(Draft::new(
                code::CR024,
                Severity::Note,
                flow.subject(),
                flow.at_action(action, &["inputs", "parameters", "subscriptionRequest/runas"]),
                format!("the Dataverse actions of `{}` run as {who}", cut(&flow.source.name)),
                HELP,
            ));
        }
    }
}
