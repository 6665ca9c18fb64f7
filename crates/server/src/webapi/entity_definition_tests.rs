//! What real clients ask of the metadata before they write.
use super::entity_definition::read;
use super::path;
use super::query_string::QueryString;
use connref_store::query::Tables;

fn shown(address: &str) -> String {
    let (path, query) = address.split_once('?').unwrap_or((address, ""));
    let segments = path::parse(path).unwrap();
    let query = QueryString::parse(query).unwrap();
    match read(&segments, &query, "https://x/api/data/v9.2", Tables::default()) {
        Ok(value) => serde_json::to_string_pretty(&value).unwrap(),
        Err(fault) => format!("! {} {} {fault}", fault.status.as_u16(), fault.code),
    }
}

#[test]
fn what_clients_ask() {
    let addresses = [
        "EntityDefinitions?$select=LogicalName,EntitySetName,PrimaryIdAttribute&$filter=LogicalName eq 'WORKFLOW'",
        "EntityDefinitions(LogicalName='connectionreference')?$select=EntitySetName",
        "EntityDefinitions(LogicalName='connectionreference')/Attributes/Microsoft.Dynamics.CRM.PicklistAttributeMetadata?$select=LogicalName&$expand=OptionSet($select=Options)",
        "EntityDefinitions(LogicalName='solution')/Attributes(LogicalName='publisherid')",
        "EntityDefinitions(LogicalName='nosuch')",
        "EntityDefinitions(LogicalName='solution')/Keys",
        "EntityDefinitions(70816501-edb9-4740-a16c-6a5efbc05d84)",
        "EntityDefinitions?$filter=ObjectTypeCode eq 8&$select=LogicalName",
        "EntityDefinitions?$top=1&$select=LogicalName",
    ];
    let shown: Vec<_> = addresses.iter().map(|a| format!("{a}\n{}", shown(a))).collect();
    insta::assert_snapshot!(shown.join("\n\n"));
}
