//! Connections: making, sharing, testing.
use std::collections::BTreeMap;

use connref_egress::oauth::Certificate;
use connref_engine::connector::custom::{ConnectorTexts, CustomConnector};
use connref_engine::connector::{Connector as _, ConnectorMetadata, ParameterKind};
use connref_review::share::share_check;
use connref_solution::model::facts::{ConnectionKind, PrincipalKind, ShareLevel};
use connref_solution::model::{ConnectionId, Micros};
use connref_store::StoreError;
use connref_store::connection::{Connection, ConnectionNew};
use connref_store::connection_share::SharePut;
use connref_store::connector::Connector;
use secrecy::{ExposeSecret, SecretString};

use super::connector::connector_find;
use super::{OperationError, Result, judged, principal};
use crate::Context;

/// A connection to make or change.
pub struct ConnectionPut {
    /// Id.
    pub id: String,
    /// Connector.
    pub api_name: String,
    /// Display name.
    pub display_name: String,
    /// Owner, if it is not the caller; only an administrator may name another.
    pub owner: Option<String>,
    /// Whose credential; read from the parameters if missing.
    pub kind: Option<ConnectionKind>,
    /// Endpoint it reaches instead of the public one.
    pub endpoint: Option<String>,
    /// Parameters, secret ones among them.
    pub parameters: BTreeMap<String, String>,
    /// Parameters known to be secret whatever the connector says.
    pub secrets: BTreeMap<String, SecretString>,
    /// When its secret ends, if the caller knows.
    pub ends_on: Option<Micros>,
}

/// Longest secret that is kept: certificates and keys fit many times over.
const SECRET_MAX: usize = 1 << 20;

/// Makes the connection, or changes the one of this id. Answers whether it was made.
pub async fn connection_put(cx: &Context, put: ConnectionPut) -> Result<(Connection, bool)> {
    id_check(&put.id)?;
    endpoint_check(put.endpoint.as_deref())?;
    let connector = connector_find(cx, &put.api_name).await?;
    let owner = match &put.owner {
        Some(name) => cx.store().user_get(&cx.caller, &cx.environment.id, name).await?,
        None => {
            let id = principal(cx)?;
            cx.store().user_get(&cx.caller, &cx.environment.id, id.as_str()).await?
        }
    };
    let (parameters, mut secrets) = split(metadata(cx, &connector).as_ref(), put.parameters);
    secrets.extend(put.secrets);
    let ends_on = secrets_check(&parameters, &secrets)?.or(put.ends_on);
    let id = ConnectionId::new(&put.id);
    let existing = match cx.store().connection_get(&cx.caller, &cx.environment.id, &id).await {
        Ok(found) => Some(found),
        Err(StoreError::NotFound { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    let kind = put.kind.unwrap_or(match owner.kind {
        PrincipalKind::ServicePrincipal => ConnectionKind::ServicePrincipal,
        PrincipalKind::User if secrets.is_empty() => ConnectionKind::None,
        PrincipalKind::User => ConnectionKind::User,
    });
    let account = ["username", "userName", "clientId", "client_id", "account"]
        .iter()
        .find_map(|name| parameters.get(*name).cloned());
    let new = ConnectionNew {
        id: Some(id),
        api_name: connector.api_name,
        display_name: put.display_name,
        owner: owner.id,
        kind,
        endpoint: put.endpoint,
        account,
        parameters,
        secrets,
        ends_on,
    };
    match existing {
        Some(found) => {
            if found.facts.api_name != new.api_name {
                return Err(OperationError::invalid(
                    format!("connection `{}` is of connector `{}`", put.id, found.facts.api_name),
                    "use another id",
                ));
            }
            Ok((cx.store().connection_update(&cx.caller, &cx.environment.id, new).await?, false))
        }
        None => {
            Ok((cx.store().connection_create(&cx.caller, &cx.environment.id, new).await?, true))
        }
    }
}

/// 32 hexadecimal digits, or a GUID, or an older `shared-office365-<guid>`.
fn id_check(id: &str) -> Result<()> {
    let fits =
        (8..=100).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if fits {
        return Ok(());
    }
    Err(OperationError::invalid(
        format!("`{id}` cannot be a connection's id"),
        "use 32 hexadecimal digits",
    ))
}

/// An endpoint is shown in lists and kept as it is: a password in it would be too.
fn endpoint_check(endpoint: Option<&str>) -> Result<()> {
    let Some(text) = endpoint.filter(|text| !text.starts_with("file:")) else { return Ok(()) };
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if !authority.contains('@') {
        return Ok(());
    }
    Err(OperationError::invalid(
        "the endpoint carries a user name or password, which would be kept in the open",
        "give host and port only, the user as --param username=…, the password as a secret field",
    ))
}

/// What the connector says about itself; a custom one is read from its definition.
pub fn metadata(cx: &Context, row: &Connector) -> Option<ConnectorMetadata> {
    if let Some(connector) = cx.app.registry().get(row.api_name.as_str()) {
        return Some(connector.metadata());
    }
    custom(row).ok().map(|connector| connector.metadata())
}

/// Secrets of a usable size under names of their own; the end of a certificate among them.
pub(super) fn secrets_check(
    parameters: &BTreeMap<String, String>,
    secrets: &BTreeMap<String, SecretString>,
) -> Result<Option<Micros>> {
    for (name, secret) in secrets {
        if name.starts_with('~') || name.is_empty() || name.len() > 200 {
            let message =
                format!("`{}` cannot be a field's name", name.chars().take(40).collect::<String>());
            return Err(OperationError::invalid(message, "begin it with a letter"));
        }
        if secret.expose_secret().len() > SECRET_MAX {
            let message = format!("the secret `{name}` is larger than 1 MiB");
            return Err(OperationError::invalid(
                message,
                "a secret is a password, a key or a certificate",
            ));
        }
    }
    let signs = parameters.keys().any(|name| name.trim_start_matches("token:") == "clientId");
    match secrets.get("certificate").or_else(|| secrets.get("token:certificate")) {
        Some(pem) if signs => match Certificate::from_pem(pem.expose_secret()) {
            Ok(certificate) => Ok(Some(certificate.not_after().saturating_mul(1_000_000))),
            Err(error) => Err(OperationError::invalid(
                format!("the certificate cannot be used: {error}"),
                "give one PEM file with the certificate and its unencrypted RSA key",
            )),
        },
        _ => Ok(None),
    }
}

/// A custom connector from its row.
pub(crate) fn custom(row: &Connector) -> Result<CustomConnector> {
    let definition = row.openapi_definition.as_deref().ok_or_else(|| {
        OperationError::invalid(
            format!("connector `{}` has no definition here", row.display_name),
            "",
        )
    })?;
    CustomConnector::from_parts(&ConnectorTexts {
        definition,
        parameters: row.connection_parameters.as_deref(),
        sets: row.connection_parameter_sets.as_deref(),
        policies: row.policy_templates.as_deref(),
    })
    .map_err(|error| OperationError::invalid(error.to_string(), ""))
}

/// Keeps secrets apart from what may be shown: by the connector's own word, and for what it does
/// not list by the name. In doubt it is a secret.
pub(super) fn split(
    metadata: Option<&ConnectorMetadata>,
    all: BTreeMap<String, String>,
) -> (BTreeMap<String, String>, BTreeMap<String, SecretString>) {
    let mut open = BTreeMap::new();
    let mut secret = BTreeMap::new();
    for (name, value) in all {
        let listed = metadata.and_then(|m| {
            m.connection_parameters.iter().find(|p| p.name.eq_ignore_ascii_case(&name))
        });
        let hidden = match listed {
            Some(parameter) => parameter.kind != ParameterKind::String,
            None => sounds_secret(&name),
        };
        if hidden {
            secret.insert(name, SecretString::from(value));
        } else {
            open.insert(name, value);
        }
    }
    (open, secret)
}

fn sounds_secret(name: &str) -> bool {
    let name = name.to_lowercase();
    [
        "secret",
        "password",
        "pwd",
        "token",
        "key",
        "credential",
        "connectionstring",
        "certificate",
        "sas",
    ]
    .iter()
    .any(|word| name.contains(word))
        && !["tokenurl", "token_url", "keyvaulturl"].contains(&name.as_str())
}

/// A share to make.
#[derive(Clone, Debug)]
pub struct Share {
    /// With whom: a user, service principal, team or group by id or name, or the tenant.
    pub with: String,
    /// Level.
    pub level: ShareLevel,
    /// Until when, in microseconds since the epoch.
    pub until: Option<i64>,
}

/// Makes and takes away shares of a connection: all or nothing.
pub async fn connection_shares_modify(
    cx: &Context,
    id: &str,
    puts: Vec<Share>,
    deletes: Vec<String>,
) -> Result<()> {
    let (id, caller) = (ConnectionId::new(id), principal(cx)?);
    // What the caller may not see does not exist, before anything is said about it.
    cx.store().connection_get(&cx.caller, &cx.environment.id, &id).await?;
    let administrator = cx.caller.is_administrator();
    judged(cx, |facts| {
        let (cx, id, caller) = (cx.clone(), id.clone(), caller.clone());
        let (puts, deletes) = (puts.clone(), deletes.clone());
        async move {
            let mut judged = Vec::with_capacity(puts.len());
            for put in puts {
                let to =
                    cx.store().share_receiver(&cx.caller, &cx.environment.id, &put.with).await?;
                share_check(&facts, &id, &caller, administrator, &to.id, put.level)?;
                let to = to.id.as_str().to_owned();
                judged.push(SharePut { to, level: put.level, expires_on: put.until });
            }
            let version = Some(facts.environment.version);
            let environment = &cx.environment.id;
            Ok(cx
                .store()
                .connection_shares_modify(&cx.caller, environment, version, &id, judged, deletes)
                .await?)
        }
    })
    .await
}

/// When each connection was last called through, those that were.
pub async fn connection_last_use(cx: &Context) -> Result<BTreeMap<ConnectionId, Micros>> {
    Ok(cx.store().connection_last_use(&cx.caller, &cx.environment.id).await?)
}

/// Deletes a connection.
pub async fn connection_delete(cx: &Context, id: &str, force: bool) -> Result<()> {
    Ok(cx.store().connection_delete(&cx.caller, &cx.environment.id, &id.into(), force).await?)
}

/// Switches a connection off or on again.
pub async fn connection_switch(cx: &Context, id: &str, on: bool) -> Result<Connection> {
    Ok(cx.store().connection_switch(&cx.caller, &cx.environment.id, &id.into(), on).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_with_a_password_is_refused_and_not_repeated() {
        for fine in ["https://a.test/x@y", "a.test:25", "file:/srv/a@b.db", "http://a.test/?q=@"] {
            assert!(endpoint_check(Some(fine)).is_ok(), "{fine}");
        }
        for bad in ["https://u:hush@a.test/", "u:hush@a.test:5432", "postgres://u@a.test"] {
            let refused = endpoint_check(Some(bad)).unwrap_err();
            assert!(!refused.to_string().contains("hush"), "{refused}");
        }
    }

    #[test]
    fn in_doubt_a_parameter_is_secret() {
        let all = ["server", "tokenUrl", "api_key", "sasToken", "database"];
        let all = all.map(|name| (name.to_owned(), "x".to_owned()));
        let (open, secret) = split(None, BTreeMap::from(all));
        assert_eq!(open.keys().collect::<Vec<_>>(), ["database", "server", "tokenUrl"]);
        assert_eq!(secret.keys().collect::<Vec<_>>(), ["api_key", "sasToken"]);
    }
}
