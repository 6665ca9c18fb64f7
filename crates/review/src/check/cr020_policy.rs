//! CR020: a flow or an app breaks a data policy, or a reference cannot satisfy a binding rule.
use std::collections::HashSet;

use connref_solution::document::json::JsonNode;
use connref_solution::model::ApiName;

use super::context::{Action, Context, Flow};
use super::draft::{At, Draft};
use super::text::{cut, literal};
use super::{binding, connector};
use crate::catalogue::code;
use crate::finding::{Severity, Subject, SubjectKind};
use crate::policy::{Use, Violation, evaluate};

const HELP: &str = "the environment suspends what breaks a data policy (`CompanyDlpViolation`), parents of a child flow too: change the flow, or ask for the policy to change";

/// A use with owned texts, and where it was seen.
struct Seen {
    api: ApiName,
    operation: String,
    endpoint: Option<String>,
    host: Option<String>,
    at: At,
}

pub(super) fn check(cx: &Context<'_>, out: &mut Vec<Draft>) {
    binding::check(cx, out);
    if cx.input.policies.is_none_or(|p| p.data.is_empty()) {
        return;
    }
    for flow in &cx.flows {
        judge(cx, &flow.subject(), &flow.source.name, &flow_uses(cx, flow), out);
    }
    for app in &cx.package.canvas_apps {
        let uses = app.sources.iter().filter(|s| !s.api_name.as_str().is_empty());
        let uses: Vec<Seen> = uses
            .map(|source| Seen {
                api: source.api_name.clone(),
                operation: String::new(),
                endpoint: None,
                host: None,
                at: cx.at_app(&app.name),
            })
            .collect();
        judge(cx, &Subject::new(SubjectKind::App, "", &app.name), &app.display_name, &uses, out);
    }
}

fn judge(cx: &Context<'_>, subject: &Subject, name: &str, seen: &[Seen], out: &mut Vec<Draft>) {
    let Some(policies) = cx.input.policies else { return };
    let uses: Vec<Use<'_>> = seen
        .iter()
        .map(|s| Use {
            api: s.api.clone(),
            operation: Some(&s.operation),
            endpoint: s.endpoint.as_deref(),
            host: s.host.as_deref(),
        })
        .collect();
    for broken in evaluate(&policies.data, cx.input.environment, &uses) {
        let mut told: HashSet<Violation> = HashSet::new();
        for (index, violation) in broken.found {
            if told.contains(&violation) {
                continue;
            }
            let message = format!("`{}`: {}", cut(name), violation.reason(&broken.policy));
            let at = seen[index].at.clone();
            out.push(Draft::new(code::CR020, Severity::Error, subject.clone(), at, message, HELP));
            told.insert(violation);
        }
    }
}

fn flow_uses(cx: &Context<'_>, flow: &Flow<'_>) -> Vec<Seen> {
    let mut seen = Vec::new();
    let mut met = HashSet::new();
    for action in &flow.actions {
        let key = action.connection_key();
        let entry = action.entry();
        let api = match entry {
            Some(entry) => cx.api_of(entry).clone(),
            None => match built_in(action) {
                Some(name) => ApiName::new(name),
                None => continue,
            },
        };
        met.extend(key);
        seen.push(Seen {
            operation: action.operation().to_owned(),
            endpoint: endpoint(action, &api),
            host: entry.and_then(|e| cx.all_connectors.of_entry(e)).and_then(connector::host),
            at: flow.at_action(action, &[]),
            api,
        });
    }
    // A connector counts even where no action uses it.
    for entry in flow.entries().iter().filter(|e| !met.contains(e.key.as_str())) {
        seen.push(Seen {
            api: cx.api_of(entry).clone(),
            operation: String::new(),
            endpoint: None,
            host: cx.all_connectors.of_entry(entry).and_then(connector::host),
            at: flow.at_entry(&entry.key),
        });
    }
    seen.retain(|s| !s.api.as_str().is_empty());
    seen
}

/// The name under which policies know an action without connection.
fn built_in(action: &Action<'_>) -> Option<&'static str> {
    if action.is("HttpWebhook") {
        return Some("HttpWebhook");
    }
    if action.is("Http") {
        return Some("Http");
    }
    let kind = action.value().get("kind").and_then(JsonNode::as_str).unwrap_or_default();
    let received = action.trigger && action.is("Request") && kind.eq_ignore_ascii_case("Http");
    received.then_some("HttpRequestReceived")
}

/// What an action reaches, where it is written down as a literal.
fn endpoint(action: &Action<'_>, api: &ApiName) -> Option<String> {
    let parameter = |name: &str| Some(action.parameters().find(|(n, _)| *n == name)?.1);
    let value: Option<JsonNode<'_>> = match api.key().as_str() {
        "http" => action.inputs()?.get("uri"),
        "httpwebhook" => action.value().at("/inputs/subscribe/uri"),
        "shared_webcontents" | "shared_webcontentsv2" => parameter("request/url"),
        "shared_commondataserviceforapps" => parameter("organization"),
        "shared_sql" => parameter("server"),
        "shared_azureblob" => parameter("dataset"),
        _ => None,
    };
    literal(value?).map(|text| text.into_owned())
}
