//! What a run must not show: the credentials its calls used and the secrets it read.
//!
//! Settings of the flow hide what its author thought of. This hides by value: a target that echoes a
//! header, an address with a key in it, an error that repeats a password.
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use connref_flow::{CallOutcome, Value};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value as Json;
use zeroize::Zeroizing;

use crate::connector::encode;

/// Shorter values are found in too much that is no secret.
const LENGTH_MIN: usize = 6;
/// Shorter encoded forms say nothing.
const FORM_MIN: usize = 8;
/// Most values of a run; beyond it the oldest stay.
const VALUES_MAX: usize = 1000;
/// What stands in the place of a value.
const MASK: &str = "*sanitized*";

/// The values of one run and of the runs it started.
#[derive(Default)]
pub(super) struct Hidden(Mutex<Vec<Kept>>);

/// A value and the forms in which it may come back.
struct Kept {
    plain: SecretString,
    forms: Vec<Zeroizing<String>>,
}

impl Hidden {
    /// Hides a value from here on.
    pub(super) fn add(&self, secret: &SecretString) {
        let text = secret.expose_secret().trim();
        let mut values = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = values.iter().any(|value| value.plain.expose_secret() == text);
        if text.len() < LENGTH_MIN || known || values.len() >= VALUES_MAX {
            return;
        }
        values.push(Kept { plain: text.to_owned().into(), forms: forms(text) });
    }

    /// Hides every text in a value.
    pub(super) fn add_all(&self, value: &Value) {
        self.add_json(&value.to_json());
    }

    fn add_json(&self, json: &Json) {
        match json {
            Json::String(text) => self.add(&text.clone().into()),
            Json::Array(items) => items.iter().for_each(|item| self.add_json(item)),
            Json::Object(map) => map.values().for_each(|item| self.add_json(item)),
            Json::Null | Json::Bool(_) | Json::Number(_) => {}
        }
    }

    fn is_empty(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Masks the error of an outcome, and marks it secure if its outputs hold a value.
    pub(super) fn guard(&self, outcome: &mut CallOutcome) {
        if self.is_empty() {
            return;
        }
        if let Some(error) = &mut outcome.error {
            error.message = self.masked(&error.message);
        }
        if !outcome.secure
            && let Some(outputs) = &outcome.outputs
        {
            let mut json = outputs.to_json();
            outcome.secure = self.mask(&mut json);
        }
    }

    /// A text with the values in it masked.
    pub(super) fn masked(&self, text: &str) -> String {
        let values = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut masked = text.to_owned();
        for form in values.iter().flat_map(|value| &value.forms) {
            if masked.contains(form.as_str()) {
                masked = masked.replace(form.as_str(), MASK);
            }
        }
        masked
    }

    /// Masks the values in every text of a document; answers whether there was one.
    pub(super) fn mask(&self, json: &mut Json) -> bool {
        if self.is_empty() {
            return false;
        }
        match json {
            Json::String(text) => {
                let masked = self.masked(text);
                let found = masked != *text;
                *text = masked;
                found
            }
            Json::Array(items) => {
                items.iter_mut().fold(false, |found, item| self.mask(item) | found)
            }
            Json::Object(map) => {
                let named: Vec<String> =
                    map.keys().filter(|key| self.masked(key) != **key).cloned().collect();
                let mut found = !named.is_empty();
                for key in named {
                    let value = map.shift_remove(&key).unwrap_or_default();
                    map.insert(self.masked(&key), value);
                }
                for value in map.values_mut() {
                    found |= self.mask(value);
                }
                found
            }
            Json::Null | Json::Bool(_) | Json::Number(_) => false,
        }
    }
}

fn forms(text: &str) -> Vec<Zeroizing<String>> {
    let mut forms = vec![Zeroizing::new(text.to_owned())];
    let mut encoded =
        vec![Json::from(text).to_string().trim_matches('"').to_owned(), encode::component(text)];
    // In base64 a text looks different at each of three offsets; its ends depend on its neighbours.
    for offset in 0..3_usize {
        let mut padded = Zeroizing::new(vec![0; offset]);
        padded.extend_from_slice(text.as_bytes());
        let (from, to) = ((offset * 8).div_ceil(6), padded.len() / 3 * 4);
        for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
            let whole = engine.encode(&*padded);
            encoded.extend(whole.get(from..to).map(str::to_owned));
        }
    }
    for form in encoded.into_iter().map(Zeroizing::new) {
        if form.len() >= FORM_MIN && !forms.contains(&form) {
            forms.push(form);
        }
    }
    forms
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::STANDARD;
    use connref_flow::{ActionError, ActionStatus};
    use serde_json::json;

    const SECRET: &str = "kelp \"7f\"/lantern&93";

    fn hidden() -> Hidden {
        let hidden = Hidden::default();
        hidden.add(&SECRET.to_owned().into());
        hidden.add(&"12345".to_owned().into());
        hidden
    }

    #[test]
    fn a_value_is_masked_in_every_form() {
        let hidden = hidden();
        let texts = [
            format!("Authorization: {SECRET}"),
            json!({ "in": SECRET }).to_string(),
            format!("https://t.test/?key={}&x", encode::component(SECRET)),
            format!("Basic {}", STANDARD.encode(format!("user:{SECRET}"))),
            format!("Basic {}", STANDARD.encode(format!("ab:{SECRET}"))),
            format!("Basic {}", STANDARD.encode(format!("abc:{SECRET}"))),
        ];
        for text in texts {
            let masked = hidden.masked(&text);
            assert!(masked.contains(MASK), "{text}");
            assert!(!masked.contains("lantern"), "{masked}");
        }
        assert_eq!(hidden.masked("12345 is too short to hide"), "12345 is too short to hide");
    }

    #[test]
    fn an_echo_makes_the_result_secure_and_errors_are_masked() {
        let outcome = |body: Json, message: &str| CallOutcome {
            status: ActionStatus::Failed,
            code: "BadRequest".to_owned(),
            outputs: Some(Value::from_json(&json!({ "body": body }))),
            error: Some(ActionError { code: "x".to_owned(), message: message.to_owned() }),
            attempts: 1,
            secure: false,
        };
        let hidden = hidden();
        let mut fine = outcome(json!({"a": [1, "b"]}), "no");
        hidden.guard(&mut fine);
        assert!(!fine.secure);
        let mut echoed = outcome(json!({ SECRET: [null] }), &format!("bad key {SECRET}"));
        hidden.guard(&mut echoed);
        assert!(echoed.secure);
        assert_eq!(echoed.error.unwrap().message, format!("bad key {MASK}"));
    }
}
