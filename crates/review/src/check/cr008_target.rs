//! CR008: a site, a server or a mailbox written into a flow.
use std::collections::BTreeMap;

use connref_solution::document::json::JsonNode;
use connref_solution::model::ApiName;

use super::context::{Action, Context};
use super::draft::Draft;
use super::text::{cut, literal, mailbox, placeholder};
use crate::catalogue::code;
use crate::finding::Severity;

/// What a literal names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Site,
    Server,
    Mailbox,
}

/// A target met in a flow: where first, and how often.
struct Met {
    pointer: String,
    count: usize,
}

pub(super) fn check(cx: &Context<'_>, out: &mut Vec<Draft>) {
    for flow in &cx.flows {
        let mut met: BTreeMap<(Kind, String), Met> = BTreeMap::new();
        for action in &flow.actions {
            if action.connection_key().is_none() {
                continue;
            }
            let api = action.entry().map(|entry| cx.api_of(entry));
            for (kind, target, pointer) in targets(action, api) {
                let one = met.entry((kind, target)).or_insert(Met { pointer, count: 0 });
                one.count += 1;
            }
        }
        for ((kind, target), one) in met {
            let (severity, what) = match kind {
                Kind::Site => (Severity::Warning, "the site"),
                Kind::Server => (Severity::Warning, "the server"),
                Kind::Mailbox => (Severity::Note, "the mailbox"),
            };
            let often =
                if one.count > 1 { format!(" ({} times)", one.count) } else { String::new() };
            out.push(Draft::new(
                code::CR008,
                severity,
                flow.subject(),
                flow.place(one.pointer),
                format!("`{}` names {what} `{}` itself{often}", cut(&flow.source.name), cut(&target)),
                "take it from an environment variable, or the flow reaches the same place from every environment",
            ));
        }
    }
}

/// The literal targets of an action.
fn targets(action: &Action<'_>, api: Option<&ApiName>) -> Vec<(Kind, String, String)> {
    let api = api.map_or("", ApiName::as_str);
    let mut found = Vec::new();
    // With the server, its database is named as well.
    let server = action.parameters().any(|(name, value)| {
        name == "server" && literal(value).is_some_and(|v| !v.eq_ignore_ascii_case("default"))
    });
    for (name, value) in action.parameters().filter(|(name, _)| !server || *name != "database") {
        if !telling(name) {
            continue;
        }
        let Some(text) = literal(value) else { continue };
        let text = text.trim();
        if text.is_empty() || placeholder(text) && !text.contains("example") {
            continue;
        }
        if let Some(kind) = kind(name, text, api) {
            // A query may carry a key.
            let target = text.split('?').next().unwrap_or(text).trim_end_matches('/').to_owned();
            found.push((kind, target, action.at(&["inputs", "parameters", name])));
        }
    }
    if let Some(site) = action
        .inputs()
        .and_then(|i| i.get("path"))
        .and_then(JsonNode::as_str)
        .and_then(site_in_path)
    {
        found.push((Kind::Site, site.to_owned(), action.at(&["inputs", "path"])));
    }
    found
}

/// Parameters that hold a site, a server or a mailbox.
const TARGETS: [&str; 5] = ["dataset", "organization", "server", "database", "source"];
/// Ends of the names of parameters that hold a mailbox.
const RECIPIENTS: [&str; 5] = ["to", "cc", "bcc", "from", "mailboxaddress"];

/// Whether a parameter of this name could tell: asked first, because its value may be an expression.
fn telling(name: &str) -> bool {
    let is = |list: &[&str], name: &str| list.iter().any(|one| one.eq_ignore_ascii_case(name));
    is(&TARGETS, name) || is(&RECIPIENTS, name.rsplit('/').next().unwrap_or(name))
}

fn kind(name: &str, text: &str, api: &str) -> Option<Kind> {
    let is = |one: &str| api.eq_ignore_ascii_case(one);
    let address = text.starts_with("https://") || text.starts_with("http://");
    let last = name.rsplit('/').next().unwrap_or(name).to_ascii_lowercase();
    match name.to_ascii_lowercase().as_str() {
        "dataset" if address => return Some(Kind::Site),
        "dataset" if is("shared_azureblob") && text != "AccountNameFromSettings" => {
            return Some(Kind::Server);
        }
        "organization" if address => return Some(Kind::Server),
        "server" | "database" if is("shared_sql") && !text.eq_ignore_ascii_case("default") => {
            return Some(Kind::Server);
        }
        "source" if text.starts_with("sites/") || text.starts_with("groups/") => {
            return Some(Kind::Site);
        }
        _ => {}
    }
    let recipient = RECIPIENTS.contains(&last.as_str());
    (recipient && mailbox(text)).then_some(Kind::Mailbox)
}

/// The site in the path of an old action:
/// `/datasets/@{encodeURIComponent(encodeURIComponent('https://…'))}/tables/…`.
fn site_in_path(path: &str) -> Option<&str> {
    let (_, rest) = path.split_once("/datasets/@{encodeURIComponent(")?;
    let rest = rest.trim_start_matches("encodeURIComponent(");
    let text = rest.strip_prefix('\'')?.split('\'').next()?;
    text.starts_with("https://").then_some(text)
}
