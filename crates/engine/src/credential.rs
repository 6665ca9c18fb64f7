//! From an opened connection to the credential its calls carry: which kind its fields make is read
//! from the fields, so that a connection made by a script of old needs no extra word.
use std::collections::BTreeMap;

use connref_egress::Policy;
use secrecy::SecretString;

use crate::connector::{Credential, Target};
use crate::token::{CredentialFields, TokenError, Tokens};

/// The credential of a connection, with a live token where it needs one. `key` names the
/// connection and the version of its credential.
///
/// # Errors
/// When fields are missing or the token endpoint gives no token.
pub async fn credential_open(
    tokens: &Tokens,
    policy: &Policy,
    key: &str,
    target: &Target,
    secrets: &BTreeMap<String, SecretString>,
) -> Result<Credential, TokenError> {
    let fields =
        CredentialFields { kind: kind(target, secrets), target, secrets, default_scope: None };
    tokens.credential(key, policy, &fields).await
}

fn kind(target: &Target, secrets: &BTreeMap<String, SecretString>) -> &'static str {
    let has = |names: &[&str]| {
        secrets.keys().any(|key| names.iter().any(|name| key.eq_ignore_ascii_case(name)))
    };
    if secrets.is_empty() {
        "none"
    } else if has(&["clientSecret"]) {
        "client_credentials"
    } else if has(&["token", "accessToken"]) {
        "bearer"
    } else if has(&["password"]) && target.parameter("username").is_some() {
        "basic"
    } else if secrets.len() == 1 {
        // A connector's own single secret may have any name.
        "api_key"
    } else {
        "fields"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_say_the_kind() {
        let secrets = |names: &[&str]| {
            names.iter().map(|n| ((*n).to_owned(), SecretString::from("x".to_owned()))).collect()
        };
        let open = |pairs: &[(&str, &str)]| Target {
            endpoint: None,
            parameters: pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
        };
        let none = open(&[]);
        let user = open(&[("username", "u")]);
        let rows: [(&Target, &[&str], &str); 7] = [
            (&none, &[], "none"),
            (&none, &["clientSecret"], "client_credentials"),
            (&none, &["token"], "bearer"),
            (&user, &["password"], "basic"),
            (&none, &["password"], "api_key"),
            (&none, &["X-Key"], "api_key"),
            (&none, &["one", "two"], "fields"),
        ];
        for (target, names, expected) in rows {
            assert_eq!(kind(target, &secrets(names)), expected, "{names:?}");
        }
    }
}
