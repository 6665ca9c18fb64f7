//! The order in which what goes away can go.
use std::collections::BTreeSet;

use connref_solution::model::package::PackageVariable;
use connref_solution::model::{FlowId, LogicalName, Package};

use super::flow::Compared;
use super::{Change, PackageDiff};

/// Flows that call others first, then what flows use: references, variables, connectors last,
/// because a reference needs its connector. What stays and lets go of something is brought to the
/// newer version before that is removed; what the newer version still uses is told, since its
/// removal would end with "cannot be deleted because it is referenced".
pub(super) fn removal(
    before: &Package,
    after: &Package,
    diff: &PackageDiff,
    compared: &Compared,
) -> Vec<String> {
    let mut steps: Vec<String> = flows(compared)
        .into_iter()
        .map(|(id, name)| match compared.calls_after.iter().find(|(_, callee)| callee == id) {
            Some((caller, _)) => format!(
                "flow `{name}` cannot go: flow `{caller}` of the newer version still calls it"
            ),
            None => format!("flow `{name}`"),
        })
        .collect();
    let references = gone(&diff.references);
    let mut updates: Vec<String> = Vec::new();
    let mut removals = Vec::new();
    for name in references {
        let key = LogicalName::new(name);
        let now = users(after, compared.uses.get(&key), &key);
        for user in users(before, compared.used.get(&key), &key) {
            if !now.contains(&user) && stays(after, &user) {
                updates.push(format!(
                    "{user} is brought to the newer version: it stops using `{name}`"
                ));
            }
        }
        removals.push(match now.is_empty() {
            true => format!("connection reference `{name}`"),
            false => format!(
                "connection reference `{name}` cannot go: {} of the newer version still uses it",
                now.join(", ")
            ),
        });
    }
    steps.extend(updates);
    steps.extend(removals);
    steps.extend(
        variables(before, diff).into_iter().map(|name| format!("environment variable `{name}`")),
    );
    steps.extend(gone(&diff.connectors).map(|name| format!("custom connector `{name}`")));
    steps
}

fn gone(list: &[super::Difference]) -> impl Iterator<Item = &str> {
    list.iter().filter(|d| d.change == Change::Removed).map(|d| d.name.as_str())
}

/// What uses a reference: flows, canvas apps, agents.
fn users(package: &Package, flows: Option<&Vec<String>>, name: &LogicalName) -> Vec<String> {
    let mut users: Vec<String> =
        flows.into_iter().flatten().map(|flow| format!("flow `{flow}`")).collect();
    for app in &package.canvas_apps {
        if app.sources.iter().any(|source| source.reference.as_ref() == Some(name)) {
            users.push(format!("canvas app `{}`", app.name));
        }
    }
    for (component, _) in package.agent_uses.iter().filter(|(_, used)| used == name) {
        users.push(format!("agent `{component}`"));
    }
    users
}

/// Whether the newer version has a user of the older one. Flows that went are steps of their own;
/// an agent's component without uses is not in the model.
fn stays(after: &Package, user: &str) -> bool {
    match user.strip_prefix("canvas app ") {
        Some(name) => after.canvas_apps.iter().any(|app| format!("`{}`", app.name) == name),
        None => user.starts_with("flow "),
    }
}

/// Removed variables: what depends on another before it. A ring is broken at its first.
fn variables<'a>(before: &'a Package, diff: &'a PackageDiff) -> Vec<&'a str> {
    let mut left: Vec<&str> = gone(&diff.variables).collect();
    let parent = |name: &str| {
        let name = LogicalName::new(name);
        let found = before.variables.iter().find(|v: &&PackageVariable| v.schema_name == name);
        found.and_then(|v| v.parent.clone())
    };
    let mut order = Vec::with_capacity(left.len());
    while !left.is_empty() {
        let parents: BTreeSet<LogicalName> = left.iter().filter_map(|name| parent(name)).collect();
        let next = left.iter().position(|name| !parents.contains(&LogicalName::new(name)));
        order.push(left.remove(next.unwrap_or(0)));
    }
    order
}

/// Removed flows, callers before what they call. A ring of callers is broken at its first flow.
fn flows(compared: &Compared) -> Vec<(&FlowId, &str)> {
    let mut left: Vec<(&FlowId, &str)> = compared
        .flows
        .iter()
        .filter(|flow| flow.change == Change::Removed)
        .map(|flow| (&flow.id, flow.name.as_str()))
        .collect();
    let mut order = Vec::new();
    while !left.is_empty() {
        let waiting: BTreeSet<&FlowId> = left.iter().map(|(id, _)| *id).collect();
        let called = |id: &FlowId| {
            compared
                .calls
                .iter()
                .any(|(caller, callee)| callee == id && caller != id && waiting.contains(caller))
        };
        let next = left.iter().position(|(id, _)| !called(id)).unwrap_or(0);
        order.push(left.remove(next));
    }
    order
}
