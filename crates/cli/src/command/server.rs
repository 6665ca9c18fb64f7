//! `connref server`
mod issuer;
mod token;
mod trust;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use connref_server::address::Addresses;
use connref_server::listen::{Authority, Certificates, Door, Limits, serve};
use connref_server::protection::Setting;
use connref_store::access::Caller;
use connref_store::source::{SystemClock, SystemIds};
use secrecy::ExposeSecret;
use serde_json::json;
use tokio::net::TcpListener;

use crate::context::Context;
use crate::embedded::Embedded;
use crate::exit::{Exit, Failure, Outcome};
use crate::home;
use crate::package::chain;
use crate::render::{note, warning};
use crate::secret;

/// How often runs whose node is gone are looked for.
const RESUME_EVERY: Duration = Duration::from_secs(15);

/// The server, when it looks after the key.
const KEEPER: Caller = Caller::System("server");

// Verbs of the server.
#[derive(Debug, Subcommand)]
pub(crate) enum ServerCommand {
    /// Serve the API to other programs
    Run(RunArgs),
    /// Show how clients come to trust the certificates of `server run --tls self`
    Trust,
    /// Make a token with which a user or service principal signs in; told once
    Token(token::TokenArgs),
    /// Whose tokens count beside those made here
    #[command(subcommand)]
    Issuer(issuer::IssuerCommand),
}

/// Arguments of `server run`.
#[derive(Args, Debug)]
pub(crate) struct RunArgs {
    /// Port; 0 takes a free one
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// Address to listen on; others than this machine's own want --tls
    #[arg(long, value_name = "ADDRESS", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    listen: IpAddr,
    /// Serve HTTPS, with certificates made here (`connref server trust` says how to trust them)
    #[arg(long, value_enum, value_name = "HOW")]
    tls: Option<Tls>,
    /// Host name of the control plane; environments are reached below it. May be given several
    /// times; the first is told to clients
    #[arg(long, value_name = "NAME", default_value = "localhost", value_parser = host)]
    host: Vec<String>,
    /// A port of its own for an environment, where no names can be had below the host
    #[arg(long, value_name = "ENV=PORT", value_parser = port_of)]
    environment_port: Vec<(String, u16)>,
    /// Most open connections; more wait
    #[arg(long, value_name = "N", default_value_t = Limits::default().connections)]
    max_connections: usize,
    /// Seconds that a client may take for the head of a request
    #[arg(long, value_name = "SECONDS", default_value_t = Limits::default().head.as_secs())]
    head_timeout: u64,
    /// What one user may ask of the Web API: `off`, `service` (6000 requests in 300 seconds, 1200
    /// seconds of work, 52 at once), or numbers: `requests=100,window=60,execution=60,concurrent=8`;
    /// else `service` in environments of fidelity `dataverse` and `off` in the others
    #[arg(long, value_name = "LIMITS")]
    limits: Option<Setting>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Tls {
    /// By an authority of our own
    #[value(name = "self")]
    Own,
}

/// A host name without port.
fn host(text: &str) -> Result<String, String> {
    let name = text.trim_end_matches('.').to_ascii_lowercase();
    let label = |part: &str| {
        (1..=63).contains(&part.len())
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    if name.len() <= 200 && name.split('.').all(label) {
        return Ok(name);
    }
    Err("expected a host name, as in connref.example.com".to_owned())
}

fn port_of(text: &str) -> Result<(String, u16), String> {
    let (name, port) = secret::pair(text)?;
    let port = port.parse().map_err(|_| format!("`{port}` is no port"))?;
    Ok((name.to_ascii_lowercase(), port))
}

impl ServerCommand {
    /// Runs the verb.
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        if context.is_remote() {
            return Err(Failure::usage("a server serves the local data; leave --environment away"));
        }
        match self {
            Self::Run(args) => args.run(context).await,
            Self::Trust => trust::trust(context),
            Self::Token(args) => args.run(context).await,
            Self::Issuer(command) => command.run(context).await,
        }
    }
}

impl RunArgs {
    async fn run(self, context: &Context) -> Outcome {
        if !self.listen.is_loopback() && self.tls.is_none() {
            return Err(Failure::usage(
                "tokens would cross the network unprotected on an address others can reach",
            )
            .fix("add --tls self, or listen on 127.0.0.1 behind a proxy that ends TLS"));
        }
        if self.max_connections == 0 || self.head_timeout == 0 {
            return Err(Failure::usage("--max-connections and --head-timeout are at least 1"));
        }
        let embedded = context.embedded().await?;
        let tls = self.certificates()?;
        let (doors, addresses) = self.doors(embedded).await?;
        let address = doors[0].listener.local_addr()?;
        embedded.app().serving(addresses.clone());
        if let Some(limits) = self.limits {
            embedded.app().protection().configure(limits);
        }
        announce(context, embedded, address, &addresses).await?;
        let resumer = tokio::spawn(resume(embedded.app().clone()));
        let limits = Limits {
            connections: self.max_connections,
            head: Duration::from_secs(self.head_timeout),
        };
        serve(doors, embedded.router(), tls, limits, async {
            // Without a signal handler the server runs until it is killed.
            if tokio::signal::ctrl_c().await.is_err() {
                std::future::pending::<()>().await;
            }
        })
        .await;
        resumer.abort();
        Ok(Exit::Clean)
    }

    fn certificates(&self) -> Result<Option<rustls::ServerConfig>, Failure> {
        let Some(Tls::Own) = self.tls else { return Ok(None) };
        let (clock, ids) = (Arc::new(SystemClock), Arc::new(SystemIds::default()));
        let wrong = |error| Failure::new(Exit::Usage, error);
        let authority = Authority::open(&home::config()?.join("tls"), &*clock).map_err(wrong)?;
        let made = Certificates::new(authority, self.host.clone(), clock, ids).map_err(wrong)?;
        let config = made.config().map_err(|error| Failure::new(Exit::Usage, error))?;
        Ok(Some(config))
    }

    /// Opens the sockets: the main one first.
    async fn doors(&self, embedded: &Embedded) -> Result<(Vec<Door>, Addresses), Failure> {
        let known = embedded.client(None, None).environments().await?;
        let mut doors = vec![Door { listener: self.bind(self.port).await?, environment: None }];
        let mut ports = Vec::new();
        for (name, port) in &self.environment_port {
            if !known.iter().any(|one| one.name.eq_ignore_ascii_case(name)) {
                return Err(Failure::missing(format!("there is no environment `{name}`"))
                    .fix("connref env list"));
            }
            let listener = self.bind(*port).await?;
            ports.push((name.clone(), listener.local_addr()?.port()));
            doors.push(Door { listener, environment: Some(name.clone()) });
        }
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let port = doors[0].listener.local_addr()?.port();
        Ok((doors, Addresses { scheme, hosts: self.host.clone(), port, ports }))
    }

    async fn bind(&self, port: u16) -> Result<TcpListener, Failure> {
        TcpListener::bind((self.listen, port)).await.map_err(|error| {
            Failure::new(Exit::Conflict, error)
                .context(format!("cannot listen on port {port} of {}", self.listen))
                .fix("connref server run --port 0")
        })
    }
}

/// Tells addresses, and a token unless the operator brought one. A token is told once: only its
/// hash is kept.
async fn announce(
    context: &Context,
    embedded: &Embedded,
    address: SocketAddr,
    addresses: &Addresses,
) -> Result<(), Failure> {
    let store = embedded.app().store();
    let token = match secret::token(context.globals.server.token_file.as_ref())? {
        Some(token) => match store.token_find(token.expose_secret().trim()).await {
            Ok(Some(_)) => None,
            Ok(None) => {
                return Err(Failure::new(
                    Exit::NotSignedIn,
                    anyhow::anyhow!("the token given is not one of this installation"),
                )
                .fix("connref server run without --token-file and CONNREF_TOKEN makes a new one"));
            }
            Err(error) => return Err(Failure::new(Exit::Usage, error)),
        },
        None => {
            let made = store.token_create(embedded.app().operator()).await;
            Some(made.map_err(|error| Failure::new(Exit::Usage, error))?)
        }
    };
    let environments = embedded.client(None, None).environments().await?;
    let url = |name: &str| addresses.environment(name);
    let list: Vec<_> =
        environments.iter().map(|one| json!({"name": one.name, "url": url(&one.name)})).collect();
    let control = addresses.control();
    let (tenant, _) = store.tenant(&KEEPER).await.map_err(|e| Failure::new(Exit::Usage, e))?;
    let authority = format!("{control}/{tenant}");
    if !context.output.is_table() {
        return context.output.one(&json!({
            "listening": address.to_string(),
            "control": control,
            "tenant": tenant,
            "authority": authority,
            "environments": list,
            "token": token.as_ref().map(|token| token.expose_secret()),
        }));
    }
    let mut text = format!(
        "listening on {address}\n  control plane  {control}\n  authority      {authority}\n"
    );
    for one in &environments {
        text += &format!("  {:<13}  {}\n", one.name, url(&one.name));
    }
    if let Some(token) = &token {
        text += &format!("  token          {}\n", token.expose_secret());
    }
    context.output.text(&text)?;
    if token.is_some() {
        note("keep the token: it is shown once; start with CONNREF_TOKEN set to use it again");
    }
    if environments.is_empty() {
        note("no environments yet; make one: connref env create dev");
    }
    Ok(())
}

/// Takes up what was left behind: runs whose node is gone, of an earlier process or of another node,
/// and a change of the key. Learns of keys that another process made.
async fn resume(app: connref_server::App) {
    loop {
        if let Err(error) = key_resume(&app).await {
            warning(&format!("cannot look after the key: {}", chain(&error)));
        }
        match app.runner().run_resume().await {
            Ok(0) => {}
            Ok(count) => note(&format!("took up {count} runs that were left behind")),
            Err(error) => warning(&format!("cannot take up runs left behind: {error}")),
        }
        match connref_server::webapi::bulk_delete_turn(&app).await {
            Ok(0) => {}
            Ok(count) => note(&format!("deleted {count} rows whose time was over")),
            Err(error) => warning(&format!("cannot carry out bulk deletions: {error}")),
        }
        tokio::time::sleep(RESUME_EVERY).await;
    }
}

async fn key_resume(
    app: &connref_server::App,
) -> Result<(), connref_server::operation::OperationError> {
    let store = app.store();
    store.key_refresh(&KEEPER).await?;
    let status = store.key_status(&KEEPER).await?;
    if status.change.is_some_and(|change| change.ended_on.is_none()) {
        store.key_change_continue(&KEEPER, RESUME_EVERY).await?;
    }
    Ok(())
}
