//! Pipelines and deployments as they are kept, and tokens made for others.
use connref_solution::model::facts::{PrincipalKind, Role};
use connref_store::StoreError;
use connref_store::access::Caller;
use connref_store::deployment::{DeploymentChange, DeploymentNew};
use connref_store::user::{UserNew, UserUpdate};
use serde_json::json;

use super::world::{World, each_engine};

const SYSTEM: Caller = Caller::System("test");

fn new(state: &'static str, content: &[u8]) -> DeploymentNew {
    DeploymentNew {
        pipeline: "p".into(),
        stage: "prod".into(),
        solution: "Orders".into(),
        version: "1.0.0.0".into(),
        package: "abc".into(),
        content: Some(content.to_vec()),
        state,
        delegate: "deployer".into(),
        rollback_of: None,
        requested_by: "ci".into(),
        detail: json!({"failed": 0}),
    }
}

fn change(from: &'static str, to: &'static str) -> DeploymentChange {
    DeploymentChange { from, to, decided: None, detail: None }
}

async fn member(world: &World, name: &str) -> Caller {
    let user = UserNew {
        name: name.into(),
        display_name: name.into(),
        kind: PrincipalKind::User,
        application_id: None,
        role: Role::SystemAdministrator,
        business_unit: None,
        manager: None,
    };
    world.store.user_add(&world.caller, &world.environment, user).await.expect("a new user");
    world.store.caller_find(&world.environment, name).await.expect("it is there")
}

#[test]
fn two_who_decide_at_once_decide_once() {
    each_engine(|world| async move {
        let (store, env) = (&world.store, &world.environment);
        let row =
            store.deployment_create(&SYSTEM, env, new("waiting", b"zip")).await.expect("made");
        let decided = |by: &str| DeploymentChange {
            decided: Some((by.into(), Some("fine".into()))),
            ..change("waiting", "running")
        };
        let (one, two) = tokio::join!(
            store.deployment_change(&SYSTEM, env, &row.id, decided("ann")),
            store.deployment_change(&SYSTEM, env, &row.id, decided("bob")),
        );
        assert_eq!([one.is_ok(), two.is_ok()].iter().filter(|ok| **ok).count(), 1);
        let lost = one.and(two).expect_err("one of them lost");
        assert!(matches!(lost, StoreError::Modified { kind: "deployment", .. }), "{lost}");
        let kept = &store.deployment_list(&SYSTEM, env, "p").await.expect("a list")[0];
        assert_eq!((kept.state.as_str(), kept.remark.as_deref()), ("running", Some("fine")));
        assert!(
            kept.decided_on.is_some() && kept.started_on.is_some() && kept.completed_on.is_none()
        );
        let end = DeploymentChange {
            detail: Some(json!({"failed": 0, "why": "x"})),
            ..change("running", "failed")
        };
        let ended = store.deployment_change(&SYSTEM, env, &row.id, end).await.expect("ended");
        assert!(ended.completed_on.is_some() && ended.decided_by == kept.decided_by);
        assert_eq!(ended.detail["why"], "x");
        // The package is kept once, whatever asks for it.
        store.deployment_create(&SYSTEM, env, new("refused", b"zip")).await.expect("made");
        assert_eq!(store.deployment_package(&SYSTEM, env, "abc").await.expect("kept"), b"zip");
        assert!(store.audit_verify(&world.caller, env).await.expect("a check").first_bad.is_none());
    });
}

#[test]
fn what_runs_without_its_process_is_cut_off_and_one_carries_out_at_a_time() {
    each_engine(|world| async move {
        // Whole, with the folder in which the locks lie.
        let world = world;
        let (store, env) = (&world.store, &world.environment);
        let row =
            store.deployment_create(&SYSTEM, env, new("running", b"zip")).await.expect("made");
        let lock = store.pipeline_lock(&SYSTEM, env).await.expect("asked").expect("free");
        assert!(store.pipeline_lock(&SYSTEM, env).await.expect("asked").is_none());
        let kept = &store.deployment_list(&SYSTEM, env, "p").await.expect("a list")[0];
        assert_eq!((kept.id.as_str(), kept.state.as_str()), (row.id.as_str(), "failed"));
        assert!(kept.detail["why"].as_str().is_some_and(|why| why.starts_with("cut off")));
        drop(lock);
        assert!(store.pipeline_lock(&SYSTEM, env).await.expect("asked").is_some());
    });
}

#[test]
fn no_member_reads_pipelines_past_the_judgement_not_even_an_administrator() {
    each_engine(|world| async move {
        let (store, env) = (&world.store, &world.environment);
        let ann = member(&world, "ann@x").await;
        let set = store.pipeline_set(&SYSTEM, "Orders".into(), "{}".into()).await.expect("set");
        let again = store.pipeline_set(&SYSTEM, "ORDERS".into(), "[]".into()).await.expect("set");
        assert_eq!((&set.id, again.document.as_str()), (&again.id, "[]"), "one of the name");
        let row =
            store.deployment_create(&SYSTEM, env, new("waiting", b"zip")).await.expect("made");
        let denied = |result: Result<(), StoreError>| {
            assert!(matches!(result, Err(StoreError::Denied { .. })), "{result:?}");
        };
        denied(store.pipeline_list(&ann).await.map(drop));
        denied(store.pipeline_get(&ann, "orders").await.map(drop));
        denied(store.pipeline_set(&ann, "x".into(), "{}".into()).await.map(drop));
        denied(store.pipeline_delete(&ann, "orders").await);
        denied(store.deployment_list(&ann, env, "p").await.map(drop));
        denied(store.deployment_package(&ann, env, "abc").await.map(drop));
        denied(store.pipeline_lock(&ann, env).await.map(drop));
        denied(store.deployment_create(&ann, env, new("waiting", b"zip")).await.map(drop));
        let go = change("waiting", "running");
        denied(store.deployment_change(&ann, env, &row.id, go).await.map(drop));
        denied(store.token_create_for(&ann, "ann@x", i64::MAX).await.map(drop));
        store.pipeline_delete(&SYSTEM, "orders").await.expect("gone");
        assert!(store.pipeline_get(&SYSTEM, "orders").await.is_err());
    });
}

#[test]
fn a_token_made_for_somebody_ends_and_whoever_left_works_nowhere() {
    use secrecy::ExposeSecret;
    each_engine(|world| async move {
        let (store, env) = (&world.store, &world.environment);
        let ann = member(&world, "Ann@x").await;
        let token = store.token_create_for(&SYSTEM, "ann@X", i64::MAX).await.expect("made");
        let whose = store.token_find(token.expose_secret()).await.expect("asked");
        assert_eq!(whose.as_deref(), Some("Ann@x"));
        let over = store.token_create_for(&SYSTEM, "ann@x", 1).await.expect("made");
        assert_eq!(store.token_find(over.expose_secret()).await.expect("asked"), None);
        let nobody = store.token_create_for(&SYSTEM, "nobody@x", i64::MAX).await;
        assert!(matches!(nobody, Err(StoreError::NotFound { .. })));
        assert!(store.principal_works(&SYSTEM, "ANN@x").await.expect("asked"));
        assert!(!store.principal_works(&SYSTEM, "nobody@x").await.expect("asked"));
        let id = ann.principal().expect("a member").clone();
        let update = UserUpdate { disabled: Some(true), ..UserUpdate::default() };
        store.user_update(&world.caller, env, &id, update).await.expect("disabled");
        assert!(!store.principal_works(&SYSTEM, "ann@x").await.expect("asked"));
    });
}

#[test]
fn what_another_process_changes_counts_with_the_next_request() {
    use secrecy::ExposeSecret;
    each_engine(|world| async move {
        let (store, id) = (&world.store, &world.environment);
        let other = world.again().await;
        member(&world, "Ann@x").await;
        let token = store.token_create_for(&SYSTEM, "ann@x", i64::MAX).await.expect("made");
        let ask = async || {
            let found = store.token_find_at(token.expose_secret(), "dev").await.expect("asked");
            (found.0, found.1.expect("it is there"))
        };
        let mut last = ask().await.1.version;
        for round in 0..50 {
            let rule = format!("10.0.0.{round}");
            other.environment_allow(&world.caller, id, vec![rule.clone()]).await.expect("changed");
            // Asked twice: for the first time, and from what is kept.
            for _ in 0..2 {
                let (name, environment) = ask().await;
                assert_eq!(name.as_deref(), Some("Ann@x"));
                assert_eq!((&environment.allowed[0], environment.version), (&rule, last + 1));
            }
            last += 1;
        }
        let nobody = store.token_find_at("0123", "DEV").await.expect("asked");
        assert_eq!((nobody.0, nobody.1.map(|one| one.version)), (None, Some(last)));
        let nowhere = store.token_find_at(token.expose_secret(), "prod").await.expect("asked");
        assert_eq!((nowhere.0.as_deref(), nowhere.1), (Some("Ann@x"), None));
        let over = store.token_create_for(&SYSTEM, "ann@x", 1).await.expect("made");
        for _ in 0..2 {
            let over = store.token_find_at(over.expose_secret(), "dev").await.expect("asked");
            assert_eq!(over.0, None, "it has ended");
        }
        let gone = other.db().change(|sql| sql.execute("DELETE FROM access_token", &[])).await;
        assert_eq!(gone.expect("deleted"), 2);
        assert_eq!(ask().await.0, None, "it is nobody's from then on");
    });
}
