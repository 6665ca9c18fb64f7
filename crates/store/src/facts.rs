//! Fills [`Facts`] from the database: one snapshot, a handful of queries. The last snapshot of each
//! environment is kept and used as long as the environment is still at its version, so that what a
//! run asks at every call costs one read by key.
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use connref_solution::artefact::workflow_json;
use connref_solution::model::facts::{
    Acted, ConnectorFacts, EnvironmentFacts, Facts, PrincipalFacts,
};
use connref_solution::model::{
    Component, ComponentKind, EnvironmentId, FlowId, LogicalName, Micros, PrincipalId, SolutionId,
};
use serde_json::Value;

use crate::access::{Action, Caller, Holding, Memberships, Privilege, holding, memberships};
use crate::connection_state::last_uses;
use crate::db::{Row, Sql};
use crate::{
    Result, Store, StoreError, connection, connector, environment, flow, layer, reference,
    solution, team, tenant_group, tenant_policy, user, variable,
};

/// The newest snapshot of each environment.
#[derive(Default)]
pub(crate) struct Cache(Mutex<HashMap<EnvironmentId, Kept>>);

struct Kept {
    facts: Arc<Facts>,
    /// A share that ends changes the facts without a change of the environment.
    until: Micros,
    /// This process's count of changes when the version was last asked for.
    changes: u64,
    /// When that was.
    asked: Instant,
}

/// How long the version counts as known while this process changes nothing: what another process
/// changed counts so much later at most.
const KNOWN: Duration = Duration::from_millis(1);

const DAY: Micros = 86_400_000_000;
/// What "recent" means for runs.
const RECENT: Micros = 30 * DAY;

impl Store {
    /// The facts of an environment as of its current version, without use counts.
    pub async fn facts(&self, caller: &Caller, id: &EnvironmentId) -> Result<Arc<Facts>> {
        caller.authorize(id, Action::Read, "read the facts of this environment")?;
        // Both before the version is asked for: a change that comes between makes it older, not newer.
        let (changes, asked) = (self.db.changes(), Instant::now());
        let wanted = id.clone();
        let version = self.db.read(move |sql| environment::version(sql, &wanted)).await?;
        {
            let (mut cache, now) = (self.kept(), self.now());
            let kept = cache.get_mut(id);
            if let Some(kept) =
                kept.filter(|k| k.facts.environment.version == version && now < k.until)
            {
                (kept.changes, kept.asked) = (changes, asked);
                return Ok(Arc::clone(&kept.facts));
            }
        }
        let (wanted, now) = (id.clone(), self.now());
        let (facts, until) = self
            .db
            .snapshot(move |sql| {
                Ok::<_, crate::StoreError>((load(sql, &wanted, now)?, ends(sql, &wanted, now)?))
            })
            .await?;
        let facts = Arc::new(facts);
        let kept = Kept { facts: Arc::clone(&facts), until, changes, asked };
        self.kept().insert(id.clone(), kept);
        Ok(facts)
    }

    /// The facts that were read last, without asking the database: none, or older than the
    /// environment is now. Good for what is compared with the version afterwards.
    pub fn facts_last(&self, caller: &Caller, id: &EnvironmentId) -> Result<Option<Arc<Facts>>> {
        caller.authorize(id, Action::Read, "read the facts of this environment")?;
        let (cache, now) = (self.kept(), self.now());
        let kept = cache.get(id).filter(|kept| now < kept.until);
        Ok(kept.map(|kept| Arc::clone(&kept.facts)))
    }

    /// The facts of the current version as far as that is known without asking the database: none
    /// once this process changed anything, or a millisecond after the version was asked for.
    pub fn facts_at_hand(&self, caller: &Caller, id: &EnvironmentId) -> Result<Option<Arc<Facts>>> {
        caller.authorize(id, Action::Read, "read the facts of this environment")?;
        let (cache, now) = (self.kept(), self.now());
        let kept = cache.get(id).filter(|kept| {
            kept.changes == self.db.changes() && kept.asked.elapsed() < KNOWN && now < kept.until
        });
        Ok(kept.map(|kept| Arc::clone(&kept.facts)))
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<EnvironmentId, Kept>> {
        self.facts.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The facts with recent use: runs of each flow in the last 30 days and as whom the last one
    /// acted, last use of each connection; and with what only audits ask of flows: schedules and
    /// operations. For audits and for files.
    pub async fn facts_with_use(&self, caller: &Caller, id: &EnvironmentId) -> Result<Facts> {
        caller.authorize(id, Action::Read, "read the facts of this environment")?;
        let (wanted, now) = (id.clone(), self.now());
        self.db
            .snapshot(move |sql| {
                let mut facts = load(sql, &wanted, now)?;
                fill_use(sql, &wanted, now, &mut facts)?;
                Ok(facts)
            })
            .await
    }
}

/// The next moment at which a share of a connection ends.
fn ends(sql: &mut Sql<'_>, id: &EnvironmentId, now: Micros) -> Result<Micros> {
    let row = sql.query_one(
        "SELECT MIN(expireson) FROM connection_share WHERE environmentid = $1 AND expireson > $2",
        &[id.as_str().into(), now.into()],
    )?;
    Ok(row.map(|row| row.int_opt(0)).transpose()?.flatten().unwrap_or(Micros::MAX))
}

fn load(sql: &mut Sql<'_>, id: &EnvironmentId, now: Micros) -> Result<Facts> {
    let environment = environment::find(sql, id.as_str())?;
    let tenant = environment::tenant(sql, id)?;
    let mut belongs = memberships(sql, id, None)?;
    let importers = holding(sql, id, Privilege::ImportCustomization)?;
    let principals = sql
        .query(
            &format!(
                "SELECT {} FROM systemuser WHERE environmentid = $1 ORDER BY domainname_key",
                user::COLUMNS
            ),
            &[id.as_str().into()],
        )?
        .iter()
        .map(|row| {
            let user = user::user(row)?;
            let memberships = belongs.remove(&user.id).unwrap_or_default();
            Ok(principal(user, memberships, &importers))
        })
        .collect::<Result<_>>()?;
    let mut facts = Facts {
        environment: EnvironmentFacts {
            id: environment.id,
            tenant: tenant.as_str().into(),
            name: environment.name,
            kind: environment.kind,
            fidelity: environment.fidelity,
            version: environment.version,
        },
        taken_at: now,
        principals,
        teams: team::all(sql, id)?,
        groups: tenant_group::all(sql, &tenant)?,
        connectors: connector::all(sql, id)?.into_iter().map(connector_facts).collect(),
        connections: connection::all(sql, id, now)?.into_iter().map(|c| c.facts).collect(),
        references: reference::all(sql, id)?,
        flows: flow::all(sql, id)?,
        variables: variable::all(sql, id)?,
        solutions: solution::all(sql, id)?.into_iter().map(|s| s.facts).collect(),
        policies: tenant_policy::all(sql, &tenant)?,
        unknown: Vec::new(),
        layers: layer::all(sql, id)?,
    };
    if !facts.policies.is_empty() {
        // They judge what flows call.
        fill_bodies(sql, id, &mut facts)?;
    }
    fill_solutions(sql, id, &mut facts)?;
    fill_teams(&mut facts);
    Ok(facts)
}

fn principal(user: user::User, memberships: Memberships, importers: &Holding) -> PrincipalFacts {
    let may_import = importers.has(&user.id, &memberships);
    let teams = memberships.teams.into_iter().map(|(id, _, _)| id);
    PrincipalFacts {
        id: user.id,
        kind: user.kind,
        name: user.name,
        display_name: user.display_name,
        application_id: user.application_id,
        role: user.role,
        disabled: user.disabled,
        departed_at: user.departed_on,
        counts_as: teams.chain(memberships.groups).collect(),
        manager: user.manager,
        may_import: Some(may_import),
    }
}

fn connector_facts(row: connector::Connector) -> ConnectorFacts {
    let logical_name = row
        .custom
        .then(|| LogicalName::new(&row.name.replacen("_5F", "_", 1).replacen("_5f", "_", 1)));
    ConnectorFacts {
        id: row.id,
        api_name: row.api_name,
        display_name: row.display_name,
        logical_name,
        custom: row.custom,
        service_principal: row.service_principal,
    }
}

fn fill_solutions(sql: &mut Sql<'_>, id: &EnvironmentId, facts: &mut Facts) -> Result<()> {
    let mut members: HashMap<(ComponentKind, Box<str>), Vec<SolutionId>> = HashMap::new();
    let places: HashMap<String, usize> =
        facts.solutions.iter().enumerate().map(|(at, s)| (s.id.as_str().to_owned(), at)).collect();
    for row in sql.query(
        "SELECT c.kind, c.objectid, c.solutionid, w.name FROM solutioncomponent c \
         LEFT JOIN workflow w ON c.kind = 'flow' AND w.environmentid = c.environmentid AND w.workflowid = c.objectid \
         WHERE c.environmentid = $1 ORDER BY c.solutionid, c.ordinal",
        &[id.as_str().into()],
    )? {
        let Some(kind) = ComponentKind::of(&row.text(0)?) else { continue };
        let (object, solution): (Box<str>, String) = (row.text(1)?.into(), row.text(2)?);
        if let Some(at) = places.get(&solution) {
            let name = row.text_opt(3)?.unwrap_or_default();
            facts.solutions[*at].components.push(Component { kind, id: object.clone(), name });
        }
        members.entry((kind, object)).or_default().push(solution.into());
    }
    for one in &mut facts.references {
        let key = (ComponentKind::Reference, one.id.as_str().into());
        one.solutions = members.remove(&key).unwrap_or_default();
    }
    for one in &mut facts.flows {
        let key = (ComponentKind::Flow, one.id.as_str().into());
        one.solutions = members.remove(&key).unwrap_or_default();
    }
    Ok(())
}

fn fill_use(sql: &mut Sql<'_>, id: &EnvironmentId, now: Micros, facts: &mut Facts) -> Result<()> {
    let mut runs = HashMap::new();
    for row in sql.query(
        "SELECT workflowid, COUNT(*) FROM run WHERE environmentid = $1 AND startedon > $2 GROUP BY workflowid",
        &[id.as_str().into(), (now - RECENT).into()],
    )? {
        runs.insert(row.text(0)?, row.int(1)?);
    }
    for flow in &mut facts.flows {
        flow.recent_runs = runs.get(flow.id.as_str()).copied().unwrap_or(0);
    }
    let used = last_uses(sql, id)?;
    for connection in &mut facts.connections {
        connection.last_used_at = used.get(&connection.id).copied();
    }
    fill_last_runs(sql, id, facts)?;
    fill_bodies(sql, id, facts)
}

/// The last run of each flow, and as whom the last one that called a connector acted.
fn fill_last_runs(sql: &mut Sql<'_>, id: &EnvironmentId, facts: &mut Facts) -> Result<()> {
    let at: HashMap<FlowId, usize> =
        facts.flows.iter().enumerate().map(|(at, flow)| (flow.id.clone(), at)).collect();
    // One step into the index per flow, however long the journal is.
    for row in sql.query(
        "SELECT w.workflowid, (SELECT MAX(r.startedon) FROM run r WHERE r.workflowid = w.workflowid \
         AND r.environmentid = w.environmentid) FROM workflow w WHERE w.environmentid = $1 AND w.category = 5",
        &[id.as_str().into()],
    )? {
        if let Some(&at) = at.get(&FlowId::from(row.text(0)?)) {
            facts.flows[at].last_run_at = row.int_opt(1)?;
        }
    }
    for row in sql.query(
        "SELECT r.workflowid, e.connectionid, e.acting, MAX(e.bindingversion), MAX(e.at) FROM workflow w \
         JOIN run r ON r.workflowid = w.workflowid AND r.environmentid = w.environmentid \
         AND r.startedon = (SELECT MAX(x.startedon) FROM run x WHERE x.workflowid = w.workflowid \
         AND x.environmentid = w.environmentid AND EXISTS (SELECT 1 FROM run_event y \
         WHERE y.environmentid = x.environmentid AND y.runid = x.runid AND y.acting IS NOT NULL)) \
         JOIN run_event e ON e.environmentid = r.environmentid AND e.runid = r.runid \
         WHERE w.environmentid = $1 AND w.category = 5 AND e.acting IS NOT NULL AND e.connectionid IS NOT NULL \
         GROUP BY r.workflowid, e.connectionid, e.acting ORDER BY r.workflowid, 5, e.connectionid, e.acting",
        &[id.as_str().into()],
    )? {
        let Some(&at) = at.get(&FlowId::from(row.text(0)?)) else { continue };
        let Some(acted) = acted(&row)? else { continue };
        facts.flows[at].acted.push(acted);
    }
    Ok(())
}

/// What the journal says about an identity; none for calls through the caller's own connection,
/// which act as whoever runs the flow.
fn acted(row: &Row) -> Result<Option<Acted>> {
    let acting: Value = serde_json::from_str(&row.text(2)?)
        .map_err(|source| StoreError::Document { kind: "journal", source })?;
    let text = |name: &str| acting[name].as_str();
    if text("mode") == Some("invoker") {
        return Ok(None);
    }
    Ok(Some(Acted {
        reference: text("reference").map(LogicalName::new),
        connection: row.text(1)?.into(),
        identity: text("account").or(text("owner")).unwrap_or_default().to_owned(),
        binding_version: row.int_opt(3)?.unwrap_or_default(),
        at: row.int(4)?,
    }))
}

/// Schedules and operations, which stand in the flows' bodies.
fn fill_bodies(sql: &mut Sql<'_>, id: &EnvironmentId, facts: &mut Facts) -> Result<()> {
    for flow in &mut facts.flows {
        let row = sql.query_one(
            "SELECT clientdata FROM workflow WHERE environmentid = $1 AND workflowid = $2",
            &[id.as_str().into(), flow.id.as_str().into()],
        )?;
        let text = row.map(|row| row.text_opt(0)).transpose()?.flatten();
        let Some(text) = text else { continue };
        // What is odd about a body was said where it came in.
        let (body, _) = workflow_json::flow_body_read(&text, "clientdata");
        flow.schedule = body.schedule;
        flow.operations = body.operations;
    }
    Ok(())
}

/// The members of teams are the principals that count as them.
fn fill_teams(facts: &mut Facts) {
    let mut members: HashMap<&PrincipalId, i64> = HashMap::new();
    for team in facts.principals.iter().flat_map(|principal| &principal.counts_as) {
        *members.entry(team).or_default() += 1;
    }
    for team in &mut facts.teams {
        team.members = Some(members.get(&team.id).copied().unwrap_or(0));
    }
}
