//! The installation of this user: the database in the data folder, the key in the configuration
//! folder, and the server's own router over both, called without a socket.
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;

use connref_client::transport::InProcess;
use connref_client::{Client, Place, Shared};
use connref_egress::{Egress, EgressConfig};
use connref_engine::key::{KeyProviders, KeySetting, Variables};
use connref_server::identity::LocalCaller;
use connref_server::{App, router};
use connref_store::db::Location;
use connref_store::source::{Ids, Points, SystemClock, SystemIds, hex};
use connref_store::{Store, StoreError};

use crate::exit::{Exit, Failure};
use crate::{home, secret_store};

/// Domain of addresses that never leave the process.
const INSIDE: &str = "connref.internal";

/// An opened installation.
pub(crate) struct Embedded {
    app: App,
    router: axum::Router,
}

impl Embedded {
    /// Opens the installation, making what is not there yet.
    pub(crate) async fn open(database: Option<&str>) -> Result<Self, Failure> {
        let location = location(database)?;
        let ids = Arc::new(SystemIds::default());
        let node = node(&*ids);
        let egress = Egress::new(EgressConfig::default());
        let keys = Arc::new(key_providers(egress.clone())?);
        let store = Store::open_with(&location, keys, Arc::new(SystemClock), ids)
            .await
            .map_err(|error| not_opened(error, &location))?
            .with_points(points());
        let app = App::with_secrets(store, egress, home::user(), node, secret_store::stores()?);
        let router = router(app.clone());
        Ok(Self { app, router })
    }

    /// The parts.
    pub(crate) fn app(&self) -> &App {
        &self.app
    }

    /// The service, for a listener.
    pub(crate) fn router(&self) -> axum::Router {
        self.router.clone()
    }

    /// A client in process, acting as somebody in an environment.
    pub(crate) fn client(&self, environment: Option<&str>, acting: Option<&str>) -> Client {
        let identity = LocalCaller { name: acting.map(str::to_owned) };
        let host = environment.unwrap_or("control").to_ascii_lowercase();
        let place = Place {
            environment: format!("http://{host}.{INSIDE}"),
            control: format!("http://control.{INSIDE}"),
            name: environment.unwrap_or_default().to_owned(),
            extended: true,
        };
        Client::new(Shared::new(InProcess::new(self.router.clone(), identity)), place)
    }

    /// Ends the installation: what was acknowledged is durable already.
    pub(crate) async fn close(self) {
        drop(self);
        // Tasks that were told to stop get a turn to do so.
        tokio::task::yield_now().await;
    }
}

/// What is set for the key: `CONNREF_KEY`, else the file `key-provider` beside the key file.
fn key_providers(egress: Egress) -> Result<KeyProviders, Failure> {
    let folder = home::config()?;
    let given = std::env::var("CONNREF_KEY").ok().filter(|text| !text.trim().is_empty());
    let setting = KeySetting { given, file: folder.join("key-provider"), key: folder.join("key") };
    let variables: Variables = Arc::new(|name| std::env::var(name).ok().map(Into::into));
    Ok(KeyProviders::new(setting, variables, egress))
}

/// Where a test wants this process to stop; nowhere in builds for release.
fn points() -> Points {
    let wanted = std::env::var("CONNREF_STOP_AT").ok().filter(|_| cfg!(debug_assertions));
    wanted.map_or_else(Points::default, |name| Points::stop_at(&name))
}

fn not_opened(error: StoreError, location: &Location) -> Failure {
    let (fix, what) = match &error {
        StoreError::Vault(error) => {
            (error.fix(), "cannot open the key that protects secrets".to_owned())
        }
        _ => (None, format!("cannot open the database {}", shown(location))),
    };
    let failure = Failure::new(Exit::Usage, error).context(what);
    match fix {
        Some(fix) => failure.fix(fix),
        None => failure,
    }
}

fn location(database: Option<&str>) -> Result<Location, Failure> {
    match database {
        Some(url) if url.starts_with("postgres://") || url.starts_with("postgresql://") => {
            Ok(Location::Postgres(url.to_owned()))
        }
        Some(url) if url.contains("://") => {
            Err(Failure::usage("the database is neither a file nor a postgres:// address"))
        }
        Some(path) => Ok(Location::Sqlite(std::path::absolute(path)?)),
        None => {
            let folder = home::data()?;
            private_folder(&folder)?;
            Ok(Location::Sqlite(folder.join("connref.db")))
        }
    }
}

/// The database's file permission is the authentication of the embedded installation.
fn private_folder(folder: &Path) -> Result<(), Failure> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|error| {
        Failure::from(error).context(format!("cannot make the data folder `{}`", folder.display()))
    })
}

/// A location without the password it may hold.
fn shown(location: &Location) -> String {
    match location {
        Location::Sqlite(path) => format!("`{}`", path.display()),
        Location::Postgres(_) => "on the PostgreSQL server".to_owned(),
    }
}

/// A name for this process among several.
fn node(ids: &dyn Ids) -> String {
    let mut bytes = [0_u8; 8];
    ids.fill(&mut bytes);
    format!("{}-{}", std::process::id(), hex(&bytes))
}
