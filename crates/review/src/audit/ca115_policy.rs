//! CA115: a flow that breaks a data policy, or a binding that breaks a rule for bindings.
use std::collections::HashSet;

use connref_solution::artefact::bindings_lock::target_of;
use connref_solution::model::facts::{FlowFacts, PrincipalFacts, ReferenceFacts};

use super::{Cx, live};
use crate::catalogue::code;
use crate::finding::{Finding, Severity, Subject};
use crate::fix;
use crate::policy::{BindingCase, Policies, Use, bindings_evaluate, evaluate};

pub(super) fn findings(cx: &Cx<'_>) -> Vec<Finding> {
    let Some(policies) = cx.options.policies else { return Vec::new() };
    let mut found = Vec::new();
    for flow in cx.facts().flows.iter().filter(|f| live(f)) {
        found.extend(flow_findings(cx, policies, flow));
    }
    for reference in &cx.facts().references {
        found.extend(binding_findings(cx, policies, reference));
    }
    found
}

fn flow_findings(cx: &Cx<'_>, policies: &Policies, flow: &FlowFacts) -> Vec<Finding> {
    let mut uses: Vec<Use<'_>> = flow
        .operations
        .iter()
        .map(|one| Use {
            api: one.api_name.clone(),
            operation: Some(one.operation.as_str()),
            endpoint: one.endpoint.as_deref(),
            host: None,
        })
        .collect();
    // A connector counts even where no action uses it.
    let met: HashSet<String> = uses.iter().map(|one| one.api.key()).collect();
    for entry in flow.references.iter().filter(|e| !met.contains(&e.api_name.key())) {
        uses.push(Use { api: entry.api_name.clone(), operation: None, endpoint: None, host: None });
    }
    let mut found = Vec::new();
    for broken in evaluate(&policies.data, Some(&cx.facts().environment.id), &uses) {
        let mut told = HashSet::new();
        for (_, violation) in broken.found {
            if !told.insert(violation.clone()) {
                continue;
            }
            let message = format!("flow `{}`: {}", flow.name, violation.reason(&broken.policy));
            let help = "the environment suspends what breaks a data policy (`CompanyDlpViolation`), and the parents of a child flow with it";
            found.push(
                Finding::new(code::CA115, Severity::Error, Subject::flow(flow), message, help)
                    .fixed_by(fix::why(cx.facts(), &flow.name)),
            );
        }
    }
    found
}

fn binding_findings(cx: &Cx<'_>, policies: &Policies, reference: &ReferenceFacts) -> Vec<Finding> {
    let bound = reference.connection.as_ref().and_then(|id| cx.index.connection(id));
    let Some(connection) = bound else { return Vec::new() };
    let owner = cx.index.principal(&connection.owner);
    let names: Vec<&str> = owner
        .into_iter()
        .flat_map(|p: &PrincipalFacts| [Some(p.name.as_str()), p.application_id.as_deref()])
        .flatten()
        .collect();
    let binder = reference.bound_by.as_deref().and_then(|name| {
        cx.facts().principals.iter().find(|p| p.name.eq_ignore_ascii_case(name)).map(|p| &p.id)
    });
    let case = BindingCase {
        environment: cx.facts().environment.kind,
        reference: reference.logical_name.as_str(),
        connector: &reference.api_name,
        owner: &connection.owner,
        owner_kind: owner.map(|p| p.kind),
        owner_names: &names,
        binder,
        target: target_of(connection),
    };
    bindings_evaluate(&policies.rules, &case)
        .into_iter()
        .map(|broken| {
            let (severity, word) = match broken.known {
                true => (Severity::Error, "breaks"),
                false => (Severity::Warning, "cannot be held against"),
            };
            let message = format!(
                "the binding of `{}` {word} the rule `{}`: {}",
                reference.logical_name, broken.rule, broken.reason
            );
            let help = "bind a connection that satisfies the rule, or ask for the rule to change";
            Finding::new(code::CA115, severity, Subject::reference(reference), message, help)
                .fixed_by(fix::bind(cx.facts(), &reference.logical_name))
        })
        .collect()
}
