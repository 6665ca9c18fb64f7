//! The walk over folders.
use std::fs;
use std::path::{Path, PathBuf};

use super::{Found, FoundKind, peek};
use crate::archive::{ArchiveError, Limits};

/// Folders looked into at most: a walk over a whole disk by mistake ends soon.
const MAX_FOLDERS: usize = 50_000;
/// Names looked at at most.
const MAX_ENTRIES: usize = 1_000_000;
/// Threads of the walk at most.
const MAX_THREADS: usize = 8;
/// Fewer folders than this are not worth a thread.
const WORTH_A_THREAD: usize = 8;

/// What a walk met.
#[derive(Default)]
pub(super) struct Walked {
    pub(super) items: Vec<Found>,
    pub(super) notes: Vec<String>,
    folders: Vec<PathBuf>,
    entries: usize,
}

impl Walked {
    fn absorb(&mut self, other: Self) {
        self.items.extend(other.items);
        self.notes.extend(other.notes);
        self.folders.extend(other.folders);
        self.entries += other.entries;
    }

    fn add(&mut self, path: PathBuf, kind: FoundKind) {
        self.items.push(Found { path, kind });
    }
}

/// Walks level by level, so that the result does not depend on which thread is faster.
pub(super) fn walk(path: &Path, limits: &Limits) -> Result<Walked, ArchiveError> {
    let failed = |source| ArchiveError::Read { path: path.display().to_string(), source };
    let mut walked = Walked::default();
    if !fs::metadata(path).map_err(failed)?.is_dir() {
        let kind = peek::file_kind(path, limits).unwrap_or(FoundKind::Solution);
        walked.add(path.to_owned(), kind);
        return Ok(walked);
    }
    fs::read_dir(path).map_err(failed)?;
    let mut level = vec![path.to_owned()];
    let mut seen = 0usize;
    for _ in 0..=limits.depth {
        seen += level.len();
        check(path, "the number of folders below it", seen, MAX_FOLDERS)?;
        check(path, "the number of names below it", walked.entries, MAX_ENTRIES)?;
        walked.absorb(folders_visit(&level, limits));
        level = std::mem::take(&mut walked.folders);
        if level.is_empty() {
            break;
        }
        level.sort();
    }
    Ok(walked)
}

fn check(path: &Path, what: &'static str, found: usize, limit: usize) -> Result<(), ArchiveError> {
    if found <= limit {
        return Ok(());
    }
    let subject = path.display().to_string();
    Err(ArchiveError::Limit { subject, what, found: found as u64, limit: limit as u64 })
}

fn folders_visit(folders: &[PathBuf], limits: &Limits) -> Walked {
    let visit = |folders: &[PathBuf]| {
        let mut walked = Walked::default();
        for folder in folders {
            folder_visit(folder, limits, &mut walked);
        }
        walked
    };
    if folders.len() < WORTH_A_THREAD {
        return visit(folders);
    }
    let allowed = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    if allowed < 2 {
        return visit(folders);
    }
    let share = folders.len().div_ceil(allowed.min(MAX_THREADS));
    std::thread::scope(|scope| {
        let started: Vec<_> =
            folders.chunks(share).map(|chunk| scope.spawn(move || visit(chunk))).collect();
        let mut walked = Walked::default();
        for thread in started {
            walked.absorb(thread.join().expect("the walk of a folder does not panic"));
        }
        walked
    })
}

/// Looks at one folder; what cannot be read below the root holds nothing for us.
fn folder_visit(folder: &Path, limits: &Limits, walked: &mut Walked) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let (mut plain, mut packager, mut legacy) = (false, false, false);
    let mut below = Vec::new();
    for entry in entries.flatten() {
        walked.entries += 1;
        if walked.entries > MAX_ENTRIES {
            return;
        }
        let Ok(kind) = entry.file_type() else { continue };
        let name = entry.file_name().to_string_lossy().to_lowercase();
        let path = entry.path();
        if kind.is_file() {
            match &*name {
                "solution.xml" => plain = true,
                "solution.yml" | "solution.yaml" => yaml_add(folder, walked),
                _ => {
                    if let Some(kind) = peek::named_kind(&path, &name, limits) {
                        walked.add(path, kind);
                    }
                }
            }
        } else if kind.is_dir() {
            match &*name {
                "other" if holds(&path, "solution.xml") => packager = true,
                "microsoft.flow" if holds(&path.join("flows"), "manifest.json") => legacy = true,
                "node_modules" => {}
                _ if name.starts_with('.') => {}
                _ => below.push(path),
            }
        }
    }
    if plain || packager {
        walked.add(folder.to_owned(), FoundKind::Solution);
    }
    if legacy {
        walked.add(folder.to_owned(), FoundKind::LegacyPackage);
    }
    walked.folders.extend(below);
}

/// `solutions/<name>/solution.yml` tells of the repository above.
fn yaml_add(folder: &Path, walked: &mut Walked) {
    let above = folder.parent().filter(|parent| {
        parent.file_name().is_some_and(|name| name.eq_ignore_ascii_case("solutions"))
    });
    let root = above.and_then(Path::parent).unwrap_or(folder);
    walked.add(root.to_owned(), FoundKind::Yaml);
}

/// Whether a folder holds a plain file of that name, in any case.
fn holds(folder: &Path, wanted: &str) -> bool {
    fs::read_dir(folder).is_ok_and(|entries| {
        entries.flatten().any(|entry| {
            entry.file_name().to_string_lossy().eq_ignore_ascii_case(wanted)
                && entry.file_type().is_ok_and(|kind| kind.is_file())
        })
    })
}
