//! `bindings.yaml`: selectors beside the deployment settings, which keep exactly the vendor's shape.
use std::collections::BTreeMap;

use serde::Deserialize;

use crate::model::facts::{ConnectionKind, PrincipalKind};
use crate::model::selector::{Bindings, EnvironmentBindings, Selector};
use crate::model::{ConnectionId, LogicalName};

/// Bytes at most.
const MAX_BYTES: usize = 1 << 20;

/// Why a bindings file could not be read. One that is read by halves would bind what it should not,
/// so every word that is not known is an error.
#[derive(Debug, thiserror::Error)]
pub enum BindingsError {
    /// Not YAML, or a word or value that does not belong there.
    #[error("cannot read the bindings: {reason}")]
    Shape {
        /// What and where.
        reason: String,
    },
    /// Too large.
    #[error("refused the bindings: {bytes} bytes, the limit is {MAX_BYTES}")]
    Large {
        /// Its size.
        bytes: usize,
    },
    /// A format of another release.
    #[error("cannot read the bindings: version {found} is not known, only 1")]
    Version {
        /// What it says.
        found: u32,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    #[serde(default)]
    defaults: Entry,
    #[serde(default)]
    references: BTreeMap<String, Entry>,
    #[serde(default)]
    environments: BTreeMap<String, Environment>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Environment {
    #[serde(default)]
    defaults: Entry,
    #[serde(default)]
    references: BTreeMap<String, Entry>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Entry {
    connection: Option<String>,
    name: Option<String>,
    owner: Option<String>,
    owner_kind: Option<OwnerWord>,
    kind: Option<KindWord>,
    target: Option<String>,
    optional: Option<bool>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
enum OwnerWord {
    User,
    ServicePrincipal,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
enum KindWord {
    User,
    ServicePrincipal,
    SharedKey,
    None,
}

/// Reads a bindings file.
///
/// # Errors
/// What is not YAML of this shape; the reason names line and column.
pub fn bindings_read(text: &str) -> Result<Bindings, BindingsError> {
    if text.len() > MAX_BYTES {
        return Err(BindingsError::Large { bytes: text.len() });
    }
    let file: File = serde_saphyr::from_str(text)
        .map_err(|error| BindingsError::Shape { reason: one_line(&error.to_string()) })?;
    if file.version != 1 {
        return Err(BindingsError::Version { found: file.version });
    }
    let environments = file.environments.into_iter().map(|(name, said)| {
        let said = EnvironmentBindings {
            defaults: selector(said.defaults)?,
            references: references(said.references)?,
        };
        Ok((name.to_lowercase(), said))
    });
    Ok(Bindings {
        defaults: selector(file.defaults)?,
        references: references(file.references)?,
        environments: environments.collect::<Result<_, BindingsError>>()?,
    })
}

/// The library shows the place in several lines; the first says what is wrong and where.
fn one_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

fn references(
    entries: BTreeMap<String, Entry>,
) -> Result<BTreeMap<LogicalName, Selector>, BindingsError> {
    let mut all = BTreeMap::new();
    for (name, entry) in entries {
        let key = LogicalName::new(&name);
        if all.insert(key, selector(entry)?).is_some() {
            let reason = format!("reference `{name}` is there twice, in two spellings");
            return Err(BindingsError::Shape { reason });
        }
    }
    Ok(all)
}

fn selector(entry: Entry) -> Result<Selector, BindingsError> {
    for (word, said) in [
        ("connection", &entry.connection),
        ("name", &entry.name),
        ("owner", &entry.owner),
        ("target", &entry.target),
    ] {
        // An empty word would read as "anything", which nobody writes on purpose.
        if said.as_ref().is_some_and(|text| text.trim().is_empty()) {
            return Err(BindingsError::Shape {
                reason: format!("`{word}` is empty; leave it out"),
            });
        }
    }
    Ok(Selector {
        connection: entry.connection.map(|id| ConnectionId::new(id.trim())),
        name: entry.name,
        owner: entry.owner,
        owner_kind: entry.owner_kind.map(|word| match word {
            OwnerWord::User => PrincipalKind::User,
            OwnerWord::ServicePrincipal => PrincipalKind::ServicePrincipal,
        }),
        kind: entry.kind.map(|word| match word {
            KindWord::User => ConnectionKind::User,
            KindWord::ServicePrincipal => ConnectionKind::ServicePrincipal,
            KindWord::SharedKey => ConnectionKind::SharedKey,
            KindWord::None => ConnectionKind::None,
        }),
        target: entry.target,
        optional: entry.optional,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearer_word_wins() {
        let text = "version: 1
defaults: {ownerKind: servicePrincipal}
references:
  contoso_Sql: {target: db.test, name: Orders*}
environments:
  PROD:
    defaults: {owner: sp-prod}
    references:
      CONTOSO_sql: {target: db.prod, optional: true}
";
        let bindings = bindings_read(text).expect("it is well formed");
        let name = LogicalName::new("contoso_sql");
        let prod = bindings.selector("Prod", &name);
        assert_eq!(prod.target.as_deref(), Some("db.prod"));
        assert_eq!(prod.owner.as_deref(), Some("sp-prod"));
        assert_eq!(prod.name.as_deref(), Some("Orders*"));
        assert_eq!(prod.owner_kind, Some(PrincipalKind::ServicePrincipal));
        assert_eq!(prod.optional, Some(true));
        let test = bindings.selector("test", &name);
        assert_eq!(test.target.as_deref(), Some("db.test"));
        assert_eq!((test.owner, test.optional), (None, None));
    }

    #[test]
    fn what_is_not_known_is_refused_with_its_place() {
        let wrong = [
            ("version: 2", "version 2"),
            ("version: 1\nreferences: {a_b: {ownr: x}}", "ownr"),
            ("version: 1\nreferences: {a_b: {kind: robot}}", "robot"),
            ("version: 1\nreferences: {a_b: {name: ' '}}", "`name` is empty"),
            ("version: 1\nreferences: {a_b: {}, A_B: {}}", "twice"),
            ("references: {}", "version"),
            ("version: 1\nreferences: [", "line"),
        ];
        for (text, told) in wrong {
            let error = bindings_read(text).expect_err(text).to_string();
            assert!(error.contains(told), "{text}: {error}");
            assert!(!error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn aliases_cannot_grow_without_end() {
        let mut text = String::from("version: 1\nx0: &x0 [a, a, a, a, a, a, a, a, a]\n");
        for level in 1..12 {
            let before = level - 1;
            let aliases = vec![format!("*x{before}"); 9].join(", ");
            text += &format!("x{level}: &x{level} [{aliases}]\n");
        }
        assert!(bindings_read(&text).is_err());
    }
}
