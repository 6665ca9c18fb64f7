//! Signed tokens (RFC 7515, compact form), taken apart. Nothing here believes them.
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

/// Longest token that is read; a chain of certificates fits.
const MAX: usize = 32 * 1024;

/// A token in its parts.
pub(crate) struct Jwt<'a> {
    header: Map<String, Value>,
    /// What it says.
    pub(crate) claims: Map<String, Value>,
    signed: &'a str,
    signature: Vec<u8>,
}

fn object(part: &str) -> Option<Map<String, Value>> {
    match serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()? {
        Value::Object(object) => Some(object),
        _ => None,
    }
}

impl<'a> Jwt<'a> {
    /// Whether a text has the form of one; opaque tokens have no dots.
    pub(crate) fn looks_like(text: &str) -> bool {
        text.contains('.')
    }

    /// Takes one apart.
    pub(crate) fn read(text: &'a str) -> Option<Self> {
        if text.len() > MAX {
            return None;
        }
        let (signed, signature) = text.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        Some(Self {
            header: object(header)?,
            claims: object(claims)?,
            signed,
            signature: URL_SAFE_NO_PAD.decode(signature).ok()?,
        })
    }

    /// A text of the header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.header.get(name)?.as_str()
    }

    /// Whether the header has a member of this name.
    pub(crate) fn has_header(&self, name: &str) -> bool {
        self.header.contains_key(name)
    }

    /// Whom it is for: one text or several.
    pub(crate) fn audiences(&self) -> Vec<&str> {
        match self.claims.get("aud") {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }

    /// The first certificate that it carries, as base64.
    pub(crate) fn certificate(&self) -> Option<&str> {
        self.header.get("x5c")?.get(0)?.as_str()
    }

    /// The name of the key.
    pub(crate) fn key(&self) -> Option<&str> {
        self.header("kid")
    }

    /// A text of the claims.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.claims.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// A time of the claims, in seconds; fractions are cut off.
    pub(crate) fn time(&self, name: &str) -> Option<i64> {
        let value = self.claims.get(name)?;
        // A float that is no i64 saturates, which is as good an answer as any.
        value.as_i64().or_else(|| value.as_f64().map(|number| number as i64))
    }

    /// What was signed.
    pub(crate) fn signed(&self) -> &'a str {
        self.signed
    }

    /// The signature.
    pub(crate) fn signature(&self) -> &[u8] {
        &self.signature
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_tokens_are_none() {
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let good = format!("{}.{}.{}", part("{\"alg\":\"x\"}"), part("{\"exp\":1.9}"), part("s"));
        let read = Jwt::read(&good).unwrap();
        assert_eq!((read.header("alg"), read.time("exp")), (Some("x"), Some(1)));
        for bad in ["", ".", "..", "a.b.c", "e30.e30", "e30.W10.", "e30.e30.!", "e30=.e30."] {
            assert!(Jwt::read(bad).is_none(), "{bad}");
        }
        assert!(Jwt::read(&format!("{good}.e30")).is_none());
        assert!(Jwt::read(&"a".repeat(MAX + 1)).is_none());
    }
}
