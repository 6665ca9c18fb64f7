//! From bytes to the tree of positions.
use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use quick_xml::Reader;
use quick_xml::escape::unescape;
use quick_xml::events::{BytesDecl, BytesRef, BytesStart, Event};

use super::{Attribute, Element, NONE, XmlDocument, XmlError, line_column};

pub(super) const BOM: &[u8] = b"\xEF\xBB\xBF";
/// The text and the positions of the largest document together stay below 256 MiB.
const MAX_BYTES: usize = 128 << 20;
const MAX_DEPTH: usize = 200;
const MAX_ELEMENTS: usize = 2_000_000;
const MAX_ATTRIBUTES: usize = 256;
const MAX_ALL_ATTRIBUTES: usize = 2_000_000;
/// Length of an element's name.
const MAX_NAME: usize = u16::MAX as usize;

/// Reads a document; with `kept` only the root's children of these names in full.
pub(super) fn parse(mut bytes: Vec<u8>, kept: Option<&[&str]>) -> Result<XmlDocument, XmlError> {
    if bytes.len() > MAX_BYTES {
        return Err(XmlError::Limit { what: "the size in bytes", limit: MAX_BYTES });
    }
    if bytes.starts_with(b"\xFF\xFE") || bytes.starts_with(b"\xFE\xFF") {
        return Err(XmlError::Encoding { encoding: "UTF-16".to_owned() });
    }
    let bom = bytes.starts_with(BOM);
    if bom {
        bytes.drain(..BOM.len());
    }
    let text = String::from_utf8(bytes).map_err(|error| XmlError::NotUtf8 {
        offset: error.utf8_error().valid_up_to() + if bom { BOM.len() } else { 0 },
    })?;
    positions(Arc::new(text), bom, kept)
}

/// As [`parse`], of a text that somebody else holds too.
pub(super) fn parse_shared(text: &Arc<String>, kept: &[&str]) -> Result<XmlDocument, XmlError> {
    if text.len() > MAX_BYTES || text.as_bytes().starts_with(BOM) {
        // Positions begin behind the mark.
        return parse(text.as_bytes().to_vec(), Some(kept));
    }
    positions(Arc::clone(text), false, Some(kept))
}

fn positions(text: Arc<String>, bom: bool, kept: Option<&[&str]>) -> Result<XmlDocument, XmlError> {
    characters_check(&text)?;
    let mut builder = Builder {
        text: &text,
        kept,
        // Real parts have about one element in 60 bytes. Growing would hold old and new at once; what
        // is set aside and not used is never touched.
        elements: Vec::with_capacity((text.len() / 64).min(1 << 20)),
        attributes: Vec::new(),
        open: Vec::new(),
        last_child: Vec::new(),
        passed: 0,
        base: 0,
    };
    builder.run()?;
    let (mut elements, mut attributes) = (builder.elements, builder.attributes);
    elements.shrink_to_fit();
    attributes.shrink_to_fit();
    Ok(XmlDocument { bom, text, elements, attributes })
}

/// XML 1.0 allows only tab, line feed and carriage return below the blank.
fn characters_check(text: &str) -> Result<(), XmlError> {
    let wrong = |b: u8| b < 0x20 && !matches!(b, b'\t' | b'\n' | b'\r');
    // Whole chunks are looked at without a branch, which the compiler turns into vectors.
    let chunks = text.as_bytes().chunks(4096);
    let Some(chunk) = chunks.into_iter().position(|c| c.iter().fold(false, |w, b| w | wrong(*b)))
    else {
        return Ok(());
    };
    let from = chunk * 4096;
    let at = text.bytes().skip(from).position(wrong).map_or(from, |at| from + at);
    Err(malformed(text, at, "a control character".to_owned()))
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
    kept: Option<&'t [&'t str]>,
    elements: Vec<Element>,
    attributes: Vec<Attribute>,
    open: Vec<u32>,
    /// For each open element, its latest child.
    last_child: Vec<u32>,
    /// Open elements inside an element whose content does not matter, that one included.
    passed: usize,
    /// Where the reader began: it begins anew behind what was passed over.
    base: usize,
}

impl<'t> Builder<'t> {
    fn run(&mut self) -> Result<(), XmlError> {
        let mut reader = Reader::from_str(self.text);
        loop {
            let from = self.base + reader.buffer_position() as usize;
            let event = match reader.read_event() {
                Ok(event) => event,
                Err(error) => {
                    let at = self.base + reader.error_position() as usize;
                    return Err(malformed(self.text, at, error.to_string()));
                }
            };
            let to = self.base + reader.buffer_position() as usize;
            match event {
                Event::Start(start) => {
                    self.start(&start, from, to, false)?;
                    // What is odd in there is read below, by the reader, which says what it is.
                    if self.passed == 1
                        && let Some(end) = self.open.last().and_then(|_| skip(self.text, from))
                    {
                        self.end(end.start, end.end);
                        self.base = end.end;
                        reader = Reader::from_str(&self.text[self.base..]);
                        reader.config_mut().allow_unmatched_ends = true;
                    }
                }
                Event::Empty(start) => self.start(&start, from, to, true)?,
                Event::End(end) => {
                    self.end_check(end.name().as_ref(), from)?;
                    self.end(from, to);
                }
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
        if self.open.len() + self.passed >= MAX_DEPTH {
            return Err(XmlError::Limit { what: "the depth of elements", limit: MAX_DEPTH });
        }
        if self.passed > 0 {
            self.passed += usize::from(!self_closing);
            return Ok(());
        }
        if self.elements.len() >= MAX_ELEMENTS {
            return Err(XmlError::Limit { what: "the number of elements", limit: MAX_ELEMENTS });
        }
        let name = start.name();
        let name: &str = name.as_ref();
        let name_length = u16::try_from(name.len())
            .map_err(|_| XmlError::Limit { what: "the length of a name", limit: MAX_NAME })?;
        let first = self.attributes.len();
        self.attributes_read(start, from)?;
        let count = self.attributes.len() - first;
        let index = position(self.elements.len());
        self.elements.push(Element {
            outer: (position(from), position(to)),
            // The end tag sets the real end.
            inner: (position(to), position(to)),
            parent: self.open.last().copied().unwrap_or(NONE),
            next_sibling: NONE,
            attributes: position(first),
            attribute_count: u16::try_from(count).expect("attributes of an element are bounded"),
            name_length,
        });
        if let Some(last) = self.last_child.last_mut() {
            let before = std::mem::replace(last, index);
            if before != NONE {
                self.elements[before as usize].next_sibling = index;
            }
        }
        if !self_closing {
            let matters = self.open.len() != 1 || self.kept.is_none_or(|kept| kept.contains(&name));
            self.passed = usize::from(!matters);
            self.open.push(index);
            self.last_child.push(NONE);
        }
        Ok(())
    }

    /// A reader that began anew does not know the element around it.
    fn end_check(&self, name: &str, from: usize) -> Result<(), XmlError> {
        let open = match self.open.last() {
            Some(index) if self.passed == 0 => self.elements[*index as usize].name(),
            Some(_) => return Ok(()),
            None => return Err(malformed(self.text, from, "an end without a start".to_owned())),
        };
        let expected = &self.text[open.0 as usize..open.1 as usize];
        if expected == name {
            return Ok(());
        }
        let why = format!("expected `</{expected}>`, but `</{name}>` was found");
        Err(malformed(self.text, from, why))
    }

    fn end(&mut self, from: usize, to: usize) {
        if self.passed > 1 {
            self.passed -= 1;
            return;
        }
        self.passed = 0;
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
            if self.attributes.len() >= MAX_ALL_ATTRIBUTES {
                let what = "the number of all attributes";
                return Err(XmlError::Limit { what, limit: MAX_ALL_ATTRIBUTES });
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

/// The end tag of the element that begins at `from`, if everything in it is plain: tags that match,
/// known entities, comments, CDATA. Tags are not looked at any further, which makes this several
/// times as fast as reading them. `None`: the reader has to look.
fn skip(text: &str, from: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let mut open: Vec<&[u8]> = Vec::new();
    let mut at = from;
    loop {
        at += memchr::memchr2(b'<', b'&', bytes.get(at..)?)?;
        let rest = &bytes[at..];
        at += match rest.get(1)? {
            _ if rest[0] == b'&' => entity(text, at)?,
            b'!' if rest.starts_with(b"<!--") => 4 + memchr::memmem::find(&rest[4..], b"-->")? + 3,
            b'!' if rest.starts_with(b"<![CDATA[") => {
                9 + memchr::memmem::find(&rest[9..], b"]]>")? + 3
            }
            b'!' | b'?' => return None,
            b'/' => {
                let end = memchr::memchr(b'>', rest)?;
                if open.pop()? != rest[2..end].trim_ascii_end() {
                    return None;
                }
                if open.is_empty() {
                    return Some(at..at + end + 1);
                }
                end + 1
            }
            _ => {
                let end = tag_end(rest)?;
                if rest[end - 1] != b'/' {
                    let name = &rest[1..end];
                    let length = name.iter().position(u8::is_ascii_whitespace);
                    let name = &name[..length.unwrap_or(name.len())];
                    if name.is_empty() || open.len() + 1 >= MAX_DEPTH {
                        return None;
                    }
                    open.push(name);
                }
                end + 1
            }
        };
    }
}

/// The `>` of the tag that begins at 0; one between quotes is none.
fn tag_end(bytes: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        at += memchr::memchr3(b'>', b'"', b'\'', bytes.get(at..)?)?;
        match bytes[at] {
            b'>' => return Some(at),
            quote => at += 2 + memchr::memchr(quote, bytes.get(at + 1..)?)?,
        }
    }
}

/// The length of the entity or character reference that begins at `at`, if it is a known one.
fn entity(text: &str, at: usize) -> Option<usize> {
    const LONGEST: usize = 16;
    let rest = text.as_bytes().get(at..)?;
    let end = rest.iter().take(LONGEST).position(|byte| *byte == b';')?;
    let name = text.get(at + 1..at + end)?;
    reference(&BytesRef::new(name))?;
    Some(end + 1)
}

/// Documents are bounded at 256 MiB.
fn position(offset: usize) -> u32 {
    u32::try_from(offset).expect("documents are bounded far below 4 GiB")
}
