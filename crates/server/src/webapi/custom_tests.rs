//! Tables that a solution brings, from the package to rows, queries and metadata.
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use connref_solution::Archive;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::tests::{Answer, Service, at};

fn attribute(name: &str, kind: &str, more: &str) -> String {
    format!(
        "<attribute PhysicalName='{name}'><Type>{kind}</Type><LogicalName>{name}</LogicalName>\
         <ValidForCreateApi>1</ValidForCreateApi><ValidForUpdateApi>1</ValidForUpdateApi>\
         <IsCustomField>1</IsCustomField>{more}</attribute>"
    )
}

fn entity(name: &str, owned: bool, attributes: &[String], more: &str) -> String {
    let logical = name.to_lowercase();
    let owner = if owned { "UserOwned" } else { "OrgOwned" };
    format!(
        "<Entity><Name LocalizedName='{name}'>{name}</Name><EntityInfo><entity Name='{name}'><attributes>{}</attributes>\
         <EntitySetName>{logical}s</EntitySetName><OwnershipTypeMask>{owner}</OwnershipTypeMask>{more}</entity></EntityInfo></Entity>",
        attributes.concat()
    )
}

fn relationship(name: &str, from: &str, to: &str, column: &str) -> String {
    format!(
        "<EntityRelationship Name='{name}'><EntityRelationshipType>OneToMany</EntityRelationshipType>\
         <ReferencingEntityName>{from}</ReferencingEntityName><ReferencedEntityName>{to}</ReferencedEntityName>\
         <ReferencingAttributeName>{column}</ReferencingAttributeName></EntityRelationship>"
    )
}

/// A package with a table of things and one of groups; `more` adds columns to things.
fn package(version: &str, more: &[String]) -> Vec<u8> {
    let options = |pairs: &[(i64, &str)], list: &str, item: &str| {
        let items: String = pairs
            .iter()
            .map(|(value, label)| format!("<{item} value='{value}'><labels><label description='{label}' languagecode='1033'/></labels></{item}>"))
            .collect();
        format!("<optionset><{list}>{items}</{list}></optionset>")
    };
    let name = "<MaxLength>100</MaxLength><DisplayMask>PrimaryName</DisplayMask><RequiredLevel>required</RequiredLevel>";
    let mut things = vec![
        attribute("con_thingid", "primarykey", ""),
        attribute("con_name", "nvarchar", name),
        attribute("con_notes", "ntext", "<MaxLength>2000</MaxLength>"),
        attribute("con_count", "int", ""),
        attribute("con_weight", "decimal", "<Accuracy>3</Accuracy>"),
        attribute("con_price", "money", ""),
        attribute("con_fragile", "bit", ""),
        attribute("con_madeon", "datetime", ""),
        attribute(
            "con_size",
            "picklist",
            &options(&[(1, "Small"), (2, "Large")], "options", "option"),
        ),
        attribute(
            "statecode",
            "state",
            &options(&[(0, "Active"), (1, "Inactive")], "states", "state"),
        ),
        attribute(
            "statuscode",
            "status",
            &options(&[(1, "Active"), (2, "Inactive")], "statuses", "status"),
        ),
        attribute("ownerid", "owner", ""),
        attribute("con_groupid", "lookup", ""),
        attribute("con_parent", "lookup", ""),
        attribute("con_contact", "lookup", ""),
    ];
    things.extend(more.iter().cloned());
    let groups =
        [attribute("con_groupid", "primarykey", ""), attribute("con_name", "nvarchar", name)];
    let key = "<EntityKeys><EntityKey><LogicalName>con_bynotes</LogicalName><EntityKeyAttributes>\
        <AttributeName>con_name</AttributeName></EntityKeyAttributes></EntityKey></EntityKeys>";
    let customizations = format!(
        "<ImportExportXml><Entities>{}{}</Entities><Roles/><Workflows/><EntityRelationships>{}{}{}</EntityRelationships></ImportExportXml>",
        entity("con_Thing", true, &things, key),
        entity("con_Group", false, &groups, ""),
        relationship("con_group_thing", "con_Thing", "con_Group", "con_GroupId"),
        relationship("con_thing_thing", "con_Thing", "con_Thing", "con_Parent"),
        relationship("contact_thing", "con_Thing", "Contact", "con_Contact"),
    );
    let solution = format!(
        "<ImportExportXml version='9.2' languagecode='1033'><SolutionManifest><UniqueName>Things</UniqueName>\
         <LocalizedNames><LocalizedName description='Things' languagecode='1033'/></LocalizedNames><Version>{version}</Version>\
         <Managed>0</Managed><Publisher><UniqueName>contoso</UniqueName><LocalizedNames/><CustomizationPrefix>con</CustomizationPrefix>\
         <CustomizationOptionValuePrefix>10000</CustomizationOptionValuePrefix></Publisher><RootComponents>\
         <RootComponent type='1' schemaName='con_thing' behavior='0'/></RootComponents><MissingDependencies/></SolutionManifest></ImportExportXml>"
    );
    let mut archive = Archive::empty();
    archive.set("solution.xml", solution.into_bytes()).unwrap();
    archive.set("customizations.xml", customizations.into_bytes()).unwrap();
    archive.to_zip().unwrap()
}

pub(super) async fn import(service: &Service, zip: &[u8]) -> Answer {
    service.post("ImportSolution", json!({"CustomizationFile": STANDARD.encode(zip)})).await
}

async fn world() -> Service {
    let service = Service::new().await;
    let done = import(&service, &package("1.0.0.0", &[])).await;
    assert_eq!(done.status, 204, "{}", done.body);
    service
}

fn values(answer: &Answer, name: &str) -> Vec<Value> {
    let json = answer.json();
    let rows = json["value"].as_array().unwrap_or_else(|| panic!("{}", answer.body));
    rows.iter().map(|row| row[name].clone()).collect()
}

#[tokio::test]
async fn rows_are_made_read_changed_and_deleted() {
    let service = world().await;
    let group = service.post("con_groups", json!({"con_name": "Blue"})).await.id();
    let thing = json!({
        "con_name": "Lamp", "con_notes": "ä", "con_count": 3, "con_weight": 1.25, "con_price": 19.99,
        "con_fragile": true, "con_madeon": "2024-02-29T10:00:00+02:00", "con_size": 2,
        "con_GroupId@odata.bind": format!("con_groups({group})"),
    });
    let made = service.post("con_things", thing).await;
    assert_eq!(made.status, 204, "{}", made.body);
    let id = made.id();
    let row = service
        .get_all(&format!("con_things({id})?$expand=con_GroupId($select=con_name)"))
        .await
        .json();
    for (name, expected) in [
        ("con_name", json!("Lamp")),
        ("con_weight", json!(1.25)),
        ("con_price", json!(19.99)),
        ("con_price@OData.Community.Display.V1.FormattedValue", json!("19.9900")),
        ("con_fragile", json!(true)),
        ("con_madeon", json!("2024-02-29T08:00:00Z")),
        ("con_size@OData.Community.Display.V1.FormattedValue", json!("Large")),
        ("statecode", json!(0)),
        ("statuscode", json!(1)),
        ("_con_groupid_value@OData.Community.Display.V1.FormattedValue", json!("Blue")),
        (
            "_con_groupid_value@Microsoft.Dynamics.CRM.associatednavigationproperty",
            json!("con_GroupId"),
        ),
        ("_con_contact_value", Value::Null),
        ("@odata.etag", json!("W/\"1\"")),
    ] {
        assert_eq!(row[name], expected, "{name}\n{row:#}");
    }
    assert_eq!(row["con_GroupId"]["con_name"], "Blue");
    assert!(row["_ownerid_value"].is_string() && row["_owninguser_value"] == row["_ownerid_value"]);

    // By the alternate key: change, then make; the case of letters does not matter.
    let changed =
        service.patch("con_things(con_name='LAMP')", json!({"statecode": 1, "con_price": 5})).await;
    assert_eq!(changed.status, 204, "{}", changed.body);
    let row = service.get(&format!("con_things({id})?$select=statuscode,con_price")).await.json();
    assert_eq!((&row["statuscode"], &row["con_price"]), (&json!(2), &json!(5.0)));
    assert_eq!(row["@odata.etag"], "W/\"2\"");
    let made = service
        .patch(
            "con_things(con_name='Chair')",
            json!({"con_Parent@odata.bind": format!("con_things({id})")}),
        )
        .await;
    assert_eq!(made.status, 204, "{}", made.body);
    let again = service.post("con_things", json!({"con_name": "chair"})).await;
    assert_eq!(again.code(), "412 0x80040237", "{}", again.body);
    let old = at("PATCH", &format!("con_things({id})")).header("If-Match", "W/\"1\"");
    assert_eq!(service.send(None, old, &json!({"con_count": 1})).await.status, 412);

    assert_eq!(service.delete(&format!("con_things({id})")).await.status, 204);
    assert_eq!(service.get(&format!("con_things({id})")).await.status, 404);
    let rest = service.get("con_things?$select=con_name,_con_parent_value").await;
    assert_eq!(values(&rest, "_con_parent_value"), [Value::Null], "{}", rest.body);
}

#[tokio::test]
async fn both_languages_and_metadata_know_them() {
    let service = world().await;
    let blue = service.post("con_groups", json!({"con_name": "Blue"})).await.id();
    for (name, weight, price) in [("a", 0.5, 1.1), ("b", 1.5, 2.2), ("c", 2.25, 3.3)] {
        let body = json!({"con_name": name, "con_weight": weight, "con_price": price,
            "con_GroupId@odata.bind": format!("con_groups({blue})")});
        assert_eq!(service.post("con_things", body).await.status, 204);
    }
    for (filter, expected) in [
        ("con_weight gt 0.5", vec!["b", "c"]),
        ("con_weight eq 1.5", vec!["b"]),
        ("con_price le 2.2", vec!["a", "b"]),
        ("con_price eq 1.10001", vec![]),
        ("con_weight gt 1e300", vec![]),
        ("con_GroupId/con_name eq 'blue' and con_weight ge 2", vec!["c"]),
    ] {
        let found = service
            .get(&format!("con_things?$select=con_name&$orderby=con_name&$filter={filter}"))
            .await;
        assert_eq!(values(&found, "con_name"), expected, "{filter}\n{}", found.body);
    }
    let found = service.get("con_groups?$select=con_name&$expand=con_group_thing($select=con_name;$orderby=con_weight desc)&$filter=con_group_thing/any(t:t/con_weight gt 2)").await;
    let names: Vec<_> = found.json()["value"][0]["con_group_thing"]
        .as_array()
        .unwrap()
        .iter()
        .map(|t| t["con_name"].clone())
        .collect();
    assert_eq!(names, ["c", "b", "a"]);
    let sum = service.get("con_things?$apply=aggregate(con_price with sum as total,con_weight with average as mean)").await;
    assert_eq!(sum.json()["value"], json!([{"total": 6.6, "mean": 1.416}]), "{}", sum.body);
    let xml = "<fetch aggregate='true'><entity name='con_group'><attribute name='con_name' groupby='true' alias='g'/>\
        <link-entity name='con_thing' from='con_groupid' to='con_groupid' alias='t'><attribute name='con_price' aggregate='max' alias='top'/></link-entity></entity></fetch>";
    let top = service
        .get(&format!("con_groups?fetchXml={}", utf8_percent_encode(xml, NON_ALPHANUMERIC)))
        .await;
    assert_eq!(top.json()["value"], json!([{"g": "Blue", "top": 3.3}]), "{}", top.body);

    let metadata = service.get("$metadata").await.body;
    assert!(metadata.contains(r#"<EntityType Name="con_thing" BaseType="mscrm.crmbaseentity">"#));
    assert!(metadata.contains(
        r#"<NavigationProperty Name="con_group_thing" Type="Collection(mscrm.con_thing)" />"#
    ));
    assert!(!metadata.contains("mscrm.contact"), "a table that is not here is not pointed to");
    let document = service.get("").await.json();
    assert!(document["value"].as_array().unwrap().iter().any(|set| set["name"] == "con_things"));
    let options = service.get("EntityDefinitions(LogicalName='con_thing')/Attributes/Microsoft.Dynamics.CRM.PicklistAttributeMetadata?$select=LogicalName&$expand=OptionSet($select=Options)").await.json();
    assert_eq!(options["value"][0]["LogicalName"], "con_size");
    assert_eq!(
        options["value"][0]["OptionSet"]["Options"][1]["Label"]["UserLocalizedLabel"]["Label"],
        "Large"
    );
    let set = service
        .get("EntityDefinitions?$select=EntitySetName&$filter=LogicalName eq 'con_thing'")
        .await;
    assert_eq!(values(&set, "EntitySetName"), ["con_things"]);

    let elsewhere = axum::extract::Request::builder()
        .method("GET")
        .uri("http://other.connref.internal/api/data/v9.2/con_things");
    assert_eq!(service.send(None, elsewhere, &Value::Null).await.status, 404);
}

#[tokio::test]
async fn bodies_that_do_not_fit_are_refused() {
    let service = world().await;
    for (body, expected) in [
        (json!({}), 400),
        (json!({"con_name": null}), 400),
        (json!({"con_name": "x".repeat(101)}), 400),
        (json!({"con_name": "x", "con_count": 3_000_000_000_i64}), 400),
        (json!({"con_name": "x", "con_count": 1.5}), 400),
        (json!({"con_name": "x", "con_weight": 1e300}), 400),
        (json!({"con_name": "x", "con_weight": "1"}), 400),
        (json!({"con_name": "x", "con_size": 7}), 400),
        (json!({"con_name": "x", "con_madeon": "soon"}), 400),
        (json!({"con_name": "x", "nosuch": 1}), 400),
        (json!({"con_name": "x", "createdon": "2024-01-01"}), 400),
        (
            json!({"con_name": "x", "con_GroupId@odata.bind": "con_groups(00000000-0000-0000-0000-000000000001)"}),
            404,
        ),
        (
            json!({"con_name": "x", "con_GroupId@odata.bind": "con_things(00000000-0000-0000-0000-000000000001)"}),
            400,
        ),
        (
            json!({"con_name": "x", "con_Contact@odata.bind": "contacts(00000000-0000-0000-0000-000000000001)"}),
            400,
        ),
    ] {
        let answer = service.post("con_things", body.clone()).await;
        assert_eq!(answer.status, expected, "{body}\n{}", answer.body);
    }
    assert_eq!(values(&service.get("con_things").await, "con_name").len(), 0);
}

#[tokio::test]
async fn a_row_is_its_owners_and_an_administrators() {
    let service = world().await;
    for (name, role) in
        [("ben@x", "Environment Maker"), ("cy@x", "Environment Maker"), ("dot@x", "Basic User")]
    {
        let user = json!({"domainname": name, "connref_role": role});
        assert_eq!(service.post("systemusers", user).await.status, 204);
    }
    let as_ = |who: &'static str, method: &'static str, path: String, body: Value| {
        let service = &service;
        async move { service.send(Some(who), at(method, &path), &body).await }
    };
    let made = as_("ben@x", "POST", "con_things".into(), json!({"con_name": "Ben's"})).await;
    let id = made.id();
    for (who, rows, change) in [("ben@x", 1, 204), ("cy@x", 0, 404), ("dot@x", 0, 404)] {
        let found = as_(who, "GET", "con_things".into(), Value::Null).await;
        assert_eq!(values(&found, "con_name").len(), rows, "{who}");
        let there = at("PATCH", &format!("con_things({id})")).header("If-Match", "*");
        let answer = service.send(Some(who), there, &json!({"con_count": 1})).await;
        assert_eq!(answer.status, change, "{who} {}", answer.body);
        if who != "ben@x" {
            assert_eq!(
                as_(who, "DELETE", format!("con_things({id})"), Value::Null).await.status,
                404
            );
        }
    }
    assert_eq!(
        as_("dot@x", "POST", "con_things".into(), json!({"con_name": "Dot's"})).await.status,
        403
    );
    assert_eq!(values(&service.get("con_things").await, "con_name"), ["Ben's"]);
    assert_eq!(
        as_("dot@x", "GET", "con_groups".into(), Value::Null).await.json()["value"],
        json!([])
    );
}

#[tokio::test]
async fn a_later_import_adds_columns_and_loses_nothing() {
    let service = world().await;
    let id = service.post("con_things", json!({"con_name": "Lamp"})).await.id();
    let colour = attribute("con_colour", "nvarchar", "<MaxLength>20</MaxLength>");
    let done = import(&service, &package("1.1.0.0", &[colour])).await;
    assert_eq!(done.status, 204, "{}", done.body);
    assert_eq!(
        service.patch(&format!("con_things({id})"), json!({"con_colour": "red"})).await.status,
        204
    );
    let row = service.get(&format!("con_things({id})?$select=con_name,con_colour")).await.json();
    assert_eq!((&row["con_name"], &row["con_colour"]), (&json!("Lamp"), &json!("red")));
    // The next version lacks the column: what rows hold stays. Another type is refused whole.
    assert_eq!(import(&service, &package("1.2.0.0", &[])).await.status, 204);
    assert_eq!(
        service.get(&format!("con_things({id})?$select=con_colour")).await.json()["con_colour"],
        "red"
    );
    let number = attribute("con_colour", "int", "");
    let refused = import(&service, &package("1.3.0.0", &[number])).await;
    assert_eq!(refused.status, 400, "{}", refused.body);
    let version = service.get("solutions?$select=version&$filter=uniquename eq 'Things'").await;
    assert_eq!(values(&version, "version"), ["1.2.0.0"]);
}
