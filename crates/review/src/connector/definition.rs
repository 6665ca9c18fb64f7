//! CC003 operation ids, CC004 paths, CC005 references, CC007 the host, CC010 dynamic values, CC011
//! texts for makers.
use std::collections::{HashMap, HashSet};

use connref_solution::connector::{Definition, Operation, Place, Trigger, resolve};
use connref_solution::document::json::pointer_escape;
use serde_json::Value;

use super::Found;
use super::read::{Part, Sources};
use crate::catalogue::code;
use crate::check::text::cut;
use crate::finding::Severity;

/// Values that are walked for references; real definitions have fewer than 300,000.
const MAX_NODES: usize = 2_000_000;

pub(super) fn check(sources: &Sources, found: &mut Found) {
    let (Some(part), Some(definition)) = (&sources.swagger, &sources.definition) else { return };
    ids(part, definition, found);
    for operation in &definition.operations {
        path(part, operation, found);
        dynamic(part, definition, operation, found);
    }
    references(part, found);
    host(sources, part, definition, found);
    texts(part, definition, found);
}

fn ids(part: &Part, definition: &Definition, found: &mut Found) {
    let mut seen: HashMap<&str, &str> = HashMap::new();
    for operation in &definition.operations {
        let given = part.value().pointer(&operation.pointer);
        let given = given.and_then(|node| node.get("operationId")).and_then(Value::as_str);
        if given.is_none_or(|id| id.trim().is_empty()) {
            found.add(
                code::CC003,
                Severity::Error,
                || part.at(&operation.pointer),
                format!("`{} {}` has no operationId", operation.method, cut(&operation.path)),
                "give it one: flows name operations by it",
            );
        } else if let Some(first) = seen.insert(&operation.id, &operation.path) {
            found.add(
                code::CC003,
                Severity::Error,
                || part.at(&format!("{}/operationId", operation.pointer)),
                format!(
                    "the operationId `{}` stands at `{}` already",
                    cut(&operation.id),
                    cut(first)
                ),
                "give each operation an id of its own",
            );
        }
    }
}

/// Names in braces.
fn names_in(path: &str) -> Vec<&str> {
    let parts = path.split('{').skip(1);
    parts.filter_map(|rest| Some(rest.split_once('}')?.0)).filter(|name| !name.is_empty()).collect()
}

fn path(part: &Part, operation: &Operation, found: &mut Found) {
    let names = names_in(&operation.path);
    let of_path = || operation.parameters.iter().filter(|p| p.place == Place::Path);
    for name in &names {
        if !of_path().any(|p| p.name == *name) {
            found.add(
                code::CC004,
                Severity::Error,
                || part.at(&operation.pointer),
                format!(
                    "`{}` has no path parameter `{}`, which its path names",
                    cut(&operation.id),
                    cut(name)
                ),
                "define the parameter with `in: path`, or take it out of the path",
            );
        }
    }
    for parameter in of_path().filter(|p| !names.contains(&p.name.as_str())) {
        found.add(
            code::CC004,
            Severity::Error,
            || part.at(&operation.pointer),
            format!(
                "the path of `{}` has no place for its path parameter `{}`",
                cut(&operation.id),
                cut(&parameter.name)
            ),
            "write `{name}` into the path, or send the parameter elsewhere",
        );
    }
}

fn dynamic(part: &Part, definition: &Definition, operation: &Operation, found: &mut Found) {
    for parameter in &operation.parameters {
        let Some(asked) = &parameter.dynamic else { continue };
        let Some(id) = asked.operation.as_deref() else { continue };
        if definition.operation(id).is_none() {
            found.add(
                code::CC010,
                Severity::Warning,
                || part.at(&operation.pointer),
                format!(
                    "`{}` of `{}` asks the operation `{}` for its values, which is not there",
                    cut(&parameter.name),
                    cut(&operation.id),
                    cut(id)
                ),
                "name an operation of this definition: makers see no values otherwise",
            );
        }
    }
    // A trigger that is called back must learn where.
    let hooked = operation.trigger == Some(Trigger::Webhook);
    if hooked && !mentions_url(part, operation) {
        found.add(
            code::CC010,
            Severity::Warning,
            || part.at(&operation.pointer),
            format!(
                "the webhook trigger `{}` has no place for the address to call back",
                cut(&operation.id)
            ),
            "mark the property that takes it with `x-ms-notification-url: true`",
        );
    }
}

/// Whether any part of the trigger's parameters takes the address; references are followed.
fn mentions_url(part: &Part, operation: &Operation) -> bool {
    let document = part.value();
    let Some(node) = document.pointer(&operation.pointer) else { return true };
    let (mut open, mut seen, mut left) = (vec![node], HashSet::new(), 20_000usize);
    while let Some(node) = open.pop() {
        left = left.saturating_sub(1);
        if left == 0 {
            return true;
        }
        match node {
            Value::Object(map) => {
                if map.contains_key("x-ms-notification-url") {
                    return true;
                }
                let target = map.get("$ref").and_then(Value::as_str);
                if target.is_some_and(|name| seen.insert(name)) {
                    open.extend(resolve(document, node));
                }
                open.extend(map.values());
            }
            Value::Array(list) => open.extend(list),
            _ => {}
        }
    }
    false
}

fn references(part: &Part, found: &mut Found) {
    let document = part.value();
    let mut open = vec![(String::new(), document)];
    let mut left = MAX_NODES;
    while let Some((at, node)) = open.pop() {
        left = left.saturating_sub(1);
        if left == 0 {
            return;
        }
        match node {
            Value::Object(map) => {
                if let Some(name) = map.get("$ref").and_then(Value::as_str) {
                    reference(part, &at, node, name, found);
                }
                for (key, value) in map {
                    // Examples may hold anything.
                    if !matches!(key.as_str(), "example" | "examples" | "default") {
                        open.push((format!("{at}/{}", pointer_escape(key)), value));
                    }
                }
            }
            Value::Array(list) => {
                for (index, value) in list.iter().enumerate() {
                    open.push((format!("{at}/{index}"), value));
                }
            }
            _ => {}
        }
    }
}

fn reference(part: &Part, at: &str, node: &Value, name: &str, found: &mut Found) {
    if resolve(part.value(), node).is_some() {
        return;
    }
    let message = match name.starts_with('#') {
        true => format!("the reference `{}` leads nowhere", cut(name)),
        false => format!("the reference `{}` leads out of the file", cut(name)),
    };
    let help = "define what it names in this file; what hangs on it is missing otherwise";
    found.add(code::CC005, Severity::Error, || part.at(&format!("{at}/$ref")), message, help);
}

fn host(sources: &Sources, part: &Part, definition: &Definition, found: &mut Found) {
    let by_policy =
        sources.policies.iter().any(|p| p.template.eq_ignore_ascii_case("dynamichosturl"));
    let help = "write the bare host (`api.contoso.com`); scheme and path have members of their own";
    match definition.host.as_deref() {
        None if by_policy || !sources.whole || sources.policy_part.is_none() => {}
        None => found.add(
            code::CC007,
            Severity::Error,
            || part.at(""),
            "it names no host, and no policy sets one",
            help,
        ),
        // An expression is filled in per environment.
        Some(host) if by_policy || host.starts_with('@') => {}
        Some(host) if !host.contains(['/', '@', ' ', '?', '#']) => {}
        Some(host) => found.add(
            code::CC007,
            Severity::Error,
            || part.at("/host"),
            format!("`{}` is no host", cut(host)),
            help,
        ),
    }
}

fn texts(part: &Part, definition: &Definition, found: &mut Found) {
    let help = "makers see these texts, and nothing else of a definition";
    if definition.title.is_empty() {
        let message = "the definition has no title";
        found.add(code::CC011, Severity::Warning, || part.at("/info"), message, help);
    }
    for operation in &definition.operations {
        let internal = operation.visibility.as_deref() == Some("internal");
        if !internal && operation.summary.is_empty() && operation.description.is_empty() {
            found.add(
                code::CC011,
                Severity::Note,
                || part.at(&operation.pointer),
                format!("`{}` has neither summary nor description", cut(&operation.id)),
                help,
            );
        }
    }
}
