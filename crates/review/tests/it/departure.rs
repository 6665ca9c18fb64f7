//! Giving connections to a new owner, in both fidelities.
use connref_review::departure::{Effect, Step, reassign_effect};
use connref_review::{audit, connection_for_call};
use connref_solution::model::facts::{Capability, ConnectionKind, FlowState, ShareLevel};

use crate::world::{World, entry};

fn world() -> World {
    let mut world = World::default();
    world.connection("c1", "shared_sql", "gone").account = Some("gone@contoso.com".into());
    world.connection("k1", "shared_mail", "gone").kind = ConnectionKind::SharedKey;
    world.connection("c2", "shared_sql", "ann");
    world.reference("new_Sql", "shared_sql", Some("c1"));
    world.reference("new_Mail", "shared_mail", Some("k1"));
    let entries = vec![entry("new_Sql", "shared_sql"), entry("new_Mail", "shared_mail")];
    world.flow("orders", "gone", entries).state = FlowState::On;
    world.flow("off", "bob", vec![entry("new_Sql", "shared_sql")]);
    world
}

fn reassign(world: &World, only: &[&str], to: &str) -> Effect {
    let only: Vec<_> = only.iter().map(|c| (*c).into()).collect();
    reassign_effect(&world.0, &"gone".into(), &only, &to.into())
}

#[test]
fn extended_gives_all_in_one_transaction() {
    let effect = reassign(&world(), &[], "ann");
    assert!(effect.refusals.is_empty() && effect.steps.is_empty());
    assert_eq!(effect.connections, ["c1".into(), "k1".into()]);
    assert_eq!(effect.references, ["r-new_sql".into(), "r-new_mail".into()]);
    assert_eq!(effect.flows, ["orders".into(), "off".into()]);
    assert_eq!(effect.sign_in_needed, ["c1".into()], "a key needs no sign-in");
    assert_eq!(effect.activations_passing, ["orders".into()]);
    let changed: Vec<_> = effect
        .flows_changing_identity
        .iter()
        .map(|c| (c.flow_name.as_str(), c.before.as_deref().unwrap(), c.after.as_str()))
        .collect();
    assert_eq!(
        changed,
        [("orders", "gone@contoso.com", "ann"), ("off", "gone@contoso.com", "ann")]
    );
}

#[test]
fn what_the_effect_says_makes_the_flows_run() {
    let mut world = world();
    let call = |world: &World, key: &str| {
        connection_for_call(&world.0, &"orders".into(), key, &"bob".into(), &[])
    };
    assert_eq!(call(&world, "shared_sql").unwrap_err().code, "ConnectionOwnerDisabled");
    let effect = reassign(&world, &[], "ann");
    for connection in &mut world.0.connections {
        if effect.connections.contains(&connection.id) {
            connection.owner = "ann".into();
        }
    }
    for flow in &mut world.0.flows {
        if effect.activations_passing.contains(&flow.id) {
            flow.activated_by = Some("ann".into());
        }
    }
    assert!(call(&world, "shared_sql").is_ok() && call(&world, "shared_mail").is_ok());
    assert!(
        !audit::audit(&world.0, &audit::AuditOptions::default())
            .findings
            .iter()
            .any(|f| f.code == "CA105" || f.code == "CA106")
    );
}

#[test]
fn a_right_that_stays_keeps_carrying() {
    let mut world = world();
    world.0.flows[0].activated_by = Some("bob".into());
    for connection in &mut world.0.connections {
        connection.shares.push(("bob".into(), ShareLevel::CanView));
    }
    assert!(reassign(&world, &[], "ann").activations_passing.is_empty());
}

#[test]
fn dataverse_makes_a_plan() {
    let effect = reassign(&world().dataverse(), &["c1"], "ann");
    assert!(effect.refusals.is_empty() && effect.activations_passing.is_empty());
    let kinds: Vec<_> = effect
        .steps
        .iter()
        .map(|s| match s {
            Step::Create { .. } => "create",
            Step::Rebind { .. } => "rebind",
            Step::TurnOn { .. } => "on",
            Step::Probe { .. } => "probe",
            Step::Retire { .. } => "retire",
        })
        .collect();
    assert_eq!(kinds, ["create", "rebind", "on", "probe", "retire"]);
    assert_eq!(
        effect.steps[1].command(),
        "connref ref bind new_Sql --connection NEW_CONNECTION --env PROD --as ann"
    );
}

#[test]
fn what_cannot_be_given() {
    let mut world = world();
    let codes = |e: &Effect| e.refusals.iter().map(|r| r.code).collect::<Vec<_>>();
    assert_eq!(codes(&reassign(&world, &["c2"], "bob")), ["ReassignRefused"], "Ann's, not Gone's");
    assert_eq!(codes(&reassign(&world, &["c9"], "bob")), ["ConnectionNotFound"]);
    assert_eq!(codes(&reassign(&world, &[], "nobody")), ["CallerDisabled"]);
    assert_eq!(codes(&reassign(&world, &[], "gone")), ["CallerDisabled"]);
    let own = reassign_effect(&world.0, &"ann".into(), &[], &"ann".into());
    assert_eq!(codes(&own), ["ReassignRefused"]);
    assert!(reassign(&world, &["c1"], "svc").refusals.is_empty(), "unknown is not refused");
    world.0.connectors[0].service_principal = Capability::No;
    assert_eq!(codes(&reassign(&world, &["c1"], "svc")), ["ReassignRefused"]);
}
