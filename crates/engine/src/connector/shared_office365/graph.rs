//! Sending through Microsoft Graph.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use lettre::message::Mailbox;
use serde_json::{Value as Json, json};
use url::Url;

use super::super::rest::{self, Call};
use super::super::{CallContext, CallError, Credential, OperationResponse, Probe, body, encode};
use super::mail::{Importance, Mail};

/// Sends with `sendMail` of the signed-in user, of the shared mailbox, or of the connection's mailbox.
pub(super) async fn send(
    cx: &CallContext<'_>,
    base: &str,
    mail: &Mail,
) -> Result<OperationResponse, CallError> {
    bearer(cx)?;
    let mailbox = match (&mail.from, mail.shared) {
        (Some(from), true) => Some(from.email.to_string()),
        _ => cx.target.parameter("mailbox").map(str::to_owned),
    };
    let url = address(base, mailbox.as_deref(), "/sendMail")?;
    let call = Call::new(cx, Method::POST, url).authorized(cx.credential)?;
    let call = call.text_header("client-request-id", cx.idempotency_key)?;
    let response = call.json(&message(mail)).send(cx).await?;
    Ok(body::response(&response))
}

/// Asks Graph who is signed in.
pub(super) async fn probe(cx: &CallContext<'_>, base: &str) -> Result<Probe, CallError> {
    bearer(cx)?;
    let url = address(base, cx.target.parameter("mailbox"), "")?;
    let target = rest::origin(&url);
    let response = Call::new(cx, Method::GET, url).authorized(cx.credential)?.send(cx).await?;
    if response.status != 200 {
        return Err(CallError::connection(format!(
            "`{target}` answered with status {}",
            response.status
        )));
    }
    let json = rest::json(&response)?;
    let identity =
        json.get("userPrincipalName").or_else(|| json.get("mail")).and_then(Json::as_str);
    Ok(Probe {
        identity: identity.map(rest::short),
        target,
        detail: "Graph named the mailbox's user".to_owned(),
    })
}

fn bearer(cx: &CallContext<'_>) -> Result<(), CallError> {
    match cx.credential {
        Credential::Bearer(_) => Ok(()),
        other => Err(CallError::credential(other, "a bearer token for Graph")),
    }
}

fn address(base: &str, mailbox: Option<&str>, tail: &str) -> Result<Url, CallError> {
    let base = rest::endpoint_url(base)?;
    let root = base.as_str().trim_end_matches('/');
    let root = root.strip_suffix("/v1.0").unwrap_or(root);
    let who =
        mailbox.map_or_else(|| "me".to_owned(), |m| format!("users/{}", encode::component(m)));
    format!("{root}/v1.0/{who}{tail}")
        .parse()
        .map_err(|_| CallError::connection("its endpoint is not a URL"))
}

fn message(mail: &Mail) -> Json {
    let importance = match mail.importance {
        Importance::Low => "low",
        Importance::Normal => "normal",
        Importance::High => "high",
    };
    let attachments: Vec<Json> = mail
        .attachments
        .iter()
        .map(|a| {
            json!({
                "@odata.type": "#microsoft.graph.fileAttachment",
                "name": a.name,
                "contentType": a.content_type.as_deref().unwrap_or("application/octet-stream"),
                "contentBytes": STANDARD.encode(&a.bytes),
            })
        })
        .collect();
    let mut message = json!({
        "subject": mail.subject,
        "body": { "contentType": "HTML", "content": mail.html },
        "toRecipients": people(&mail.to),
        "ccRecipients": people(&mail.cc),
        "bccRecipients": people(&mail.bcc),
        "replyTo": people(&mail.reply_to),
        "importance": importance,
        "attachments": attachments,
    });
    if let Some(from) = &mail.from {
        message["from"] = person(from);
    }
    json!({ "message": message, "saveToSentItems": true })
}

fn people(list: &[Mailbox]) -> Json {
    Json::Array(list.iter().map(person).collect())
}

fn person(mailbox: &Mailbox) -> Json {
    json!({ "emailAddress": { "address": mailbox.email.to_string(), "name": mailbox.name } })
}
