//! Which connection a reference is to be bound to, said by what it is instead of by its id: ids
//! differ in every environment, intent does not.
use std::collections::BTreeMap;

use super::facts::{ConnectionKind, PrincipalKind};
use super::{ConnectionId, LogicalName};

/// What a connection must be like. What is left out may be anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector {
    /// This connection and no other.
    pub connection: Option<ConnectionId>,
    /// Display name; `*` stands for any characters.
    pub name: Option<String>,
    /// Name, application id or object id of its owner.
    pub owner: Option<String>,
    /// Whether its owner is a person or a service principal.
    pub owner_kind: Option<PrincipalKind>,
    /// Whose credential it holds.
    pub kind: Option<ConnectionKind>,
    /// What it reaches: its endpoint, or what its last test found; `*` stands for any characters.
    pub target: Option<String>,
    /// The reference may stay unbound where no connection fits.
    pub optional: Option<bool>,
}

/// Selectors of references, with what differs from one environment to another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bindings {
    /// What holds for each reference that does not say otherwise.
    pub defaults: Selector,
    /// By logical name.
    pub references: BTreeMap<LogicalName, Selector>,
    /// By name of the environment, in lower case.
    pub environments: BTreeMap<String, EnvironmentBindings>,
}

/// What is said of one environment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EnvironmentBindings {
    /// What holds for each reference that does not say otherwise.
    pub defaults: Selector,
    /// By logical name.
    pub references: BTreeMap<LogicalName, Selector>,
}

impl Selector {
    /// This one, with what it leaves out taken from `general`.
    #[must_use]
    pub fn over(&self, general: &Self) -> Self {
        Self {
            connection: self.connection.clone().or_else(|| general.connection.clone()),
            name: self.name.clone().or_else(|| general.name.clone()),
            owner: self.owner.clone().or_else(|| general.owner.clone()),
            owner_kind: self.owner_kind.or(general.owner_kind),
            kind: self.kind.or(general.kind),
            target: self.target.clone().or_else(|| general.target.clone()),
            optional: self.optional.or(general.optional),
        }
    }
}

impl Bindings {
    /// What holds for a reference in an environment: the environment's word before the general one,
    /// a reference's before the defaults.
    pub fn selector(&self, environment: &str, reference: &LogicalName) -> Selector {
        let here = self.environments.get(&environment.to_lowercase());
        let layers = [
            here.and_then(|here| here.references.get(reference)),
            self.references.get(reference),
            here.map(|here| &here.defaults),
            Some(&self.defaults),
        ];
        layers.into_iter().flatten().fold(Selector::default(), |said, next| said.over(next))
    }

    /// Every reference that is named anywhere.
    pub fn names(&self) -> impl Iterator<Item = &LogicalName> {
        let environments = self.environments.values().flat_map(|one| one.references.keys());
        self.references.keys().chain(environments)
    }
}
