//! The mail server: SMTP (RFC 5321) with AUTH PLAIN and LOGIN (RFC 4954). It delivers nothing; it
//! writes down who logged in, to whom, and the subject.
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

use super::{Account, Task};

/// Longest command or line of a message in bytes; RFC 5321 allows 1000, AUTH needs more.
const LINE_MAX: u64 = 16 * 1024;
/// Largest message in bytes.
const MESSAGE_MAX: usize = 4 << 20;
/// Most recipients of a message.
const RECIPIENTS_MAX: usize = 100;

/// The running server.
pub(in crate::demo) struct Mail {
    address: SocketAddr,
    letters: Letters,
    _task: Task,
}

/// A message as the server took it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::demo) struct Letter {
    /// Account that had logged in.
    pub(in crate::demo) account: String,
    pub(in crate::demo) recipients: Vec<String>,
    pub(in crate::demo) subject: String,
}

type Letters = Arc<Mutex<Vec<Letter>>>;

impl Mail {
    pub(super) async fn start(accounts: Vec<Account>) -> std::io::Result<Self> {
        let letters = Letters::default();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (kept, accounts) = (Arc::clone(&letters), Arc::new(accounts));
        let task = tokio::spawn(async move {
            // Conversations end with the server: the set aborts them when it is dropped.
            let mut open = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                while open.try_join_next().is_some() {}
                let (letters, accounts) = (Arc::clone(&kept), Arc::clone(&accounts));
                open.spawn(async move {
                    if let Err(error) = Conversation::new(stream, accounts, letters).hold().await {
                        tracing::debug!(%error, "a mail conversation broke off");
                    }
                });
            }
        });
        Ok(Self { address, letters, _task: Task(task) })
    }

    pub(in crate::demo) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Every message so far, in order.
    pub(in crate::demo) fn letters(&self) -> Vec<Letter> {
        self.letters.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

struct Conversation {
    reader: BufReader<OwnedReadHalf>,
    writer: OwnedWriteHalf,
    accounts: Arc<Vec<Account>>,
    letters: Letters,
    account: Option<String>,
    sender: bool,
    recipients: Vec<String>,
}

impl Conversation {
    fn new(stream: TcpStream, accounts: Arc<Vec<Account>>, letters: Letters) -> Self {
        let (reader, writer) = stream.into_split();
        Self {
            reader: BufReader::new(reader),
            writer,
            accounts,
            letters,
            account: None,
            sender: false,
            recipients: Vec::new(),
        }
    }

    async fn hold(mut self) -> std::io::Result<()> {
        self.say("220 mail.contoso.test ready").await?;
        while let Some(line) = self.line().await? {
            let (verb, rest) = line.split_once(' ').unwrap_or((&line, ""));
            match verb.to_ascii_uppercase().as_str() {
                "EHLO" => self.say("250-mail.contoso.test\r\n250 AUTH PLAIN LOGIN").await?,
                "HELO" | "NOOP" => self.say("250 fine").await?,
                "AUTH" => self.sign_in(rest).await?,
                "MAIL" if self.account.is_none() => self.say("530 5.7.0 sign in first").await?,
                "MAIL" => {
                    (self.sender, self.recipients) = (true, Vec::new());
                    self.say("250 fine").await?;
                }
                "RCPT" => self.recipient(rest).await?,
                "DATA" => self.message().await?,
                "RSET" => {
                    (self.sender, self.recipients) = (false, Vec::new());
                    self.say("250 fine").await?;
                }
                "QUIT" => return self.say("221 goodbye").await,
                _ => self.say("502 not understood").await?,
            }
        }
        Ok(())
    }

    async fn say(&mut self, text: &str) -> std::io::Result<()> {
        self.writer.write_all(format!("{text}\r\n").as_bytes()).await
    }

    /// A line without its end; none when the other side hung up.
    async fn line(&mut self) -> std::io::Result<Option<String>> {
        let mut bytes = Vec::new();
        (&mut self.reader).take(LINE_MAX).read_until(b'\n', &mut bytes).await?;
        if bytes.is_empty() {
            return Ok(None);
        }
        if bytes.pop() != Some(b'\n') {
            return Err(std::io::Error::other("a line without end"));
        }
        let text = String::from_utf8_lossy(&bytes);
        Ok(Some(text.strip_suffix('\r').unwrap_or(&text).to_owned()))
    }

    async fn sign_in(&mut self, rest: &str) -> std::io::Result<()> {
        let (mechanism, initial) = rest.split_once(' ').unwrap_or((rest, ""));
        let found = match mechanism.to_ascii_uppercase().as_str() {
            "PLAIN" => {
                let answer = self.asked("", initial).await?;
                let mut parts = answer.split('\0').skip(1).map(str::to_owned);
                (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
            }
            "LOGIN" => {
                let name = self.asked("VXNlcm5hbWU6", initial).await?;
                (name, self.asked("UGFzc3dvcmQ6", "").await?)
            }
            _ => return self.say("504 5.5.4 only PLAIN and LOGIN").await,
        };
        let (name, secret) = found;
        let known = self.accounts.iter().find(|a| a.name == name && a.secret == secret);
        match known.map(|account| account.name.clone()) {
            Some(name) => {
                self.account = Some(name);
                self.say("235 2.7.0 signed in").await
            }
            None => self.say("535 5.7.8 wrong name or password").await,
        }
    }

    /// The client's answer to a challenge, unless it came with the command.
    async fn asked(&mut self, challenge: &str, initial: &str) -> std::io::Result<String> {
        let encoded = if initial.is_empty() {
            self.say(&format!("334 {challenge}")).await?;
            self.line().await?.unwrap_or_default()
        } else {
            initial.to_owned()
        };
        let decoded = STANDARD.decode(encoded.trim()).unwrap_or_default();
        Ok(String::from_utf8_lossy(&decoded).into_owned())
    }

    async fn recipient(&mut self, rest: &str) -> std::io::Result<()> {
        let address = rest.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
        match address {
            _ if !self.sender => self.say("503 5.5.1 MAIL first").await,
            _ if self.recipients.len() >= RECIPIENTS_MAX => self.say("452 too many").await,
            Some((address, _)) if !address.is_empty() => {
                self.recipients.push(address.to_owned());
                self.say("250 fine").await
            }
            _ => self.say("501 5.5.4 no address").await,
        }
    }

    async fn message(&mut self) -> std::io::Result<()> {
        let Some(account) = self.account.clone().filter(|_| !self.recipients.is_empty()) else {
            return self.say("503 5.5.1 RCPT first").await;
        };
        self.say("354 go on, end with a dot").await?;
        let (mut head, mut in_head, mut size) = (String::new(), true, 0);
        loop {
            let Some(line) = self.line().await? else {
                return Err(std::io::Error::other("the message broke off"));
            };
            if line == "." {
                break;
            }
            size += line.len();
            in_head &= !line.is_empty();
            if in_head && size <= MESSAGE_MAX {
                head.push_str(&line);
                head.push('\n');
            }
        }
        let recipients = std::mem::take(&mut self.recipients);
        self.sender = false;
        if size > MESSAGE_MAX {
            return self.say("552 5.3.4 too large").await;
        }
        let letter = Letter { account, recipients, subject: subject(&head) };
        self.letters.lock().unwrap_or_else(PoisonError::into_inner).push(letter);
        self.say("250 2.0.0 taken").await
    }
}

/// The subject of a message's head; folded lines are joined.
fn subject(head: &str) -> String {
    let mut lines = head.lines().skip_while(|line| !is_subject(line));
    let first = lines.next().and_then(|line| line.split_once(':')).map_or("", |(_, text)| text);
    let folded = lines.take_while(|line| line.starts_with([' ', '\t']));
    let all: Vec<&str> = std::iter::once(first).chain(folded).map(str::trim).collect();
    all.join(" ").trim().to_owned()
}

fn is_subject(line: &str) -> bool {
    line.split_once(':').is_some_and(|(name, _)| name.eq_ignore_ascii_case("subject"))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn talk(mail: &Mail, lines: &str) -> String {
        let mut stream = TcpStream::connect(mail.address()).await.unwrap();
        stream.write_all(lines.replace('\n', "\r\n").as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer.lines().map(|line| &line[..3]).collect::<Vec<_>>().join(" ")
    }

    async fn server() -> Mail {
        let account = Account { name: "a@contoso.test".to_owned(), secret: "pass".to_owned() };
        Mail::start(vec![account]).await.unwrap()
    }

    const MESSAGE: &str = "MAIL FROM:<a@contoso.test>\nRCPT TO:<b@contoso.test>\nDATA\n\
        From: a@contoso.test\nSubject: One\n two\nTo: b@contoso.test\n\nSubject: not this\n..\n.\nQUIT\n";

    #[tokio::test]
    async fn mail_is_taken_from_who_signed_in() {
        let mail = server().await;
        let plain = STANDARD.encode("\0a@contoso.test\0pass");
        let answer = talk(&mail, &format!("EHLO x\nAUTH PLAIN {plain}\n{MESSAGE}")).await;
        assert_eq!(answer, "220 250 250 235 250 250 354 250 221");
        let (name, pass) = (STANDARD.encode("a@contoso.test"), STANDARD.encode("pass"));
        let answer = talk(&mail, &format!("EHLO x\nAUTH LOGIN\n{name}\n{pass}\n{MESSAGE}")).await;
        assert_eq!(answer, "220 250 250 334 334 235 250 250 354 250 221");
        let letter = Letter {
            account: "a@contoso.test".to_owned(),
            recipients: vec!["b@contoso.test".to_owned()],
            subject: "One two".to_owned(),
        };
        assert_eq!(mail.letters(), [letter.clone(), letter]);
    }

    #[tokio::test]
    async fn strangers_send_nothing() {
        let mail = server().await;
        let wrong = STANDARD.encode("\0a@contoso.test\0wrong");
        let lines = format!("EHLO x\nAUTH PLAIN {wrong}\nMAIL FROM:<a@b>\nQUIT\n");
        assert_eq!(talk(&mail, &lines).await, "220 250 250 535 530 221");
        assert_eq!(
            talk(&mail, "EHLO x\nRCPT TO:<b@c>\nDATA\nQUIT\n").await,
            "220 250 250 503 503 221"
        );
        assert!(mail.letters().is_empty());
    }
}
