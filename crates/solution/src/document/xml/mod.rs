//! XML documents: the text as read, a tree of positions in it, and edits that are splices.
mod edit;
mod error;
mod fragment;
mod parse;

use std::borrow::Cow;
use std::ops::Range;

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
    text: String,
    elements: Vec<Element>,
    attributes: Vec<Attribute>,
}

/// Positions are bytes into the text; `u32` because documents are bounded far below 4 GiB.
#[derive(Clone, Debug)]
struct Element {
    outer: (u32, u32),
    /// Content; for `<a/>` empty, at the end.
    inner: (u32, u32),
    name: (u32, u32),
    self_closing: bool,
    parent: Option<u32>,
    attributes: (u32, u32),
    first_child: Option<u32>,
    next_sibling: Option<u32>,
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
        parse::parse(bytes)
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
        self.document.slice(self.element().name)
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
            let same: Vec<u32> = at
                .parent()
                .map(|p| p.children().filter(|c| c.name() == at.name()).map(|c| c.index).collect())
                .unwrap_or_default();
            let position = same.iter().position(|&i| i == at.index).map_or(1, |i| i + 1);
            steps.push(if same.len() > 1 {
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
        self.element().parent.map(|index| self.at(index))
    }

    /// Child elements, in order.
    pub fn children(self) -> impl Iterator<Item = Self> + 'a {
        let first = self.element().first_child.map(|index| self.at(index));
        std::iter::successors(first, |n| n.element().next_sibling.map(|index| n.at(index)))
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
        let (from, to) = self.element().attributes;
        self.document.attributes[from as usize..to as usize].iter().map(move |a| {
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
