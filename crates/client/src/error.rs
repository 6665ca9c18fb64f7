//! What a call can answer instead of its value.
use serde_json::Value;

use crate::flow::{Reason, reason};
use crate::transport::TransportError;

/// A call that did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
#[error("cannot {attempt}")]
pub struct ClientError {
    /// What was attempted, as it follows "cannot": "bind connection reference `x`".
    pub attempt: String,
    /// Why not.
    #[source]
    pub cause: Cause,
}

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum Cause {
    /// The other side refused.
    #[error("{message} ({code})")]
    Refused {
        /// HTTP status.
        status: u16,
        /// Code, `0x80040217` or `ConnectionNotFound`.
        code: String,
        /// Text of the other side.
        message: String,
        /// A command that fixes it, when the other side knows one.
        fix: Option<String>,
        /// Every reason, where there are several and the other side tells them.
        reasons: Box<[Reason]>,
    },
    /// The call did not come through.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The answer is not what the API promises.
    #[error("the answer cannot be read: {0}")]
    Unreadable(String),
    /// Nothing has this name.
    #[error("{kind} `{name}` does not exist")]
    Missing {
        /// Noun.
        kind: &'static str,
        /// As asked for.
        name: String,
    },
    /// A dry run: the change was not sent.
    #[error("a dry run sends no change: {0}")]
    Unsent(Box<Unsent>),
}

/// A change that a dry run kept back.
#[derive(Clone, Debug, PartialEq)]
pub struct Unsent {
    /// HTTP method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Body with secrets and files masked.
    pub body: Option<Value>,
}

impl std::fmt::Display for Unsent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

impl ClientError {
    pub(crate) fn new(attempt: &str, cause: impl Into<Cause>) -> Self {
        Self { attempt: attempt.to_owned(), cause: cause.into() }
    }

    pub(crate) fn unreadable(attempt: &str, why: impl std::fmt::Display) -> Self {
        Self::new(attempt, Cause::Unreadable(why.to_string()))
    }

    pub(crate) fn missing(attempt: &str, kind: &'static str, name: &str) -> Self {
        Self::new(attempt, Cause::Missing { kind, name: name.to_owned() })
    }

    /// HTTP status of a refusal.
    pub fn status(&self) -> Option<u16> {
        match &self.cause {
            Cause::Refused { status, .. } => Some(*status),
            Cause::Missing { .. } => Some(404),
            _ => None,
        }
    }

    /// Code of a refusal.
    pub fn code(&self) -> Option<&str> {
        match &self.cause {
            Cause::Refused { code, .. } => Some(code),
            _ => None,
        }
    }

    /// A command that fixes it, when the other side knows one.
    pub fn fix(&self) -> Option<&str> {
        match &self.cause {
            Cause::Refused { fix, .. } => fix.as_deref(),
            _ => None,
        }
    }

    /// Every reason of a refusal, as far as the other side tells more than its message.
    pub fn reasons(&self) -> &[Reason] {
        match &self.cause {
            Cause::Refused { reasons, .. } => reasons,
            _ => &[],
        }
    }

    /// Whether the thing asked for does not exist (or is not visible).
    pub fn is_missing(&self) -> bool {
        self.status() == Some(404)
    }

    /// The change a dry run kept back.
    pub fn unsent(&self) -> Option<&Unsent> {
        match &self.cause {
            Cause::Unsent(unsent) => Some(unsent),
            _ => None,
        }
    }
}

/// Reads a refusal of either dialect. A body that is none of both becomes its status line.
pub(crate) fn refusal(status: u16, body: &[u8]) -> Cause {
    let parsed = serde_json::from_slice::<Value>(body).unwrap_or(Value::Null);
    let error = &parsed["error"];
    let text = |value: &Value| value.as_str().filter(|t| !t.is_empty()).map(str::to_owned);
    let fix = ["@connref.fix", "connref.fix"]
        .iter()
        .find_map(|name| text(&error[*name]).or_else(|| text(&parsed[*name])));
    let phrase = http::StatusCode::from_u16(status)
        .ok()
        .and_then(|known| known.canonical_reason())
        .unwrap_or("no reason given");
    Cause::Refused {
        status,
        code: text(&error["code"]).unwrap_or_else(|| format!("HTTP {status}")),
        message: text(&error["message"])
            .unwrap_or_else(|| format!("the server answered {status} {phrase}")),
        fix,
        reasons: error["@connref.refusals"].as_array().into_iter().flatten().map(reason).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(body: &str) -> (String, String, Option<String>) {
        match refusal(400, body.as_bytes()) {
            Cause::Refused { code, message, fix, .. } => (code, message, fix),
            other => panic!("{other}"),
        }
    }

    #[test]
    fn both_dialects_are_read() {
        let web = r#"{"error":{"code":"0x80040217","message":"gone","@connref.fix":"connref a"}}"#;
        assert_eq!(parts(web), ("0x80040217".into(), "gone".into(), Some("connref a".into())));
        let control =
            r#"{"error":{"code":"ConnectionNotFound","message":"no","connref.fix":"connref b"}}"#;
        assert_eq!(parts(control).2.as_deref(), Some("connref b"));
        let several = r#"{"error":{"code":"x","message":"no","@connref.refusals":
            [{"code":"A","message":"a","status":400},{"code":"B","message":"b","fix":"connref b"}]}}"#;
        let Cause::Refused { reasons, .. } = refusal(400, several.as_bytes()) else { panic!() };
        assert_eq!(reasons.len(), 2);
        assert_eq!(reasons[1].fix.as_deref(), Some("connref b"));
        let outside = r#"{"error":{"code":"x","message":"no"},"@connref.fix":"connref c"}"#;
        assert_eq!(parts(outside).2.as_deref(), Some("connref c"));
    }

    #[test]
    fn a_body_that_is_no_error_becomes_the_status() {
        let (code, message, fix) = parts("<html>");
        assert_eq!(code, "HTTP 400");
        assert!(message.contains("400 Bad Request"), "{message}");
        assert_eq!(fix, None);
    }
}
