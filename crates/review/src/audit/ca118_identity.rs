//! CA118: a flow whose next run acts as somebody else than its last one did.
use connref_solution::model::facts::{Acted, ConnectionFacts, FlowFacts};
use connref_solution::model::package::RuntimeSource;

use super::{Cx, live};
use crate::catalogue::code;
use crate::finding::{Finding, Severity, Subject};
use crate::standing::route;

pub(super) fn findings(cx: &Cx<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for flow in cx.facts().flows.iter().filter(|f| live(f)) {
        for entry in flow.references.iter().filter(|e| e.source == RuntimeSource::Embedded) {
            let Some(name) = &entry.logical_name else { continue };
            let last = flow.acted.iter().rev().find(|acted| acted.reference.as_ref() == Some(name));
            let now = route(&cx.index, flow, entry).ok().and_then(|r| r.connection());
            if let (Some(last), Some(now)) = (last, now) {
                found.extend(finding(cx, flow, last, now));
            }
        }
    }
    found.dedup();
    found
}

fn finding(cx: &Cx<'_>, flow: &FlowFacts, last: &Acted, now: &ConnectionFacts) -> Option<Finding> {
    let owner = cx.index.principal_name(&now.owner);
    let tested = now.fingerprint.as_ref().and_then(|print| print.identity.as_deref());
    let mut known = now.account.as_deref().into_iter().chain(tested).chain(Some(owner));
    // What was learned about one connection since is no change of it: its owner may have stood for
    // an account that a test found out.
    if known.any(|who| who.eq_ignore_ascii_case(&last.identity)) {
        return None;
    }
    let who = now.account.as_deref().or(tested).unwrap_or(owner);
    let reference = last.reference.as_ref()?;
    let message = format!(
        "the next run of flow `{}` acts as `{who}` through `{reference}`; its last one acted as `{}`",
        flow.name, last.identity
    );
    let help = "look whether the new identity has the rights that the flow needs, and whether this was meant";
    let command = format!(
        "connref ref history {} --env {}",
        crate::fix::arg(reference),
        crate::fix::arg(&cx.facts().environment.name)
    );
    Some(
        Finding::new(code::CA118, Severity::Warning, Subject::flow(flow), message, help)
            .fixed_by(command),
    )
}
