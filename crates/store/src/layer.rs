//! Layers: what managed solutions brought of a component, and the unmanaged one on top. The row of
//! the component holds what shows; here lies what is below it.
use std::collections::BTreeMap;

use connref_solution::model::change_set::{Fate, Removal};
use connref_solution::model::facts::{LayerFacts, ManagedLayer};
use connref_solution::model::{
    Component, ComponentKind, EnvironmentId, LogicalName, Micros, SolutionId, layer_digest,
};
use serde_json::json;

use crate::access::{Caller, Privilege};
use crate::audit_log::{self, Entry};
use crate::db::{Param, Sql};
use crate::environment::touch;
use crate::flow_row::{self, body_write};
use crate::{Result, Store, StoreError, reference};

/// The `solutionid` of unmanaged layers.
const UNMANAGED: &str = "";

/// What a managed solution brings of a component.
pub(crate) struct Brought<'a> {
    pub(crate) kind: ComponentKind,
    pub(crate) id: &'a str,
    pub(crate) name: &'a str,
    pub(crate) description: Option<&'a str>,
    pub(crate) body: Option<&'a str>,
    /// References that the body names.
    pub(crate) uses: Vec<&'a LogicalName>,
    /// The row was there before.
    pub(crate) existing: bool,
    /// A layer above hides it.
    pub(crate) hidden: bool,
}

/// Where and by whom layers are written.
pub(crate) struct At<'a> {
    pub(crate) environment: &'a EnvironmentId,
    pub(crate) by: &'a str,
    pub(crate) now: Micros,
    pub(crate) version: i64,
}

fn place<'p>(environment: &'p EnvironmentId, kind: ComponentKind, id: &'p str) -> [Param<'p>; 3] {
    [environment.as_str().into(), kind.as_str().into(), id.into()]
}

/// Table and key column of a kind's rows.
fn row_of(kind: ComponentKind) -> (&'static str, &'static str) {
    match kind {
        ComponentKind::Flow => ("workflow", "workflowid"),
        ComponentKind::Reference => ("connectionreference", "connectionreferenceid"),
        ComponentKind::Variable => {
            ("environmentvariabledefinition", "environmentvariabledefinitionid")
        }
        ComponentKind::Connector => ("connector", "connectorid"),
    }
}

/// Writes a managed solution's layer of a component. The row itself is written by the caller,
/// unless the layer is hidden.
pub(crate) fn managed_write(
    sql: &mut Sql<'_>,
    at: &At<'_>,
    solution: &SolutionId,
    one: &Brought<'_>,
    overwrite: bool,
) -> Result<()> {
    if one.existing {
        existing_prepare(sql, at, one, overwrite)?;
    }
    let mut uses: Vec<String> = one.uses.iter().map(|name| name.key()).collect();
    uses.sort();
    uses.dedup();
    sql.execute(
        "INSERT INTO component_layer (environmentid, kind, objectid, solutionid, ordinal, name, description, body, \
         digest, uses, createdby, createdon, modifiedon) \
         SELECT $1, $2, $3, $4, COALESCE(MAX(ordinal), 0) + 1, $5, $6, $7, $8, $9, $10, $11, $11 \
         FROM component_layer WHERE environmentid = $1 AND kind = $2 AND objectid = $3 \
         ON CONFLICT (environmentid, kind, objectid, solutionid) DO UPDATE SET name = excluded.name, \
         description = excluded.description, body = excluded.body, digest = excluded.digest, \
         uses = excluded.uses, modifiedon = excluded.modifiedon",
        &[
            at.environment.as_str().into(),
            one.kind.as_str().into(),
            one.id.into(),
            solution.as_str().into(),
            one.name.into(),
            one.description.into(),
            one.body.into(),
            layer_digest(one.name, one.description, one.body).into(),
            uses.join("\n").into(),
            at.by.into(),
            at.now.into(),
        ],
    )?;
    Ok(())
}

/// A row that was here before gets a managed layer under it: what was unmanaged alone becomes the
/// layer on top, unless it is overwritten.
fn existing_prepare(
    sql: &mut Sql<'_>,
    at: &At<'_>,
    one: &Brought<'_>,
    overwrite: bool,
) -> Result<()> {
    let keys = place(at.environment, one.kind, one.id);
    if overwrite {
        sql.execute(
            "DELETE FROM component_layer WHERE environmentid = $1 AND kind = $2 AND objectid = $3 \
             AND solutionid = ''",
            &keys,
        )?;
    } else if one.hidden {
        let layers = sql.query_one(
            "SELECT 1 FROM component_layer WHERE environmentid = $1 AND kind = $2 AND objectid = $3",
            &keys,
        )?;
        if layers.is_none() {
            unmanaged_insert(sql, at, one.kind, one.id)?;
        }
    }
    let (table, key) = row_of(one.kind);
    sql.execute(
        &format!("UPDATE {table} SET ismanaged = 1 WHERE environmentid = $1 AND {key} = $2 AND ismanaged = 0"),
        &[at.environment.as_str().into(), one.id.into()],
    )?;
    Ok(())
}

fn unmanaged_insert(sql: &mut Sql<'_>, at: &At<'_>, kind: ComponentKind, id: &str) -> Result<()> {
    let [environment, kind, id] = place(at.environment, kind, id);
    sql.execute(
        "INSERT INTO component_layer (environmentid, kind, objectid, solutionid, ordinal, name, description, body, \
         digest, uses, createdby, createdon, modifiedon) \
         VALUES ($1, $2, $3, $4, 0, '', NULL, NULL, '', '', $5, $6, $6) \
         ON CONFLICT (environmentid, kind, objectid, solutionid) DO UPDATE SET modifiedon = excluded.modifiedon",
        &[environment, kind, id, UNMANAGED.into(), at.by.into(), at.now.into()],
    )?;
    Ok(())
}

/// Notes that a row was changed here: where a managed solution brought it, that is an unmanaged
/// layer. Binding a reference and turning a flow on are no such change (design rule 12).
pub(crate) fn unmanaged_note(
    sql: &mut Sql<'_>,
    at: &At<'_>,
    kind: ComponentKind,
    id: &str,
) -> Result<()> {
    let managed = sql.query_one(
        "SELECT 1 FROM component_layer WHERE environmentid = $1 AND kind = $2 AND objectid = $3 \
         AND solutionid <> ''",
        &place(at.environment, kind, id),
    )?;
    if managed.is_none() {
        return Ok(());
    }
    unmanaged_insert(sql, at, kind, id)
}

/// Carries out what an upgrade, a promotion or an uninstall takes out of a solution.
pub(crate) fn removals_apply(
    sql: &mut Sql<'_>,
    at: &At<'_>,
    solution: &SolutionId,
    removals: &[Removal],
) -> Result<()> {
    for removal in removals {
        let Component { kind, id, .. } = &removal.component;
        match removal.fate {
            Fate::Deleted => delete(sql, at.environment, *kind, id)?,
            Fate::Held | Fate::StillUsed(_) => leave(sql, at, solution, *kind, id)?,
        }
    }
    Ok(())
}

/// Deletes a component with everything below it.
fn delete(
    sql: &mut Sql<'_>,
    environment: &EnvironmentId,
    kind: ComponentKind,
    id: &str,
) -> Result<()> {
    for table in ["component_layer", "solutioncomponent"] {
        sql.execute(
            &format!(
                "DELETE FROM {table} WHERE environmentid = $1 AND kind = $2 AND objectid = $3"
            ),
            &place(environment, kind, id),
        )?;
    }
    let keys: [Param<'_>; 2] = [environment.as_str().into(), id.into()];
    match kind {
        ComponentKind::Flow => flow_row::remove(sql, environment, id)?,
        ComponentKind::Reference => reference::remove(sql, environment, id)?,
        ComponentKind::Variable => {
            for table in ["environmentvariablevalue", "environmentvariabledefinition"] {
                sql.execute(
                    &format!(
                        "DELETE FROM {table} WHERE environmentid = $1 AND environmentvariabledefinitionid = $2"
                    ),
                    &keys,
                )?;
            }
        }
        ComponentKind::Connector => {
            sql.execute(
                "DELETE FROM connector WHERE environmentid = $1 AND connectorid = $2",
                &keys,
            )?;
        }
    }
    Ok(())
}

/// Takes a component out of one solution, with that solution's layer; the row stays and shows what
/// is left.
pub(crate) fn leave(
    sql: &mut Sql<'_>,
    at: &At<'_>,
    solution: &SolutionId,
    kind: ComponentKind,
    id: &str,
) -> Result<()> {
    for table in ["component_layer", "solutioncomponent"] {
        let [environment, kind, id] = place(at.environment, kind, id);
        sql.execute(
            &format!(
                "DELETE FROM {table} WHERE environmentid = $1 AND kind = $2 AND objectid = $3 AND solutionid = $4"
            ),
            &[environment, kind, id, solution.as_str().into()],
        )?;
    }
    settle(sql, at, kind, id)
}

/// Makes a row show what its layers say: the unmanaged one if there is one, else the topmost
/// managed one. Without a managed one the row is an unmanaged component.
fn settle(sql: &mut Sql<'_>, at: &At<'_>, kind: ComponentKind, id: &str) -> Result<()> {
    let rows = sql.query(
        "SELECT solutionid, name, description, body FROM component_layer \
         WHERE environmentid = $1 AND kind = $2 AND objectid = $3 ORDER BY ordinal DESC",
        &place(at.environment, kind, id),
    )?;
    let mut top = None;
    let mut unmanaged = false;
    for row in &rows {
        if row.text(0)? == UNMANAGED {
            unmanaged = true;
        } else if top.is_none() {
            top = Some(row);
        }
    }
    let (table, key) = row_of(kind);
    match top {
        None if kind != ComponentKind::Connector => {
            sql.execute(
                "DELETE FROM component_layer WHERE environmentid = $1 AND kind = $2 AND objectid = $3",
                &place(at.environment, kind, id),
            )?;
            sql.execute(
                &format!(
                    "UPDATE {table} SET ismanaged = 0 WHERE environmentid = $1 AND {key} = $2"
                ),
                &[at.environment.as_str().into(), id.into()],
            )?;
        }
        Some(row) if !unmanaged => {
            let (name, description) = (row.text(1)?, row.text_opt(2)?);
            show(sql, at, kind, id, &name, description.as_deref(), row.text_opt(3)?.as_deref())?;
        }
        _ => {}
    }
    Ok(())
}

fn show(
    sql: &mut Sql<'_>,
    at: &At<'_>,
    kind: ComponentKind,
    id: &str,
    name: &str,
    description: Option<&str>,
    body: Option<&str>,
) -> Result<()> {
    let set = match kind {
        ComponentKind::Flow => "name = $3, description = $4",
        ComponentKind::Reference => "connectionreferencedisplayname = $3, description = $4",
        ComponentKind::Variable => "displayname = $3, description = $4, defaultvalue = $7",
        // Connectors have no layers: the last import shows.
        ComponentKind::Connector => return Ok(()),
    };
    let (table, key) = row_of(kind);
    let text = format!(
        "UPDATE {table} SET {set}, modifiedon = $5, versionnumber = $6 WHERE environmentid = $1 AND {key} = $2"
    );
    let mut params: Vec<Param<'_>> = vec![
        at.environment.as_str().into(),
        id.into(),
        name.into(),
        description.into(),
        at.now.into(),
        at.version.into(),
    ];
    if kind == ComponentKind::Variable {
        params.push(body.into());
    }
    sql.execute(&text, &params)?;
    if kind != ComponentKind::Flow {
        return Ok(());
    }
    let row = sql.query_one(
        "SELECT category FROM workflow WHERE environmentid = $1 AND workflowid = $2",
        &[at.environment.as_str().into(), id.into()],
    )?;
    let category = row.map(|row| row.int(0)).transpose()?.unwrap_or_default();
    body_write(sql, at.environment, id, category, body, None)
}

/// Every layer of an environment, for its facts. Names are filled by the caller.
pub(crate) fn all(sql: &mut Sql<'_>, environment: &EnvironmentId) -> Result<Vec<LayerFacts>> {
    let mut layers: BTreeMap<(ComponentKind, String), LayerFacts> = BTreeMap::new();
    for row in sql.query(
        "SELECT kind, objectid, solutionid, digest, uses, name, modifiedon FROM component_layer \
         WHERE environmentid = $1 ORDER BY ordinal, solutionid",
        &[environment.as_str().into()],
    )? {
        let Some(kind) = ComponentKind::of(&row.text(0)?) else { continue };
        let (id, solution) = (row.text(1)?, row.text(2)?);
        let layer = layers.entry((kind, id.clone())).or_insert_with(|| LayerFacts {
            component: Component { kind, id: id.into(), name: String::new() },
            managed: Vec::new(),
            unmanaged: None,
        });
        if solution == UNMANAGED {
            layer.unmanaged = Some(row.int(6)?);
            continue;
        }
        layer.component.name = row.text(5)?;
        layer.managed.push(ManagedLayer {
            solution: solution.into(),
            digest: row.text(3)?,
            references: row.text(4)?.lines().map(str::to_owned).collect(),
        });
    }
    Ok(layers.into_values().collect())
}

impl Store {
    /// Takes away the unmanaged layer of a component; what the topmost managed solution brought
    /// shows then.
    pub async fn layer_remove(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        kind: ComponentKind,
        id: &str,
    ) -> Result<()> {
        caller.require(environment, Privilege::ImportCustomization, "remove unmanaged layers")?;
        let (caller, environment, id, now) =
            (caller.clone(), environment.clone(), id.to_lowercase(), self.now());
        self.db
            .change(move |sql| {
                let version = touch(sql, &environment)?;
                let keys = place(&environment, kind, &id);
                let gone = sql.execute(
                    "DELETE FROM component_layer WHERE environmentid = $1 AND kind = $2 AND objectid = $3 \
                     AND solutionid = ''",
                    &keys,
                )?;
                if gone == 0 {
                    return Err(StoreError::not_found("unmanaged layer", &id));
                }
                let by = caller.name();
                let at = At { environment: &environment, by, now, version };
                settle(sql, &at, kind, &id)?;
                let entry = Entry {
                    action: "layer_remove",
                    object: kind.table(),
                    object_id: &id,
                    detail: json!({"kind": kind.as_str()}),
                };
                audit_log::record(sql, &environment, now, &caller, &entry)
            })
            .await
    }
}
