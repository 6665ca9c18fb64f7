//! Ways from a flow's entry to a connection, and whether that connection can work. Shared by
//! activation, run and audit, so that all three judge alike.
use connref_solution::model::facts::{
    ConnectionFacts, ConnectionStatus, FlowFacts, PrincipalFacts, ReferenceFacts,
};
use connref_solution::model::package::{FlowReference, RuntimeSource};
use connref_solution::model::{ApiName, ConnectionId, PrincipalId};

use crate::catalogue::code;
use crate::finding::Subject;
use crate::fix;
use crate::index::Index;
use crate::refusal::Refusal;
use crate::right::{Operation, may};

/// Where an entry leads.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Route<'a> {
    /// Through a bound reference.
    Reference(&'a ReferenceFacts, &'a ConnectionFacts),
    /// Straight to a connection.
    Direct(&'a ConnectionFacts),
    /// Nowhere: the caller brings the connection.
    Caller,
}

impl<'a> Route<'a> {
    pub(crate) fn connection(self) -> Option<&'a ConnectionFacts> {
        match self {
            Self::Reference(_, connection) | Self::Direct(connection) => Some(connection),
            Self::Caller => None,
        }
    }
}

/// Follows an entry to its connection. Says nothing about rights or health.
pub(crate) fn route<'a>(
    index: &Index<'a>,
    flow: &FlowFacts,
    entry: &FlowReference,
) -> Result<Route<'a>, Refusal> {
    let Some(name) = &entry.logical_name else {
        return direct(index, flow, entry);
    };
    let reference = index
        .reference(name)
        .ok_or_else(|| Refusal::references_not_found(std::slice::from_ref(name)))?;
    if !index.entry_matches(entry, &reference.api_name) {
        return Err(connector_mismatch(flow, entry, reference));
    }
    let Some(id) = &reference.connection else {
        return Err(Refusal::missing_connection(
            &reference.logical_name,
            Subject::reference(reference),
        )
        .fix(fix::bind(index.facts, &reference.logical_name)));
    };
    let connection = connection_of(index, id, &reference.api_name)
        .map_err(|r| r.fix(fix::bind(index.facts, &reference.logical_name)))?;
    Ok(Route::Reference(reference, connection))
}

/// A connection by id that is one of this connector.
pub(crate) fn connection_of<'a>(
    index: &Index<'a>,
    id: &ConnectionId,
    api: &ApiName,
) -> Result<&'a ConnectionFacts, Refusal> {
    index
        .connection(id)
        .filter(|c| index.same_connector(&c.api_name, api))
        .ok_or_else(|| Refusal::connection_not_found(id, api))
}

/// The connection that an entry without a reference names: an id, or a path that ends in one.
pub(crate) fn direct_id(entry: &FlowReference) -> Option<ConnectionId> {
    let name = entry.connection_name.as_deref()?;
    let id = name.rsplit('/').next().unwrap_or(name);
    (entry.logical_name.is_none() && !id.is_empty()).then(|| ConnectionId::new(id))
}

fn direct<'a>(
    index: &Index<'a>,
    flow: &FlowFacts,
    entry: &FlowReference,
) -> Result<Route<'a>, Refusal> {
    match direct_id(entry) {
        // A managed solution never carries a connection that binds (rule 1 of the design).
        Some(_) if flow.managed => Err(hard_coded(flow, entry)),
        Some(id) => connection_of(index, &id, &entry.api_name).map(Route::Direct),
        None if entry.source == RuntimeSource::Invoker => Ok(Route::Caller),
        None => Err(hard_coded(flow, entry)),
    }
}

pub(crate) fn hard_coded(flow: &FlowFacts, entry: &FlowReference) -> Refusal {
    let text = format!(
        "The entry '{}' of flow '{}' names no connection reference for '{}'.",
        entry.key, flow.name, entry.api_name
    );
    Refusal::new(code::CONNECTION_HARD_CODED, 400, Subject::flow(flow), text).fix(format!(
        "give the entry `{}` a connection reference: connref solution migrate",
        entry.key
    ))
}

fn connector_mismatch(
    flow: &FlowFacts,
    entry: &FlowReference,
    reference: &ReferenceFacts,
) -> Refusal {
    let text = format!(
        "The entry '{}' of flow '{}' is for '{}', but the connection reference '{}' is for '{}'.",
        entry.key, flow.name, entry.api_name, reference.logical_name, reference.api_name
    );
    Refusal::new(code::CONNECTOR_MISMATCH, 400, Subject::reference(reference), text).fix(format!(
        "point the entry `{}` at a connection reference for {}",
        entry.key, entry.api_name
    ))
}

/// Whether a connection's owner is there; a principal nobody knows is not.
pub(crate) fn owner_standing(index: &Index<'_>, connection: &ConnectionFacts) -> Option<Refusal> {
    if index.active(&connection.owner).is_some() {
        return None;
    }
    let owner = index.principal_name(&connection.owner);
    let text = format!(
        "Connection '{}' to '{}' belongs to '{owner}', who is disabled or has left.",
        connection.id, connection.api_name
    );
    let subject = Subject::connection(connection);
    Some(
        Refusal::new(code::CONNECTION_OWNER_DISABLED, 403, subject, text)
            .fix(fix::reassign(index.facts, owner)),
    )
}

/// Whether an administrator switched a connection off.
pub(crate) fn switched_off(index: &Index<'_>, connection: &ConnectionFacts) -> Option<Refusal> {
    (connection.status == ConnectionStatus::Disabled).then(|| {
        let text = format!(
            "Connection '{}' to '{}' is disabled by an administrator.",
            connection.id, connection.api_name
        );
        let subject = Subject::connection(connection);
        Refusal::new(code::CONNECTION_DISABLED, 403, subject, text)
            .fix(fix::probe(index.facts, connection))
    })
}

/// Why a connection cannot work now, whoever uses it.
pub(crate) fn standing(index: &Index<'_>, connection: &ConnectionFacts) -> Option<Refusal> {
    owner_standing(index, connection).or_else(|| switched_off(index, connection)).or_else(|| {
        match &connection.status {
            ConnectionStatus::Error { code: cause, .. } => {
                let text = format!(
                    "Connection '{}' to '{}' is in error ({cause}).",
                    connection.id, connection.api_name
                );
                let subject = Subject::connection(connection);
                Some(
                    Refusal::new(code::CONNECTION_IN_ERROR, 400, subject, text)
                        .fix(fix::probe(index.facts, connection)),
                )
            }
            ConnectionStatus::Connected | ConnectionStatus::Disabled => None,
        }
    })
}

/// Whose right carries a flow's use of a connection.
pub(crate) fn carrier<'a>(
    index: &Index<'a>,
    flow: &FlowFacts,
    connection: &ConnectionFacts,
) -> Option<&'a PrincipalFacts> {
    carriers(flow, &connection.id)
        .filter_map(|id| index.principal(id))
        .find(|p| may(connection, p, Operation::Use))
}

/// Who could carry a flow's use of a connection: who turned the flow on, who granted it the use
/// (a co-owner who turns it on again has it from there), its owner.
pub(crate) fn carriers<'a>(
    flow: &'a FlowFacts,
    connection: &'a ConnectionId,
) -> impl Iterator<Item = &'a PrincipalId> {
    let granted = flow.uses.iter().filter(move |(id, _)| id == connection).map(|(_, by)| by);
    flow.activated_by.iter().chain(granted).chain(std::iter::once(&flow.owner))
}

/// What a call through a connection acts as.
pub(crate) fn identity(index: &Index<'_>, connection: &ConnectionFacts) -> String {
    use connref_solution::model::facts::ConnectionKind;
    match (&connection.account, connection.kind) {
        (Some(account), _) => account.clone(),
        (None, ConnectionKind::SharedKey | ConnectionKind::None) => {
            format!("the key of connection {}", connection.id)
        }
        (None, ConnectionKind::User | ConnectionKind::ServicePrincipal) => {
            index.principal_name(&connection.owner).to_owned()
        }
    }
}
