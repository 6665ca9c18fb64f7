//! Rows of the tables that solutions brought. Whoever makes flows makes rows; a row is its owner's,
//! and an administrator's. Rows of tables that the organisation owns are everybody's who makes.
use connref_solution::model::{EnvironmentId, PrincipalId};
use serde_json::json;

use crate::access::{Action, Caller};
use crate::audit_log::{Entry, record};
use crate::db::{Param, Sql};
use crate::query::{Cell, ColumnDef, Kind, Ownership, Source, TableDef};
use crate::{Result, Store, StoreError};

/// Values by column.
pub type RowValues = Vec<(&'static ColumnDef, Cell)>;

impl Store {
    /// Makes a row; answers its id.
    pub async fn row_create(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        table: &'static TableDef,
        mut values: RowValues,
        owner: Option<PrincipalId>,
    ) -> Result<String> {
        caller.authorize(environment, Action::Make, &format!("create rows of `{}`", table.name))?;
        let now = self.now();
        let given = values.iter().find(|(column, _)| column.name == table.primary_id);
        let id = match given {
            Some((_, Cell::Text(id))) => id.clone(),
            _ => self.ids().guid(now),
        };
        let by = caller.principal().map_or(Cell::Null, |id| Cell::Text(id.as_str().to_owned()));
        put(table, &mut values, table.primary_id, Cell::Text(id.clone()));
        for (name, value) in [
            ("createdon", Cell::Time(now)),
            ("modifiedon", Cell::Time(now)),
            ("createdby", by.clone()),
            ("modifiedby", by),
            ("versionnumber", Cell::Int(1)),
        ] {
            put(table, &mut values, name, value);
        }
        if table.ownership == Ownership::User {
            let owner = match owner {
                Some(owner) => owner,
                None => caller.owner()?,
            };
            put(table, &mut values, "ownerid", Cell::Text(owner.as_str().to_owned()));
        }
        states(table, &mut values, true);
        let (caller, environment, key) = (caller.clone(), environment.clone(), id.clone());
        self.db()
            .change(move |sql| {
                insert(sql, &environment, table, &values)
                    .map_err(|error| error.on_unique("row", &key))?;
                let entry = entry("row_create", table, &key, &values);
                record(sql, &environment, now, &caller, &entry)
            })
            .await?;
        Ok(id)
    }

    /// Changes a row.
    pub async fn row_update(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        table: &'static TableDef,
        id: &str,
        mut values: RowValues,
    ) -> Result<()> {
        let now = self.now();
        let by = caller.principal().map_or(Cell::Null, |id| Cell::Text(id.as_str().to_owned()));
        put(table, &mut values, "modifiedon", Cell::Time(now));
        put(table, &mut values, "modifiedby", by);
        states(table, &mut values, false);
        let (caller, environment, id) = (caller.clone(), environment.clone(), id.to_owned());
        self.db()
            .change(move |sql| {
                own(sql, &caller, &environment, table, &id, "change")?;
                update(sql, &environment, table, &id, &values)
                    .map_err(|error| error.on_unique("row", &id))?;
                let entry = entry("row_update", table, &id, &values);
                record(sql, &environment, now, &caller, &entry)
            })
            .await
    }

    /// Deletes a row. Lookups of other custom rows that point to it become empty.
    pub async fn row_delete(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        table: &'static TableDef,
        id: &str,
    ) -> Result<()> {
        let now = self.now();
        let (caller, environment, id) = (caller.clone(), environment.clone(), id.to_owned());
        self.db()
            .change(move |sql| {
                own(sql, &caller, &environment, table, &id, "delete")?;
                let keys: [Param<'_>; 2] = [environment.as_str().into(), id.as_str().into()];
                for other in table.family.map(|family| family.tables()).unwrap_or_default() {
                    for column in other.columns {
                        let here = column.kind.lookup().is_some_and(|(to, _)| to == table.name);
                        if let (true, Source::Column(name)) = (here, column.source) {
                            let text = format!(
                                "UPDATE {0} SET {name} = NULL WHERE environmentid = $1 AND {name} = $2",
                                other.physical
                            );
                            sql.execute(&text, &keys)?;
                        }
                    }
                }
                let text = format!(
                    "DELETE FROM {} WHERE environmentid = $1 AND {} = $2",
                    table.physical,
                    physical(table.id_column())?
                );
                sql.execute(&text, &keys)?;
                let entry = entry("row_delete", table, &id, &[]);
                record(sql, &environment, now, &caller, &entry)
            })
            .await
    }
}

fn entry<'a>(
    action: &'a str,
    table: &'a TableDef,
    id: &'a str,
    values: &[(&'static ColumnDef, Cell)],
) -> Entry<'a> {
    // Names of columns only: what rows hold is theirs.
    let columns: Vec<_> = values.iter().map(|(column, _)| column.name).collect();
    Entry { action, object: table.name, object_id: id, detail: json!({ "columns": columns }) }
}

/// Sets a value, over one that is there.
fn put(table: &'static TableDef, values: &mut RowValues, name: &str, value: Cell) {
    if let Some(column) = table.column(name) {
        values.retain(|(there, _)| there.name != column.name);
        values.push((column, value));
    }
}

/// A state without its reason takes the one of the same rank; a new row is active.
fn states(table: &'static TableDef, values: &mut RowValues, new: bool) {
    let given = |values: &RowValues, name: &str| {
        values.iter().find(|(column, _)| column.name == name).map(|(_, cell)| cell.clone())
    };
    let state = match given(values, "statecode") {
        None if new => Cell::Int(0),
        Some(state) => state,
        None => return,
    };
    put(table, values, "statecode", state.clone());
    let reasons = table.column("statuscode").and_then(|column| column.kind.choices());
    if let (None, Some(reasons), Cell::Int(state)) = (given(values, "statuscode"), reasons, state) {
        let rank = usize::try_from(state).unwrap_or(0);
        if let Some((reason, _)) = reasons.get(rank).or(reasons.first()) {
            put(table, values, "statuscode", Cell::Int(*reason));
        }
    }
}

fn physical(column: &ColumnDef) -> Result<&'static str> {
    match (column.source, column.name) {
        (Source::Column(name), _) => Ok(name),
        (Source::Same, name) => Ok(name),
        (_, name) => Err(StoreError::Invalid(format!("column `{name}` is not kept in its table"))),
    }
}

fn param(column: &ColumnDef, cell: &Cell) -> Param<'static> {
    match (column.kind, cell) {
        (_, Cell::Null) => Param::Null,
        (_, Cell::Text(text)) => text.clone().into(),
        (_, Cell::Int(number) | Cell::Time(number)) => Param::Int(*number),
        (Kind::Flag | Kind::Managed, Cell::Flag(flag)) => (*flag).into(),
        (_, Cell::Flag(flag)) => Param::Int(i64::from(*flag)),
    }
}

fn insert(
    sql: &mut Sql<'_>,
    environment: &EnvironmentId,
    table: &TableDef,
    values: &RowValues,
) -> Result<()> {
    let mut names = vec!["environmentid"];
    let mut params: Vec<Param<'_>> = vec![environment.as_str().into()];
    for (column, cell) in values {
        names.push(physical(column)?);
        params.push(param(column, cell));
    }
    let places: Vec<_> = (1..=params.len()).map(|number| format!("${number}")).collect();
    let text = format!(
        "INSERT INTO {} ({}) VALUES ({})",
        table.physical,
        names.join(", "),
        places.join(", ")
    );
    sql.execute(&text, &params)?;
    Ok(())
}

fn update(
    sql: &mut Sql<'_>,
    environment: &EnvironmentId,
    table: &TableDef,
    id: &str,
    values: &RowValues,
) -> Result<()> {
    let mut params: Vec<Param<'_>> = vec![environment.as_str().into(), id.into()];
    let mut sets = vec!["c_versionnumber = COALESCE(c_versionnumber, 0) + 1".to_owned()];
    for (column, cell) in values {
        params.push(param(column, cell));
        sets.push(format!("{} = ${}", physical(column)?, params.len()));
    }
    let text = format!(
        "UPDATE {} SET {} WHERE environmentid = $1 AND {} = $2",
        table.physical,
        sets.join(", "),
        physical(table.id_column())?
    );
    sql.execute(&text, &params)?;
    Ok(())
}

/// Refuses a change of a row that is not there or not the caller's. The row stays as it is until the
/// transaction ends.
fn own(
    sql: &mut Sql<'_>,
    caller: &Caller,
    environment: &EnvironmentId,
    table: &TableDef,
    id: &str,
    verb: &str,
) -> Result<()> {
    let attempt = format!("{verb} rows of `{}`", table.name);
    caller.authorize(environment, Action::Make, &attempt)?;
    let text = format!(
        "SELECT ownerid FROM {} WHERE environmentid = $1 AND {} = $2{}",
        table.physical,
        physical(table.id_column())?,
        sql.for_update()
    );
    let row = sql.query_one(&text, &[environment.as_str().into(), id.into()])?;
    let row = row.ok_or_else(|| StoreError::not_found(table.name, id))?;
    let owner = row.text_opt(0)?;
    let its = owner.is_none_or(|owner| caller.counts_as(&PrincipalId::from(owner.as_str())));
    if its || caller.authorize(environment, Action::Administer, &attempt).is_ok() {
        return Ok(());
    }
    // Another's row does not exist for who cannot read it.
    Err(StoreError::not_found(table.name, id))
}
