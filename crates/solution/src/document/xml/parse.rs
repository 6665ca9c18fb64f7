//! From bytes to the tree of positions.
use std::borrow::Cow;

use quick_xml::Reader;
use quick_xml::escape::unescape;
use quick_xml::events::{BytesDecl, BytesRef, BytesStart, Event};

use super::{Attribute, Element, XmlDocument, XmlError, line_column};

pub(super) const BOM: &[u8] = b"\xEF\xBB\xBF";
const MAX_BYTES: usize = 256 << 20;
const MAX_DEPTH: usize = 200;
const MAX_ELEMENTS: usize = 3_000_000;
const MAX_ATTRIBUTES: usize = 256;

pub(super) fn parse(bytes: &[u8]) -> Result<XmlDocument, XmlError> {
    if bytes.len() > MAX_BYTES {
        return Err(XmlError::Limit { what: "the size in bytes", limit: MAX_BYTES });
    }
    if bytes.starts_with(b"\xFF\xFE") || bytes.starts_with(b"\xFE\xFF") {
        return Err(XmlError::Encoding { encoding: "UTF-16".to_owned() });
    }
    let (bom, rest) = match bytes.strip_prefix(BOM) {
        Some(rest) => (true, rest),
        None => (false, bytes),
    };
    let text = std::str::from_utf8(rest)
        .map_err(|e| XmlError::NotUtf8 { offset: e.valid_up_to() + bytes.len() - rest.len() })?
        .to_owned();
    characters_check(&text)?;
    let mut builder = Builder {
        text: &text,
        elements: Vec::new(),
        attributes: Vec::new(),
        open: Vec::new(),
        last_child: Vec::new(),
    };
    builder.run()?;
    let (elements, attributes) = (builder.elements, builder.attributes);
    Ok(XmlDocument { bom, text, elements, attributes })
}

/// XML 1.0 allows only tab, line feed and carriage return below the blank.
fn characters_check(text: &str) -> Result<(), XmlError> {
    match text.bytes().position(|b| b < 0x20 && !matches!(b, b'\t' | b'\n' | b'\r')) {
        Some(at) => Err(malformed(text, at, "a control character".to_owned())),
        None => Ok(()),
    }
}

fn malformed(text: &str, offset: usize, why: String) -> XmlError {
    let (line, column) = line_column(text, offset);
    XmlError::Malformed { line, column, why }
}

/// The text that an entity or character reference stands for; `None` for unknown names.
pub(super) fn reference(reference: &BytesRef<'_>) -> Option<Cow<'static, str>> {
    if let Ok(Some(c)) = reference.resolve_char_ref() {
        return Some(Cow::Owned(c.to_string()));
    }
    let name = reference.xml10_content();
    quick_xml::escape::resolve_predefined_entity(&name).map(Cow::Borrowed)
}

struct Builder<'t> {
    text: &'t str,
    elements: Vec<Element>,
    attributes: Vec<Attribute>,
    open: Vec<u32>,
    /// For each open element, its latest child.
    last_child: Vec<Option<u32>>,
}

impl<'t> Builder<'t> {
    fn run(&mut self) -> Result<(), XmlError> {
        let mut reader = Reader::from_str(self.text);
        loop {
            let from = reader.buffer_position() as usize;
            let event = match reader.read_event() {
                Ok(event) => event,
                Err(error) => {
                    let at = reader.error_position() as usize;
                    return Err(malformed(self.text, at, error.to_string()));
                }
            };
            let to = reader.buffer_position() as usize;
            match event {
                Event::Start(start) => self.start(&start, from, to, false)?,
                Event::Empty(start) => self.start(&start, from, to, true)?,
                Event::End(_) => self.end(from, to),
                Event::Text(_) | Event::CData(_) => self.outside(from, to)?,
                Event::GeneralRef(r) => {
                    self.outside(from, to)?;
                    if reference(&r).is_none() {
                        return Err(malformed(self.text, from, "an unknown entity".to_owned()));
                    }
                }
                Event::DocType(_) => {
                    let (line, _) = line_column(self.text, from);
                    return Err(XmlError::Dtd { line });
                }
                Event::Decl(decl) => self.declaration(&decl, from)?,
                Event::Comment(_) | Event::PI(_) => {}
                Event::Eof => break,
            }
        }
        if !self.open.is_empty() {
            return Err(malformed(
                self.text,
                self.text.len(),
                "an element is not closed".to_owned(),
            ));
        }
        if self.elements.is_empty() {
            return Err(malformed(self.text, self.text.len(), "there is no element".to_owned()));
        }
        Ok(())
    }

    /// Text outside the root must be white space.
    fn outside(&self, from: usize, to: usize) -> Result<(), XmlError> {
        if self.open.is_empty() && !self.text[from..to].trim().is_empty() {
            return Err(malformed(self.text, from, "text outside the root element".to_owned()));
        }
        Ok(())
    }

    fn declaration(&self, decl: &BytesDecl<'_>, from: usize) -> Result<(), XmlError> {
        if from != 0 {
            let why = "the XML declaration is not at the beginning".to_owned();
            return Err(malformed(self.text, from, why));
        }
        let Some(Ok(encoding)) = decl.encoding() else { return Ok(()) };
        let utf8 = ["utf-8", "utf8", "us-ascii", "ascii"];
        // Plain ASCII reads the same in any encoding that a declaration may name.
        if utf8.iter().any(|e| encoding.eq_ignore_ascii_case(e)) || self.text.is_ascii() {
            return Ok(());
        }
        Err(XmlError::Encoding { encoding: encoding.into_owned() })
    }

    fn start(
        &mut self,
        start: &BytesStart<'_>,
        from: usize,
        to: usize,
        self_closing: bool,
    ) -> Result<(), XmlError> {
        if self.open.is_empty() && !self.elements.is_empty() {
            return Err(malformed(self.text, from, "a second root element".to_owned()));
        }
        if self.open.len() >= MAX_DEPTH {
            return Err(XmlError::Limit { what: "the depth of elements", limit: MAX_DEPTH });
        }
        if self.elements.len() >= MAX_ELEMENTS {
            return Err(XmlError::Limit { what: "the number of elements", limit: MAX_ELEMENTS });
        }
        let first = position(self.attributes.len());
        self.attributes_read(start, from)?;
        let name_end = from + 1 + start.name().as_ref().len();
        let index = position(self.elements.len());
        self.elements.push(Element {
            outer: (position(from), position(to)),
            // The end tag sets the real end.
            inner: (position(to), position(to)),
            name: (position(from + 1), position(name_end)),
            self_closing,
            parent: self.open.last().copied(),
            attributes: (first, position(self.attributes.len())),
            first_child: None,
            next_sibling: None,
        });
        self.link(index);
        if !self_closing {
            self.open.push(index);
            self.last_child.push(None);
        }
        Ok(())
    }

    fn link(&mut self, index: u32) {
        let (Some(&parent), Some(last)) = (self.open.last(), self.last_child.last_mut()) else {
            return;
        };
        match last.replace(index) {
            Some(before) => self.elements[before as usize].next_sibling = Some(index),
            None => self.elements[parent as usize].first_child = Some(index),
        }
    }

    fn end(&mut self, from: usize, to: usize) {
        // The reader checks that end tags match, so there is an open element.
        if let Some(index) = self.open.pop() {
            self.last_child.pop();
            let element = &mut self.elements[index as usize];
            element.inner.1 = position(from);
            element.outer.1 = position(to);
        }
    }

    /// The bound also bounds the reader's check for duplicates, which is quadratic.
    fn attributes_read(&mut self, start: &BytesStart<'_>, from: usize) -> Result<(), XmlError> {
        let mut cursor = from + 1 + start.name().as_ref().len();
        for (count, attribute) in start.attributes().enumerate() {
            if count >= MAX_ATTRIBUTES {
                let what = "the number of attributes";
                return Err(XmlError::Limit { what, limit: MAX_ATTRIBUTES });
            }
            let attribute =
                attribute.map_err(|error| malformed(self.text, from, error.to_string()))?;
            let key = attribute.key.as_ref().len();
            unescape(&attribute.value)
                .map_err(|error| malformed(self.text, from, error.to_string()))?;
            let (name, value) = self.attribute_spans(cursor, key, attribute.value.len());
            cursor = value.1 as usize + 1;
            self.attributes.push(Attribute { name, value });
        }
        Ok(())
    }

    /// Where the next attribute's name and value lie: attributes come in order, so the name
    /// begins at the next byte that is no white space and the value after the next quote.
    fn attribute_spans(&self, cursor: usize, key: usize, value: usize) -> ((u32, u32), (u32, u32)) {
        let bytes = self.text.as_bytes();
        let mut at = cursor;
        while bytes[at].is_ascii_whitespace() {
            at += 1;
        }
        let name = (position(at), position(at + key));
        at += key;
        while !matches!(bytes[at], b'"' | b'\'') {
            at += 1;
        }
        (name, (position(at + 1), position(at + 1 + value)))
    }
}

/// Documents are bounded at 256 MiB.
fn position(offset: usize) -> u32 {
    u32::try_from(offset).expect("documents are bounded far below 4 GiB")
}
