//! Sharing a connection (design, rule 7).
use connref_solution::model::facts::{
    ConnectionFacts, ConnectionKind, Fidelity, GroupFacts, PrincipalFacts, ShareLevel, TeamFacts,
};
use connref_solution::model::{ConnectionId, Facts, PrincipalId};

use crate::catalogue::code;
use crate::finding::{Subject, SubjectKind};
use crate::fix;
use crate::index::Index;
use crate::refusal::Refusal;
use crate::right::{Operation, level_name, level_of, may};

/// Whether `caller` may give `to` this level on a connection. Nobody gives more than it has, and
/// ownership is not given by sharing. In `dataverse` fidelity teams are never shared with (their
/// group is), and a connection that signs in as a person goes to service principals only. An
/// administrator may give any level but the owner's.
pub fn share_check(
    facts: &Facts,
    connection: &ConnectionId,
    caller: &PrincipalId,
    administrator: bool,
    to: &PrincipalId,
    level: ShareLevel,
) -> Result<(), Refusal> {
    let index = Index::new(facts);
    let active = |id: &PrincipalId| {
        index.active(id).ok_or_else(|| Refusal::caller_disabled(id, index.principal(id)))
    };
    let person = active(caller)?;
    let receiver = Receiver::find(&index, to)?;
    let connection = index.connection(connection).ok_or_else(|| {
        let subject = Subject::new(SubjectKind::Connection, connection, connection);
        let text = format!("Could not find connection '{connection}'.");
        Refusal::new(code::CONNECTION_NOT_FOUND, 404, subject, text)
    })?;
    let subject = Subject::connection(connection);
    let own = level_of(connection, person);
    let enough = may(connection, person, Operation::Share) && own.is_some_and(|own| own >= level);
    if !administrator && !enough {
        let text = format!(
            "The caller with object id '{caller}' does not have the minimum required permission to \
             perform the requested operation on connection '{}' under Api '{}'.",
            connection.id, connection.api_name
        );
        return Err(Refusal::new(code::CONNECTION_AUTHORIZATION_FAILED, 403, subject, text)
            .fix(fix::share(&index, connection, person, Operation::Share)));
    }
    let dataverse = facts.environment.fidelity == Fidelity::Dataverse;
    let why = if level == ShareLevel::Owner || to == &connection.owner {
        "the owner of a connection does not change by sharing: reassign it"
    } else if dataverse && matches!(receiver, Receiver::Team(_)) {
        "connections are shared with users, service principals and groups of the tenant, not with \
         teams: share it with the team's group"
    } else if dataverse && !receiver.signs_in_for(connection) {
        "it signs in as a person and can be shared with service principals only"
    } else {
        return Ok(());
    };
    let text = format!(
        "Connection '{}' cannot be shared with '{}' as {}: {why}.",
        connection.id,
        receiver.name(),
        level_name(level)
    );
    Err(Refusal::new(code::CONNECTION_NOT_SHAREABLE, 400, subject, text))
}

/// Whom a connection is shared with.
enum Receiver<'a> {
    Principal(&'a PrincipalFacts),
    Team(&'a TeamFacts),
    Group(&'a GroupFacts),
    Tenant,
}

impl<'a> Receiver<'a> {
    fn find(index: &Index<'a>, id: &PrincipalId) -> Result<Self, Refusal> {
        let facts = index.facts;
        if let Some(found) = index.principal(id) {
            return index
                .active(id)
                .map(Self::Principal)
                .ok_or_else(|| Refusal::caller_disabled(id, Some(found)));
        }
        if let Some(team) = facts.teams.iter().find(|team| &team.id == id) {
            return Ok(Self::Team(team));
        }
        if let Some(group) = facts.groups.iter().find(|group| &group.id == id) {
            return Ok(Self::Group(group));
        }
        if &facts.environment.tenant == id {
            return Ok(Self::Tenant);
        }
        Err(Refusal::caller_disabled(id, None))
    }

    fn name(&self) -> &str {
        match self {
            Self::Principal(found) => &found.name,
            Self::Team(team) => &team.name,
            Self::Group(group) => &group.name,
            Self::Tenant => "everybody in the tenant",
        }
    }

    fn signs_in_for(&self, connection: &ConnectionFacts) -> bool {
        match self {
            Self::Principal(found) => fix::shareable(connection, found),
            _ => connection.kind != ConnectionKind::User,
        }
    }
}
