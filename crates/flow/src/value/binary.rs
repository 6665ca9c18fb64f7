//! Binary content: an object with the properties `$content-type` and `$content` (base64).

use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};

use super::{Object, Value};

const TYPE: &str = "$content-type";
const CONTENT: &str = "$content";

/// Binary content with its media type, as the language passes it between actions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binary {
    /// The media type, with parameters.
    pub content_type: String,
    /// The bytes.
    pub bytes: Vec<u8>,
}

impl Binary {
    /// Binary content of a type.
    pub fn new(content_type: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self { content_type: content_type.into(), bytes: bytes.into() }
    }

    /// The binary content that a value holds: an object of exactly the two properties, both
    /// strings, the content valid base64.
    #[must_use]
    pub fn of(value: &Value) -> Option<Self> {
        let object = value.as_object()?;
        if object.len() != 2 {
            return None;
        }
        let content_type = object.get_exact(TYPE)?.as_str()?;
        let bytes = decode_base64(object.get_exact(CONTENT)?.as_str()?)?;
        Some(Self { content_type: content_type.to_owned(), bytes })
    }

    /// The value.
    #[must_use]
    pub fn to_value(&self) -> Value {
        Self::value_of(&self.content_type, &STANDARD.encode(&self.bytes))
    }

    /// The value of content that is base64 already.
    pub(crate) fn value_of(content_type: &str, base64: &str) -> Value {
        let entries = [(TYPE, Value::from(content_type)), (CONTENT, Value::from(base64))];
        Value::object(entries.into_iter().collect::<Object>())
    }

    /// The bytes as text, in the character set that the media type names, else UTF-8; what does
    /// not decode becomes U+FFFD.
    #[must_use]
    pub fn text(&self) -> String {
        let charset = self.content_type.split(';').skip(1).find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            let is = name.trim().eq_ignore_ascii_case("charset");
            is.then(|| value.trim().trim_matches('"'))
        });
        let named = charset.and_then(|name| decode_charset(name, &self.bytes));
        named.unwrap_or_else(|| String::from_utf8_lossy(&self.bytes).into_owned())
    }
}

/// Decodes base64; white space between digits is skipped, padding must be right.
pub(crate) fn decode_base64(text: &str) -> Option<Vec<u8>> {
    const STRICT: GeneralPurpose = GeneralPurpose::new(
        &base64::alphabet::STANDARD,
        GeneralPurposeConfig::new()
            .with_decode_padding_mode(DecodePaddingMode::RequireCanonical)
            .with_decode_allow_trailing_bits(true),
    );
    let space = |c: char| matches!(c, ' ' | '\t' | '\r' | '\n');
    if text.contains(space) {
        return STRICT.decode(text.replace(space, "")).ok();
    }
    STRICT.decode(text).ok()
}

/// Decodes bytes in a character set by name; `None` if the name is not known.
pub(crate) fn decode_charset(name: &str, bytes: &[u8]) -> Option<String> {
    let wide = |big: bool| {
        let units: Vec<u16> = bytes
            .chunks(2)
            .map(|pair| match *pair {
                [a, b] if big => u16::from_be_bytes([a, b]),
                [a, b] => u16::from_le_bytes([a, b]),
                _ => 0xFFFD,
            })
            .collect();
        String::from_utf16_lossy(&units)
    };
    Some(match name.to_ascii_lowercase().as_str() {
        "utf-8" | "utf8" | "unicode-1-1-utf-8" => String::from_utf8_lossy(bytes).into_owned(),
        "ascii" | "us-ascii" | "iso646-us" => {
            bytes.iter().map(|byte| if byte.is_ascii() { char::from(*byte) } else { '?' }).collect()
        }
        "iso-8859-1" | "latin1" | "iso_8859-1" | "l1" | "cp819" => {
            bytes.iter().map(|byte| char::from(*byte)).collect()
        }
        "windows-1252" | "cp1252" | "x-cp1252" => bytes.iter().map(|byte| windows(*byte)).collect(),
        "utf-16" | "utf-16le" | "ucs-2" | "ucs-2le" | "unicode" | "iso-10646-ucs-2" => wide(false),
        "utf-16be" | "unicodefffe" => wide(true),
        _ => return None,
    })
}

/// A byte of the character set windows-1252.
fn windows(byte: u8) -> char {
    const FROM_80: [char; 32] = [
        '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž',
        '\u{8f}', '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}',
        'ž', 'Ÿ',
    ];
    match byte {
        0x80..0xA0 => FROM_80[usize::from(byte - 0x80)],
        _ => char::from(byte),
    }
}
