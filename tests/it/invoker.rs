//! Flows that act through whoever runs them: the caller's own token arrives, or nothing does.
use connref_tests::Home;
use connref_tests::home::Connection;
use connref_tests::package::fixture;
use connref_tests::samples::samples;
use connref_tests::stand_in::sharepoint::{self, DRIVE, GROUP, VIEW};
use connref_tests::stand_in::{Request, StandIn};
use serde_json::{Value, json};

const PEOPLE: [&str; 2] = ["ursula@harbour.test", "viktor@harbour.test"];
const API: &str = "shared_sharepointonline";

struct World {
    home: Home,
    site: StandIn,
}

impl World {
    /// One environment, two people who may run the flow, and a connection of the operator that the
    /// reference is bound to and that no run may use.
    fn new(package: &str, reference: &str, flow: &str) -> Self {
        let site = sharepoint::start();
        let home = Home::with_env("dev", &[site.allow()]);
        for person in PEOPLE {
            home.ok(["user", "add", person, "--role", "basic"]);
        }
        home.ok(["solution", "import", "--path", package]);
        let world = Self { home, site };
        let bound = world.connection("operator", None);
        world.home.ok(["ref", "bind", reference, "--connection", &bound]);
        world.home.ok(["flow", "on", flow]);
        for person in PEOPLE {
            world.home.ok(["flow", "share", flow, "--with", person]);
        }
        world
    }

    fn connection(&self, whose: &str, owner: Option<&str>) -> String {
        let token = format!("token-of-{whose}");
        self.site.token(&token, whose);
        self.home.connection(&Connection {
            env: "dev",
            connector: API,
            name: &format!("SharePoint of {whose}"),
            endpoint: Some(&self.site.url()),
            kind: Some("user"),
            owner,
            secrets: &[("token", &token)],
            ..Connection::default()
        })
    }

    /// Runs as a person who has a connection, and answers what arrived, all of it by that person.
    fn run(&self, flow: &str, person: &str, body: &Value) -> (Value, Vec<Request>) {
        let run =
            self.home.json(["flow", "run", flow, "--as", person, "--body", &body.to_string()]);
        assert_eq!(run["status"], "Succeeded", "{run:#}");
        let arrived = self.site.take();
        for request in &arrived {
            assert_eq!(request.identity.as_deref(), Some(person), "{request:?}");
        }
        (run, arrived)
    }

    /// Runs as a person without a connection: the reason is told and nothing arrives.
    fn run_refused(&self, flow: &str, person: &str, body: &Value) {
        let ran =
            self.home.run_json(["flow", "run", flow, "--as", person, "--body", &body.to_string()]);
        assert_ne!(ran.code, Some(0), "{ran:?}");
        let told = format!("{}{}", ran.stdout, ran.stderr);
        for part in [person, API, "no connection of its own"] {
            assert!(told.contains(part), "`{part}` is not in {told}");
        }
        assert!(self.site.take().is_empty());
    }

    /// U with an own connection, V without one, then V with one.
    fn everybody(&self, flow: &str, body: &Value, check: impl Fn(&Value, &[Request])) {
        let [u, v] = PEOPLE;
        self.connection(u, Some(u));
        assert!(self.site.take().is_empty(), "making a connection calls nobody");
        let (run, arrived) = self.run(flow, u, body);
        check(&run, &arrived);
        self.run_refused(flow, v, body);
        self.connection(v, Some(v));
        let (run, arrived) = self.run(flow, v, body);
        check(&run, &arrived);
    }
}

/// Method, path and query of a request, decoded.
fn line(request: &Request) -> String {
    let pairs: Vec<String> =
        request.pairs().into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    let mark = if pairs.is_empty() { "" } else { "?" };
    format!("{} {}{mark}{}", request.method, request.plain_path(), pairs.join("&"))
}

fn header<'a>(request: &'a Request, name: &str) -> &'a str {
    request.header(name).unwrap_or_default()
}

#[test]
fn the_own_package_acts_as_its_caller() {
    let path = fixture("harbour_sites").display().to_string();
    let world = World::new(&path, "hbr_Site", "Find log");
    let list = "d7911fcb-ef7f-494b-9f6f-952ef741b443";
    world.everybody("Find log", &json!({"text": list}), |run, arrived| {
        assert_eq!(arrived.len(), 1);
        let wanted = format!("GET /sites/harbour/_api/lists/GetById('{list}')/?$select=Id,Title");
        assert_eq!(line(&arrived[0]), wanted);
        assert_eq!(header(&arrived[0], "accept"), "application/json;odata=nometadata");
        assert!(run["response"].to_string().contains("Harbour Log"), "{run:#}");
    });
    parent_refused(&world.home, "Report log", "Find log");
}

/// A parent of a flow that acts through its caller cannot be turned on.
fn parent_refused(home: &Home, parent: &str, child: &str) {
    let ran = home.run(["flow", "on", parent]).expect(4);
    assert!(ran.stderr.contains("child workflows only support embedded connections"), "{ran:?}");
    assert!(ran.stderr.contains(child), "{ran:?}");
    let why = home.run_json(["flow", "why", parent]).expect(1).json();
    let codes: Vec<_> =
        why["refusals"].as_array().into_iter().flatten().map(|r| &r["code"]).collect();
    assert!(
        codes.iter().any(|code| *code == "ChildFlowUnsupportedForInvokerConnections"),
        "{why:#}"
    );
}

#[test]
fn hide_folders_acts_as_its_caller() {
    let Some(folder) = samples("invoker") else { return };
    let path = folder.join("zip/pnp-automate/sharepoint-hide-folders-in-library-view.zip");
    let flow = "096175f7-d8bc-ed11-83fe-00224807864e";
    let world = World::new(&path.display().to_string(), "exp_sharedsharepointonline_e5efa", flow);
    world.everybody(flow, &json!({}), |_, arrived| {
        let lines: Vec<String> = arrived.iter().map(line).collect();
        let views = "/sites/PowerUsers/_api/web/lists/getbytitle('Documents')/Views";
        assert_eq!(
            lines,
            [
                format!("GET {views}?$filter=Title eq 'View with Folders'&$select=Id"),
                format!("POST {views}/getById('{VIEW}')"),
            ]
        );
        assert_eq!(header(&arrived[0], "accept"), "application/json;odata=nometadata");
        let update = &arrived[1];
        assert_eq!(header(update, "accept"), "application/json;odata=verbose");
        assert_eq!(header(update, "content-type"), "application/json;odata=verbose");
        assert_eq!(header(update, "if-match"), "*");
        assert_eq!(header(update, "x-http-method"), "PATCH");
        let body: Value = serde_json::from_str(&update.body).expect("the body is JSON");
        assert_eq!(body, json!({"__metadata": {"type": "SP.View"}, "Scope": 1}));
    });
}

#[test]
fn group_automation_acts_as_its_caller() {
    let Some(folder) = samples("invoker") else { return };
    let path = folder.join("zip/pnp-automate/Knowhere365SharePointGroupAutomation.zip");
    let flow = "2578e499-0be1-ec11-bb3c-000d3a233a82";
    let world = World::new(&path.display().to_string(), "knw365_SPgroupAutomation", flow);
    world.everybody(flow, &json!({}), |_, arrived| {
        let lines: Vec<String> = arrived.iter().map(line).collect();
        let web = "/sites/KickStartTeam/_api/Web";
        assert_eq!(
            lines,
            [
                format!("POST {web}/SiteGroups"),
                format!("POST {web}/EnsureUser"),
                format!("POST {web}/SiteGroups/GetById({GROUP})/Users"),
            ]
        );
        let bodies: Vec<Value> = arrived
            .iter()
            .map(|request| serde_json::from_str(&request.body).expect("the body is JSON"))
            .collect();
        let member = "i:0#.f|membership|MsFlow@knowhere365.space";
        assert_eq!(bodies[0]["Title"], "Group 01");
        assert_eq!(bodies[0]["__metadata"]["type"], "SP.Group");
        assert_eq!(bodies[1], json!({"logonName": member}));
        assert_eq!(bodies[2], json!({"__metadata": {"type": "SP.User"}, "LoginName": member}));
        for request in arrived {
            assert_eq!(header(request, "content-type"), "application/json;odata=verbose");
        }
    });
}

#[test]
fn list_info_runs_and_its_parent_is_refused() {
    let Some(folder) = samples("invoker") else { return };
    let path = folder.join("zip/kkazala/ParseListDataSourceInfo_1_0_0_0.zip");
    let flow = "031abda2-427b-ef11-ac20-002248617a98";
    let world = World::new(&path.display().to_string(), "kk_SharePointOnline", flow);
    let site = "https://harbour.sharepoint.com/sites/harbour";
    let list = "d7911fcb-ef7f-494b-9f6f-952ef741b443";
    world.everybody(flow, &json!({"text": site, "text_1": list}), |run, arrived| {
        let lines: Vec<String> = arrived.iter().map(line).collect();
        assert_eq!(
            lines,
            [
                format!(
                    "GET /sites/harbour/_api/lists/GetById('{list}')/?$expand=RootFolder\
                     &$select=Id,Title,ParentWebUrl,RootFolder/Name,RootFolder/ServerRelativeUrl"
                ),
                "GET /sites/harbour/_api/v2.0/drives?$select=id,name".to_owned(),
            ]
        );
        let answer = &run["response"]["body"];
        assert_eq!(answer["list_id"], list, "{run:#}");
        assert_eq!(answer["drive_id"], DRIVE);
        assert_eq!(answer["name"], "HarbourLog");
        assert_eq!(answer["title"], "Harbour Log");
        assert_eq!(answer["absolute_url"], format!("{site}/HarbourLog"));
    });
    parent_refused(
        &world.home,
        "60d9a8dc-3d8e-ef11-8a69-002248db43e4",
        "Get Data Source List Info",
    );
}
