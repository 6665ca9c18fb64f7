//! Connection references: who uses each, and what its connection must be.
use connref_solution::model::package::{FlowReference, PackageReference};
use connref_solution::model::{DeploymentSettings, LogicalName};

use super::permission::Needs;
use super::sign_in::{of_absent, of_custom, of_platform};
use super::{Acting, Binding, ReferenceFacts, Use, UserKind};
use crate::check::connector::{hashed, holds_target};
use crate::check::context::{Context, Flow};

pub(super) fn references(
    cx: &Context<'_>,
    settings: Option<&DeploymentSettings>,
) -> Vec<ReferenceFacts> {
    let mut done: Vec<&LogicalName> = Vec::new();
    let mut list = Vec::new();
    for reference in &cx.package.references {
        // A name that is there twice is one reference for the environment (CR018 tells it).
        if done.contains(&&reference.logical_name) {
            continue;
        }
        done.push(&reference.logical_name);
        list.push(facts(cx, reference, settings));
    }
    list
}

fn facts(
    cx: &Context<'_>,
    reference: &PackageReference,
    settings: Option<&DeploymentSettings>,
) -> ReferenceFacts {
    let name = &reference.logical_name;
    let own = cx.all_connectors.of_reference(reference);
    let custom =
        own.is_some() || hashed(&reference.api_name) || reference.custom_connector_id.is_some();
    let mut needs = Needs::new(&reference.api_name, own);
    let mut uses = Vec::new();
    for flow in &cx.flows {
        for entry in flow.entries().iter().filter(|e| e.logical_name.as_ref() == Some(name)) {
            flow_uses(flow, entry, &mut uses, &mut needs);
        }
    }
    others(cx, name, &mut uses);
    ReferenceFacts {
        logical_name: name.clone(),
        display_name: reference.display_name.clone(),
        api_name: reference.api_name.clone(),
        custom,
        connector_name: own.map(|own| own.display_name.clone()).filter(|n| !n.is_empty()),
        sign_in: match (own, custom) {
            (Some(own), _) => of_custom(own),
            (None, true) => of_absent(),
            (None, false) => of_platform(&reference.api_name),
        },
        uses,
        permissions: needs.finish(),
        holds_target: holds_target(&reference.api_name),
        binding: settings.map(|settings| binding(settings, name)),
    }
}

fn flow_uses(flow: &Flow<'_>, entry: &FlowReference, uses: &mut Vec<Use>, needs: &mut Needs<'_>) {
    let acting = Acting::of(entry.source, entry.on_behalf_of_invoker);
    let before = uses.len();
    for action in &flow.actions {
        if action.connection_key() != Some(entry.key.as_str()) {
            continue;
        }
        if acting != Acting::Caller {
            needs.add(action);
        }
        uses.push(Use {
            kind: UserKind::Flow,
            name: flow.source.name.clone(),
            action: action.name.to_owned(),
            trigger: action.trigger,
            operation: action.operation().to_owned(),
            acting,
        });
    }
    if uses.len() == before {
        let (action, operation) = (String::new(), String::new());
        let name = flow.source.name.clone();
        uses.push(Use { kind: UserKind::Flow, name, action, trigger: false, operation, acting });
    }
}

/// Canvas apps and agents.
fn others(cx: &Context<'_>, name: &LogicalName, uses: &mut Vec<Use>) {
    let other = |kind, name: &str, action: String| Use {
        kind,
        name: name.to_owned(),
        action,
        trigger: false,
        operation: String::new(),
        acting: Acting::Bound,
    };
    for app in &cx.package.canvas_apps {
        let shown = if app.display_name.is_empty() { &app.name } else { &app.display_name };
        for source in app.sources.iter().filter(|s| s.reference.as_ref() == Some(name)) {
            uses.push(other(UserKind::App, shown, source.data_sources.join(", ")));
        }
    }
    for (component, _) in cx.package.agent_uses.iter().filter(|(_, used)| used == name) {
        uses.push(other(UserKind::Agent, component, String::new()));
    }
}

fn binding(settings: &DeploymentSettings, name: &LogicalName) -> Binding {
    match settings.references.iter().find(|r| r.logical_name == *name) {
        None => Binding::Absent,
        Some(entry) if entry.connection_id.trim().is_empty() => Binding::Empty,
        Some(entry) => Binding::To(entry.connection_id.clone()),
    }
}
