//! JSON as people write it: read all the same, and told where it is none.
use super::{BOM, JsonDocument, JsonError, MAX_BYTES};
use crate::document::line_column;

/// Notes kept at most: the first say enough.
const MAX_NOTES: usize = 100;

/// One place where a text is not strict JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LenientNote {
    /// What was met.
    pub kind: Leniency,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

/// What was read although strict JSON does not have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leniency {
    /// A byte order mark at the start.
    ByteOrderMark,
    /// `// …` or `/* … */`.
    Comment,
    /// A comma before `}` or `]`.
    TrailingComma,
    /// Two values without a comma between them.
    MissingComma,
    /// A control character inside a text, such as a line end.
    ControlCharacter,
    /// A character between tokens that is no white space of JSON.
    StrayCharacter,
    /// Bytes that are not UTF-8; read as U+FFFD.
    NotUtf8,
    /// UTF-16 with its byte order mark.
    Utf16,
    /// A back-slash before a character that needs none; the back-slash is kept as text.
    Escape,
    /// Half of a surrogate pair; read as U+FFFD.
    Surrogate,
    /// A number in a spelling that JSON does not have, or too large for one.
    Number,
    /// An object inside a list that was not closed before the next one began.
    MissingBrace,
    /// A closing bracket without an opening one.
    SurplusBracket,
    /// A name that occurs twice in one object; the last one counts.
    DuplicateName,
}

impl Leniency {
    /// What was met, as a sentence without full stop.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ByteOrderMark => "the text begins with a byte order mark",
            Self::Comment => "a comment, which JSON does not have",
            Self::TrailingComma => "a comma after the last entry",
            Self::MissingComma => "a comma is missing before this entry",
            Self::ControlCharacter => "a control character inside a text, not escaped",
            Self::StrayCharacter => "a character that does not belong between entries",
            Self::NotUtf8 => "bytes that are not UTF-8",
            Self::Utf16 => "the text is UTF-16, not UTF-8",
            Self::Escape => "a back-slash before a character that JSON does not escape",
            Self::Surrogate => "half of a surrogate pair",
            Self::Number => "a number as JSON does not spell it",
            Self::MissingBrace => "the object before this one is not closed",
            Self::SurplusBracket => "a closing bracket too many",
            Self::DuplicateName => "a name that its object has already; the last one counts",
        }
    }
}

/// Reads JSON that may carry a byte order mark, comments, trailing or missing commas, control
/// characters and the other slips of [`Leniency`], in UTF-8 or UTF-16. The document holds the strict text that was understood; the notes say, with places
/// in the text as it was given, what had to be passed over.
///
/// # Errors
/// What is no JSON even so; too large, too deep.
pub fn json_lenient(bytes: &[u8]) -> Result<(JsonDocument, Vec<LenientNote>), JsonError> {
    if bytes.len() > MAX_BYTES {
        return Err(JsonError::Size { limit: MAX_BYTES });
    }
    let mut notes = Vec::new();
    let rest = match bytes.strip_prefix(BOM) {
        Some(rest) => {
            notes.push(LenientNote { kind: Leniency::ByteOrderMark, line: 1, column: 1 });
            rest
        }
        None => bytes,
    };
    let text;
    let rest = match utf16(rest) {
        Some(decoded) => {
            notes.push(LenientNote { kind: Leniency::Utf16, line: 1, column: 1 });
            text = decoded;
            text.as_bytes()
        }
        None => rest,
    };
    let strict = match JsonDocument::parse(rest) {
        Ok(document) => return Ok((document, notes)),
        Err(error @ (JsonError::Depth { .. } | JsonError::Values { .. })) => return Err(error),
        Err(error) => error,
    };
    let text = String::from_utf8_lossy(rest);
    let mut cleaner = Cleaner::new(&text);
    if let Err(error) = std::str::from_utf8(rest) {
        cleaner.note(Leniency::NotUtf8, error.valid_up_to());
    }
    cleaner.run();
    notes.append(&mut cleaner.notes);
    let document = JsonDocument::parse(cleaner.out.as_bytes()).map_err(|error| match error {
        // The strict error names a place in the text as it was given.
        JsonError::Syntax { .. } => strict,
        other => other,
    })?;
    Ok((document, notes))
}

/// The text of UTF-16 with a byte order mark.
fn utf16(bytes: &[u8]) -> Option<String> {
    let (rest, read): (_, fn([u8; 2]) -> u16) = match bytes {
        [0xFF, 0xFE, rest @ ..] => (rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => (rest, u16::from_be_bytes),
        _ => return None,
    };
    let units = rest.chunks(2).map(|pair| read([pair[0], pair.get(1).copied().unwrap_or(0)]));
    Some(char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect())
}

/// The token that came last.
#[derive(Clone, Copy, PartialEq)]
enum Last {
    /// Nothing, `{`, `[`, `:`.
    Open,
    /// The end of a value or a key.
    Value,
    /// A comma, at this byte of the output.
    Comma(usize),
}

struct Cleaner<'t> {
    text: &'t str,
    at: usize,
    out: String,
    last: Last,
    /// Brackets that are open.
    open: Vec<char>,
    /// Closing braces that were put in and may still come.
    owed: usize,
    notes: Vec<LenientNote>,
}

impl<'t> Cleaner<'t> {
    fn new(text: &'t str) -> Self {
        let out = String::with_capacity(text.len() + 16);
        Self { text, at: 0, out, last: Last::Open, open: Vec::new(), owed: 0, notes: Vec::new() }
    }

    fn note(&mut self, kind: Leniency, at: usize) {
        if self.notes.len() < MAX_NOTES {
            let (line, column) = line_column(self.text, at);
            self.notes.push(LenientNote { kind, line, column });
        }
    }

    fn run(&mut self) {
        while let Some(next) = self.text[self.at..].chars().next() {
            match next {
                ' ' | '\t' | '\r' | '\n' => self.keep(next),
                '"' => {
                    self.value_begins();
                    self.string();
                    self.last = Last::Value;
                }
                '/' if self.comment() => {}
                '{' | '[' => {
                    self.object_ends(next);
                    self.value_begins();
                    self.open.push(next);
                    self.keep(next);
                    self.last = Last::Open;
                }
                '}' | ']' => {
                    if self.surplus(next) {
                        continue;
                    }
                    self.closes();
                    self.open.pop();
                    self.keep(next);
                    self.last = Last::Value;
                }
                ':' => {
                    self.keep(next);
                    self.last = Last::Open;
                }
                ',' => {
                    // Only a comma after a value can be one too many.
                    let after_value = self.last == Last::Value;
                    let at = self.out.len();
                    self.last = if after_value { Last::Comma(at) } else { Last::Open };
                    self.keep(next);
                }
                other if other.is_control() || other.is_whitespace() || other == '\u{feff}' => {
                    self.note(Leniency::StrayCharacter, self.at);
                    self.out.push(' ');
                    self.at += other.len_utf8();
                }
                _ => {
                    self.value_begins();
                    self.scalar();
                    self.last = Last::Value;
                }
            }
        }
    }

    fn keep(&mut self, next: char) {
        self.out.push(next);
        self.at += next.len_utf8();
    }

    fn value_begins(&mut self) {
        if self.last == Last::Value {
            self.note(Leniency::MissingComma, self.at);
            self.out.push(',');
        }
    }

    /// An object where a name belongs, in an object of a list: the one before was not closed.
    fn object_ends(&mut self, next: char) {
        let Last::Comma(at) = self.last else { return };
        if next == '{' && self.open.ends_with(&['[', '{']) {
            self.note(Leniency::MissingBrace, self.at);
            self.out.replace_range(at..=at, "},");
            self.open.pop();
            self.owed += 1;
        }
    }

    /// Passes over a bracket that closes nothing: one that was put in before, or one behind the end.
    fn surplus(&mut self, next: char) -> bool {
        let late = next == '}' && self.owed > 0 && self.open.last() == Some(&'[');
        let behind = self.open.is_empty() && self.last == Last::Value;
        if late {
            self.owed -= 1;
        }
        if late || behind {
            self.note(Leniency::SurplusBracket, self.at);
            self.at += next.len_utf8();
        }
        late || behind
    }

    fn closes(&mut self) {
        if let Last::Comma(at) = self.last {
            self.note(Leniency::TrailingComma, self.at);
            self.out.replace_range(at..=at, " ");
        }
    }

    /// Passes over a comment; its line ends stay.
    fn comment(&mut self) -> bool {
        let rest = &self.text[self.at..];
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else {
            return false;
        };
        self.note(Leniency::Comment, self.at);
        let ends = rest[..length].bytes().filter(|b| *b == b'\n').count();
        self.out.push(' ');
        self.out.extend(std::iter::repeat_n('\n', ends));
        self.at += length;
        true
    }

    fn string(&mut self) {
        self.keep('"');
        while let Some(next) = self.text[self.at..].chars().next() {
            match next {
                '\\' => self.escape(),
                '"' => return self.keep(next),
                _ if next.is_ascii_control() && next != '\u{7f}' => self.control(next),
                _ => self.keep(next),
            }
        }
    }

    fn control(&mut self, next: char) {
        self.note(Leniency::ControlCharacter, self.at);
        self.out.push_str(&format!("\\u{:04x}", next as u32));
        self.at += next.len_utf8();
    }

    /// A back-slash and what follows it.
    fn escape(&mut self) {
        let rest = &self.text[self.at..];
        let Some(next) = rest[1..].chars().next() else { return self.keep('\\') };
        match next {
            '"' | '\\' | '/' | 'b' | 'f' | 'n' | 'r' | 't' => {
                self.keep('\\');
                self.keep(next);
            }
            'u' if code_unit(rest).is_some() => self.code_unit(),
            // A back-slash before a line end continues the line: the text goes on.
            _ if next.is_ascii_control() => {
                self.at += 1;
                self.control(next);
            }
            _ => {
                self.note(Leniency::Escape, self.at);
                self.out.push_str("\\\\");
                self.at += 1;
            }
        }
    }

    /// `\uXXXX`; half a surrogate pair becomes U+FFFD.
    fn code_unit(&mut self) {
        const LENGTH: usize = 6;
        let rest = &self.text[self.at..];
        let length = match (code_unit(rest), rest.get(LENGTH..).and_then(code_unit)) {
            (Some(0xD800..=0xDBFF), Some(0xDC00..=0xDFFF)) => 2 * LENGTH,
            (Some(0xD800..=0xDFFF), _) => {
                self.note(Leniency::Surrogate, self.at);
                self.out.push(char::REPLACEMENT_CHARACTER);
                self.at += LENGTH;
                return;
            }
            _ => LENGTH,
        };
        self.out.push_str(&rest[..length]);
        self.at += length;
    }

    fn scalar(&mut self) {
        let start = self.at;
        while let Some(next) = self.text[self.at..].chars().next() {
            if next.is_whitespace() || next.is_control() || "{}[]:,\"/".contains(next) {
                // A lone slash is no comment and must not stop the walk.
                if next == '/' && !self.text[self.at..].starts_with("//") {
                    self.at += 1;
                    continue;
                }
                break;
            }
            self.at += next.len_utf8();
        }
        let word = &self.text[start..self.at];
        match number(word) {
            Some(spelled) => {
                self.note(Leniency::Number, start);
                self.out.push_str(&spelled);
            }
            None => self.out.push_str(word),
        }
    }
}

/// The code unit of a `\uXXXX` at the start of a text.
fn code_unit(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    digits.bytes().all(|b| b.is_ascii_hexdigit()).then(|| u16::from_str_radix(digits, 16).ok())?
}

/// A number as JSON spells it, where the word is one in another spelling: `+1`, `01`, `.5`, `1.`,
/// `NaN`, or one that no double holds.
fn number(word: &str) -> Option<String> {
    if matches!(word, "NaN" | "Infinity" | "-Infinity") {
        return Some("null".to_owned());
    }
    let plain = word.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
    if !plain || serde_json::from_str::<serde_json::Number>(word).is_ok() {
        return None;
    }
    let value: f64 = word.parse().ok()?;
    if value.is_infinite() {
        return Some(format!("{:e}", f64::MAX.copysign(value)));
    }
    match word.parse::<i64>() {
        Ok(whole) => Some(whole.to_string()),
        Err(_) => Some(serde_json::Number::from_f64(value)?.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<Leniency> {
        let (_, notes) = json_lenient(text.as_bytes()).unwrap_or_else(|e| panic!("{text}: {e}"));
        notes.iter().map(|n| n.kind).collect()
    }

    #[test]
    fn reads_what_people_write() {
        use Leniency::*;
        for (text, found) in [
            ("{\"a\": 1}", vec![]),
            ("\u{feff}{\"a\": 1}", vec![ByteOrderMark]),
            (
                "{\"a\": 1, // one\n \"b\": [1, 2, /* x\n */ ], }",
                vec![Comment, Comment, TrailingComma, TrailingComma],
            ),
            ("{\"a\": \"x\ty\nz\"}", vec![ControlCharacter, ControlCharacter]),
            (
                "{\"a\": \"1\"\n \"b\": {} \"c\": [1 2]}",
                vec![MissingComma, MissingComma, MissingComma],
            ),
            ("{\u{a0}\"a\": 1}", vec![StrayCharacter]),
            ("{\"a\": \"\\d+\\'\"}", vec![Escape, Escape]),
            ("{\"a\": \"\\ud83d \\ud83d\\ude00 \\u00e9 \\\\u\"}", vec![Surrogate]),
            ("{\"a\": [01, .5, -1., NaN, 1e999, -0, 12]}", vec![Number; 5]),
            ("[{\"a\": 1, {\"b\": 2}}]", vec![MissingBrace, SurplusBracket]),
            ("[{\"a\": 1,\n {\"b\": 2}]", vec![MissingBrace]),
            ("{\"a\": {}}}]", vec![SurplusBracket, SurplusBracket]),
            ("{\"u\": \"https://a/*b*/\"}", vec![]),
        ] {
            assert_eq!(kinds(text), found, "{text}");
        }
        let (document, _) = json_lenient("{\"a\": \"x\ny\",}".as_bytes()).unwrap();
        assert_eq!(document.value()["a"], "x\ny");
        let (document, notes) = json_lenient(b"{\"a\": \"\xff\"}").unwrap();
        assert_eq!(document.value()["a"], "\u{fffd}");
        assert_eq!(notes[0].kind, NotUtf8);
    }

    #[test]
    fn what_was_meant_is_kept() {
        let value = |text: &str| json_lenient(text.as_bytes()).unwrap().0.value().clone();
        assert_eq!(value(r#"["\d+\x", "\ud83d\ude00\ud83d"]"#)[0], r"\d+\x");
        assert_eq!(value(r#"["\ud83d\ude00\ud83d"]"#)[0], "\u{1F600}\u{fffd}");
        assert_eq!(value("[007, .5, -1e999]").to_string(), "[7,0.5,-1.7976931348623157e+308]");
        assert_eq!(value("[{\"a\": 1, {\"b\": 2}}]")[1]["b"], 2);
        let wide: Vec<u8> =
            "\u{feff}{\"ä\": 1,}".encode_utf16().flat_map(u16::to_be_bytes).collect();
        let (document, notes) = json_lenient(&wide).unwrap();
        assert_eq!((&document.value()["ä"], notes[0].kind), (&1.into(), Leniency::Utf16));
    }

    #[test]
    fn places_are_those_of_the_text_as_given() {
        let (_, notes) =
            json_lenient("{\n  \"a\": \"x\ny\",\n  \"b\": [1,]\n}".as_bytes()).unwrap();
        assert_eq!(
            (notes[1].kind, notes[1].line, notes[1].column),
            (Leniency::TrailingComma, 4, 11)
        );
    }

    #[test]
    fn what_is_no_json_stays_none() {
        for text in ["", "{", "{\"a\" 1}", "nothing", "{,}", "[1,,2]", "{\"a\": /}", "\"", "\"\\"] {
            assert!(json_lenient(text.as_bytes()).is_err(), "{text}");
        }
        let deep = "[".repeat(10_000);
        assert!(matches!(json_lenient(deep.as_bytes()), Err(JsonError::Depth { .. })));
    }
}
