//! What the trigger and the actions of a flow do with connectors, and how often a trigger fires.
use std::collections::{HashMap, HashSet};

use super::flow_action::FlowAction;
use super::workflow_json::text;
use crate::document::json::{JsonNode, JsonObject};
use crate::model::ApiName;
use crate::model::facts::{FlowOperation, Schedule, ScheduleUnit};
use crate::model::package::FlowReference;

/// Operations that are compared one by one.
const NEIGHBOURS: usize = 8;

/// Gathers the operations of a flow, each once. Most actions repeat one, so they are compared before
/// anything is copied.
pub(super) struct Operations<'r, 't> {
    /// Connector of each key in `connectionReferences`, and where its actions name what they reach.
    apis: HashMap<&'r str, (&'r ApiName, Reached)>,
    seen: HashSet<(&'r str, &'t str, Option<String>)>,
    found: Vec<FlowOperation>,
}

impl<'r, 't> Operations<'r, 't> {
    pub(super) fn new(references: &'r [FlowReference]) -> Self {
        let named = references.iter().filter(|entry| !entry.api_name.as_str().is_empty());
        let apis = named
            .map(|entry| (entry.key.as_str(), (&entry.api_name, Reached::by(&entry.api_name))))
            .collect();
        Self { apis, seen: HashSet::new(), found: Vec::new() }
    }

    /// Notes what a trigger or an action calls, if it calls a connector or the web.
    pub(super) fn note(&mut self, action: &FlowAction<'t>, trigger: bool) {
        let (api, reached) = match &action.key {
            Some(key) => match self.apis.get(&**key) {
                Some((api, reached)) => (api.as_str(), *reached),
                None => return,
            },
            None => match built_in(action, trigger) {
                Some(found) => found,
                None => return,
            },
        };
        let endpoint = endpoint(action, reached);
        let call = (api, action.operation, endpoint);
        // The neighbours first: they often do the same, and comparing costs less than hashing.
        let same = |one: &FlowOperation| {
            one.operation == call.1 && one.api_name.as_str() == call.0 && one.endpoint == call.2
        };
        if self.found.iter().rev().take(NEIGHBOURS).any(same) || self.seen.contains(&call) {
            return;
        }
        self.found.push(FlowOperation {
            api_name: ApiName::new(api),
            operation: call.1.to_owned(),
            endpoint: call.2.clone(),
        });
        self.seen.insert(call);
    }

    pub(super) fn found(self) -> Vec<FlowOperation> {
        self.found
    }
}

/// The name under which data policies know what needs no connection.
fn built_in(action: &FlowAction<'_>, trigger: bool) -> Option<(&'static str, Reached)> {
    if action.is("HttpWebhook") {
        return Some(("HttpWebhook", Reached::Subscription));
    }
    if action.is("Http") {
        return Some(("Http", Reached::Uri));
    }
    let received = trigger
        && action.is("Request")
        && text(action.value, "/kind").is_some_and(|kind| kind.eq_ignore_ascii_case("Http"));
    received.then_some(("HttpRequestReceived", Reached::Nothing))
}

/// Where the actions of a connector name what they reach.
#[derive(Clone, Copy)]
enum Reached {
    Nothing,
    /// `inputs.uri`.
    Uri,
    /// `inputs.subscribe.uri`.
    Subscription,
    /// A parameter.
    Parameter(&'static str),
}

impl Reached {
    fn by(api: &ApiName) -> Self {
        match api.key().as_str() {
            "http" => Self::Uri,
            "httpwebhook" => Self::Subscription,
            "shared_webcontents" | "shared_webcontentsv2" => Self::Parameter("request/url"),
            "shared_commondataserviceforapps" => Self::Parameter("organization"),
            "shared_sql" => Self::Parameter("server"),
            "shared_azureblob" => Self::Parameter("dataset"),
            _ => Self::Nothing,
        }
    }
}

/// What an action reaches, where it is written down as a literal. A query and what stands before
/// an `@` may carry a key and are left out.
fn endpoint(action: &FlowAction<'_>, reached: Reached) -> Option<String> {
    let input = |name: &str| action.inputs.and_then(|inputs: JsonObject<'_>| inputs.get(name));
    let value = match reached {
        Reached::Nothing => None,
        Reached::Uri => input("uri"),
        Reached::Subscription => input("subscribe").and_then(|subscribe| subscribe.get("uri")),
        Reached::Parameter(name) => action.parameters.and_then(|parameters| parameters.get(name)),
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
