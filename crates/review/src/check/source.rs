//! What is checked: a solution or an exported flow package, read once.
use connref_solution::artefact::Problems;
use connref_solution::artefact::workflow_json::flow_body_of;
use connref_solution::document::json::{JsonError, JsonNode, JsonTree};
use connref_solution::model::package::FlowBody;
use connref_solution::model::{FlowId, Package};
use connref_solution::{Archive, OpenBody, OpenBodyError, PackageError, package_open};

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
    pub(crate) tree: JsonTree,
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
        let (package, bodies) =
            package_open(&archive, |flow, OpenBody { part, value }| match value {
                Ok(tree) => Ok(flow_of(&flow.id, &flow.name, part, tree)),
                Err(error) => Err(broken_of(&flow.id, &flow.name, part, &error)),
            })?;
        let mut source = Self { archive, package, legacy: false, flows: vec![], broken: vec![] };
        for body in bodies {
            match body {
                Ok(flow) => source.flows.push(flow),
                Err(broken) => source.broken.push(broken),
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
        match tree_of(&source.archive, part) {
            Ok(tree) => {
                let mut flow = flow_of(&id, "", part.clone(), tree);
                let shown =
                    flow.tree.root().at("/properties/displayName").and_then(JsonNode::as_str);
                flow.name = shown.unwrap_or(flow.id.as_str()).to_owned();
                source.flows.push(flow);
            }
            Err(error) => source.broken.push(broken_of(&id, "", part.clone(), &error)),
        }
    }
    Ok(source)
}

fn tree_of(archive: &Archive, part: &str) -> Result<JsonTree, OpenBodyError> {
    let bytes = archive.read_part(part)?.ok_or(OpenBodyError::Missing)?;
    Ok(JsonTree::parse_owned(bytes.into_owned())?)
}

fn flow_of(id: &FlowId, name: &str, part: String, tree: JsonTree) -> SourceFlow {
    let mut odd = Vec::new();
    let body = flow_body_of(tree.root(), &mut Problems::new(&part, &mut odd));
    SourceFlow { id: id.clone(), name: name_of(id, name), part, tree, body }
}

fn broken_of(id: &FlowId, name: &str, part: String, error: &OpenBodyError) -> Broken {
    let (line, column, reason) = match error {
        OpenBodyError::Json(JsonError::Syntax { source }) => {
            (source.line(), source.column(), format!("the body is no JSON: {source}"))
        }
        OpenBodyError::Archive(error) => {
            let source = std::error::Error::source(error).map(|cause| format!(": {cause}"));
            (0, 0, format!("{error}{}", source.unwrap_or_default()))
        }
        other => (0, 0, other.to_string()),
    };
    Broken { id: id.clone(), name: name_of(id, name), part, reason, line, column }
}

fn name_of(id: &FlowId, name: &str) -> String {
    if name.is_empty() { id.as_str().to_owned() } else { name.to_owned() }
}
