//! `$metadata`, read by the tools of the committee that keeps OData: it is well formed, every name in
//! it leads somewhere, and an OpenAPI description can be made from it.
use std::io::Write;
use std::process::{Command, Stdio};

use connref_tests::served::Served;
use connref_tests::{Home, package, provider};
use serde_json::{Value, json};

pub(crate) const CUSTOMIZATIONS: &str = r#"<ImportExportXml><Entities><Entity><Name LocalizedName="Thing">con_Thing</Name><EntityInfo>
<entity Name="con_Thing"><attributes>
<attribute PhysicalName="con_ThingId"><Type>primarykey</Type><LogicalName>con_thingid</LogicalName></attribute>
<attribute PhysicalName="con_Name"><Type>nvarchar</Type><LogicalName>con_name</LogicalName><MaxLength>100</MaxLength>
<DisplayMask>PrimaryName</DisplayMask><ValidForCreateApi>1</ValidForCreateApi></attribute>
<attribute PhysicalName="con_Price"><Type>money</Type><LogicalName>con_price</LogicalName></attribute>
<attribute PhysicalName="con_Parent"><Type>lookup</Type><LogicalName>con_parent</LogicalName><IsCustomField>1</IsCustomField></attribute>
<attribute PhysicalName="con_Contact"><Type>lookup</Type><LogicalName>con_contact</LogicalName><IsCustomField>1</IsCustomField></attribute>
</attributes><EntitySetName>con_things</EntitySetName></entity></EntityInfo></Entity></Entities>
<EntityRelationships><EntityRelationship Name="con_thing_thing"><EntityRelationshipType>OneToMany</EntityRelationshipType>
<ReferencingEntityName>con_Thing</ReferencingEntityName><ReferencedEntityName>con_Thing</ReferencedEntityName>
<ReferencingAttributeName>con_Parent</ReferencingAttributeName></EntityRelationship>
<EntityRelationship Name="contact_thing"><EntityRelationshipType>OneToMany</EntityRelationshipType>
<ReferencingEntityName>con_Thing</ReferencingEntityName><ReferencedEntityName>Contact</ReferencedEntityName>
<ReferencingAttributeName>con_Contact</ReferencingAttributeName></EntityRelationship></EntityRelationships></ImportExportXml>"#;
pub(crate) const SOLUTION: &str = r#"<ImportExportXml version="9.2" languagecode="1033"><SolutionManifest><UniqueName>Things</UniqueName>
<LocalizedNames/><Version>1.0</Version><Managed>0</Managed><Publisher><UniqueName>contoso</UniqueName><LocalizedNames/>
<CustomizationPrefix>con</CustomizationPrefix><CustomizationOptionValuePrefix>10000</CustomizationOptionValuePrefix></Publisher>
<RootComponents><RootComponent type="1" schemaName="con_thing" behavior="0"/></RootComponents></SolutionManifest></ImportExportXml>"#;

#[test]
fn the_committees_tools_read_it() {
    let Some(modules) = std::env::var_os(provider::MODULES) else {
        eprintln!("not run against odata-csdl and odata-openapi: {} is not set", provider::MODULES);
        return;
    };
    let home = Home::with_env("dev", &[]);
    let zip = package::zip(&[
        ("solution.xml".to_owned(), SOLUTION.as_bytes().to_vec()),
        ("customizations.xml".to_owned(), CUSTOMIZATIONS.as_bytes().to_vec()),
    ]);
    let path = home.file("things.zip", zip);
    home.ok(["solution", "import", "--path", &path]);
    let served = Served::start(&home);
    let metadata = served.ask("dev", "GET", "/api/data/v9.2/$metadata", None);
    assert_eq!(metadata.status, 200);
    let sets =
        served.ask("dev", "GET", "/api/data/v9.2/", None).json()["value"].as_array().map(Vec::len);

    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/providers/odata.cjs");
    let mut node = Command::new("node")
        .arg(script)
        .arg(modules)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("node can be started");
    let mut input = node.stdin.take().expect("stdin was asked for");
    input.write_all(&metadata.body).expect("node reads");
    drop(input);
    let output = node.wait_with_output().expect("node ends");
    assert!(output.status.success());
    let told: Value = serde_json::from_slice(&output.stdout).expect("one line of JSON");
    assert_eq!(told["lost"], json!([]), "names that lead nowhere");
    assert_eq!(told["messages"], json!([]));
    assert_eq!(told["sets"].as_u64(), sets.map(|sets| sets as u64));
    assert_eq!(told["openapi"], "3.0.2");
    assert!(told["paths"].as_u64() > Some(100), "{told}");
    assert!(told["things"].as_u64() >= Some(2), "{told}");
}
