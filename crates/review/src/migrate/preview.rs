//! What a migration changes, as a unified diff.
use connref_solution::artefact::legacy_package::legacy_package_is;
use connref_solution::document::json::JsonDocument;
use connref_solution::{Archive, ArchiveError};

use super::Migration;
use crate::diff::unified;

const NOTHING: &str = "/dev/null";

pub(super) fn preview(migration: &Migration) -> Result<String, ArchiveError> {
    let mut out = String::new();
    let (before, after) = (&migration.before, &migration.after);
    let legacy = legacy_package_is(before);
    for part in after.parts() {
        // A flow of a flow package goes on under another name.
        let old =
            if legacy { legacy_part(before, part.name()) } else { Some(part.name().to_owned()) };
        let old = old.filter(|name| before.part(name).is_some());
        let from = old.as_deref().map(|name| before.bytes(name)).transpose()?.flatten();
        part_write(&mut out, old.as_deref(), Some(part.name()), from, Some(part.bytes()?));
    }
    if !legacy {
        for part in before.parts().filter(|p| after.part(p.name()).is_none()) {
            part_write(&mut out, Some(part.name()), None, Some(part.bytes()?), None);
        }
    }
    if let Some(split) = &migration.connectors {
        for part in split.connectors.parts() {
            let name = format!("{}/{}", split.unique_name, part.name());
            part_write(&mut out, None, Some(&name), None, Some(part.bytes()?));
        }
    }
    Ok(out)
}

/// `definition.json` of the flow whose body a new part is: its id stands in the part's name.
fn legacy_part(before: &Archive, name: &str) -> Option<String> {
    let key = name.to_lowercase();
    let stem = key.strip_prefix("workflows/")?.strip_suffix(".json")?;
    let id = stem.get(stem.len().checked_sub(36)?..)?;
    let holds = |bytes: &[u8]| {
        JsonDocument::parse(bytes).is_ok_and(|document| {
            let named = document.value().get("name").and_then(|n| n.as_str());
            named.is_some_and(|named| named.eq_ignore_ascii_case(id))
        })
    };
    let definitions =
        before.parts().filter(|p| p.name().to_lowercase().ends_with("/definition.json"));
    let mut found =
        definitions.filter(|p| p.name().to_lowercase().contains(id) || p.bytes().is_ok_and(holds));
    found.next().map(|p| p.name().to_owned())
}

fn part_write(
    out: &mut String,
    old: Option<&str>,
    new: Option<&str>,
    from: Option<&[u8]>,
    to: Option<&[u8]>,
) {
    if from == to {
        return;
    }
    let name = |prefix: &str, name: Option<&str>| {
        name.map_or_else(|| NOTHING.to_owned(), |name| format!("{prefix}/{name}"))
    };
    let (a, b) = (name("a", old), name("b", new));
    match (from.map_or(Some(""), text), to.map_or(Some(""), text)) {
        (Some(from), Some(to)) => {
            let ((from, spread), (to, _)) = (lines(from), lines(to));
            if spread {
                let shown = new.or(old).unwrap_or_default();
                out.push_str(&format!("# `{shown}` is on one line; it is shown spread out\n"));
            }
            out.push_str(&unified(&a, &b, &from, &to));
        }
        _ => out.push_str(&format!("Binary files {a} and {b} differ\n")),
    }
}

fn text(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes)).ok()?;
    (!text.contains('\0')).then_some(text)
}

/// A text that stands on one line is spread out, so that a change can be seen.
fn lines(text: &str) -> (String, bool) {
    if text.len() < 200 || text.trim_end().contains('\n') {
        return (text.to_owned(), false);
    }
    if text.trim_start().starts_with('<') {
        return (text.replace("><", ">\n<"), true);
    }
    match JsonDocument::parse(text.as_bytes()) {
        Ok(document) => (JsonDocument::new(document.value().clone()).text().to_owned(), true),
        Err(_) => (text.to_owned(), false),
    }
}
