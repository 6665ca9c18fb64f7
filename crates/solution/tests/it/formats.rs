//! Flow packages, the YAML layout, lenient connector definitions, walks and unpacking.
use std::path::Path;

use connref_solution::archive::{Existing, Layout};
use connref_solution::artefact::legacy_package::{
    LegacyError, legacy_package_is, legacy_package_read,
};
use connref_solution::{
    Archive, ArchiveError, FoundKind, Limits, PackageError, connectors_split, find, find_solutions,
    pack, package_edit, package_read, package_write,
};
use proptest::prelude::*;

use crate::support::{contents, fixture, managed_zip, read, zip_of};

const FLOW: &str = "d6e47e17-ac6c-4273-93e0-8da48178f6b4";

fn legacy_parts() -> Vec<(String, Vec<u8>)> {
    let folder = format!("Microsoft.Flow/flows/{FLOW}");
    let text = |name: &str, text: &str| (name.to_owned(), text.as_bytes().to_vec());
    vec![
        text(
            "manifest.json",
            r#"{"details":{"displayName":"Pack","creator":"kim@fabrikam.example"},"resources":{
            "A1":{"type":"Microsoft.PowerApps/apis","name":"shared_teams","details":{"displayName":"Teams"}},
            "C1":{"type":"Microsoft.PowerApps/apis/connections","details":{"displayName":"kim@fabrikam.example"}},
            "P1":{"type":"Microsoft.PowerApps/apps","details":{"displayName":"App"}}}}"#,
        ),
        text(
            "Microsoft.Flow/flows/manifest.json",
            &format!("{{\"flowAssets\":{{\"assetPaths\":[\"{FLOW}\"]}}}}"),
        ),
        text(
            &format!("{folder}/definition.json"),
            "\u{feff}{\"name\":\"cee7701b-a7c4-4188-93d7-c987fd94b978\",\"properties\":{\"displayName\":\"Remind\",\"definition\":{\"actions\":{}},}}",
        ),
        text(&format!("{folder}/apisMap.json"), r#"{"shared_teams":"a1"}"#),
        text(&format!("{folder}/connectionsMap.json"), r#"{"shared_teams":"C1"}"#),
    ]
}

fn write_parts(folder: &Path, parts: &[(String, Vec<u8>)]) {
    for (name, bytes) in parts {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
}

#[test]
fn flow_packages_are_read_from_zip_and_folder_alike() {
    let parts = legacy_parts();
    let entries: Vec<(&str, &[u8])> = parts.iter().map(|(n, b)| (&**n, &**b)).collect();
    let zip = Archive::from_zip(&zip_of(&entries), &Limits::default()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    write_parts(folder.path(), &parts);
    let plain = Archive::read(folder.path(), &Limits::default()).unwrap();
    let read = legacy_package_read(&zip).unwrap();
    assert_eq!(read, legacy_package_read(&plain).unwrap());
    assert_eq!((read.display_name.as_str(), read.flows.len()), ("Pack", 1));
    let flow = &read.flows[0];
    assert_eq!(flow.id.as_str(), "cee7701b-a7c4-4188-93d7-c987fd94b978");
    assert_eq!(flow.name, "Remind");
    assert_eq!(flow.apis, [("shared_teams".to_owned(), "shared_teams".into())]);
    assert_eq!(read.api_display_name(&"shared_teams".into()), Some("Teams"));
    // A trailing comma and an app: both told.
    assert_eq!(read.problems.len(), 2, "{:?}", read.problems);
    assert!(!format!("{read:?}").contains("kim@"), "the maker is not read");
}

#[test]
fn what_is_no_flow_package_says_so() {
    let plain = read("invoices");
    assert!(!legacy_package_is(&plain));
    let error = legacy_package_read(&plain).unwrap_err();
    assert!(matches!(error, LegacyError::NotLegacy { .. }), "{error}");
    let empty = Archive::from_parts(
        vec![("Microsoft.Flow/flows/manifest.json".to_owned(), b"{".to_vec())],
        &Limits::default(),
    );
    let error = legacy_package_read(&empty.unwrap()).unwrap_err();
    assert!(matches!(error, LegacyError::NoFlow { .. }), "{error}");
    let error = package_read(&Archive::from_parts(legacy_parts(), &Limits::default()).unwrap());
    let error = error.unwrap_err().to_string();
    assert!(error.contains("solution migrate"), "{error}");
}

#[test]
fn the_yaml_layout_is_recognised() {
    for name in ["solutions/Core/solution.yml", "src/Solutions/Core/solution.yaml", "solution.yml"]
    {
        let archive = Archive::from_parts(vec![(name.to_owned(), vec![])], &Limits::default());
        let error = package_read(&archive.unwrap()).unwrap_err();
        assert!(matches!(error, PackageError::Yaml { .. }), "{name}: {error}");
        assert!(!error.to_string().contains('\n'));
    }
}

#[test]
fn connector_definitions_that_are_no_strict_json_are_read_and_told() {
    let mut parts = read("invoices").to_parts().unwrap();
    let definition = parts.iter_mut().find(|(n, _)| n.ends_with("openapidefinition.json")).unwrap();
    let text = String::from_utf8(definition.1.clone()).unwrap();
    let loose = text.trim_end().strip_suffix('}').unwrap().to_owned() + ", // the end\n}";
    definition.1 = loose.into_bytes();
    let archive = Archive::from_parts(parts, &Limits::default()).unwrap();
    let package = package_read(&archive).unwrap();
    let told: Vec<&str> = package.problems.iter().map(|p| p.message.as_str()).collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told.iter().all(|t| t.starts_with("not strict JSON at line ")), "{told:?}");
    let read = package.connectors[0].openapi_definition.clone().unwrap();
    assert!(serde_json::from_str::<serde_json::Value>(&read).is_ok());
    // Reading changes nothing in the archive.
    let written = package_write(Some(&archive), &package).unwrap();
    assert_eq!(contents(&written).len(), contents(&archive).len());
    for (name, bytes) in contents(&archive) {
        assert_eq!(written.bytes(&name).unwrap(), Some(&*bytes), "{name}");
    }
}

#[test]
fn a_walk_finds_everything_once() {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name);
    let write = |name: &str, bytes: &[u8]| {
        std::fs::create_dir_all(at(name).parent().unwrap()).unwrap();
        std::fs::write(at(name), bytes).unwrap();
    };
    write_parts(&at("a/src"), &read("invoices").to_parts().unwrap());
    // Its zip lies beside it; another one, far away, is a copy somebody wants to see.
    let zip = pack(&read("invoices")).unwrap();
    write("a/dist/invoices.zip", &zip);
    write("b/one/two/three/four/invoices.zip", &zip);
    write("a/dist/managed.zip", &managed_zip());
    write("a/dist/readme.zip", &zip_of(&[("x", b"y")]));
    let legacy = legacy_parts();
    let entries: Vec<(&str, &[u8])> = legacy.iter().map(|(n, b)| (&**n, &**b)).collect();
    write("c/flow.zip", &zip_of(&entries));
    write_parts(&at("c/flow"), &legacy);
    write("config/prod/deploymentSettings.json", br#"{"ConnectionReferences":[]}"#);
    write("config/prod/customDeploymentSettings.json", br#"{"ActivateFlowConfiguration":[]}"#);
    write("config/appsettings.json", br#"{"Logging":{}}"#);
    write("config/broken-settings.json", b"{");
    write("node_modules/x.zip", &zip);
    write(".git/x.zip", &zip);
    write("d/solutions/Core/solution.yml", b"x");
    write("d/solutions/Extra/solution.yml", b"x");
    for folder in 0..20 {
        write(&format!("many/{folder}/x.zip"), b"PK");
    }
    let report = find(root.path(), &Limits::default()).unwrap();
    let of = |kind| -> Vec<String> {
        let inside = report.of(kind).map(|p| p.strip_prefix(root.path()).unwrap());
        inside.map(|p| p.to_string_lossy().into_owned()).collect()
    };
    assert_eq!(
        of(FoundKind::Solution),
        ["a/dist/managed.zip", "a/src", "b/one/two/three/four/invoices.zip"]
    );
    assert_eq!(of(FoundKind::LegacyPackage), ["c/flow", "c/flow.zip"]);
    assert_eq!(of(FoundKind::Settings), ["config/prod/deploymentSettings.json"]);
    assert_eq!(of(FoundKind::AlmSettings), ["config/prod/customDeploymentSettings.json"]);
    assert_eq!(of(FoundKind::Yaml), ["d"]);
    assert!(report.notes.iter().any(|n| n.contains("it counts once, as the folder")));
    assert!(report.notes.iter().any(|n| n.contains("YAML layout")));
    assert_eq!(find(root.path(), &Limits::default()).unwrap(), report);
    assert_eq!(find_solutions(root.path(), &Limits::default()).unwrap().len(), 4);
}

#[test]
fn layouts_that_differ_are_both_read_and_a_folder_with_both_counts_once() {
    let root = tempfile::tempdir().unwrap();
    write_parts(&root.path().join("x/src"), &read("invoices").to_parts().unwrap());
    let mut package = package_read(&read("invoices")).unwrap();
    package.references.pop();
    let other = package_write(Some(&read("invoices")), &package).unwrap().to_zip().unwrap();
    std::fs::write(root.path().join("x/invoices.zip"), other).unwrap();
    let report = find(root.path(), &Limits::default()).unwrap();
    assert_eq!(report.items.len(), 2);
    assert!(report.notes[0].contains("they differ"), "{:?}", report.notes);

    let both = tempfile::tempdir().unwrap();
    write_parts(both.path(), &read("invoices").to_parts().unwrap());
    write_parts(both.path(), &read("unpacked").to_parts().unwrap());
    let report = find(both.path(), &Limits::default()).unwrap();
    assert_eq!(report.items.len(), 1);
    // Told once, by who reads it.
    assert_eq!(report.notes, Vec::<String>::new());
    let archive = Archive::read(both.path(), &Limits::default()).unwrap();
    assert!(archive.notes()[0].contains("two layouts"), "{:?}", archive.notes());
}

#[test]
fn a_file_given_by_hand_is_told_by_its_content() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("x.json");
    std::fs::write(&path, br#"{"EnvironmentVariables":[]}"#).unwrap();
    assert_eq!(find(&path, &Limits::default()).unwrap().items[0].kind, FoundKind::Settings);
    assert!(find(&root.path().join("none"), &Limits::default()).is_err());
}

#[test]
fn unpacked_and_packed_again_it_is_the_same() {
    let root = tempfile::tempdir().unwrap();
    let zip = Archive::from_zip(&managed_zip(), &Limits::default()).unwrap();
    let folder = root.path().join("one");
    let done = zip.unpack(&folder, Existing::Refuse, &Limits::default()).unwrap();
    assert_eq!(done.written, zip.parts().count());
    let plain = Archive::read(&folder, &Limits::default()).unwrap();
    assert_eq!(plain.layout(), Layout::Folder);
    let packed = pack(&plain).unwrap();
    assert_eq!(packed, pack(&Archive::read(&folder, &Limits::default()).unwrap()).unwrap());
    let again = Archive::from_zip(&packed, &Limits::default()).unwrap();
    let other = root.path().join("two");
    again.unpack(&other, Existing::Refuse, &Limits::default()).unwrap();
    let other = Archive::read(&other, &Limits::default()).unwrap();
    assert_eq!(contents(&plain), contents(&other));
    // A second time: refused, or nothing to do.
    let error = zip.unpack(&folder, Existing::Refuse, &Limits::default()).unwrap_err();
    assert!(matches!(error, ArchiveError::NotEmpty { .. }), "{error}");
    let done = zip.unpack(&folder, Existing::Replace, &Limits::default()).unwrap();
    assert_eq!((done.written, done.removed), (0, 0));
}

#[test]
fn replacing_removes_what_is_gone_and_leaves_hidden_names_alone() {
    let root = tempfile::tempdir().unwrap();
    let mut archive = read("invoices");
    archive.unpack(root.path(), Existing::Refuse, &Limits::default()).unwrap();
    std::fs::create_dir(root.path().join(".git")).unwrap();
    std::fs::write(root.path().join(".git/HEAD"), "x").unwrap();
    std::fs::create_dir_all(root.path().join("Old/deep")).unwrap();
    std::fs::write(root.path().join("Old/deep/part.xml"), "<a/>").unwrap();
    archive.set("new.json", b"{}".to_vec()).unwrap();
    let done = archive.unpack(root.path(), Existing::Replace, &Limits::default()).unwrap();
    assert_eq!((done.written, done.removed), (1, 1));
    assert!(!root.path().join("Old").exists());
    assert!(root.path().join(".git/HEAD").exists());

    let other = tempfile::tempdir().unwrap();
    std::fs::write(other.path().join("letters.txt"), "x").unwrap();
    let error = archive.unpack(other.path(), Existing::Replace, &Limits::default()).unwrap_err();
    assert!(matches!(error, ArchiveError::NotUnpacked { .. }), "{error}");
    assert!(other.path().join("letters.txt").exists());
}

#[test]
fn names_that_a_folder_cannot_hold_are_refused_before_writing() {
    for names in [["a", "a/b"], [".hidden/x", "y"], ["A/b", "a"]] {
        let parts = names.iter().map(|n| ((*n).to_owned(), vec![])).collect();
        let archive = Archive::from_parts(parts, &Limits::default()).unwrap();
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("out");
        let error = archive.unpack(&folder, Existing::Refuse, &Limits::default()).unwrap_err();
        assert!(matches!(error, ArchiveError::UnsafeName { .. }), "{names:?}: {error}");
        assert!(!folder.exists());
    }
}

#[cfg(unix)]
#[test]
fn a_walk_ends_where_links_lead_in_circles() {
    let root = tempfile::tempdir().unwrap();
    let inner = root.path().join("a/b");
    write_parts(&inner.join("src"), &read("unpacked").to_parts().unwrap());
    std::os::unix::fs::symlink(root.path(), inner.join("again")).unwrap();
    std::os::unix::fs::symlink("/", root.path().join("everything")).unwrap();
    let report = find(root.path(), &Limits::default()).unwrap();
    let paths: Vec<_> = report.of(FoundKind::Solution).collect();
    assert_eq!(paths, [inner.join("src")]);
}

#[cfg(unix)]
#[test]
fn a_link_in_the_folder_is_not_followed() {
    let root = tempfile::tempdir().unwrap();
    let outside = tempfile::tempdir().unwrap();
    let archive = read("invoices");
    archive.unpack(root.path(), Existing::Refuse, &Limits::default()).unwrap();
    std::fs::remove_dir_all(root.path().join("Workflows")).unwrap();
    std::os::unix::fs::symlink(outside.path(), root.path().join("Workflows")).unwrap();
    assert!(archive.unpack(root.path(), Existing::Replace, &Limits::default()).is_err());
    assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0);
}

#[test]
fn references_and_bodies_change_where_they_lie() {
    for name in ["invoices", "unpacked"] {
        let base = read(name);
        let mut package = package_read(&base).unwrap();
        let mut added = package.references[0].clone();
        added.logical_name = "cnt_added".into();
        package.references.push(added);
        let flow = package.workflows.iter_mut().find(|w| w.client_data.is_some()).unwrap();
        *flow.client_data.as_mut().unwrap() += "\n";
        let edited = package_edit(&base, &package).unwrap();
        assert_eq!(edited.layout(), base.layout());
        let changed: Vec<String> = base
            .parts()
            .filter(|p| edited.bytes(p.name()).unwrap() != Some(p.bytes().unwrap()))
            .map(|p| p.name().to_lowercase())
            .collect();
        assert_eq!(changed.len(), 2, "{changed:?}");
        assert!(changed.iter().any(|n| n.ends_with("customizations.xml")), "{changed:?}");
        let again = package_read(&edited).unwrap();
        assert_eq!(again.references, package.references);
        assert_eq!(again.workflows, package.workflows);
        package.manifest.version = "9.9.9.9".to_owned();
        assert!(package_edit(&base, &package).is_err());
    }
}

#[test]
fn connectors_go_into_a_package_of_their_own_with_all_their_parts() {
    for name in ["invoices", "unpacked"] {
        let base = read(name);
        let before = package_read(&base).unwrap();
        let split = connectors_split(&base).unwrap().unwrap();
        let own = Archive::from_zip(&split.connectors.to_zip().unwrap(), &Limits::default());
        let own_archive = own.unwrap();
        let own = package_read(&own_archive).unwrap();
        assert_eq!(own.connectors, before.connectors, "{name}");
        assert_eq!(own.problems, [], "{name}");
        assert!(own_archive.part("[Content_Types].xml").is_some());
        let rest = Archive::from_zip(&split.rest.to_zip().unwrap(), &Limits::default()).unwrap();
        assert!(!rest.parts().any(|p| p.name().to_lowercase().starts_with("connector")), "{name}");
        let rest = package_read(&rest).unwrap();
        assert_eq!(rest.connectors, []);
        assert_eq!(rest.references, before.references);
        assert!(connectors_split(&split.rest).unwrap().is_none());
        assert!(connectors_split(&split.connectors).unwrap().is_none());
    }
    assert!(fixture("invoices").exists());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn flow_packages_of_any_bytes_are_read_or_refused(manifest in any::<Vec<u8>>(), definition in ".{0,80}", maps in "[\\PC]{0,40}") {
        let parts = vec![
            ("manifest.json".to_owned(), manifest),
            ("Microsoft.Flow/flows/manifest.json".to_owned(), maps.clone().into_bytes()),
            (format!("Microsoft.Flow/flows/{FLOW}/definition.json"), definition.into_bytes()),
            (format!("Microsoft.Flow/flows/{FLOW}/apisMap.json"), maps.into_bytes()),
        ];
        let archive = Archive::from_parts(parts, &Limits::default()).unwrap();
        let _ = legacy_package_read(&archive);
    }

    #[test]
    fn lenient_json_never_panics_and_strict_json_stays(text in "[\\[\\]{}:,\"/*a1 \n\\\\\t]{0,60}") {
        use connref_solution::document::json::{JsonDocument, json_lenient};
        let strict = JsonDocument::parse(text.as_bytes());
        let lenient = json_lenient(text.as_bytes());
        if let Ok(strict) = strict {
            let (document, notes) = lenient.unwrap();
            prop_assert_eq!(document.text(), strict.text());
            prop_assert_eq!(notes, vec![]);
        }
    }
}
