//! Security schemes of a definition.
use std::collections::BTreeMap;

use serde_json::Value as Json;

/// How a scheme proves who calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Security {
    /// A key in this header.
    KeyInHeader(String),
    /// A key in this query parameter.
    KeyInQuery(String),
    /// User name and password.
    Basic,
    /// OAuth with this flow (`accessCode`, `implicit`, `password`, `application`).
    Oauth(String),
}

/// The schemes by name.
pub(super) fn security(document: &Json) -> BTreeMap<String, Security> {
    let schemes =
        document.get("securityDefinitions").and_then(Json::as_object).into_iter().flatten();
    let read = |(name, scheme): (&String, &Json)| {
        let text = |at: &str| scheme.get(at).and_then(Json::as_str).unwrap_or_default();
        let kind = match (text("type").to_ascii_lowercase().as_str(), text("in")) {
            ("apikey", place) if place.eq_ignore_ascii_case("query") => {
                Security::KeyInQuery(text("name").to_owned())
            }
            ("apikey", _) => Security::KeyInHeader(text("name").to_owned()),
            ("basic", _) => Security::Basic,
            ("oauth2", _) => Security::Oauth(text("flow").to_owned()),
            _ => return None,
        };
        Some((name.clone(), kind))
    };
    schemes.filter_map(read).collect()
}

/// Names of the schemes that a list of requirements asks for.
pub(super) fn requirements(node: Option<&Json>) -> Option<Vec<String>> {
    let list = node?.as_array()?;
    Some(list.iter().filter_map(Json::as_object).flat_map(|o| o.keys().cloned()).collect())
}
