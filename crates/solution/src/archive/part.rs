//! One part of an archive.
use std::borrow::Cow;
use std::fmt;
use std::io::Cursor;
use std::sync::{Arc, OnceLock};

use zip::{CompressionMethod, ZipArchive};

use super::ArchiveError;
use super::inflate::Declared;

/// A zip in memory; cheap to clone.
pub(super) type SharedZip = ZipArchive<Cursor<ZipBytes>>;

/// The bytes of a zip, shared without a copy of what was read.
#[derive(Clone, Debug)]
pub(super) struct ZipBytes(pub(super) Arc<Vec<u8>>);

impl AsRef<[u8]> for ZipBytes {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

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
    bytes: ZipBytes,
    cell: Arc<OnceLock<Held>>,
}

/// What an entry holds, unpacked: a text where it is one, which documents made of it share.
enum Held {
    Text(Arc<String>),
    Bytes(Vec<u8>),
}

impl Held {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Bytes(bytes) => bytes,
        }
    }
}

impl Part {
    pub(super) fn plain(name: &str, content: Vec<u8>) -> Self {
        Self { name: name.into(), content: Content::Plain(content.into()) }
    }

    pub(super) fn zipped(
        name: &str,
        zip: SharedZip,
        bytes: &ZipBytes,
        index: usize,
        size: u64,
    ) -> Self {
        let cell = Arc::default();
        let entry = Zipped { zip, index, size, bytes: bytes.clone(), cell };
        Self { name: name.into(), content: Content::Zipped(entry) }
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
            Content::Zipped(entry) => self.held(entry).map(Held::bytes),
        }
    }

    /// The content as a text that is shared and not copied; none where it is no UTF-8, or lies in no
    /// zip.
    ///
    /// # Errors
    /// A zip entry whose content is damaged.
    pub fn text(&self) -> Result<Option<Arc<String>>, ArchiveError> {
        let Content::Zipped(entry) = &self.content else { return Ok(None) };
        Ok(match self.held(entry)? {
            Held::Text(text) => Some(Arc::clone(text)),
            Held::Bytes(_) => None,
        })
    }

    fn held<'a>(&self, entry: &'a Zipped) -> Result<&'a Held, ArchiveError> {
        if let Some(held) = entry.cell.get() {
            return Ok(held);
        }
        let bytes = self.unpack(entry)?;
        Ok(entry.cell.get_or_init(|| match String::from_utf8(bytes) {
            Ok(text) => Held::Text(text.into()),
            Err(error) => Held::Bytes(error.into_bytes()),
        }))
    }

    /// The content, not kept: for one look at it, so that a large package does not fill the
    /// memory.
    ///
    /// # Errors
    /// A zip entry whose content is damaged.
    pub fn read(&self) -> Result<Cow<'_, [u8]>, ArchiveError> {
        match &self.content {
            Content::Plain(bytes) => Ok(Cow::Borrowed(bytes)),
            Content::Zipped(entry) => match entry.cell.get() {
                Some(held) => Ok(Cow::Borrowed(held.bytes())),
                None => self.unpack(entry).map(Cow::Owned),
            },
        }
    }

    fn unpack(&self, entry: &Zipped) -> Result<Vec<u8>, ArchiveError> {
        let entry_name = || self.name.to_string();
        entry.unpack().map_err(|source| ArchiveError::DamagedEntry { entry: entry_name(), source })
    }
}

impl Zipped {
    /// Unpacks; never more than the declared size, which was checked against the limits.
    fn unpack(&self) -> std::io::Result<Vec<u8>> {
        let mut zip = self.zip.clone();
        let entry = zip.by_index_raw(self.index)?;
        let size = usize::try_from(self.size).map_err(std::io::Error::other)?;
        let declared = Declared { size, crc: entry.crc32() };
        let cut = || std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
        let from = entry.data_start().ok_or_else(cut)?;
        let to = from.checked_add(entry.compressed_size()).ok_or_else(cut)?;
        let range = usize::try_from(from).ok().zip(usize::try_from(to).ok());
        let packed = range.and_then(|(from, to)| self.bytes.0.get(from..to)).ok_or_else(cut)?;
        match entry.compression() {
            CompressionMethod::Stored => declared.check(packed.to_vec()),
            // The directory was read: there is no third.
            _ => declared.inflate(packed),
        }
    }
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Part({}, {} bytes)", self.name, self.size())
    }
}
