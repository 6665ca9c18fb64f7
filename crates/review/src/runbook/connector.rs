//! Custom connectors that the package brings, and what has to be entered again.
use connref_solution::model::LogicalName;
use connref_solution::model::package::PackageConnector;
use serde_json::Value;

use super::short;
use super::sign_in::{Way, custom, is_application, oauth, of_custom, ways};
use super::{ConnectionParameter, ConnectorFacts, OauthFacts};
use crate::check::connector::host;
use crate::check::context::Context;

pub(super) fn connectors(cx: &Context<'_>) -> Vec<ConnectorFacts> {
    cx.package.connectors.iter().map(|own| facts(cx, own)).collect()
}

fn facts(cx: &Context<'_>, own: &PackageConnector) -> ConnectorFacts {
    let ways = ways(own).unwrap_or_default();
    let to_it = cx.package.references.iter().filter(|r| {
        cx.all_connectors.of_reference(r).is_some_and(|found| std::ptr::eq(found, own))
    });
    ConnectorFacts {
        display_name: match own.display_name.is_empty() {
            true => own.name.clone(),
            false => own.display_name.clone(),
        },
        name: own.name.clone(),
        host: host(own),
        sign_in: of_custom(own),
        oauth: ways.iter().flat_map(oauth_facts).collect(),
        parameters: ways.iter().flat_map(parameters).collect(),
        variables: variables(own),
        references: to_it.map(|r| r.logical_name.clone()).collect(),
    }
}

fn text(value: &Value, name: &str) -> Option<String> {
    value.get(name).and_then(Value::as_str).filter(|t| !t.trim().is_empty()).map(short)
}

fn oauth_facts(way: &Way) -> Vec<OauthFacts> {
    let settings = way.parameters.values().filter_map(oauth);
    let facts = |settings: &Value| {
        let scopes = settings.get("scopes").and_then(Value::as_array).into_iter().flatten();
        let from = |name: &str| custom(settings, name).map(short);
        let resource = settings.pointer("/properties/AzureActiveDirectoryResourceId");
        OauthFacts {
            way: way.name.clone(),
            provider: text(settings, "identityProvider").unwrap_or_default(),
            client_id: text(settings, "clientId"),
            tenant: from("tenantId"),
            resource: from("resourceUri").or_else(|| resource.and_then(Value::as_str).map(short)),
            scopes: scopes.filter_map(Value::as_str).map(short).collect(),
            redirect_per_connector: settings
                .get("redirectMode")
                .and_then(Value::as_str)
                .is_some_and(|mode| mode.eq_ignore_ascii_case("GlobalPerConnector")),
            redirect: text(settings, "redirectUrl"),
            application: is_application(settings),
        }
    };
    settings.map(facts).collect()
}

/// What a connection asks for. Parameters named `token:…` belong to the sign-in.
fn parameters(way: &Way) -> Vec<ConnectionParameter> {
    let asked = way.parameters.iter().filter(|(name, parameter)| {
        let kind = parameter.get("type").and_then(Value::as_str).unwrap_or_default();
        let plain = ["string", "securestring", "int", "bool", "gatewaySetting"];
        let hidden = parameter.pointer("/uiDefinition/constraints/hidden");
        let hidden = hidden.is_some_and(|h| *h == true || *h == "true");
        !name.starts_with("token:")
            && !hidden
            && plain.iter().any(|known| kind.eq_ignore_ascii_case(known))
    });
    let parameter = |(name, parameter): (&String, &Value)| {
        let kind = parameter.get("type").and_then(Value::as_str).unwrap_or_default();
        let shown = parameter.pointer("/uiDefinition/displayName").and_then(Value::as_str);
        ConnectionParameter {
            name: short(shown.unwrap_or(name)),
            secret: kind.eq_ignore_ascii_case("securestring"),
            way: way.name.clone(),
        }
    };
    asked.map(parameter).collect()
}

/// Variables named by `@environmentVariables("…")` in any part of a connector.
pub(super) fn variables(own: &PackageConnector) -> Vec<LogicalName> {
    let parts = [
        &own.openapi_definition,
        &own.connection_parameters,
        &own.connection_parameter_sets,
        &own.policy_templates,
    ];
    let mut found: Vec<LogicalName> = Vec::new();
    for text in parts.into_iter().flatten() {
        let mut rest = text.as_str();
        while let Some((_, after)) = rest.split_once("@environmentVariables(") {
            rest = after;
            let quoted = after.trim_start_matches(['\\', '"', '\'', ' ']);
            let name: String =
                quoted.chars().take_while(|c| c.is_alphanumeric() || *c == '_').take(200).collect();
            let name = LogicalName::new(&name);
            if !name.as_str().is_empty() && !found.contains(&name) {
                found.push(name);
            }
        }
    }
    found
}
