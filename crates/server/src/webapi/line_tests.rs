//! Hierarchies and choices of several, in both languages, held against an evaluator that only knows who
//! is whose parent: of business units, and of a table that a solution brings.
use std::collections::{BTreeMap, BTreeSet};

use connref_solution::Archive;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::custom_tests::import;
use super::random_tests::{Random, seed};
use super::tests::{Service, at};

const CUSTOMIZATIONS: &str = "<ImportExportXml><Entities><Entity><Name LocalizedName='Part'>con_Part</Name><EntityInfo>\
<entity Name='con_Part'><attributes>\
<attribute PhysicalName='con_PartId'><Type>primarykey</Type><LogicalName>con_partid</LogicalName></attribute>\
<attribute PhysicalName='con_Name'><Type>nvarchar</Type><LogicalName>con_name</LogicalName><MaxLength>100</MaxLength>\
<DisplayMask>PrimaryName</DisplayMask><ValidForCreateApi>1</ValidForCreateApi></attribute>\
<attribute PhysicalName='con_Whole'><Type>lookup</Type><LogicalName>con_whole</LogicalName><IsCustomField>1</IsCustomField>\
<ValidForCreateApi>1</ValidForCreateApi><ValidForUpdateApi>1</ValidForUpdateApi></attribute>\
<attribute PhysicalName='con_Twin'><Type>lookup</Type><LogicalName>con_twin</LogicalName><IsCustomField>1</IsCustomField>\
<ValidForCreateApi>1</ValidForCreateApi></attribute>\
<attribute PhysicalName='con_Colours'><Type>multiselectpicklist</Type><LogicalName>con_colours</LogicalName>\
<ValidForCreateApi>1</ValidForCreateApi><ValidForUpdateApi>1</ValidForUpdateApi><optionset><options>\
<option value='1'><labels><label description='Red' languagecode='1033'/></labels></option>\
<option value='2'><labels><label description='Green' languagecode='1033'/></labels></option>\
<option value='12'><labels><label description='Blue' languagecode='1033'/></labels></option>\
</options></optionset></attribute>\
</attributes><EntitySetName>con_parts</EntitySetName></entity></EntityInfo></Entity></Entities>\
<EntityRelationships>\
<EntityRelationship Name='con_part_part'><EntityRelationshipType>OneToMany</EntityRelationshipType>\
<IsHierarchical>1</IsHierarchical><ReferencingEntityName>con_Part</ReferencingEntityName>\
<ReferencedEntityName>con_Part</ReferencedEntityName><ReferencingAttributeName>con_Whole</ReferencingAttributeName></EntityRelationship>\
<EntityRelationship Name='con_part_twin'><EntityRelationshipType>OneToMany</EntityRelationshipType>\
<IsHierarchical>0</IsHierarchical><ReferencingEntityName>con_Part</ReferencingEntityName>\
<ReferencedEntityName>con_Part</ReferencedEntityName><ReferencingAttributeName>con_Twin</ReferencingAttributeName></EntityRelationship>\
</EntityRelationships></ImportExportXml>";
const SOLUTION: &str = "<ImportExportXml version='9.2' languagecode='1033'><SolutionManifest><UniqueName>Parts</UniqueName>\
<LocalizedNames/><Version>1.0</Version><Managed>0</Managed><Publisher><UniqueName>contoso</UniqueName><LocalizedNames/>\
<CustomizationPrefix>con</CustomizationPrefix><CustomizationOptionValuePrefix>10000</CustomizationOptionValuePrefix></Publisher>\
<RootComponents><RootComponent type='1' schemaName='con_part' behavior='0'/></RootComponents><MissingDependencies/>\
</SolutionManifest></ImportExportXml>";

async fn world() -> Service {
    let service = Service::new().await;
    let mut archive = Archive::empty();
    archive.set("solution.xml", SOLUTION.into()).unwrap();
    archive.set("customizations.xml", CUSTOMIZATIONS.into()).unwrap();
    let done = import(&service, &archive.to_zip().unwrap()).await;
    assert_eq!(done.status, 204, "{}", done.body);
    service
}

/// A table with a hierarchy: set, name, key, lookup to the parent, another lookup to the table.
struct Tree {
    set: &'static str,
    name: &'static str,
    id: &'static str,
    parent: &'static str,
    navigation: &'static str,
    other: Option<&'static str>,
}

const UNITS: Tree = Tree {
    set: "businessunits",
    name: "businessunit",
    id: "businessunitid",
    parent: "parentbusinessunitid",
    navigation: "parentbusinessunitid",
    other: None,
};
const PARTS: Tree = Tree {
    set: "con_parts",
    name: "con_part",
    id: "con_partid",
    parent: "con_whole",
    navigation: "con_Whole",
    other: Some("con_twin"),
};

/// Functions of `$filter` and operators of FetchXML that mean the same.
const LINES: [(&str, &str); 5] = [
    ("Above", "above"),
    ("AboveOrEqual", "eq-or-above"),
    ("Under", "under"),
    ("UnderOrEqual", "eq-or-under"),
    ("NotUnder", "not-under"),
];

type Parents = BTreeMap<String, Option<String>>;

/// The row and all above it, nearest first.
fn upwards(parents: &Parents, id: &str) -> Vec<String> {
    let mut line = vec![id.to_owned()];
    while let Some(Some(next)) = parents.get(line.last().unwrap()) {
        if line.contains(next) {
            break;
        }
        line.push(next.clone());
    }
    line
}

fn fits(parents: &Parents, function: &str, row: Option<&str>, of: &str) -> bool {
    let known = parents.contains_key(of);
    let Some(row) = row else { return function == "NotUnder" };
    let under = known && row != of && upwards(parents, row).iter().any(|id| id == of);
    let above = known && row != of && upwards(parents, of).iter().any(|id| id == row);
    match function {
        "Above" => above,
        "AboveOrEqual" => above || (known && row == of),
        "Under" => under,
        "UnderOrEqual" => under || (known && row == of),
        _ => !under,
    }
}

async fn ids(service: &Service, path: &str, id: &str) -> BTreeSet<String> {
    let answer = service.get(path).await;
    assert_eq!(answer.status, 200, "{path}\n{}", answer.body);
    let rows = answer.json();
    let rows = rows["value"].as_array().unwrap();
    rows.iter().map(|row| row[id].as_str().unwrap().to_owned()).collect()
}

fn fetch(tree: &Tree, condition: &str) -> String {
    let xml = format!(
        "<fetch><entity name='{}'><attribute name='{}'/><filter>{condition}</filter></entity></fetch>",
        tree.name, tree.id
    );
    format!("{}?fetchXml={}", tree.set, utf8_percent_encode(&xml, NON_ALPHANUMERIC))
}

async fn grow(service: &Service, tree: &Tree, random: &mut Random) -> (Parents, Vec<Value>) {
    let name = if tree.other.is_some() { "con_name" } else { "name" };
    let mut made: Vec<String> = ids(service, tree.set, tree.id).await.into_iter().collect();
    for number in 0..20 {
        let mut body = json!({name: format!("n{number}")});
        if !made.is_empty() && (tree.other.is_none() || !random.chance(4)) {
            let parent = random.pick(&made);
            body[format!("{}@odata.bind", tree.navigation)] =
                json!(format!("{}({parent})", tree.set));
        }
        if tree.other.is_some() && !made.is_empty() && random.chance(2) {
            let twin = random.pick(&made);
            body["con_Twin@odata.bind"] = json!(format!("{}({twin})", tree.set));
        }
        let answer = service.post(tree.set, body).await;
        assert_eq!(answer.status, 204, "{}", answer.body);
        made.push(answer.id());
    }
    let rows = service.get(tree.set).await.json()["value"].as_array().unwrap().clone();
    let text = |row: &Value, name: &str| row[name].as_str().map(str::to_owned);
    let parents = rows
        .iter()
        .map(|row| (text(row, tree.id).unwrap(), text(row, &format!("_{}_value", tree.parent))))
        .collect();
    (parents, rows)
}

#[tokio::test]
async fn lines_are_those_of_the_parents() {
    let mut random = seed("lines_are_those_of_the_parents");
    let service = world().await;
    for tree in [&UNITS, &PARTS] {
        let (parents, rows) = grow(&service, tree, &mut random).await;
        let of: Vec<String> = parents.keys().cloned().collect();
        let columns: Vec<&str> =
            [Some(tree.id), Some(tree.parent), tree.other].into_iter().flatten().collect();
        for _ in 0..60 {
            let (function, operator) = random.pick(&LINES);
            let column = random.pick(&columns);
            let row = match random.next(8) {
                0 => "0190aaaa-0000-7000-8000-000000000001".to_owned(),
                _ => random.pick(&of),
            };
            let property =
                if column == tree.id { column.to_owned() } else { format!("_{column}_value") };
            let expected: BTreeSet<String> = rows
                .iter()
                .filter(|there| fits(&parents, function, there[&property].as_str(), &row))
                .map(|there| there[tree.id].as_str().unwrap().to_owned())
                .collect();
            let filter = format!(
                "Microsoft.Dynamics.CRM.{function}(PropertyName='{property}',PropertyValue='{row}')"
            );
            let path = format!("{}?$filter={filter}", tree.set);
            assert_eq!(ids(&service, &path, tree.id).await, expected, "{filter}");
            let denied = format!("{}?$filter=not {filter}", tree.set);
            assert_eq!(
                ids(&service, &denied, tree.id).await.len(),
                rows.len() - expected.len(),
                "not {filter}"
            );
            let condition =
                format!("<condition attribute='{column}' operator='{operator}' value='{row}'/>");
            assert_eq!(
                ids(&service, &fetch(tree, &condition), tree.id).await,
                expected,
                "{condition}"
            );
        }
    }
}

#[tokio::test]
async fn a_line_that_bites_its_tail_ends_and_others_are_no_lines() {
    let service = world().await;
    let part = |name: &'static str| service.post("con_parts", json!({"con_name": name}));
    let (a, b) = (part("a").await.id(), part("b").await.id());
    for (one, other) in [(&a, &b), (&b, &a)] {
        let body = json!({"con_Whole@odata.bind": format!("con_parts({other})")});
        assert_eq!(service.patch(&format!("con_parts({one})"), body).await.status, 204);
    }
    let under = |id: &str| {
        format!(
            "con_parts?$filter=Microsoft.Dynamics.CRM.Under(PropertyName='con_partid',PropertyValue='{id}')"
        )
    };
    assert_eq!(ids(&service, &under(&a), "con_partid").await, BTreeSet::from([b.clone()]));
    for (path, code) in [
        // No hierarchy, no lookup, no id.
        (
            "publishers?$filter=Microsoft.Dynamics.CRM.Under(PropertyName='publisherid',PropertyValue='0190aaaa-0000-7000-8000-000000000001')",
            "400 0x80060888",
        ),
        (
            "con_parts?$filter=Microsoft.Dynamics.CRM.Under(PropertyName='con_name',PropertyValue='0190aaaa-0000-7000-8000-000000000001')",
            "400 0x80060888",
        ),
        (
            "con_parts?$filter=Microsoft.Dynamics.CRM.Under(PropertyName='con_partid',PropertyValue='x')",
            "400 0x80060888",
        ),
        (
            "con_parts?$filter=Microsoft.Dynamics.CRM.ContainValues(PropertyName='con_name',PropertyValues=['1'])",
            "400 0x80060888",
        ),
        (
            "con_parts?$filter=Microsoft.Dynamics.CRM.ContainValues(PropertyName='con_colours',PropertyValues=['red'])",
            "400 0x80060888",
        ),
        (
            "con_parts?$filter=Microsoft.Dynamics.CRM.Sideways(PropertyName='con_partid',PropertyValue='1')",
            "400 0x80060888",
        ),
    ] {
        assert_eq!(service.get(path).await.code(), code, "{path}");
    }
}

/// What one may not see is no step of a line: nothing is told about it.
#[tokio::test]
async fn what_is_not_seen_is_in_no_line() {
    let service = world().await;
    let user = json!({"domainname": "ben@x", "connref_role": "Environment Maker"});
    assert_eq!(service.post("systemusers", user).await.status, 204);
    let whole = service.post("con_parts", json!({"con_name": "whole"})).await.id();
    let body = json!({"con_name": "part", "con_Whole@odata.bind": format!("con_parts({whole})")});
    let made = service.post("con_parts", body).await;
    assert_eq!(made.status, 204, "{}", made.body);
    let line = format!(
        "con_parts?$filter=Microsoft.Dynamics.CRM.UnderOrEqual(PropertyName='con_partid',PropertyValue='{whole}')"
    );
    assert_eq!(ids(&service, &line, "con_partid").await.len(), 2);
    let ben = service.send(Some("ben@x"), at("GET", &line), &Value::Null).await;
    assert_eq!((ben.status, &ben.json()["value"]), (200, &json!([])), "{}", ben.body);
}

#[tokio::test]
async fn choices_of_several_are_kept_shown_and_found() {
    let service = world().await;
    for (name, colours) in [
        ("a", json!("2,1")),
        ("b", json!("12")),
        ("c", json!("1, 12,1")),
        ("d", Value::Null),
        ("e", json!("")),
    ] {
        let answer =
            service.post("con_parts", json!({"con_name": name, "con_colours": colours})).await;
        assert_eq!(answer.status, 204, "{name} {}", answer.body);
    }
    for colours in [json!("3"), json!("red"), json!(1), json!("1;2")] {
        let answer = service.post("con_parts", json!({"con_colours": colours})).await;
        assert_eq!(answer.status, 400, "{colours} {}", answer.body);
    }
    let rows = service.get_all("con_parts?$select=con_colours&$orderby=con_name").await.json();
    let shown: Vec<_> = rows["value"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            (&row["con_colours"], &row["con_colours@OData.Community.Display.V1.FormattedValue"])
        })
        .collect();
    assert_eq!(
        shown,
        [
            (&json!("1,2"), &json!("Red; Green")),
            (&json!("12"), &json!("Blue")),
            (&json!("1,12"), &json!("Red; Blue")),
            (&Value::Null, &Value::Null),
            (&Value::Null, &Value::Null),
        ]
    );
    let holds = |not: &str, values: &str| {
        format!("{not}(PropertyName='con_colours',PropertyValues=[{values}])")
    };
    for (filter, xml, expected) in [
        (
            format!("Microsoft.Dynamics.CRM.{}", holds("ContainValues", "'1'")),
            "<condition attribute='con_colours' operator='contain-values'><value>1</value></condition>",
            "ac",
        ),
        (
            format!("Microsoft.Dynamics.CRM.{}", holds("ContainValues", "'2','12'")),
            "<condition attribute='con_colours' operator='contain-values'><value>2</value><value>12</value></condition>",
            "abc",
        ),
        (
            format!("Microsoft.Dynamics.CRM.{}", holds("DoesNotContainValues", "'1'")),
            "<condition attribute='con_colours' operator='not-contain-values'><value>1</value></condition>",
            "bde",
        ),
        (
            "con_colours eq '2,1'".to_owned(),
            "<condition attribute='con_colours' operator='eq' value='1,2'/>",
            "a",
        ),
    ] {
        let path = format!("con_parts?$select=con_name&$orderby=con_name&$filter={filter}");
        let names = ids(&service, &path, "con_name").await.into_iter().collect::<String>();
        assert_eq!(names, expected, "{filter}");
        let tree = Tree { id: "con_name", ..PARTS };
        let names = ids(&service, &fetch(&tree, xml), "con_name").await;
        assert_eq!(names.into_iter().collect::<String>(), expected, "{xml}");
    }
    let options = service
        .get("EntityDefinitions(LogicalName='con_part')/Attributes/Microsoft.Dynamics.CRM.MultiSelectPicklistAttributeMetadata?$select=LogicalName&$expand=OptionSet($select=Options)")
        .await
        .json();
    assert_eq!(options["value"][0]["LogicalName"], "con_colours", "{options}");
    assert_eq!(options["value"][0]["OptionSet"]["Options"][2]["Value"], 12, "{options}");
}

#[tokio::test]
async fn dates_are_grouped_by_fiscal_periods() {
    let service = world().await;
    let xml = "<fetch aggregate='true'><entity name='publisher'>\
        <attribute name='publisherid' aggregate='count' alias='n'/>\
        <attribute name='createdon' groupby='true' dategrouping='fiscal-period' alias='period'/>\
        <attribute name='createdon' groupby='true' dategrouping='fiscal-year' alias='year'/></entity></fetch>";
    let answer = service
        .get_all(&format!("publishers?fetchXml={}", utf8_percent_encode(xml, NON_ALPHANUMERIC)))
        .await;
    let row = answer.json()["value"][0].clone();
    let (year, period) = (row["year"].as_i64().unwrap(), row["period"].as_i64().unwrap());
    assert_eq!(period / 10, year, "{row}");
    let formatted =
        |name: &str| row[format!("{name}@OData.Community.Display.V1.FormattedValue")].clone();
    assert_eq!(formatted("year"), format!("FY{year}"));
    assert_eq!(formatted("period"), format!("Quarter {} FY{year}", period % 10));
}
