//! Environments.
use connref_egress::Policy;
use connref_engine::connector::Support;
use connref_solution::model::facts::Capability;
use connref_store::StoreError;
use connref_store::access::Caller;
use connref_store::connector::BuiltIn;
use connref_store::environment::{Environment, EnvironmentNew};
use http::HeaderMap;

use super::{OperationError, Result};
use crate::App;
use crate::identity::{IdentityError, SignedIn};

/// The environments that whoever signed in belongs to; the operator belongs to all.
pub async fn environment_list(
    app: &App,
    signed: &SignedIn,
) -> std::result::Result<Vec<Environment>, IdentityError> {
    let all = app.store().environment_list(&Caller::System("environments")).await?;
    if signed.installation().is_ok() {
        return Ok(all);
    }
    let mut own = Vec::new();
    for environment in all {
        match signed.enter(app, environment, &HeaderMap::new()).await {
            Ok(cx) => own.push(cx.environment),
            // A token for one environment's Web API: the others are not listed.
            Err(IdentityError::Token(_)) => {}
            Err(IdentityError::Store(StoreError::NotFound { .. } | StoreError::Denied { .. })) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(own)
}

/// Makes an environment with the built-in connectors in it.
pub async fn environment_create(
    app: &App,
    caller: &Caller,
    new: EnvironmentNew,
) -> Result<Environment> {
    allowed_check(&new.allowed)?;
    let environment = app.store().environment_create(caller, new).await?;
    app.store().connector_seed(caller, &environment.id, built_in(app)).await?;
    Ok(environment)
}

/// Replaces what connections of an environment may reach beside the public internet.
pub async fn environment_allow(cx: &crate::Context, allowed: Vec<String>) -> Result<()> {
    allowed_check(&allowed)?;
    Ok(cx.store().environment_allow(&cx.caller, &cx.environment.id, allowed).await?)
}

fn allowed_check(allowed: &[String]) -> Result<()> {
    Policy::parse(&allowed.join("\n")).map(drop).map_err(|error| {
        OperationError::invalid(
            error.to_string(),
            "write `127.0.0.1:8080`, `10.0.0.0/8`, `10.0.0.0/8:1433`, `file:/folder` or \
             `secret:vault://mount/path`",
        )
    })
}

fn built_in(app: &App) -> Vec<BuiltIn> {
    app.registry()
        .iter()
        .map(|connector| {
            let metadata = connector.metadata();
            BuiltIn {
                api_name: metadata.api_name.as_str().into(),
                display_name: metadata.display_name,
                service_principal: match metadata.service_principal.support {
                    Support::Yes => Capability::Yes,
                    Support::No => Capability::No,
                    Support::Unknown => Capability::Unknown,
                },
            }
        })
        .collect()
}
