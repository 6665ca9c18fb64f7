//! The bodies of a package's cloud flows, read for what an import judges.
use std::collections::BTreeMap;

use crate::artefact::Problems;
use crate::artefact::workflow_json::flow_body_of;
use crate::document::json::{JsonError, JsonTree};
use crate::model::package::{FlowBody, Workflow};
use crate::model::{FlowId, Package};

/// A flow whose body is no JSON that can be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the flow `{flow}` in `{part}`")]
pub struct BodyError {
    /// Name of the flow.
    pub flow: String,
    /// The part that holds it.
    pub part: String,
    /// Why.
    #[source]
    pub source: JsonError,
}

/// What the bodies of the cloud flows say, by flow.
///
/// # Errors
/// The first body that cannot be read: an import of a flow nobody understands would turn on what
/// nobody judged.
pub fn flow_bodies(package: &Package) -> Result<BTreeMap<FlowId, FlowBody>, BodyError> {
    let mut bodies = BTreeMap::new();
    for workflow in package.workflows.iter().filter(|w| w.is_cloud_flow()) {
        let Some(text) = &workflow.client_data else { continue };
        let body = body(workflow, text).map_err(|source| BodyError {
            flow: workflow.name.clone(),
            part: workflow.json_file_name.clone().unwrap_or_else(|| "clientdata".to_owned()),
            source,
        })?;
        bodies.insert(workflow.id.clone(), body);
    }
    Ok(bodies)
}

fn body(workflow: &Workflow, text: &str) -> Result<FlowBody, JsonError> {
    let tree = JsonTree::parse(text.as_bytes())?;
    let mut found = Vec::new();
    let mut problems = Problems::new(&workflow.name, &mut found);
    Ok(flow_body_of(tree.root(), &mut problems))
}
