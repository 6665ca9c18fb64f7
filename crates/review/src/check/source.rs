//! What is checked: a solution or an exported flow package, read once.
use std::collections::HashMap;

use connref_solution::artefact::Problems;
use connref_solution::artefact::workflow_json::flow_body_of;
use connref_solution::model::id::is_guid;
use connref_solution::model::package::{FlowBody, Problem, Workflow};
use connref_solution::model::{FlowId, Package};
use connref_solution::{Archive, PackageError, package_read};
use serde_json::Value;

/// A solution or an exported flow package, read for checking.
#[derive(Clone, Debug)]
pub struct CheckSource {
    pub(crate) archive: Archive,
    /// The model; of a flow package empty but for its name.
    pub(crate) package: Package,
    pub(crate) legacy: bool,
    pub(crate) flows: Vec<SourceFlow>,
    /// Bodies that could not be read.
    pub(crate) broken: Vec<Broken>,
}

/// A cloud flow with its body.
#[derive(Clone, Debug)]
pub(crate) struct SourceFlow {
    pub(crate) id: FlowId,
    pub(crate) name: String,
    /// Part of the body, as the archive spells it.
    pub(crate) part: String,
    pub(crate) value: Value,
    pub(crate) body: FlowBody,
}

/// A flow without a body that can be read.
#[derive(Clone, Debug)]
pub(crate) struct Broken {
    pub(crate) id: FlowId,
    pub(crate) name: String,
    pub(crate) part: String,
    pub(crate) reason: String,
    pub(crate) line: usize,
    pub(crate) column: usize,
}

impl CheckSource {
    /// Reads an archive: a solution in any layout, or a flow package.
    ///
    /// # Errors
    /// What is neither, or has a manifest that cannot be read. A flow that cannot be read is a
    /// finding later on.
    pub fn read(archive: Archive) -> Result<Self, PackageError> {
        let definitions = legacy_definitions(&archive);
        if !definitions.is_empty() && archive.part("solution.xml").is_none() {
            return legacy_read(archive, &definitions);
        }
        let package = package_read(&archive)?;
        let mut source = Self { archive, package, legacy: false, flows: vec![], broken: vec![] };
        let bodies = bodies(&source.archive);
        let Self { archive, package, flows, broken, .. } = &mut source;
        for flow in package.workflows.iter().filter(|w| w.is_cloud_flow()) {
            // A flow without a body of its own lives elsewhere (a patch that only renames it).
            let Some(named) = &flow.json_file_name else { continue };
            let part = part_of(archive, &bodies, flow).unwrap_or(named).to_owned();
            let text = flow.client_data.as_deref();
            let facts = (flow.id.clone(), flow.name.as_str(), part);
            match read_flow(facts, text, &package.problems) {
                Ok(flow) => flows.push(flow),
                Err(flow) => broken.push(flow),
            }
        }
        Ok(source)
    }

    /// The model that was read.
    pub fn package(&self) -> &Package {
        &self.package
    }

    /// Whether it is an exported flow package, not a solution.
    pub fn is_flow_package(&self) -> bool {
        self.legacy
    }

    /// The name it has for people: the solution's unique name, else where it was read from.
    pub fn name(&self) -> &str {
        let name = &self.package.manifest.unique_name;
        if name.is_empty() { self.archive.label() } else { name }
    }
}

/// The definitions of a flow package.
fn legacy_definitions(archive: &Archive) -> Vec<String> {
    let definition = |name: &str| {
        let key = name.to_ascii_lowercase();
        let Some(rest) = key.strip_prefix("microsoft.flow/flows/") else { return false };
        rest.split_once('/').is_some_and(|(_, file)| file == "definition.json")
    };
    archive.parts().map(|p| p.name()).filter(|n| definition(n)).map(str::to_owned).collect()
}

fn legacy_read(archive: Archive, definitions: &[String]) -> Result<CheckSource, PackageError> {
    let package = Package::default();
    let mut source = CheckSource { archive, package, legacy: true, flows: vec![], broken: vec![] };
    for part in definitions {
        let id = FlowId::new(part.split('/').nth(2).unwrap_or_default());
        let bytes = source.archive.bytes(part)?.unwrap_or_default();
        let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
        let text = std::str::from_utf8(bytes).ok();
        match read_flow((id, "", part.clone()), text, &[]) {
            Ok(mut flow) => {
                let shown = flow.value.pointer("/properties/displayName").and_then(Value::as_str);
                flow.name = shown.unwrap_or(flow.id.as_str()).to_owned();
                source.flows.push(flow);
            }
            Err(mut flow) => {
                flow.name = flow.id.to_string();
                source.broken.push(flow);
            }
        }
    }
    Ok(source)
}

fn read_flow(
    (id, name, part): (FlowId, &str, String),
    text: Option<&str>,
    problems: &[Problem],
) -> Result<SourceFlow, Broken> {
    let name = if name.is_empty() { id.as_str().to_owned() } else { name.to_owned() };
    let Some(text) = text else {
        let known = problems.iter().find(|p| p.part.trim_start_matches('/') == part);
        let reason = known.map_or("the body is missing", |p| p.message.as_str()).to_owned();
        return Err(Broken { id, name, part, reason, line: 0, column: 0 });
    };
    match serde_json::from_str::<Value>(text) {
        Ok(value) => {
            let mut odd = Vec::new();
            let body = flow_body_of(&value, &mut Problems::new(&part, &mut odd));
            Ok(SourceFlow { id, name, part, value, body })
        }
        Err(error) => {
            let (line, column) = (error.line(), error.column());
            let reason = format!("the body is no JSON: {error}");
            Err(Broken { id, name, part, reason, line, column })
        }
    }
}

/// Body parts by the id at the end of their name: renamed files keep it.
fn bodies(archive: &Archive) -> HashMap<String, String> {
    let by_id = archive.parts().filter_map(|part| {
        let key = part.name().to_lowercase();
        let stem = key.strip_prefix("workflows/")?.strip_suffix(".json")?;
        let id = stem.get(stem.len().checked_sub(36)?..)?;
        is_guid(id).then(|| (id.to_owned(), part.name().to_owned()))
    });
    by_id.collect()
}

fn part_of<'a>(
    archive: &'a Archive,
    bodies: &'a HashMap<String, String>,
    flow: &Workflow,
) -> Option<&'a str> {
    let named = flow.json_file_name.as_deref()?;
    match archive.part(named) {
        Some(part) => Some(part.name()),
        None => bodies.get(flow.id.as_str()).map(String::as_str),
    }
}
