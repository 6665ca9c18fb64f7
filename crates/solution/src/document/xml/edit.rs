//! Changes to a document: splices of its text, so that every other byte stays.
use std::collections::BTreeMap;
use std::ops::Range;

use quick_xml::escape::{escape, partial_escape};

use super::{Node, XmlDocument, XmlError};

/// Changes collected against one document, applied together by [`XmlEdit::finish`].
pub struct XmlEdit<'a> {
    document: &'a XmlDocument,
    splices: Vec<(Range<usize>, String)>,
    /// New children of elements that have none, by element.
    appended: BTreeMap<u32, Vec<String>>,
}

impl<'a> XmlEdit<'a> {
    pub(super) fn new(document: &'a XmlDocument) -> Self {
        Self { document, splices: Vec::new(), appended: BTreeMap::new() }
    }

    /// Whether nothing was changed.
    pub fn is_empty(&self) -> bool {
        self.splices.is_empty() && self.appended.is_empty()
    }

    fn splice(&mut self, range: Range<usize>, text: String) {
        self.splices.push((range, text));
    }

    /// Replaces the content of an element by text.
    pub fn set_text(&mut self, node: Node<'a>, text: &str) {
        let element = node.element();
        let text = text_escape(text);
        if element.self_closing() {
            self.splice(closing(node), format!(">{text}</{}>", node.name()));
        } else {
            self.splice(element.inner.0 as usize..element.inner.1 as usize, text);
        }
    }

    /// Sets an attribute; a new one comes last.
    pub fn set_attribute(&mut self, node: Node<'a>, name: &str, value: &str) {
        let value = attribute_escape(value);
        match self.attribute_find(node, name) {
            Some((_, inside)) => self.splice(inside, value),
            None => {
                let at = node.span().start + open_tag(node).len() - 1;
                self.splice(at..at, format!(" {name}=\"{value}\""));
            }
        }
    }

    /// Removes an attribute, if it is there.
    pub fn remove_attribute(&mut self, node: Node<'a>, name: &str) {
        if let Some((whole, _)) = self.attribute_find(node, name) {
            self.splice(whole, String::new());
        }
    }

    /// The attribute with the white space before it and its value.
    fn attribute_find(&self, node: Node<'a>, name: &str) -> Option<(Range<usize>, Range<usize>)> {
        let found = self.document.attributes[node.element().attributes()]
            .iter()
            .find(|a| self.document.slice(a.name) == name)?;
        let start = found.name.0 as usize;
        let kept = self.document.text[..start].trim_end_matches([' ', '\t', '\r', '\n']).len();
        let inside = found.value.0 as usize..found.value.1 as usize;
        Some((kept..inside.end + 1, inside))
    }

    /// Replaces an element by other markup.
    pub fn replace(&mut self, node: Node<'a>, markup: &str) {
        self.splice(node.span(), markup.to_owned());
    }

    /// Removes an element and the white space before it.
    pub fn remove(&mut self, node: Node<'a>) {
        let span = node.span();
        self.splice(span.start - node.leading().len()..span.end, String::new());
    }

    /// Puts markup after an element, on a line of its own if the element stands on one.
    pub fn insert_after(&mut self, node: Node<'a>, markup: &str) {
        let at = node.span().end;
        self.splice(at..at, format!("{}{markup}", self.separator(node)));
    }

    /// Puts markup before an element.
    pub fn insert_before(&mut self, node: Node<'a>, markup: &str) {
        // Before the white space, so that removing the element itself takes nothing of this.
        let at = node.span().start - node.leading().len();
        self.splice(at..at, format!("{}{markup}", self.separator(node)));
    }

    /// Puts markup after the last child of an element.
    pub fn append(&mut self, parent: Node<'a>, markup: &str) {
        if let Some(last) = parent.children().last() {
            return self.insert_after(last, markup);
        }
        self.appended.entry(parent.index).or_default().push(markup.to_owned());
    }

    /// Gives an element without children its first ones.
    fn fill(&mut self, parent: Node<'a>, markup: &[String]) {
        let eol = self.document.eol();
        let (inside, outside) = (parent.child_indent(), parent.indent());
        let between = format!("{eol}{inside}");
        let content = format!("{between}{}{eol}{outside}", markup.join(&between));
        let element = parent.element();
        if element.self_closing() {
            self.splice(closing(parent), format!(">{content}</{}>", parent.name()));
        } else if parent.inner().trim().is_empty() {
            self.splice(element.inner.0 as usize..element.inner.1 as usize, content);
        } else {
            let at = element.inner.1 as usize;
            self.splice(at..at, content);
        }
    }

    /// Sets, adds or removes a child that holds only text. `order` lists the names of all
    /// children in the order of the format; a new child goes where it belongs.
    pub fn put_child(&mut self, node: Node<'a>, name: &str, text: Option<&str>, order: &[&str]) {
        match (node.child(name), text) {
            (Some(child), Some(text)) => self.set_text(child, text),
            (Some(child), None) => self.remove(child),
            (None, Some(text)) => {
                let mut fragment = node.child_fragment();
                fragment.leaf(name, text);
                self.insert_ordered(node, name, &fragment.finish(), order);
            }
            (None, None) => {}
        }
    }

    /// Puts markup for a new child named `name` where `order` says.
    pub fn insert_ordered(&mut self, parent: Node<'a>, name: &str, markup: &str, order: &[&str]) {
        let rank = |n: &str| order.iter().position(|o| *o == n);
        let wanted = rank(name);
        let before = parent.children().filter(|c| rank(c.name()) < wanted || wanted.is_none());
        match (before.last(), parent.children().next()) {
            (Some(child), _) => self.insert_after(child, markup),
            (None, Some(first)) => self.insert_before(first, markup),
            (None, None) => self.append(parent, markup),
        }
    }

    /// White space between an element and a new neighbour.
    fn separator(&self, node: Node<'a>) -> &'a str {
        let leading = node.leading();
        // Blank lines are not doubled: only the last line end and the indentation.
        leading.rfind('\n').map_or(leading, |at| {
            let from = if leading[..at].ends_with('\r') { at - 1 } else { at };
            &leading[from..]
        })
    }

    /// Applies the changes.
    ///
    /// # Errors
    /// Changes that overlap; a result that is no well-formed document any more.
    pub fn finish(mut self) -> Result<XmlDocument, XmlError> {
        for (index, markup) in std::mem::take(&mut self.appended) {
            self.fill(Node { document: self.document, index }, &markup);
        }
        let Self { document, mut splices, .. } = self;
        // Stable: several insertions at one place stay in the order they were asked for.
        splices.sort_by_key(|(range, _)| (range.start, range.end));
        let mut bytes = Vec::with_capacity(document.text.len() + 64);
        if document.bom {
            bytes.extend_from_slice(super::parse::BOM);
        }
        let mut at = 0;
        for (range, text) in splices {
            if range.start < at {
                return Err(XmlError::Overlap { offset: range.start });
            }
            bytes.extend_from_slice(&document.text.as_bytes()[at..range.start]);
            bytes.extend_from_slice(text.as_bytes());
            at = range.end;
        }
        bytes.extend_from_slice(&document.text.as_bytes()[at..]);
        XmlDocument::parse_owned(bytes)
    }
}

/// The start tag of an element; of a self-closing one what its start tag would be.
fn open_tag(node: Node<'_>) -> String {
    let element = node.element();
    let outer = node.outer();
    if element.self_closing() {
        format!("{}>", bare_tag(outer))
    } else {
        outer[..(element.inner.0 - element.outer.0) as usize].to_owned()
    }
}

/// A self-closing tag without its end.
fn bare_tag(outer: &str) -> &str {
    outer.trim_end_matches('>').trim_end_matches('/').trim_end()
}

/// Where a self-closing tag ends: the blanks, `/` and `>`.
fn closing(node: Node<'_>) -> Range<usize> {
    let span = node.span();
    span.start + bare_tag(node.outer()).len()..span.end
}

/// Text for an element's content: `<`, `>`, `&` and carriage return escaped.
pub(super) fn text_escape(text: &str) -> String {
    partial_escape(text).replace('\r', "&#xD;")
}

/// Text for an attribute in double quotes: line ends and tabs survive normalisation.
pub(super) fn attribute_escape(text: &str) -> String {
    escape(text).replace('\r', "&#xD;").replace('\n', "&#xA;").replace('\t', "&#x9;")
}
