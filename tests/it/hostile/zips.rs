//! Archives made to harm.
use std::io::{Cursor, Write};

use connref_tests::package::{fixture, fixture_zip, fixture_zip_with, folder_parts, zip};
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

use super::{BASE, World};

/// The fixture with one more part in front.
fn with(name: &str, content: &[u8]) -> Vec<u8> {
    let mut parts = vec![(name.to_owned(), content.to_vec())];
    parts.extend(folder_parts(&fixture(BASE)));
    zip(&parts)
}

/// Replaces every occurrence of some bytes by as many others.
fn replaced(mut bytes: Vec<u8>, from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len(), "lengths in the headers stay true");
    let found: Vec<usize> =
        (0..bytes.len() - from.len()).filter(|at| &bytes[*at..at + from.len()] == from).collect();
    for at in found {
        bytes[at..at + to.len()].copy_from_slice(to);
    }
    bytes
}

/// Where the directory's header of an entry begins.
fn header(bytes: &[u8], name: &str) -> usize {
    let headers = (0..bytes.len() - 46).filter(|at| bytes[*at..].starts_with(b"PK\x01\x02"));
    let mut own = headers.filter(|at| bytes[at + 46..].starts_with(name.as_bytes()));
    own.next().expect("the entry is in the directory")
}

fn patched(mut bytes: Vec<u8>, name: &str, offset: usize, value: &[u8]) -> Vec<u8> {
    let at = header(&bytes, name) + offset;
    bytes[at..at + value.len()].copy_from_slice(value);
    bytes
}

/// The fixture with an entry whose check sum is wrong.
pub(super) fn wrong_crc(name: &str) -> Vec<u8> {
    patched(fixture_zip(BASE), name, 16, &[1, 2, 3, 4])
}

fn symlink() -> Vec<u8> {
    let mut writer = ZipWriter::new_append(Cursor::new(fixture_zip(BASE))).expect("a zip");
    let options = SimpleFileOptions::default();
    writer.add_symlink("Workflows/link.json", "/etc/passwd", options).expect("a link");
    writer.finish().expect("a zip").into_inner()
}

/// Many copies of one entry, each below every limit of its own. They are copied packed, so that
/// making them costs nothing.
fn many_honest_entries() -> Vec<u8> {
    // Something different in every 4 KiB keeps the ratio honest.
    let lines = (0..1024u32).map(|n| {
        let noise = n.wrapping_mul(2_654_435_761);
        format!("{noise:8x}{:8x}{:4079}\n", noise.rotate_left(7) ^ n, "")
    });
    let one = zip(&[("one".to_owned(), lines.collect::<String>().into_bytes())]);
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for copy in 0..140 {
        let mut source = ZipArchive::new(Cursor::new(&one)).expect("a zip");
        let entry = source.by_index_raw(0).expect("an entry");
        writer.raw_copy_file_rename(entry, format!("Workflows/{copy}.json")).expect("a copy");
    }
    writer.finish().expect("a zip").into_inner()
}

/// A directory with far more entries than a package may have.
fn crowd(entries: u32, claimed: Option<u64>) -> Vec<u8> {
    let mut bytes = b"PK\x03\x04".to_vec();
    bytes.extend_from_slice(&[0; 26]);
    let start = bytes.len() as u64;
    for number in 0..entries {
        bytes.extend_from_slice(b"PK\x01\x02");
        bytes.extend_from_slice(&[0; 24]);
        bytes.extend_from_slice(&8u16.to_le_bytes());
        bytes.extend_from_slice(&[0; 16]);
        write!(bytes, "{number:08}").expect("memory can be written");
    }
    let size = bytes.len() as u64 - start;
    if let Some(claimed) = claimed {
        let record = bytes.len() as u64;
        bytes.extend_from_slice(b"PK\x06\x06");
        bytes.extend_from_slice(&44u64.to_le_bytes());
        bytes.extend_from_slice(&[45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        for value in [claimed, claimed, size, start] {
            bytes.extend_from_slice(&value.to_le_bytes());
        }
        bytes.extend_from_slice(b"PK\x06\x07\0\0\0\0");
        bytes.extend_from_slice(&record.to_le_bytes());
        bytes.extend_from_slice(&1u32.to_le_bytes());
    }
    let count = u16::try_from(entries).unwrap_or(u16::MAX).to_le_bytes();
    bytes.extend_from_slice(b"PK\x05\x06\0\0\0\0");
    bytes.extend_from_slice(&count);
    bytes.extend_from_slice(&count);
    let short = |value: u64| if claimed.is_some() { u32::MAX } else { value as u32 };
    bytes.extend_from_slice(&short(size).to_le_bytes());
    bytes.extend_from_slice(&short(start).to_le_bytes());
    bytes.extend_from_slice(&[0, 0]);
    bytes
}

/// Makes the bytes of an archive.
type Make<'a> = &'a dyn Fn() -> Vec<u8>;

#[test]
fn what_is_no_zip_or_a_damaged_one() {
    let world = World::new();
    let whole = fixture_zip(BASE);
    for (name, bytes) in [
        ("empty", &b""[..]),
        ("text", b"Dear harbour master,"),
        ("html", b"<!DOCTYPE html><title>Sign in</title>"),
        ("json", b"{\"error\": \"unauthorized\"}"),
        ("sevenzip", b"7z\xBC\xAF\x27\x1C"),
        ("gzip", b"\x1F\x8B\x08\0\0"),
    ] {
        world.refused(name, bytes, &[name, "not a zip"]);
    }
    for (name, cut) in [("half", whole.len() / 2), ("tail", whole.len() - 4), ("head", 4)] {
        world.refused(name, &whole[..cut], &[name, "damaged"]);
    }
    world.refused("crc", &wrong_crc("solution.xml"), &["solution.xml", "damaged"]);
    world.not_unpacked("crc", &wrong_crc("solution.xml"), &["solution.xml", "damaged"]);
    let other = zip(&[("readme.txt".to_owned(), b"hello".to_vec())]);
    world.refused("other", &other, &["solution.xml"]);
    // A zip in a zip in a zip is no solution, and nobody looks into it.
    let nested = (0..6).fold(whole, |inner, _| zip(&[("inner.zip".to_owned(), inner)]));
    world.refused("nested", &nested, &["solution.xml"]);
}

#[test]
fn bombs() {
    let world = World::new();
    let ratio = || {
        let blanks = vec![b' '; 24 << 20];
        fixture_zip_with(BASE, &[("Workflows/bomb.json", Some(blanks))])
    };
    let size = || patched(fixture_zip(BASE), "solution.xml", 24, &[0xFF, 0xFF, 0xFF, 0x7F]);
    let claim = || crowd(65_534, Some(u64::MAX));
    // Made one after the other: what the test itself takes counts as well.
    let bombs: [(&str, Make<'_>, [&str; 2]); 6] = [
        ("ratio", &ratio, ["bomb.json", "limit"]),
        ("total", &many_honest_entries, ["total size", "limit"]),
        ("size", &size, ["solution.xml", "limit"]),
        ("crowd", &|| crowd(60_000, None), ["number of entries", "limit"]),
        ("crowd64", &|| crowd(300_000, Some(300_000)), ["number of entries", "limit"]),
        ("claim", &claim, ["number of entries", "limit"]),
    ];
    for (name, make, words) in bombs {
        let bytes = make();
        world.refused(name, &bytes, &words);
        world.not_unpacked(name, &bytes, &words);
    }
    // A size that is smaller than the content is found out when it is read.
    let less = patched(fixture_zip(BASE), "solution.xml", 24, &[9, 0, 0, 0]);
    world.refused("less", &less, &["solution.xml"]);
    world.not_unpacked("less", &less, &["solution.xml"]);
}

#[test]
fn names_that_lead_elsewhere_and_entries_that_are_no_files() {
    let world = World::new();
    let long = format!("{}.xml", "a".repeat(5_000));
    let deep = format!("{}evil.xml", "a/".repeat(200));
    for (name, entry, words) in [
        ("climb", "../evil.xml", ["evil.xml", "climbs"]),
        ("climb_inside", "Workflows/../../evil.xml", ["evil.xml", "climbs"]),
        ("climb_windows", "..\\evil.xml", ["evil.xml", "climbs"]),
        ("root", "/etc/evil.xml", ["evil.xml", "absolute"]),
        ("root_windows", "\\\\host\\share\\evil.xml", ["evil.xml", "absolute"]),
        ("drive", "C:\\evil.xml", ["evil.xml", "drive"]),
        ("control", "evil\u{1}.xml", ["evil", "control"]),
        ("nul", "evil.xml\0.png", ["evil.xml", "control"]),
        ("bare", "a//evil.xml", ["evil.xml", "empty"]),
        ("long", &long, ["aaaa", "too long"]),
        ("deep", &deep, ["a/a/", "too"]),
        ("case", "SOLUTION.XML", ["solution.xml", "one name"]),
    ] {
        // The writer tidies names, so they are put in afterwards.
        let stand_in = "z".repeat(entry.len());
        let bytes = replaced(with(&stand_in, b"<x/>"), stand_in.as_bytes(), entry.as_bytes());
        world.refused(name, &bytes, &words);
        world.not_unpacked(name, &bytes, &words);
    }
    let mut twins = folder_parts(&fixture(BASE));
    twins.push(("Workflows/caf\u{e9}.json".to_owned(), b"{}".to_vec()));
    twins.push(("Workflows/cafe\u{301}.json".to_owned(), b"{}".to_vec()));
    world.refused("twins", &zip(&twins), &["caf", "one name"]);
    let twice = replaced(with("sulution.xml", b"<x/>"), b"sulution.xml", b"solution.xml");
    world.refused("twice", &twice, &["twice.zip", "one name"]);
    world.refused("symlink", &symlink(), &["link.json", "symbolic link"]);
    world.not_unpacked("symlink", &symlink(), &["link.json", "symbolic link"]);
    let locked = patched(fixture_zip(BASE), "solution.xml", 8, &[1, 0]);
    world.refused("locked", &locked, &["solution.xml", "encrypted"]);
    let method = patched(fixture_zip(BASE), "solution.xml", 10, &[12, 0]);
    world.refused("method", &method, &["solution.xml", "compressed"]);
    // Two entries of the directory share one content.
    let whole = fixture_zip(BASE);
    let at = header(&whole, "solution.xml") + 42;
    let place: [u8; 4] = whole[at..at + 4].try_into().expect("four bytes");
    let overlap = patched(whole, "customizations.xml", 42, &place);
    world.refused("overlap", &overlap, &["overlap"]);
    world.not_unpacked("overlap", &overlap, &["overlap"]);
}
