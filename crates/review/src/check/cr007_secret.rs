//! CR007: a secret written into a flow.
use connref_solution::document::json::{JsonNode, JsonObject};

use super::context::{Action, Context, Flow};
use super::draft::Draft;
use super::text::{connection_string, cut, key_in_address, literal, secret_like, secret_name};
use crate::catalogue::code;
use crate::finding::Severity;

pub(super) fn check(cx: &Context<'_>, out: &mut Vec<Draft>) {
    for flow in &cx.flows {
        for action in &flow.actions {
            authentication(flow, action, out);
            headers(flow, action, out);
            variables(flow, action, out);
            texts(flow, action, out);
        }
    }
}

fn push(flow: &Flow<'_>, action: &Action<'_>, steps: &[&str], what: &str, out: &mut Vec<Draft>) {
    out.push(Draft::new(
        code::CR007,
        Severity::Error,
        flow.subject(),
        flow.at_action(action, steps),
        format!("`{}` of `{}` holds {what} in plain text", cut(action.name), cut(&flow.source.name)),
        "everybody who can read the package can read it: revoke it, then read it from an environment variable of type Secret with secure outputs",
    ));
}

fn secret_at(value: Option<JsonNode<'_>>) -> bool {
    value.and_then(literal).is_some_and(|text| secret_like(&text))
}

fn authentication(flow: &Flow<'_>, action: &Action<'_>, out: &mut Vec<Draft>) {
    let Some(map) =
        action.inputs().and_then(|i| i.get("authentication")).and_then(JsonNode::as_object)
    else {
        return;
    };
    for (field, what) in [
        ("secret", "a client secret"),
        ("password", "a password"),
        ("pfx", "a certificate with its key"),
        ("value", "an authorization value"),
    ] {
        if secret_at(map.get(field)) {
            push(flow, action, &["inputs", "authentication", field], what, out);
        }
    }
}

/// Headers that carry a key or a token.
const HEADERS: [&str; 12] = [
    "authorization",
    "proxy-authorization",
    "x-api-key",
    "api-key",
    "apikey",
    "x-apikey",
    "ocp-apim-subscription-key",
    "x-functions-key",
    "x-auth-token",
    "private-token",
    "aeg-sas-key",
    "x-access-token",
];

fn headers(flow: &Flow<'_>, action: &Action<'_>, out: &mut Vec<Draft>) {
    for place in [
        &["inputs", "headers"][..],
        &["inputs", "parameters", "request/headers"],
        &["inputs", "parameters", "headers"],
    ] {
        let map = place
            .iter()
            .try_fold(action.value(), |v, step| v.get(step))
            .and_then(JsonNode::as_object);
        for (name, value) in map.into_iter().flat_map(JsonObject::iter) {
            let Some(text) =
                literal(value).filter(|_| HEADERS.contains(&name.to_ascii_lowercase().as_str()))
            else {
                continue;
            };
            // `Bearer x`, `Basic x`, `SharedAccessSignature x`: the secret is the last word.
            let last = text.trim().rsplit(' ').next().unwrap_or_default();
            if secret_like(last) {
                let steps: Vec<&str> = place.iter().copied().chain([name]).collect();
                push(
                    flow,
                    action,
                    &steps,
                    &format!("the value of the header `{}`", cut(name)),
                    out,
                );
            }
        }
    }
}

fn variables(flow: &Flow<'_>, action: &Action<'_>, out: &mut Vec<Draft>) {
    if !action.is("InitializeVariable") {
        return;
    }
    let list = action.value().at("/inputs/variables").and_then(JsonNode::as_array);
    for (index, variable) in list.into_iter().flatten().enumerate() {
        let name = variable.get("name").and_then(JsonNode::as_str).unwrap_or_default();
        if secret_name(name) && secret_at(variable.get("value")) {
            let steps = ["inputs", "variables", &index.to_string(), "value"];
            push(flow, action, &steps, &format!("the value of the variable `{}`", cut(name)), out);
        }
    }
}

/// Connection strings and signed addresses, wherever a text of the inputs may lie.
fn texts(flow: &Flow<'_>, action: &Action<'_>, out: &mut Vec<Draft>) {
    // Inputs of containers are those of their actions; only leaves have their own.
    let Some(inputs) = action.value().get("inputs") else { return };
    within(inputs, &mut vec![Step::Name("inputs")], &mut |path, text| {
        let what =
            connection_string(text).map(|what| format!("a connection string with {what}")).or_else(
                || key_in_address(text).map(|name| format!("an address with its key (`{name}`)")),
            );
        if let Some(what) = what {
            let steps: Vec<String> = path.iter().map(Step::text).collect();
            let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
            push(flow, action, &steps, &what, out);
        }
    });
}

/// A step into a value.
#[derive(Clone, Copy)]
enum Step<'a> {
    Name(&'a str),
    Index(usize),
}

impl Step<'_> {
    fn text(&self) -> String {
        match self {
            Self::Name(name) => (*name).to_owned(),
            Self::Index(index) => index.to_string(),
        }
    }
}

/// Visits the texts that hold a `=`, which every secret in a text has. The depth is that of the
/// JSON, which is bounded.
fn within<'a>(
    value: JsonNode<'a>,
    path: &mut Vec<Step<'a>>,
    visit: &mut impl FnMut(&[Step<'_>], &str),
) {
    if let Some(text) = value.as_str() {
        if memchr::memchr(b'=', text.as_bytes()).is_some() {
            visit(path, text);
        }
    } else if let Some(items) = value.as_array() {
        for (index, item) in items.enumerate() {
            path.push(Step::Index(index));
            within(item, path, visit);
            path.pop();
        }
    } else if let Some(map) = value.as_object() {
        for (name, item) in map.iter() {
            path.push(Step::Name(name));
            within(item, path, visit);
            path.pop();
        }
    }
}
