//! Sets of connection parameters: the ways to connect that a maker chooses from.
use serde_json::Value as Json;

use super::operation::is_true;
use super::parameter::{ConnectionParameter, read, text_at};
use super::{ConnectorPart, DefinitionError};

/// Most sets of one connector.
const MAX_SETS: usize = 100;

/// One way to connect.
#[derive(Clone, Debug, PartialEq)]
pub struct ParameterSet {
    /// Its name.
    pub name: String,
    /// The name people see.
    pub display_name: String,
    /// What it is.
    pub description: String,
    /// Whether its connections can be shared, if it says.
    pub allow_sharing: Option<bool>,
    /// Its parameters.
    pub parameters: Vec<ConnectionParameter>,
}

/// Reads the sets: an object with `values`, or the list itself.
///
/// # Errors
/// If they are of another shape, or too many.
pub fn sets_read(json: &Json) -> Result<Vec<ParameterSet>, DefinitionError> {
    let shape = |at: &str, reason: &str| DefinitionError::shape(ConnectorPart::Sets, at, reason);
    let (list, at) = match json {
        Json::Null => return Ok(Vec::new()),
        Json::Array(list) => (list, ""),
        other => match other.get("values") {
            Some(Json::Array(list)) => (list, "/values"),
            None | Some(Json::Null) => return Ok(Vec::new()),
            Some(_) => return Err(shape("/values", "`values` is not a list")),
        },
    };
    if list.len() > MAX_SETS {
        return Err(shape(at, &format!("there are more than {MAX_SETS} sets")));
    }
    let set = |(index, node): (usize, &Json)| {
        let at = format!("{at}/{index}/parameters");
        let parameters = node.get("parameters").unwrap_or(&Json::Null);
        // Both spellings occur.
        let display_name = [
            text_at(node, "/uiDefinition/displayName"),
            text_at(node, "/uiDefinition/displayname"),
        ];
        let sharing = node.pointer("/metadata/allowSharing");
        Ok(ParameterSet {
            name: text_at(node, "/name"),
            display_name: display_name.into_iter().find(|n| !n.is_empty()).unwrap_or_default(),
            description: text_at(node, "/uiDefinition/description"),
            allow_sharing: sharing.map(|flag| is_true(Some(flag))),
            parameters: read(parameters, ConnectorPart::Sets, &at)?,
        })
    };
    list.iter().enumerate().map(set).collect()
}
