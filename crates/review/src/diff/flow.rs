//! Cloud flows compared: actions, triggers, connections.
use std::collections::{BTreeMap, HashMap};

use connref_solution::artefact::Problems;
use connref_solution::artefact::workflow_json::flow_body_of;
use connref_solution::document::json::JsonTree;
use connref_solution::model::package::{FlowBody, FlowReference, Problem, RuntimeSource, Workflow};
use connref_solution::model::{FlowId, LogicalName, Package};
use serde_json::{Map, Value};

use super::{Change, differs};

/// An action, a trigger or a connection of a flow that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemDiff {
    /// Name; nested actions carry the names of what holds them: `Scope/Send`.
    pub name: String,
    /// What became of it.
    pub change: Change,
}

/// A flow that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowDiff {
    /// Id.
    pub id: FlowId,
    /// Name; the newer one.
    pub name: String,
    /// What became of it.
    pub change: Change,
    /// What differs about the flow as a whole.
    pub details: Vec<String>,
    /// Triggers that differ.
    pub triggers: Vec<ItemDiff>,
    /// Actions that differ.
    pub actions: Vec<ItemDiff>,
    /// Connections: sentences such as "`shared_x` uses `a` instead of `b`".
    pub connections: Vec<String>,
}

/// Names of flows by the reference they use.
pub(super) type Uses = BTreeMap<LogicalName, Vec<String>>;

/// All flows compared.
#[derive(Default)]
pub(super) struct Compared {
    pub(super) flows: Vec<FlowDiff>,
    pub(super) uses: Uses,
    /// The same of the older version, without flows that go.
    pub(super) used: Uses,
    /// What removed flows call: (caller, callee).
    pub(super) calls: Vec<(FlowId, FlowId)>,
    /// What flows of the newer version call: (name of the caller, callee).
    pub(super) calls_after: Vec<(String, FlowId)>,
    pub(super) problems: Vec<Problem>,
}

struct Body {
    value: Value,
    body: FlowBody,
}

fn body(flow: &Workflow, problems: &mut Vec<Problem>) -> Option<Body> {
    let text = flow.client_data.as_deref()?;
    let mut found = Problems::new(&flow.name, problems);
    match JsonTree::parse(text.as_bytes()) {
        Ok(tree) => {
            // What is odd in a body is the checker's to tell.
            let mut odd = Vec::new();
            let mut problems = Problems::new(&flow.name, &mut odd);
            let body = flow_body_of(tree.root(), &mut problems);
            Some(Body { value: tree.root().to_value(), body })
        }
        Err(error) => {
            found.add("", error.to_string());
            None
        }
    }
}

pub(super) fn flows_diff(before: &Package, after: &Package) -> Compared {
    let mut done = Compared::default();
    let cloud = |package: &Package| -> Vec<Workflow> {
        package.workflows.iter().filter(|w| w.is_cloud_flow()).cloned().collect()
    };
    let (old, new) = (cloud(before), cloud(after));
    let by_id: HashMap<&FlowId, &Workflow> = old.iter().map(|flow| (&flow.id, flow)).collect();
    for flow in &new {
        let to = body(flow, &mut done.problems);
        note_uses(&mut done.uses, &flow.name, to.as_ref());
        for child in to.iter().flat_map(|b| &b.body.children) {
            done.calls_after.push((flow.name.clone(), child.clone()));
        }
        match by_id.get(&flow.id) {
            None => done.flows.push(whole(flow, Change::Added)),
            Some(older) => {
                let from = body(older, &mut done.problems);
                note_uses(&mut done.used, &flow.name, from.as_ref());
                done.flows.extend(flow_diff(older, flow, from.as_ref(), to.as_ref()));
            }
        }
    }
    for flow in old.iter().filter(|flow| !new.iter().any(|n| n.id == flow.id)) {
        let mut gone = whole(flow, Change::Removed);
        // Made anew under the same name: the environment then has another flow.
        if new.iter().any(|n| n.name == flow.name && !by_id.contains_key(&n.id)) {
            gone.details.push("another flow of the same name takes its place".to_owned());
        }
        for child in body(flow, &mut done.problems).iter().flat_map(|b| &b.body.children) {
            done.calls.push((flow.id.clone(), child.clone()));
        }
        done.flows.push(gone);
    }
    done
}

fn note_uses(uses: &mut Uses, flow: &str, body: Option<&Body>) {
    let references = body.into_iter().flat_map(|b| &b.body.references);
    for name in references.filter_map(|r| r.logical_name.as_ref()) {
        let flows = uses.entry(name.clone()).or_default();
        if !flows.iter().any(|known| known == flow) {
            flows.push(flow.to_owned());
        }
    }
}

fn whole(flow: &Workflow, change: Change) -> FlowDiff {
    FlowDiff {
        id: flow.id.clone(),
        name: flow.name.clone(),
        change,
        details: Vec::new(),
        triggers: Vec::new(),
        actions: Vec::new(),
        connections: Vec::new(),
    }
}

fn flow_diff(
    older: &Workflow,
    newer: &Workflow,
    from: Option<&Body>,
    to: Option<&Body>,
) -> Option<FlowDiff> {
    let mut diff = whole(newer, Change::Changed);
    differs("the name", &older.name, &newer.name, &mut diff.details);
    let state = |code: i32| if code == 1 { "on" } else { "off" };
    let (a, b) = (state(older.state_code), state(newer.state_code));
    differs("the exported state", a, b, &mut diff.details);
    match (from, to) {
        (Some(from), Some(to)) => bodies_diff(from, to, &mut diff),
        _ if older.client_data != newer.client_data => {
            diff.details.push("the body differs".to_owned());
        }
        _ => {}
    }
    let same = diff.details.is_empty()
        && diff.triggers.is_empty()
        && diff.actions.is_empty()
        && diff.connections.is_empty();
    (!same).then_some(diff)
}

fn bodies_diff(from: &Body, to: &Body, diff: &mut FlowDiff) {
    diff.connections = connections_diff(&from.body.references, &to.body.references);
    diff.triggers = items_diff(&items(&from.value, "triggers"), &items(&to.value, "triggers"));
    diff.actions = items_diff(&items(&from.value, "actions"), &items(&to.value, "actions"));
    // What is left when everything named above is taken out: parameters, outputs, settings.
    if rest(&from.value) != rest(&to.value) {
        diff.details.push("parameters, outputs or other settings differ".to_owned());
    }
}

fn definition(body: &Value) -> Option<&Map<String, Value>> {
    let properties = body.get("properties").unwrap_or(body);
    properties.get("definition")?.as_object()
}

fn rest(body: &Value) -> Map<String, Value> {
    let mut rest = definition(body).cloned().unwrap_or_default();
    rest.remove("actions");
    rest.remove("triggers");
    rest
}

/// Actions or triggers by path, each without what is nested in it.
fn items(body: &Value, section: &str) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    if let Some(list) = definition(body).and_then(|d| d.get(section)).and_then(Value::as_object) {
        items_walk("", list, &mut found);
    }
    found
}

/// The depth is that of the JSON, which is bounded.
fn items_walk(above: &str, list: &Map<String, Value>, found: &mut Vec<(String, Value)>) {
    for (name, item) in list {
        let path = if above.is_empty() { name.clone() } else { format!("{above}/{name}") };
        found.push((path.clone(), bare(item)));
        let Some(item) = item.as_object() else { continue };
        let mut nested: Vec<&Value> = vec![];
        nested.extend(item.get("actions"));
        nested.extend(["else", "default"].iter().filter_map(|n| item.get(*n)?.get("actions")));
        let cases = item.get("cases").and_then(Value::as_object);
        nested.extend(cases.into_iter().flat_map(Map::values).filter_map(|c| c.get("actions")));
        for actions in nested.into_iter().filter_map(Value::as_object) {
            items_walk(&path, actions, found);
        }
    }
}

/// An action without nested actions and without the designer's marks, which change by themselves.
fn bare(item: &Value) -> Value {
    let mut item = item.clone();
    let Some(map) = item.as_object_mut() else { return item };
    map.remove("actions");
    for branch in ["else", "default"] {
        if let Some(branch) = map.get_mut(branch).and_then(Value::as_object_mut) {
            branch.remove("actions");
        }
    }
    if let Some(cases) = map.get_mut("cases").and_then(Value::as_object_mut) {
        for case in cases.values_mut().filter_map(Value::as_object_mut) {
            case.remove("actions");
        }
    }
    if let Some(metadata) = map.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("operationMetadataId");
        if metadata.is_empty() {
            map.remove("metadata");
        }
    }
    item
}

fn items_diff(before: &[(String, Value)], after: &[(String, Value)]) -> Vec<ItemDiff> {
    let old: HashMap<&str, &Value> = before.iter().map(|(name, v)| (name.as_str(), v)).collect();
    let new: HashMap<&str, &Value> = after.iter().map(|(name, v)| (name.as_str(), v)).collect();
    let mut found = Vec::new();
    for (name, value) in after {
        let change = match old.get(name.as_str()) {
            None => Change::Added,
            Some(before) if *before != value => Change::Changed,
            Some(_) => continue,
        };
        found.push(ItemDiff { name: name.clone(), change });
    }
    for (name, _) in before.iter().filter(|(name, _)| !new.contains_key(name.as_str())) {
        found.push(ItemDiff { name: name.clone(), change: Change::Removed });
    }
    found
}

fn connections_diff(before: &[FlowReference], after: &[FlowReference]) -> Vec<String> {
    let mut found = Vec::new();
    for new in after {
        match before.iter().find(|old| old.key == new.key) {
            None => found.push(format!("`{}` is new and uses {}", new.key, target(new))),
            Some(old) => {
                if target(old) != target(new) {
                    let (to, from) = (target(new), target(old));
                    found.push(format!("`{}` uses {to} instead of {from}", new.key));
                }
                if acts(old) != acts(new) {
                    let (from, to) = (acts(old), acts(new));
                    found.push(format!("`{}` acted as {from} and acts as {to}", new.key));
                }
            }
        }
    }
    for old in before.iter().filter(|old| !after.iter().any(|new| new.key == old.key)) {
        found.push(format!("`{}` is gone; it used {}", old.key, target(old)));
    }
    found
}

fn target(reference: &FlowReference) -> String {
    match (&reference.logical_name, &reference.connection_name) {
        (Some(name), _) => format!("the reference `{name}`"),
        (None, Some(_)) => "a connection named directly".to_owned(),
        (None, None) => format!("a connection of `{}` without reference", reference.api_name),
    }
}

fn acts(reference: &FlowReference) -> &'static str {
    match (reference.source, reference.on_behalf_of_invoker) {
        (RuntimeSource::Invoker, _) => "the caller",
        (RuntimeSource::Embedded, true) => "the bound connection on behalf of the caller",
        (RuntimeSource::Embedded, false) => "the bound connection",
    }
}
