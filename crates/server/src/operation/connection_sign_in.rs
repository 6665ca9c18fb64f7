//! Signing in to a connection: a person's consent, in a browser or on another device. The answer
//! counts once, for whoever began it, and for this connection alone.
use std::time::Duration;

use connref_egress::oauth::DeviceCode;
use connref_engine::connector::Target;
use connref_engine::credential::credential_fields;
use connref_engine::sign_in::{
    DeviceAnswer, SignInError, SignedIn, sign_in_code, sign_in_code_at_server, sign_in_device,
};
use connref_engine::token::token_lifetimes;
use connref_solution::model::ConnectionId;
use connref_solution::model::facts::ConnectionStatus;
use connref_store::connection::Connection;
use connref_store::connection_signin::{Due, SignInKind, SignInNew};
use connref_store::connection_token::TokenNew;

use super::connection_rotate::{ConnectionTried, WINDOW, candidate_finish, candidate_put};
use super::connection_test::{policy, remote};
use super::{OperationError, Result};
use crate::Context;

/// How long a person has in the browser.
const CODE_TIME: Duration = Duration::from_secs(600);
/// What a server that wants to be asked less often gets (RFC 8628 §3.5), in microseconds.
const SLOWER: i64 = 5_000_000;

/// A sign-in that began.
pub struct SignInBegun {
    /// Its id, for the answer.
    pub id: String,
    /// What the person does.
    pub step: SignInStep,
}

/// What the person does.
pub enum SignInStep {
    /// Opens this address.
    Browser(String),
    /// Types this code there.
    Device(Box<DeviceCode>),
}

/// Where a sign-in stands.
pub enum SignInState {
    /// The person has not answered yet: ask again after this time.
    Pending(Duration),
    /// Signed in.
    Done(Box<Connection>),
}

/// Where a browser comes back to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ComeBack<'a> {
    /// An address on the machine of whoever asked, as they named it.
    Machine(&'a str),
    /// A page of this server.
    Server(&'a str),
}

/// Begins a sign-in: in a browser whose answer goes to `redirect_uri`, or on another device.
pub async fn connection_sign_in(
    cx: &Context,
    id: &str,
    redirect_uri: Option<&str>,
) -> Result<SignInBegun> {
    sign_in_begin(cx, id, redirect_uri.map(ComeBack::Machine)).await
}

/// The same, also with a browser that comes back to a page of this server.
pub(crate) async fn sign_in_begin(
    cx: &Context,
    id: &str,
    back: Option<ComeBack<'_>>,
) -> Result<SignInBegun> {
    let id = ConnectionId::new(id);
    let place = &cx.environment.id;
    let opened = cx.store().connection_open(&cx.caller, place, &id).await?;
    let target = Target { endpoint: opened.endpoint, parameters: opened.parameters };
    let fields = credential_fields(&target, &opened.secrets);
    let (egress, policy) = (cx.app.egress(), policy(cx)?);
    let micros = |time: Duration| i64::try_from(time.as_micros()).unwrap_or(i64::MAX / 4);
    let now = cx.store().now();
    let (new, step) = match back {
        Some(back) => {
            let ids = cx.store().ids();
            let begun = match back {
                ComeBack::Machine(uri) => sign_in_code(egress, &policy, &fields, uri, ids).await,
                ComeBack::Server(uri) => {
                    sign_in_code_at_server(egress, &policy, &fields, uri, ids).await
                }
            };
            let (url, kept) = begun.map_err(|error| refused(&error))?;
            let expires_on = now + micros(CODE_TIME);
            let new = SignInNew { kind: SignInKind::Code, kept, expires_on, pause: 0 };
            (new, SignInStep::Browser(url.into()))
        }
        None => {
            let (code, kept) =
                sign_in_device(egress, &policy, &fields).await.map_err(|error| refused(&error))?;
            let new = SignInNew {
                kind: SignInKind::Device,
                kept,
                expires_on: now + micros(code.expires_in),
                pause: micros(code.interval),
            };
            (new, SignInStep::Device(Box::new(code)))
        }
    };
    let id = cx.store().connection_signin_begin(&cx.caller, place, &id, new).await?;
    Ok(SignInBegun { id, step })
}

/// Goes on with a sign-in: with the query that came to the redirect address, or by asking whether a
/// device's code was confirmed.
pub async fn connection_sign_in_finish(
    cx: &Context,
    id: &str,
    signin: &str,
    query: Option<&str>,
) -> Result<SignInState> {
    connection_sign_in_as(cx, id, signin, query, None).await
}

/// The same; only this account will do, if one is named.
pub async fn connection_sign_in_as(
    cx: &Context,
    id: &str,
    signin: &str,
    query: Option<&str>,
    account: Option<&str>,
) -> Result<SignInState> {
    let id = ConnectionId::new(id);
    let place = &cx.environment.id;
    let store = cx.store();
    let row = store.connection_get(&cx.caller, place, &id).await?;
    let kept = match store.connection_signin_due(&cx.caller, place, &id, signin).await? {
        Due::Now(kept) => kept,
        Due::Later(at) => return Ok(SignInState::Pending(until(store.now(), at))),
    };
    let opened = store.connection_open(&cx.caller, place, &id).await?;
    let target = Target { endpoint: opened.endpoint, parameters: opened.parameters };
    let fields = credential_fields(&target, &opened.secrets);
    let (egress, policy, tokens) = (cx.app.egress(), policy(cx)?, cx.app.tokens());
    let done = match kept.kind {
        SignInKind::Code => {
            let query = query.unwrap_or_default();
            let answer = tokens.sign_in_code_finish(egress, &policy, &fields, &kept.kept, query);
            answer.await.map_err(|error| refused(&error))?
        }
        SignInKind::Device => {
            match tokens.sign_in_device_ask(egress, &policy, &fields, &kept.kept).await {
                Ok(DeviceAnswer::Done(done)) => {
                    store.connection_signin_end(&cx.caller, place, &id, signin).await?;
                    done
                }
                Ok(DeviceAnswer::Pending) => {
                    return Ok(SignInState::Pending(until(0, kept.pause)));
                }
                Ok(DeviceAnswer::SlowDown) => {
                    store.connection_signin_slow(&cx.caller, place, &id, signin, SLOWER).await?;
                    return Ok(SignInState::Pending(until(0, kept.pause + SLOWER)));
                }
                Err(error) => {
                    store.connection_signin_end(&cx.caller, place, &id, signin).await?;
                    return Err(refused(&error));
                }
            }
        }
    };
    if let Some(wanted) = account {
        right_account(wanted, done.account.as_deref())?;
    }
    signed_in(cx, &row, done).await.map(|row| SignInState::Done(Box::new(row)))
}

/// Refuses an account other than the one that was asked for, before anything of it is kept.
fn right_account(wanted: &str, found: Option<&str>) -> Result<()> {
    if found.is_some_and(|found| found.eq_ignore_ascii_case(wanted)) {
        return Ok(());
    }
    let found = match found {
        Some(found) => format!("signed in as `{found}`"),
        None => "the service did not say who signed in".to_owned(),
    };
    let fix =
        format!("sign in as `{wanted}`, in a private window if the browser remembers another");
    Err(OperationError::conflict(format!("{found}, but `{wanted}` was asked for"), &fix))
}

/// Puts what the sign-in brought in the place of what was there. A connection that worked is kept
/// until the new sign-in passed the test; one that did not has nothing to lose.
async fn signed_in(cx: &Context, row: &Connection, done: SignedIn) -> Result<Connection> {
    let id = &row.facts.id;
    let mut parameters = row.parameters.clone();
    parameters.insert("tokenUrl".to_owned(), done.token_url);
    let grant = ["grantType", "token:grantType"];
    if !grant.iter().any(|name| parameters.contains_key(*name)) {
        parameters.insert("grantType".to_owned(), "code".to_owned());
    }
    let refresh = done.token.refresh_token.clone();
    let new = refresh.iter().map(|token| ("refreshToken".to_owned(), token.clone())).collect();
    candidate_put(cx, id, row, parameters, new, None).await?;
    let (renew_on, expires_on) = token_lifetimes(cx.store().now(), done.token.expires_in);
    let token = TokenNew { access: done.token.access_token, refresh, renew_on, expires_on };
    let worked = row.facts.status == ConnectionStatus::Connected;
    let how = ConnectionTried { window: WINDOW, test: worked };
    let rotated = candidate_finish(cx, row, Some(token), done.account, &how).await?;
    Ok(rotated.connection)
}

fn until(now: i64, at: i64) -> Duration {
    Duration::from_micros(u64::try_from(at - now).unwrap_or(0))
}

fn refused(error: &SignInError) -> OperationError {
    match error {
        SignInError::Fields(_) => OperationError::invalid(
            error.to_string(),
            "set where to sign in: --param issuer=URL, or --tenant-id, or --param authorizationUrl=… and tokenUrl=…, and --application-id",
        ),
        SignInError::Redirect => OperationError::invalid(error.to_string(), ""),
        SignInError::OAuth(_) | SignInError::Kept => remote(error),
    }
}
