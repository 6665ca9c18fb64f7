//! Names of parts.
use icu_normalizer::ComposingNormalizerBorrowed;

use super::limits::shown;
use super::{ArchiveError, Limits};

/// Checks a part name and turns back-slashes into slashes.
pub(super) fn name_check(raw: &str, limits: &Limits) -> Result<String, ArchiveError> {
    let refuse = |why| Err(ArchiveError::UnsafeName { entry: shown(raw), why });
    if raw.len() > limits.name_bytes {
        return refuse("the name is too long");
    }
    if raw.chars().any(char::is_control) {
        return refuse("the name holds control characters");
    }
    let name = raw.replace('\\', "/");
    if name.starts_with('/') {
        return refuse("the path is absolute");
    }
    if name.as_bytes().get(1) == Some(&b':') && name.as_bytes()[0].is_ascii_alphabetic() {
        return refuse("the path names a drive");
    }
    if name.split('/').count() > limits.depth {
        return refuse("the path is too deep");
    }
    for component in name.split('/') {
        match component {
            "" => return refuse("a component of the path is empty"),
            "." | ".." => return refuse("the path climbs with `.` or `..`"),
            _ => {}
        }
    }
    Ok(name)
}

/// The form in which names are compared: without case, accents composed. Some file systems hold
/// only one of two names that differ in nothing else.
pub(super) fn name_key(name: &str) -> String {
    if name.is_ascii() {
        return name.to_ascii_lowercase();
    }
    ComposingNormalizerBorrowed::new_nfc().normalize(&name.to_lowercase()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twins_have_one_key() {
        assert_eq!(name_key("Workflows/CAF\u{c9}.json"), name_key("workflows/cafe\u{301}.json"));
        assert_ne!(name_key("caf\u{e9}"), name_key("cafe"));
    }

    #[test]
    fn unsafe_names_are_refused() {
        let limits = Limits::default();
        for name in [
            "../a",
            "a/../b",
            "/etc/passwd",
            "C:\\x",
            "c:/x",
            "a//b",
            "",
            "a/./b",
            "..\\x",
            "a\0b",
            "\\x",
        ] {
            assert!(name_check(name, &limits).is_err(), "{name:?}");
        }
        assert!(name_check(&"x".repeat(500), &limits).is_err());
    }

    #[test]
    fn back_slashes_become_slashes_and_spelling_stays() {
        let limits = Limits::default();
        assert_eq!(name_check("Workflows\\A-B.json", &limits).unwrap(), "Workflows/A-B.json");
        assert_eq!(name_check("[Content_Types].xml", &limits).unwrap(), "[Content_Types].xml");
        assert_eq!(name_check("a/..b/c..", &limits).unwrap(), "a/..b/c..");
    }
}
