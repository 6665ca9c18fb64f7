//! The one decision: may this caller do this to that row? Pure; what it needs of the database is
//! loaded before. The query emitter writes the same rule as SQL (`query::emit`), and a test holds
//! the two, and a model of its own, against each other.
use std::collections::HashMap;

use connref_solution::model::PrincipalId;

use super::privilege::COUNT;
use super::{Caller, Depth, Entity, Member, Privilege, Scope, Verb};

/// Somebody who holds privileges: the caller itself, or a team it is in.
#[derive(Clone, Debug, PartialEq)]
pub struct Holder {
    /// The principal.
    pub principal: PrincipalId,
    /// Its business unit.
    pub unit: String,
    depths: [Depth; COUNT],
}

impl Holder {
    /// One that holds nothing yet.
    pub fn new(principal: PrincipalId, unit: String) -> Self {
        Self { principal, unit, depths: [Depth::None; COUNT] }
    }

    /// How deep it holds a privilege.
    pub fn depth(&self, privilege: Privilege) -> Depth {
        self.depths[privilege.index()]
    }

    /// Holds a privilege at least this deep.
    pub fn grant(&mut self, privilege: Privilege, depth: Depth) {
        let held = &mut self.depths[privilege.index()];
        *held = depth.max(*held);
    }
}

/// How far a privilege reaches for a member.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reach {
    /// Everything.
    pub everywhere: bool,
    /// Rows of these business units and of those below them.
    pub deep: Vec<String>,
    /// Rows of these business units.
    pub units: Vec<String>,
    /// Rows of these principals.
    pub principals: Vec<PrincipalId>,
}

impl Reach {
    /// Whether it is held at all.
    pub fn is_none(&self) -> bool {
        !self.everywhere && self.principals.is_empty()
    }
}

/// A row, as far as the decision looks at it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RowFacts {
    /// Its owner; of a user or team the row itself.
    pub owner: Option<PrincipalId>,
    /// The business unit it belongs to: its owner's.
    pub unit: Option<String>,
    /// Principals it is shared with, and the masks.
    pub shares: Vec<(PrincipalId, i64)>,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Yes.
    Allow,
    /// No: the privilege is held by no role, or not for this row.
    Deny {
        /// The code clients know.
        code: &'static str,
        /// Why.
        text: String,
    },
}

/// Dataverse's code for a missing privilege.
pub const PRIVILEGE_DENIED: &str = "0x80040220";

impl Decision {
    /// Whether it is yes.
    pub fn allowed(&self) -> bool {
        matches!(self, Self::Allow)
    }
}

impl Member {
    /// How far a privilege reaches. A depth contains the lesser ones: who reaches a unit's rows
    /// reaches its own wherever they lie.
    pub fn reach(&self, privilege: Privilege) -> Reach {
        let mut reach = Reach::default();
        for holder in &self.holders {
            let depth = holder.depth(privilege);
            match depth {
                Depth::None | Depth::User => {}
                Depth::BusinessUnit => reach.units.push(holder.unit.clone()),
                Depth::ParentChild => reach.deep.push(holder.unit.clone()),
                Depth::Organization => reach.everywhere = true,
            }
            if depth > Depth::None {
                reach.principals.push(holder.principal.clone());
            }
        }
        reach
    }

    /// What it counts as where something is shared: itself, its teams, its groups, the tenant.
    pub fn counts_as(&self) -> impl Iterator<Item = &PrincipalId> {
        std::iter::once(&self.id).chain(&self.teams).chain(&self.groups)
    }

    /// The deepest it holds a privilege.
    pub fn depth(&self, privilege: Privilege) -> Depth {
        self.holders.iter().map(|holder| holder.depth(privilege)).max().unwrap_or_default()
    }
}

/// Decides. Without a row the question is whether the privilege is held at any depth.
pub fn decide(caller: &Caller, privilege: Privilege, row: Option<&RowFacts>) -> Decision {
    let Caller::Member(member) = caller else { return Decision::Allow };
    let reach = member.reach(privilege);
    if reach.is_none() {
        return deny(format!("the privilege `{}` is missing", privilege.name()));
    }
    let Some(row) = row else { return Decision::Allow };
    if reach.everywhere || reaches(member, &reach, privilege, row) {
        return Decision::Allow;
    }
    deny(format!("the privilege `{}` does not reach this row", privilege.name()))
}

fn deny(text: String) -> Decision {
    Decision::Deny { code: PRIVILEGE_DENIED, text }
}

fn reaches(member: &Member, reach: &Reach, privilege: Privilege, row: &RowFacts) -> bool {
    let Privilege::On(verb, entity) = privilege else { return true };
    if entity.scope() == Scope::Organization {
        return true;
    }
    row.owner.as_ref().is_some_and(|owner| reach.principals.contains(owner))
        || row.unit.as_ref().is_some_and(|unit| {
            reach.units.contains(unit) || above(&member.units, unit).any(|u| reach.deep.contains(u))
        })
        || row
            .shares
            .iter()
            .any(|(to, mask)| mask & verb.mask() != 0 && member.counts_as().any(|p| p == to))
}

/// A unit and those above it. The tree holds no cycle; should a damaged one, the walk ends.
fn above<'a>(
    tree: &'a HashMap<String, Option<String>>,
    unit: &'a String,
) -> impl Iterator<Item = &'a String> {
    std::iter::successors(Some(unit), |unit| tree.get(*unit)?.as_ref()).take(tree.len() + 1)
}

/// Short for a privilege on a table.
pub fn on(verb: Verb, entity: Entity) -> Privilege {
    Privilege::On(verb, entity)
}
