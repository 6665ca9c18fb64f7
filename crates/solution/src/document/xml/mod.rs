//! XML documents: the text as read, a tree of positions in it, and edits that are splices.
mod edit;
mod error;
mod fragment;
mod parse;

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use quick_xml::Reader;
use quick_xml::XmlVersion;
use quick_xml::events::Event;

pub use edit::XmlEdit;
pub use error::XmlError;
pub use fragment::Fragment;

use super::line_column;

/// A document. Its text does not change; an edit makes a new document.
#[derive(Clone, Debug)]
pub struct XmlDocument {
    bom: bool,
    text: Arc<String>,
    elements: Vec<Element>,
    attributes: Vec<Attribute>,
}

/// Positions are bytes into the text; `u32` because documents are bounded far below 4 GiB. There
/// is one for every element of large documents, so it is kept at 32 bytes: the name follows the
/// `<`, and a first child is the next element.
#[derive(Clone, Debug)]
struct Element {
    outer: (u32, u32),
    /// Content; for `<a/>` empty, at the end.
    inner: (u32, u32),
    /// [`NONE`] for the root.
    parent: u32,
    /// [`NONE`] for the last child.
    next_sibling: u32,
    /// The first of its attributes, which lie together.
    attributes: u32,
    attribute_count: u16,
    name_length: u16,
}

/// No element.
const NONE: u32 = u32::MAX;

impl Element {
    fn self_closing(&self) -> bool {
        self.inner.1 == self.outer.1
    }

    fn name(&self) -> (u32, u32) {
        let start = self.outer.0 + 1;
        (start, start + u32::from(self.name_length))
    }

    fn attributes(&self) -> std::ops::Range<usize> {
        let from = self.attributes as usize;
        from..from + usize::from(self.attribute_count)
    }
}

#[derive(Clone, Debug)]
struct Attribute {
    name: (u32, u32),
    /// Raw value between the quotes.
    value: (u32, u32),
}

/// An element of a document.
#[derive(Clone, Copy)]
pub struct Node<'a> {
    document: &'a XmlDocument,
    index: u32,
}

impl XmlDocument {
    /// Reads a document: UTF-8 with or without byte order mark, well formed, without DTD.
    ///
    /// # Errors
    /// What is none, or is too large, too deep or has too many elements.
    pub fn parse(bytes: &[u8]) -> Result<Self, XmlError> {
        parse::parse(bytes.to_vec(), None)
    }

    /// As [`XmlDocument::parse`], without a copy of the bytes.
    ///
    /// # Errors
    /// As [`XmlDocument::parse`].
    pub fn parse_owned(bytes: Vec<u8>) -> Result<Self, XmlError> {
        parse::parse(bytes, None)
    }

    /// Reads a document of which only some children of the root matter. The other children are
    /// there as elements, but seem to have no children of their own: inside them tags must match
    /// and entities be known, attributes are not looked at. Tables make most of a large solution,
    /// and nobody here asks what is in them.
    ///
    /// # Errors
    /// As [`XmlDocument::parse`].
    pub fn outline(bytes: Vec<u8>, kept: &[&str]) -> Result<Self, XmlError> {
        parse::parse(bytes, Some(kept))
    }

    /// As [`XmlDocument::outline`], of a text that is shared.
    ///
    /// # Errors
    /// As [`XmlDocument::parse`].
    pub fn outline_shared(text: &Arc<String>, kept: &[&str]) -> Result<Self, XmlError> {
        parse::parse_shared(text, kept)
    }

    /// The document as bytes: those that were read, if nothing was edited.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.text.len() + 3);
        if self.bom {
            bytes.extend_from_slice(parse::BOM);
        }
        bytes.extend_from_slice(self.text.as_bytes());
        bytes
    }

    /// The text without byte order mark.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The root element.
    pub fn root(&self) -> Node<'_> {
        Node { document: self, index: 0 }
    }

    /// Begins an edit.
    pub fn edit(&self) -> XmlEdit<'_> {
        XmlEdit::new(self)
    }

    /// The line end of the document.
    pub fn eol(&self) -> &'static str {
        if self.text.contains("\r\n") { "\r\n" } else { "\n" }
    }

    fn slice(&self, span: (u32, u32)) -> &str {
        &self.text[span.0 as usize..span.1 as usize]
    }
}

impl<'a> Node<'a> {
    fn element(self) -> &'a Element {
        &self.document.elements[self.index as usize]
    }

    fn at(self, index: u32) -> Self {
        Self { document: self.document, index }
    }

    /// Name as written, with its prefix.
    pub fn name(self) -> &'a str {
        self.document.slice(self.element().name())
    }

    /// The element with its tags, as written.
    pub fn outer(self) -> &'a str {
        self.document.slice(self.element().outer)
    }

    /// The content, as written.
    pub fn inner(self) -> &'a str {
        self.document.slice(self.element().inner)
    }

    /// Position of the element in the text.
    pub fn span(self) -> Range<usize> {
        let (from, to) = self.element().outer;
        from as usize..to as usize
    }

    /// Line and column of the element, from 1.
    pub fn line_column(self) -> (usize, usize) {
        line_column(&self.document.text, self.span().start)
    }

    /// Path from the root, with positions among equal names: `/ImportExportXml/Workflows/Workflow[2]`.
    pub fn path(self) -> String {
        let mut steps = Vec::new();
        let mut node = Some(self);
        while let Some(at) = node {
            let (mut position, mut others) = (1, false);
            for one in at.parent().into_iter().flat_map(Node::children) {
                if one.index != at.index && one.name() == at.name() {
                    others = true;
                    if one.index > at.index {
                        break;
                    }
                    position += 1;
                }
            }
            steps.push(if others {
                format!("/{}[{position}]", at.name())
            } else {
                format!("/{}", at.name())
            });
            node = at.parent();
        }
        steps.into_iter().rev().collect()
    }

    /// Parent element.
    pub fn parent(self) -> Option<Self> {
        self.some(self.element().parent)
    }

    fn some(self, index: u32) -> Option<Self> {
        (index != NONE).then(|| self.at(index))
    }

    /// Child elements, in order.
    pub fn children(self) -> impl Iterator<Item = Self> + 'a {
        let next = self.document.elements.get(self.index as usize + 1);
        let first = next.filter(|e| e.parent == self.index).map(|_| self.at(self.index + 1));
        std::iter::successors(first, |n| n.some(n.element().next_sibling))
    }

    /// The first child element of that name.
    pub fn child(self, name: &str) -> Option<Self> {
        self.children().find(|c| c.name() == name)
    }

    /// The first element at a path of names below this one: `SolutionManifest/Publisher`.
    pub fn find(self, path: &str) -> Option<Self> {
        path.split('/').try_fold(self, |node, name| node.child(name))
    }

    /// An attribute's value, references resolved.
    pub fn attribute(self, name: &str) -> Option<Cow<'a, str>> {
        self.attributes().find(|(n, _)| *n == name).map(|(_, value)| value)
    }

    /// All attributes: name and value, references resolved.
    pub fn attributes(self) -> impl Iterator<Item = (&'a str, Cow<'a, str>)> {
        self.document.attributes[self.element().attributes()].iter().map(move |a| {
            (self.document.slice(a.name), attribute_value(self.document.slice(a.value)))
        })
    }

    /// The text directly inside the element, references resolved, CDATA included; text inside
    /// child elements is not part of it.
    pub fn text(self) -> Cow<'a, str> {
        let inner = self.inner();
        if !inner.contains(['<', '&', '\r']) {
            return Cow::Borrowed(inner);
        }
        let mut text = String::new();
        let mut reader = Reader::from_str(inner);
        let mut depth = 0usize;
        // The content was parsed once already, so an error cannot come; it would end the text.
        while let Ok(event) = reader.read_event() {
            match event {
                Event::Start(_) => depth += 1,
                Event::End(_) => depth = depth.saturating_sub(1),
                Event::Text(t) if depth == 0 => text.push_str(&t.xml10_content()),
                Event::CData(t) if depth == 0 => text.push_str(&t.xml10_content()),
                Event::GeneralRef(r) if depth == 0 => {
                    text.push_str(&parse::reference(&r).unwrap_or_default());
                }
                Event::Eof => break,
                _ => {}
            }
        }
        Cow::Owned(text)
    }

    /// The text of a child, if the child is there.
    pub fn child_text(self, name: &str) -> Option<Cow<'a, str>> {
        self.child(name).map(Node::text)
    }

    /// White space before the element up to the previous markup or text.
    fn leading(self) -> &'a str {
        let start = self.span().start;
        let before = &self.document.text[..start];
        let kept = before.trim_end_matches([' ', '\t', '\r', '\n']).len();
        &self.document.text[kept..start]
    }

    /// Indentation of the element: the blanks since the last line end.
    fn indent(self) -> &'a str {
        let leading = self.leading();
        leading.rfind('\n').map_or("", |at| &leading[at + 1..])
    }

    /// Indentation that a child of this element has or would have.
    pub fn child_indent(self) -> String {
        match self.children().next() {
            Some(child) if child.leading().contains('\n') => child.indent().to_owned(),
            _ => format!("{}  ", self.indent()),
        }
    }
}

impl Node<'_> {
    /// Begins markup for a new child, indented as the element's children are.
    pub fn child_fragment(self) -> Fragment {
        Fragment::new(self.document.eol(), &self.child_indent())
    }
}

fn attribute_value(raw: &str) -> Cow<'_, str> {
    if !raw.contains(['&', '\r', '\n', '\t']) {
        return Cow::Borrowed(raw);
    }
    let attribute = quick_xml::events::attributes::Attribute {
        key: quick_xml::name::QName(""),
        value: Cow::Borrowed(raw),
    };
    match attribute.normalized_value(XmlVersion::Implicit1_0) {
        Ok(value) => Cow::Owned(value.into_owned()),
        // Checked while parsing; the raw text is the honest rest.
        Err(_) => Cow::Borrowed(raw),
    }
}

#[cfg(test)]
mod tests;
