//! Real solutions, from the folder that `CONNREF_SAMPLES` names.
use std::path::{Path, PathBuf};
use std::process::Command;

use connref_solution::archive::{Existing, Layout};
use connref_solution::artefact::alm_settings_json::alm_settings_read;
use connref_solution::artefact::settings_json::settings_read;
use connref_solution::artefact::workflow_json::flow_body_read;
use connref_solution::document::json::{JsonDocument, JsonError, json_lenient};
use connref_solution::document::xml::XmlDocument;
use connref_solution::model::Package;
use connref_solution::settings::{
    SettingsIssue, settings_diff, settings_fix, settings_merge, settings_validate,
};
use connref_solution::{
    Archive, FoundKind, Limits, WriteError, find, find_solutions, inspect, pack, package_read,
    package_write,
};

fn samples() -> Option<PathBuf> {
    let folder = std::env::var_os("CONNREF_SAMPLES").map(PathBuf::from);
    if folder.is_none() {
        eprintln!("skipped: CONNREF_SAMPLES is not set");
    }
    folder
}

fn solutions(folder: &Path) -> Vec<PathBuf> {
    ["zip", "unpacked", "recorded"]
        .iter()
        .flat_map(|part| find_solutions(&folder.join(part), &Limits::default()).unwrap())
        .collect()
}

fn archives(folder: &Path) -> Vec<(PathBuf, Archive)> {
    let mut paths = solutions(folder);
    let legacy = std::fs::read_dir(folder.join("legacy")).unwrap();
    paths.extend(legacy.map(|entry| entry.unwrap().path()));
    paths
        .into_iter()
        .map(|path| {
            let archive = Archive::read(&path, &Limits::default())
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            (path, archive)
        })
        .collect()
}

#[test]
fn every_document_is_written_as_read() {
    let Some(folder) = samples() else { return };
    let (mut xml, mut json) = (0, 0);
    for (path, archive) in archives(&folder) {
        for part in archive.parts() {
            let bytes = part.bytes().unwrap();
            let name = part.name().to_lowercase();
            let told = || format!("{}: {}", path.display(), part.name());
            if name.ends_with(".xml") {
                let document =
                    XmlDocument::parse(bytes).unwrap_or_else(|e| panic!("{}: {e}", told()));
                assert_eq!(document.to_bytes(), bytes, "{}", told());
                xml += 1;
            } else if name.ends_with(".json") && !bytes.is_empty() {
                let document =
                    JsonDocument::parse(bytes).unwrap_or_else(|e| panic!("{}: {e}", told()));
                assert_eq!(document.to_bytes(), bytes, "{}", told());
                assert_eq!(document.duplicates(), Vec::<String>::new(), "{}", told());
                json += 1;
            }
        }
    }
    eprintln!("{xml} XML and {json} JSON parts");
    assert!(xml > 200 && json > 100);
}

#[test]
fn every_solution_is_read_and_every_flow_understood() {
    let Some(folder) = samples() else { return };
    let mut flows = 0;
    for path in solutions(&folder) {
        let archive = Archive::read(&path, &Limits::default()).unwrap();
        let package = package_read(&archive).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        assert!(!package.manifest.unique_name.is_empty(), "{}", path.display());
        assert!(!package.manifest.publisher.prefix.is_empty(), "{}", path.display());
        for problem in &package.problems {
            eprintln!("{}: {problem:?}", path.display());
        }
        for flow in package.workflows.iter().filter(|w| w.is_cloud_flow()) {
            let Some(data) = &flow.client_data else { continue };
            let (body, problems) = flow_body_read(data, &flow.name);
            assert_eq!(problems, [], "{}", path.display());
            assert!(body.trigger.is_some(), "{}: {}", path.display(), flow.name);
            for (key, ..) in &body.uses {
                let known = body.references.iter().any(|r| &r.key == key);
                assert!(known || key.is_empty(), "{}: {} uses `{key}`", path.display(), flow.name);
            }
            flows += 1;
        }
    }
    eprintln!("{flows} flows");
    assert!(flows > 50);
}

#[test]
fn an_unchanged_package_keeps_every_byte() {
    let Some(folder) = samples() else { return };
    let (mut kept, mut refused) = (0, 0);
    for path in solutions(&folder) {
        let base = Archive::read(&path, &Limits::default()).unwrap();
        let package = package_read(&base).unwrap();
        match package_write(Some(&base), &package) {
            Ok(written) if base.layout() == Layout::Zip => {
                assert_eq!(written.to_zip().unwrap(), std::fs::read(&path).unwrap());
                kept += 1;
            }
            Ok(written) => {
                for part in base.parts().filter(|_| base.layout() == Layout::Folder) {
                    assert_eq!(written.bytes(part.name()).unwrap(), Some(part.bytes().unwrap()));
                }
                let again =
                    Archive::from_zip(&written.to_zip().unwrap(), &Limits::default()).unwrap();
                let mut again = package_read(&again).unwrap();
                again.manifest.managed = package.manifest.managed;
                again.problems.clone_from(&package.problems);
                assert_eq!(again.manifest, package.manifest, "{}", path.display());
                assert_eq!(again.workflows, package.workflows, "{}", path.display());
                assert_eq!(again, package, "{}", path.display());
                kept += 1;
            }
            Err(WriteError::UnknownComponents { .. }) => refused += 1,
            Err(error) => panic!("{}: {error}", path.display()),
        }
    }
    eprintln!("{kept} kept, {refused} refused");
    assert!(kept > 25);
}

#[test]
fn a_new_reference_and_version_leave_the_rest_alone() {
    let Some(folder) = samples() else { return };
    for path in solutions(&folder) {
        let base = Archive::read(&path, &Limits::default()).unwrap();
        let mut package = package_read(&base).unwrap();
        let mut reference = connref_solution::model::package::PackageReference {
            logical_name: "zz_added".into(),
            display_name: "Added".to_owned(),
            description: None,
            api_name: "shared_sql".into(),
            custom_connector_id: None,
            customizable: true,
            prompting_behavior: Some(0),
        };
        package.references.push(reference.clone());
        reference.logical_name = "aa_added".into();
        package.references.insert(0, reference);
        package.manifest.version = "9.9.9.9".to_owned();
        let written = match package_write(Some(&base), &package) {
            Ok(written) => written,
            Err(WriteError::UnknownComponents { .. }) => continue,
            Err(error) => panic!("{}: {error}", path.display()),
        };
        let again = Archive::from_zip(&written.to_zip().unwrap(), &Limits::default()).unwrap();
        let mut again = package_read(&again).unwrap();
        again.problems.clone_from(&package.problems);
        again.manifest.managed = package.manifest.managed;
        assert_eq!(again, package, "{}", path.display());
        if base.layout() == Layout::Zip {
            let changed = base
                .parts()
                .filter(|p| written.bytes(p.name()).unwrap() != Some(p.bytes().unwrap()))
                .count();
            assert_eq!(changed, 2, "{}", path.display());
        }
    }
}

#[test]
fn settings_of_real_repositories_are_read() {
    let Some(folder) = samples() else { return };
    let mut queue = vec![folder.join("unpacked")];
    let mut count = 0;
    while let Some(at) = queue.pop() {
        for entry in std::fs::read_dir(at).unwrap().map(|e| e.unwrap().path()) {
            if entry.is_dir() {
                queue.push(entry);
            } else if entry.file_name().unwrap().eq_ignore_ascii_case("deploymentSettings.json") {
                let bytes = std::fs::read(&entry).unwrap();
                settings_read(&bytes, None).unwrap_or_else(|e| panic!("{}: {e}", entry.display()));
                count += 1;
            }
        }
    }
    assert!(count > 5);
}

/// Counts against a script that shares no code with the crate.
#[test]
fn counts_equal_those_of_an_independent_script() {
    let Some(folder) = samples() else { return };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts/count_solution.py");
    let paths: Vec<PathBuf> = ["zip", "unpacked"]
        .iter()
        .flat_map(|part| find_solutions(&folder.join(part), &Limits::default()).unwrap())
        .collect();
    let Ok(output) = Command::new("python3").arg(script).args(&paths).output() else {
        eprintln!("skipped: python3 is not there");
        return;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), paths.len());
    let mut total = 0;
    for (path, line) in paths.iter().zip(lines) {
        let found = inspect(path, &Limits::default()).unwrap();
        let counts = format!(
            "{} {} {} {} {}",
            found.unique_name,
            found.flows,
            found.references,
            found.environment_variables,
            found.connectors
        );
        assert_eq!(counts, line, "{}", path.display());
        total += found.flows + found.references + found.environment_variables + found.connectors;
    }
    eprintln!("{} solutions, {total} things counted", paths.len());
    assert!(paths.len() > 30 && total > 150);
}

#[test]
fn unpacked_packed_and_unpacked_again_every_zip_is_the_same() {
    let Some(folder) = samples() else { return };
    let mut count = 0;
    for path in solutions(&folder).into_iter().filter(|p| p.is_file()) {
        let zip = Archive::read(&path, &Limits::default()).unwrap();
        let root = tempfile::tempdir().unwrap();
        let (one, two) = (root.path().join("one"), root.path().join("two"));
        zip.unpack(&one, Existing::Refuse, &Limits::default()).unwrap();
        let plain = Archive::read(&one, &Limits::default()).unwrap();
        let packed = pack(&plain).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let again = Archive::from_zip(&packed, &Limits::default()).unwrap();
        again.unpack(&two, Existing::Refuse, &Limits::default()).unwrap();
        let tree = |at: &Path| Archive::read(at, &Limits::default()).unwrap().to_parts().unwrap();
        assert_eq!(tree(&one), tree(&two), "{}", path.display());
        assert_eq!(packed, pack(&Archive::read(&two, &Limits::default()).unwrap()).unwrap());
        let mut parts = zip.to_parts().unwrap();
        parts.sort();
        let mut unpacked = tree(&one);
        unpacked.sort();
        assert_eq!(parts, unpacked, "{}", path.display());
        count += 1;
    }
    eprintln!("{count} zips");
    assert!(count >= 22);
}

#[test]
fn folders_and_zips_of_one_solution_say_the_same() {
    let Some(folder) = samples() else { return };
    let unpacked = find_solutions(&folder.join("unpacked/pnp-platform"), &Limits::default());
    let zips = find_solutions(&folder.join("zip/pnp-platform"), &Limits::default()).unwrap();
    let read = |path: &Path| package_read(&Archive::read(path, &Limits::default()).unwrap());
    let zips: Vec<_> = zips.iter().map(|path| read(path).unwrap()).collect();
    let mut count = 0;
    for path in unpacked.unwrap() {
        let one = read(&path).unwrap();
        let name = &one.manifest.unique_name;
        let other = zips.iter().find(|z| &z.manifest.unique_name == name);
        let other = other.unwrap_or_else(|| panic!("no zip of `{name}`"));
        assert_eq!(one.references, other.references, "{name}");
        assert_eq!(one.variables, other.variables, "{name}");
        let flows = |package: &Package| {
            let flows = package.workflows.iter().filter(|w| w.is_cloud_flow());
            let mut flows: Vec<_> = flows
                .map(|w| {
                    let body = w
                        .client_data
                        .as_deref()
                        .map(|text| serde_json::from_str::<serde_json::Value>(text).unwrap());
                    (w.id.clone(), w.name.clone(), w.state_code, body)
                })
                .collect();
            flows.sort_by(|a, b| a.0.cmp(&b.0));
            flows
        };
        assert_eq!(flows(&one), flows(other), "{name}");
        count += 1;
    }
    assert_eq!(count, 5);
}

#[test]
fn findings_on_real_settings_files_are_right() {
    let Some(folder) = samples() else { return };
    let report = find(&folder.join("unpacked"), &Limits::default()).unwrap();
    let (mut plain, mut tokens, mut empty) = (0, 0, 0);
    for path in report.of(FoundKind::Settings) {
        let bytes = std::fs::read(path).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        let found = settings_validate(&bytes, None).unwrap();
        for finding in &found {
            use connref_solution::settings::SettingsIssue::{Empty, Token};
            match finding.finding.issue {
                Token => tokens += 1,
                Empty => empty += 1,
                other => panic!("{}: {other:?}: {}", path.display(), finding.finding.message),
            }
            let line = text.lines().nth(finding.line - 1).unwrap();
            let wanted = if finding.finding.issue == Token { "#{" } else { "\"\"" };
            assert!(line.contains(wanted), "{}:{}: {line}", path.display(), finding.line);
        }
        // Every placeholder of a value is told; an owner's goes with its connection.
        let open = text.lines().filter(|l| l.contains("#{") && !l.contains("ConnectionOwner"));
        let told = found.iter().filter(|f| f.finding.issue == SettingsIssue::Token);
        assert_eq!(told.count(), open.count(), "{}", path.display());
        let fixed = settings_fix(&bytes, None).unwrap();
        assert_eq!(fixed.text, bytes, "{}", path.display());
        assert_eq!(settings_diff(&bytes, &bytes, None).unwrap(), []);
        assert_eq!(settings_merge(&bytes, &bytes, None).unwrap().text, bytes);
        plain += 1;
    }
    let mut alm = 0;
    for path in report.of(FoundKind::AlmSettings) {
        let read = alm_settings_read(&std::fs::read(path).unwrap()).unwrap();
        assert_eq!(read.problems, [], "{}", path.display());
        let named = read.activations.len() + read.owners.len() + read.flow_shares.len();
        assert!(named == 0 || !read.tokens.is_empty(), "{}", path.display());
        alm += 1;
    }
    eprintln!(
        "{plain} settings files, {tokens} placeholders, {empty} empty; {alm} of the Accelerator"
    );
    assert!(plain >= 12 && tokens > 0 && alm >= 6);
}

#[test]
fn every_connector_definition_is_read() {
    let Some(folder) = samples() else { return };
    let (mut count, mut odd, mut broken) = (0, 0, 0);
    for entry in std::fs::read_dir(folder.join("connectors")).unwrap() {
        for file in std::fs::read_dir(entry.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            if path.extension().is_none_or(|e| e != "json") {
                continue;
            }
            let bytes = std::fs::read(&path).unwrap();
            let (document, notes) = match json_lenient(&bytes) {
                Ok(read) => read,
                // One object stands where a name belongs; nobody can tell what it was meant to be.
                Err(error) => {
                    eprintln!("{}: {error}", path.display());
                    assert!(matches!(error, JsonError::Syntax { .. }));
                    broken += 1;
                    continue;
                }
            };
            assert!(document.value().is_object());
            if !notes.is_empty() {
                eprintln!("{}: {:?}", path.display(), notes[0]);
                odd += 1;
            }
            count += 1;
        }
    }
    eprintln!("{count} files, {odd} not strict, {broken} broken");
    assert!(count > 100 && odd >= 4 && broken <= 1);
}

#[test]
fn a_walk_over_all_samples_finds_what_there_is() {
    let Some(folder) = samples() else { return };
    let report = find(&folder, &Limits::default()).unwrap();
    let count = |kind| report.of(kind).count();
    eprintln!("{} solutions, notes: {:#?}", count(FoundKind::Solution), report.notes);
    assert!(count(FoundKind::LegacyPackage) >= 16);
    assert!(count(FoundKind::Solution) >= 35);
    for path in report.of(FoundKind::Solution) {
        let archive = Archive::read(path, &Limits::default()).unwrap();
        package_read(&archive).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    }
}
