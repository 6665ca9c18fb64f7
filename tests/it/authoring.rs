//! A solution made from nothing by commands is a true one.
use connref_tests::Home;
use connref_tests::home::Connection;
use connref_tests::package::{part_text, unzip};
use serde_json::{Value, json};

fn definition() -> Value {
    json!({
        "$schema": "https://schema.management.azure.com/providers/Microsoft.Logic/schemas/2016-06-01/workflowdefinition.json#",
        "contentVersion": "1.0.0.0",
        "parameters": {
            "$connections": {"defaultValue": {}, "type": "Object"},
            "$authentication": {"defaultValue": {}, "type": "SecureObject"},
        },
        "triggers": {"manual": {"type": "Request", "kind": "Button", "inputs": {"schema": {
            "type": "object", "properties": {}, "required": [],
        }}}},
        "actions": {
            "Read_tides": {
                "type": "OpenApiConnection", "runAfter": {},
                "inputs": {
                    "host": {
                        "connectionName": "shared_sql", "operationId": "GetItems_V2",
                        "apiId": "/providers/Microsoft.PowerApps/apis/shared_sql",
                    },
                    "parameters": {"server": "default", "database": "default", "table": "tide"},
                    "authentication": "@parameters('$authentication')",
                },
            },
            "Tell_pilots": {
                "type": "OpenApiConnection", "runAfter": {"Read_tides": ["Succeeded"]},
                "inputs": {
                    "host": {
                        "connectionName": "shared_office365", "operationId": "SendEmailV2",
                        "apiId": "/providers/Microsoft.PowerApps/apis/shared_office365",
                    },
                    "parameters": {
                        "emailMessage/To": "pilots@harbour.test",
                        "emailMessage/Subject": "Tides",
                        "emailMessage/Body": "@{body('Read_tides')}",
                    },
                    "authentication": "@parameters('$authentication')",
                },
            },
        },
    })
}

/// Publisher, solution, two references of which one is bound, one flow; by commands alone.
fn author(home: &Home) -> String {
    home.ok([
        "solution",
        "create",
        "TideTables",
        "--publisher",
        "harbour",
        "--prefix",
        "hbr",
        "--env",
        "dev",
    ]);
    let connection = home.connection(&Connection {
        env: "dev",
        connector: "shared_office365",
        name: "Pilots' mailbox",
        endpoint: Some("mail.harbour.test:587"),
        parameters: &[("username", "pilots@harbour.test")],
        secrets: &[("password", "author-rope-5521")],
        ..Connection::default()
    });
    home.ok([
        "ref",
        "create",
        "hbr_PilotMail",
        "--connector",
        "shared_office365",
        "--display-name",
        "Pilots' mail",
        "--solution",
        "TideTables",
        "--connection",
        &connection,
        "--env",
        "dev",
    ]);
    home.ok([
        "ref",
        "create",
        "hbr_Tides",
        "--connector",
        "shared_sql",
        "--solution",
        "TideTables",
        "--env",
        "dev",
    ]);
    let definition = home.file("definition.json", definition().to_string());
    home.ok([
        "flow",
        "create",
        "Send tide table!",
        "--definition",
        &definition,
        "--solution",
        "TideTables",
        "--reference",
        "shared_office365=hbr_PilotMail",
        "--reference",
        "shared_sql=hbr_Tides",
        "--env",
        "dev",
    ]);
    connection
}

#[test]
fn an_authored_solution_exports_as_a_true_one_and_arrives_unbound() {
    let home = Home::with_env("dev", &[]);
    home.env_create("test", &[]);
    let connection = author(&home);
    let flows = home.json(["flow", "list", "--env", "dev"]);
    let flow = flows[0]["id"].as_str().expect("a flow has an id").to_owned();
    home.ok(["solution", "export", "TideTables", "--path", "tides.zip", "--env", "dev"]);
    let bytes = std::fs::read(home.path().join("tides.zip")).expect("the export is there");
    let parts = unzip(&bytes);
    parts_check(&parts, &flow);
    for (name, content) in &parts {
        let text = String::from_utf8_lossy(content).to_lowercase();
        assert!(!text.contains(&connection), "`{name}` holds the connection's id");
        assert!(!text.contains("connectionid"), "`{name}` speaks of a connection's id");
    }

    let report = home.json(["solution", "import", "--path", "tides.zip", "--env", "test"]);
    assert_eq!(report["flows"][0]["state"], "off", "{report:#}");
    let references = home.json(["ref", "list", "--env", "test"]);
    let states: Vec<_> = references
        .as_array()
        .expect("a list")
        .iter()
        .map(|row| {
            (row["name"].as_str().unwrap_or_default(), row["state"].as_str().unwrap_or_default())
        })
        .collect();
    assert_eq!(states, [("hbr_PilotMail", "not bound"), ("hbr_Tides", "not bound")]);
    let why = home.run_json(["flow", "why", "Send tide table!", "--env", "test"]).expect(1).json();
    for name in ["hbr_PilotMail", "hbr_Tides"] {
        assert!(why["refusals"].to_string().contains(name), "{why:#}");
    }
}

/// The parts, names and XML of a real export.
fn parts_check(parts: &[(String, Vec<u8>)], flow: &str) {
    let body = format!("Workflows/Sendtidetable-{}.json", flow.to_uppercase());
    let mut names: Vec<&str> = parts.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, [body.as_str(), "[Content_Types].xml", "customizations.xml", "solution.xml"]);
    let types = part_text(parts, "[Content_Types].xml");
    for extension in ["xml", "json"] {
        let line =
            format!("<Default Extension=\"{extension}\" ContentType=\"application/octet-stream\"");
        assert!(types.contains(&line), "{types}");
    }
    solution_check(&part_text(parts, "solution.xml"), flow);
    customizations_check(&part_text(parts, "customizations.xml"), flow, &body);
    let json: Value = serde_json::from_str(&part_text(parts, &body)).expect("the body is JSON");
    assert_eq!(json["schemaVersion"], "1.0.0.0");
    let entry = &json["properties"]["connectionReferences"]["shared_sql"];
    let wanted = json!({
        "runtimeSource": "embedded",
        "connection": {"connectionReferenceLogicalName": "hbr_Tides"},
        "api": {"name": "shared_sql"},
    });
    assert_eq!(*entry, wanted);
    assert_eq!(json["properties"]["definition"]["actions"], definition()["actions"]);
}

fn solution_check(text: &str, flow: &str) {
    in_order(
        text,
        &[
            "<ImportExportXml ",
            "SolutionPackageVersion=",
            "languagecode=\"1033\"",
            "generatedBy=",
            "<SolutionManifest>",
            "<UniqueName>TideTables</UniqueName>",
            "<LocalizedNames>",
            "<Descriptions",
            "<Version>1.0.0.0</Version>",
            "<Managed>0</Managed>",
            "<Publisher>",
            "<UniqueName>harbour</UniqueName>",
            "<CustomizationPrefix>hbr</CustomizationPrefix>",
            "<CustomizationOptionValuePrefix>",
            "<Addresses>",
            "</Publisher>",
            "<RootComponents>",
            &format!("<RootComponent type=\"29\" id=\"{{{flow}}}\" behavior=\"0\""),
            "</RootComponents>",
            "<MissingDependencies",
        ],
    );
    // References and variables are never root components.
    assert_eq!(text.matches("<RootComponent ").count(), 1, "{text}");
}

fn customizations_check(text: &str, flow: &str, body: &str) {
    in_order(
        text,
        &[
            "<ImportExportXml",
            "<Entities",
            "<Roles",
            "<Workflows>",
            &format!("<Workflow WorkflowId=\"{{{flow}}}\" Name=\"Send tide table!\""),
            &format!("<JsonFileName>/{body}</JsonFileName>"),
            "<Type>1</Type>",
            "<Subprocess>0</Subprocess>",
            "<Category>5</Category>",
            "<Mode>0</Mode>",
            "<Scope>4</Scope>",
            "<OnDemand>",
            "<TriggerOnCreate>",
            "<TriggerOnDelete>",
            "<AsyncAutodelete>",
            "<SyncWorkflowLogOnFailure>",
            "<StateCode>0</StateCode>",
            "<StatusCode>1</StatusCode>",
            "<RunAs>1</RunAs>",
            "<IsTransacted>1</IsTransacted>",
            "<IntroducedVersion>",
            "<IsCustomizable>1</IsCustomizable>",
            "<PrimaryEntity>none</PrimaryEntity>",
            "<LocalizedNames>",
            "</Workflow>",
            "</Workflows>",
            "<FieldSecurityProfiles",
            "<Templates",
            "<EntityMaps",
            "<EntityRelationships",
            "<OrganizationSettings",
            "<optionsets",
            "<CustomControls",
            "<EntityDataProviders",
            "<connectionreferences>",
            "<connectionreference connectionreferencelogicalname=\"hbr_PilotMail\">",
            "<connectionreferencedisplayname>Pilots' mail</connectionreferencedisplayname>",
            "<connectorid>/providers/Microsoft.PowerApps/apis/shared_office365</connectorid>",
            "<iscustomizable>1</iscustomizable>",
            "<statecode>0</statecode>",
            "<statuscode>1</statuscode>",
            "</connectionreference>",
            "<connectionreference connectionreferencelogicalname=\"hbr_Tides\">",
            "<connectorid>/providers/Microsoft.PowerApps/apis/shared_sql</connectorid>",
            "</connectionreferences>",
            "<Languages>",
            "<Language>1033</Language>",
            "</ImportExportXml>",
        ],
    );
}

/// Every piece is there, each behind the one before.
#[track_caller]
fn in_order(text: &str, pieces: &[&str]) {
    let mut rest = text;
    for piece in pieces {
        let at =
            rest.find(piece).unwrap_or_else(|| panic!("`{piece}` is not at its place in\n{text}"));
        rest = &rest[at + piece.len()..];
    }
}

#[test]
fn a_flow_that_names_a_connection_is_warned_about_in_a_solution_only() {
    let home = Home::with_env("dev", &[]);
    home.ok(["solution", "create", "TideTables", "--publisher", "harbour", "--prefix", "hbr"]);
    let connection = home.connection(&Connection {
        env: "dev",
        connector: "shared_sql",
        name: "Tides",
        endpoint: Some("file:/nowhere/tides.db"),
        ..Connection::default()
    });
    let body = json!({"definition": definition(), "connectionReferences": {"shared_sql": {
        "connectionName": connection, "source": "Embedded",
        "id": "/providers/Microsoft.PowerApps/apis/shared_sql", "tier": "NotSpecified",
    }}});
    let body = home.file("direct.json", body.to_string());
    let inside =
        home.ok(["flow", "create", "Inside", "--definition", &body, "--solution", "TideTables"]);
    assert!(inside.stderr.contains("warning"), "{inside:?}");
    assert!(inside.stderr.contains("shared_sql"), "{inside:?}");
    let outside = home.ok(["flow", "create", "Outside", "--definition", &body]);
    assert!(!outside.stderr.contains("warning"), "{outside:?}");
}

#[test]
fn a_reference_made_bound_is_judged_like_a_bind() {
    let home = Home::with_env("dev", &[]);
    home.ok(["user", "add", "svc-light", "--service-principal", "--role", "maker"]);
    let connection = home.connection(&Connection {
        env: "dev",
        connector: "shared_sql",
        name: "Ledger",
        endpoint: Some("127.0.0.1:5432"),
        kind: Some("shared-key"),
        secrets: &[("password", "ledger-kelp-5521")],
        ..Connection::default()
    });
    let share = |level: &str| {
        home.ok(["connection", "share", "Ledger", "--with", "svc-light", "--level", level]);
    };
    let create = ["ref", "create", "hbr_Ledger", "--connector", "shared_sql", "--connection"];
    let create = [&create[..], &[connection.as_str(), "--as", "svc-light"]].concat();
    // A service principal that binds must be able to share on what it binds.
    share("use");
    let refused = home.run(create.clone()).expect(4);
    assert!(refused.stderr.contains("Can use + share"), "{}", refused.stderr);
    let references = home.json(["ref", "list"]);
    assert_eq!(references.as_array().map(Vec::len), Some(0), "{references:#}");
    share("use-and-share");
    home.ok(create);
}
