//! Names that compare without regard to case, as the platform compares them.
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// Names up to this long are looked up without asking for memory.
const SHORT: usize = 96;

/// The lower-case form of a short name in ASCII, in a place that is given.
fn short_key<'k>(name: &str, place: &'k mut [u8; SHORT]) -> Option<&'k str> {
    let place = place.get_mut(..name.len()).filter(|_| name.is_ascii())?;
    place.copy_from_slice(name.as_bytes());
    place.make_ascii_lowercase();
    std::str::from_utf8(place).ok()
}

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Keeps the spelling; compares without case.
            pub fn new(text: &str) -> Self {
                Self(text.into())
            }

            /// The name as written.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The form by which it is compared and looked up.
            pub fn key(&self) -> String {
                self.0.to_lowercase()
            }
        }

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                self.0 == other.0
                    || match self.0.is_ascii() && other.0.is_ascii() {
                        true => self.0.eq_ignore_ascii_case(&other.0),
                        false => self.key() == other.key(),
                    }
            }
        }

        impl Eq for $name {}

        impl Hash for $name {
            fn hash<H: Hasher>(&self, state: &mut H) {
                match short_key(&self.0, &mut [0; SHORT]) {
                    Some(key) => key.hash(state),
                    None => self.key().hash(state),
                }
            }
        }

        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }

        impl Ord for $name {
            fn cmp(&self, other: &Self) -> Ordering {
                self.key().cmp(&other.key())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self::new(text)
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self::new(&text)
            }
        }
    )*};
}

names! {
    /// Logical name of a connection reference, or schema name of a variable.
    LogicalName;
    /// Api name of a connector: `shared_…`.
    ApiName;
}

/// What connector identifiers begin with in every file and answer.
pub const API_PREFIX: &str = "/providers/Microsoft.PowerApps/apis/";

impl ApiName {
    /// The api name at the end of a connector id (`/providers/Microsoft.PowerApps/apis/shared_x`);
    /// a bare name is taken as it is.
    pub fn from_connector_id(id: &str) -> Self {
        Self::new(id.rsplit('/').next().unwrap_or(id))
    }

    /// The connector id as it stands in files: prefix and api name.
    pub fn connector_id(&self) -> String {
        format!("{API_PREFIX}{self}")
    }

    /// The name without the hash that differs from one environment to another: custom connectors
    /// are called `shared_<name>-5f<16 to 18 hex>` (facts: formats, custom connectors).
    pub fn without_hash(&self) -> String {
        let key = self.key();
        match key.rfind("-5f") {
            Some(at)
                if (16..=18).contains(&(key.len() - at - 3))
                    && key[at + 3..].bytes().all(|b| b.is_ascii_hexdigit()) =>
            {
                key[..at].to_owned()
            }
            _ => key,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_of_a_custom_connector_is_cut() {
        let one = ApiName::new("shared_contoso-5fcontoso-20stripe-20api-5f6a4f91c8025d1333");
        let two = ApiName::new("shared_contoso-5fcontoso-20stripe-20api-5f9fd17285088bf5cb");
        assert_ne!(one, two);
        assert_eq!(one.without_hash(), two.without_hash());
        assert_eq!(ApiName::new("shared_office365").without_hash(), "shared_office365");
    }

    #[test]
    fn names_compare_without_case() {
        assert_eq!(LogicalName::new("New_Sp"), LogicalName::new("new_sp"));
        assert_eq!(
            ApiName::from_connector_id("/providers/microsoft.powerapps/apis/shared_sql").as_str(),
            "shared_sql"
        );
    }

    #[test]
    fn equal_names_are_found_by_either_spelling() {
        let long = "x".repeat(SHORT + 1);
        // The sign of kelvin is a `k` in lower case.
        let pairs =
            [("New_Sp", "nEW_sP"), ("\u{212A}elvin", "Kelvin"), ("ÄPFEL", "äpfel"), ("", "")];
        let spelled = pairs.map(|(one, two)| (one.to_owned(), two.to_owned()));
        for (one, two) in spelled.into_iter().chain([(long.to_uppercase(), long)]) {
            let held: std::collections::HashSet<_> = [LogicalName::new(&one)].into();
            assert!(held.contains(&LogicalName::new(&two)), "{one} {two}");
            assert!(!held.contains(&LogicalName::new(&format!("{two}!"))), "{one} {two}");
        }
    }
}
