//! Migration of a solution.
use std::collections::{BTreeMap, HashSet};

use connref_solution::artefact::Problems;
use connref_solution::artefact::workflow_json::flow_body_of;
use connref_solution::document::json::{JsonDocument, JsonTree};
use connref_solution::model::package::{Managed, PackageConnector, PackageReference};
use connref_solution::model::{ApiName, LogicalName, Package};
use connref_solution::{Archive, package_edit, package_read};
use serde_json::Value;

use super::group::{Entry, Group, InUse, Mode, consolidate, group};
use super::name::{connector_display_name, hex5, prefix_is, reference_name};
use super::rewrite::{self, entry_bind, entry_clean};
use super::{Change, KeptApart, MigrateError, MigrateOptions, Migration};

/// Connections migrated at most; the largest real solutions have some dozens without reference.
const MAX_ENTRIES: usize = 2_000;

/// Gives every connection of a solution a reference.
pub(super) fn solution_migrate(
    archive: &Archive,
    options: &MigrateOptions,
) -> Result<Migration, MigrateError> {
    let mut package = package_read(archive)?;
    let mut work = Work::default();
    work.collect(&package);
    let prefix = prefix(&package, options);
    work.bind(&mut package, &prefix, options.consolidate, &connector_display_name)?;
    if !work.changes.is_empty() && package.manifest.managed == Managed::Managed {
        work.notes.push(
            "the package is managed: migrate the unmanaged solution it was exported from too, or its next export brings the connections back".to_owned(),
        );
    }
    let after =
        if work.changes.is_empty() { archive.clone() } else { package_edit(archive, &package)? };
    Ok(Migration {
        before: archive.clone(),
        package: package_read(&after)?,
        after,
        changes: work.changes,
        kept_apart: work.kept_apart,
        notes: work.notes,
        connectors: None,
    })
}

/// The prefix of new names: what was asked for, else the publisher's.
fn prefix(package: &Package, options: &MigrateOptions) -> String {
    let own = &package.manifest.publisher.prefix;
    options
        .prefix
        .clone()
        .unwrap_or_else(|| if prefix_is(own) { own.clone() } else { "new".to_owned() })
}

/// What is known of the flows and what was done so far.
#[derive(Default)]
pub(super) struct Work {
    documents: BTreeMap<usize, JsonDocument>,
    entries: Vec<Entry>,
    /// Entries that name a connection beside a reference: flow, key, reference, connector.
    named_twice: Vec<(usize, String, LogicalName, ApiName)>,
    in_use: InUse,
    pub(super) changes: Vec<Change>,
    pub(super) kept_apart: Vec<KeptApart>,
    pub(super) notes: Vec<String>,
}

impl Work {
    /// Reads the maps of all cloud flows.
    pub(super) fn collect(&mut self, package: &Package) {
        for (at, flow) in package.workflows.iter().enumerate().filter(|(_, w)| w.is_cloud_flow()) {
            let Some(text) = &flow.client_data else { continue };
            let bytes = text.as_bytes();
            let read = JsonDocument::parse(bytes).and_then(|d| Ok((d, JsonTree::parse(bytes)?)));
            let (document, tree) = match read {
                Ok(read) => read,
                Err(error) => {
                    self.notes.push(format!("the flow `{}` cannot be read: {error}", flow.name));
                    continue;
                }
            };
            let mut odd = Vec::new();
            let mut problems = Problems::new(&flow.name, &mut odd);
            let body = flow_body_of(tree.root(), &mut problems);
            for reference in &body.references {
                let api = api_of(&reference.api_name, &reference.key, document.value());
                let mode = Mode::of(reference);
                if let Some(name) = &reference.logical_name {
                    self.in_use.add(name, at, mode);
                    if reference.connection_name.is_some() {
                        let key = reference.key.clone();
                        self.named_twice.push((
                            at,
                            key,
                            name.clone(),
                            api.unwrap_or_else(|| reference.api_name.clone()),
                        ));
                    }
                    continue;
                }
                let Some(api) = api else {
                    self.notes.push(format!(
                        "`{}` of the flow `{}` names no connector; it is left as it is",
                        reference.key, flow.name
                    ));
                    continue;
                };
                self.entries.push(Entry {
                    flow: at,
                    flow_id: flow.id.clone(),
                    flow_name: flow.name.clone(),
                    key: reference.key.clone(),
                    api,
                    api_logical_name: reference.api_logical_name.clone(),
                    mode,
                    connection: reference.connection_name.clone(),
                });
            }
            self.documents.insert(at, document);
        }
    }

    /// Makes the references and names them in the maps.
    pub(super) fn bind(
        &mut self,
        package: &mut Package,
        prefix: &str,
        sharing: bool,
        display_name: &dyn Fn(&ApiName) -> String,
    ) -> Result<(), MigrateError> {
        let found = self.entries.len() + self.named_twice.len();
        if found > MAX_ENTRIES {
            return Err(MigrateError::TooMany { found, limit: MAX_ENTRIES });
        }
        let mut groups = group(std::mem::take(&mut self.entries));
        if sharing {
            (groups, self.kept_apart) = consolidate(groups, package, &self.in_use);
        }
        let mut bound = Vec::new();
        let mut rewrites: BTreeMap<usize, Vec<rewrite::Change>> = BTreeMap::new();
        for group in &groups {
            let name = match &group.existing {
                Some(name) => name.clone(),
                None => self.reference_add(package, group, prefix, display_name),
            };
            for entry in &group.entries {
                let Some(document) = self.documents.get(&entry.flow) else { continue };
                let list = rewrites.entry(entry.flow).or_default();
                list.extend(entry_bind(document, entry, &name));
                bound.push(Change::EntryBound {
                    flow: entry.flow_name.clone(),
                    key: entry.key.clone(),
                    reference: name.clone(),
                });
            }
            if let Some(reason) = &group.reason {
                let (entries, reason) = (group.entries.len(), reason.clone());
                bound.push(Change::Shared { reference: name, entries, reason });
            }
        }
        self.changes.append(&mut bound);
        self.clean(package, &mut rewrites);
        for (at, changes) in rewrites {
            let Some(document) = self.documents.get_mut(&at) else { continue };
            let flow = &mut package.workflows[at];
            document
                .set_all(&changes)
                .map_err(|source| MigrateError::Rewrite { flow: flow.name.clone(), source })?;
            flow.client_data = Some(document.text().to_owned());
        }
        Ok(())
    }

    fn reference_add(
        &mut self,
        package: &mut Package,
        group: &Group,
        prefix: &str,
        display_name: &dyn Fn(&ApiName) -> String,
    ) -> LogicalName {
        let first = group.first();
        let taken: HashSet<LogicalName> =
            package.references.iter().map(|r| r.logical_name.clone()).collect();
        let seed = format!("{}|{}", package.manifest.unique_name.to_lowercase(), group.seed());
        // Five digits may meet by chance: then the next ones are taken.
        let (hex, name) = (0u32..)
            .map(|turn| hex5(&if turn == 0 { seed.clone() } else { format!("{seed}|{turn}") }))
            .map(|hex| {
                let name = LogicalName::from(reference_name(prefix, &first.api, &hex));
                (hex, name)
            })
            .find(|(_, name)| !taken.contains(name))
            .expect("the numbers do not end before a free name is found");
        let connector = connector_of(package, group);
        let custom = connector.map(|c| c.id.clone()).filter(|id| !id.is_empty());
        let shown = match connector {
            Some(connector) if !connector.display_name.is_empty() => connector.display_name.clone(),
            _ => display_name(&first.api),
        };
        let display_name = format!("{shown} {}-{hex}", package.manifest.unique_name);
        self.changes.push(Change::ReferenceAdded {
            reference: name.clone(),
            display_name: display_name.clone(),
            api_name: first.api.clone(),
        });
        package.references.push(PackageReference {
            logical_name: name.clone(),
            display_name,
            description: None,
            api_name: first.api.clone(),
            custom_connector_id: custom,
            customizable: true,
            prompting_behavior: Some(0),
        });
        name
    }

    fn clean(&mut self, package: &Package, rewrites: &mut BTreeMap<usize, Vec<rewrite::Change>>) {
        for (at, key, reference, api) in std::mem::take(&mut self.named_twice) {
            let Some(document) = self.documents.get(&at) else { continue };
            if let Some(change) = entry_clean(document, &key, &reference, api.as_str()) {
                rewrites.entry(at).or_default().push(change);
                let flow = package.workflows[at].name.clone();
                self.changes.push(Change::NameDropped { flow, key });
            }
        }
    }
}

/// The connector of an entry: as it says; else as the actions say that use its key; else the key
/// itself, which the designer makes of the connector and a number.
fn api_of(named: &ApiName, key: &str, body: &Value) -> Option<ApiName> {
    if !named.as_str().is_empty() {
        return Some(named.clone());
    }
    if let Some(id) = api_id_of(body, key) {
        return Some(ApiName::from_connector_id(&id));
    }
    let stem = match key.rsplit_once('_') {
        Some((stem, number)) if number.bytes().all(|b| b.is_ascii_digit()) => stem,
        _ => key,
    };
    (stem.starts_with("shared_") && stem.len() > "shared_".len()).then(|| ApiName::new(stem))
}

/// `apiId` of the first host with that connection key. The depth is that of the JSON.
fn api_id_of(value: &Value, key: &str) -> Option<String> {
    match value {
        Value::Object(map) => {
            if map.get("connectionName").and_then(Value::as_str) == Some(key)
                && let Some(id) = map.get("apiId").and_then(Value::as_str)
                && !id.is_empty()
            {
                return Some(id.to_owned());
            }
            map.values().find_map(|inner| api_id_of(inner, key))
        }
        Value::Array(list) => list.iter().find_map(|inner| api_id_of(inner, key)),
        _ => None,
    }
}

/// The package's own connector that a group uses.
fn connector_of<'p>(package: &'p Package, group: &Group) -> Option<&'p PackageConnector> {
    let first = group.first();
    let wanted = first.api.without_hash();
    package.connectors.iter().find(|connector| {
        let encoded = connector.name.to_lowercase().replace("_5f", "-5f");
        first.api_logical_name.as_ref() == Some(&connector.logical_name())
            || format!("shared_{encoded}") == wanted
    })
}
