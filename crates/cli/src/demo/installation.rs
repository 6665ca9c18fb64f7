//! The demo's own installation: database and key below its home, the server's router over both,
//! called in process as every command without `--environment` calls it.
use std::sync::Arc;

use connref_client::transport::InProcess;
use connref_client::{Client, Place, Shared};
use connref_egress::{Egress, EgressConfig};
use connref_server::identity::LocalCaller;
use connref_server::{App, router};
use connref_store::Store;
use connref_store::db::Location;
use connref_store::source::{Ids, SystemClock};
use connref_store::vault::KeyFile;

use super::home::Home;
use crate::exit::{Exit, Failure};

/// An opened installation.
pub(super) struct Installation {
    router: axum::Router,
}

impl Installation {
    /// Makes it.
    pub(super) async fn open(home: &Home, ids: Arc<dyn Ids>) -> Result<Self, Failure> {
        let failed = |error: anyhow::Error| {
            Failure::new(Exit::Usage, error).context("cannot make the demo's installation")
        };
        let key = KeyFile::open_or_create(&home.config().join("key"), &*ids)
            .map_err(|error| failed(error.into()))?;
        let location = Location::Sqlite(home.data().join("connref.db"));
        let store = Store::open(&location, Arc::new(key), Arc::new(SystemClock), ids)
            .await
            .map_err(|error| failed(error.into()))?;
        let node = format!("demo-{}", std::process::id());
        let egress = Egress::new(EgressConfig::default());
        let app = App::new(store, egress, crate::home::user(), node);
        Ok(Self { router: router(app) })
    }

    /// A client in process: acting as a principal, or as the administrator of this machine.
    pub(super) fn client(&self, environment: &str, acting: Option<&str>) -> Client {
        let identity = LocalCaller { name: acting.map(str::to_owned) };
        let place = Place {
            environment: format!("http://{}.connref.internal", environment.to_ascii_lowercase()),
            control: "http://control.connref.internal".to_owned(),
            name: environment.to_owned(),
            extended: true,
        };
        Client::new(Shared::new(InProcess::new(self.router.clone(), identity)), place)
    }
}
