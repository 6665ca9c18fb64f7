//! Where a connection's credential goes in a custom connector's call.

use http::{HeaderMap, HeaderName, HeaderValue, header};
use secrecy::{ExposeSecret, SecretString};

use super::super::metadata::{Authentication, ConnectionParameter, ParameterKind};
use super::super::rest::authorization;
use super::super::{CallContext, CallError, Credential, encode};
use super::CustomConnector;
use super::definition::{Definition, Operation, Security};

/// How connections of this definition can prove who they are.
pub(super) fn kinds(
    definition: &Definition,
    parameters: &[ConnectionParameter],
) -> Vec<Authentication> {
    let mut kinds = Vec::new();
    let mut add = |kind| {
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    };
    for scheme in definition.security.values() {
        add(match scheme {
            Security::KeyInHeader(_) | Security::KeyInQuery(_) => Authentication::ApiKey,
            Security::Basic => Authentication::Basic,
            Security::Oauth => Authentication::OauthUser,
        });
    }
    for parameter in parameters {
        match parameter.kind {
            ParameterKind::Oauth => add(Authentication::OauthUser),
            ParameterKind::Secret if definition.security.is_empty() => add(Authentication::ApiKey),
            ParameterKind::Secret | ParameterKind::String => {}
        }
    }
    if kinds.is_empty() {
        kinds.push(Authentication::None);
    }
    kinds
}

/// Puts the credential into headers or the query.
///
/// A definition without a matching scheme leaves the credential to its policies.
pub(super) fn apply(
    connector: &CustomConnector,
    cx: &CallContext<'_>,
    operation: &Operation,
    headers: &mut HeaderMap,
    query: &mut Vec<(String, String)>,
) -> Result<(), CallError> {
    let schemes = schemes(&connector.definition, operation);
    match cx.credential {
        Credential::None => {}
        Credential::Bearer(_) | Credential::Basic { .. } => {
            if let Some(value) = authorization(cx.credential)? {
                headers.insert(header::AUTHORIZATION, value);
            }
        }
        Credential::ApiKey(key) => place_key(&schemes, key, headers, query)?,
        Credential::Fields(fields) => {
            if schemes.contains(&&Security::Basic) {
                let username = cx.target.parameter("username").map(str::to_owned);
                let username = username
                    .or_else(|| fields.get("username").map(|s| s.expose_secret().to_owned()));
                if let (Some(username), Some(password)) = (username, fields.get("password")) {
                    let basic = Credential::Basic { username, password: password.clone() };
                    if let Some(value) = authorization(&basic)? {
                        headers.insert(header::AUTHORIZATION, value);
                    }
                }
            }
            let named = fields.get("api_key").or_else(|| fields.get("key"));
            let only = fields.values().next().filter(|_| fields.len() == 1);
            if let Some(key) = named.or(only) {
                place_key(&schemes, key, headers, query)?;
            }
        }
    }
    Ok(())
}

/// Schemes of the operation: its own, the definition's, or simply all.
fn schemes<'a>(definition: &'a Definition, operation: &Operation) -> Vec<&'a Security> {
    let names = operation.security.as_ref().unwrap_or(&definition.default_security);
    let named: Vec<_> = names.iter().filter_map(|n| definition.security.get(n)).collect();
    if named.is_empty() { definition.security.values().collect() } else { named }
}

fn place_key(
    schemes: &[&Security],
    key: &SecretString,
    headers: &mut HeaderMap,
    query: &mut Vec<(String, String)>,
) -> Result<(), CallError> {
    for scheme in schemes {
        match scheme {
            Security::KeyInHeader(name) => {
                let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| {
                    CallError::connection("the definition's key header has no valid name")
                })?;
                let mut value = HeaderValue::from_str(key.expose_secret()).map_err(|_| {
                    CallError::connection("its key holds characters that no header may hold")
                })?;
                value.set_sensitive(true);
                headers.insert(name, value);
                return Ok(());
            }
            Security::KeyInQuery(name) => {
                query.retain(|(n, _)| n != name);
                query.push((name.clone(), encode::component(key.expose_secret())));
                return Ok(());
            }
            Security::Basic | Security::Oauth => {}
        }
    }
    Ok(())
}
