//! Privileges: a verb on a table, or one of the few that concern no table; and how deep a role
//! grants them. Names and numbers are those of Dataverse, as far as it has them.

use std::collections::HashMap;
use std::sync::LazyLock;

/// Tables that privileges speak of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Entity {
    /// Business units.
    BusinessUnit,
    /// Connection references.
    ConnectionReference,
    /// Connectors.
    Connector,
    /// Definitions of environment variables.
    VariableDefinition,
    /// Values of environment variables.
    VariableValue,
    /// Import jobs.
    ImportJob,
    /// Publishers.
    Publisher,
    /// Security roles.
    Role,
    /// Solutions.
    Solution,
    /// Teams.
    Team,
    /// Users and service principals.
    User,
    /// Flows and other processes.
    Workflow,
}

/// Whom a table's rows belong to, and so what a depth means for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// To a user or a team.
    Owner,
    /// To a business unit.
    Unit,
    /// To the organisation: any depth is all of it.
    Organization,
}

impl Entity {
    /// Every table.
    pub const ALL: [Self; 12] = [
        Self::BusinessUnit,
        Self::ConnectionReference,
        Self::Connector,
        Self::VariableDefinition,
        Self::VariableValue,
        Self::ImportJob,
        Self::Publisher,
        Self::Role,
        Self::Solution,
        Self::Team,
        Self::User,
        Self::Workflow,
    ];

    /// Whom rows belong to.
    pub fn scope(self) -> Scope {
        match self {
            Self::ConnectionReference
            | Self::Connector
            | Self::VariableDefinition
            | Self::VariableValue
            | Self::Workflow => Scope::Owner,
            Self::BusinessUnit | Self::Team | Self::User => Scope::Unit,
            Self::ImportJob | Self::Publisher | Self::Role | Self::Solution => Scope::Organization,
        }
    }

    /// The table's part of a privilege's name.
    pub fn noun(self) -> &'static str {
        match self {
            Self::BusinessUnit => "BusinessUnit",
            Self::ConnectionReference => "connectionreference",
            Self::Connector => "Connector",
            Self::VariableDefinition => "EnvironmentVariableDefinition",
            Self::VariableValue => "EnvironmentVariableValue",
            Self::ImportJob => "ImportJob",
            Self::Publisher => "Publisher",
            Self::Role => "Role",
            Self::Solution => "Solution",
            Self::Team => "Team",
            Self::User => "User",
            Self::Workflow => "Workflow",
        }
    }

    /// Logical name, which is the physical one too.
    pub fn logical_name(self) -> &'static str {
        match self {
            Self::BusinessUnit => "businessunit",
            Self::ConnectionReference => "connectionreference",
            Self::Connector => "connector",
            Self::VariableDefinition => "environmentvariabledefinition",
            Self::VariableValue => "environmentvariablevalue",
            Self::ImportJob => "importjob",
            Self::Publisher => "publisher",
            Self::Role => "role",
            Self::Solution => "solution",
            Self::Team => "team",
            Self::User => "systemuser",
            Self::Workflow => "workflow",
        }
    }

    /// Primary key column.
    pub fn id_column(self) -> &'static str {
        match self {
            Self::BusinessUnit => "businessunitid",
            Self::ConnectionReference => "connectionreferenceid",
            Self::Connector => "connectorid",
            Self::VariableDefinition => "environmentvariabledefinitionid",
            Self::VariableValue => "environmentvariablevalueid",
            Self::ImportJob => "importjobid",
            Self::Publisher => "publisherid",
            Self::Role => "roleid",
            Self::Solution => "solutionid",
            Self::Team => "teamid",
            Self::User => "systemuserid",
            Self::Workflow => "workflowid",
        }
    }

    /// A table whose rows can be shared one by one, by logical name.
    pub fn shareable(logical_name: &str) -> Option<Self> {
        [Self::ConnectionReference, Self::VariableDefinition, Self::VariableValue, Self::Workflow]
            .into_iter()
            .find(|entity| entity.logical_name().eq_ignore_ascii_case(logical_name))
    }
}

/// What is done to a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verb {
    /// Make one.
    Create,
    /// See it.
    Read,
    /// Change it.
    Write,
    /// Delete it.
    Delete,
    /// Attach it to another.
    Append,
    /// Attach another to it.
    AppendTo,
    /// Give it another owner.
    Assign,
    /// Share it.
    Share,
}

impl Verb {
    /// Every verb.
    pub const ALL: [Self; 8] = [
        Self::Create,
        Self::Read,
        Self::Write,
        Self::Delete,
        Self::Append,
        Self::AppendTo,
        Self::Assign,
        Self::Share,
    ];

    /// Its part of a privilege's name.
    pub fn word(self) -> &'static str {
        match self {
            Self::Create => "Create",
            Self::Read => "Read",
            Self::Write => "Write",
            Self::Delete => "Delete",
            Self::Append => "Append",
            Self::AppendTo => "AppendTo",
            Self::Assign => "Assign",
            Self::Share => "Share",
        }
    }

    /// Its bit in an access mask (`AccessRights`).
    pub fn mask(self) -> i64 {
        match self {
            Self::Read => 1,
            Self::Write => 2,
            Self::Append => 4,
            Self::AppendTo => 16,
            Self::Create => 32,
            Self::Delete => 65_536,
            Self::Share => 262_144,
            Self::Assign => 524_288,
        }
    }
}

/// What a role can grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Privilege {
    /// A verb on a table.
    On(Verb, Entity),
    /// Import solutions.
    ImportCustomization,
    /// Export solutions.
    ExportCustomization,
    /// Publish customizations.
    PublishCustomization,
    /// Act as somebody else.
    ActOnBehalfOfAnotherUser,
    /// Read and verify the audit log.
    ReadAuditSummary,
    /// See, share, reassign and delete everybody's connections; see everybody's runs.
    AdministerConnections,
    /// Say which private addresses connections may reach.
    AllowEndpoints,
}

/// Those that concern no table, by the names on the wire.
const OTHERS: [(Privilege, &str); 7] = [
    (Privilege::ImportCustomization, "prvImportCustomization"),
    (Privilege::ExportCustomization, "prvExportCustomization"),
    (Privilege::PublishCustomization, "prvPublishCustomization"),
    (Privilege::ActOnBehalfOfAnotherUser, "prvActOnBehalfOfAnotherUser"),
    (Privilege::ReadAuditSummary, "prvReadAuditSummary"),
    (Privilege::AdministerConnections, "prvconnref_AdministerConnections"),
    (Privilege::AllowEndpoints, "prvconnref_AllowEndpoints"),
];

/// Number of privileges.
pub(super) const COUNT: usize = Entity::ALL.len() * Verb::ALL.len() + OTHERS.len();

impl Privilege {
    /// Every privilege.
    pub fn all() -> impl Iterator<Item = Self> {
        let tables = Entity::ALL
            .into_iter()
            .flat_map(|e| Verb::ALL.into_iter().map(move |v| Self::On(v, e)));
        tables.chain(OTHERS.iter().map(|(privilege, _)| *privilege))
    }

    /// Its place among all.
    pub(super) fn index(self) -> usize {
        match self {
            Self::On(verb, entity) => entity as usize * Verb::ALL.len() + verb as usize,
            other => {
                let at = OTHERS.iter().position(|(privilege, _)| *privilege == other);
                Entity::ALL.len() * Verb::ALL.len() + at.expect("OTHERS lists each of them")
            }
        }
    }

    /// Its name, as Dataverse writes it: `prvReadWorkflow`.
    pub fn name(self) -> String {
        match self {
            Self::On(verb, entity) => format!("prv{}{}", verb.word(), entity.noun()),
            other => OTHERS
                .iter()
                .find(|(privilege, _)| *privilege == other)
                .map_or_else(String::new, |(_, name)| (*name).to_owned()),
        }
    }

    /// A privilege by name, without regard to case.
    pub fn parse(name: &str) -> Option<Self> {
        static NAMES: LazyLock<HashMap<String, Privilege>> =
            LazyLock::new(|| Privilege::all().map(|p| (p.name().to_lowercase(), p)).collect());
        NAMES.get(&name.to_lowercase()).copied()
    }
}

/// How deep a role grants a privilege.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Depth {
    /// Not at all.
    #[default]
    None,
    /// Own rows, and those shared with one.
    User,
    /// Rows of the holder's business unit.
    BusinessUnit,
    /// Those, and of the units below.
    ParentChild,
    /// All.
    Organization,
}

impl Depth {
    /// Every depth.
    pub const ALL: [Self; 5] =
        [Self::None, Self::User, Self::BusinessUnit, Self::ParentChild, Self::Organization];

    /// `privilegedepthmask`.
    pub fn mask(self) -> i64 {
        match self {
            Self::None => 0,
            Self::User => 1,
            Self::BusinessUnit => 2,
            Self::ParentChild => 4,
            Self::Organization => 8,
        }
    }

    /// The depth of a mask.
    pub fn from_mask(mask: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|depth| depth.mask() == mask)
    }

    /// As people call it.
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::User => "user",
            Self::BusinessUnit => "business unit",
            Self::ParentChild => "parent-child",
            Self::Organization => "organization",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_privilege_has_a_place_and_a_name_of_its_own() {
        let all: Vec<_> = Privilege::all().collect();
        assert_eq!(all.len(), COUNT);
        for (at, privilege) in all.iter().enumerate() {
            assert_eq!(privilege.index(), at);
            assert_eq!(Privilege::parse(&privilege.name()), Some(*privilege));
        }
    }
}
