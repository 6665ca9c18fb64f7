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
        let facts = self.home.json(["facts", "export"]);
        assert_eq!(self.home.json(["audit", "verify"])["ok"], true);
        let rows = |list: &str| facts[list].as_array().expect("a list").clone();
        let pick = |list: &str, columns: &[&str]| {
            let line = |row: Value| -> String {
                columns
                    .iter()
                    .map(|c| format!("{} ", row.pointer(c).unwrap_or(&Value::Null)))
                    .collect()
            };
            let mut lines: Vec<String> = rows(list).into_iter().map(line).collect();
            lines.sort();
            lines
        };
        let name = |id: &Value| {
            let of = rows("solutions").into_iter().find(|row| row["id"] == *id);
            of.map_or(Value::Null, |row| row["uniqueName"].clone())
        };
        let layers = rows("layers").into_iter().map(|row| {
            let managed: Vec<Value> = row["managed"]
                .as_array()
                .expect("a list")
                .iter()
                .map(|one| json!([name(&one["solution"]), one["digest"]]))
                .collect();
            let of = row.pointer("/component/name").unwrap_or(&row["name"]);
            json!([of, managed, row["unmanaged"].is_null()]).to_string()
        });
        let mut layers: Vec<String> = layers.collect();
        layers.sort();
        json!({
            "solutions": pick("solutions", &["/uniqueName", "/version", "/managed"]),
            "references": pick("references", &["/logicalName", "/connection"]),
            "flows": pick("flows", &["/id", "/name", "/state"]),
            "layers": layers,
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

/// A change that is cut off: where it starts, what it does.
struct Story {
    /// What its moments are called.
    prefix: &'static str,
    start: World,
    command: Vec<String>,
    old: Value,
    new: Value,
    /// How long it takes.
    time: Duration,
}

impl Story {
    fn of(prefix: &'static str, start: World, command: &[&str]) -> Self {
        let old = start.state();
        let reference = start.copy();
        let begun = Instant::now();
        reference.home.ok(command);
        let time = begun.elapsed();
        let new = reference.state();
        assert_ne!(old, new, "{command:?} changes something");
        let command = command.iter().map(|word| (*word).to_owned()).collect();
        Self { prefix, start, command, old, new, time }
    }

    fn words(&self) -> Vec<&str> {
        self.command.iter().map(String::as_str).collect()
    }
}

/// Import, upgrade, going back, promotion, binding, and binding as it was.
fn stories(server: Option<&str>) -> Vec<Story> {
    let (one, second) = base(server);
    let after = |command: &[&str]| {
        let world = one.copy();
        world.home.ok(command);
        world
    };
    let upgraded = after(&UPGRADE);
    let holding = after(&["solution", "import", "--path", "two.zip", "--import-as-holding"]);
    let rebind = ["ref", "bind", "hbr_Mail", "--connection", &second];
    let rebound = after(&rebind);
    let back = ["solution", "import", "--path", "one.zip", "--stage-and-upgrade", "--allow-older"];
    vec![
        Story::of("import", one.copy(), &["solution", "import", "--path", "two.zip"]),
        Story::of("import", one.copy(), &UPGRADE),
        Story::of("import", upgraded, &back),
        Story::of("promote", holding, &["solution", "upgrade", "HarbourNotices"]),
        Story::of("bind", one, &rebind),
        Story::of("bind", rebound, &["ref", "bind", "hbr_Mail", "--at", "1"]),
    ]
}

fn every_point(server: Option<&str>) {
    let mut kills = 0;
    for story in stories(server) {
        let (old, new, command) = (&story.old, &story.new, story.words());
        for point in POINTS.iter().filter(|point| point.starts_with(story.prefix)) {
            let world = story.start.copy();
            assert!(world.killed_at(&command, point), "{command:?} never reached {point}");
            let found = world.state();
            let committed = point.ends_with("-committed");
            let wanted = if committed { new } else { old };
            assert_eq!(&found, wanted, "{command:?} killed at {point}");
            if !committed {
                // What was cut off bars nobody.
                world.home.ok(&command);
                assert_eq!(&world.state(), new, "{command:?} after the kill at {point}");
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

/// Kills at random moments, in turns of every story.
fn random_moments(server: Option<&str>, seed: &mut Seed) -> String {
    let kills = if std::env::var_os("CONNREF_LONG").is_some() { 300 } else { 50 };
    let stories = stories(server);
    let (mut olds, mut news) = (0, 0);
    for (kill, story) in (0..kills).zip(stories.iter().cycle()) {
        let (world, command) = (story.start.copy(), story.words());
        // A little beyond the measured time: the moment after the commit is one of them.
        let micros = u64::try_from(story.time.as_micros()).unwrap_or(1_000_000) * 11 / 10;
        let moment = Duration::from_micros(seed.below(micros));
        let mut child = world.home.command(&command).spawn().expect("it can be started");
        std::thread::sleep(moment);
        // SIGKILL; one that has ended already is as good.
        let _ = child.kill();
        child.wait().expect("it can be waited for");
        let found = world.state();
        if found == story.new {
            news += 1;
            continue;
        }
        assert_eq!(found, story.old, "kill {kill} after {moment:?} of {command:?} left neither");
        olds += 1;
        if olds % 5 == 0 {
            world.home.ok(&command);
            assert_eq!(world.state(), story.new, "{command:?} after kill {kill}");
        }
    }
    assert_eq!(olds + news, kills);
    format!("{olds} old, {news} new of {kills}")
}

#[test]
fn random_moments_leave_the_old_or_the_new_on_sqlite() {
    let test = "random_moments_leave_the_old_or_the_new_on_sqlite";
    println!("{}", random_moments(None, &mut Seed::take(test)));
}

#[test]
fn random_moments_leave_the_old_or_the_new_on_postgresql() {
    let test = "random_moments_leave_the_old_or_the_new_on_postgresql";
    let Some(server) = server(test) else { return };
    println!("{}", random_moments(Some(&server), &mut Seed::take(test)));
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
