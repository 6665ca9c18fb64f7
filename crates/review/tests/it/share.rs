//! Whom a connection can be shared with, and what each level lets somebody do: both as tables.
use std::fmt::Write as _;

use connref_review::right::{Operation, level_name, may};
use connref_review::share::share_check;
use connref_solution::model::facts::{
    ConnectionKind, GroupFacts, PrincipalKind, ShareLevel, TeamFacts, TeamKind,
};

use super::world::World;

const LEVELS: [ShareLevel; 4] =
    [ShareLevel::CanView, ShareLevel::CanViewWithShare, ShareLevel::CanEdit, ShareLevel::Owner];

fn world(dataverse: bool, kind: ConnectionKind) -> World {
    let mut world = World::default();
    if dataverse {
        world = world.dataverse();
    }
    world.connection("c1", "shared_sql", "ann").kind = kind;
    world.0.teams.push(TeamFacts {
        id: "team".into(),
        kind: TeamKind::Owner,
        name: "team".into(),
        group: None,
        members: None,
    });
    world.0.groups.push(GroupFacts { id: "group".into(), name: "group".into(), members: None });
    world
}

#[test]
fn whom_a_connection_is_shared_with() {
    let mut table = format!("{:<10} {:<18} {:<8} answer", "fidelity", "connection of", "with");
    for dataverse in [false, true] {
        for (kind, name) in [
            (ConnectionKind::User, "a person (OAuth)"),
            (ConnectionKind::ServicePrincipal, "a principal"),
            (ConnectionKind::SharedKey, "a shared key"),
        ] {
            let world = world(dataverse, kind);
            for with in ["bob", "svc", "team", "group", "tenant", "gone", "other-tenant"] {
                let to = &with.into();
                let (id, ann) = (&"c1".into(), &"ann".into());
                let checked = share_check(&world.0, id, ann, false, to, ShareLevel::CanView);
                let answer = checked.map_or_else(|refusal| refusal.code, |()| "yes");
                let fidelity = if dataverse { "dataverse" } else { "extended" };
                write!(table, "\n{fidelity:<10} {name:<18} {with:<8} {answer}").unwrap();
            }
        }
    }
    insta::assert_snapshot!("receivers", table);
}

#[test]
fn what_each_level_lets_somebody_do() {
    let mut table = format!("{:<18} {:<18}", "who", "level");
    for operation in Operation::ALL {
        write!(table, " {:<6}", format!("{operation:?}").to_lowercase()).unwrap();
    }
    for (who, kind) in [("bob", PrincipalKind::User), ("svc", PrincipalKind::ServicePrincipal)] {
        for level in LEVELS {
            let mut world = world(false, ConnectionKind::SharedKey);
            world.0.connections[0].shares.push((who.into(), level));
            let principal = world.0.principal(&who.into()).unwrap();
            assert_eq!(principal.kind, kind);
            let name = if kind == PrincipalKind::User { "user" } else { "service principal" };
            write!(table, "\n{name:<18} {:<18}", level_name(level)).unwrap();
            for operation in Operation::ALL {
                let yes = may(&world.0.connections[0], principal, operation);
                write!(table, " {:<6}", if yes { "yes" } else { "-" }).unwrap();
            }
        }
    }
    let table: Vec<_> = table.lines().map(str::trim_end).collect();
    insta::assert_snapshot!("levels", table.join("\n"));
}

#[test]
fn a_share_with_a_team_a_group_or_the_tenant_counts_for_who_is_in_it() {
    for to in ["team", "group", "tenant"] {
        let mut world = world(false, ConnectionKind::SharedKey);
        world.0.connections[0].shares.push((to.into(), ShareLevel::CanView));
        let bob = world.0.principals.iter_mut().find(|p| p.name == "bob").unwrap();
        bob.counts_as = vec![to.into()];
        let svc = world.0.principals.iter_mut().find(|p| p.name == "svc").unwrap();
        svc.counts_as.clear();
        let can = |name: &str| {
            let principal = world.0.principal(&name.into()).unwrap();
            may(&world.0.connections[0], principal, Operation::Use)
        };
        assert!(can("bob") && !can("svc"), "{to}");
    }
}

#[test]
fn nobody_shares_above_its_own_level_but_an_administrator() {
    let mut world = world(false, ConnectionKind::SharedKey);
    world.0.connections[0].shares.push(("bob".into(), ShareLevel::CanViewWithShare));
    let ask = |administrator: bool, level: ShareLevel| {
        share_check(&world.0, &"c1".into(), &"bob".into(), administrator, &"svc".into(), level)
            .is_ok()
    };
    assert_eq!(LEVELS.map(|level| ask(false, level)), [true, true, false, false]);
    assert_eq!(LEVELS.map(|level| ask(true, level)), [true, true, true, false]);
}
