//! What was imported exports as the same model, and nothing secret travels in it.
use std::path::Path;

use connref_solution::archive::{Archive, Limits};
use connref_solution::model::Package;
use connref_solution::package_read;
use connref_tests::Home;
use connref_tests::home::Connection;
use connref_tests::package::{fixture_zip, part_text, unzip};
use connref_tests::samples::{samples, zips};
use connref_tests::spy::{Canary, absent};
use serde_json::Value;

const SECRETS: [&str; 3] = ["round-\"kelp\"-770142", "round\\mast\\338817", "round-ünker-559020"];

#[test]
fn own_packages_survive_the_round() {
    for name in ["harbour_notices", "harbour_sites"] {
        survives(name, &fixture_zip(name));
    }
}

#[test]
fn real_packages_survive_the_round() {
    let Some(folder) = samples("roundtrip") else { return };
    let (mut unmanaged, mut managed) = (0, 0);
    for path in zips(&folder.join("zip")) {
        let bytes = std::fs::read(&path).expect("a sample can be read");
        if part_text(&unzip(&bytes), "solution.xml").contains("<Managed>1</Managed>") {
            managed_refused(&path, &bytes);
            managed += 1;
        } else {
            survives(&path.display().to_string(), &bytes);
            unmanaged += 1;
        }
    }
    assert!(unmanaged >= 18 && managed >= 2, "{unmanaged} unmanaged, {managed} managed");
}

#[test]
fn a_flow_that_is_off_for_want_of_a_binding_exports_as_its_environment_says() {
    let home = Home::with_env("extended", &[]);
    home.ok(["env", "create", "dataverse", "--fidelity", "dataverse"]);
    let bytes = fixture_zip("harbour_notices");
    let file = home.file("original.zip", &bytes);
    for (env, state) in [("extended", 1), ("dataverse", 0)] {
        home.ok(["solution", "import", "--path", &file, "--env", env]);
        let out = format!("{env}.zip");
        let exported = model(env, &export(&home, &unique_name(&bytes), &out, env));
        let states: Vec<_> = exported.workflows.iter().map(|flow| flow.state_code).collect();
        assert_eq!(states, [state], "{env}");
    }
}

/// Import, bind, export; import the export elsewhere, export again; all three packages are one.
fn survives(at: &str, bytes: &[u8]) {
    let home = Home::with_env("here", &[]);
    home.env_create("there", &[]);
    let original = home.file("original.zip", bytes);
    home.ok(["solution", "import", "--path", &original, "--env", "here"]);
    let planted = bind_all(&home);
    let name = unique_name(bytes);
    let first = export(&home, &name, "first.zip", "here");
    for (part, content) in unzip(&first) {
        absent(&planted, &format!("{at}: `{part}` of the export"), &content);
        absent(&planted, &format!("{at}: the name of `{part}`"), part.as_bytes());
    }
    home.ok(["solution", "import", "--path", "first.zip", "--env", "there"]);
    let second = export(&home, &name, "second.zip", "there");
    assert!(first == second, "{at}: the second export has other bytes");
    managed(at, &home, &name);
    let [model_0, model_1, model_2] = [bytes, &first, &second].map(|bytes| model(at, bytes));
    same(&format!("{at}: export against original"), &model_0, &model_1);
    same(&format!("{at}: second export against first"), &model_1, &model_2);
    let [names_0, names_1] = [&original, "first.zip"].map(|path| {
        let mut row = home.json(["solution", "inspect", path])[0].take();
        row["path"] = Value::Null;
        row
    });
    assert_eq!(names_0, names_1, "{at}");
    unbound(at, &home);
}

/// Binds every reference to a connection with a planted credential. Answers what must not travel:
/// the credentials and the ids.
fn bind_all(home: &Home) -> Vec<Canary> {
    let references = home.json(["ref", "list", "--env", "here"]);
    let connectors = home.json(["connector", "list", "--env", "here"]);
    let mut planted = Vec::new();
    for row in references.as_array().expect("a list") {
        let connector = row["connector"].as_str().expect("a reference has a connector");
        if !connectors.to_string().contains(&format!("\"{connector}\"")) {
            continue;
        }
        let secret = SECRETS[planted.len() / 2 % SECRETS.len()];
        let id = home.connection(&Connection {
            env: "here",
            connector,
            name: "Planted",
            endpoint: Some("planted.harbour.test:2525"),
            kind: Some("shared-key"),
            secrets: &[("password", secret)],
            ..Connection::default()
        });
        let name = row["name"].as_str().expect("a reference has a name");
        home.ok(["ref", "bind", name, "--connection", &id, "--env", "here"]);
        planted.extend([Canary::new(&id), Canary::new(secret)]);
    }
    planted
}

/// As managed: the same bytes every time, and what an environment takes as managed.
fn managed(at: &str, home: &Home, name: &str) {
    let arguments = ["solution", "export", name, "--managed", "--env", "here", "--path"];
    let made = ["managed1.zip", "managed2.zip"].map(|file| {
        home.ok(arguments.into_iter().chain([file]));
        std::fs::read(home.path().join(file)).expect("the export is there")
    });
    assert!(made[0] == made[1], "{at}: managed exports differ");
    assert!(part_text(&unzip(&made[0]), "solution.xml").contains("<Managed>1</Managed>"), "{at}");
    home.env_create("customer", &[]);
    home.ok(["solution", "import", "--path", "managed1.zip", "--env", "customer"]);
    assert_eq!(home.json(["solution", "list", "--env", "customer"])[0]["managed"], true, "{at}");
}

fn export(home: &Home, name: &str, file: &str, env: &str) -> Vec<u8> {
    home.ok(["solution", "export", name, "--path", file, "--env", env]);
    std::fs::read(home.path().join(file)).expect("the export is there")
}

fn unique_name(bytes: &[u8]) -> String {
    let text = part_text(&unzip(bytes), "solution.xml");
    let start = text.find("<UniqueName>").expect("a solution has a name") + "<UniqueName>".len();
    text[start..].split('<').next().unwrap_or_default().to_owned()
}

fn model(at: &str, bytes: &[u8]) -> Package {
    let archive = Archive::from_zip(bytes, &Limits::default());
    let archive = archive.unwrap_or_else(|error| panic!("{at}: {error}"));
    package_read(&archive).unwrap_or_else(|error| panic!("{at}: {error}"))
}

/// Compares piece by piece, so that a failure shows the piece.
#[track_caller]
fn same(at: &str, one: &Package, two: &Package) {
    assert_eq!(one.manifest, two.manifest, "{at}");
    assert_eq!(one.references, two.references, "{at}");
    assert_eq!(one.variables, two.variables, "{at}");
    assert_eq!(one.connectors, two.connectors, "{at}");
    assert_eq!(one.canvas_apps, two.canvas_apps, "{at}");
    assert_eq!(one.agent_uses, two.agent_uses, "{at}");
    for (left, right) in one.workflows.iter().zip(&two.workflows) {
        assert_eq!(left, right, "{at}");
    }
    assert_eq!(one.workflows.len(), two.workflows.len(), "{at}");
}

fn unbound(at: &str, home: &Home) {
    let references = home.json(["ref", "list", "--env", "there"]);
    for row in references.as_array().expect("a list") {
        assert!(row["connectionId"].is_null(), "{at}: {row}");
    }
}

/// A managed solution imports, and does not export.
fn managed_refused(path: &Path, bytes: &[u8]) {
    let home = Home::with_env("here", &[]);
    home.ok(["solution", "import", "--path", &path.display().to_string()]);
    let name = unique_name(bytes);
    let refused = home.run(["solution", "export", &name, "--path", "managed.zip"]).expect(4);
    assert!(
        refused.error().contains("managed") || refused.stderr.contains("managed"),
        "{refused:?}"
    );
    assert!(!home.path().join("managed.zip").exists());
}
