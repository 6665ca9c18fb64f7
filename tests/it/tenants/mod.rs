//! The same names in two environments of a tenant, and in two tenants: an id of one, asked for in the
//! other, gives the same bytes as an id that exists nowhere, and a token of one tenant is nobody's in the
//! other. The requests are generated from `$metadata`.
mod asks;

use std::collections::BTreeMap;

use asks::{Ask, HOLE, Place, asks, control, model};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use connref_tests::home::Connection;
use connref_tests::http::{self, Answer};
use connref_tests::package::fixture;
use connref_tests::postgres::{Database, server};
use connref_tests::seed::Seed;
use connref_tests::served::Served;
use connref_tests::{Home, database};
use serde_json::{Value, json};

use super::sign_in_server::ask as ask_form;

const REQUESTS: usize = 1500;
/// Who asks when it is not the operator.
const MAKER: &str = "maker@harbour.test";

/// An environment with everything that has an id.
fn fill(home: &Home, env: &str) {
    home.env_create(env, &[]);
    for name in ["harbour_notices", "harbour_sites"] {
        let path = fixture(name).display().to_string();
        home.ok(["solution", "import", "--path", &path, "--env", env]);
    }
    let connection = home.connection(&Connection {
        env,
        connector: "shared_office365",
        name: "Mailbox",
        endpoint: Some("mail.harbour.test:587"),
        secrets: &[("password", "tenants-buoy-1")],
        ..Connection::default()
    });
    home.ok(["ref", "bind", "hbr_Mail", "--connection", &connection, "--env", env]);
    home.ok(["user", "add", MAKER, "--role", "administrator", "--env", env]);
    home.ok(["team", "create", "Crew", "--kind", "owner", "--env", env]);
    home.ok(["variable", "create", "hbr_Extra", "--type", "string", "--env", env]);
    let definition = json!({
        "triggers": {"manual": {"type": "Request", "kind": "Button", "inputs": {"schema": {}}}}, "actions": {},
    });
    let file = home.file("flow.json", definition.to_string());
    home.ok(["flow", "create", "Tides", "--definition", &file, "--env", env]);
}

/// Sends a request with an id in its hole.
fn send(served: &Served, token: &str, ask: &Ask, id: &str, caller: Option<&str>) -> Answer {
    let bearer = format!("Bearer {token}");
    let mut headers = vec![("authorization", bearer.as_str())];
    if ask.method == "PATCH" {
        headers.push(("if-match", "*"));
    }
    if let Some(caller) = caller {
        headers.push(("mscrmcallerid", caller));
    }
    let body: Option<Value> =
        ask.body.as_ref().map(|b| serde_json::from_str(&b.replace(HOLE, id)).expect("JSON"));
    let path =
        ask.path.replace(HOLE, id).replace('"', "%22").replace('{', "%7B").replace('}', "%7D");
    http::send(served.port, &served.host("dev"), ask.method, &path, &headers, body.as_ref())
}

/// Everything of an answer but the moment and the number of the request; the id that was asked for is
/// taken out, as the two differ in it by design.
fn bytes(answer: &Answer, id: &str) -> String {
    let mut headers: Vec<_> = answer
        .headers
        .iter()
        .filter(|(name, _)| {
            !matches!(
                name.as_str(),
                "date" | "x-ms-request-id" | "req_id" | "x-ms-service-request-id"
            )
        })
        .map(|(name, value)| format!("{name}: {}", value.replace(id, HOLE)))
        .collect();
    headers.sort();
    format!(
        "{}\n{}\n{}",
        answer.status,
        headers.join("\n"),
        String::from_utf8_lossy(&answer.body).replace(id, HOLE)
    )
}

/// As long and of the same alphabet as the id, and nowhere in the database.
fn missing(id: &str, random: &mut Seed) -> String {
    id.chars()
        .map(|c| {
            if c == '-' {
                '-'
            } else {
                char::from_digit(u32::try_from(random.below(16)).expect("small"), 16)
                    .expect("a digit")
            }
        })
        .collect()
}

/// So many requests: all that are fixed, the rest by chance.
fn chosen(mut all: Vec<Ask>, fixed: Vec<Ask>, random: &mut Seed) -> Vec<Ask> {
    while all.len() > REQUESTS - fixed.len() {
        let at = random.below(all.len() as u64);
        all.swap_remove(usize::try_from(at).expect("it is an index"));
    }
    all.extend(fixed);
    assert_eq!(all.len(), REQUESTS, "the model gives enough requests");
    all
}

/// Ids of `there`, asked for `here`, which has none of them.
#[expect(clippy::print_stderr, reason = "a random test tells what it did")]
fn ids_of_elsewhere(test: &str, here: Place<'_>, there: Place<'_>) {
    let mut random = Seed::take(test);
    let all = chosen(asks(here, there, &model(here)), control(here, there), &mut random);
    let token = here.served.token.as_str();
    let mut statuses: BTreeMap<u16, usize> = BTreeMap::new();
    for (number, ask) in all.iter().enumerate() {
        let caller = (number % 2 == 0).then_some(MAKER);
        let nowhere = missing(&ask.id, &mut random);
        let found = send(here.served, token, ask, &ask.id, caller);
        let not = send(here.served, token, ask, &nowhere, caller);
        *statuses.entry(found.status).or_default() += 1;
        assert!(found.status < 500 || found.status == 501, "{ask:?}: {}", bytes(&found, &ask.id));
        assert_eq!(bytes(&found, &ask.id), bytes(&not, &nowhere), "{ask:?} as {caller:?}");
    }
    eprintln!("{test}: {REQUESTS} requests, {statuses:?}");
    assert!(statuses.get(&404).is_some_and(|n| *n > REQUESTS / 3), "{statuses:?}");
}

#[test]
fn an_id_of_elsewhere_is_an_id_of_nowhere() {
    let home = Home::new();
    for env in ["dev", "other"] {
        fill(&home, env);
    }
    let served = Served::start(&home);
    let (here, there) =
        (Place { served: &served, env: "dev" }, Place { served: &served, env: "other" });
    let before = database::dump(&home.database());
    ids_of_elsewhere("an_id_of_elsewhere_is_an_id_of_nowhere", here, there);
    let after = database::dump(&home.database());
    assert_eq!(database::difference(&before, &after), "");
}

/// A tenant: an installation with a database of its own, and a service principal in it.
struct Tenant {
    _home: Home,
    served: Served,
    robot: Value,
    _database: Option<Database>,
}

impl Tenant {
    fn new(server: Option<&str>) -> Self {
        let home = Home::new();
        let database = server.map(|server| Database::new(server, None));
        if let Some(database) = &database {
            home.set("CONNREF_DATABASE", &database.url());
        }
        fill(&home, "dev");
        home.ok(["user", "add", "robot", "--service-principal", "--role", "administrator"]);
        let robot = home.json(["user", "credential", "add", "robot"]);
        let served = Served::start(&home);
        Self { _home: home, served, robot, _database: database }
    }

    /// What the tenant's own authority signs for its service principal.
    fn signed(&self) -> String {
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let scope = format!("{}/.default", self.served.url("dev"));
        let answer = ask_form(
            self.served.port,
            &format!("/{}/oauth2/v2.0/token", text(&self.served.told["tenant"])),
            &[
                ("grant_type", "client_credentials"),
                ("client_id", &text(&self.robot["applicationId"])),
                ("client_secret", &text(&self.robot["secret"])),
                ("scope", &scope),
            ],
        );
        answer["access_token"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }
}

/// The token, by a key that nobody has.
fn forged(token: &str) -> String {
    let (header, rest) = token.split_once('.').expect("a signed token");
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(header).expect("base64");
    let mut header: Value = serde_json::from_slice(&bytes).expect("a header");
    header["kid"] = json!("01900000-0000-7000-8000-00000000dead");
    format!("{}.{rest}", BASE64_URL_SAFE_NO_PAD.encode(header.to_string()))
}

fn two_tenants(test: &str, postgres: Option<&str>) {
    let (here, there) = (Tenant::new(postgres), Tenant::new(postgres));
    let (at, from) =
        (Place { served: &here.served, env: "dev" }, Place { served: &there.served, env: "dev" });
    let facts = || {
        let path = "/api/data/v9.2/connref_Facts()";
        let mut facts = here.served.ask("dev", "GET", path, None).json()["facts"].take();
        facts["takenAt"].take();
        facts
    };
    let before = facts();
    ids_of_elsewhere(test, at, from);

    // Tokens: an operator's and a signed one, beside such as nobody gave out.
    let mut random = Seed::take(test);
    let all = chosen(asks(at, from, &model(at)), control(at, from), &mut random);
    let (own, signed) = (here.signed(), there.signed());
    let known = send(&here.served, &own, &all[0], &all[0].id, None);
    assert_ne!(known.status, 401, "a signed token counts where it was signed");
    for ask in &all {
        let status = |token: &str| send(&here.served, token, ask, &ask.id, None);
        let stranger = status(&there.served.token);
        assert_eq!(stranger.status, 401, "{ask:?}: {}", bytes(&stranger, &ask.id));
        let nobody = status(&missing(&there.served.token, &mut random));
        assert_eq!(bytes(&stranger, &ask.id), bytes(&nobody, &ask.id), "{ask:?}");
    }
    for ask in all.iter().take(200) {
        let stranger = send(&here.served, &signed, ask, &ask.id, None);
        assert_eq!(stranger.status, 401, "{ask:?}: {}", bytes(&stranger, &ask.id));
        // An issuer says in its tokens who it is; whether there is one of that name is not told.
        let nobody = send(&here.served, &forged(&signed), ask, &ask.id, None);
        assert_eq!(bytes(&stranger, &ask.id), bytes(&nobody, &ask.id), "{ask:?}");
    }
    assert_eq!(before, facts(), "nothing of it changed anything");
}

#[test]
fn a_tenant_is_nowhere_to_another() {
    two_tenants("a_tenant_is_nowhere_to_another", None);
}

#[test]
fn a_tenant_is_nowhere_to_another_in_one_postgresql() {
    let test = "a_tenant_is_nowhere_to_another_in_one_postgresql";
    if let Some(server) = server(test) {
        two_tenants(test, Some(&server));
    }
}
