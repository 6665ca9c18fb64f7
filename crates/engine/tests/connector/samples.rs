//! Published connector definitions, if a folder of them is given.

use std::fs;
use std::path::PathBuf;

use connref_engine::connector::custom::{ConnectorTexts, CustomConnector};
use connref_engine::connector::{Connector, ParameterKind};
use connref_solution::document::json::json_lenient;
use serde_json::Value as Json;

use crate::server::skipped;

/// Operations by a walk that knows nothing but names: methods below paths.
fn count(swagger: &Json) -> usize {
    let methods = ["get", "put", "post", "delete", "patch", "head", "options"];
    let paths = swagger["paths"].as_object().into_iter().flatten();
    paths.map(|(_, item)| methods.iter().filter(|m| item[**m].is_object()).count()).sum()
}

#[test]
fn published_definitions_are_read() {
    let Some(folder) =
        std::env::var_os("CONNREF_SAMPLES").map(|f| PathBuf::from(f).join("connectors"))
    else {
        skipped("CONNREF_SAMPLES is not set");
        return;
    };
    let (mut read, mut slips, mut operations) = (0, 0, 0);
    for entry in fs::read_dir(folder)
        .expect("the folder")
        .filter_map(Result::ok)
        .filter(|e| e.path().is_dir())
    {
        let shown = entry.path().display().to_string();
        let text = |name: &str| {
            let bytes = fs::read(entry.path().join(name)).expect("a file");
            json_lenient(&bytes).unwrap_or_else(|e| panic!("{shown}: {e}")).0
        };
        let properties = text("apiProperties.json").value()["properties"].clone();
        let part = |name: &str| properties.get(name).map(Json::to_string);
        let raw = fs::read(entry.path().join("apiDefinition.swagger.json")).expect("a file");
        let connector = CustomConnector::from_parts(&ConnectorTexts {
            definition: &String::from_utf8_lossy(&raw),
            parameters: part("connectionParameters").as_deref(),
            sets: part("connectionParameterSets").as_deref(),
            policies: part("policyTemplateInstances").as_deref(),
        });
        let connector = connector.unwrap_or_else(|e| panic!("{shown}: {e}"));
        let metadata = connector.metadata();
        let swagger = text("apiDefinition.swagger.json");
        assert_eq!(metadata.operations.len(), count(swagger.value()), "{shown}");
        assert!(!metadata.operations.is_empty() && !metadata.authentication.is_empty(), "{shown}");
        let sets = properties.pointer("/connectionParameterSets/values").and_then(Json::as_array);
        let sets = sets.into_iter().flatten().map(|set| &set["parameters"]);
        let all = sets.chain(properties.get("connectionParameters")).filter_map(Json::as_object);
        for (name, raw) in all.flatten() {
            let known = metadata.connection_parameters.iter().find(|p| p.name == *name);
            let known = known.unwrap_or_else(|| panic!("{shown}: {name}"));
            assert!(
                raw["type"] != "securestring" || known.kind == ParameterKind::Secret,
                "{shown}: {name} is not kept secret"
            );
        }
        (read, operations) = (read + 1, operations + metadata.operations.len());
        slips += usize::from(!connector.notes().is_empty());
        for note in connector.notes() {
            assert!(note.note.line > 0 && note.note.column > 0, "{shown}");
        }
    }
    eprintln!("{read} definitions, {operations} operations, {slips} not strict JSON");
    assert!(read >= 58 && operations > 300 && slips >= 4);
}
