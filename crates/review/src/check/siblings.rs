//! Packages that go to the same environment, looked at together once: what each of them has for the
//! others is answered without a walk over all.
use std::collections::HashMap;

use connref_solution::model::package::RuntimeSource;
use connref_solution::model::{FlowId, LogicalName};

use super::provided::{Connectors, Held, Provided};
use super::source::CheckSource;

/// Packages that go to the same environment.
#[derive(Debug)]
pub struct Siblings<'a> {
    sources: Vec<&'a CheckSource>,
    pub(super) provided: Provided,
    pub(super) connectors: Connectors<'a>,
    /// Flows that are called as a child, with a caller's name.
    pub(super) called: HashMap<&'a FlowId, Held<&'a str>>,
    /// References that something modelled uses: flows, canvas apps, agents.
    pub(super) used: HashMap<&'a LogicalName, Held<()>>,
    /// Flows with connections of their caller.
    pub(super) invoker: HashMap<&'a str, Held<()>>,
}

impl<'a> Siblings<'a> {
    /// Looks at packages. One that is there twice counts once.
    pub fn of(packages: impl IntoIterator<Item = &'a CheckSource>) -> Self {
        let mut sources: Vec<&CheckSource> = Vec::new();
        let mut seen = HashMap::new();
        for source in packages {
            if seen.insert(std::ptr::from_ref(source), ()).is_none() {
                sources.push(source);
            }
        }
        let packages = || sources.iter().map(|source| &source.package);
        let mut all = Self {
            provided: Provided::of(packages()),
            connectors: Connectors::of(packages()),
            called: HashMap::new(),
            used: HashMap::new(),
            invoker: HashMap::new(),
            sources: Vec::new(),
        };
        for (owner, source) in sources.iter().enumerate() {
            all.add(owner, source);
        }
        all.sources = sources;
        all
    }

    fn add(&mut self, owner: usize, source: &'a CheckSource) {
        for name in used(source) {
            Held::add(&mut self.used, name, owner, ());
        }
        for flow in &source.flows {
            for child in &flow.body.children {
                Held::add(&mut self.called, child, owner, &flow.name);
            }
            if flow.body.references.iter().any(|e| e.source == RuntimeSource::Invoker) {
                Held::add(&mut self.invoker, flow.id.as_str(), owner, ());
            }
        }
    }

    /// Which of them a package is; one that is none of them has all of them beside it.
    pub(super) fn position(&self, source: &CheckSource) -> usize {
        let own = self.sources.iter().position(|one| std::ptr::eq(*one, source));
        own.unwrap_or(self.sources.len())
    }
}

/// References that something modelled in a package uses.
pub(super) fn used(source: &CheckSource) -> impl Iterator<Item = &LogicalName> {
    let flows = source.flows.iter().flat_map(|f| &f.body.references);
    let apps = source.package.canvas_apps.iter().flat_map(|a| &a.sources);
    flows
        .filter_map(|r| r.logical_name.as_ref())
        .chain(apps.filter_map(|s| s.reference.as_ref()))
        .chain(source.package.agent_uses.iter().map(|(_, name)| name))
}
