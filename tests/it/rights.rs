//! docs/rights.md says which role is enough for a command: every line of its table is run as that
//! role and as the one that is not enough.
use connref_tests::Home;
use connref_tests::home::Connection;
use connref_tests::package::fixture;

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

#[test]
fn the_table_of_rights_is_true() {
    let home = Home::with_env("dev", &[]);
    for (_, role, name) in ROLES {
        home.ok(["user", "add", name, "--role", role]);
    }
    home.ok(["user", "add", "robot", "--service-principal"]);
    let package = fixture("harbour_notices").display().to_string();
    home.ok(["solution", "import", "--path", &package]);
    let connection = home.connection(&Connection {
        env: "dev",
        connector: "shared_office365",
        name: "Mailbox",
        endpoint: Some("mail.harbour.test:587"),
        secrets: &[("password", "rights-buoy-4471")],
        ..Connection::default()
    });
    let folder = home.path().display().to_string();
    let text = include_str!("../../docs/rights.md");
    let table = text.split("|---|---|---|---|\n").nth(1).expect("a table of four columns");
    let mut count = 0;
    for row in table.lines().take_while(|line| line.starts_with('|')) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let line = cells[1].strip_prefix('`').and_then(|cell| cell.strip_suffix('`'));
        // What is more than a command line is not run.
        let Some(line) = line else { continue };
        let line = line
            .replace("{package}", &package)
            .replace("{folder}", &folder)
            .replace("{connection}", &connection);
        let run = |role: &str| {
            let mut all = words(&line);
            all.extend(["--as".to_owned(), who(role).to_owned()]);
            home.run(all)
        };
        if !cells[3].is_empty() {
            let ran = run(cells[3]);
            assert!(matches!(ran.code, Some(4 | 5)), "not enough: {ran:?}");
        }
        let ran = run(cells[2]);
        // 1: there are findings, or the flow is off for another reason.
        assert!(matches!(ran.code, Some(0 | 1)), "enough: {ran:?}");
        count += 1;
    }
    assert!(count >= 25, "{count}");
}
