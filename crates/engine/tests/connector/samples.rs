//! Published connector definitions, if a folder of them is given.

use std::fs;
use std::path::PathBuf;

use connref_engine::connector::Connector;
use connref_engine::connector::custom::CustomConnector;
use serde_json::Value as Json;

use crate::server::skipped;

#[test]
fn published_definitions_are_read() {
    let Some(folder) =
        std::env::var_os("CONNREF_SAMPLES").map(|f| PathBuf::from(f).join("connectors"))
    else {
        skipped("CONNREF_SAMPLES is not set");
        return;
    };
    let (mut read, mut forgiven, mut operations) = (0, 0, 0);
    for entry in fs::read_dir(folder)
        .expect("the folder")
        .filter_map(Result::ok)
        .filter(|e| e.path().is_dir())
    {
        let text = |name: &str| {
            String::from_utf8_lossy(&fs::read(entry.path().join(name)).expect("a file"))
                .into_owned()
        };
        let properties: Json =
            serde_json::from_str(text("apiProperties.json").trim_start_matches('\u{feff}'))
                .expect("properties");
        let part = |name: &str| properties["properties"].get(name).map(Json::to_string);
        let connector = CustomConnector::from_parts(
            &text("apiDefinition.swagger.json"),
            part("connectionParameters").as_deref(),
            part("policyTemplateInstances").as_deref(),
        );
        let connector = connector.unwrap_or_else(|e| panic!("{}: {e}", entry.path().display()));
        let metadata = connector.metadata();
        assert!(!metadata.operations.is_empty(), "{}", entry.path().display());
        (read, operations) = (read + 1, operations + metadata.operations.len());
        forgiven += usize::from(!connector.report().is_empty());
    }
    assert!(
        read >= 58 && operations > 300 && forgiven >= 4,
        "{read} read, {operations} operations, {forgiven} forgiven"
    );
}
