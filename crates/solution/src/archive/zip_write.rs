//! Writing a zip.
use std::io::{Cursor, Write};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::ArchiveError;
use super::part::{Content, Part};

/// The parts as a zip, in order.
pub(super) fn zip_write(label: &str, parts: &[Part]) -> Result<Vec<u8>, ArchiveError> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(DateTime::default())
        .unix_permissions(0o644);
    for part in parts {
        part_write(&mut writer, part, options)
            .map_err(|source| ArchiveError::Write { archive: label.to_owned(), source })?;
    }
    let cursor = writer
        .finish()
        .map_err(|source| ArchiveError::Write { archive: label.to_owned(), source })?;
    Ok(cursor.into_inner())
}

fn part_write(
    writer: &mut ZipWriter<Cursor<Vec<u8>>>,
    part: &Part,
    options: SimpleFileOptions,
) -> zip::result::ZipResult<()> {
    match &part.content {
        Content::Plain(bytes) => {
            writer.start_file(part.name(), options)?;
            writer.write_all(bytes)?;
            Ok(())
        }
        Content::Zipped(entry) => {
            let mut zip = entry.zip.clone();
            let file = zip.by_index_raw(entry.index)?;
            writer.raw_copy_file_rename(file, part.name())
        }
    }
}
