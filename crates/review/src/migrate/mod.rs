//! Hard-coded connections become connection references.
//!
//! A flow that names its connection directly, or lost the name on export, cannot be bound in
//! another environment. Migration gives each such connection a reference, names it in the flow's
//! map and leaves the actions as they are: they go by the map's key, which stays. Nothing else of
//! a package is touched. What is migrated already stays as it is.
mod group;
mod legacy;
mod name;
mod preview;
mod rewrite;
mod solution;

use std::fmt;

use connref_solution::artefact::legacy_package::{LegacyError, legacy_package_is};
use connref_solution::document::json::JsonError;
use connref_solution::model::{ApiName, LogicalName, Package};
use connref_solution::{Archive, ConnectorSplit, PackageError, WriteError, connectors_split};
use connref_solution::{package_read, package_write};

/// How to migrate.
#[derive(Clone, Debug, Default)]
pub struct MigrateOptions {
    /// Publisher prefix of new references; the package's own if there is none here, `new` for a
    /// flow package.
    pub prefix: Option<String>,
    /// Whether connections to one connector share a reference where that is safe.
    pub consolidate: bool,
    /// Whether custom connectors go into a package of their own, to be imported first.
    pub split_connectors: bool,
    /// Unique name of the solution that a flow package becomes; made of its display name if there
    /// is none here.
    pub solution_name: Option<String>,
    /// Unique name of the publisher of that solution; made of the prefix if there is none here.
    pub publisher_name: Option<String>,
}

/// What a migration comes to. Nothing is written anywhere.
#[derive(Clone, Debug)]
pub struct Migration {
    /// The archive as it was.
    pub before: Archive,
    /// The archive afterwards: the same layout for a solution, a zip for a flow package and where
    /// connectors were told apart. If nothing changed, the one that was.
    pub after: Archive,
    /// What `after` holds.
    pub package: Package,
    /// What was done, in order.
    pub changes: Vec<Change>,
    /// Connections that keep a reference of their own although sharing was asked for, and why.
    pub kept_apart: Vec<KeptApart>,
    /// What a person should know or do.
    pub notes: Vec<String>,
    /// The custom connectors' own package, if they were told apart.
    pub connectors: Option<ConnectorSplit>,
}

impl Migration {
    /// Whether there was nothing to do.
    pub fn is_unchanged(&self) -> bool {
        self.changes.is_empty()
    }

    /// The changes of texts as a unified diff; empty if there are none.
    ///
    /// # Errors
    /// Damaged content of a zip entry.
    pub fn preview(&self) -> Result<String, connref_solution::ArchiveError> {
        preview::preview(self)
    }
}

/// One thing a migration does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A solution is made of a flow package.
    SolutionMade {
        /// Its unique name.
        unique_name: String,
        /// Its flows.
        flows: usize,
    },
    /// A reference is new.
    ReferenceAdded {
        /// Logical name.
        reference: LogicalName,
        /// Display name.
        display_name: String,
        /// Connector.
        api_name: ApiName,
    },
    /// An entry of a flow's map names a reference now.
    EntryBound {
        /// Flow.
        flow: String,
        /// Key in the flow's map.
        key: String,
        /// The reference.
        reference: LogicalName,
    },
    /// An entry that names a reference lost the connection it named beside it.
    NameDropped {
        /// Flow.
        flow: String,
        /// Key in the flow's map.
        key: String,
    },
    /// Connections share a reference.
    Shared {
        /// The reference.
        reference: LogicalName,
        /// How many entries use it.
        entries: usize,
        /// Why that is safe.
        reason: String,
    },
    /// Custom connectors went into a package of their own.
    ConnectorsSplit {
        /// Unique name of that package.
        unique_name: String,
        /// Display names of the connectors.
        names: Vec<String>,
    },
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SolutionMade { unique_name, flows } => {
                let what = if *flows == 1 { "flow" } else { "flows" };
                write!(f, "make the solution `{unique_name}` of {flows} {what}")
            }
            Self::ReferenceAdded { reference, display_name, api_name } => {
                write!(f, "add the reference `{reference}` (`{display_name}`) to `{api_name}`")
            }
            Self::EntryBound { flow, key, reference } => {
                write!(f, "`{key}` of the flow `{flow}` uses `{reference}`")
            }
            Self::NameDropped { flow, key } => {
                write!(f, "`{key}` of the flow `{flow}` names no connection beside its reference")
            }
            Self::Shared { reference, entries, reason } => {
                write!(f, "{entries} entries share `{reference}`: {reason}")
            }
            Self::ConnectorsSplit { unique_name, names } => {
                let names = names.join("`, `");
                write!(f, "put the custom connectors `{names}` into the solution `{unique_name}`")
            }
        }
    }
}

/// A connection that keeps a reference of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptApart {
    /// Connector.
    pub api_name: ApiName,
    /// Where it is used: flow and key.
    pub entry: String,
    /// Why it shares no other's reference.
    pub reason: String,
}

/// Why a package cannot be migrated.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// No solution, or one that cannot be read.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// No flow package, or one that cannot be read.
    #[error(transparent)]
    Legacy(#[from] LegacyError),
    /// The result cannot be written.
    #[error("cannot write the migrated package")]
    Write(#[from] WriteError),
    /// A flow's body cannot be changed.
    #[error("cannot rewrite the flow `{flow}`")]
    Rewrite {
        /// Name of the flow.
        flow: String,
        /// Cause.
        source: JsonError,
    },
    /// More connections than any real solution has.
    #[error(
        "refused to migrate: {found} connections have no reference, the limit is {limit}; split the solution first"
    )]
    TooMany {
        /// Connections found.
        found: usize,
        /// The limit.
        limit: usize,
    },
    /// A prefix that the platform does not take.
    #[error(
        "`{prefix}` cannot be a publisher prefix: it has 2 to 8 letters and digits, begins with a letter and not with `mscrm`"
    )]
    Prefix {
        /// The prefix.
        prefix: String,
    },
    /// A name that the platform does not take.
    #[error(
        "`{name}` cannot be a unique name: it has letters, digits and underscores and begins with a letter or an underscore"
    )]
    Name {
        /// The name.
        name: String,
    },
}

/// Migrates a solution or an exported flow package.
///
/// # Errors
/// What cannot be read or written, and names that the platform does not take.
pub fn migrate(archive: &Archive, options: &MigrateOptions) -> Result<Migration, MigrateError> {
    if let Some(prefix) = options.prefix.as_deref().filter(|p| !name::prefix_is(p)) {
        return Err(MigrateError::Prefix { prefix: prefix.to_owned() });
    }
    for name in [&options.solution_name, &options.publisher_name].into_iter().flatten() {
        if !name::unique_name_is(name) {
            return Err(MigrateError::Name { name: name.clone() });
        }
    }
    let migration = if legacy_package_is(archive) {
        legacy::legacy_migrate(archive, options)?
    } else {
        solution::solution_migrate(archive, options)?
    };
    if options.split_connectors { split(migration) } else { Ok(migration) }
}

fn split(mut migration: Migration) -> Result<Migration, MigrateError> {
    let Some(split) = connectors_split(&migration.after)? else { return Ok(migration) };
    migration.after = split.rest.clone();
    migration.package = package_read(&migration.after)?;
    migration.changes.push(Change::ConnectorsSplit {
        unique_name: split.unique_name.clone(),
        names: split.names.clone(),
    });
    migration.notes.push(format!(
        "import `{}` first: an import finds a custom connector only if an earlier one brought it",
        split.unique_name
    ));
    if !split.variables.is_empty() {
        let names: Vec<String> = split.variables.iter().map(|v| format!("`{v}`")).collect();
        let what = names.join(", ");
        migration
            .notes
            .push(format!("the connectors read {what}; both packages hold the definition"));
    }
    migration.connectors = Some(split);
    Ok(migration)
}

/// A new package without a base, and what it reads as.
fn write_new(package: &Package) -> Result<(Archive, Package), MigrateError> {
    let archive = package_write(None, package)?;
    let package = package_read(&archive)?;
    Ok((archive, package))
}

#[cfg(test)]
mod tests;
