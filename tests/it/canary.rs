//! 64 planted secrets are on no surface of the program: not in what commands say, with a log of
//! everything, not in what the API answers, not in files, exports, histories, logs, the database, its
//! free pages, its write-ahead log or a backup of it. `surfaces.txt` lists every command and route.
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use connref_tests::home::Connection;
use connref_tests::package::{fixture, unzip};
use connref_tests::served::Served;
use connref_tests::spy::{Canary, Search};
use connref_tests::stand_in::dataverse::{self, TOKEN_PATH};
use connref_tests::stand_in::secret_store::{self, CLIENT};
use connref_tests::stand_in::smtp::Smtp;
use connref_tests::stand_in::{Reply, StandIn};
use connref_tests::{Home, database};
use serde_json::{Value, json};

const PLANTED: usize = 64;
const APPLICATION: &str = "33333333-cccc-4000-8000-000000000003";
const WEB: &str = "/api/data/v9.2";
const VAULT_ID: &str = "/subscriptions/0f6e2c8e-1111-4222-8333-444455556666/resourceGroups/rg-apps/providers/Microsoft.KeyVault/vaults/harbour-kv";

// ---- the list of surfaces

#[derive(Debug)]
struct Surface {
    kind: String,
    name: String,
    /// What to run or send.
    lines: Vec<String>,
    /// Why nothing is.
    why: Option<String>,
}

fn surfaces() -> Vec<Surface> {
    let mut all: Vec<Surface> = Vec::new();
    for line in include_str!("surfaces.txt").lines().filter(|l| !l.starts_with('#')) {
        if let Some(inner) = line.strip_prefix("    ") {
            let last = all.last_mut().expect("a surface stands above what visits it");
            match inner.strip_prefix("- ") {
                Some(why) => last.why = Some(why.to_owned()),
                None => last.lines.push(inner.to_owned()),
            }
        } else if let Some((kind, name)) = line.split_once(' ') {
            let (kind, name) = (kind.to_owned(), name.to_owned());
            all.push(Surface { kind, name, lines: Vec::new(), why: None });
        }
    }
    all
}

fn listed(kind: &str) -> BTreeSet<String> {
    surfaces().into_iter().filter(|s| s.kind == kind).map(|s| s.name).collect()
}

/// The commands as the program's own help tells them.
fn commands(home: &Home) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut open = vec![Vec::<String>::new()];
    while let Some(path) = open.pop() {
        let mut line = path.clone();
        line.push("--help".to_owned());
        let help = home.ok(line).stdout;
        let list = help.split("\nCommands:\n").nth(1).map(|rest| rest.split("\n\n").next());
        let Some(list) = list.flatten() else {
            found.insert(path.join(" "));
            continue;
        };
        let names = list.lines().filter_map(|line| {
            let name = line.strip_prefix("  ")?.split(' ').next()?;
            (!name.is_empty() && name != "help").then(|| name.to_owned())
        });
        open.extend(names.map(|name| {
            let mut path = path.clone();
            path.push(name);
            path
        }));
    }
    found
}

/// The routes as the one page that holds them spells them: `GET /path`.
fn routes() -> BTreeSet<String> {
    let source = include_str!("../../crates/server/src/router.rs");
    let shared: BTreeMap<&str, &str> = source
        .split("let ")
        .skip(1)
        .filter_map(|rest| rest.split_once(';')?.0.split_once(" = "))
        .collect();
    let mut found = BTreeSet::new();
    for rest in source.split(".route(").skip(1) {
        let path = rest.split('"').nth(1).expect("a route has a path");
        let text = call(rest);
        let whole = shared.iter().fold(text.clone(), |all, (name, value)| {
            if text.contains(name) { format!("{all} {value}") } else { all }
        });
        let methods = ["get", "post", "put", "patch", "delete", "any"].into_iter().filter(|word| {
            let call = format!("{word}(");
            whole.match_indices(&call).any(|(at, _)| {
                !whole[..at].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':')
            })
        });
        let before = found.len();
        found.extend(methods.map(|method| format!("{} {path}", method.to_uppercase())));
        assert!(found.len() > before, "no method in the route `{path}`");
    }
    found
}

/// The text up to the parenthesis that closes a call, paths left out.
fn call(rest: &str) -> String {
    let (mut depth, mut quoted, mut text) = (1_i32, false, String::new());
    for letter in rest.chars() {
        match letter {
            '"' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            break;
        }
        if !quoted {
            text.push(letter);
        }
    }
    text
}

/// Functions and actions, and the tables with their navigations, as `$metadata` tells them.
fn model(served: &Served) -> (BTreeSet<String>, BTreeMap<String, Vec<String>>) {
    let answer = served.ask("dev", "GET", &format!("{WEB}/$metadata"), None);
    let text = String::from_utf8(answer.body).expect("the model is UTF-8");
    let named = |line: &str| line.split("Name=\"").nth(1)?.split('"').next().map(str::to_owned);
    let verbs = text
        .lines()
        .map(str::trim)
        .filter(|line| line.starts_with("<Function ") || line.starts_with("<Action "))
        .filter_map(named)
        .collect();
    let mut tables: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut set = String::new();
    for line in text.lines().map(str::trim) {
        if line.starts_with("<EntitySet ") {
            set = named(line).expect("a set has a name");
            tables.entry(set.clone()).or_default();
        } else if let Some(rest) = line.strip_prefix("<NavigationPropertyBinding Path=\"") {
            let path = rest.split('"').next().unwrap_or_default().to_owned();
            tables.entry(set.clone()).or_default().push(path);
        }
    }
    (verbs, tables)
}

#[track_caller]
fn same(what: &str, program: &BTreeSet<String>, listed: &BTreeSet<String>) {
    let missing: Vec<_> = program.difference(listed).collect();
    let gone: Vec<_> = listed.difference(program).collect();
    assert!(
        missing.is_empty() && gone.is_empty(),
        "tests/it/surfaces.txt: {what} missing {missing:#?}, gone {gone:#?}"
    );
}

#[test]
fn every_command_and_every_route_is_listed() {
    let home = Home::with_env("dev", &[]);
    let program = commands(&home);
    assert!(program.len() > 50, "{program:?}");
    same("commands", &program, &listed("command"));
    let program = routes();
    assert!(program.len() > 20, "{program:?}");
    same("routes", &program, &listed("route"));
    let served = Served::start(&home);
    let (verbs, tables) = model(&served);
    assert!(verbs.len() > 10 && tables.len() > 10);
    same("functions and actions", &verbs, &listed("verb"));
}

// ---- what is planted

/// Texts that no program makes by itself.
#[derive(Default)]
struct Plants(Vec<String>);

impl Plants {
    fn keep(&mut self, text: String) -> String {
        assert!(text.len() >= 16 && !self.0.contains(&text), "a planted text is long and new");
        self.0.push(text.clone());
        text
    }

    /// Fit for a header.
    fn token(&mut self) -> String {
        let number = self.0.len() as u64 + 1;
        self.keep(format!("plant-{number:02}-{:016x}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
    }

    /// With letters that every format writes differently.
    fn text(&mut self) -> String {
        let number = self.0.len() as u64 + 1;
        let hex = format!("{:016x}", number.wrapping_mul(0xc2b2_ae3d_27d4_eb4f));
        self.keep(format!("plänt \"{number:02}\"\\{hex}&/%"))
    }

    fn search(&self) -> Search {
        Search::new(&self.0.iter().map(|text| Canary::new(text)).collect::<Vec<_>>())
    }
}

/// The searcher is proven on a decoy in which everything is planted, encoded by other code than its own.
#[test]
fn the_search_finds_64_of_64() {
    let mut plants = Plants::default();
    while plants.0.len() < PLANTED {
        if plants.0.len() % 2 == 0 {
            plants.text()
        } else {
            plants.token()
        };
    }
    let search = plants.search();
    let mut decoy = Vec::new();
    for (number, text) in plants.0.iter().enumerate() {
        let utf16 = |swap: bool| -> Vec<u8> {
            let units = text.encode_utf16();
            units.flat_map(|u| if swap { u.to_be_bytes() } else { u.to_le_bytes() }).collect()
        };
        let around = |lead: &str| format!("{lead}{text}after");
        let hex: String = text.bytes().map(|b| format!("{b:02X}")).collect();
        let percent: String = text.bytes().map(|b| format!("%{b:02x}")).collect();
        let form: String = url::form_urlencoded::byte_serialize(text.as_bytes())
            .collect::<String>()
            .replace('+', "%20");
        let forms: [Vec<u8>; 13] = [
            text.clone().into_bytes(),
            STANDARD.encode(around("")).into_bytes(),
            STANDARD.encode(around("a")).into_bytes(),
            STANDARD.encode(around("ab")).into_bytes(),
            URL_SAFE.encode(around("")).into_bytes(),
            URL_SAFE.encode(around("a")).into_bytes(),
            URL_SAFE.encode(around("ab")).into_bytes(),
            hex.into_bytes(),
            percent.into_bytes(),
            form.into_bytes(),
            json!({ "x": text }).to_string().into_bytes(),
            utf16(false),
            utf16(true),
        ];
        for (at, form) in forms.iter().enumerate() {
            let found: Vec<_> = search.all(form).into_iter().map(|(text, _)| text).collect();
            assert_eq!(found, [number], "form {at}");
        }
        decoy.extend(format!("{{\"row\": {number}, \"value\": \"").into_bytes());
        decoy.extend(&forms[number % forms.len()]);
        decoy.extend(b"\"}\n");
    }
    assert_eq!(search.all(&decoy).len(), PLANTED, "the decoy holds all of them");
    assert!(search.all(b"nothing planted in here, not even plant-01 alone").is_empty());
}

// ---- the world they are planted in

/// An installation full of secrets, and the systems it reaches.
struct World {
    home: Home,
    plants: Plants,
    fill: BTreeMap<&'static str, String>,
    _targets: Vec<StandIn>,
    _mail: Smtp,
}

/// Sends back what it got, headers and all; below `/fail` with an error that repeats it.
fn echo() -> StandIn {
    StandIn::start_open(|request, _| {
        let headers: BTreeMap<_, _> = request.headers.iter().cloned().collect();
        let body = json!({"headers": headers, "query": request.query, "body": request.body});
        if request.path.starts_with("/fail") {
            return Reply::error(401, "BadKey", &format!("not accepted: {body}"));
        }
        Reply::ok(body)
    })
}

fn swagger() -> String {
    json!({
        "swagger": "2.0", "info": {"title": "Echo", "version": "1.0"},
        "host": "echo.harbour.test", "basePath": "/", "schemes": ["https"],
        "securityDefinitions": {"key": {"type": "apiKey", "in": "header", "name": "X-Harbour-Key"}},
        "security": [{"key": []}],
        "paths": {
            "/echo": {"get": {"operationId": "Echo", "summary": "Echo",
                "responses": {"200": {"description": "what came"}}}},
            "/fail": {"get": {"operationId": "Fail", "summary": "Fail",
                "responses": {"200": {"description": "never"}}}},
        },
    })
    .to_string()
}

fn properties() -> String {
    json!({"properties": {"connectionParameters": {"api_key": {"type": "securestring",
        "uiDefinition": {"displayName": "Key", "constraints": {"required": "true"}}}},
        "iconBrandColor": "#000000", "capabilities": [], "policyTemplateInstances": []}})
    .to_string()
}

impl World {
    fn new() -> Self {
        let mut plants = Plants::default();
        let (client_secret, mail_password) = (plants.text(), plants.text());
        plants.keep(format!("access-token-of-{APPLICATION}"));
        let (vault_token, vault_client) = (plants.token(), plants.token());
        plants.keep("key-vault-access-token".to_owned());
        let from_vault: Vec<String> = (0..3).map(|_| plants.text()).collect();
        let from_key_vault: Vec<String> = (0..3).map(|_| plants.token()).collect();
        let quotes =
            dataverse::start(&[(APPLICATION, &client_secret)], vec![json!({"quotenumber": "Q1"})]);
        let mail = Smtp::start(&[("pilot@harbour.test", &mail_password)]);
        let fields = json!({"a": from_vault[0], "b": from_vault[1], "c": from_vault[2]});
        let vault = secret_store::vault(&vault_token, &fields);
        let key_vault = secret_store::key_vault(
            &vault_client,
            &[
                ("k0", &from_key_vault[0], Value::Null),
                ("k1", &from_key_vault[1], Value::Null),
                ("k2", &from_key_vault[2], Value::Null),
            ],
        );
        let echo = echo();
        let home = Home::new();
        home.set("CONNREF_VAULT_ADDR", &vault.url());
        home.set("CONNREF_VAULT_TOKEN", &vault_token);
        home.set("CONNREF_KEYVAULT_TENANT", "harbour-tenant");
        home.set("CONNREF_KEYVAULT_CLIENT_ID", CLIENT);
        home.set("CONNREF_KEYVAULT_CLIENT_SECRET", &vault_client);
        home.set(
            "CONNREF_KEYVAULT_TOKEN_URL",
            &format!("{}{}", key_vault.url(), secret_store::TOKEN_PATH),
        );
        home.set("CONNREF_KEYVAULT_ADDRESS", &key_vault.url());
        let allowed = [
            quotes.allow(),
            mail.address(),
            vault.allow(),
            key_vault.allow(),
            echo.allow(),
            "secret:vault://kv".to_owned(),
            format!("secret:{VAULT_ID}"),
            "secret:env://HARBOUR_KEY_0 secret:env://HARBOUR_KEY_1".to_owned(),
            format!("secret:file:{}", home.path().join("planted").display()),
        ];
        home.env_create("dev", &allowed);
        home.env_create("extra", &[]);
        home.set("CONNREF_ENV", "dev");
        let mut world = Self {
            home,
            plants,
            fill: BTreeMap::new(),
            _targets: vec![vault, key_vault],
            _mail: mail,
        };
        world.people_and_files();
        world.connections(&quotes, &echo, &client_secret, &mail_password);
        world.variables();
        world.flows(&echo);
        world._targets.extend([quotes, echo]);
        world
    }

    fn put(&mut self, name: &'static str, value: impl Into<String>) {
        self.fill.insert(name, value.into());
    }

    fn people_and_files(&mut self) {
        let home = &self.home;
        for name in ["crew@harbour.test", "gone@harbour.test"] {
            home.ok(["user", "add", name, "--role", "maker"]);
        }
        let planted = home.path().join("planted");
        let folder = home.path().display().to_string();
        fs::create_dir(&planted).expect("a folder can be made");
        let package = fixture("harbour_notices").display().to_string();
        home.ok(["solution", "import", "--path", &package]);
        home.ok(["solution", "export", "HarbourNotices", "--path", "exported.zip"]);
        let zip = home.path().join("exported.zip").display().to_string();
        let definition = home.file("echo.swagger.json", swagger());
        let parameters = home.file("echo.properties.json", properties());
        let line = ["connector", "create", "--api-definition", &definition];
        let made = home.json([&line[..], &["--api-properties", &parameters]].concat());
        let api = made["name"].as_str().or(made["id"].as_str()).expect("it has a name").to_owned();
        let policy = json!({"displayName": "Main", "defaultConnectorsClassification": "General",
            "environmentType": "OnlyEnvironments", "environments": [{"name": "extra"}],
            "connectorGroups": [{"classification": "Blocked", "connectors": [
                {"id": "/providers/Microsoft.PowerApps/apis/shared_teams"}]}]});
        let policy = home.file("policy.json", policy.to_string());
        self.put("policy", policy);
        self.put("group", "nobody");
        self.put("member", "crew@harbour.test");
        self.put("home", folder);
        self.put("zip", zip);
        self.put("definition", definition);
        self.put("api", api);
    }

    /// A connection of the custom connector with a key of its own.
    fn keyed(&mut self, name: &str, endpoint: &str) -> String {
        let key = self.plants.token();
        let api = self.fill["api"].clone();
        self.home.connection(&Connection {
            env: "dev",
            connector: &api,
            name,
            endpoint: Some(endpoint),
            kind: Some("shared-key"),
            secrets: &[("api_key", &key)],
            ..Connection::default()
        })
    }

    fn connections(&mut self, quotes: &StandIn, echo: &StandIn, client: &str, mail: &str) {
        let token_url = format!("{}{TOKEN_PATH}", quotes.url());
        let (dataverse, mail_at) = (quotes.url(), self._mail.address());
        let wrong = self.plants.text();
        let ledger = |home: &Home, name: &str, secret: &str| {
            home.connection(&Connection {
                env: "dev",
                connector: "shared_commondataserviceforapps",
                name,
                endpoint: Some(&dataverse),
                kind: Some("service-principal"),
                parameters: &[("clientId", APPLICATION), ("tokenUrl", &token_url)],
                secrets: &[("clientSecret", secret)],
                ..Connection::default()
            })
        };
        let connection = ledger(&self.home, "Ledger", client);
        let broken = ledger(&self.home, "Broken", &wrong);
        let mailbox = |home: &Home, name: &str, password: &str| {
            home.connection(&Connection {
                env: "dev",
                connector: "shared_office365",
                name,
                endpoint: Some(&mail_at),
                parameters: &[("username", "pilot@harbour.test"), ("tls", "none")],
                secrets: &[("password", password)],
                ..Connection::default()
            })
        };
        let right = mailbox(&self.home, "Mail", mail);
        let wrong = self.plants.text();
        mailbox(&self.home, "Wrong mail", &wrong);
        // One of each kind that there is, some twice; none of these reaches anything.
        for turn in 0..3 {
            for (connector, field) in [
                ("shared_sql", "password"),
                ("shared_sharepointonline", "token"),
                ("shared_commondataserviceforapps", "token"),
                ("shared_office365", "password"),
            ] {
                let secret = self.plants.text();
                self.home.connection(&Connection {
                    env: "dev",
                    connector,
                    name: &format!("{connector} {turn}"),
                    endpoint: Some("127.0.0.1:9"),
                    parameters: &[("username", "someone"), ("server", "127.0.0.1:9")],
                    secrets: &[(field, &secret)],
                    ..Connection::default()
                });
            }
        }
        let echoes = echo.url();
        for name in ["echoing", "rotated", "spare", "throwaway", "routed"] {
            let id = self.keyed(name, &echoes);
            self.fill.insert(name, id);
        }
        let id = self.fill["routed"].clone();
        self.put("id", id);
        self.put("connection", connection.clone());
        self.put("broken", broken);
        for (name, to) in [("hbr_Ledger", &connection), ("hbr_Mail", &right)] {
            self.home.ok(["ref", "bind", name, "--connection", to]);
        }
        self.home.ok(["ref", "create", "hbr_Spare", "--connector", "shared_sql"]);
        // The candidate of a rotation, which the target is asked about first.
        let candidate = self.plants.token();
        self.home.set("PLANTED", &candidate);
        // Typed where no secret belongs.
        let misplaced = self.plants.token();
        self.put("misplaced", misplaced);
    }

    fn variables(&mut self) {
        let mut places = vec![];
        for number in 0..2 {
            let secret = self.plants.token();
            self.home.set(&format!("HARBOUR_KEY_{number}"), &secret);
            places.push(format!("env://HARBOUR_KEY_{number}"));
            let secret = self.plants.text();
            let path = self.home.path().join(format!("planted/key-{number}"));
            fs::write(&path, secret).expect("a file can be written");
            places.push(format!("file://{}", path.display()));
        }
        places.extend(["a", "b", "c"].map(|field| format!("vault://kv/apps/mail#{field}")));
        places.extend(["k0", "k1", "k2"].map(|name| format!("{VAULT_ID}/secrets/{name}")));
        for (number, place) in places.iter().enumerate() {
            let name = format!("hbr_Secret{number}");
            self.home.ok(["variable", "create", &name, "--type", "secret"]);
            self.home.ok(["variable", "set", &name, place]);
            self.home.ok(["variable", "test", &name]);
        }
        self.home.ok(["variable", "create", "hbr_SecretBad", "--type", "secret"]);
        self.home.ok(["variable", "set", "hbr_SecretBad", "vault://kv/apps/nothing#x"]);
    }

    /// A flow that reads every secret, hands it about, calls through keys, and fails in between.
    fn flows(&mut self, echo: &StandIn) {
        let api = self.fill["api"].clone();
        let host = |name: &str, operation: &str| {
            json!({"connectionName": name, "operationId": operation,
                "apiId": format!("/providers/Microsoft.PowerApps/apis/{name}")})
        };
        let call = |inputs: Value, after: Value| json!({"type": "OpenApiConnection", "runAfter": after, "inputs": inputs});
        let mut actions = serde_json::Map::new();
        let mut after = json!({});
        for number in 0..10 {
            let name = format!("Read_{number}");
            let dataverse = host("shared_commondataserviceforapps", "PerformUnboundAction");
            let parameters = json!({"actionName": "RetrieveEnvironmentVariableSecretValue",
                "item/EnvironmentVariableName": format!("hbr_Secret{number}")});
            actions.insert(
                name.clone(),
                call(json!({"host": dataverse, "parameters": parameters}), after),
            );
            after = json!({name: ["Succeeded", "Failed"]});
            let read =
                format!("@{{outputs('Read_{number}')?['body/EnvironmentVariableSecretValue']}}");
            let send = json!({"type": "Http", "runAfter": after, "inputs": {
                "method": "POST", "uri": format!("{}/{}", echo.url(), if number % 2 == 0 { "echo" } else { "fail" }),
                "retryPolicy": {"type": "none"},
                "body": {"key": read, "note": "@triggerBody()"},
                "authentication": {"type": "Basic", "username": "u", "password": read}}});
            actions.insert(format!("Send_{number}"), send);
            after = json!({format!("Send_{number}"): ["Succeeded", "Failed"]});
            actions.insert(
                format!("Wrong_{number}"),
                json!({"type": "Compose", "inputs": format!("@int(outputs('Read_{number}')?['body/EnvironmentVariableSecretValue'])"), "runAfter": after}),
            );
            after = json!({format!("Wrong_{number}"): ["Succeeded", "Failed"]});
        }
        for operation in ["Echo", "Fail"] {
            let inputs = json!({"host": host(&api, operation), "parameters": {}, "retryPolicy": {"type": "none"}});
            actions.insert(operation.to_owned(), call(inputs, after));
            after = json!({operation: ["Succeeded", "Failed"]});
        }
        let definition = json!({
            "parameters": {"$connections": {"defaultValue": {}, "type": "Object"}},
            "triggers": {"manual": {"type": "Request", "kind": "Button", "inputs": {"schema": {}},
                "runtimeConfiguration": {"secureData": {"properties": ["inputs", "outputs"]}}}},
            "actions": actions,
        });
        let home = &self.home;
        let here = home.connection(&Connection {
            env: "dev",
            connector: "shared_commondataserviceforapps",
            name: "Here",
            ..Connection::default()
        });
        home.ok([
            "ref",
            "create",
            "hbr_Here",
            "--connector",
            "shared_commondataserviceforapps",
            "--connection",
            &here,
        ]);
        home.ok([
            "ref",
            "create",
            "hbr_Echo",
            "--connector",
            &api,
            "--connection",
            &self.fill["echoing"],
        ]);
        let file = home.file("flow.json", definition.to_string());
        let to_api = format!("{api}=hbr_Echo");
        let made = home.json([
            "flow",
            "create",
            "Carrier",
            "--definition",
            &file,
            "--reference",
            "shared_commondataserviceforapps=hbr_Here",
            "--reference",
            &to_api,
        ]);
        let flow = made["id"].as_str().expect("a flow has an id").to_owned();
        for name in [flow.as_str(), "Notice of arrivals"] {
            home.ok(["flow", "on", name]);
        }
        let body = self.plants.token();
        home.run(["flow", "run", &flow, "--body", &json!({ "hidden": body }).to_string()]);
        home.run(["flow", "run", "Notice of arrivals"]);
        let runs = home.json(["run", "list", "--flow", &flow]);
        let run = runs[0]["id"].as_str().expect("a run has an id").to_owned();
        let shown = home.json(["run", "show", &run]).to_string();
        assert!(shown.contains("Send_9") && shown.contains("Succeeded"), "{shown}");
        self.put("flow", flow);
        self.put("flow-file", file);
        self.put("run", run);
        self.put("trigger", "manual");
        self.put("environment", "dev");
    }

    fn filled(&self, text: &str) -> String {
        let all = self.fill.iter();
        all.fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
    }
}

// ---- the search

#[test]
fn planted_secrets_are_on_no_surface() {
    let mut world = World::new();
    let passing = world.plants.token();
    world.put("planted", passing);
    while world.plants.0.len() < PLANTED - 1 {
        let number = world.plants.0.len();
        world.keyed(&format!("Key {number}"), "http://127.0.0.1:9");
    }
    run_commands(&world);
    let log = world.home.path().join("server.log");
    let served = Served::start_logged(&world.home, &log);
    world.plants.keep(served.token.clone());
    assert_eq!(world.plants.0.len(), PLANTED);
    let search = world.plants.search();
    ask_everything(&world, &served, &search);
    // The write-ahead log as it is while the server runs.
    for (name, bytes) in database::raw(&world.home.database()) {
        search.absent(&format!("{name} of the running server"), &bytes);
    }
    drop(served);
    for ran in world.home.heard() {
        search.absent(&format!("stdout of `{}`", ran.line), ran.stdout.as_bytes());
        search.absent(&format!("stderr of `{}`", ran.line), ran.stderr.as_bytes());
    }
    let backup = world.home.path().join("backup.db");
    let db = database::open(&world.home.database());
    let free: i64 = db
        .query_row("PRAGMA freelist_count", [], |row| row.get(0))
        .expect("the database tells its free pages");
    eprintln!("canary: {free} free pages in the database");
    db.execute("VACUUM INTO ?1", [backup.display().to_string()]).expect("a backup can be made");
    drop(db);
    let files = Cell::new(0);
    files_under(world.home.path(), &mut |path, bytes| {
        files.set(files.get() + 1);
        let name = path.display().to_string();
        search.absent(&name, bytes);
        if name.ends_with(".zip") {
            for (part, content) in unzip(bytes) {
                search.absent(&format!("`{part}` of {name}"), &content);
            }
        }
    });
    eprintln!("canary: {} commands, {} files", world.home.heard().len(), files.get());
    // The control: what is kept sealed is there to be found by its name, and the planted files are seen.
    let planted = fs::read(world.home.path().join("planted/key-0")).expect("it was planted");
    assert_eq!(search.all(&planted).len(), 1);
}

/// Everything in the folder of a home but what the suite planted there itself.
fn files_under(folder: &Path, look: &mut dyn FnMut(&Path, &[u8])) {
    for entry in fs::read_dir(folder).expect("a folder can be read") {
        let path = entry.expect("a folder can be read").path();
        if path.is_dir() {
            if !path.ends_with("planted") {
                files_under(&path, look);
            }
        } else {
            look(&path, &fs::read(&path).expect("a file can be read"));
        }
    }
}

/// Every line in three formats; the first with a log of everything.
fn run_commands(world: &World) {
    let mut wrong = Vec::new();
    for surface in surfaces().into_iter().filter(|s| s.kind == "command") {
        assert!(surface.why.is_some() || !surface.lines.is_empty(), "{surface:?} is not visited");
        for line in &surface.lines {
            for (number, format) in [(1, "table"), (2, "json"), (3, "csv")] {
                let line = world.filled(line).replace("{n}", &format!("{number}"));
                let mut words: Vec<&str> = line.split(' ').collect();
                words.extend(["-o", format]);
                let mut command = world.home.command(words);
                if format == "table" {
                    command.env("CONNREF_LOG", "trace");
                }
                let ran = world.home.finish(command, None);
                if ran.stderr.contains("Usage: connref") {
                    wrong.push(format!("{}: {}", ran.line, ran.stderr));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "surfaces.txt: not understood:\n{}", wrong.join("\n"));
}

fn ask_everything(world: &World, served: &Served, search: &Search) {
    let ask = |method: &str, path: &str, body: Option<&Value>| -> Value {
        let answer = served.ask("dev", method, path, body);
        search.absent(&format!("the answer to {method} {path}"), &answer.body);
        for (name, value) in &answer.headers {
            search.absent(&format!("header {name} of {method} {path}"), value.as_bytes());
        }
        assert_ne!(answer.status, 405, "surfaces.txt: {method} {path} is no route");
        serde_json::from_slice(&answer.body).unwrap_or(Value::Null)
    };
    let (_, tables) = model(served);
    for (set, navigations) in &tables {
        let rows = ask("GET", &format!("{WEB}/{set}"), None);
        if !navigations.is_empty() {
            ask("GET", &format!("{WEB}/{set}?$expand={}", navigations.join(",")), None);
        }
        let etag = rows["value"][0]["@odata.etag"].is_string();
        assert!(etag || rows["value"].as_array().is_some(), "{set}: {rows}");
    }
    ask("GET", &format!("{WEB}/EntityDefinitions"), None);
    for surface in surfaces() {
        match surface.kind.as_str() {
            "verb" => {
                for line in &surface.lines {
                    let line = world.filled(line);
                    let path = format!("{WEB}/{}", surface.name);
                    if line.starts_with('(') {
                        ask("GET", &format!("{path}{line}"), None);
                    } else {
                        let body = serde_json::from_str(&line).expect("a body is JSON");
                        ask("POST", &path, Some(&body));
                    }
                }
            }
            "route" => {
                let (method, path) = surface.name.split_once(' ').expect("method and path");
                let method = if method == "ANY" { "GET" } else { method };
                let path =
                    world.filled(path).replace("{version}", "v9.2").replace("{*path}", "WhoAmI");
                if surface.why.is_some() {
                    continue;
                }
                let bodies: Vec<Value> = surface
                    .lines
                    .iter()
                    .map(|line| serde_json::from_str(&world.filled(line)).expect("a body is JSON"))
                    .collect();
                if bodies.is_empty() {
                    ask(method, &path, None);
                }
                for body in &bodies {
                    ask(method, &path, Some(body));
                }
            }
            _ => {}
        }
    }
}
