//! Migration from outside: own packages, hostile ones, and real ones where `CONNREF_SAMPLES` is.
use std::path::{Path, PathBuf};

use connref_solution::artefact::legacy_package::legacy_package_read;
use connref_solution::artefact::workflow_json::flow_body_read;
use connref_solution::model::package::{
    Manifest, PackageConnector, PackageReference, PackageVariable, Publisher, RootComponent,
    Workflow,
};
use connref_solution::{Limits, PackageError, find_solutions};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn flow(number: u32, name: &str, references: &Value) -> Workflow {
    let keys: Vec<String> =
        references.as_object().map(|m| m.keys().cloned().collect()).unwrap_or_default();
    let actions: serde_json::Map<String, Value> = keys
        .iter()
        .map(|key| {
            let host = json!({ "connectionName": key, "operationId": "Get", "apiId": "/providers/Microsoft.PowerApps/apis/shared_told" });
            (format!("Use {key}"), json!({ "type": "OpenApiConnection", "inputs": { "host": host, "rate": 1.50 }, "runAfter": {} }))
        })
        .collect();
    let body = json!({ "properties": { "connectionReferences": references, "definition": {
        "parameters": {}, "triggers": { "manual": { "type": "Request", "kind": "Button" } },
        "actions": actions } }, "schemaVersion": "1.0.0.0" });
    Workflow {
        id: format!("0000000{number}-906f-4b42-81b5-7a2d7c8eaf12").into(),
        name: name.to_owned(),
        description: None,
        category: 5,
        state_code: 1,
        modern_flow_type: None,
        json_file_name: None,
        client_data: Some(serde_json::to_string_pretty(&body).unwrap()),
    }
}

fn stripped(api: &str) -> Value {
    json!({ "runtimeSource": "embedded", "connection": {}, "api": { "name": api } })
}

fn bound(reference: &str, api: &str) -> Value {
    json!({ "runtimeSource": "embedded",
        "connection": { "connectionReferenceLogicalName": reference }, "api": { "name": api } })
}

fn reference(name: &str, api: &str) -> PackageReference {
    PackageReference {
        logical_name: name.into(),
        display_name: name.to_owned(),
        description: None,
        api_name: api.into(),
        custom_connector_id: None,
        customizable: true,
        prompting_behavior: None,
    }
}

fn package(workflows: Vec<Workflow>, references: Vec<PackageReference>) -> Package {
    Package {
        manifest: Manifest {
            unique_name: "Invoices".to_owned(),
            display_name: "Invoices".to_owned(),
            version: "1.0.0.0".to_owned(),
            language: 1033,
            publisher: Publisher {
                unique_name: "Fabrikam".to_owned(),
                display_name: "Fabrikam".to_owned(),
                prefix: "fab".to_owned(),
                option_value_prefix: 10_100,
            },
            ..Manifest::default()
        },
        workflows,
        references,
        ..Package::default()
    }
}

fn archive(package: &Package) -> Archive {
    let zip = package_write(None, package).unwrap().to_zip().unwrap();
    Archive::from_zip(&zip, &Limits::default()).unwrap()
}

/// Entries without reference in all cloud flows.
fn hard_coded(package: &Package) -> usize {
    let flows = package.workflows.iter().filter(|w| w.is_cloud_flow());
    let bodies = flows.filter_map(|w| w.client_data.as_deref()).map(|t| flow_body_read(t, "x").0);
    bodies.flat_map(|b| b.references).filter(|r| r.logical_name.is_none()).count()
}

/// Migrates, and holds what every migration must keep.
fn migrated(archive: &Archive, options: &MigrateOptions) -> Migration {
    let done = migrate(archive, options).unwrap_or_else(|e| panic!("{}: {e}", archive.label()));
    // Through bytes, as somebody would use it.
    let again = Archive::from_zip(&done.after.to_zip().unwrap(), &Limits::default()).unwrap();
    let package = package_read(&again).unwrap();
    assert_eq!(hard_coded(&package), 0, "{}", archive.label());
    for body in package.workflows.iter().filter_map(|w| w.client_data.as_deref()) {
        for used in flow_body_read(body, "x").0.references {
            let name = used.logical_name.unwrap();
            if done
                .changes
                .iter()
                .any(|c| matches!(c, Change::EntryBound { reference, .. } if *reference == name))
            {
                let reference = package.references.iter().find(|r| r.logical_name == name);
                let reference = reference.unwrap_or_else(|| panic!("`{name}` is not there"));
                assert_eq!(reference.api_name.without_hash(), used.api_name.without_hash());
                assert_eq!(used.connection_name, None);
            }
        }
    }
    let second = migrate(&again, options).unwrap();
    assert!(second.is_unchanged(), "{}: {:?}", archive.label(), second.changes);
    assert_eq!(second.after.to_zip().unwrap(), again.to_zip().unwrap());
    assert_eq!(second.preview().unwrap(), "");
    let twice = migrate(archive, options).unwrap();
    assert_eq!(twice.after.to_zip().unwrap(), done.after.to_zip().unwrap(), "deterministic");
    done
}

fn shown(migration: &Migration) -> Vec<String> {
    migration.changes.iter().map(ToString::to_string).collect()
}

#[test]
fn a_connection_without_reference_gets_one_and_nothing_else_changes() {
    let base = archive(&package(
        vec![
            flow(
                1,
                "Take",
                &json!({ "shared_sharepointonline": stripped("shared_sharepointonline"), "shared_teams": bound("fab_teams", "shared_teams") }),
            ),
            flow(2, "Other", &json!({ "shared_teams": bound("fab_teams", "shared_teams") })),
        ],
        vec![reference("fab_teams", "shared_teams")],
    ));
    let done = migrated(&base, &MigrateOptions::default());
    let added = &done.package.references[1];
    let name = added.logical_name.to_string();
    assert!(name.starts_with("fab_sharedsharepointonline_"), "{name}");
    assert_eq!(name.len(), "fab_sharedsharepointonline_".len() + 5);
    assert!(added.display_name.starts_with("SharePoint Invoices-"), "{}", added.display_name);
    let changed: Vec<&str> = base
        .parts()
        .filter(|p| done.after.bytes(p.name()).unwrap() != Some(p.bytes().unwrap()))
        .map(connref_solution::archive::Part::name)
        .collect();
    assert_eq!(changed.len(), 2, "{changed:?}");
    // The flow gains exactly the name.
    let before = package_read(&base).unwrap().workflows[0].client_data.clone().unwrap();
    let after = done.package.workflows[0].client_data.clone().unwrap();
    let wanted = before.replacen(
        "\"connection\": {},",
        &format!("\"connection\": {{\n          \"connectionReferenceLogicalName\": \"{name}\"\n        }},"),
        1,
    );
    assert_eq!(after, wanted);
    let preview = done.preview().unwrap();
    assert!(
        preview.contains("--- a/customizations.xml\n+++ b/customizations.xml\n@@"),
        "{preview}"
    );
    assert!(
        preview.contains(&format!("+          \"connectionReferenceLogicalName\": \"{name}\""))
    );
    assert_eq!(shown(&done).len(), 2);
}

#[test]
fn connections_that_are_named_share_only_with_themselves() {
    let live = |connection: &str, source: &str| {
        json!({ "connectionName": connection, "source": source, "tier": "NotSpecified",
            "id": "/providers/Microsoft.PowerApps/apis/shared_office365" })
    };
    let base = archive(&package(
        vec![
            flow(1, "A", &json!({ "a": live("c1", "Embedded"), "b": live("c2", "Embedded") })),
            flow(2, "B", &json!({ "a": live("C1", "Embedded"), "b": live("c1", "Invoker") })),
        ],
        vec![],
    ));
    let done =
        migrated(&base, &MigrateOptions { prefix: Some("abc".to_owned()), ..Default::default() });
    assert_eq!(done.package.references.len(), 3, "{:?}", shown(&done));
    assert!(done.package.references[0].logical_name.as_str().starts_with("abc_sharedoffice365_"));
    let body = flow_body_read(done.package.workflows[1].client_data.as_deref().unwrap(), "x").0;
    assert_eq!(body.references[1].source, connref_solution::model::package::RuntimeSource::Invoker);
    let text = done.package.workflows[1].client_data.clone().unwrap();
    assert!(!text.contains("connectionName\": \"c") && !text.contains("tier"), "{text}");
}

#[test]
fn consolidation_is_safe_or_says_why_not() {
    let invoker =
        json!({ "runtimeSource": "invoker", "connection": {}, "api": { "name": "shared_teams" } });
    let base = archive(&package(
        vec![
            flow(
                1,
                "A",
                &json!({ "t": stripped("shared_teams"), "q": stripped("shared_sql"), "o": stripped("shared_office365") }),
            ),
            flow(2, "B", &json!({ "t": stripped("shared_teams"), "q": stripped("shared_sql") })),
            flow(3, "C", &json!({ "t": invoker, "o": bound("fab_mail", "shared_office365") })),
            flow(
                4,
                "D",
                &json!({ "t": stripped("shared_teams"), "t_1": stripped("shared_teams") }),
            ),
        ],
        vec![reference("fab_mail", "shared_office365")],
    ));
    let plain = migrated(&base, &MigrateOptions::default());
    assert_eq!(plain.package.references.len(), 9);
    assert_eq!(plain.kept_apart, []);
    let options = MigrateOptions { consolidate: true, ..Default::default() };
    let done = migrated(&base, &options);
    // Teams: A, B and one of D share; D's second and C's stay apart. SQL: two. Mail: the old one.
    assert_eq!(done.package.references.len(), 6, "{:#?}", shown(&done));
    let reasons: Vec<&str> = done.kept_apart.iter().map(|k| k.reason.as_str()).collect();
    assert_eq!(reasons.len(), 3, "{reasons:?}");
    assert!(reasons[0].contains("different servers"), "{reasons:?}");
    assert!(reasons[1].contains("somebody else"), "{reasons:?}");
    assert!(reasons[2].contains("two connections"), "{reasons:?}");
    let mail = flow_body_read(done.package.workflows[0].client_data.as_deref().unwrap(), "x").0;
    let mail = mail.references.into_iter().find(|r| r.key == "o").unwrap();
    assert_eq!(mail.logical_name, Some("fab_mail".into()));
    let teams = shown(&done).into_iter().find(|c| c.starts_with("3 entries share")).unwrap();
    assert!(teams.contains("identity and nothing else"), "{teams}");
}

#[test]
fn a_connection_named_beside_a_reference_goes() {
    let twice = json!({ "runtimeSource": "embedded", "api": { "name": "shared_teams" },
        "connection": { "name": "shared-teams-1", "connectionReferenceLogicalName": "fab_teams" } });
    let live = json!({ "connectionName": "x1", "connectionReferenceLogicalName": "fab_teams",
        "source": "Invoker", "id": "/providers/Microsoft.PowerApps/apis/shared_teams" });
    let base = archive(&package(
        vec![flow(1, "A", &json!({ "a": twice, "b": live }))],
        vec![reference("fab_teams", "shared_teams")],
    ));
    let done = migrated(&base, &MigrateOptions::default());
    assert_eq!(done.changes.len(), 2);
    let text = done.package.workflows[0].client_data.clone().unwrap();
    assert!(!text.contains("shared-teams-1") && !text.contains("x1"), "{text}");
}

#[test]
fn an_entry_without_connector_is_told_by_its_actions_or_left() {
    let nameless = json!({ "runtimeSource": "embedded", "connection": {}, "api": { "name": "" } });
    let base = archive(&package(vec![flow(1, "A", &json!({ "k": nameless }))], vec![]));
    let done = migrated(&base, &MigrateOptions::default());
    assert_eq!(done.package.references[0].api_name.as_str(), "shared_told");
    let mut lost = flow(1, "A", &json!({ "k": nameless }));
    let text = lost.client_data.as_mut().unwrap();
    *text = text.replace("/providers/Microsoft.PowerApps/apis/shared_told", "");
    let done = migrate(&archive(&package(vec![lost], vec![])), &MigrateOptions::default()).unwrap();
    assert!(done.is_unchanged());
    assert!(done.notes[0].contains("names no connector"), "{:?}", done.notes);
}

fn with_connector() -> Package {
    let api = "shared_fab-5fledger-5f6a4f91c8025d1333";
    let entry = json!({ "runtimeSource": "embedded", "connection": {},
        "api": { "name": api, "logicalName": "fab_ledger" } });
    let mut package = package(vec![flow(1, "A", &json!({ "k": entry }))], vec![]);
    package.connectors.push(PackageConnector {
        id: "9d1f6a1d-8f5e-4a31-b0a4-6f1c6b7d9e01".to_owned(),
        name: "fab_5Fledger".to_owned(),
        display_name: "Ledger".to_owned(),
        openapi_definition: Some("{\"swagger\": \"2.0\"}".to_owned()),
        connection_parameters: Some(
            r#"{"a": "@environmentVariables(\"fab_LedgerId\")"}"#.to_owned(),
        ),
        ..PackageConnector::default()
    });
    for name in ["fab_LedgerId", "fab_LedgerIdOther"] {
        package.variables.push(PackageVariable {
            schema_name: name.into(),
            display_name: name.to_owned(),
            description: None,
            kind: 100_000_000,
            default_value: None,
            value: None,
            required: false,
            api_name: None,
            parameter_key: None,
            parent: None,
            secret_store: None,
        });
    }
    package.manifest.root_components.push(RootComponent {
        kind: 372,
        id: Some("9d1f6a1d-8f5e-4a31-b0a4-6f1c6b7d9e01".to_owned()),
        schema_name: Some("fab_5Fledger".to_owned()),
        behavior: 0,
    });
    package
}

#[test]
fn custom_connectors_are_named_by_their_row_and_split_on_request() {
    let base = archive(&with_connector());
    let done = migrated(&base, &MigrateOptions::default());
    let reference = &done.package.references[0];
    assert!(reference.logical_name.as_str().starts_with("fab_sharedfabledger_"));
    let id = Some("9d1f6a1d-8f5e-4a31-b0a4-6f1c6b7d9e01".to_owned());
    assert_eq!(reference.custom_connector_id, id);
    assert!(reference.display_name.starts_with("Ledger Invoices-"));

    let options = MigrateOptions { split_connectors: true, ..Default::default() };
    let done = migrated(&base, &options);
    assert_eq!(done.package.connectors, []);
    assert_eq!(done.package.manifest.root_components, []);
    let split = done.connectors.unwrap();
    let own = Archive::from_zip(&split.connectors.to_zip().unwrap(), &Limits::default()).unwrap();
    let own = package_read(&own).unwrap();
    assert_eq!(own.connectors, with_connector().connectors);
    assert_eq!(own.manifest.unique_name, "InvoicesConnectors");
    assert_eq!(own.manifest.root_components.len(), 1);
    let names: Vec<String> = own.variables.iter().map(|v| v.schema_name.to_string()).collect();
    assert_eq!(names, ["fab_LedgerId"]);
    assert_eq!(own.problems, []);
}

/// A fixture of the solution crate whose first flow lost the names of its connections.
fn stripped_fixture(name: &str) -> Archive {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../solution/tests/fixtures");
    let mut archive = Archive::read(&folder.join(name), &Limits::default()).unwrap();
    let part = archive.parts().map(|p| p.name().to_owned()).find(|n| n.contains("Takeinvoices"));
    let part = part.unwrap();
    let mut document = connref_solution::document::json::JsonDocument::parse(
        archive.bytes(&part).unwrap().unwrap(),
    )
    .unwrap();
    let map = document.value()["properties"]["connectionReferences"].as_object().unwrap().clone();
    assert!(!map.is_empty());
    let changes: Vec<(String, Value)> = map
        .keys()
        .map(|key| (format!("/properties/connectionReferences/{key}/connection"), json!({})))
        .collect();
    document.set_all(&changes).unwrap();
    archive.set(&part, document.to_bytes()).unwrap();
    archive
}

#[test]
fn folders_of_both_layouts_are_migrated_where_they_lie() {
    for name in ["invoices", "unpacked"] {
        let base = stripped_fixture(name);
        let done = migrate(&base, &MigrateOptions::default()).unwrap();
        assert_eq!(done.after.layout(), base.layout());
        assert_eq!(hard_coded(&done.package), 0, "{name}");
        let changed: Vec<String> = base
            .parts()
            .filter(|p| done.after.bytes(p.name()).unwrap() != Some(p.bytes().unwrap()))
            .map(|p| p.name().to_lowercase())
            .collect();
        assert_eq!(changed.len(), 2, "{name}: {changed:?}");
        assert!(done.preview().unwrap().contains("connectionReferenceLogicalName"));
        assert!(migrate(&done.after, &MigrateOptions::default()).unwrap().is_unchanged());
    }
}

#[test]
fn more_connections_than_anybody_has_are_refused() {
    let map = |count: usize| -> Value {
        (0..count).map(|at| (format!("k{at}"), stripped("shared_teams"))).collect()
    };
    let many = archive(&package(vec![flow(1, "A", &map(2_001))], vec![]));
    let error = migrate(&many, &MigrateOptions::default()).unwrap_err();
    assert!(matches!(error, MigrateError::TooMany { found: 2_001, .. }), "{error}");
    let most = archive(&package(vec![flow(1, "A", &map(2_000))], vec![]));
    let options = MigrateOptions { consolidate: true, ..Default::default() };
    assert_eq!(migrate(&most, &options).unwrap().package.references.len(), 2_000);
}

#[test]
fn names_that_the_platform_refuses_are_refused() {
    let base = archive(&package(vec![], vec![]));
    let bad = MigrateOptions { prefix: Some("1x".to_owned()), ..Default::default() };
    assert!(matches!(migrate(&base, &bad), Err(MigrateError::Prefix { .. })));
    let bad = MigrateOptions { solution_name: Some("a b".to_owned()), ..Default::default() };
    assert!(matches!(migrate(&base, &bad), Err(MigrateError::Name { .. })));
    let zip = Archive::from_parts(vec![("readme.md".to_owned(), vec![])], &Limits::default());
    let error = migrate(&zip.unwrap(), &MigrateOptions::default()).unwrap_err();
    assert!(matches!(error, MigrateError::Package(PackageError::Missing { .. })), "{error}");
}

/// A flow package as an export makes it, with its maker in all the usual places.
fn legacy() -> Archive {
    let flow = "d6e47e17-ac6c-4273-93e0-8da48178f6b4";
    let folder = format!("Microsoft.Flow/flows/{flow}");
    let manifest = json!({ "schema": "1.0",
        "details": { "displayName": "Remind the team", "description": "Ask lee@fabrikam.example", "creator": "lee@fabrikam.example" },
        "resources": {
            flow: { "type": "Microsoft.Flow/flows", "details": { "displayName": "Remind" } },
            "a1": { "type": "Microsoft.PowerApps/apis", "name": "shared_teams", "details": { "displayName": "Microsoft Teams" } },
            "a2": { "type": "Microsoft.PowerApps/apis", "id": "/providers/Microsoft.PowerApps/apis/shared_planner", "details": { "displayName": "Planner" } },
            "c1": { "type": "Microsoft.PowerApps/apis/connections", "details": { "displayName": "lee@fabrikam.example" } } } });
    let definition = json!({ "name": "cee7701b-a7c4-4188-93d7-c987fd94b978",
        "id": "/providers/Microsoft.Flow/flows/cee7701b-a7c4-4188-93d7-c987fd94b978",
        "type": "Microsoft.Flow/flows",
        "properties": { "apiId": "/providers/Microsoft.PowerApps/apis/shared_logicflows",
            "displayName": "Remind",
            "definition": {
                "metadata": { "creator": { "id": "fd7125ea-489b-496e-a2d6-db10922e8c20" } },
                "parameters": { "$connections": { "defaultValue": {}, "type": "Object" } },
                "triggers": { "Recurrence": { "type": "Recurrence" } },
                "actions": { "Post": { "type": "ApiConnection", "inputs": { "rate": 2.50, "host": {
                    "api": { "runtimeUrl": "https://x.azure-apim.example/apim/teams" },
                    "connection": { "name": "@parameters('$connections')['shared_teams']['connectionId']" } } } } } },
            "connectionReferences": {
                "shared_teams": { "connectionName": "shared-teams-1", "source": "Invoker", "id": "/providers/Microsoft.PowerApps/apis/shared_teams", "tier": "NotSpecified" },
                "shared_planner": {} },
            "flowFailureAlertSubscribed": false } });
    let parts = [
        ("manifest.json".to_owned(), manifest.to_string()),
        (
            "Microsoft.Flow/flows/manifest.json".to_owned(),
            json!({ "packageSchemaVersion": "1.0", "flowAssets": { "assetPaths": [flow] } })
                .to_string(),
        ),
        (format!("{folder}/definition.json"), definition.to_string().replace("2.5,", "2.50,")),
        (
            format!("{folder}/apisMap.json"),
            json!({ "shared_teams": "a1", "shared_planner": "a2" }).to_string(),
        ),
        (
            format!("{folder}/connectionsMap.json"),
            json!({ "shared_teams": "c1", "shared_planner": "c2" }).to_string(),
        ),
    ];
    let parts = parts.into_iter().map(|(name, text)| (name, text.into_bytes())).collect();
    Archive::from_parts(parts, &Limits::default()).unwrap()
}

#[test]
fn a_flow_package_becomes_a_solution_without_its_maker() {
    let done = migrated(
        &legacy(),
        &MigrateOptions { prefix: Some("fab".to_owned()), ..Default::default() },
    );
    let package = &done.package;
    assert_eq!(package.manifest.unique_name, "Remindtheteam");
    assert_eq!(package.manifest.root_components.len(), 1);
    assert_eq!(package.problems, []);
    let names: Vec<&str> = package.references.iter().map(|r| r.api_name.as_str()).collect();
    assert_eq!(names, ["shared_teams", "shared_planner"]);
    assert!(package.references[0].display_name.starts_with("Microsoft Teams Remindtheteam-"));
    let body = package.workflows[0].client_data.as_deref().unwrap();
    assert!(body.contains("\"rate\":2.50"), "numbers keep their spelling: {body}");
    let value: Value = serde_json::from_str(body).unwrap();
    let keys: Vec<&String> = value["properties"].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["definition", "connectionReferences", "templateName"]);
    assert_eq!(value["schemaVersion"], "1.0.0.0");
    let (read, problems) = flow_body_read(body, "x");
    assert_eq!(problems, []);
    assert_eq!(read.uses[0].0, "shared_teams");
    for part in done.after.parts() {
        let text = String::from_utf8_lossy(part.bytes().unwrap()).to_lowercase();
        for maker in [
            "lee@fabrikam",
            "fd7125ea",
            "shared-teams-1",
            "runtimesource\":\"invoker\",\"connectionname",
        ] {
            assert!(!text.contains(maker), "`{maker}` in {}", part.name());
        }
    }
    let preview = done.preview().unwrap();
    assert!(preview.contains("--- a/Microsoft.Flow/flows/d6e47e17"), "{preview}");
    assert!(preview.contains("--- /dev/null\n+++ b/solution.xml"), "{preview}");
}

#[test]
fn odd_flow_packages_are_read_as_far_as_they_go() {
    let parts = legacy().to_parts().unwrap();
    let without = |gone: &str| {
        let parts = parts.iter().filter(|(name, _)| !name.ends_with(gone)).cloned().collect();
        Archive::from_parts(parts, &Limits::default()).unwrap()
    };
    let read = legacy_package_read(&without("apisMap.json")).unwrap();
    assert_eq!(read.flows[0].apis, []);
    // `manifest.json` names two parts.
    let error = migrate(&without("manifest.json"), &MigrateOptions::default()).unwrap_err();
    assert!(matches!(error, MigrateError::Package(_)), "{error}");
    let error = migrate(&without("definition.json"), &MigrateOptions::default()).unwrap_err();
    assert!(matches!(error, MigrateError::Legacy(LegacyError::NoFlow { .. })), "{error}");
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[a-z_~/']{0,8}".prop_map(Value::from),
        Just(Value::from("/providers/Microsoft.PowerApps/apis/shared_teams")),
    ];
    let keys = prop_oneof![
        Just("api".to_owned()),
        Just("name".to_owned()),
        Just("id".to_owned()),
        Just("connection".to_owned()),
        Just("connectionName".to_owned()),
        Just("runtimeSource".to_owned()),
        Just("connectionReferenceLogicalName".to_owned()),
        "[a-z~/]{0,4}",
    ];
    leaf.prop_recursive(4, 24, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((keys.clone(), inner), 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever stands in the maps: no panic, and what is done is done once.
    #[test]
    fn any_map_is_migrated_once(maps in prop::collection::vec(any_json(), 1..4), consolidate: bool) {
        let flows = maps.into_iter().enumerate();
        let flows = flows.map(|(at, map)| flow(at as u32, &format!("F{at}"), &map)).collect();
        let base = archive(&package(flows, vec![reference("fab_teams", "shared_teams")]));
        let options = MigrateOptions { consolidate, ..Default::default() };
        let done = migrate(&base, &options).unwrap();
        done.preview().unwrap();
        let second = migrate(&done.after, &options).unwrap();
        prop_assert!(second.is_unchanged(), "{:?}", shown(&second));
    }
}

fn samples() -> Option<PathBuf> {
    let folder = std::env::var_os("CONNREF_SAMPLES").map(PathBuf::from);
    if folder.is_none() {
        eprintln!("skipped: CONNREF_SAMPLES is not set");
    }
    folder
}

fn definitions(package: &Package) -> Vec<Value> {
    let flows = package.workflows.iter().filter_map(|w| w.client_data.as_deref());
    flows
        .map(|text| serde_json::from_str::<Value>(text).unwrap()["properties"]["definition"].take())
        .collect()
}

/// Account names that a manifest tells of.
fn accounts(archive: &Archive) -> Vec<String> {
    let Some(bytes) = archive.bytes("manifest.json").unwrap() else { return Vec::new() };
    let manifest: Value = serde_json::from_slice(bytes).unwrap();
    let resources = manifest["resources"].as_object().unwrap();
    resources
        .values()
        .filter_map(|r| r["details"]["displayName"].as_str())
        .filter(|name| name.contains('@'))
        .map(str::to_lowercase)
        .collect()
}

#[test]
fn real_flow_packages_become_solutions() {
    let Some(folder) = samples() else { return };
    let mut count = 0;
    for entry in std::fs::read_dir(folder.join("legacy")).unwrap() {
        let path = entry.unwrap().path();
        let base = Archive::read(&path, &Limits::default()).unwrap();
        let legacy = legacy_package_read(&base).unwrap();
        assert_eq!(legacy.problems, [], "{}", path.display());
        for consolidate in [false, true] {
            let done = migrated(&base, &MigrateOptions { consolidate, ..Default::default() });
            assert_eq!(done.package.problems, [], "{}", path.display());
            let mut old: Vec<Value> = legacy
                .flows
                .iter()
                .map(|f| {
                    serde_json::from_str::<Value>(&f.body).unwrap()["properties"]["definition"]
                        .take()
                })
                .collect();
            for definition in &mut old {
                definition.as_object_mut().unwrap().shift_remove("metadata");
            }
            // Texts too: numbers and escapes are spelled as they were.
            assert_eq!(
                serde_json::to_string(&old).unwrap(),
                serde_json::to_string(&definitions(&done.package)).unwrap()
            );
            let own: String = old.iter().map(|d| d.to_string().to_lowercase()).collect();
            for account in accounts(&base).iter().filter(|a| !own.contains(*a)) {
                for part in done.after.parts() {
                    let text = String::from_utf8_lossy(part.bytes().unwrap()).to_lowercase();
                    assert!(!text.contains(account), "{}: {}", path.display(), part.name());
                }
            }
            assert!(!done.preview().unwrap().is_empty());
        }
        count += 1;
    }
    eprintln!("{count} flow packages");
    assert!(count >= 16);
}

#[test]
fn real_solutions_keep_everything_but_their_maps() {
    let Some(folder) = samples() else { return };
    let (mut migrated_count, mut quiet) = (0, 0);
    let paths: Vec<PathBuf> = ["zip", "unpacked", "recorded"]
        .iter()
        .flat_map(|part| find_solutions(&folder.join(part), &Limits::default()).unwrap())
        .collect();
    for path in paths {
        let base = Archive::read(&path, &Limits::default()).unwrap();
        let before = package_read(&base).unwrap();
        let done = migrate(&base, &MigrateOptions::default()).unwrap();
        assert_eq!(done.after.layout(), base.layout());
        assert_eq!(hard_coded(&done.package), 0, "{}", path.display());
        assert_eq!(definitions(&before), definitions(&done.package), "{}", path.display());
        assert!(migrate(&done.after, &MigrateOptions::default()).unwrap().is_unchanged());
        if done.is_unchanged() {
            quiet += 1;
        } else {
            migrated_count += 1;
            for change in &done.changes {
                eprintln!("{}: {change}", path.display());
            }
            let touched = base
                .parts()
                .filter(|p| done.after.bytes(p.name()).unwrap() != Some(p.bytes().unwrap()));
            for part in touched {
                let name = part.name().to_lowercase();
                assert!(
                    name.ends_with("customizations.xml") || name.starts_with("workflows/"),
                    "{name}"
                );
            }
        }
        split_check(&base, &path);
    }
    eprintln!("{migrated_count} migrated, {quiet} had nothing to migrate");
}

fn split_check(base: &Archive, path: &Path) {
    let before = package_read(base).unwrap();
    let split = match connectors_split(base) {
        Ok(split) => split,
        Err(WriteError::UnknownComponents { .. }) => return,
        Err(error) => panic!("{}: {error}", path.display()),
    };
    let Some(split) = split else { return };
    let own = Archive::from_zip(&split.connectors.to_zip().unwrap(), &Limits::default()).unwrap();
    assert_eq!(package_read(&own).unwrap().connectors, before.connectors, "{}", path.display());
    let rest = Archive::from_zip(&split.rest.to_zip().unwrap(), &Limits::default()).unwrap();
    let rest = package_read(&rest).unwrap();
    assert_eq!(rest.connectors, []);
    assert_eq!(rest.workflows, before.workflows);
    eprintln!("{}: {} connectors told apart", path.display(), own.parts().count());
}
