//! docs/rights.md says which role is enough for a command: every line of its table is run as that
//! role and as the one that is not enough.
use connref_store::access::Privilege;
use connref_tests::Home;
use connref_tests::home::Connection;
use connref_tests::package::fixture;
use serde_json::json;

const ROLES: [(&str, &str, &str); 5] = [
    ("Basic User", "basic", "basic@harbour.test"),
    ("Environment Maker", "maker", "maker@harbour.test"),
    ("Deployer", "deployer", "deployer@harbour.test"),
    ("System Customizer", "customizer", "customizer@harbour.test"),
    ("System Administrator", "administrator", "administrator@harbour.test"),
];

/// Words of a command line; quotation marks hold blanks together.
fn words(line: &str) -> Vec<String> {
    line.split('"')
        .enumerate()
        .flat_map(|(at, part)| match at % 2 {
            0 => part.split_whitespace().map(str::to_owned).collect(),
            _ => vec![part.to_owned()],
        })
        .collect()
}

fn who(role: &str) -> &'static str {
    let found = ROLES.iter().find(|(name, ..)| *name == role);
    found.unwrap_or_else(|| panic!("docs/rights.md: `{role}` is no role")).2
}

/// An installation with somebody of each role, and what the lines of the table name.
struct World {
    home: Home,
    fill: Vec<(&'static str, String)>,
}

impl World {
    fn new() -> Self {
        let home = Home::with_env("dev", &[]);
        for (_, role, name) in ROLES {
            home.ok(["user", "add", name, "--role", role]);
        }
        home.ok(["user", "add", "robot", "--service-principal"]);
        home.ok(["user", "add", "gone@harbour.test", "--role", "maker"]);
        home.ok(["user", "disable", "gone@harbour.test"]);
        let package = fixture("harbour_notices").display().to_string();
        home.ok(["solution", "import", "--path", &package]);
        let jobs = home.json(["job", "list"]);
        let job = jobs[0]["id"].as_str().expect("a job").to_owned();
        let connection = |name: &str| {
            home.connection(&Connection {
                env: "dev",
                connector: "shared_office365",
                name,
                endpoint: Some("mail.harbour.test:587"),
                secrets: &[("password", "rights-buoy-4471")],
                ..Connection::default()
            })
        };
        let (mailbox, spare) = (connection("Mailbox"), connection("Spare"));
        for reference in ["hbr_Spare", "hbr_Other"] {
            home.ok(["ref", "create", reference, "--connector", "shared_office365"]);
        }
        home.ok(["variable", "create", "hbr_Own"]);
        home.ok(["solution", "create", "Empty", "--publisher", "harbour", "--prefix", "hbr"]);
        let swagger = json!({
            "swagger": "2.0", "info": {"title": "Echo", "version": "1.0"}, "host": "echo.harbour.test",
            "schemes": ["https"],
            "paths": {"/say": {"get": {"operationId": "Say", "responses": {"200": {"description": ""}}}}},
        });
        let definition = home.file("echo.swagger.json", swagger.to_string());
        let made = home.json(["connector", "create", "--api-definition", &definition]);
        let api = made["name"].as_str().or(made["id"].as_str()).expect("a name").to_owned();
        let flow = json!({
            "$schema": "https://schema.management.azure.com/providers/Microsoft.Logic/schemas/2016-06-01/workflowdefinition.json#",
            "contentVersion": "1.0.0.0",
            "triggers": {"manual": {"type": "Request", "kind": "Button", "inputs": {}}},
            "actions": {"Say": {"type": "Compose", "inputs": "x", "runAfter": {}}},
        });
        let flow = home.file("flow.json", flow.to_string());
        home.ok(["flow", "create", "Spare", "--definition", &flow]);
        let fill = vec![
            ("{package}", package),
            ("{folder}", home.path().display().to_string()),
            ("{connection}", mailbox),
            ("{spare}", spare),
            ("{definition}", definition),
            ("{api}", api),
            ("{flow}", flow),
            ("{job}", job),
        ];
        Self { home, fill }
    }

    fn run(&self, line: &str, role: &str) -> connref_tests::Ran {
        let line =
            self.fill.iter().fold(line.to_owned(), |line, (name, value)| line.replace(name, value));
        let mut all = words(&line);
        all.extend(["--as".to_owned(), who(role).to_owned()]);
        let mut command = self.home.command(all);
        command.env("RIGHTS", "rights-buoy-4472");
        self.home.finish(command, None)
    }
}

/// The table of command, enough, not enough, because of.
fn table() -> Vec<[&'static str; 3]> {
    let text = include_str!("../../docs/rights.md");
    let table = text.split("|---|---|---|---|\n").nth(1).expect("a table of four columns");
    let rows = table.lines().take_while(|line| line.starts_with('|'));
    rows.map(|row| {
        let mut cells = row.split('|').map(str::trim).skip(1);
        std::array::from_fn(|_| cells.next().expect("four cells"))
    })
    .collect()
}

#[test]
fn the_table_of_rights_is_true() {
    let world = World::new();
    let mut count = 0;
    for [command, enough, not_enough] in table() {
        // What is more than a command line is not run.
        let line = command.strip_prefix('`').and_then(|cell| cell.strip_suffix('`'));
        let Some(line) = line else { continue };
        if !not_enough.is_empty() {
            let ran = world.run(line, not_enough);
            assert!(matches!(ran.code, Some(4 | 5)), "not enough: {ran:?}");
        }
        let ran = world.run(line, enough);
        // 1: there are findings, or the flow is off for another reason.
        assert!(matches!(ran.code, Some(0 | 1)), "enough: {ran:?}");
        count += 1;
    }
    assert!(count >= 75, "{count}");
}

#[test]
fn the_privileges_that_are_named_exist() {
    let text = include_str!("../../docs/rights.md");
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let named: Vec<&str> = words.filter(|word| word.starts_with("prv")).collect();
    assert!(named.len() > 40, "{named:?}");
    for name in named {
        assert!(Privilege::parse(name).is_some(), "docs/rights.md: `{name}` is no privilege");
    }
}

#[test]
fn every_command_stands_in_a_table_of_rights() {
    let text = include_str!("../../docs/rights.md");
    let first = text.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next());
    let told: Vec<String> = first
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .map(|line| line.replace("--as maker@harbour.test ", ""))
        .collect();
    let surfaces = include_str!("surfaces.txt").lines();
    let missing: Vec<&str> = surfaces
        .filter_map(|line| line.strip_prefix("command "))
        .filter(|name| {
            let short = name.replace("connection-reference", "ref");
            let names = |line: &String| {
                line.strip_prefix(&short)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
            };
            !told.iter().any(names)
        })
        .collect();
    assert!(missing.is_empty(), "docs/rights.md says nothing of {missing:?}");
}
