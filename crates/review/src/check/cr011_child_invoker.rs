//! CR011: a flow that others call as a child uses invoker connections.
use std::collections::{BTreeSet, HashSet};

use connref_solution::model::package::RuntimeSource;

use super::context::Context;
use super::draft::Draft;
use super::text::cut;
use crate::catalogue::code;
use crate::finding::Severity;

const HELP: &str = "a child runs without a caller of its own (`ChildFlowUnsupportedForInvokerConnections`): set its run-only connections to be provided by the flow";

pub(super) fn check(cx: &Context<'_>, out: &mut Vec<Draft>) {
    let called = cx.called();
    for flow in &cx.flows {
        let Some(caller) = called.get(&flow.source.id) else { continue };
        let invoker: Vec<_> =
            flow.entries().iter().filter(|e| e.source == RuntimeSource::Invoker).collect();
        let Some(first) = invoker.first() else { continue };
        let apis: BTreeSet<String> =
            invoker.iter().map(|e| format!("`{}`", cut(cx.api_of(e).as_str()))).collect();
        let apis = apis.into_iter().collect::<Vec<_>>().join(", ");
        out.push(Draft::new(
            code::CR011,
            Severity::Error,
            flow.subject(),
            flow.at_entry(&first.key),
            format!(
                "`{}` is called by `{}`, but uses its caller's connections: {apis}",
                cut(&flow.source.name),
                cut(caller)
            ),
            HELP,
        ));
    }
    beside(cx, out);
}

/// Children that lie in a package given beside this one.
fn beside(cx: &Context<'_>, out: &mut Vec<Draft>) {
    // A copy of this package beside it tells nothing new.
    let own: HashSet<_> = cx.flows.iter().map(|f| f.source.id.as_str()).collect();
    for flow in &cx.flows {
        for action in flow.actions.iter().filter(|a| a.is("Workflow")) {
            let child = action.child().to_ascii_lowercase();
            if cx.invoker_beside(&child) && !own.contains(child.as_str()) {
                out.push(Draft::new(
                    code::CR011,
                    Severity::Error,
                    flow.subject(),
                    flow.at_action(action, &["inputs", "host"]),
                    format!(
                        "`{}` calls a child flow that uses its caller's connections",
                        cut(&flow.source.name)
                    ),
                    HELP,
                ));
            }
        }
    }
}
