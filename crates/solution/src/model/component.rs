//! What solutions are made of, by kind and row: the unit of membership and of layers.
use sha2::{Digest, Sha256};

/// Kinds of components that connref models.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ComponentKind {
    /// A workflow of any category; cloud flows among them.
    Flow,
    /// A connection reference.
    Reference,
    /// An environment variable definition.
    Variable,
    /// A custom connector.
    Connector,
}

impl ComponentKind {
    /// Every kind, in the order in which components can be removed: each before what it uses.
    pub const REMOVED_IN_ORDER: [Self; 4] =
        [Self::Flow, Self::Reference, Self::Variable, Self::Connector];

    /// The word under which it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Flow => "flow",
            Self::Reference => "reference",
            Self::Variable => "variable",
            Self::Connector => "connector",
        }
    }

    /// A kind by its word.
    pub fn of(word: &str) -> Option<Self> {
        Self::REMOVED_IN_ORDER.into_iter().find(|kind| kind.as_str() == word)
    }

    /// Logical name of the table, as texts and actions of the vendor's service have it.
    pub fn table(self) -> &'static str {
        match self {
            Self::Flow => "workflow",
            Self::Reference => "connectionreference",
            Self::Variable => "environmentvariabledefinition",
            Self::Connector => "connector",
        }
    }
}

/// One component: a row of the environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Component {
    /// Kind.
    pub kind: ComponentKind,
    /// Row id, lower case.
    pub id: Box<str>,
    /// The name people know; empty where a solution lists a row that is gone.
    pub name: String,
}

impl Component {
    /// What it is found by.
    pub fn key(&self) -> (ComponentKind, &str) {
        (self.kind, &self.id)
    }
}

/// Fingerprint of what a layer holds, SHA-256 in hex: name, description, and the body (a flow's
/// definition, a variable's default value). Two layers with one fingerprint hide nothing from each
/// other.
pub fn layer_digest(name: &str, description: Option<&str>, body: Option<&str>) -> String {
    let mut hash = Sha256::new();
    for part in [Some(name), description.filter(|d| !d.is_empty()), body] {
        // The length in front keeps one part from running into the next.
        let text = part.unwrap_or_default();
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text.as_bytes());
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_never_runs_into_the_next() {
        assert_ne!(layer_digest("ab", Some("c"), None), layer_digest("a", Some("bc"), None));
        assert_ne!(layer_digest("a", None, Some("b")), layer_digest("a", Some("b"), None));
        assert_eq!(layer_digest("a", Some(""), None), layer_digest("a", None, None));
    }

    #[test]
    fn words_are_read_back() {
        for kind in ComponentKind::REMOVED_IN_ORDER {
            assert_eq!(ComponentKind::of(kind.as_str()), Some(kind));
        }
        assert_eq!(ComponentKind::of("entity"), None);
    }
}
