//! The control plane: environments, connectors, connections, flows and runs in the dialect of the
//! Power Apps and Power Automate services (facts: web API, control plane). The only place that
//! knows it.
pub(crate) mod connection;
pub(crate) mod connector;
pub(crate) mod consent;
pub(crate) mod environment;
mod error;
pub(crate) mod flow;
pub(crate) mod key;
pub(crate) mod pipeline;
pub(crate) mod principal;
pub(crate) mod tenant_group;
pub(crate) mod tenant_policy;
mod time;

use std::collections::HashMap;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use connref_store::StoreError;
use connref_store::environment::Environment;

pub(crate) use error::Failure;

use crate::identity::{IdentityError, SignedIn, sign_in};
use crate::listen::PORT_ENVIRONMENT;
use crate::{App, Context};

/// Who signed in, and what the request says of its environment. A handler that takes it cannot run
/// without a caller.
pub(crate) struct Caller {
    app: App,
    signed: SignedIn,
    headers: HeaderMap,
    /// Query parameters.
    pub(crate) query: HashMap<String, String>,
}

impl FromRequestParts<App> for Caller {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Failure> {
        let signed = sign_in(app, parts).await?;
        let query = parts.uri.query().unwrap_or_default();
        Ok(Self {
            app: app.clone(),
            signed,
            headers: with_authority(parts),
            query: url::form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
        })
    }
}

/// In process the host stands in the address, not in a header.
fn with_authority(parts: &Parts) -> HeaderMap {
    let mut headers = parts.headers.clone();
    if let Some(authority) = parts.uri.authority()
        && let Ok(value) = authority.as_str().parse()
    {
        headers.insert(axum::http::header::HOST, value);
    }
    headers
}

impl Caller {
    /// The application.
    pub(crate) fn app(&self) -> &App {
        &self.app
    }

    /// The caller for what concerns the whole installation.
    pub(crate) fn installation(&self) -> Result<connref_store::access::Caller, Failure> {
        Ok(self.signed.installation()?)
    }

    /// Who asks, for what is judged by name rather than in an environment.
    pub(crate) fn asker(&self) -> connref_review::pipeline::Asker {
        self.signed.asker()
    }

    /// The environments that the caller may enter: all of them for the operator.
    pub(crate) async fn environments(&self) -> Result<Vec<Environment>, Failure> {
        let store = self.app.store();
        if let Ok(operator) = self.signed.installation() {
            return Ok(store.environment_list(&operator).await?);
        }
        let all = store.environment_list(&connref_store::access::Caller::System("router")).await?;
        let mut open = Vec::new();
        for one in all {
            match self.signed.enter(&self.app, one, &HeaderMap::new()).await {
                Ok(cx) => open.push(cx.environment),
                Err(IdentityError::Store(
                    StoreError::NotFound { .. } | StoreError::Denied { .. },
                )) => {}
                // A token for one environment's Web API: the others are not listed.
                Err(IdentityError::Token(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(open)
    }

    /// A header's text; `None` if it is missing or blank.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let text = self.headers.get(name)?.to_str().ok()?.trim();
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// Enters the environment of the path.
    pub(crate) async fn enter(&self, name: &str) -> Result<Context, Failure> {
        let environment = environment_by_name(&self.app, name).await?;
        Ok(self.signed.enter(&self.app, environment, &self.headers).await?)
    }

    /// Enters the environment of `$filter=environment eq 'x'`, else of the host.
    pub(crate) async fn enter_by_filter(&self) -> Result<Context, Failure> {
        let filter = self.query.get("$filter").and_then(|f| filtered(f));
        let name = match filter {
            Some(name) => name,
            None => host_name(&self.headers).ok_or_else(|| {
                Failure::bad_request(
                    "EnvironmentMissing",
                    "the request names no environment",
                    "add $filter=environment eq 'NAME'",
                )
            })?,
        };
        self.enter(&name).await
    }
}

/// `environment eq 'x'`, also with `properties.` in front or inside a larger filter.
fn filtered(filter: &str) -> Option<String> {
    let lower = filter.to_ascii_lowercase();
    let rest = &filter[lower.find("environment")? + "environment".len()..];
    let rest = rest.trim_start();
    let rest = rest.get(..2).filter(|op| op.eq_ignore_ascii_case("eq")).and(rest.get(2..))?;
    let rest = rest.trim_start().strip_prefix('\'')?;
    rest.split('\'').next().map(str::to_owned)
}

/// The environment of the port, else the first label of the host: the environment's name.
pub(crate) fn host_name(headers: &HeaderMap) -> Option<String> {
    if let Some(name) = headers.get(PORT_ENVIRONMENT) {
        return name.to_str().ok().map(str::to_owned);
    }
    let host = headers.get(axum::http::header::HOST)?.to_str().ok()?;
    let label = host.split(['.', ':']).next()?;
    (!label.is_empty() && label.parse::<u8>().is_err()).then(|| label.to_owned())
}

/// An environment by name or id. Whether the caller may enter is asked next.
pub(crate) async fn environment_by_name(app: &App, name: &str) -> Result<Environment, StoreError> {
    app.store().environment_get(&connref_store::access::Caller::System("router"), name).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_of_a_filter_is_found() {
        assert_eq!(filtered("environment eq 'PROD'").as_deref(), Some("PROD"));
        assert_eq!(filtered("properties.environment EQ 'x' and a eq 1").as_deref(), Some("x"));
        assert_eq!(filtered("name eq 'PROD'"), None);
        assert_eq!(filtered("environment ne 'PROD'"), None);
    }
}
