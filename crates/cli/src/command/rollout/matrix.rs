//! The matrix: a row for each environment of each customer, a column for each reference.
use std::collections::{BTreeMap, BTreeSet};

use connref_solution::artefact::rollout_yaml::{Rollout, Target};
use serde_json::{Value, json};

use super::journal::{Entry, Journal, State};
use crate::context::Context;
use crate::exit::Failure;
use crate::render::{Format, csv_list, markdown, note, table_list};

/// Rows and columns, for the environments that are shown.
pub(crate) struct Matrix<'a> {
    rows: Vec<(&'a Target, Entry)>,
    waves: &'a [String],
    references: Vec<String>,
}

impl<'a> Matrix<'a> {
    /// Of these environments, with the package's references in its order.
    pub(crate) fn new(
        rollout: &'a Rollout,
        shown: impl Iterator<Item = &'a Target>,
        journal: &Journal,
        references: Vec<String>,
    ) -> Self {
        let rows = shown.map(|one| (one, journal.entry(&one.customer, &one.environment)));
        Self { rows: rows.collect(), waves: &rollout.waves, references }
    }

    /// How many are in a state.
    pub(crate) fn count(&self, state: State) -> usize {
        self.rows.iter().filter(|(_, entry)| entry.state == state).count()
    }

    /// Whether everything is deployed (or could be) and bound.
    pub(crate) fn is_whole(&self) -> bool {
        self.rows.iter().all(|(_, entry)| {
            matches!(entry.state, State::Deployed | State::Ready)
                && entry.result.as_ref().is_some_and(|result| result.is_bound())
        })
    }

    /// Prints it.
    pub(crate) fn print(&self, context: &Context) -> Result<(), Failure> {
        let plain = |_: &str| "";
        match context.output.format {
            Format::Table => {
                let titles: Vec<(String, String)> = self.columns(str::to_uppercase);
                let columns = borrowed(&titles);
                let glyph = |state: &str| match state {
                    "bound" => "✓ ",
                    "missing" | "broken" => "✕ ",
                    _ => "",
                };
                context.output.text(&table_list(&columns, &self.flat(glyph)))?;
                self.told();
            }
            Format::Csv => {
                let titles = self.columns(str::to_owned);
                context.output.text(&csv_list(&borrowed(&titles), &self.flat(plain)))?;
            }
            Format::Md => {
                let titles = self.columns(str::to_uppercase);
                context.output.text(&markdown::list(&borrowed(&titles), &self.flat(plain)))?;
            }
            _ => context.output.list(&[], &self.items())?,
        }
        Ok(())
    }

    /// Titles and members.
    fn columns(&self, title: impl Fn(&str) -> String) -> Vec<(String, String)> {
        let fixed = ["customer", "environment", "wave", "state", "flows"];
        let fixed = fixed.into_iter().map(|name| (title(name), name.to_owned()));
        // A reference keeps its own spelling; its member has a prefix, as it could be called `state`.
        let references = self.references.iter();
        fixed.chain(references.map(|name| (name.clone(), format!("ref:{name}")))).collect()
    }

    fn flat(&self, glyph: impl Fn(&str) -> &'static str) -> Vec<Value> {
        let rows = self.rows.iter().map(|(target, entry)| {
            let states = states(entry);
            let mut row = json!({
                "customer": target.customer, "environment": target.environment,
                "wave": self.waves[target.wave], "state": entry.state.as_str(),
                "flows": entry.result.as_ref().map(|r| format!("{} of {}", r.flows_on, r.flows)),
            });
            for name in &self.references {
                let state = states.get(&name.to_lowercase()).map(String::as_str);
                row[format!("ref:{name}")] = match state {
                    Some(state) => format!("{}{state}", glyph(state)).into(),
                    None => Value::Null,
                };
            }
            row
        });
        rows.collect()
    }

    fn items(&self) -> Vec<Value> {
        let rows = self.rows.iter().map(|(target, entry)| {
            let result = entry.result.as_ref();
            let references: BTreeMap<&str, &str> = result
                .into_iter()
                .flat_map(|r| r.references.iter().map(|(n, s)| (n.as_str(), s.as_str())))
                .collect();
            json!({
                "customer": target.customer, "environment": target.environment,
                "wave": self.waves[target.wave], "state": entry.state.as_str(),
                "at": result.map(|r| r.at.as_str()),
                "references": references,
                "flows": result.map(|r| json!({"on": r.flows_on, "all": r.flows})),
                "refusals": result.map(|r| r.refusals.as_slice()).unwrap_or_default(),
                "why": entry.why,
            })
        });
        rows.collect()
    }

    /// What people want to know beside the rows.
    fn told(&self) {
        for (target, entry) in &self.rows {
            let name = format!("{} {}", target.customer, target.environment);
            if let Some(why) = &entry.why {
                note(&format!("{name}: {why}"));
            }
            let codes: BTreeSet<&str> =
                entry.result.iter().flat_map(|r| r.refusals.iter().map(String::as_str)).collect();
            for code in codes {
                note(&format!("{name}: {code} · connref explain {code}"));
            }
        }
        note(&self.sum());
    }

    /// One line about all of them.
    pub(crate) fn sum(&self) -> String {
        let mut words = vec![format!("{} environments", self.rows.len())];
        for state in [
            State::Deployed,
            State::Incomplete,
            State::Ready,
            State::Held,
            State::Refused,
            State::Failed,
            State::Waiting,
        ] {
            let count = self.count(state);
            if count > 0 {
                words.push(format!("{count} {}", state.as_str()));
            }
        }
        let all = self.rows.iter().flat_map(|(_, entry)| entry.result.iter());
        let all: Vec<&str> =
            all.flat_map(|r| r.references.iter().map(|(_, state)| state.as_str())).collect();
        let of = |state: &str| all.iter().filter(|one| **one == state).count();
        words.push(format!(
            "references: {} bound, {} missing, {} broken",
            of("bound"),
            of("missing"),
            of("broken")
        ));
        words.join(" · ")
    }
}

fn states(entry: &Entry) -> BTreeMap<String, String> {
    let references = entry.result.iter().flat_map(|result| &result.references);
    references.map(|(name, state)| (name.to_lowercase(), state.clone())).collect()
}

fn borrowed(columns: &[(String, String)]) -> Vec<(&str, &str)> {
    columns.iter().map(|(title, member)| (title.as_str(), member.as_str())).collect()
}
