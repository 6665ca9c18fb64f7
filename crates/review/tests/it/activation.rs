//! Turning on: each rule both ways, and the texts that clients match on.
use crate::world::{World, direct, entry, invoker};
use connref_review::refusal::flow_client_error;
use connref_review::{Activation, explain, flow_activation};
use connref_solution::model::facts::{ConnectionStatus, FlowState, ShareLevel};

fn codes(activation: &Activation) -> Vec<&'static str> {
    activation.refusals.iter().map(|r| r.code).collect()
}

fn on(world: &World, caller: &str) -> Activation {
    flow_activation(&world.0, &"f".into(), &caller.into())
}

/// One flow through one bound reference; Ann owns everything.
fn bound() -> World {
    let mut world = World::default();
    world.connection("c1", "shared_sql", "ann");
    world.reference("new_Sql", "shared_sql", Some("c1"));
    world.flow("f", "ann", vec![entry("NEW_sql", "shared_sql")]);
    world
}

#[test]
fn the_owner_of_every_connection_may() {
    let activation = on(&bound(), "ann");
    assert!(activation.allowed() && activation.why().is_none());
    assert_eq!(activation.grants, ["c1".into()]);
    assert_eq!(activation.wire_text(), None);
}

#[test]
fn an_unbound_reference_refuses_invoker_ones_too() {
    for make in [entry, invoker] {
        let mut world = World::default();
        world.reference("new_Sql", "shared_sql", None);
        world.flow("f", "ann", vec![make("new_sql", "shared_sql")]);
        let activation = on(&world, "ann");
        assert_eq!(
            activation.wire_text().unwrap(),
            "Flow client error returned with status code \"BadRequest\" and details \
             \"{\"error\":{\"code\":\"XrmConnectionReferenceMissingConnection\",\"message\":\
             \"Connection Id missing for connection reference logical name 'new_Sql'.\"}}\"."
        );
        assert_eq!(activation.refusals[0].status, 400);
        let fix = activation.refusals[0].fix.as_deref().unwrap();
        assert!(fix.starts_with("connref ref bind new_Sql "), "{fix}");
    }
}

#[test]
fn missing_references_come_in_one_text() {
    let mut world = World::default();
    world.flow("f", "ann", vec![entry("a_x", "shared_sql"), entry("a_y", "shared_mail")]);
    let activation = on(&world, "ann");
    assert_eq!(codes(&activation), ["ConnectionReferenceNotFound"]);
    assert_eq!(
        activation.refusals[0].text,
        "Failed to find connection references with logical name(s) 'a_x,a_y'."
    );
}

#[test]
fn a_connection_that_is_not_there_or_of_another_connector_is_not_found() {
    for (id, api) in [("c9", "shared_sql"), ("c1", "shared_mail")] {
        let mut world = World::default();
        world.connection("c1", "shared_sql", "ann");
        world.reference("new_Ref", api, Some(id));
        world.flow("f", "ann", vec![entry("new_Ref", api)]);
        let activation = on(&world, "ann");
        assert_eq!(codes(&activation), ["ConnectionNotFound"]);
        assert_eq!(activation.refusals[0].status, 404);
        assert_eq!(
            activation.refusals[0].text,
            format!("Could not find connection '{id}' for API '{api}'.")
        );
    }
}

#[test]
fn whoever_may_not_use_the_connection_may_not_turn_on() {
    let mut world = bound();
    let refused = on(&world, "bob");
    assert_eq!(codes(&refused), ["ConnectionAuthorizationFailed"]);
    assert!(refused.grants.is_empty());
    assert!(refused.wire_text().unwrap().contains("status code \"Forbidden\""));
    assert_eq!(
        refused.refusals[0].text,
        "The caller object id is 'bob'. Connection \
         '/providers/Microsoft.PowerApps/apis/shared_sql/connections/c1' to 'shared_sql' cannot be \
         used to activate this flow, either because this is not a valid connection or because it \
         is not a connection you have access permission for. Either replace the connection with a \
         valid connection you can access or have the connection owner activate the flow, so the \
         connection is shared with you in the context of this flow."
    );
    world.0.connections[0].shares.push(("bob".into(), ShareLevel::CanView));
    assert!(on(&world, "bob").allowed());
}

#[test]
fn no_role_replaces_a_right() {
    let mut world = bound();
    world.0.principals[1].role = connref_solution::model::facts::Role::SystemAdministrator;
    assert_eq!(codes(&on(&world, "bob")), ["ConnectionAuthorizationFailed"]);
}

#[test]
fn disabled_and_unknown_callers_are_refused() {
    for caller in ["gone", "nobody"] {
        assert_eq!(codes(&on(&bound(), caller)), ["CallerDisabled"]);
    }
}

#[test]
fn broken_connections_refuse_except_where_the_caller_brings_its_own() {
    let broken = ConnectionStatus::Error { code: "Unauthenticated".into(), message: "x".into() };
    for (status, code) in
        [(broken, "ConnectionInError"), (ConnectionStatus::Disabled, "ConnectionDisabled")]
    {
        let mut world = bound();
        world.0.connections[0].status = status;
        assert_eq!(codes(&on(&world, "ann")), [code]);
        world.0.flows[0].references = vec![invoker("new_sql", "shared_sql")];
        assert!(on(&world, "ann").allowed());
    }
    let mut world = bound();
    world.0.connections[0].owner = "gone".into();
    world.0.connections[0].shares.push(("bob".into(), ShareLevel::CanView));
    let refused = on(&world, "bob");
    assert_eq!(codes(&refused), ["ConnectionOwnerDisabled"]);
    let fix = refused.refusals[0].fix.as_deref().unwrap();
    assert_eq!(fix, "connref connection reassign --owner gone --to NEW_OWNER --env PROD");
}

#[test]
fn entry_and_reference_are_of_one_connector() {
    let mut world = bound();
    world.0.flows[0].references[0].api_name = "shared_mail".into();
    assert_eq!(codes(&on(&world, "ann")), ["ConnectorMismatch"]);
}

#[test]
fn a_custom_connector_is_one_whatever_the_hash() {
    let mut world = World::default();
    world.connection("c1", "shared_new-5facme-5faaaaaaaaaaaaaaaa", "ann");
    world.reference("new_A", "shared_new-5facme-5faaaaaaaaaaaaaaaa", Some("c1"));
    let mut other = entry("new_A", "shared_new-5facme-5fbbbbbbbbbbbbbbbb");
    world.flow("f", "ann", vec![other.clone()]);
    assert!(on(&world, "ann").allowed());
    // An api name that says nothing, but the connector's logical name.
    other.api_name = "shared_old".into();
    other.api_logical_name = Some("NEW_ACME".into());
    world.0.flows[0].references = vec![other];
    assert!(on(&world, "ann").allowed());
}

#[test]
fn children_are_on_and_embedded() {
    let mut world = bound();
    world.0.flows[0].children = vec!["kid".into()];
    assert_eq!(codes(&on(&world, "ann")), ["ChildFlowNeverPublished"], "not there");
    world.flow("kid", "ann", vec![]);
    let refused = on(&world, "ann");
    assert_eq!(codes(&refused), ["ChildFlowNeverPublished"], "off");
    assert!(refused.refusals[0].text.starts_with(
        "The workflow with id 'kid' cannot be used as a child workflow because it has never been"
    ));
    world.0.flows[1].state = FlowState::Suspended;
    assert_eq!(codes(&on(&world, "ann")), ["ChildFlowNeverPublished"], "suspended");
    world.0.flows[1].state = FlowState::On;
    assert!(on(&world, "ann").allowed());
    world.0.flows[1].references = vec![invoker("new_Sql", "shared_sql")];
    let refused = on(&world, "ann");
    assert_eq!(codes(&refused), ["ChildFlowUnsupportedForInvokerConnections"]);
    assert_eq!(
        refused.refusals[0].text,
        "The workflow with id 'kid', name kid cannot be used as a child workflow because child \
         workflows only support embedded connections."
    );
    // The child itself may be on: nobody forbids a flow to take its caller's connection.
    assert!(flow_activation(&world.0, &"kid".into(), &"ann".into()).allowed());
}

#[test]
fn a_flow_may_call_itself() {
    let mut world = bound();
    world.0.flows[0].children = vec!["f".into()];
    assert!(on(&world, "ann").allowed());
}

#[test]
fn hard_coded_connections() {
    let mut world = bound();
    world.0.flows[0].references = vec![direct(Some("/providers/x/connections/c1"), "shared_sql")];
    let inside = on(&world, "ann");
    assert!(inside.allowed());
    assert_eq!(inside.warnings[0].code, "CA120");
    assert_eq!(codes(&on(&world, "bob")), ["ConnectionAuthorizationFailed"]);
    world.0.flows[0].solutions.clear();
    assert!(on(&world, "ann").warnings.is_empty(), "outside any solution it is the only way");
    world.0.flows[0].managed = true;
    assert_eq!(codes(&on(&world, "ann")), ["ConnectionHardCoded"]);
    world.0.flows[0].managed = false;
    world.0.flows[0].references = vec![direct(None, "shared_sql")];
    assert_eq!(codes(&on(&world, "ann")), ["ConnectionHardCoded"]);
}

#[test]
fn variables_without_value_warn() {
    let mut world = bound();
    world.variable("new_Site", Some(""));
    world.0.flows[0].variables = vec!["NEW_site".into(), "new_Other".into()];
    let activation = on(&world, "ann");
    assert!(activation.allowed());
    assert_eq!(activation.warnings.len(), 2);
    world.0.variables[0].default_value = Some("x".into());
    assert_eq!(on(&world, "ann").warnings.len(), 1);
}

#[test]
fn several_refusals_become_one_wire_text() {
    let mut world = bound();
    world.reference("new_Mail", "shared_mail", None);
    world.0.flows[0].references.push(entry("new_Mail", "shared_mail"));
    // A second entry over the same reference does not repeat it.
    world.0.flows[0].references.push(entry("new_Mail", "shared_mail"));
    let activation = on(&world, "bob");
    assert_eq!(activation.refusals.len(), 2);
    let text = activation.wire_text().unwrap();
    assert!(text.contains("\"code\":\"MultipleErrorsOccurred\""));
    assert!(text.contains("Multiple errors occurred: 'Forbidden,BadRequest'. Please see details."));
    assert_eq!(flow_client_error(&[]), None);
    assert!(activation.refusals.iter().all(|r| explain(r.code).is_some()));
}
