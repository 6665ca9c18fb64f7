//! Names of elements and attributes, and the escapes `_xHHHH_` for what a name can not hold.

/// Whether a character may begin a name (without the colon).
pub(super) fn starts_name(c: char) -> bool {
    c.is_alphabetic() || c == '_'
}

/// Whether a character may stand in a name (without the colon).
pub(super) fn in_name(c: char) -> bool {
    starts_name(c) || c.is_numeric() || matches!(c, '-' | '.' | '\u{b7}' | '\u{300}'..='\u{36f}')
}

/// Whether a character may stand in a document.
pub(super) fn is_xml_char(c: char) -> bool {
    !matches!(c, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}')
}

/// A name with escapes for what XML does not allow in one; colons stay.
pub(in crate::expression) fn encode_name(name: &str) -> String {
    encode(name, true)
}

/// A name without a prefix: colons are escaped too.
pub(super) fn encode_local_name(name: &str) -> String {
    encode(name, false)
}

fn encode(name: &str, colon: bool) -> String {
    let mut out = String::new();
    for (at, c) in name.char_indices() {
        let fits = if at == 0 { starts_name(c) } else { in_name(c) } || (colon && c == ':');
        if fits && !(c == '_' && escape_at(&name[at..]).is_some()) {
            out.push(c);
        } else if u32::from(c) > 0xFFFF {
            out.push_str(&format!("_x{:08X}_", u32::from(c)));
        } else {
            out.push_str(&format!("_x{:04X}_", u32::from(c)));
        }
    }
    out
}

/// The character of the escape that a text begins with, and its length.
fn escape_at(text: &str) -> Option<(char, usize)> {
    let body = text.strip_prefix("_x")?;
    let end = body.find('_').filter(|end| matches!(end, 4 | 8))?;
    let digits = &body[..end];
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let c = char::from_u32(u32::from_str_radix(digits, 16).ok()?)?;
    Some((c, end + 3))
}

/// A name with its escapes resolved.
pub(in crate::expression) fn decode_name(name: &str) -> String {
    let mut out = String::new();
    let mut rest = name;
    while let Some(c) = rest.chars().next() {
        let (c, length) = escape_at(rest).unwrap_or((c, c.len_utf8()));
        out.push(c);
        rest = &rest[length..];
    }
    out
}
