//! How one can sign in to a connector, and whether a service principal can.
use connref_solution::document::json::json_lenient;
use connref_solution::model::ApiName;
use connref_solution::model::package::PackageConnector;
use serde_json::{Map, Value};

use super::{Answer, SignIn, SignInKind};
use crate::check::connector;

/// Of a connector that the platform has.
pub(super) fn of_platform(api: &ApiName) -> SignIn {
    let (kinds, principal, reason) = match api.key().as_str() {
        "shared_commondataserviceforapps" => (
            vec![SignInKind::Person, SignInKind::ServicePrincipal],
            Answer::Yes,
            "as an application user of the environment, with a security role that allows the operations below",
        ),
        "shared_sql" => (
            vec![SignInKind::Person, SignInKind::ServicePrincipal, SignInKind::Password],
            Answer::Yes,
            "the database must know the application; an account of the database belongs to no person either",
        ),
        _ if connector::people_only(api) => (
            vec![SignInKind::Person],
            Answer::No,
            "the connector only offers a person's sign-in: use a service account, and plan for its password and its departure",
        ),
        _ => (
            Vec::new(),
            Answer::Unknown,
            "connref does not know this connector; its page in the connector reference says how one signs in",
        ),
    };
    SignIn { kinds, principal, reason: reason.to_owned() }
}

/// Of a custom connector that the package does not bring.
pub(super) fn of_absent() -> SignIn {
    SignIn {
        kinds: Vec::new(),
        principal: Answer::Unknown,
        reason:
            "its definition is not in the package; the solution that brings the connector says it"
                .to_owned(),
    }
}

/// One way to sign in to a custom connector: its name if there are several, its parameters.
pub(super) struct Way {
    pub(super) name: Option<String>,
    pub(super) parameters: Map<String, Value>,
}

fn object(text: Option<&String>) -> Option<Map<String, Value>> {
    let (document, _) = json_lenient(text?.as_bytes()).ok()?;
    match document.value() {
        Value::Object(map) => Some(map.clone()),
        _ => None,
    }
}

/// The ways of a custom connector; `None` if its parts do not say.
pub(super) fn ways(own: &PackageConnector) -> Option<Vec<Way>> {
    if let Some(sets) = object(own.connection_parameter_sets.as_ref()) {
        let values = sets.get("values").and_then(Value::as_array);
        let mut ways = Vec::new();
        for set in values.into_iter().flatten() {
            let Some(parameters) = set.get("parameters").and_then(Value::as_object) else {
                continue;
            };
            let shown = set.pointer("/uiDefinition/displayName").or_else(|| set.get("name"));
            let name = shown.and_then(Value::as_str).map(str::to_owned);
            ways.push(Way { name, parameters: parameters.clone() });
        }
        if !ways.is_empty() {
            return Some(ways);
        }
    }
    if let Some(parameters) = object(own.connection_parameters.as_ref())
        && !parameters.is_empty()
    {
        return Some(vec![Way { name: None, parameters }]);
    }
    // Without parameters the definition decides: nothing secured means nothing to sign in with.
    let definition = object(own.openapi_definition.as_ref())?;
    let secured = definition.get("securityDefinitions").and_then(Value::as_object);
    match secured.is_none_or(Map::is_empty) {
        true => Some(vec![Way { name: None, parameters: Map::new() }]),
        false => None,
    }
}

/// The OAuth settings of a parameter, if it is one.
pub(super) fn oauth(parameter: &Value) -> Option<&Value> {
    let kind = parameter.get("type").and_then(Value::as_str)?;
    kind.eq_ignore_ascii_case("oauthSetting").then(|| parameter.get("oAuthSettings"))?
}

/// A member of `customParameters` by name, without regard to case.
pub(super) fn custom<'a>(settings: &'a Value, name: &str) -> Option<&'a str> {
    let map = settings.get("customParameters")?.as_object()?;
    let (_, value) = map.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
    value.get("value").unwrap_or(value).as_str().filter(|text| !text.is_empty())
}

/// Whether OAuth settings sign in an application by itself.
pub(super) fn is_application(settings: &Value) -> bool {
    let provider = settings.get("identityProvider").and_then(Value::as_str).unwrap_or_default();
    let grant = custom(settings, "grantType").unwrap_or_default();
    ["aadcertificate", "oauth2clientcredentials", "clientcredentials"]
        .iter()
        .any(|name| provider.eq_ignore_ascii_case(name))
        || grant.eq_ignore_ascii_case("client_credentials")
        || grant.eq_ignore_ascii_case("clientCredentials")
}

fn kinds_of(way: &Way) -> Vec<SignInKind> {
    let mut kinds = Vec::new();
    let (mut secret, mut user) = (false, false);
    for (name, parameter) in &way.parameters {
        let kind = parameter.get("type").and_then(Value::as_str).unwrap_or_default();
        if let Some(settings) = oauth(parameter) {
            let provider = settings.get("identityProvider").and_then(Value::as_str);
            let provider = provider.unwrap_or_default();
            kinds.push(if is_application(settings) {
                SignInKind::ServicePrincipal
            } else if ["aad", "oauth2", "oauth2generic"]
                .iter()
                .any(|known| provider.eq_ignore_ascii_case(known))
            {
                SignInKind::Person
            } else {
                SignInKind::Oauth(provider.to_owned())
            });
        } else if kind.eq_ignore_ascii_case("managedIdentity") {
            kinds.push(SignInKind::ManagedIdentity);
        } else if kind.eq_ignore_ascii_case("securestring") {
            secret = true;
        } else if name.to_lowercase().contains("user") {
            user = true;
        }
    }
    if kinds.is_empty() {
        kinds.push(match (secret, user) {
            (true, true) => SignInKind::Password,
            (true, false) => SignInKind::Key,
            (false, _) => SignInKind::Nothing,
        });
    }
    kinds
}

/// Of a custom connector that the package brings.
pub(super) fn of_custom(own: &PackageConnector) -> SignIn {
    let Some(ways) = ways(own) else {
        return SignIn {
            kinds: Vec::new(),
            principal: Answer::Unknown,
            reason: "the package does not say what a connection to it is made of".to_owned(),
        };
    };
    let mut kinds: Vec<SignInKind> = ways.iter().flat_map(kinds_of).collect();
    kinds.sort();
    kinds.dedup();
    let (principal, reason) = principal(&kinds);
    SignIn { kinds, principal, reason: reason.to_owned() }
}

fn principal(kinds: &[SignInKind]) -> (Answer, &'static str) {
    let has = |kind: SignInKind| kinds.contains(&kind);
    if has(SignInKind::ServicePrincipal) || has(SignInKind::ManagedIdentity) {
        (Answer::Yes, "the connector's definition offers it")
    } else if has(SignInKind::Key) || has(SignInKind::Password) || has(SignInKind::Nothing) {
        (Answer::Yes, "nobody signs in: what the connection holds belongs to no person")
    } else if kinds.iter().all(|kind| *kind == SignInKind::Person) {
        (Answer::No, "the connector's definition only offers a person's sign-in")
    } else {
        (Answer::Unknown, "it is up to the identity provider whether an application may sign in")
    }
}
