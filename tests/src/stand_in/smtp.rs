//! An SMTP server that keeps what it takes (RFC 5321 with AUTH PLAIN and LOGIN of RFC 4954).
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A mail that was taken.
#[derive(Clone, Debug)]
pub struct Mail {
    /// The account that signed in.
    pub user: Option<String>,
    /// Envelope sender.
    pub from: String,
    /// Envelope recipients.
    pub to: Vec<String>,
    /// The message as sent.
    pub data: String,
}

impl Mail {
    /// A header of the message, unfolded.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        let (head, _) = self.data.split_once("\r\n\r\n")?;
        let unfolded = head.replace("\r\n ", " ").replace("\r\n\t", " ");
        unfolded.split("\r\n").find_map(|line| {
            let (known, value) = line.split_once(':')?;
            known.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        })
    }

    /// The body of a message of one part, its transfer encoding undone.
    #[must_use]
    pub fn body(&self) -> String {
        let Some((_, body)) = self.data.split_once("\r\n\r\n") else { return String::new() };
        let encoding = self.header("content-transfer-encoding").unwrap_or_default();
        match encoding.to_ascii_lowercase().as_str() {
            "quoted-printable" => quoted_printable(body),
            "base64" => {
                let text: String = body.split_whitespace().collect();
                String::from_utf8_lossy(&STANDARD.decode(text).unwrap_or_default()).into_owned()
            }
            _ => body.to_owned(),
        }
    }
}

fn quoted_printable(text: &str) -> String {
    let joined = text.replace("=\r\n", "");
    let mut bytes = Vec::new();
    let mut rest = joined.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let code = tail.get(..2).filter(|_| first == b'=');
        let code = code.and_then(|two| std::str::from_utf8(two).ok());
        match code.and_then(|two| u8::from_str_radix(two, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A running server. Its thread ends with the test's process.
pub struct Smtp {
    port: u16,
    mails: Arc<Mutex<Vec<Mail>>>,
}

impl Smtp {
    /// Starts one that knows these accounts and takes mail from nobody else.
    ///
    /// # Panics
    /// If no port is free.
    #[must_use]
    pub fn start(accounts: &[(&str, &str)]) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
        let port = listener.local_addr().expect("a listener has an address").port();
        let mails = Arc::new(Mutex::new(Vec::new()));
        let accounts: HashMap<String, String> =
            accounts.iter().map(|(user, word)| ((*user).to_owned(), (*word).to_owned())).collect();
        let (accounts, kept) = (Arc::new(accounts), Arc::clone(&mails));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (accounts, kept) = (Arc::clone(&accounts), Arc::clone(&kept));
                // A client that hangs up mid-sentence is its own affair.
                std::thread::spawn(move || Session::new(stream, &accounts).serve(&kept));
            }
        });
        Self { port, mails }
    }

    /// `host:port`, as a connection's endpoint and as an allowed address.
    #[must_use]
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Takes the mails that arrived since the last time.
    ///
    /// # Panics
    /// If the server's thread panicked.
    #[must_use]
    pub fn take(&self) -> Vec<Mail> {
        std::mem::take(&mut *self.mails.lock().expect("no thread panicked with it"))
    }
}

struct Session<'a> {
    reader: BufReader<TcpStream>,
    accounts: &'a HashMap<String, String>,
    user: Option<String>,
    from: Option<String>,
    to: Vec<String>,
}

impl<'a> Session<'a> {
    fn new(stream: TcpStream, accounts: &'a HashMap<String, String>) -> Self {
        Self { reader: BufReader::new(stream), accounts, user: None, from: None, to: Vec::new() }
    }

    fn say(&mut self, text: &str) -> Option<()> {
        self.reader.get_mut().write_all(format!("{text}\r\n").as_bytes()).ok()
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = self.reader.read_line(&mut line).ok()?;
        (read > 0).then(|| line.trim_end_matches(['\r', '\n']).to_owned())
    }

    fn serve(mut self, mails: &Mutex<Vec<Mail>>) -> Option<()> {
        self.say("220 harbour.test ESMTP")?;
        loop {
            let line = self.line()?;
            let (verb, rest) = line.split_once(' ').unwrap_or((&line, ""));
            match verb.to_ascii_uppercase().as_str() {
                "EHLO" => self.say("250-harbour.test\r\n250-8BITMIME\r\n250 AUTH PLAIN LOGIN")?,
                "HELO" => self.say("250 harbour.test")?,
                "AUTH" => self.auth(rest)?,
                "MAIL" if self.user.is_none() => self.say("530 5.7.0 Authentication required")?,
                "MAIL" => {
                    self.from = Some(address(rest));
                    self.to.clear();
                    self.say("250 OK")?;
                }
                "RCPT" if self.from.is_some() => {
                    self.to.push(address(rest));
                    self.say("250 OK")?;
                }
                "DATA" if !self.to.is_empty() => self.data(mails)?,
                "RSET" => {
                    self.from = None;
                    self.to.clear();
                    self.say("250 OK")?;
                }
                "NOOP" => self.say("250 OK")?,
                "QUIT" => return self.say("221 bye"),
                _ => self.say("503 bad sequence of commands")?,
            }
        }
    }

    fn auth(&mut self, rest: &str) -> Option<()> {
        let (kind, first) = rest.split_once(' ').unwrap_or((rest, ""));
        let decoded = |text: &str| String::from_utf8(STANDARD.decode(text).ok()?).ok();
        let (user, word) = if kind.eq_ignore_ascii_case("PLAIN") {
            let first = if first.is_empty() {
                self.say("334 ")?;
                self.line()?
            } else {
                first.to_owned()
            };
            let text = decoded(&first)?;
            let mut fields = text.split('\0').skip(1).map(str::to_owned);
            (fields.next()?, fields.next()?)
        } else {
            self.say("334 VXNlcm5hbWU6")?;
            let user = decoded(&self.line()?)?;
            self.say("334 UGFzc3dvcmQ6")?;
            (user, decoded(&self.line()?)?)
        };
        if self.accounts.get(&user).is_some_and(|kept| *kept == word) {
            self.user = Some(user);
            self.say("235 2.7.0 welcome")
        } else {
            self.say("535 5.7.8 Authentication credentials invalid")
        }
    }

    fn data(&mut self, mails: &Mutex<Vec<Mail>>) -> Option<()> {
        self.say("354 go ahead")?;
        let mut data = String::new();
        loop {
            let line = self.line()?;
            if line == "." {
                break;
            }
            data += line.strip_prefix('.').unwrap_or(&line);
            data += "\r\n";
        }
        let mail = Mail {
            user: self.user.clone(),
            from: self.from.take().unwrap_or_default(),
            to: std::mem::take(&mut self.to),
            data,
        };
        mails.lock().ok()?.push(mail);
        self.say("250 OK")
    }
}

fn address(rest: &str) -> String {
    let start = rest.find('<').map_or(0, |at| at + 1);
    let end = rest.find('>').unwrap_or(rest.len());
    rest[start..end.max(start)].to_owned()
}
