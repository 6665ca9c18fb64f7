//! Shared helpers.
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use connref_solution::{Archive, Limits};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// A folder of the project's own fixtures.
pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// Reads a fixture.
pub(crate) fn read(name: &str) -> Archive {
    Archive::read(&fixture(name), &Limits::default()).unwrap()
}

/// A zip of these entries.
pub(crate) fn zip_of(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// The plain fixture as a managed zip, as an export would hold it.
pub(crate) fn managed_zip() -> Vec<u8> {
    let parts = read("invoices").to_parts().unwrap();
    let parts: Vec<(String, Vec<u8>)> = parts
        .into_iter()
        .map(|(name, bytes)| {
            if name != "solution.xml" {
                return (name, bytes);
            }
            let text = String::from_utf8(bytes).unwrap();
            (name, text.replace("<Managed>0<", "<Managed>1<").into_bytes())
        })
        .collect();
    let entries: Vec<(&str, &[u8])> = parts.iter().map(|(n, b)| (&**n, &**b)).collect();
    zip_of(&entries)
}

/// Names and contents, for comparing archives.
pub(crate) fn contents(archive: &Archive) -> Vec<(String, Vec<u8>)> {
    archive.to_parts().unwrap()
}
