//! From an archive to the model with the bodies of flows as trees: each is parsed once, and one that
//! is broken does not take the others along.
use super::PackageError;
use super::read::{Bodies, read};
use crate::archive::{Archive, ArchiveError};
use crate::document::json::{JsonError, JsonTree};
use crate::model::Package;
use crate::model::package::Workflow;

/// Values and names in the bodies of all flows together. Those of the largest real solutions stay
/// far below.
const MAX_VALUES: usize = 3_000_000;

/// The body of a cloud flow.
#[derive(Debug)]
pub struct OpenBody {
    /// Index of the flow in [`Package::workflows`].
    pub flow: usize,
    /// The part that holds it, as the archive spells it; as the flow names it if there is none.
    pub part: String,
    /// What it holds.
    pub value: Result<JsonTree, OpenBodyError>,
}

/// Why a body could not be read.
#[derive(Debug, thiserror::Error)]
pub enum OpenBodyError {
    /// The flow names a part that is not there.
    #[error("the body is missing")]
    Missing,
    /// Damaged content.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// No JSON, or too much of it.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// The flows before it hold too much.
    #[error("refused JSON: the flows of the package hold more than {limit} values and names")]
    Values {
        /// The bound.
        limit: usize,
    },
}

/// Reads a solution as [`super::package_read`] does, but leaves the texts of flows out and gives
/// the values of cloud flows that have a body of their own.
///
/// # Errors
/// As [`super::package_read`]; a body that cannot be read is none.
pub fn package_open(archive: &Archive) -> Result<(Package, Vec<OpenBody>), PackageError> {
    let names = Bodies::of(archive);
    let (mut bodies, mut total) = (Vec::new(), 0);
    let package = read(archive, |flow, workflow, _| {
        // A flow without a body of its own lives elsewhere (a patch that only renames it).
        if workflow.is_cloud_flow()
            && let Some(named) = &workflow.json_file_name
        {
            let part = names.part(archive, workflow).unwrap_or(named).to_owned();
            let value = body(archive, &names, workflow, &mut total);
            bodies.push(OpenBody { flow, part, value });
        }
        Ok(())
    })?;
    Ok((package, bodies))
}

fn body(
    archive: &Archive,
    names: &Bodies,
    workflow: &Workflow,
    total: &mut usize,
) -> Result<JsonTree, OpenBodyError> {
    let name = names.part(archive, workflow).ok_or(OpenBodyError::Missing)?;
    let bytes = archive.read_part(name)?.ok_or(OpenBodyError::Missing)?;
    let tree = JsonTree::parse_owned(bytes.into_owned())?;
    if *total + tree.count() > MAX_VALUES {
        return Err(OpenBodyError::Values { limit: MAX_VALUES });
    }
    *total += tree.count();
    Ok(tree)
}
