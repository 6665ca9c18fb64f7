use std::path::{Path, PathBuf};

use connref_review::check::CheckSource;
use connref_review::runbook::{Runbook, runbook};
use connref_solution::artefact::settings_json::settings_read;
use connref_solution::{Archive, Limits, find_solutions};
use insta::assert_snapshot;

use super::*;

fn source(path: &Path) -> CheckSource {
    CheckSource::read(Archive::read(path, &Limits::default()).unwrap()).unwrap()
}

fn told<'a>(source: &CheckSource, book: &'a Runbook, customer: bool) -> Told<'a> {
    Told {
        book,
        file: "orders.zip".to_owned(),
        folder: None,
        settings: "prod.json".to_owned(),
        template: crate::package::settings_template(source.package()),
        customer,
    }
}

fn example() -> CheckSource {
    source(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/contoso_orders"))
}

#[test]
fn the_example_for_a_customer() {
    let source = example();
    let book = runbook(&source, None);
    assert_snapshot!(page(&told(&source, &book, true)).md());
}

#[test]
fn settings_tell_what_is_left_to_do() {
    let source = example();
    let text = r#"{"EnvironmentVariables":[{"SchemaName":"contoso_stage","Value":"prod"}],
        "ConnectionReferences":[{"LogicalName":"contoso_sharedsql_c20d9","ConnectionId":"0a1b2c3d0a1b2c3d0a1b2c3d0a1b2c3d"},
            {"LogicalName":"CONTOSO_sharedoffice365_7fa36","ConnectionId":""}]}"#;
    let settings = settings_read(text.as_bytes(), None).unwrap().settings;
    let book = runbook(&source, Some(&settings));
    let text = page(&told(&source, &book, false)).md();
    let start = text.find("## 4. Deployment settings").unwrap();
    let end = text.find("## 6. Import").unwrap();
    assert_snapshot!(&text[start..end]);
    assert!(!text.contains("At the customer"), "{text}");
    assert!(text.contains("bound to `0a1b2c3d0a1b2c3d0a1b2c3d0a1b2c3d`"), "{text}");
}

#[test]
fn programs_get_the_same() {
    let source = example();
    assert_snapshot!(format!("{:#}", whole(&runbook(&source, None))));
}

/// Real solutions and flow packages: a page each, twice the same, and no section without content.
#[test]
fn real_packages_have_a_runbook() {
    let Some(root) = std::env::var_os("CONNREF_SAMPLES").map(PathBuf::from) else {
        eprintln!("CONNREF_SAMPLES is not set; no runbooks of real solutions are written");
        return;
    };
    let limits = Limits::default();
    let mut paths = find_solutions(&root.join("zip"), &limits).unwrap();
    paths.extend(find_solutions(&root.join("unpacked"), &limits).unwrap());
    for entry in std::fs::read_dir(root.join("legacy")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|end| end == "zip") {
            paths.push(path);
        }
    }
    assert!(paths.len() > 40, "{} packages", paths.len());
    for path in paths {
        let source = source(&path);
        let book = runbook(&source, None);
        let told = told(&source, &book, true);
        let text = page(&told).md();
        assert_eq!(text, page(&told).md());
        let lines: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
        let level = |line: &str| line.bytes().take_while(|b| *b == b'#').count();
        let mut in_code = false;
        for pair in lines.windows(2) {
            in_code ^= pair[0].starts_with("```");
            let (one, next) = (level(pair[0]), level(pair[1]));
            let empty = !in_code && one > 0 && next > 0 && next <= one;
            assert!(!empty, "{}: {} is empty", path.display(), pair[0]);
        }
        assert_eq!(level(lines[lines.len() - 1]), 0, "{}", path.display());
        for one in &book.references {
            assert!(text.contains(one.logical_name.as_str()), "{}", path.display());
        }
        for flow in &book.flows {
            // Each flow after the flows it calls, unless they stand in a ring.
            let at = |name: &str| book.flows.iter().position(|f| f.name == name);
            let ring = book.rings.iter().any(|ring| ring.contains(&flow.name));
            let after = |child: &String| at(child) < at(&flow.name);
            assert!(ring || flow.calls.iter().all(after), "{}: {}", path.display(), flow.name);
        }
        let html = page(&told).html();
        assert!(html.ends_with("</body>\n</html>\n") && !html.contains("<script"));
        assert_eq!(html.matches("type=\"checkbox\"").count(), text.matches("- [ ] ").count());
    }
}
