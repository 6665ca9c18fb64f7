//! How sure a plan is: what was not seen makes unknown what hangs on it, and nothing else.
use connref_review::{Certainty, Ground, Grounds, Outcome};
use connref_solution::model::facts::{Area, FlowState, ShareLevel};

use crate::world::{Case, World, entry};

fn flow(world: &World, outcome: &Outcome, caller: &str, id: &str) -> Ground {
    let caller = caller.into();
    let grounds = Grounds::new(&world.0, outcome, &caller);
    let of = outcome.flows.iter().find(|f| f.flow.as_str() == id).expect("in the package");
    grounds.flow(of)
}

fn case() -> Case {
    Case::default()
        .reference("new_Sql", "shared_sql")
        .reference("new_Mail", "shared_mail")
        .flow("f", vec![entry("new_Sql", "shared_sql")], &[])
        .flow("m", vec![entry("new_Mail", "shared_mail")], &[])
        .flow("top", vec![], &["f"])
}

/// Ann's connection is bound; of Bob's it is not seen whether Ann may use it.
fn world(unknown: &[Area]) -> World {
    let mut world = World::default();
    world.connection("c1", "shared_sql", "ann");
    world.connection("m1", "shared_mail", "bob");
    world.reference("new_Sql", "shared_sql", Some("c1"));
    world.reference("new_Mail", "shared_mail", Some("m1"));
    world.0.unknown = unknown.to_vec();
    world
}

#[test]
fn what_was_seen_is_known() {
    let world = world(&[]);
    let outcome = world.import(&case()).expect("allowed");
    for id in ["f", "m", "top"] {
        assert_eq!(flow(&world, &outcome, "ann", id), Ground::default(), "{id}");
    }
    let caller = "ann".into();
    let grounds = Grounds::new(&world.0, &outcome, &caller);
    for line in &outcome.report {
        assert_eq!(grounds.line(line).certainty, Certainty::Known, "{line}");
    }
}

#[test]
fn a_share_that_was_not_seen_may_turn_a_flow_on() {
    let world = world(&[Area::Shares]);
    let outcome = world.import(&case()).expect("allowed");
    // Off, for want of a right that may be there.
    let mail = flow(&world, &outcome, "ann", "m");
    assert_eq!(mail.certainty, Certainty::Unknown);
    assert_eq!(mail.because, ["with whom connections are shared"]);
    // Her own connection needs no share.
    assert_eq!(flow(&world, &outcome, "ann", "f"), Ground::default());
    // As Bob it is the other way round, and the parent hangs on its child.
    let outcome = world.import(&case().caller("bob")).expect("allowed");
    assert_eq!(flow(&world, &outcome, "bob", "m"), Ground::default());
    assert_eq!(flow(&world, &outcome, "bob", "f").certainty, Certainty::Unknown);
    assert_eq!(flow(&world, &outcome, "bob", "top").certainty, Certainty::Unknown);
}

#[test]
fn a_policy_that_was_not_seen_may_keep_a_flow_off() {
    let mut world = world(&[Area::Policies]);
    let running = world.flow("f", "ann", vec![entry("new_Sql", "shared_sql")]);
    running.state = FlowState::On;
    let outcome = world.import(&case()).expect("allowed");
    let words = ["the policies of the tenant"];
    assert_eq!(flow(&world, &outcome, "ann", "f").because, words, "it may be suspended");
    assert_eq!(flow(&world, &outcome, "ann", "top").because, words);
    // What is off for a reason that was seen stays off whatever the policies say.
    assert_eq!(flow(&world, &outcome, "ann", "m"), Ground::default());
}

#[test]
fn one_reason_that_is_known_is_enough() {
    let mut world = world(&[Area::Shares]);
    world.0.references.remove(0);
    let case = Case::default()
        .reference("new_Sql", "shared_sql")
        .reference("new_Mail", "shared_mail")
        .flow("f", vec![entry("new_Mail", "shared_mail"), entry("new_Sql", "shared_sql")], &[]);
    let outcome = world.import(&case).expect("allowed");
    assert_eq!(outcome.flows[0].refusals.len(), 2);
    assert_eq!(flow(&world, &outcome, "ann", "f"), Ground::default(), "unbound, which is known");
}

#[test]
fn refusals_are_as_sure_as_what_they_rest_on() {
    for (area, connection, certainty) in [
        (Area::Shares, "m1", Certainty::Unknown),
        (Area::Connections, "m1", Certainty::Known),
        (Area::Connections, "m9", Certainty::Unknown),
        (Area::Shares, "m9", Certainty::Known),
    ] {
        let mut world = world(&[area]);
        world.0.references.clear();
        let refusals = world.import(&case().bind("new_Mail", connection)).expect_err("refused");
        let caller = "ann".into();
        let grounds = Grounds::of_refusals(&world.0, &caller);
        assert_eq!(grounds.refusal(&refusals[0]).certainty, certainty, "{area:?} {connection}");
    }
}

#[test]
fn a_group_that_was_not_seen_may_give_the_right() {
    let mut world = world(&[Area::Groups]);
    let outcome = world.import(&case()).expect("allowed");
    assert_eq!(flow(&world, &outcome, "ann", "m"), Ground::default(), "it is shared with nobody");
    world.0.connections[1].shares.push(("some-group".into(), ShareLevel::CanView));
    let outcome = world.import(&case()).expect("allowed");
    assert_eq!(flow(&world, &outcome, "ann", "m").because, ["the members of groups and teams"]);
}

#[test]
fn rules_that_are_not_proven_are_inferred() {
    let mut world = world(&[]).dataverse();
    world.0.connections[0].status = connref_solution::model::facts::ConnectionStatus::Error {
        code: "Unauthorized".into(),
        message: String::new(),
    };
    let outcome = world.import(&case()).expect("allowed");
    assert_eq!(flow(&world, &outcome, "ann", "f").certainty, Certainty::Inferred);
    assert_eq!(flow(&world, &outcome, "ann", "top").certainty, Certainty::Inferred);
}

#[test]
fn a_circle_of_calls_ends() {
    let world = world(&[Area::Policies]);
    let case = Case::default().flow("a", vec![], &["b"]).flow("b", vec![], &["a"]);
    let outcome = world.import(&case).expect("allowed");
    for id in ["a", "b"] {
        assert_eq!(flow(&world, &outcome, "ann", id).certainty, Certainty::Known, "{id}");
    }
}
