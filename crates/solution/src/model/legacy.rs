//! An exported flow package (Export → Package), before solutions held flows. It has no field for
//! the account names of the maker's connections, nor for the maker: they cannot get any further.
use super::package::Problem;
use super::{ApiName, FlowId};

/// A flow package.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LegacyPackage {
    /// Display name of the package.
    pub display_name: String,
    /// Description.
    pub description: String,
    /// Its flows, in the order of their listing.
    pub flows: Vec<LegacyFlow>,
    /// Connectors that its flows use.
    pub apis: Vec<LegacyApi>,
    /// What was odd and could be read all the same.
    pub problems: Vec<Problem>,
}

/// One flow of a package.
#[derive(Clone, Debug, PartialEq)]
pub struct LegacyFlow {
    /// Id of the flow where it was exported; the id inside the package if that is missing.
    pub id: FlowId,
    /// Display name.
    pub name: String,
    /// Part that holds it.
    pub part: String,
    /// `definition.json` as text, without byte order mark.
    pub body: String,
    /// Connectors by the keys of its connections, as `apisMap.json` says.
    pub apis: Vec<(String, ApiName)>,
    /// Resources of its connections by key, as `connectionsMap.json` says: two keys with one
    /// resource meant one connection.
    pub connections: Vec<(String, String)>,
}

/// A connector that a package names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LegacyApi {
    /// Resource id inside the package.
    pub resource: String,
    /// Api name; a custom connector may have none here.
    pub api_name: Option<ApiName>,
    /// Display name.
    pub display_name: String,
}

impl LegacyPackage {
    /// The display name of a connector, if the package tells it.
    pub fn api_display_name(&self, api: &ApiName) -> Option<&str> {
        let named = self.apis.iter().find(|a| a.api_name.as_ref() == Some(api));
        named.map(|a| a.display_name.as_str()).filter(|name| !name.is_empty())
    }
}
