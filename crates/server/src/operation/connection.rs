//! Connections: making, sharing, testing.
use std::collections::BTreeMap;

use connref_egress::Policy;
use connref_engine::connector::custom::{ConnectorTexts, CustomConnector};
use connref_engine::connector::{
    CallContext, Connector as _, ConnectorMetadata, ParameterKind, Probe, Target,
};
use connref_engine::credential::credential_open;
use connref_review::share::share_check;
use connref_solution::model::ConnectionId;
use connref_solution::model::facts::{ConnectionKind, ConnectionStatus, PrincipalKind, ShareLevel};
use connref_store::StoreError;
use connref_store::connection::{Connection, ConnectionNew};
use connref_store::connector::Connector;
use secrecy::SecretString;
use std::sync::Arc;
use std::time::Duration;

use super::connector::connector_find;
use super::{OperationError, Result, principal};
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
}

/// How long a test may take.
const TEST_TIME: Duration = Duration::from_secs(30);

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
fn split(
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

/// Shares a connection, or with `None` takes the share away.
pub async fn connection_share(
    cx: &Context,
    id: &str,
    with: &str,
    level: Option<ShareLevel>,
) -> Result<()> {
    let id = ConnectionId::new(id);
    let user = cx.store().user_get(&cx.caller, &cx.environment.id, with).await?;
    if let Some(level) = level {
        let facts = cx.store().facts(&cx.caller, &cx.environment.id).await?;
        share_check(&facts, &id, &principal(cx)?, &user.id, level)?;
    }
    Ok(cx.store().connection_share(&cx.caller, &cx.environment.id, &id, &user.id, level).await?)
}

/// Deletes a connection.
pub async fn connection_delete(cx: &Context, id: &str, force: bool) -> Result<()> {
    Ok(cx.store().connection_delete(&cx.caller, &cx.environment.id, &id.into(), force).await?)
}

/// Asks the target who the connection is, and records how it went.
pub async fn connection_test(cx: &Context, id: &str) -> Result<Probe> {
    let id = ConnectionId::new(id);
    let probed = probe(cx, &id).await;
    let (status, account) = match &probed {
        Ok(probe) => (ConnectionStatus::Connected, probe.identity.clone()),
        Err(error) => {
            let status = ConnectionStatus::Error {
                code: "ProbeFailed".to_owned(),
                message: error.to_string(),
            };
            (status, None)
        }
    };
    cx.store().connection_status_set(&cx.caller, &cx.environment.id, &id, status, account).await?;
    probed
}

async fn probe(cx: &Context, id: &ConnectionId) -> Result<Probe> {
    let opened = cx.store().connection_open(&cx.caller, &cx.environment.id, id).await?;
    let row = cx.store().connector_get(&cx.caller, &cx.environment.id, &opened.api_name).await?;
    let connector: Arc<dyn connref_engine::connector::Connector> =
        match cx.app.registry().get(row.api_name.as_str()) {
            Some(connector) => Arc::clone(connector),
            None => Arc::new(custom(&row)?),
        };
    let policy = Policy::parse(&cx.environment.allowed.join("\n"))
        .map_err(|error| OperationError::invalid(error.to_string(), ""))?;
    let target = Target { endpoint: opened.endpoint, parameters: opened.parameters };
    let remote = |error: &dyn std::error::Error| {
        let cause = error.source().map(|c| format!(": {c}")).unwrap_or_default();
        OperationError::Remote { message: format!("{error}{cause}") }
    };
    let key = format!("{}/{}/{}", cx.environment.id, opened.id, opened.credential_version);
    let credential = credential_open(cx.app.tokens(), &policy, &key, &target, &opened.secrets)
        .await
        .map_err(|e| remote(&e))?;
    let call = CallContext {
        egress: cx.app.egress(),
        policy: &policy,
        target: &target,
        credential: &credential,
        idempotency_key: "connection-test",
        timeout: TEST_TIME,
        act_on_behalf_of: None,
    };
    connector.probe(&call).await.map_err(|e| remote(&e))
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
