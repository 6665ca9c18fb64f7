//! What `solution inspect` tells is what the files hold, counted without a parser.
use std::collections::BTreeMap;
use std::path::Path;

use connref_tests::Home;
use connref_tests::package::{fixture, folder_parts, unzip};
use connref_tests::samples::samples;
use serde_json::Value;

/// Flows, references, variables, connectors.
type Counts = [usize; 4];

#[test]
fn own_packages_are_told_as_they_are() {
    let home = Home::new();
    let paths =
        ["harbour_notices", "harbour_sites"].map(|name| fixture(name).display().to_string());
    let rows = home.json(["solution", "inspect", &paths[0], &paths[1]]);
    assert_eq!(rows.as_array().map(Vec::len), Some(2));
    let notices = &rows[0];
    assert_eq!(notices["uniqueName"], "HarbourNotices");
    assert_eq!(notices["version"], "1.0.0.0");
    assert_eq!(notices["managed"], false);
    assert_eq!(notices["flows"], serde_json::json!(["Notice of arrivals"]));
    assert_eq!(notices["references"], serde_json::json!(["hbr_Ledger", "hbr_Mail"]));
    assert_eq!(notices["environmentVariables"], serde_json::json!(["hbr_NoticeAddress"]));
    check(&rows);
    assert!(!home.database().exists(), "it works offline and makes no database");
}

#[test]
fn real_packages_are_told_as_they_are() {
    let Some(folder) = samples("inspect") else { return };
    let home = Home::new();
    let paths = ["zip", "unpacked"].map(|name| folder.join(name).display().to_string());
    let rows = home.json(["solution", "inspect", &paths[0], &paths[1]]);
    let count = check(&rows);
    assert!(count >= 35, "only {count} solutions were found");
}

/// Holds every row against its own files. Answers how many there were.
fn check(rows: &Value) -> usize {
    let rows = rows.as_array().expect("a list");
    for row in rows {
        let path = row["path"].as_str().expect("a row has a path");
        let told = ["flows", "references", "environmentVariables", "connectors"]
            .map(|list| row[list].as_array().map_or(usize::MAX, Vec::len));
        assert_eq!(told, counted(Path::new(path)), "{path}");
    }
    rows.len()
}

fn counted(path: &Path) -> Counts {
    let parts = if path.is_dir() {
        folder_parts(path)
    } else {
        unzip(&std::fs::read(path).expect("a sample can be read"))
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let parts: BTreeMap<String, String> =
        parts.iter().map(|(name, bytes)| (name.to_lowercase(), text(bytes))).collect();
    // As exported, or taken apart by the vendor's packager.
    let whole = parts.get("customizations.xml");
    let main = whole.or_else(|| parts.get("other/customizations.xml"));
    let main = main.expect("a solution has customizations");
    let flow = "<Category>5</Category>";
    let apart = |folder: &str, end: &str| {
        let hits = parts.iter().filter(|(name, _)| name.starts_with(folder) && name.ends_with(end));
        hits.map(|(_, text)| text.as_str()).collect::<Vec<_>>()
    };
    let (flows, connectors) = match whole {
        Some(main) => (main.matches(flow).count(), main.matches("<Connector>").count()),
        None => (
            apart("workflows/", ".data.xml").iter().filter(|text| text.contains(flow)).count(),
            apart("connectors/", ".xml").len(),
        ),
    };
    [
        flows,
        main.matches("<connectionreference connectionreferencelogicalname=").count(),
        apart("environmentvariabledefinitions/", "/environmentvariabledefinition.xml").len(),
        connectors,
    ]
}
