//! What a connector says about itself.

/// A connector's description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectorMetadata {
    /// The api name.
    pub api_name: String,
    /// The name people see.
    pub display_name: String,
    /// Licence tier.
    pub tier: Tier,
    /// What it offers.
    pub operations: Vec<OperationMetadata>,
    /// What a connection to it needs.
    pub connection_parameters: Vec<ConnectionParameter>,
    /// How a connection can prove who it is.
    pub authentication: Vec<Authentication>,
    /// Whether a service principal can own a connection.
    pub service_principal: ServicePrincipal,
}

/// Licence tier of a connector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    /// Included everywhere.
    Standard,
    /// Needs a premium licence at the vendor's service.
    Premium,
}

/// One operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperationMetadata {
    /// Its id as flows write it.
    pub id: String,
    /// What it does.
    pub summary: String,
    /// Its flat parameters.
    pub parameters: Vec<ParameterMetadata>,
}

/// One parameter of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParameterMetadata {
    /// Flat name; `item/*` stands for every column.
    pub name: String,
    /// Whether a call fails without it.
    pub required: bool,
}

/// One parameter of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionParameter {
    /// Its name.
    pub name: String,
    /// How it is kept.
    pub kind: ParameterKind,
    /// Whether a connection works without it.
    pub required: bool,
    /// What it is for.
    pub description: String,
}

/// How a connection parameter is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterKind {
    /// Plain text.
    String,
    /// Sealed in the vault.
    Secret,
    /// An OAuth consent.
    Oauth,
}

/// How a connection can prove who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authentication {
    /// Not at all.
    None,
    /// User name and password.
    Basic,
    /// A shared key.
    ApiKey,
    /// OAuth on behalf of a user.
    OauthUser,
    /// OAuth as an application.
    ServicePrincipal,
}

/// Whether a service principal can own a connection, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServicePrincipal {
    /// The answer.
    pub support: Support,
    /// Why.
    pub reason: String,
}

/// Yes, no, or not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    /// It works.
    Yes,
    /// It cannot work.
    No,
    /// Nobody has said.
    Unknown,
}

/// An operation from a compact list: names ending in `!` are required.
pub(crate) fn operation(id: &str, summary: &str, parameters: &[&str]) -> OperationMetadata {
    let parameter = |name: &&str| ParameterMetadata {
        name: name.trim_end_matches('!').to_owned(),
        required: name.ends_with('!'),
    };
    OperationMetadata {
        id: id.to_owned(),
        summary: summary.to_owned(),
        parameters: parameters.iter().map(parameter).collect(),
    }
}

/// A connection parameter; a name ending in `!` is required.
pub(crate) fn connection_parameter(
    name: &str,
    kind: ParameterKind,
    description: &str,
) -> ConnectionParameter {
    ConnectionParameter {
        name: name.trim_end_matches('!').to_owned(),
        kind,
        required: name.ends_with('!'),
        description: description.to_owned(),
    }
}
