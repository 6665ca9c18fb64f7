//! The connection of one call: embedded, invoker, on behalf; each refusal.
use crate::world::{World, direct, entry, invoker};
use connref_review::{Acting, Refusal, Use, connection_for_call};
use connref_solution::model::ConnectionId;
use connref_solution::model::facts::{ConnectionStatus, ShareLevel};

fn call(world: &World, caller: &str) -> Result<Use, Refusal> {
    connection_for_call(&world.0, &"f".into(), "shared_sql", &caller.into(), &[])
}

fn chosen(world: &World, caller: &str, id: &str) -> Result<Use, Refusal> {
    let choices = [("shared_sql".to_owned(), ConnectionId::new(id))];
    connection_for_call(&world.0, &"f".into(), "shared_sql", &caller.into(), &choices)
}

fn code(result: Result<Use, Refusal>) -> &'static str {
    result.expect_err("refused").code
}

fn embedded() -> World {
    let mut world = World::default();
    world.connection("c1", "shared_sql", "ann");
    world.reference("new_Sql", "shared_sql", Some("c1")).binding_version = 4;
    world.flow("f", "bob", vec![entry("new_Sql", "shared_sql")]).activated_by = Some("ann".into());
    world
}

fn by_invoker() -> World {
    let mut world = World::default();
    world.reference("new_Sql", "shared_sql", None);
    world.flow("f", "ann", vec![invoker("new_Sql", "shared_sql")]);
    world.connection("b1", "shared_sql", "bob");
    world
}

#[test]
fn embedded_follows_the_binding_whoever_calls() {
    for caller in ["ann", "bob", "svc"] {
        let used = call(&embedded(), caller).unwrap();
        assert_eq!(used.connection.as_str(), "c1");
        assert_eq!(used.reference, Some("r-new_sql".into()));
        assert_eq!((used.binding_version, used.acting), (4, Acting::Embedded));
    }
}

#[test]
fn keys_are_found_without_case() {
    let used =
        connection_for_call(&embedded().0, &"f".into(), "Shared_SQL", &"ann".into(), &[]).unwrap();
    assert_eq!(used.connection.as_str(), "c1");
    let missing = connection_for_call(&embedded().0, &"f".into(), "x", &"ann".into(), &[]);
    assert_eq!(code(missing), "ConnectionKeyNotFound");
    let missing = connection_for_call(&embedded().0, &"g".into(), "x", &"ann".into(), &[]);
    assert_eq!(code(missing), "FlowNotFound");
}

#[test]
fn embedded_ends_with_the_right_that_carries_it() {
    let mut world = embedded();
    world.0.flows[0].activated_by = Some("bob".into());
    assert_eq!(code(call(&world, "ann")), "ConnectionAuthorizationFailed", "though Ann calls");
    world.0.connections[0].shares.push(("bob".into(), ShareLevel::CanView));
    assert!(call(&world, "svc").is_ok());
    // A flow owner who may use it carries it when who turned it on is gone.
    world.0.flows[0].activated_by = Some("gone".into());
    assert!(call(&world, "svc").is_ok());
    world.0.flows[0].owner = "gone".into();
    assert_eq!(code(call(&world, "ann")), "ConnectionAuthorizationFailed");
}

#[test]
fn embedded_ends_with_the_connection() {
    let mut world = embedded();
    world.0.references[0].connection = None;
    assert_eq!(code(call(&world, "ann")), "XrmConnectionReferenceMissingConnection");
    world.0.references[0].connection = Some("c9".into());
    assert_eq!(code(call(&world, "ann")), "ConnectionNotFound");
    let mut world = embedded();
    world.0.connections[0].status = ConnectionStatus::Disabled;
    assert_eq!(code(call(&world, "ann")), "ConnectionDisabled");
    world.0.principals[0].disabled = true;
    assert_eq!(code(call(&world, "bob")), "ConnectionOwnerDisabled");
}

#[test]
fn invoker_takes_the_callers_own() {
    let mut world = by_invoker();
    let used = call(&world, "bob").unwrap();
    assert_eq!((used.connection.as_str(), used.acting), ("b1", Acting::Invoker));
    let none = call(&world, "ann").unwrap_err();
    assert_eq!(none.code, "InvokerConnectionMissing");
    assert!(none.text.contains("shared_sql"), "{}", none.text);
    assert_eq!(
        none.fix.as_deref(),
        Some("connref connection create shared_sql --name NAME --env PROD --as ann")
    );
    world.0.connections[0].shares.push(("ann".into(), ShareLevel::CanEdit));
    assert_eq!(code(call(&world, "ann")), "InvokerConnectionMissing", "shared is not own");
    assert_eq!(code(chosen(&world, "ann", "b1")), "InvokerConnectionOverrideFailed");
    assert_eq!(code(call(&world, "gone")), "CallerDisabled");
}

#[test]
fn invoker_never_guesses() {
    let mut world = by_invoker();
    world.connection("b2", "shared_sql", "bob");
    let refused = call(&world, "bob").unwrap_err();
    assert_eq!(refused.code, "InvokerConnectionAmbiguous");
    assert!(refused.text.contains("'b1'") && refused.text.contains("'b2'"));
    assert_eq!(chosen(&world, "bob", "b2").unwrap().connection.as_str(), "b2");
    assert_eq!(code(chosen(&world, "bob", "b9")), "ConnectionNotFound");
    // One that does not work is no candidate.
    world.0.connections[0].status = ConnectionStatus::Disabled;
    assert_eq!(call(&world, "bob").unwrap().connection.as_str(), "b2");
    world.connection("b3", "shared_mail", "bob");
    assert_eq!(code(chosen(&world, "bob", "b3")), "ConnectionNotFound");
    world.0.connections[1].status = ConnectionStatus::Disabled;
    assert_eq!(code(call(&world, "bob")), "InvokerConnectionMissing");
    world.0.connections.remove(1);
    assert_eq!(code(call(&world, "bob")), "ConnectionDisabled", "the one there is says why");
}

#[test]
fn on_behalf_names_the_caller() {
    let mut world = embedded();
    world.0.flows[0].references[0].on_behalf_of_invoker = true;
    assert_eq!(call(&world, "bob").unwrap().acting, Acting::OnBehalfOf("bob".into()));
    assert_eq!(code(call(&world, "gone")), "CallerDisabled");
}

#[test]
fn direct_connections_have_no_reference() {
    let mut world = embedded();
    world.0.flows[0].references = vec![direct(Some("c1"), "shared_sql")];
    let used = call(&world, "bob").unwrap();
    assert_eq!((used.reference, used.binding_version), (None, 0));
    world.0.flows[0].references = vec![direct(None, "shared_sql")];
    assert_eq!(code(call(&world, "bob")), "ConnectionHardCoded");
}
