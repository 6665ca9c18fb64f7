//! Policy template instances: what a connector changes in its own requests and responses.
use serde_json::{Map, Value as Json};

use super::{ConnectorPart, DefinitionError};

/// Most policies of one connector; the largest public one has about 130.
const MAX_POLICIES: usize = 2000;

/// One instance of a policy template.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicyTemplate {
    /// The template (`setheader`, `dynamichosturl` …), as written.
    pub template: String,
    /// Title.
    pub title: String,
    /// Operations that it applies to; `None`: all.
    pub operations: Option<Vec<String>>,
    /// It changes the response, not the request.
    pub response: bool,
    /// Its parameters as written (`x-ms-apimTemplateParameter.…`).
    pub parameters: Map<String, Json>,
}

/// Reads a list of policies, or an object that holds it.
///
/// # Errors
/// If there is no list, or one that is too long.
pub fn policy_list(json: &Json) -> Result<Vec<PolicyTemplate>, DefinitionError> {
    let shape = |reason: String| DefinitionError::shape(ConnectorPart::Policies, "", reason);
    let list = match json {
        Json::Null => return Ok(Vec::new()),
        Json::Array(list) => list,
        other => match other.get("policyTemplateInstances").and_then(Json::as_array) {
            Some(list) => list,
            None => return Err(shape("they are not a list".to_owned())),
        },
    };
    if list.len() > MAX_POLICIES {
        return Err(shape(format!("there are more than {MAX_POLICIES}")));
    }
    Ok(list.iter().map(policy).collect())
}

fn policy(json: &Json) -> PolicyTemplate {
    let text = |name: &str| json.get(name).and_then(Json::as_str).map(str::trim);
    let parameters = json.get("parameters").and_then(Json::as_object).cloned().unwrap_or_default();
    let operations = parameters.get("x-ms-apimTemplate-operationName").and_then(Json::as_array);
    let operations = operations
        .map(|list| list.iter().filter_map(Json::as_str).map(str::to_owned).collect::<Vec<_>>());
    let section = parameters.get("x-ms-apimTemplate-policySection").and_then(Json::as_str);
    PolicyTemplate {
        template: text("templateId").unwrap_or("unnamed").to_owned(),
        title: text("title").unwrap_or_default().to_owned(),
        operations: operations.filter(|list| !list.is_empty()),
        response: section.is_some_and(|s| s.eq_ignore_ascii_case("response")),
        parameters,
    }
}

impl PolicyTemplate {
    /// A parameter by its name without the prefix.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let value = self.parameters.get(&format!("x-ms-apimTemplateParameter.{name}"))?;
        value.as_str().map(str::trim)
    }

    /// Whether it applies to an operation.
    pub fn applies(&self, operation: &str) -> bool {
        self.operations.as_ref().is_none_or(|names| names.iter().any(|name| name == operation))
    }
}
