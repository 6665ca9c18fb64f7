//! Rows of docs/differences.md as a user of the program meets them: whom a person's connection is
//! shared with, and whether it changes its owner, in both fidelities.
use connref_tests::Home;

const ANN: &str = "ann@harbour.test";
const BEN: &str = "ben@harbour.test";

/// An environment with a connection that Ann signs in to, and whom it may be shared with.
fn world(fidelity: &str) -> (Home, String) {
    let home = Home::new();
    home.ok(["env", "create", "dev", "--fidelity", fidelity]);
    for user in [ANN, BEN] {
        home.ok(["user", "add", user, "--role", "maker"]);
    }
    home.ok(["user", "add", "robot", "--service-principal"]);
    home.ok(["team", "create", "Crew", "--kind", "owner"]);
    let secret = home.path().join("secret");
    std::fs::write(&secret, "planted").expect("it can be written");
    let secret = format!("password={}", secret.display());
    let made = ["connection", "create", "shared_office365", "--name", "Mail", "--as", ANN];
    let fields = ["--endpoint", "m.harbour.test:587", "--param", "username=ann", "--secret-file"];
    home.ok(made.into_iter().chain(fields).chain([secret.as_str()]));
    let list = home.json(["connection", "list"]);
    let id = list[0]["id"].as_str().expect("an id").to_owned();
    (home, id)
}

fn owner(home: &Home, id: &str) -> String {
    let shown = home.json(["connection", "show", id]);
    shown["owner"].as_str().expect("a name").to_owned()
}

#[test]
fn whom_a_persons_connection_is_shared_with() {
    // Extended: users, teams, applications. The vendor's service: applications only.
    let rows = [("extended", [0, 0, 0]), ("dataverse", [4, 4, 0])];
    for (fidelity, expected) in rows {
        let (home, id) = world(fidelity);
        for (with, code) in [BEN, "Crew", "robot"].into_iter().zip(expected) {
            let ran = home.run(["connection", "share", &id, "--with", with, "--as", ANN]);
            assert_eq!(ran.code, Some(code), "{fidelity}: {ran:?}");
            assert_eq!(ran.stderr.contains("ConnectionNotShareable"), code == 4, "{ran:?}");
        }
    }
}

#[test]
fn a_connection_changes_its_owner_or_is_replaced_by_a_plan() {
    let (home, id) = world("extended");
    let reassign = ["connection", "reassign", "--owner", ANN, "--to", BEN];
    let told = home.ok(reassign);
    assert!(told.stdout.contains("now belong to"), "{told:?}");
    assert_eq!(owner(&home, &id), BEN);

    let (home, id) = world("dataverse");
    let ran = home.run(reassign);
    assert_eq!(ran.code, Some(4), "{ran:?}");
    for step in ["connection create shared_office365", "connection test", "connection delete"] {
        assert!(ran.stdout.contains(step), "{step}: {ran:?}");
    }
    assert_eq!(owner(&home, &id), ANN, "nothing was changed");
}
