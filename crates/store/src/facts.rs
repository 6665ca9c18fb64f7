//! Fills [`Facts`] from the database: one snapshot, a handful of queries. The last snapshot of each
//! environment is kept and used as long as the environment is still at its version, so that what a
//! run asks at every call costs one read by key.
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use connref_solution::model::facts::{ConnectorFacts, EnvironmentFacts, Facts, PrincipalFacts};
use connref_solution::model::{EnvironmentId, LogicalName, Micros, SolutionId};

use crate::access::{Action, Caller, Memberships, memberships};
use crate::db::Sql;
use crate::{
    Result, Store, connection, connector, environment, flow, reference, solution, team,
    tenant_group, user, variable,
};

/// The newest snapshot of each environment, and until when it holds: a share that ends changes the
/// facts without a change of the environment.
#[derive(Default)]
pub(crate) struct Cache(Mutex<HashMap<String, (Arc<Facts>, Micros)>>);

const DAY: Micros = 86_400_000_000;
/// What "recent" means for runs.
const RECENT: Micros = 30 * DAY;

impl Store {
    /// The facts of an environment as of its current version, without use counts.
    pub async fn facts(&self, caller: &Caller, id: &EnvironmentId) -> Result<Arc<Facts>> {
        caller.authorize(id, Action::Read, "read the facts of this environment")?;
        let wanted = id.clone();
        let version = self.db.read(move |sql| environment::version(sql, &wanted)).await?;
        let kept = {
            let cache = self.facts.0.lock().unwrap_or_else(PoisonError::into_inner);
            let now = self.now();
            cache
                .get(id.as_str())
                .filter(|(facts, until)| facts.environment.version == version && now < *until)
                .map(|(facts, _)| Arc::clone(facts))
        };
        if let Some(facts) = kept {
            return Ok(facts);
        }
        let (wanted, now) = (id.clone(), self.now());
        let (facts, until) = self
            .db
            .snapshot(move |sql| {
                Ok::<_, crate::StoreError>((load(sql, &wanted, now)?, ends(sql, &wanted, now)?))
            })
            .await?;
        let facts = Arc::new(facts);
        let mut cache = self.facts.0.lock().unwrap_or_else(PoisonError::into_inner);
        cache.insert(id.as_str().to_owned(), (Arc::clone(&facts), until));
        Ok(facts)
    }

    /// The facts with recent use: runs of each flow in the last 30 days, last use of each
    /// connection. For audits.
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
            Ok(principal(user, memberships))
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
    };
    fill_solutions(sql, id, &mut facts)?;
    Ok(facts)
}

fn principal(user: user::User, memberships: Memberships) -> PrincipalFacts {
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
    let mut members: HashMap<(String, String), Vec<SolutionId>> = HashMap::new();
    for row in sql.query(
        "SELECT kind, objectid, solutionid FROM solutioncomponent WHERE environmentid = $1 \
         AND kind IN ('reference', 'flow') ORDER BY solutionid",
        &[id.as_str().into()],
    )? {
        members.entry((row.text(0)?, row.text(1)?)).or_default().push(row.text(2)?.into());
    }
    for one in &mut facts.references {
        let key = ("reference".to_owned(), one.id.as_str().to_owned());
        one.solutions = members.remove(&key).unwrap_or_default();
    }
    for one in &mut facts.flows {
        let key = ("flow".to_owned(), one.id.as_str().to_owned());
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
    let mut used = HashMap::new();
    for row in sql.query(
        "SELECT connectionid, MAX(at) FROM run_event WHERE environmentid = $1 AND connectionid IS NOT NULL \
         GROUP BY connectionid",
        &[id.as_str().into()],
    )? {
        used.insert(row.text(0)?, row.int(1)?);
    }
    for connection in &mut facts.connections {
        connection.last_used_at = used.get(connection.id.as_str()).copied();
    }
    Ok(())
}
