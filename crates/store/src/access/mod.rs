//! Who asks, and what they may do. Every verb of the store and every read of the Web API asks
//! [`decide`]; what it decides from is loaded with the caller ([`load`]) and with the row ([`row`]).
//! The use of a connection by a flow is judged by `review`, which sees the whole environment.
mod builtin;
mod decide;
mod load;
mod privilege;
mod row;

use std::collections::HashMap;
use std::sync::Arc;

use connref_solution::model::facts::PrincipalKind;
use connref_solution::model::{EnvironmentId, PrincipalId};

pub use builtin::{BUILT_IN, BuiltInRole, built_in};
pub use decide::{Decision, Holder, PRIVILEGE_DENIED, Reach, RowFacts, decide, on};
pub use privilege::{Depth, Entity, Privilege, Scope, Verb};

pub(crate) use builtin::VERSION as ROLES_VERSION;
pub(crate) use load::{Callers, Holding, Memberships, holding, member, memberships};
pub(crate) use row::{Target, check, row_facts};

use crate::{Result, StoreError};

/// Who asks. There is no anonymous caller.
#[derive(Clone, Debug, PartialEq)]
pub enum Caller {
    /// connref itself, naming the part that acts.
    System(&'static str),
    /// The operator of the installation: whoever may read the database file and the key, or holds
    /// the bootstrap token. Makes environments; is an administrator in each.
    Operator(String),
    /// A user or service principal of one environment.
    Member(Arc<Member>),
}

/// A principal as a caller, with everything that decides what it may do.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// Its environment.
    pub environment: EnvironmentId,
    /// Row id.
    pub id: PrincipalId,
    /// Name.
    pub name: String,
    /// User or service principal.
    pub kind: PrincipalKind,
    /// Its business unit.
    pub unit: String,
    /// Teams it is in, access teams and those of groups too: what is shared with them is shared
    /// with it.
    pub teams: Vec<PrincipalId>,
    /// The groups of the tenant it is in, and the tenant: connections are shared with them.
    pub groups: Vec<PrincipalId>,
    /// Itself and the teams that hold roles, each with what it holds.
    pub holders: Vec<Holder>,
    /// The environment's business units: unit → the one above.
    pub units: HashMap<String, Option<String>>,
}

/// What is attempted on an environment as a whole, where no finer privilege is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// See the environment: any member may.
    Read,
    /// Make and change own objects: whoever may make flows.
    Make,
    /// Change what belongs to everybody: whoever administers connections.
    Administer,
}

impl Caller {
    /// The name that stands in the audit log.
    pub fn name(&self) -> &str {
        match self {
            Self::System(part) => part,
            Self::Operator(name) => name,
            Self::Member(member) => &member.name,
        }
    }

    /// The principal, if it is one.
    pub fn principal(&self) -> Option<&PrincipalId> {
        match self {
            Self::Member(member) => Some(&member.id),
            _ => None,
        }
    }

    /// Whether it administers the environment's connections: everybody's are open to it.
    pub fn is_administrator(&self) -> bool {
        self.may(Privilege::AdministerConnections)
    }

    /// Whether it holds a privilege at any depth.
    pub fn may(&self, privilege: Privilege) -> bool {
        decide(self, privilege, None).allowed()
    }

    /// Whether what is granted to `principal` is granted to it: itself, a team, a group or the
    /// tenant.
    pub fn counts_as(&self, principal: &PrincipalId) -> bool {
        match self {
            Self::Member(member) => member.counts_as().any(|own| own == principal),
            _ => false,
        }
    }

    /// Refuses an attempt the caller has no right to. A member of another environment is told that
    /// the environment does not exist.
    pub fn authorize(
        &self,
        environment: &EnvironmentId,
        action: Action,
        attempt: &str,
    ) -> Result<()> {
        match action {
            Action::Read => self.enter(environment),
            Action::Make => self.require(environment, on(Verb::Create, Entity::Workflow), attempt),
            Action::Administer => {
                self.require(environment, Privilege::AdministerConnections, attempt)
            }
        }
    }

    /// Refuses unless the caller holds the privilege at any depth.
    pub fn require(
        &self,
        environment: &EnvironmentId,
        privilege: Privilege,
        attempt: &str,
    ) -> Result<()> {
        self.enter(environment)?;
        self.obey(decide(self, privilege, None), attempt)
    }

    /// Refuses unless the privilege reaches the row.
    pub fn require_row(
        &self,
        environment: &EnvironmentId,
        privilege: Privilege,
        row: &RowFacts,
        attempt: &str,
    ) -> Result<()> {
        self.enter(environment)?;
        self.obey(decide(self, privilege, Some(row)), attempt)
    }

    fn enter(&self, environment: &EnvironmentId) -> Result<()> {
        match self {
            Self::Member(member) if &member.environment != environment => {
                Err(StoreError::not_found("environment", environment.as_str()))
            }
            _ => Ok(()),
        }
    }

    fn obey(&self, decision: Decision, attempt: &str) -> Result<()> {
        match decision {
            Decision::Allow => Ok(()),
            Decision::Deny { text, .. } => Err(self.denied(&format!("{attempt}: {text}"))),
        }
    }

    /// The refusal of an attempt.
    pub fn denied(&self, attempt: &str) -> StoreError {
        StoreError::Denied { caller: self.name().to_owned(), attempt: attempt.to_owned() }
    }

    /// Refuses unless it is the operator: what concerns more than one environment.
    pub fn authorize_operator(&self, attempt: &str) -> Result<()> {
        match self {
            Self::Member(_) => Err(self.denied(attempt)),
            _ => Ok(()),
        }
    }

    /// The principal a new row belongs to: the caller. The operator and the system own nothing.
    pub fn owner(&self) -> Result<PrincipalId> {
        self.principal().cloned().ok_or_else(|| {
            StoreError::Invalid(format!(
                "`{}` is no user of this environment and owns nothing",
                self.name()
            ))
        })
    }
}

#[cfg(test)]
impl Member {
    /// A member with one built-in role, for tests without a database.
    pub(crate) fn with_role(
        environment: &str,
        id: &str,
        name: &str,
        role: connref_solution::model::facts::Role,
    ) -> Self {
        let mut holder = Holder::new(id.into(), "unit".to_owned());
        for privilege in Privilege::all() {
            let grants = built_in(role).map_or(Depth::None, |known| (known.grants)(privilege));
            holder.grant(privilege, grants);
        }
        Self {
            environment: environment.into(),
            id: id.into(),
            name: name.to_owned(),
            kind: PrincipalKind::User,
            unit: "unit".to_owned(),
            teams: Vec::new(),
            groups: Vec::new(),
            holders: vec![holder],
            units: HashMap::from([("unit".to_owned(), None)]),
        }
    }
}

#[cfg(test)]
mod tests {
    use connref_solution::model::facts::Role;

    use super::*;

    fn member(role: Role) -> Caller {
        Caller::Member(Arc::new(Member::with_role("e", "p", "p@x", role)))
    }

    #[test]
    fn the_matrix_of_roles_and_actions() {
        let rows =
            [Role::BasicUser, Role::EnvironmentMaker, Role::SystemAdministrator].map(|role| {
                [Action::Read, Action::Make, Action::Administer]
                    .map(|action| member(role).authorize(&"e".into(), action, "try").is_ok())
            });
        assert_eq!(rows, [[true, false, false], [true, true, false], [true, true, true]]);
    }

    #[test]
    fn another_environment_does_not_exist() {
        let refused =
            member(Role::SystemAdministrator).authorize(&"f".into(), Action::Read, "look");
        assert!(matches!(refused, Err(StoreError::NotFound { .. })));
    }

    #[test]
    fn an_owner_may_what_a_stranger_may_not() {
        let maker = member(Role::EnvironmentMaker);
        let write = on(Verb::Write, Entity::Workflow);
        let row = |owner: &str| RowFacts { owner: Some(owner.into()), ..RowFacts::default() };
        assert!(maker.require_row(&"e".into(), write, &row("p"), "change").is_ok());
        let refused = maker.require_row(&"e".into(), write, &row("q"), "change this flow");
        assert_eq!(
            refused.unwrap_err().to_string(),
            "`p@x` may not change this flow: the privilege `prvWriteWorkflow` does not reach this row"
        );
    }
}
