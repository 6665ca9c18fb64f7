//! `connref server`
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use clap::{Args, Subcommand};
use connref_server::protection::Setting;
use connref_store::access::Caller;
use secrecy::ExposeSecret;
use serde_json::json;
use tokio::net::TcpListener;

use crate::context::Context;
use crate::embedded::Embedded;
use crate::exit::{Exit, Failure, Outcome};
use crate::render::{note, warning};
use crate::secret;

/// How often runs whose node is gone are looked for.
const RESUME_EVERY: Duration = Duration::from_secs(15);

/// The server, when it looks after the key.
const KEEPER: Caller = Caller::System("server");

/// Verbs of the server.
#[derive(Debug, Subcommand)]
pub(crate) enum ServerCommand {
    /// Serve the API on this machine (loopback only)
    Run(RunArgs),
}

/// Arguments of `server run`.
#[derive(Args, Debug)]
pub(crate) struct RunArgs {
    /// Port; 0 takes a free one
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// What one user may ask of the Web API: `off`, `service` (6000 requests in 300 seconds, 1200
    /// seconds of work, 52 at once), or numbers: `requests=100,window=60,execution=60,concurrent=8`;
    /// else `service` in environments of fidelity `dataverse` and `off` in the others
    #[arg(long, value_name = "LIMITS")]
    limits: Option<Setting>,
}

impl ServerCommand {
    /// Runs the verb.
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        if context.is_remote() {
            return Err(Failure::usage("a server serves the local data; leave --environment away"));
        }
        match self {
            Self::Run(args) => args.run(context).await,
        }
    }
}

impl RunArgs {
    async fn run(self, context: &Context) -> Outcome {
        let embedded = context.embedded().await?;
        if let Some(limits) = self.limits {
            embedded.app().protection().configure(limits);
        }
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, self.port)).await.map_err(|error| {
                Failure::new(Exit::Conflict, error)
                    .context(format!("cannot listen on port {}", self.port))
                    .fix("connref server run --port 0")
            })?;
        let address = listener.local_addr()?;
        announce(context, embedded, address).await?;
        let resumer = tokio::spawn(resume(embedded.app().clone()));
        let served = axum::serve(listener, embedded.router())
            .with_graceful_shutdown(async {
                // Without a signal handler the server runs until it is killed.
                if tokio::signal::ctrl_c().await.is_err() {
                    std::future::pending::<()>().await;
                }
            })
            .await;
        resumer.abort();
        served?;
        Ok(Exit::Clean)
    }
}

/// Tells addresses, and a token unless the operator brought one. A token is told once: only its
/// hash is kept.
async fn announce(
    context: &Context,
    embedded: &Embedded,
    address: SocketAddr,
) -> Result<(), Failure> {
    let port = address.port();
    let store = embedded.app().store();
    let token = match secret::token(context.globals.token_file.as_ref())? {
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
    let url = |name: &str| format!("http://{}.localhost:{port}", name.to_ascii_lowercase());
    let list: Vec<_> =
        environments.iter().map(|one| json!({"name": one.name, "url": url(&one.name)})).collect();
    let control = format!("http://localhost:{port}");
    if !context.output.is_table() {
        return context.output.one(&json!({
            "listening": address.to_string(),
            "control": control,
            "environments": list,
            "token": token.as_ref().map(|token| token.expose_secret()),
        }));
    }
    let mut text = format!("listening on {address}\n  control plane  {control}\n");
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

/// An error with its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(one) = cause {
        text += &format!(": {one}");
        cause = one.source();
    }
    text
}
