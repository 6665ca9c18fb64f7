//! `kill -9` at every named moment of import, upgrade, promotion, binding and going back, and at
//! random moments of an upgrade: the whole old or the whole new state, on both engines.
use std::io::{BufRead, BufReader};
use std::time::{Duration, Instant};

use connref_store::source::POINTS;
use connref_tests::Home;
use connref_tests::generated::Generated;
use connref_tests::home::Connection;
use connref_tests::postgres::{Database, server};
use connref_tests::seed::Seed;
use serde_json::{Value, json};

/// An installation on one of the engines.
struct World {
    home: Home,
    database: Option<Database>,
}

impl World {
    fn new(server: Option<&str>) -> Self {
        Self::on(Home::new(), server.map(|server| Database::new(server, None)))
    }

    fn on(home: Home, database: Option<Database>) -> Self {
        if let Some(database) = &database {
            home.set("CONNREF_DATABASE", &database.url());
        }
        Self { home, database }
    }

    fn copy(&self) -> Self {
        let of = self.database.as_ref();
        let database = of.map(|of| Database::new(&server_of(&of.url()), Some(of)));
        Self::on(self.home.copy(), database)
    }

    /// What is there, without ids and times that differ from import to import.
    fn state(&self) -> Value {
        let pick = |arguments: &[&str], columns: &[&str]| {
            let rows = self.home.json(arguments.iter().copied());
            let mut lines: Vec<String> = rows
                .as_array()
                .expect("a list")
                .iter()
                .map(|row| columns.iter().map(|c| format!("{} ", row[*c])).collect())
                .collect();
            lines.sort();
            lines
        };
        assert_eq!(self.home.json(["audit", "verify"])["ok"], true);
        json!({
            "solutions": pick(&["solution", "list"], &["uniqueName", "version", "managed"]),
            "references": pick(&["ref", "list"], &["name", "connectionId"]),
            "flows": pick(&["flow", "list"], &["id", "name", "state"]),
            "layers": pick(&["layer", "list"], &["kind", "name", "solution", "order"]),
        })
    }

    /// Starts a command that stops at a moment, and kills it there. False if it ended before.
    fn killed_at(&self, command: &[&str], point: &str) -> bool {
        let mut process = self.home.command(command);
        let mut child = process.env("CONNREF_STOP_AT", point).spawn().expect("it can be started");
        let told = child.stderr.take().expect("stderr is read");
        let stopped = format!("stopped at {point}");
        let reached = BufReader::new(told).lines().map_while(Result::ok).any(|l| l == stopped);
        // SIGKILL.
        let _ = child.kill();
        child.wait().expect("it can be waited for");
        reached
    }
}

fn server_of(url: &str) -> String {
    let end = url.rfind('/').unwrap_or(url.len());
    format!("{}/postgres", &url[..end])
}

/// Version 1 with bound references; a connection more to bind to.
fn base(server: Option<&str>) -> (World, String) {
    let world = World::new(server);
    let home = &world.home;
    home.env_create("dev", &[]);
    let one = Generated { flows: 6, ..Generated::default() };
    let moved: &[(&str, &str)] = &[("hbr_Mail", "hbr_Post")];
    let two = Generated { version: "2.0.0.0", flows: 5, words: moved, ..Generated::default() };
    let _ = home.file("one.zip", one.zip());
    let _ = home.file("two.zip", two.zip());
    home.ok(["solution", "import", "--path", "one.zip"]);
    let connection = |name: &str| {
        home.connection(&Connection {
            env: "dev",
            connector: "shared_office365",
            name,
            endpoint: Some("mail.harbour.test:587"),
            secrets: &[("password", "points-rudder-5521")],
            ..Connection::default()
        })
    };
    let (first, second) = (connection("First"), connection("Second"));
    home.ok(["ref", "bind", "hbr_Mail", "--connection", &first]);
    (world, second)
}

const UPGRADE: [&str; 5] = ["solution", "import", "--path", "two.zip", "--stage-and-upgrade"];

fn every_point(server: Option<&str>) {
    let (one, second) = base(server);
    let upgraded = one.copy();
    upgraded.home.ok(UPGRADE);
    let holding = one.copy();
    holding.home.ok(["solution", "import", "--path", "two.zip", "--import-as-holding"]);
    let rebound = one.copy();
    rebound.home.ok(["ref", "bind", "hbr_Mail", "--connection", &second]);
    let back = ["solution", "import", "--path", "one.zip", "--stage-and-upgrade", "--allow-older"];
    let stories: [(&str, &World, Vec<&str>); 6] = [
        ("import", &one, vec!["solution", "import", "--path", "two.zip"]),
        ("import", &one, UPGRADE.to_vec()),
        ("import", &upgraded, back.to_vec()),
        ("promote", &holding, vec!["solution", "upgrade", "HarbourNotices"]),
        ("bind", &one, vec!["ref", "bind", "hbr_Mail", "--connection", &second]),
        ("bind", &rebound, vec!["ref", "bind", "hbr_Mail", "--at", "1"]),
    ];
    let mut kills = 0;
    for (prefix, start, command) in stories {
        let old = start.state();
        let reference = start.copy();
        reference.home.ok(command.iter().copied());
        let new = reference.state();
        assert_ne!(old, new, "{command:?} changes something");
        for point in POINTS.iter().filter(|point| point.starts_with(prefix)) {
            let world = start.copy();
            assert!(world.killed_at(&command, point), "{command:?} never reached {point}");
            let found = world.state();
            let committed = point.ends_with("-committed");
            let wanted = if committed { &new } else { &old };
            assert_eq!(&found, wanted, "{command:?} killed at {point}");
            if !committed {
                // What was cut off bars nobody.
                world.home.ok(command.iter().copied());
                assert_eq!(world.state(), new, "{command:?} after the kill at {point}");
            }
            kills += 1;
        }
    }
    assert!(kills >= 31, "{kills}");
}

#[test]
fn every_named_moment_leaves_the_old_or_the_new_on_sqlite() {
    every_point(None);
}

#[test]
fn every_named_moment_leaves_the_old_or_the_new_on_postgresql() {
    let Some(server) = server("every_named_moment") else { return };
    every_point(Some(&server));
}

#[test]
fn random_moments_of_an_upgrade_leave_the_old_or_the_new_on_postgresql() {
    let Some(server) = server("random_moments") else { return };
    let mut seed =
        Seed::take("random_moments_of_an_upgrade_leave_the_old_or_the_new_on_postgresql");
    let kills = if std::env::var_os("CONNREF_LONG").is_some() { 300 } else { 50 };
    let (start, _) = base(Some(&server));
    let old = start.state();
    let reference = start.copy();
    let begun = Instant::now();
    reference.home.ok(UPGRADE);
    let micros = u64::try_from(begun.elapsed().as_micros()).unwrap_or(1_000_000) * 11 / 10;
    let new = reference.state();
    let (mut olds, mut news) = (0, 0);
    for kill in 0..kills {
        let world = start.copy();
        let moment = Duration::from_micros(seed.below(micros));
        let mut child = world.home.command(UPGRADE).spawn().expect("it can be started");
        std::thread::sleep(moment);
        let _ = child.kill();
        child.wait().expect("it can be waited for");
        let found = world.state();
        match (found == old, found == new) {
            (true, _) => olds += 1,
            (_, true) => news += 1,
            _ => panic!("kill {kill} after {moment:?} left neither state: {found:#}"),
        }
    }
    assert_eq!(olds + news, kills);
}

#[test]
fn an_import_while_another_runs_is_refused_or_waits() {
    let (world, _) = base(None);
    let mut process = world.home.command(UPGRADE);
    let mut child =
        process.env("CONNREF_STOP_AT", "import-judged").spawn().expect("it can be started");
    let told = child.stderr.take().expect("stderr is read");
    let mut lines = BufReader::new(told).lines().map_while(Result::ok);
    assert!(lines.any(|line| line == "stopped at import-judged"));
    let before = world.state();
    let refused = world.home.run(["solution", "import", "--path", "two.zip"]).expect(6);
    assert!(refused.stderr.contains("0x80071151"), "{}", refused.stderr);
    let says = "Cannot start another [Import] because there is a previous [Import] running";
    assert!(refused.stderr.contains(says), "{}", refused.stderr);
    assert_eq!(world.state(), before);
    let jobs = world.home.json(["job", "list"]);
    assert_eq!(jobs[0]["status"], "open", "{jobs:#}");
    let mut waiting = world
        .home
        .command(["solution", "import", "--path", "two.zip", "--wait"])
        .spawn()
        .expect("it can be started");
    std::thread::sleep(Duration::from_millis(300));
    assert!(waiting.try_wait().expect("it can be asked").is_none(), "it does not wait");
    let _ = child.kill();
    child.wait().expect("it can be waited for");
    assert!(waiting.wait().expect("it can be waited for").success());
    let jobs = world.home.json(["job", "list"]);
    let all = jobs.as_array().expect("a list");
    assert!(all.iter().all(|job| job["status"] != "open"), "{jobs:#}");
    let cut = all.iter().find(|job| job["context"] == "Upgrade").expect("the job that was killed");
    let id = cut["id"].as_str().expect("an id");
    let shown = world.home.run_json(["job", "show", id]).expect(4).json();
    assert!(shown["message"].as_str().expect("a text").contains("nothing of it was written"));
}

#[test]
fn an_import_as_a_job_tells_every_component() {
    let (world, _) = base(None);
    world.home.ok(["solution", "import", "--path", "two.zip", "--stage-and-upgrade", "--async"]);
    let jobs = world.home.json(["job", "list"]);
    let job = &jobs[0];
    assert_eq!(
        (&job["status"], &job["progress"]),
        (&json!("succeeded"), &json!(100.0)),
        "{jobs:#}"
    );
    let operation = job["operation"].as_str().expect("an operation");
    let shown = world.home.run_json(["job", "wait", operation]).expect(0).json();
    let changes: Vec<&str> = shown["components"]
        .as_array()
        .expect("a list")
        .iter()
        .filter(|one| one["name"] == "hbr_Mail")
        .map(|one| one["change"].as_str().expect("a text"))
        .collect();
    assert_eq!(changes.len(), 1, "{shown:#}");
    assert!(changes[0].starts_with("removed"), "{shown:#}");
    world.home.run(["job", "cancel", operation]).expect(4);
    // One that is refused fails as a job, with the reason.
    let refused = world.home.run(["solution", "import", "--path", "one.zip", "--async"]).expect(4);
    assert!(refused.stderr.contains("newer than the package"), "{}", refused.stderr);
}
