//! From an archive to the model with the bodies of flows as trees: each is parsed once, and one that
//! is broken does not take the others along.
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

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

/// Unpacked bytes of bodies that several threads read: below, starting one costs more; above, they
/// would hold too much at once.
const PARALLEL: Range<u64> = 512 << 10..64 << 20;
/// Threads at most.
const MAX_THREADS: usize = 8;

/// Reads a solution as [`super::package_read`] does, but leaves the texts of flows out and gives
/// the values of cloud flows that have a body of their own. Each goes through `made` on the thread
/// that read it.
///
/// # Errors
/// As [`super::package_read`]; a body that cannot be read is none.
pub fn package_open<T: Send>(
    archive: &Archive,
    made: impl Fn(&Workflow, OpenBody) -> T + Sync,
) -> Result<(Package, Vec<T>), PackageError> {
    let names = Bodies::of(archive);
    let mut wanted = Vec::new();
    let package = read(archive, |flow, workflow, _| {
        // A flow without a body of its own lives elsewhere (a patch that only renames it).
        if workflow.is_cloud_flow()
            && let Some(named) = &workflow.json_file_name
        {
            let part = names.part(archive, workflow).map(str::to_owned);
            wanted.push((flow, part.ok_or_else(|| named.clone())));
        }
        Ok(())
    })?;
    let total = AtomicUsize::new(0);
    let body = |(flow, part): &(usize, Result<String, String>)| {
        let (part, value) = match part {
            Ok(part) => (part, body_read(archive, part, &total)),
            Err(named) => (named, Err(OpenBodyError::Missing)),
        };
        made(&package.workflows[*flow], OpenBody { part: part.clone(), value })
    };
    let sizes = wanted.iter().filter_map(|(_, part)| archive.part(part.as_deref().ok()?));
    let bytes: u64 = sizes.map(crate::archive::Part::size).sum();
    if PARALLEL.contains(&bytes) {
        let bodies = spread(&wanted, body);
        // Which of too many are left out must not depend on who comes first.
        if total.load(Ordering::Relaxed) <= MAX_VALUES {
            return Ok((package, bodies));
        }
        total.store(0, Ordering::Relaxed);
    }
    let bodies = wanted.iter().map(body).collect();
    Ok((package, bodies))
}

/// Does something with each item on as many threads as the process may use; results come in the
/// order of the items.
fn spread<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let allowed = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let threads = allowed.min(MAX_THREADS).min(items.len()).max(1);
    if threads == 1 {
        return items.iter().map(work).collect();
    }
    let share = items.len().div_ceil(threads);
    std::thread::scope(|scope| {
        // This thread waits: a system that starts the others beside a busy one leaves them there for
        // longer than all of it takes.
        let all: Vec<_> = items
            .chunks(share)
            .map(|chunk| scope.spawn(|| chunk.iter().map(&work).collect::<Vec<_>>()))
            .collect();
        all.into_iter().flat_map(|one| one.join().expect("reading does not panic")).collect()
    })
}

fn body_read(
    archive: &Archive,
    part: &str,
    total: &AtomicUsize,
) -> Result<JsonTree, OpenBodyError> {
    let bytes = archive.read_part(part)?.ok_or(OpenBodyError::Missing)?;
    let limit = OpenBodyError::Values { limit: MAX_VALUES };
    if total.load(Ordering::Relaxed) >= MAX_VALUES {
        return Err(limit);
    }
    let tree = JsonTree::parse_owned(bytes.into_owned())?;
    if total.fetch_add(tree.count(), Ordering::Relaxed) + tree.count() > MAX_VALUES {
        return Err(limit);
    }
    Ok(tree)
}
