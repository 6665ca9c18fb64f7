//! Requests with a hole for an id, generated from `$metadata` and for the control plane.
use std::collections::BTreeMap;

use connref_tests::served::Served;
use serde_json::{Value, json};

const WEB: &str = "/api/data/v9.2";

/// An environment of an installation.
#[derive(Clone, Copy)]
pub(super) struct Place<'p> {
    pub(super) served: &'p Served,
    pub(super) env: &'p str,
}

/// A type of `$metadata`: its properties with their types, its navigations, its set.
#[derive(Default)]
pub(super) struct Type {
    set: String,
    key: String,
    properties: Vec<(String, String)>,
    navigations: Vec<String>,
}

/// A function (or an action): its name, and its parameters with their types.
pub(super) type Verb = (bool, String, Vec<(String, String)>);

/// Types by name, and functions and actions.
pub(super) type Model = (BTreeMap<String, Type>, Vec<Verb>);

fn attribute<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    line.split(&format!(" {name}=\"")).nth(1)?.split('"').next()
}

pub(super) fn model(at: Place<'_>) -> Model {
    let answer = at.served.ask(at.env, "GET", &format!("{WEB}/$metadata"), None);
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
pub(super) struct Ask {
    pub(super) method: &'static str,
    pub(super) path: String,
    pub(super) body: Option<String>,
    /// An id of the other place that fits the hole.
    pub(super) id: String,
}

pub(super) const HOLE: &str = "{ID}";

pub(super) fn asks(here: Place<'_>, there: Place<'_>, (types, verbs): &Model) -> Vec<Ask> {
    let mut all = Vec::new();
    for (name, one) in types {
        let ids = |at: Place<'_>| -> Vec<String> {
            let rows = at.served.ask(at.env, "GET", &format!("{WEB}/{}", one.set), None).json();
            let ids = rows["value"].as_array().into_iter().flatten();
            ids.filter_map(|row| Some(row[&one.key].as_str()?.to_owned())).collect()
        };
        // What came in one package has one id in both.
        let known = ids(here);
        for id in ids(there).iter().filter(|id| !known.contains(id)).take(3) {
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
    if name == "workflow" {
        let action = "Microsoft.Dynamics.CRM.CancelAllCloudFlowRuns";
        ask("POST", format!("{set}({HOLE})/{action}"), None);
    }
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
pub(super) fn control(here: Place<'_>, there: Place<'_>) -> Vec<Ask> {
    let list = |at: Place<'_>, path: &str| {
        let rows = at.served.ask(at.env, "GET", path, None).json();
        let rows = rows["value"].as_array().expect("a list").clone();
        rows.iter().filter_map(|row| Some(row["name"].as_str()?.to_owned())).collect::<Vec<_>>()
    };
    let mut all = Vec::new();
    let mut ask = |method, path: String, id: &str, body: Option<&str>| {
        all.push(Ask { method, path, body: body.map(str::to_owned), id: id.to_owned() });
    };
    for id in list(there, "/connectivity/connections") {
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
    let flows = |at: Place<'_>| {
        list(at, &format!("/providers/Microsoft.ProcessSimple/environments/{}/flows", at.env))
    };
    let known = flows(here);
    for id in flows(there).into_iter().filter(|id| !known.contains(id)) {
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
