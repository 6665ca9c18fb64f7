//! CC008: a policy template that names what is not there.
use std::collections::HashSet;

use super::Found;
use super::read::Sources;
use crate::catalogue::code;
use crate::check::text::cut;
use crate::finding::Severity;

pub(super) fn check(sources: &Sources, found: &mut Found) {
    let Some(part) = &sources.policy_part else { return };
    let list = if part.value().is_array() { "" } else { "/policyTemplateInstances" };
    let known: HashSet<String> =
        sources.placed_parameters().map(|(_, _, parameter)| short(&parameter.name)).collect();
    for (index, policy) in sources.policies.iter().enumerate() {
        let at = || part.at(&format!("{list}/{index}"));
        let title = match policy.title.as_str() {
            "" => policy.template.as_str(),
            title => title,
        };
        if let Some(definition) = &sources.definition {
            for name in policy.operations.iter().flatten() {
                if definition.operation(name).is_none() {
                    found.add(
                        code::CC008,
                        Severity::Warning,
                        at,
                        format!(
                            "the policy `{}` applies to the operation `{}`, which is not there",
                            cut(title),
                            cut(name)
                        ),
                        "name an operation of the definition: the policy does nothing otherwise",
                    );
                }
            }
        }
        if !sources.whole {
            continue;
        }
        for name in policy.parameters.values().filter_map(|v| v.as_str()).flat_map(named) {
            if !known.contains(&short(name)) {
                found.add(
                    code::CC008,
                    Severity::Warning,
                    at,
                    format!(
                        "the policy `{}` takes the connection parameter `{}`, which is not there",
                        cut(title),
                        cut(name)
                    ),
                    "define the parameter, or give the expression a default",
                );
            }
        }
    }
}

/// `token:host` is the parameter `host` beside the sign-in `token`.
fn short(name: &str) -> String {
    name.rsplit(':').next().unwrap_or(name).to_lowercase()
}

/// Names in `@connectionParameters('name')` that have no default.
fn named(template: &str) -> Vec<&str> {
    const CALL: &str = "connectionparameters(";
    let lower = template.to_ascii_lowercase();
    let mut names = Vec::new();
    let mut from = 0;
    while let Some(at) = lower[from..].find(CALL) {
        let start = from + at + CALL.len();
        let Some(length) = lower[start..].find(')') else { break };
        let arguments = &template[start..start + length];
        if !arguments.contains(',') {
            let name = arguments.trim().trim_matches(['\'', '"']);
            names.extend((!name.is_empty()).then_some(name));
        }
        from = start + length;
    }
    names
}
