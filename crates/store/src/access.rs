//! Who asks, and what they may do. Authorisation of rows lives here; the use of a connection by a
//! flow is judged by `review`, which sees the whole environment.
use connref_solution::model::facts::{PrincipalKind, Role};
use connref_solution::model::{EnvironmentId, PrincipalId};

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
    Member(Member),
}

/// A principal as a caller.
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
    /// Role.
    pub role: Role,
}

/// What is attempted on an environment's objects as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// See the environment.
    Read,
    /// Make and change own objects.
    Make,
    /// Import and export solutions, change what others own, users, connectors.
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

    /// Whether everything in the environment is open to it.
    pub fn is_administrator(&self) -> bool {
        match self {
            Self::System(_) | Self::Operator(_) => true,
            Self::Member(member) => member.role == Role::SystemAdministrator,
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
        let Self::Member(member) = self else { return Ok(()) };
        if &member.environment != environment {
            return Err(StoreError::not_found("environment", environment.as_str()));
        }
        let allowed = match action {
            Action::Read => true,
            Action::Make => member.role >= Role::EnvironmentMaker,
            Action::Administer => member.role >= Role::SystemAdministrator,
        };
        self.must(allowed, attempt)
    }

    /// Refuses unless the caller administers the environment or owns the row.
    pub fn authorize_owner(
        &self,
        environment: &EnvironmentId,
        owner: &PrincipalId,
        attempt: &str,
    ) -> Result<()> {
        self.authorize(environment, Action::Read, attempt)?;
        self.must(self.is_administrator() || self.principal() == Some(owner), attempt)
    }

    /// Refuses unless it is the operator: what concerns more than one environment.
    pub fn authorize_operator(&self, attempt: &str) -> Result<()> {
        self.must(!matches!(self, Self::Member(_)), attempt)
    }

    fn must(&self, allowed: bool, attempt: &str) -> Result<()> {
        if allowed {
            return Ok(());
        }
        Err(StoreError::Denied { caller: self.name().to_owned(), attempt: attempt.to_owned() })
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
mod tests {
    use super::*;

    fn member(role: Role) -> Caller {
        Caller::Member(Member {
            environment: "e".into(),
            id: "p".into(),
            name: "p@x".into(),
            kind: PrincipalKind::User,
            role,
        })
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
        assert!(maker.authorize_owner(&"e".into(), &"p".into(), "change").is_ok());
        assert!(maker.authorize_owner(&"e".into(), &"q".into(), "change").is_err());
    }
}
