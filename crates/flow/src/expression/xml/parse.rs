//! From text to the tree.

use super::document::{Document, Kind, ROOT, split_name};
use super::name::{in_name, is_xml_char, starts_name};

/// How deeply elements may nest.
const MAX_NESTING: usize = 100;

/// Reads a document. White space between elements is dropped, as the service does.
///
/// # Errors
/// The text of what is wrong.
pub(in crate::expression) fn parse(text: &str) -> Result<Document, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if let Some(c) = text.chars().find(|c| !is_xml_char(*c)) {
        return Err(format!("the character U+{:04X} is not allowed", u32::from(c)));
    }
    let text = if text.contains('\r') {
        text.replace("\r\n", "\n").replace('\r', "\n")
    } else {
        text.to_owned()
    };
    let mut reader = Reader { rest: &text, document: Document::new(), open: vec![ROOT] };
    reader.declaration()?;
    while !reader.rest.is_empty() {
        reader.content()?;
    }
    if reader.open.len() > 1 {
        return Err("an element is not closed".to_owned());
    }
    if !has_root(&reader.document) {
        return Err("Root element is missing".to_owned());
    }
    Ok(reader.document)
}

fn has_root(document: &Document) -> bool {
    document.children(ROOT).iter().any(|id| matches!(document.kind(*id), Kind::Element { .. }))
}

struct Reader<'a> {
    rest: &'a str,
    document: Document,
    /// The elements that are open, from the root.
    open: Vec<usize>,
}

impl<'a> Reader<'a> {
    fn parent(&self) -> usize {
        *self.open.last().expect("the root stays open")
    }

    fn add(&mut self, kind: Kind) -> usize {
        let parent = self.parent();
        self.document.add(parent, kind)
    }

    /// Takes a word if it comes next.
    fn take(&mut self, word: &str) -> bool {
        match self.rest.strip_prefix(word) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Takes all up to a mark, and the mark.
    fn until(&mut self, mark: &str) -> Result<&'a str, String> {
        let (before, after) =
            self.rest.split_once(mark).ok_or_else(|| format!("`{mark}` is missing"))?;
        self.rest = after;
        Ok(before)
    }

    fn space(&mut self) -> bool {
        let before = self.rest.len();
        self.rest = self.rest.trim_start_matches(is_space);
        self.rest.len() < before
    }

    fn name(&mut self) -> Result<&'a str, String> {
        let end = self.rest.find(|c| !in_name(c) && c != ':').unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        let parts = name.split(':');
        let valid =
            parts.clone().count() <= 2 && parts.clone().all(|part| part.starts_with(starts_name));
        if !valid {
            return Err(format!("`{}` is not a name", shown(name)));
        }
        self.rest = rest;
        Ok(name)
    }

    fn quoted(&mut self) -> Result<&'a str, String> {
        let mark = if self.take("\"") {
            "\""
        } else if self.take("'") {
            "'"
        } else {
            return Err("a quoted value is missing".to_owned());
        };
        self.until(mark)
    }

    /// `name = "value"`.
    fn pair(&mut self) -> Result<(&'a str, &'a str), String> {
        let name = self.name()?;
        self.space();
        if !self.take("=") {
            return Err(format!("`=` is missing after `{}`", shown(name)));
        }
        self.space();
        Ok((name, self.quoted()?))
    }

    fn declaration(&mut self) -> Result<(), String> {
        let spaced = self.rest.strip_prefix("<?xml").is_some_and(|rest| rest.starts_with(is_space));
        if !spaced {
            return Ok(());
        }
        self.take("<?xml");
        let mut values = [const { String::new() }; 3];
        let mut next = 0;
        while self.space() && !self.rest.starts_with("?>") {
            let (name, value) = self.pair()?;
            let place =
                ["version", "encoding", "standalone"].iter().position(|known| *known == name);
            let place =
                place.filter(|place| *place >= next).ok_or("the XML declaration is not valid")?;
            let letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
            let valid = match place {
                0 => value == "1.0",
                1 => {
                    value.starts_with(|c: char| c.is_ascii_alphabetic())
                        && value.chars().all(letter)
                }
                _ => matches!(value, "yes" | "no"),
            };
            if !valid {
                return Err(format!("the XML declaration has a {name} that is not valid"));
            }
            values[place] = value.to_owned();
            next = place + 1;
        }
        if !self.take("?>") || values[0].is_empty() {
            return Err("the XML declaration is not valid".to_owned());
        }
        let [version, encoding, standalone] = values;
        self.add(Kind::Declaration { version, encoding, standalone });
        Ok(())
    }

    fn content(&mut self) -> Result<(), String> {
        if !self.rest.starts_with('<') {
            return self.text();
        }
        if self.take("<!--") {
            let comment = self.until("-->")?;
            if comment.contains("--") || comment.ends_with('-') {
                return Err("a comment may not contain `--`".to_owned());
            }
            self.add(Kind::Comment(comment.to_owned()));
        } else if self.take("<![CDATA[") {
            if self.open.len() == 1 {
                return Err("text is outside of the root element".to_owned());
            }
            let data = self.until("]]>")?;
            self.add(Kind::Data(data.to_owned()));
        } else if self.take("<!DOCTYPE") {
            self.document_type()?;
        } else if self.take("<?") {
            let target = self.name()?;
            if target.eq_ignore_ascii_case("xml") {
                return Err("the XML declaration must come first".to_owned());
            }
            let data = self.until("?>")?.trim_start_matches(is_space);
            self.add(Kind::Instruction { target: target.to_owned(), data: data.to_owned() });
        } else if self.take("</") {
            self.close()?;
        } else {
            self.take("<");
            self.element()?;
        }
        Ok(())
    }

    fn text(&mut self) -> Result<(), String> {
        let end = self.rest.find('<').unwrap_or(self.rest.len());
        let (raw, rest) = self.rest.split_at(end);
        self.rest = rest;
        let blank = raw.chars().all(is_space);
        if blank {
            return Ok(());
        }
        if self.open.len() == 1 {
            return Err("text is outside of the root element".to_owned());
        }
        if raw.contains("]]>") {
            return Err("text may not contain `]]>`".to_owned());
        }
        let text = unescape(raw).ok_or("an entity is not known or not complete")?;
        self.add(Kind::Text(text));
        Ok(())
    }

    fn document_type(&mut self) -> Result<(), String> {
        let first = !has_root(&self.document);
        let again = self
            .document
            .children(ROOT)
            .iter()
            .any(|id| matches!(self.document.kind(*id), Kind::Type { .. }));
        if !first || again || !self.space() {
            return Err("the document type is not valid here".to_owned());
        }
        let name = self.name()?.to_owned();
        self.space();
        let (mut public, mut system, mut subset) = (String::new(), String::new(), None);
        if self.take("PUBLIC") {
            self.space();
            public = self.quoted()?.to_owned();
            self.space();
            system = self.quoted()?.to_owned();
        } else if self.take("SYSTEM") {
            self.space();
            system = self.quoted()?.to_owned();
        }
        self.space();
        if self.take("[") {
            subset = Some(self.until("]")?.to_owned());
            self.space();
        }
        if !self.take(">") {
            return Err("the document type is not closed".to_owned());
        }
        self.add(Kind::Type { name, public, system, subset });
        Ok(())
    }

    fn element(&mut self) -> Result<(), String> {
        if self.open.len() == 1 && has_root(&self.document) {
            return Err("there are multiple root elements".to_owned());
        }
        if self.open.len() > MAX_NESTING {
            return Err(format!("elements nest more than {MAX_NESTING} levels"));
        }
        let name = self.name()?.to_owned();
        let id = self.add(Kind::Element { name, attributes: Vec::new(), empty: false });
        loop {
            let spaced = self.space();
            if self.take("/>") {
                self.document.set_empty(id, true);
                return self.check_names(id);
            }
            if self.take(">") {
                self.open.push(id);
                return self.check_names(id);
            }
            if !spaced {
                return Err("a tag is not closed".to_owned());
            }
            let (name, raw) = self.pair()?;
            if raw.contains('<') {
                return Err("the value of an attribute may not contain `<`".to_owned());
            }
            let value = unescape(&raw.replace(['\n', '\t'], " "))
                .ok_or("an entity is not known or not complete")?;
            self.document.add(id, Kind::Attribute { name: name.to_owned(), value });
        }
    }

    /// Attributes differ in name; prefixes are declared.
    fn check_names(&self, id: usize) -> Result<(), String> {
        let Kind::Element { name, .. } = self.document.kind(id) else {
            return Ok(());
        };
        let mut names: Vec<&str> = self.document.attributes(id).map(|(name, _)| name).collect();
        for used in names.iter().copied().chain([name.as_str()]) {
            let (prefix, _) = split_name(used);
            if prefix != "xmlns" && self.document.namespace(id, prefix).is_none() {
                return Err(format!("the prefix `{}` is not declared", shown(prefix)));
            }
        }
        names.sort_unstable();
        if names.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err("an element has two attributes of the same name".to_owned());
        }
        Ok(())
    }

    fn close(&mut self) -> Result<(), String> {
        let name = self.name()?;
        self.space();
        let open = self.document.kind(self.parent());
        let matching = matches!(open, Kind::Element { name: open, .. } if open == name);
        if !self.take(">") || !matching {
            return Err(format!("the end tag `{}` does not match", shown(name)));
        }
        self.open.pop();
        Ok(())
    }
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

fn shown(text: &str) -> String {
    text.chars().take(60).collect()
}

/// Text with its entities and character references resolved; `None` if one is not known.
pub(in crate::expression) fn unescape(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let (entity, after) = after.split_once(';')?;
        out.push(match entity {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "apos" => '\'',
            number => {
                let number = number.strip_prefix('#')?;
                let code = match number.strip_prefix('x') {
                    Some(hex) => u32::from_str_radix(hex, 16),
                    None => number.parse(),
                };
                char::from_u32(code.ok()?).filter(|c| is_xml_char(*c))?
            }
        });
        rest = after;
    }
    out.push_str(rest);
    Some(out)
}
