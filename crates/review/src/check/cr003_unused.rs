//! CR003: a reference that nothing in the package uses.
use std::collections::HashSet;

use connref_solution::archive::Part;

use super::context::Context;
use super::draft::{Draft, reference_subject};
use super::text::cut;
use crate::catalogue::code;
use crate::finding::Severity;

pub(super) fn check(cx: &Context<'_>, out: &mut Vec<Draft>) {
    let package = cx.package;
    // A package with nothing that could use a reference is a base that others build on.
    let consumers = cx.flows.len() + package.canvas_apps.len() + package.agent_uses.len();
    if consumers == 0 || !cx.source.broken.is_empty() {
        return;
    }
    let mut idle: HashSet<String> = cx.unused().map(|r| r.logical_name.key()).collect();
    if idle.is_empty() {
        return;
    }
    mentioned(cx, &mut idle);
    let mut seen = HashSet::new();
    for reference in &package.references {
        let key = reference.logical_name.key();
        if !idle.contains(&key) || !seen.insert(key) {
            continue;
        }
        out.push(Draft::new(
            code::CR003,
            Severity::Note,
            reference_subject(reference),
            cx.at_reference(reference, ""),
            format!("nothing in the package uses the connection reference `{}`", cut(reference.logical_name.as_str())),
            "remove it from the solution, or somebody must bind it in every environment for nothing",
        ));
    }
}

/// Takes out of `idle` what any other component mentions: AI models, data-source variables,
/// credentials, agents, desktop flows.
fn mentioned(cx: &Context<'_>, idle: &mut HashSet<String>) {
    let flows: HashSet<&str> = cx.source.flows.iter().map(|f| f.part.as_str()).collect();
    for part in cx.source.archive.parts() {
        if idle.is_empty() {
            return;
        }
        if !may_mention(part, &flows) {
            continue;
        }
        // A part that cannot be read mentions nothing that counts.
        let Ok(bytes) = part.read() else { continue };
        // The definitions themselves are no use.
        let find = |what: &str| memchr::memmem::find(&bytes, what.as_bytes());
        match (find("<connectionreferences"), find("</connectionreferences>")) {
            (Some(from), Some(to)) if from < to => {
                tokens(&bytes[..from], idle);
                tokens(&bytes[to..], idle);
            }
            _ => tokens(&bytes, idle),
        }
    }
}

fn may_mention(part: &Part, flows: &HashSet<&str>) -> bool {
    let name = part.name().to_ascii_lowercase();
    if matches!(name.as_str(), "customizations.xml" | "other/customizations.xml") {
        return true;
    }
    let Some((folder, file)) = name.rsplit_once('/') else { return false };
    let first = folder.split('/').next().unwrap_or_default();
    let text = [".xml", ".json", ".yml", ".yaml"].iter().any(|end| file.ends_with(end));
    (text || file == "data")
        && !["other", "config", "connector", "connectors"].contains(&first)
        && !file.contains("settings")
        && !flows.contains(part.name())
}

/// Which bytes are of a name: letters, digits, `_`, `.`, `-`, and those of other scripts.
const NAME: [bool; 256] = {
    let mut name = [false; 256];
    let mut at = 0;
    while at < 256 {
        let byte = at as u8;
        name[at] =
            byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-') || !byte.is_ascii();
        at += 1;
    }
    name
};

/// Takes out every token of a text. Names hold letters, digits, `_`, `.` and `-`.
fn tokens(text: &[u8], idle: &mut HashSet<String>) {
    // Most tokens differ in length from all that is sought, and cost no more than being passed over.
    let longest = idle.iter().map(String::len).max().unwrap_or(0);
    let mut lengths = vec![false; longest + 1];
    idle.iter().for_each(|name| lengths[name.len()] = true);
    for token in text.split(|b| !NAME[usize::from(*b)]).filter(|t| t.len() > 2) {
        if idle.is_empty() {
            return;
        }
        let ascii = token.is_ascii();
        if ascii && !lengths.get(token.len()).copied().unwrap_or(false) && !token.ends_with(b".") {
            continue;
        }
        // The bytes between two ASCII ones are whole characters.
        let Ok(token) = std::str::from_utf8(token) else { continue };
        if !ascii {
            // Lower case may have another length, and not every character belongs to a name.
            let letter = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-');
            for token in token.split(|c| !letter(c)) {
                idle.remove(&token.trim_end_matches('.').to_lowercase());
            }
            continue;
        }
        let token = token.trim_end_matches('.');
        if lengths.get(token.len()).copied().unwrap_or(false) {
            idle.remove(&token.to_ascii_lowercase());
        }
    }
}
