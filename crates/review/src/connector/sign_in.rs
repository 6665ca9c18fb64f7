//! CC006 sign-in that cannot work, CC009 a client secret in the files, CC012 kinds nobody knows.
use connref_solution::connector::{
    AuthenticationKind, ConnectionParameter, ParameterKind, connector_authentication,
};
use connref_solution::document::json::pointer_escape;

use super::Found;
use super::read::{Part, Sources};
use crate::catalogue::code;
use crate::check::text::{cut, secret_like};
use crate::finding::Severity;

pub(super) fn check(sources: &Sources, found: &mut Found) {
    for (part, at, parameter) in sources.placed_parameters() {
        kind(part, &at, parameter, found);
        if parameter.kind == ParameterKind::OauthSetting {
            oauth(part, &at, parameter, found);
            secret(part, &at, found);
        }
    }
    sets(sources, found);
    schemes(sources, found);
}

fn kind(part: &Part, at: &str, parameter: &ConnectionParameter, found: &mut Found) {
    let ParameterKind::Other(kind) = &parameter.kind else { return };
    if kind.to_ascii_lowercase().contains("certificate") {
        return;
    }
    found.add(
        code::CC012,
        Severity::Warning,
        || part.at(&format!("{at}/type")),
        format!("`{}` has the type `{}`, which nobody knows", cut(&parameter.name), cut(kind)),
        "use string, securestring, oauthSetting, gatewaySetting or managedIdentity",
    );
}

fn oauth(part: &Part, at: &str, parameter: &ConnectionParameter, found: &mut Found) {
    let name = cut(&parameter.name);
    let help =
        "give identity provider and, for a generic one, the addresses to sign in and for tokens";
    let mut error = |below: &str, message: String| {
        found.add(code::CC006, Severity::Error, || part.at(&format!("{at}{below}")), message, help);
    };
    let Some(settings) = &parameter.oauth else {
        return error("", format!("the oauthSetting `{name}` has no `oAuthSettings`"));
    };
    let below = "/oAuthSettings";
    if settings.identity_provider.is_empty() {
        return error(below, format!("the oauthSetting `{name}` names no identity provider"));
    }
    let needed: &[&str] = match settings.identity_provider.to_ascii_lowercase().as_str() {
        "oauth2generic" => &["tokenUrlTemplate", "tokenUrl"],
        "oauth2" => &["tokenUrl", "tokenUrlTemplate"],
        _ => &[],
    };
    if !needed.is_empty() && !needed.iter().any(|custom| settings.custom(custom).is_some()) {
        let message = format!(
            "the oauthSetting `{name}` of `{}` has no `{}`: no token can be asked for",
            cut(&settings.identity_provider),
            needed[0]
        );
        error(below, message);
    }
}

/// A literal that is no placeholder.
fn secret(part: &Part, at: &str, found: &mut Found) {
    let Some(settings) = part.value().pointer(&format!("{at}/oAuthSettings")) else { return };
    for (name, value) in settings.as_object().into_iter().flatten() {
        let literal = value.as_str().is_some_and(secret_like);
        if name.to_ascii_lowercase().contains("clientsecret") && literal {
            let pointer = format!("{at}/oAuthSettings/{}", pointer_escape(name));
            found.add(
                code::CC009,
                Severity::Warning,
                || part.at(&pointer),
                "a client secret stands in the files, for everybody who may read them",
                "take it out, replace the secret, and give it with the connection",
            );
        }
    }
}

fn sets(sources: &Sources, found: &mut Found) {
    let Some(part) = &sources.set_part else { return };
    let list = if part.value().is_array() { "" } else { "/values" };
    let mut seen: Vec<String> = Vec::new();
    for (index, set) in sources.sets.iter().enumerate() {
        let key = set.name.to_lowercase();
        let problem = match (set.name.is_empty(), seen.contains(&key)) {
            (true, _) => Some("a set of parameters has no name".to_owned()),
            (false, true) => Some(format!("the set `{}` stands there twice", cut(&set.name))),
            (false, false) => None,
        };
        if let Some(message) = problem {
            let help = "give each set a name of its own: connections name it";
            let at = || part.at(&format!("{list}/{index}"));
            found.add(code::CC006, Severity::Error, at, message, help);
        }
        seen.push(key);
    }
}

fn schemes(sources: &Sources, found: &mut Found) {
    let (Some(part), Some(definition)) = (&sources.swagger, &sources.definition) else { return };
    let help = "define it in `securityDefinitions`, or take the requirement out";
    let mut unknown = |at: String, names: &[String]| {
        for name in names.iter().filter(|name| !definition.security.contains_key(*name)) {
            let message =
                format!("the security scheme `{}` is required and not defined", cut(name));
            found.add(code::CC006, Severity::Warning, || part.at(&at), message, help);
        }
    };
    unknown("/security".to_owned(), &definition.default_security);
    for operation in &definition.operations {
        let names = operation.security.as_deref().unwrap_or_default();
        unknown(format!("{}/security", operation.pointer), names);
    }
    // Without its parameters nobody can say what a scheme would be filled with.
    let has_parameters = sources.parameter_part.is_some() || sources.set_part.is_some();
    if !sources.whole || !has_parameters || definition.security.is_empty() {
        return;
    }
    let ways = connector_authentication(&sources.parameters, &sources.sets, &definition.security);
    let named = sources.parameters.is_empty() && sources.sets.is_empty();
    if named
        && ways.kinds() != [AuthenticationKind::None]
        && !part.value()["securityDefinitions"].is_null()
    {
        let part = sources.parameter_part.as_ref().unwrap_or(part);
        found.add(
            code::CC006,
            Severity::Warning,
            || part.at(""),
            "the definition asks for a credential, and there is no connection parameter to hold one",
            "add a connection parameter of type securestring or oauthSetting",
        );
    }
}
