//! Data URIs: `data:text/plain;charset=utf-8;base64,…`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;

use super::{Call, Function, Result, strict};
use crate::value::{Binary, Value, decode_base64, decode_charset};

pub(super) const FUNCTIONS: &[Function] = &[
    strict("dataUri", 1, 1, data_uri),
    strict("dataUriToBinary", 1, 1, to_binary),
    strict("dataUriToString", 1, 1, to_string),
    strict("decodeDataUri", 1, 1, to_binary),
];

/// A data URI in its parts.
struct DataUri<'a> {
    /// The media type with parameters, without `base64`.
    header: &'a str,
    base64: bool,
    data: &'a str,
}

fn parse<'a>(call: &Call<'a>) -> Result<DataUri<'a>> {
    let text = call.text(0)?;
    call.charge(text.len())?;
    let body =
        text.get(..5).filter(|scheme| scheme.eq_ignore_ascii_case("data:")).map(|_| &text[5..]);
    let (header, data) = body.and_then(|body| body.split_once(',')).ok_or_else(|| invalid(call))?;
    let (before, last) = header.rsplit_once(';').unwrap_or(("", header));
    let base64 = last.eq_ignore_ascii_case("base64");
    let header = if base64 { before } else { header };
    if header.split(';').skip(1).any(|parameter| parameter.trim().is_empty()) {
        return Err(invalid(call));
    }
    Ok(DataUri { header, base64, data })
}

fn invalid(call: &Call<'_>) -> super::EvalError {
    call.error("was invoked with a parameter that is not valid. The value is not a valid data URI.")
}

/// The bytes of data that is not base64: percent encoded, with `+` for a space.
fn plain_bytes(data: &str) -> Vec<u8> {
    percent_decode_str(&data.replace('+', " ")).collect()
}

/// Checks a media type: `type/subtype` and parameters, whose character set must be known.
/// Parameters must have a value if the content is to be read as text.
///
/// # Errors
/// The text of what is wrong.
pub(super) fn check_media_type(text: &str, read: bool) -> std::result::Result<(), String> {
    let wrong = || {
        format!("The content type '{}' is not valid.", text.chars().take(100).collect::<String>())
    };
    let mut parts = text.split(';').map(str::trim);
    let kind = parts.next().unwrap_or_default();
    let named = kind
        .split_once('/')
        .is_some_and(|(a, b)| !a.is_empty() && !b.is_empty() && !b.contains('/'));
    if !named && !kind.is_empty() {
        return Err(wrong());
    }
    for parameter in parts.filter(|parameter| !parameter.is_empty()) {
        let Some((name, value)) = parameter.split_once('=') else {
            if read {
                return Err(wrong());
            }
            continue;
        };
        let quoted = value.starts_with('"');
        let unknown = name.trim().eq_ignore_ascii_case("charset")
            && decode_charset(value.trim().trim_matches('"'), &[]).is_none();
        if unknown || (!read && !quoted && value.contains('=')) {
            return Err(wrong());
        }
    }
    Ok(())
}

fn to_binary(call: &Call<'_>) -> Result {
    let uri = parse(call)?;
    check_media_type(uri.header, false)
        .map_err(|problem| call.error(format_args!("failed. {problem}")))?;
    let media_type = if uri.header.is_empty() { "text/plain" } else { uri.header };
    if uri.base64 {
        decode_base64(uri.data).ok_or_else(|| invalid(call))?;
        return Ok(Binary::value_of(media_type, uri.data));
    }
    Ok(Binary::new(media_type, plain_bytes(uri.data)).to_value())
}

fn to_string(call: &Call<'_>) -> Result {
    let uri = parse(call)?;
    let bytes = match uri.base64 {
        true => decode_base64(uri.data).ok_or_else(|| invalid(call))?,
        false => plain_bytes(uri.data),
    };
    // The service only takes a character set that directly follows the type, with all that
    // follows as its name.
    let first = uri.header.split_once(';').map_or("", |(_, parameters)| parameters);
    let named = first.get(..8).is_some_and(|name| name.eq_ignore_ascii_case("charset="));
    let charset = if named { &first[8..] } else { "utf-8" };
    let text = decode_charset(charset, &bytes);
    call.give(text.ok_or_else(|| {
        call.error(format_args!("failed: '{charset}' is not a supported encoding."))
    })?)
}

fn data_uri(call: &Call<'_>) -> Result {
    let value = call.argument(0);
    let (media_type, bytes) = match (Binary::of(value), value) {
        (Some(binary), _) => (binary.content_type, binary.bytes),
        (None, Value::Null) => return Err(call.wrong(0, "be a value")),
        (None, Value::String(text)) => {
            ("text/plain;charset=utf-8".to_owned(), text.as_bytes().to_vec())
        }
        (None, other) => {
            ("application/json;charset=utf-8".to_owned(), other.to_json_string().into_bytes())
        }
    };
    call.give(format!("data:{media_type};base64,{}", STANDARD.encode(bytes)))
}
