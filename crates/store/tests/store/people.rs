//! Business units, teams, groups, roles, shares of connections and rows, and the log over all.
use std::collections::BTreeMap;
use std::fmt::Write as _;

use connref_solution::model::facts::{
    ConnectionKind, Fidelity, PrincipalKind, Role, ShareLevel, TeamKind,
};
use connref_solution::model::{ConnectionId, EnvironmentId, PrincipalId};
use connref_store::StoreError;
use connref_store::access::{Caller, Depth, Entity, Privilege, Verb};
use connref_store::connection::ConnectionNew;
use connref_store::connection_share::SharePut;
use connref_store::environment::EnvironmentNew;
use connref_store::flow::{FlowLevel, FlowNew};
use connref_store::role::RoleHolder;
use connref_store::row_share::{Receiver, ShareChange, SharedRow};
use connref_store::team::TeamNew;
use connref_store::user::UserNew;

use super::world::{World, each_engine};

fn new_connection(id: &str, owner: &PrincipalId) -> ConnectionNew {
    ConnectionNew {
        id: Some(id.into()),
        api_name: "shared_sql".into(),
        display_name: id.to_owned(),
        owner: owner.clone(),
        kind: ConnectionKind::SharedKey,
        endpoint: None,
        account: None,
        parameters: BTreeMap::new(),
        secrets: BTreeMap::new(),
        ends_on: None,
    }
}

fn put(to: &str, level: ShareLevel) -> SharePut {
    SharePut { to: to.to_owned(), level, expires_on: None }
}

async fn team(world: &World, name: &str, kind: TeamKind, group: Option<&str>) -> PrincipalId {
    let group = group.map(str::to_owned);
    let new = TeamNew { name: name.to_owned(), kind, group, ..TeamNew::default() };
    world
        .store
        .team_create(&world.caller, &world.environment, new)
        .await
        .expect("the world of the test is sound")
        .id
}

/// The caller as it is now: what it holds is loaded with it.
async fn again(world: &World, name: &str) -> Caller {
    world.store.caller_find(&world.environment, name).await.expect("the world of the test is sound")
}

#[test]
fn business_units_are_a_tree() {
    each_engine(|world| async move {
        let (store, cx, env) = (&world.store, &world.caller, &world.environment);
        let below = |name: &str, parent: &str| {
            store.business_unit_create(cx, env, name.to_owned(), Some(parent.to_owned()))
        };
        below("Sales", "DEV").await.unwrap();
        below("Sales North", "sales").await.unwrap();
        for (unit, parent) in [("Sales", "Sales North"), ("Sales", "Sales"), ("DEV", "Sales")] {
            let moved =
                store.business_unit_update(cx, env, unit, None, Some(parent.to_owned())).await;
            assert!(
                matches!(moved, Err(StoreError::Invalid(_))),
                "{unit} below {parent}: {moved:?}"
            );
        }
        let missing = below("Nowhere", "no such unit").await;
        assert!(matches!(missing, Err(StoreError::NotFound { .. })), "{missing:?}");
        let twice = below("SALES", "DEV").await;
        assert!(matches!(twice, Err(StoreError::Exists { .. })), "{twice:?}");
        let used = store.business_unit_delete(cx, env, "Sales").await.unwrap_err();
        assert!(used.to_string().contains("`Sales North`"), "{used}");
        store.business_unit_delete(cx, env, "Sales North").await.unwrap();
        store.business_unit_delete(cx, env, "Sales").await.unwrap();
    });
}

#[test]
fn nobody_gives_rights_it_does_not_hold() {
    each_engine(|world| async move {
        let (store, cx, env) = (&world.store, &world.caller, &world.environment);
        let grants = [
            (Privilege::On(Verb::Assign, Entity::Role), Depth::Organization),
            (Privilege::On(Verb::Create, Entity::Role), Depth::Organization),
            (Privilege::On(Verb::Read, Entity::User), Depth::BusinessUnit),
        ];
        store.role_create(cx, env, "Giver".into(), grants.to_vec()).await.unwrap();
        world.member("giver@contoso.test", Role::None).await;
        let assign = |by: Caller, to: &'static str, role: &'static str| async move {
            store.role_assign(&by, env, RoleHolder::User, to, role, true).await
        };
        assign(cx.clone(), "giver@contoso.test", "Giver").await.unwrap();
        let giver = again(&world, "giver@contoso.test").await;
        for role in ["System Administrator", "Environment Maker", "Basic User"] {
            let refused = assign(giver.clone(), "giver@contoso.test", role).await;
            assert!(matches!(refused, Err(StoreError::Denied { .. })), "{role}: {refused:?}");
        }
        let deeper = vec![(Privilege::On(Verb::Read, Entity::User), Depth::Organization)];
        let refused = store.role_create(&giver, env, "Deeper".into(), deeper).await;
        assert!(matches!(refused, Err(StoreError::Denied { .. })), "{refused:?}");
        assign(giver, "admin", "Giver").await.unwrap();
        let last = store
            .role_assign(cx, env, RoleHolder::User, "admin", "System Administrator", false)
            .await;
        assert!(matches!(last, Err(StoreError::Invalid(_))), "{last:?}");
    });
}

#[test]
fn the_four_kinds_of_teams() {
    each_engine(|world| async move {
        let (store, cx, env) = (&world.store, &world.caller, &world.environment);
        let operator = Caller::Operator("admin".into());
        let bob = "bob@contoso.test";
        world.member(bob, Role::BasicUser).await;
        let access = team(&world, "Reviewers", TeamKind::Access, None).await;
        team(&world, "Owners", TeamKind::Owner, None).await;
        let refused =
            store.role_assign(cx, env, RoleHolder::Team, "Reviewers", "Basic User", true).await;
        assert!(refused.unwrap_err().to_string().contains("holds no roles"));
        // What an owner team's role grants comes and goes with the membership.
        store
            .role_assign(cx, env, RoleHolder::Team, "Owners", "Environment Maker", true)
            .await
            .unwrap();
        let make = Privilege::On(Verb::Create, Entity::Workflow);
        for inside in [true, false, true] {
            store.team_member_set(cx, env, "Owners", bob, inside).await.unwrap();
            assert_eq!(again(&world, bob).await.may(make), inside);
        }
        store.team_member_set(cx, env, "Owners", bob, false).await.unwrap();
        // A group's team follows the group, and nobody is added to it by hand.
        store.group_create(&operator, "Makers".into(), false, None).await.unwrap();
        team(&world, "Makers team", TeamKind::SecurityGroup, Some("Makers")).await;
        store
            .role_assign(cx, env, RoleHolder::Team, "Makers team", "Environment Maker", true)
            .await
            .unwrap();
        let by_hand = store.team_member_set(cx, env, "Makers team", bob, true).await;
        assert!(matches!(by_hand, Err(StoreError::Invalid(_))), "{by_hand:?}");
        store.group_member_set(&operator, "makers", bob, Some("member")).await.unwrap();
        assert!(again(&world, bob).await.may(make));
        store.group_member_set(&operator, "makers", bob, None).await.unwrap();
        assert!(!again(&world, bob).await.may(make));
        // An administrator of one environment does not change the tenant's groups.
        let refused = store.group_member_set(cx, "makers", bob, Some("member")).await;
        assert!(matches!(refused, Err(StoreError::Denied { .. })), "{refused:?}");
        let _ = access;
    });
}

#[test]
fn rows_are_shared_and_given_away() {
    each_engine(|world| async move {
        let (store, env) = (&world.store, &world.environment);
        let ann = world.member("ann@contoso.test", Role::EnvironmentMaker).await;
        let bob = world.member("bob@contoso.test", Role::BasicUser).await;
        let new = FlowNew {
            id: None,
            name: "Sync".into(),
            description: None,
            client_data: r#"{"properties":{"connectionReferences":{},"definition":{}}}"#.into(),
            solution: None,
        };
        let id = store.flow_create(&ann, env, new).await.unwrap();
        let row = || SharedRow { entity: Entity::Workflow, id: id.as_str().to_owned() };
        let to_bob = || Receiver::User("bob@contoso.test".into());
        assert!(store.flow_shares(&bob, env, &id).await.is_err(), "bob may not see it yet");
        store.row_share(&ann, env, row(), to_bob(), ShareChange::Grant(1)).await.unwrap();
        assert!(store.flow_shares(&bob, env, &id).await.is_ok());
        assert_eq!(store.row_access(&ann, env, row(), "bob@contoso.test").await.unwrap(), 1);
        store.row_share(&ann, env, row(), to_bob(), ShareChange::Grant(2)).await.unwrap();
        store.row_share(&ann, env, row(), to_bob(), ShareChange::Grant(2)).await.unwrap();
        assert_eq!(store.row_access(&ann, env, row(), "bob@contoso.test").await.unwrap(), 3);
        // Bob may not pass it on, nor may Ann share what no share carries.
        let on = store.row_share(&bob, env, row(), to_bob(), ShareChange::Grant(1)).await;
        assert!(matches!(on, Err(StoreError::Denied { .. })), "{on:?}");
        let create = store.row_share(&ann, env, row(), to_bob(), ShareChange::Grant(32)).await;
        assert!(matches!(create, Err(StoreError::Invalid(_))), "{create:?}");
        let nobody = Receiver::User("nobody@contoso.test".into());
        let unknown = store.row_share(&ann, env, row(), nobody, ShareChange::Grant(1)).await;
        assert!(matches!(unknown, Err(StoreError::NotFound { .. })), "{unknown:?}");
        store.row_share(&ann, env, row(), to_bob(), ShareChange::Revoke).await.unwrap();
        store.row_share(&ann, env, row(), to_bob(), ShareChange::Revoke).await.unwrap();
        assert!(store.flow_shares(&bob, env, &id).await.is_err());
        // A flow belongs to a user; run-only users run it and see it.
        team(&world, "Owners", TeamKind::Owner, None).await;
        let to_team = Receiver::Team("Owners".into());
        let refused = store.row_assign(&ann, env, row(), to_team).await;
        assert!(matches!(refused, Err(StoreError::Invalid(_))), "{refused:?}");
        let bob_id = bob.principal().unwrap().clone();
        store.flow_share(&ann, env, &id, &bob_id, Some(FlowLevel::Run)).await.unwrap();
        assert!(store.flow_run_authorize(&bob, env, &id).await.is_ok());
        store.flow_share(&ann, env, &id, &bob_id, None).await.unwrap();
        assert!(store.flow_run_authorize(&bob, env, &id).await.is_err());
        store.row_assign(&ann, env, row(), to_bob()).await.unwrap();
        assert!(store.flow_shares(&ann, env, &id).await.is_err(), "it is bob's now");
    });
}

#[test]
fn a_connection_is_shared_with_all_kinds_of_principals_and_for_a_time() {
    each_engine(|world| async move {
        let (store, cx, env) = (&world.store, &world.caller, &world.environment);
        let operator = Caller::Operator("admin".into());
        let bob = world.member("bob@contoso.test", Role::BasicUser).await;
        let id: ConnectionId = "a0a0a0a0".into();
        store
            .connection_create(cx, env, new_connection("a0a0a0a0", &world.administrator))
            .await
            .unwrap();
        team(&world, "Users", TeamKind::Access, None).await;
        store.team_member_set(cx, env, "Users", "bob@contoso.test", true).await.unwrap();
        store.group_create(&operator, "Staff".into(), true, None).await.unwrap();
        store
            .group_member_set(&operator, "Staff", "bob@contoso.test", Some("guest"))
            .await
            .unwrap();
        let change = |puts: Vec<SharePut>, deletes: Vec<String>| {
            store.connection_shares_modify(cx, env, None, &id, puts, deletes)
        };
        for to in ["bob@contoso.test", "Users", "Staff", "tenant"] {
            change(vec![put(to, ShareLevel::CanView)], Vec::new()).await.unwrap();
            let bob = again(&world, "bob@contoso.test").await;
            assert!(store.connection_get(&bob, env, &id).await.is_ok(), "shared with {to}");
            change(Vec::new(), vec![to.into()]).await.unwrap();
            change(Vec::new(), vec![to.into()]).await.unwrap();
            assert!(store.connection_get(&bob, env, &id).await.is_err(), "taken from {to}");
        }
        // All or nothing.
        let puts =
            vec![put("bob@contoso.test", ShareLevel::CanView), put("nobody", ShareLevel::CanView)];
        assert!(change(puts, Vec::new()).await.is_err());
        assert!(store.connection_get(&bob, env, &id).await.is_err());
        for (to, level) in [("admin", ShareLevel::CanView), ("bob@contoso.test", ShareLevel::Owner)]
        {
            let refused = change(vec![put(to, level)], Vec::new()).await;
            assert!(matches!(refused, Err(StoreError::Invalid(_))), "{to}: {refused:?}");
        }
        let mut past = put("bob@contoso.test", ShareLevel::CanView);
        past.expires_on = Some(1);
        assert!(matches!(change(vec![past], Vec::new()).await, Err(StoreError::Invalid(_))));
        let mut later = put("bob@contoso.test", ShareLevel::CanView);
        later.expires_on = Some(i64::MAX);
        change(vec![later], Vec::new()).await.unwrap();
        assert!(store.connection_get(&bob, env, &id).await.is_ok());
        world.tamper("UPDATE connection_share SET expireson = 1").await;
        assert!(store.connection_get(&bob, env, &id).await.is_err(), "its time is over");
        assert!(store.connection_shares(cx, env, &id).await.unwrap().is_empty());
    });
}

/// What each level lets somebody do, asked of the store itself. Use, bind and activate are judged
/// by `review`, which has its own table.
#[test]
fn the_table_of_levels_and_operations() {
    each_engine(|world| async move {
        let (store, cx, env) = (&world.store, &world.caller, &world.environment);
        world.member("bob@contoso.test", Role::BasicUser).await;
        world.member("eve@contoso.test", Role::BasicUser).await;
        world.member("ann@contoso.test", Role::BasicUser).await;
        let ann = store.user_get(cx, env, "ann@contoso.test").await.unwrap().id;
        let bob_id = store.user_get(cx, env, "bob@contoso.test").await.unwrap().id;
        let mut table =
            format!("{:<18} {:<5} {:<9} {:<5} {:<7}", "level", "see", "share on", "edit", "delete");
        let levels = [
            ("none", None),
            ("CanView", Some(ShareLevel::CanView)),
            ("CanViewWithShare", Some(ShareLevel::CanViewWithShare)),
            ("CanEdit", Some(ShareLevel::CanEdit)),
            ("Owner", None),
            ("administrator", None),
        ];
        for (number, (name, level)) in levels.iter().enumerate() {
            let id = format!("b1b1b1b{number}");
            let owner = if *name == "Owner" { &bob_id } else { &ann };
            store.connection_create(cx, env, new_connection(&id, owner)).await.unwrap();
            let key: ConnectionId = id.as_str().into();
            if let Some(level) = level {
                store.connection_share(cx, env, &key, &bob_id, Some(*level)).await.unwrap();
            }
            let who = if *name == "administrator" { "admin" } else { "bob@contoso.test" };
            let caller = again(&world, who).await;
            let yes = |is: bool| if is { "yes" } else { "-" };
            let see = store.connection_get(&caller, env, &key).await.is_ok();
            let puts = vec![put("eve@contoso.test", ShareLevel::CanView)];
            let share = store
                .connection_shares_modify(&caller, env, None, &key, puts, Vec::new())
                .await
                .is_ok();
            let edit =
                store.connection_update(&caller, env, new_connection(&id, owner)).await.is_ok();
            let delete = store.connection_delete(&caller, env, &key, true).await.is_ok();
            write!(
                table,
                "\n{name:<18} {:<5} {:<9} {:<5} {}",
                yes(see),
                yes(share),
                yes(edit),
                yes(delete)
            )
            .unwrap();
        }
        insta::assert_snapshot!("levels_and_operations", table);
    });
}

#[test]
fn fidelity_decides_whom_teams_and_applications_serve() {
    each_engine(|world| async move {
        let (store, operator) = (&world.store, Caller::Operator("admin".into()));
        for (fidelity, allowed) in [(Fidelity::Extended, true), (Fidelity::Dataverse, false)] {
            let new = EnvironmentNew {
                name: if allowed { "OPEN".into() } else { "STRICT".into() },
                kind: Default::default(),
                fidelity,
                allowed: Vec::new(),
            };
            let env: EnvironmentId = store.environment_create(&operator, new).await.unwrap().id;
            let cx = store.caller_find(&env, "admin").await.unwrap();
            let application = UserNew {
                name: "app".into(),
                display_name: "app".into(),
                kind: PrincipalKind::ServicePrincipal,
                application_id: None,
                role: Role::EnvironmentMaker,
                business_unit: None,
                manager: None,
            };
            let app = store.user_add(&cx, &env, application).await.unwrap().id;
            let new = TeamNew { name: "Crew".into(), ..TeamNew::default() };
            store.team_create(&cx, &env, new).await.unwrap();
            let owner = cx.principal().unwrap().clone();
            store
                .connector_seed(
                    &operator,
                    &env,
                    vec![connref_store::connector::BuiltIn {
                        api_name: "shared_sql".into(),
                        display_name: "SQL".into(),
                        service_principal: Default::default(),
                    }],
                )
                .await
                .unwrap();
            store.connection_create(&cx, &env, new_connection("c2c2c2c2", &owner)).await.unwrap();
            let puts = vec![put("Crew", ShareLevel::CanView)];
            let id: ConnectionId = "c2c2c2c2".into();
            let shared =
                store.connection_shares_modify(&cx, &env, None, &id, puts, Vec::new()).await;
            assert_eq!(shared.is_ok(), allowed, "a connection with a team: {shared:?}");
            let flow = FlowNew {
                id: None,
                name: "Sync".into(),
                description: None,
                client_data: r#"{"properties":{"connectionReferences":{},"definition":{}}}"#.into(),
                solution: None,
            };
            let flow = store.flow_create(&cx, &env, flow).await.unwrap();
            let co = store.flow_share(&cx, &env, &flow, &app, Some(FlowLevel::Edit)).await;
            assert_eq!(co.is_ok(), allowed, "an application as co-owner: {co:?}");
            // It may own one in both.
            let row = SharedRow { entity: Entity::Workflow, id: flow.as_str().to_owned() };
            store.row_assign(&cx, &env, row, Receiver::User("app".into())).await.unwrap();
        }
    });
}

#[test]
fn every_altered_removed_or_moved_row_of_the_log_is_found() {
    each_engine(|world| async move {
        let (store, cx, env) = (&world.store, &world.caller, &world.environment);
        for number in 0..6 {
            world.member(&format!("user{number}@contoso.test"), Role::BasicUser).await;
        }
        let whole = store.audit_verify(cx, env).await.unwrap();
        assert_eq!(whole.first_bad, None);
        let mut tamperings = 0;
        for seq in 1..=whole.entries {
            for column in ["actor", "action", "object", "objectid", "previous", "hash"] {
                let altered =
                    format!("UPDATE audit SET {column} = {column} || 'x' WHERE seq = {seq}");
                world.tamper(&altered).await;
                let found = store.audit_verify(cx, env).await.unwrap();
                assert_eq!(found.first_bad, Some(seq), "{altered}");
                world
                    .tamper(&format!(
                        "UPDATE audit SET {column} = substr({column}, 1, length({column}) - 1) WHERE seq = {seq}"
                    ))
                    .await;
                tamperings += 1;
            }
            world.tamper(&format!("UPDATE audit SET at = at + 1 WHERE seq = {seq}")).await;
            assert_eq!(store.audit_verify(cx, env).await.unwrap().first_bad, Some(seq));
            world.tamper(&format!("UPDATE audit SET at = at - 1 WHERE seq = {seq}")).await;
            // Out of the chain, and back.
            world.tamper(&format!("UPDATE audit SET seq = -{seq} WHERE seq = {seq}")).await;
            assert_eq!(store.audit_verify(cx, env).await.unwrap().first_bad, Some(seq));
            // In another's place.
            if seq < whole.entries {
                world
                    .tamper(&format!("UPDATE audit SET seq = {seq} WHERE seq = {}", seq + 1))
                    .await;
                world
                    .tamper(&format!("UPDATE audit SET seq = {} WHERE seq = -{seq}", seq + 1))
                    .await;
                assert_eq!(store.audit_verify(cx, env).await.unwrap().first_bad, Some(seq));
                world
                    .tamper(&format!("UPDATE audit SET seq = -{seq} WHERE seq = {}", seq + 1))
                    .await;
                world
                    .tamper(&format!("UPDATE audit SET seq = {} WHERE seq = {seq}", seq + 1))
                    .await;
            }
            world.tamper(&format!("UPDATE audit SET seq = {seq} WHERE seq = -{seq}")).await;
            tamperings += 3;
        }
        assert_eq!(store.audit_verify(cx, env).await.unwrap().first_bad, None);
        eprintln!("{tamperings} tamperings, all found");
    });
}
