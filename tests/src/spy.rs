//! Searches bytes for what must not be there.
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// A planted text in every form it could leave in.
#[derive(Clone, Debug)]
pub struct Canary {
    /// As planted.
    pub text: String,
    forms: Vec<(&'static str, Vec<u8>)>,
}

impl Canary {
    /// Prepares the forms of a text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let mut forms = vec![("raw", text.as_bytes().to_vec())];
        let escaped = serde_json::Value::from(text).to_string();
        forms.push(("JSON-escaped", escaped.trim_matches('"').as_bytes().to_vec()));
        let utf16 = |swap: bool| -> Vec<u8> {
            text.encode_utf16()
                .flat_map(|unit| if swap { unit.to_be_bytes() } else { unit.to_le_bytes() })
                .collect()
        };
        forms.push(("UTF-16LE", utf16(false)));
        forms.push(("UTF-16BE", utf16(true)));
        let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
        forms.push(("hex", hex.into_bytes()));
        // In base64 a text looks different at each of three offsets; the ends depend on neighbours.
        for offset in 0..3_usize {
            let mut padded = vec![0; offset];
            padded.extend_from_slice(text.as_bytes());
            let skip = (offset * 8).div_ceil(6);
            for (name, engine) in [("base64", STANDARD_NO_PAD), ("base64url", URL_SAFE_NO_PAD)] {
                let encoded = engine.encode(&padded);
                let whole = padded.len() / 3 * 4;
                forms.push((name, encoded.as_bytes()[skip..whole].to_vec()));
            }
        }
        forms.retain(|(_, form)| form.len() >= 8);
        forms.dedup_by(|one, two| one.1 == two.1);
        Self { text: text.to_owned(), forms }
    }

    /// The first form found in the bytes; hexadecimal in any case.
    #[must_use]
    pub fn find(&self, bytes: &[u8]) -> Option<&'static str> {
        self.forms
            .iter()
            .find(|(_, form)| {
                bytes.windows(form.len()).any(|window| window.eq_ignore_ascii_case(form))
            })
            .map(|(name, _)| *name)
    }
}

/// Fails if one of the planted texts is in the bytes.
///
/// # Panics
/// If it is.
#[track_caller]
pub fn absent(canaries: &[Canary], place: &str, bytes: &[u8]) {
    for (at, canary) in canaries.iter().enumerate() {
        // The message does not repeat the text: logs are read by many.
        let found = canary.find(bytes);
        assert!(found.is_none(), "planted text {at} is in {place}, {}", found.unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_found() {
        let canary = Canary::new("kite-\"7f\"-lantern-93");
        let inside = "before kite-\"7f\"-lantern-93 after";
        assert_eq!(canary.find(inside.as_bytes()), Some("raw"));
        assert!(canary.find(serde_json::Value::from(inside).to_string().as_bytes()).is_some());
        for offset in 0..3 {
            let text = format!("{}{inside}", "x".repeat(offset));
            assert!(canary.find(STANDARD_NO_PAD.encode(&text).as_bytes()).is_some(), "{offset}");
            assert!(canary.find(URL_SAFE_NO_PAD.encode(&text).as_bytes()).is_some(), "{offset}");
        }
        let wide: Vec<u8> = inside.encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(canary.find(&wide), Some("UTF-16LE"));
        assert_eq!(canary.find(b"nothing of the kind is in here"), None);
    }
}
