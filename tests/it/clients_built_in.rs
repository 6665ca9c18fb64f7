//! A client that has the vendor's hosts built in, unchanged: it finds this server at those hosts, by a
//! hosts file of its own.
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use connref_tests::Home;
use connref_tests::served::Served;
use connref_tests::stand_in::{Reply, StandIn};
use serde_json::{Value, json};

use crate::clients::{ALICE, MODULES, confirm_at, setting};

/// Hosts that the client has built in, and ours.
const HOSTS: [&str; 6] = [
    "connref.test",
    "login.microsoftonline.com",
    "api.bap.microsoft.com",
    "api.flow.microsoft.com",
    "api.powerapps.com",
    "graph.microsoft.com",
];

/// Whether a hosts file can be had for one process, and the port that has no number in addresses.
#[expect(clippy::print_stderr, reason = "says what was not run")]
fn private_hosts() -> bool {
    let unshared = Command::new("unshare").args(["-m", "true"]).stderr(Stdio::null()).status();
    let fits = unshared.is_ok_and(|status| status.success())
        && std::net::TcpListener::bind(("127.0.0.1", 443)).is_ok();
    if !fits {
        eprintln!("not run with hosts built in: it wants root, and port 443 free");
    }
    fits
}

#[test]
fn a_client_with_the_vendors_hosts_built_in_works() {
    let Some(modules) = setting(MODULES) else { return };
    if !private_hosts() {
        return;
    }
    let target = StandIn::start_open(|request, _| {
        if request.path == "/slow" {
            std::thread::sleep(Duration::from_secs(8));
        }
        Reply::ok(json!({"n": 1}))
    });
    let home = Home::with_env("dev", &[target.allow()]);
    home.ok(["user", "add", ALICE, "--role", "administrator"]);
    let package = connref_tests::package::fixture("harbour_notices").display().to_string();
    home.ok(["solution", "import", "--path", &package]);
    let mut arguments = vec!["--port", "443"];
    HOSTS.iter().for_each(|host| arguments.extend(["--host", host]));
    let served = Served::start_tls(&home, &arguments);
    let plain = Served::start(&home);
    let hosts =
        home.file("hosts", format!("127.0.0.1 localhost dev.connref.test {}\n", HOSTS.join(" ")));
    let program = Path::new(&modules).join("@pnp/cli-microsoft365/dist/index.js");
    let folder = home.path().join("m365");
    std::fs::create_dir_all(&folder).expect("a folder can be made");
    let start = |line: &str| {
        let mut command = Command::new("unshare");
        command
            .args([
                "-m",
                "sh",
                "-c",
                "mount --bind \"$HOSTS\" /etc/hosts && exec node \"$@\"",
                "sh",
            ])
            .arg(&program)
            .args(line.split(' '))
            .env("HOSTS", &hosts)
            .env("HOME", &folder)
            .env("NO_UPDATE_NOTIFIER", "1")
            .env("NODE_EXTRA_CA_CERTS", Served::trusted(&home))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command.spawn().expect("it starts")
    };
    // It waits for a host that is not there otherwise.
    let quiet = start("cli config set --key disableTelemetry --value true");
    assert!(quiet.wait_with_output().expect("it ends").status.success());
    let tenant = served.told["tenant"].as_str().expect("a tenant");
    let mut login =
        start(&format!("login --authType deviceCode --appId harbour-tool --tenant {tenant}"));
    let mut errors = BufReader::new(login.stderr.take().expect("asked for"));
    let mut line = String::new();
    while !line.contains("enter the code ") {
        line.clear();
        assert!(errors.read_line(&mut line).expect("text") > 0, "no code was told");
    }
    let code = line.split("enter the code ").nth(1).and_then(|rest| rest.split(' ').next());
    confirm_at(&home, &plain, code.expect("a code"));
    assert!(login.wait().expect("it ends").success());
    let ask = |line: &str| -> Value {
        let output = start(line).wait_with_output().expect("it ends");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{line}: {errors}");
        serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
    };
    let environments = ask("pp environment list --output json");
    assert_eq!(environments[0]["displayName"], "dev", "{environments}");
    let solutions = ask("pp solution list --environmentName dev --output json");
    assert!(solutions.to_string().contains("HarbourNotices"), "{solutions}");
    ask(
        "pp solution publisher add --environmentName dev --name pierhead --displayName Pierhead --prefix pier --choiceValuePrefix 21000",
    );
    let publishers = ask("pp solution publisher list --environmentName dev --output json");
    assert!(publishers.to_string().contains("pierhead"), "{publishers}");
    let solution = ask("pp solution get --environmentName dev --name HarbourNotices --output json");
    assert_eq!(solution["publisherid"]["friendlyname"], "Harbour Office", "{solution}");
    let tables = ask("pp dataverse table list --environmentName dev --output json");
    let sets = tables.as_array().map(|all| all.iter().any(|one| one["LogicalName"] == "team"));
    assert_eq!(sets, Some(true), "{tables}");
    let table = ask("pp dataverse table get --environmentName dev --name workflow --output json");
    assert_eq!(table["EntitySetName"], "workflows", "{table}");
    let rows = ask(
        "pp dataverse table row list --environmentName dev --tableName connectionreference --output json",
    );
    assert_eq!(rows.as_array().map(Vec::len), Some(2), "{rows}");
    // It lists custom connectors, and there are none.
    assert_eq!(ask("pa connector list --environmentName dev --output json"), json!([]));
    let failing = |line: &str| {
        let output = start(line).wait_with_output().expect("it ends");
        assert!(!output.status.success(), "{line}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    flows(&plain, &target, &ask, &failing);
}

/// Flows and runs, as the client steers them.
fn flows(
    plain: &Served,
    target: &StandIn,
    ask: &dyn Fn(&str) -> Value,
    failing: &dyn Fn(&str) -> String,
) {
    let path = "/providers/Microsoft.ProcessSimple/environments/dev/flows";
    let call = json!({"type": "Http", "inputs": {"method": "POST", "body": {},
        "uri": format!("{}/@{{triggerBody()?['path']}}", target.url())}});
    let body = json!({"properties": {"displayName": "Tides", "state": "Started", "connectionReferences": {},
        "definition": {
            "triggers": {"manual": {"type": "Request", "kind": "Button", "inputs": {"schema": {}}}},
            "actions": {"Call": call}}}});
    let made = plain.ask("dev", "POST", path, Some(&body));
    assert_eq!(made.status, 201, "{}", String::from_utf8_lossy(&made.body));
    let flow = made.json()["name"].as_str().expect("a name").to_owned();
    let run = |body: Value| {
        let path = format!("{path}/{flow}/triggers/manual/run");
        let name = plain.ask("dev", "POST", &path, Some(&body)).json()["name"].take();
        name.as_str().expect("a run has a name").to_owned()
    };
    let environments = ask("flow environment list --output json");
    assert_eq!(environments[0]["properties"]["displayName"], "dev", "{environments}");
    let flows = ask("flow list --environmentName dev --output json");
    let found = |name: &str| {
        let all = flows.as_array().into_iter().flatten();
        let mut all = all.filter(|one| one["properties"]["displayName"] == name);
        all.next().unwrap_or_else(|| panic!("{flows}"))["name"].as_str().expect("a name").to_owned()
    };
    assert_eq!(found("Tides"), flow);
    let notice = found("Notice of arrivals");
    let why = failing(&format!("flow enable --environmentName dev --name {notice}"));
    assert!(why.contains("Connection Id missing for connection reference logical name"), "{why}");
    let state = || {
        let shown = ask(&format!("flow get --environmentName dev --name {flow} --output json"));
        shown["properties"]["state"].as_str().expect("a state").to_owned()
    };
    ask(&format!("flow disable --environmentName dev --name {flow}"));
    assert_eq!(state(), "Stopped");
    ask(&format!("flow enable --environmentName dev --name {flow}"));
    assert_eq!(state(), "Started");

    let runs = |more: &str| {
        let line =
            format!("flow run list --environmentName dev --flowName {flow}{more} --output json");
        ask(&line).as_array().expect("a list").len()
    };
    let ended = |wanted: usize| {
        let begun = Instant::now();
        while runs(" --status Succeeded") < wanted {
            assert!(begun.elapsed() < Duration::from_secs(60), "the run does not end");
        }
    };
    let of = format!("--environmentName dev --flowName {flow}");
    let first = run(json!({"path": "fast"}));
    ended(1);
    let shown =
        ask(&format!("flow run get {of} --name {first} --withTrigger --withActions --output json"));
    assert_eq!(shown["status"], "Succeeded", "{shown}");
    assert_eq!(shown["triggerName"], "manual", "{shown}");
    ask(&format!("flow run resubmit {of} --name {first} --force"));
    ended(2);
    assert_eq!(runs(" --status Failed --triggerStartTime 2020-01-01T00:00:00Z"), 0);
    let slow = run(json!({"path": "slow"}));
    ask(&format!("flow run cancel {of} --name {slow} --force"));
    let shown = ask(&format!("flow run get {of} --name {slow} --output json"));
    assert_eq!(shown["status"], "Cancelled", "{shown}");
    let owners = ask(&format!("flow owner list {of} --output json"));
    assert_eq!(owners[0]["properties"]["roleName"], "Owner", "{owners}");
    ask(&format!("flow remove --environmentName dev --name {flow} --force"));
    failing(&format!("flow get --environmentName dev --name {flow}"));
}
