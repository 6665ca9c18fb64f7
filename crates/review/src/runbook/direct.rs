//! Connections used without a reference of the package.
use connref_solution::model::{ApiName, LogicalName};

use super::{DirectUse, UserKind};
use crate::check::context::Context;

pub(super) fn direct(cx: &Context<'_>) -> Vec<DirectUse> {
    let mut found = Vec::new();
    for flow in &cx.flows {
        for entry in flow.entries() {
            let api = cx.api_of(entry);
            let user = (UserKind::Flow, flow.source.name.clone());
            match &entry.logical_name {
                Some(name) if cx.reference(name).is_some() => {}
                named => add(&mut found, named.as_ref(), api, user),
            }
        }
    }
    for app in &cx.package.canvas_apps {
        let name = if app.display_name.is_empty() { &app.name } else { &app.display_name };
        for source in &app.sources {
            let api = &source.api_name;
            // Flows that an app calls stand in the same list; they are no connection.
            if api.as_str().is_empty() || api.key() == "shared_logicflows" {
                continue;
            }
            let user = (UserKind::App, name.clone());
            match &source.reference {
                Some(name) if cx.reference(name).is_some() => {}
                named => add(&mut found, named.as_ref(), api, user),
            }
        }
    }
    for (component, name) in &cx.package.agent_uses {
        if cx.reference(name).is_none() {
            let user = (UserKind::Agent, component.clone());
            add(&mut found, Some(name), &ApiName::new(""), user);
        }
    }
    found
}

fn add(
    found: &mut Vec<DirectUse>,
    reference: Option<&LogicalName>,
    api: &ApiName,
    user: (UserKind, String),
) {
    // The apps' own connections are each user's: kept apart from those that stop a flow.
    let same = |one: &&mut DirectUse| {
        one.reference.as_ref() == reference
            && (reference.is_some() || one.api_name == *api)
            && (reference.is_some() || one.users.iter().all(|(kind, _)| *kind == user.0))
    };
    match found.iter_mut().find(same) {
        Some(one) => {
            if !one.users.contains(&user) {
                one.users.push(user);
            }
        }
        None => found.push(DirectUse {
            reference: reference.cloned(),
            api_name: api.clone(),
            users: vec![user],
        }),
    }
}
