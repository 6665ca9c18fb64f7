//! Every package arrives with its references unbound and its flows off, and says why.
use std::collections::BTreeSet;
use std::path::Path;

use connref_tests::Home;
use connref_tests::package::{fixture, folder_parts, part_text, unzip};
use connref_tests::samples::{samples, zips};
use serde_json::Value;

const MISSING: &str = "XrmConnectionReferenceMissingConnection";

#[test]
fn own_packages_arrive_unbound_and_off() {
    for name in ["harbour_notices", "harbour_sites"] {
        let folder = fixture(name);
        arrives(&folder, &folder_parts(&folder));
    }
}

#[test]
fn real_packages_arrive_unbound_and_off() {
    let Some(folder) = samples("samples_import") else { return };
    let zips = zips(&folder.join("zip"));
    assert!(zips.len() >= 22, "{} zips", zips.len());
    let mut flows = 0;
    for path in zips {
        let bytes = std::fs::read(&path).expect("a sample can be read");
        flows += arrives(&path, &unzip(&bytes));
    }
    assert!(flows >= 20, "only {flows} flows with references");
}

/// Imports a package and holds the environment against its raw parts. Answers how many flows were
/// asked why.
fn arrives(path: &Path, parts: &[(String, Vec<u8>)]) -> usize {
    let home = Home::with_env("dev", &[]);
    home.ok(["solution", "import", "--path", &path.display().to_string()]);
    let defined = defined(parts);
    let references = home.json(["ref", "list"]);
    let listed: BTreeSet<String> = rows(&references)
        .map(|row| row["name"].as_str().expect("a reference has a name").to_lowercase())
        .collect();
    assert_eq!(listed, defined, "{}", path.display());
    for row in rows(&references) {
        assert!(row["connectionId"].is_null(), "{} is bound: {row}", path.display());
    }
    let flows = home.json(["flow", "list"]);
    let mut asked = 0;
    for (id, used) in flows_with_references(parts) {
        let at = format!("{} flow {id}", path.display());
        let flow = rows(&flows).find(|row| row["id"] == id.as_str());
        let flow = flow.unwrap_or_else(|| panic!("{at} did not arrive: {flows}"));
        assert_eq!(flow["state"], "off", "{at}");
        let why = home.run_json(["flow", "why", &id]).expect(1).json();
        let refusals = why["refusals"].as_array().expect("refusals are a list");
        for name in used.intersection(&defined) {
            let told = refusals
                .iter()
                .any(|one| one["code"] == MISSING && one.to_string().to_lowercase().contains(name));
            assert!(told, "{at}: nothing names {name}: {why:#}");
        }
        asked += 1;
    }
    asked
}

fn rows(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().expect("a list").iter()
}

/// Logical names in customizations.xml, found without a parser.
fn defined(parts: &[(String, Vec<u8>)]) -> BTreeSet<String> {
    let text = part_text(parts, "customizations.xml");
    let mark = "<connectionreference connectionreferencelogicalname=\"";
    text.split(mark)
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap_or_default().to_lowercase())
        .collect()
}

/// Cloud flows by id, from the file names, with the references their bodies name.
fn flows_with_references(parts: &[(String, Vec<u8>)]) -> Vec<(String, BTreeSet<String>)> {
    let mut flows = Vec::new();
    for (name, _) in parts {
        let Some(file) = name.strip_prefix("Workflows/").and_then(|n| n.strip_suffix(".json"))
        else {
            continue;
        };
        let body: Value = serde_json::from_str(&part_text(parts, name)).expect("a body is JSON");
        let entries = body["properties"]["connectionReferences"].as_object();
        let used: BTreeSet<String> = entries
            .into_iter()
            .flatten()
            .filter_map(|(_, entry)| entry["connection"]["connectionReferenceLogicalName"].as_str())
            .map(str::to_lowercase)
            .collect();
        if !used.is_empty() {
            flows.push((file[file.len() - 36..].to_lowercase(), used));
        }
    }
    flows
}
