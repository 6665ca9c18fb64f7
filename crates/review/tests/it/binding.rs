//! Binding by hand: who may, and what it does to the flows behind.
use connref_review::binding::effect_findings;
use connref_review::right::{Operation, level_of, may};
use connref_review::{BindingEffect, Refusal, binding_check, share_check};
use connref_solution::model::facts::{ConnectionStatus, FlowState, PrincipalKind, ShareLevel};

use crate::world::{World, entry, invoker};

fn bind(world: &World, to: &str, caller: &str) -> Result<BindingEffect, Refusal> {
    binding_check(&world.0, &"r-new_sql".into(), &to.into(), &caller.into())
}

fn world() -> World {
    let mut world = World::default();
    world.connection("c1", "shared_sql", "ann");
    world.connection("c2", "shared_sql", "bob");
    world.connection("m1", "shared_mail", "bob");
    world.reference("new_Sql", "shared_sql", Some("c1"));
    world
}

#[test]
fn a_table_of_operations_and_levels() {
    use ShareLevel::{CanEdit, CanView, CanViewWithShare, Owner};
    let table = [
        (Operation::Use, CanView, CanView),
        (Operation::Bind, CanView, CanViewWithShare),
        (Operation::Share, CanViewWithShare, CanViewWithShare),
        (Operation::Edit, CanEdit, CanEdit),
        (Operation::Own, Owner, Owner),
    ];
    assert_eq!(table.map(|(o, ..)| o), Operation::ALL);
    for (operation, user, principal) in table {
        assert_eq!(operation.level(PrincipalKind::User), user);
        assert_eq!(operation.level(PrincipalKind::ServicePrincipal), principal);
        for level in [CanView, CanViewWithShare, CanEdit, Owner] {
            let mut world = world();
            world.0.connections[0].shares.push(("bob".into(), level));
            let connection = &world.0.connections[0];
            assert_eq!(may(connection, &world.0.principals[1], operation), level >= user);
            assert!(!may(connection, &world.0.principals[2], operation));
            assert_eq!(level_of(connection, world.0.principal(&"svc".into()).unwrap()), None);
        }
    }
}

#[test]
fn the_connection_must_be_usable_and_of_the_connector() {
    let mut world = world();
    assert!(bind(&world, "c2", "bob").is_ok());
    for (to, caller, code) in [
        ("c2", "ann", "ConnectionAuthorizationFailed"),
        ("m1", "bob", "ConnectionNotFound"),
        ("c9", "bob", "ConnectionNotFound"),
        ("c2", "gone", "CallerDisabled"),
    ] {
        assert_eq!(bind(&world, to, caller).unwrap_err().code, code, "{to} by {caller}");
    }
    let missing = binding_check(&world.0, &"r9".into(), &"c2".into(), &"bob".into());
    assert_eq!(missing.unwrap_err().code, "ConnectionReferenceNotFound");
    world.0.connections[1].status =
        ConnectionStatus::Error { code: "Unauthenticated".into(), message: String::new() };
    assert!(bind(&world, "c2", "bob").is_ok(), "it can be repaired in place");
    world.0.connections[1].status = ConnectionStatus::Disabled;
    assert_eq!(bind(&world, "c2", "bob").unwrap_err().code, "ConnectionDisabled");
}

#[test]
fn a_service_principal_needs_use_and_share() {
    let mut world = world();
    let refused = bind(&world, "c2", "svc").unwrap_err();
    assert!(refused.text.contains("does not have permission for connection 'c2'"));
    world.0.connections[1].shares.push(("svc".into(), ShareLevel::CanView));
    let refused = bind(&world, "c2", "svc").unwrap_err();
    assert_eq!((refused.code, refused.status), ("ConnectionAuthorizationFailed", 403));
    assert_eq!(
        refused.text,
        "Error calling /modifyPermissionsForServicePrincipal, StatusCode: Forbidden, please verify \
         that user svc has at least Can use + share Permission on connection c2"
    );
    assert_eq!(
        refused.fix.as_deref(),
        Some("connref connection share c2 --with svc --level CanViewWithShare --env PROD --as bob")
    );
    world.0.connections[1].shares.push(("svc".into(), ShareLevel::CanViewWithShare));
    assert!(bind(&world, "c2", "svc").is_ok());
}

#[test]
fn the_fix_knows_what_cannot_be_shared() {
    let world = world().dataverse();
    let fix = bind(&world, "c2", "ann").unwrap_err().fix.unwrap();
    assert!(fix.starts_with("ask bob"), "{fix}");
}

#[test]
fn a_departed_owners_connection_is_not_bound() {
    let mut world = world();
    world.0.connections[1].owner = "gone".into();
    world.0.connections[1].shares.push(("bob".into(), ShareLevel::CanEdit));
    assert_eq!(bind(&world, "c2", "bob").unwrap_err().code, "ConnectionOwnerDisabled");
}

#[test]
fn the_effect_names_flows_and_identities() {
    let mut world = world();
    world.flow("on", "ann", vec![entry("new_SQL", "shared_sql")]).state = FlowState::On;
    world.flow("own", "ann", vec![invoker("new_Sql", "shared_sql")]).state = FlowState::On;
    world.flow("other", "ann", vec![]);
    let effect = bind(&world, "c2", "bob").unwrap();
    assert!(!effect.unchanged);
    assert_eq!(effect.flows_affected, ["on".into(), "own".into()]);
    assert_eq!(effect.identity_changes.len(), 1, "the caller's own connection is not changed");
    let change = &effect.identity_changes[0];
    assert_eq!((change.before.as_deref(), change.after.as_str()), (Some("ann"), "bob"));
    assert_eq!(effect.flows_stopping, ["on".into()], "Ann may not use Bob's connection");
    let codes: Vec<_> = effect_findings(&world.0, &effect).iter().map(|f| f.code).collect();
    assert_eq!(codes, ["CA118", "CA106"]);

    world.0.connections[1].shares.push(("ann".into(), ShareLevel::CanView));
    world.0.connections[0].account = Some("robot@contoso.com".into());
    world.0.connections[1].account = Some("robot@contoso.com".into());
    let effect = bind(&world, "c2", "bob").unwrap();
    assert!(effect.identity_changes.is_empty() && effect.flows_stopping.is_empty());
    let same = bind(&world, "c1", "ann").unwrap();
    assert!(same.unchanged && same.identity_changes.is_empty());
}

#[test]
fn nobody_shares_more_than_it_has() {
    let mut world = world();
    let share = |world: &World, caller: &str, to: &str, level| {
        share_check(&world.0, &"c1".into(), &caller.into(), false, &to.into(), level)
            .map_err(|r| r.code)
    };
    assert_eq!(share(&world, "ann", "bob", ShareLevel::CanEdit), Ok(()));
    let refused = Err("ConnectionAuthorizationFailed");
    assert_eq!(share(&world, "bob", "svc", ShareLevel::CanView), refused);
    world.0.connections[0].shares.push(("bob".into(), ShareLevel::CanView));
    assert_eq!(share(&world, "bob", "svc", ShareLevel::CanView), refused);
    world.0.connections[0].shares.push(("bob".into(), ShareLevel::CanViewWithShare));
    assert_eq!(share(&world, "bob", "svc", ShareLevel::CanView), Ok(()));
    assert_eq!(share(&world, "bob", "svc", ShareLevel::CanEdit), refused);
    let not_shareable = Err("ConnectionNotShareable");
    assert_eq!(share(&world, "ann", "bob", ShareLevel::Owner), not_shareable);
    assert_eq!(share(&world, "ann", "gone", ShareLevel::CanView), Err("CallerDisabled"));
    let mut world = world.dataverse();
    assert_eq!(share(&world, "ann", "bob", ShareLevel::CanView), not_shareable);
    assert_eq!(share(&world, "ann", "svc", ShareLevel::CanView), Ok(()));
    world.0.connections[0].kind = connref_solution::model::facts::ConnectionKind::SharedKey;
    assert_eq!(share(&world, "ann", "bob", ShareLevel::CanView), Ok(()));
}
