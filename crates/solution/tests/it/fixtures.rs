//! The project's own fixtures, in the form of real files.
use connref_solution::archive::Layout;
use connref_solution::artefact::workflow_json::flow_body_read;
use connref_solution::model::package::Managed;
use connref_solution::{Archive, Limits, find_solutions, inspect, package_read};

use crate::support::{fixture, managed_zip, read};

#[test]
fn the_plain_folder_is_read() {
    let package = package_read(&read("invoices")).unwrap();
    assert_eq!(package.problems, []);
    let manifest = &package.manifest;
    assert_eq!(manifest.unique_name, "ContosoInvoices");
    assert_eq!(manifest.display_name, "Contoso Invoices");
    assert_eq!(manifest.description, "Takes invoices from the mailbox to the ledger.");
    assert_eq!((manifest.managed, &*manifest.version), (Managed::Unmanaged, "1.2.0.3"));
    assert_eq!(manifest.publisher.prefix, "cnt");
    assert_eq!(manifest.publisher.option_value_prefix, 48_213);
    assert_eq!(manifest.root_components.len(), 3);
    assert_eq!(manifest.root_components[2].schema_name.as_deref(), Some("cnt_5Fledger"));
    assert_eq!(manifest.missing_dependencies[0].required, "cnt_sharedApproval");
    assert_eq!(manifest.missing_dependencies[0].solution, "Active");

    let references: Vec<_> = package
        .references
        .iter()
        .map(|r| (r.logical_name.as_str(), r.api_name.as_str(), r.prompting_behavior))
        .collect();
    assert_eq!(
        references,
        [
            ("cnt_sharedledger_0a1b2", "shared_cnt-5fledger-5f6a4f91c8025d1333", Some(0)),
            ("cnt_sharedoffice365_3c4d5", "shared_office365", None),
        ]
    );
    assert_eq!(
        package.references[0].custom_connector_id.as_deref(),
        Some("5b1f0d64-3f0b-4f0e-9d1a-2f6f1f2a7c11")
    );
    assert_eq!(package.connectors[0].logical_name().as_str(), "cnt_ledger");
    assert!(package.connectors[0].openapi_definition.is_some());

    assert_eq!(package.workflows.len(), 3);
    assert_eq!(package.workflows.iter().filter(|w| w.is_cloud_flow()).count(), 2);
    let flow = &package.workflows[0];
    let (body, problems) = flow_body_read(flow.client_data.as_deref().unwrap(), "flow");
    assert_eq!(problems, []);
    assert_eq!(body.children, [package.workflows[1].id.clone()]);
    assert_eq!(body.variables[0].schema_name, "cnt_LedgerUrl".into());
    assert_eq!(body.uses.len(), 2);

    let variables: Vec<_> = package
        .variables
        .iter()
        .map(|v| (v.schema_name.as_str(), v.default_value.as_deref(), v.value.as_deref()))
        .collect();
    assert_eq!(
        variables,
        [
            ("cnt_LedgerUrl", Some("https://ledger.example/api"), Some("https://test.example/api")),
            ("cnt_Site", None, None),
        ]
    );
    assert_eq!(package.variables[1].api_name, Some("shared_sharepointonline".into()));
    let app = &package.canvas_apps[0];
    assert_eq!(app.sources[0].reference, Some("cnt_sharedoffice365_3c4d5".into()));
    assert!(!app.sources[0].implicitly_shared && app.sources[1].implicitly_shared);
    assert_eq!(package.agent_uses[0].1, "cnt_sharedoffice365_3c4d5".into());
}

#[test]
fn the_zip_reads_as_the_folder_but_managed() {
    let zip = Archive::from_zip(&managed_zip(), &Limits::default()).unwrap();
    assert_eq!(zip.layout(), Layout::Zip);
    let mut package = package_read(&zip).unwrap();
    assert_eq!(package.manifest.managed, Managed::Managed);
    package.manifest.managed = Managed::Unmanaged;
    assert_eq!(package, package_read(&read("invoices")).unwrap());
}

#[test]
fn the_packager_folder_is_read() {
    let archive = read("unpacked");
    assert_eq!(archive.layout(), Layout::Packager);
    let package = package_read(&archive).unwrap();
    assert_eq!(package.problems, []);
    assert_eq!(package.manifest.managed, Managed::Both);
    assert_eq!(package.workflows.len(), 1);
    assert!(package.workflows[0].client_data.is_some());
    assert_eq!(package.connectors[0].name, "cnt_5Fledger");
    assert!(package.connectors[0].connection_parameters.is_some());
    assert_eq!(package.canvas_apps.len(), 1);
}

#[test]
fn solutions_are_found_below_a_folder() {
    let found = find_solutions(&fixture(""), &Limits::default()).unwrap();
    assert_eq!(found, [fixture("invoices"), fixture("unpacked")]);
    let found = find_solutions(&fixture("invoices"), &Limits::default()).unwrap();
    assert_eq!(found, [fixture("invoices")]);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.zip"), managed_zip()).unwrap();
    std::fs::write(folder.path().join("b.zip"), b"not a zip").unwrap();
    let found = find_solutions(folder.path(), &Limits::default()).unwrap();
    assert_eq!(found, [folder.path().join("a.zip")]);
}

#[test]
fn a_folder_with_both_layouts_says_which_it_took() {
    let folder = tempfile::tempdir().unwrap();
    for (from, to) in [("invoices", ""), ("unpacked/Other", "Other")] {
        let target = folder.path().join(to);
        std::fs::create_dir_all(&target).unwrap();
        for entry in std::fs::read_dir(fixture(from)).unwrap().map(|e| e.unwrap()) {
            if entry.file_type().unwrap().is_file() {
                std::fs::copy(entry.path(), target.join(entry.file_name())).unwrap();
            }
        }
    }
    let archive = Archive::read(folder.path(), &Limits::default()).unwrap();
    assert_eq!(archive.layout(), Layout::Folder);
    assert!(archive.notes()[0].contains("`solution.xml` is read"), "{:?}", archive.notes());
    assert!(archive.part("Other/Solution.xml").is_none());
    assert_eq!(package_read(&archive).unwrap().manifest.unique_name, "ContosoInvoices");
}

#[test]
fn an_inspection_counts() {
    let found = inspect(&fixture("invoices"), &Limits::default()).unwrap();
    assert_eq!((found.flows, found.references), (2, 2));
    assert_eq!((found.environment_variables, found.connectors), (2, 1));
    assert_eq!(found.path, fixture("invoices").display().to_string());
}
