//! Rotation with two slots: the candidate is kept, tested, and only then active; the credential it
//! replaces is kept for a while and comes back if the new one is not accepted.
use std::collections::BTreeMap;
use std::time::Duration;

use connref_engine::connector::{Credential, Probe, Target};
use connref_engine::credential::{credential_fields, credential_kind};
use connref_engine::token::token_lifetimes;
use connref_solution::model::facts::ConnectionStatus;
use connref_solution::model::{ConnectionId, Micros};
use connref_store::connection::Connection;
use connref_store::connection_slot::{Candidate, Promotion};
use connref_store::connection_token::TokenNew;
use secrecy::SecretString;

use super::connection::{metadata, secrets_check, split};
use super::connection_test::{passed, policy, probe, remote};
use super::connector::connector_find;
use super::{OperationError, Result};
use crate::Context;

/// How long the previous credential comes back by itself, unless the caller says otherwise.
pub const WINDOW: Duration = Duration::from_secs(24 * 3600);
/// The longest such time.
const WINDOW_MAX: Duration = Duration::from_secs(90 * 24 * 3600);

/// A credential to rotate to: what differs from the active one.
pub struct ConnectionRotate {
    /// Parameters, secret ones among them.
    pub parameters: BTreeMap<String, String>,
    /// Parameters known to be secret whatever the connector says.
    pub secrets: BTreeMap<String, SecretString>,
    /// When its secret ends, if the caller knows.
    pub ends_on: Option<Micros>,
    /// How long the one before comes back by itself; zero keeps nothing of it.
    pub window: Duration,
    /// Whether the target is asked before the candidate counts.
    pub test: bool,
}

/// What a rotation did.
pub struct Rotated {
    /// The connection as it is now.
    pub connection: Connection,
    /// What the target said, if it was asked.
    pub probe: Option<Probe>,
}

/// Rotates a connection's credential.
pub async fn connection_rotate(cx: &Context, id: &str, ask: ConnectionRotate) -> Result<Rotated> {
    let id = ConnectionId::new(id);
    let place = &cx.environment.id;
    let row = cx.store().connection_get(&cx.caller, place, &id).await?;
    let connector = connector_find(cx, row.facts.api_name.as_str()).await?;
    let (parameters, mut secrets) = split(metadata(cx, &connector).as_ref(), ask.parameters);
    secrets.extend(ask.secrets);
    if secrets.is_empty() && parameters.is_empty() {
        let fix = "give a secret: --secret-file, --secret-env or --secret-stdin";
        return Err(OperationError::invalid("there is nothing to rotate to", fix));
    }
    if ask.window > WINDOW_MAX {
        return Err(OperationError::invalid("the window is longer than 90 days", "--window 24h"));
    }
    let mut merged = row.parameters.clone();
    merged.extend(parameters);
    let ends_on = secrets_check(&merged, &secrets)?.or(ask.ends_on);
    let renews = secrets.contains_key("refreshToken");
    let probe_with = ConnectionTried { window: ask.window, test: ask.test };
    candidate_put(cx, &id, &row, merged, secrets, ends_on).await?;
    let token = match refreshed(cx, &id, renews).await {
        Ok(token) => token,
        Err(error) => return dropped(cx, &id, error).await,
    };
    candidate_finish(cx, &row, token, None, &probe_with).await
}

/// Makes the previous credential the active one again.
pub async fn connection_return(cx: &Context, id: &str) -> Result<Connection> {
    let id = ConnectionId::new(id);
    let place = &cx.environment.id;
    let row = cx.store().connection_get(&cx.caller, place, &id).await?;
    let from = row.credential_version;
    if cx.store().connection_return(&cx.caller, place, &id, from, false).await? {
        return Ok(cx.store().connection_get(&cx.caller, place, &id).await?);
    }
    let message = format!("connection `{}` keeps no previous credential", row.facts.display_name);
    Err(OperationError::conflict(
        message,
        &format!("connref connection rotate {id} --secret-stdin FIELD"),
    ))
}

/// How a candidate is tried.
pub(super) struct ConnectionTried {
    pub(super) window: Duration,
    pub(super) test: bool,
}

/// Keeps the candidate: the active credential with what is new over it.
pub(super) async fn candidate_put(
    cx: &Context,
    id: &ConnectionId,
    row: &Connection,
    parameters: BTreeMap<String, String>,
    new: BTreeMap<String, SecretString>,
    ends_on: Option<Micros>,
) -> Result<()> {
    let place = &cx.environment.id;
    let opened = cx.store().connection_open(&cx.caller, place, id).await?;
    let mut secrets = opened.secrets;
    let replaced = !new.is_empty();
    secrets.extend(new);
    let candidate = Candidate {
        parameters,
        secrets,
        account: None,
        ends_on: ends_on.or(row.facts.ends_at.filter(|_| !replaced)),
    };
    Ok(cx.store().connection_candidate_put(&cx.caller, place, id, candidate).await?)
}

/// The tokens of a candidate that has a refresh token of its own: exchanged once, and the one that
/// comes back kept before anything is tried with it.
async fn refreshed(cx: &Context, id: &ConnectionId, renews: bool) -> Result<Option<TokenNew>> {
    let place = &cx.environment.id;
    let opened = cx.store().connection_candidate_open(&cx.caller, place, id).await?;
    let target = Target { endpoint: opened.endpoint, parameters: opened.parameters };
    if credential_kind(&target, &opened.secrets) != "refresh_token" {
        return Ok(None);
    }
    if !renews {
        return Err(OperationError::invalid(
            "a sign-in cannot be tested beside the one in use",
            &format!(
                "sign in anew: connref connection sign-in {id}; or change it untested: connref connection update {id}"
            ),
        ));
    }
    let fields = credential_fields(&target, &opened.secrets);
    let egress = cx.app.egress();
    let token = cx.app.tokens().refresh_once(egress, &policy(cx)?, &fields).await;
    let token = token.map_err(|error| remote(&error))?;
    let mut secrets = opened.secrets.clone();
    if let Some(refresh) = &token.refresh_token {
        secrets.insert("refreshToken".to_owned(), refresh.clone());
    }
    let kept = secrets.get("refreshToken").cloned();
    let candidate =
        Candidate { parameters: target.parameters.clone(), secrets, account: None, ends_on: None };
    cx.store().connection_candidate_put(&cx.caller, place, id, candidate).await?;
    let (renew_on, expires_on) = token_lifetimes(cx.store().now(), token.expires_in);
    Ok(Some(TokenNew { access: token.access_token, refresh: kept, renew_on, expires_on }))
}

/// Tests the candidate and makes it active, or drops it.
pub(super) async fn candidate_finish(
    cx: &Context,
    row: &Connection,
    token: Option<TokenNew>,
    account: Option<String>,
    how: &ConnectionTried,
) -> Result<Rotated> {
    let id = &row.facts.id;
    let place = &cx.environment.id;
    let tested = if how.test {
        let opened = cx.store().connection_candidate_open(&cx.caller, place, id).await?;
        let bearer = token.as_ref().map(|token| Credential::Bearer(token.access.clone()));
        match probe(cx, &opened, bearer).await {
            Ok(probe) => Some(probe),
            Err(error) => return dropped(cx, id, error).await,
        }
    } else {
        None
    };
    let window = i64::try_from(how.window.as_micros()).unwrap_or(0);
    let usable = row.facts.status == ConnectionStatus::Connected && window > 0;
    let promotion = Promotion {
        from_version: row.credential_version,
        keep_until: usable.then(|| cx.store().now() + window),
        token,
        account,
    };
    let store = cx.store();
    let mut connection =
        store.connection_candidate_promote(&cx.caller, place, id, promotion).await?;
    if let Some(probe) = &tested {
        store.connection_tested(&cx.caller, place, id, passed(cx, probe)).await?;
        connection = store.connection_get(&cx.caller, place, id).await?;
    }
    Ok(Rotated { connection, probe: tested })
}

/// The candidate goes, the active credential stays as it was.
async fn dropped<T>(cx: &Context, id: &ConnectionId, error: OperationError) -> Result<T> {
    let why = error.to_string();
    cx.store().connection_candidate_drop(&cx.caller, &cx.environment.id, id, &why).await?;
    Err(error)
}
