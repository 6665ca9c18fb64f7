//! A solution made of an exported flow package.
use connref_solution::Archive;
use connref_solution::artefact::legacy_package::legacy_package_read;
use connref_solution::document::json::{JsonDocument, JsonError, pointer_escape};
use connref_solution::model::legacy::{LegacyFlow, LegacyPackage};
use connref_solution::model::package::{Manifest, Publisher, RootComponent, Workflow};
use connref_solution::model::{ApiName, FlowId, Package};
use serde_json::Value;

use super::name::{connector_display_name, option_value_prefix, unique_name};
use super::solution::Work;
use super::{Change, MigrateError, MigrateOptions, Migration, write_new};

/// Component type number of a flow, and its category.
const WORKFLOW: u32 = 29;
const CLOUD_FLOW: i32 = 5;
/// English, the language that an export without any other has.
const LANGUAGE: u32 = 1033;

/// Makes a solution of a flow package. Nothing of the maker gets into it: account names of
/// connections are not read, and the marks of the service (`metadata` with its creator) go.
pub(super) fn legacy_migrate(
    archive: &Archive,
    options: &MigrateOptions,
) -> Result<Migration, MigrateError> {
    let legacy = legacy_package_read(archive)?;
    let mut work = Work::default();
    let prefix = options.prefix.clone().unwrap_or_else(|| "new".to_owned());
    let mut package =
        Package { manifest: manifest(&legacy, options, &prefix), ..Package::default() };
    for flow in &legacy.flows {
        let workflow = workflow(flow)
            .map_err(|source| MigrateError::Rewrite { flow: flow.name.clone(), source })?;
        package.manifest.root_components.push(RootComponent {
            kind: WORKFLOW,
            id: Some(workflow.id.as_str().to_owned()),
            schema_name: None,
            behavior: 0,
        });
        package.workflows.push(workflow);
    }
    ids_distinct(&mut package);
    work.changes.push(Change::SolutionMade {
        unique_name: package.manifest.unique_name.clone(),
        flows: package.workflows.len(),
    });
    work.collect(&package);
    let shown = |api: &ApiName| {
        let told = legacy.api_display_name(api).map(str::to_owned);
        told.unwrap_or_else(|| connector_display_name(api))
    };
    work.bind(&mut package, &prefix, options.consolidate, &shown)?;
    notes(&legacy, &package, &mut work.notes);
    let (after, package) = write_new(&package)?;
    Ok(Migration {
        before: archive.clone(),
        after,
        package,
        changes: work.changes,
        kept_apart: work.kept_apart,
        notes: work.notes,
        connectors: None,
    })
}

fn notes(legacy: &LegacyPackage, package: &Package, notes: &mut Vec<String>) {
    notes.push(
        "the flows are off in the new solution: turn the old ones off before these go on, or both run".to_owned(),
    );
    for api in package.references.iter().map(|r| &r.api_name) {
        // Built-in connectors have no hash and no escapes in their names.
        if api.as_str().contains("-5f") || api.as_str().contains("-20") {
            notes.push(format!(
                "`{}` is a custom connector (`{api}`): its definition is not in the package, bring it into the environment first",
                legacy.api_display_name(api).map_or_else(|| connector_display_name(api), str::to_owned)
            ));
        }
    }
    notes.extend(legacy.problems.iter().map(|p| format!("{}: {}", p.part, p.message)));
}

fn manifest(legacy: &LegacyPackage, options: &MigrateOptions, prefix: &str) -> Manifest {
    let publisher = options.publisher_name.clone().unwrap_or_else(|| format!("{prefix}publisher"));
    // A description may hold whatever its maker wrote; what looks like an address stays behind.
    let description = Some(&legacy.description).filter(|text| !text.contains('@'));
    Manifest {
        unique_name: options
            .solution_name
            .clone()
            .unwrap_or_else(|| unique_name(&legacy.display_name)),
        display_name: legacy.display_name.clone(),
        description: description.cloned().unwrap_or_default(),
        version: "1.0.0.0".to_owned(),
        language: LANGUAGE,
        publisher: Publisher {
            display_name: publisher.clone(),
            unique_name: publisher,
            prefix: prefix.to_owned(),
            option_value_prefix: option_value_prefix(prefix),
        },
        ..Manifest::default()
    }
}

/// The flow in the form of solutions, off: its actions and their texts stay as they are.
fn workflow(flow: &LegacyFlow) -> Result<Workflow, JsonError> {
    Ok(Workflow {
        id: flow.id.clone(),
        name: flow.name.clone(),
        description: None,
        category: CLOUD_FLOW,
        state_code: 0,
        modern_flow_type: Some(0),
        json_file_name: None,
        client_data: Some(body(flow)?.text().to_owned()),
    })
}

fn body(flow: &LegacyFlow) -> Result<JsonDocument, JsonError> {
    let mut document = JsonDocument::parse(flow.body.as_bytes())?;
    let keys = |document: &JsonDocument, at: &str| -> Vec<String> {
        let map = document.value().pointer(at).and_then(Value::as_object);
        map.into_iter().flat_map(|map| map.keys().cloned()).collect()
    };
    for key in keys(&document, "").iter().filter(|key| *key != "properties") {
        document.remove(&format!("/{}", pointer_escape(key)))?;
    }
    let wanted = ["definition", "connectionReferences"];
    for key in keys(&document, "/properties").iter().filter(|key| !wanted.contains(&key.as_str())) {
        document.remove(&format!("/properties/{}", pointer_escape(key)))?;
    }
    if document.value().pointer("/properties/definition/metadata").is_some() {
        document.remove("/properties/definition/metadata")?;
    }
    references_complete(&mut document, flow)?;
    document.set("/properties/templateName", &Value::String(String::new()))?;
    document.set("/schemaVersion", &Value::String("1.0.0.0".to_owned()))?;
    Ok(document)
}

/// Every package has the map, and `apisMap.json` tells connectors that an entry does not.
fn references_complete(document: &mut JsonDocument, flow: &LegacyFlow) -> Result<(), JsonError> {
    const MAP: &str = "/properties/connectionReferences";
    if !document.value().pointer(MAP).is_some_and(Value::is_object) {
        document.set(MAP, &Value::Object(serde_json::Map::new()))?;
    }
    let map = document.value().pointer(MAP).and_then(Value::as_object);
    let lacks = |key: &str, member: &str| {
        let entry = map.and_then(|map| map.get(key)).and_then(Value::as_object);
        entry.is_some_and(|entry| {
            let text = entry.get(member).and_then(Value::as_str).unwrap_or_default();
            text.is_empty() && !entry.contains_key("api")
        })
    };
    let mut seen = std::collections::HashSet::new();
    let ids = flow.apis.iter().map(|(key, api)| (key, "id", api.connector_id()));
    let names = flow.connections.iter().map(|(key, id)| (key, "connectionName", id.clone()));
    let changes: Vec<(String, Value)> = ids
        .chain(names)
        .filter(|(key, member, _)| lacks(key, member) && seen.insert((*key, *member)))
        .map(|(key, member, to)| {
            (format!("{MAP}/{}/{member}", pointer_escape(key)), Value::String(to))
        })
        .collect();
    document.set_all(&changes)
}

/// Two flows of one package may carry one id if somebody copied it by hand: the later one gets
/// another, made of the first.
fn ids_distinct(package: &mut Package) {
    let mut seen = std::collections::HashSet::new();
    for at in 0..package.workflows.len() {
        let mut id = package.workflows[at].id.clone();
        let mut turn = 1u32;
        while !seen.insert(id.clone()) {
            let head = package.workflows[at].id.as_str();
            let tail = format!("{turn:012x}");
            id = FlowId::new(&format!("{}{tail}", &head[..head.len().saturating_sub(12)]));
            turn += 1;
        }
        package.manifest.root_components[at].id = Some(id.as_str().to_owned());
        package.workflows[at].id = id;
    }
}
