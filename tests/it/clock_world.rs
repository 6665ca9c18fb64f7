//! A listening server of this process: its clock is set by hand, its store is at hand.
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use connref_egress::{Egress, EgressConfig};
use connref_server::address::Addresses;
use connref_server::listen::{Door, Limits, serve};
use connref_server::operation::environment::environment_create;
use connref_server::{App, router};
use connref_solution::model::EnvironmentId;
use connref_solution::model::facts::{EnvironmentKind, Fidelity, PrincipalKind, Role};
use connref_store::Store;
use connref_store::access::Caller;
use connref_store::db::Location;
use connref_store::environment::EnvironmentNew;
use connref_store::identity_issuer::IdentityIssuer;
use connref_store::principal_credential::CredentialNew;
use connref_store::source::{Clock, SystemClock, SystemIds};
use connref_store::user::UserNew;
use connref_store::vault::KeyFile;
use connref_tests::http::{self, Answer};
use connref_tests::provider::Provider;

/// Application id of the robot.
pub(super) const ROBOT: &str = "aaaaaaaa-0000-4000-8000-000000000001";
/// Tells who asks.
pub(super) const WHO: &str = "/api/data/v9.2/WhoAmI";
pub(super) const SECOND: i64 = 1_000_000;

/// The machine's clock, and what was added by hand.
#[derive(Default)]
struct Hands(AtomicI64);

impl Clock for Hands {
    fn now(&self) -> i64 {
        SystemClock.now() + self.0.load(Ordering::SeqCst)
    }
}

/// A listening server over environments `dev` and `prod`, with Alice and the robot in both.
pub(super) struct World {
    _folder: tempfile::TempDir,
    pub(super) app: App,
    clock: Arc<Hands>,
    pub(super) port: u16,
    places: Vec<(String, EnvironmentId)>,
}

pub(super) fn operator() -> Caller {
    Caller::Operator("operator".to_owned())
}

impl World {
    pub(super) async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let ids = Arc::new(SystemIds::default());
        let key =
            Arc::new(KeyFile::open_or_create(&folder.path().join("key"), &*ids).expect("a key"));
        let clock = Arc::new(Hands::default());
        let location = Location::Sqlite(folder.path().join("t.db"));
        let store = Store::open(&location, key, clock.clone(), ids).await.expect("a store");
        let egress = Egress::new(EgressConfig::default());
        let app = App::new(store, egress, "operator".to_owned(), "node".to_owned());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        app.serving(Addresses {
            scheme: "http",
            hosts: vec!["localhost".to_owned()],
            port,
            ports: Vec::new(),
        });
        let mut places = Vec::new();
        for name in ["dev", "prod"] {
            let new = EnvironmentNew {
                name: name.to_owned(),
                kind: EnvironmentKind::Developer,
                fidelity: Fidelity::Extended,
                allowed: Vec::new(),
            };
            let made = environment_create(&app, &operator(), new).await.expect("an environment");
            places.push((name.to_owned(), made.id));
        }
        let door = Door { listener, environment: None };
        let router = router(app.clone());
        tokio::spawn(serve(vec![door], router, None, Limits::default(), std::future::pending()));
        let world = Self { _folder: folder, app, clock, port, places };
        for place in ["dev", "prod"] {
            world.user(place, "robot", Some(ROBOT)).await;
            world.user(place, "alice@harbour.test", None).await;
        }
        world
    }

    pub(super) fn place(&self, name: &str) -> &EnvironmentId {
        &self.places.iter().find(|(known, _)| known == name).expect("an environment").1
    }

    pub(super) async fn user(&self, place: &str, name: &str, application: Option<&str>) -> String {
        let new = UserNew {
            name: name.to_owned(),
            display_name: name.to_owned(),
            kind: match application {
                Some(_) => PrincipalKind::ServicePrincipal,
                None => PrincipalKind::User,
            },
            application_id: application.map(str::to_owned),
            role: Role::EnvironmentMaker,
            business_unit: None,
            manager: None,
        };
        let made = self.app.store().user_add(&operator(), self.place(place), new).await;
        made.expect("a user").id.as_str().to_owned()
    }

    pub(super) async fn trust(&self, issuer: &Provider, audiences: &[&str], by_name: bool) {
        let new = IdentityIssuer {
            issuer: issuer.issuer.clone(),
            audiences: audiences.iter().map(|one| (*one).to_owned()).collect(),
            allowed: vec![issuer.allow()],
            by_name,
            created_on: 0,
        };
        self.app.store().identity_issuer_set(&operator(), new).await.expect("it is kept");
    }

    pub(super) async fn link(&self, place: &str, who: &str, issuer: &str, subject: &str) -> String {
        let new = CredentialNew::Federated {
            issuer: issuer.to_owned(),
            subject: subject.to_owned(),
            audience: None,
        };
        let store = self.app.store();
        let place = self.place(place);
        let made =
            store.principal_credential_add(&operator(), place, who, String::new(), new, None).await;
        made.expect("a credential")
    }

    pub(super) fn url(&self, place: &str) -> String {
        format!("http://{place}.localhost:{}", self.port)
    }

    pub(super) fn get(&self, host: &str, path: &str, token: &str) -> Answer {
        let host = format!("{host}:{}", self.port);
        let bearer = format!("Bearer {token}");
        http::send(self.port, &host, "GET", path, &[("authorization", &bearer)], None)
    }

    /// What the Web API of `dev` says to a token.
    pub(super) fn dev(&self, token: &str) -> (u16, String) {
        let answer = self.get("dev.localhost", WHO, token);
        let code = answer.json()["error"]["code"].as_str().unwrap_or_default().to_owned();
        (answer.status, code)
    }

    pub(super) fn later(&self, seconds: i64) {
        self.clock.0.fetch_add(seconds * SECOND, Ordering::SeqCst);
    }

    pub(super) async fn allow(&self, place: &str, address: &str) {
        let store = self.app.store();
        let allowed = vec![address.to_owned()];
        let done = store.environment_allow(&operator(), self.place(place), allowed).await;
        done.expect("it is allowed");
    }
}
