//! How values are written into addresses: the only place that quotes OData literals.
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Kept as they are inside one path segment or query value. Everything else is escaped, also the
/// quote of a literal's content once it was doubled.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'\'')
    .remove(b',')
    .remove(b'(')
    .remove(b')');

/// A string literal: quoted, inner quotes doubled; not yet percent-encoded.
pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Percent-encodes one path segment or one query value.
pub fn encode(text: &str) -> String {
    utf8_percent_encode(text, KEPT).to_string()
}

/// `set(key='value')`, the row with an alternate key, ready for an address.
pub fn by_key(set: &str, key: &str, value: &str) -> String {
    format!("{set}({key}={})", encode(&literal(value)))
}

/// `set(id)`, ready for an address.
pub fn by_id(set: &str, id: &str) -> String {
    format!("{set}({})", encode(id))
}

/// A query string from names and values, `?` included; names are written as they are.
pub fn query(pairs: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for (name, value) in pairs {
        text.push(if text.is_empty() { '?' } else { '&' });
        text.push_str(name);
        text.push('=');
        text.push_str(&encode(value));
    }
    text
}

#[cfg(test)]
mod tests {
    use percent_encoding::percent_decode_str;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_quote_cannot_leave_its_literal() {
        assert_eq!(
            by_key("connectionreferences", "connectionreferencelogicalname", "a' or 1 eq 1"),
            "connectionreferences(connectionreferencelogicalname='a''%20or%201%20eq%201')"
        );
        assert_eq!(
            query(&[("$filter", "name eq 'a&b'"), ("$top", "1")]),
            "?$filter=name%20eq%20'a%26b'&$top=1"
        );
    }

    proptest! {
        #[test]
        fn what_is_encoded_comes_back(text in ".*") {
            let encoded = encode(&literal(&text));
            prop_assert!(!encoded.contains(['/', '?', '&', '#', '+', ' ']));
            let decoded = percent_decode_str(&encoded).decode_utf8().unwrap().into_owned();
            let inner = decoded.strip_prefix('\'').unwrap().strip_suffix('\'').unwrap();
            prop_assert_eq!(inner.replace("''", "'"), text);
        }
    }
}
