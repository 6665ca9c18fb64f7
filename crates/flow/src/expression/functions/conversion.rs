//! Conversions between types, base64 and the escaping of URIs.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::super::culture::Culture;
use super::super::number;
use super::{ANY, Call, Function, Result, strict, text_of, xml};
use crate::value::{Binary, Value, decode_base64};

const OCTETS: &str = "application/octet-stream";

/// All but the unreserved characters of RFC 3986.
const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

pub(super) const FUNCTIONS: &[Function] = &[
    strict("int", 1, 1, int),
    strict("float", 1, 2, float),
    strict("decimal", 1, 1, decimal),
    strict("bool", 1, 1, bool),
    strict("string", 1, 1, |call| call.give_limited(call.any_text(0)?)),
    strict("json", 1, 1, json),
    strict("array", 1, 1, array),
    strict("createArray", 1, ANY, |call| {
        call.give_array(call.arguments.to_vec()).and_then(|value| call.give_nested(value))
    }),
    strict("base64", 1, 1, |call| call.give_limited(STANDARD.encode(call.bytes(0)?))),
    strict("base64ToBinary", 1, 1, |call| {
        base64_bytes(call)?;
        Ok(Binary::value_of(OCTETS, call.text(0)?))
    }),
    strict("base64ToString", 1, 1, base64_text),
    strict("decodeBase64", 1, 1, base64_text),
    strict("binary", 1, 1, |call| Ok(Binary::new(OCTETS, call.bytes(0)?).to_value())),
    strict("utf8Length", 1, 1, |call| count(call.text(0)?.len())),
    strict("utf16Length", 1, 1, |call| count(call.text(0)?.encode_utf16().count() * 2)),
    strict("uriComponent", 1, 1, encode),
    strict("encodeUriComponent", 1, 1, encode),
    strict("uriComponentToString", 1, 1, decode),
    strict("decodeUriComponent", 1, 1, decode),
    strict("uriComponentToBinary", 1, 1, |call| {
        let bytes: Vec<u8> = percent_decode_str(call.text(0)?).collect();
        call.charge(bytes.len())?;
        Ok(Binary::new(OCTETS, bytes).to_value())
    }),
];

fn count(count: usize) -> Result {
    Ok(Value::Int(i64::try_from(count).unwrap_or(i64::MAX)))
}

fn unparsed(call: &Call<'_>, kind: &str) -> super::EvalError {
    let text: String = call.argument(0).to_text().chars().take(100).collect();
    call.error(format_args!(
        "was invoked with a parameter that is not valid. Could not parse {text} as {kind}."
    ))
}

fn int(call: &Call<'_>) -> Result {
    let value = match call.argument(0) {
        Value::String(text) => number::parse_int(text),
        other => number::whole(other),
    };
    value.map(Value::Int).ok_or_else(|| unparsed(call, "int"))
}

fn float(call: &Call<'_>) -> Result {
    let culture = Culture::named(call.optional_text(1)?).map_err(|problem| call.error(problem))?;
    let value = match call.argument(0) {
        Value::String(text) => number::parse_float(text, culture),
        other => number::float(other),
    };
    value.map(Value::Float).ok_or_else(|| unparsed(call, "float"))
}

fn decimal(call: &Call<'_>) -> Result {
    let value = match call.argument(0) {
        Value::String(text) => number::parse_decimal(text, &Culture::US),
        other => number::decimal(other),
    };
    value.map(Value::Decimal).ok_or_else(|| unparsed(call, "decimal"))
}

fn bool(call: &Call<'_>) -> Result {
    let value = match call.argument(0) {
        Value::Bool(value) => Some(*value),
        Value::String(text) => match text.trim().to_ascii_lowercase().as_str() {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        },
        Value::Int(value) => Some(*value != 0),
        Value::Float(value) => Some(*value != 0.0),
        Value::Decimal(value) => Some(!value.is_zero()),
        _ => None,
    };
    value.map(Value::Bool).ok_or_else(|| unparsed(call, "bool"))
}

fn json(call: &Call<'_>) -> Result {
    let value = call.argument(0);
    if let Some(binary) = Binary::of(value) {
        if xml::is_xml(&binary) {
            return xml::to_json(call, &binary);
        }
        return parse(call, &text_of(value)?);
    }
    match value {
        Value::String(text) => parse(call, text),
        _ => Err(call.wrong(0, "be a string or an XML")),
    }
}

fn parse(call: &Call<'_>, text: &str) -> Result {
    // Each item costs far more memory than the shortest text that stands for it.
    call.charge(text.len().saturating_mul(16))?;
    Value::from_json_str(text).map_err(|error| {
        let reason = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
        call.error(format_args!(
            "parameter is not valid. The provided value cannot be parsed as JSON: {reason}."
        ))
    })
}

fn array(call: &Call<'_>) -> Result {
    match call.argument(0) {
        items @ Value::Array(_) => Ok(items.clone()),
        other => call.give_nested(Value::array(vec![other.clone()])),
    }
}

fn base64_bytes(call: &Call<'_>) -> Result<Vec<u8>> {
    let text = call.text(0)?;
    call.charge(text.len())?;
    decode_base64(text).ok_or_else(|| {
        call.error("was invoked with a parameter that is not valid. The value cannot be decoded from base64 representation.")
    })
}

fn base64_text(call: &Call<'_>) -> Result {
    let bytes = base64_bytes(call)?;
    call.give(String::from_utf8_lossy(&bytes))
}

fn encode(call: &Call<'_>) -> Result {
    call.give(utf8_percent_encode(call.text(0)?, COMPONENT).to_string())
}

fn decode(call: &Call<'_>) -> Result {
    call.give(percent_decode_str(call.text(0)?).decode_utf8_lossy())
}
