//! A record of an import: what was foretold, what happened, and nobody in it.
use std::io::Read;
use std::path::Path;

use connref_tests::Home;
use connref_tests::package::fixture;
use serde_json::{Value, json};

use crate::plan::settings;

/// The parts of a record, those of the package in it too.
fn parts(bytes: Vec<u8>) -> Vec<(String, Vec<u8>)> {
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes)).expect("it is a zip");
    let mut all = Vec::new();
    for at in 0..archive.len() {
        let mut part = archive.by_index(at).expect("it can be read");
        let mut content = Vec::new();
        part.read_to_end(&mut content).expect("it can be read");
        let name = part.name().expect("a text").into_owned();
        if name.ends_with(".zip") {
            all.extend(parts(content.clone()));
        }
        all.push((name, content));
    }
    all
}

fn read(home: &Home, name: &str) -> (Value, Vec<(String, Vec<u8>)>) {
    let all = parts(std::fs::read(home.path().join(name)).expect("it was written"));
    let record = all.iter().find(|(name, _)| name == "record.json").expect("it says what it is");
    (serde_json::from_slice(&record.1).expect("JSON"), all)
}

fn nobody_in(parts: &[(String, Vec<u8>)]) {
    for (name, content) in parts {
        let text = String::from_utf8_lossy(content).to_lowercase();
        for word in ["harbour", "hbr_", "notice of", "pilot", "3c1f7a52"] {
            assert!(!text.contains(word) && !name.contains(word), "{word} in {name}");
        }
    }
}

fn import(home: &Home, path: &Path, settings: &str, record: &str) -> connref_tests::Ran {
    let path = path.display().to_string();
    home.run([
        "solution",
        "import",
        "--path",
        &path,
        "--settings-file",
        settings,
        "--record",
        record,
    ])
}

#[test]
fn an_import_is_recorded_with_its_end_and_without_names() {
    let home = Home::with_env("dev", &[]);
    let path = fixture("harbour_notices");
    let settings = settings(&home, &path);
    let plan = ["solution", "plan", &path.display().to_string(), "--settings-file", &settings]
        .map(str::to_owned);
    let plan: Vec<String> =
        plan.into_iter().chain(["--record", "plan.zip"].map(str::to_owned)).collect();
    home.run(plan).expect(0);
    let (foretold, all) = read(&home, "plan.zip");
    assert_eq!(foretold["result"], Value::Null);
    assert_eq!(foretold["plan"]["flows"][0]["state"], "on", "{foretold:#}");
    nobody_in(&all);
    let done = import(&home, &path, &settings, "case.zip").expect(0);
    assert!(done.stderr.contains("the plan was right in 1 flows, wrong in 0"), "{}", done.stderr);
    let (record, all) = read(&home, "case.zip");
    assert_eq!(record["plan"], foretold["plan"]);
    assert_eq!(record["result"]["flows"][0]["state"], "on", "{record:#}");
    assert_eq!((&record["result"]["right"], &record["result"]["wrong"]), (&json!(1), &json!([])));
    nobody_in(&all);
    let names: Vec<&str> = all.iter().map(|(name, _)| name.as_str()).collect();
    for part in ["facts.json", "package.zip", "settings.json", "solution.xml"] {
        assert!(names.contains(&part), "{names:?}");
    }
    // Others judge it: the facts audit, the package is one.
    let facts = all.iter().find(|(name, _)| name == "facts.json").expect("facts");
    let facts = home.file("others.json", &facts.1);
    home.json(["audit", "report", "--facts", &facts, "--fail-on", "never"]);
    let package = all.iter().find(|(name, _)| name == "package.zip").expect("a package");
    let package = home.file("others.zip", &package.1);
    let plan = Home::with_env("dev", &[]).json(["solution", "plan", &package]);
    let code = &plan["flows"][0]["refusals"][0]["code"];
    assert_eq!(code, "XrmConnectionReferenceMissingConnection", "{plan:#}");
}

#[test]
fn a_refused_import_is_recorded_with_its_code() {
    let home = Home::with_env("dev", &[]);
    let path = fixture("harbour_notices");
    let template = home.json(["solution", "create-settings", "-f", &path.display().to_string()]);
    let mut wrong = template;
    wrong["ConnectionReferences"][0]["ConnectionId"] = json!("0123456789abcdef0123456789abcdef");
    let wrong = home.file("wrong.json", wrong.to_string());
    import(&home, &path, &wrong, "case.zip").expect(4);
    let (record, all) = read(&home, "case.zip");
    assert_eq!(record["plan"]["refusals"][0]["code"], "ConnectionNotFound", "{record:#}");
    assert_eq!(
        record["result"],
        json!({"allowed": false, "code": "ConnectionNotFound", "right": true})
    );
    nobody_in(&all);
}

#[test]
fn plans_of_real_packages_are_right_and_their_records_readable() {
    let Some(folder) = connref_tests::samples::samples("record") else { return };
    for path in connref_tests::samples::zips(&folder.join("zip")) {
        let home = Home::with_env("dev", &[]);
        let at = path.display().to_string();
        home.run(["solution", "import", "--path", &at, "--record", "case.zip"]).expect(0);
        let (record, all) = read(&home, "case.zip");
        assert_eq!(record["result"]["wrong"], json!([]), "{at}: {record:#}");
        // Who has the record alone comes to the same plan.
        let package = all.iter().find(|(name, _)| name == "package.zip").expect("a package");
        let package = home.file("others.zip", &package.1);
        let other = Home::with_env("dev", &[]);
        let plan = other.run_json(["solution", "plan", &package]).expect(0).json();
        let states =
            |flows: &Value, codes: &dyn Fn(&Value) -> Vec<String>| -> Vec<(String, Vec<String>)> {
                let mut all: Vec<_> = flows
                    .as_array()
                    .into_iter()
                    .flatten()
                    .map(|f| (f["state"].to_string(), codes(f)))
                    .collect();
                all.sort();
                all
            };
        let of_plan = |f: &Value| {
            let all = f["refusals"].as_array().into_iter().flatten();
            let mut all: Vec<String> = all.map(|r| r["code"].to_string()).collect();
            all.sort();
            all
        };
        let of_record = |f: &Value| {
            let mut all: Vec<String> =
                f["codes"].as_array().into_iter().flatten().map(Value::to_string).collect();
            all.sort();
            all
        };
        assert_eq!(
            states(&plan["flows"], &of_plan),
            states(&record["plan"]["flows"], &of_record),
            "{at}"
        );
    }
}
