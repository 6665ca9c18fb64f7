//! CA104: a person's connection behind production flows. Calls through the caller's own connection
//! are a person's by intention and are not looked at.
use connref_solution::model::facts::{
    Capability, ConnectionFacts, ConnectionKind, EnvironmentKind,
};

use super::{Cx, many, named, names};
use crate::catalogue::code;
use crate::departure::{Dependents, dependents};
use crate::finding::{Finding, Severity, Subject};
use crate::fix;

pub(super) fn findings(cx: &Cx<'_>) -> Vec<Finding> {
    if cx.facts().environment.kind != EnvironmentKind::Production {
        return Vec::new();
    }
    let people = cx.facts().connections.iter().filter(|c| c.kind == ConnectionKind::User);
    people.filter_map(|connection| finding(cx, connection)).collect()
}

fn finding(cx: &Cx<'_>, connection: &ConnectionFacts) -> Option<Finding> {
    let behind = dependents(&cx.index, connection);
    if behind.flows.is_empty() && behind.references.iter().all(|r| only_callers(cx, &behind, r)) {
        return None;
    }
    let connector = cx.index.connector(&connection.api_name);
    let capability = connector.map_or(Capability::Unknown, |c| c.service_principal);
    let owner = cx.index.principal_name(&connection.owner);
    let message = format!(
        "connection {} in production is `{owner}`'s own: {}, {}",
        named(connection),
        many(behind.references.len(), "reference"),
        many(behind.flows.len(), "flow")
    );
    let (severity, word) = match capability {
        Capability::No => (
            Severity::Note,
            "this connector has no way for a service principal to sign in: use an account that no person leaves with",
        ),
        Capability::Yes => (
            Severity::Warning,
            "a password change, a new sign-in rule or a departure stops it; a service principal can sign in here",
        ),
        Capability::Unknown => (
            Severity::Warning,
            "a password change, a new sign-in rule or a departure stops it; whether a service principal can sign in here is not known",
        ),
    };
    let mut help = word.to_owned();
    if !behind.flows.is_empty() {
        help += &format!("; flows: {}", names(behind.flows.iter().map(|(f, _)| f.name.as_str())));
    }
    let subject = Subject::connection(connection);
    let finding = Finding::new(code::CA104, severity, subject, message, help);
    Some(match capability {
        Capability::No => finding,
        _ => finding.fixed_by(fix::principal_create(cx.facts(), &connection.api_name)),
    })
}

/// Whether every flow behind a reference takes its caller's connection.
fn only_callers(
    cx: &Cx<'_>,
    behind: &Dependents<'_>,
    reference: &connref_solution::model::facts::ReferenceFacts,
) -> bool {
    behind.flows.is_empty() && cx.index.uses_of(&reference.logical_name).next().is_some()
}
