//! A solution as ordered parts, from a zip file or a folder.
//!
//! Part names use `/`, keep the spelling they had and are looked up without regard to case.
//! Parts of a zip are opened on first use; on writing, untouched ones are copied as they are
//! compressed.
pub(crate) mod directory;
mod error;
mod folder;
mod inflate;
mod limits;
mod name;
mod part;
mod unpack;
mod zip_read;
mod zip_write;

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

pub use error::ArchiveError;
pub use limits::Limits;
pub use part::Part;
pub use unpack::{Existing, Unpacked};

use name::{name_check, name_key};
use part::ZipBytes;

/// How the parts of a solution are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// A zip file with `solution.xml` at its root.
    Zip,
    /// The same parts as plain files in a folder.
    Folder,
    /// A `SolutionPackager` folder: `Other/Solution.xml`, one file per component.
    Packager,
    /// Neither file is there.
    Unknown,
}

/// Ordered parts of a solution.
#[derive(Clone, Debug)]
pub struct Archive {
    label: String,
    layout: Layout,
    notes: Vec<String>,
    parts: Vec<Part>,
    by_name: HashMap<String, usize>,
    /// The zip this came from, while nothing was changed.
    untouched: Option<ZipBytes>,
}

impl Archive {
    /// Reads a zip file or a folder.
    ///
    /// # Errors
    /// What cannot be read, is no zip, breaks a limit or holds an unsafe entry.
    pub fn read(path: &Path, limits: &Limits) -> Result<Self, ArchiveError> {
        let label = path.display().to_string();
        let failed = |source| ArchiveError::Read { path: label.clone(), source };
        let kind = fs::metadata(path).map_err(failed)?;
        if kind.is_dir() {
            return folder::folder_read(path, limits);
        }
        limits.check_zip(&label, kind.len())?;
        let mut bytes = Vec::with_capacity(usize::try_from(kind.len()).unwrap_or_default() + 1);
        let file = fs::File::open(path).map_err(failed)?;
        file.take(limits.zip_bytes.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
        Self::from_zip_labelled(bytes, &label, limits)
    }

    /// Reads a zip from memory.
    ///
    /// # Errors
    /// What is no zip, breaks a limit or holds an unsafe entry.
    pub fn from_zip(bytes: &[u8], limits: &Limits) -> Result<Self, ArchiveError> {
        Self::from_zip_labelled(bytes.to_vec(), "the uploaded file", limits)
    }

    /// As [`Archive::from_zip`], with the name that error messages use.
    ///
    /// # Errors
    /// What is no zip, breaks a limit or holds an unsafe entry.
    pub fn from_zip_labelled(
        bytes: Vec<u8>,
        label: &str,
        limits: &Limits,
    ) -> Result<Self, ArchiveError> {
        limits.check_zip(label, bytes.len() as u64)?;
        let bytes = ZipBytes(Arc::new(bytes));
        let parts = zip_read::zip_read(&bytes, label, limits)?;
        let mut archive = Self::assemble(label, parts)?;
        archive.layout = match archive.detect() {
            Layout::Folder => Layout::Zip,
            other => other,
        };
        archive.untouched = Some(bytes);
        Ok(archive)
    }

    /// Makes an archive of named contents, as a store keeps them.
    ///
    /// # Errors
    /// Unsafe or duplicate names, limits.
    pub fn from_parts(
        parts: Vec<(String, Vec<u8>)>,
        limits: &Limits,
    ) -> Result<Self, ArchiveError> {
        let label = "the stored parts";
        limits.check_entries(label, parts.len())?;
        let mut total = 0u64;
        let mut made = Vec::with_capacity(parts.len());
        for (name, bytes) in parts {
            let name = name_check(&name, limits)?;
            total = limits.check_part(&name, bytes.len() as u64, total)?;
            made.push(Part::plain(&name, bytes));
        }
        let mut archive = Self::assemble(label, made)?;
        archive.layout = match archive.detect() {
            Layout::Folder => Layout::Zip,
            other => other,
        };
        Ok(archive)
    }

    /// An archive without parts.
    pub fn empty() -> Self {
        Self {
            label: "the new package".to_owned(),
            layout: Layout::Zip,
            notes: Vec::new(),
            parts: Vec::new(),
            by_name: HashMap::new(),
            untouched: None,
        }
    }

    fn assemble(label: &str, parts: Vec<Part>) -> Result<Self, ArchiveError> {
        let mut by_name = HashMap::with_capacity(parts.len());
        for (index, part) in parts.iter().enumerate() {
            if let Some(first) = by_name.insert(name_key(part.name()), index) {
                return Err(ArchiveError::Duplicate {
                    archive: label.to_owned(),
                    first: parts[first].name().to_owned(),
                    second: part.name().to_owned(),
                });
            }
        }
        let layout = Layout::Unknown;
        Ok(Self {
            label: label.to_owned(),
            layout,
            notes: Vec::new(),
            parts,
            by_name,
            untouched: None,
        })
    }

    fn detect(&self) -> Layout {
        if self.part("solution.xml").is_some() {
            Layout::Folder
        } else if self.part("other/solution.xml").is_some() {
            Layout::Packager
        } else {
            Layout::Unknown
        }
    }

    /// What error messages call it: the path, as given.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// The layout found.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// What was left out or chosen while reading, in sentences for a person.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The parts, in order.
    pub fn parts(&self) -> impl Iterator<Item = &Part> {
        self.parts.iter()
    }

    /// A part by name, without regard to case; a leading slash is passed over.
    pub fn part(&self, name: &str) -> Option<&Part> {
        let key = name_key(name.strip_prefix('/').unwrap_or(name));
        self.by_name.get(&key).map(|&index| &self.parts[index])
    }

    /// The content of a part; `None` if there is no such part.
    ///
    /// # Errors
    /// Damaged content of a zip entry.
    pub fn bytes(&self, name: &str) -> Result<Option<&[u8]>, ArchiveError> {
        self.part(name).map(Part::bytes).transpose()
    }

    /// The content of a part as a text that is shared and not copied; `None` if there is no such
    /// part, or it cannot be had so.
    ///
    /// # Errors
    /// Damaged content of a zip entry.
    pub fn text(&self, name: &str) -> Result<Option<Arc<String>>, ArchiveError> {
        self.part(name).map_or(Ok(None), Part::text)
    }

    /// The content of a part, not kept in the archive: for one look at it.
    ///
    /// # Errors
    /// Damaged content of a zip entry.
    pub fn read_part(&self, name: &str) -> Result<Option<Cow<'_, [u8]>>, ArchiveError> {
        self.part(name).map(Part::read).transpose()
    }

    /// Every part with its content, for a store.
    ///
    /// # Errors
    /// Damaged content of a zip entry.
    pub fn to_parts(&self) -> Result<Vec<(String, Vec<u8>)>, ArchiveError> {
        self.parts.iter().map(|p| Ok((p.name().to_owned(), p.read()?.into_owned()))).collect()
    }

    /// Sets the content of a part; a new part comes last. Setting what is there already changes
    /// nothing.
    ///
    /// # Errors
    /// An unsafe name.
    pub fn set(&mut self, name: &str, content: Vec<u8>) -> Result<(), ArchiveError> {
        let name = name_check(name.strip_prefix('/').unwrap_or(name), &Limits::default())?;
        match self.by_name.get(&name_key(&name)) {
            Some(&index) => {
                if self.parts[index].bytes()? == content {
                    return Ok(());
                }
                let kept = self.parts[index].name().to_owned();
                self.parts[index] = Part::plain(&kept, content);
            }
            None => {
                self.by_name.insert(name_key(&name), self.parts.len());
                self.parts.push(Part::plain(&name, content));
            }
        }
        self.untouched = None;
        Ok(())
    }

    /// Removes a part; whether it was there.
    pub fn remove(&mut self, name: &str) -> bool {
        let key = name_key(name.strip_prefix('/').unwrap_or(name));
        let Some(index) = self.by_name.remove(&key) else { return false };
        self.parts.remove(index);
        for at in self.by_name.values_mut().filter(|at| **at > index) {
            *at -= 1;
        }
        self.untouched = None;
        true
    }

    /// The archive as a zip. An untouched zip comes out as the same bytes; otherwise untouched
    /// entries are copied compressed and new ones carry a fixed time, so the result depends on
    /// the content alone.
    ///
    /// # Errors
    /// Damaged content of a zip entry.
    pub fn to_zip(&self) -> Result<Vec<u8>, ArchiveError> {
        match &self.untouched {
            Some(bytes) => Ok(bytes.as_ref().to_vec()),
            None => zip_write::zip_write(&self.label, &self.parts),
        }
    }

    pub(crate) fn relabel(&mut self, label: &str, layout: Layout) {
        label.clone_into(&mut self.label);
        self.layout = layout;
    }
}
