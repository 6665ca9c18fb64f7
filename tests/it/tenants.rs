//! Two environments with the same names in them: an id of one, asked for in the other, gives the same
//! bytes as an id that exists nowhere. The requests are generated from `$metadata`.
use std::collections::BTreeMap;

use connref_tests::home::Connection;
use connref_tests::http::{self, Answer};
use connref_tests::package::fixture;
use connref_tests::seed::Seed;
use connref_tests::served::Served;
use connref_tests::{Home, database};
use serde_json::{Value, json};

const WEB: &str = "/api/data/v9.2";
const REQUESTS: usize = 1500;

struct World {
    served: Served,
    home: Home,
}

fn world() -> World {
    let home = Home::new();
    for env in ["dev", "other"] {
        home.env_create(env, &[]);
        home.ok([
            "solution",
            "import",
            "--path",
            &fixture("harbour_notices").display().to_string(),
            "--env",
            env,
        ]);
        home.ok([
            "solution",
            "import",
            "--path",
            &fixture("harbour_sites").display().to_string(),
            "--env",
            env,
        ]);
        let connection = home.connection(&Connection {
            env,
            connector: "shared_office365",
            name: "Mailbox",
            endpoint: Some("mail.harbour.test:587"),
            secrets: &[("password", "tenants-buoy-1")],
            ..Connection::default()
        });
        home.ok(["ref", "bind", "hbr_Mail", "--connection", &connection, "--env", env]);
        home.ok(["user", "add", "maker@harbour.test", "--role", "administrator", "--env", env]);
        home.ok(["team", "create", "Crew", "--kind", "owner", "--env", env]);
        home.ok(["variable", "create", "hbr_Extra", "--type", "string", "--env", env]);
    }
    let definition = json!({
        "triggers": {"manual": {"type": "Request", "kind": "Button", "inputs": {"schema": {}}}}, "actions": {},
    });
    let file = home.file("flow.json", definition.to_string());
    for env in ["dev", "other"] {
        home.ok(["flow", "create", "Tides", "--definition", &file, "--env", env]);
    }
    let served = Served::start(&home);
    World { served, home }
}

/// A type of `$metadata`: its properties with their types, its navigations, its set.
#[derive(Default)]
struct Type {
    set: String,
    key: String,
    properties: Vec<(String, String)>,
    navigations: Vec<String>,
}

/// A function (or an action): its name, and its parameters with their types.
type Verb = (bool, String, Vec<(String, String)>);

/// Types by name, and functions and actions.
type Model = (BTreeMap<String, Type>, Vec<Verb>);

fn attribute<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    line.split(&format!(" {name}=\"")).nth(1)?.split('"').next()
}

fn model(served: &Served) -> Model {
    let answer = served.ask("dev", "GET", &format!("{WEB}/$metadata"), None);
    let text = String::from_utf8(answer.body).expect("UTF-8");
    let (mut types, mut verbs): Model = Default::default();
    let (mut current, mut verb): (Option<String>, Option<Verb>) = (None, None);
    for line in text.lines() {
        let start = line.trim_start();
        let name = attribute(line, "Name").unwrap_or_default().to_owned();
        if start.starts_with("<EntityType ") && !start.ends_with("/>") {
            current = Some(name);
        } else if start.starts_with("</EntityType>") || start.starts_with("<ComplexType ") {
            current = None;
        } else if start.starts_with("<EntitySet ") {
            let of = attribute(line, "EntityType").unwrap_or_default().trim_start_matches("mscrm.");
            types.entry(of.to_owned()).or_default().set = name;
        } else if start.starts_with("<Function ") || start.starts_with("<Action ") {
            let made = (start.starts_with("<Function"), name, Vec::new());
            if start.ends_with("/>") { verbs.push(made) } else { verb = Some(made) }
        } else if start.starts_with("<Parameter ") {
            let kind = attribute(line, "Type").unwrap_or_default().to_owned();
            if let Some((_, _, parameters)) = &mut verb {
                parameters.push((name, kind));
            }
        } else if start.starts_with("</Function>") || start.starts_with("</Action>") {
            verbs.extend(verb.take());
        }
        let Some(of) = &current else { continue };
        let found = types.entry(of.clone()).or_default();
        if start.starts_with("<PropertyRef ") {
            found.key = attribute(line, "Name").unwrap_or_default().to_owned();
        } else if start.starts_with("<Property ") {
            let name = attribute(line, "Name").unwrap_or_default().to_owned();
            found.properties.push((name, attribute(line, "Type").unwrap_or_default().to_owned()));
        } else if start.starts_with("<NavigationProperty ") {
            found.navigations.push(attribute(line, "Name").unwrap_or_default().to_owned());
        }
    }
    types.retain(|_, one| !one.set.is_empty());
    (types, verbs)
}

/// A request with a hole for an id.
#[derive(Clone, Debug)]
struct Ask {
    method: &'static str,
    path: String,
    body: Option<String>,
    /// An id of the other environment that fits the hole.
    id: String,
}

const HOLE: &str = "{ID}";

fn asks(world: &World, (types, verbs): &Model) -> Vec<Ask> {
    let mut all = Vec::new();
    for (name, one) in types {
        let ids = |env: &str| -> Vec<String> {
            let rows = world.served.ask(env, "GET", &format!("{WEB}/{}", one.set), None).json();
            let ids = rows["value"].as_array().into_iter().flatten();
            ids.filter_map(|row| Some(row[&one.key].as_str()?.to_owned())).collect()
        };
        // What came in one package has one id in both.
        let here = ids("dev");
        for id in ids("other").iter().filter(|id| !here.contains(id)).take(3) {
            all.extend(of_type(types, name, one, id));
            all.extend(verbs.iter().flat_map(|(function, verb, parameters)| {
                calls(*function, verb, parameters, name, &one.key, id)
            }));
        }
    }
    all
}

/// Reads, changes and filters of one type.
fn of_type(types: &BTreeMap<String, Type>, name: &str, one: &Type, id: &str) -> Vec<Ask> {
    let mut all = Vec::new();
    let mut ask = |method, path: String, body: Option<Value>| {
        all.push(Ask {
            method,
            path: format!("{WEB}/{path}"),
            body: body.map(|b| b.to_string()),
            id: id.to_owned(),
        });
    };
    let set = &one.set;
    ask("GET", format!("{set}({HOLE})"), None);
    ask("GET", format!("{set}({}={HOLE})", one.key), None);
    ask("DELETE", format!("{set}({HOLE})"), None);
    ask("PATCH", format!("{set}({HOLE})"), Some(json!({})));
    ask("GET", format!("{set}?$filter={} eq {HOLE}", one.key), None);
    ask("GET", format!("{set}?$count=true&$filter={} ne {HOLE}&$top=0", one.key), None);
    for (property, kind) in &one.properties {
        ask("GET", format!("{set}({HOLE})/{property}"), None);
        if kind == "Edm.String" {
            ask("PATCH", format!("{set}({HOLE})"), Some(json!({property: "x"})));
        }
        if kind == "Edm.Guid" {
            ask("GET", format!("{set}?$filter={property} eq {HOLE}"), None);
        }
    }
    for navigation in &one.navigations {
        ask("GET", format!("{set}({HOLE})/{navigation}"), None);
        ask("GET", format!("{set}({HOLE})?$expand={navigation}"), None);
        ask(
            "POST",
            format!("{set}({HOLE})/{navigation}/$ref"),
            Some(json!({"@odata.id": format!("{set}({HOLE})")})),
        );
    }
    ask(
        "GET",
        format!(
            "{set}({HOLE})/Microsoft.Dynamics.CRM.RetrievePrincipalAccess(Target=@t)?@t={{\"@odata.id\":\"workflows({HOLE})\"}}"
        ),
        None,
    );
    // Lookups in the bodies of other types that point here.
    for other in types.values() {
        if other.navigations.iter().any(|n| n == "ownerid") && matches!(name, "systemuser" | "team")
        {
            ask(
                "PATCH",
                format!("{}({HOLE})", other.set),
                Some(json!({"ownerid@odata.bind": format!("{set}({HOLE})")})),
            );
        }
    }
    all
}

/// Functions and actions: every parameter that can hold an id or a row holds it.
fn calls(
    function: bool,
    verb: &str,
    parameters: &[(String, String)],
    table: &str,
    key: &str,
    id: &str,
) -> Vec<Ask> {
    let mut given = serde_json::Map::new();
    let mut held = false;
    for (name, kind) in parameters {
        let value = match kind.as_str() {
            "Edm.Guid" => json!(HOLE),
            "mscrm.crmbaseentity" | "mscrm.solutioncomponent" => {
                json!({"@odata.type": format!("Microsoft.Dynamics.CRM.{table}"), key: HOLE})
            }
            "mscrm.PrincipalAccess" => {
                json!({"AccessMask": "ReadAccess", "Principal": {"@odata.type": "Microsoft.Dynamics.CRM.systemuser", "systemuserid": HOLE}})
            }
            "Edm.Int32" => json!(29),
            "Edm.Boolean" => json!(true),
            "mscrm.OptionSetValue" => json!({"Value": 0}),
            "Edm.String" => json!(HOLE),
            _ => continue,
        };
        held = held || value.to_string().contains(HOLE);
        given.insert(name.clone(), value);
    }
    if !held {
        return Vec::new();
    }
    let ask = |method, path: String, body: Option<Value>| Ask {
        method,
        path: format!("{WEB}/{path}"),
        body: body.map(|b| b.to_string()),
        id: id.to_owned(),
    };
    if !function {
        // Imports and exports would read the hole as a file; they have no ids.
        return vec![ask("POST", verb.to_owned(), Some(Value::Object(given)))];
    }
    let inside: Vec<String> = parameters
        .iter()
        .filter_map(|(name, kind)| {
            Some(match kind.as_str() {
                "Edm.String" => format!("{name}='{HOLE}'"),
                "mscrm.crmbaseentity" => format!("{name}=@{name}"),
                _ => format!(
                    "{name}={}",
                    given
                        .get(name)?
                        .as_str()
                        .map_or_else(|| given[name].to_string(), str::to_owned)
                ),
            })
        })
        .collect();
    let alias: Vec<String> = parameters
        .iter()
        .filter(|(_, kind)| kind == "mscrm.crmbaseentity")
        .map(|(name, _)| format!("@{name}={}", given[name]))
        .collect();
    let query = if alias.is_empty() { String::new() } else { format!("?{}", alias.join("&")) };
    vec![ask("GET", format!("{verb}({}){query}", inside.join(",")), None)]
}

/// The control plane's addresses with an id in them.
fn control(world: &World) -> Vec<Ask> {
    let list = |path: &str| {
        let rows = world.served.ask("other", "GET", path, None).json();
        let rows = rows["value"].as_array().expect("a list").clone();
        rows.iter().filter_map(|row| Some(row["name"].as_str()?.to_owned())).collect::<Vec<_>>()
    };
    let mut all = Vec::new();
    let mut ask = |method, path: String, id: &str, body: Option<&str>| {
        all.push(Ask { method, path, body: body.map(str::to_owned), id: id.to_owned() });
    };
    for id in list("/connectivity/connections") {
        for at in [
            "/connectivity/connectors/shared_office365/connections/{ID}",
            "/connectivity/environments/dev/connectors/shared_office365/connections/{ID}",
            "/providers/Microsoft.PowerApps/scopes/admin/environments/dev/apis/shared_office365/connections/{ID}",
        ] {
            ask("GET", at.to_owned(), &id, None);
            ask("DELETE", at.to_owned(), &id, None);
            ask("GET", format!("{at}/permissions"), &id, None);
            ask(
                "POST",
                format!("{at}/modifyPermissions"),
                &id,
                Some(r#"{"delete": [{"id": "{ID}"}]}"#),
            );
        }
        for verb in ["test", "rotate", "return", "enable", "disable", "signIn"] {
            ask(
                "POST",
                format!(
                    "/connectivity/connectors/shared_office365/connections/{HOLE}/connref_{verb}"
                ),
                &id,
                Some("{}"),
            );
        }
    }
    let here = list("/providers/Microsoft.ProcessSimple/environments/dev/flows");
    let flows = list("/providers/Microsoft.ProcessSimple/environments/other/flows");
    for id in flows.into_iter().filter(|id| !here.contains(id)) {
        let at = format!("/providers/Microsoft.ProcessSimple/environments/dev/flows/{HOLE}");
        for (method, rest, body) in [
            ("GET", "", None),
            ("DELETE", "", None),
            ("PATCH", "", Some(r#"{"properties": {"displayName": "x"}}"#)),
            ("POST", "/start", None),
            ("POST", "/stop", None),
            ("GET", "/permissions", None),
            ("GET", "/runs", None),
            ("GET", "/runs/{ID}", None),
            ("POST", "/runs/{ID}/cancel", None),
            ("POST", "/modifyPermissions", Some(r#"{"delete": [{"id": "{ID}"}]}"#)),
            ("POST", "/triggers/manual/run", Some("{}")),
            ("POST", "/triggers/manual/histories/{ID}/resubmit", None),
        ] {
            ask(method, format!("{at}{rest}"), &id, body);
        }
        for list in ["cloudFlows", "flowRuns", "flowActions"] {
            ask(
                "GET",
                format!("/powerautomate/environments/dev/{list}?workflowId={HOLE}"),
                &id,
                None,
            );
        }
    }
    all
}

impl World {
    fn send(&self, ask: &Ask, id: &str, caller: Option<&str>) -> Answer {
        let bearer = format!("Bearer {}", self.served.token);
        let mut headers = vec![("authorization", bearer.as_str())];
        if ask.method == "PATCH" {
            headers.push(("if-match", "*"));
        }
        if let Some(caller) = caller {
            headers.push(("mscrmcallerid", caller));
        }
        let body: Option<Value> =
            ask.body.as_ref().map(|b| serde_json::from_str(&b.replace(HOLE, id)).expect("JSON"));
        let path =
            ask.path.replace(HOLE, id).replace('"', "%22").replace('{', "%7B").replace('}', "%7D");
        http::send(
            self.served.port,
            &self.served.host("dev"),
            ask.method,
            &path,
            &headers,
            body.as_ref(),
        )
    }
}

/// Everything of an answer but the moment and the number of the request; the id that was asked for is
/// taken out, as the two differ in it by design.
fn bytes(answer: &Answer, id: &str) -> String {
    let mut headers: Vec<_> = answer
        .headers
        .iter()
        .filter(|(name, _)| {
            !matches!(
                name.as_str(),
                "date" | "x-ms-request-id" | "req_id" | "x-ms-service-request-id"
            )
        })
        .map(|(name, value)| format!("{name}: {}", value.replace(id, HOLE)))
        .collect();
    headers.sort();
    format!(
        "{}\n{}\n{}",
        answer.status,
        headers.join("\n"),
        String::from_utf8_lossy(&answer.body).replace(id, HOLE)
    )
}

/// As long and of the same alphabet as the id, and nowhere in the database.
fn missing(id: &str, random: &mut Seed) -> String {
    id.chars()
        .map(|c| {
            if c == '-' {
                '-'
            } else {
                char::from_digit(u32::try_from(random.below(16)).expect("small"), 16)
                    .expect("a digit")
            }
        })
        .collect()
}

#[test]
fn an_id_of_elsewhere_is_an_id_of_nowhere() {
    let world = world();
    let model = model(&world.served);
    let mut all = asks(&world, &model);
    let mut random = Seed::take("tenants");
    // Every kind of request, then by chance.
    let fixed = control(&world);
    while all.len() > REQUESTS - fixed.len() {
        let at = random.below(all.len() as u64);
        all.swap_remove(usize::try_from(at).expect("it is an index"));
    }
    all.extend(fixed);
    assert_eq!(all.len(), REQUESTS, "the model gives enough requests");
    let before = database::dump(&world.home.database());
    let mut statuses: BTreeMap<u16, usize> = BTreeMap::new();
    for (number, ask) in all.iter().enumerate() {
        let caller = (number % 2 == 0).then_some("maker@harbour.test");
        let nowhere = missing(&ask.id, &mut random);
        let (there, not) = (world.send(ask, &ask.id, caller), world.send(ask, &nowhere, caller));
        *statuses.entry(there.status).or_default() += 1;
        assert!(there.status < 500 || there.status == 501, "{ask:?}: {}", bytes(&there, &ask.id));
        assert_eq!(bytes(&there, &ask.id), bytes(&not, &nowhere), "{ask:?} as {caller:?}");
    }
    eprintln!("tenants: {REQUESTS} requests, {statuses:?}");
    assert!(statuses.get(&404).is_some_and(|n| *n > REQUESTS / 3), "{statuses:?}");
    let after = database::dump(&world.home.database());
    assert_eq!(database::difference(&before, &after), "");
}
