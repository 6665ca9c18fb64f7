//! How one can sign in to a connector, and whether a service principal can.
use connref_solution::connector::{
    AuthenticationKind, known_service_principal, package_connector_authentication,
};
use connref_solution::model::ApiName;
use connref_solution::model::facts::Capability;
use connref_solution::model::package::PackageConnector;

use super::SignIn;

/// Of a connector that the platform has.
pub(super) fn of_platform(api: &ApiName) -> SignIn {
    use AuthenticationKind::{Basic, Certificate, ClientSecret, OauthUser};
    let answer = known_service_principal(api);
    let (principal, reason) = match answer {
        Some(answer) => (answer.support, answer.reason),
        None => (
            Capability::Unknown,
            "connref does not know this connector; its page in the connector reference says it"
                .to_owned(),
        ),
    };
    let (kinds, more) = match api.key().as_str() {
        "shared_commondataserviceforapps" => (
            vec![OauthUser, ClientSecret, Certificate],
            "; it must be an application user of the environment, with a role that allows the operations below",
        ),
        "shared_sql" => {
            (vec![Basic, OauthUser, ClientSecret], "; the database must know the application")
        }
        // Nobody but a person: there is nothing else that it could offer.
        _ if principal == Capability::No => (
            vec![OauthUser],
            "; use a service account, and plan for its password and its departure",
        ),
        _ => (Vec::new(), ""),
    };
    SignIn { kinds, principal, reason: format!("{reason}{more}") }
}

/// Of a custom connector that the package does not bring.
pub(super) fn of_absent() -> SignIn {
    SignIn {
        kinds: Vec::new(),
        principal: Capability::Unknown,
        reason:
            "its definition is not in the package; the solution that brings the connector says it"
                .to_owned(),
    }
}

/// Of a custom connector that the package brings.
pub(super) fn of_custom(own: &PackageConnector) -> SignIn {
    match package_connector_authentication(own) {
        Some(found) => SignIn {
            kinds: found.kinds(),
            principal: found.service_principal.support,
            reason: found.service_principal.reason,
        },
        None => SignIn {
            kinds: Vec::new(),
            principal: Capability::Unknown,
            reason: "the package does not say what a connection to it is made of".to_owned(),
        },
    }
}
