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
    // Names begin with a publisher's prefix and `_`, which few tokens have: those are looked for.
    let prefixed = idle.iter().all(|name| name.contains('_'));
    let mut sought = Sought::new(idle);
    if !prefixed {
        text.split(|b| !NAME[usize::from(*b)]).for_each(|token| sought.remove(token));
        return;
    }
    let mut from = 0;
    while let Some(mark) = memchr::memchr(b'_', &text[from..]).map(|at| from + at) {
        let before = text[from..mark].iter().rposition(|b| !NAME[usize::from(*b)]);
        let start = before.map_or(from, |at| from + at + 1);
        let behind = text[mark..].iter().position(|b| !NAME[usize::from(*b)]);
        let end = behind.map_or(text.len(), |at| mark + at);
        sought.remove(&text[start..end]);
        from = end;
    }
}

/// Names that are sought. Most tokens differ in length from all of them, and cost no more than being
/// passed over.
struct Sought<'i> {
    idle: &'i mut HashSet<String>,
    lengths: Vec<bool>,
}

impl<'i> Sought<'i> {
    fn new(idle: &'i mut HashSet<String>) -> Self {
        let longest = idle.iter().map(String::len).max().unwrap_or(0);
        let mut lengths = vec![false; longest + 1];
        idle.iter().for_each(|name| lengths[name.len()] = true);
        Self { idle, lengths }
    }

    fn has_length(&self, length: usize) -> bool {
        self.lengths.get(length).copied().unwrap_or(false)
    }

    /// Takes a token out, whatever its case, without the full stops behind it.
    fn remove(&mut self, token: &[u8]) {
        let ascii = token.is_ascii();
        if ascii && !self.has_length(token.len()) && !token.ends_with(b".") {
            return;
        }
        // The bytes between two ASCII ones are whole characters.
        let Ok(token) = std::str::from_utf8(token) else { return };
        if ascii {
            let token = token.trim_end_matches('.');
            if self.has_length(token.len()) {
                self.idle.remove(&token.to_ascii_lowercase());
            }
            return;
        }
        // Lower case may have another length, and not every character belongs to a name.
        let letter = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-');
        for token in token.split(|c| !letter(c)) {
            self.idle.remove(&token.trim_end_matches('.').to_lowercase());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(text: &str, names: &[&str]) -> Vec<String> {
        let mut idle: HashSet<String> = names.iter().map(|name| (*name).to_owned()).collect();
        tokens(text.as_bytes(), &mut idle);
        let mut left: Vec<String> = idle.into_iter().collect();
        left.sort();
        left
    }

    #[test]
    fn whole_names_are_taken_out_whatever_their_case() {
        let names = ["abc_mail", "abc_mail_2", "abc_größe", "a_b.c-d", "_x", "x_"];
        assert_eq!(left("", &names).len(), 6);
        assert_eq!(left("abc_mai abc_mailx xabc_mail abc-mail a_b.c-d-e", &names).len(), 6);
        assert_eq!(
            left("\"ABC_Mail\"", &names),
            ["_x", "a_b.c-d", "abc_größe", "abc_mail_2", "x_"]
        );
        assert_eq!(left("by abc_mail_2. (a_B.c-D)_x/x_", &names), ["abc_größe", "abc_mail"]);
        assert_eq!(left("“ABC_GRÖSSE” abc_GRÖßE", &names).len(), 5);
        assert_eq!(left("»abc_mail«…abc_mail_2", &names).len(), 4);
    }

    #[test]
    fn one_name_without_a_prefix_has_every_token_looked_at() {
        let names = ["mail", "abc_mail"];
        assert_eq!(left("Mail", &names), ["abc_mail"]);
        assert_eq!(left("<a>abc_Mail</a>", &names), ["mail"]);
        assert_eq!(left("a.mail mail-b", &names), ["abc_mail", "mail"]);
    }
}
