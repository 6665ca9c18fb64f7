//! Teams, roles, groups and shares by commands.
use connref_tests::Home;

const BOB: &str = "bob@harbour.test";

fn home() -> Home {
    let home = Home::with_env("dev", &[]);
    home.ok(["user", "add", BOB]);
    home
}

/// Whether Bob may make things, which a Basic User may not.
fn makes(home: &Home, prefix: &str) -> bool {
    let name = format!("hbr_{prefix}");
    home.run(["variable", "create", &name, "--type", "string", "--as", BOB]).code == Some(0)
}

#[test]
fn what_a_team_holds_its_members_hold() {
    let home = home();
    home.ok(["team", "create", "Pilots"]);
    home.ok(["team", "role", "add", "Pilots", "Environment Maker"]);
    assert!(!makes(&home, "One"));
    home.ok(["team", "add", "Pilots", BOB]);
    assert!(makes(&home, "Two"));
    assert_eq!(home.json(["team", "show", "Pilots"])["members"], serde_json::json!([BOB]));
    home.ok(["team", "remove", "Pilots", BOB]);
    assert!(!makes(&home, "Three"));

    home.ok(["group", "create", "Harbour office"]);
    home.ok(["team", "create", "Office", "--kind", "security-group", "--group", "Harbour office"]);
    home.ok(["team", "role", "add", "Office", "Environment Maker"]);
    home.ok(["group", "add", "Harbour office", BOB]);
    assert!(makes(&home, "Four"));
    home.ok(["group", "remove", "Harbour office", BOB]);
    assert!(!makes(&home, "Five"));
    let ran = home.run(["team", "add", "Office", BOB]);
    assert!(ran.code == Some(4) && ran.stderr.contains("change the group"), "{ran:?}");
}

#[test]
fn roles_are_shown_made_given_and_taken() {
    let home = home();
    let roles = home.json(["role", "list"]);
    let names: Vec<_> = roles.as_array().unwrap().iter().map(|r| r["name"].clone()).collect();
    assert_eq!(
        names,
        [
            "Basic User",
            "Deployer",
            "Environment Maker",
            "System Administrator",
            "System Customizer"
        ]
    );
    let made =
        ["role", "create", "Author", "--grant", "prvCreateEnvironmentVariableDefinition=user"];
    home.ok(made);
    home.ok(["user", "role", "add", BOB, "Author"]);
    assert!(makes(&home, "One"));
    let ran = home.run(["role", "delete", "Author"]);
    assert!(ran.code == Some(6) && ran.stderr.contains(BOB), "{ran:?}");
    home.ok(["user", "role", "remove", BOB, "Author"]);
    assert!(!makes(&home, "Two"));
    home.ok(["role", "delete", "Author"]);
    let ran = home.run(["user", "role", "add", BOB, "System Administrator", "--as", BOB]);
    assert!(ran.code == Some(4) && ran.stderr.contains("prvAssignRole"), "{ran:?}");
    let ran = home.run(["role", "create", "X", "--grant", "prvFly=user"]);
    assert!(ran.code == Some(4) && ran.stderr.contains("`prvFly` is no privilege"), "{ran:?}");
}

#[test]
fn a_connection_is_shared_with_a_team_for_a_time() {
    let home = home();
    home.ok(["team", "create", "Crew", "--kind", "access"]);
    home.ok(["team", "add", "Crew", BOB]);
    let line = ["connection", "create", "shared_sql", "--name", "Berths", "--param", "server=x"];
    let ran = home.run(line);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let seen = |home: &Home| {
        home.json(["connection", "list", "--as", BOB]).as_array().is_some_and(|all| !all.is_empty())
    };
    assert!(!seen(&home));
    let until =
        ["connection", "share", "Berths", "--with", "Crew", "--until", "2999-01-01T00:00:00Z"];
    home.ok(until);
    assert!(seen(&home));
    home.ok(["connection", "share", "Berths", "--with", "Crew", "--remove"]);
    assert!(!seen(&home));
    home.ok(["connection", "share", "Berths", "--with-tenant"]);
    assert!(seen(&home));
    let past =
        ["connection", "share", "Berths", "--with", "Crew", "--until", "2001-01-01T00:00:00Z"];
    let ran = home.run(past);
    assert!(ran.code == Some(4) && ran.stderr.contains("end before it begins"), "{ran:?}");
    let ran = home.run(["connection", "share", "Berths", "--with-group", "nobody"]);
    assert!(ran.code == Some(5) && ran.stderr.contains("`nobody` does not exist"), "{ran:?}");
}
