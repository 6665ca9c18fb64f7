//! `runAfter`: names to slots, and a check that some order exists.

use serde_json::Value as Json;

use super::action::{Action, Block};
use super::problem::{Place, Problem};
use super::status::{ActionStatus, StatusSet};

/// Reads `runAfter` of one action. `find` gives the slot of a sibling.
pub(super) fn read(
    json: &Json,
    place: &Place<'_>,
    problems: &mut Vec<Problem>,
    find: impl Fn(&str) -> Option<u32>,
) -> Vec<(u32, StatusSet)> {
    let place = place.at("runAfter");
    let map = match json {
        Json::Null => return Vec::new(),
        Json::Object(map) => map,
        _ => {
            problems.push(place.problem("runAfter is not an object"));
            return Vec::new();
        }
    };
    let mut result: Vec<(u32, StatusSet)> = Vec::with_capacity(map.len());
    for (name, statuses) in map {
        let Some(slot) = find(name) else {
            problems.push(
                place
                    .at(name)
                    .problem(format!("runAfter names `{name}`, which is not an action beside it")),
            );
            continue;
        };
        if result.iter().any(|(known, _)| *known == slot) {
            problems.push(place.at(name).problem(format!("runAfter names `{name}` twice")));
            continue;
        }
        match read_statuses(statuses) {
            Ok(set) => result.push((slot, set)),
            Err(message) => problems.push(place.at(name).problem(message)),
        }
    }
    result
}

fn read_statuses(json: &Json) -> Result<StatusSet, String> {
    let list = json.as_array().ok_or("runAfter statuses are not a list")?;
    let mut set = StatusSet::EMPTY;
    for item in list {
        let status = item.as_str().and_then(ActionStatus::parse);
        set = set.with(status.ok_or_else(|| format!("status {item} is not known"))?);
    }
    if set.is_empty() {
        return Err("runAfter names no status".to_owned());
    }
    Ok(set)
}

/// Fills the roots, leaves and dependents of a block.
///
/// # Errors
/// The names of the actions that wait for each other in a circle.
pub(super) fn link(block: &mut Block, actions: &mut [Action]) -> Result<(), Vec<String>> {
    let size = block.actions.len();
    let mut dependents: Vec<Vec<u32>> = vec![Vec::new(); size];
    let mut waiting = vec![0usize; size];
    for (slot, id) in block.actions.iter().enumerate() {
        let after = &actions[id.0 as usize].run_after;
        waiting[slot] = after.len();
        for (predecessor, _) in after {
            dependents[*predecessor as usize].push(slot_number(slot));
        }
    }
    block.roots = slots(&waiting, |count| *count == 0);
    block.leaves = slots(&dependents, Vec::is_empty);
    let mut ready = block.roots.clone();
    let mut reached = 0;
    while let Some(slot) = ready.pop() {
        reached += 1;
        for next in &dependents[slot as usize] {
            waiting[*next as usize] -= 1;
            if waiting[*next as usize] == 0 {
                ready.push(*next);
            }
        }
    }
    for (id, list) in block.actions.iter().zip(dependents) {
        actions[id.0 as usize].dependents = list;
    }
    if reached == size {
        return Ok(());
    }
    let stuck = waiting.iter().zip(&block.actions).filter(|(count, _)| **count > 0);
    Err(stuck.map(|(_, id)| actions[id.0 as usize].name.clone()).collect())
}

fn slots<T>(list: &[T], keep: impl Fn(&T) -> bool) -> Vec<u32> {
    let kept = list.iter().enumerate().filter(|(_, item)| keep(item));
    kept.map(|(slot, _)| slot_number(slot)).collect()
}

/// A slot as the compact number that definitions store.
pub(super) fn slot_number(slot: usize) -> u32 {
    u32::try_from(slot).expect("a definition holds at most a few hundred actions")
}
