//! A message as a flow describes it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lettre::message::Mailbox;
use serde_json::Value as Json;

use super::super::CallError;
use super::super::parameters::Parameters;

/// Most recipients of one message; Exchange Online takes 500.
const MAX_RECIPIENTS: usize = 500;
/// Most bytes of all attachments together; beyond it servers refuse anyway.
const MAX_ATTACHMENTS: usize = 35 * 1024 * 1024;

/// A checked message: every address parsed, no control characters in any header.
#[derive(Debug)]
pub(super) struct Mail {
    /// The sender if the flow names one: send-as, or the shared mailbox.
    pub(super) from: Option<Mailbox>,
    /// True if `from` is a shared mailbox.
    pub(super) shared: bool,
    pub(super) to: Vec<Mailbox>,
    pub(super) cc: Vec<Mailbox>,
    pub(super) bcc: Vec<Mailbox>,
    pub(super) reply_to: Vec<Mailbox>,
    pub(super) subject: String,
    pub(super) html: String,
    pub(super) importance: Importance,
    pub(super) attachments: Vec<Attachment>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Importance {
    Low,
    Normal,
    High,
}

#[derive(Debug)]
pub(super) struct Attachment {
    pub(super) name: String,
    pub(super) content_type: Option<String>,
    pub(super) bytes: Vec<u8>,
}

impl Mail {
    pub(super) fn read(p: &Parameters<'_>, shared: bool) -> Result<Self, CallError> {
        let field = |name: &str| p.text(&format!("emailMessage/{name}"));
        let list = |name: &str| addresses(p, name, &field(name)?.unwrap_or_default());
        let sender = if shared { "MailboxAddress" } else { "From" };
        let mut from = list(sender)?;
        if from.len() > 1 || (shared && from.is_empty()) {
            return Err(p.error(format!("`emailMessage/{sender}` must be one address")));
        }
        let mail = Self {
            from: from.pop(),
            shared,
            to: list("To")?,
            cc: list("Cc")?,
            bcc: list("Bcc")?,
            reply_to: list("ReplyTo")?,
            subject: line(p, "Subject", field("Subject")?.unwrap_or_default())?,
            html: field("Body")?.unwrap_or_default(),
            importance: importance(p, field("Importance")?.as_deref())?,
            attachments: attachments(p)?,
        };
        match mail.to.len() + mail.cc.len() + mail.bcc.len() {
            0 => Err(p.error("`emailMessage/To` names nobody")),
            n if n > MAX_RECIPIENTS => {
                Err(p.error(format!("more than {MAX_RECIPIENTS} recipients")))
            }
            _ => Ok(mail),
        }
    }
}

/// A header's text: one line, no control characters.
fn line(p: &Parameters<'_>, name: &str, text: String) -> Result<String, CallError> {
    if text.chars().any(|c| c.is_control() && c != '\t') {
        return Err(p.error(format!(
            "`emailMessage/{name}` holds a line break or another control character"
        )));
    }
    Ok(text)
}

/// Addresses separated by `;` (or `,`), each alone or as `Name <address>`.
fn addresses(p: &Parameters<'_>, name: &str, text: &str) -> Result<Vec<Mailbox>, CallError> {
    let bad = || p.error(format!("`emailMessage/{name}` holds something that is no mail address"));
    let text = line(p, name, text.to_owned())?;
    let mut found = Vec::new();
    for part in split(&text) {
        let part = part.trim();
        if part.is_empty() {
            continue;
        }
        let mailbox: Mailbox = part.parse().map_err(|_| bad())?;
        found.push(mailbox);
    }
    Ok(found)
}

/// Splits at separators outside of quotes and angle brackets.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut start, mut quoted, mut angle) = (Vec::new(), 0, false, false);
    for (at, c) in text.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '<' if !quoted => angle = true,
            '>' if !quoted => angle = false,
            ';' | ',' if !quoted && !angle => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

fn importance(p: &Parameters<'_>, text: Option<&str>) -> Result<Importance, CallError> {
    match text.map(str::to_ascii_lowercase).as_deref() {
        None | Some("normal") => Ok(Importance::Normal),
        Some("low") => Ok(Importance::Low),
        Some("high") => Ok(Importance::High),
        Some(_) => Err(p.error("`emailMessage/Importance` must be Low, Normal or High")),
    }
}

fn attachments(p: &Parameters<'_>) -> Result<Vec<Attachment>, CallError> {
    let list = match p.get("emailMessage/Attachments") {
        None => return Ok(Vec::new()),
        Some(Json::Array(list)) => list,
        Some(_) => return Err(p.error("`emailMessage/Attachments` must be an array")),
    };
    let mut found = Vec::new();
    let mut total = 0;
    for entry in list {
        let name = entry.get("Name").and_then(Json::as_str).filter(|n| !n.trim().is_empty());
        let name = name.ok_or_else(|| p.error("an attachment has no `Name`"))?;
        let name = line(p, "Attachments", name.to_owned())?;
        let content = entry
            .get("ContentBytes")
            .ok_or_else(|| p.error("an attachment has no `ContentBytes`"))?;
        let (encoded, content_type) = match content {
            Json::String(text) => (text.as_str(), None),
            other => (
                other.get("$content").and_then(Json::as_str).unwrap_or_default(),
                other.get("$content-type").and_then(Json::as_str).map(str::to_owned),
            ),
        };
        let bytes = STANDARD
            .decode(encoded.trim())
            .map_err(|_| p.error("an attachment's `ContentBytes` is not base64"))?;
        total += bytes.len();
        if total > MAX_ATTACHMENTS {
            return Err(p.error(format!("the attachments exceed {MAX_ATTACHMENTS} bytes")));
        }
        found.push(Attachment { name, content_type, bytes });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use connref_flow::value::{Object, Value};

    fn read(pairs: &[(&str, &str)]) -> Result<Mail, CallError> {
        let mut object = Object::default();
        for (name, text) in pairs {
            object.insert(format!("emailMessage/{name}"), Value::string(*text));
        }
        Mail::read(&Parameters::new("SendEmailV2", &object), false)
    }

    #[test]
    fn lists_are_split_with_care() {
        let mail = read(&[
            ("To", "a@x.example; \"Last, First\" <b@x.example>, c@x.example;"),
            ("Cc", "d@x.example"),
        ])
        .expect("a mail");
        assert_eq!(
            mail.to.iter().map(|m| m.email.to_string()).collect::<Vec<_>>(),
            ["a@x.example", "b@x.example", "c@x.example"]
        );
        assert_eq!((mail.cc.len(), mail.bcc.len()), (1, 0));
    }

    #[test]
    fn injections_are_refused() {
        for (field, text) in [
            ("To", "a@x.example\r\nBcc: evil@y.example"),
            ("To", "a@x.example\nevil@y.example"),
            ("To", "a@x.example> RCPT TO:<evil@y.example"),
            ("To", "not an address"),
            ("Subject", "hi\r\nBcc: evil@y.example"),
            ("Subject", "hi\u{0}"),
            ("Cc", "x@y.example\u{85}\r"),
            ("ReplyTo", "x@y.example\r\n\r\nbody"),
            ("Importance", "High\r\nX: y"),
        ] {
            let mut pairs = vec![("To", "a@x.example")];
            pairs.retain(|(name, _)| *name != field);
            pairs.push((field, text));
            read(&pairs).expect_err(text);
        }
        read(&[("Subject", "nobody")]).expect_err("nobody");
    }
}
