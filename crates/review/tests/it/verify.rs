//! The gate of one solution: what belongs to it is judged, what does not is left alone, and what
//! cannot be seen is never fine.
use connref_review::audit::{AuditOptions, Audited, Intended, Locked, solution_verify};
use connref_review::{Finding, Severity};
use connref_solution::artefact::bindings_lock::bindings_lock_of;
use connref_solution::artefact::bindings_yaml::bindings_read;
use connref_solution::model::facts::*;

use crate::world::{World, entry, invoker};

/// Solution Orders with a flow that is on through a bound reference; another solution is broken.
fn world() -> World {
    let mut world = World::default();
    world.solution("Orders", "1.0.0.0", true);
    world.solution("Other", "1.0.0.0", true);
    world.connection("c1", "shared_sql", "svc").endpoint = Some("db.contoso.com".into());
    world.connection("c2", "shared_mail", "bob");
    let reference = world.reference("new_Sql", "shared_sql", Some("c1"));
    reference.solutions = vec!["s-Orders".into()];
    let flow = world.flow("f", "svc", vec![entry("new_Sql", "shared_sql")]);
    (flow.state, flow.solutions) = (FlowState::On, vec!["s-Orders".into()]);
    let other = world.reference("oth_Mail", "shared_mail", None);
    other.solutions = vec!["s-Other".into()];
    let flow = world.flow("o", "bob", vec![entry("oth_Mail", "shared_mail")]);
    flow.solutions = vec!["s-Other".into()];
    world
}

fn verify_with(
    world: &World,
    options: &AuditOptions<'_>,
    intended: Option<Intended<'_>>,
) -> Audited {
    let solution = world.0.solution("orders").expect("it is there");
    solution_verify(&world.0, solution, options, intended)
}

fn verify(world: &World) -> Audited {
    verify_with(world, &AuditOptions::default(), None)
}

fn told(audited: &Audited) -> Vec<(&'static str, Severity, &str)> {
    let row = |f: &'_ Finding| (f.code, f.severity);
    audited.findings.iter().map(|f| (row(f).0, row(f).1, f.subject.name.as_str())).collect()
}

#[test]
fn a_solution_that_works_passes_whatever_is_beside_it() {
    assert_eq!(verify(&world()), Audited::default());
    let other = world();
    let solution = other.0.solution("Other").expect("it is there");
    let audited = solution_verify(&other.0, solution, &AuditOptions::default(), None);
    assert_eq!(audited.findings[0].code, "CA101");
}

#[test]
fn every_thing_that_can_be_wrong_is_found() {
    type Break = fn(&mut World);
    let cases: [(&str, Severity, Break); 13] = [
        ("CA101", Severity::Error, |w| w.0.references[0].connection = None),
        ("CA102", Severity::Error, |w| w.0.references[0].connection = Some("c9".into())),
        ("CA103", Severity::Error, |w| w.0.references[0].connection = Some("c2".into())),
        ("CA105", Severity::Error, |w| w.0.principals[2].disabled = true),
        ("CA106", Severity::Error, |w| {
            w.0.connections[0].owner = "ann".into();
        }),
        ("CA111", Severity::Error, |w| {
            w.0.connections[0].status =
                ConnectionStatus::Error { code: "Unauthorized".into(), message: String::new() };
        }),
        ("CA113", Severity::Warning, |w| w.0.flows[0].state = FlowState::Off),
        ("CA115", Severity::Error, |w| {
            w.policy("main", &crate::world::blocks("shared_sql", "Blocked"));
        }),
        ("CA117", Severity::Warning, |w| {
            w.0.flows[0].variables = vec!["new_Site".into()];
            w.variable("new_Site", None);
        }),
        ("CA119", Severity::Error, |w| {
            w.0.connections[0].endpoint = Some("db-test.contoso.com".into());
        }),
        ("CA120", Severity::Warning, |w| {
            w.0.flows[0].references[0].logical_name = None;
            w.0.flows[0].references[0].connection_name = Some("c1".into());
        }),
        ("CA121", Severity::Warning, |w| {
            let component = connref_solution::model::component::Component {
                kind: connref_solution::model::component::ComponentKind::Flow,
                id: "f".into(),
                name: "f".into(),
            };
            let solution = "s-Orders".into();
            let managed =
                vec![ManagedLayer { solution, digest: String::new(), references: Vec::new() }];
            w.0.layers.push(LayerFacts { component, managed, unmanaged: Some(1) });
        }),
        ("CA125", Severity::Warning, |w| w.0.flows[0].state = FlowState::Suspended),
    ];
    for (code, severity, broken) in cases {
        let mut world = world();
        broken(&mut world);
        let audited = verify(&world);
        let found = audited.findings.iter().find(|f| f.code == code);
        assert_eq!(found.map(|f| f.severity), Some(severity), "{code}: {:?}", told(&audited));
    }
}

#[test]
fn a_flow_that_should_be_on_is_told_with_what_keeps_it_off() {
    let mut world = world();
    world.0.flows[0].state = FlowState::Off;
    world.0.flows[0].owner = "ann".into();
    let found = told(&verify(&world))
        .iter()
        .map(|(code, severity, _)| (*code, *severity))
        .collect::<Vec<_>>();
    assert_eq!(found, [("ConnectionAuthorizationFailed", Severity::Error)]);
    world.0.flows[0].wanted_on = false;
    assert!(verify(&world).findings.is_empty(), "nobody wants it on");
}

#[test]
fn a_reference_that_nothing_uses_has_to_be_bound_unless_it_is_optional() {
    let mut world = world();
    world.0.flows[0].references = vec![invoker("new_Sql", "shared_sql")];
    let spare = world.reference("new_Spare", "shared_mail", None);
    spare.solutions = vec!["s-Orders".into()];
    assert_eq!(told(&verify(&world)), [("CA101", Severity::Error, "new_Spare")]);
    let said = bindings_read("version: 1\nreferences: {new_spare: {optional: true}}").expect("ok");
    let intended = Intended { bindings: &said, file: "bindings.yaml" };
    let audited = verify_with(&world, &AuditOptions::default(), Some(intended));
    assert_eq!(told(&audited), [("CA101", Severity::Note, "new_Spare")]);
}

#[test]
fn a_binding_has_to_be_what_was_meant() {
    let world = world();
    for (words, code) in [
        ("{target: db.contoso.com, owner: svc, ownerKind: servicePrincipal}", None),
        ("{target: db.fabrikam.com}", Some("CA119")),
        ("{owner: ann}", Some("CA114")),
    ] {
        let text = format!("version: 1\nreferences: {{new_SQL: {words}}}");
        let said = bindings_read(&text).expect("it is well formed");
        let intended = Intended { bindings: &said, file: "bindings.yaml" };
        let audited = verify_with(&world, &AuditOptions::default(), Some(intended));
        assert_eq!(audited.findings.first().map(|f| f.code), code, "{words}");
    }
}

#[test]
fn drift_counts_for_its_own_references_only() {
    let mut world = world();
    let lock = bindings_lock_of(&world.0, &[]);
    let options = AuditOptions {
        lock: Some(Locked { lock: &lock, file: "bindings.lock.json" }),
        ..AuditOptions::default()
    };
    assert!(verify_with(&world, &options, None).findings.is_empty());
    world.0.references[1].connection = Some("c2".into());
    assert!(verify_with(&world, &options, None).findings.is_empty(), "another solution's");
    world.connection("c3", "shared_sql", "svc");
    world.0.references[0].connection = Some("c3".into());
    assert_eq!(
        told(&verify_with(&world, &options, None)),
        [("CA114", Severity::Warning, "new_Sql")]
    );
    world.0.references.remove(0);
    let gone = verify_with(&world, &options, None);
    assert!(
        gone.findings.iter().any(|f| f.message.contains("does not exist any more")),
        "{gone:?}"
    );
}

#[test]
fn what_was_not_seen_is_not_fine() {
    for (area, code) in [
        (Area::Policies, "CA115"),
        (Area::Shares, "CA106"),
        (Area::Layers, "CA121"),
        (Area::WantedOn, "CA113"),
        (Area::Fingerprints, "CA119"),
        (Area::Membership, "CA101"),
    ] {
        let mut world = world();
        world.0.unknown.push(area);
        let audited = verify(&world);
        assert!(audited.unjudged.iter().any(|(one, _)| *one == code), "{area:?}: {audited:?}");
    }
}
