//! What a command works with: the client of the environment that was asked for, and the output.
use connref_client::transport::Remote;
use connref_client::{Client, Place, Shared};
use secrecy::SecretString;
use tokio::sync::OnceCell;

use crate::cli::Globals;
use crate::embedded::Embedded;
use crate::exit::{Exit, Failure};
use crate::pick::pick;
use crate::render::Output;
use crate::sign_in;

/// What a command works with.
pub(crate) struct Context {
    /// Options of every command.
    pub(crate) globals: Globals,
    /// Where results go.
    pub(crate) output: Output,
    embedded: OnceCell<Embedded>,
}

/// A client of a server, with a token.
pub(crate) async fn remote_client(
    address: &str,
    token: Option<&SecretString>,
    roots: &[Vec<u8>],
) -> Result<Client, Failure> {
    let remote = Remote::open(address, token, roots)
        .await
        .map_err(|error| Failure::new(Exit::Usage, error))?;
    let origin = remote.origin().to_owned();
    let place = Place {
        environment: origin.clone(),
        control: origin,
        name: String::new(),
        extended: false,
    };
    Ok(Client::new(Shared::new(remote), place))
}

impl Context {
    /// Takes the global options; opens nothing yet, since many commands work offline.
    pub(crate) fn new(globals: Globals) -> Result<Self, Failure> {
        let output = Output { format: globals.output };
        Ok(Self { globals, output, embedded: OnceCell::new() })
    }

    /// The local installation, opened at first use.
    pub(crate) async fn embedded(&self) -> Result<&Embedded, Failure> {
        self.embedded.get_or_try_init(|| Embedded::open(self.globals.database.as_deref())).await
    }

    /// Lets the local installation finish what it writes.
    pub(crate) async fn close(self) {
        if let Some(embedded) = self.embedded.into_inner() {
            embedded.close().await;
        }
    }

    /// Whether commands go to a server.
    pub(crate) fn is_remote(&self) -> bool {
        self.globals.remote().is_some()
    }

    /// A client of the control plane; no environment chosen.
    pub(crate) async fn control(&self) -> Result<Client, Failure> {
        let client = match self.globals.remote() {
            Some(address) => self.remote(address).await?,
            None => self.embedded().await?.client(None, self.globals.acting.as_deref()),
        };
        Ok(client.dry_run(self.globals.dry_run))
    }

    /// A client of the environment that was asked for.
    pub(crate) async fn client(&self) -> Result<Client, Failure> {
        let client = match self.globals.remote() {
            Some(address) => self.remote_environment(address).await?,
            None => {
                let name = self.local_environment().await?;
                self.embedded().await?.client(Some(&name), self.globals.acting.as_deref())
            }
        };
        Ok(client.dry_run(self.globals.dry_run))
    }

    async fn remote(&self, address: &str) -> Result<Client, Failure> {
        let token = sign_in::token(&self.globals, address).await?;
        remote_client(address, token.as_ref(), &self.globals.server.roots()?).await
    }

    async fn remote_environment(&self, address: &str) -> Result<Client, Failure> {
        let client = self.remote(address).await?;
        // A real organisation's host serves no control plane; what needs its name will say so.
        let client = match client.with_environment_found().await {
            Ok(found) => found,
            Err(error) if error.is_missing() => client,
            Err(error) => return Err(error.into()),
        };
        match &self.globals.acting {
            None => Ok(client),
            Some(name) => {
                let user = pick(client.users().await?, name)?;
                Ok(client.acting_as(&user.id))
            }
        }
    }

    /// The environment asked for, or the only one there is.
    async fn local_environment(&self) -> Result<String, Failure> {
        if let Some(name) = self.globals.local()? {
            return Ok(name.to_owned());
        }
        let all = self.embedded().await?.client(None, None).environments().await?;
        match all.as_slice() {
            [one] => Ok(one.name.clone()),
            [] => {
                Err(Failure::missing("there is no environment yet").fix("connref env create dev"))
            }
            several => {
                let names: Vec<_> = several.iter().map(|one| one.name.as_str()).collect();
                Err(Failure::usage(format!("there are several environments: {}", names.join(", ")))
                    .fix(format!("add --env {}, or set CONNREF_ENV", names[0])))
            }
        }
    }
}
