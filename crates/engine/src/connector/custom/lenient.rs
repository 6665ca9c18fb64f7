//! JSON as people write it: published definitions hold comments, stray commas and missing ones.

use serde_json::{Map, Number, Value as Json};

/// Deepest nesting that is read.
const MAX_DEPTH: usize = 100;
/// Most entries in a report.
const MAX_REPORT: usize = 50;

/// Something that was forgiven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leniency {
    /// Line, from 1.
    pub line: usize,
    /// What was found.
    pub what: &'static str,
}

/// Line and reason of a failure.
pub(super) type Failure = (usize, &'static str);

/// Reads a text; strict JSON takes the straight way.
pub(super) fn read(text: &str, report: &mut Vec<Leniency>) -> Result<Json, Failure> {
    let bare = text.strip_prefix('\u{feff}');
    if bare.is_some() {
        report.push(Leniency { line: 1, what: "a byte order mark" });
    }
    let text = bare.unwrap_or(text);
    if let Ok(json) = serde_json::from_str(text) {
        return Ok(json);
    }
    let mut reader = Reader { text, at: 0, report, owed: 0 };
    let json = reader.value(0)?;
    reader.gap()?;
    if reader.at < text.len() { Err(reader.fail("something follows the end")) } else { Ok(json) }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    report: &'a mut Vec<Leniency>,
    /// Closing braces that were assumed and may still come.
    owed: usize,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn line(&self) -> usize {
        self.text[..self.at].bytes().filter(|b| *b == b'\n').count() + 1
    }

    fn fail(&self, reason: &'static str) -> Failure {
        (self.line(), reason)
    }

    fn forgive(&mut self, what: &'static str) {
        if self.report.len() < MAX_REPORT {
            let line = self.line();
            self.report.push(Leniency { line, what });
        }
    }

    fn take(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.at += wanted.len_utf8();
        }
        found
    }

    /// Skips white space and comments.
    fn gap(&mut self) -> Result<(), Failure> {
        loop {
            let rest = self.rest();
            let skipped = rest.len() - rest.trim_start().len();
            self.at += skipped;
            let rest = self.rest();
            let comment = if rest.starts_with("//") {
                rest.find('\n').unwrap_or(rest.len())
            } else if rest.starts_with("/*") {
                rest.find("*/")
                    .map(|n| n + 2)
                    .ok_or_else(|| self.fail("a comment is not closed"))?
            } else {
                return Ok(());
            };
            self.forgive("a comment");
            self.at += comment;
        }
    }

    fn value(&mut self, depth: usize) -> Result<Json, Failure> {
        if depth > MAX_DEPTH {
            return Err(self.fail("it is nested too deep"));
        }
        self.gap()?;
        match self.peek() {
            Some('{') => self.object(depth),
            Some('[') => self.array(depth),
            Some('"') => Ok(Json::String(self.string()?)),
            Some(_) => self.word(),
            None => Err(self.fail("a value is missing at the end")),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Json, Failure> {
        self.at += 1;
        let mut map = Map::new();
        loop {
            self.gap()?;
            if self.take('}') {
                return Ok(Json::Object(map));
            }
            // Only a list of objects continues so: the brace before it was forgotten.
            if self.peek() == Some('{') && !map.is_empty() {
                self.forgive("a missing closing brace");
                self.owed += 1;
                return Ok(Json::Object(map));
            }
            if self.peek() != Some('"') {
                return Err(self.fail("a property name in quotes is expected"));
            }
            let name = self.string()?;
            self.gap()?;
            if !self.take(':') {
                return Err(self.fail("a colon is expected after a property name"));
            }
            let value = self.value(depth + 1)?;
            map.insert(name, value);
            self.separator('}', '"')?;
        }
    }

    fn array(&mut self, depth: usize) -> Result<Json, Failure> {
        self.at += 1;
        let mut list = Vec::new();
        loop {
            self.gap()?;
            if self.take(']') {
                return Ok(Json::Array(list));
            }
            list.push(self.value(depth + 1)?);
            self.separator(']', '\0')?;
        }
    }

    /// A comma, or what can be forgiven in its place: one too many before the end, one too few.
    fn separator(&mut self, end: char, next: char) -> Result<(), Failure> {
        self.gap()?;
        if end == ']' && self.owed > 0 && self.take('}') {
            self.owed -= 1;
            self.forgive("a surplus closing brace");
            self.gap()?;
        }
        if self.take(',') {
            self.gap()?;
            if self.peek() == Some(end) {
                self.forgive("a comma before the end of a list or an object");
            }
            return Ok(());
        }
        let follows = self.peek();
        if follows == Some(end) {
            return Ok(());
        }
        let starts_next =
            follows.is_some_and(|c| if next == '"' { c == '"' } else { "\"{[".contains(c) });
        if !starts_next {
            return Err(self.fail("a comma or the end of a list or an object is expected"));
        }
        self.forgive("a missing comma");
        Ok(())
    }

    fn string(&mut self) -> Result<String, Failure> {
        let start = self.at;
        let bytes = self.text.as_bytes();
        let mut end = start + 1;
        let mut raw = false;
        loop {
            match bytes.get(end) {
                None => return Err(self.fail("a text is not closed")),
                Some(b'"') => break,
                Some(b'\\') => end += 2,
                Some(byte) => {
                    raw |= *byte < 0x20;
                    end += 1;
                }
            }
        }
        let literal = &self.text[start..=end];
        let parsed = if raw {
            let escaped: String = literal
                .chars()
                .map(|c| if c < ' ' { format!("\\u{:04x}", u32::from(c)) } else { c.to_string() })
                .collect();
            serde_json::from_str(&escaped)
        } else {
            serde_json::from_str(literal)
        };
        let text =
            parsed.map_err(|_| self.fail("a text holds an escape that JSON does not know"))?;
        if raw {
            self.forgive("a line break or another control character in a text");
        }
        self.at = end + 1;
        Ok(text)
    }

    fn word(&mut self) -> Result<Json, Failure> {
        let rest = self.rest();
        let length = rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || "+-.".contains(c)))
            .unwrap_or(rest.len());
        let word = &rest[..length];
        let json = match word {
            "true" => Json::Bool(true),
            "false" => Json::Bool(false),
            "null" => Json::Null,
            _ => word
                .parse::<Number>()
                .map(Json::Number)
                .map_err(|_| self.fail("a value is expected"))?,
        };
        self.at += length;
        Ok(json)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn lax(text: &str) -> (Json, Vec<&'static str>) {
        let mut report = Vec::new();
        let json = read(text, &mut report).expect(text);
        (json, report.into_iter().map(|l| l.what).collect())
    }

    #[test]
    fn forgives_and_says_so() {
        assert_eq!(lax("{\"a\": [1, 2]}"), (json!({"a": [1, 2]}), vec![]));
        assert_eq!(lax("\u{feff}{}").1, ["a byte order mark"]);
        assert_eq!(lax("{\"a\": 1, // x\n \"b\": [1,],\n}").0, json!({"a": 1, "b": [1]}));
        assert_eq!(
            lax("{\"a\": {} /* y */ \"b\": \"x\" \"c\": [\"d\" \"e\"]}"),
            (
                json!({"a": {}, "b": "x", "c": ["d", "e"]}),
                vec!["a comment", "a missing comma", "a missing comma", "a missing comma"]
            )
        );
        assert_eq!(lax("{\"a\": \"x\ty\n\" ,}").0, json!({"a": "x\ty\n"}));
        assert_eq!(lax("[{\"a\": 1, {\"b\": 2}}]").0, json!([{"a": 1}, {"b": 2}]));
        assert_eq!(
            lax("[{\"a\": 1,\n {\"b\": 2}]"),
            (json!([{"a": 1}, {"b": 2}]), vec!["a missing closing brace", "a missing comma"])
        );
        assert_eq!(lax("[-1.5e3, true, null,]").0, json!([-1.5e3, true, null]));
    }

    #[test]
    fn refuses_the_rest_with_a_line() {
        let deep = "[".repeat(200_000);
        for bad in [
            "",
            "{",
            "[1",
            "{a: 1}",
            "{\"a\" 1}",
            "[1 2]",
            "{\"a\": }",
            "\"x",
            "\"\\q\" ,",
            "{} x",
            "/* x",
            "'x'",
            "[,]",
            "\"\\",
            deep.as_str(),
        ] {
            read(bad, &mut Vec::new()).expect_err(&bad[..bad.len().min(20)]);
        }
        assert_eq!(read("{\n\"a\": oops}", &mut Vec::new()).expect_err("line").0, 2);
    }
}
