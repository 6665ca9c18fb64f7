//! CR004: several references to one connector that one could serve.
use std::collections::{BTreeMap, BTreeSet, HashMap};

use connref_solution::model::LogicalName;
use connref_solution::model::package::{PackageReference, RuntimeSource};

use super::connector;
use super::context::Context;
use super::draft::{Draft, reference_subject};
use super::text::cut;
use crate::catalogue::code;
use crate::finding::Severity;

/// What tells two references to one connector apart.
type Fingerprint = (BTreeSet<String>, bool, bool, bool);

pub(super) fn check(cx: &Context<'_>, out: &mut Vec<Draft>) {
    // What flows reach tells two apart; there have to be two first.
    let mut connectors: Vec<String> =
        cx.package.references.iter().map(|r| connector::base(&r.api_name)).collect();
    connectors.sort_unstable();
    if connectors.windows(2).all(|two| two[0] != two[1]) {
        return;
    }
    let uses = uses(cx);
    let mut groups: BTreeMap<(String, Fingerprint), Vec<&PackageReference>> = BTreeMap::new();
    for reference in &cx.package.references {
        if reference.api_name.as_str().is_empty() || connector::holds_target(&reference.api_name) {
            continue;
        }
        let seen = uses.get(&reference.logical_name);
        let print = (
            seen.map(|u| u.targets.clone()).unwrap_or_default(),
            seen.is_some_and(|u| u.invoker),
            seen.is_some_and(|u| u.on_behalf),
            another_identity(reference),
        );
        groups.entry((connector::base(&reference.api_name), print)).or_default().push(reference);
    }
    for group in groups.values() {
        let mut names: Vec<String> = group.iter().map(|r| r.logical_name.key()).collect();
        names.sort();
        names.dedup();
        let [first, .., last] = group[..] else { continue };
        // One name twice is CR018.
        if names.len() < 2 {
            continue;
        }
        let shown: Vec<String> =
            group.iter().take(5).map(|r| format!("`{}`", cut(r.logical_name.as_str()))).collect();
        let more = if group.len() > 5 { " …" } else { "" };
        out.push(
            Draft::new(
                code::CR004,
                Severity::Note,
                reference_subject(last),
                cx.at_reference(last, ""),
                format!(
                    "{} connection references to `{}`: {}{more}",
                    group.len(),
                    cut(first.api_name.as_str()),
                    shown.join(", ")
                ),
                "one would do, unless they are meant for different identities or targets",
            )
            .fix(format!("connref solution migrate {:?} --consolidate", cx.source.archive.label())),
        );
    }
}

#[derive(Default)]
struct Uses {
    targets: BTreeSet<String>,
    invoker: bool,
    on_behalf: bool,
}

/// How flows use each reference, and what they reach through it.
fn uses<'a>(cx: &Context<'a>) -> HashMap<&'a LogicalName, Uses> {
    let mut uses: HashMap<&LogicalName, Uses> = HashMap::new();
    for flow in &cx.flows {
        for entry in flow.entries() {
            let Some(name) = &entry.logical_name else { continue };
            let one = uses.entry(name).or_default();
            one.invoker |= entry.source == RuntimeSource::Invoker;
            one.on_behalf |= entry.on_behalf_of_invoker;
        }
        for action in &flow.actions {
            let Some(name) = action.entry().and_then(|entry| entry.logical_name.as_ref()) else {
                continue;
            };
            let target = action.parameters().filter(|(name, _)| {
                let telling = ["dataset", "organization", "server", "baseurl"];
                telling.iter().any(|one| one.eq_ignore_ascii_case(name))
            });
            uses.entry(name)
                .or_default()
                .targets
                .extend(target.map(|(_, v)| v.to_value().to_string()));
        }
    }
    uses
}

/// Whether a name or a description speaks of another identity than the usual one.
fn another_identity(reference: &PackageReference) -> bool {
    let text = format!(
        "{} {} {}",
        reference.logical_name,
        reference.display_name,
        reference.description.as_deref().unwrap_or_default()
    )
    .to_lowercase();
    let words = [
        "service principal",
        "serviceprincipal",
        "serviceaccount",
        "service account",
        "admin",
        "spn",
    ];
    words.iter().any(|w| text.contains(w))
        || text.split(|c: char| !c.is_alphanumeric()).any(|w| w == "sp")
}
