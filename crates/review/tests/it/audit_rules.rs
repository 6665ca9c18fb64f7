//! Every audit rule fires on its fixture and not on its near miss, over facts and over the file that
//! holds them.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]
use connref_review::audit::{AuditOptions, DAY, Locked, audit, audit_codes, audit_rules};
use connref_review::catalogue::code;
use connref_review::explain;
use connref_review::policy::policies_read;
use connref_solution::artefact::bindings_lock::{
    bindings_lock_of, bindings_lock_read, bindings_lock_write,
};
use connref_solution::artefact::facts_json::{facts_read, facts_write};
use connref_solution::model::component::{Component, ComponentKind};
use connref_solution::model::facts::*;

use crate::world::{World, direct, entry, invoker};

/// A world that one rule finds something in. `miss` changes the one thing that matters.
type Fixture = fn(w: &mut World, miss: bool);

/// A flow that is on, through a reference, to a connection that was just used, tested and owned by a
/// service principal: nothing to find.
fn world() -> World {
    let mut world = World::default();
    world.0.taken_at = 1000 * DAY;
    let connection = world.connection("c1", "shared_sql", "svc");
    connection.kind = ConnectionKind::ServicePrincipal;
    connection.created_at = 900 * DAY;
    connection.last_used_at = Some(999 * DAY);
    connection.fingerprint = Some(fingerprint("https://sql.contoso.com", "svc-orders"));
    world.reference("new_Sql", "shared_sql", Some("c1"));
    let flow = world.flow("f", "svc", vec![entry("new_Sql", "shared_sql")]);
    flow.state = FlowState::On;
    world
}

fn fingerprint(target: &str, identity: &str) -> Fingerprint {
    Fingerprint {
        tested_at: 999 * DAY,
        identity: Some(identity.to_owned()),
        target: target.to_owned(),
    }
}

fn second(w: &mut World) -> &mut ConnectionFacts {
    let mut other = w.0.connections[0].clone();
    other.id = "c2".into();
    other.display_name = "c2".into();
    w.0.connections.push(other);
    w.reference("new_Two", "shared_sql", Some("c2"));
    w.flow("g", "svc", vec![entry("new_Two", "shared_sql")]).state = FlowState::On;
    w.0.connections.last_mut().expect("just pushed")
}

#[rustfmt::skip]
const FIXTURES: &[(&str, Fixture)] = &[
    (code::CA101, |w, miss| {
        if !miss { w.0.references[0].connection = None; }
    }),
    (code::CA102, |w, miss| {
        w.0.references[0].connection = Some(if miss { "{C1}" } else { "c9" }.into());
    }),
    (code::CA103, |w, miss| {
        let api = "shared_new-5facme-5faaaaaaaaaaaaaaaa";
        w.0.connections[0].api_name = api.into();
        let reference = if miss { "shared_new-5facme-5fbbbbbbbbbbbbbbbb" } else { "shared_sql" };
        w.0.references[0].api_name = reference.into();
        w.0.flows[0].references = vec![entry("new_Sql", reference)];
    }),
    (code::CA104, |w, miss| {
        w.0.connections[0].kind = ConnectionKind::User;
        if miss { w.0.flows[0].references = vec![invoker("new_Sql", "shared_sql")]; }
    }),
    (code::CA105, |w, miss| {
        w.0.connections[0].owner = if miss { "bob" } else { "gone" }.into();
    }),
    (code::CA106, |w, miss| {
        w.0.flows[0].owner = "bob".into();
        if miss { w.0.connections[0].shares.push(("bob".into(), ShareLevel::CanView)); }
    }),
    (code::CA107, |w, miss| {
        w.0.references.clear();
        w.0.flows.clear();
        if !miss { w.0.connections[0].last_used_at = Some(950 * DAY); }
    }),
    (code::CA108, |w, miss| {
        for n in 1..if miss { 9 } else { 10 } {
            w.flow(&format!("f{n}"), "svc", vec![entry("new_Sql", "shared_sql")]);
        }
    }),
    (code::CA109, |w, miss| {
        let other = second(w);
        if miss { other.fingerprint = Some(fingerprint("https://sql.contoso.com", "another")); }
    }),
    (code::CA110, |w, miss| {
        w.0.connections[0].last_used_at = Some(900 * DAY);
        let unit = if miss { ScheduleUnit::Month } else { ScheduleUnit::Week };
        w.0.flows[0].schedule = Some(Schedule { unit, interval: 2 });
    }),
    (code::CA111, |w, miss| {
        let message = if miss { "cannot resolve `old.contoso.com`" } else { "AADSTS50173" };
        w.0.connections[0].status = ConnectionStatus::Error { code: "Unauthorized".into(), message: message.into() };
    }),
    (code::CA112, |w, miss| {
        w.0.connections[0].ends_at = Some(if miss { 1031 * DAY } else { 1029 * DAY });
    }),
    (code::CA113, |w, miss| {
        w.0.flows[0].state = FlowState::Off;
        w.0.flows[0].wanted_on = !miss;
    }),
    (code::CA114, |w, miss| {
        // The record was made when `c1` was bound; see `locked`.
        if miss { w.0.references[0].binding_version += 1; } else { second(w); w.0.references[0].connection = Some("c2".into()); }
    }),
    (code::CA115, |w, miss| {
        w.connection("m1", "shared_mail", "svc").last_used_at = Some(999 * DAY);
        w.reference("new_Mail", "shared_mail", Some("m1"));
        let entries = vec![entry("new_Sql", "shared_sql"), entry("new_Mail", "shared_mail")];
        if miss { w.flow("g", "svc", entries[1..].to_vec()).state = FlowState::On; } else { w.0.flows[0].references = entries; }
    }),
    (code::CA116, |w, miss| {
        w.reference("new_Spare", "shared_sql", Some("c1"));
        if miss { w.flow("g", "svc", vec![entry("new_Spare", "shared_sql")]).wanted_on = false; }
    }),
    (code::CA117, |w, miss| {
        w.variable("new_Site", None).default_value = if miss { Some("x".to_owned()) } else { None };
    }),
    (code::CA118, |w, miss| {
        w.0.flows[0].acted = vec![Acted {
            reference: Some("NEW_SQL".into()),
            connection: "c0".into(),
            identity: if miss { "SVC-orders" } else { "ann" }.to_owned(),
            binding_version: 1,
            at: 999 * DAY,
        }];
    }),
    (code::CA119, |w, miss| {
        let target = if miss { "https://latest.contoso.test" } else { "https://sql-uat2.contoso.com" };
        w.0.connections[0].fingerprint = Some(fingerprint(target, "svc-orders"));
    }),
    (code::CA120, |w, miss| {
        let mut one = direct(if miss { None } else { Some("c1") }, "shared_sql");
        one.source = connref_solution::model::package::RuntimeSource::Invoker;
        w.0.flows[0].references.push(one);
    }),
    (code::CA121, |w, miss| {
        let layer = ManagedLayer { solution: "s1".into(), digest: String::new(), references: Vec::new() };
        let component = Component { kind: ComponentKind::Flow, id: "f".into(), name: "f".to_owned() };
        w.0.layers.push(LayerFacts {
            component,
            managed: vec![layer],
            unmanaged: if miss { None } else { Some(990 * DAY) },
        });
    }),
    (code::CA122, |w, miss| {
        w.0.flows[0].owner = "gone".into();
        if miss { w.0.flows[0].co_owners = vec!["bob".into()]; }
    }),
    (code::CA123, |w, miss| {
        w.0.groups.push(GroupFacts { id: "all".into(), name: "All".into(), members: Some(if miss { 49 } else { 50 }) });
        w.0.connections[0].shares.push(("all".into(), ShareLevel::CanView));
    }),
    (code::CA125, |w, miss| {
        w.0.flows[0].state = if miss { FlowState::Off } else { FlowState::Suspended };
    }),
];

const POLICY: &str = r#"{"displayName": "Keep apart", "defaultConnectorsClassification": "General",
  "connectorGroups": [{"classification": "Confidential", "connectors": [{"id": "/providers/Microsoft.PowerApps/apis/shared_sql"}]}]}"#;

fn audited(facts: &Facts, codes: &[&str]) -> Vec<connref_review::Finding> {
    let policies = policies_read(POLICY.as_bytes()).unwrap();
    let mut recorded = bindings_lock_of(&world().0, &[]);
    for other in facts.references.iter().filter(|r| r.logical_name != "new_Sql".into()) {
        let mut one = recorded.bindings[0].clone();
        one.reference = other.logical_name.clone();
        one.connection = other.connection.clone().unwrap_or("c1".into());
        one.api_name = other.api_name.clone();
        (one.owner, one.target) = (None, None);
        recorded.bindings.push(one);
    }
    let lock = bindings_lock_read(bindings_lock_write(&recorded).as_bytes()).unwrap();
    let options = AuditOptions {
        policies: Some(&policies),
        lock: Some(Locked { lock: &lock, file: "bindings.lock.json" }),
        ..AuditOptions::default()
    };
    audit_codes(facts, &options, codes).findings
}

#[test]
fn a_world_in_order_has_no_finding() {
    assert_eq!(audited(&world().0, &[]), []);
}

#[test]
fn every_rule_fires_on_its_fixture_and_not_on_its_near_miss() {
    assert!(audit_rules().eq(FIXTURES.iter().map(|(code, _)| *code)), "a fixture for each rule");
    for (code, fixture) in FIXTURES {
        for miss in [false, true] {
            let mut world = world();
            fixture(&mut world, miss);
            let found = audited(&world.0, &[]);
            let hits = found.iter().filter(|f| f.code == *code).count();
            assert_eq!(hits, usize::from(!miss), "{code} near miss {miss}: {found:#?}");
            assert_eq!(audited(&world.0, &[code]).len(), hits, "{code} alone");
            for finding in &found {
                assert!(explain(finding.code).is_some(), "{} has no page", finding.code);
            }
            // A file of these facts is judged alike.
            let read = facts_read(facts_write(&world.0).as_bytes()).unwrap();
            assert_eq!(audited(&read, &[]), found);
        }
    }
}

#[test]
fn messages_and_fixes_as_people_read_them() {
    let mut text = String::new();
    for (code, fixture) in FIXTURES {
        let mut world = world();
        fixture(&mut world, false);
        for finding in audited(&world.0, &[code]) {
            let place = finding.location.map(|at| format!("{}:{} ", at.part, at.line));
            text += &format!(
                "{code} {} {}{}\n  {}\n  {}\n\n",
                finding.severity,
                place.unwrap_or_default(),
                finding.message,
                finding.help,
                finding.fix.as_deref().unwrap_or("-")
            );
        }
    }
    insta::assert_snapshot!("audit_messages", text);
}

#[test]
fn what_was_not_seen_is_never_fine() {
    let mut world = world();
    let options = AuditOptions::default();
    world.0.unknown = vec![Area::Connections, Area::Runs, Area::Ends];
    world.0.references[0].connection = Some("c9".into());
    let audited = audit(&world.0, &options);
    assert_eq!(
        audited.unjudged,
        [(code::CA112, vec![Area::Ends]), (code::CA118, vec![Area::Runs])]
    );
    let hidden = audited.findings.iter().find(|f| f.code == code::CA102).unwrap();
    assert_eq!(hidden.severity, connref_review::Severity::Warning);
    assert!(hidden.message.contains("could be seen"));
}

#[test]
fn severities_follow_what_the_facts_say() {
    use connref_review::Severity::{Error, Note, Warning};
    let severity = |change: &dyn Fn(&mut World), code: &str| {
        let mut world = world();
        change(&mut world);
        audited(&world.0, &[code])[0].severity
    };
    let person = |w: &mut World| w.0.connections[0].kind = ConnectionKind::User;
    assert_eq!(severity(&person, "CA104"), Warning);
    let no_other_way = |w: &mut World| {
        person(w);
        w.0.connectors[0].service_principal = Capability::No;
    };
    assert_eq!(severity(&no_other_way, "CA104"), Note);
    assert_eq!(severity(&|w| w.0.connections[0].ends_at = Some(999 * DAY), "CA112"), Error);
    let gone = |w: &mut World| {
        w.0.connections[0].status =
            ConnectionStatus::Error { code: "ProbeFailed".into(), message: "answered 410".into() };
    };
    assert_eq!(severity(&gone, "CA110"), Warning);
    assert_eq!(severity(&|w| w.0.connections[0].last_used_at = Some(0), "CA110"), Note);
    let group = |w: &mut World| {
        w.0.groups.push(GroupFacts { id: "g".into(), name: "G".into(), members: None });
        w.0.connections[0].shares.push(("g".into(), ShareLevel::CanView));
    };
    assert_eq!(severity(&group, "CA123"), Note);
    let tenant = |w: &mut World| {
        w.0.connections[0].shares.push(("tenant".into(), ShareLevel::CanView));
    };
    assert_eq!(severity(&tenant, "CA123"), Warning);
}
