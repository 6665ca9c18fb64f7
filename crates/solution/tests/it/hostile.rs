//! Input made to harm: each is refused with one line that names it, and nothing panics.
use std::io::Cursor;

use connref_solution::{Archive, ArchiveError, Limits, PackageError, inspect, package_read};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::support::{managed_zip, zip_of};

fn refused(bytes: &[u8]) -> ArchiveError {
    let error = Archive::from_zip(bytes, &Limits::default()).unwrap_err();
    assert!(!error.to_string().contains('\n'), "one line: {error}");
    error
}

#[test]
fn what_is_no_zip_says_so() {
    for (bytes, part) in [
        (&b""[..], "empty"),
        (b"<html>", "XML or HTML"),
        (b"\xEF\xBB\xBF{}", "JSON"),
        (b"\x1F\x8B\x08", "gzip"),
        (b"hello", "other file"),
    ] {
        let error = refused(bytes).to_string();
        assert!(error.contains(part) && error.contains("give a solution zip"), "{error}");
    }
    assert!(matches!(refused(b"PK\x03\x04 and then nothing"), ArchiveError::Damaged { .. }));
}

#[test]
fn a_truncated_zip_is_refused_wherever_it_is_cut() {
    let zip = managed_zip();
    for cut in (0..zip.len()).step_by(zip.len() / 50) {
        assert!(Archive::from_zip(&zip[..cut], &Limits::default()).is_err(), "cut at {cut}");
    }
}

#[test]
fn damaged_content_is_an_error_of_its_entry() {
    let zip = managed_zip();
    for at in (0..zip.len()).step_by(31) {
        let mut bytes = zip.clone();
        bytes[at] ^= 0x55;
        // Anything may come out but a panic.
        if let Ok(archive) = Archive::from_zip(&bytes, &Limits::default()) {
            let _ = package_read(&archive);
            let _ = archive.to_parts();
        }
    }
}

#[test]
fn names_that_climb_are_refused() {
    for name in ["../evil.xml", "a/../../b", "/etc/passwd", "C:\\x.xml", "a\\..\\b"] {
        let error = refused(&zip_of(&[("solution.xml", b"<a/>"), (name, b"x")]));
        assert!(matches!(error, ArchiveError::UnsafeName { .. }), "{name}: {error}");
    }
}

#[test]
fn names_that_differ_in_case_are_refused() {
    let error = refused(&zip_of(&[("Solution.xml", b"<a/>"), ("solution.XML", b"<a/>")]));
    assert!(error.to_string().contains("`solution.XML`"), "{error}");
}

#[test]
fn equal_names_are_refused() {
    // The writer would not make two equal names, so one is renamed in the bytes.
    let mut zip = zip_of(&[("aaaa.xml", b"<a/>"), ("bbbb.xml", b"<b/>")]);
    while let Some(at) = zip.windows(8).position(|w| w == b"bbbb.xml") {
        zip[at..at + 4].copy_from_slice(b"aaaa");
    }
    assert!(matches!(refused(&zip), ArchiveError::Duplicate { .. }));
}

#[test]
fn back_slashes_are_read_as_slashes() {
    let zip = zip_of(&[("Workflows\\a.json", b"{}")]);
    let archive = Archive::from_zip(&zip, &Limits::default()).unwrap();
    assert_eq!(archive.bytes("workflows/A.JSON").unwrap(), Some(&b"{}"[..]));
}

#[test]
fn bombs_are_refused_before_they_are_unpacked() {
    let zeros = vec![0u8; 8 << 20];
    let error = refused(&zip_of(&[("solution.xml", &zeros)]));
    assert!(error.to_string().contains("ratio"), "{error}");
    let small = Limits { part_bytes: 1000, ..Limits::default() };
    let zip = zip_of(&[("solution.xml", &[b'x'; 2000])]);
    assert!(Archive::from_zip(&zip, &small).is_err());
    let small = Limits { total_bytes: 3000, ..Limits::default() };
    let zip = zip_of(&[("a", &[b'x'; 2000]), ("b", &[b'x'; 2000])]);
    assert!(Archive::from_zip(&zip, &small).is_err());
    let small = Limits { entries: 1, ..Limits::default() };
    assert!(Archive::from_zip(&zip, &small).is_err());
    let small = Limits { zip_bytes: 10, ..Limits::default() };
    assert!(Archive::from_zip(&zip, &small).is_err());
}

#[test]
fn a_size_that_lies_is_found_out() {
    let zip = zip_of(&[("a.json", &[b'x'; 500])]);
    let declared = 500u32.to_le_bytes();
    let lie = 20u32.to_le_bytes();
    let mut bytes = zip;
    for at in 0..bytes.len() - 4 {
        if bytes[at..at + 4] == declared {
            bytes[at..at + 4].copy_from_slice(&lie);
        }
    }
    if let Ok(archive) = Archive::from_zip(&bytes, &Limits::default()) {
        assert!(archive.bytes("a.json").is_err());
    }
}

#[test]
fn links_and_encrypted_entries_are_refused() {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    writer.add_symlink("a", "/etc/passwd", SimpleFileOptions::default()).unwrap();
    let zip = writer.finish().unwrap().into_inner();
    assert!(refused(&zip).to_string().contains("symbolic link"));

    let mut zip = zip_of(&[("solution.xml", b"<a/>")]);
    // The lowest bit of the flags, in the local and in the central header.
    for (signature, offset) in [(b"PK\x03\x04", 6), (b"PK\x01\x02", 8)] {
        let at = zip.windows(4).position(|w| w == signature).unwrap();
        zip[at + offset] |= 1;
    }
    assert!(refused(&zip).to_string().contains("encrypted"));
}

#[test]
fn a_zip_without_solution_says_what_to_do() {
    let read = |zip: &[u8]| {
        package_read(&Archive::from_zip(zip, &Limits::default()).unwrap()).unwrap_err()
    };
    let error = read(&zip_of(&[("readme.md", b"x")]));
    assert!(matches!(error, PackageError::Missing { part: "solution.xml", .. }), "{error}");
    let error = read(&zip_of(&[("src/solution.xml", b"<a/>")])).to_string();
    assert!(error.contains("`src`"), "{error}");
    let error = read(&zip_of(&[("solution.xml", b"<a/>")]));
    assert!(matches!(error, PackageError::Missing { part: "customizations.xml", .. }), "{error}");
    let error = read(&zip_of(&[("Microsoft.Flow/flows/manifest.json", b"{}")]));
    assert!(matches!(error, PackageError::LegacyPackage { .. }), "{error}");
}

#[test]
fn parts_made_to_harm_are_errors_or_problems() {
    let deep_xml = format!("{}{}", "<a>".repeat(10_000), "</a>".repeat(10_000));
    for solution in ["<!DOCTYPE a><a/>", &deep_xml, "", "<a", "\u{0}"] {
        let zip = zip_of(&[("solution.xml", solution.as_bytes()), ("customizations.xml", b"<a/>")]);
        let archive = Archive::from_zip(&zip, &Limits::default()).unwrap();
        assert!(matches!(package_read(&archive), Err(PackageError::Xml { .. })));
    }
    let deep_json = "[".repeat(10_000);
    let workflow = "<i><Workflows><Workflow WorkflowId='{27de4aff-d651-f011-877a-7c1e52583799}' Name='x'><JsonFileName>/Workflows/x.json</JsonFileName><Category>5</Category></Workflow></Workflows></i>";
    let zip = zip_of(&[
        ("solution.xml", b"<a/>"),
        ("customizations.xml", workflow.as_bytes()),
        ("Workflows/x.json", deep_json.as_bytes()),
        ("environmentvariabledefinitions/x/environmentvariabledefinition.xml", b"<a"),
    ]);
    let package = package_read(&Archive::from_zip(&zip, &Limits::default()).unwrap()).unwrap();
    let messages: Vec<&str> = package.problems.iter().map(|p| &*p.message).collect();
    assert!(messages.iter().any(|m| m.contains("deeper than 100")), "{messages:?}");
    assert!(package.problems.iter().any(|p| p.part.starts_with("environmentvariable")));
}

#[cfg(unix)]
#[test]
fn a_folder_with_a_link_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("solution.xml"), "<a/>").unwrap();
    std::os::unix::fs::symlink("/etc/passwd", folder.path().join("customizations.xml")).unwrap();
    let error = Archive::read(folder.path(), &Limits::default()).unwrap_err();
    assert!(error.to_string().contains("symbolic link"), "{error}");
}

#[test]
fn a_path_that_is_not_there_is_named() {
    let error = inspect("no/such/path".as_ref(), &Limits::default()).unwrap_err().to_string();
    assert!(error.contains("`no/such/path`"), "{error}");
}
