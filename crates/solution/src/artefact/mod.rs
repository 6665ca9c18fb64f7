//! Readers of the files a solution is made of. Each is total: a value and the problems met.
pub mod agent_xml;
pub mod alm_settings_json;
pub mod bindings_lock;
pub mod bindings_yaml;
pub mod canvas_app_xml;
pub mod connector_xml;
pub mod customizations_xml;
pub mod entity_xml;
pub mod facts_json;
pub mod flow_action;
mod flow_operation;
pub mod legacy_package;
pub mod pipeline_yaml;
pub mod reference_xml;
pub mod rollout_yaml;
pub mod settings_json;
pub mod solution_xml;
pub mod variable_xml;
pub mod workflow_json;
pub mod workflow_xml;

use crate::document::json::{Leniency, LenientNote};
use crate::document::xml::Node;
use crate::model::package::Problem;

/// Problems kept at most: the first say enough, and a hostile file could hold millions.
const MAX_PROBLEMS: usize = 200;

/// Collects problems of one part.
pub struct Problems<'a> {
    part: &'a str,
    found: &'a mut Vec<Problem>,
}

impl<'a> Problems<'a> {
    /// Problems of a part go to `found`.
    pub fn new(part: &'a str, found: &'a mut Vec<Problem>) -> Self {
        Self { part, found }
    }

    /// A problem at an element.
    pub fn add_at(&mut self, node: Node<'_>, message: impl Into<String>) {
        // The path costs a walk over the neighbours, so it is not made in vain.
        if self.found.len() < MAX_PROBLEMS {
            self.add(node.path(), message);
        }
    }

    /// Problems of a text that is no strict JSON. A byte order mark is none: real files have it.
    pub fn lenient(&mut self, notes: &[LenientNote]) {
        for note in notes.iter().filter(|n| n.kind != Leniency::ByteOrderMark) {
            let place = format!("line {}, column {}", note.line, note.column);
            self.add("", format!("not strict JSON at {place}: {}", note.kind.as_str()));
        }
    }

    /// A problem at an XML path or JSON pointer.
    pub fn add(&mut self, at: impl Into<String>, message: impl Into<String>) {
        if self.found.len() >= MAX_PROBLEMS {
            return;
        }
        self.found.push(Problem {
            part: self.part.to_owned(),
            at: at.into(),
            message: message.into(),
        });
    }
}

/// The text of a child without surrounding blanks; `None` if missing, nil or blank.
pub(crate) fn word(node: Node<'_>, name: &str) -> Option<String> {
    let text = node.child_text(name)?;
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// The text of a child as it is; `None` if missing or empty.
pub(crate) fn prose(node: Node<'_>, name: &str) -> Option<String> {
    node.child_text(name).filter(|text| !text.is_empty()).map(Into::into)
}

/// A number in a child; `None` if missing; a problem if it is none.
pub(crate) fn number<T: std::str::FromStr>(
    node: Node<'_>,
    name: &str,
    problems: &mut Problems<'_>,
) -> Option<T> {
    let text = word(node, name)?;
    let parsed = text.parse().ok();
    if parsed.is_none() {
        problems.add_at(node, format!("`{name}` is `{}`, not a number in range", cut(&text)));
    }
    parsed
}

/// A hostile text, shortened for a message.
pub(crate) fn cut(text: &str) -> String {
    let mut short: String = text.chars().take(80).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

/// The `description` of the first child in a list like `LocalizedNames`, preferring a language.
pub(crate) fn localized(node: Node<'_>, list: &str, language: u32) -> Option<String> {
    let chosen = localized_node(node, list, language)?;
    chosen.attribute("description").map(Into::into)
}

/// The element that [`localized`] reads.
pub(crate) fn localized_node<'a>(node: Node<'a>, list: &str, language: u32) -> Option<Node<'a>> {
    let list = node.child(list)?;
    let wanted = language.to_string();
    list.children()
        .find(|n| n.attribute("languagecode").is_some_and(|code| code == wanted))
        .or_else(|| list.children().next())
}
