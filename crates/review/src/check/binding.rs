//! Binding rules of a policy, as far as files tell how references will be bound: by the connector,
//! and by the owners that deployment settings name.
use std::collections::{HashMap, HashSet};

use connref_solution::artefact::settings_json::settings_read;
use connref_solution::model::package::PackageReference;
use connref_solution::model::{LogicalName, PrincipalId};

use super::connector;
use super::context::{Context, escape};
use super::draft::{At, Draft, Path, reference_subject};
use super::text::cut;
use crate::catalogue::code;
use crate::finding::Severity;
use crate::policy::pattern::fits;
use crate::policy::{BindingCase, BindingRule, NamedRule, bindings_evaluate};

/// The owner that a settings file gives to the connection of a reference.
struct Owner {
    name: String,
    at: At,
}

enum Verdict {
    Fine,
    Broken(String, At),
    Open,
}

pub(super) fn check(cx: &Context<'_>, out: &mut Vec<Draft>) {
    let rules = cx.input.policies.map(|p| p.rules.as_slice()).unwrap_or_default();
    let holds = |rule: &&NamedRule| {
        rule.kinds.is_empty() || cx.input.kind.is_some_and(|kind| rule.kinds.contains(&kind))
    };
    let owners = owners(cx);
    for named in rules.iter().filter(holds) {
        let (mut open, mut seen) = (Vec::new(), HashSet::new());
        for reference in &cx.package.references {
            if !seen.insert(reference.logical_name.key()) {
                continue;
            }
            match judge(cx, named, reference, owners.get(&reference.logical_name)) {
                Verdict::Fine => {}
                Verdict::Open => open.push(reference),
                Verdict::Broken(reason, at) => out.push(Draft::new(
                    code::CR020,
                    Severity::Error,
                    reference_subject(reference),
                    at,
                    format!("{reason}, against the rule `{}`", cut(&named.name)),
                    "take another connection, or have the rule except the connector",
                )),
            }
        }
        if let Some(first) = open.first() {
            out.push(Draft::new(
                code::CR020,
                Severity::Note,
                reference_subject(first),
                cx.at_reference(first, ""),
                format!(
                    "files do not tell whether the rule `{}` holds for {}",
                    cut(&named.name),
                    list(&open)
                ),
                "look at the bindings in the environment, or give settings that name each connection's owner",
            ));
        }
    }
}

fn list(references: &[&PackageReference]) -> String {
    let names: Vec<_> =
        references.iter().take(3).map(|r| format!("`{}`", cut(r.logical_name.as_str()))).collect();
    match references.len() - names.len() {
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    }
}

fn judge(
    cx: &Context<'_>,
    named: &NamedRule,
    reference: &PackageReference,
    owner: Option<&Owner>,
) -> Verdict {
    let api = &reference.api_name;
    // Anything else may be the id of a user or of a service principal.
    let person = owner.filter(|owner| owner.name.contains('@'));
    match &named.rule {
        BindingRule::OnlyThrough { connector, .. } if person.is_none() => {
            return if fits(connector, api.as_str()) { Verdict::Open } else { Verdict::Fine };
        }
        BindingRule::NoUserConnection { except } if person.is_none() => {
            let custom = cx.all_connectors.of_reference(reference);
            let people = match custom {
                Some(custom) => connector::custom_people_only(custom) == Some(true),
                None => connector::people_only(api),
            };
            if people && !except.iter().any(|pattern| fits(pattern, api.as_str())) {
                let name = cut(reference.logical_name.as_str());
                let reason = format!("`{name}` can only be bound to a person's connection");
                return Verdict::Broken(reason, cx.at_reference(reference, "connectorid"));
            }
        }
        _ => {}
    }
    let name = person.map_or("", |owner| owner.name.as_str());
    let case = BindingCase {
        // The rule holds in this kind; one that holds in all takes any.
        environment: cx.input.kind.unwrap_or_default(),
        reference: reference.logical_name.as_str(),
        connector: api,
        owner: &PrincipalId::new(name),
        owner_kind: person.map(|_| connref_solution::model::facts::PrincipalKind::User),
        owner_names: &[name],
        binder: None,
        target: None,
    };
    match bindings_evaluate(std::slice::from_ref(named), &case).into_iter().next() {
        None => Verdict::Fine,
        Some(broken) if broken.known => {
            let at = person.map_or_else(|| cx.at_reference(reference, ""), |p| p.at.clone());
            Verdict::Broken(broken.reason, at)
        }
        Some(_) => Verdict::Open,
    }
}

fn owners(cx: &Context<'_>) -> HashMap<LogicalName, Owner> {
    let mut owners = HashMap::new();
    let solution = cx.package.manifest.unique_name.as_str();
    for (index, file) in cx.input.settings.iter().enumerate() {
        // What cannot be read is told by CR019.
        let Ok(read) = settings_read(file.bytes, Some(solution)) else { continue };
        let part = read.solution.as_deref().map(|s| format!("/{}", escape(s))).unwrap_or_default();
        for (entry, place) in read.settings.references.iter().zip(0..) {
            let Some(name) = entry.owner.as_deref().map(str::trim) else { continue };
            if name.is_empty() || name.contains("#{") {
                continue;
            }
            let pointer = format!("{part}/ConnectionReferences/{place}/ConnectionOwner");
            let at = At { part: file.name.to_owned(), path: Path::Settings(index, pointer) };
            owners.insert(entry.logical_name.clone(), Owner { name: name.to_owned(), at });
        }
    }
    owners
}
