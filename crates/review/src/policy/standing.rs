//! The tenant's policies held against what an environment has: flows that break a data policy, and
//! bindings that break a rule (design, rule 13: the strictest wins).
use std::collections::BTreeSet;

use connref_solution::artefact::bindings_lock::target_of;
use connref_solution::artefact::workflow_json::flow_body_read;
use connref_solution::model::facts::{
    ConnectionFacts, EnvironmentFacts, FlowFacts, FlowState, PolicyFacts,
};
use connref_solution::model::{Facts, FlowId, LogicalName, PrincipalId};

use super::{BindingCase, Policies, Scope, Use, bindings_evaluate, evaluate, policies_read};
use crate::catalogue::code;
use crate::finding::Subject;
use crate::index::Index;
use crate::refusal::Refusal;

/// Policies that were read, and the names of those that could not be.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    policies: Policies,
    unreadable: Vec<String>,
}

impl Standing {
    /// Reads the documents. Whoever stores one has read it; a file may hold anything.
    pub(crate) fn of(documents: &[PolicyFacts], environment: &EnvironmentFacts) -> Self {
        let mut all = Self::default();
        for one in documents {
            match policies_read(one.document.as_bytes()) {
                Ok(read) => all.add(read, environment),
                Err(_) => all.unreadable.push(one.name.clone()),
            }
        }
        all
    }

    /// More policies, already read.
    pub(crate) fn add(&mut self, mut more: Policies, environment: &EnvironmentFacts) {
        more.data.iter_mut().for_each(|policy| by_id(&mut policy.scope, environment));
        self.policies.data.extend(more.data);
        self.policies.rules.extend(more.rules);
    }
}

/// Whoever writes a policy by hand names environments by their names.
fn by_id(scope: &mut Scope, environment: &EnvironmentFacts) {
    let (Scope::Only(list) | Scope::Except(list)) = scope else { return };
    for named in list.iter_mut().filter(|id| id.as_str().eq_ignore_ascii_case(&environment.name)) {
        *named = environment.id.clone();
    }
}

/// What a flow breaks, a sentence each; empty where nothing.
pub(crate) fn flow_violations(index: &Index<'_>, flow: &FlowFacts) -> Vec<String> {
    let standing = index.policies();
    let mut reasons: Vec<String> = standing
        .unreadable
        .iter()
        .map(|name| format!("the policy `{name}` cannot be read"))
        .collect();
    if standing.policies.data.is_empty() {
        return reasons;
    }
    let uses = flow_uses(index, flow);
    for broken in evaluate(&standing.policies.data, Some(&index.facts.environment.id), &uses) {
        for (_, violation) in &broken.found {
            let reason = violation.reason(&broken.policy);
            if !reasons.contains(&reason) {
                reasons.push(reason);
            }
        }
    }
    reasons
}

/// What the flow's operations use, and connectors that no operation uses: they count as well.
fn flow_uses<'a>(index: &Index<'a>, flow: &'a FlowFacts) -> Vec<Use<'a>> {
    let mut uses: Vec<Use<'a>> = flow
        .operations
        .iter()
        .map(|one| Use {
            api: one.api_name.clone(),
            operation: Some(one.operation.as_str()),
            endpoint: one.endpoint.as_deref(),
            host: None,
        })
        .collect();
    for entry in &flow.references {
        let named = entry.logical_name.as_ref().and_then(|name| index.reference(name));
        let api = match named {
            Some(reference) if entry.api_name.as_str().is_empty() => &reference.api_name,
            _ => &entry.api_name,
        };
        if !api.as_str().is_empty() && !uses.iter().any(|one| &one.api == api) {
            uses.push(Use { api: api.clone(), operation: None, endpoint: None, host: None });
        }
    }
    uses
}

/// The refusal of a flow that breaks data policies; `None` if it breaks none.
pub(crate) fn flow_refusal(index: &Index<'_>, flow: &FlowFacts) -> Option<Refusal> {
    let reasons = flow_violations(index, flow);
    if reasons.is_empty() {
        return None;
    }
    let text = format!(
        "The flow '{}' breaks data loss prevention policies: {}.",
        flow.name,
        reasons.join("; ")
    );
    let refusal = Refusal::new(code::DLP_VIOLATION, 403, Subject::flow(flow), text);
    Some(refusal.fix("change the flow so that it keeps to the policy, or have the policy changed: connref policy list"))
}

/// What a new body of a flow would break.
pub fn flow_body_policy(facts: &Facts, id: &FlowId, client_data: &str) -> Vec<Refusal> {
    let (body, _) = flow_body_read(client_data, "clientdata");
    let index = Index::new(facts);
    let Some(flow) = index.flow(id) else { return Vec::new() };
    let mut flow = flow.clone();
    (flow.operations, flow.references) = (body.operations, body.references);
    flow_refusal(&index, &flow).into_iter().collect()
}

/// Flows that are on and have to be suspended, each with the reason: those that break a policy, and
/// those that call one of these, however far up.
pub fn flows_to_suspend(index: &Index<'_>) -> Vec<(FlowId, String)> {
    let mut out: Vec<(FlowId, String)> = Vec::new();
    let mut down: BTreeSet<&str> = BTreeSet::new();
    for flow in &index.facts.flows {
        let reasons = flow_violations(index, flow);
        if !reasons.is_empty() {
            down.insert(flow.id.as_str());
            if flow.state == FlowState::On {
                out.push((flow.id.clone(), format!("CompanyDlpViolation: {}", reasons.join("; "))));
            }
        }
    }
    loop {
        let above = index.facts.flows.iter().filter(|flow| !down.contains(flow.id.as_str()));
        let next: Vec<_> = above
            .filter_map(|flow| {
                let child = flow.children.iter().find(|child| down.contains(child.as_str()))?;
                Some((flow, child))
            })
            .collect();
        if next.is_empty() {
            return out;
        }
        for (flow, child) in next {
            down.insert(flow.id.as_str());
            if flow.state == FlowState::On {
                let name = index.flow(child).map_or(child.as_str(), |c| c.name.as_str());
                let why = format!("CompanyDlpViolation: it calls `{name}`, which breaks a policy");
                out.push((flow.id.clone(), why));
            }
        }
    }
}

/// The refusal of a binding that breaks a rule. What cannot be judged is not refused: an audit says
/// that it is not known.
pub(crate) fn binding_refusal(
    index: &Index<'_>,
    reference: &LogicalName,
    connection: &ConnectionFacts,
    binder: Option<&PrincipalId>,
) -> Option<Refusal> {
    let broken = binding_violations(index, reference, connection, binder);
    let known: Vec<_> = broken.iter().filter(|one| one.1).map(|one| one.0.as_str()).collect();
    if known.is_empty() {
        return None;
    }
    let text = format!("The binding of '{reference}' breaks policy: {}.", known.join("; "));
    let subject = Subject::connection(connection);
    let refusal = Refusal::new(code::BINDING_POLICY_VIOLATION, 403, subject, text);
    Some(refusal.fix("take another connection, or have the rule changed: connref policy list"))
}

/// The rules that a binding breaks, a sentence each, and whether that is known.
pub(crate) fn binding_violations(
    index: &Index<'_>,
    reference: &LogicalName,
    connection: &ConnectionFacts,
    binder: Option<&PrincipalId>,
) -> Vec<(String, bool)> {
    let rules = &index.policies().policies.rules;
    if rules.is_empty() {
        return Vec::new();
    }
    let owner = index.principal(&connection.owner);
    let names: Vec<&str> = owner
        .iter()
        .flat_map(|one| one.application_id.as_deref().into_iter().chain([one.name.as_str()]))
        .collect();
    let case = BindingCase {
        environment: index.facts.environment.kind,
        reference: reference.as_str(),
        connector: &connection.api_name,
        owner: &connection.owner,
        owner_kind: owner.map(|one| one.kind),
        owner_names: &names,
        binder,
        target: target_of(connection),
    };
    let broken = bindings_evaluate(rules, &case).into_iter();
    broken
        .map(|one| (format!("{}, against the rule `{}`", one.reason, one.rule), one.known))
        .collect()
}
