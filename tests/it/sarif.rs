//! The SARIF of the checker, held against the standard's schema by a validator that is not ours.
use std::path::Path;
use std::process::Command;

use connref_tests::Home;
use connref_tests::package::fixture_zip;
use serde_json::Value;

#[test]
fn the_standards_schema_takes_every_kind_of_report() {
    let Some(validator) = std::env::var_os("CONNREF_SARIF_VALIDATOR") else {
        eprintln!("sarif: not run, CONNREF_SARIF_VALIDATOR is not set (scripts/test sets it)");
        return;
    };
    let valid = |file: &Path| {
        let ran =
            Command::new(&validator).arg(file).output().expect("the validator can be started");
        (ran.status.success(), String::from_utf8_lossy(&ran.stderr).into_owned())
    };
    let home = Home::new();
    let mut packages = Vec::new();
    for name in ["harbour_notices", "harbour_sites"] {
        packages.push(home.file(&format!("{name} ü.zip"), fixture_zip(name)));
    }
    packages.push(home.file("broken.zip", "no zip"));
    let findings = |more: &[&str]| {
        let mut line = vec!["solution", "check", "-o", "sarif", "--production"];
        line.extend(packages.iter().map(String::as_str));
        line.extend(more);
        home.run(line).stdout
    };
    let plain = findings(&[]);
    let log: Value = serde_json::from_str(&plain).expect("SARIF is JSON");
    let results = log["runs"][0]["results"].as_array().expect("a list of results");
    assert!(!results.is_empty(), "the fixtures have findings with --production");
    let code = results[0]["ruleId"].as_str().expect("a result has a rule");
    let baseline = home.file("baseline.sarif", &plain);
    let suppressed =
        format!("[[check.suppress]]\ncode = \"{code}\"\nreason = \"known \u{2013} \\\"so\\\"\"\n");
    let config = home.file("own.toml", suppressed);
    let told = findings(&["--config", &config]);
    assert!(told.contains("\"justification\""), "{told}");
    for (name, text) in [
        ("plain", plain.as_str()),
        ("compared", &findings(&["--baseline", &baseline])),
        ("suppressed", &told),
    ] {
        let file = home.file(&format!("{name}.sarif"), text);
        let (fine, words) = valid(Path::new(&file));
        assert!(fine, "{name}: {words}");
    }
    // The validator is awake.
    let wrong = home.file("wrong.sarif", plain.replacen("\"level\": \"", "\"level\": \"very ", 1));
    assert!(!valid(Path::new(&wrong)).0);
}
