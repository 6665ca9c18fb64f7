//! Who may do what with a connection: one table of operations and levels.
use connref_solution::model::PrincipalId;
use connref_solution::model::facts::{ConnectionFacts, PrincipalFacts, PrincipalKind, ShareLevel};

/// What somebody wants to do with a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Turn on a flow that uses it, or carry that flow's runs.
    Use,
    /// Bind a reference to it.
    Bind,
    /// Share it with somebody.
    Share,
    /// Change its parameters or its credential.
    Edit,
    /// Delete it or give it to another owner.
    Own,
}

impl Operation {
    /// Every operation.
    pub const ALL: [Self; 5] = [Self::Use, Self::Bind, Self::Share, Self::Edit, Self::Own];

    /// The level this operation needs. A service principal that binds passes the connection on and
    /// so needs use *and* share; a person binds with use alone.
    pub fn level(self, kind: PrincipalKind) -> ShareLevel {
        match (self, kind) {
            (Self::Use, _) | (Self::Bind, PrincipalKind::User) => ShareLevel::CanView,
            (Self::Bind, PrincipalKind::ServicePrincipal) | (Self::Share, _) => {
                ShareLevel::CanViewWithShare
            }
            (Self::Edit, _) => ShareLevel::CanEdit,
            (Self::Own, _) => ShareLevel::Owner,
        }
    }
}

/// The name of a level as the wire and the command line write it.
pub fn level_name(level: ShareLevel) -> &'static str {
    match level {
        ShareLevel::CanView => "CanView",
        ShareLevel::CanViewWithShare => "CanViewWithShare",
        ShareLevel::CanEdit => "CanEdit",
        ShareLevel::Owner => "Owner",
    }
}

/// The highest level a principal has on a connection, by itself or by a team, a group or the tenant
/// it belongs to; `None` if it has nothing to do with it. No role gives a level: an administrator
/// sees connections but does not act through them.
pub fn level_of(connection: &ConnectionFacts, principal: &PrincipalFacts) -> Option<ShareLevel> {
    if connection.owner == principal.id {
        return Some(ShareLevel::Owner);
    }
    let counts = |to: &PrincipalId| to == &principal.id || principal.counts_as.contains(to);
    connection.shares.iter().filter(|(to, _)| counts(to)).map(|&(_, level)| level).max()
}

/// Whether a principal can act at all: neither disabled nor departed.
pub fn active(principal: &PrincipalFacts) -> bool {
    !principal.disabled && principal.departed_at.is_none()
}

/// Whether a principal may do this with a connection.
pub fn may(connection: &ConnectionFacts, principal: &PrincipalFacts, operation: Operation) -> bool {
    active(principal)
        && level_of(connection, principal).is_some_and(|l| l >= operation.level(principal.kind))
}
