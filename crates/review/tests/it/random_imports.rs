//! Imports into random worlds: bindings are kept, nothing is blanked, nothing unusable is bound,
//! and what is turned on could be turned on.
use connref_review::{explain, flow_activation};
use connref_solution::model::PrincipalId;
use connref_solution::model::facts::{
    ConnectionStatus, Facts, FlowState, PrincipalKind, ShareLevel,
};
use proptest::prelude::*;

use crate::model::random_world;
use crate::world::{Case, Random, entry, invoker};

fn random_case(random: &mut Random) -> Case {
    let apis = ["shared_sql", "shared_sql", "shared_sql", "shared_mail"];
    let mut case = Case::default().caller(random.pick::<&str>(&["ann", "bob", "svc"]));
    for i in 0..random.below(4) {
        let api = *random.pick(&apis);
        case = case.reference(&format!("NEW_r{i}"), api);
        if random.once_in(2) {
            let at = case.package.references.len() - 1;
            case.package.references[at].description =
                Some(if random.once_in(2) { "new text" } else { "" }.into());
        }
        if random.once_in(2) {
            case = case.bind(&format!("new_R{i}"), &format!("c{}", random.below(5)));
        }
    }
    for i in 0..random.below(4) {
        let name = format!("new_r{}", random.below(4));
        let make = if random.once_in(4) { invoker } else { entry };
        let entries = if random.once_in(3) { vec![] } else { vec![make(&name, "shared_sql")] };
        let child = format!("f{}", random.below(5));
        let children: &[&str] = if random.once_in(3) { &[&child] } else { &[] };
        case = case.flow(&format!("f{}", i + random.below(2) * 10), entries, children);
    }
    case.options.publish_workflows = !random.once_in(8);
    case
}

/// Written apart from the crate: may this principal bind to this connection?
fn bindable(facts: &Facts, id: &str, who: &PrincipalId) -> bool {
    let Some(connection) = facts.connections.iter().find(|c| c.id.as_str() == id) else {
        return false;
    };
    let here = |p: &PrincipalId| facts.principals.iter().any(|x| &x.id == p && !x.disabled);
    let principal = facts.principals.iter().find(|p| &p.id == who);
    let need = match principal.map(|p| p.kind) {
        Some(PrincipalKind::ServicePrincipal) => ShareLevel::CanViewWithShare,
        _ => ShareLevel::CanView,
    };
    let shared = connection.shares.iter().any(|(p, level)| p == who && *level >= need);
    here(who)
        && here(&connection.owner)
        && connection.status != ConnectionStatus::Disabled
        && (&connection.owner == who || shared)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_import_harms_nothing(seed in any::<u64>()) {
        let random = &mut Random(seed);
        let world = random_world(random);
        let case = random_case(random);
        let facts = &world.0;
        let outcome = match world.import(&case) {
            Ok(outcome) => outcome,
            Err(refusals) => {
                prop_assert!(!refusals.is_empty());
                for refusal in refusals {
                    prop_assert!(explain(refusal.code).is_some(), "{}", refusal.code);
                }
                return Ok(());
            }
        };
        let set = outcome.change_set.expect("nothing skips");
        for change in &set.references {
            let name = &change.reference.logical_name;
            let asked = case.settings.iter().flat_map(|s| &s.references).find(|s| &s.logical_name == name);
            if let Some(bind) = &change.bind {
                prop_assert_eq!(asked.map(|a| a.connection_id.as_str()), Some(bind.as_str()));
                prop_assert!(bindable(facts, bind.as_str(), &case.caller));
                let connection = facts.connection(bind).expect("bindable");
                prop_assert!(facts.same_connector(&connection.api_name, &change.reference.api_name));
            }
            prop_assert!(!change.reference.display_name.is_empty());
            if let Some(before) = facts.reference(name) {
                let after = outcome.future.reference(name).expect("it was there");
                prop_assert_eq!(Some(&before.id), change.existing.as_ref());
                prop_assert!(before.connection.is_none() || after.connection.is_some());
                if asked.is_none() {
                    prop_assert_eq!(&before.connection, &after.connection);
                    prop_assert_eq!(before.binding_version, after.binding_version);
                }
                let text = after.description.as_deref().unwrap_or_default();
                prop_assert!(!text.is_empty() || before.description.as_deref().unwrap_or_default().is_empty());
                prop_assert_eq!(&before.owner, &after.owner);
            }
        }
        for change in &set.flows {
            match facts.flow(&change.workflow.id) {
                Some(before) => prop_assert_eq!(change.on, before.state == FlowState::On),
                None => {
                    prop_assert_eq!(change.on, change.why_off.is_none());
                    let allowed = flow_activation(&outcome.future, &change.workflow.id, &case.caller).allowed();
                    prop_assert!(!change.on || allowed);
                    // What stays off does so for a reason, or because nobody wanted it published.
                    let waits = !change.on && allowed && case.options.publish_workflows;
                    prop_assert!(!waits, "{:?}", change.why_off);
                }
            }
        }
        for warning in &outcome.warnings {
            prop_assert!(explain(warning.code).is_some(), "{}", warning.code);
        }
    }
}
