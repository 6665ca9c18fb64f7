//! The order in which flows can be turned on: what is called before what calls it.
use std::collections::HashMap;

use connref_solution::model::FlowId;
use connref_solution::model::LogicalName;
use connref_solution::model::package::{FlowTrigger, RuntimeSource};

use super::FlowStep;
use crate::check::context::{Context, Flow};

/// The steps, and rings of flows that call each other.
pub(super) fn flows(cx: &Context<'_>) -> (Vec<FlowStep>, Vec<Vec<String>>) {
    let index: HashMap<&FlowId, usize> =
        cx.flows.iter().enumerate().map(|(at, flow)| (&flow.source.id, at)).collect();
    let calls: Vec<Vec<usize>> = cx
        .flows
        .iter()
        .map(|f| f.source.body.children.iter().filter_map(|c| index.get(c).copied()).collect())
        .collect();
    let mut called = vec![false; cx.flows.len()];
    calls.iter().flatten().for_each(|child| called[*child] = true);
    let mut steps = Vec::with_capacity(cx.flows.len());
    let mut rings = Vec::new();
    for group in groups(&calls) {
        if group.len() > 1 {
            rings.push(group.iter().map(|at| cx.flows[*at].source.name.clone()).collect());
        }
        for at in group {
            let flow = &cx.flows[at];
            let names = calls[at].iter().filter(|child| **child != at);
            let names = names.map(|child| cx.flows[*child].source.name.clone()).collect();
            let elsewhere = flow.source.body.children.iter();
            let elsewhere = elsewhere.filter(|child| !index.contains_key(child));
            let elsewhere = elsewhere.map(ToString::to_string).collect();
            steps.push(step(cx, flow, names, elsewhere, called[at]));
        }
    }
    (steps, rings)
}

fn step(
    cx: &Context<'_>,
    flow: &Flow<'_>,
    calls: Vec<String>,
    calls_elsewhere: Vec<String>,
    called: bool,
) -> FlowStep {
    let id = &flow.source.id;
    let workflow = cx.package.workflows.iter().find(|w| w.id == *id);
    let mut references: Vec<LogicalName> = Vec::new();
    let embedded = flow.entries().iter().filter(|e| e.source == RuntimeSource::Embedded);
    for name in embedded.filter_map(|e| e.logical_name.as_ref()) {
        if !references.contains(name) {
            references.push(name.clone());
        }
    }
    let invoker = flow.entries().iter().any(|e| e.source == RuntimeSource::Invoker);
    FlowStep {
        name: flow.source.name.clone(),
        id: id.to_string(),
        // A flow package has no state: its flows were running somewhere.
        on: workflow.is_none_or(|w| w.state_code == 1),
        trigger: flow.source.body.trigger.as_ref().map_or_else(String::new, trigger),
        references,
        calls,
        calls_elsewhere,
        child_of_caller: called && invoker,
    }
}

fn trigger(trigger: &FlowTrigger) -> String {
    let kind = trigger.kind.to_ascii_lowercase();
    let request = trigger.request_kind.as_deref().unwrap_or_default().to_ascii_lowercase();
    match (kind.as_str(), request.as_str()) {
        ("recurrence", _) => "a schedule".to_owned(),
        ("request", "button") => "a button".to_owned(),
        ("request", "powerapp" | "powerappv2") => "an app".to_owned(),
        ("request", "http") => "an HTTP request".to_owned(),
        ("request", "virtualagent" | "skills") => "an agent".to_owned(),
        ("request", "powerpages") => "a Power Pages site".to_owned(),
        ("request", _) => "a request".to_owned(),
        (
            "openapiconnection"
            | "openapiconnectionwebhook"
            | "openapiconnectionnotification"
            | "apiconnection"
            | "apiconnectionwebhook"
            | "apiconnectionnotification",
            _,
        ) => format!("the trigger {}", trigger.name.replace('_', " ")),
        _ => format!("a trigger of type {}", trigger.kind),
    }
}

/// Groups of nodes that reach each other (Tarjan), each after the groups it calls. Nodes keep
/// their order otherwise. Without recursion: a chain may be as long as a package is large.
fn groups(calls: &[Vec<usize>]) -> Vec<Vec<usize>> {
    const NEW: usize = usize::MAX;
    let count = calls.len();
    let (mut number, mut low) = (vec![NEW; count], vec![0; count]);
    let mut open = vec![false; count];
    let (mut stack, mut groups) = (Vec::new(), Vec::new());
    let mut next = 0;
    for start in 0..count {
        if number[start] != NEW {
            continue;
        }
        let mut walk = vec![(start, 0)];
        while let Some((node, edge)) = walk.pop() {
            if edge == 0 && number[node] == NEW {
                (number[node], low[node]) = (next, next);
                next += 1;
                stack.push(node);
                open[node] = true;
            }
            match calls[node].get(edge) {
                Some(&child) => {
                    walk.push((node, edge + 1));
                    if number[child] == NEW {
                        walk.push((child, 0));
                    } else if open[child] {
                        low[node] = low[node].min(number[child]);
                    }
                }
                None => {
                    if let Some((parent, _)) = walk.last() {
                        low[*parent] = low[*parent].min(low[node]);
                    }
                    if low[node] == number[node] {
                        let at = stack.iter().rposition(|n| *n == node);
                        let at = at.expect("a node is on the stack until its group is closed");
                        let mut group = stack.split_off(at);
                        group.iter().for_each(|n| open[*n] = false);
                        group.sort_unstable();
                        groups.push(group);
                    }
                }
            }
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_called_comes_first() {
        assert_eq!(groups(&[vec![2], vec![], vec![1]]), [vec![1], vec![2], vec![0]]);
        assert_eq!(groups(&[vec![0], vec![]]), [vec![0], vec![1]]);
        assert_eq!(groups(&[vec![1], vec![2], vec![1, 3], vec![]]), [vec![3], vec![1, 2], vec![0]]);
        let chain: Vec<Vec<usize>> = (1..=50_000).map(|n| vec![n]).chain([vec![]]).collect();
        let order = groups(&chain);
        assert_eq!((order[0][0], order[50_000][0]), (50_000, 0));
    }

    #[test]
    fn random_calls_are_ordered() {
        let seed: u64 = std::env::var("SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(7);
        let mut state = seed.max(1);
        let mut random = move |below: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            usize::try_from(state % below as u64).expect("below a usize")
        };
        for _ in 0..200 {
            let count = 1 + random(12);
            let calls: Vec<Vec<usize>> =
                (0..count).map(|_| (0..random(3)).map(|_| random(count)).collect()).collect();
            let order = groups(&calls);
            let mut place = vec![usize::MAX; count];
            for (at, group) in order.iter().enumerate() {
                group.iter().for_each(|n| place[*n] = at);
            }
            let reach = |from: usize, to: usize| {
                let (mut seen, mut left) = (vec![false; count], vec![from]);
                while let Some(node) = left.pop() {
                    for child in &calls[node] {
                        if !std::mem::replace(&mut seen[*child], true) {
                            left.push(*child);
                        }
                    }
                }
                seen[to]
            };
            for (node, children) in calls.iter().enumerate() {
                for child in children {
                    let ring = reach(*child, node);
                    let right =
                        place[*child] < place[node] || (ring && place[*child] == place[node]);
                    assert!(right, "SEED={seed}: {calls:?} gave {order:?}");
                }
            }
        }
    }
}
