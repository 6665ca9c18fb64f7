//! Environments and packages from the sketches of a row. Names are ids. What a sketch may say is
//! listed in `situations.md` beside the table; a word that is not known fails the row.
use connref_review::outcome::ImportMode;
use connref_solution::model::component::{Component, ComponentKind};
use connref_solution::model::facts::*;
use connref_solution::model::package::*;
use connref_solution::model::selector::Selector;
use connref_solution::model::*;
use serde_json::{Map, Value};

use crate::world::{Case, World, blocks, direct, entry, invoker};

/// A member that is a text; empty if it is not there.
pub(super) fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name].as_str().unwrap_or_default()
}

fn list<'v>(value: &'v Value, name: &str) -> impl Iterator<Item = &'v Value> {
    value[name].as_array().into_iter().flatten()
}

fn texts<'v>(value: &'v Value, name: &str) -> impl Iterator<Item = &'v str> {
    list(value, name).map(|one| one.as_str().expect("a text"))
}

fn object(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

/// Refuses words that nothing reads: they would say something and mean nothing.
fn known(value: &Value, words: &[&str]) {
    for name in object(value).keys() {
        assert!(words.contains(&name.as_str()), "`{name}` in {value}");
    }
}

pub(crate) fn world(facts: &Value, fidelity: Fidelity) -> World {
    known(
        facts,
        &[
            "kind",
            "disabled",
            "admins",
            "members",
            "connectors",
            "connections",
            "references",
            "flows",
            "variables",
            "solutions",
            "policies",
            "layers",
            "unknown",
        ],
    );
    let mut world = World::default();
    world.0.environment.fidelity = fidelity;
    world.0.environment.kind = match text(facts, "kind") {
        "test" => EnvironmentKind::Test,
        "developer" => EnvironmentKind::Developer,
        _ => EnvironmentKind::Production,
    };
    world.0.teams.push(TeamFacts {
        id: "team".into(),
        kind: TeamKind::Owner,
        name: "team".into(),
        group: None,
        members: Some(2),
    });
    for principal in &mut world.0.principals {
        let name = principal.name.clone();
        let named = |list_name: &str| texts(facts, list_name).any(|one| one == name);
        principal.disabled |= named("disabled");
        if named("admins") {
            principal.role = Role::SystemAdministrator;
        }
        if named("members") {
            principal.counts_as.push("team".into());
        }
    }
    for one in list(facts, "connectors") {
        world.connector(text(one, "api"), one["logical"].as_str());
    }
    list(facts, "connections").for_each(|one| connection(&mut world, one));
    for one in list(facts, "references") {
        known(one, &["name", "api", "to", "managed", "owner"]);
        let row = world.reference(text(one, "name"), text(one, "api"), one["to"].as_str());
        row.managed = one["managed"] == true;
        if let Some(owner) = one["owner"].as_str() {
            row.owner = owner.into();
        }
    }
    list(facts, "flows").for_each(|one| flow(&mut world, one));
    for one in list(facts, "variables") {
        known(one, &["name", "value", "default", "managed"]);
        let row = world.variable(text(one, "name"), one["value"].as_str());
        row.default_value = one["default"].as_str().map(str::to_owned);
        row.managed = one["managed"] == true;
    }
    for one in list(facts, "solutions") {
        known(one, &["name", "version", "managed", "components"]);
        world.solution(text(one, "name"), text(one, "version"), one["managed"] == true);
        let row = world.0.solutions.last_mut().expect("just pushed");
        row.components = texts(one, "components").map(component).collect();
    }
    for one in list(facts, "policies") {
        match one["blocks"].as_str() {
            Some(api) => world.policy("main", &blocks(api, "Blocked")),
            None => world.policy(text(one, "displayName"), &one.to_string()),
        }
    }
    list(facts, "layers").for_each(|one| layer(&mut world, one));
    for one in texts(facts, "unknown") {
        let found = Area::ALL.iter().find(|(_, spelling, _)| *spelling == one);
        world.0.unknown.push(found.expect("an area").0);
    }
    world
}

/// `flow:f`, `reference:new_Sql`, `variable:new_Site`.
fn component(one: &str) -> Component {
    let (kind, name) = one.split_once(':').expect("kind:name");
    let (kind, id) = match kind {
        "flow" => (ComponentKind::Flow, name.to_owned()),
        "reference" => (ComponentKind::Reference, format!("r-{}", name.to_lowercase())),
        "variable" => (ComponentKind::Variable, format!("v-{name}")),
        other => panic!("component {other}"),
    };
    Component { kind, id: id.as_str().into(), name: name.to_owned() }
}

fn connection(world: &mut World, one: &Value) {
    known(one, &["id", "api", "owner", "kind", "status", "shares", "endpoint", "account", "name"]);
    let row = world.connection(text(one, "id"), text(one, "api"), text(one, "owner"));
    row.kind = match text(one, "kind") {
        "servicePrincipal" => ConnectionKind::ServicePrincipal,
        "sharedKey" => ConnectionKind::SharedKey,
        "none" => ConnectionKind::None,
        _ => ConnectionKind::User,
    };
    row.status = match text(one, "status") {
        "" | "connected" => ConnectionStatus::Connected,
        "disabled" => ConnectionStatus::Disabled,
        code => ConnectionStatus::Error { code: code.to_owned(), message: String::new() },
    };
    row.endpoint = one["endpoint"].as_str().map(str::to_owned);
    row.account = one["account"].as_str().map(str::to_owned);
    if let Some(name) = one["name"].as_str() {
        row.display_name = name.to_owned();
    }
    for (to, level) in object(&one["shares"]) {
        let level = match level.as_str().expect("a level") {
            "CanView" => ShareLevel::CanView,
            "CanViewWithShare" => ShareLevel::CanViewWithShare,
            "CanEdit" => ShareLevel::CanEdit,
            other => panic!("level {other}"),
        };
        row.shares.push((to.as_str().into(), level));
    }
}

/// What a flow uses: `new_Sql@shared_sql` through a reference, `invoker:…` with its caller's
/// connection, `direct:c1@shared_sql` without a reference, `direct@shared_sql` without anything.
fn uses(one: &Value) -> Vec<FlowReference> {
    let mut all: Vec<FlowReference> = texts(one, "uses")
        .map(|word| {
            let (left, api) = word.split_once('@').expect("name@api");
            match left.split_once(':') {
                Some(("invoker", name)) => invoker(name, api),
                Some(("behalf", name)) => {
                    FlowReference { on_behalf_of_invoker: true, ..entry(name, api) }
                }
                Some(("direct", id)) => direct(Some(id), api),
                None if left == "direct" => direct(None, api),
                None => entry(left, api),
                Some(_) => panic!("use {word}"),
            }
        })
        .collect();
    for (at, entry) in all.iter_mut().enumerate() {
        entry.key = format!("{}-{at}", entry.api_name);
    }
    all
}

fn operations(one: &Value) -> Vec<FlowOperation> {
    let called = texts(one, "calls").map(|word| {
        let (api, operation) = word.split_once('/').unwrap_or((word, ""));
        FlowOperation { api_name: api.into(), operation: operation.to_owned(), endpoint: None }
    });
    called.collect()
}

fn flow(world: &mut World, one: &Value) {
    known(
        one,
        &[
            "id",
            "owner",
            "state",
            "wantedOn",
            "uses",
            "calls",
            "children",
            "variables",
            "activatedBy",
            "coOwners",
            "granted",
            "managed",
            "solutions",
        ],
    );
    let row = world.flow(text(one, "id"), one["owner"].as_str().unwrap_or("ann"), uses(one));
    row.state = match text(one, "state") {
        "on" => FlowState::On,
        "suspended" => FlowState::Suspended,
        _ => FlowState::Off,
    };
    row.wanted_on = one["wantedOn"].as_bool().unwrap_or(true);
    row.operations = operations(one);
    row.children = texts(one, "children").map(Into::into).collect();
    row.variables = texts(one, "variables").map(Into::into).collect();
    row.activated_by = one["activatedBy"].as_str().map(Into::into);
    row.co_owners = texts(one, "coOwners").map(Into::into).collect();
    let granted = object(&one["granted"]);
    row.uses = granted
        .iter()
        .map(|(id, by)| (id.as_str().into(), by.as_str().expect("a name").into()))
        .collect();
    row.managed = one["managed"] == true;
}

fn layer(world: &mut World, one: &Value) {
    known(one, &["of", "solutions", "unmanaged"]);
    let managed = texts(one, "solutions").map(|name| ManagedLayer {
        solution: format!("s-{name}").as_str().into(),
        digest: "as it was".to_owned(),
        references: Vec::new(),
    });
    world.0.layers.push(LayerFacts {
        component: component(text(one, "of")),
        managed: managed.collect(),
        unmanaged: (one["unmanaged"] == true).then_some(1),
    });
}

pub(super) fn selector(one: &Value) -> Selector {
    known(one, &["name", "owner", "target"]);
    let said = |name: &str| one[name].as_str().map(str::to_owned);
    Selector {
        name: said("name"),
        owner: said("owner"),
        target: said("target"),
        ..Selector::default()
    }
}

pub(crate) fn case(package: &Value, caller: PrincipalId) -> Case {
    known(
        package,
        &[
            "name",
            "version",
            "managed",
            "references",
            "flows",
            "variables",
            "connectors",
            "missing",
            "bind",
            "set",
            "options",
        ],
    );
    let mut case = Case { caller, ..Case::default() };
    let manifest = &mut case.package.manifest;
    if let Some(name) = package["name"].as_str() {
        manifest.unique_name = name.to_owned();
    }
    if let Some(version) = package["version"].as_str() {
        manifest.version = version.to_owned();
    }
    if package["managed"] == true {
        manifest.managed = Managed::Managed;
    }
    for name in texts(package, "missing") {
        let (kind, name) = match name.split_once(':') {
            Some(("variable", name)) => ("EnvironmentVariableDefinition", name),
            Some(("connector", name)) => ("372", name),
            _ => ("connectionreference", name),
        };
        manifest.missing_dependencies.push(MissingDependency {
            required_type: kind.into(),
            required: name.to_owned(),
            solution: "Active".into(),
            ..MissingDependency::default()
        });
    }
    for word in texts(package, "references") {
        // `new_Sql@shared_sql`, with `?` behind it: nobody is asked for it at import.
        let (word, optional) = word.strip_suffix('?').map_or((word, false), |word| (word, true));
        let (name, api) = word.split_once('@').expect("name@api");
        case = case.reference(name, api);
        let row = case.package.references.last_mut().expect("just pushed");
        row.prompting_behavior = Some(u32::from(optional));
    }
    for one in list(package, "flows") {
        known(one, &["id", "off", "uses", "calls", "children", "variables"]);
        let children: Vec<&str> = texts(one, "children").collect();
        let id = text(one, "id");
        case = case.flow(id, uses(one), &children);
        if one["off"] == true {
            case.package.workflows.last_mut().expect("just pushed").state_code = 0;
        }
        let body = case.bodies.get_mut(&FlowId::from(id)).expect("just put");
        body.operations = operations(one);
        body.variables = texts(one, "variables")
            .map(|name| FlowVariable {
                parameter: name.to_owned(),
                schema_name: name.into(),
                kind: "String".to_owned(),
                default_json: None,
            })
            .collect();
    }
    for one in list(package, "variables") {
        known(one, &["name", "value", "default", "type"]);
        case = case.variable(text(one, "name"), one["value"].as_str());
        let row = case.package.variables.last_mut().expect("just pushed");
        row.default_value = one["default"].as_str().map(str::to_owned);
        row.kind = match text(one, "type") {
            "number" => 100_000_001,
            "boolean" => 100_000_002,
            "json" => 100_000_003,
            "secret" => 100_000_005,
            _ => 100_000_000,
        };
    }
    for name in texts(package, "connectors") {
        case.package.connectors.push(PackageConnector {
            id: format!("{{{name}}}"),
            name: name.to_owned(),
            display_name: name.to_owned(),
            ..PackageConnector::default()
        });
    }
    for (name, id) in object(&package["bind"]) {
        case = case.bind(&name, id.as_str().expect("an id"));
    }
    for (name, value) in object(&package["set"]) {
        case = case.set(&name, value.as_str().expect("a value"));
    }
    for option in texts(package, "options") {
        match option {
            "leaveFlowsOff" => case.options.publish_workflows = false,
            "overwrite" => case.options.overwrite = true,
            "upgrade" => case.options.mode = ImportMode::Upgrade,
            "skipLowerVersion" => case.options.skip_lower_version = true,
            other => panic!("option {other}"),
        }
    }
    case
}
