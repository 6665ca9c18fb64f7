//! Telling literals from expressions, and secrets from placeholders.
use std::borrow::Cow;

use connref_flow::Template;
use connref_flow::Value as FlowValue;
use connref_solution::document::json::JsonNode;
use connref_solution::model::SecretReference;
use serde_json::Value;

/// The text of a value in a flow if it is a literal: no expression in it.
pub(crate) fn literal(value: JsonNode<'_>) -> Option<Cow<'_, str>> {
    let text = value.as_str()?;
    if !text.starts_with('@') && !text.contains("@{") {
        return Some(Cow::Borrowed(text));
    }
    match Template::compile(&Value::from(text)).ok()?.constant()? {
        FlowValue::String(text) => Some(Cow::Owned(text.to_string())),
        _ => None,
    }
}

/// Words that say: put something here.
const PLACEHOLDERS: [&str; 27] = [
    "<",
    ">",
    "{",
    "}",
    "[",
    "]",
    "#{",
    "your",
    "xxx",
    "***",
    "...",
    "…",
    "placeholder",
    "replace",
    "changeme",
    "change-me",
    "change_me",
    "insert",
    "todo",
    "enter",
    "example",
    "dummy",
    "sample",
    "redacted",
    "removed",
    "hidden",
    "here",
];

/// Whether a text stands for something that is to be filled in.
pub(crate) fn placeholder(text: &str) -> bool {
    let key = text.trim().to_lowercase();
    let first = key.chars().next();
    key.is_empty()
        || PLACEHOLDERS.iter().any(|word| key.contains(word))
        || key.chars().all(|c| Some(c) == first)
        || key.bytes().all(|b| b == b'0' || b == b'-')
}

/// Whether a literal in a place for secrets is one: eight characters or more, of two kinds, no
/// blanks, and no placeholder. Words such as `password` or `client-secret` are none.
pub(crate) fn secret_like(text: &str) -> bool {
    let text = text.trim();
    if text.len() < 8 || text.contains(char::is_whitespace) || placeholder(text) {
        return false;
    }
    let digit = text.bytes().any(|b| b.is_ascii_digit());
    let lower = text.bytes().any(|b| b.is_ascii_lowercase());
    let upper = text.bytes().any(|b| b.is_ascii_uppercase());
    let other = text.bytes().any(|b| !b.is_ascii_alphanumeric() && !b"-_./:".contains(&b));
    (digit || other) && (lower || upper)
}

/// A path to a secret in a vault, or a reference to another variable: what a Secret variable is
/// meant to hold.
pub(crate) fn vault_path(text: &str) -> bool {
    let key = text.trim().to_ascii_lowercase();
    (key.starts_with("/subscriptions/") && key.contains("/vaults/") && key.contains("/secrets/"))
        || key.starts_with("vault://")
        || SecretReference::parse(text).is_ok()
        || (key.starts_with("https://") && key.contains(".vault.") && key.contains("/secrets/"))
        || key.starts_with("@environmentvariables(")
        || key.starts_with("@microsoft.keyvault(")
}

/// The words of a name: `new_ClientSecret` → new, client, secret.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    let chars: Vec<char> = name.chars().collect();
    for (index, c) in chars.iter().enumerate() {
        let after_lower = index > 0 && chars[index - 1].is_lowercase();
        let before_lower = chars.get(index + 1).is_some_and(|n| n.is_lowercase());
        let after_upper = index > 0 && chars[index - 1].is_uppercase();
        if !c.is_alphanumeric()
            || (c.is_uppercase() && (after_lower || (after_upper && before_lower)))
        {
            words.push(std::mem::take(&mut word));
        }
        if c.is_alphanumeric() {
            word.extend(c.to_lowercase());
        }
    }
    words.push(word);
    words.retain(|w| !w.is_empty());
    words
}

/// Whether a name says that a secret is kept under it. `SecretName`, `KeyVaultUrl` and the like
/// are names of other things.
pub(crate) fn secret_name(name: &str) -> bool {
    let words = words(name);
    let Some((last, before)) = words.split_last() else { return false };
    let before = before.last().map(String::as_str).unwrap_or_default();
    match last.as_str() {
        "secret" | "password" | "pwd" | "passwd" | "passphrase" | "apikey" | "clientsecret"
        | "accesskey" | "secretkey" | "privatekey" | "sharedkey" | "subscriptionkey"
        | "functionkey" => true,
        "key" => {
            ["api", "access", "subscription", "shared", "private", "secret", "function", "account"]
                .contains(&before)
        }
        "token" => ["access", "refresh", "sas", "bearer", "auth", "api"].contains(&before),
        _ => false,
    }
}

/// A connection string with a literal secret: its kind.
pub(crate) fn connection_string(text: &str) -> Option<&'static str> {
    let key = text.to_ascii_lowercase();
    let value = |name: &str| {
        let at = key.find(name)? + name.len();
        let rest = text.get(at..)?;
        Some(rest.split([';', '"', '&']).next().unwrap_or(rest).trim())
    };
    let has = |name: &str| value(name).is_some_and(|v| secret_like(v) && !v.contains('@'));
    if has("accountkey=") {
        return Some("a storage key");
    }
    if key.contains("endpoint=") && has("sharedaccesskey=") {
        return Some("a shared access key");
    }
    let server = ["server=", "data source=", "host=", "endpoint="].iter().any(|s| key.contains(s));
    let password = value("password=").or_else(|| value("pwd="));
    (server && password.is_some_and(|v| v.len() >= 4 && !placeholder(v) && !v.contains('@')))
        .then_some("a password")
}

/// Query parameters of an address that hold a key, each with how long a real one is at least.
const KEYS: [(&str, usize); 7] = [
    ("sig", 20),
    ("api_key", 16),
    ("apikey", 16),
    ("api-key", 16),
    ("subscription-key", 16),
    ("access_token", 16),
    ("code", 20),
];

/// The query parameter of an address that holds a literal key.
pub(crate) fn key_in_address(text: &str) -> Option<&'static str> {
    let (host, query) = text.split_once('?')?;
    query.split('&').find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        let name = name.to_ascii_lowercase();
        let (known, least) = KEYS.iter().find(|(k, _)| *k == name)?;
        // `code` is a key only at a function's address.
        let function = *known != "code" || host.to_ascii_lowercase().contains(".azurewebsites.net");
        let literal = value.len() >= *least && !value.contains('@') && secret_like(value);
        (function && literal).then_some(*known)
    })
}

/// Whether a text is an address of a mailbox, or several with `;` between.
pub(crate) fn mailbox(text: &str) -> bool {
    let mut parts = text.split([';', ',']).map(str::trim).filter(|p| !p.is_empty()).peekable();
    parts.peek().is_some()
        && parts.all(|part| {
            part.split_once('@').is_some_and(|(user, host)| {
                let tidy = |t: &str| !t.is_empty() && !t.contains([' ', '@', '/', '<', '>', '{']);
                tidy(user) && tidy(host) && host.contains('.')
            })
        })
}

/// Whether a text has the shape of a connection's id: 32 hex digits, or a GUID at its end.
pub(crate) fn connection_id(text: &str) -> bool {
    let hex = text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit());
    let tail = text.len().checked_sub(36).and_then(|at| text.get(at..));
    hex || tail.is_some_and(connref_solution::model::id::is_guid)
}

/// A hostile text, shortened for a message.
pub(crate) fn cut(text: &str) -> String {
    let mut short: String = text.chars().filter(|c| !c.is_control()).take(80).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;
    use connref_solution::document::json::JsonTree;

    #[test]
    fn literals_and_expressions() {
        let literal = |text: &str| {
            let tree = JsonTree::parse(Value::from(text).to_string().as_bytes()).unwrap();
            literal(tree.root()).map(Cow::into_owned)
        };
        assert_eq!(literal("a@b.com").as_deref(), Some("a@b.com"));
        assert_eq!(literal("@'x'").as_deref(), Some("x"));
        assert_eq!(literal("@@x").as_deref(), Some("@x"));
        for text in ["@parameters('a')", "x@{variables('a')}", "@parameters("] {
            assert_eq!(literal(text), None, "{text}");
        }
    }

    #[test]
    fn secrets_and_placeholders() {
        for text in
            ["aB3~x9Qq81kk", "0f8c2f6f-1b1e-4a51-9f43-1d2c5a9b7e11", "P@ssw0rd1!", "hunter22x"]
        {
            assert!(secret_like(text), "{text}");
        }
        for text in [
            "",
            "short1",
            "your-client-secret-1",
            "<secret1234>",
            "client-secret",
            "xxxxxxxx1",
            "#{secret}#1a",
            "00000000-0000-0000-0000-000000000000",
            "two words 12",
            "$(Secret123)here",
        ] {
            assert!(!secret_like(text), "{text}");
        }
    }

    #[test]
    fn names_of_secrets() {
        for name in [
            "new_ClientSecret",
            "API Key",
            "SQL_PASSWORD",
            "cr123_apikey",
            "Graph App Secret",
            "sasToken",
        ] {
            assert!(secret_name(name), "{name}");
        }
        for name in [
            "SecretName",
            "KeyVaultUrl",
            "PasswordLength",
            "token",
            "PrimaryKey",
            "TokenUrl",
            "secret_expiry",
            "",
        ] {
            assert!(!secret_name(name), "{name}");
        }
    }

    #[test]
    fn strings_with_keys() {
        assert!(
            connection_string(
                "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=aB3/x9Qq81kk==;"
            )
            .is_some()
        );
        assert!(connection_string("Server=tcp:a;Password=S3cret!;").is_some());
        assert!(connection_string("Server=tcp:a;Password=@{variables('p')};").is_none());
        assert!(connection_string("forgot password=yes").is_none());
        assert_eq!(key_in_address("https://x/y?sp=1&sig=aB3x9Qq81kkaB3x9Qq81kk"), Some("sig"));
        assert_eq!(key_in_address("https://x/y?code=aB3x9Qq81kkaB3x9Qq81kk"), None);
        assert_eq!(key_in_address("https://x/y?sig=@{variables('s')}abcdefghi1"), None);
    }

    #[test]
    fn mailboxes() {
        assert!(mailbox("a@b.com; c@d.org;"));
        assert!(!mailbox("") && !mailbox("a@b") && !mailbox("someone") && !mailbox("a b@c.d"));
    }
}
