//! Strings. Positions and lengths count UTF-16 units, as in the service.

use super::super::culture::Culture;
use super::super::{number, number_format, xml};
use super::{ANY, Call, Function, Result, strict};
use crate::value::{Binary, Value};

pub(super) const FUNCTIONS: &[Function] =
    &[
        strict("concat", 1, ANY, concat),
        strict("substring", 2, 3, substring),
        strict("slice", 2, 3, slice),
        strict("replace", 3, 3, replace),
        strict("guid", 0, 1, guid),
        strict("toLower", 1, 1, |call| call.give(cased(call, lower)?)),
        strict("toUpper", 1, 1, |call| call.give(cased(call, upper)?)),
        strict("indexOf", 2, 2, |call| index(call, |text, wanted| text.find(wanted))),
        strict("lastIndexOf", 2, 2, last_index),
        strict("nthIndexOf", 3, 3, nth_index),
        strict("startsWith", 2, 2, |call| ends(call, |text, end| text.starts_with(end))),
        strict("endsWith", 2, 2, |call| ends(call, |text, end| text.ends_with(end))),
        strict("split", 2, 2, split),
        strict("trim", 1, 1, trim),
        strict("formatNumber", 2, 3, format_number),
        strict("trimByteOrderMark", 1, 1, trim_mark),
        strict("encodeXmlValue", 1, 1, |call| call.give(xml::escape(call.text(0)?, &['"', '\'']))),
        strict("decodeXmlValue", 1, 1, |call| {
            let text = xml::unescape(call.text(0)?);
            call.give(text.ok_or_else(|| {
                call.error("was invoked with text that is not an encoded XML value.")
            })?)
        }),
        strict("encodeXmlName", 1, 1, |call| call.give(xml::encode_name(call.text(0)?))),
        strict("decodeXmlName", 1, 1, |call| call.give(xml::decode_name(call.text(0)?))),
    ];

/// The byte position after so many UTF-16 units; never inside a character.
pub(super) fn byte_at(text: &str, units: usize) -> usize {
    if text.is_ascii() {
        return units.min(text.len());
    }
    let mut seen = 0;
    for (at, c) in text.char_indices() {
        if seen >= units {
            return at;
        }
        seen += c.len_utf16();
    }
    text.len()
}

fn units(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.encode_utf16().count() }
}

fn int(value: usize) -> Value {
    Value::Int(i64::try_from(value).unwrap_or(i64::MAX))
}

fn concat(call: &Call<'_>) -> Result {
    let mut text = String::new();
    for index in 0..call.count() {
        text.push_str(&call.any_text(index)?);
    }
    call.give_limited(text)
}

fn substring(call: &Call<'_>) -> Result {
    let text = call.text(0)?;
    let length = units(text);
    let bound = |value: i64| usize::try_from(value).ok();
    let range = bound(call.int(1)?).and_then(|start| {
        let count = match call.count() {
            2 => length.checked_sub(start)?,
            _ => bound(number::whole(call.argument(2))?)?,
        };
        let end = start.checked_add(count)?;
        (end <= length).then_some((start, end))
    });
    let (start, end) = range.ok_or_else(|| {
        call.error(
            "parameters are out of range: 'start index' and 'length' must be non-negative integers and their sum must be no larger than the length of the string.",
        )
    })?;
    call.give(&text[byte_at(text, start)..byte_at(text, end)])
}

fn slice(call: &Call<'_>) -> Result {
    let text = call.text(0)?;
    let length = units(text);
    // Negative positions count from the end; all are brought into the text.
    let place = |value: i64| {
        let distance = usize::try_from(value.unsigned_abs()).unwrap_or(usize::MAX);
        if value < 0 { length.saturating_sub(distance) } else { distance.min(length) }
    };
    let start = place(call.int(1)?);
    let end = if call.count() == 3 { place(call.int(2)?) } else { length };
    call.give(if start < end { &text[byte_at(text, start)..byte_at(text, end)] } else { "" })
}

fn replace(call: &Call<'_>) -> Result {
    let (text, old, new) = (call.text(0)?, call.text(1)?, call.text(2)?);
    if old.is_empty() {
        return Err(call
            .error("was not evaluated: String cannot be of zero length. (Parameter 'oldValue')"));
    }
    // Before the text is made, which may be far longer than what it is made of.
    let count = text.matches(old).count();
    call.charge(text.len().saturating_add(count.saturating_mul(new.len())))?;
    Ok(Value::from(text.replace(old, new)))
}

fn guid(call: &Call<'_>) -> Result {
    let bits = (u128::from(call.scope().random()) << 64) | u128::from(call.scope().random());
    // Version 4, variant 1.
    let bits = bits & !(0xF << 76) & !(0x3 << 62) | (0x4 << 76) | (0x2 << 62);
    let hex = format!("{bits:032x}");
    let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
    let dashed = parts.join("-");
    Ok(Value::from(match call.optional_text(0)?.unwrap_or_default() {
        "" | "D" | "d" => dashed,
        "N" | "n" => hex,
        "B" | "b" => format!("{{{dashed}}}"),
        "P" | "p" => format!("({dashed})"),
        "X" | "x" => {
            let bytes: Vec<String> =
                (16..32).step_by(2).map(|at| format!("0x{}", &hex[at..at + 2])).collect();
            format!("{{0x{},0x{},0x{},{{{}}}}}", parts[0], parts[1], parts[2], bytes.join(","))
        }
        _ => {
            return Err(call
                .error("expects its parameter to be one of the formats 'N', 'D', 'B', 'P', 'X'."));
        }
    }))
}

/// One character to one character, as the invariant culture of .NET does it.
fn lower(c: char) -> char {
    let mut all = c.to_lowercase();
    match (all.next(), all.next()) {
        (Some(single), None) => single,
        _ => c,
    }
}

fn upper(c: char) -> char {
    let mut all = c.to_uppercase();
    match (all.next(), all.next()) {
        // The dotless i keeps its form outside Turkish.
        (Some(single), None) if c != 'ı' => single,
        _ => c,
    }
}

fn cased(call: &Call<'_>, map: fn(char) -> char) -> Result<String> {
    let text = call.argument(0).as_str().ok_or_else(|| call.wrong(0, "be a string"))?;
    Ok(text.chars().map(map).collect())
}

/// Text in which differences of case are gone, with as many characters.
fn folded(text: &str) -> String {
    text.chars().map(|c| lower(upper(c))).collect()
}

/// The UTF-16 position in a text of a byte position in its folded form.
fn position(text: &str, folded: &str, at: usize) -> Value {
    let count = folded[..at].chars().count();
    int(text.chars().take(count).map(char::len_utf16).sum())
}

const NOT_FOUND: Value = Value::Int(-1);

fn index(call: &Call<'_>, find: fn(&str, &str) -> Option<usize>) -> Result {
    let (text, wanted) = (call.text(0)?, call.text(1)?);
    call.charge(text.len() + wanted.len())?;
    let haystack = folded(text);
    let at = find(&haystack, &folded(wanted));
    Ok(at.map_or(NOT_FOUND, |at| position(text, &haystack, at)))
}

fn last_index(call: &Call<'_>) -> Result {
    if call.text(1)?.is_empty() {
        return Ok(int(units(call.text(0)?).saturating_sub(1)));
    }
    index(call, |text, wanted| text.rfind(wanted))
}

fn nth_index(call: &Call<'_>) -> Result {
    let (text, wanted, nth) = (call.text(0)?, call.text(1)?, call.int(2)?);
    call.charge(text.len() + wanted.len())?;
    let (haystack, needle) = (folded(text), folded(wanted));
    if needle.is_empty() || nth == 0 {
        return Ok(if needle.is_empty() && nth != 0 { Value::Int(0) } else { NOT_FOUND });
    }
    let skip = usize::try_from(nth.unsigned_abs() - 1).unwrap_or(usize::MAX);
    let found = if nth > 0 {
        haystack.match_indices(&*needle).nth(skip)
    } else {
        haystack.rmatch_indices(&*needle).nth(skip)
    };
    Ok(found.map_or(NOT_FOUND, |(at, _)| position(text, &haystack, at)))
}

fn ends(call: &Call<'_>, test: fn(&str, &str) -> bool) -> Result {
    let (text, end) = (call.text(0)?, call.text(1)?);
    call.charge(text.len() + end.len())?;
    Ok(Value::Bool(test(&folded(text), &folded(end))))
}

fn split(call: &Call<'_>) -> Result {
    let (text, separator) = (call.text(0)?, call.text(1)?);
    call.charge(text.len())?;
    if separator.is_empty() {
        return call.give_array(vec![Value::from(text)]);
    }
    call.charge(text.matches(separator).count().saturating_mul(32))?;
    call.give_array(text.split(separator).map(Value::from).collect())
}

fn trim(call: &Call<'_>) -> Result {
    match call.argument(0) {
        Value::String(text) => call.give(text.trim()),
        other => Err(call.error(format_args!(
            "was invoked with parameters that are not valid: it needs a string, the provided value is of type '{}'.",
            other.type_name()
        ))),
    }
}

fn format_number(call: &Call<'_>) -> Result {
    let format = call.text(1)?;
    let culture = Culture::named(call.optional_text(2)?).map_err(|problem| call.error(problem))?;
    let text = number_format::format(call.argument(0), format, culture);
    call.give(text.map_err(|problem| call.error(problem))?)
}

fn trim_mark(call: &Call<'_>) -> Result {
    let value = call.argument(0);
    if let Some(binary) = Binary::of(value) {
        let bytes = binary.bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&binary.bytes);
        call.charge(bytes.len())?;
        return Ok(Binary::new(binary.content_type, bytes).to_value());
    }
    match value {
        Value::String(text) => call.give(text.trim_start_matches('\u{feff}')),
        _ => Err(call.wrong(0, "be a string or binary content")),
    }
}
