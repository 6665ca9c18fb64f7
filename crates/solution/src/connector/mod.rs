//! Connectors as their files describe them: operations, connection parameters, sets of them, and
//! who can sign in.
//!
//! The files are `apiDefinition.swagger.json` and `apiProperties.json`, or the parts of a connector
//! in a solution. Everything that has to know a connector by its files reads it here: calls,
//! checks, inventories.
mod authentication;
mod definition;
mod error;
mod known;
mod operation;
mod parameter;
mod parameter_set;
mod policy;
mod reference;
mod security;
mod target;
mod text;

pub use authentication::{
    Answer, AuthenticationKind, ConnectorAuthentication, Way, connector_authentication,
    package_connector_authentication,
};
pub use definition::Definition;
pub use error::DefinitionError;
pub use known::known_service_principal;
pub use operation::{Dynamic, MAX_OPERATIONS, Operation, Parameter, Place, Trigger};
pub use parameter::{
    AllowedValue, ConnectionParameter, OauthSettings, ParameterKind, parameters_read,
};
pub use parameter_set::{ParameterSet, sets_read};
pub use policy::{PolicyTemplate, policy_list};
pub use reference::resolve;
pub use security::Security;
pub use target::{client_secrets_remove, targets};
pub use text::{ConnectorText, MAX_PART, PartNote, connector_text};

use crate::document::json::LenientNote;
use crate::model::package::PackageConnector;
use serde_json::Value as Json;

/// Which part of a connector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectorPart {
    /// The Swagger 2.0 definition.
    Definition,
    /// The connection parameters.
    Parameters,
    /// The sets of connection parameters.
    Sets,
    /// The policy template instances.
    Policies,
    /// `apiProperties.json` as a whole.
    Properties,
}

impl ConnectorPart {
    /// The part in words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Definition => "definition",
            Self::Parameters => "connection parameters",
            Self::Sets => "connection parameter sets",
            Self::Policies => "policy templates",
            Self::Properties => "properties",
        }
    }
}

/// The texts of a connector, as a solution carries them.
#[derive(Clone, Copy, Debug, Default)]
pub struct ConnectorTexts<'a> {
    /// Swagger 2.0.
    pub definition: &'a str,
    /// Connection parameters: an object by name.
    pub parameters: Option<&'a str>,
    /// Connection parameter sets: an object with `values`.
    pub sets: Option<&'a str>,
    /// Policy template instances: a list.
    pub policies: Option<&'a str>,
}

impl<'a> ConnectorTexts<'a> {
    /// The texts of a package's connector; a missing definition is an empty one.
    pub fn of(connector: &'a PackageConnector) -> Self {
        Self {
            definition: connector.openapi_definition.as_deref().unwrap_or_default(),
            parameters: connector.connection_parameters.as_deref(),
            sets: connector.connection_parameter_sets.as_deref(),
            policies: connector.policy_templates.as_deref(),
        }
    }
}

/// A connector as its files describe it.
#[derive(Clone, Debug)]
pub struct ConnectorRead {
    /// What it offers.
    pub definition: Definition,
    /// What a connection needs, where no set is chosen.
    pub parameters: Vec<ConnectionParameter>,
    /// Ways to connect, each with parameters of its own.
    pub sets: Vec<ParameterSet>,
    /// Policy templates, in order.
    pub policies: Vec<PolicyTemplate>,
    /// How a connection proves who it is.
    pub authentication: ConnectorAuthentication,
    /// Places that are not strict JSON.
    pub notes: Vec<PartNote>,
    /// The parts as strict JSON, as they were understood.
    pub strict: StrictTexts,
}

/// The parts of a connector as strict JSON.
#[derive(Clone, Debug, Default)]
pub struct StrictTexts {
    /// Swagger 2.0.
    pub definition: String,
    /// Connection parameters.
    pub parameters: Option<String>,
    /// Connection parameter sets.
    pub sets: Option<String>,
    /// Policy template instances.
    pub policies: Option<String>,
}

impl ConnectorRead {
    /// All parameters that a connection may have: of every set, then those outside of sets.
    pub fn all_parameters(&self) -> impl Iterator<Item = &ConnectionParameter> {
        self.sets.iter().flat_map(|set| &set.parameters).chain(&self.parameters)
    }
}

/// Reads a connector. What is not strict JSON is read where its meaning is plain; the notes say
/// where.
///
/// # Errors
/// If a part cannot be read at all, or the definition is not Swagger 2.0.
pub fn connector_read(texts: &ConnectorTexts<'_>) -> Result<ConnectorRead, DefinitionError> {
    let mut notes = Vec::new();
    let mut strict = StrictTexts::default();
    let mut part = |part, text: &str, slot: &mut String| {
        let read = connector_text(part, text.as_bytes())?;
        notes.extend(read.notes.into_iter().map(|note: LenientNote| PartNote { part, note }));
        read.document.text().clone_into(slot);
        Ok(read.document.value().clone())
    };
    let swagger = part(ConnectorPart::Definition, texts.definition, &mut strict.definition)?;
    let mut optional = |kind, text: Option<&str>, slot: &mut Option<String>| match text {
        None => Ok(Json::Null),
        Some(text) if text.trim().is_empty() => Ok(Json::Null),
        Some(text) => part(kind, text, slot.insert(String::new())),
    };
    let parameters = optional(ConnectorPart::Parameters, texts.parameters, &mut strict.parameters)?;
    let sets = optional(ConnectorPart::Sets, texts.sets, &mut strict.sets)?;
    let policies = optional(ConnectorPart::Policies, texts.policies, &mut strict.policies)?;
    let definition = Definition::read(&swagger)?;
    let parameters = parameters_read(&parameters)?;
    let sets = sets_read(&sets)?;
    let policies = policy_list(&policies)?;
    let authentication = connector_authentication(&parameters, &sets, &definition.security);
    Ok(ConnectorRead { definition, parameters, sets, policies, authentication, notes, strict })
}

#[cfg(test)]
mod tests;
