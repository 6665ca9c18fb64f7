//! Every code of the catalogue has a world that brings it about, and a near miss that does not.
use connref_review::audit::audit_rules;
use connref_review::catalogue::{PAGES, code};
use connref_review::check::rule_codes;
use connref_review::departure::reassign_effect;
use connref_review::outcome::{ImportMode, import_running};
use connref_review::{binding_check, connection_for_call, explain, flow_activation, share_check};
use connref_solution::model::facts::{
    Capability, ConnectionStatus, FlowState, LayerFacts, ManagedLayer, ShareLevel,
};
use connref_solution::model::package::MissingDependency;
use connref_solution::model::{Component, ComponentKind, ConnectionId};

use crate::world::{Case, World, blocks, direct, entry, invoker};

/// Codes that a world brings about. `miss` changes the one thing that matters.
type Fixture = fn(miss: bool) -> Vec<&'static str>;

fn world() -> World {
    let mut world = World::default();
    world.connection("c1", "shared_sql", "ann");
    world.reference("new_Sql", "shared_sql", Some("c1"));
    world.flow("f", "ann", vec![entry("new_Sql", "shared_sql")]);
    world
}

fn on(world: &World) -> Vec<&'static str> {
    let activation = flow_activation(&world.0, &"f".into(), &"ann".into());
    let warnings = activation.warnings.iter().map(|w| w.code);
    activation.refusals.iter().map(|r| r.code).chain(warnings).collect()
}

fn import(world: &World, case: &Case) -> Vec<&'static str> {
    match world.import(case) {
        Ok(outcome) => outcome.warnings.iter().map(|w| w.code).collect(),
        Err(refusals) => refusals.iter().map(|r| r.code).collect(),
    }
}

fn call(world: &World, key: &str, caller: &str, choice: Option<&str>) -> Vec<&'static str> {
    let choices: Vec<_> =
        choice.map(|c| (key.to_owned(), ConnectionId::new(c))).into_iter().collect();
    connection_for_call(&world.0, &"f".into(), key, &caller.into(), &choices)
        .err()
        .map(|r| r.code)
        .into_iter()
        .collect()
}

fn case() -> Case {
    Case::default().reference("new_Sql", "shared_sql")
}

fn component(kind: ComponentKind, id: &str) -> Component {
    Component { kind, id: id.into(), name: String::new() }
}

/// The flow came with the managed solution of the package's name and was changed here.
fn layered() -> World {
    let mut world = world();
    world.solution("Orders", "0.9", true);
    let solution = &mut world.0.solutions[0];
    solution.components.push(component(ComponentKind::Flow, "f"));
    let layer = ManagedLayer {
        solution: solution.id.clone(),
        digest: String::new(),
        references: vec!["new_sql".into()],
    };
    world.0.layers.push(LayerFacts {
        component: component(ComponentKind::Flow, "f"),
        managed: vec![layer],
        unmanaged: Some(1),
    });
    world
}

fn bob_calls(own: &[&str]) -> World {
    let mut world = world();
    world.0.flows[0].references = vec![invoker("new_Sql", "shared_sql")];
    for id in own {
        world.connection(id, "shared_sql", "bob");
    }
    world
}

#[rustfmt::skip]
const FIXTURES: &[(&str, Fixture)] = &[
    (code::CA111, |miss| {
        let mut w = world();
        w.0.references.clear();
        w.0.flows.clear();
        if !miss {
            w.0.connections[0].status = ConnectionStatus::Error { code: "X".into(), message: "x".into() };
        }
        import(&w, &case().bind("new_Sql", "c1"))
    }),
    (code::CA117, |miss| {
        let mut w = world();
        w.variable("new_Site", if miss { Some("x") } else { None });
        w.0.flows[0].variables = vec!["new_Site".into()];
        on(&w)
    }),
    (code::CA118, |miss| {
        let mut w = world();
        w.connection("c2", "shared_sql", "ann").account = Some("robot".into());
        w.0.connections[0].account = Some(if miss { "robot" } else { "ann" }.into());
        import(&w, &case().bind("new_Sql", "c2"))
    }),
    (code::CA120, |miss| {
        let mut w = world();
        w.0.flows[0].references = vec![direct(Some("c1"), "shared_sql")];
        if miss { w.0.flows[0].solutions.clear(); }
        on(&w)
    }),
    (code::CA126, |miss| {
        let mut w = world();
        w.0.flows[0].state = FlowState::On;
        let case = case()
            .reference("new_Mail", "shared_mail")
            .flow("f", vec![entry("new_Mail", "shared_mail")], &[]);
        w.connection("m1", "shared_mail", "ann");
        import(&w, &if miss { case.bind("new_Mail", "m1") } else { case })
    }),
    (code::CR002, |miss| {
        let mut case = Case::default();
        case.package.manifest.missing_dependencies.push(MissingDependency {
            required_type: "connectionreference".into(),
            required: if miss { "NEW_SQL" } else { "new_Other" }.into(),
            ..MissingDependency::default()
        });
        import(&world(), &case)
    }),
    (code::CR014, |miss| {
        let hash = if miss { "shared_new-5facme-5fbbbbbbbbbbbbbbbb" } else { "shared_new-5fac-5fbbbbbbbbbbbbbbbb" };
        import(&world(), &Case::default().reference("new_A", hash))
    }),
    (code::CR021, |miss| {
        let mut case = Case::default().reference("new_T", "shared_new-5ftool-5fbbbbbbbbbbbbbbbb");
        case.package.connectors.push(connref_solution::model::package::PackageConnector {
            name: "new_5Ftool".into(),
            ..Default::default()
        });
        let mut w = world();
        if miss { w.connector("shared_new-5ftool-5faaaaaaaaaaaaaaaa", Some("new_tool")); }
        import(&w, &case)
    }),
    (code::CR024, |miss| {
        let mut w = world();
        w.0.flows[0].references[0].on_behalf_of_invoker = !miss;
        on(&w)
    }),
    (code::CALLER_DISABLED, |miss| {
        let mut w = world();
        w.0.principals[0].disabled = !miss;
        on(&w)
    }),
    (code::CHILD_FLOW_NEVER_PUBLISHED, |miss| {
        let mut w = world();
        w.0.flows[0].children = vec!["kid".into()];
        w.flow("kid", "ann", vec![]).state = if miss { FlowState::On } else { FlowState::Off };
        on(&w)
    }),
    (code::CHILD_FLOW_INVOKER, |miss| {
        let mut w = world();
        w.0.flows[0].children = vec!["kid".into()];
        let make = if miss { entry } else { invoker };
        w.flow("kid", "ann", vec![make("new_Sql", "shared_sql")]).state = FlowState::On;
        on(&w)
    }),
    (code::CONNECTION_AUTHORIZATION_FAILED, |miss| {
        let mut w = world();
        w.0.connections[0].owner = "bob".into();
        if miss { w.0.connections[0].shares.push(("ann".into(), ShareLevel::CanView)); }
        on(&w)
    }),
    (code::CONNECTION_DISABLED, |miss| {
        let mut w = world();
        if !miss { w.0.connections[0].status = ConnectionStatus::Disabled; }
        on(&w)
    }),
    (code::CONNECTION_HARD_CODED, |miss| {
        let mut w = world();
        w.0.flows[0].references = vec![direct(if miss { Some("c1") } else { None }, "shared_sql")];
        on(&w)
    }),
    (code::CONNECTION_IN_ERROR, |miss| {
        let mut w = world();
        if !miss {
            w.0.connections[0].status = ConnectionStatus::Error { code: "X".into(), message: "x".into() };
        }
        on(&w)
    }),
    (code::CONNECTION_KEY_NOT_FOUND, |miss| {
        call(&world(), if miss { "SHARED_SQL" } else { "shared_sql_1" }, "ann", None)
    }),
    (code::CONNECTION_NOT_FOUND, |miss| {
        let mut w = world();
        w.0.references[0].connection = Some(if miss { "{C1}" } else { "c9" }.into());
        on(&w)
    }),
    (code::CONNECTION_NOT_SHAREABLE, |miss| {
        let to = if miss { "svc" } else { "bob" };
        let shared = share_check(&world().dataverse().0, &"c1".into(), &"ann".into(), false, &to.into(), ShareLevel::CanView);
        shared.err().map(|r| r.code).into_iter().collect()
    }),
    (code::CONNECTION_OWNER_DISABLED, |miss| {
        let mut w = world();
        w.0.connections[0].owner = if miss { "bob" } else { "gone" }.into();
        w.0.connections[0].shares.push(("ann".into(), ShareLevel::CanView));
        on(&w)
    }),
    (code::REFERENCE_NOT_FOUND, |miss| {
        let mut w = world();
        w.0.flows[0].references[0].logical_name = Some(if miss { "NEW_SQL" } else { "new_Sq" }.into());
        on(&w)
    }),
    (code::CONNECTOR_MISMATCH, |miss| {
        let mut w = world();
        w.0.flows[0].references[0].api_name = if miss { "SHARED_SQL" } else { "shared_mail" }.into();
        on(&w)
    }),
    (code::DUPLICATE_NAME, |miss| {
        import(&world(), &case().reference(if miss { "new_Sql2" } else { "NEW_SQL" }, "shared_sql"))
    }),
    (code::FLOW_NOT_FOUND, |miss| {
        let id = if miss { "{F}" } else { "g" };
        let result = connection_for_call(&world().0, &id.into(), "shared_sql", &"ann".into(), &[]);
        result.err().map(|r| r.code).into_iter().collect()
    }),
    (code::IMPORT_RUNNING, |miss| {
        let running = if miss { None } else { Some("Orders") };
        import_running(running).err().map(|r| r.code).into_iter().collect()
    }),
    (code::INVOKER_CONNECTION_AMBIGUOUS, |miss| {
        call(&bob_calls(&["b1", "b2"]), "shared_sql", "bob", if miss { Some("b2") } else { None })
    }),
    (code::INVOKER_CONNECTION_MISSING, |miss| {
        call(&bob_calls(if miss { &["b1"] } else { &[] }), "shared_sql", "bob", None)
    }),
    (code::INVOKER_OVERRIDE_FAILED, |miss| {
        call(&bob_calls(&["b1"]), "shared_sql", "bob", Some(if miss { "b1" } else { "c1" }))
    }),
    (code::BINDING_POLICY_VIOLATION, |miss| {
        let mut w = world();
        w.connection("c2", "shared_sql", "ann");
        let kind = if miss { "test" } else { "production" };
        w.policy("rules", &format!(r#"{{"bindingRules": [{{"rule": "noUserConnection", "environments": ["{kind}"]}}]}}"#));
        import(&w, &case().bind("new_Sql", "c2"))
    }),
    (code::DLP_VIOLATION, |miss| {
        let mut w = world();
        let group = if miss { "Confidential" } else { "Blocked" };
        w.policy("main", &blocks("shared_sql", group));
        on(&w)
    }),
    (code::MISSING_DEPENDENCY, |miss| {
        let case = Case::default().reference("new_A", "shared_new-5fac-5fbbbbbbbbbbbbbbbb");
        let mut w = world().dataverse();
        if miss { w.connector("shared_new-5fac-5faaaaaaaaaaaaaaaa", Some("new_ac")); }
        import(&w, &case)
    }),
    (code::PACKAGE_MALFORMED, |miss| {
        import(&world(), &Case::default().reference("new_A", if miss { "shared_sql" } else { "" }))
    }),
    (code::REASSIGN_REFUSED, |miss| {
        let mut w = world();
        w.0.connectors[0].service_principal = if miss { Capability::Yes } else { Capability::No };
        let effect = reassign_effect(&w.0, &"ann".into(), &[], &"svc".into());
        effect.refusals.iter().map(|r| r.code).collect()
    }),
    (code::REFERENCE_CONNECTOR_CHANGED, |miss| {
        let api = if miss { "shared_SQL" } else { "shared_mail" };
        import(&world(), &Case::default().reference("new_Sql", api))
    }),
    (code::SETTINGS_CONNECTION_SHAPE, |miss| {
        import(&world(), &case().bind("new_Sql", if miss { "c1" } else { "shared_sql/c1" }))
    }),
    (code::SETTINGS_DUPLICATE, |miss| {
        let mut w = world();
        w.connection("c2", "shared_sql", "ann");
        import(&w, &case().bind("new_Sql", "c1").bind("new_Sql", if miss { "c1" } else { "c2" }))
    }),
    (code::SETTINGS_TOKEN, |miss| {
        let value = if miss { "a#{b" } else { "#{site}#" };
        import(&world(), &Case::default().variable("new_V", None).set("new_V", value))
    }),
    (code::SETTINGS_UNKNOWN_REFERENCE, |miss| {
        import(&world(), &case().bind(if miss { "NEW_SQL" } else { "new_Sq" }, "c1"))
    }),
    (code::SETTINGS_UNKNOWN_VARIABLE, |miss| {
        let name = if miss { "NEW_SITE" } else { "new_Sit" };
        import(&world(), &Case::default().variable("new_Site", None).set(name, "x"))
    }),
    (code::SETTINGS_VALUE, |miss| {
        let mut case = Case::default().variable("new_Count", None);
        case.package.variables[0].kind = 100_000_001;
        import(&world(), &case.set("new_Count", if miss { "12" } else { "twelve" }))
    }),
    (code::CA121, |miss| {
        let mut w = layered();
        if miss { w.0.layers[0].unmanaged = None; }
        import(&w, &Case::default().managed().flow("f", vec![entry("new_Sql", "shared_sql")], &[]))
    }),
    (code::CANNOT_DELETE_IN_USE, |miss| {
        let mut w = layered();
        let id = w.0.references[0].id.to_string();
        w.0.solutions[0].components.push(component(ComponentKind::Reference, &id));
        let name = if miss { "new_Other" } else { "new_Sql" };
        let mut case = Case::default().managed().flow("f", vec![entry(name, "shared_sql")], &[]);
        w.0.layers[0].unmanaged = None;
        case.options.mode = ImportMode::Upgrade;
        import(&w, &case)
    }),
    (code::PRIVILEGE_DENIED, |miss| {
        let mut w = world();
        // Not known is not refused here: the store decides.
        w.0.principals[0].may_import = if miss { None } else { Some(false) };
        import(&w, &case())
    }),
    (code::PUBLISHER_CLASH, |miss| {
        let mut w = world();
        w.solution("Other", "1.0", true);
        w.0.solutions[0].publisher.unique_name = "contoso".into();
        w.0.solutions[0].publisher.prefix = "cts".into();
        let mut case = Case::default();
        case.package.manifest.publisher.unique_name = "Contoso".into();
        case.package.manifest.publisher.prefix = if miss { "CTS" } else { "new" }.into();
        import(&w, &case)
    }),
    (code::SOLUTION_UPGRADE_REFUSED, |miss| {
        let mut w = world();
        if miss { w.solution("Orders", "0.9", true); }
        let mut case = Case::default().managed();
        case.options.mode = ImportMode::Holding;
        import(&w, &case)
    }),
    (code::SOLUTION_VERSION, |miss| {
        let mut w = world();
        w.solution("Orders", if miss { "1.0" } else { "1.0.0.1" }, true);
        import(&w, &Case::default().managed())
    }),
    (code::SOLUTION_MANAGED_MISMATCH, |miss| {
        let mut w = world();
        w.solution("Orders", "1.0", miss);
        import(&w, &Case::default().managed())
    }),
    (code::XRM_MISSING_CONNECTION, |miss| {
        let mut w = world();
        if !miss { w.0.references[0].connection = None; }
        on(&w)
    }),
];

#[test]
fn every_code_has_a_fixture_and_a_near_miss() {
    // The codes of the checkers have theirs in `check` and in `connector_check`, those of audits in
    // `audit_rules`; some are used here as well.
    let checked = |code: &str| {
        (rule_codes().chain(audit_rules()).any(|c| c == code) || code.starts_with("CC"))
            && !FIXTURES.iter().any(|(c, _)| *c == code)
    };
    let pages: Vec<_> = PAGES.iter().filter(|page| !checked(page.code)).collect();
    for page in &pages {
        let (_, fixture) = FIXTURES
            .iter()
            .find(|(c, _)| *c == page.code)
            .unwrap_or_else(|| panic!("{} has no fixture", page.code));
        assert!(fixture(false).contains(&page.code), "{}: {:?}", page.code, fixture(false));
        assert!(!fixture(true).contains(&page.code), "{}: near miss hits", page.code);
        for code in fixture(false).into_iter().chain(fixture(true)) {
            assert!(explain(code).is_some(), "{code} has no page");
        }
    }
    assert_eq!(FIXTURES.len(), pages.len());
}

#[test]
fn a_binding_is_refused_with_known_codes() {
    let refused = binding_check(&world().0, &"r-new_sql".into(), &"c9".into(), &"ann".into());
    assert!(explain(refused.unwrap_err().code).is_some());
}
