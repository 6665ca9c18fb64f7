//! `kill -9` in the middle of an import leaves the whole old or the whole new state.
use std::path::Path;
use std::time::{Duration, Instant};

use connref_tests::home::Connection;
use connref_tests::package::{fixture, folder_parts, part_text, zip};
use connref_tests::seed::Seed;
use connref_tests::{Home, database};
use serde_json::Value;

/// How many processes are killed.
fn kills() -> u64 {
    match std::env::var("CONNREF_LONG").ok().and_then(|text| text.parse::<u64>().ok()) {
        None | Some(0) => 50,
        Some(_) => 300,
    }
}

const FLOWS: usize = 40;

/// The own package with many flows, in two versions whose parts all differ.
fn package(version: u32) -> Vec<u8> {
    let mut parts = folder_parts(&fixture("harbour_notices"));
    let body_name = parts.iter().find(|(name, _)| name.starts_with("Workflows/"));
    let body_name = body_name.expect("the fixture has a flow").0.clone();
    let body = part_text(&parts, &body_name);
    let customizations = part_text(&parts, "customizations.xml");
    let solution = part_text(&parts, "solution.xml");
    let start = customizations.find("    <Workflow ").expect("the fixture has a flow");
    let end = customizations.find("  </Workflows>").expect("the fixture has a flow");
    let (id, title) = ("3c1f7a52-0d44-4c1e-9a61-7b5f20c8e101", "Notice of arrivals");
    let element = &customizations[start..end];
    let (mut elements, mut roots) = (String::new(), String::new());
    parts.retain(|(name, _)| !name.starts_with("Workflows/"));
    // The new version brings flows that the old one lacks.
    for at in 0..FLOWS * version as usize {
        let own = format!("3c1f7a52-0d44-4c1e-9a61-7b5f20c8{at:04x}");
        let own_title = format!("Notice {at} of version {version}");
        let file = format!("Notice{at}-{}.json", own.to_uppercase());
        let old_file = body_name.trim_start_matches("Workflows/");
        elements += &element.replace(old_file, &file).replace(title, &own_title).replace(id, &own);
        roots += &format!("<RootComponent type=\"29\" id=\"{{{own}}}\" behavior=\"0\" />\n");
        let own_body = body.replace("For the pilot", &format!("For pilot {at} of {version}"));
        parts.push((format!("Workflows/{file}"), own_body.into_bytes()));
    }
    let customizations =
        format!("{}{elements}{}", &customizations[..start], &customizations[end..]);
    let root = format!("<RootComponent type=\"29\" id=\"{{{id}}}\" behavior=\"0\" />");
    let solution = solution
        .replace(&root, &roots)
        .replace("<Version>1.0.0.0</Version>", &format!("<Version>{version}.0.0.0</Version>"));
    for (name, text) in [("customizations.xml", customizations), ("solution.xml", solution)] {
        parts.retain(|(known, _)| known != name);
        parts.push((name.to_owned(), text.into_bytes()));
    }
    zip(&parts)
}

/// The old version, imported and bound.
fn old() -> Home {
    let home = Home::with_env("dev", &[]);
    let _ = home.file("old.zip", package(1));
    let _ = home.file("new.zip", package(2));
    home.ok(["solution", "import", "--path", "old.zip"]);
    let connection = home.connection(&Connection {
        env: "dev",
        connector: "shared_office365",
        name: "Mailbox",
        endpoint: Some("mail.harbour.test:587"),
        secrets: &[("password", "kill-rudder-8812")],
        ..Connection::default()
    });
    home.ok(["ref", "bind", "hbr_Mail", "--connection", &connection]);
    home
}

const IMPORT: [&str; 4] = ["solution", "import", "--path", "new.zip"];

#[test]
fn a_killed_import_is_whole_or_not_at_all() {
    let mut seed = Seed::take("a_killed_import_is_whole_or_not_at_all");
    let base = old();
    let before = database::content(&base.database());
    let reference = base.copy();
    let begun = Instant::now();
    reference.ok(IMPORT);
    let time = begun.elapsed();
    let after = database::content(&reference.database());
    assert_ne!(before, after, "the new version differs");
    let (mut olds, mut news) = (0, 0);
    for kill in 0..kills() {
        let home = base.copy();
        // A little beyond the measured time: the moment after the commit is one of them.
        let micros = u64::try_from(time.as_micros()).unwrap_or(1_000_000) * 11 / 10;
        let moment = Duration::from_micros(seed.below(micros));
        killed_import(&home, moment);
        healthy(&home);
        let found = database::content(&home.database());
        if found == before {
            olds += 1;
        } else if found == after {
            news += 1;
        } else {
            panic!(
                "kill {kill} after {moment:?} left neither state; against the new one:\n{}",
                database::difference(&after, &found)
            );
        }
        resumes(&home, &home.path().join("new.zip"), &after);
    }
    println!("{olds} old, {news} new of {}", kills());
    assert_eq!(olds + news, kills());
}

fn killed_import(home: &Home, moment: Duration) {
    let mut child = home.command(IMPORT).spawn().expect("the program can be started");
    std::thread::sleep(moment);
    // SIGKILL; one that has ended already is as good.
    let _ = child.kill();
    child.wait().expect("the program can be waited for");
}

/// The program itself opens what is left, and its audit log is whole.
fn healthy(home: &Home) {
    let solutions = home.json(["solution", "list"]);
    let ours: Vec<&Value> = solutions
        .as_array()
        .expect("a list")
        .iter()
        .filter(|row| row["uniqueName"] == "HarbourNotices")
        .collect();
    assert_eq!(ours.len(), 1, "{solutions:#}");
    let flows = home.json(["flow", "list"]);
    let count = flows.as_array().map_or(0, Vec::len);
    let wanted = if ours[0]["version"] == "1.0.0.0" { FLOWS } else { FLOWS * 2 };
    assert_eq!(count, wanted, "{}", ours[0]);
    let audit = home.json(["audit", "verify"]);
    assert_eq!(audit["ok"], true, "{audit:#}");
}

/// What is left takes the import that was killed.
fn resumes(home: &Home, path: &Path, after: &database::Dump) {
    home.ok(["solution", "import", "--path", &path.display().to_string()]);
    let found = database::content(&home.database());
    assert_eq!(database::difference(after, &found), "", "the import after the kill");
}
