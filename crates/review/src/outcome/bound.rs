//! How the references of a package stand in an environment: bound, missing or broken. What is told
//! names no connection and nobody who owns one, so that it may be shown to those who see neither.
use std::fmt;

use connref_solution::model::package::PackageReference;
use connref_solution::model::{ApiName, Facts, LogicalName, Package};

use crate::index::Index;
use crate::standing::{connection_of, standing};

/// How one reference stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReferenceStanding {
    /// Logical name, as the package writes it.
    pub logical_name: LogicalName,
    /// Its connector.
    pub api_name: ApiName,
    /// How it stands.
    pub state: Standing,
    /// The code of what breaks it.
    pub code: Option<&'static str>,
}

/// How a reference stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Bound to a connection that can work.
    Bound,
    /// Not there, or not bound.
    Missing,
    /// Bound to a connection that is gone, in error, switched off, or whose owner left.
    Broken,
}

impl Standing {
    /// The word for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bound => "bound",
            Self::Missing => "missing",
            Self::Broken => "broken",
        }
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How each reference of the package stands in these facts: those of now, or of an outcome's future.
pub fn reference_standings(facts: &Facts, package: &Package) -> Vec<ReferenceStanding> {
    let index = Index::new(facts);
    package.references.iter().map(|reference| standing_of(&index, reference)).collect()
}

fn standing_of(index: &Index<'_>, reference: &PackageReference) -> ReferenceStanding {
    let here = index.reference(&reference.logical_name);
    let bound = here.and_then(|here| Some((here, here.connection.as_ref()?)));
    let (state, code) = match bound {
        None => (Standing::Missing, None),
        Some((here, id)) => match connection_of(index, id, &here.api_name) {
            Err(refusal) => (Standing::Broken, Some(refusal.code)),
            Ok(connection) => match standing(index, connection) {
                Some(refusal) => (Standing::Broken, Some(refusal.code)),
                None => (Standing::Bound, None),
            },
        },
    };
    ReferenceStanding {
        logical_name: reference.logical_name.clone(),
        api_name: here.map_or_else(|| reference.api_name.clone(), |here| here.api_name.clone()),
        state,
        code,
    }
}
