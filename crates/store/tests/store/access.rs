//! The store's decisions and lists against the model, over random worlds.
use connref_solution::model::EnvironmentId;
use connref_store::access::{Caller, Entity, Privilege, Verb};
use connref_store::db::{DbError, Param, Sql};
use connref_store::query::{Query, table_by_logical_name};
use connref_store::row_share::SharedRow;

use super::model::{BITS, FLOWS, Model, READ, Role, Row, TABLES, Team, User, VERBS, Who};
use super::world::{World, each_engine};

const ENTITIES: [Entity; TABLES] =
    [Entity::ConnectionReference, Entity::Workflow, Entity::VariableDefinition];

/// A small generator; the seed makes a failure repeatable.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(
            (self.0 >> 11) % u64::try_from(bound).expect("the world of the test is sound"),
        )
        .expect("the world of the test is sound")
    }

    fn some(&mut self, from: usize, share: usize) -> Vec<usize> {
        (0..from).filter(|_| self.below(100) < share).collect()
    }
}

fn small(number: usize) -> u8 {
    u8::try_from(number).expect("the world of the test is sound")
}

fn model(random: &mut Random) -> Model {
    let mut model = Model { units: vec![None], ..Model::default() };
    for unit in 1..=random.below(5) {
        model.units.push(Some(random.below(unit)));
    }
    for _ in 0..3 {
        let mut role = Role { inherited: random.below(2) == 0, ..Role::default() };
        for depth in role.depth.iter_mut().flatten() {
            *depth = if random.below(3) == 0 { 0 } else { small(1 + random.below(4)) };
        }
        model.roles.push(role);
    }
    for _ in 0..4 {
        let user = User { unit: random.below(model.units.len()), roles: random.some(3, 30) };
        model.users.push(user);
    }
    model.groups = (0..2)
        .map(|_| {
            random.some(4, 40).into_iter().map(|user| (user, small(random.below(3)))).collect()
        })
        .collect();
    for _ in 0..random.below(5) {
        let kind = small(random.below(4));
        let group = (kind > 1).then(|| (random.below(2), small(random.below(4))));
        model.teams.push(Team {
            unit: random.below(model.units.len()),
            kind,
            roles: random.some(3, 35),
            members: random.some(4, 40),
            group,
        });
    }
    for _ in 0..4 {
        let row = row(random, &model);
        model.rows.push(row);
    }
    model
}

fn row(random: &mut Random, model: &Model) -> Row {
    let table = random.below(TABLES);
    let owning: Vec<usize> = (0..model.teams.len()).filter(|t| model.teams[*t].kind != 1).collect();
    let owner = if owning.is_empty() || table == FLOWS || random.below(3) > 0 {
        Who::User(random.below(4))
    } else {
        Who::Team(owning[random.below(owning.len())])
    };
    let mut shares = Vec::new();
    for user in random.some(4, 20) {
        shares.push((Who::User(user), mask(random)));
    }
    for team in random.some(model.teams.len(), 30) {
        shares.push((Who::Team(team), mask(random)));
    }
    let mut run_only = Vec::new();
    if table == FLOWS {
        run_only.extend(random.some(4, 15).into_iter().map(Who::User));
        run_only.extend(random.some(2, 15).into_iter().map(Who::Group));
    }
    Row { table, owner, shares, run_only }
}

fn mask(random: &mut Random) -> i64 {
    BITS[1..].iter().filter(|_| random.below(2) == 0).sum()
}

/// Row ids of one world.
struct Ids(usize);

impl Ids {
    fn id(&self, kind: u8, number: usize) -> String {
        format!("{kind:08x}-{:04x}-7000-8000-{number:012x}", self.0)
    }

    fn who(&self, who: Who) -> String {
        match who {
            Who::User(number) => self.id(2, number),
            Who::Team(number) => self.id(3, number),
            Who::Group(number) => self.id(4, number),
        }
    }
}

/// One statement for many rows.
fn rows(sql: &mut Sql<'_>, head: &str, rows: &[Vec<Param<'_>>]) -> Result<(), DbError> {
    let Some(first) = rows.first() else { return Ok(()) };
    let mut at = 0;
    let values: Vec<String> = rows
        .iter()
        .map(|_| {
            let places: Vec<String> = (0..first.len())
                .map(|_| {
                    at += 1;
                    format!("${at}")
                })
                .collect();
            format!("({})", places.join(", "))
        })
        .collect();
    let params: Vec<Param<'_>> = rows.iter().flatten().cloned().collect();
    sql.execute(&format!("INSERT INTO {head} VALUES {}", values.join(", ")), &params)?;
    Ok(())
}

fn number(from: usize) -> Param<'static> {
    i64::try_from(from).expect("the world of the test is sound").into()
}

fn write_people(sql: &mut Sql<'_>, ids: &Ids, model: &Model) -> Result<(), DbError> {
    let (e, t) = (ids.id(9, 0), ids.id(8, 0));
    sql.execute(
        "INSERT INTO environment (environmentid, tenantid, name, name_key, displayname, kind, fidelity, \
         organizationid, businessunitid, allowed, version, createdon, rolesversion) \
         VALUES ($1, $2, $1, $1, $1, 'developer', 'extended', $1, $3, '[]', 1, 0, 1)",
        &[(&e).into(), (&t).into(), ids.id(1, 0).into()],
    )?;
    let units: Vec<Vec<Param<'_>>> = (model.units.iter().enumerate())
        .map(|(at, above)| {
            let id = ids.id(1, at);
            vec![
                (&e).into(),
                id.clone().into(),
                id.clone().into(),
                id.into(),
                above.map(|above| ids.id(1, above)).into(),
                0.into(),
                0.into(),
                1.into(),
            ]
        })
        .collect();
    rows(
        sql,
        "businessunit (environmentid, businessunitid, name, name_key, parentbusinessunitid, createdon, modifiedon, versionnumber)",
        &units,
    )?;
    let users: Vec<Vec<Param<'_>>> = (model.users.iter().enumerate())
        .map(|(at, user)| {
            let id = ids.id(2, at);
            vec![
                (&e).into(),
                id.clone().into(),
                "user".into(),
                id.clone().into(),
                id.clone().into(),
                id.into(),
                "none".into(),
                0.into(),
                0.into(),
                0.into(),
                1.into(),
                ids.id(1, user.unit).into(),
            ]
        })
        .collect();
    rows(
        sql,
        "systemuser (environmentid, systemuserid, kind, domainname, domainname_key, fullname, role, isdisabled, createdon, modifiedon, versionnumber, businessunitid)",
        &users,
    )?;
    let members: Vec<Vec<Param<'_>>> = (model.groups.iter().enumerate())
        .flat_map(|(group, members)| members.iter().map(move |member| (group, member)))
        .map(|(group, (user, kind))| {
            let kind = ["member", "owner", "guest"][usize::from(*kind)];
            vec![(&t).into(), ids.id(4, group).into(), ids.id(2, *user).into(), kind.into()]
        })
        .collect();
    rows(sql, "tenant_group_member (tenantid, groupid, principal_key, kind)", &members)
}

fn write_roles(sql: &mut Sql<'_>, ids: &Ids, model: &Model) -> Result<(), DbError> {
    let e = ids.id(9, 0);
    let (mut roles, mut grants, mut teams) = (Vec::new(), Vec::new(), Vec::new());
    let (mut members, mut held, mut team_roles) = (Vec::new(), Vec::new(), Vec::new());
    for (at, role) in model.roles.iter().enumerate() {
        let id = ids.id(5, at);
        roles.push(vec![
            (&e).into(),
            id.clone().into(),
            id.clone().into(),
            id.clone().into(),
            Param::from(role.inherited),
            0.into(),
            0.into(),
            0.into(),
            1.into(),
        ]);
        for (table, verbs) in role.depth.iter().enumerate() {
            for (verb, depth) in verbs.iter().enumerate().filter(|(_, depth)| **depth > 0) {
                let name = Privilege::On(Verb::ALL[verb], ENTITIES[table]).name();
                let mask = 1_i64 << (depth - 1);
                let row = (table * VERBS + verb) * 8 + at;
                grants.push(vec![
                    (&e).into(),
                    ids.id(6, row).into(),
                    id.clone().into(),
                    name.into(),
                    mask.into(),
                    Param::from(1),
                ]);
            }
        }
    }
    for (at, user) in model.users.iter().enumerate() {
        for role in &user.roles {
            let (user, role) = (ids.id(2, at), ids.id(5, *role));
            held.push(vec![
                (&e).into(),
                role.clone().into(),
                user.into(),
                role.into(),
                Param::from(1),
            ]);
        }
    }
    for (at, team) in model.teams.iter().enumerate() {
        let id = ids.id(3, at);
        teams.push(vec![
            (&e).into(),
            id.clone().into(),
            id.clone().into(),
            id.clone().into(),
            number(usize::from(team.kind)),
            number(team.group.map_or(0, |(_, wanted)| usize::from(wanted))),
            ids.id(1, team.unit).into(),
            team.group.map(|(group, _)| ids.id(4, group)).into(),
            "".into(),
            0.into(),
            0.into(),
            1.into(),
        ]);
        for member in &team.members {
            let member = ids.id(2, *member);
            members.push(vec![
                (&e).into(),
                member.clone().into(),
                id.clone().into(),
                member.into(),
                Param::from(1),
            ]);
        }
        for role in &team.roles {
            let role = ids.id(5, *role);
            team_roles.push(vec![
                (&e).into(),
                role.clone().into(),
                id.clone().into(),
                role.into(),
                Param::from(1),
            ]);
        }
    }
    rows(
        sql,
        "role (environmentid, roleid, name, name_key, isinherited, ismanaged, createdon, modifiedon, versionnumber)",
        &roles,
    )?;
    rows(
        sql,
        "roleprivileges (environmentid, roleprivilegeid, roleid, privilege, privilegedepthmask, versionnumber)",
        &grants,
    )?;
    rows(
        sql,
        "systemuserroles (environmentid, systemuserroleid, systemuserid, roleid, versionnumber)",
        &held,
    )?;
    rows(
        sql,
        "team (environmentid, teamid, name, name_key, teamtype, membershiptype, businessunitid, azureactivedirectoryobjectid, administratorid, createdon, modifiedon, versionnumber)",
        &teams,
    )?;
    rows(
        sql,
        "teammembership (environmentid, teammembershipid, teamid, systemuserid, versionnumber)",
        &members,
    )?;
    rows(sql, "teamroles (environmentid, teamroleid, teamid, roleid, versionnumber)", &team_roles)
}

fn write_rows(sql: &mut Sql<'_>, ids: &Ids, model: &Model) -> Result<(), DbError> {
    let e = ids.id(9, 0);
    let (mut shares, mut run_only) = (Vec::new(), Vec::new());
    for (at, row) in model.rows.iter().enumerate() {
        let (id, owner) = (ids.id(7, at), ids.who(row.owner));
        let text = match ENTITIES[row.table] {
            Entity::ConnectionReference => {
                "INSERT INTO connectionreference (environmentid, connectionreferenceid, \
                 connectionreferencelogicalname, logicalname_key, connectionreferencedisplayname, connectorid, \
                 bindingversion, iscustomizable, ismanaged, ownerid, createdby, createdon, modifiedon, \
                 versionnumber) VALUES ($1, $2, $2, $2, $2, '', 0, 1, 0, $3, '', 0, 0, 1)"
            }
            Entity::Workflow => {
                "INSERT INTO workflow (environmentid, workflowid, name, category, type, statecode, statuscode, \
                 wantedon, definitionversion, primaryentity, ownerid, createdby, ismanaged, createdon, \
                 modifiedon, versionnumber) VALUES ($1, $2, $2, 5, 1, 0, 1, 0, 0, 'none', $3, '', 0, 0, 0, 1)"
            }
            _ => {
                "INSERT INTO environmentvariabledefinition (environmentid, environmentvariabledefinitionid, \
                 schemaname, schemaname_key, displayname, type, isrequired, ismanaged, ownerid, createdon, \
                 modifiedon, versionnumber) VALUES ($1, $2, $2, $2, $2, 100000000, 0, 0, $3, 0, 0, 1)"
            }
        };
        sql.execute(text, &[(&e).into(), (&id).into(), owner.into()])?;
        for (share, (to, mask)) in row.shares.iter().enumerate().filter(|(_, (_, mask))| *mask > 0)
        {
            let kind = if matches!(to, Who::Team(_)) { "team" } else { "systemuser" };
            shares.push(vec![
                (&e).into(),
                ids.id(10, at * 100 + share).into(),
                ENTITIES[row.table].logical_name().into(),
                id.clone().into(),
                ids.who(*to).into(),
                kind.into(),
                (*mask).into(),
                0.into(),
                Param::from(1),
            ]);
        }
        for to in &row.run_only {
            run_only.push(vec![
                (&e).into(),
                id.clone().into(),
                ids.who(*to).into(),
                "run".into(),
                Param::from(0),
            ]);
        }
    }
    rows(
        sql,
        "principalobjectaccess (environmentid, principalobjectaccessid, objecttypecode, objectid, principalid, principaltypecode, accessrightsmask, changedon, versionnumber)",
        &shares,
    )?;
    rows(
        sql,
        "workflow_share (environmentid, workflowid, principalid, level, createdon)",
        &run_only,
    )
}

/// What was decided, and how.
#[derive(Default)]
struct Split {
    allowed: usize,
    denied: usize,
    listed: usize,
}

async fn compare(world: &World, at: usize, seed: u64, split: &mut Split) {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(at as u64) | 1);
    for _ in 0..8 {
        random.below(2);
    }
    let (ids, model) = (Ids(at), std::sync::Arc::new(model(&mut random)));
    let written = std::sync::Arc::clone(&model);
    let place = Ids(at);
    world
        .store
        .db()
        .change(move |sql| -> Result<(), DbError> {
            write_people(sql, &place, &written)?;
            write_roles(sql, &place, &written)?;
            write_rows(sql, &place, &written)
        })
        .await
        .expect("the world of the test is sound");
    let environment = EnvironmentId::from(ids.id(9, 0));
    let system = Caller::System("model");
    for user in 0..model.users.len() {
        let name = ids.id(2, user);
        for (number, row) in model.rows.iter().enumerate() {
            let shared = SharedRow { entity: ENTITIES[row.table], id: ids.id(7, number) };
            let held = world
                .store
                .row_access(&system, &environment, shared, &name)
                .await
                .expect("the world of the test is sound");
            for (verb, bit) in BITS.iter().enumerate() {
                let expected = model.allow(user, verb, row);
                assert_eq!(
                    held & bit != 0,
                    expected,
                    "SEED={seed}, world {at}: user {user}, {:?} of row {number}\n{model:#?}",
                    Verb::ALL[verb]
                );
                if expected { split.allowed += 1 } else { split.denied += 1 }
            }
        }
        lists(world, &ids, &model, user, split, seed).await;
    }
}

/// The lists of a user hold what it may read and nothing else.
async fn lists(world: &World, ids: &Ids, model: &Model, user: usize, split: &mut Split, seed: u64) {
    let environment = EnvironmentId::from(ids.id(9, 0));
    let caller = world
        .store
        .caller_find(&environment, &ids.id(2, user))
        .await
        .expect("the world of the test is sound");
    for (table, entity) in ENTITIES.iter().enumerate() {
        let mut query = Query::new(
            table_by_logical_name(entity.logical_name()).expect("the world of the test is sound"),
        );
        query.select = Some(vec![entity.id_column().to_owned()]);
        let page = world
            .store
            .query(&caller, &environment, query)
            .await
            .expect("the world of the test is sound");
        let mut found: Vec<_> = page.rows.into_iter().map(|row| row.id).collect();
        found.sort();
        let expected: Vec<_> = (model.rows.iter().enumerate())
            .filter(|(_, row)| row.table == table && model.allow(user, READ, row))
            .map(|(number, _)| ids.id(7, number))
            .collect();
        assert_eq!(found, expected, "SEED={seed}, world {}: list of {entity:?}\n{model:#?}", ids.0);
        split.listed += 1;
    }
}

/// 2,000 worlds (256,000 decisions) with CONNREF_LONG=1, else a tenth of it.
#[test]
fn decisions_and_lists_agree_with_the_model() {
    let seed = std::env::var("SEED").ok().and_then(|text| text.parse().ok()).unwrap_or_else(|| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        now.as_secs() | 1
    });
    let worlds = if std::env::var("CONNREF_LONG").is_ok_and(|v| v == "1") { 2000 } else { 200 };
    eprintln!(
        "SEED={seed}; rerun: SEED={seed} cargo nextest run -p connref-store decisions_and_lists"
    );
    each_engine(|world| async move {
        let mut split = Split::default();
        for at in 0..worlds {
            compare(&world, at, seed, &mut split).await;
        }
        let Split { allowed, denied, listed } = split;
        eprintln!(
            "{}: {worlds} worlds, {} decisions ({allowed} allowed, {denied} denied), {listed} lists, 0 differences",
            world.store.db().engine(),
            allowed + denied
        );
        assert!(allowed * 5 > denied && denied * 5 > allowed, "one-sided: {allowed} to {denied}");
    });
}
