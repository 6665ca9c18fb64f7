//! One package to many environments of many tenants, each tenant a server with a database and a key of
//! its own: one command, the right matrix, resumable after a kill, and nothing of one tenant reaches
//! another, or the publisher.
use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use connref_tests::Home;
use connref_tests::home::Connection;
use connref_tests::package::fixture_zip;
use connref_tests::seed::Seed;
use connref_tests::served::Served;
use serde_json::{Value, json};

const PUBLISHER: &str = "publisher@ships.test";
const API: &str = "/api/data/v9.2";

/// How one environment was prepared, and so how its two references must stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Prepared {
    Whole,
    Missing,
    Broken,
}

struct Tenant {
    home: Home,
    served: Served,
    token: String,
    environments: Vec<(String, Prepared)>,
    /// Texts that must never be found outside.
    own: Vec<String>,
}

/// Texts of a tenant, from its number: names of connections, an account, an address, a secret.
fn own(tenant: usize) -> Vec<String> {
    ["Ledger", "Mailbox", "keeper", "quay", "rope"]
        .iter()
        .enumerate()
        .map(|(at, word)| format!("{word}-of-tenant-{tenant:02}-{:06}", tenant * 7919 + at))
        .collect()
}

impl Tenant {
    /// A server with environments, whose customer has bound what it has.
    fn new(tenant: usize, prepared: &[Prepared]) -> Self {
        let home = Home::new();
        home.env_create(&format!("t{tenant}e0"), &[]);
        home.ok(["user", "add", PUBLISHER, "--service-principal", "--role", "Deployer"]);
        let token = home.json(["server", "token", PUBLISHER, "--days", "7"]);
        let token = token["token"].as_str().expect("a token").to_owned();
        let served = Served::start(&home);
        let mut tenant_own = own(tenant);
        let mut environments = Vec::new();
        for (at, prepared) in prepared.iter().enumerate() {
            let name = format!("t{tenant}e{at}");
            let one = Customer { served: &served, env: &name, own: &tenant_own[..5] };
            if at > 0 {
                one.environment();
            }
            let ids = one.bind(*prepared);
            environments.push((name, *prepared));
            tenant_own.extend(ids);
        }
        Self { home, served, token, environments, own: tenant_own }
    }
}

/// The customer's administrator at work in one environment.
struct Customer<'a> {
    served: &'a Served,
    env: &'a str,
    own: &'a [String],
}

impl Customer<'_> {
    #[track_caller]
    fn ask(&self, method: &str, path: &str, body: &Value) {
        let answer = self.served.ask(self.env, method, path, Some(body));
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        assert!((200..300).contains(&answer.status), "{method} {path}: {text}");
    }

    fn environment(&self) {
        let path = "/providers/Microsoft.BusinessAppPlatform/environments";
        self.ask("POST", path, &json!({"properties": {"displayName": self.env}}));
        let user = json!({
            "domainname": PUBLISHER, "fullname": "Publisher", "connref_role": "Deployer",
            "applicationid": "0f3a1f5e-0c6d-4b5c-9a51-00000000aaaa",
        });
        self.ask("POST", &format!("{API}/systemusers"), &user);
    }

    /// Makes connections and binds references before the package comes; answers the ids.
    fn bind(&self, prepared: Prepared) -> Vec<String> {
        let id = |kind: u8| {
            let digits = self.env.bytes().fold(0_u64, |sum, b| sum * 131 + u64::from(b));
            format!("{:032x}", u128::from(digits) * 1000 + u128::from(kind) + (1 << 100))
        };
        let (ledger, mailbox) = (id(1), id(2));
        let mail = json!({
            "parameters": {"username": self.own[2]},
            "connref": {
                "endpoint": format!("{}.harbour.test:587", self.own[3]),
                "secrets": {"password": self.own[4]},
            },
        });
        self.connection("shared_commondataserviceforapps", &ledger, &self.own[0], &json!({}));
        self.connection("shared_office365", &mailbox, &self.own[1], &mail);
        self.reference("hbr_Ledger", "shared_commondataserviceforapps", &ledger);
        if prepared != Prepared::Missing {
            self.reference("hbr_Mail", "shared_office365", &mailbox);
        }
        if prepared == Prepared::Broken {
            let path = self.path("shared_office365", &mailbox, "/connref_disable");
            self.ask("POST", &path, &json!({}));
        }
        vec![ledger, mailbox]
    }

    fn path(&self, api: &str, id: &str, verb: &str) -> String {
        let env = self.env;
        format!(
            "/providers/Microsoft.PowerApps/apis/{api}/connections/{id}{verb}\
             ?$filter=environment eq '{env}'"
        )
    }

    fn connection(&self, api: &str, id: &str, name: &str, more: &Value) {
        let mut properties = json!({
            "displayName": name, "environment": {"name": self.env},
            "connectionParameters": {},
        });
        for member in ["connref"] {
            if !more[member].is_null() {
                properties[member] = more[member].clone();
            }
        }
        if let Some(parameters) = more["parameters"].as_object() {
            properties["connectionParameters"] = json!(parameters);
        }
        self.ask("PUT", &self.path(api, id, ""), &json!({"properties": properties}));
    }

    fn reference(&self, name: &str, api: &str, connection: &str) {
        let row = json!({
            "connectionreferencelogicalname": name,
            "connectionreferencedisplayname": name,
            "connectorid": format!("/providers/Microsoft.PowerApps/apis/{api}"),
            "connectionid": connection,
        });
        self.ask("POST", &format!("{API}/connectionreferences"), &row);
    }
}

struct World {
    tenants: Vec<Tenant>,
    publisher: Home,
    file: String,
}

/// 30 of 100 have something missing, half of them a reference, half a connection that works.
fn prepared(seed: &mut Seed, count: usize) -> Vec<Prepared> {
    let lacking = count * 3 / 10;
    let mut all: Vec<Prepared> = (0..count)
        .map(|at| match at {
            at if at >= lacking => Prepared::Whole,
            at if at % 2 == 0 => Prepared::Missing,
            _ => Prepared::Broken,
        })
        .collect();
    for at in (1..all.len()).rev() {
        let other = usize::try_from(seed.below(at as u64 + 1)).expect("small");
        all.swap(at, other);
    }
    all
}

fn world(tenants: usize, each: usize) -> World {
    let mut seed = Seed::take("rollout");
    let all = prepared(&mut seed, tenants * each);
    let tenants: Vec<Tenant> = std::thread::scope(|scope| {
        let made: Vec<_> = all
            .chunks(each)
            .enumerate()
            .map(|(at, chunk)| scope.spawn(move || Tenant::new(at, chunk)))
            .collect();
        made.into_iter().map(|one| one.join().expect("a tenant can be made")).collect()
    });
    let publisher = Home::new();
    let _ = publisher.file("harbour.zip", fixture_zip("harbour_notices"));
    let mut text =
        String::from("version: 1\npackage: harbour.zip\nwaves: [pilot, rest]\ncustomers:\n");
    for (at, tenant) in tenants.iter().enumerate() {
        let _ = publisher.file(&format!("token{at}"), &tenant.token);
        let _ =
            write!(text, "  - name: Customer{at}\n    tokenFile: token{at}\n    environments:\n");
        for (number, (name, _)) in tenant.environments.iter().enumerate() {
            let wave = if number == 0 { "pilot" } else { "rest" };
            let url = tenant.served.url(name);
            let _ = writeln!(text, "      - {{name: {name}, url: '{url}', wave: {wave}}}");
        }
    }
    let file = publisher.file("rollout.yaml", text);
    World { tenants, publisher, file }
}

fn sizes() -> (usize, usize) {
    match std::env::var_os("CONNREF_LONG") {
        Some(_) => (20, 10),
        None => (4, 5),
    }
}

#[test]
fn one_package_reaches_many_tenants_survives_a_kill_and_nothing_leaks() {
    let (tenants, each) = sizes();
    let world = world(tenants, each);
    let total = tenants * each;
    let begun = Instant::now();
    // Foreseen first: the matrix is right before anything is written.
    let plan = world.publisher.run_json(["rollout", "plan", &world.file]).expect(1).json();
    compare(&world, &plan, |_| "ready");
    assert_eq!(installed(&world), 0);

    killed(&world, total / 3);
    let after_kill = lines(&world);
    assert!(after_kill < total, "it was killed too late: {after_kill} of {total}");
    let ran = world.publisher.run_json(["rollout", "run", &world.file]).expect(8);
    compare(&world, &ran.json(), |prepared| match prepared {
        Prepared::Whole => "deployed",
        _ => "incomplete",
    });
    assert_eq!(installed(&world), total, "each has it, once");
    println!("rollout to {total} environments of {tenants} tenants: {:?}", begun.elapsed());
    let shown = world.publisher.json(["rollout", "show", &world.file]);
    assert_eq!(shown.as_array().map(Vec::len), Some(total));

    // A customer binds what was missing; the same command sees it, and touches nobody else.
    let before = lines(&world);
    let fixed = mend(&world);
    world.publisher.run_json(["rollout", "run", &world.file]).expect(8);
    let lacking = total * 3 / 10;
    assert_eq!(lines(&world) - before, lacking, "only what was incomplete is looked at again");
    let shown = world.publisher.json(["rollout", "show", &world.file]);
    let row = row(&shown, &fixed);
    assert_eq!(
        (&row["state"], &row["references"]["hbr_Mail"]),
        (&json!("deployed"), &json!("bound"))
    );
    nothing_leaks(&world);
}

/// Starts the rollout and kills it once so many environments are recorded.
fn killed(world: &World, after: usize) {
    let words = ["rollout", "run", &world.file, "--parallel", "2"];
    let mut child = world.publisher.command(words).spawn().expect("it can be started");
    let begun = Instant::now();
    while lines(world) < after.max(1) {
        assert!(begun.elapsed() < Duration::from_secs(60), "the rollout makes no progress");
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().expect("it can be killed");
    child.wait().expect("it can be waited for");
}

fn lines(world: &World) -> usize {
    let record = world.publisher.path().join("rollout.state.ndjson");
    std::fs::read_to_string(record).map_or(0, |text| text.lines().count())
}

/// How many imports of the package succeeded, over all environments.
fn installed(world: &World) -> usize {
    let environments =
        world.tenants.iter().flat_map(|t| t.environments.iter().map(move |e| (t, e)));
    environments
        .map(|(tenant, (name, _))| {
            let path = format!("{API}/solutions?$filter=uniquename eq 'HarbourNotices'");
            let rows = tenant.served.ask(name, "GET", &path, None).json();
            rows["value"].as_array().map_or(0, Vec::len)
        })
        .sum()
}

fn row<'a>(matrix: &'a Value, environment: &str) -> &'a Value {
    let mut rows = matrix.as_array().expect("rows").iter();
    rows.find(|row| row["environment"] == environment).expect("every environment has a row")
}

#[track_caller]
fn compare(world: &World, matrix: &Value, state: impl Fn(Prepared) -> &'static str) {
    for (at, tenant) in world.tenants.iter().enumerate() {
        for (name, prepared) in &tenant.environments {
            let row = row(matrix, name);
            let mail = match prepared {
                Prepared::Whole => "bound",
                Prepared::Missing => "missing",
                Prepared::Broken => "broken",
            };
            assert_eq!(row["customer"], format!("Customer{at}"));
            assert_eq!(row["state"], state(*prepared), "{row:#}");
            assert_eq!(
                row["references"],
                json!({"hbr_Ledger": "bound", "hbr_Mail": mail}),
                "{row:#}"
            );
        }
    }
}

/// The customer of the first environment that lacks a reference binds it; answers the environment.
fn mend(world: &World) -> String {
    let all = world.tenants.iter().flat_map(|t| t.environments.iter().map(move |e| (t, e)));
    let mut lacking = all.filter(|(_, (_, prepared))| *prepared == Prepared::Missing);
    let (tenant, (name, _)) = lacking.next().expect("one lacks a reference");
    let path = "/providers/Microsoft.PowerApps/connections?$filter=environment eq '";
    let list = tenant.served.ask(name, "GET", &format!("{path}{name}'"), None).json();
    let all = list["value"].as_array().expect("a list");
    let mailbox = all.iter().find(|one| one["properties"]["displayName"] == tenant.own[1]);
    let id = &mailbox.expect("the mailbox is there")["name"];
    let key = "connectionreferences(connectionreferencelogicalname='hbr_Mail')";
    let bound = tenant.served.ask(
        name,
        "PATCH",
        &format!("{API}/{key}"),
        Some(&json!({"connectionid": id})),
    );
    assert_eq!(bound.status, 204, "{}", String::from_utf8_lossy(&bound.body));
    name.clone()
}

fn nothing_leaks(world: &World) {
    // The publisher: nothing of any tenant in what it keeps and in what it was told.
    let mut publisher = files(world.publisher.path());
    for ran in world.publisher.heard() {
        publisher.push((ran.line.clone(), format!("{}{}", ran.stdout, ran.stderr).into_bytes()));
    }
    // Proof that the search finds: the names of environments are there.
    assert!(holds(&publisher, &["t0e0".to_owned()]).is_some());
    let homes: Vec<_> = world.tenants.iter().map(|tenant| files(tenant.home.path())).collect();
    for (at, tenant) in world.tenants.iter().enumerate() {
        assert!(holds(&homes[at], &tenant.own[..1]).is_some(), "a tenant has its own");
        assert_eq!(holds(&publisher, &tenant.own), None, "tenant {at} and the publisher");
        for (other, home) in homes.iter().enumerate().filter(|(other, _)| *other != at) {
            assert_eq!(holds(home, &tenant.own), None, "tenant {at} and tenant {other}");
        }
        let token = std::slice::from_ref(&tenant.token);
        assert_eq!(holds(&homes[at], token), None, "a token is kept as its hash only");
    }
    for (at, tenant) in world.tenants.iter().enumerate() {
        let name = &tenant.environments[0].0;
        let as_publisher = |served: &Served, env: &str, path: &str| {
            let bearer = format!("Bearer {}", tenant.token);
            let headers = [("authorization", bearer.as_str())];
            connref_tests::http::send(served.port, &served.host(env), "GET", path, &headers, None)
        };
        // Its token shows no connection where it deploys, and opens nothing elsewhere.
        let path =
            format!("/providers/Microsoft.PowerApps/connections?$filter=environment eq '{name}'");
        assert_eq!(as_publisher(&tenant.served, name, &path).json()["value"], json!([]));
        let id = &tenant.own[5];
        let one = format!(
            "/providers/Microsoft.PowerApps/apis/shared_commondataserviceforapps/connections/{id}\
             ?$filter=environment eq '{name}'"
        );
        assert_eq!(as_publisher(&tenant.served, name, &one).status, 404);
        let other = &world.tenants[(at + 1) % world.tenants.len()];
        let there = &other.environments[0].0;
        let asked = as_publisher(&other.served, there, &format!("{API}/WhoAmI"));
        assert_eq!(asked.status, 401, "a token of one tenant opens another");
    }
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder can be read") {
            let path = entry.expect("an entry can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                // The server may take a file of its own away meanwhile.
                all.extend(
                    std::fs::read(&path).ok().map(|bytes| (path.display().to_string(), bytes)),
                );
            }
        }
    }
    all
}

/// Where one of the texts is, and which.
fn holds(all: &[(String, Vec<u8>)], texts: &[String]) -> Option<(String, String)> {
    let search = aho_corasick::AhoCorasick::new(texts).expect("few texts");
    let found =
        |bytes: &[u8]| search.find(bytes).map(|hit| texts[hit.pattern().as_usize()].clone());
    all.iter().find_map(|(name, bytes)| Some((name.clone(), found(bytes)?)))
}

/// A publisher with two customers to whom it has no access.
fn kits(keys: [&str; 2]) -> (Home, String) {
    let publisher = Home::new();
    let _ = publisher.file("harbour.zip", fixture_zip("harbour_notices"));
    let text = format!(
        "version: 1\npackage: harbour.zip\ncustomers:\n\
         - {{name: North, resultKey: {}, environments: [{{name: prod}}]}}\n\
         - {{name: South, resultKey: {}, environments: [{{name: prod}}]}}\n",
        keys[0], keys[1]
    );
    let file = publisher.file("rollout.yaml", text);
    (publisher, file)
}

#[test]
fn a_customer_without_access_sends_a_signed_result_that_fills_the_matrix() {
    let customer = |name: &str| {
        let home = Home::with_env("prod", &[]);
        let package = home.file("harbour.zip", fixture_zip("harbour_notices"));
        let ran = home.ok(["solution", "plan", &package, "--sign", "plan.json"]);
        let key = ran.stderr.split("public key ").nth(1).map(str::trim).map(str::to_owned);
        (home, package, key.unwrap_or_else(|| panic!("{name}: no key in {}", ran.stderr)))
    };
    let (north, package, north_key) = customer("north");
    let (south, _, south_key) = customer("south");
    let (publisher, file) = kits([&north_key, &south_key]);
    let at = |home: &Home, name: &str| home.path().join(name).display().to_string();
    let add = |result: &str| publisher.run(["rollout", "add", &file, result]);

    add(&at(&north, "plan.json")).expect(0);
    let shown = publisher.json(["rollout", "show", &file]);
    assert_eq!(shown[0]["state"], "ready", "{shown:#}");
    assert_eq!(shown[0]["references"], json!({"hbr_Ledger": "missing", "hbr_Mail": "missing"}));
    assert_eq!(shown[1]["state"], "waiting", "a result of one customer fills no other's row");

    north.ok(["solution", "import", "--path", &package]);
    north.ok(["solution", "plan", &package, "--skip-lower-version", "--sign", "after.json"]);
    add(&at(&north, "after.json")).expect(0);
    let shown = publisher.json(["rollout", "show", &file]);
    assert_eq!(shown[0]["state"], "incomplete", "what is installed is told as found: {shown:#}");
    // An older one does not come back over it.
    let again = add(&at(&north, "plan.json")).expect(6);
    assert!(again.stderr.contains("newer result"), "{}", again.stderr);

    // A result by a key nobody listed, one that was changed, one about another package.
    let stranger = customer("stranger").0;
    let refused = add(&at(&stranger, "plan.json")).expect(4);
    assert!(refused.stderr.contains("no `resultKey`"), "{}", refused.stderr);
    let text = std::fs::read_to_string(south.path().join("plan.json")).expect("a result");
    let mut envelope: Value = serde_json::from_str(&text).expect("JSON");
    let payload = envelope["payload"].as_str().expect("a payload").to_owned();
    envelope["payload"] = json!(payload.replacen('A', "B", 1));
    let forged = publisher.file("forged.json", envelope.to_string());
    assert_eq!(add(&forged).code, Some(4));
    let other = south.file("other.zip", fixture_zip("harbour_sites"));
    south.ok(["solution", "plan", &other, "--sign", "other.json"]);
    let refused = add(&at(&south, "other.json")).expect(4);
    assert!(refused.stderr.contains("another package"), "{}", refused.stderr);
    let shown = publisher.json(["rollout", "show", &file]);
    assert_eq!(shown[1]["state"], "waiting", "{shown:#}");
    // Nobody can deploy to them, and nothing pretends to.
    let ran = publisher.run(["rollout", "run", &file]).expect(8);
    assert!(ran.stdout.contains("waiting"), "{}", ran.stdout);
}

#[test]
fn a_wave_that_fails_stops_the_next_and_a_held_environment_is_not_touched() {
    let home = Home::with_env("one", &[]);
    home.env_create("two", &[]);
    home.env_create("three", &[]);
    let _ = home.file("harbour.zip", fixture_zip("harbour_notices"));
    let file = home.file(
        "rollout.yaml",
        "version: 1\npackage: harbour.zip\nwaves: [first, second]\ncustomers:\n\
         - {name: A, environments: [{name: gone, wave: first}, {name: one, wave: first}]}\n\
         - {name: B, environments: [{name: two, wave: second}]}\n",
    );
    let early = home.run(["rollout", "run", &file, "--wave", "second"]).expect(8);
    assert!(early.stderr.contains("2 environments of earlier waves"), "{}", early.stderr);
    assert_eq!(home.json(["solution", "list", "--env", "two"]), json!([]));
    let ran = home.run(["rollout", "run", &file]).expect(8);
    assert!(ran.stderr.contains("1 failed in wave first; no later wave begins"), "{}", ran.stderr);
    assert_eq!(
        ran.stdout,
        "\
CUSTOMER  ENVIRONMENT  WAVE    STATE       FLOWS   hbr_Ledger  hbr_Mail
A         gone         first   ✕ failed    –       –           –
A         one          first   incomplete  0 of 1  ✕ missing   ✕ missing
B         two          second  ● waiting   –       –           –
"
    );
    assert_eq!(
        ran.stderr,
        "\
wave first: 2 environments
A gone: plan the import of the solution: refused (404, 0x80040217)
3 environments · 1 incomplete · 1 failed · 1 waiting · references: 0 bound, 2 missing, 0 broken
1 failed in wave first; no later wave begins
"
    );
    let held = home.file(
        "held.yaml",
        "version: 1\npackage: harbour.zip\nwhenMissing: hold\ncustomers:\n\
         - {name: C, environments: [{name: three}]}\n",
    );
    let ran = home.run(["rollout", "run", &held, "-o", "csv"]).expect(8);
    assert_eq!(
        ran.stdout,
        "\
customer,environment,wave,state,flows,ref:hbr_Ledger,ref:hbr_Mail
C,three,all,held,0 of 1,missing,missing
"
    );
    assert_eq!(home.json(["solution", "list", "--env", "three"]), json!([]));
    let slip = home.run(["rollout", "run", &file, "--customer", "Aa"]).expect(5);
    assert!(slip.stderr.contains("no customer `Aa`"), "{}", slip.stderr);
}

#[test]
fn settings_given_later_bind_and_a_finished_rollout_writes_nothing() {
    let home = Home::with_env("quay", &[]);
    let _ = home.file("harbour.zip", fixture_zip("harbour_notices"));
    let text = |settings: &str| {
        format!(
            "version: 1\npackage: harbour.zip\nactivate: true\ncustomers:\n\
             - {{name: A, environments: [{{name: quay{settings}}}]}}\n"
        )
    };
    let file = home.file("rollout.yaml", text(""));
    let first = home.run_json(["rollout", "run", &file]).expect(8).json();
    assert_eq!((&first[0]["state"], &first[0]["flows"]["on"]), (&json!("incomplete"), &json!(0)));
    let line = ["solution", "create-settings", "-f", "harbour.zip"];
    let mut settings = home.json(line);
    for entry in settings["ConnectionReferences"].as_array_mut().expect("references") {
        let api = entry["ConnectorId"].as_str().and_then(|id| id.rsplit('/').next()).unwrap_or("");
        let office = api == "shared_office365";
        let id = home.connection(&Connection {
            env: "quay",
            connector: api,
            name: api,
            endpoint: office.then_some("mail.harbour.test:587"),
            secrets: if office { &[("password", "rollout-rope-3319")] } else { &[] },
            ..Connection::default()
        });
        entry["ConnectionId"] = json!(id);
    }
    let _ = home.file("quay.json", settings.to_string());
    let file = home.file("rollout.yaml", text(", settings: quay.json"));
    // The version is there already; what the settings bind goes in all the same.
    let second = home.run_json(["rollout", "run", &file]).expect(0).json();
    assert_eq!(second[0]["state"], "deployed", "{second:#}");
    assert_eq!(second[0]["flows"], json!({"on": 1, "all": 1}), "{second:#}");
    let record = home.path().join("rollout.state.ndjson");
    let before = std::fs::read(&record).expect("a record");
    let jobs = home.json(["job", "list"]).as_array().map(Vec::len);
    home.run(["rollout", "run", &file]).expect(0);
    assert_eq!(std::fs::read(&record).expect("a record"), before);
    assert_eq!(home.json(["job", "list"]).as_array().map(Vec::len), jobs, "nothing was imported");
    // A record that is not whole in its middle is no record; nothing is guessed from it.
    std::fs::write(&record, "half a line\n").expect("it can be written");
    let refused = home.run(["rollout", "run", &file]).expect(2);
    assert!(refused.stderr.contains("line 1 of"), "{}", refused.stderr);
}
