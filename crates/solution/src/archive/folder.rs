//! Reading a folder.
use std::fs;
use std::io::Read;
use std::path::Path;

use super::name::name_check;
use super::part::Part;
use super::{Archive, ArchiveError, Layout, Limits};

/// A folder with `solution.xml` or `Other/Solution.xml` as an archive. Follows no links; names
/// that begin with a dot (`.git`) are left out and noted.
pub(super) fn folder_read(path: &Path, limits: &Limits) -> Result<Archive, ArchiveError> {
    let mut walk = Walk { limits, parts: Vec::new(), total: 0, hidden: Vec::new() };
    walk.folder(path, "")?;
    let label = path.display().to_string();
    let hidden = walk.hidden;
    let mut archive = Archive::assemble(&label, walk.parts)?;
    archive.layout = archive.detect();
    if !hidden.is_empty() {
        archive.notes.push(format!("left out hidden names: {}", hidden.join(", ")));
    }
    if archive.layout == Layout::Folder {
        other_layout_drop(&mut archive);
    }
    Ok(archive)
}

/// A folder may hold both layouts of one solution. `solution.xml` at the root wins, because its
/// `customizations.xml` holds everything; the packager's halves would otherwise count twice.
fn other_layout_drop(archive: &mut Archive) {
    let dropped: Vec<String> = archive
        .parts()
        .map(|p| p.name().to_owned())
        .filter(|name| {
            let key = name.to_lowercase();
            matches!(&*key, "other/solution.xml" | "other/customizations.xml")
                || key.starts_with("other/relationships")
        })
        .collect();
    if dropped.iter().any(|name| name.eq_ignore_ascii_case("other/solution.xml")) {
        for name in &dropped {
            archive.remove(name);
        }
        archive.notes.push(format!(
            "holds two layouts of one solution and counts once: `solution.xml` is read, left out: {}",
            dropped.join(", ")
        ));
    }
}

struct Walk<'a> {
    limits: &'a Limits,
    parts: Vec<Part>,
    total: u64,
    hidden: Vec<String>,
}

impl Walk<'_> {
    fn folder(&mut self, path: &Path, prefix: &str) -> Result<(), ArchiveError> {
        for (name, is_dir) in folder_entries(path, self.limits)? {
            let child = path.join(&name);
            let full = if prefix.is_empty() { name.clone() } else { format!("{prefix}/{name}") };
            if name.starts_with('.') {
                self.hidden.push(full);
                continue;
            }
            let full = name_check(&full, self.limits)?;
            if is_dir {
                self.folder(&child, &full)?;
            } else {
                self.file(&child, &full)?;
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &Path, name: &str) -> Result<(), ArchiveError> {
        self.limits.check_entries(name, self.parts.len() + 1)?;
        let failed = |source| ArchiveError::Read { path: path.display().to_string(), source };
        let mut bytes = Vec::new();
        let file = fs::File::open(path).map_err(failed)?;
        file.take(self.limits.part_bytes.saturating_add(1))
            .read_to_end(&mut bytes)
            .map_err(failed)?;
        self.total = self.limits.check_part(name, bytes.len() as u64, self.total)?;
        self.parts.push(Part::plain(name, bytes));
        Ok(())
    }
}

/// Names in a folder, sorted, with "is a folder"; links and other special files are refused.
fn folder_entries(path: &Path, limits: &Limits) -> Result<Vec<(String, bool)>, ArchiveError> {
    let failed = |source| ArchiveError::Read { path: path.display().to_string(), source };
    let mut names = Vec::new();
    for entry in fs::read_dir(path).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let kind = entry.file_type().map_err(failed)?;
        let shown = entry.path().display().to_string();
        let Ok(name) = entry.file_name().into_string() else {
            return Err(ArchiveError::UnsafeName { entry: shown, why: "the name is not UTF-8" });
        };
        if !kind.is_dir() && !kind.is_file() && !name.starts_with('.') {
            let why = if kind.is_symlink() { "it is a symbolic link" } else { "it is no file" };
            return Err(ArchiveError::NotPlain { entry: shown, why });
        }
        names.push((name, kind.is_dir()));
        limits.check_entries(&path.display().to_string(), names.len())?;
    }
    names.sort();
    Ok(names)
}
