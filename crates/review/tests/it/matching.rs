//! Which connection a selector means: one candidate binds, several are a refusal, none says why.
use connref_review::index::Index;
use connref_review::matching::{
    Ignored, ReferenceMatch, Verdict, reference_match, reference_restore,
};
use connref_solution::artefact::bindings_lock::bindings_lock_of;
use connref_solution::model::facts::{
    ConnectionKind, ConnectionStatus, Fingerprint, PrincipalKind, ShareLevel,
};
use connref_solution::model::selector::Selector;

use crate::world::World;

fn find(world: &World, caller: &str, selector: &Selector) -> ReferenceMatch {
    let index = Index::new(&world.0);
    let (name, api) = ("new_Sql".into(), "shared_sql".into());
    reference_match(&index, &caller.into(), &name, &api, selector).expect("the caller may act")
}

fn against<'m>(found: &'m ReferenceMatch, connection: &str) -> Option<&'m str> {
    let one = found.candidates.iter().find(|one| one.connection.as_str() == connection);
    one.expect("it was looked at").against.as_deref()
}

/// Ann owns two, Bob one that he shares with nobody, a mailbox is of another connector.
fn world() -> World {
    let mut world = World::default();
    world.connection("c1", "shared_sql", "ann").endpoint = Some("db.test".into());
    world.connection("c2", "shared_sql", "ann").fingerprint =
        Some(Fingerprint { tested_at: 1, identity: None, target: "db.prod".into() });
    world.connection("c3", "shared_sql", "bob");
    world.connection("m1", "shared_mail", "ann");
    world
}

#[test]
fn one_usable_candidate_binds() {
    let mut world = world();
    world.0.connections.remove(0);
    let found = find(&world, "ann", &Selector::default());
    assert_eq!(found.verdict, Verdict::Bind("c2".into()));
    assert!(against(&found, "c3").is_some_and(|text| text.contains("does not have permission")));
    assert_eq!(found.candidates.len(), 2, "another connector's are not looked at");
    // As Bob it is his own.
    assert_eq!(find(&world, "bob", &Selector::default()).verdict, Verdict::Bind("c3".into()));
}

#[test]
fn several_are_a_refusal_that_names_them() {
    let found = find(&world(), "ann", &Selector::default());
    assert_eq!(found.verdict, Verdict::Ambiguous(vec!["c1".into(), "c2".into()]));
}

#[test]
fn the_target_decides_and_an_unknown_one_does_not_fit() {
    let target = |text: &str| Selector { target: Some(text.into()), ..Selector::default() };
    let world = world();
    assert_eq!(find(&world, "ann", &target("DB.prod")).verdict, Verdict::Bind("c2".into()));
    assert_eq!(find(&world, "ann", &target("*.test")).verdict, Verdict::Bind("c1".into()));
    let found = find(&world, "bob", &target("*"));
    assert_eq!(found.verdict, Verdict::Missing);
    assert!(against(&found, "c3").is_some_and(|text| text.contains("not known")));
    let optional = Selector { optional: Some(true), ..target("nowhere") };
    assert_eq!(find(&world, "ann", &optional).verdict, Verdict::Left);
}

#[test]
fn names_owners_and_kinds_narrow_it_down() {
    let mut world = world();
    world.connection("c4", "shared_sql", "svc").shares =
        vec![("ann".into(), ShareLevel::CanViewWithShare)];
    world.0.connections.last_mut().expect("just made").kind = ConnectionKind::ServicePrincipal;
    let by = |selector: Selector| find(&world, "ann", &selector).verdict;
    let bind = |id: &str| Verdict::Bind(id.into());
    let any = Selector::default;
    assert_eq!(by(Selector { name: Some("*2".into()), ..any() }), bind("c2"));
    assert_eq!(by(Selector { connection: Some("C1".into()), ..any() }), bind("c1"));
    assert_eq!(by(Selector { owner: Some("SVC".into()), ..any() }), bind("c4"));
    let kind = Some(PrincipalKind::ServicePrincipal);
    assert_eq!(by(Selector { owner_kind: kind, ..any() }), bind("c4"));
    let kind = Some(ConnectionKind::ServicePrincipal);
    assert_eq!(by(Selector { kind, ..any() }), bind("c4"));
    assert_eq!(by(Selector { owner: Some("sv".into()), ..any() }), Verdict::Missing);
}

#[test]
fn what_cannot_work_is_no_candidate() {
    let mut world = world();
    world.0.connections[0].status =
        ConnectionStatus::Error { code: "Unauthorized".into(), message: "expired".into() };
    let found = find(&world, "ann", &Selector::default());
    assert_eq!(found.verdict, Verdict::Bind("c2".into()));
    assert!(against(&found, "c1").is_some_and(|text| text.contains("in error")));
    world.connection("c5", "shared_sql", "gone").shares = vec![("ann".into(), ShareLevel::CanView)];
    let found = find(&world, "ann", &Selector::default());
    assert!(against(&found, "c5").is_some_and(|text| text.contains("has left")));
}

#[test]
fn a_binding_that_fits_is_kept_and_one_that_does_not_is_replaced() {
    let mut world = world();
    world.reference("new_Sql", "shared_sql", Some("c2"));
    assert_eq!(find(&world, "ann", &Selector::default()).verdict, Verdict::Kept);
    let selector = Selector { target: Some("db.test".into()), ..Selector::default() };
    assert_eq!(find(&world, "ann", &selector).verdict, Verdict::Bind("c1".into()));
}

#[test]
fn a_service_principal_needs_to_share_what_it_binds() {
    let mut world = world();
    for level in [ShareLevel::CanView, ShareLevel::CanViewWithShare] {
        world.0.connections[2].shares = vec![("svc".into(), level)];
        let found = find(&world, "svc", &Selector::default());
        let one = found.candidates.iter().find(|one| one.connection.as_str() == "c3");
        let one = one.expect("it was looked at");
        match level {
            ShareLevel::CanView => {
                assert_eq!(found.verdict, Verdict::Missing);
                assert!(one.fix.as_ref().is_some_and(|fix| fix.contains("share")), "{one:?}");
            }
            _ => assert_eq!(found.verdict, Verdict::Bind("c3".into())),
        }
    }
}

/// A world whose connections all got other ids, as in a copy, and the record of the one before.
fn copied() -> (World, connref_solution::artefact::bindings_lock::LockedBinding) {
    let mut world = world();
    world.reference("new_Sql", "shared_sql", Some("c2"));
    let locked = bindings_lock_of(&world.0, &[]).bindings.remove(0);
    assert_eq!(locked.name.as_deref(), Some("c2"));
    for connection in &mut world.0.connections {
        connection.id = format!("copy-{}", connection.id).as_str().into();
    }
    (world, locked)
}

fn restore(
    world: &World,
    locked: &connref_solution::artefact::bindings_lock::LockedBinding,
    ignored: Ignored,
) -> ReferenceMatch {
    let index = Index::new(&world.0);
    reference_restore(&index, &"ann".into(), locked, ignored).expect("the caller may act")
}

#[test]
fn a_recorded_binding_is_found_again_where_ids_changed() {
    let (world, locked) = copied();
    let found = restore(&world, &locked, Ignored::default());
    assert_eq!(found.verdict, Verdict::Bind("copy-c2".into()));
    assert!(against(&found, "copy-c1").is_some_and(|text| text.contains("recorded `c2`")));
}

#[test]
fn a_record_is_not_bent_to_what_is_there() {
    let (mut world, locked) = copied();
    world.0.connections[1].fingerprint = None;
    let found = restore(&world, &locked, Ignored::default());
    assert_eq!(found.verdict, Verdict::Missing, "its target is not known any more");
    let anywhere = Ignored { target: true, ..Ignored::default() };
    assert_eq!(restore(&world, &locked, anywhere).verdict, Verdict::Bind("copy-c2".into()));
    // Two of one name, owner and target: nobody guesses.
    let mut twin = world.0.connections[1].clone();
    twin.id = "twin".into();
    world.0.connections.push(twin);
    let found = restore(&world, &locked, anywhere);
    assert_eq!(found.verdict, Verdict::Ambiguous(vec!["copy-c2".into(), "twin".into()]));
}

#[test]
fn a_star_in_a_recorded_name_is_a_star() {
    let (mut world, mut locked) = copied();
    locked.name = Some("c*".into());
    let found = restore(&world, &locked, Ignored { target: true, ..Ignored::default() });
    assert_eq!(found.verdict, Verdict::Missing);
    // The recorded connection itself, where it is here, whatever it is called now.
    world.0.connections[0].id = locked.connection.clone();
    let found = restore(&world, &locked, Ignored::default());
    assert_eq!(found.verdict, Verdict::Kept);
}

#[test]
fn a_share_that_was_not_seen_is_no_usable_candidate() {
    let mut world = world();
    world.0.connections.truncate(3);
    world.0.connections.remove(0);
    world.0.unknown.push(connref_solution::model::facts::Area::Shares);
    let found = find(&world, "bob", &Selector::default());
    assert_eq!(found.verdict, Verdict::Bind("c3".into()));
    assert_eq!(against(&found, "c2"), Some("with whom it is shared is not known"));
}
