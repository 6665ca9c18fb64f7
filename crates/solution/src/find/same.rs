//! One solution in two layouts.
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use super::{FindReport, FoundKind, peek};
use crate::archive::{Archive, Limits};
use crate::model::package::Managed;
use crate::model::{FlowId, LogicalName};
use crate::package::package_read;

/// How far below the folder that holds both a layout may lie: `x/solution/x.zip` beside
/// `x/sourcecode/x/src`. Farther apart they are taken for copies that somebody wants to see.
const NEAR_ZIP: usize = 2;
const NEAR_FOLDER: usize = 3;

struct Solution {
    path: PathBuf,
    managed: Managed,
    folder: bool,
}

/// Drops the zip of a solution whose source folder lies near, if both say the same.
pub(super) fn layouts_join(report: &mut FindReport, root: &Path, limits: &Limits) {
    let paths: Vec<PathBuf> = report.of(FoundKind::Solution).map(Path::to_owned).collect();
    // One layout alone has no other.
    if !paths.iter().any(|p| p.is_dir()) || paths.iter().all(|p| p.is_dir()) {
        return;
    }
    let mut by_name: HashMap<(String, String), Vec<Solution>> = HashMap::new();
    for path in paths {
        let Some(manifest) = peek::manifest(&path, limits) else { continue };
        let folder = path.is_dir();
        let key = (manifest.unique_name.to_lowercase(), manifest.version.trim().to_owned());
        by_name.entry(key).or_default().push(Solution { path, managed: manifest.managed, folder });
    }
    let mut groups: Vec<_> = by_name.into_iter().filter(|(_, group)| group.len() > 1).collect();
    groups.sort_by(|a, b| a.0.cmp(&b.0));
    for ((name, version), group) in groups {
        group_join(report, &group, &format!("`{name}` {version}"), root, limits);
    }
}

fn group_join(
    report: &mut FindReport,
    group: &[Solution],
    shown: &str,
    root: &Path,
    limits: &Limits,
) {
    let mut taken: BTreeSet<&Path> = BTreeSet::new();
    for zip in group.iter().filter(|s| !s.folder) {
        let partner = group.iter().find(|folder| {
            folder.folder
                && !taken.contains(folder.path.as_path())
                && near(&zip.path, &folder.path, root)
                && (folder.managed == zip.managed || folder.managed == Managed::Both)
        });
        let Some(partner) = partner else { continue };
        let (zip_shown, folder_shown) = (zip.path.display(), partner.path.display());
        let (one, other) = (content(&zip.path, limits), content(&partner.path, limits));
        if one.is_some() && one == other {
            taken.insert(&partner.path);
            report.items.retain(|item| item.path != zip.path);
            report.notes.push(format!(
                "{shown} lies in two layouts, `{folder_shown}` and `{zip_shown}`; it counts once, as the folder"
            ));
        } else {
            report.notes.push(format!(
                "{shown} lies in two layouts, `{folder_shown}` and `{zip_shown}`, and they differ; both are read"
            ));
        }
    }
}

/// Whether both lie near the deepest folder that holds both.
fn near(zip: &Path, folder: &Path, root: &Path) -> bool {
    let steps = |path: &Path| -> Vec<String> {
        let inside = path.strip_prefix(root).unwrap_or(path);
        inside.components().map(|c| c.as_os_str().to_string_lossy().into_owned()).collect()
    };
    let (zip, folder) = (steps(zip), steps(folder));
    let shared = zip.iter().zip(&folder).take_while(|(a, b)| a == b).count();
    zip.len() - shared <= NEAR_ZIP && folder.len() - shared <= NEAR_FOLDER
}

/// What two layouts of one solution have in common.
#[derive(PartialEq)]
struct Content {
    flows: BTreeSet<FlowId>,
    references: BTreeSet<LogicalName>,
    variables: BTreeSet<LogicalName>,
    connectors: BTreeSet<String>,
}

fn content(path: &Path, limits: &Limits) -> Option<Content> {
    let package = package_read(&Archive::read(path, limits).ok()?).ok()?;
    Some(Content {
        flows: package.workflows.into_iter().map(|w| w.id).collect(),
        references: package.references.into_iter().map(|r| r.logical_name).collect(),
        variables: package.variables.into_iter().map(|v| v.schema_name).collect(),
        connectors: package.connectors.into_iter().map(|c| c.name.to_lowercase()).collect(),
    })
}
