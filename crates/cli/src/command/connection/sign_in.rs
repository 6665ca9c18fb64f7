//! `connref connection sign-in`: the person's part of a sign-in. The server keeps what must stay
//! secret; here only an address is shown and an answer passed on.
use std::io::IsTerminal as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use clap::Args;
use connref_client::Client;
use connref_client::connection::{Connection, SignInState};
use secrecy::ExposeSecret as _;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::{Which, row};
use crate::context::Context;
use crate::exit::{Exit, Failure, Outcome};
use crate::render::note;

/// Longest head of a request that is read.
const HEAD_MAX: usize = 32 * 1024;
/// How long a browser may take for its request.
const REQUEST_TIME: Duration = Duration::from_secs(10);

/// Pause between two questions about a link.
const LINK_PAUSE: Duration = Duration::from_secs(2);

/// Arguments of `connection sign-in`.
#[derive(Args, Debug)]
pub(crate) struct SignInArgs {
    #[command(flatten)]
    which: Which,
    /// Sign in on another device
    #[arg(long)]
    device_code: bool,
    /// Print a link by which somebody else signs the connection in, and wait until that is done
    #[arg(long, conflicts_with = "device_code")]
    link: bool,
    /// With --link: the only account that will do
    #[arg(long, value_name = "NAME", requires = "link")]
    account: Option<String>,
    /// With --link: minutes that it counts
    #[arg(long, value_name = "MINUTES", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=10_080))]
    valid: u64,
    #[command(flatten)]
    redirect: RedirectArgs,
}

/// Where a browser comes back to on this machine.
#[derive(Args, Debug)]
pub(super) struct RedirectArgs {
    /// Path of the address the browser comes back to, as it is registered for the application; the
    /// host is 127.0.0.1, the port any
    #[arg(long, value_name = "PATH", default_value = "/", help_heading = "Credential")]
    redirect_path: String,
}

impl SignInArgs {
    pub(super) async fn run(self, context: &Context) -> Outcome {
        let client = context.client().await?;
        let connection = self.which.find(&client).await?;
        let done = if self.link {
            by_link(&client, &connection, self.account.as_deref(), self.valid).await?
        } else {
            sign_in(&client, &connection, self.device_code, &self.redirect).await?
        };
        let sentence = match &done.account {
            Some(account) => format!("connection {} signed in as {account}", done.display_name),
            None => format!("connection {} signed in", done.display_name),
        };
        context.output.done(&sentence, &row(&done))?;
        Ok(Exit::Clean)
    }
}

/// Signs in and answers the connection as it is then.
pub(super) async fn sign_in(
    client: &Client,
    connection: &Connection,
    device: bool,
    redirect: &RedirectArgs,
) -> Result<Connection, Failure> {
    if device {
        by_device(client, connection).await
    } else {
        by_browser(client, connection, &redirect.redirect_path).await
    }
}

/// Tells a link and waits: the person is somebody else, elsewhere.
async fn by_link(
    client: &Client,
    connection: &Connection,
    account: Option<&str>,
    minutes: u64,
) -> Result<Connection, Failure> {
    let (link, url, seconds) =
        client.connection_consent_link(connection, account, minutes * 60).await?;
    note(&format!(
        "send this link to the person who signs `{}` in; it counts once, for {minutes} minutes:\n{}",
        connection.display_name,
        url.expose_secret()
    ));
    let over = tokio::time::Instant::now() + Duration::from_secs(seconds) + LINK_PAUSE;
    while tokio::time::Instant::now() < over {
        match client.connection_consent_state(connection, &link).await?.as_str() {
            "done" => return Ok(client.connection(&connection.connector, &connection.id).await?),
            "refused" => return Err(Failure::refused("the person said no")),
            "over" => break,
            _ => tokio::time::sleep(LINK_PAUSE).await,
        }
    }
    Err(Failure::refused("nobody signed in while the link counted")
        .fix("connref connection sign-in CONNECTION --link --valid MINUTES"))
}

async fn by_device(client: &Client, connection: &Connection) -> Result<Connection, Failure> {
    let begun = client.connection_sign_in(connection, None).await?;
    let (code, uri, whole) = begun
        .device
        .ok_or_else(|| Failure::usage("the server began no sign-in on another device"))?;
    note(&format!("open {uri} and enter {code}"));
    if let Some(whole) = whole {
        note(&format!("or open {whole}"));
    }
    let over = tokio::time::Instant::now() + Duration::from_secs(begun.expires_in);
    let mut pause = Duration::from_millis(begun.interval_ms);
    loop {
        if tokio::time::Instant::now() + pause > over {
            return Err(Failure::refused("nobody confirmed the code in time"));
        }
        tokio::time::sleep(pause).await;
        match client.connection_sign_in_finish(connection, &begun.id, None).await? {
            SignInState::Done(done) => return Ok(*done),
            SignInState::Pending(after) => pause = Duration::from_millis(after),
        }
    }
}

async fn by_browser(
    client: &Client,
    connection: &Connection,
    path: &str,
) -> Result<Connection, Failure> {
    if !path.starts_with('/') || path.contains(['?', '#', ' ']) {
        return Err(Failure::usage(format!("`{path}` is no path, as in /callback")));
    }
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let redirect = format!("http://{}{path}", listener.local_addr()?);
    let begun = client.connection_sign_in(connection, Some(&redirect)).await?;
    let url = begun.url.ok_or_else(|| Failure::usage("the server began no sign-in"))?;
    let state = parameter(url.split_once('?').map_or("", |(_, query)| query), "state");
    note(&format!("open this address to sign in:\n{url}"));
    if std::io::stderr().is_terminal() {
        browse(&url);
    }
    let wait = tokio::time::timeout(
        Duration::from_secs(begun.expires_in),
        answer(&listener, path, &state),
    );
    let (mut stream, query) =
        wait.await.map_err(|_| Failure::refused("nobody signed in in time"))??;
    let finished = client.connection_sign_in_finish(connection, &begun.id, Some(&query)).await;
    let (status, words) = match &finished {
        Ok(SignInState::Done(_)) => ("200 OK", "Signed in. You can close this page."),
        _ => ("400 Bad Request", "Not signed in. The command line says why."),
    };
    // The browser may be gone; what counts is done.
    let _gone = reply(&mut stream, status, words).await;
    match finished? {
        SignInState::Done(done) => Ok(*done),
        SignInState::Pending(_) => Err(Failure::refused("the sign-in did not come to an end")),
    }
}

/// Opens a browser if there is one; the address was shown in any case.
fn browse(url: &str) {
    let program = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let quiet = || (Stdio::null(), Stdio::null(), Stdio::null());
    let (input, output, errors) = quiet();
    let _none = Command::new(program).arg(url).stdin(input).stdout(output).stderr(errors).spawn();
}

fn parameter(query: &str, name: &str) -> Option<String> {
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    pairs.find(|(found, _)| found == name).map(|(_, value)| value.into_owned())
}

/// Waits for the browser to come back, and gives the query it came with. What does not carry this
/// sign-in's state is somebody else's and does not end it.
async fn answer(
    listener: &TcpListener,
    path: &str,
    state: &Option<String>,
) -> Result<(TcpStream, String), Failure> {
    loop {
        let (mut stream, _) = listener.accept().await?;
        let read = tokio::time::timeout(REQUEST_TIME, target(&mut stream)).await;
        let Ok(Some(target)) = read else { continue };
        let (found, query) = target.split_once('?').unwrap_or((&target, ""));
        if found == path && parameter(query, "state") == *state {
            return Ok((stream, query.to_owned()));
        }
        let _gone = reply(&mut stream, "404 Not Found", "Nothing here.").await;
    }
}

/// The target of a GET.
async fn target(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    let mut piece = [0; 4096];
    while !head.windows(4).any(|four| four == b"\r\n\r\n") {
        let read = stream.read(&mut piece).await.ok().filter(|read| *read > 0)?;
        head.extend_from_slice(&piece[..read]);
        if head.len() > HEAD_MAX {
            return None;
        }
    }
    let text = String::from_utf8(head).ok()?;
    let mut words = text.lines().next()?.split(' ');
    (words.next()? == "GET").then(|| words.next().map(str::to_owned))?
}

async fn reply(stream: &mut TcpStream, status: &str, words: &str) -> std::io::Result<()> {
    let text = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\n\
         Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\nConnection: close\r\n\r\n{words}",
        words.len()
    );
    stream.write_all(text.as_bytes()).await?;
    stream.shutdown().await
}
