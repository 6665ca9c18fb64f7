//! What a deployment of a package came to, or would come to, in one environment: how references and
//! flows stand, and the codes of what forbids it. It names no connection and nobody, so that it can be
//! kept by, and sent to, those who see neither.
use connref_client::solution::{Plan, PlanReference};
use serde_json::{Value, json};

use crate::exit::Failure;

/// What a signed statement about it is of.
pub(crate) const PREDICATE: &str = "urn:connref:deployment-result:v1";
/// References and codes in a result of somebody else at most.
const MOST: usize = 10_000;
/// Characters of a name in it at most.
const LONGEST: usize = 400;

/// How a result came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Foreseen; nothing was written.
    Plan,
    /// Found after the import.
    Verify,
}

/// The result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DeploymentResult {
    /// How it came about.
    pub(crate) kind: Kind,
    /// Environment, as its people call it.
    pub(crate) environment: String,
    /// When, ISO 8601.
    pub(crate) at: String,
    /// Codes of what forbids the import.
    pub(crate) refusals: Vec<String>,
    /// References: name and `bound`, `missing` or `broken`.
    pub(crate) references: Vec<(String, String)>,
    /// Flows that are on.
    pub(crate) flows_on: u64,
    /// Flows.
    pub(crate) flows: u64,
}

impl DeploymentResult {
    /// From what the server says.
    pub(crate) fn of(plan: &Plan, kind: Kind, at: String) -> Self {
        let mut refusals: Vec<String> =
            plan.refusals.iter().map(|(one, _)| one.code.clone()).collect();
        refusals.sort();
        refusals.dedup();
        let pair = |one: &PlanReference| (one.name.clone(), one.state.clone());
        Self {
            kind,
            environment: plan.environment.clone(),
            at,
            refusals,
            references: plan.references.iter().map(pair).collect(),
            flows_on: plan.flows.iter().filter(|flow| flow.state == "on").count() as u64,
            flows: plan.flows.len() as u64,
        }
    }

    /// Whether every reference is bound.
    pub(crate) fn is_bound(&self) -> bool {
        self.references.iter().all(|(_, state)| state == "bound")
    }

    /// As it stands in a statement and in the record of a rollout.
    pub(crate) fn to_json(&self) -> Value {
        let references = self.references.iter();
        json!({
            "kind": match self.kind { Kind::Plan => "plan", Kind::Verify => "verify" },
            "environment": self.environment,
            "at": self.at,
            "allowed": self.refusals.is_empty(),
            "refusals": self.refusals,
            "references": references
                .map(|(name, state)| json!({"name": name, "state": state}))
                .collect::<Vec<_>>(),
            "flows": {"on": self.flows_on, "all": self.flows},
        })
    }

    /// Reads one that somebody else wrote.
    pub(crate) fn from_json(value: &Value) -> Result<Self, Failure> {
        let wrong = |what: &str| Failure::usage(format!("the result cannot be read: {what}"));
        let text = |value: &Value, name: &str| {
            let text = value[name].as_str().filter(|text| text.chars().count() <= LONGEST);
            text.map(str::to_owned).ok_or_else(|| wrong(&format!("`{name}` is no short text")))
        };
        let list = |name: &str| {
            let list = value[name].as_array().filter(|list| list.len() <= MOST);
            list.ok_or_else(|| wrong(&format!("`{name}` is no list of at most {MOST}")))
        };
        let number = |pointer: &str| value.pointer(pointer).and_then(Value::as_u64);
        let references = list("references")?.iter().map(|one| {
            let state = text(one, "state")?;
            match state.as_str() {
                "bound" | "missing" | "broken" => Ok((text(one, "name")?, state)),
                other => Err(wrong(&format!("`{other}` is no state of a reference"))),
            }
        });
        let at = text(value, "at")?;
        at.parse::<jiff::Timestamp>().map_err(|_| wrong("`at` is no time"))?;
        let refusals = list("refusals")?.iter().map(|one| one.as_str().unwrap_or("?").to_owned());
        Ok(Self {
            kind: match value["kind"].as_str() {
                Some("plan") => Kind::Plan,
                Some("verify") => Kind::Verify,
                _ => return Err(wrong("`kind` is neither `plan` nor `verify`")),
            },
            environment: text(value, "environment")?,
            at,
            refusals: refusals.map(|code| code.chars().take(LONGEST).collect()).collect(),
            references: references.collect::<Result<_, _>>()?,
            flows_on: number("/flows/on").ok_or_else(|| wrong("`flows/on` is no number"))?,
            flows: number("/flows/all").ok_or_else(|| wrong("`flows/all` is no number"))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_comes_back_as_it_was_and_a_forged_shape_does_not() {
        let result = DeploymentResult {
            kind: Kind::Verify,
            environment: "prod".into(),
            at: "2026-11-29T12:00:00Z".into(),
            refusals: vec![],
            references: vec![
                ("hbr_Mail".into(), "bound".into()),
                ("hbr_L".into(), "broken".into()),
            ],
            flows_on: 1,
            flows: 2,
        };
        let value = result.to_json();
        assert_eq!(DeploymentResult::from_json(&value).unwrap(), result);
        assert!(!result.is_bound());
        for (pointer, forged) in [
            ("/references/0/state", json!("fine")),
            ("/kind", json!("guess")),
            ("/at", json!("yesterday")),
            ("/flows/on", json!(-1)),
            ("/environment", json!("x".repeat(LONGEST + 1))),
            ("/refusals", json!("none")),
        ] {
            let mut value = value.clone();
            *value.pointer_mut(pointer).unwrap() = forged;
            assert!(DeploymentResult::from_json(&value).is_err(), "{pointer}");
        }
    }
}
