//! Connection parameters: what a connection holds, and how.
use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use super::operation::is_true;
use super::{ConnectorPart, DefinitionError};

/// Most parameters of one connection.
const MAX_PARAMETERS: usize = 500;

/// How a connection parameter is kept and asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParameterKind {
    /// Plain text.
    String,
    /// Text kept secret.
    Securestring,
    /// An object kept secret.
    Secureobject,
    /// A number.
    Integer,
    /// A truth value.
    Boolean,
    /// An object.
    Object,
    /// A list.
    Array,
    /// A consent, or a token asked for without one.
    OauthSetting,
    /// An on-premises data gateway.
    GatewaySetting,
    /// A managed identity.
    ManagedIdentity,
    /// Another connection.
    Connection,
    /// An environment.
    Environment,
    /// A type that nobody has described; kept as it is written.
    Other(String),
}

impl ParameterKind {
    /// The kind of a `type` as files write it; a missing one is text.
    pub fn read(text: &str) -> Self {
        match text.trim().to_ascii_lowercase().as_str() {
            "" | "string" => Self::String,
            "securestring" => Self::Securestring,
            "secureobject" => Self::Secureobject,
            "int" | "integer" | "number" => Self::Integer,
            "bool" | "boolean" => Self::Boolean,
            "object" => Self::Object,
            "array" => Self::Array,
            "oauthsetting" => Self::OauthSetting,
            "gatewaysetting" => Self::GatewaySetting,
            "managedidentity" | "managedidentitysetting" => Self::ManagedIdentity,
            "connection" => Self::Connection,
            "environment" => Self::Environment,
            _ => Self::Other(text.trim().chars().take(80).collect()),
        }
    }

    /// As files spell it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::String => "string",
            Self::Securestring => "securestring",
            Self::Secureobject => "secureobject",
            Self::Integer => "int",
            Self::Boolean => "bool",
            Self::Object => "object",
            Self::Array => "array",
            Self::OauthSetting => "oauthSetting",
            Self::GatewaySetting => "gatewaySetting",
            Self::ManagedIdentity => "managedIdentity",
            Self::Connection => "connection",
            Self::Environment => "environment",
            Self::Other(text) => text,
        }
    }

    /// Whether its value must not be shown. What nobody has described is.
    pub fn is_secret(&self) -> bool {
        matches!(
            self,
            Self::Securestring | Self::Secureobject | Self::OauthSetting | Self::Other(_)
        )
    }
}

/// A value that a parameter may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedValue {
    /// What is kept.
    pub value: String,
    /// What people see.
    pub text: String,
}

/// One connection parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct ConnectionParameter {
    /// Its name.
    pub name: String,
    /// How it is kept.
    pub kind: ParameterKind,
    /// Whether a connection cannot do without it.
    pub required: bool,
    /// Whether nobody is asked for it.
    pub hidden: bool,
    /// The name people see.
    pub display_name: String,
    /// What it is for.
    pub description: String,
    /// A hint beside the field.
    pub tooltip: String,
    /// Whether it may be shown while it is typed.
    pub clear_text: Option<bool>,
    /// Where it stands in the form.
    pub tab_index: Option<i64>,
    /// The only values that it may have; empty: any.
    pub allowed_values: Vec<AllowedValue>,
    /// What a gateway or host must be able to do (`gateway`, `cloud` …).
    pub capability: Vec<String>,
    /// What it is if nobody says; never kept for a secret.
    pub default: Option<String>,
    /// How tokens are obtained, for an `oauthSetting`.
    pub oauth: Option<OauthSettings>,
}

/// How the tokens of an `oauthSetting` are obtained. A client secret is not kept, only that the
/// files hold one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OauthSettings {
    /// Identity provider as written: `aad`, `aadcertificate`, `oauth2`, `oauth2generic` …
    pub identity_provider: String,
    /// Application id.
    pub client_id: Option<String>,
    /// The files hold a client secret.
    pub client_secret: bool,
    /// Scopes.
    pub scopes: Vec<String>,
    /// Redirect mode (`Global`, `GlobalPerConnector`).
    pub redirect_mode: Option<String>,
    /// Redirect address.
    pub redirect_url: Option<String>,
    /// Properties such as `IsFirstParty` and `AzureActiveDirectoryResourceId`.
    pub properties: BTreeMap<String, String>,
    /// Custom parameters such as `authorizationUrl`, `tokenUrlTemplate`, `resourceUri`; those whose
    /// name says secret are left out.
    pub custom: BTreeMap<String, String>,
}

impl OauthSettings {
    /// A custom parameter, in any letter case.
    pub fn custom(&self, name: &str) -> Option<&str> {
        let found = self.custom.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }
}

/// Reads connection parameters: an object by name.
///
/// # Errors
/// If they are no object, or too many.
pub fn parameters_read(json: &Json) -> Result<Vec<ConnectionParameter>, DefinitionError> {
    read(json, ConnectorPart::Parameters, "")
}

pub(super) fn read(
    json: &Json,
    part: ConnectorPart,
    at: &str,
) -> Result<Vec<ConnectionParameter>, DefinitionError> {
    let map = match json {
        Json::Null => return Ok(Vec::new()),
        Json::Object(map) => map,
        _ => return Err(DefinitionError::shape(part, at, "the parameters are not an object")),
    };
    if map.len() > MAX_PARAMETERS {
        let reason = format!("there are more than {MAX_PARAMETERS} parameters");
        return Err(DefinitionError::shape(part, at, reason));
    }
    Ok(map.iter().map(|(name, node)| parameter(name, node)).collect())
}

fn parameter(name: &str, node: &Json) -> ConnectionParameter {
    let text = |at: &str| text_at(node, at);
    let oauth = node.get("oAuthSettings").and_then(Json::as_object);
    let kind = match (text("/type").as_str(), oauth) {
        ("", Some(_)) => ParameterKind::OauthSetting,
        (kind, _) => ParameterKind::read(kind),
    };
    let constraint = |at: &str| node.get("uiDefinition")?.get("constraints")?.get(at);
    let default = node.get("defaultValue").filter(|_| !kind.is_secret());
    ConnectionParameter {
        name: name.to_owned(),
        required: is_true(constraint("required")),
        hidden: is_true(constraint("hidden")),
        display_name: text("/uiDefinition/displayName"),
        description: text("/uiDefinition/description"),
        tooltip: text("/uiDefinition/tooltip"),
        clear_text: constraint("clearText").map(|flag| is_true(Some(flag))),
        tab_index: constraint("tabIndex").and_then(whole),
        allowed_values: allowed(constraint("allowedValues").or_else(|| node.get("allowedValues"))),
        capability: strings(constraint("capability")),
        default: default.and_then(scalar),
        oauth: oauth.map(settings),
        kind,
    }
}

fn settings(node: &Map<String, Json>) -> OauthSettings {
    let text = |name: &str| {
        let text = node.get(name).and_then(Json::as_str).map(str::trim);
        text.filter(|t| !t.is_empty()).map(str::to_owned)
    };
    let pairs = |name: &str| {
        let map = node.get(name).and_then(Json::as_object).into_iter().flatten();
        let pairs = map.filter_map(|(key, value)| {
            let value = value.get("value").unwrap_or(value);
            Some((key.clone(), scalar(value)?))
        });
        pairs.filter(|(key, _)| !key.to_ascii_lowercase().contains("secret")).collect()
    };
    OauthSettings {
        identity_provider: text("identityProvider").unwrap_or_default(),
        client_id: text("clientId"),
        client_secret: text("clientSecret").is_some(),
        scopes: strings(node.get("scopes")),
        redirect_mode: text("redirectMode"),
        redirect_url: text("redirectUrl"),
        properties: pairs("properties"),
        custom: pairs("customParameters"),
    }
}

fn allowed(node: Option<&Json>) -> Vec<AllowedValue> {
    let list = node.and_then(Json::as_array).into_iter().flatten();
    let one = |item: &Json| {
        let value = scalar(item.get("value").unwrap_or(item))?;
        let text =
            item.get("text").and_then(Json::as_str).map_or_else(|| value.clone(), str::to_owned);
        Some(AllowedValue { value, text })
    };
    list.filter_map(one).collect()
}

pub(super) fn text_at(node: &Json, at: &str) -> String {
    node.pointer(at).and_then(Json::as_str).unwrap_or_default().trim().to_owned()
}

fn scalar(node: &Json) -> Option<String> {
    match node {
        Json::String(text) => Some(text.clone()),
        Json::Number(_) | Json::Bool(_) => Some(node.to_string()),
        _ => None,
    }
}

fn whole(node: &Json) -> Option<i64> {
    node.as_i64().or_else(|| node.as_str()?.trim().parse().ok())
}

/// A list of texts, or one text with blanks or commas between.
fn strings(node: Option<&Json>) -> Vec<String> {
    match node {
        Some(Json::Array(list)) => {
            list.iter().filter_map(Json::as_str).map(str::to_owned).collect()
        }
        Some(Json::String(text)) => {
            let words = text.split([' ', ',']).filter(|word| !word.is_empty());
            words.map(str::to_owned).collect()
        }
        _ => Vec::new(),
    }
}
