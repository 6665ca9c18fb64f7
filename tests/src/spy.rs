//! Searches bytes for what must not be there.
use aho_corasick::AhoCorasick;
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
        let percent = |keep: fn(&u8) -> bool| -> Vec<u8> {
            let letters = text.bytes().map(|b| match keep(&b) {
                true => char::from(b).to_string(),
                false => format!("%{b:02X}"),
            });
            letters.collect::<String>().into_bytes()
        };
        // As a query, as a path, and every byte.
        forms.push(("percent", percent(u8::is_ascii_alphanumeric)));
        forms.push(("percent", percent(|b| b.is_ascii_alphanumeric() || b"-._~".contains(b))));
        forms.push(("percent", percent(|_| false)));
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
        let mut known = std::collections::HashSet::new();
        forms.retain(|(_, form)| known.insert(form.clone()));
        Self { text: text.to_owned(), forms }
    }

    /// The first form found in the bytes; hexadecimal in any case.
    #[must_use]
    pub fn find(&self, bytes: &[u8]) -> Option<&'static str> {
        Search::new(std::slice::from_ref(self)).all(bytes).into_iter().map(|(_, form)| form).next()
    }
}

/// A search for many texts at once, whatever their number linear in what is searched.
pub struct Search {
    automaton: AhoCorasick,
    /// Per pattern: number of the text, name of the form.
    owners: Vec<(usize, &'static str)>,
}

impl Search {
    /// Prepares a search.
    ///
    /// # Panics
    /// If there are too many texts.
    #[must_use]
    pub fn new(canaries: &[Canary]) -> Self {
        let forms = || {
            canaries.iter().enumerate().flat_map(|(at, canary)| {
                canary.forms.iter().map(move |(name, form)| (at, *name, form))
            })
        };
        let automaton = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .build(forms().map(|(_, _, form)| form))
            .expect("the patterns fit an automaton");
        Self { automaton, owners: forms().map(|(at, name, _)| (at, name)).collect() }
    }

    /// Every text found with the form it was found in first, by number.
    #[must_use]
    pub fn all(&self, bytes: &[u8]) -> Vec<(usize, &'static str)> {
        let mut found: Vec<(usize, &'static str)> = Vec::new();
        for hit in self.automaton.find_overlapping_iter(bytes) {
            let owner = self.owners[hit.pattern().as_usize()];
            if !found.iter().any(|(at, _)| *at == owner.0) {
                found.push(owner);
            }
        }
        found.sort_unstable();
        found
    }

    /// Fails if one of the texts is in the bytes.
    ///
    /// # Panics
    /// If it is.
    #[track_caller]
    pub fn absent(&self, place: &str, bytes: &[u8]) {
        // The message does not repeat the text: logs are read by many.
        if let Some((at, form)) = self.all(bytes).first() {
            panic!("planted text {at} is in {place}, {form}");
        }
    }
}

/// Fails if one of the planted texts is in the bytes.
///
/// # Panics
/// If it is.
#[track_caller]
pub fn absent(canaries: &[Canary], place: &str, bytes: &[u8]) {
    Search::new(canaries).absent(place, bytes);
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
        assert!(canary.find(&wide).is_some_and(|form| form.starts_with("UTF-16")));
        let percent = "%6B%69%74%65%2D%22%37%66%22%2D%6C%61%6E%74%65%72%6E%2D%39%33";
        assert_eq!(canary.find(percent.as_bytes()), Some("percent"));
        assert_eq!(canary.find(b"x kite-%227f%22-lantern-93"), Some("percent"));
        assert_eq!(canary.find(b"nothing of the kind is in here"), None);
    }
}
