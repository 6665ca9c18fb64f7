//! What the trigger and the actions of a flow do with connectors, and how often a trigger fires.
use std::collections::{HashMap, HashSet};

use super::workflow_json::{connection_key, operation_id, text};
use crate::document::json::JsonNode;
use crate::model::ApiName;
use crate::model::facts::{FlowOperation, Schedule, ScheduleUnit};
use crate::model::package::FlowReference;

/// Gathers the operations of a flow.
pub(super) struct Operations {
    /// Connector of each key in `connectionReferences`.
    apis: HashMap<String, ApiName>,
    seen: HashSet<FlowOperation>,
    found: Vec<FlowOperation>,
}

impl Operations {
    pub(super) fn new(references: &[FlowReference]) -> Self {
        let named = references.iter().filter(|entry| !entry.api_name.as_str().is_empty());
        let apis = named.map(|entry| (entry.key.clone(), entry.api_name.clone())).collect();
        Self { apis, seen: HashSet::new(), found: Vec::new() }
    }

    /// Notes what a trigger or an action calls, if it calls a connector or the web.
    pub(super) fn note(&mut self, action: JsonNode<'_>, trigger: bool) {
        let api_name = match connection_key(action) {
            Some(key) => self.apis.get(&key).cloned(),
            None => built_in(action, trigger).map(ApiName::new),
        };
        let Some(api_name) = api_name else { return };
        let endpoint = endpoint(action, &api_name);
        let operation = operation_id(action).to_owned();
        let operation = FlowOperation { api_name, operation, endpoint };
        if self.seen.insert(operation.clone()) {
            self.found.push(operation);
        }
    }

    pub(super) fn found(self) -> Vec<FlowOperation> {
        self.found
    }
}

/// The name under which data policies know what needs no connection.
fn built_in(action: JsonNode<'_>, trigger: bool) -> Option<&'static str> {
    let is = |pointer, word: &str| {
        text(action, pointer).is_some_and(|found: &str| found.eq_ignore_ascii_case(word))
    };
    if is("/type", "HttpWebhook") {
        return Some("HttpWebhook");
    }
    if is("/type", "Http") {
        return Some("Http");
    }
    (trigger && is("/type", "Request") && is("/kind", "Http")).then_some("HttpRequestReceived")
}

/// What an action reaches, where it is written down as a literal. A query and what stands before
/// an `@` may carry a key and are left out.
fn endpoint(action: JsonNode<'_>, api: &ApiName) -> Option<String> {
    let parameter = |name: &str| action.at("/inputs/parameters")?.get(name);
    let value = match api.key().as_str() {
        "http" => action.at("/inputs/uri"),
        "httpwebhook" => action.at("/inputs/subscribe/uri"),
        "shared_webcontents" | "shared_webcontentsv2" => parameter("request/url"),
        "shared_commondataserviceforapps" => parameter("organization"),
        "shared_sql" => parameter("server"),
        "shared_azureblob" => parameter("dataset"),
        _ => None,
    };
    let text = value?.as_str()?;
    if text.starts_with('@') || text.contains("@{") || text.is_empty() {
        return None;
    }
    let bare = text.split(['?', '#']).next().unwrap_or(text);
    let (scheme, rest) = bare.split_once("://").unwrap_or(("", bare));
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let host = host.rsplit('@').next().unwrap_or(host);
    let slash = if path.is_empty() { "" } else { "/" };
    let colon = if scheme.is_empty() { "" } else { "://" };
    Some(format!("{scheme}{colon}{host}{slash}{path}"))
}

/// The recurrence of a trigger that fires by the clock. A trigger that polls a connector has one
/// too, but what follows from it depends on what it finds.
pub(super) fn schedule(trigger: JsonNode<'_>) -> Option<Schedule> {
    let kind = text(trigger, "/type")?;
    if !kind.eq_ignore_ascii_case("Recurrence") && !kind.eq_ignore_ascii_case("SlidingWindow") {
        return None;
    }
    let at = |name: &str| {
        trigger
            .at(&format!("/recurrence/{name}"))
            .or_else(|| trigger.at(&format!("/inputs/recurrence/{name}")))
    };
    let frequency = at("frequency")?.as_str()?;
    let (unit, _) =
        ScheduleUnit::SPELLINGS.iter().find(|(_, text)| text.eq_ignore_ascii_case(frequency))?;
    let interval = match at("interval") {
        None => 1,
        Some(interval) => interval
            .as_u64()
            .or_else(|| interval.as_str()?.parse().ok())
            .and_then(|n| u32::try_from(n).ok())?,
    };
    Some(Schedule { unit: *unit, interval: interval.max(1) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artefact::workflow_json::flow_body_read;

    const FLOW: &str = r#"{"properties":{"connectionReferences":{
        "shared_sql":{"connection":{"connectionReferenceLogicalName":"new_Sql"},"api":{"name":"shared_sql"}}},
      "definition":{"triggers":{"R":{"type":"Recurrence","recurrence":{"frequency":"month","interval":3}}},
        "actions":{
          "A":{"type":"OpenApiConnection","inputs":{"host":{"connectionName":"shared_sql","operationId":"GetItem"},"parameters":{"server":"db.contoso.test"}}},
          "B":{"type":"OpenApiConnection","inputs":{"host":{"connectionName":"shared_sql","operationId":"GetItem"},"parameters":{"server":"db.contoso.test"}}},
          "C":{"type":"Http","inputs":{"uri":"https://ann:pass@api.contoso.test/x?sig=canary"}},
          "D":{"type":"Http","inputs":{"uri":"@parameters('Url')"}},
          "E":{"type":"Compose","inputs":1}}}}}"#;

    #[test]
    fn operations_are_noted_once_and_without_what_may_be_secret() {
        let (body, _) = flow_body_read(FLOW, "f");
        let told: Vec<_> = body
            .operations
            .iter()
            .map(|o| (o.api_name.as_str(), o.operation.as_str(), o.endpoint.as_deref()))
            .collect();
        assert_eq!(
            told,
            [
                ("shared_sql", "GetItem", Some("db.contoso.test")),
                ("Http", "", Some("https://api.contoso.test/x")),
                ("Http", "", None),
            ]
        );
        assert_eq!(body.schedule, Some(Schedule { unit: ScheduleUnit::Month, interval: 3 }));
    }

    #[test]
    fn a_trigger_that_polls_has_no_schedule() {
        let polls = FLOW.replace("\"type\":\"Recurrence\"", "\"type\":\"OpenApiConnection\"");
        assert_eq!(flow_body_read(&polls, "f").0.schedule, None);
        let odd = FLOW.replace("\"interval\":3", "\"interval\":\"many\"");
        assert_eq!(flow_body_read(&odd, "f").0.schedule, None);
    }
}
