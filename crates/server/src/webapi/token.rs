//! The paging cookie: where a page ended, opaque to clients. It grants nothing: its values are bound
//! like any other, and what it leads to is filtered for the caller again.
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use connref_store::query::{Cell, Cursor};
use serde_json::Value;

use super::fault::Fault;

/// The cookie of a place.
pub(super) fn write(cursor: &Cursor) -> String {
    let values: Vec<Value> = cursor
        .0
        .iter()
        .map(|cell| match cell {
            Cell::Null => Value::Null,
            Cell::Text(text) => Value::from(text.as_str()),
            Cell::Int(number) | Cell::Time(number) => Value::from(*number),
            Cell::Flag(flag) => Value::from(i64::from(*flag)),
        })
        .collect();
    URL_SAFE_NO_PAD.encode(Value::Array(values).to_string())
}

/// The place of a cookie.
///
/// # Errors
/// What no cookie of this server looks like.
pub(super) fn read(text: &str) -> Result<Cursor, Fault> {
    let fault = || Fault::syntax("Malformed paging cookie in $skiptoken.");
    let bytes = URL_SAFE_NO_PAD.decode(text.trim()).map_err(|_| fault())?;
    let values: Vec<Value> = serde_json::from_slice(&bytes).map_err(|_| fault())?;
    let cells = values
        .into_iter()
        .map(|value| match value {
            Value::Null => Ok(Cell::Null),
            Value::String(text) => Ok(Cell::Text(text)),
            Value::Number(number) => number.as_i64().map(Cell::Int).ok_or_else(fault),
            _ => Err(fault()),
        })
        .collect::<Result<_, Fault>>()?;
    Ok(Cursor(cells))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_comes_back() {
        let cursor = Cursor(vec![Cell::Null, Cell::Text("ä'".into()), Cell::Int(-5)]);
        assert_eq!(read(&write(&cursor)), Ok(cursor));
        for wrong in ["", "!", "e30", "W3t9XQ", "WzEuNV0"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
