//! Custom connectors that the package brings, and what has to be entered again.
use connref_solution::connector::{
    AuthenticationKind, ConnectionParameter, ConnectorRead, ConnectorTexts, OauthSettings,
    ParameterKind, connector_read,
};
use connref_solution::model::LogicalName;
use connref_solution::model::package::PackageConnector;

use super::sign_in::of_custom;
use super::{AskedParameter, ConnectorFacts, OauthFacts, short};
use crate::check::connector::host;
use crate::check::context::Context;

pub(super) fn connectors(cx: &Context<'_>) -> Vec<ConnectorFacts> {
    cx.package.connectors.iter().map(|own| facts(cx, own)).collect()
}

fn facts(cx: &Context<'_>, own: &PackageConnector) -> ConnectorFacts {
    let read = read(own);
    let to_it = cx.package.references.iter().filter(|r| {
        cx.all_connectors.of_reference(r).is_some_and(|found| std::ptr::eq(found, own))
    });
    let mut facts = ConnectorFacts {
        display_name: match own.display_name.is_empty() {
            true => own.name.clone(),
            false => own.display_name.clone(),
        },
        name: own.name.clone(),
        host: host(own),
        sign_in: of_custom(own),
        oauth: Vec::new(),
        parameters: Vec::new(),
        variables: variables(own),
        references: to_it.map(|r| r.logical_name.clone()).collect(),
    };
    for way in read.iter().flat_map(ways) {
        let settings = way.parameters.iter().filter_map(|p| p.oauth.as_ref());
        facts.oauth.extend(settings.map(|settings| oauth(&way, settings)));
        let asked = way.parameters.iter().filter(|p| is_asked(p));
        facts.parameters.extend(asked.map(|p| AskedParameter {
            name: short(if p.display_name.is_empty() { &p.name } else { &p.display_name }),
            secret: p.kind.is_secret(),
            way: way.name.clone(),
        }));
    }
    facts
}

/// Reads a connector; one without a definition still has its parameters.
pub(super) fn read(own: &PackageConnector) -> Option<ConnectorRead> {
    let mut texts = ConnectorTexts::of(own);
    if texts.definition.trim().is_empty() {
        texts.definition = r#"{"swagger":"2.0","paths":{}}"#;
    }
    connector_read(&texts).ok()
}

/// One way to sign in: its name if there are several, and its parameters.
struct Way<'a> {
    name: Option<String>,
    parameters: &'a [ConnectionParameter],
    application: bool,
}

/// The sets; parameters outside of sets repeat one of them and count where there is no set.
fn ways(read: &ConnectorRead) -> Vec<Way<'_>> {
    let application = |set: Option<&str>| {
        let ways = read.authentication.ways.iter();
        ways.filter(|way| way.set.as_deref() == set)
            .any(|way| !way.kinds.contains(&AuthenticationKind::OauthUser))
    };
    if read.sets.is_empty() {
        let parameters = &read.parameters;
        return vec![Way { name: None, parameters, application: application(None) }];
    }
    let way = |set: &'_ connref_solution::connector::ParameterSet| {
        let shown = if set.display_name.is_empty() { &set.name } else { &set.display_name };
        (Some(short(shown)), application(Some(&set.name)))
    };
    read.sets
        .iter()
        .map(|set| {
            let (name, application) = way(set);
            Way { name, parameters: &set.parameters, application }
        })
        .collect()
}

fn oauth(way: &Way<'_>, settings: &OauthSettings) -> OauthFacts {
    let custom = |name: &str| settings.custom(name).map(short);
    let resource = settings.properties.get("AzureActiveDirectoryResourceId");
    OauthFacts {
        way: way.name.clone(),
        provider: short(&settings.identity_provider),
        client_id: settings.client_id.as_deref().filter(|id| !id.is_empty()).map(short),
        tenant: custom("tenantId"),
        resource: custom("resourceUri").or_else(|| resource.map(|r| short(r))),
        scopes: settings.scopes.iter().map(|scope| short(scope)).collect(),
        redirect_per_connector: settings
            .redirect_mode
            .as_deref()
            .is_some_and(|mode| mode.eq_ignore_ascii_case("GlobalPerConnector")),
        redirect: settings.redirect_url.as_deref().filter(|url| !url.is_empty()).map(short),
        application: way.application,
    }
}

/// Whether a connection asks a person for it. Parameters named `token:…` belong to the sign-in.
fn is_asked(parameter: &ConnectionParameter) -> bool {
    !parameter.hidden
        && !parameter.name.starts_with("token:")
        && !matches!(parameter.kind, ParameterKind::OauthSetting | ParameterKind::ManagedIdentity)
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
