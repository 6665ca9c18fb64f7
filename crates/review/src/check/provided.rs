//! What a package provides, looked up by kind and name.
use std::collections::{HashMap, HashSet};

use connref_solution::model::package::{FlowReference, PackageConnector, PackageReference};
use connref_solution::model::{ApiName, Package};

use super::connector;

/// Component type of a workflow, a canvas app, a connector, a variable.
const WORKFLOW: &str = "29";
const CANVAS_APP: &str = "300";
const CONNECTOR: &str = "372";
const VARIABLE: &str = "environmentvariabledefinition";
const REFERENCE: &str = "connectionreference";

/// Components by type and name, all in lower case.
#[derive(Default)]
pub(crate) struct Provided(HashSet<(String, String)>);

impl Provided {
    pub(super) fn of<'p>(packages: impl Iterator<Item = &'p Package>) -> Self {
        let mut provided = Self::default();
        for package in packages {
            package
                .references
                .iter()
                .for_each(|r| provided.add(REFERENCE, r.logical_name.as_str()));
            package.variables.iter().for_each(|v| provided.add(VARIABLE, v.schema_name.as_str()));
            package.workflows.iter().for_each(|w| provided.add(WORKFLOW, w.id.as_str()));
            package.canvas_apps.iter().for_each(|a| provided.add(CANVAS_APP, &a.name));
            for own in &package.connectors {
                provided.add(CONNECTOR, &own.name);
                provided.add(CONNECTOR, &own.id);
            }
            for root in &package.manifest.root_components {
                let kind = root.kind.to_string();
                [&root.id, &root.schema_name]
                    .into_iter()
                    .flatten()
                    .for_each(|n| provided.add(&kind, n));
            }
        }
        provided
    }

    fn add(&mut self, kind: &str, name: &str) {
        self.0.insert((kind.to_owned(), name.to_lowercase()));
    }

    pub(super) fn has(&self, kind: &str, name: &str) -> bool {
        let kind = match kind.to_ascii_lowercase() {
            number if number == "380" => VARIABLE.to_owned(),
            kind => kind,
        };
        self.0.contains(&(kind, name.to_lowercase()))
    }

    pub(super) fn reference(&self, name: &str) -> bool {
        self.has(REFERENCE, name)
    }

    pub(super) fn variable(&self, name: &str) -> bool {
        self.has(VARIABLE, name)
    }
}

/// Custom connectors by whatever they may be called.
#[derive(Default)]
pub(crate) struct Connectors<'a> {
    by_id: HashMap<String, &'a PackageConnector>,
    by_base: HashMap<String, &'a PackageConnector>,
    by_logical: HashMap<String, &'a PackageConnector>,
}

impl<'a> Connectors<'a> {
    pub(super) fn of(packages: impl Iterator<Item = &'a Package>) -> Self {
        let mut found = Self::default();
        for own in packages.flat_map(|p| &p.connectors) {
            found.by_id.entry(own.id.to_lowercase()).or_insert(own);
            found.by_base.entry(connector::connector_base(own)).or_insert(own);
            found.by_logical.entry(own.logical_name().key()).or_insert(own);
            found.by_logical.entry(own.name.to_lowercase()).or_insert(own);
        }
        found
    }

    pub(super) fn by_id(&self, id: &str) -> Option<&'a PackageConnector> {
        self.by_id.get(&id.to_lowercase()).copied()
    }

    fn by_api(&self, api: &ApiName) -> Option<&'a PackageConnector> {
        self.by_base.get(&connector::base(api)).copied()
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
            .and_then(|name| self.by_logical.get(&name.key()).copied())
            .or_else(|| self.by_api(&entry.api_name))
    }
}
