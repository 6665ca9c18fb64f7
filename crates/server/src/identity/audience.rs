//! What a token is for: one environment's Web API, or the control plane.
use connref_solution::model::EnvironmentId;
use connref_store::StoreError;
use url::Url;

use crate::App;
use crate::powerapps::environment_by_name;

/// Services of the control plane by the names clients have built in: what stands behind them here
/// is one router.
const CONTROL: [&str; 10] = [
    "service.powerapps.com",
    "service.flow.microsoft.com",
    "api.powerapps.com",
    "api.flow.microsoft.com",
    "api.powerplatform.com",
    "api.bap.microsoft.com",
    "management.azure.com",
    "management.core.windows.net",
    "globaldisco.crm.dynamics.com",
    // Nothing of it is here, but clients ask for it first to see whether they are signed in.
    "graph.microsoft.com",
];

/// What a token is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// The Web API of an environment.
    Environment(EnvironmentId),
    /// The control plane.
    Control,
    /// The whole installation: what an operator said that another issuer's tokens are for.
    Everything,
}

/// Longest audience.
const MAX: usize = 500;

/// What a resource's address stands for; none if for nothing of ours.
pub(crate) async fn target(app: &App, resource: &str) -> Result<Option<Target>, StoreError> {
    if resource.len() > MAX {
        return Ok(None);
    }
    let Ok(url) = resource.parse::<Url>() else { return Ok(None) };
    let Some(host) = url.host_str().filter(|_| matches!(url.scheme(), "https" | "http")) else {
        return Ok(None);
    };
    let addresses = app.addresses();
    let ours = addresses.hosts.iter().any(|known| known.eq_ignore_ascii_case(host))
        || host.parse::<std::net::IpAddr>().is_ok()
        || host.starts_with('[');
    let port = url.port_or_known_default();
    let name = match port.filter(|_| ours).and_then(|port| addresses.environment_of_port(port)) {
        Some(name) => name,
        None if ours || CONTROL.contains(&host) => return Ok(Some(Target::Control)),
        // As requests name it: by the first label, whatever follows.
        None => host.split('.').next().unwrap_or_default(),
    };
    match environment_by_name(app, name).await {
        Ok(found) => Ok(Some(Target::Environment(found.id))),
        Err(StoreError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The resource that a scope names, without the permission at its end; none if it names several.
/// A scope that is about the person alone is for the control plane of this server.
pub(crate) fn resource_of(app: &App, scope: &str) -> Option<String> {
    match resource_named(scope) {
        Ok(found) => Some(found.map_or_else(|| app.addresses().control(), str::to_owned)),
        Err(Several) => None,
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Several;

fn resource_named(scope: &str) -> Result<Option<&str>, Several> {
    let mut found = None;
    for word in scope.split_ascii_whitespace().filter(|word| word.contains("://")) {
        let resource = word.rsplit_once('/').map_or(word, |(resource, _permission)| resource);
        // A token is for one service.
        if found.is_some_and(|known| known != resource) {
            return Err(Several);
        }
        found = Some(resource);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_names_one_resource() {
        let named = resource_named;
        assert_eq!(
            named("openid https://dev.x.test:8443/.default"),
            Ok(Some("https://dev.x.test:8443"))
        );
        assert_eq!(
            named("https://dev.x.test//user_impersonation"),
            Ok(Some("https://dev.x.test/"))
        );
        assert_eq!(named("openid profile offline_access"), Ok(None));
        assert_eq!(named("https://a.test/.default https://b.test/.default"), Err(Several));
        assert_eq!(named("https://a.test/x https://a.test/y"), Ok(Some("https://a.test")));
    }
}
