//! What real clients ask of the metadata before they write.
use super::entity_definition::read;
use super::path;
use super::query_string::QueryString;
use super::tests::Service;
use connref_store::query::Tables;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

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
        "EntityDefinitions(LogicalName='connectionreference')/Keys?$select=SchemaName,KeyAttributes",
        "EntityDefinitions(70816501-edb9-4740-a16c-6a5efbc05d84)",
        "EntityDefinitions(ff8c9fce-9b25-8b21-9505-5f5d2a92d1ef)?$select=LogicalName,IsCustomizable",
        "EntityDefinitions(LogicalName='publisher')?$select=LogicalName&$expand=Attributes($select=LogicalName,AttributeType;$filter=LogicalName eq 'uniquename'),OneToManyRelationships($select=SchemaName)",
        "EntityDefinitions(LogicalName='publisher')/EntitySetName",
        "EntityDefinitions(LogicalName='workflow')/Attributes(LogicalName='statecode')/Microsoft.Dynamics.CRM.EnumAttributeMetadata?$select=LogicalName&$expand=OptionSet($select=Name)",
        "EntityDefinitions(LogicalName='workflow')/Attributes?$select=LogicalName&$filter=AttributeType eq Microsoft.Dynamics.CRM.AttributeTypeCode'Boolean'",
        "EntityDefinitions(LogicalName='solution')/ManyToOneRelationships?$select=SchemaName,ReferencedEntity,ReferencingEntityNavigationPropertyName&$filter=ReferencedEntity eq 'publisher'",
        "EntityDefinitions(LogicalName='team')/ManyToManyRelationships?$select=SchemaName,IntersectEntityName",
        "RelationshipDefinitions(SchemaName='publisher_solution')",
        "RelationshipDefinitions/Microsoft.Dynamics.CRM.ManyToManyRelationshipMetadata?$select=SchemaName&$count=true",
        "RelationshipDefinitions(SchemaName='nosuch')",
        "GlobalOptionSetDefinitions?$select=Name",
        "sdkmessagefilters?$select=sdkmessagefilterid&$expand=sdkmessageid($select=name)&$filter=(sdkmessageid/name eq 'CreateMultiple' or sdkmessageid/name eq 'UpdateMultiple') and primaryobjecttypecode eq 'connectionreference'",
        "sdkmessagefilters?$select=primaryobjecttypecode&$filter=sdkmessageid/name eq 'CreateMultiple' and primaryobjecttypecode eq 'importjob'",
        "EntityDefinitions?$expand=Nothing",
        "EntityDefinitions?$filter=ObjectTypeCode eq 8&$select=LogicalName",
        "EntityDefinitions?$top=1&$select=LogicalName",
    ];
    let shown: Vec<_> = addresses.iter().map(|a| format!("{a}\n{}", shown(a))).collect();
    insta::assert_snapshot!(shown.join("\n\n"));
}

#[tokio::test]
async fn tables_are_not_made_here() {
    let service = Service::new().await;
    for path in ["EntityDefinitions", "CreateEntities", "RelationshipDefinitions"] {
        assert_eq!(
            service.post(path, json!({"SchemaName": "new_x"})).await.code(),
            "501 0x80040229"
        );
    }
    let table = "EntityDefinitions(LogicalName='workflow')";
    assert_eq!(service.delete(table).await.code(), "501 0x80040229");
    assert_eq!(service.get(table).await.status, 200);
}

#[tokio::test]
async fn metadata_by_a_query() {
    let service = Service::new().await;
    let ask = async |query: Value| {
        let query = utf8_percent_encode(&query.to_string(), NON_ALPHANUMERIC).to_string();
        service.get(&format!("RetrieveMetadataChanges(Query=@p1)?@p1={query}")).await
    };
    let named = |name: &str, operator: &str, value: &str| {
        json!({"Conditions": [{"PropertyName": name, "ConditionOperator": operator,
            "Value": {"Type": "System.String", "Value": value}}]})
    };
    let answer = ask(json!({
        "Properties": {"PropertyNames": ["LogicalName", "Attributes", "ManyToOneRelationships"]},
        "Criteria": named("LogicalName", "Equals", "Workflow"),
        "AttributeQuery": {
            "Properties": {"PropertyNames": ["AttributeType", "OptionSet"]},
            "Criteria": named("LogicalName", "In", "name,category"),
        },
        "RelationshipQuery": {"Criteria": named("ReferencingAttribute", "Equals", "owninguser")},
    }))
    .await;
    let json = answer.json();
    let tables = json["EntityMetadata"].as_array().unwrap_or_else(|| panic!("{}", answer.body));
    assert_eq!(tables.len(), 1);
    let columns = tables[0]["Attributes"].as_array().unwrap();
    let kinds: Vec<_> = columns.iter().map(|one| one["@odata.type"].as_str().unwrap()).collect();
    assert_eq!(
        kinds,
        [
            "#Microsoft.Dynamics.CRM.ComplexStringAttributeMetadata",
            "#Microsoft.Dynamics.CRM.ComplexPicklistAttributeMetadata",
        ]
    );
    assert!(columns[1]["OptionSet"]["Options"].as_array().is_some_and(|all| !all.is_empty()));
    assert!(columns[1].get("DisplayName").is_none());
    assert_eq!(tables[0]["ManyToOneRelationships"].as_array().map(Vec::len), Some(1));
    let unknown = ask(json!({"Criteria": named("LogicalName", "LessThan", "x")})).await;
    assert_eq!(unknown.code(), "501 0x80040229");
    assert_eq!(ask(json!("x")).await.status, 400);
}
