//! From an opened connection to the credential its calls carry: which kind its fields make is read
//! from the fields, so that a connection made by a script of old needs no extra word.
use std::collections::BTreeMap;

use connref_egress::Policy;
use secrecy::SecretString;

use crate::connector::{Credential, Target};
use crate::token::{CredentialFields, TokenError, TokenKey, Tokens};

/// The credential of a connection, with a live token where it needs one.
///
/// # Errors
/// When fields are missing or the token endpoint gives no token.
pub async fn credential_open(
    tokens: &Tokens,
    policy: &Policy,
    key: &TokenKey,
    target: &Target,
    secrets: &BTreeMap<String, SecretString>,
) -> Result<Credential, TokenError> {
    tokens.credential(key, policy, &credential_fields(target, secrets)).await
}

/// The fields with the kind they make.
pub fn credential_fields<'a>(
    target: &'a Target,
    secrets: &'a BTreeMap<String, SecretString>,
) -> CredentialFields<'a> {
    CredentialFields {
        kind: credential_kind(target, secrets),
        target,
        secrets,
        default_scope: None,
    }
}

/// What the fields make: `none`, `bearer`, `basic`, `api_key`, `client_credentials`,
/// `managed_identity`, `refresh_token` or `fields`.
pub fn credential_kind(target: &Target, secrets: &BTreeMap<String, SecretString>) -> &'static str {
    let has = |names: &[&str]| {
        secrets.keys().any(|key| {
            let key = key.strip_prefix("token:").unwrap_or(key);
            names.iter().any(|name| key.eq_ignore_ascii_case(name))
        })
    };
    let parameter =
        |name: &str| target.parameter(name).or_else(|| target.parameter(&format!("token:{name}")));
    match parameter("grantType") {
        Some("code" | "authorization_code" | "device_code" | "refresh_token") => {
            return "refresh_token";
        }
        Some("client_credentials") => return "client_credentials",
        Some("managed_identity") => return "managed_identity",
        Some(_) | None => {}
    }
    if has(&["refreshToken"]) {
        "refresh_token"
    } else if has(&["clientSecret", "federatedToken"])
        || parameter("federatedTokenFile").is_some()
        || (has(&["certificate"]) && parameter("clientId").is_some())
    {
        "client_credentials"
    } else if secrets.is_empty() {
        "none"
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
        let client = open(&[("clientId", "c")]);
        let code = open(&[("token:grantType", "code")]);
        let host = open(&[("grantType", "managed_identity")]);
        let file = open(&[("federatedTokenFile", "/x")]);
        let rows: [(&Target, &[&str], &str); 15] = [
            (&none, &[], "none"),
            (&none, &["clientSecret"], "client_credentials"),
            (&none, &["token:clientSecret"], "client_credentials"),
            (&client, &["certificate"], "client_credentials"),
            (&none, &["certificate"], "api_key"),
            (&client, &["federatedToken"], "client_credentials"),
            (&file, &[], "client_credentials"),
            (&host, &[], "managed_identity"),
            (&code, &["clientSecret"], "refresh_token"),
            (&client, &["refreshToken", "clientSecret"], "refresh_token"),
            (&none, &["token"], "bearer"),
            (&user, &["password"], "basic"),
            (&none, &["password"], "api_key"),
            (&none, &["X-Key"], "api_key"),
            (&none, &["one", "two"], "fields"),
        ];
        for (target, names, expected) in rows {
            assert_eq!(credential_kind(target, &secrets(names)), expected, "{names:?}");
        }
    }
}
