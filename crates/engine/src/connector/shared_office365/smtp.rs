//! Sending through an SMTP server.

use connref_flow::value::Value;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Attachment as Part, Mailbox, Message, MultiPart, SinglePart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use secrecy::ExposeSecret;

use super::super::{CallContext, CallError, Credential, OperationResponse, Probe, rest};
use super::mail::{Importance, Mail};

/// Codes of RFC 4954 for refused or missing authentication.
const AUTHENTICATION_CODES: [u16; 5] = [454, 530, 534, 535, 538];

/// The server of a connection.
pub(super) struct Server<'a> {
    host: &'a str,
    port: u16,
    tls: Security,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Security {
    None,
    StartTls,
    Tls,
}

impl<'a> Server<'a> {
    /// Reads `host:port`, optionally after `smtp://` or `smtps://`.
    pub(super) fn read(cx: &CallContext<'a>, endpoint: &'a str) -> Result<Self, CallError> {
        let bad = || CallError::connection("its endpoint is not `host:port` of an SMTP server");
        let (rest, implicit) =
            match (endpoint.strip_prefix("smtps://"), endpoint.strip_prefix("smtp://")) {
                (Some(rest), _) => (rest, true),
                (_, Some(rest)) => (rest, false),
                _ => (endpoint, false),
            };
        let rest = rest.trim_end_matches('/');
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) if !host.ends_with(':') => (host, port.parse().map_err(|_| bad())?),
            _ => (rest, if implicit { 465 } else { 587 }),
        };
        if host.is_empty() || host.contains(['/', '@', ' ']) {
            return Err(bad());
        }
        let tls = match cx.target.parameter("tls").map(str::to_ascii_lowercase).as_deref() {
            Some("none") => Security::None,
            Some("tls") => Security::Tls,
            Some("starttls") => Security::StartTls,
            None if implicit || port == 465 => Security::Tls,
            None => Security::StartTls,
            Some(_) => {
                return Err(CallError::connection(
                    "its parameter `tls` must be `starttls`, `tls` or `none`",
                ));
            }
        };
        Ok(Self { host, port, tls })
    }

    /// A transport that dials the address that was checked, and knows the host's name for TLS.
    async fn transport(
        &self,
        cx: &CallContext<'_>,
    ) -> Result<AsyncSmtpTransport<Tokio1Executor>, CallError> {
        let address = cx.egress.resolve(cx.policy, self.host, self.port).await?;
        if self.tls == Security::None && !cx.policy.names(address) {
            return Err(CallError::connection(
                "`tls` may be `none` only for an address that the environment's egress policy names",
            ));
        }
        let tls = match self.tls {
            Security::None => Tls::None,
            Security::StartTls => Tls::Required(self.parameters(cx)?),
            Security::Tls => Tls::Wrapper(self.parameters(cx)?),
        };
        let mut builder =
            AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(address.ip().to_string())
                .port(address.port())
                .tls(tls)
                .timeout(Some(cx.timeout));
        match cx.credential {
            Credential::None => {}
            Credential::Basic { username, password } => {
                builder = builder.credentials(Credentials::new(
                    username.clone(),
                    password.expose_secret().to_owned(),
                ));
            }
            other => return Err(CallError::credential(other, "a user name and password for SMTP")),
        }
        Ok(builder.build())
    }

    fn parameters(&self, cx: &CallContext<'_>) -> Result<TlsParameters, CallError> {
        let broken = |e| CallError::Interrupted(Box::new(e));
        let mut builder = TlsParameters::builder(self.host.trim_matches(['[', ']']).to_owned());
        for pem in &cx.egress.config().extra_roots {
            builder = builder.add_root_certificate(Certificate::from_pem(pem).map_err(broken)?);
        }
        builder.build().map_err(broken)
    }
}

/// Sends a message. The message id comes from the idempotency key, so a repetition is recognisable.
pub(super) async fn send(
    cx: &CallContext<'_>,
    server: &Server<'_>,
    mail: &Mail,
) -> Result<OperationResponse, CallError> {
    let from = sender(cx, mail)?;
    let message = message(cx, mail, from)?;
    let transport = server.transport(cx).await?;
    match within(cx, transport.send(message)).await? {
        Ok(_) => Ok(OperationResponse::new(200, Value::Null)),
        Err(error) => refusal(server, error),
    }
}

/// Logs in and leaves.
pub(super) async fn probe(cx: &CallContext<'_>, server: &Server<'_>) -> Result<Probe, CallError> {
    let transport = server.transport(cx).await?;
    let target = format!("{}:{}", server.host, server.port);
    let identity = match cx.credential {
        Credential::Basic { username, .. } => Some(username.clone()),
        _ => None,
    };
    match within(cx, transport.test_connection()).await? {
        Ok(true) => Ok(Probe {
            identity,
            target,
            detail: "the server took the greeting and the login".to_owned(),
        }),
        Ok(false) => Err(CallError::connection(format!("`{target}` does not keep the connection"))),
        Err(error) => match refusal(server, error)? {
            response if response.status == 401 => {
                Err(CallError::connection(format!("`{target}` refused the login")))
            }
            response => Err(CallError::connection(format!(
                "`{target}` refused the conversation (like status {})",
                response.status
            ))),
        },
    }
}

async fn within<T>(cx: &CallContext<'_>, work: impl Future<Output = T>) -> Result<T, CallError> {
    tokio::time::timeout(cx.timeout, work)
        .await
        .map_err(|_| CallError::TimedOut { seconds: cx.timeout.as_secs() })
}

/// The server's refusal as a response; anything else is no response.
fn refusal(
    server: &Server<'_>,
    error: lettre::transport::smtp::Error,
) -> Result<OperationResponse, CallError> {
    let Some(code) = error.status().map(u16::from) else {
        return Err(CallError::Interrupted(Box::new(error)));
    };
    if AUTHENTICATION_CODES.contains(&code) {
        // The server's text is left out here: a careless one repeats what we sent.
        return Ok(OperationResponse::failure(
            401,
            "Unauthorized",
            &format!("`{}` refused the login with code {code}", server.host),
        ));
    }
    let said = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
    let text =
        format!("`{}` refused the message with code {code}: {}", server.host, rest::short(&said));
    let (status, name) =
        if code < 500 { (503, "ServiceUnavailable") } else { (400, "MessageRefused") };
    Ok(OperationResponse::failure(status, name, &text))
}

/// Who the message is from: the flow's word, the connection's, or the account.
fn sender(cx: &CallContext<'_>, mail: &Mail) -> Result<Mailbox, CallError> {
    if let Some(from) = &mail.from {
        return Ok(from.clone());
    }
    let account = match cx.credential {
        Credential::Basic { username, .. } => Some(username.as_str()),
        _ => None,
    };
    let text = cx.target.parameter("from").or(account);
    text.and_then(|t| t.parse().ok()).ok_or_else(|| {
        CallError::connection("it names no sender: set its parameter `from` to a mail address")
    })
}

fn message(cx: &CallContext<'_>, mail: &Mail, from: Mailbox) -> Result<Message, CallError> {
    let key: String =
        cx.idempotency_key.chars().filter(char::is_ascii_alphanumeric).take(64).collect();
    let domain = from.email.domain().to_owned();
    let mut builder = Message::builder().from(from).subject(mail.subject.as_str());
    if !key.is_empty() {
        builder = builder.message_id(Some(format!("<{key}@{domain}>")));
    }
    for to in &mail.to {
        builder = builder.to(to.clone());
    }
    for cc in &mail.cc {
        builder = builder.cc(cc.clone());
    }
    for bcc in &mail.bcc {
        builder = builder.bcc(bcc.clone());
    }
    for address in &mail.reply_to {
        builder = builder.reply_to(address.clone());
    }
    for (name, value) in importance(mail.importance) {
        builder = builder.raw_header(HeaderValue::new(
            HeaderName::new_from_ascii_str(name),
            (*value).to_owned(),
        ));
    }
    let html = SinglePart::html(mail.html.clone());
    let built = if mail.attachments.is_empty() {
        builder.singlepart(html)
    } else {
        let mut parts = MultiPart::mixed().singlepart(html);
        for attachment in &mail.attachments {
            let kind = attachment.content_type.as_deref().and_then(|t| ContentType::parse(t).ok());
            let kind = kind.unwrap_or(octets()?);
            parts = parts.singlepart(
                Part::new(attachment.name.clone()).body(attachment.bytes.clone(), kind),
            );
        }
        builder.multipart(parts)
    };
    built.map_err(|e| CallError::Interrupted(Box::new(e)))
}

fn octets() -> Result<ContentType, CallError> {
    ContentType::parse("application/octet-stream").map_err(|e| CallError::Interrupted(Box::new(e)))
}

fn importance(importance: Importance) -> &'static [(&'static str, &'static str)] {
    match importance {
        Importance::Low => &[("Importance", "low"), ("X-Priority", "5")],
        Importance::Normal => &[],
        Importance::High => &[("Importance", "high"), ("X-Priority", "1")],
    }
}
