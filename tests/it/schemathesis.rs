//! The Web API against the requests that schemathesis makes of it: `$metadata` with its annotations is
//! made an OpenAPI description by the OData committee's own tool, and a signed-in schemathesis holds the
//! server to that. No answer may be a 5xx; whatever else it finds is a behaviour of the vendor's service
//! that `tests/schemathesis/differences.json` lists with reason and source, or a failure.
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use connref_tests::home::Connection;
use connref_tests::package::{self, fixture};
use connref_tests::seed::Seed;
use connref_tests::served::Served;
use connref_tests::{Home, provider};
use serde_json::Value;

use super::odata_metadata::{CUSTOMIZATIONS, SOLUTION};

/// Names a Python that has the packages of `tests/requirements.txt`.
const PYTHON: &str = "CONNREF_TEST_PYTHON";
/// Most kinds of differences that may be listed.
const KINDS_MAX: usize = 10;
/// The seed of the short run.
const SHORT: u64 = 4242;
/// Fewer requests than this per minute are no run worth the name.
const REQUESTS_MIN: u64 = 500;

/// A kind of difference that is listed.
struct Difference {
    kind: String,
    checks: Vec<String>,
    status: Vec<u64>,
    says: Vec<String>,
}

fn listed() -> Vec<Difference> {
    let text = include_str!("../schemathesis/differences.json");
    let list: Vec<Value> = serde_json::from_str(text).expect("a list of differences");
    assert!(list.len() <= KINDS_MAX, "at most {KINDS_MAX} kinds are tolerated");
    list.iter()
        .map(|one| {
            let text = |name: &str| one[name].as_str().expect("a text").to_owned();
            assert!(!text("reason").is_empty() && text("source").starts_with("https://"), "{one}");
            let texts = |name: &str| -> Vec<String> {
                let list = one[name].as_array().expect("texts").iter();
                list.map(|text| text.as_str().expect("a text").to_owned()).collect()
            };
            let status = one["status"].as_array().expect("numbers").iter();
            Difference {
                kind: text("kind"),
                checks: texts("checks"),
                status: status.filter_map(Value::as_u64).collect(),
                says: texts("says"),
            }
        })
        .collect()
}

impl Difference {
    /// Whether a failed check is of this kind. What is said is the service's message; of a request that
    /// should have been refused, every reason why.
    fn is_of(&self, failure: &Failure) -> bool {
        let said = |text: &str| self.says.iter().any(|said| text.contains(said.as_str()));
        self.checks.contains(&failure.check)
            && self.status.contains(&failure.status)
            && match failure.check.as_str() {
                "negative_data_rejection" => failure.broken.lines().all(said),
                _ => said(&failure.message),
            }
    }
}

/// A check that did not hold.
struct Failure {
    check: String,
    status: u64,
    /// What the service answered.
    message: String,
    /// In what the request broke its description, a line each.
    broken: String,
    /// Request and answer, for people.
    shown: String,
}

/// What a run found.
#[derive(Default)]
struct Found {
    requests: u64,
    operations: BTreeSet<String>,
    statuses: BTreeMap<u64, u64>,
    /// Answers of 500 and above.
    broken: Vec<String>,
    /// What schemathesis itself could not do.
    errors: Vec<String>,
    /// Operations that it could make no further requests for: it cannot turn every description round.
    unmade: BTreeSet<String>,
    /// How often each listed kind occurred.
    known: Vec<u64>,
    /// One example of what is not listed, by check and message.
    new: BTreeMap<String, String>,
}

fn world() -> Home {
    let home = Home::with_env("dev", &[]);
    let zip = package::zip(&[
        ("solution.xml".to_owned(), SOLUTION.as_bytes().to_vec()),
        ("customizations.xml".to_owned(), CUSTOMIZATIONS.as_bytes().to_vec()),
    ]);
    home.ok(["solution", "import", "--path", &home.file("things.zip", zip)]);
    for name in ["harbour_notices", "harbour_sites"] {
        home.ok(["solution", "import", "--path", &fixture(name).display().to_string()]);
    }
    let connection = home.connection(&Connection {
        env: "dev",
        connector: "shared_office365",
        name: "Mailbox",
        endpoint: Some("mail.harbour.test:587"),
        secrets: &[("password", "described-buoy-1")],
        ..Connection::default()
    });
    home.ok(["ref", "bind", "hbr_Mail", "--connection", &connection]);
    home.ok(["user", "add", "maker@harbour.test", "--role", "administrator"]);
    home.ok(["team", "create", "Crew", "--kind", "owner"]);
    home.ok(["variable", "create", "hbr_Extra", "--type", "string"]);
    home
}

/// Makes the OpenAPI description of what is served.
fn describe(served: &Served, modules: &std::ffi::OsStr, path: &str) {
    let metadata = served.ask("dev", "GET", "/api/data/v9.2/$metadata?annotations=true", None);
    assert_eq!(metadata.status, 200);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/providers/odata.cjs");
    let mut node = Command::new("node")
        .arg(script)
        .arg(modules)
        .arg(path)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("node can be started");
    let mut input = node.stdin.take().expect("stdin was asked for");
    input.write_all(&metadata.body).expect("node reads");
    drop(input);
    assert!(node.wait().expect("node ends").success());
}

fn text_of(content: &Value) -> String {
    let bytes = content["$base64"].as_str().and_then(|text| BASE64_STANDARD.decode(text).ok());
    String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned()
}

/// Reads the record of a run, an event a line.
fn read(record: &Path, listed: &[Difference]) -> Found {
    let mut found = Found { known: vec![0; listed.len()], ..Found::default() };
    for line in BufReader::new(File::open(record).expect("a record was written")).lines() {
        let event: Value = serde_json::from_str(&line.expect("UTF-8")).expect("JSON");
        let Some((name, event)) = event.as_object().and_then(|event| event.iter().next()) else {
            continue;
        };
        if name.contains("Error") {
            match event["label"].as_str() {
                Some(label) if event["value"]["type"] == "UnsupportedSchema" => {
                    found.unmade.insert(label.to_owned());
                }
                _ => found.errors.push(event.to_string().chars().take(2000).collect()),
            }
        }
        let recorder = &event["recorder"];
        let Some(interactions) = recorder["interactions"].as_object() else { continue };
        found.operations.extend(recorder["label"].as_str().map(str::to_owned));
        for (id, interaction) in interactions {
            let case = &recorder["cases"][id]["value"];
            found.interaction(interaction, case, &recorder["checks"][id], listed);
        }
    }
    found
}

impl Found {
    fn interaction(&mut self, one: &Value, case: &Value, checks: &Value, listed: &[Difference]) {
        self.requests += 1;
        let status = one["response"]["status_code"].as_u64().unwrap_or_default();
        *self.statuses.entry(status).or_default() += 1;
        let answer = text_of(&one["response"]["content"]);
        let shown = || {
            let short = |text: &str| text.chars().take(400).collect::<String>();
            format!(
                "{} {}\n  {}\n  {status} {}",
                one["request"]["method"].as_str().unwrap_or_default(),
                one["request"]["uri"].as_str().unwrap_or_default(),
                short(&text_of(&one["request"]["body"])),
                short(&answer),
            )
        };
        if status >= 500 {
            self.broken.push(shown());
        }
        for check in checks.as_array().into_iter().flatten() {
            if check["status"] == "success" {
                continue;
            }
            let error: Value = serde_json::from_str(&answer).unwrap_or_default();
            let phase = &case["meta"]["phase"]["data"]["description"];
            let uri = one["request"]["uri"].as_str().unwrap_or_default();
            let broken = sent(phase.as_str().unwrap_or_default(), uri);
            if check["name"] == "negative_data_rejection" && broken.is_empty() {
                continue;
            }
            let failure = Failure {
                check: check["name"].as_str().unwrap_or_default().to_owned(),
                status,
                message: error["error"]["message"].as_str().unwrap_or_default().to_owned(),
                broken,
                shown: shown(),
            };
            match listed.iter().position(|one| one.is_of(&failure)) {
                Some(at) => self.known[at] += 1,
                None => {
                    let key = format!("{} {status}: {}", failure.check, kept_words(&failure));
                    let why = &check["failure_info"]["failure"]["message"];
                    let shown =
                        format!("{}\n  {}", failure.shown, why.as_str().unwrap_or_default());
                    self.new.entry(key).or_insert(shown);
                }
            }
        }
    }
}

/// Of the reasons why a request is broken, those that were sent: an option that became an empty object
/// is in no address.
fn sent(reasons: &str, uri: &str) -> String {
    let kept = reasons.lines().filter(|line| {
        let option = line.split("/properties/$").nth(1);
        let name = option.map(|rest| rest.split(|c: char| !c.is_alphanumeric()).next());
        name.flatten().is_none_or(|name| uri.contains(&format!("%24{name}=")))
    });
    kept.collect::<Vec<_>>().join("\n")
}

/// The message without what stands in quotes, so that one kind is told once.
fn kept_words(failure: &Failure) -> String {
    let text = if failure.message.is_empty() { &failure.broken } else { &failure.message };
    text.split(['`', '\'']).step_by(2).collect::<Vec<_>>().join("…").chars().take(120).collect()
}

#[test]
fn the_service_is_as_it_describes_itself() {
    let (Some(python), Some(modules)) =
        (std::env::var_os(PYTHON), std::env::var_os(provider::MODULES))
    else {
        eprintln!("not run with schemathesis: {PYTHON} or {} is not set", provider::MODULES);
        return;
    };
    let listed = listed();
    let minutes: u64 = if std::env::var_os("CONNREF_LONG").is_some() { 20 } else { 3 };
    // The long run looks for what nobody has seen; the short one holds what was seen, and must not fail a
    // change that has nothing to do with it.
    let test = "the_service_is_as_it_describes_itself";
    let mut seed = if minutes > 3 { Seed::take(test) } else { Seed::take_or(test, SHORT) };
    let seed = seed.below(1 << 31);
    let home = world();
    let served = Served::start(&home);
    let description = home.path().join("openapi.json");
    describe(&served, &modules, &description.display().to_string());
    let record = home.path().join("record.ndjson");
    let mut command = Command::new(python);
    command
        .args(["-m", "schemathesis.cli", "run"])
        .arg(&description)
        .args(["--url", &format!("http://127.0.0.1:{}/api/data/v9.2", served.port)])
        .args(["--header", &format!("Host: {}", served.host("dev"))])
        .args(["--header", &format!("Authorization: Bearer {}", served.token)])
        .args(["--seed", &seed.to_string(), "--max-time", &(minutes * 60).to_string()])
        .args(["--phases", "coverage,fuzzing,stateful", "--checks", "all", "--continue-on-failure"])
        // Shrinking would spend the time on what is listed.
        .args(["--no-shrink", "--suppress-health-check", "all", "--generation-database", "none"])
        .args(["--warnings", "off", "--no-color", "--report", "ndjson", "--report-ndjson-path"])
        .arg(&record)
        .current_dir(home.path())
        .env("PYTHONHASHSEED", "0")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let output = command.output().expect("schemathesis can be started");
    let told = String::from_utf8_lossy(&output.stdout);
    // It ends with 1 where checks failed; which of them count is judged here.
    assert!(
        matches!(output.status.code(), Some(0 | 1)),
        "{told}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let found = read(&record, &listed);
    eprintln!(
        "schemathesis: seed {seed}, {} requests to {} operations, statuses {:?}",
        found.requests,
        found.operations.len(),
        found.statuses
    );
    for (one, times) in listed.iter().zip(&found.known) {
        match times {
            0 => eprintln!("listed, and not seen: {}", one.kind),
            times => eprintln!("{times} times: {}", one.kind),
        }
    }
    assert!(
        found.requests >= REQUESTS_MIN * minutes,
        "too few requests: {}\n{told}",
        found.requests
    );
    assert!(found.statuses.get(&200).is_some_and(|times| *times > 100), "{:?}", found.statuses);
    assert!(!found.statuses.contains_key(&401), "it was not signed in");
    assert!(found.errors.is_empty(), "{}", found.errors.join("\n"));
    let unseen: Vec<_> = found.unmade.difference(&found.operations).collect();
    assert!(unseen.is_empty(), "no request could be made to {unseen:?}");
    assert!(found.broken.is_empty(), "answers of 500 and above:\n{}", found.broken.join("\n"));
    let new: Vec<_> = found.new.iter().map(|(kind, shown)| format!("{kind}\n  {shown}")).collect();
    assert!(
        new.is_empty(),
        "{} kinds of differences are not listed in tests/schemathesis/differences.json:\n{}",
        new.len(),
        new.join("\n")
    );
}
