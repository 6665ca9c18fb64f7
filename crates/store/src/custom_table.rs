//! Makes and widens the tables that solutions bring. Each is a table of the database for itself.
use connref_solution::model::table::{ColumnKind, PackageTable};
use connref_solution::model::{EnvironmentId, Micros, SolutionId};
use sha2::{Digest, Sha256};

use crate::db::Sql;
use crate::query::{TABLES, physical_column};
use crate::source::hex;
use crate::{Result, StoreError};

/// What an import writes into.
pub(crate) struct At<'a> {
    pub(crate) environment: &'a EnvironmentId,
    pub(crate) solution: &'a SolutionId,
    pub(crate) now: Micros,
}

/// Makes what is not there, and adds the columns that are new. Columns are never taken away: what
/// rows hold is not lost by an import.
pub(crate) fn tables_write(sql: &mut Sql<'_>, at: &At<'_>, tables: &[PackageTable]) -> Result<()> {
    for table in tables {
        // Tables that every environment has are not a solution's to make.
        if TABLES.iter().any(|own| own.name == table.name) {
            continue;
        }
        if TABLES.iter().any(|own| own.set == table.set) {
            return Err(StoreError::Invalid(format!(
                "table `{}` wants the entity set `{}`, which another table has",
                table.name, table.set
            )));
        }
        write(sql, at, table)?;
    }
    Ok(())
}

fn write(sql: &mut Sql<'_>, at: &At<'_>, new: &PackageTable) -> Result<()> {
    let lock = sql.for_update();
    let text = format!(
        "SELECT physical, definition FROM custom_table WHERE environmentid = $1 AND logicalname = $2{lock}"
    );
    let keys = [at.environment.as_str().into(), new.name.as_str().into()];
    let Some(row) = sql.query_one(&text, &keys)? else {
        return make(sql, at, new);
    };
    let physical = row.text(0)?;
    let old: PackageTable = serde_json::from_str(&row.text(1)?).map_err(document)?;
    let mut whole = new.clone();
    for column in &old.columns {
        match new.columns.iter().find(|there| there.name == column.name) {
            None => whole.columns.push(column.clone()),
            Some(there) if stored_alike(&there.kind, &column.kind) => {}
            Some(_) => {
                return Err(StoreError::Invalid(format!(
                    "column `{}` of table `{}` is of another type in this environment",
                    column.name, new.name
                )));
            }
        }
    }
    for column in &new.columns {
        if !old.columns.iter().any(|there| there.name == column.name)
            && !SYSTEM.contains(&column.name.as_str())
        {
            let text = format!(
                "ALTER TABLE {physical} ADD COLUMN {} {}",
                physical_column(&column.name),
                spelled(sql, &column.kind)
            );
            sql.execute(&text, &[])?;
        }
    }
    keys_make(sql, &physical, &whole)?;
    let text = serde_json::to_string(&whole).map_err(document)?;
    sql.execute(
        "UPDATE custom_table SET definition = $3, setname = $4, modifiedon = $5 \
         WHERE environmentid = $1 AND logicalname = $2",
        &[
            at.environment.as_str().into(),
            new.name.as_str().into(),
            text.into(),
            new.set.as_str().into(),
            at.now.into(),
        ],
    )?;
    Ok(())
}

fn make(sql: &mut Sql<'_>, at: &At<'_>, table: &PackageTable) -> Result<()> {
    let digest = Sha256::digest(format!("{}/{}", at.environment.as_str(), table.name).as_bytes());
    let physical = format!("ct_{}", hex(&digest[..12]));
    let words = sql.text_type();
    let mut columns = vec![format!("environmentid {words} NOT NULL"), format!("ownerid {words}")];
    let mut id = String::new();
    for column in &table.columns {
        let name = physical_column(&column.name);
        if column.kind == ColumnKind::Id {
            id.clone_from(&name);
            columns.push(format!("{name} {words} NOT NULL"));
        } else if !SYSTEM.contains(&column.name.as_str()) && column.name != "ownerid" {
            columns.push(format!("{name} {}", spelled(sql, &column.kind)));
        }
    }
    columns.push("c_createdon BIGINT, c_modifiedon BIGINT, c_versionnumber BIGINT".to_owned());
    columns.push(format!("c_createdby {words}, c_modifiedby {words}"));
    columns.push(format!("PRIMARY KEY (environmentid, {id})"));
    sql.execute(&format!("CREATE TABLE {physical} ({})", columns.join(", ")), &[])?;
    keys_make(sql, &physical, table)?;
    let text = serde_json::to_string(table).map_err(document)?;
    sql.execute(
        "INSERT INTO custom_table (environmentid, logicalname, setname, physical, definition, solutionid, \
         createdon, modifiedon) VALUES ($1, $2, $3, $4, $5, $6, $7, $7)",
        &[
            at.environment.as_str().into(),
            table.name.as_str().into(),
            table.set.as_str().into(),
            physical.into(),
            text.into(),
            at.solution.as_str().into(),
            at.now.into(),
        ],
    )
    .map_err(|error| StoreError::from(error).on_unique("entity set", &table.set))?;
    Ok(())
}

/// Columns that every custom table has in the database, whatever its definition says.
const SYSTEM: [&str; 5] = ["createdon", "modifiedon", "versionnumber", "createdby", "modifiedby"];

fn keys_make(sql: &mut Sql<'_>, physical: &str, table: &PackageTable) -> Result<()> {
    for key in &table.keys {
        let digest = Sha256::digest(format!("{physical}/{}", key.name).as_bytes());
        let parts: Vec<_> = key
            .columns
            .iter()
            .map(|column| {
                let text = table.columns.iter().any(|there| {
                    there.name == *column
                        && matches!(there.kind, ColumnKind::Text(_) | ColumnKind::Memo(_))
                });
                let name = physical_column(column);
                if text { format!("lower({name})") } else { name }
            })
            .collect();
        let text = format!(
            "CREATE UNIQUE INDEX IF NOT EXISTS ck_{} ON {physical} (environmentid, {})",
            hex(&digest[..12]),
            parts.join(", ")
        );
        sql.execute(&text, &[])?;
    }
    Ok(())
}

fn spelled(sql: &Sql<'_>, kind: &ColumnKind) -> &'static str {
    match kind {
        ColumnKind::Id
        | ColumnKind::Text(_)
        | ColumnKind::Memo(_)
        | ColumnKind::Choices(_)
        | ColumnKind::Owner
        | ColumnKind::Lookup { .. } => sql.text_type(),
        _ => "BIGINT",
    }
}

/// Whether what one wrote the other can read: texts of any length, choices with any values.
fn stored_alike(a: &ColumnKind, b: &ColumnKind) -> bool {
    let class = |kind: &ColumnKind| match kind {
        ColumnKind::Id | ColumnKind::Owner | ColumnKind::Lookup { .. } => 0,
        ColumnKind::Text(_) | ColumnKind::Memo(_) => 1,
        ColumnKind::Int
        | ColumnKind::BigInt
        | ColumnKind::Choice(_)
        | ColumnKind::State(_)
        | ColumnKind::Status(_) => 2,
        ColumnKind::Choices(_) => 5,
        ColumnKind::Flag => 3,
        ColumnKind::Time => 4,
        ColumnKind::Decimal(places) => 10 + i32::from(*places),
        ColumnKind::Money => 30,
        ColumnKind::Float(places) => 50 + i32::from(*places),
    };
    class(a) == class(b)
}

fn document(source: serde_json::Error) -> StoreError {
    StoreError::Document { kind: "custom table", source }
}
