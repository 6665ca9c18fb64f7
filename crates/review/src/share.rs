//! Sharing a connection (design, rule 7).
use connref_solution::model::facts::{Fidelity, ShareLevel};
use connref_solution::model::{ConnectionId, Facts, PrincipalId};

use crate::catalogue::code;
use crate::finding::{Subject, SubjectKind};
use crate::fix;
use crate::index::Index;
use crate::refusal::Refusal;
use crate::right::{Operation, level_name, level_of, may};

/// Whether `caller` may give `to` this level on a connection. Nobody gives more than it has, and
/// ownership is not given by sharing. In `dataverse` fidelity a connection that signs in as a
/// person is shared with service principals only.
pub fn share_check(
    facts: &Facts,
    connection: &ConnectionId,
    caller: &PrincipalId,
    to: &PrincipalId,
    level: ShareLevel,
) -> Result<(), Refusal> {
    let index = Index::new(facts);
    let active = |id: &PrincipalId| {
        index.active(id).ok_or_else(|| Refusal::caller_disabled(id, index.principal(id)))
    };
    let (person, receiver) = (active(caller)?, active(to)?);
    let connection = index.connection(connection).ok_or_else(|| {
        let subject = Subject::new(SubjectKind::Connection, connection, connection);
        let text = format!("Could not find connection '{connection}'.");
        Refusal::new(code::CONNECTION_NOT_FOUND, 404, subject, text)
    })?;
    let subject = Subject::connection(connection);
    let own = level_of(connection, caller);
    if !may(connection, person, Operation::Share) || own.is_none_or(|own| own < level) {
        let text = format!(
            "The caller with object id '{caller}' does not have the minimum required permission to \
             perform the requested operation on connection '{}' under Api '{}'.",
            connection.id, connection.api_name
        );
        return Err(Refusal::new(code::CONNECTION_AUTHORIZATION_FAILED, 403, subject, text)
            .fix(fix::share(&index, connection, person, Operation::Share)));
    }
    let why = if level == ShareLevel::Owner {
        "the owner of a connection does not change by sharing: reassign it"
    } else if facts.environment.fidelity == Fidelity::Dataverse
        && !fix::shareable(connection, receiver)
    {
        "it signs in as a person and can be shared with service principals only"
    } else {
        return Ok(());
    };
    let text = format!(
        "Connection '{}' cannot be shared with '{}' as {}: {why}.",
        connection.id,
        receiver.name,
        level_name(level)
    );
    Err(Refusal::new(code::CONNECTION_NOT_SHAREABLE, 400, subject, text))
}
