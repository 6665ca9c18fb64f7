//! Real solutions and flow packages: nothing panics, and every error is printed for the record in
//! `docs/decisions`. Set `CONNREF_SAMPLES` to the folder that holds them.
#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "helpers of tests")]
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use connref_review::Severity;
use connref_review::check::{CheckInput, CheckOptions, CheckSource, SettingsText, check};
use connref_solution::{Archive, Limits, find_solutions};

fn samples() -> Option<PathBuf> {
    let root = std::env::var_os("CONNREF_SAMPLES").map(PathBuf::from);
    if root.is_none() {
        eprintln!("CONNREF_SAMPLES is not set; real solutions are not checked");
    }
    root
}

/// Every solution below `zip/` and `unpacked/`, and every flow package.
fn paths(root: &Path) -> Vec<PathBuf> {
    let limits = Limits::default();
    let mut paths = find_solutions(&root.join("zip"), &limits).unwrap();
    paths.extend(find_solutions(&root.join("unpacked"), &limits).unwrap());
    let legacy = std::fs::read_dir(root.join("legacy")).unwrap();
    let mut legacy: Vec<_> = legacy.map(|e| e.unwrap().path()).collect();
    legacy.retain(|p| p.extension().is_some_and(|e| e == "zip"));
    legacy.sort();
    paths.extend(legacy);
    paths
}

#[test]
fn real_packages_are_checked() {
    let Some(root) = samples() else { return };
    let options = CheckOptions { production: true, ..CheckOptions::default() };
    let mut counts: BTreeMap<(&str, Severity), (usize, BTreeSet<usize>)> = BTreeMap::new();
    let all = paths(&root);
    assert!(all.len() >= 22 + 16, "{} packages", all.len());
    for (index, path) in all.iter().enumerate() {
        let archive = Archive::read(path, &Limits::default()).unwrap();
        let source = match CheckSource::read(archive) {
            Ok(source) => source,
            Err(error) => panic!("{}: {error}", path.display()),
        };
        for finding in check(&CheckInput::new(&source), &options) {
            let entry = counts.entry((finding.code, finding.severity)).or_default();
            entry.0 += 1;
            entry.1.insert(index);
            let at = finding.location.as_ref().expect("a finding in files has a place");
            assert!(!at.part.is_empty(), "{finding:?}");
            assert!(at.line > 0, "{finding:?}");
            if finding.severity == Severity::Error || std::env::var_os("CONNREF_ALL").is_some() {
                let place = path.strip_prefix(&root).unwrap().display();
                println!(
                    "{} {} {place} {}:{}:{} {} {}",
                    finding.severity,
                    finding.code,
                    at.part,
                    at.line,
                    at.column,
                    at.path,
                    finding.message
                );
            }
        }
    }
    for ((code, severity), (count, packages)) in &counts {
        println!("{code} {severity}: {count} in {} packages", packages.len());
    }
}

#[test]
fn settings_beside_real_packages() {
    let Some(root) = samples() else { return };
    let root = root.join("unpacked");
    let mut stack = vec![root.clone()];
    let mut files = Vec::new();
    while let Some(folder) = stack.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().to_lowercase();
            if path.is_dir() {
                stack.push(path);
            } else if name.ends_with("deploymentsettings.json") && !name.starts_with("custom") {
                files.push(path);
            }
        }
    }
    files.sort();
    assert!(files.len() >= 10, "{files:?}");
    for file in files {
        // The solution nearest to the file.
        let bytes = std::fs::read(&file).unwrap();
        let near = file.ancestors().skip(1).take_while(|a| a.starts_with(&root));
        let found = near.map(|a| find_solutions(a, &Limits::default()).unwrap());
        let Some(paths) = found.into_iter().find(|p| !p.is_empty()) else { continue };
        for path in paths {
            let source =
                CheckSource::read(Archive::read(&path, &Limits::default()).unwrap()).unwrap();
            let name = file.strip_prefix(&root).unwrap().display().to_string();
            let settings = [SettingsText { name: &name, bytes: &bytes }];
            let input = CheckInput { settings: &settings, ..CheckInput::new(&source) };
            let rules = Some(vec!["CR019".to_owned()]);
            let options = CheckOptions { rules, ..CheckOptions::default() };
            for finding in check(&input, &options) {
                let at = finding.location.as_ref().unwrap();
                assert!(at.line > 0, "{finding:?}");
                println!(
                    "{} {name} for {} :{} {}",
                    finding.severity,
                    source.name(),
                    at.line,
                    finding.message
                );
            }
        }
    }
}
