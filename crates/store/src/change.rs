//! Applies a [`ChangeSet`] in one transaction: an import is whole or it is not.
use connref_solution::model::change_set::{
    ChangeSet, ConnectorChange, Fate, FlowChange, ReferenceChange, VariableChange,
};
use connref_solution::model::package::Managed;
use connref_solution::model::{
    ApiName, ComponentKind, EnvironmentId, JobId, PublisherId, ReferenceId, SolutionId, VariableId,
};
use serde_json::json;

use crate::access::{Caller, Privilege};
use crate::audit_log::{self, Entry};
use crate::connector::{Insert, custom_api_name, custom_insert, custom_update};
use crate::db::{Param, Sql};
use crate::environment::touch_at;
use crate::flow::uses_write;
use crate::flow_row::{self, FlowRow, body_write};
use crate::reference::Bind;
use crate::solution::{SolutionRow, component_next, component_put, publisher_ensure};
use crate::source::Ids;
use crate::variable::Value;
use crate::{
    Result, Store, StoreError, custom_table, import_job, job, layer, reference, solution,
    tenant_policy, variable,
};

struct Apply<'a> {
    overwrite: bool,
    at: Insert<'a>,
    caller: &'a Caller,
    ids: &'a dyn Ids,
    solution: SolutionId,
    /// The next place in the solution.
    next: std::cell::Cell<i64>,
    /// Custom connectors: api name in the package (without hash) → api name here.
    apis: Vec<(String, ApiName)>,
}

impl Apply<'_> {
    fn component_add(&self, sql: &mut Sql<'_>, kind: &str, id: &str) -> Result<()> {
        let at = self.next.replace(self.next.get() + 1);
        component_put(sql, self.at.environment, &self.solution, (kind, id), at)
    }

    fn layer(&self) -> layer::At<'_> {
        layer::At {
            environment: self.at.environment,
            by: self.caller.name(),
            now: self.at.now,
            version: self.at.version,
        }
    }

    /// Writes the package's layer of a component, or notes that an unmanaged one was changed.
    fn layer_write(&self, sql: &mut Sql<'_>, one: &layer::Brought<'_>) -> Result<()> {
        if self.at.managed {
            layer::managed_write(sql, &self.layer(), &self.solution, one, self.overwrite)
        } else if one.existing {
            layer::unmanaged_note(sql, &self.layer(), one.kind, one.id)
        } else {
            Ok(())
        }
    }
}

impl Store {
    /// Applies a change set provided the environment is at the version it was made for, and records
    /// the import job as done in the same transaction.
    pub async fn change_apply(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        change: ChangeSet,
        job: Option<(JobId, String)>,
    ) -> Result<SolutionId> {
        caller.require(environment, Privilege::ImportCustomization, "import solutions")?;
        let owner = caller.owner()?;
        let now = self.now();
        let (caller, environment, ids) =
            (caller.clone(), environment.clone(), std::sync::Arc::clone(&self.ids));
        let points = self.points.clone();
        let done = self
            .db
            .change(move |sql| {
                let version = touch_at(sql, &environment, change.facts_version)?;
                points.reach("import-begun");
                if let Some((job, _)) = &job {
                    job::cancel_check(sql, &environment, job)?;
                }
                let managed = change.solution.manifest.managed == Managed::Managed;
                let at = Insert { environment: &environment, owner: &owner, now, version, managed };
                let solution = solution_write(sql, &at, &*ids, &change)?;
                let mut apply = Apply {
                    overwrite: change.overwrite,
                    at,
                    caller: &caller,
                    ids: &*ids,
                    next: component_next(sql, &environment, &solution)?.into(),
                    solution,
                    apis: Vec::new(),
                };
                let tables =
                    custom_table::At { environment: &environment, solution: &apply.solution, now };
                custom_table::tables_write(sql, &tables, &change.tables)?;
                for one in &change.connectors {
                    connector_write(sql, &mut apply, one)?;
                }
                for one in &change.references {
                    reference_write(sql, &apply, one)?;
                }
                for one in &change.variables {
                    variable_write(sql, &apply, one)?;
                }
                for one in &change.flows {
                    flow_write(sql, &apply, one)?;
                }
                points.reach("import-rows");
                let at = apply.layer();
                layer::removals_apply(sql, &at, &apply.solution, &change.removals)?;
                points.reach("import-removals");
                let place = (&environment, apply.at.now, apply.at.version);
                tenant_policy::suspend(sql, &caller, place, &change.suspensions)?;
                if let Some((job, data)) = &job {
                    import_job::finish(sql, &environment, job, data, now)?;
                }
                import_record(sql, &apply, &change)?;
                points.reach("import-recorded");
                Ok::<_, StoreError>(apply.solution)
            })
            .await?;
        self.points.reach("import-committed");
        Ok(done)
    }
}

fn import_record(sql: &mut Sql<'_>, apply: &Apply<'_>, change: &ChangeSet) -> Result<()> {
    let manifest = &change.solution.manifest;
    let entry = Entry {
        action: "solution_import",
        object: "solution",
        object_id: apply.solution.as_str(),
        detail: json!({
            "name": manifest.unique_name,
            "version": manifest.version,
            "managed": manifest.managed == Managed::Managed,
            "references": change.references.len(),
            "flows": change.flows.len(),
            "removed": change.removals.iter().filter(|r| r.fate == Fate::Deleted).count(),
            "on": change.flows.iter().filter(|f| f.on).map(|f| f.workflow.name.as_str()).collect::<Vec<_>>(),
        }),
    };
    audit_log::record(sql, apply.at.environment, apply.at.now, apply.caller, &entry)
}

fn solution_write(
    sql: &mut Sql<'_>,
    at: &Insert<'_>,
    ids: &dyn Ids,
    change: &ChangeSet,
) -> Result<SolutionId> {
    let manifest = &change.solution.manifest;
    let publisher_id = ids.guid(at.now);
    let publisher: PublisherId = publisher_ensure(
        sql,
        at.environment,
        &publisher_id,
        &manifest.publisher,
        Some(at.owner.as_str()),
        (at.now, at.version),
    )?;
    let id = match &change.solution.existing {
        Some(id) => {
            solution_update(sql, at, id, change)?;
            id.clone()
        }
        None => {
            let id = ids.guid(at.now);
            let row = SolutionRow {
                id: &id,
                unique_name: &manifest.unique_name,
                display_name: &manifest.display_name,
                description: Some(manifest.description.as_str()).filter(|d| !d.is_empty()),
                version: &manifest.version,
                managed: at.managed,
                language: manifest.language,
                publisher: &publisher,
                upgrade_of: change.solution.upgrade_of.as_ref(),
                by: Some(at.owner.as_str()),
            };
            solution::insert(sql, at.environment, &row, at.now, at.version)?;
            SolutionId::new(&id)
        }
    };
    parts_write(sql, at.environment, &id, &change.solution.parts)?;
    Ok(id)
}

fn solution_update(
    sql: &mut Sql<'_>,
    at: &Insert<'_>,
    id: &SolutionId,
    change: &ChangeSet,
) -> Result<()> {
    let manifest = &change.solution.manifest;
    sql.execute(
        "UPDATE solution SET friendlyname = CASE WHEN $3 = '' THEN friendlyname ELSE $3 END, version = $4, \
         ismanaged = $5, modifiedon = $6, versionnumber = $7, modifiedby = $8 \
         WHERE environmentid = $1 AND solutionid = $2",
        &[
            at.environment.as_str().into(),
            id.as_str().into(),
            (&manifest.display_name).into(),
            (&manifest.version).into(),
            at.managed.into(),
            at.now.into(),
            at.version.into(),
            at.owner.as_str().into(),
        ],
    )?;
    Ok(())
}

fn parts_write(
    sql: &mut Sql<'_>,
    environment: &EnvironmentId,
    id: &SolutionId,
    parts: &[(String, Vec<u8>)],
) -> Result<()> {
    let keys: [Param<'_>; 2] = [environment.as_str().into(), id.as_str().into()];
    sql.execute("DELETE FROM solution_part WHERE environmentid = $1 AND solutionid = $2", &keys)?;
    for (ordinal, (name, content)) in (0_i64..).zip(parts) {
        sql.execute(
            "INSERT INTO solution_part (environmentid, solutionid, ordinal, name, content) \
             VALUES ($1, $2, $3, $4, $5)",
            &[
                environment.as_str().into(),
                id.as_str().into(),
                ordinal.into(),
                name.into(),
                content.as_slice().into(),
            ],
        )?;
    }
    Ok(())
}

fn connector_write(
    sql: &mut Sql<'_>,
    apply: &mut Apply<'_>,
    change: &ConnectorChange,
) -> Result<()> {
    let connector = &change.connector;
    let id = match &change.existing {
        Some(id) => {
            custom_update(sql, &apply.at, id, connector)?;
            id.as_str().to_owned()
        }
        None => {
            let given = connector.id.trim_matches(['{', '}']).to_lowercase();
            let id = if given.is_empty() { apply.ids.guid(apply.at.now) } else { given };
            let api = custom_api_name(&connector.name, apply.ids);
            custom_insert(sql, &apply.at, &id, &api, connector)?;
            apply.apis.push((api.without_hash(), api));
            id
        }
    };
    apply.component_add(sql, "connector", &id)
}

fn reference_write(sql: &mut Sql<'_>, apply: &Apply<'_>, change: &ReferenceChange) -> Result<()> {
    let mut row = change.reference.clone();
    // The package carries the api name of the environment it came from; a custom connector has
    // another hash here (design rule 9).
    let bare = row.api_name.without_hash();
    if let Some((_, api)) = apply.apis.iter().find(|(known, _)| *known == bare) {
        row.api_name = api.clone();
    } else if let Ok(found) = crate::connector::find(sql, apply.at.environment, &row.api_name) {
        row.api_name = found.api_name;
    }
    let id = match &change.existing {
        Some(id) => {
            if !change.hidden {
                reference_update(sql, apply, id, &row)?;
            }
            id.clone()
        }
        None => {
            let id = apply.ids.guid(apply.at.now);
            reference::insert(sql, &apply.at, &id, &row)?;
            ReferenceId::new(&id)
        }
    };
    let brought = layer::Brought {
        kind: ComponentKind::Reference,
        id: id.as_str(),
        name: &row.display_name,
        description: row.description.as_deref(),
        body: None,
        uses: Vec::new(),
        existing: change.existing.is_some(),
        hidden: change.hidden,
    };
    apply.layer_write(sql, &brought)?;
    apply.component_add(sql, "reference", id.as_str())?;
    let Some(connection) = &change.bind else { return Ok(()) };
    let bind = Bind {
        environment: apply.at.environment,
        reference: &id,
        connection: Some(connection),
        source: "settings",
        return_until: None,
        now: apply.at.now,
        version: apply.at.version,
    };
    reference::bind(sql, apply.caller, &bind)?;
    Ok(())
}

/// A stored name or description is never blanked by an empty one (design rule 2).
fn reference_update(
    sql: &mut Sql<'_>,
    apply: &Apply<'_>,
    id: &ReferenceId,
    row: &connref_solution::model::package::PackageReference,
) -> Result<()> {
    sql.execute(
        "UPDATE connectionreference SET \
         connectionreferencedisplayname = CASE WHEN $3 = '' THEN connectionreferencedisplayname ELSE $3 END, \
         description = CASE WHEN $4 = '' THEN description ELSE $4 END, connectorid = $5, \
         customconnectorid = COALESCE($6, customconnectorid), iscustomizable = $7, modifiedon = $8, \
         versionnumber = $9 WHERE environmentid = $1 AND connectionreferenceid = $2",
        &[
            apply.at.environment.as_str().into(),
            id.as_str().into(),
            (&row.display_name).into(),
            row.description.clone().unwrap_or_default().into(),
            row.api_name.connector_id().into(),
            row.custom_connector_id.as_ref().into(),
            row.customizable.into(),
            apply.at.now.into(),
            apply.at.version.into(),
        ],
    )?;
    Ok(())
}

fn variable_write(sql: &mut Sql<'_>, apply: &Apply<'_>, change: &VariableChange) -> Result<()> {
    let row = &change.variable;
    let id = match &change.existing {
        Some(id) => {
            if !change.hidden {
                variable::update(sql, &apply.at, id, row)?;
            }
            id.clone()
        }
        None => {
            let id = apply.ids.guid(apply.at.now);
            variable::insert(sql, &apply.at, &id, row)?;
            VariableId::new(&id)
        }
    };
    let brought = layer::Brought {
        kind: ComponentKind::Variable,
        id: id.as_str(),
        name: &row.display_name,
        description: row.description.as_deref(),
        body: row.default_value.as_deref(),
        uses: Vec::new(),
        existing: change.existing.is_some(),
        hidden: change.hidden,
    };
    apply.layer_write(sql, &brought)?;
    apply.component_add(sql, "variable", id.as_str())?;
    let base = if apply.at.managed { row.value.as_deref() } else { None };
    for (value, base) in [(base, true), (change.value.as_deref(), false)] {
        let Some(value) = value else { continue };
        let row_id = apply.ids.guid(apply.at.now);
        let write =
            Value { definition: &id, schema_name: &row.schema_name, value, base, id: &row_id };
        variable::value_write(sql, &apply.at, &write)?;
    }
    Ok(())
}

fn flow_write(sql: &mut Sql<'_>, apply: &Apply<'_>, change: &FlowChange) -> Result<()> {
    let workflow = &change.workflow;
    let environment = apply.at.environment;
    let activator = if change.on { Some(apply.at.owner.as_str()) } else { None };
    let id = workflow.id.as_str();
    // Facts tell of cloud flows alone: whether a business rule is here already, only its row says.
    let existing = change.existing.is_some()
        || (!workflow.is_cloud_flow() && flow_row::exists(sql, environment, id)?);
    if existing {
        flow_update(sql, apply, change, activator)?;
        if !change.hidden {
            let (category, body) = (i64::from(workflow.category), workflow.client_data.as_deref());
            body_write(sql, environment, id, category, body, change.body.as_ref())?;
        }
    } else {
        let row = FlowRow {
            id: workflow.id.as_str(),
            name: &workflow.name,
            description: workflow.description.as_deref(),
            category: workflow.category.into(),
            // What is no cloud flow keeps the state it was exported with.
            state_code: if workflow.is_cloud_flow() {
                i64::from(change.on)
            } else {
                workflow.state_code.into()
            },
            wanted_on: change.wanted_on,
            why_off: change.why_off.as_deref(),
            client_data: workflow.client_data.as_deref(),
            body: change.body.as_ref(),
            modern_flow_type: workflow.modern_flow_type.map(i64::from),
            json_file_name: workflow.json_file_name.as_deref(),
            activated_by: activator,
        };
        flow_row::insert(sql, &apply.at, &row).map_err(|e| e.on_unique("flow", &workflow.name))?;
    }
    let references = change.body.iter().flat_map(|body| &body.references);
    let brought = layer::Brought {
        kind: ComponentKind::Flow,
        id: workflow.id.as_str(),
        name: &workflow.name,
        description: workflow.description.as_deref(),
        body: workflow.client_data.as_deref(),
        uses: references.filter_map(|entry| entry.logical_name.as_ref()).collect(),
        existing,
        hidden: change.hidden,
    };
    apply.layer_write(sql, &brought)?;
    // What is on, by this import or before it, may go on using what its references now lead to.
    let row = sql.query_one(
        "SELECT activatedby, ownerid FROM workflow WHERE environmentid = $1 AND workflowid = $2 \
         AND statecode = 1 AND category = 5",
        &[environment.as_str().into(), workflow.id.as_str().into()],
    )?;
    let by = match row {
        Some(row) => Some(row.text_opt(0)?.map_or_else(|| row.text(1), Ok)?.into()),
        None => None,
    };
    uses_write(sql, environment, workflow.id.as_str(), by.as_ref(), apply.at.now)?;
    apply.component_add(sql, "flow", workflow.id.as_str())
}

fn flow_update(
    sql: &mut Sql<'_>,
    apply: &Apply<'_>,
    change: &FlowChange,
    activator: Option<&str>,
) -> Result<()> {
    let workflow = &change.workflow;
    let changed = sql.execute(
        "UPDATE workflow SET name = CASE WHEN CAST($12 AS BIGINT) = 1 THEN name ELSE $3 END, \
         description = CASE WHEN CAST($12 AS BIGINT) = 1 THEN description ELSE COALESCE($4, description) END, whyoff = $5, \
         statecode = CASE WHEN category = 5 AND statecode <> 2 THEN CAST($6 AS BIGINT) ELSE statecode END, \
         statuscode = CASE WHEN category = 5 AND statecode <> 2 THEN CAST($6 AS BIGINT) + 1 ELSE statuscode END, \
         wantedon = $7, activatedby = CASE WHEN statecode = 1 THEN activatedby ELSE COALESCE($8, activatedby) END, \
         jsonfilename = $9, modifiedon = $10, versionnumber = $11 \
         WHERE environmentid = $1 AND workflowid = $2",
        &[
            apply.at.environment.as_str().into(),
            workflow.id.as_str().into(),
            (&workflow.name).into(),
            workflow.description.as_ref().into(),
            change.why_off.as_ref().into(),
            i64::from(change.on).into(),
            change.wanted_on.into(),
            activator.into(),
            workflow.json_file_name.as_ref().into(),
            apply.at.now.into(),
            apply.at.version.into(),
            i64::from(change.hidden).into(),
        ],
    )?;
    if changed == 0 {
        return Err(StoreError::not_found("flow", workflow.id.as_str()));
    }
    Ok(())
}
