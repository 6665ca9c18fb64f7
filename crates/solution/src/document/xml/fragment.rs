//! Writing new markup.
use std::fmt::Write as _;

use super::edit::{attribute_escape, text_escape};

/// Markup with indentation. The first line carries none: where it is put supplies it.
pub struct Fragment {
    out: String,
    eol: &'static str,
    indent: String,
    depth: usize,
}

impl Fragment {
    /// Begins at an indentation.
    pub fn new(eol: &'static str, indent: &str) -> Self {
        Self { out: String::new(), eol, indent: indent.to_owned(), depth: 0 }
    }

    fn line(&mut self) {
        if !self.out.is_empty() {
            self.out.push_str(self.eol);
            self.out.push_str(&self.indent);
            for _ in 0..self.depth {
                self.out.push_str("  ");
            }
        }
    }

    fn tag(&mut self, name: &str, attributes: &[(&str, &str)], end: &str) {
        self.line();
        let _ = write!(self.out, "<{name}");
        for (key, value) in attributes {
            let _ = write!(self.out, " {key}=\"{}\"", attribute_escape(value));
        }
        self.out.push_str(end);
    }

    /// `<name …>`, one level deeper from here.
    pub fn open(&mut self, name: &str, attributes: &[(&str, &str)]) -> &mut Self {
        self.tag(name, attributes, ">");
        self.depth += 1;
        self
    }

    /// `</name>`.
    pub fn close(&mut self, name: &str) -> &mut Self {
        self.depth = self.depth.saturating_sub(1);
        self.line();
        let _ = write!(self.out, "</{name}>");
        self
    }

    /// `<name … />`.
    pub fn empty(&mut self, name: &str, attributes: &[(&str, &str)]) -> &mut Self {
        self.tag(name, attributes, " />");
        self
    }

    /// `<name>text</name>`.
    pub fn leaf(&mut self, name: &str, text: &str) -> &mut Self {
        self.leaf_with(name, &[], text)
    }

    /// `<name …>text</name>`.
    pub fn leaf_with(&mut self, name: &str, attributes: &[(&str, &str)], text: &str) -> &mut Self {
        self.tag(name, attributes, ">");
        let _ = write!(self.out, "{}</{name}>", text_escape(text));
        self
    }

    /// Markup that is there already, on a line of its own.
    pub fn raw(&mut self, markup: &str) -> &mut Self {
        self.line();
        self.out.push_str(markup);
        self
    }

    /// The markup.
    pub fn finish(self) -> String {
        self.out
    }
}
