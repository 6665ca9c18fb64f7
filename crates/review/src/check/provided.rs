//! What packages provide, looked up by kind and name.
use std::collections::HashMap;

use connref_solution::model::package::{FlowReference, PackageConnector, PackageReference};
use connref_solution::model::{ApiName, Package};

use super::connector;

/// Component type of a workflow, a canvas app, a connector, a variable.
const WORKFLOW: &str = "29";
const CANVAS_APP: &str = "300";
const CONNECTOR: &str = "372";
const VARIABLE: &str = "environmentvariabledefinition";
const REFERENCE: &str = "connectionreference";

/// Something that packages have, by the first of them and the first other one: enough to answer
/// for any package what the others have, however many there are.
#[derive(Debug)]
pub(super) struct Held<T> {
    first: (usize, T),
    second: Option<(usize, T)>,
}

impl<T: Copy> Held<T> {
    /// Notes that the package at `owner` has it; owners come in order.
    pub(super) fn add<K: std::hash::Hash + Eq>(
        map: &mut HashMap<K, Self>,
        key: K,
        owner: usize,
        value: T,
    ) {
        let held = map.entry(key).or_insert(Self { first: (owner, value), second: None });
        if held.first.0 != owner && held.second.is_none() {
            held.second = Some((owner, value));
        }
    }

    /// What another package than this one has.
    pub(super) fn beside(&self, me: usize) -> Option<T> {
        match self.first {
            (owner, value) if owner != me => Some(value),
            _ => self.second.map(|(_, value)| value),
        }
    }
}

/// Components by type and name, all in lower case.
#[derive(Debug, Default)]
pub(crate) struct Provided(HashMap<String, Held<()>>);

impl Provided {
    pub(super) fn of<'p>(packages: impl Iterator<Item = &'p Package>) -> Self {
        let mut provided = Self::default();
        for (owner, package) in packages.enumerate() {
            let mut add = |kind: &str, name: &str| {
                Held::add(&mut provided.0, component(kind, name), owner, ());
            };
            package.references.iter().for_each(|r| add(REFERENCE, r.logical_name.as_str()));
            package.variables.iter().for_each(|v| add(VARIABLE, v.schema_name.as_str()));
            package.workflows.iter().for_each(|w| add(WORKFLOW, w.id.as_str()));
            package.canvas_apps.iter().for_each(|a| add(CANVAS_APP, &a.name));
            for own in &package.connectors {
                add(CONNECTOR, &own.name);
                add(CONNECTOR, &own.id);
            }
            for root in &package.manifest.root_components {
                let kind = root.kind.to_string();
                [&root.id, &root.schema_name].into_iter().flatten().for_each(|n| add(&kind, n));
            }
        }
        provided
    }

    /// Whether any of the packages has it.
    pub(super) fn has(&self, kind: &str, name: &str) -> bool {
        self.0.contains_key(&wanted(kind, name))
    }

    fn has_beside(&self, kind: &str, name: &str, me: usize) -> bool {
        self.0.get(&wanted(kind, name)).is_some_and(|held| held.beside(me).is_some())
    }
}

fn component(kind: &str, name: &str) -> String {
    format!("{kind}/{}", name.to_lowercase())
}

fn wanted(kind: &str, name: &str) -> String {
    match kind.to_ascii_lowercase() {
        number if number == "380" => component(VARIABLE, name),
        kind => component(&kind, name),
    }
}

/// What the packages beside one provide.
#[derive(Clone, Copy)]
pub(crate) struct Beside<'a> {
    /// Of all packages, and which of them this is.
    pub(super) all: Option<(&'a Provided, usize)>,
}

impl Beside<'_> {
    pub(super) fn has(&self, kind: &str, name: &str) -> bool {
        self.all.is_some_and(|(all, me)| all.has_beside(kind, name, me))
    }

    pub(super) fn reference(&self, name: &str) -> bool {
        self.has(REFERENCE, name)
    }

    pub(super) fn variable(&self, name: &str) -> bool {
        self.has(VARIABLE, name)
    }
}

type Named<'a> = HashMap<String, Held<&'a PackageConnector>>;

/// Custom connectors by whatever they may be called.
#[derive(Debug, Default)]
pub(crate) struct Connectors<'a> {
    by_id: Named<'a>,
    by_base: Named<'a>,
    by_logical: Named<'a>,
    /// Where to look next: the connectors of all packages, and which of them this is.
    beside: Option<(&'a Connectors<'a>, usize)>,
}

impl<'a> Connectors<'a> {
    pub(super) fn of(packages: impl Iterator<Item = &'a Package>) -> Self {
        let mut found = Self::default();
        for (owner, package) in packages.enumerate() {
            for own in &package.connectors {
                Held::add(&mut found.by_id, own.id.to_lowercase(), owner, own);
                Held::add(&mut found.by_base, connector::connector_base(own), owner, own);
                Held::add(&mut found.by_logical, own.logical_name().key(), owner, own);
                Held::add(&mut found.by_logical, own.name.to_lowercase(), owner, own);
            }
        }
        found
    }

    /// The same, and those of the packages beside it.
    pub(super) fn with(self, beside: Option<(&'a Connectors<'a>, usize)>) -> Self {
        Self { beside, ..self }
    }

    fn find(&self, map: fn(&Self) -> &Named<'a>, key: &str) -> Option<&'a PackageConnector> {
        let own = map(self).get(key).map(|held| held.first.1);
        own.or_else(|| {
            let (all, me) = self.beside?;
            map(all).get(key)?.beside(me)
        })
    }

    pub(super) fn by_id(&self, id: &str) -> Option<&'a PackageConnector> {
        self.find(|c| &c.by_id, &id.to_lowercase())
    }

    fn by_api(&self, api: &ApiName) -> Option<&'a PackageConnector> {
        if self.by_base.is_empty() && self.beside.is_none_or(|(all, _)| all.by_base.is_empty()) {
            return None;
        }
        self.find(|c| &c.by_base, &connector::base(api))
    }

    /// The connector that a reference is for.
    pub(crate) fn of_reference(
        &self,
        reference: &PackageReference,
    ) -> Option<&'a PackageConnector> {
        let id = reference.custom_connector_id.as_deref();
        id.and_then(|id| self.by_id(id)).or_else(|| self.by_api(&reference.api_name))
    }

    /// The connector that a flow's entry means.
    pub(crate) fn of_entry(&self, entry: &FlowReference) -> Option<&'a PackageConnector> {
        let logical = entry.api_logical_name.as_ref();
        logical
            .and_then(|name| self.find(|c| &c.by_logical, &name.key()))
            .or_else(|| self.by_api(&entry.api_name))
    }
}
