//! One part of an archive.
use std::fmt;
use std::io::{Cursor, Read};
use std::sync::{Arc, OnceLock};

use zip::ZipArchive;

use super::ArchiveError;

/// A zip in memory; cheap to clone.
pub(super) type SharedZip = ZipArchive<Cursor<Arc<[u8]>>>;

/// A named content.
#[derive(Clone)]
pub struct Part {
    name: Arc<str>,
    pub(super) content: Content,
}

#[derive(Clone)]
pub(super) enum Content {
    Plain(Arc<[u8]>),
    Zipped(Zipped),
}

/// An entry of a zip, unpacked on first use.
#[derive(Clone)]
pub(super) struct Zipped {
    pub(super) zip: SharedZip,
    pub(super) index: usize,
    pub(super) size: u64,
    cell: Arc<OnceLock<Arc<[u8]>>>,
}

impl Part {
    pub(super) fn plain(name: &str, content: Vec<u8>) -> Self {
        Self { name: name.into(), content: Content::Plain(content.into()) }
    }

    pub(super) fn zipped(name: &str, zip: SharedZip, index: usize, size: u64) -> Self {
        let cell = Arc::default();
        Self { name: name.into(), content: Content::Zipped(Zipped { zip, index, size, cell }) }
    }

    /// Name with `/`, spelled as it was.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Size in bytes, unpacked.
    pub fn size(&self) -> u64 {
        match &self.content {
            Content::Plain(bytes) => bytes.len() as u64,
            Content::Zipped(entry) => entry.size,
        }
    }

    /// The content.
    ///
    /// # Errors
    /// A zip entry whose content is damaged.
    pub fn bytes(&self) -> Result<&[u8], ArchiveError> {
        match &self.content {
            Content::Plain(bytes) => Ok(bytes),
            Content::Zipped(entry) => {
                if let Some(bytes) = entry.cell.get() {
                    return Ok(bytes);
                }
                let bytes = entry.unpack().map_err(|source| ArchiveError::DamagedEntry {
                    entry: self.name.to_string(),
                    source,
                })?;
                Ok(entry.cell.get_or_init(|| bytes.into()))
            }
        }
    }
}

impl Zipped {
    /// Unpacks; never more than the declared size, which was checked against the limits.
    fn unpack(&self) -> std::io::Result<Vec<u8>> {
        let mut zip = self.zip.clone();
        let file = zip.by_index(self.index)?;
        let mut bytes = Vec::new();
        file.take(self.size.saturating_add(1)).read_to_end(&mut bytes)?;
        if bytes.len() as u64 != self.size {
            let text = "the content is longer or shorter than declared";
            return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, text));
        }
        Ok(bytes)
    }
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Part({}, {} bytes)", self.name, self.size())
    }
}
