//! Whether somebody may turn a flow on (design, rule 4), with the codes and texts that existing
//! clients match on.
use connref_solution::model::facts::{ConnectionFacts, FlowFacts, FlowState};
use connref_solution::model::package::{FlowReference, RuntimeSource};
use connref_solution::model::{ConnectionId, Facts, FlowId, LogicalName, PrincipalId};

use crate::catalogue::code;
use crate::finding::{Finding, Severity, Subject, SubjectKind};
use crate::fix;
use crate::index::Index;
use crate::policy;
use crate::refusal::Refusal;
use crate::right::{Operation, may};
use crate::standing::{Route, route, standing};

/// The answer to "may this principal turn this flow on?".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Activation {
    /// Everything that forbids it, in the flow's order; empty means yes.
    pub refusals: Vec<Refusal>,
    /// What does not forbid it and is worth knowing.
    pub warnings: Vec<Finding>,
    /// Connections whose use the flow gets in its own context, which its co-owners and run-only
    /// users inherit. Empty when refused.
    pub grants: Vec<ConnectionId>,
}

impl Activation {
    /// Whether nothing forbids it.
    pub fn allowed(&self) -> bool {
        self.refusals.is_empty()
    }

    /// The text of the Web API for the refusals; `None` when allowed.
    pub fn wire_text(&self) -> Option<String> {
        crate::refusal::flow_client_error(&self.refusals)
    }

    /// One line that says why not; `None` when allowed.
    pub fn why(&self) -> Option<String> {
        let texts: Vec<_> =
            self.refusals.iter().map(|r| format!("{}: {}", r.code, r.text)).collect();
        (!texts.is_empty()).then(|| texts.join(" "))
    }

    fn refuse(&mut self, refusal: Refusal) {
        // Two entries that share a reference fail once.
        if !self.refusals.contains(&refusal) {
            self.refusals.push(refusal);
        }
    }

    fn grant(&mut self, id: &ConnectionId) {
        if !self.grants.contains(id) {
            self.grants.push(id.clone());
        }
    }
}

/// Whether `caller` may turn `flow` on. The right to change the flow's row is not judged here (the
/// store's access does), only what its connections, children and variables need.
pub fn flow_activation(facts: &Facts, flow: &FlowId, caller: &PrincipalId) -> Activation {
    flow_activation_in(&Index::new(facts), flow, caller)
}

/// [`flow_activation`] over an index made before, for many flows.
pub fn flow_activation_in(index: &Index<'_>, flow: &FlowId, caller: &PrincipalId) -> Activation {
    let mut activation = Activation::default();
    let Some(flow) = index.flow(flow) else {
        activation.refuse(crate::run::flow_not_found(flow));
        return activation;
    };
    if index.active(caller).is_none() {
        activation.refuse(Refusal::caller_disabled(caller, index.principal(caller)));
        return activation;
    }
    let missing = missing_references(index, flow);
    if !missing.is_empty() {
        activation.refuse(Refusal::references_not_found(&missing).fix(
            "import the solution that defines them, or create them with `connref ref create`",
        ));
    }
    for entry in &flow.references {
        entry_check(index, flow, entry, caller, &mut activation);
    }
    for child in &flow.children {
        child_check(index, flow, child, &mut activation);
    }
    if let Some(refusal) = policy::standing::flow_refusal(index, flow) {
        activation.refuse(refusal);
    }
    variables_check(index, flow, &mut activation);
    if !activation.allowed() {
        activation.grants.clear();
    }
    activation
}

fn missing_references(index: &Index<'_>, flow: &FlowFacts) -> Vec<LogicalName> {
    let mut missing: Vec<LogicalName> = Vec::new();
    for name in flow.references.iter().filter_map(|e| e.logical_name.as_ref()) {
        if index.reference(name).is_none() && !missing.contains(name) {
            missing.push(name.clone());
        }
    }
    missing
}

fn entry_check(
    index: &Index<'_>,
    flow: &FlowFacts,
    entry: &FlowReference,
    caller: &PrincipalId,
    activation: &mut Activation,
) {
    if entry.logical_name.as_ref().is_some_and(|n| index.reference(n).is_none()) {
        return; // Already refused, all missing names in one text.
    }
    let reached = match route(index, flow, entry) {
        Ok(reached) => reached,
        Err(refusal) => return activation.refuse(refusal),
    };
    if !matches!(reached, Route::Reference(..)) && !flow.solutions.is_empty() {
        activation.warnings.push(direct_warning(index, flow, entry));
    }
    let Some(connection) = reached.connection() else { return };
    if granted(flow, connection, caller) {
        // Its use was granted to the flow when somebody who may turned it on; those who share the
        // flow have it with the flow, as long as it is on.
    } else if let Some(refusal) = use_refusal(index, connection, caller) {
        return activation.refuse(refusal);
    }
    // The connection bound to an invoker reference is not used by runs: its health is no matter.
    if entry.source == RuntimeSource::Embedded {
        match standing(index, connection) {
            Some(refusal) => activation.refuse(refusal),
            None => activation.grant(&connection.id),
        }
        if entry.on_behalf_of_invoker {
            activation.warnings.push(on_behalf_warning(flow, entry, connection));
        }
    }
}

/// Whether the flow itself has the use of the connection, and the caller shares the flow.
fn granted(flow: &FlowFacts, connection: &ConnectionFacts, caller: &PrincipalId) -> bool {
    flow.state == FlowState::On
        && flow.uses.iter().any(|(id, _)| id == &connection.id)
        && (&flow.owner == caller || flow.co_owners.contains(caller))
}

fn use_refusal(
    index: &Index<'_>,
    connection: &ConnectionFacts,
    caller: &PrincipalId,
) -> Option<Refusal> {
    let person = index.principal(caller)?;
    (!may(connection, person, Operation::Use)).then(|| {
        Refusal::not_authorised(caller, connection).fix(fix::share(
            index,
            connection,
            person,
            Operation::Use,
        ))
    })
}

fn child_check(index: &Index<'_>, flow: &FlowFacts, child: &FlowId, activation: &mut Activation) {
    let known = index.flow(child);
    // A flow that calls itself is on once it is on.
    if known.is_none() || (child != &flow.id && !index.is_on(child)) {
        let name = known.map_or(child.as_str(), |c| c.name.as_str());
        let text = format!(
            "The workflow with id '{child}' cannot be used as a child workflow because it has never \
             been published. Child workflows need to be published at least once before they can be \
             included in a published parent workflow."
        );
        let subject = Subject::new(SubjectKind::Flow, child, name);
        activation.refuse(
            Refusal::new(code::CHILD_FLOW_NEVER_PUBLISHED, 400, subject, text)
                .fix(fix::flow_on(index.facts, name)),
        );
    }
    let invoker = |f: &FlowFacts| f.references.iter().any(|e| e.source == RuntimeSource::Invoker);
    if let Some(known) = known.filter(|f| invoker(f)) {
        let text = format!(
            "The workflow with id '{child}', name {} cannot be used as a child workflow because \
             child workflows only support embedded connections.",
            known.name
        );
        activation.refuse(
            Refusal::new(code::CHILD_FLOW_INVOKER, 400, Subject::flow(known), text).fix(format!(
                "in the run-only settings of `{}` choose a connection for every connector, instead \
                 of the one provided by the run-only user",
                known.name
            )),
        );
    }
}

fn variables_check(index: &Index<'_>, flow: &FlowFacts, activation: &mut Activation) {
    for name in &flow.variables {
        let known = index.variable(name);
        let empty = |v: &Option<String>| v.as_ref().is_none_or(String::is_empty);
        if known.is_some_and(|v| !empty(&v.value) || !empty(&v.default_value)) {
            continue;
        }
        let id = known.map_or("", |v| v.id.as_str());
        let what = if known.is_some() { "has no value" } else { "does not exist here" };
        activation.warnings.push(Finding {
            code: code::CA117,
            severity: Severity::Warning,
            subject: Subject::new(SubjectKind::Variable, id, name),
            message: format!(
                "environment variable `{name}` that flow `{}` reads {what}",
                flow.name
            ),
            help: "set its value in this environment, by hand or in the deployment settings".into(),
            fix: None,
            location: None,
            suppression: None,
        });
    }
}

fn direct_warning(index: &Index<'_>, flow: &FlowFacts, entry: &FlowReference) -> Finding {
    Finding {
        code: code::CA120,
        severity: Severity::Warning,
        subject: Subject::flow(flow),
        message: format!(
            "flow `{}` reaches {} without a connection reference (entry `{}`)",
            flow.name, entry.api_name, entry.key
        ),
        help: format!(
            "in environment `{}` it works, in the next one nothing can bind it: give it a reference",
            index.facts.environment.name
        ),
        fix: None,
        location: None,
        suppression: None,
    }
}

fn on_behalf_warning(
    flow: &FlowFacts,
    entry: &FlowReference,
    connection: &ConnectionFacts,
) -> Finding {
    Finding {
        code: code::CR024,
        severity: Severity::Note,
        subject: Subject::flow(flow),
        message: format!(
            "entry `{}` of flow `{}` acts through connection {} on behalf of whoever runs it",
            entry.key, flow.name, connection.id
        ),
        help: "whoever saves such a flow needs the privilege to act on behalf of another user"
            .into(),
        fix: None,
        location: None,
        suppression: None,
    }
}
