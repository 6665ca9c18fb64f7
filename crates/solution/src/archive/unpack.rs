//! Writing the parts as plain files.
use std::collections::HashSet;
use std::fs;
use std::path::Path;

use super::{Archive, ArchiveError, Layout, Limits};

/// What to do with a folder that holds something already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// Refuse it.
    Refuse,
    /// Bring it to what the archive holds: change, add and remove files. Only a folder that holds
    /// an unpacked solution is replaced; hidden names in it are left alone.
    Replace,
}

/// What unpacking did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unpacked {
    /// Files written.
    pub written: usize,
    /// Files that were there with the same content.
    pub kept: usize,
    /// Files removed.
    pub removed: usize,
}

impl Archive {
    /// Writes every part as a plain file below a folder, which is made if it is missing. Reading
    /// the folder gives the same parts.
    ///
    /// # Errors
    /// Part names that a folder cannot hold, found before anything is written; a folder that
    /// holds something else; damaged content; a file that cannot be written.
    pub fn unpack(
        &self,
        folder: &Path,
        existing: Existing,
        limits: &Limits,
    ) -> Result<Unpacked, ArchiveError> {
        names_check(self)?;
        let old = existing_read(folder, existing, limits)?;
        // Content is opened first: a damaged zip changes nothing.
        for part in self.parts() {
            part.read()?;
        }
        let mut done = Unpacked::default();
        for part in old.iter().flat_map(Archive::parts) {
            let same_spelling = self.part(part.name()).is_some_and(|p| p.name() == part.name());
            if !same_spelling {
                let path = folder.join(part.name());
                fs::remove_file(&path).map_err(failed(&path))?;
                folders_remove(folder, part.name());
                done.removed += 1;
            }
        }
        for part in self.parts() {
            let bytes = part.read()?;
            let before = match &old {
                Some(old) => old.part(part.name()).filter(|p| p.name() == part.name()),
                None => None,
            };
            if let Some(before) = before
                && before.read()? == bytes
            {
                done.kept += 1;
                continue;
            }
            let path = folder.join(part.name());
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent).map_err(failed(parent))?;
            }
            fs::write(&path, bytes).map_err(failed(&path))?;
            done.written += 1;
        }
        Ok(done)
    }
}

fn failed(path: &Path) -> impl Fn(std::io::Error) -> ArchiveError + '_ {
    move |source| ArchiveError::WriteFile { path: path.display().to_string(), source }
}

/// Removes the folders that a removed file leaves empty.
fn folders_remove(root: &Path, name: &str) {
    let mut folder = Path::new(name).parent();
    while let Some(inside) = folder.filter(|f| !f.as_os_str().is_empty()) {
        // A folder that still holds something stays.
        if fs::remove_dir(root.join(inside)).is_err() {
            return;
        }
        folder = inside.parent();
    }
}

/// Names that a folder cannot hold, or that reading it would pass over.
fn names_check(archive: &Archive) -> Result<(), ArchiveError> {
    let mut folders: HashSet<String> = HashSet::new();
    for part in archive.parts() {
        let name = part.name();
        if name.split('/').any(|component| component.starts_with('.')) {
            let why = "a name that begins with a dot is hidden and would be lost when the folder is packed";
            return Err(ArchiveError::UnsafeName { entry: name.to_owned(), why });
        }
        let key = name.to_lowercase();
        folders.extend(key.match_indices('/').map(|(at, _)| key[..at].to_owned()));
    }
    for part in archive.parts() {
        if folders.contains(&part.name().to_lowercase()) {
            let why = "the name is also that of a folder";
            return Err(ArchiveError::UnsafeName { entry: part.name().to_owned(), why });
        }
    }
    Ok(())
}

/// What lies in the folder; `None` if nothing does.
fn existing_read(
    folder: &Path,
    existing: Existing,
    limits: &Limits,
) -> Result<Option<Archive>, ArchiveError> {
    let shown = folder.display().to_string();
    let mut entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(ArchiveError::Read { path: shown, source }),
    };
    if entries.next().is_none() {
        return Ok(None);
    }
    if existing == Existing::Refuse {
        return Err(ArchiveError::NotEmpty { folder: shown });
    }
    let old = Archive::read(folder, limits)?;
    // A folder with both layouts holds more than its parts tell.
    let both = folder.join("Other").join("Solution.xml").exists();
    if old.layout() != Layout::Folder || both {
        return Err(ArchiveError::NotUnpacked { folder: shown });
    }
    Ok(Some(old))
}
