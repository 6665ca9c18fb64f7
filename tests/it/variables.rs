//! Environment variables by commands: types, layers, data sources, settings.
use connref_tests::Home;
use connref_tests::package::{fixture, fixture_zip_with, part_text, unzip};
use serde_json::{Value, json};

const ADDRESS: &str = "hbr_NoticeAddress";

fn create(home: &Home, name: &str, kind: &str) {
    home.ok(["variable", "create", name, "--type", kind]);
}

fn shown(home: &Home, name: &str) -> Value {
    home.json(["variable", "show", name])
}

#[test]
fn a_value_fits_its_type_or_is_refused_with_it() {
    let home = Home::with_env("dev", &[]);
    home.ok(["env", "create", "prod", "--fidelity", "dataverse"]);
    let key_vault = "/subscriptions/0f6e2c8e-1111-4222-8333-444455556666/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/harbour-kv/secrets/mail-key";
    let rows = [
        ("string", "anything at all", None),
        ("number", "12.5", Some("twelve-or-so")),
        ("boolean", "yes", Some("perhaps-so")),
        ("json", "{\"berths\": [1, 2]}", Some("{berths: 1}")),
        ("data-source", "https://harbour.test/sites/a", Some(" ")),
        ("secret", "vault://secret/apps/mail#key", Some("kelp-hunter-2")),
    ];
    for (kind, good, bad) in rows {
        let name = format!("hbr_{}", kind.replace('-', ""));
        home.ok(["variable", "create", &name, "--type", kind, "--env", "dev"]);
        home.ok(["variable", "set", &name, good, "--env", "dev"]);
        assert_eq!(home.json(["variable", "show", &name, "--env", "dev"])["own"], good);
        let Some(bad) = bad else { continue };
        let ran = home.run(["variable", "set", &name, bad, "--env", "dev"]);
        assert_eq!(ran.code, Some(4), "{ran:?}");
        assert!(!ran.stderr.contains(bad) || bad.trim().is_empty(), "{ran:?}");
        let word = match kind {
            "number" => "a number",
            "boolean" => "yes or no",
            "json" => "JSON",
            "data-source" => "a data source",
            _ => "never the secret itself",
        };
        assert!(ran.stderr.contains(word) && ran.stderr.contains(&name), "{ran:?}");
        assert_eq!(home.json(["variable", "show", &name, "--env", "dev"])["own"], good);
        let fresh = format!("{name}2");
        let line = ["variable", "create", &fresh, "--type", kind, "--default", bad, "--env", "dev"];
        let ran = home.run(line);
        assert_eq!(ran.code, Some(4), "{ran:?}");
    }
    // The vendor's service knows one store of secrets.
    home.ok(["variable", "create", "hbr_Key", "--type", "secret", "--env", "prod"]);
    let ran = home.run(["variable", "set", "hbr_Key", "vault://secret/a#b", "--env", "prod"]);
    assert!(ran.code == Some(4) && ran.stderr.contains("Azure Key Vault only"), "{ran:?}");
    home.ok(["variable", "set", "hbr_Key", key_vault, "--env", "prod"]);
}

#[test]
fn the_own_value_lies_over_the_base_and_the_default() {
    let home = Home::with_env("dev", &[]);
    let manifest = std::fs::read_to_string(fixture("harbour_notices").join("solution.xml"))
        .expect("the fixture has a manifest")
        .replace("<Managed>0</Managed>", "<Managed>1</Managed>");
    assert!(manifest.contains("<Managed>1</Managed>"));
    let values = json!({"environmentvariablevalues": {"environmentvariablevalue": {
        "@environmentvariablevalueid": "a7d2c271-0000-4000-8000-000000000001",
        "iscustomizable": "1", "value": "base@harbour.test",
    }}});
    let part = format!("environmentvariabledefinitions/{ADDRESS}/environmentvariablevalues.json");
    let zip = fixture_zip_with(
        "harbour_notices",
        &[
            ("solution.xml", Some(manifest.into_bytes())),
            (&part, Some(values.to_string().into_bytes())),
        ],
    );
    let path = home.file("managed.zip", zip);
    home.ok(["solution", "import", "--path", &path]);
    let layers = |home: &Home| {
        let row = shown(home, ADDRESS);
        ["own", "base", "default", "value"].map(|layer| row[layer].clone())
    };
    let (base, default) = ("base@harbour.test", "pilot@harbour.test");
    assert_eq!(layers(&home), [Value::Null, json!(base), json!(default), json!(base)]);
    // Nothing of its own to take away: the base is not touched.
    home.ok(["variable", "unset", ADDRESS]);
    assert_eq!(layers(&home)[1], base);
    home.ok(["variable", "set", ADDRESS, "own@harbour.test"]);
    let own = "own@harbour.test";
    assert_eq!(layers(&home), [json!(own), json!(base), json!(default), json!(own)]);
    assert_eq!(home.json(["variable", "list"])[0]["value"], own);
    // A dry run says what it would send and does nothing.
    let ran = home.run(["variable", "unset", ADDRESS, "--dry-run"]);
    assert!(ran.stderr.contains("DELETE") || ran.stdout.contains("DELETE"), "{ran:?}");
    assert_eq!(layers(&home)[0], own);
    home.ok(["variable", "unset", ADDRESS]);
    assert_eq!(layers(&home), [Value::Null, json!(base), json!(default), json!(base)]);
    assert_eq!(home.json(["variable", "list"])[0]["value"], base);
    assert_eq!(shown(&home, ADDRESS)["flows"], json!(["Notice of arrivals"]));
}

#[test]
fn a_data_source_has_connector_parameter_and_parent() {
    let home = Home::with_env("dev", &[]);
    let solution = ["solution", "create", "Sites", "--publisher", "harbour", "--prefix", "hbr"];
    home.ok(solution);
    let source = |name: &str, key: &str, parent: Option<&str>| {
        let mut line = vec!["variable", "create", name, "--type", "data-source"];
        line.extend(["--connector", "shared_sharepointonline", "--parameter", key]);
        line.extend(["--solution", "Sites"]);
        line.extend(parent.iter().flat_map(|parent| ["--parent", parent]));
        home.run(line)
    };
    source("hbr_Site", "dataset", None).expect(0);
    source("hbr_List", "table", Some("hbr_site")).expect(0);
    let list = shown(&home, "hbr_List");
    let told = ["connector", "parameter", "parent"].map(|key| list[key].clone());
    assert_eq!(told, [json!("shared_sharepointonline"), json!("table"), json!("hbr_Site")]);
    create(&home, "hbr_Plain", "string");
    let ran = source("hbr_Other", "table", Some("hbr_Plain"));
    assert!(ran.code == Some(4) && ran.stderr.contains("is no data source"), "{ran:?}");
    let line = ["variable", "create", "hbr_Text", "--connector", "shared_sharepointonline"];
    let ran = home.run(line);
    assert!(ran.code == Some(4) && ran.stderr.contains("is no data source"), "{ran:?}");
    home.ok(["solution", "export", "Sites", "--path", "sites.zip"]);
    let exported = std::fs::read(home.path().join("sites.zip")).expect("it was exported");
    let part = "environmentvariabledefinitions/hbr_List/environmentvariabledefinition.xml";
    let text = part_text(&unzip(&exported), part);
    for piece in ["<parameterkey>table<", "shared_sharepointonline", "hbr_Site"] {
        assert!(text.contains(piece), "{text}");
    }
}

#[test]
fn settings_with_a_value_of_another_type_refuse_the_import() {
    let home = Home::with_env("dev", &[]);
    let part =
        format!("environmentvariabledefinitions/{ADDRESS}/environmentvariabledefinition.xml");
    let number = std::fs::read_to_string(fixture("harbour_notices").join(&part))
        .expect("the fixture has a variable")
        .replace("<type>100000000<", "<type>100000001<")
        .replace("<defaultvalue>pilot@harbour.test<", "<defaultvalue>5<");
    let zip = fixture_zip_with("harbour_notices", &[(&part, Some(number.into_bytes()))]);
    let path = home.file("number.zip", zip);
    let settings = |value: &str| {
        let json = json!({"EnvironmentVariables": [{"SchemaName": ADDRESS, "Value": value}]});
        home.file("settings.json", json.to_string())
    };
    let bad = settings("many-berths");
    let ran = home.run(["solution", "import", "--path", &path, "--settings-file", &bad]);
    assert_ne!(ran.code, Some(0));
    assert!(ran.stderr.contains("not a number") && !ran.stderr.contains("many-berths"), "{ran:?}");
    assert_eq!(home.json(["variable", "list"]), json!([]), "nothing half done");
    let good = settings("12");
    home.ok(["solution", "import", "--path", &path, "--settings-file", &good]);
    assert_eq!(shown(&home, ADDRESS)["own"], "12");
}
