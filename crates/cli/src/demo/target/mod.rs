//! Three small systems on loopback that the demo's flows reach. Each keeps its own record of who
//! arrived: what the demo prints as proof comes from here, never from connref.
mod database;
mod mail;
mod orders;

use std::path::{Path, PathBuf};

use connref_store::source::Ids;

pub(super) use database::Database;
pub(super) use mail::Mail;
pub(super) use orders::Orders;

use crate::exit::{Exit, Failure};

/// Somebody a target knows: name and secret.
#[derive(Clone)]
pub(super) struct Account {
    pub(super) name: String,
    pub(super) secret: String,
}

/// The running targets; they stop when this is dropped.
pub(super) struct Targets {
    /// The order book, an HTTP API.
    pub(super) orders: Orders,
    /// The mail server.
    pub(super) mail: Mail,
    /// Folder of the databases.
    pub(super) folder: PathBuf,
}

impl Targets {
    /// Starts them: the API and the mail server on free ports of 127.0.0.1, the folder below `home`.
    pub(super) async fn start(
        home: &Path,
        clients: Vec<Account>,
        mailboxes: Vec<Account>,
        ids: std::sync::Arc<dyn Ids>,
    ) -> Result<Self, Failure> {
        let listening = |error: std::io::Error| {
            Failure::new(Exit::Network, error).context("cannot start a target system on 127.0.0.1")
        };
        let orders = Orders::start(clients, ids).await.map_err(listening)?;
        let mail = Mail::start(mailboxes).await.map_err(listening)?;
        let folder = home.join("targets");
        std::fs::create_dir_all(&folder)?;
        Ok(Self { orders, mail, folder })
    }

    /// What an environment has to allow so that its connections reach these targets and nothing
    /// else on this machine.
    pub(super) fn allowed(&self) -> Vec<String> {
        vec![
            self.orders.address().to_string(),
            self.mail.address().to_string(),
            format!("file:{}", self.folder.display()),
        ]
    }
}

/// A task that ends with its owner.
struct Task(tokio::task::JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}
