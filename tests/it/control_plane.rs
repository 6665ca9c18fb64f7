//! The control plane at every address that clients know: environments, connectors, connections with
//! their shares.
use connref_tests::home::Connection;
use connref_tests::http::Answer;
use connref_tests::served::Served;
use connref_tests::{Home, http};
use serde_json::{Value, json};

const APPS: &str = "/providers/Microsoft.PowerApps";
const FLOWS: &str = "/providers/Microsoft.ProcessSimple";
const VERSION: &str = "api-version=2016-11-01";

struct World {
    served: Served,
    home: Home,
    /// Id of the environment `dev`.
    environment: String,
    connections: Vec<String>,
}

impl World {
    fn new() -> Self {
        let home = Home::with_env("dev", &[]);
        let connection = |name| {
            home.connection(&Connection {
                env: "dev",
                connector: "shared_office365",
                name,
                endpoint: Some("mail.harbour.test:587"),
                secrets: &[("password", "plane-buoy-4471")],
                ..Connection::default()
            })
        };
        let mut connections = vec![connection("A"), connection("B"), connection("C")];
        connections.sort();
        home.ok(["user", "add", "maker@harbour.test", "--role", "maker", "--env", "dev"]);
        home.ok(["user", "add", "guest@harbour.test", "--role", "basic", "--env", "dev"]);
        let served = Served::start(&home);
        let listed = served.ask(
            "dev",
            "GET",
            &format!("/providers/Microsoft.BusinessAppPlatform/environments?{VERSION}"),
            None,
        );
        let environment = listed.json()["value"][0]["name"].as_str().expect("an id").to_owned();
        Self { served, home, environment, connections }
    }

    /// Asks at a host of one's own choice, as somebody.
    fn ask_at(
        &self,
        host: &str,
        caller: Option<&str>,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Answer {
        let bearer = format!("Bearer {}", self.served.token);
        let mut headers = vec![("authorization", bearer.as_str())];
        if let Some(caller) = caller {
            headers.push(("mscrmcallerid", caller));
        }
        http::send(self.served.port, host, method, path, &headers, body)
    }

    #[track_caller]
    fn get(&self, path: &str) -> Value {
        let answer = self.ask_at("api.powerapps.com", None, "GET", path, None);
        assert_eq!(answer.status, 200, "{path}: {}", String::from_utf8_lossy(&answer.body));
        answer.json()
    }
}

fn names(list: &Value) -> Vec<&str> {
    let rows = list["value"].as_array().unwrap_or_else(|| panic!("no list: {list:#}"));
    rows.iter().map(|row| row["name"].as_str().expect("a name")).collect()
}

#[test]
fn connections_answer_at_every_address() {
    let world = World::new();
    let (id, env) = (&world.connections[0], &world.environment);
    let api = "shared_office365";
    let (head, tail) = env.split_at(env.len() - 2);
    let own = format!("{}.{tail}.environment.api.powerplatform.com", head.replace('-', ""));
    let filter = format!("$filter=environment eq '{env}'");
    let lists = [
        ("api.powerapps.com", format!("{APPS}/connections?api-version=2020-06-01&{filter}")),
        ("api.powerapps.com", format!("{APPS}/apis/{api}/connections?{VERSION}&{filter}")),
        (
            "api.powerapps.com",
            format!("{APPS}/scopes/admin/environments/{env}/connections?{VERSION}"),
        ),
        (
            "api.powerapps.com",
            format!("{APPS}/scopes/admin/environments/{env}/apis/{api}/connections?{VERSION}"),
        ),
        (
            "api.powerplatform.com",
            format!("/connectivity/environments/{env}/connections?api-version=1"),
        ),
        (own.as_str(), "/connectivity/connections?api-version=1".to_owned()),
        ("dev.localhost", "/connectivity/connections?api-version=made-up".to_owned()),
    ];
    for (host, path) in &lists {
        let answer = world.ask_at(host, None, "GET", path, None);
        assert_eq!(answer.status, 200, "{host}{path}");
        assert_eq!(names(&answer.json()), world.connections, "{host}{path}");
    }
    let none = world.get(&format!("{APPS}/apis/shared_sql/connections?{VERSION}&{filter}"));
    assert_eq!(names(&none), Vec::<&str>::new());

    let rows = [
        ("api.powerapps.com", format!("{APPS}/apis/{api}/connections/{id}?{filter}")),
        (
            "api.powerapps.com",
            format!("{APPS}/scopes/admin/environments/{env}/apis/{api}/connections/{id}?{VERSION}"),
        ),
        (
            "api.powerplatform.com",
            format!(
                "/connectivity/environments/{env}/connectors/{api}/connections/{id}?api-version=1"
            ),
        ),
        (
            own.as_str(),
            format!("/connectivity/connectors/{api}/connections/{id}?api-version=1&{filter}"),
        ),
    ];
    for (host, path) in &rows {
        let answer = world.ask_at(host, None, "GET", path, None);
        assert_eq!(answer.status, 200, "{host}{path}");
        let one = answer.json();
        assert_eq!(one["name"], id.as_str());
        assert_eq!(one["type"], "Microsoft.PowerApps/apis/connections");
    }
    for host in ["api.powerapps.com", own.as_str()] {
        let gone = world.ask_at(
            host,
            None,
            "GET",
            &format!("{APPS}/apis/{api}/connections/ffffffffffffffffffffffffffffffff?{filter}"),
            None,
        );
        assert_eq!(gone.status, 404);
        assert_eq!(gone.json()["error"]["code"], "ConnectionNotFound");
    }
}

#[test]
fn errors_have_the_shape_of_these_services() {
    let world = World::new();
    let code = |answer: &Answer| {
        let error = &answer.json()["error"];
        assert!(error["message"].as_str().is_some_and(|text| !text.is_empty()), "{error}");
        (answer.status, error["code"].as_str().unwrap_or_default().to_owned())
    };
    let ask = |method: &str, path: &str| {
        code(&world.ask_at("api.powerapps.com", None, method, path, None))
    };
    assert_eq!(
        ask("GET", "/providers/Microsoft.PowerApps/nothing"),
        (404, "ResourceNotFound".to_owned())
    );
    assert_eq!(ask("DELETE", "/connectivity/connections"), (405, "MethodNotAllowed".to_owned()));
    let nowhere = format!("{APPS}/connections?$filter=environment%20eq%20'nowhere'");
    assert_eq!(ask("GET", &nowhere), (404, "EnvironmentNotFound".to_owned()));
    let odd = world.ask_at(
        "dev.localhost",
        None,
        "PUT",
        "/connectivity/connectors/shared_sql/connections/x",
        Some(&json!("text")),
    );
    assert!((400..500).contains(&odd.status), "{}", odd.status);
    code(&odd);
}

#[test]
fn a_list_goes_on_at_its_next_link() {
    let world = World::new();
    let mut path = format!("{APPS}/connections?{VERSION}&$filter=environment%20eq%20'dev'&$top=2");
    let mut seen = Vec::new();
    for _ in 0..3 {
        let page = world.get(&path);
        let found = names(&page);
        assert!(found.len() <= 2);
        seen.extend(found.into_iter().map(str::to_owned));
        let Some(next) = page["nextLink"].as_str() else { break };
        let rest = next.strip_prefix("http://api.powerapps.com").expect("the same host");
        rest.clone_into(&mut path);
    }
    assert_eq!(seen, world.connections);
}

/// As terraform puts, reads, shares and deletes.
#[test]
fn a_connection_is_put_shared_and_deleted() {
    let world = World::new();
    let at = "/connectivity/connectors/shared_sql/connections/0123456789abcdef0123456789abcdef";
    let query = "?api-version=1&$filter=environment%20eq%20'dev'";
    let put = |name: &str| {
        let body = json!({"properties": {
            "displayName": name,
            "environment": {"id": "/providers/Microsoft.PowerApps/environments/dev", "name": "dev"},
            "connectionParameters": {"server": "db.harbour.test", "username": "u", "password": "plane-secret-1"},
        }});
        world.ask_at("dev.localhost", None, "PUT", &format!("{at}{query}"), Some(&body))
    };
    let made = put("Ledger");
    assert_eq!(made.status, 201, "{}", String::from_utf8_lossy(&made.body));
    assert!(!String::from_utf8_lossy(&made.body).contains("plane-secret-1"));
    assert_eq!(put("Ledger 2").status, 200);
    let body = json!({"put": [{"properties": {
        "roleName": "CanViewWithShare", "capabilities": [], "NotifyShareTargetOption": "Notify",
        "principal": {"id": "maker@harbour.test", "type": "User", "tenantId": null}}}], "delete": []});
    let shared = world.ask_at(
        "dev.localhost",
        None,
        "POST",
        &format!("{at}/modifyPermissions{query}"),
        Some(&body),
    );
    assert_eq!(shared.status, 200);
    let permissions = world
        .ask_at("dev.localhost", None, "GET", &format!("{at}/permissions{query}"), None)
        .json();
    let roles: Vec<_> = permissions["value"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|p| &p["properties"]["roleName"])
        .collect();
    assert_eq!(roles, ["Owner", "CanViewWithShare"]);
    let taken = json!({"delete": [{"id": permissions["value"][1]["id"]}]});
    let admin = format!(
        "{APPS}/scopes/admin/environments/dev/apis/shared_sql/connections/0123456789abcdef0123456789abcdef"
    );
    let changed = world.ask_at(
        "api.powerapps.com",
        None,
        "POST",
        &format!("{admin}/modifyPermissions?api-version=2017-06-01"),
        Some(&taken),
    );
    assert_eq!(changed.status, 200);
    assert_eq!(
        world.get(&format!("{admin}/permissions?{VERSION}"))["value"].as_array().map(Vec::len),
        Some(1)
    );
    let gone =
        world.ask_at("api.powerapps.com", None, "DELETE", &format!("{admin}?{VERSION}"), None);
    assert_eq!(gone.status, 200);
    assert_eq!(
        world.ask_at("dev.localhost", None, "GET", &format!("{at}{query}"), None).status,
        404
    );
}

#[test]
fn everybody_sees_what_is_theirs_and_no_more() {
    let world = World::new();
    world.home.env_create("other", &[]);
    let env = &world.environment;
    let as_maker = |path: &str| {
        world.ask_at("api.powerapps.com", Some("maker@harbour.test"), "GET", path, None)
    };
    let list = format!("{APPS}/connections?$filter=environment%20eq%20'dev'");
    assert_eq!(names(&as_maker(&list).json()), Vec::<&str>::new());
    let mine = as_maker(&format!(
        "/connectivity/environments/{env}/connectors/shared_office365/connections/{}",
        world.connections[0]
    ));
    let missing = as_maker(&format!(
        "/connectivity/environments/{env}/connectors/shared_office365/connections/{}",
        "0".repeat(32)
    ));
    assert_eq!((mine.status, missing.status), (404, 404));
    for path in ["connections", "apis", "apis/shared_office365/connections"] {
        let refused = as_maker(&format!("{APPS}/scopes/admin/environments/{env}/{path}"));
        assert_eq!(refused.status, 403, "{path}");
        assert_eq!(refused.json()["error"]["code"], "Forbidden");
    }
    let refused = as_maker(&format!("{FLOWS}/scopes/admin/environments/{env}/v2/flows"));
    assert_eq!(refused.status, 403);

    // A member's list of environments is its own; one it is not in looks like one that is not there.
    let token = world.home.json(["env", "list"]);
    assert_eq!(token.as_array().map(Vec::len), Some(2), "{token}");
}

#[test]
fn environments_tell_where_their_web_api_is() {
    let world = World::new();
    let env = &world.environment;
    for base in [
        "/providers/Microsoft.BusinessAppPlatform",
        "/providers/Microsoft.BusinessAppPlatform/scopes/admin",
        FLOWS,
        "/providers/Microsoft.ProcessSimple/scopes/admin",
        APPS,
        "/providers/Microsoft.PowerApps/scopes/admin",
    ] {
        let host = format!("api.bap.microsoft.com:{}", world.served.port);
        let path = format!("{base}/environments/{env}?api-version=2023-06-01");
        let answer = world.ask_at(&host, None, "GET", &path, None);
        assert_eq!(answer.status, 200, "{base}");
        let one = answer.json();
        let linked = &one["properties"]["linkedEnvironmentMetadata"];
        let url = linked["instanceApiUrl"].as_str().expect("an address");
        assert_eq!(linked["instanceUrl"], format!("{url}/"));
        let api = url.strip_prefix("http://").expect("http here");
        let me = world.ask_at(api, None, "GET", "/api/data/v9.2/WhoAmI", None);
        assert_eq!(me.status, 200, "{url}");
        assert_eq!(me.json()["OrganizationId"], linked["resourceId"]);
        let list = world.get(&format!("{base}/environments?{VERSION}"));
        assert_eq!(names(&list), [env.as_str()], "{base}");
    }
}

/// As the vendor's command for connectors validates, creates, reads and updates.
#[test]
fn connectors_as_their_command_sends_them() {
    let world = World::new();
    let definition = json!({
        "swagger": "2.0", "info": {"title": "Tide table", "description": "Tides", "version": "1.0"},
        "host": "tides.harbour.test", "basePath": "/", "schemes": ["https"],
        "paths": {"/now": {"get": {"operationId": "Now", "responses": {"200": {"description": "ok"}}}}},
    });
    let ask = |method: &str, path: &str, body: Option<&Value>| {
        world.ask_at("api.powerapps.com", None, method, &format!("{APPS}/{path}"), body)
    };
    let person = "objectIds/00000000-0000-0000-0000-000000000001";
    let good = ask("POST", &format!("{person}/validateApiSwagger?{VERSION}"), Some(&definition));
    assert_eq!((good.status, good.body.len()), (200, 0));
    let bad = ask(
        "POST",
        &format!("{person}/validateApiSwagger?{VERSION}"),
        Some(&json!({"swagger": "9"})),
    );
    assert_eq!(bad.status, 400);
    let error = &bad.json()["error"];
    assert_eq!(error["code"], "SwaggerCertificationFailedWithErrors");
    assert!(error["message"].as_str().is_some_and(|m| m.contains(": ")), "{error}");
    let place = json!({"environment": {"name": "dev"}});
    let storage = ask("POST", &format!("{person}/generateResourceStorage?{VERSION}"), Some(&place));
    assert!(storage.json()["sharedAccessSignature"].is_string());
    let filter = "api-version=2016-11-01&%24filter=environment%20eq%20%27dev%27";
    let body = json!({"properties": {
        "connectionParameters": {"api_key": {"type": "securestring", "uiDefinition": {}}},
        "iconBrandColor": "#007ee5", "capabilities": [], "policyTemplateInstances": [],
        "openApiDefinition": definition, "backendService": {"serviceUrl": "https://tides.harbour.test/"},
        "environment": {"name": "dev"}, "displayName": "Tide table", "description": "Tides",
        "scriptDefinitionUrl": "",
    }});
    let made = ask("POST", &format!("apis?{filter}"), Some(&body));
    assert_eq!(made.status, 201, "{}", String::from_utf8_lossy(&made.body));
    let name = made.json()["name"].as_str().expect("a name").to_owned();
    let mut changed = body;
    changed["properties"]["iconBrandColor"] = json!("#112233");
    assert_eq!(ask("PATCH", &format!("apis/{name}?{filter}"), Some(&changed)).status, 200);
    let read = ask("GET", &format!("apis/{name}?{filter}"), None).json();
    assert_eq!(read["properties"]["iconBrandColor"], "#112233");
    assert_eq!(read["properties"]["swagger"]["host"], "tides.harbour.test");
    for path in [
        "/connectivity/environments/dev/connectors",
        "/providers/Microsoft.PowerApps/scopes/admin/environments/dev/apis",
    ] {
        assert!(names(&world.get(path)).contains(&name.as_str()), "{path}");
    }
    assert_eq!(ask("DELETE", &format!("apis/{name}?{filter}"), None).status, 200);
    assert_eq!(ask("GET", &format!("apis/{name}?{filter}"), None).status, 404);
}
