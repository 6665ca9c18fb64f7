use std::fs;

use clap::Parser;

use super::*;
use crate::cli::{Cli, Globals};

const FILE: &str = r##"{
  "EnvironmentVariables": [],
  "ConnectionReferences": [
    { "LogicalName": "contoso_mail", "ConnectionId": "shared_office365/0123456789abcdef0123456789abcdef", "ConnectorId": "/providers/Microsoft.PowerApps/apis/shared_office365" },
    { "LogicalName": "contoso_gone", "ConnectionId": "", "ConnectorId": "/providers/Microsoft.PowerApps/apis/shared_sql" }
  ]
}
"##;

/// Runs a command line; `{}` stands for the folder.
fn run(home: &Path, line: &str, dry_run: bool) -> Exit {
    let words = format!("connref settings {line}");
    let home = home.display().to_string();
    let words = words.split(' ').map(|word| word.replace("{}", &home));
    let cli = Cli::try_parse_from(words).unwrap();
    let crate::command::Command::Settings(command) = cli.command else { panic!("{line}") };
    let context = Context::new(Globals { dry_run, ..Globals::default() }).unwrap();
    command.verb.run(&context).unwrap()
}

fn example() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../examples/contoso_orders")
        .display()
        .to_string()
}

#[test]
fn a_wrong_shape_is_found_and_repaired() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("a.json");
    fs::write(&file, FILE).unwrap();
    assert_eq!(run(home.path(), "validate -s {}/a.json", false), Exit::Findings);
    assert_eq!(run(home.path(), "fix -s {}/a.json", true), Exit::Clean);
    assert_eq!(fs::read_to_string(&file).unwrap(), FILE);
    assert_eq!(run(home.path(), "fix -s {}/a.json", false), Exit::Clean);
    let fixed = FILE.replace("shared_office365/0123", "0123");
    assert_eq!(fs::read_to_string(&file).unwrap(), fixed);
    assert_eq!(run(home.path(), "validate -s {}/a.json", false), Exit::Clean);
}

#[test]
fn a_file_is_brought_to_what_the_solution_wants() {
    let home = tempfile::tempdir().unwrap();
    let (file, made) = (home.path().join("a.json"), home.path().join("made.json"));
    fs::write(&file, FILE).unwrap();
    let example = example();
    assert_eq!(
        run(home.path(), &format!("create -f {example} -s {{}}/made.json"), false),
        Exit::Clean
    );
    assert!(fs::read_to_string(&made).unwrap().contains("contoso_Stage"));
    let sync = format!("sync -f {example} -s {{}}/a.json");
    assert_eq!(run(home.path(), &sync, true), Exit::Clean);
    assert_eq!(fs::read_to_string(&file).unwrap(), FILE);
    assert_eq!(run(home.path(), &sync, false), Exit::Clean);
    let synced = fs::read_to_string(&file).unwrap();
    assert!(synced.contains("contoso_Stage") && !synced.contains("contoso_gone"));
}

#[test]
fn one_file_is_laid_over_another() {
    let home = tempfile::tempdir().unwrap();
    let (one, two) = (home.path().join("a.json"), home.path().join("b.json"));
    fs::write(&one, FILE).unwrap();
    fs::write(
        &two,
        FILE.replace(
            r#""contoso_gone", "ConnectionId": """#,
            r#""contoso_gone", "ConnectionId": "fedcba9876543210fedcba9876543210""#,
        ),
    )
    .unwrap();
    assert_eq!(run(home.path(), "diff {}/a.json {}/b.json", false), Exit::Clean);
    assert_eq!(run(home.path(), "merge {}/a.json {}/b.json --out {}/c.json", false), Exit::Clean);
    assert_eq!(fs::read_to_string(&one).unwrap(), FILE);
    let merged = fs::read_to_string(home.path().join("c.json")).unwrap();
    assert_eq!(merged, fs::read_to_string(&two).unwrap());
}
