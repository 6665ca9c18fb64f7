//! Deployment settings: the file that binds at import, exactly Microsoft's shape.
use super::{ApiName, LogicalName};

/// A deployment settings file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeploymentSettings {
    /// `ConnectionReferences`.
    pub references: Vec<SettingsReference>,
    /// `EnvironmentVariables`.
    pub variables: Vec<SettingsVariable>,
}

/// One entry of `ConnectionReferences`.
#[derive(Clone, Debug, PartialEq)]
pub struct SettingsReference {
    /// `LogicalName`.
    pub logical_name: LogicalName,
    /// `ConnectionId`; empty means "leave as it is".
    pub connection_id: String,
    /// End of `ConnectorId`.
    pub api_name: Option<ApiName>,
    /// `ConnectionOwner` of the ALM Accelerator.
    pub owner: Option<String>,
}

/// One entry of `EnvironmentVariables`.
#[derive(Clone, Debug, PartialEq)]
pub struct SettingsVariable {
    /// `SchemaName`.
    pub schema_name: LogicalName,
    /// `Value`; empty means "leave as it is".
    pub value: String,
}
