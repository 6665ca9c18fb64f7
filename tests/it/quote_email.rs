//! A flow acts under the identities its references are bound to in each environment, as the target
//! systems themselves saw it.
use std::time::{SystemTime, UNIX_EPOCH};

use connref_tests::Home;
use connref_tests::home::{Connection, OPERATOR};
use connref_tests::package::fixture;
use connref_tests::samples::samples;
use connref_tests::stand_in::dataverse::{self, TOKEN_PATH};
use connref_tests::stand_in::smtp::{Mail, Smtp};
use connref_tests::stand_in::{Request, StandIn};
use serde_json::{Value, json};

/// An environment with who acts in it.
struct Place {
    env: &'static str,
    application: &'static str,
    secret: &'static str,
    mailbox: &'static str,
    password: &'static str,
}

const PLACES: [Place; 2] = [
    Place {
        env: "dev",
        application: "11111111-aaaa-4000-8000-000000000001",
        secret: "dev-lantern-6631",
        mailbox: "mail-dev@harbour.test",
        password: "dev-anchor-1180",
    },
    Place {
        env: "prod",
        application: "22222222-bbbb-4000-8000-000000000002",
        secret: "prod-lantern-9024",
        mailbox: "mail-prod@harbour.test",
        password: "prod-anchor-4417",
    },
];

/// A package with what it is bound by.
struct Package<'a> {
    path: &'a str,
    flow: &'a str,
    dataverse: &'a str,
    outlook: &'a str,
}

struct World {
    home: Home,
    quotes: StandIn,
    mail: Smtp,
}

impl World {
    fn new() -> Self {
        let applications = PLACES.each_ref().map(|place| (place.application, place.secret));
        let accounts = PLACES.each_ref().map(|place| (place.mailbox, place.password));
        let quotes = dataverse::start(&applications, quotes());
        let mail = Smtp::start(&accounts);
        let home = Home::new();
        for place in &PLACES {
            home.env_create(place.env, &[quotes.allow(), mail.address()]);
        }
        Self { home, quotes, mail }
    }

    /// Binds the package in an environment, turns its flow on, runs it, and answers what arrived.
    fn run(&self, place: &Place, package: &Package<'_>) -> (Vec<Request>, Mail) {
        let (home, env) = (&self.home, place.env);
        let principal = format!("svc-quotes-{env}");
        home.ok([
            "user",
            "add",
            &principal,
            "--service-principal",
            "--application-id",
            place.application,
            "--role",
            "maker",
            "--env",
            env,
        ]);
        let token_url = format!("{}{TOKEN_PATH}", self.quotes.url());
        let ledger = home.connection(&Connection {
            env,
            connector: "shared_commondataserviceforapps",
            name: "Quotes",
            endpoint: Some(&self.quotes.url()),
            kind: Some("service-principal"),
            owner: Some(&principal),
            parameters: &[("clientId", place.application), ("tokenUrl", &token_url)],
            secrets: &[("clientSecret", place.secret)],
            ..Connection::default()
        });
        // Its owner lets the one who imports bind it.
        home.ok([
            "connection",
            "share",
            &ledger,
            "--with",
            OPERATOR,
            "--env",
            env,
            "--as",
            &principal,
        ]);
        let mailbox = home.connection(&Connection {
            env,
            connector: "shared_office365",
            name: "Mailbox",
            endpoint: Some(&self.mail.address()),
            parameters: &[("username", place.mailbox), ("tls", "none")],
            secrets: &[("password", place.password)],
            ..Connection::default()
        });
        let settings = settings(package, &ledger, &mailbox);
        let settings = home.file(&format!("settings-{env}.json"), settings.to_string());
        let import = [
            "solution",
            "import",
            "--path",
            package.path,
            "--settings-file",
            &settings,
            "--activate-flows",
            "--env",
            env,
        ];
        let report = home.json(import);
        assert_eq!(report["flows"][0]["state"], "on", "{report:#}");
        let run = home.json(["flow", "run", package.flow, "--env", env]);
        assert_eq!(run["status"], "Succeeded", "{run:#}");
        let mut mails = self.mail.take();
        assert_eq!(mails.len(), 1, "{mails:?}");
        (self.quotes.take(), mails.remove(0))
    }
}

fn settings(package: &Package<'_>, ledger: &str, mailbox: &str) -> Value {
    let connector = |name: &str| format!("/providers/Microsoft.PowerApps/apis/{name}");
    json!({"EnvironmentVariables": [], "ConnectionReferences": [
        {"LogicalName": package.dataverse, "ConnectionId": ledger,
         "ConnectorId": connector("shared_commondataserviceforapps")},
        {"LogicalName": package.outlook, "ConnectionId": mailbox,
         "ConnectorId": connector("shared_office365")},
    ]})
}

fn quotes() -> Vec<Value> {
    vec![
        json!({
            "quoteid": "0c0ffee0-0000-4000-8000-00000000000a", "quotenumber": "QUO-01001",
            "name": "Two tugs & a pilot", "statecode": 0, "effectiveto": "2031-03-04T12:00:00Z",
            "owninguser": {"fullname": "Ines Quay"},
        }),
        json!({
            "quoteid": "0c0ffee0-0000-4000-8000-00000000000b", "quotenumber": "QUO-01002",
            "name": "Winter berth", "statecode": 1, "effectiveto": "2031-03-05T12:00:00Z",
            "owninguser": {"fullname": "Tom Lighter"},
        }),
    ]
}

/// The token request and the one request after it, both by the place's application.
fn only_query<'a>(place: &Place, arrived: &'a [Request]) -> &'a Request {
    let (grants, rest): (Vec<_>, Vec<_>) =
        arrived.iter().partition(|request| request.path == TOKEN_PATH);
    assert_eq!(grants.len(), 1, "{grants:?}");
    assert_eq!(rest.len(), 1, "{rest:?}");
    let query = rest[0];
    assert_eq!(query.identity.as_deref(), Some(place.application));
    assert_eq!((query.method.as_str(), query.path.as_str()), ("GET", "/api/data/v9.2/quotes"));
    query
}

#[test]
fn the_own_package_acts_as_bound_in_each_environment() {
    let world = World::new();
    let path = fixture("harbour_notices").display().to_string();
    let package = Package {
        path: &path,
        flow: "Notice of arrivals",
        dataverse: "hbr_Ledger",
        outlook: "hbr_Mail",
    };
    for place in &PLACES {
        let (arrived, mail) = world.run(place, &package);
        let query = only_query(place, &arrived);
        assert_eq!(query.parameter("$filter").as_deref(), Some("statecode eq 0"));
        assert_eq!(query.parameter("$orderby").as_deref(), Some("effectiveto asc"));
        assert_eq!(mail.user.as_deref(), Some(place.mailbox));
        assert_eq!(mail.to, ["pilot@harbour.test"]);
        assert_eq!(mail.header("subject").as_deref(), Some("Arrivals: 2 offers"));
        assert!(mail.body().contains("QUO-01002"), "{}", mail.body());
    }
}

#[test]
fn the_real_quote_package_acts_as_bound_in_each_environment() {
    let Some(folder) = samples("quote_email") else { return };
    let world = World::new();
    let path = folder.join("zip/pnp-automate/scheduledquoteemail.zip").display().to_string();
    let package = Package {
        path: &path,
        flow: "Scheduled quote email",
        dataverse: "new_sharedcommondataserviceforapps_22e73",
        outlook: "rac_sharedoffice365_e4ae1",
    };
    for place in &PLACES {
        let before = today();
        let (arrived, mail) = world.run(place, &package);
        let query = only_query(place, &arrived);
        // The flow's own clock may have passed midnight in between.
        let wanted = [before, today()].map(|day| {
            format!("effectiveto le '{}' and effectiveto ge '{}'", date(day + 8), date(day))
        });
        let filter = query.parameter("$filter").unwrap_or_default();
        assert!(wanted.contains(&filter), "{filter} instead of {wanted:?}");
        assert_eq!(query.parameter("$orderby").as_deref(), Some("effectiveto desc"));
        assert_eq!(query.parameter("$expand").as_deref(), Some("owninguser"));
        assert_eq!(query.pairs().len(), 3, "{}", query.query);
        quote_mail_check(place, &mail);
    }
}

/// Subject, addresses and table as the definition describes them.
fn quote_mail_check(place: &Place, mail: &Mail) {
    assert_eq!(mail.user.as_deref(), Some(place.mailbox));
    assert_eq!(mail.from, "salescommunications@RSMD365REC.onmicrosoft.com");
    assert_eq!(mail.to, ["salesreports@RSMD365REC.onmicrosoft.com"]);
    assert_eq!(mail.header("subject").as_deref(), Some("Quotes that need follow-up"));
    let body = mail.body().replace("\r\n", "\n");
    let parts = [
        "<p>Hello!<br>\n<br>\nPlease see below for quotes that need follow up this week.",
        "th {background-color:silver;}",
        "<th>Quote ID</th><th>Quote</th><th>Owner</th><th>Status</th><th>Effective To</th>",
        "QUO-01001",
        "Ines Quay",
        "<td>Open</td><td>03/04/2031</td>",
        "<td>Won</td><td>03/05/2031</td>",
        "&amp;id=0c0ffee0-0000-4000-8000-00000000000b\">Record Link</a>",
    ];
    for part in parts {
        assert!(body.contains(part), "`{part}` is not in the mail:\n{body}");
    }
}

/// Days since 1970-01-01, UTC.
fn today() -> u64 {
    let passed = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
    passed.as_secs() / 86_400
}

/// A day as `yyyy-MM-dd`, counted up year by year.
fn date(mut days: u64) -> String {
    let leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    let mut year = 1970;
    while days >= 365 + u64::from(leap(year)) {
        days -= 365 + u64::from(leap(year));
        year += 1;
    }
    let february = 28 + u64::from(leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    format!("{year:04}-{month:02}-{:02}", days + 1)
}

#[test]
fn days_become_dates() {
    for (day, text) in
        [(0, "1970-01-01"), (59, "1970-03-01"), (789, "1972-02-29"), (20_000, "2024-10-04")]
    {
        assert_eq!(date(day), text);
    }
}
