//! Paths as reports show them: the same on every machine, wherever that is possible.
use std::path::{Component, Path};

/// A path with `/`, relative to the working directory if it lies below it.
pub(crate) fn shown(path: &Path) -> String {
    let here = std::env::current_dir().ok();
    let path = here.and_then(|here| path.strip_prefix(here).ok()).unwrap_or(path);
    let mut text = String::new();
    for component in path.components() {
        match component {
            Component::CurDir => continue,
            Component::RootDir => text.push('/'),
            other => {
                if !text.is_empty() && !text.ends_with('/') {
                    text.push('/');
                }
                text += &other.as_os_str().to_string_lossy();
            }
        }
    }
    if text.is_empty() { ".".to_owned() } else { text }
}

/// The path as a URI reference (RFC 3986): relative stays relative.
pub(super) fn uri(shown: &str) -> String {
    let mut text = String::with_capacity(shown.len());
    if shown.starts_with('/') {
        text += "file://";
    }
    for byte in shown.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                text.push(char::from(byte));
            }
            _ => text += &format!("%{byte:02X}"),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_plain_and_uris_are_encoded() {
        assert_eq!(shown(Path::new("./a/./b.zip")), "a/b.zip");
        assert_eq!(shown(Path::new(".")), ".");
        assert_eq!(shown(&std::env::current_dir().unwrap().join("x.zip")), "x.zip");
        assert_eq!(shown(Path::new("/nowhere/x.zip")), "/nowhere/x.zip");
        assert_eq!(uri("a b/ü:#.zip"), "a%20b/%C3%BC%3A%23.zip");
        assert_eq!(uri("/nowhere/x.zip"), "file:///nowhere/x.zip");
    }
}
