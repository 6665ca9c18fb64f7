//! Imports: bindings, names, values, states, and what is refused with nothing written.
use connref_review::outcome::{ImportMode, Word};
use connref_review::{Outcome, Refusal};
use connref_solution::model::change_set::{Fate, FlowChange};
use connref_solution::model::facts::{ConnectionStatus, FlowState, ShareLevel};
use connref_solution::model::package::{Managed, MissingDependency, PackageConnector};
use connref_solution::model::{ChangeSet, Component, ComponentKind};

use crate::world::{Case, World, direct, entry, invoker, workflow};

fn codes(result: Result<Outcome, Vec<Refusal>>) -> Vec<&'static str> {
    result.expect_err("refused").iter().map(|r| r.code).collect()
}

fn changes(outcome: &Outcome) -> &ChangeSet {
    outcome.change_set.as_ref().expect("something to do")
}

fn flow<'o>(outcome: &'o Outcome, id: &str) -> &'o FlowChange {
    changes(outcome).flows.iter().find(|f| f.workflow.id.as_str() == id).expect("in the package")
}

fn words(outcome: &Outcome, name: &str) -> Vec<Word> {
    let lines = outcome.report.iter().filter(|l| l.subject.name == name);
    lines.map(|l| l.word).collect()
}

fn warned(outcome: &Outcome) -> Vec<&'static str> {
    outcome.warnings.iter().map(|w| w.code).collect()
}

fn world() -> World {
    let mut world = World::default();
    world.connection("c1", "shared_sql", "ann");
    world.connection("c2", "shared_sql", "bob");
    world.connection("m1", "shared_mail", "ann");
    world
}

fn case() -> Case {
    Case::default().reference("new_Sql", "shared_sql").flow(
        "f",
        vec![entry("NEW_SQL", "shared_sql")],
        &[],
    )
}

#[test]
fn new_references_are_unbound_and_flows_stay_off() {
    for make in [entry, invoker] {
        let case = Case::default()
            .reference("new_Sql", "shared_sql")
            .flow("f", vec![make("new_Sql", "shared_sql")], &[])
            .flow("free", vec![], &[]);
        let outcome = world().import(&case).unwrap();
        assert_eq!(changes(&outcome).facts_version, 7);
        assert_eq!(changes(&outcome).references[0].bind, None);
        let off = flow(&outcome, "f");
        assert!(!off.on && off.wanted_on);
        assert!(
            off.why_off
                .as_deref()
                .unwrap()
                .starts_with("XrmConnectionReferenceMissingConnection: ")
        );
        assert!(flow(&outcome, "free").on, "a flow without references is not held back");
        assert_eq!(words(&outcome, "new_Sql"), [Word::Unbound]);
        assert_eq!(words(&outcome, "f"), [Word::StaysOff]);
        assert_eq!(words(&outcome, "free"), [Word::TurnedOn]);
    }
}

#[test]
fn settings_bind_and_turn_on() {
    let outcome = world().import(&case().bind("NEW_sql", "C1")).unwrap();
    assert_eq!(changes(&outcome).references[0].bind, Some("c1".into()));
    assert!(flow(&outcome, "f").on);
    let after = &outcome.future;
    assert_eq!(after.flows[0].activated_by, Some("ann".into()));
    assert_eq!(after.references[0].owner.as_str(), "ann");
    assert_eq!(after.references[0].binding_version, 1);
    assert_eq!(words(&outcome, "new_Sql"), [Word::Bound]);
}

#[test]
fn publish_workflows_false_leaves_new_flows_off() {
    let mut case = case().bind("new_sql", "c1");
    case.options.publish_workflows = false;
    let outcome = world().import(&case).unwrap();
    let off = flow(&outcome, "f");
    assert!(
        !off.on && off.wanted_on && off.why_off.as_deref() == Some("PublishWorkflows is false")
    );
}

#[test]
fn a_bound_reference_keeps_its_binding_and_its_names() {
    let mut world = world();
    world.reference("New_Sql", "shared_sql", Some("c2"));
    for case in [case(), case().bind("new_sql", ""), case().bind("new_sql", "c2")] {
        let outcome = world.import(&case).unwrap();
        let change = &changes(&outcome).references[0];
        assert_eq!(change.bind, None);
        assert_eq!(change.existing, Some("r-new_sql".into()));
        assert_eq!(change.reference.display_name, "Display of New_Sql");
        assert_eq!(change.reference.description.as_deref(), Some("Text of New_Sql"));
        assert_eq!(outcome.future.references[0].connection, Some("c2".into()));
        assert_eq!(words(&outcome, "new_Sql"), [Word::KeptBinding]);
        assert!(
            flow(&outcome, "f").why_off.as_deref().unwrap().contains("AuthorizationFailed"),
            "Ann may not use what Bob bound"
        );
    }
    let mut named = case();
    named.package.references[0].display_name = "Sales database".into();
    named.package.references[0].description = Some("  ".into());
    let outcome = world.import(&named).unwrap();
    let change = &changes(&outcome).references[0].reference;
    assert_eq!(change.display_name, "Sales database");
    assert_eq!(change.description.as_deref(), Some("Text of New_Sql"));
}

#[test]
fn settings_may_rebind_and_say_who_acts() {
    let mut world = world();
    world.reference("new_Sql", "shared_sql", Some("c2"));
    world.flow("old", "bob", vec![entry("new_Sql", "shared_sql")]).state = FlowState::On;
    let outcome = world.import(&case().bind("new_Sql", "c1")).unwrap();
    assert_eq!(changes(&outcome).references[0].bind, Some("c1".into()));
    assert_eq!(words(&outcome, "new_Sql"), [Word::Rebound]);
    assert_eq!(warned(&outcome), ["CA118", "CA106"]);
}

#[test]
fn a_name_in_letters_that_only_fold_to_ours_is_another_name() {
    let mut world = world();
    world.connection("c1", "shared_sql", "ann");
    let case = Case::default().reference("new_Bank", "shared_sql");
    let twin = case.clone().bind("new_Ban\u{212a}", "c1");
    assert_eq!(codes(world.import(&twin)), ["SettingsUnknownReference"]);
    assert!(world.import(&case.bind("NEW_bank", "c1")).is_ok());
}

#[test]
fn an_id_with_anything_around_it_is_none() {
    let mut world = world();
    world.connection("c1", "shared_sql", "ann");
    for id in ["{c1}", "c1*", "(c1)", "с1", "c1\u{200b}", "\"c1\"", "%"] {
        let case = Case::default().reference("new_Bank", "shared_sql").bind("new_Bank", id);
        assert_eq!(codes(world.import(&case)), ["SettingsConnectionShape"], "{id}");
    }
}

#[test]
fn settings_that_mean_nothing_refuse_everything() {
    let table: [(&str, &str, &str); 7] = [
        ("new_Sq", "c1", "SettingsUnknownReference"),
        ("new_Sq", "", "SettingsUnknownReference"),
        ("new_Sql", "shared_sql/c1", "SettingsConnectionShape"),
        ("new_Sql", "#{connection.sql}#", "SettingsToken"),
        ("new_Sql", "c9", "ConnectionNotFound"),
        ("new_Sql", "m1", "ConnectionNotFound"),
        ("new_Sql", "c2", "ConnectionAuthorizationFailed"),
    ];
    for (name, id, code) in table {
        assert_eq!(codes(world().import(&case().bind(name, id))), [code], "{name} = {id}");
    }
    let shape = world().import(&case().bind("new_Sql", "shared_sql/c1")).unwrap_err();
    assert_eq!(shape[0].fix.as_deref(), Some("write \"ConnectionId\": \"c1\""));
    let twice = case().bind("new_Sql", "c1").bind("NEW_SQL", "c2");
    assert!(codes(world().import(&twice)).contains(&"SettingsDuplicate"));
    assert!(world().import(&case().bind("new_Sql", "c1").bind("NEW_SQL", "c1")).is_ok());
    let case = case().variable("new_Site", None);
    assert_eq!(
        codes(world().import(&case.clone().set("new_Sit", "x"))),
        ["SettingsUnknownVariable"]
    );
    assert_eq!(codes(world().import(&case.clone().set("new_Site", "#{x}#"))), ["SettingsToken"]);
    assert!(world().import(&case.set("new_Site", "# one")).is_ok());
}

#[test]
fn a_service_principal_that_binds_needs_use_and_share() {
    let mut world = world();
    let case = case().caller("svc").bind("new_Sql", "c1");
    world.0.connections[0].shares.push(("svc".into(), ShareLevel::CanView));
    assert_eq!(codes(world.import(&case)), ["ConnectionAuthorizationFailed"]);
    world.0.connections[0].shares.push(("svc".into(), ShareLevel::CanViewWithShare));
    assert!(flow(&world.import(&case).unwrap(), "f").on);
}

#[test]
fn a_disabled_importer_imports_nothing() {
    assert_eq!(codes(world().import(&case().caller("gone"))), ["CallerDisabled"]);
}

#[test]
fn a_connection_in_error_is_bound_and_keeps_its_flows_off() {
    let mut world = world();
    world.0.connections[0].status =
        ConnectionStatus::Error { code: "Unauthenticated".into(), message: String::new() };
    let outcome = world.import(&case().bind("new_Sql", "c1")).unwrap();
    assert_eq!(warned(&outcome), ["CA111"]);
    assert!(flow(&outcome, "f").why_off.as_deref().unwrap().starts_with("ConnectionInError"));
}

#[test]
fn children_first_and_circles_end() {
    let case = Case::default()
        .flow("top", vec![], &["middle"])
        .flow("middle", vec![], &["bottom", "bottom"])
        .flow("bottom", vec![], &[])
        .flow("self", vec![], &["self"])
        .flow("ring1", vec![], &["ring2"])
        .flow("ring2", vec![], &["ring1"])
        .flow("above", vec![], &["ring1"]);
    let outcome = world().import(&case).unwrap();
    for name in ["top", "middle", "bottom", "self"] {
        assert!(flow(&outcome, name).on, "{name}");
    }
    for name in ["ring1", "ring2", "above"] {
        assert!(!flow(&outcome, name).on, "{name}");
    }
}

#[test]
fn a_long_chain_of_children_is_no_danger() {
    let mut case = Case::default().flow("f0", vec![], &[]);
    for i in 1..5000 {
        case = case.flow(&format!("f{i}"), vec![], &[&format!("f{}", i - 1)]);
    }
    case.package.workflows.reverse();
    let outcome = world().import(&case).unwrap();
    assert!(changes(&outcome).flows.iter().all(|f| f.on));
}

#[test]
fn one_stopped_child_stops_only_its_parents() {
    let case = Case::default()
        .reference("new_Sql", "shared_sql")
        .flow("top", vec![], &["kid"])
        .flow("kid", vec![entry("new_Sql", "shared_sql")], &[])
        .flow("free", vec![], &[]);
    let outcome = world().import(&case).unwrap();
    assert!(!flow(&outcome, "top").on && !flow(&outcome, "kid").on && flow(&outcome, "free").on);
    let outcome = world().import(&case.bind("new_Sql", "c1")).unwrap();
    assert!(changes(&outcome).flows.iter().all(|f| f.on));
}

#[test]
fn existing_flows_keep_their_state() {
    for (state, word) in [
        (FlowState::On, Word::StaysOn),
        (FlowState::Off, Word::Off),
        (FlowState::Suspended, Word::Suspended),
    ] {
        let mut world = world();
        world.flow("f", "bob", vec![]).state = state;
        let outcome = world.import(&case().bind("new_Sql", "c1")).unwrap();
        let change = flow(&outcome, "f");
        assert_eq!(change.existing, Some("f".into()));
        assert_eq!(change.on, state == FlowState::On);
        assert_eq!(words(&outcome, "f"), [word]);
        assert_eq!(outcome.future.flows[0].state, state);
        assert_eq!(outcome.future.flows[0].owner.as_str(), "bob");
    }
}

#[test]
fn an_existing_flow_that_is_on_and_lacks_something_is_told_of() {
    let mut world = world();
    world.flow("f", "ann", vec![]).state = FlowState::On;
    let outcome = world.import(&case()).unwrap();
    assert!(flow(&outcome, "f").on);
    assert_eq!(warned(&outcome), ["CA126"]);
    assert!(warned(&world.import(&case().bind("new_Sql", "c1")).unwrap()).is_empty());
}

#[test]
fn other_workflows_are_carried_untouched() {
    let mut case = case();
    for (id, category, state) in [("desk", 6, 1), ("rule", 2, 1), ("old", 0, 0)] {
        case.package.workflows.push(workflow(id, category, state));
    }
    let outcome = world().import(&case).unwrap();
    for (id, on) in [("desk", true), ("rule", true), ("old", false)] {
        assert_eq!((flow(&outcome, id).on, flow(&outcome, id).why_off.as_deref()), (on, None));
        assert_eq!(words(&outcome, id), [Word::Carried]);
    }
    assert_eq!(outcome.future.flows.len(), 1);
}

#[test]
fn exported_off_stays_off_and_an_unread_body_too() {
    let mut case = case().bind("new_Sql", "c1");
    case.package.workflows[0].state_code = 0;
    case.package.workflows.push(workflow("torn", 5, 1));
    let outcome = world().import(&case).unwrap();
    let off = flow(&outcome, "f");
    assert!(!off.on && !off.wanted_on && off.why_off.is_none());
    assert!(flow(&outcome, "torn").why_off.is_some());
}

#[test]
fn hard_coded_connections_hold_their_flow_back() {
    let case = Case::default().flow("f", vec![direct(Some("c1"), "shared_sql")], &[]);
    let outcome = world().import(&case).unwrap();
    assert!(flow(&outcome, "f").on, "unmanaged: usable, with a warning");
    assert_eq!(warned(&outcome), ["CA120"]);
    let outcome = world().import(&case.managed()).unwrap();
    assert!(flow(&outcome, "f").why_off.as_deref().unwrap().starts_with("ConnectionHardCoded"));
}

#[test]
fn managed_and_unmanaged_do_not_replace_each_other() {
    let mut world = world();
    world.solution("ORDERS", "1.0", false);
    assert!(world.import(&case()).is_ok());
    assert_eq!(codes(world.import(&case().managed())), ["SolutionManagedMismatch"]);
    let mut convert = case().managed();
    convert.options.convert_to_managed = true;
    let outcome = world.import(&convert).unwrap();
    assert_eq!(changes(&outcome).solution.existing, Some("s-orders".into()));
    assert!(outcome.future.solutions[0].managed);
    world.0.solutions[0].managed = true;
    assert!(world.import(&case().managed()).is_ok());
    assert_eq!(codes(world.import(&case())), ["SolutionManagedMismatch"]);
    let mut both = case();
    both.package.manifest.managed = Managed::Both;
    let outcome = world.import(&both).unwrap();
    assert_eq!(changes(&outcome).solution.manifest.managed, Managed::Managed);
}

#[test]
fn lower_versions_are_refused_unless_wanted_or_skipped() {
    let mut world = world();
    world.solution("Orders", "1.0.0.1", false);
    assert_eq!(codes(world.import(&case())), ["SolutionVersionNotHigher"]);
    let mut back = case();
    back.options.allow_older = true;
    assert!(world.import(&back).unwrap().change_set.is_some());
    let mut skip = case();
    skip.options.skip_lower_version = true;
    assert_eq!(world.import(&skip).unwrap().change_set, None);
    skip.package.manifest.version = "1.0.0.2".into();
    assert!(world.import(&skip).unwrap().change_set.is_some());
}

#[test]
fn collisions_and_holes_in_the_package_are_refused() {
    let twice = case().reference("NEW_sql", "shared_sql");
    assert_eq!(codes(world().import(&twice)), ["DuplicateName"]);
    let twice = case().variable("new_V", None).variable("NEW_V", None);
    assert_eq!(codes(world().import(&twice)), ["DuplicateName"]);
    let hole = case().reference("new_Hole", "");
    assert_eq!(codes(world().import(&hole)), ["PackageMalformed"]);
    let mut nameless = case();
    nameless.package.manifest.unique_name.clear();
    assert_eq!(codes(world().import(&nameless)), ["PackageMalformed"]);
}

#[test]
fn a_reference_never_changes_its_connector() {
    let mut world = world();
    world.reference("new_Sql", "shared_mail", Some("m1"));
    assert_eq!(codes(world.import(&case())), ["ReferenceConnectorChanged"]);
    let mut world = World::default();
    world.reference("new_A", "shared_new-5facme-5faaaaaaaaaaaaaaaa", None);
    let case = Case::default().reference("new_A", "shared_new-5facme-5fbbbbbbbbbbbbbbbb");
    let outcome = world.import(&case).unwrap();
    assert_eq!(
        changes(&outcome).references[0].reference.api_name.as_str(),
        "shared_new-5facme-5faaaaaaaaaaaaaaaa",
        "this environment's name of the connector"
    );
}

#[test]
fn variables_base_and_own_value() {
    let mut world = world();
    world.variable("new_Here", Some("mine"));
    world.variable("new_Empty", None);
    let case = Case::default()
        .variable("NEW_here", Some("theirs"))
        .variable("new_Empty", Some("theirs"))
        .variable("new_New", Some("theirs"))
        .variable("new_Set", Some("theirs"))
        .set("new_set", "asked");
    let values =
        |o: &Outcome| changes(o).variables.iter().map(|v| v.value.clone()).collect::<Vec<_>>();
    let some = |v: &str| Some(v.to_owned());
    let unmanaged = world.import(&case).unwrap();
    assert_eq!(values(&unmanaged), [None, some("theirs"), some("theirs"), some("asked")]);
    let managed = world.import(&case.managed()).unwrap();
    assert_eq!(values(&managed), [None, None, None, some("asked")]);
    let seen: Vec<_> = managed.future.variables.iter().map(|v| v.value.clone()).collect();
    assert_eq!(seen, [some("mine"), some("theirs"), some("theirs"), some("asked")]);
    assert_eq!(words(&managed, "NEW_here"), [Word::ValueKept]);
    assert_eq!(words(&managed, "new_New"), [Word::BaseValue]);
}

fn with_connector(mut case: Case) -> Case {
    case.package.connectors.push(PackageConnector {
        id: "{K1}".into(),
        name: "new_5Ftool-20box".into(),
        display_name: "Tool box".into(),
        ..PackageConnector::default()
    });
    case.reference("new_T", "shared_new-5ftool-20box-5fbbbbbbbbbbbbbbbb")
}

#[test]
fn a_custom_connector_and_its_users_in_one_package() {
    let case = with_connector(Case::default());
    let outcome = world().import(&case).unwrap();
    assert_eq!(warned(&outcome), ["CR021"]);
    assert_eq!(changes(&outcome).connectors[0].existing, None);
    assert_eq!(codes(world().dataverse().import(&case)), ["MissingDependency"]);
    let mut there = world().dataverse();
    there.connector("shared_new-5ftool-20box-5faaaaaaaaaaaaaaaa", Some("new_tool-20box"));
    let outcome = there.import(&case).unwrap();
    assert_eq!(
        changes(&outcome).connectors[0].existing.as_ref().map(|c| c.as_str()),
        Some("shared_new-5ftool-20box-5faaaaaaaaaaaaaaaa")
    );
    assert!(warned(&outcome).is_empty());
}

#[test]
fn an_absent_connector_leaves_the_rest_alone() {
    let case = case().bind("new_Sql", "c1").reference("new_X", "shared_nowhere");
    let outcome = world().import(&case).unwrap();
    assert_eq!(warned(&outcome), ["CR014"]);
    assert!(flow(&outcome, "f").on);
    let custom = Case::default().reference("new_X", "shared_x-5fy-5fbbbbbbbbbbbbbbbb");
    assert_eq!(warned(&world().import(&custom).unwrap()), ["CR014"]);
    assert_eq!(codes(world().dataverse().import(&custom)), ["MissingDependency"]);
}

#[test]
fn a_missing_reference_dependency() {
    let mut case = Case::default();
    case.package.manifest.missing_dependencies.push(MissingDependency {
        required_type: "connectionreference".into(),
        required: "other_Ref".into(),
        solution: "Active".into(),
        ..MissingDependency::default()
    });
    assert_eq!(warned(&world().import(&case).unwrap()), ["CR002"]);
    assert_eq!(codes(world().dataverse().import(&case)), ["MissingDependency"]);
    let mut there = world().dataverse();
    there.reference("OTHER_ref", "shared_sql", None);
    assert!(there.import(&case).is_ok());
}

#[test]
fn each_reference_is_told_bound_missing_or_broken_and_by_whom_is_not() {
    use connref_review::{Standing, reference_standings};
    let mut world = world();
    world.reference("new_Sql", "shared_sql", Some("c1"));
    world.reference("new_Gone", "shared_sql", Some("c9"));
    world.reference("new_Off", "shared_sql", Some("c2"));
    world.reference("new_Open", "shared_sql", None);
    let off = world.0.connections.iter_mut().find(|c| c.id.as_str() == "c2").unwrap();
    off.status = ConnectionStatus::Disabled;
    let case = Case::default()
        .reference("NEW_SQL", "shared_sql")
        .reference("new_Gone", "shared_sql")
        .reference("new_Off", "shared_sql")
        .reference("new_Open", "shared_sql")
        .reference("new_Nowhere", "shared_sql");
    let told: Vec<_> = reference_standings(&world.0, &case.package)
        .into_iter()
        .map(|one| (one.logical_name.to_string(), one.state, one.code))
        .collect();
    let expected = [
        ("NEW_SQL", Standing::Bound, None),
        ("new_Gone", Standing::Broken, Some("ConnectionNotFound")),
        ("new_Off", Standing::Broken, Some("ConnectionDisabled")),
        ("new_Open", Standing::Missing, None),
        ("new_Nowhere", Standing::Missing, None),
    ];
    for (told, (name, state, code)) in told.iter().zip(expected) {
        assert_eq!((told.0.as_str(), told.1, told.2), (name, state, code));
    }
    assert_eq!(told.len(), expected.len());
}

#[test]
fn a_long_chain_of_calls_leaves_in_order_or_stays_as_a_whole() {
    const LONG: usize = 2000;
    for held in [false, true] {
        let mut w = World::default();
        w.solution("Orders", "1.0", true);
        for at in (0..LONG).rev() {
            let id = format!("f{at}");
            w.0.solutions[0].components.push(Component {
                kind: ComponentKind::Flow,
                id: id.as_str().into(),
                name: id.clone(),
            });
            let flow = w.flow(&id, "ann", Vec::new());
            flow.solutions = vec!["s-Orders".into()];
            flow.children = vec![format!("f{}", at + 1).into()];
        }
        if held {
            w.flow("outside", "ann", Vec::new()).children = vec!["f0".into()];
        }
        let mut case = Case::default().managed();
        case.options.mode = ImportMode::Upgrade;
        let outcome = w.import(&case).unwrap();
        let removals = outcome.change_set.unwrap().removals;
        let order: Vec<String> = removals.iter().map(|r| r.component.id.to_string()).collect();
        assert!(order.iter().enumerate().all(|(at, id)| *id == format!("f{at}")));
        assert_eq!(removals.len(), LONG);
        assert!(removals.iter().all(|r| (r.fate == Fate::Deleted) != held), "held: {held}");
    }
}
