//! CR023: a secret is read by an action whose outputs everybody sees in the run history.
use connref_solution::document::json::JsonNode;

use super::context::{Action, Context};
use super::draft::Draft;
use super::text::{cut, literal};
use crate::catalogue::code;
use crate::finding::Severity;

pub(super) fn check(cx: &Context<'_>, out: &mut Vec<Draft>) {
    for flow in &cx.flows {
        for action in &flow.actions {
            let api = action.entry().map_or("", |entry| cx.api_of(entry).as_str());
            if !reads_secret(action, api) || secure(action) {
                continue;
            }
            out.push(Draft::new(
                code::CR023,
                Severity::Warning,
                flow.subject(),
                flow.at_action(action, &[]),
                format!(
                    "`{}` of `{}` reads a secret, and its outputs are not secured",
                    cut(action.name),
                    cut(&flow.source.name)
                ),
                "turn on secure outputs for the action, and secure inputs where the secret goes",
            ));
        }
    }
}

fn reads_secret(action: &Action<'_>, api: &str) -> bool {
    let operation = action.operation();
    if api.eq_ignore_ascii_case("shared_keyvault") {
        return operation.eq_ignore_ascii_case("GetSecret")
            || operation.eq_ignore_ascii_case("GetSecretVersion");
    }
    let start = "performunboundaction";
    operation.get(..start.len()).is_some_and(|o| o.eq_ignore_ascii_case(start))
        && action.parameters().any(|(name, value)| {
            name == "actionName"
                && literal(value).is_some_and(|v| {
                    v.eq_ignore_ascii_case("RetrieveEnvironmentVariableSecretValue")
                })
        })
}

fn secure(action: &Action<'_>) -> bool {
    let list = action.value().at("/runtimeConfiguration/secureData/properties");
    list.and_then(JsonNode::as_array).is_some_and(|mut l| {
        l.any(|p| p.as_str().is_some_and(|p| p.eq_ignore_ascii_case("outputs")))
    })
}
