//! Secret variables: read from their stores at the moment of use, by whoever may, and shown nowhere.
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use connref_tests::home::Connection;
use connref_tests::served::Served;
use connref_tests::spy::{Canary, absent};
use connref_tests::stand_in::secret_store::{self, CLIENT, TOKEN_PATH};
use connref_tests::stand_in::{Reply, StandIn};
use connref_tests::{Home, database, http};
use serde_json::{Value, json};

const VAULT_ID: &str = "/subscriptions/0f6e2c8e-1111-4222-8333-444455556666/resourceGroups/rg-apps/providers/Microsoft.KeyVault/vaults/harbour-kv";
const FROM_PROCESS: &str = "kelp-from-process-7301";
const FROM_FILE: &str = "kelp \"from\" file/7302";
const FROM_VAULT: &str = "kelp-from-vault-7303";
const FROM_KEY_VAULT: &str = "kelp-from-key-vault-7304";
const VAULT_TOKEN: &str = "hvs.harbour-token-7305";
const CLIENT_SECRET: &str = "harbour~client~secret-7306";

/// A home whose environment may read from four stores.
struct Stores {
    home: Home,
    vault: StandIn,
    _key_vault: StandIn,
}

fn stores(more: &[String]) -> Stores {
    let vault = secret_store::vault(VAULT_TOKEN, &json!({"key": FROM_VAULT, "port": 25}));
    let key_vault = secret_store::key_vault(
        CLIENT_SECRET,
        &[
            ("mail-key", FROM_KEY_VAULT, Value::Null),
            ("elsewhere", "never-read-1", json!({"AllowedEnvironments": "some, other"})),
            ("disabled", "never-read-2", Value::Null),
            ("empty", "", Value::Null),
        ],
    );
    let home = Home::new();
    home.set("HARBOUR_KEY", FROM_PROCESS);
    home.set("HARBOUR_OTHER", "not-allowed-7307");
    home.set("CONNREF_VAULT_ADDR", &vault.url());
    let token = home.file("vault-token", format!("{VAULT_TOKEN}\n"));
    home.set("CONNREF_VAULT_TOKEN_FILE", &token);
    home.set("CONNREF_KEYVAULT_TENANT", "harbour-tenant");
    home.set("CONNREF_KEYVAULT_CLIENT_ID", CLIENT);
    home.set("CONNREF_KEYVAULT_CLIENT_SECRET", CLIENT_SECRET);
    home.set("CONNREF_KEYVAULT_TOKEN_URL", &format!("{}{TOKEN_PATH}", key_vault.url()));
    home.set("CONNREF_KEYVAULT_ADDRESS", &key_vault.url());
    let keys = home.path().join("keys");
    std::fs::create_dir(&keys).expect("a folder can be made");
    std::fs::write(keys.join("mail"), format!("{FROM_FILE}\n")).expect("a file can be written");
    std::os::unix::fs::symlink(home.key(), keys.join("link")).expect("a link can be made");
    let mut allowed = vec![
        vault.allow(),
        key_vault.allow(),
        "secret:env://HARBOUR_KEY".to_owned(),
        "secret:vault://kv/apps".to_owned(),
        format!("secret:{VAULT_ID}"),
        format!("secret:file:{}", keys.display()),
    ];
    allowed.extend_from_slice(more);
    home.env_create("dev", &allowed);
    Stores { home, vault, _key_vault: key_vault }
}

fn secret(home: &Home, name: &str, reference: &str) {
    home.ok(["variable", "create", name, "--type", "secret"]);
    home.ok(["variable", "set", name, reference]);
}

/// What the Web API answers for a variable's secret.
fn read(served: &Served, env: &str, name: &str) -> Result<String, (u16, String)> {
    let path = "/api/data/v9.2/RetrieveEnvironmentVariableSecretValue";
    let answer = served.ask(env, "POST", path, Some(&json!({"EnvironmentVariableName": name})));
    let body = answer.json();
    if answer.status == 200 {
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let value = body["EnvironmentVariableSecretValue"].as_str().expect("a text");
        return Ok(value.to_owned());
    }
    Err((answer.status, body["error"]["message"].as_str().unwrap_or_default().to_owned()))
}

#[test]
fn each_store_gives_its_secret_and_only_what_is_allowed() {
    let all = stores(&[]);
    let (home, vault) = (&all.home, &all.vault);
    let file = |name: &str| format!("file://{}/{name}", home.path().join("keys").display());
    let good = [
        ("hbr_Process", "env://HARBOUR_KEY".to_owned(), FROM_PROCESS),
        ("hbr_File", file("mail"), FROM_FILE),
        ("hbr_Vault", "vault://kv/apps/mail#key".to_owned(), FROM_VAULT),
        ("hbr_KeyVault", format!("{VAULT_ID}/secrets/mail-key"), FROM_KEY_VAULT),
    ];
    let bad = [
        ("hbr_Other", "env://HARBOUR_OTHER".to_owned(), 403, "may not read"),
        ("hbr_Link", file("link"), 404, "no secret at"),
        ("hbr_NoFile", file("nothing"), 404, "no secret at"),
        ("hbr_Outside", "file:///etc/hostname".to_owned(), 403, "may not read"),
        ("hbr_NoField", "vault://kv/apps/mail#nothing".to_owned(), 404, "no secret at"),
        ("hbr_Number", "vault://kv/apps/mail#port".to_owned(), 400, "is no text"),
        ("hbr_NoPath", "vault://kv/apps/nothing#key".to_owned(), 404, "no secret at"),
        ("hbr_Busy", "vault://kv/apps/busy#key".to_owned(), 502, "status 503"),
        ("hbr_Mount", "vault://other/apps/mail#key".to_owned(), 403, "may not read"),
        ("hbr_NoSecret", format!("{VAULT_ID}/secrets/nothing"), 404, "no secret at"),
        ("hbr_Disabled", format!("{VAULT_ID}/secrets/disabled"), 403, "User is not authorized"),
        ("hbr_Elsewhere", format!("{VAULT_ID}/secrets/elsewhere"), 403, "User is not authorized"),
        ("hbr_Empty", format!("{VAULT_ID}/secrets/empty"), 400, "it is empty"),
    ];
    for (name, reference, _) in &good {
        secret(home, name, reference);
    }
    for (name, reference, ..) in &bad {
        secret(home, name, reference);
    }
    home.ok(["variable", "create", "hbr_Plain", "--default", "x"]);
    home.ok(["variable", "create", "hbr_NoValue", "--type", "secret"]);
    home.ok(["variable", "test", "hbr_Vault"]);
    let ran = home.run(["variable", "test", "hbr_Other"]);
    assert!(ran.code == Some(4) && ran.stderr.contains("secret:env://HARBOUR_OTHER"), "{ran:?}");
    let served = Served::start(home);
    for (name, _, wanted) in good {
        assert_eq!(read(&served, "dev", name).as_deref(), Ok(wanted), "{name}");
    }
    for (name, _, status, words) in bad {
        let (found, message) = read(&served, "dev", name).expect_err(name);
        assert!(found == status && message.contains(words), "{name}: {found} {message}");
    }
    for (name, status, words) in [
        ("hbr_Plain", 400, "is no secret"),
        ("hbr_NoValue", 400, "has no value"),
        ("hbr_Nobody", 404, "does not exist"),
    ] {
        let (found, message) = read(&served, "dev", name).expect_err(name);
        assert!(found == status && message.contains(words), "{name}: {found} {message}");
    }
    drop(served);
    let log = home.json(["audit", "log"]).to_string();
    assert!(log.contains("variable_secret_read") && log.contains("variable_secret_refused"));
    // A file with the token is read at each use: whoever renews it restarts nothing.
    std::fs::write(home.path().join("vault-token"), "stale").expect("a file can be written");
    let ran = home.run(["variable", "test", "hbr_Vault"]);
    assert!(ran.stderr.contains("User is not authorized"), "{ran:?}");
    assert!(vault.requests().iter().all(|r| r.method == "GET"));
    nowhere(home);
}

#[test]
fn in_the_vendors_fidelity_flows_only_read_secrets() {
    let home = Home::new();
    let entry = "secret:/subscriptions/0f6e2c8e-1111-4222-8333-444455556666";
    home.ok(["env", "create", "prod", "--fidelity", "dataverse", "--allow", entry]);
    secret(&home, "hbr_Key", &format!("{VAULT_ID}/secrets/mail-key"));
    let served = Served::start(&home);
    let (status, message) = read(&served, "prod", "hbr_Key").expect_err("it is refused");
    assert!(status == 403 && message.contains("flows only"), "{status} {message}");
}

#[test]
fn places_of_secrets_are_checked_when_they_are_allowed() {
    let home = Home::with_env("dev", &["secret:env://HARBOUR_KEY".to_owned()]);
    home.ok(["env", "allow", "dev", "secret:vault://kv"]);
    for bad in ["secret:", "secret:vault://", "secret:anything"] {
        let ran = home.run(["env", "allow", "dev", bad]);
        assert_ne!(ran.code, Some(0), "{ran:?}");
    }
}

fn action(variable: &str) -> Value {
    json!({
        "type": "OpenApiConnection", "runAfter": {},
        "inputs": {
            "host": {"connectionName": "shared_commondataserviceforapps",
                "operationId": "PerformUnboundAction",
                "apiId": "/providers/Microsoft.PowerApps/apis/shared_commondataserviceforapps"},
            "parameters": {"actionName": "RetrieveEnvironmentVariableSecretValue",
                "item/EnvironmentVariableName": variable},
            "authentication": "@parameters('$authentication')",
        },
    })
}

/// Reads a secret without securing anything, then hands it about; a target echoes what it got.
fn flow(target: &StandIn) -> Value {
    let read = "@{outputs('Read')?['body/EnvironmentVariableSecretValue']}";
    let call = |path: &str, after: &str| {
        json!({"type": "Http", "runAfter": {after: ["Succeeded"]}, "inputs": {
            "method": "POST", "uri": format!("{}/{path}", target.url()),
            "headers": {"x-harbour": read}, "body": {"key": read}}})
    };
    json!({
        "parameters": {"$connections": {"defaultValue": {}, "type": "Object"},
            "$authentication": {"defaultValue": {}, "type": "SecureObject"}},
        "triggers": {"manual": {"type": "Request", "kind": "Button", "inputs": {"schema": {}}}},
        "actions": {
            "Read": action("hbr_Key"),
            "Copy": {"type": "Compose", "runAfter": {"Read": ["Succeeded"]}, "inputs": read},
            "Slow": call("slow", "Copy"),
            "Echo": call("echo", "Slow"),
            "Wrong": {"type": "Compose", "runAfter": {"Echo": ["Succeeded"]},
                "inputs": "@int(outputs('Copy'))"},
            "Last": call("last", "Echo"),
        },
    })
}

fn with_flow(home: &Home, definition: &Value) {
    let connection = home.connection(&Connection {
        env: "dev",
        connector: "shared_commondataserviceforapps",
        name: "This environment",
        ..Connection::default()
    });
    home.ok([
        "ref",
        "create",
        "hbr_Here",
        "--connector",
        "shared_commondataserviceforapps",
        "--connection",
        &connection,
    ]);
    let file = home.file("flow.json", definition.to_string());
    home.ok([
        "flow",
        "create",
        "Carrier",
        "--definition",
        &file,
        "--reference",
        "shared_commondataserviceforapps=hbr_Here",
    ]);
    home.ok(["flow", "on", "Carrier"]);
}

fn target(hold: &Arc<AtomicBool>) -> StandIn {
    let hold = Arc::clone(hold);
    StandIn::start_open(move |request, _| {
        if request.path == "/slow" && hold.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_secs(2));
        }
        // The echo in three dresses.
        let text = request.header("x-harbour").unwrap_or_default().to_owned();
        let encoded = {
            use base64::Engine as _;
            base64::engine::general_purpose::STANDARD.encode(format!("user:{text}"))
        };
        Reply::ok(json!({"got": text, "basic": encoded, "line": format!("key={text};")}))
    })
}

/// The planted secrets in nothing that was said and nothing that is kept.
fn nowhere(home: &Home) {
    let planted = [FROM_PROCESS, FROM_FILE, FROM_VAULT, FROM_KEY_VAULT, VAULT_TOKEN, CLIENT_SECRET];
    let planted = planted.map(Canary::new);
    for ran in home.heard() {
        absent(&planted, &format!("stdout of `{}`", ran.line), ran.stdout.as_bytes());
        absent(&planted, &format!("stderr of `{}`", ran.line), ran.stderr.as_bytes());
    }
    for (name, bytes) in database::raw(&home.database()) {
        absent(&planted, &name, &bytes);
    }
}

#[test]
fn a_flow_reads_a_secret_and_its_history_shows_none() {
    let hold = Arc::new(AtomicBool::new(false));
    let target = target(&hold);
    let all = stores(&[target.allow()]);
    let home = &all.home;
    secret(home, "hbr_Key", "vault://kv/apps/mail#key");
    with_flow(home, &flow(&target));
    home.run(["flow", "run", "Carrier"]);
    let requests = target.requests();
    assert_eq!(requests.len(), 3, "the flow went on with what it read");
    assert!(requests.iter().all(|r| r.header("x-harbour") == Some(FROM_VAULT)));
    let runs = home.json(["run", "list"]);
    let run = home.json(["run", "show", runs[0]["id"].as_str().expect("a run has an id")]);
    let text = run.to_string();
    assert!(text.contains("Copy") && text.contains("Wrong"), "{run:#}");
    nowhere(home);
    // Whoever owns the connection reads the variable: without the right to, there is nothing.
    home.ok(["variable", "set", "hbr_Key", "env://HARBOUR_OTHER"]);
    let ran = home.run(["flow", "run", "Carrier"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let runs = home.json(["run", "list"]);
    let run = home.json(["run", "show", runs[0]["id"].as_str().expect("a run has an id")]);
    assert!(run.to_string().contains("may not read the secret"), "{run:#}");
}

#[test]
fn a_run_that_read_a_secret_goes_on_after_its_node_died() {
    let hold = Arc::new(AtomicBool::new(true));
    let target = target(&hold);
    let all = stores(&[target.allow()]);
    let home = &all.home;
    secret(home, "hbr_Key", "env://HARBOUR_KEY");
    with_flow(home, &flow(&target));
    let flows = home.json(["flow", "list"]);
    let id = flows[0]["id"].as_str().expect("a flow has an id");
    let base = format!("/providers/Microsoft.ProcessSimple/environments/dev/flows/{id}");
    let served = Served::start(home);
    let path = format!("{base}/triggers/manual/run");
    let started = served.ask("dev", "POST", &path, Some(&json!({})));
    assert_eq!(started.status, 202);
    let run = started.json()["name"].as_str().expect("a run has a name").to_owned();
    let begun = Instant::now();
    while target.requests().is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(60), "the slow call did not come");
        std::thread::sleep(Duration::from_millis(50));
    }
    drop(served);
    hold.store(false, Ordering::SeqCst);
    // The secret is durable, because a call depends on it; it lies there sealed.
    nowhere(home);
    let db = database::open(&home.database());
    let sealed = "SELECT COUNT(*) FROM connection_secret WHERE field LIKE 'event/%'";
    assert_eq!(db.query_row(sealed, [], |row| row.get(0)), Ok(1_i64));
    assert_eq!(db.execute("UPDATE run SET leaseuntil = 0 WHERE status = 'Running'", []), Ok(1));
    drop(db);
    // The key changes meanwhile: what the run hides goes along.
    home.ok(["key", "rotate"]);
    // Gone from its store meanwhile: what was read before is what the run goes on with.
    home.set("HARBOUR_KEY", "another-one-7399");
    let served = Served::start(home);
    let begun = Instant::now();
    let ended = loop {
        let bearer = format!("Bearer {}", served.token);
        let headers = [("authorization", bearer.as_str())];
        let path = format!("{base}/runs/{run}");
        let answer = http::send(served.port, &served.host("dev"), "GET", &path, &headers, None);
        let run = answer.json();
        if run["properties"]["status"] != "Running" {
            break run;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{run:#}");
        std::thread::sleep(Duration::from_millis(50));
    };
    drop(served);
    let keys: Vec<_> =
        target.requests().iter().map(|r| r.header("x-harbour").map(str::to_owned)).collect();
    assert_eq!(keys, vec![Some(FROM_PROCESS.to_owned()); 4], "{ended:#}");
    absent(&[Canary::new(FROM_PROCESS)], "the run's history", ended.to_string().as_bytes());
    let db = database::open(&home.database());
    assert_eq!(db.query_row(sealed, [], |row| row.get(0)), Ok(0_i64), "kept no longer than needed");
    drop(db);
    nowhere(home);
}

#[test]
fn a_connection_takes_its_values_from_variables_at_each_use() {
    let target = StandIn::start(|request| {
        let who = request.identity.clone().unwrap_or_default();
        Reply::ok(json!({"UserId": who, "OrganizationId": "o", "BusinessUnitId": "b"}))
    });
    target.token(FROM_PROCESS, "9c9c9c9c-0000-4000-8000-000000000001");
    target.token(FROM_VAULT, "9c9c9c9c-0000-4000-8000-000000000002");
    let all = stores(&[target.allow()]);
    let home = &all.home;
    secret(home, "hbr_Token", "env://HARBOUR_KEY");
    home.ok([
        "variable",
        "create",
        "hbr_Site",
        "--type",
        "data-source",
        "--default",
        &target.url(),
    ]);
    let connection = home.connection(&Connection {
        env: "dev",
        connector: "shared_commondataserviceforapps",
        name: "By variables",
        parameters: &[("url", "@environmentVariables('hbr_site')")],
        secrets: &[("token", "@environmentVariables(\"hbr_Token\")")],
        ..Connection::default()
    });
    home.ok(["connection", "test", &connection]);
    // Another value, another identity: no connection was touched.
    home.ok(["variable", "set", "hbr_Token", "vault://kv/apps/mail#key"]);
    home.ok(["connection", "test", &connection]);
    let tokens: Vec<_> =
        target.requests().iter().filter_map(|r| r.bearer().map(str::to_owned)).collect();
    assert_eq!(tokens, [FROM_PROCESS, FROM_VAULT]);
    home.ok(["variable", "set", "hbr_Site", "not-an-address"]);
    let ran = home.run(["connection", "test", &connection]);
    assert_ne!(ran.code, Some(0));
    home.ok(["variable", "delete", "hbr_Site"]);
    let ran = home.run(["connection", "test", &connection]);
    assert!(ran.stderr.contains("hbr_site") && ran.code != Some(0), "{ran:?}");
    nowhere(home);
}
