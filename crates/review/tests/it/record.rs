//! A record judges as the case did, holds nothing of whom it is about, and its parts read back.
use std::collections::BTreeMap;

use connref_review::record::{case_record, case_result};
use connref_review::{Import, import_outcome};
use connref_solution::artefact::facts_json::{facts_read, facts_write};
use connref_solution::artefact::workflow_json::flow_body_read;
use connref_solution::model::facts::*;
use connref_solution::model::package::FlowBody;
use connref_solution::model::{Facts, FlowId};
use connref_solution::{flow_bodies, package_read, package_write};
use serde_json::Value;

use crate::world::{Case, World, blocks, entry, invoker};

fn asked<'a>(case: &'a Case, bodies: &'a BTreeMap<FlowId, FlowBody>) -> Import<'a> {
    Import {
        package: &case.package,
        bodies,
        parts: Vec::new(),
        tables: &[],
        settings: case.settings.as_ref(),
        caller: &case.caller,
        options: case.options,
    }
}

/// What a judgement says, without names: states with codes of all flows in order, or the codes.
fn said(facts: &Facts, import: Import<'_>) -> (bool, Vec<(FlowState, Vec<&'static str>)>) {
    match import_outcome(facts, import) {
        Err(refusals) => (false, vec![(FlowState::Off, refusals.iter().map(|r| r.code).collect())]),
        Ok(outcome) => {
            let flows = outcome.flows.iter();
            let codes = |f: &connref_review::FlowForecast| {
                (f.state, f.refusals.iter().map(|r| r.code).collect())
            };
            (true, flows.map(codes).collect())
        }
    }
}

/// A world with much that could tell who it is about.
fn world() -> World {
    let mut world = World::default();
    world.0.environment.name = "HARBOUR-PROD".into();
    for (at, name) in ["ann", "bob"].into_iter().enumerate() {
        world.0.principals[at].display_name = format!("Harbour {name}");
        world.0.principals[at].name = format!("{name}@harbour.example");
    }
    let mail = world.connection("mail-harbour", "shared_mail", "bob");
    mail.account = Some("office@harbour.example".into());
    mail.display_name = "Harbour mailbox".into();
    mail.endpoint = Some("mail.harbour.example".into());
    mail.status = ConnectionStatus::Error {
        code: "Unauthorized".into(),
        message: "office@harbour.example is shut".into(),
    };
    world.connection("sql-harbour", "shared_sql", "ann").shares =
        vec![("svc".into(), ShareLevel::CanViewWithShare)];
    world.connection("acme-harbour", "shared_new-5facme-5faaaaaaaaaaaaaaaa", "ann");
    world.reference("harbour_Mail", "shared_mail", Some("mail-harbour"));
    let flow = world.flow("harbour-old", "ann", vec![entry("harbour_Mail", "shared_mail")]);
    flow.state = FlowState::On;
    flow.why_off = Some("harbour".into());
    world.variable("harbour_Secret", Some("harbour-password"));
    world.policy("Harbour policy", &blocks("shared_harbour-5fown-5f0123456789abcdef", "Blocked"));
    world
}

fn case() -> Case {
    let api = "shared_new-5facme-5fbbbbbbbbbbbbbbbb";
    let mut case = Case::default()
        .reference("harbour_Sql", "shared_sql")
        .reference("harbour_Mail", "shared_mail")
        .reference("harbour_Acme", api)
        .flow("harbour-a", vec![entry("harbour_Sql", "shared_sql")], &["harbour-b"])
        .flow("harbour-b", vec![invoker("harbour_Sql", "shared_sql")], &[])
        .flow("harbour-c", vec![entry("harbour_Mail", "shared_mail")], &[])
        .flow("harbour-d", vec![entry("harbour_Acme", api)], &[])
        .flow("harbour-e", vec![entry("harbour_Nowhere", "shared_sql")], &["harbour-z"])
        .variable("harbour_Site", Some("https://harbour.example"))
        .bind("harbour_Sql", "sql-harbour")
        .bind("harbour_Acme", "acme-harbour")
        .set("harbour_Site", "https://harbour.example/prod");
    case.package.manifest.unique_name = "HarbourOrders".into();
    case.package.manifest.publisher.unique_name = "harbour".into();
    case.package.manifest.publisher.prefix = "harbour".into();
    case
}

#[test]
fn a_record_holds_nothing_of_whom_it_is_about() {
    let (world, case) = (world(), case());
    let record = case_record(&world.0, &asked(&case, &case.bodies));
    let package = package_write(None, &record.package).expect("it can be written");
    let parts = package.to_parts().expect("they can be read");
    let mut all = facts_write(&record.facts) + &record.plan.to_string();
    all += &format!("{:?}{:?}", record.settings, record.caller);
    for (name, content) in parts {
        all += &name;
        all += &String::from_utf8_lossy(&content);
    }
    let all = all.to_lowercase();
    for word in ["harbour", "ann@", "\"ann\"", "\"bob\"", "is shut", "password", "acme"] {
        assert!(!all.contains(word), "{word}: {}", context(&all, word));
    }
    assert!(all.contains("shared_sql") && all.contains("unauthorized"), "public words stay");
}

fn context(all: &str, word: &str) -> String {
    let at = all.find(word).unwrap_or_default();
    all.chars().skip(at.saturating_sub(60)).take(140).collect()
}

#[test]
fn a_record_judges_as_the_case_did() {
    let world = world();
    let mut cases = vec![case(), case().caller("svc"), case().caller("gone")];
    cases.push(case().bind("harbour_Mail", "nobody"));
    cases.push(case().bind("harbour_Mail", "shared_mail/mail-harbour"));
    cases.push(case().set("harbour_Unknown", "x"));
    cases.push(case().bind("harbour_Sql", "#{token}#"));
    for (world, case) in cases
        .iter()
        .flat_map(|case| [(world.clone(), case.clone()), (world.clone().dataverse(), case.clone())])
    {
        let mut record = case_record(&world.0, &asked(&case, &case.bodies));
        let before = said(&world.0, asked(&case, &case.bodies));
        // Everything goes through its files, as somebody else has it.
        let facts = facts_read(facts_write(&record.facts).as_bytes()).expect("it reads");
        let zip = package_write(None, &record.package).expect("it can be written");
        let package = package_read(&zip).expect("it reads");
        let bodies = flow_bodies(&package).expect("they read");
        let import = Import {
            package: &package,
            bodies: &bodies,
            parts: Vec::new(),
            tables: &[],
            settings: record.settings.as_ref(),
            caller: &record.caller,
            options: record.options,
        };
        assert_eq!(said(&facts, import), before, "{:?}", case.caller);
        // The end that was foretold is right in every flow.
        if let Ok(outcome) = import_outcome(&world.0, asked(&case, &case.bodies)) {
            let result = case_result(&mut record, Ok(&outcome.future));
            assert_eq!(result["wrong"], serde_json::json!([]), "{result}");
            assert_eq!(result["right"], outcome.flows.len(), "{result}");
        }
    }
}

#[test]
fn every_situation_can_be_recorded() {
    for row in crate::situations::rows().iter().filter(|row| row.get("package").is_some()) {
        let world = crate::situations::world(&row["facts"], Fidelity::Dataverse);
        let caller = row["caller"].as_str().unwrap_or("ann").into();
        let case = crate::situations::case(&row["package"], caller);
        let before = said(&world.0, asked(&case, &case.bodies));
        let record = case_record(&world.0, &asked(&case, &case.bodies));
        let bodies: BTreeMap<FlowId, FlowBody> = record
            .package
            .workflows
            .iter()
            .filter_map(|w| Some((w.id.clone(), flow_body_read(w.client_data.as_deref()?, "x").0)))
            .collect();
        let import = Import {
            package: &record.package,
            bodies: &bodies,
            parts: Vec::new(),
            tables: &[],
            settings: record.settings.as_ref(),
            caller: &record.caller,
            options: record.options,
        };
        assert_eq!(said(&record.facts, import), before, "{}", row["id"]);
    }
}

#[test]
fn a_wrong_plan_is_told() {
    let (world, case) = (world(), case());
    let mut record = case_record(&world.0, &asked(&case, &case.bodies));
    let mut after = import_outcome(&world.0, asked(&case, &case.bodies)).expect("allowed").future;
    let flow = after.flows.iter_mut().find(|f| f.id.as_str() == "harbour-a").expect("it came");
    flow.state = match flow.state {
        FlowState::On => FlowState::Off,
        _ => FlowState::On,
    };
    let result = case_result(&mut record, Ok(&after));
    assert_eq!(result["wrong"].as_array().map(Vec::len), Some(1), "{result}");
    let refused: Value = case_result(&mut record, Err("ConnectionNotFound"));
    assert_eq!(
        (&refused["right"], &refused["code"]),
        (&false.into(), &"ConnectionNotFound".into())
    );
}
