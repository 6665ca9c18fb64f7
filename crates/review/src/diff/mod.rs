//! Two versions of a solution compared: what an upgrade adds, changes and removes, which bindings
//! it will need, and in which order what goes away can go.
mod flow;
mod order;
mod unified;

use std::collections::{HashMap, HashSet};
use std::fmt;

use connref_solution::model::package::{Managed, PackageVariable, Problem};
use connref_solution::model::{ApiName, LogicalName, Package};

pub use flow::{FlowDiff, ItemDiff};
pub use unified::unified;

/// What became of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Change {
    /// Only the newer version has it.
    Added,
    /// Both have it, and it differs.
    Changed,
    /// Only the older version has it.
    Removed,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Added => "added",
            Self::Changed => "changed",
            Self::Removed => "removed",
        })
    }
}

/// One thing that differs, with what differs about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Logical, schema or display name.
    pub name: String,
    /// What became of it.
    pub change: Change,
    /// What differs, a sentence each without full stop.
    pub details: Vec<String>,
}

/// A binding that the newer version needs and the older one did not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NeededBinding {
    /// The reference.
    pub reference: LogicalName,
    /// Its connector.
    pub api_name: ApiName,
    /// Why.
    pub reason: String,
    /// Names of the flows that wait for it.
    pub flows: Vec<String>,
}

/// The differences of two packages. Lists are in the order of the packages: what the newer one
/// holds first, then what is gone.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PackageDiff {
    /// Name, version, managed or not, publisher: what differs about the solution itself.
    pub solution: Vec<String>,
    /// Whether both are versions of one solution.
    pub same_solution: bool,
    /// Connection references.
    pub references: Vec<Difference>,
    /// Bindings to make.
    pub bindings: Vec<NeededBinding>,
    /// Cloud flows.
    pub flows: Vec<FlowDiff>,
    /// Environment variables.
    pub variables: Vec<Difference>,
    /// Custom connectors.
    pub connectors: Vec<Difference>,
    /// What goes away, in an order in which nothing is removed while something still uses it.
    pub removal: Vec<String>,
    /// Flows whose body could not be read: they are compared as texts.
    pub problems: Vec<Problem>,
}

impl PackageDiff {
    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.solution.is_empty()
            && self.references.is_empty()
            && self.flows.is_empty()
            && self.variables.is_empty()
            && self.connectors.is_empty()
    }
}

/// Compares an older version with a newer one.
pub fn package_diff(before: &Package, after: &Package) -> PackageDiff {
    let mut diff = PackageDiff {
        solution: solution_diff(before, after),
        same_solution: before
            .manifest
            .unique_name
            .eq_ignore_ascii_case(&after.manifest.unique_name),
        references: references_diff(before, after),
        variables: variables_diff(before, after),
        connectors: connectors_diff(before, after),
        ..PackageDiff::default()
    };
    let compared = flow::flows_diff(before, after);
    diff.bindings = bindings(before, after, &compared.uses);
    diff.removal = order::removal(before, after, &diff, &compared);
    diff.flows = compared.flows;
    diff.problems = compared.problems;
    diff
}

/// A sentence if two texts differ.
fn differs(what: &str, from: &str, to: &str, details: &mut Vec<String>) {
    if from != to {
        details.push(match (from.is_empty(), to.is_empty()) {
            (true, _) => format!("{what} is now `{to}`"),
            (_, true) => format!("{what} `{from}` is gone"),
            _ => format!("{what} was `{from}`, is `{to}`"),
        });
    }
}

fn solution_diff(before: &Package, after: &Package) -> Vec<String> {
    let (a, b) = (&before.manifest, &after.manifest);
    let mut details = Vec::new();
    differs("the unique name", &a.unique_name, &b.unique_name, &mut details);
    differs("the version", &a.version, &b.version, &mut details);
    differs("the display name", &a.display_name, &b.display_name, &mut details);
    differs("the managed state", managed(a.managed), managed(b.managed), &mut details);
    differs("the publisher", &a.publisher.unique_name, &b.publisher.unique_name, &mut details);
    differs("the publisher's prefix", &a.publisher.prefix, &b.publisher.prefix, &mut details);
    details
}

fn managed(managed: Managed) -> &'static str {
    match managed {
        Managed::Unmanaged => "unmanaged",
        Managed::Managed => "managed",
        Managed::Both => "both",
    }
}

/// Compares two lists by key: first the newer one in its order, then what is gone.
fn lists<T>(
    before: &[T],
    after: &[T],
    key: impl Fn(&T) -> String,
    name: impl Fn(&T) -> String,
    details: impl Fn(&T, &T) -> Vec<String>,
) -> Vec<Difference> {
    let old: HashMap<String, &T> = before.iter().map(|item| (key(item), item)).collect();
    let new: HashSet<String> = after.iter().map(&key).collect();
    let mut found = Vec::new();
    for item in after {
        let (change, details) = match old.get(&key(item)) {
            None => (Change::Added, Vec::new()),
            Some(before) => (Change::Changed, details(before, item)),
        };
        if change == Change::Added || !details.is_empty() {
            found.push(Difference { name: name(item), change, details });
        }
    }
    for item in before.iter().filter(|item| !new.contains(&key(item))) {
        let (name, change) = (name(item), Change::Removed);
        found.push(Difference { name, change, details: Vec::new() });
    }
    found
}

fn references_diff(before: &Package, after: &Package) -> Vec<Difference> {
    lists(
        &before.references,
        &after.references,
        |r| r.logical_name.key(),
        |r| r.logical_name.to_string(),
        |a, b| {
            let mut details = Vec::new();
            if a.api_name.without_hash() != b.api_name.without_hash() {
                let (from, to) = (a.api_name.as_str(), b.api_name.as_str());
                differs("the connector", from, to, &mut details);
            }
            differs("the display name", &a.display_name, &b.display_name, &mut details);
            let text = |d: &Option<String>| d.clone().unwrap_or_default();
            let (from, to) = (text(&a.description), text(&b.description));
            differs("the description", &from, &to, &mut details);
            details
        },
    )
}

/// Values are not shown: a variable may hold anything.
fn variables_diff(before: &Package, after: &Package) -> Vec<Difference> {
    lists(
        &before.variables,
        &after.variables,
        |v| v.schema_name.key(),
        |v| v.schema_name.to_string(),
        |a, b| {
            let mut details = Vec::new();
            differs("the type", kind(a), kind(b), &mut details);
            differs("the display name", &a.display_name, &b.display_name, &mut details);
            let presence =
                |text: &Option<String>| text.as_ref().filter(|t| !t.is_empty()).is_some();
            let mut content = |what: &str, from: &Option<String>, to: &Option<String>| {
                if from.as_deref().unwrap_or_default() != to.as_deref().unwrap_or_default() {
                    details.push(match (presence(from), presence(to)) {
                        (false, true) => format!("{what} is new"),
                        (true, false) => format!("{what} is gone"),
                        _ => format!("{what} is another"),
                    });
                }
            };
            content("the default value", &a.default_value, &b.default_value);
            content("the value that travels in the package", &a.value, &b.value);
            if a.required != b.required {
                details.push(format!(
                    "it is {} required",
                    if b.required { "now" } else { "no longer" }
                ));
            }
            details
        },
    )
}

fn kind(variable: &PackageVariable) -> &'static str {
    match variable.kind {
        100_000_000 => "text",
        100_000_001 => "number",
        100_000_002 => "boolean",
        100_000_003 => "JSON",
        100_000_004 => "data source",
        100_000_005 => "secret",
        _ => "unknown",
    }
}

fn connectors_diff(before: &Package, after: &Package) -> Vec<Difference> {
    lists(
        &before.connectors,
        &after.connectors,
        |c| c.name.to_lowercase(),
        |c| if c.display_name.is_empty() { c.name.clone() } else { c.display_name.clone() },
        |a, b| {
            let mut details = Vec::new();
            differs("the display name", &a.display_name, &b.display_name, &mut details);
            for (what, from, to) in [
                ("the definition", &a.openapi_definition, &b.openapi_definition),
                ("the connection parameters", &a.connection_parameters, &b.connection_parameters),
                (
                    "the connection parameter sets",
                    &a.connection_parameter_sets,
                    &b.connection_parameter_sets,
                ),
                ("the policies", &a.policy_templates, &b.policy_templates),
            ] {
                if !same_json(from.as_deref(), to.as_deref()) {
                    details.push(format!(
                        "{what} differ{}",
                        if what.ends_with('s') { "" } else { "s" }
                    ));
                }
            }
            details
        },
    )
}

/// Layout does not count; what is no JSON is compared as text.
fn same_json(from: Option<&str>, to: Option<&str>) -> bool {
    if from == to {
        return true;
    }
    let parse =
        |text: Option<&str>| -> Option<serde_json::Value> { serde_json::from_str(text?).ok() };
    matches!((parse(from), parse(to)), (Some(a), Some(b)) if a == b)
}

/// A new reference needs a binding, and so does one whose connector is another now.
fn bindings(before: &Package, after: &Package, uses: &flow::Uses) -> Vec<NeededBinding> {
    let old: HashMap<_, _> = before.references.iter().map(|r| (&r.logical_name, r)).collect();
    let mut needed = Vec::new();
    for reference in &after.references {
        let name = &reference.logical_name;
        let reason = match old.get(name) {
            None => "the reference is new".to_owned(),
            Some(old) if old.api_name.without_hash() != reference.api_name.without_hash() => {
                format!("its connector was `{}`", old.api_name)
            }
            Some(_) => continue,
        };
        needed.push(NeededBinding {
            reference: name.clone(),
            api_name: reference.api_name.clone(),
            reason,
            flows: uses.get(name).cloned().unwrap_or_default(),
        });
    }
    needed
}

#[cfg(test)]
mod tests;
