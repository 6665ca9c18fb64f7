//! One part of an archive.
use std::borrow::Cow;
use std::fmt;
use std::io::{Cursor, Read};
use std::sync::{Arc, OnceLock};

use zip::ZipArchive;

use super::ArchiveError;

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
    zip_length: u64,
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
        zip_length: u64,
        index: usize,
        size: u64,
    ) -> Self {
        let cell = Arc::default();
        let entry = Zipped { zip, index, size, zip_length, cell };
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

/// No deflated content is longer than this times what it is packed in.
const DEFLATE_RATIO: u64 = 1032;

impl Zipped {
    /// Unpacks; never more than the declared size, which was checked against the limits.
    fn unpack(&self) -> std::io::Result<Vec<u8>> {
        let mut zip = self.zip.clone();
        let zip_length = self.zip_length;
        let file = zip.by_index(self.index)?;
        // The declared size may lie, but not reserve more than the packed bytes can hold.
        let packed = file.compressed_size().min(zip_length);
        let most = packed.saturating_mul(DEFLATE_RATIO).saturating_add(64);
        let room = self.size.min(most).saturating_add(1);
        let mut bytes = Vec::with_capacity(usize::try_from(room).unwrap_or_default());
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
