//! Through which connection one call of a run goes, and as whom it acts (design, rule 5). Asked
//! for every call, at the moment of the call.
use connref_solution::model::facts::{ConnectionFacts, FlowFacts, PrincipalFacts};
use connref_solution::model::package::{FlowReference, RuntimeSource};
use connref_solution::model::{ApiName, ConnectionId, Facts, FlowId, PrincipalId, ReferenceId};

use crate::catalogue::code;
use crate::finding::{Subject, SubjectKind};
use crate::fix;
use crate::index::Index;
use crate::refusal::Refusal;
use crate::standing::{Route, carrier, hard_coded, route, standing};

/// The connection of a call and what the run records about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// The connection.
    pub connection: ConnectionId,
    /// The reference it was reached through.
    pub reference: Option<ReferenceId>,
    /// Version of the binding that was followed; 0 where none was.
    pub binding_version: i64,
    /// Who acts.
    pub acting: Acting,
}

/// Who acts in a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Acting {
    /// The bound connection.
    Embedded,
    /// The caller, through a connection of its own.
    Invoker,
    /// The bound connection, on behalf of this principal.
    OnBehalfOf(PrincipalId),
}

/// The connection for a call of `flow` through the entry `key`, in a run that `caller` started
/// (for a run that nobody started by hand: the flow's owner). `choices` are connections that the
/// caller named for keys: (key, connection).
///
/// Only the flow, its references, their connections, the caller's connections, the connectors and
/// the principals need to be in the facts: the engine passes a slice.
pub fn connection_for_call(
    facts: &Facts,
    flow: &FlowId,
    key: &str,
    caller: &PrincipalId,
    choices: &[(String, ConnectionId)],
) -> Result<Use, Refusal> {
    connection_for_call_in(&Index::new(facts), flow, key, caller, choices)
}

/// [`connection_for_call`] over an index made before, for many calls.
pub fn connection_for_call_in(
    index: &Index<'_>,
    flow: &FlowId,
    key: &str,
    caller: &PrincipalId,
    choices: &[(String, ConnectionId)],
) -> Result<Use, Refusal> {
    let flow = index.flow(flow).ok_or_else(|| flow_not_found(flow))?;
    let entry = entry_of(flow, key)?;
    match entry.source {
        RuntimeSource::Embedded => embedded(index, flow, entry, caller),
        RuntimeSource::Invoker => {
            let choice = choices.iter().find(|(k, _)| *k == entry.key).map(|(_, id)| id);
            invoker(index, entry, caller, choice)
        }
    }
}

pub(crate) fn flow_not_found(flow: &FlowId) -> Refusal {
    let subject = Subject::new(SubjectKind::Flow, flow, flow);
    Refusal::new(code::FLOW_NOT_FOUND, 404, subject, format!("Could not find flow '{flow}'."))
}

fn entry_of<'f>(flow: &'f FlowFacts, key: &str) -> Result<&'f FlowReference, Refusal> {
    let exact = flow.references.iter().find(|e| e.key == key);
    exact.or_else(|| flow.references.iter().find(|e| e.key.eq_ignore_ascii_case(key))).ok_or_else(
        || {
            let text =
                format!("The flow '{}' has no connection reference with key '{key}'.", flow.name);
            Refusal::new(code::CONNECTION_KEY_NOT_FOUND, 400, Subject::flow(flow), text)
        },
    )
}

fn embedded(
    index: &Index<'_>,
    flow: &FlowFacts,
    entry: &FlowReference,
    caller: &PrincipalId,
) -> Result<Use, Refusal> {
    let reached = route(index, flow, entry)?;
    let Some(connection) = reached.connection() else {
        return Err(hard_coded(flow, entry));
    };
    if let Some(refusal) = standing(index, connection) {
        return Err(refusal);
    }
    if carrier(index, flow, connection).is_none() {
        let asked = flow.activated_by.as_ref().unwrap_or(&flow.owner);
        return Err(Refusal::not_authorised(asked, connection).fix(format!(
            "let somebody who may use the connection turn the flow on: {} --as {}",
            fix::flow_on(index.facts, &flow.name),
            fix::arg(index.principal_name(&connection.owner))
        )));
    }
    let acting = if entry.on_behalf_of_invoker {
        Acting::OnBehalfOf(active(index, caller)?.id.clone())
    } else {
        Acting::Embedded
    };
    let (reference, binding_version) = match reached {
        Route::Reference(r, _) => (Some(r.id.clone()), r.binding_version),
        Route::Direct(_) | Route::Caller => (None, 0),
    };
    Ok(Use { connection: connection.id.clone(), reference, binding_version, acting })
}

fn active<'a>(index: &Index<'a>, caller: &PrincipalId) -> Result<&'a PrincipalFacts, Refusal> {
    index.active(caller).ok_or_else(|| Refusal::caller_disabled(caller, index.principal(caller)))
}

fn invoker(
    index: &Index<'_>,
    entry: &FlowReference,
    caller: &PrincipalId,
    choice: Option<&ConnectionId>,
) -> Result<Use, Refusal> {
    let person = active(index, caller)?;
    let reference = entry.logical_name.as_ref().and_then(|n| index.reference(n));
    let api = reference.map_or(&entry.api_name, |r| &r.api_name);
    let connection = match choice {
        Some(id) => chosen(index, api, person, id)?,
        None => only_own(index, api, entry, person)?,
    };
    let reference = reference.map(|r| r.id.clone());
    Ok(Use {
        connection: connection.id.clone(),
        reference,
        binding_version: 0,
        acting: Acting::Invoker,
    })
}

fn chosen<'a>(
    index: &Index<'a>,
    api: &ApiName,
    person: &PrincipalFacts,
    id: &ConnectionId,
) -> Result<&'a ConnectionFacts, Refusal> {
    let connection = crate::standing::connection_of(index, id, api)?;
    if connection.owner != person.id {
        let text = format!(
            "The connection '{id}' for API '{api}' is not a connection of the caller '{}'.",
            person.id
        );
        let subject = Subject::connection(connection);
        return Err(Refusal::new(code::INVOKER_OVERRIDE_FAILED, 403, subject, text)
            .fix(fix::create(index.facts, api, &person.name)));
    }
    standing(index, connection).map_or(Ok(connection), Err)
}

fn only_own<'a>(
    index: &Index<'a>,
    api: &ApiName,
    entry: &FlowReference,
    person: &PrincipalFacts,
) -> Result<&'a ConnectionFacts, Refusal> {
    let own: Vec<_> = index
        .facts
        .connections
        .iter()
        .filter(|c| c.owner == person.id && index.same_connector(&c.api_name, api))
        .collect();
    let working: Vec<_> = own.iter().copied().filter(|c| standing(index, c).is_none()).collect();
    match working.as_slice() {
        [one] => Ok(one),
        [] => Err(match own.as_slice() {
            // The one there is cannot work: say why instead of asking for another.
            [broken] => standing(index, broken).unwrap_or_else(|| no_own(index, api, person)),
            _ => no_own(index, api, person),
        }),
        several => Err(ambiguous(api, entry, person, several)),
    }
}

fn no_own(index: &Index<'_>, api: &ApiName, person: &PrincipalFacts) -> Refusal {
    let title = index.connector(api).map_or(api.as_str(), |c| c.display_name.as_str());
    let text = format!(
        "The caller '{}' ({}) has no connection of its own for '{api}' ({title}), which this flow \
         takes from whoever runs it.",
        person.id, person.name
    );
    Refusal::new(code::INVOKER_CONNECTION_MISSING, 403, Subject::principal(person), text)
        .fix(fix::create(index.facts, api, &person.name))
}

fn ambiguous(
    api: &ApiName,
    entry: &FlowReference,
    person: &PrincipalFacts,
    candidates: &[&ConnectionFacts],
) -> Refusal {
    let list: Vec<_> =
        candidates.iter().map(|c| format!("'{}' ({})", c.id, c.display_name)).collect();
    let text = format!(
        "The caller '{}' ({}) has {} connections for '{api}': {}. Name one.",
        person.id,
        person.name,
        candidates.len(),
        list.join(", ")
    );
    Refusal::new(code::INVOKER_CONNECTION_AMBIGUOUS, 409, Subject::principal(person), text)
        .fix(format!("name one when running: --connection {}=CONNECTION", fix::arg(&entry.key)))
}
