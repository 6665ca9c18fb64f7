//! What people ran into, as public threads tell it, and what has to come of it: each row of
//! `situations.json` is an environment, a package or an act, somebody who does it, and the outcome.
//! The rows are written from the threads and from what is documented, not from this code.
#![expect(clippy::unwrap_used, reason = "a malformed row fails by panicking")]
mod build;

use std::collections::BTreeSet;

use connref_review::index::Index;
use connref_review::matching::{Verdict, reference_match};
use connref_review::outcome::Word;
use connref_review::{Outcome, Refusal, binding_check, flow_activation, share_check};
use connref_solution::model::facts::{Fidelity, FlowState, ShareLevel};
use connref_solution::model::{FlowId, LogicalName};
use serde_json::{Value, json};

use build::text;
pub(crate) use build::{case, world};

const ROWS: &str = include_str!("situations.json");

pub(crate) fn rows() -> Vec<Value> {
    let all: Value = serde_json::from_str(ROWS).expect("the table is JSON");
    all.as_array().expect("a list of rows").clone()
}

#[test]
fn every_situation_ends_as_people_saw_it() {
    let mut wrong = Vec::new();
    let mut held = 0;
    for row in rows() {
        for fidelity in row["fidelity"].as_array().expect("a list").clone() {
            held += 1;
            let fidelity = match fidelity.as_str() {
                Some("dataverse") => Fidelity::Dataverse,
                Some("extended") => Fidelity::Extended,
                other => panic!("{}: fidelity {other:?}", row["id"]),
            };
            let seen = judged(&row, fidelity);
            if let Err(why) = fits(&row["expect"], &seen) {
                wrong.push(format!("{} ({fidelity:?}): {why}\n    {seen}", row["id"]));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {held} differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn the_table_is_whole() {
    let rows = rows();
    assert!(rows.len() >= 60, "{}", rows.len());
    let ids: BTreeSet<&str> = rows.iter().map(|row| text(row, "id")).collect();
    assert_eq!(ids.len(), rows.len(), "an id twice");
    let mut both = [0, 0];
    for row in &rows {
        assert!(!text(row, "thread").is_empty() && text(row, "story").len() > 20, "{}", row["id"]);
        assert!(row["expect"].as_object().is_some_and(|e| !e.is_empty()), "{}", row["id"]);
        for fidelity in row["fidelity"].as_array().unwrap() {
            both[usize::from(fidelity == "extended")] += 1;
        }
    }
    assert!(both.iter().all(|count| *count >= 30), "{both:?}");
}

/// What the judgement says of a row, in the words of the table.
fn judged(row: &Value, fidelity: Fidelity) -> Value {
    let world = world(&row["facts"], fidelity);
    let caller = row["caller"].as_str().unwrap_or("ann").into();
    let act = &row["act"];
    if let Some(flow) = act["activate"].as_str() {
        let activation = flow_activation(&world.0, &FlowId::from(flow), &caller);
        let warned: Vec<_> = activation.warnings.iter().map(|w| w.code).collect();
        return match activation.allowed() {
            true => json!({"allowed": true, "warned": warned}),
            false => refused(&activation.refusals),
        };
    }
    if let Some([reference, connection]) = pair(&act["bind"]) {
        let reference = world.0.reference(&LogicalName::new(&reference)).expect("a reference");
        return match binding_check(&world.0, &reference.id, &connection.as_str().into(), &caller) {
            Ok(effect) => json!({
                "allowed": true,
                "acts": effect.identity_changes.iter()
                    .map(|c| (c.flow.to_string(), c.after.clone().into()))
                    .collect::<serde_json::Map<_, Value>>(),
                "stops": effect.flows_stopping.iter().map(|f| f.to_string()).collect::<Vec<_>>(),
            }),
            Err(refusal) => refused(&[refusal]),
        };
    }
    if let Some(reference) = act["match"].as_str() {
        let name = LogicalName::new(reference);
        let api = world.0.reference(&name).expect("a reference").api_name.clone();
        let selector = build::selector(&act["selector"]);
        let index = Index::new(&world.0);
        return match reference_match(&index, &caller, &name, &api, &selector).unwrap().verdict {
            Verdict::Bind(id) => json!({"binds": id.as_str()}),
            Verdict::Ambiguous(all) => {
                json!({"ambiguous": all.iter().map(|id| id.as_str()).collect::<Vec<_>>()})
            }
            other => json!({"verdict": format!("{other:?}")}),
        };
    }
    if let Some(share) = act["share"].as_array() {
        let [connection, to, level] = share.as_slice() else { panic!("{act}") };
        let level = match level.as_str().unwrap() {
            "CanView" => ShareLevel::CanView,
            "CanViewWithShare" => ShareLevel::CanViewWithShare,
            _ => ShareLevel::CanEdit,
        };
        let (connection, to) = (connection.as_str().unwrap(), to.as_str().unwrap());
        return match share_check(&world.0, &connection.into(), &caller, false, &to.into(), level) {
            Ok(()) => json!({"allowed": true}),
            Err(refusal) => refused(&[refusal]),
        };
    }
    match world.import(&case(&row["package"], caller)) {
        Err(refusals) => refused(&refusals),
        Ok(outcome) => imported(&outcome),
    }
}

fn pair(value: &Value) -> Option<[String; 2]> {
    let list = value.as_array()?;
    Some([list[0].as_str()?.to_owned(), list[1].as_str()?.to_owned()])
}

fn refused(refusals: &[Refusal]) -> Value {
    let codes: BTreeSet<&str> = refusals.iter().map(|r| r.code).collect();
    let texts: Vec<&str> = refusals.iter().map(|r| r.text.as_str()).collect();
    let status: BTreeSet<u16> = refusals.iter().map(|r| r.status).collect();
    assert!(refusals.iter().all(|r| !r.text.is_empty()), "a bare error");
    json!({"refused": codes, "status": status, "text": texts.join("\n")})
}

fn imported(outcome: &Outcome) -> Value {
    let flow = |forecast: &connref_review::FlowForecast| {
        let state = match forecast.state {
            FlowState::On => "on",
            FlowState::Off => "off",
            FlowState::Suspended => "suspended",
        };
        let codes: BTreeSet<&str> = forecast.refusals.iter().map(|r| r.code).collect();
        let words: Vec<&str> = std::iter::once(state).chain(codes).collect();
        (forecast.flow.to_string(), Value::from(words.join(" ")))
    };
    let future = &outcome.future;
    let bindings = future.references.iter().map(|r| {
        let to = r.connection.as_ref().map(|id| id.as_str());
        (r.logical_name.key(), to.into())
    });
    let values = future.variables.iter().map(|v| (v.schema_name.key(), v.value.clone().into()));
    let named = |word: Word| -> Vec<&str> {
        let lines = outcome.report.iter().filter(|line| line.word == word);
        lines.map(|line| line.subject.name.as_str()).collect()
    };
    let acts = outcome.identity_changes.iter();
    let mut order: Vec<_> = outcome.flows.iter().filter(|f| f.order.is_some()).collect();
    order.sort_by_key(|f| f.order);
    json!({
        "allowed": true,
        "flows": outcome.flows.iter().map(flow).collect::<serde_json::Map<_, _>>(),
        "order": order.iter().map(|f| f.flow.as_str()).collect::<Vec<_>>(),
        "bindings": bindings.collect::<serde_json::Map<_, _>>(),
        "values": values.collect::<serde_json::Map<_, _>>(),
        "acts": acts.map(|c| (c.flow.to_string(), c.after.clone().into()))
            .collect::<serde_json::Map<_, Value>>(),
        "warned": outcome.warnings.iter().map(|w| w.code).collect::<BTreeSet<_>>(),
        "removed": named(Word::Removed),
        "stillUsed": named(Word::StillUsed),
        "hidden": named(Word::Hidden),
    })
}

/// Whether what was seen holds what is expected. Objects and `text` may hold more; lists are whole,
/// but for `warned`, which has to name at least these.
fn fits(expected: &Value, seen: &Value) -> Result<(), String> {
    for (name, wanted) in expected.as_object().unwrap() {
        let found = &seen[name];
        let same = match (name.as_str(), wanted, found) {
            ("text", Value::String(part), Value::String(whole)) => whole.contains(part.as_str()),
            ("warned", Value::Array(some), Value::Array(all)) => {
                some.iter().all(|one| all.contains(one)) && (!some.is_empty() || all.is_empty())
            }
            (_, Value::Object(some), Value::Object(all)) => {
                some.iter().all(|(key, value)| all.get(key) == Some(value))
            }
            _ => wanted == found,
        };
        if !same {
            return Err(format!("{name} should be {wanted} and is {found}"));
        }
    }
    Ok(())
}
