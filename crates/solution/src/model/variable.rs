//! Environment variables: their types, what a value of each looks like, and the references that stand
//! for a secret.
use std::fmt;

/// Longest value or default value, in UTF-16 units, as the service counts.
pub const VALUE_MAX: usize = 2000;

/// Type of a variable, in the order of the numbers 100000000 to 100000005.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VariableKind {
    /// Any text.
    String,
    /// A decimal number.
    Number,
    /// `yes` or `no`.
    Boolean,
    /// A JSON document.
    Json,
    /// The address or id of something a connector lists, such as a site or a list of it.
    DataSource,
    /// The place of a secret in a store, never the secret.
    Secret,
}

impl VariableKind {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 6] =
        [Self::String, Self::Number, Self::Boolean, Self::Json, Self::DataSource, Self::Secret];

    /// The type of a number; `None` for one the service does not know.
    pub fn of(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.number() == number)
    }

    /// Its number.
    pub fn number(self) -> i64 {
        100_000_000 + self as i64
    }

    /// As it stands in a sentence after "is a" or "is".
    pub fn noun(self) -> &'static str {
        match self {
            Self::String => "text",
            Self::Number => "a number",
            Self::Boolean => "yes or no",
            Self::Json => "JSON",
            Self::DataSource => "a data source",
            Self::Secret => "a secret",
        }
    }

    /// Checks a value or default value.
    ///
    /// # Errors
    /// What does not fit the type. The message never repeats the value: it may be a secret that was
    /// put into the wrong variable.
    pub fn check(self, text: &str) -> Result<(), ValueError> {
        if text.encode_utf16().count() > VALUE_MAX {
            return Err(ValueError::TooLong);
        }
        let fits = match self {
            Self::String => return Ok(()),
            Self::Secret => return SecretReference::parse(text).map(drop),
            Self::Number => number(text.trim()),
            Self::Boolean => boolean(text).is_some(),
            Self::Json => serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok(),
            Self::DataSource => !text.trim().is_empty() && !text.contains(char::is_control),
        };
        if fits { Ok(()) } else { Err(ValueError::Type(self)) }
    }
}

/// Why a value does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// It is of another type.
    #[error("the value is not {}: {}", .0.noun(), hint(*.0))]
    Type(VariableKind),
    /// It is too long.
    #[error(
        "the value has more than {VALUE_MAX} characters: keep long texts in a table or a file and put the address here"
    )]
    TooLong,
    /// A Secret variable was given something else than a reference.
    #[error(
        "a Secret holds the place of a secret, never the secret itself: give \
         /subscriptions/ID/resourceGroups/GROUP/providers/Microsoft.KeyVault/vaults/VAULT/secrets/NAME, \
         vault://MOUNT/PATH#FIELD, env://NAME or file:///PATH"
    )]
    Reference,
}

fn hint(kind: VariableKind) -> &'static str {
    match kind {
        VariableKind::Number => "write digits, with a point before decimals",
        VariableKind::Boolean => "write yes or no",
        VariableKind::Json => "give one JSON document",
        VariableKind::String | VariableKind::DataSource | VariableKind::Secret => {
            "give one line of text"
        }
    }
}

/// A decimal number as JSON writes it, with an optional sign in front.
fn number(text: &str) -> bool {
    let digits = text.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
    digits && text.len() <= 100 && text.parse::<f64>().is_ok_and(f64::is_finite)
}

/// Yes or no in the spellings that values have.
pub fn boolean(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "yes" | "true" | "1" => Some(true),
        "no" | "false" | "0" => Some(false),
        _ => None,
    }
}

/// Where a secret lies. What it says is no secret itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretReference {
    /// A secret in an Azure Key Vault, by its resource id.
    KeyVault {
        /// Subscription.
        subscription: String,
        /// Resource group.
        group: String,
        /// Vault.
        vault: String,
        /// Secret.
        secret: String,
    },
    /// A field of a secret in Vault or OpenBao, key-value engine version 2.
    Vault {
        /// Where the engine is mounted: one segment.
        mount: String,
        /// Path below it.
        path: String,
        /// Field; `value` where none is written.
        field: String,
    },
    /// An environment variable of the process that runs connref.
    Environment(String),
    /// A file on the machine that runs connref, absolute.
    File(String),
}

impl SecretReference {
    /// Reads a reference.
    ///
    /// # Errors
    /// [`ValueError::Reference`] for everything else; the message does not repeat the text.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        let text = text.trim();
        let found = match text.split_once("://") {
            Some(("vault", rest)) => vault(rest),
            Some(("env", name)) => environment(name),
            Some(("file", path)) => file(path),
            _ => key_vault(text),
        };
        found.ok_or(ValueError::Reference)
    }

    /// Whether it names a secret in an Azure Key Vault, the one store the vendor's service knows.
    pub fn is_key_vault(&self) -> bool {
        matches!(self, Self::KeyVault { .. })
    }

    /// Whether an entry of an allow-list covers it: the reference itself or a part of its path up to
    /// a slash. Key Vault ids compare without case, everything else with it.
    pub fn under(&self, entry: &str) -> bool {
        let (mut own, mut entry) = (self.to_string(), entry.trim().to_owned());
        if let Some(path) = entry.strip_prefix("file:/")
            && !path.starts_with("//")
        {
            entry = format!("file:///{path}");
        }
        if self.is_key_vault() {
            own.make_ascii_lowercase();
            entry.make_ascii_lowercase();
        }
        // A bare scheme would cover a whole store.
        let complete = match entry.split_once("://") {
            Some((_, rest)) => !rest.trim_matches('/').is_empty(),
            None => entry.starts_with("/subscriptions/") && entry.len() > "/subscriptions/".len(),
        };
        complete
            && own.strip_prefix(entry.as_str()).is_some_and(|rest| {
                rest.is_empty() || entry.ends_with('/') || rest.starts_with(['/', '#'])
            })
    }
}

impl fmt::Display for SecretReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KeyVault { subscription, group, vault, secret } => write!(
                f,
                "/subscriptions/{subscription}/resourceGroups/{group}\
                 /providers/Microsoft.KeyVault/vaults/{vault}/secrets/{secret}"
            ),
            Self::Vault { mount, path, field } => write!(f, "vault://{mount}/{path}#{field}"),
            Self::Environment(name) => write!(f, "env://{name}"),
            Self::File(path) => write!(f, "file://{path}"),
        }
    }
}

fn key_vault(text: &str) -> Option<SecretReference> {
    let parts: Vec<&str> = text.strip_prefix('/')?.split('/').collect();
    let [s, subscription, g, group, p, provider, v, vault, e, secret] = parts.as_slice() else {
        return None;
    };
    let words = [
        (s, "subscriptions"),
        (g, "resourcegroups"),
        (p, "providers"),
        (provider, "microsoft.keyvault"),
        (v, "vaults"),
        (e, "secrets"),
    ];
    let known = words.iter().all(|(found, wanted)| found.eq_ignore_ascii_case(wanted));
    let name = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let fits = crate::model::id::is_guid(subscription)
        && (1..=90).contains(&group.len())
        && group.chars().all(|c| c.is_alphanumeric() || "-_.()".contains(c))
        && (3..=24).contains(&vault.len())
        && name(vault)
        && (1..=127).contains(&secret.len())
        && name(secret);
    (known && fits).then(|| SecretReference::KeyVault {
        subscription: (*subscription).to_owned(),
        group: (*group).to_owned(),
        vault: (*vault).to_owned(),
        secret: (*secret).to_owned(),
    })
}

fn vault(rest: &str) -> Option<SecretReference> {
    let (place, field) = rest.split_once('#').unwrap_or((rest, "value"));
    let (mount, path) = place.split_once('/')?;
    // Names that no address has to encode: nothing can step out of the mount or add a query.
    let plain = |text: &str| {
        !text.is_empty()
            && text.len() <= 200
            && !text.starts_with('.')
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    };
    let fits = plain(mount) && path.len() <= 1000 && path.split('/').all(plain) && plain(field);
    fits.then(|| SecretReference::Vault {
        mount: mount.to_owned(),
        path: path.to_owned(),
        field: field.to_owned(),
    })
}

fn environment(name: &str) -> Option<SecretReference> {
    let fits = (1..=200).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && !name.starts_with(|c: char| c.is_ascii_digit());
    fits.then(|| SecretReference::Environment(name.to_owned()))
}

fn file(path: &str) -> Option<SecretReference> {
    let fits = path.starts_with('/')
        && path.len() > 1
        && !path.contains(char::is_control)
        && path[1..].split('/').all(|part| !part.is_empty() && part != "." && part != "..");
    fits.then(|| SecretReference::File(path.to_owned()))
}

/// The variable that a text such as `@environmentVariables('contoso_Key')` stands for, as
/// connection parameters and connector definitions write it.
pub fn environment_variables_call(text: &str) -> Option<&str> {
    let inside = text.trim().strip_prefix('@')?;
    let name = inside.get(..FUNCTION.len()).filter(|n| n.eq_ignore_ascii_case(FUNCTION))?;
    let inside = inside[name.len()..].trim().strip_prefix('(')?.strip_suffix(')')?.trim();
    let quote = inside.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    let name = inside.strip_prefix(quote)?.strip_suffix(quote)?.trim();
    (!name.is_empty() && !name.contains(['\'', '"', '(', ')'])).then_some(name)
}

const FUNCTION: &str = "environmentVariables";

#[cfg(test)]
mod tests {
    use super::*;

    const KEY_VAULT: &str = "/subscriptions/0f6e2c8e-1111-4222-8333-444455556666/resourceGroups/rg-apps/providers/Microsoft.KeyVault/vaults/harbour-kv/secrets/mail-key";

    #[test]
    fn values_fit_their_type_or_are_refused_with_it() {
        use VariableKind::{Boolean, DataSource, Json, Number, Secret, String};
        for (kind, text) in [
            (String, ""),
            (String, "any thing"),
            (Number, "12"),
            (Number, "-0.5"),
            (Number, " 1e3 "),
            (Boolean, "yes"),
            (Boolean, "False"),
            (Json, "{\"a\": [1, null]}"),
            (Json, "\"text\""),
            (DataSource, "https://harbour.example/sites/a"),
            (Secret, KEY_VAULT),
            (Secret, "vault://secret/apps/mail#key"),
        ] {
            assert_eq!(kind.check(text), Ok(()), "{kind:?} {text}");
        }
        for (kind, text) in [
            (Number, "twelve"),
            (Number, "1,5"),
            (Number, "inf"),
            (Number, "0x10"),
            (Number, ""),
            (Boolean, "maybe"),
            (Json, "{a: 1}"),
            (Json, ""),
            (DataSource, " "),
            (DataSource, "a\nb"),
        ] {
            assert_eq!(kind.check(text), Err(ValueError::Type(kind)), "{kind:?} {text}");
        }
        assert_eq!(Secret.check("hunter-2-hunter"), Err(ValueError::Reference));
        assert_eq!(String.check(&"x".repeat(2001)), Err(ValueError::TooLong));
        assert_eq!(Json.check(&"[".repeat(2000)), Err(ValueError::Type(Json)));
    }

    #[test]
    fn refusals_name_the_type_and_never_the_value() {
        let said = VariableKind::Number.check("hunter2").unwrap_err().to_string();
        assert_eq!(said, "the value is not a number: write digits, with a point before decimals");
        let said = VariableKind::Secret.check("hunter2").unwrap_err().to_string();
        assert!(said.contains("vault://") && !said.contains("hunter2"), "{said}");
    }

    #[test]
    fn references_are_written_as_they_were_read() {
        for text in
            [KEY_VAULT, "vault://secret/a/b.c#k", "env://HARBOUR_KEY", "file:///run/secrets/key"]
        {
            assert_eq!(SecretReference::parse(text).unwrap().to_string(), text);
        }
        let lower = KEY_VAULT.to_ascii_lowercase();
        assert!(SecretReference::parse(&lower).unwrap().is_key_vault());
        let short = SecretReference::parse("vault://secret/a").unwrap();
        assert_eq!(short.to_string(), "vault://secret/a#value");
    }

    #[test]
    fn what_could_lead_elsewhere_is_no_reference() {
        for bad in [
            "",
            "plain",
            "https://harbour-kv.vault.azure.net/secrets/mail-key",
            "/subscriptions/x/resourceGroups/r/providers/Microsoft.KeyVault/vaults/abc/secrets/s",
            &format!("{KEY_VAULT}/0123"),
            &KEY_VAULT.replace("harbour-kv", "evil.test#"),
            &KEY_VAULT.replace("mail-key", "a?b"),
            "vault://secret",
            "vault:///a#b",
            "vault://secret/../sys/raw#x",
            "vault://secret/a//b#x",
            "vault://secret/a?list=true#x",
            "vault://secret/a%2fb#x",
            "vault://secret/a#",
            "env://",
            "env://A-B",
            "env://1A",
            "file://etc/passwd",
            "file:///a/../etc/shadow",
            "file:///",
            "FILE:///a",
        ] {
            assert_eq!(SecretReference::parse(bad), Err(ValueError::Reference), "{bad}");
        }
    }

    #[test]
    fn an_allow_list_covers_whole_segments() {
        let covers = |entry: &str, text: &str| SecretReference::parse(text).unwrap().under(entry);
        let vault = KEY_VAULT.rsplit_once("/secrets").unwrap().0;
        for (entry, text) in [
            (KEY_VAULT, KEY_VAULT),
            (vault, KEY_VAULT),
            (&vault.to_ascii_uppercase(), KEY_VAULT),
            ("vault://secret", "vault://secret/apps/mail#key"),
            ("vault://secret/apps/", "vault://secret/apps/mail#key"),
            ("vault://secret/apps/mail", "vault://secret/apps/mail#key"),
            ("vault://secret/apps/mail#key", "vault://secret/apps/mail#key"),
            ("env://HARBOUR_KEY", "env://HARBOUR_KEY"),
            ("file:/run/secrets", "file:///run/secrets/key"),
            ("file:///run/secrets", "file:///run/secrets/key"),
        ] {
            assert!(covers(entry, text), "{entry} {text}");
        }
        for (entry, text) in [
            ("", "env://HARBOUR_KEY"),
            ("env://", "env://HARBOUR_KEY"),
            ("env://HARBOUR", "env://HARBOUR_KEY"),
            ("vault://", "vault://secret/apps/mail#key"),
            ("vault:/", "vault://secret/apps/mail#key"),
            ("vault://sec", "vault://secret/apps/mail#key"),
            ("vault://Secret", "vault://secret/apps/mail#key"),
            ("vault://secret/apps/mail#k", "vault://secret/apps/mail#key"),
            ("file:/run/sec", "file:///run/secrets/key"),
            ("file:/", "file:///run/secrets/key"),
            (vault, &KEY_VAULT.replace("harbour-kv", "harbour-kv2")),
        ] {
            assert!(!covers(entry, text), "{entry} {text}");
        }
    }

    #[test]
    fn the_function_of_connection_parameters_names_a_variable() {
        for (text, name) in [
            ("@environmentVariables('a_B')", Some("a_B")),
            ("@environmentVariables(\"a_B\")", Some("a_B")),
            (" @EnvironmentVariables( 'a_B' ) ", Some("a_B")),
            ("@environmentVariables('')", None),
            ("@environmentVariables('a') and more", None),
            ("@environmentVariables('a','b')", None),
            ("@environmentVariables(a)", None),
            ("environmentVariables('a')", None),
            ("@é", None),
        ] {
            assert_eq!(environment_variables_call(text), name, "{text}");
        }
    }
}
