//! From the tree to text, in the form that .NET writes.

use super::document::{Document, Kind, ROOT, split_name};

/// The whole document.
pub(in crate::expression) fn whole(document: &Document) -> String {
    outer(document, ROOT)
}

/// One node with all in it; namespaces that it needs are declared on it.
pub(in crate::expression) fn outer(document: &Document, id: usize) -> String {
    let mut writer = Writer { document, out: String::new(), declared: Vec::new() };
    writer.node(id);
    writer.out
}

/// Text with what XML reserves as entities, and those quotes that are asked for.
pub(in crate::expression) fn escape(text: &str, quotes: &[char]) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' if quotes.contains(&c) => out.push_str("&quot;"),
            '\'' if quotes.contains(&c) => out.push_str("&apos;"),
            c => out.push(c),
        }
    }
    out
}

struct Writer<'a> {
    document: &'a Document,
    out: String,
    /// Prefixes and namespaces that are declared so far, the innermost last.
    declared: Vec<(&'a str, &'a str)>,
}

impl<'a> Writer<'a> {
    fn node(&mut self, id: usize) {
        let document = self.document;
        match document.kind(id) {
            Kind::Root => document.children(id).iter().for_each(|child| self.node(*child)),
            Kind::Element { name, empty, .. } => self.element(id, name, *empty),
            Kind::Attribute { name, value } => self.attribute(name, value),
            Kind::Text(text) => self.out.push_str(&escape(text, &[]).replace('\r', "&#xD;")),
            Kind::Data(text) => self.wrap("<![CDATA[", text, "]]>"),
            Kind::Comment(text) => self.wrap("<!--", text, "-->"),
            Kind::Instruction { target, data } => {
                let gap = if data.is_empty() { "" } else { " " };
                self.wrap("<?", &format!("{target}{gap}{data}"), "?>");
            }
            Kind::Declaration { version, encoding, standalone } => {
                self.out.push_str(&format!("<?xml version=\"{version}\""));
                for (name, value) in [("encoding", encoding), ("standalone", standalone)] {
                    if !value.is_empty() {
                        self.out.push_str(&format!(" {name}=\"{value}\""));
                    }
                }
                self.out.push_str("?>");
            }
            Kind::Type { name, public, system, subset } => {
                self.out.push_str("<!DOCTYPE ");
                self.out.push_str(name);
                if !public.is_empty() {
                    self.out.push_str(&format!(" PUBLIC \"{public}\" \"{system}\""));
                } else if !system.is_empty() {
                    self.out.push_str(&format!(" SYSTEM \"{system}\""));
                }
                if let Some(subset) = subset {
                    self.wrap("[", subset, "]");
                }
                self.out.push('>');
            }
        }
    }

    fn wrap(&mut self, before: &str, text: &str, after: &str) {
        for part in [before, text, after] {
            self.out.push_str(part);
        }
    }

    fn attribute(&mut self, name: &str, value: &str) {
        let value = escape(value, &['"'])
            .replace('\r', "&#xD;")
            .replace('\n', "&#xA;")
            .replace('\t', "&#x9;");
        self.out.push_str(&format!(" {name}=\"{value}\""));
    }

    fn element(&mut self, id: usize, name: &'a str, empty: bool) {
        let document = self.document;
        let outside = self.declared.len();
        self.out.push('<');
        self.out.push_str(name);
        for (name, value) in document.attributes(id) {
            match split_name(name) {
                ("", "xmlns") => self.declared.push(("", value)),
                ("xmlns", prefix) => self.declared.push((prefix, value)),
                _ => {}
            }
            self.attribute(name, value);
        }
        let used = document
            .attributes(id)
            .map(|(name, _)| split_name(name).0)
            .filter(|prefix| !prefix.is_empty());
        for prefix in used.chain([split_name(name).0]) {
            self.declare(id, prefix);
        }
        if empty && document.children(id).is_empty() {
            self.out.push_str(" />");
        } else {
            self.out.push('>');
            document.children(id).iter().for_each(|child| self.node(*child));
            self.out.push_str(&format!("</{name}>"));
        }
        self.declared.truncate(outside);
    }

    /// Declares a prefix that nothing written so far declares.
    fn declare(&mut self, id: usize, prefix: &'a str) {
        let Some(uri) =
            self.document.namespace(id, prefix).filter(|_| !matches!(prefix, "xml" | "xmlns"))
        else {
            return;
        };
        let current = self
            .declared
            .iter()
            .rev()
            .find(|(declared, _)| *declared == prefix)
            .map(|(_, uri)| *uri);
        if current == Some(uri) || (current.is_none() && uri.is_empty()) {
            return;
        }
        self.declared.push((prefix, uri));
        let name = if prefix.is_empty() { "xmlns".to_owned() } else { format!("xmlns:{prefix}") };
        self.attribute(&name, uri);
    }
}
