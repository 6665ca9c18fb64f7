//! How the model's closed sets are spelled in columns.
use connref_solution::model::facts::{
    Capability, ConnectionKind, EnvironmentKind, Fidelity, PrincipalKind, Role, ShareLevel,
    TeamKind,
};
use connref_solution::model::package::RuntimeSource;

use crate::db::{DbError, Row};

/// A closed set with a fixed spelling in the database.
pub(crate) trait Stored: Sized + Copy + PartialEq + 'static {
    /// Every value with its spelling.
    const SPELLINGS: &'static [(Self, &'static str)];

    /// The spelling of a value.
    fn text(self) -> &'static str {
        Self::SPELLINGS.iter().find(|(value, _)| *value == self).map_or("", |(_, text)| text)
    }
}

/// Reads a column that holds a spelling.
pub(crate) fn stored<T: Stored>(row: &Row, index: usize) -> Result<T, DbError> {
    let text = row.text(index)?;
    T::SPELLINGS
        .iter()
        .find(|(_, spelling)| *spelling == text)
        .map(|(value, _)| *value)
        .ok_or(DbError::Column { index, wanted: "a known spelling", found: "another text" })
}

macro_rules! stored {
    ($($kind:ty { $($value:ident = $text:literal),+ $(,)? })+) => {$(
        impl Stored for $kind {
            const SPELLINGS: &'static [(Self, &'static str)] = &[$((Self::$value, $text)),+];
        }
    )+};
}

stored! {
    EnvironmentKind { Developer = "developer", Test = "test", Production = "production" }
    Fidelity { Extended = "extended", Dataverse = "dataverse" }
    PrincipalKind { User = "user", ServicePrincipal = "service principal" }
    Role {
        None = "none",
        BasicUser = "basic user",
        EnvironmentMaker = "environment maker",
        Deployer = "deployer",
        SystemCustomizer = "system customizer",
        SystemAdministrator = "system administrator",
    }
    TeamKind {
        Owner = "owner",
        Access = "access",
        SecurityGroup = "security group",
        OfficeGroup = "office group",
    }
    Capability { Yes = "yes", No = "no", Unknown = "unknown" }
    ConnectionKind {
        ServicePrincipal = "service principal",
        User = "user",
        SharedKey = "shared key",
        None = "none",
    }
    ShareLevel {
        CanView = "CanView",
        CanViewWithShare = "CanViewWithShare",
        CanEdit = "CanEdit",
        Owner = "Owner",
    }
    RuntimeSource { Embedded = "embedded", Invoker = "invoker" }
}
