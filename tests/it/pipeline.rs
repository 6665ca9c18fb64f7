//! Pipelines: a delegated service principal with no more than the role Deployer carries out what people
//! ask for; they gain nothing; what was deployed is recorded, and comes back with its bindings.
use connref_tests::Home;
use connref_tests::home::Connection;
use connref_tests::package::{fixture, part_text, unzip, zip};
use connref_tests::postgres::{Database, server};
use connref_tests::ran::Ran;
use connref_tests::served::Served;
use serde_json::{Value, json};

const CI: &str = "ci@harbour.test";
const ANN: &str = "ann@harbour.test";
const EVE: &str = "eve@harbour.test";
const DEPLOYER: &str = "deployer@harbour.test";

struct World {
    home: Home,
    file: String,
    _database: Option<Database>,
}

impl World {
    /// Source, two stages with a delegate each, and connections that their owners share with it.
    fn new() -> Self {
        Self::on(None, "extended")
    }

    /// On PostgreSQL, where a server is given.
    fn on(server: Option<&str>, fidelity: &str) -> Self {
        let home = Home::new();
        let database = server.map(|server| Database::new(server, None));
        if let Some(database) = &database {
            home.set("CONNREF_DATABASE", &database.url());
        }
        home.env_create("dev", &[]);
        for env in ["test", "prod"] {
            home.ok(["env", "create", env, "--fidelity", fidelity]);
            home.ok([
                "user",
                "add",
                DEPLOYER,
                "--service-principal",
                "--role",
                "Deployer",
                "--env",
                env,
            ]);
        }
        for name in [CI, ANN, EVE] {
            home.ok(["user", "add", name, "--role", "System Customizer", "--env", "dev"]);
        }
        let package = fixture("harbour_notices").display().to_string();
        home.ok(["solution", "import", "--path", &package, "--env", "dev"]);
        let world = Self { home, file: String::new(), _database: database };
        world.stage_settings("test", "A");
        world.stage_settings("prod", "A");
        let file = world.home.file("pipeline.yaml", PIPELINE);
        world.home.ok(["pipeline", "create", &file]);
        Self { file, ..world }
    }

    /// Makes a pair of connections in a stage, shared with the delegate, and writes the settings that bind
    /// to it.
    fn stage_settings(&self, env: &str, pair: &str) {
        let (mail, ledger) = (format!("Mailbox {pair}"), format!("Ledger {pair}"));
        let mailbox = self.home.connection(&Connection {
            env,
            connector: "shared_office365",
            name: &mail,
            endpoint: Some("mail.harbour.test:587"),
            parameters: &[("username", &format!("{pair}@harbour.test"))],
            secrets: &[("password", "pipeline-rope-5512")],
            ..Connection::default()
        });
        let connector = "shared_commondataserviceforapps";
        let book = self.home.connection(&Connection {
            env,
            connector,
            name: &ledger,
            ..Connection::default()
        });
        for name in [&mail, &ledger] {
            let line = ["connection", "share", name, "--with", DEPLOYER, "--env", env];
            self.home.ok([&line[..], &["--level", "use-and-share"]].concat());
        }
        let entry = |name: &str, id: &str, api: &str| {
            json!({"LogicalName": name, "ConnectionId": id,
                   "ConnectorId": format!("/providers/Microsoft.PowerApps/apis/{api}")})
        };
        let settings = json!({"EnvironmentVariables": [], "ConnectionReferences": [
            entry("hbr_Mail", &mailbox, "shared_office365"),
            entry("hbr_Ledger", &book, connector),
        ]});
        let _ = self.home.file(&format!("{env}.json"), settings.to_string());
    }

    fn run(&self, who: &str, words: &[&str]) -> Ran {
        self.home.run_json([&["pipeline"], words, &["--as", who]].concat())
    }

    fn deploy(&self, who: &str, stage: &str, more: &[&str]) -> Ran {
        self.run(who, &[&["deploy", "harbour", "--stage", stage], more].concat())
    }

    fn version(&self, env: &str) -> Option<String> {
        let all = self.home.json(["solution", "list", "--env", env]);
        all[0]["version"].as_str().map(str::to_owned)
    }

    /// What the references of an environment are bound to, by name of the connection.
    fn bound(&self, env: &str) -> Vec<(String, Value)> {
        let all = self.home.json(["ref", "list", "--env", env]);
        let rows = all.as_array().expect("a list").iter();
        rows.map(|row| {
            (row["name"].as_str().unwrap_or_default().to_owned(), row["connection"].clone())
        })
        .collect()
    }

    fn flow(&self, env: &str) -> Value {
        self.home.json(["flow", "list", "--env", env])[0]["state"].clone()
    }

    /// The first release as it was deployed, with another version.
    fn next(&self, version: &str) -> String {
        let zipped = self.home.path().join("first.zip");
        if !zipped.exists() {
            let line = ["solution", "export", "HarbourNotices", "--managed", "--env", "dev"];
            self.home.ok([&line[..], &["--path", "first.zip"]].concat());
        }
        let mut parts = unzip(&std::fs::read(&zipped).expect("an export"));
        let text = part_text(&parts, "solution.xml");
        let text =
            text.replace("<Version>1.0.0.0</Version>", &format!("<Version>{version}</Version>"));
        for (name, content) in &mut parts {
            if name == "solution.xml" {
                *content = text.clone().into_bytes();
            }
        }
        self.home.file(&format!("v{version}.zip"), zip(&parts))
    }
}

const PIPELINE: &str = "version: 1
name: harbour
solution: HarbourNotices
source: dev
stages:
  - name: test
    environment: test
    delegate: deployer@harbour.test
    settings: test.json
    requesters: [ci@harbour.test]
  - name: prod
    environment: prod
    delegate: deployer@harbour.test
    settings: prod.json
    requesters: [ci@harbour.test, ann@harbour.test]
    approvers: [ann@harbour.test]
";

#[test]
fn a_release_passes_its_stages_and_who_asks_gains_nothing() {
    let world = World::new();
    let rights = |who: &str| -> Vec<Option<i32>> {
        let lines: [&[&str]; 10] = [
            &["solution", "list"],
            &["connection", "list"],
            &["ref", "list"],
            &["flow", "list"],
            &["solution", "export", "HarbourNotices", "--path", "x.zip"],
            &["variable", "create", "hbr_X", "--type", "string"],
            &["connection", "create", "shared_sql", "--name", "X", "--param", "server=x"],
            &["user", "list"],
            &["facts", "export"],
            &["audit", "log"],
        ];
        let envs = ["test", "prod"];
        let all = envs.iter().flat_map(|env| lines.iter().map(move |line| (env, line)));
        all.map(|(env, line)| {
            world.home.run([line, &["--env", env, "--as", who][..]].concat()).code
        })
        .collect()
    };
    let before = [rights(CI), rights(ANN)];
    // What is not there yet is no less forbidden.
    assert!(before.iter().flatten().all(|code| *code == Some(4)), "{before:?}");

    // Nothing reaches the second stage that the first has not had.
    let early = world.deploy(CI, "prod", &[]).expect(6);
    assert!(early.stderr.contains("nothing has succeeded in stage `test` yet"), "{}", early.stderr);
    world.deploy(EVE, "test", &[]).expect(5);
    world.deploy(ANN, "test", &[]).expect(4);
    let planned = world.deploy(CI, "test", &["--dry-run"]).expect(0).json();
    assert_eq!(planned["state"], "planned", "{planned:#}");
    assert_eq!(world.version("test"), None);
    let done = world.deploy(CI, "test", &[]).expect(0).json();
    assert_eq!(done["state"], "succeeded", "{done:#}");
    assert_eq!(
        (world.version("test").as_deref(), world.flow("test")),
        (Some("1.0.0.0"), json!("on"))
    );

    let waits = world.deploy(CI, "prod", &[]).expect(8).json();
    assert_eq!((&waits["state"], &waits["package"]), (&json!("waiting"), &done["package"]));
    assert_eq!(world.version("prod"), None, "nothing was written");
    let id = waits["id"].as_str().expect("an id");
    world.run(CI, &["approve", "harbour", id]).expect(4);
    // Whoever approves has not asked.
    let own = world.deploy(ANN, "prod", &[]).expect(8).json();
    let own = own["id"].as_str().expect("an id").to_owned();
    let refused = world.run(ANN, &["approve", "harbour", &own]).expect(4);
    assert!(refused.stderr.contains("its own request"), "{}", refused.stderr);
    let approved =
        world.run(ANN, &["approve", "harbour", id, "--comment", "tried"]).expect(0).json();
    assert_eq!((&approved["state"], &approved["decidedBy"]), (&json!("succeeded"), &json!(ANN)));
    world.run(ANN, &["approve", "harbour", id]).expect(6);
    assert_eq!(
        (world.version("prod").as_deref(), world.flow("prod")),
        (Some("1.0.0.0"), json!("on"))
    );
    // The delegate owns what came, and acted; the audit log names who asked.
    let flows = world.home.json(["flow", "list", "--env", "prod"]);
    assert_eq!(flows[0]["owner"], DEPLOYER, "{flows:#}");
    let log = world.home.json(["audit", "log", "--env", "prod"]).to_string();
    assert!(log.contains("deployment_request") && log.contains(CI) && log.contains(ANN), "{log}");
    assert_eq!([rights(CI), rights(ANN)], before, "rights before are rights after");

    // No record tells what is bound: those who ask need not see connections.
    let told = world.run(CI, &["history", "harbour"]).expect(0).stdout;
    for (_, connection) in world.bound("prod") {
        assert!(!told.contains(connection.as_str().expect("bound")), "{told}");
    }
    world.run(CI, &["create", &world.file]).expect(4);
    // Whoever left asks for nothing more.
    world.home.ok(["user", "disable", CI, "--env", "dev"]);
    world.deploy(CI, "test", &[]).expect(4);
}

#[test]
fn a_roll_back_brings_package_and_bindings_back_or_nothing_on_sqlite() {
    roll_back(&World::new());
}

#[test]
fn a_roll_back_brings_package_and_bindings_back_or_nothing_on_postgresql() {
    let Some(server) = server("a_roll_back_brings_package_and_bindings_back") else { return };
    roll_back(&World::on(Some(&server), "extended"));
}

#[test]
fn a_roll_back_brings_package_and_bindings_back_or_nothing_in_dataverse_fidelity() {
    roll_back(&World::on(None, "dataverse"));
}

fn roll_back(world: &World) {
    let first = world.next("1.0.0.0");
    let second = world.next("2.0.0.0");
    world.deploy(CI, "test", &["--path", &first]).expect(0);
    let bound_first = world.bound("test");
    // The second release binds to other connections.
    world.stage_settings("test", "B");
    world.home.ok(["pipeline", "create", &world.file]);
    world.deploy(CI, "test", &["--path", &second]).expect(0);
    let bound_second = world.bound("test");
    assert_ne!(bound_first, bound_second);
    assert_eq!(world.version("test").as_deref(), Some("2.0.0.0"));

    let back = ["rollback", "harbour", "--stage", "test"];
    world.run(EVE, &back).expect(5);
    world.run(ANN, &back).expect(4);
    let planned = world.run(CI, &[&back[..], &["--dry-run"]].concat()).expect(0).json();
    assert_eq!(planned["state"], "planned", "{planned:#}");
    assert_eq!(world.bound("test"), bound_second);
    let done = world.run(CI, &back).expect(0).json();
    assert_eq!(done["state"], "succeeded", "{done:#}");
    assert_eq!(world.version("test").as_deref(), Some("1.0.0.0"));
    assert_eq!(world.bound("test"), bound_first, "each binding is the one of that release");
    assert_eq!(world.flow("test"), "on");
    let none = world.run(CI, &back).expect(6);
    assert!(none.stderr.contains("no release before"), "{}", none.stderr);

    // Forward again, by name; then what a roll back needs is gone: it is refused as a whole.
    let history = world.run(CI, &["history", "harbour", "--stage", "test"]).expect(0).json();
    let newest = history.as_array().expect("a list").iter();
    let second_id = newest.clone().find(|row| row["version"] == "2.0.0.0").expect("the second");
    let to = second_id["id"].as_str().expect("an id");
    world.run(CI, &[&back[..], &["--to", to]].concat()).expect(0);
    assert_eq!(
        (world.version("test").as_deref(), world.bound("test")),
        (Some("2.0.0.0"), bound_second.clone())
    );
    world.home.ok(["connection", "delete", "Mailbox A", "--force", "--env", "test"]);
    let first_id = newest.rev().find(|row| row["version"] == "1.0.0.0").expect("the first");
    let to = first_id["id"].as_str().expect("an id");
    let refused = world.run(CI, &[&back[..], &["--to", to]].concat()).expect(4).json();
    assert_eq!(refused["refusals"][0]["code"], "ConnectionNotFound", "{refused:#}");
    assert_eq!(
        (world.version("test").as_deref(), world.bound("test")),
        (Some("2.0.0.0"), bound_second)
    );
}

#[test]
fn a_stage_says_why_it_takes_nothing_and_a_changed_stage_wants_a_new_request() {
    let world = World::new();
    // Of another solution, damaged, or with a finding that the stage does not accept.
    let other = fixture("harbour_sites").display().to_string();
    let ran = world.deploy(CI, "test", &["--path", &other]).expect(4);
    assert!(ran.stderr.contains("the pipeline is for `HarbourNotices`"), "{}", ran.stderr);
    let first = world.next("1.0.0.0");
    world.deploy(CI, "test", &["--path", &first]).expect(0);
    let waits = world.deploy(CI, "prod", &[]).expect(8).json();
    let id = waits["id"].as_str().expect("an id").to_owned();
    world.stage_settings("prod", "B");
    world.home.ok(["pipeline", "create", &world.file]);
    let stale = world.run(ANN, &["approve", "harbour", &id]).expect(6);
    assert!(stale.stderr.contains("were changed since"), "{}", stale.stderr);
    let rejected = world.run(ANN, &["approve", "harbour", &id, "--reject"]).expect(0).json();
    assert_eq!(rejected["state"], "rejected");
    assert_eq!(world.version("prod"), None);
    // The delegate loses the use of a connection: refused before anything is written, and recorded.
    let unshare =
        ["connection", "share", "Mailbox B", "--with", DEPLOYER, "--remove", "--env", "prod"];
    world.home.ok(unshare);
    let refused = world.deploy(CI, "prod", &[]).expect(4);
    assert_eq!(refused.json()["state"], "refused", "{}", refused.stdout);
    let row = &world.run(CI, &["history", "harbour", "--stage", "prod"]).expect(0).json()[0];
    assert_eq!((&row["state"], &row["requestedBy"]), (&json!("refused"), &json!(CI)));

    // A delegate that is a person, or not there, or a stage without an environment, is no pipeline.
    for (from, to, told) in [
        (
            "delegate: deployer@harbour.test",
            "delegate: nobody@harbour.test",
            "no service principal",
        ),
        ("environment: prod", "environment: moon", "`moon`"),
        ("settings: prod.json", "settings: gone.json", "gone.json"),
    ] {
        let file = world.home.file("wrong.yaml", PIPELINE.replacen(from, to, 1));
        let ran = world.home.run(["pipeline", "create", &file]);
        assert!(ran.code != Some(0) && ran.stderr.contains(told), "{to}: {ran:?}");
    }
    let told = world.home.run(["pipeline", "show", "harbour"]).expect(0).stdout;
    assert_eq!(
        told,
        "\
STAGE  ENVIRONMENT  DELEGATE               ASKS                               APPROVES          RELEASE  LAST
test   test         deployer@harbour.test  ci@harbour.test                    –                 1.0.0.0  succeeded
prod   prod         deployer@harbour.test  ci@harbour.test, ann@harbour.test  ann@harbour.test  –        refused
"
    );
}

#[test]
fn a_build_server_deploys_without_prompts_and_waits_for_the_approval() {
    let world = World::new();
    let token = |name: &str| {
        let made = world.home.json(["server", "token", name]);
        let token = made["token"].as_str().expect("a token").to_owned();
        world.home.file(&format!("token-{name}"), token)
    };
    let (ci, ann) = (token(CI), token(ANN));
    let served = Served::start(&world.home);
    let control = format!("http://localhost:{}", served.port);
    let at = |token: &str, words: &[&str]| {
        let mut all = vec!["pipeline"];
        all.extend(words);
        let place = ["--environment", control.as_str(), "--token-file", token, "-o", "json"];
        all.extend(place);
        let owned: Vec<String> = all.iter().map(|word| (*word).to_owned()).collect();
        owned
    };
    let done = world.home.run(at(&ci, &["deploy", "harbour", "--stage", "test"])).expect(0).json();
    assert_eq!(done["state"], "succeeded", "{done:#}");
    // Standard input is closed: whoever asked would get nothing.
    let waiting = at(&ci, &["deploy", "harbour", "--stage", "prod", "--wait", "2"]);
    let child = world.home.command(waiting).spawn().expect("it can be started");
    let id = loop {
        let list =
            world.home.run(at(&ann, &["history", "harbour", "--stage", "prod"])).expect(0).json();
        match list[0]["id"].as_str() {
            Some(id) => break id.to_owned(),
            None => std::thread::sleep(std::time::Duration::from_millis(50)),
        }
    };
    world.home.run(at(&ann, &["approve", "harbour", &id])).expect(0);
    let ended = child.wait_with_output().expect("it ends");
    assert_eq!(ended.status.code(), Some(0));
    let told: Value = serde_json::from_slice(&ended.stdout).expect("JSON");
    assert_eq!((&told["state"], &told["decidedBy"]), (&json!("succeeded"), &json!(ANN)));
}

#[test]
fn a_deployment_that_was_cut_off_is_told_so_and_goes_through_again_on_sqlite() {
    cut_off(&World::new());
}

#[test]
fn a_deployment_that_was_cut_off_is_told_so_and_goes_through_again_on_postgresql() {
    let Some(server) = server("a_deployment_that_was_cut_off") else { return };
    cut_off(&World::on(Some(&server), "extended"));
}

fn cut_off(world: &World) {
    use std::io::{BufRead, BufReader};
    let line = ["pipeline", "deploy", "harbour", "--stage", "test", "--as", CI];
    for point in ["import-judged", "deployment-imported"] {
        let mut command = world.home.command(line);
        let mut child = command.env("CONNREF_STOP_AT", point).spawn().expect("it can be started");
        let told = child.stderr.take().expect("stderr is read");
        let stopped = format!("stopped at {point}");
        assert!(BufReader::new(told).lines().map_while(Result::ok).any(|line| line == stopped));
        child.kill().expect("it can be killed");
        child.wait().expect("it can be waited for");
        let row = world.run(CI, &["history", "harbour"]).expect(0).json()[0].clone();
        assert_eq!(row["state"], "failed", "{row:#}");
        assert!(row["why"].as_str().is_some_and(|why| why.starts_with("cut off")), "{row:#}");
    }
    let done = world.deploy(CI, "test", &[]).expect(0).json();
    assert_eq!(
        (&done["state"], world.flow("test")),
        (&json!("succeeded"), json!("on")),
        "{done:#}"
    );
}

#[test]
fn odd_requests_are_refused_and_nobody_acts_as_somebody_else() {
    let world = World::new();
    let served = Served::start(&world.home);
    let bearer = format!("Bearer {}", served.token);
    let at = "/providers/connref/pipelines";
    let paths = [
        at.to_owned(),
        format!("{at}/harbour/deployments"),
        format!("{at}/harbour/rollback"),
        format!("{at}/harbour/deployments/0/decide"),
        format!("{at}/%00/deployments"),
    ];
    let deep = (0..200).fold(json!({}), |inner, _| json!({"pipeline": inner, "stage": "test"}));
    let bodies = [
        json!([]),
        json!("x"),
        json!({"stage": 7}),
        json!({"stage": "moon", "package": "UEsD"}),
        json!({"stage": "test", "package": "%%%"}),
        json!({"stage": "test", "package": "UEsDBAo="}),
        json!({"stage": "test", "to": {"a": 1}}),
        json!({"stage": "test", "planOnly": "yes"}),
        json!({"stage": "test", "planonly": true}),
        json!({"approve": "yes"}),
        json!({"pipeline": {"version": 1}, "settings": []}),
        json!({"pipeline": {"version": 1, "name": "x", "solution": "y", "stages": []}}),
        deep,
    ];
    let send = |path: &str, headers: &[(&str, &str)], body: &Value| {
        let host = format!("localhost:{}", served.port);
        connref_tests::http::send(served.port, &host, "POST", path, headers, Some(body))
    };
    for path in &paths {
        for body in &bodies {
            let answer = send(path, &[("authorization", &bearer)], body);
            let text = String::from_utf8_lossy(&answer.body).into_owned();
            assert!((400..500).contains(&answer.status), "{path} {body}: {} {text}", answer.status);
        }
        assert_eq!(send(path, &[], &json!({})).status, 401, "{path}");
        let acting = [("authorization", bearer.as_str()), ("mscrmcallerid", CI)];
        let body = match path.as_str() {
            path if path.ends_with("decide") => json!({"approve": true}),
            path if path == at => json!({"pipeline": {}}),
            _ => json!({"stage": "test"}),
        };
        let answer = send(path, &acting, &body);
        assert_eq!(answer.json()["error"]["code"], "ImpersonationNotSupported", "{path}");
    }
    assert_eq!(world.version("test"), None);
    assert_eq!(world.home.json(["pipeline", "history", "harbour"]), json!([]));
}
