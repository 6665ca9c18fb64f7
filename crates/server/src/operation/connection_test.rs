//! Testing connections: the target is asked who we are, with a given credential or the active one.
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use connref_egress::Policy;
use connref_engine::connector::{CallContext, Connector, Credential, Probe, Target};
use connref_engine::credential::credential_open;
use connref_engine::token::{TokenError, TokenKey};
use connref_solution::model::ConnectionId;
use connref_solution::model::facts::{ConnectionStatus, Fingerprint};
use connref_store::connection_state::TestResult;
use connref_store::credential::Opened;

use super::connection::custom;
use super::{OperationError, Result};
use crate::Context;

/// How long a test may take.
const TEST_TIME: Duration = Duration::from_secs(30);

/// Asks the target who the connection is, and records how it went.
pub async fn connection_test(cx: &Context, id: &str) -> Result<Probe> {
    let id = ConnectionId::new(id);
    let place = &cx.environment.id;
    let row = cx.store().connection_get(&cx.caller, place, &id).await?;
    if row.facts.status == ConnectionStatus::Disabled {
        let message = format!("connection `{}` is switched off", row.facts.display_name);
        return Err(OperationError::conflict(message, &format!("connref connection enable {id}")));
    }
    let opened = cx.store().connection_open(&cx.caller, place, &id).await?;
    let probed = probe(cx, &opened, None).await;
    let result = match &probed {
        Ok(probe) => passed(cx, probe),
        // A sign-in that ended has its own words on the row already.
        Err(OperationError::SignIn { .. }) => return probed,
        Err(error) => TestResult::Failed {
            code: "ProbeFailed".to_owned(),
            message: error.to_string(),
            target: None,
        },
    };
    cx.store().connection_tested(&cx.caller, place, &id, result).await?;
    probed
}

pub(super) fn passed(cx: &Context, probe: &Probe) -> TestResult {
    TestResult::Passed(Fingerprint {
        tested_at: cx.store().now(),
        identity: probe.identity.clone(),
        target: probe.target.clone(),
    })
}

/// What the environment's connections may reach.
pub(super) fn policy(cx: &Context) -> Result<Policy> {
    Policy::parse(&cx.environment.allowed.join("\n"))
        .map_err(|error| OperationError::invalid(error.to_string(), ""))
}

/// Asks the target with this credential, or with the one the opened fields make.
pub(super) async fn probe(
    cx: &Context,
    opened: &Opened,
    credential: Option<Credential>,
) -> Result<Probe> {
    let row = cx.store().connector_get(&cx.caller, &cx.environment.id, &opened.api_name).await?;
    let connector: Arc<dyn Connector> = match cx.app.registry().get(row.api_name.as_str()) {
        Some(connector) => Arc::clone(connector),
        None => Arc::new(custom(&row)?),
    };
    let policy = policy(cx)?;
    let mut target =
        Target { endpoint: opened.endpoint.clone(), parameters: opened.parameters.clone() };
    let mut secrets = opened.secrets.clone();
    // Whoever owns the connection reads the variables in it.
    let owner = cx.store().caller_find(&cx.environment.id, opened.owner.as_str()).await?;
    cx.app
        .secrets()
        .connection(cx.store(), &owner, &cx.environment.id, &policy, &mut target, &mut secrets)
        .await?;
    let credential = match credential {
        Some(credential) => credential,
        None => {
            let key = TokenKey {
                environment: cx.environment.id.clone(),
                connection: opened.id.clone(),
                version: opened.credential_version,
            };
            credential_open(cx.app.tokens(), &policy, &key, &target, &secrets)
                .await
                .map_err(|error| refused(&error))?
        }
    };
    let call = CallContext {
        egress: cx.app.egress(),
        policy: &policy,
        target: &target,
        credential: &credential,
        idempotency_key: "connection-test",
        timeout: TEST_TIME,
        act_on_behalf_of: None,
    };
    connector.probe(&call).await.map_err(|error| remote(&error))
}

fn refused(error: &TokenError) -> OperationError {
    match error {
        TokenError::SignIn { connection, .. } => OperationError::SignIn {
            message: error.to_string(),
            fix: format!("connref connection sign-in {connection}"),
        },
        other => remote(other),
    }
}

/// An error with its causes in one line.
pub(super) fn remote(error: &dyn Error) -> OperationError {
    OperationError::Remote { message: error_line(error) }
}

fn error_line(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        line = format!("{line}: {inner}");
        cause = inner.source();
    }
    line
}
