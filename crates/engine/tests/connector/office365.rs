//! Mail through a sink that speaks SMTP, and through a Graph stand-in.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use connref_engine::connector::{CallError, Connector, Credential, Office365};
use serde_json::{Value as Json, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::server::{Server, Setup, basic};

/// An SMTP server that keeps the conversation; the password it takes is the canary.
struct Sink {
    address: SocketAddr,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Sink {
    async fn start(recipient_reply: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let lines = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&lines);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(talk(stream, Arc::clone(&log), recipient_reply));
            }
        });
        Self { address, lines }
    }

    fn lines(&self) -> Vec<String> {
        self.lines.lock().expect("not poisoned").clone()
    }

    fn setup(&self) -> Setup {
        Setup::new(&self.address.to_string(), Some(self.address.to_string()))
            .parameter("tls", "none")
            .credential(basic("ada@contoso.example"))
    }
}

async fn talk(
    stream: TcpStream,
    log: Arc<Mutex<Vec<String>>>,
    recipient_reply: &str,
) -> Option<()> {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    write.write_all(b"220 sink.example ESMTP\r\n").await.ok()?;
    let mut in_data = false;
    while let Some(line) = lines.next_line().await.ok()? {
        log.lock().expect("not poisoned").push(line.clone());
        let reply = if in_data {
            if line != "." {
                continue;
            }
            in_data = false;
            "250 kept"
        } else {
            match line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase().as_str() {
                "EHLO" => "250-sink.example\r\n250-AUTH PLAIN\r\n250 8BITMIME",
                "AUTH" => {
                    let token = STANDARD.decode(line.rsplit(' ').next()?).ok()?;
                    if token == b"\0ada@contoso.example\0canary-password" {
                        "235 welcome"
                    } else {
                        "535 wrong: canary-password"
                    }
                }
                "RCPT" => recipient_reply,
                "DATA" => {
                    in_data = true;
                    "354 go on"
                }
                "QUIT" => "221 bye",
                _ => "250 ok",
            }
        };
        write.write_all(format!("{reply}\r\n").as_bytes()).await.ok()?;
    }
    Some(())
}

fn mail() -> Json {
    json!({
        "emailMessage/To": "bob@contoso.example; \"Eve, E\" <eve@contoso.example>", "emailMessage/Cc": "cc@contoso.example",
        "emailMessage/Bcc": "hidden@contoso.example", "emailMessage/Subject": "Grüße", "emailMessage/Body": "<p>Hello</p>",
        "emailMessage/Importance": "High", "emailMessage/Attachments": [{"Name": "a.txt", "ContentBytes": "aGk="}]
    })
}

#[tokio::test]
async fn smtp_carries_the_whole_message() {
    let sink = Sink::start("250 ok").await;
    let answer = sink.setup().ok(&Office365, "SendEmailV2", mail()).await;
    assert_eq!(answer.status, 200);
    let lines = sink.lines();
    let recipients: Vec<_> =
        lines.iter().filter(|l| l.starts_with("RCPT")).map(|l| l.replace("RCPT TO:", "")).collect();
    assert_eq!(
        recipients,
        [
            "<bob@contoso.example>",
            "<eve@contoso.example>",
            "<cc@contoso.example>",
            "<hidden@contoso.example>"
        ]
    );
    assert!(lines.iter().any(|l| l.starts_with("MAIL FROM:<ada@contoso.example>")), "{lines:?}");
    let text = lines.join("\n");
    for part in [
        "<p>Hello</p>",
        "Importance: high",
        "Message-ID: <0123456789abcdef@contoso.example>",
        "filename=\"a.txt\"",
        "Subject: =?utf-8?",
        "text/html",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(!text.contains("Bcc"), "{text}");
}

#[tokio::test]
async fn smtp_shared_mailbox_and_refusals() {
    let sink = Sink::start("550 nobody of that name").await;
    let mut shared = mail();
    shared["emailMessage/MailboxAddress"] = json!("office@contoso.example");
    let answer = sink.setup().ok(&Office365, "SharedMailboxSendEmailV2", shared).await;
    assert_eq!(answer.status, 400);
    assert!(
        answer.body.to_json()["error"]["message"]
            .as_str()
            .is_some_and(|m| m.contains("550") && m.contains("nobody")),
        "{answer:?}"
    );
    assert!(sink.lines().iter().any(|l| l.starts_with("MAIL FROM:<office@contoso.example>")));
    let greylist = Sink::start("451 later").await;
    assert_eq!(greylist.setup().ok(&Office365, "SendEmailV2", mail()).await.status, 503);
}

#[tokio::test]
async fn smtp_login_and_probe() {
    let sink = Sink::start("250 ok").await;
    let setup = sink.setup();
    let probe = Office365.probe(&setup.context()).await.expect("a probe");
    assert_eq!(
        (probe.identity.as_deref(), probe.target),
        (Some("ada@contoso.example"), sink.address.to_string())
    );
    let wrong = sink.setup().credential(basic("mallory@contoso.example"));
    let answer = wrong.ok(&Office365, "SendEmailV2", mail()).await;
    assert_eq!(answer.status, 401);
    assert!(!answer.body.to_json().to_string().contains("canary"), "{answer:?}");
    let error = Office365.probe(&wrong.context()).await.expect_err("refused");
    assert!(
        error.to_string().contains("refused the login") && !format!("{error:?}").contains("canary"),
        "{error:?}"
    );
}

#[tokio::test]
async fn smtp_never_talks_plainly_by_accident() {
    let sink = Sink::start("250 ok").await;
    let mut setup = sink.setup();
    setup.target.parameters.clear();
    let error = setup
        .call(&Office365, "SendEmailV2", mail())
        .await
        .expect_err("the sink offers no STARTTLS");
    assert!(matches!(error, CallError::Interrupted(_)), "{error:?}");
    assert!(
        !sink.lines().iter().any(|l| l.starts_with("AUTH") || l.starts_with("MAIL")),
        "{:?}",
        sink.lines()
    );
    let public = Setup::new("", Some("8.8.8.8:25".to_owned()))
        .parameter("tls", "none")
        .credential(basic("a@b.example"));
    let error = public.call(&Office365, "SendEmailV2", mail()).await.expect_err("public and plain");
    assert!(matches!(error, CallError::Connection { .. }), "{error:?}");
    let private = Setup::new("", Some("127.0.0.1:25".to_owned())).credential(basic("a@b.example"));
    let error = private.call(&Office365, "SendEmailV2", mail()).await.expect_err("not allowed");
    assert!(matches!(error, CallError::Egress(_)) && !error.retryable(), "{error:?}");
}

#[tokio::test]
async fn smtp_injection_reaches_nobody() {
    let sink = Sink::start("250 ok").await;
    for (field, text) in [
        ("To", "a@b.example\r\nRCPT TO:<evil@x.example>"),
        ("Subject", "x\r\nBcc: evil@x.example"),
        ("Cc", "a@b.example\nb"),
        ("Bcc", "\u{0}@b.example"),
        ("From", "a@b.example\r\n"),
        ("ReplyTo", "x\ry@b.example"),
    ] {
        let mut message = mail();
        message[format!("emailMessage/{field}")] = json!(text);
        let error = sink.setup().call(&Office365, "SendEmailV2", message).await.expect_err(field);
        assert!(matches!(error, CallError::Parameters { .. }), "{error:?}");
    }
    assert_eq!(sink.lines(), Vec::<String>::new());
}

#[tokio::test]
async fn graph_gets_the_same_message() {
    let server = Server::start(|seen| {
        if seen.method == "POST" {
            (202, "text/plain", String::new())
        } else {
            crate::server::json(200, r#"{"userPrincipalName":"ada@contoso.example"}"#)
        }
    })
    .await;
    let setup = Setup::to(&server);
    assert_eq!(setup.ok(&Office365, "SendEmailV2", mail()).await.status, 202);
    let seen = server.last();
    assert_eq!(
        (seen.line(), seen.header("authorization")),
        ("POST /v1.0/me/sendMail".to_owned(), "Bearer canary-token")
    );
    let message = &seen.json()["message"];
    assert_eq!(
        message["toRecipients"][1]["emailAddress"],
        json!({"address": "eve@contoso.example", "name": "Eve, E"})
    );
    assert_eq!(
        (
            &message["importance"],
            &message["body"]["contentType"],
            &message["attachments"][0]["contentBytes"]
        ),
        (&json!("high"), &json!("HTML"), &json!("aGk="))
    );
    let mut shared = mail();
    shared["emailMessage/MailboxAddress"] = json!("office@contoso.example");
    setup.ok(&Office365, "SharedMailboxSendEmailV2", shared).await;
    assert_eq!(server.last().path, "/v1.0/users/office%40contoso.example/sendMail");
    let probe = Office365.probe(&setup.context()).await.expect("a probe");
    assert_eq!(probe.identity.as_deref(), Some("ada@contoso.example"));
    let error = Setup::to(&server)
        .credential(Credential::None)
        .call(&Office365, "SendEmailV2", mail())
        .await
        .expect_err("no token");
    assert!(matches!(error, CallError::Connection { .. }), "{error:?}");
}
