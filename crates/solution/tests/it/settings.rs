//! Deployment settings files, changed in place.
use connref_solution::artefact::settings_json::{SettingsError, settings_read};
use connref_solution::model::Package;
use connref_solution::package_read;
use connref_solution::settings::{
    EntryKind, SettingsDifference, SettingsIssue, settings_create_text, settings_diff,
    settings_fix, settings_merge, settings_sync, settings_validate,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::generate::package as any_package;
use crate::support::read;

const ID: &str = "0123456789abcdef0123456789abcdef";

fn invoices() -> Package {
    package_read(&read("invoices")).unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn a_new_file_has_the_shape_and_order_that_is_known() {
    let mut package = invoices();
    package.references.truncate(1);
    package.variables.truncate(1);
    let (reference, variable) = (&package.references[0], &package.variables[0]);
    let wanted = format!(
        "{{\n  \"EnvironmentVariables\": [\n    {{\n      \"SchemaName\": \"{}\",\n      \"Value\": \"\"\n    }}\n  ],\n  \"ConnectionReferences\": [\n    {{\n      \"LogicalName\": \"{}\",\n      \"ConnectionId\": \"\",\n      \"ConnectorId\": \"/providers/Microsoft.PowerApps/apis/{}\"\n    }}\n  ]\n}}\n",
        variable.schema_name, reference.logical_name, reference.api_name
    );
    assert_eq!(text(&settings_create_text(&package)), wanted);
}

#[test]
fn the_schema_knows_what_is_written() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs/schemas/deployment-settings.schema.json");
    let schema: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let made: Value = serde_json::from_slice(&settings_create_text(&invoices())).unwrap();
    for (section, definition) in
        [("ConnectionReferences", "reference"), ("EnvironmentVariables", "variable")]
    {
        assert!(schema["$defs"]["settings"]["properties"][section].is_object());
        let known = schema["$defs"][definition]["properties"].as_object().unwrap();
        for key in made[section][0].as_object().unwrap().keys() {
            assert!(known.contains_key(key), "{key}");
        }
    }
}

#[test]
fn a_new_file_keeps_still_when_it_is_synchronised() {
    let package = invoices();
    let made = settings_create_text(&package);
    let done = settings_sync(&made, &package).unwrap();
    assert!(done.is_unchanged());
    assert_eq!(done.text, made);
    assert_eq!(done.kept, package.references.len() + package.variables.len());
}

#[test]
fn synchronising_keeps_values_and_layout_and_tells_the_rest() {
    let package = invoices();
    let (reference, variable) = (&package.references[0], &package.variables[0]);
    // As the ALM Accelerator writes: odd indentation, owners, CRLF.
    let file = format!(
        "{{\r\n    \"EnvironmentVariables\":  [\r\n        {{\"SchemaName\":  \"{variable}\", \"Value\":  \"kept\"}}\r\n    ],\r\n    \"ConnectionReferences\":  [\r\n                                 {{\r\n                                     \"LogicalName\":  \"{reference}\",\r\n                                     \"ConnectionId\":  \"{ID}\",\r\n                                     \"ConnectorId\":  \"{connector}\",\r\n                                     \"ConnectionOwner\":  \"a@b.example\"\r\n                                 }},\r\n                                 {{\r\n                                     \"LogicalName\":  \"cnt_gone\",\r\n                                     \"ConnectionId\":  \"abc\",\r\n                                     \"ConnectorId\":  \"x\",\r\n                                     \"ConnectionOwner\":  \"\"\r\n                                 }}\r\n                             ]\r\n}}",
        variable = variable.schema_name,
        reference = reference.logical_name.as_str().to_uppercase(),
        connector = reference.api_name.connector_id(),
    );
    let done = settings_sync(file.as_bytes(), &package).unwrap();
    assert_eq!(done.kept, 2);
    assert_eq!(done.removed.len(), 1);
    assert_eq!(
        (done.removed[0].name.as_str(), done.removed[0].value.as_str()),
        ("cnt_gone", "abc")
    );
    assert_eq!(done.added.len(), package.references.len() + package.variables.len() - 2);
    let after = text(&done.text);
    assert!(after.contains(&format!("\"ConnectionId\":  \"{ID}\",\r\n")), "{after}");
    assert!(after.contains("\"Value\":  \"kept\"}"), "{after}");
    assert!(!after.contains("cnt_gone") && !after.replace("\r\n", "").contains('\n'), "{after}");
    assert_eq!(after.matches("ConnectionOwner").count(), package.references.len());
    let second = settings_sync(&done.text, &package).unwrap();
    assert!(second.is_unchanged());
    assert_eq!(second.text, done.text);
    assert!(
        settings_validate(&done.text, Some(&package)).unwrap().iter().all(|f| matches!(
            f.finding.issue,
            SettingsIssue::Empty | SettingsIssue::MissingVariable
        ))
    );
}

#[test]
fn a_wrong_connector_is_put_right_and_a_hash_of_the_target_stays() {
    let mut package = invoices();
    package.references.truncate(1);
    package.references[0].api_name = "shared_cnt-5fledger-5f6a4f91c8025d1333".into();
    package.variables.clear();
    let name = package.references[0].logical_name.clone();
    let file = |api: &str| {
        json!({"ConnectionReferences": [{"LogicalName": name.as_str(), "ConnectionId": "", "ConnectorId": api}]})
            .to_string()
    };
    let other = "/providers/Microsoft.PowerApps/apis/shared_cnt-5fledger-5f9fd17285088bf5cb";
    let done = settings_sync(file(other).as_bytes(), &package).unwrap();
    assert!(done.is_unchanged());
    let done = settings_sync(file("/x/shared_sql").as_bytes(), &package).unwrap();
    assert_eq!(done.connectors, [name]);
    assert!(text(&done.text).contains("6a4f91c8025d1333"));
}

#[test]
fn every_fault_is_told_with_its_place() {
    let package = invoices();
    let name = &package.references[0].logical_name;
    let file = format!(
        "{{\n  \"Typo\": 1,\n  \"ConnectionReferences\": [\n    7,\n    {{\"ConnectionId\": \"x\"}},\n    {{\"LogicalName\": \"{name}\", \"ConnectionId\": \"shared_x/{ID}\", \"ConnectorId\": \"{}\"}},\n    {{\"LogicalName\": \"cnt_nobody\", \"ConnectionId\": \"#{{a}}#\"}}\n  ],\n  \"EnvironmentVariables\": {{}}\n}}",
        package.references[0].api_name.connector_id()
    );
    let found = settings_validate(file.as_bytes(), Some(&package)).unwrap();
    let told: Vec<(SettingsIssue, usize, &str)> = found
        .iter()
        .filter(|f| !f.finding.at.is_empty())
        .map(|f| (f.finding.issue, f.line, f.finding.at.as_str()))
        .collect();
    use SettingsIssue::*;
    assert_eq!(
        told,
        [
            (Unread, 2, "/Typo"),
            (Shape, 4, "/ConnectionReferences/0"),
            (Shape, 5, "/ConnectionReferences/1"),
            (ConnectionPath, 6, "/ConnectionReferences/2/ConnectionId"),
            (UnknownReference, 7, "/ConnectionReferences/3"),
            (Token, 7, "/ConnectionReferences/3/ConnectionId"),
            (Shape, 9, "/EnvironmentVariables"),
        ]
    );
    let alone = settings_validate(file.as_bytes(), None).unwrap();
    assert!(!alone.iter().any(|f| f.finding.issue == UnknownReference));
}

#[test]
fn files_nested_by_solution_and_other_files_are_told_apart() {
    let package = invoices();
    let nested = format!(
        "{{\"{}\": {{\"ConnectionReferences\": [{{\"LogicalName\": \"cnt_x\", \"ConnectionId\": \"\"}}], \"ImportData\": []}}, \"Other\": {{\"EnvironmentVariables\": []}}}}",
        package.manifest.unique_name
    );
    let found = settings_validate(nested.as_bytes(), Some(&package)).unwrap();
    let unknown = found.iter().find(|f| f.finding.issue == SettingsIssue::UnknownReference);
    let at = format!("/{}/ConnectionReferences/0", package.manifest.unique_name);
    assert_eq!(unknown.unwrap().finding.at, at);
    assert!(settings_validate(nested.as_bytes(), None).is_ok());
    let done = settings_sync(nested.as_bytes(), &package).unwrap();
    let value: Value = serde_json::from_slice(&done.text).unwrap();
    assert_eq!(value["Other"], json!({"EnvironmentVariables": []}));
    assert_eq!(done.removed.len(), 1);
    for (file, wanted) in [
        (&b"{\"ActivateFlowConfiguration\": []}"[..], "ALM Accelerator"),
        (b"{}", "neither"),
        (b"[]", "an object"),
        (b"{\"A\": {\"ConnectionReferences\": []}}", "only for A"),
    ] {
        let error = settings_sync(file, &package).unwrap_err().to_string();
        assert!(error.contains(wanted), "{error}");
        assert!(settings_validate(file, Some(&package)).is_err());
    }
    let error = settings_read(b"{\"FlowShareWithGroupTeamConfiguration\": []}", None);
    assert!(matches!(error, Err(SettingsError::AlmAccelerator)));
}

#[test]
fn differences_are_told_by_name() {
    let one = br#"{"ConnectionReferences":[{"LogicalName":"a","ConnectionId":"1","ConnectorId":"/X/y"},{"LogicalName":"b","ConnectionId":"2"}],"EnvironmentVariables":[{"SchemaName":"v","Value":"1"}]}"#;
    let other = br#"{"EnvironmentVariables":[{"SchemaName":"V","Value":"2"}],"ConnectionReferences":[{"LogicalName":"c","ConnectionId":""},{"LogicalName":"A","ConnectionId":"1","ConnectorId":"/x/Y"}]}"#;
    let changes = settings_diff(one, other, None).unwrap();
    let told: Vec<_> =
        changes.iter().map(|c| (c.kind, c.name.as_str(), c.difference.clone())).collect();
    assert_eq!(
        told,
        [
            (EntryKind::Reference, "b", SettingsDifference::Removed { value: "2".to_owned() }),
            (EntryKind::Reference, "c", SettingsDifference::Added { value: String::new() }),
            (
                EntryKind::Variable,
                "v",
                SettingsDifference::Changed {
                    member: "Value",
                    from: "1".to_owned(),
                    to: "2".to_owned()
                }
            ),
        ]
    );
    assert_eq!(settings_diff(one, one, None).unwrap(), []);
}

#[test]
fn laid_over_another_what_is_filled_in_wins() {
    let base = b"{\n  \"ConnectionReferences\": [\n    { \"LogicalName\": \"a\", \"ConnectionId\": \"\" },\n    { \"LogicalName\": \"b\", \"ConnectionId\": \"old\" },\n    { \"LogicalName\": \"c\", \"ConnectionId\": \"#{c}#\" },\n    { \"LogicalName\": \"d\", \"ConnectionId\": \"stays\" }\n  ]\n}\n";
    let over = br#"{"ConnectionReferences":[{"LogicalName":"A","ConnectionId":"1"},{"LogicalName":"b","ConnectionId":"new"},{"LogicalName":"c","ConnectionId":"3"},{"LogicalName":"d","ConnectionId":""}],"EnvironmentVariables":[{"SchemaName":"v","Value":"x"}]}"#;
    let done = settings_merge(base, over, None).unwrap();
    assert_eq!((done.added.len(), done.filled.len(), done.replaced.len()), (1, 2, 1));
    assert_eq!(done.replaced[0].name.as_str(), "b");
    let wanted = "{\n  \"ConnectionReferences\": [\n    { \"LogicalName\": \"a\", \"ConnectionId\": \"1\" },\n    { \"LogicalName\": \"b\", \"ConnectionId\": \"new\" },\n    { \"LogicalName\": \"c\", \"ConnectionId\": \"3\" },\n    { \"LogicalName\": \"d\", \"ConnectionId\": \"stays\" }\n  ],\n  \"EnvironmentVariables\": [\n    {\n      \"SchemaName\": \"v\",\n      \"Value\": \"x\"\n    }\n  ]\n}\n";
    assert_eq!(text(&done.text), wanted);
    let second = settings_merge(&done.text, over, None).unwrap();
    assert_eq!(second.text, done.text);
}

#[test]
fn known_wrong_shapes_are_repaired() {
    let mut package = invoices();
    package.references.truncate(1);
    let name = package.references[0].logical_name.clone();
    let file = format!(
        r#"{{"ConnectionReferences":[{{"LogicalName":"{name}","ConnectionId":"shared_x/{ID}"}},{{"LogicalName":"p","ConnectionId":"/providers/Microsoft.PowerApps/apis/shared_x/connections/{ID}/","ConnectorId":"shared_x"}},{{"LogicalName":"n","ConnectionId":null}},{{"LogicalName":"n","ConnectionId":null}},{{"LogicalName":"b","ConnectionId":" {ID} "}},{{"LogicalName":"t","ConnectionId":"a/#{{t}}#"}}],"EnvironmentVariables":[{{"SchemaName":"v","Value":1.50}}]}}"#
    );
    let done = settings_fix(file.as_bytes(), Some(&package)).unwrap();
    let after = text(&done.text);
    let wanted = format!(
        r#"{{"ConnectionReferences":[{{"LogicalName":"{name}","ConnectionId":"{ID}","ConnectorId":"{}"}},{{"LogicalName":"p","ConnectionId":"{ID}","ConnectorId":"/providers/Microsoft.PowerApps/apis/shared_x"}},{{"LogicalName":"n","ConnectionId":""}},{{"LogicalName":"b","ConnectionId":"{ID}"}},{{"LogicalName":"t","ConnectionId":"a/#{{t}}#"}}],"EnvironmentVariables":[{{"SchemaName":"v","Value":"1.5"}}]}}"#,
        package.references[0].api_name.connector_id()
    );
    assert_eq!(after, wanted);
    assert_eq!(done.fixes.len(), 8, "{:?}", done.fixes);
    assert!(done.left.iter().any(|f| f.finding.issue == SettingsIssue::Token));
    let second = settings_fix(&done.text, Some(&package)).unwrap();
    assert_eq!(second.fixes, []);
    assert_eq!(second.text, done.text);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_file_follows_any_package(one in any_package(), other in any_package()) {
        let file = settings_create_text(&one);
        let done = settings_sync(&file, &other).unwrap();
        let again = settings_sync(&done.text, &other).unwrap();
        prop_assert!(again.is_unchanged());
        let read = settings_read(&done.text, None).unwrap().settings;
        let mut names: Vec<_> = read.references.iter().map(|r| r.logical_name.key()).collect();
        let mut wanted: Vec<_> = other.references.iter().map(|r| r.logical_name.key()).collect();
        names.sort();
        wanted.sort();
        wanted.dedup();
        prop_assert_eq!(names, wanted);
    }

    #[test]
    fn arbitrary_files_never_panic(text in "[\\PC]{0,60}", tail in any::<Vec<u8>>()) {
        let package = invoices();
        for bytes in [text.as_bytes(), &tail[..]] {
            let _ = settings_validate(bytes, Some(&package));
            let _ = settings_sync(bytes, &package);
            let _ = settings_fix(bytes, None);
            let _ = settings_merge(bytes, b"{\"ConnectionReferences\":[]}", None);
        }
    }

    #[test]
    fn odd_entries_never_panic(entries in prop::collection::vec(prop_oneof![
        Just(json!(null)), Just(json!({})), Just(json!({"LogicalName": 1})), Just(json!({"LogicalName": "a", "ConnectionId": {}})),
        Just(json!({"LogicalName": "a~/b", "ConnectionId": "x/"})), Just(json!({"SchemaName": "v", "Value": [1]})), Just(json!([]))], 0..5)) {
        let file = json!({"S~/x": {"ConnectionReferences": entries, "EnvironmentVariables": entries}}).to_string();
        settings_validate(file.as_bytes(), None).unwrap();
        let fixed = settings_fix(file.as_bytes(), None).unwrap();
        prop_assert_eq!(settings_fix(&fixed.text, None).unwrap().fixes, vec![]);
    }
}
