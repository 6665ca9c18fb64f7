//! Binding a reference to a connection (design, rule 6): the one judgement for binding by hand,
//! through the API and at import.
use connref_solution::model::facts::{ConnectionFacts, FlowState, PrincipalFacts, ReferenceFacts};
use connref_solution::model::package::RuntimeSource;
use connref_solution::model::{
    ApiName, ConnectionId, Facts, FlowId, LogicalName, PrincipalId, ReferenceId,
};

use crate::catalogue::code;
use crate::finding::{Finding, Severity, Subject, SubjectKind};
use crate::fix;
use crate::index::Index;
use crate::policy::standing::binding_refusal;
use crate::refusal::Refusal;
use crate::right::{Operation, may};
use crate::standing::{carrier, connection_of, identity, owner_standing, switched_off};

/// What a binding does to the flows behind the reference.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BindingEffect {
    /// The reference is bound to this connection already: nothing to write.
    pub unchanged: bool,
    /// Flows that name the reference, on or off.
    pub flows_affected: Vec<FlowId>,
    /// Flows whose calls act as somebody else from the next run on.
    pub identity_changes: Vec<IdentityChange>,
    /// Flows that are on and whose next run is refused: neither who turned them on nor their owner
    /// may use the new connection. Turning them on again by someone who may repairs it.
    pub flows_stopping: Vec<FlowId>,
}

/// A flow that will act as another identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityChange {
    /// Flow.
    pub flow: FlowId,
    /// Its name.
    pub flow_name: String,
    /// The reference it goes through; `None` where it names the connection itself.
    pub reference: Option<LogicalName>,
    /// What it acts as today; `None` if not bound.
    pub before: Option<String>,
    /// What it will act as.
    pub after: String,
}

/// Whether `caller` may bind `reference` to `connection`, and what that does. The right to write
/// the reference's row is judged by the store's access, not here.
pub fn binding_check(
    facts: &Facts,
    reference: &ReferenceId,
    connection: &ConnectionId,
    caller: &PrincipalId,
) -> Result<BindingEffect, Refusal> {
    let index = Index::new(facts);
    let reference = index.reference_row(reference).ok_or_else(|| {
        Refusal::new(
            code::REFERENCE_NOT_FOUND,
            404,
            Subject::new(SubjectKind::Reference, reference, reference),
            format!("Could not find connection reference '{reference}'."),
        )
    })?;
    let connection = bindable(&index, &reference.api_name, connection, caller)?;
    if let Some(refusal) =
        binding_refusal(&index, &reference.logical_name, connection, Some(caller))
        && reference.connection.as_ref() != Some(&connection.id)
    {
        return Err(refusal);
    }
    Ok(effect(&index, reference, connection))
}

/// The connection, if `caller` may bind a reference of connector `api` to it. A connection in
/// error may be bound (it can be repaired in place); one that is switched off or whose owner left
/// may not.
pub(crate) fn bindable<'a>(
    index: &Index<'a>,
    api: &ApiName,
    connection: &ConnectionId,
    caller: &PrincipalId,
) -> Result<&'a ConnectionFacts, Refusal> {
    let person: &PrincipalFacts = index
        .active(caller)
        .ok_or_else(|| Refusal::caller_disabled(caller, index.principal(caller)))?;
    let connection = connection_of(index, connection, api).map_err(|refusal| {
        match index.connection(connection) {
            Some(other) => refusal.fix(format!(
                "connection {} is for {}: choose one for {api}",
                other.id, other.api_name
            )),
            None => refusal.fix(format!(
                "connref connection list --connector {} --env {}",
                fix::arg(api),
                fix::arg(&index.facts.environment.name)
            )),
        }
    })?;
    if !may(connection, person, Operation::Bind) {
        return Err(Refusal::not_bindable(person, connection).fix(fix::share(
            index,
            connection,
            person,
            Operation::Bind,
        )));
    }
    owner_standing(index, connection)
        .or_else(|| switched_off(index, connection))
        .map_or(Ok(connection), Err)
}

/// What binding does to the flows behind a reference.
pub(crate) fn effect(
    index: &Index<'_>,
    reference: &ReferenceFacts,
    connection: &ConnectionFacts,
) -> BindingEffect {
    let mut effect = BindingEffect {
        unchanged: reference.connection.as_ref() == Some(&connection.id),
        ..BindingEffect::default()
    };
    let before = reference
        .connection
        .as_ref()
        .map(|id| index.connection(id).map_or_else(|| id.to_string(), |c| identity(index, c)));
    let after = identity(index, connection);
    for (flow, entry) in index.uses_of(&reference.logical_name) {
        push_new(&mut effect.flows_affected, &flow.id);
        if entry.source == RuntimeSource::Invoker || effect.unchanged {
            continue;
        }
        if before.as_ref() != Some(&after)
            && effect.identity_changes.last().is_none_or(|c| c.flow != flow.id)
        {
            effect.identity_changes.push(IdentityChange {
                flow: flow.id.clone(),
                flow_name: flow.name.clone(),
                reference: Some(reference.logical_name.clone()),
                before: before.clone(),
                after: after.clone(),
            });
        }
        if flow.state == FlowState::On && carrier(index, flow, connection).is_none() {
            push_new(&mut effect.flows_stopping, &flow.id);
        }
    }
    effect
}

/// Appends unless it is the last one: entries of one flow come one after the other.
pub(crate) fn push_new(list: &mut Vec<FlowId>, id: &FlowId) {
    if list.last() != Some(id) {
        list.push(id.clone());
    }
}

/// What an effect means to the people behind the flows: CA118 and CA106.
pub fn effect_findings(facts: &Facts, effect: &BindingEffect) -> Vec<Finding> {
    let index = Index::new(facts);
    let mut findings: Vec<_> = effect
        .identity_changes
        .iter()
        .filter_map(|change| {
            let before = change.before.as_ref()?;
            Some(Finding {
                code: code::CA118,
                severity: Severity::Warning,
                subject: Subject::new(SubjectKind::Flow, &change.flow, &change.flow_name),
                message: format!(
                    "flow `{}` acts as `{}` from its next run on, until now as `{before}`",
                    change.flow_name, change.after
                ),
                help: "make sure the new identity may do in the target system what the flow does"
                    .into(),
                fix: None,
                location: None,
                suppression: None,
            })
        })
        .collect();
    findings.extend(effect.flows_stopping.iter().filter_map(|id| index.flow(id)).map(|flow| {
        Finding {
            code: code::CA106,
            severity: Severity::Error,
            subject: Subject::flow(flow),
            message: format!(
                "the next run of flow `{}` is refused: neither `{}` nor who turned it on may use \
                 the new connection",
                flow.name,
                index.principal_name(&flow.owner)
            ),
            help: "turn it on again as somebody who may use the connection".into(),
            fix: Some(fix::flow_on(facts, &flow.name)),
            location: None,
            suppression: None,
        }
    }));
    findings
}
