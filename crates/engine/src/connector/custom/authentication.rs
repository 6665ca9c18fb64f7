//! Where a connection's credential goes in a custom connector's call.

use connref_solution::connector::{
    AuthenticationKind as Kind, ConnectorAuthentication, Definition, Operation, Security,
};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use secrecy::{ExposeSecret, SecretString};

use super::super::metadata::Authentication;
use super::super::rest::authorization;
use super::super::{CallContext, CallError, Credential, encode};
use super::CustomConnector;

/// How connections can prove who they are, in the words of connector metadata.
pub(super) fn kinds(ways: &ConnectorAuthentication) -> Vec<Authentication> {
    let mut kinds = Vec::new();
    for kind in ways.kinds() {
        let kind = match kind {
            Kind::None => Authentication::None,
            Kind::Basic => Authentication::Basic,
            Kind::ApiKey | Kind::Gateway => Authentication::ApiKey,
            Kind::OauthUser | Kind::Unknown => Authentication::OauthUser,
            Kind::ClientSecret | Kind::Certificate | Kind::ManagedIdentity => {
                Authentication::ServicePrincipal
            }
        };
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
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
            Security::Basic | Security::Oauth(_) => {}
        }
    }
    Ok(())
}
