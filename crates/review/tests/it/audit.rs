//! Audits: what is unbound, what the departed leave behind, what may not be used.
use connref_review::audit::{AuditOptions, audit_codes, departed};
use connref_review::{Finding, Severity};
use connref_solution::model::Facts;
use connref_solution::model::facts::{FlowState, ShareLevel};

use crate::world::{World, direct, entry, invoker};

fn codes(findings: &[Finding]) -> Vec<&'static str> {
    findings.iter().map(|f| f.code).collect()
}

fn cannot_use(facts: &Facts) -> Vec<Finding> {
    audit_codes(facts, &AuditOptions::default(), &["CA106"]).findings
}

fn unbound(facts: &Facts) -> Vec<Finding> {
    audit_codes(facts, &AuditOptions::default(), &["CA101"]).findings
}

fn world() -> World {
    let mut world = World::default();
    world.connection("c1", "shared_sql", "gone");
    world.connection("c2", "shared_sql", "ann");
    world.reference("new_Sql", "shared_sql", Some("c1"));
    world.reference("new_Fine", "shared_sql", Some("c2"));
    world.flow("orders", "ann", vec![entry("new_SQL", "shared_sql")]).state = FlowState::On;
    world.flow("fine", "ann", vec![entry("new_Fine", "shared_sql")]).state = FlowState::On;
    world.flow("own", "ann", vec![invoker("new_Sql", "shared_sql")]).state = FlowState::On;
    world
}

#[test]
fn a_departed_owner_is_found_with_all_that_stops() {
    let findings = departed(&world().0, None);
    assert_eq!(codes(&findings), ["CA105"]);
    let finding = &findings[0];
    assert_eq!(finding.severity, Severity::Error);
    assert_eq!(&*finding.subject.id, "c1");
    assert!(finding.help.contains("`orders`") && finding.help.contains("`new_Sql`"));
    assert!(!finding.help.contains("`own`"), "it takes its caller's connection");
    assert!(finding.help.contains("10 runs"));
    assert_eq!(
        finding.fix.as_deref(),
        Some("connref connection reassign --owner gone --to NEW_OWNER --env PROD")
    );
}

#[test]
fn somebody_who_is_here_is_asked_about() {
    assert!(departed(&world().0, Some(&"bob".into())).is_empty());
    let findings = departed(&world().0, Some(&"ann".into()));
    assert_eq!(codes(&findings), ["CA105", "CA122", "CA122", "CA122"]);
    assert!(findings.iter().all(|f| f.severity == Severity::Warning));
    assert!(findings[0].help.starts_with("flows that would stop: `fine`"));
}

#[test]
fn unknown_owners_and_direct_connections_count() {
    let mut world = world();
    world.0.connections[0].owner = "never-heard".into();
    world.0.flows[0].references = vec![direct(Some("c1"), "shared_sql")];
    world.0.flows[0].owner = "never-heard".into();
    let findings = departed(&world.0, None);
    assert_eq!(codes(&findings), ["CA105", "CA122"]);
    assert!(findings[0].message.contains("whom nobody knows here"));
    assert!(findings[0].help.contains("`orders`"));
}

#[test]
fn a_co_owner_who_is_here_answers_for_a_flow() {
    let mut world = world();
    world.0.flows[0].owner = "gone".into();
    let left = |world: &World| codes(&departed(&world.0, None)).contains(&"CA122");
    world.0.flows[0].co_owners = vec!["bob".into()];
    assert!(!left(&world));
    world.0.flows[0].co_owners = vec!["gone".into(), "team".into()];
    assert!(left(&world), "a team without anybody in it");
    world.0.principals[0].counts_as.push("team".into());
    assert!(!left(&world));
    assert!(
        !codes(&departed(&world.0, Some(&"bob".into()))).contains(&"CA122"),
        "bob owns no flow"
    );
}

#[test]
fn a_flow_that_should_be_off_needs_no_owner() {
    let mut world = world();
    world.0.flows[0].owner = "gone".into();
    assert!(codes(&departed(&world.0, None)).contains(&"CA122"));
    world.0.flows[0].state = FlowState::Off;
    world.0.flows[0].wanted_on = false;
    assert!(!codes(&departed(&world.0, None)).contains(&"CA122"));
}

#[test]
fn a_right_taken_back_is_found_once() {
    let mut world = world();
    assert!(cannot_use(&world.0).is_empty(), "a departed owner is CA105");
    world.0.flows[1].owner = "bob".into();
    world.0.flows[1].references.push(entry("new_Fine", "shared_sql"));
    assert_eq!(codes(&cannot_use(&world.0)), ["CA106"]);
    world.0.connections[1].shares.push(("bob".into(), ShareLevel::CanView));
    assert!(cannot_use(&world.0).is_empty());
}

#[test]
fn unbound_is_an_error_only_where_a_flow_waits() {
    let mut world = world();
    assert!(unbound(&world.0).is_empty());
    world.0.references[1].connection = None;
    let findings = unbound(&world.0);
    assert_eq!((findings[0].code, findings[0].severity), ("CA101", Severity::Error));
    assert!(findings[0].help.contains("`fine`"));
    world.0.flows[1].wanted_on = false;
    world.0.flows[1].state = FlowState::Off;
    assert_eq!(unbound(&world.0)[0].severity, Severity::Note);
}

#[test]
fn the_whole_audit_puts_the_worst_first() {
    let mut world = world();
    world.reference("new_Spare", "shared_mail", None);
    world.0.flows[1].owner = "bob".into();
    let wanted = ["CA105", "CA106", "CA101"];
    let audited = audit_codes(&world.0, &AuditOptions::default(), &wanted);
    assert_eq!(codes(&audited.findings), wanted);
}
