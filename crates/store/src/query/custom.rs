//! Tables that solutions brought, as the same [`TableDef`] that the built-in ones have: one
//! description behind queries, rendering, CSDL, `EntityDefinitions` and storage.
//!
//! Descriptions are kept for the life of the process, so that a table is a `&'static` everywhere. The
//! tables of an environment are one family, made once per state of its definitions: what an import
//! leaves unchanged costs nothing, and the number of families a process makes is bounded.
use std::collections::HashMap;
use std::sync::{Mutex, OnceLock, PoisonError};

use connref_solution::model::EnvironmentId;
use connref_solution::model::table::{ColumnKind, PackageColumn, PackageTable};
use sha2::{Digest, Sha256};

use super::catalog::{
    CREATED, CREATED_BY, MODIFIED, OWNING_TEAM, OWNING_UNIT, OWNING_USER, VERSION, organization,
};
use super::table::{
    AlternateKey, Choice, ColumnDef, Kind, Ownership, Source, TableDef, ToMany, Visibility,
};
use super::{QueryError, TABLES};
use crate::access::{Action, Caller};
use crate::db::Sql;
use crate::environment::{self, Environment};
use crate::{Store, StoreError};

/// Most families that one process makes.
const FAMILIES_MAX: usize = 10_000;
/// Object type codes of custom tables begin here.
const FIRST_CODE: i32 = 10_500;

/// The custom tables of an environment, found from each of them.
pub struct Family(OnceLock<&'static [TableDef]>);

impl std::fmt::Debug for Family {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Family")
    }
}

impl Family {
    /// A table by logical name.
    pub(super) fn table(&self, name: &str) -> Option<&'static TableDef> {
        self.tables().iter().find(|table| table.name.eq_ignore_ascii_case(name))
    }

    /// Every table.
    pub(crate) fn tables(&self) -> &'static [TableDef] {
        self.0.get().copied().unwrap_or_default()
    }
}

/// The tables of environments as they were at a version.
#[derive(Default)]
pub(crate) struct KeptTables(Mutex<HashMap<EnvironmentId, (i64, Tables)>>);

/// Environments whose tables are kept at once.
const KEPT_MAX: usize = 10_000;

/// The tables of an environment: those that every one has, and its own.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tables(&'static [TableDef]);

impl Tables {
    /// Every table.
    pub fn all(self) -> impl Iterator<Item = &'static TableDef> {
        TABLES.iter().chain(self.0)
    }

    /// A table by entity set name, case and all.
    pub fn by_set(self, set: &str) -> Option<&'static TableDef> {
        self.all().find(|table| table.set == set)
    }

    /// A table by logical name.
    pub fn by_name(self, name: &str) -> Option<&'static TableDef> {
        self.all().find(|table| table.name.eq_ignore_ascii_case(name))
    }
}

impl Store {
    /// The tables of an environment.
    ///
    /// # Errors
    /// The environment is another's, or too many definitions were seen.
    pub async fn tables(
        &self,
        caller: &Caller,
        environment: &Environment,
    ) -> Result<Tables, QueryError> {
        let id = &environment.id;
        caller.authorize(id, Action::Read, "read the tables of this environment")?;
        let kept = || self.tables.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((version, tables)) = kept().get(id)
            && *version == environment.version
        {
            return Ok(*tables);
        }
        let wanted = id.clone();
        let found = self
            .db()
            .snapshot(move |sql| -> Result<_, QueryError> {
                Ok((environment::version(sql, &wanted)?, load(sql, &wanted)?))
            })
            .await?;
        let mut kept = kept();
        if kept.len() >= KEPT_MAX {
            kept.clear();
        }
        kept.insert(id.clone(), found);
        Ok(found.1)
    }
}

fn load(sql: &mut Sql<'_>, environment: &EnvironmentId) -> Result<Tables, QueryError> {
    let rows = sql.query(
        "SELECT physical, definition FROM custom_table WHERE environmentid = $1 ORDER BY logicalname",
        &[environment.as_str().into()],
    )?;
    if rows.is_empty() {
        return Ok(Tables::default());
    }
    let mut texts = Vec::with_capacity(rows.len());
    let mut digest = Sha256::new();
    for row in &rows {
        let (physical, text) = (row.text(0)?, row.text(1)?);
        digest.update(physical.as_bytes());
        digest.update([0]);
        digest.update(text.as_bytes());
        digest.update([0]);
        texts.push((physical, text));
    }
    family(digest.finalize().into(), &texts)
}

fn family(key: [u8; 32], texts: &[(String, String)]) -> Result<Tables, QueryError> {
    static FAMILIES: Mutex<Option<HashMap<[u8; 32], &'static [TableDef]>>> = Mutex::new(None);
    let mut families = FAMILIES.lock().unwrap_or_else(PoisonError::into_inner);
    let families = families.get_or_insert_with(HashMap::new);
    if let Some(tables) = families.get(&key) {
        return Ok(Tables(tables));
    }
    if families.len() == FAMILIES_MAX {
        return Err(QueryError::Costly(
            "this process has seen too many changes of tables; restart it".to_owned(),
        ));
    }
    let mut definitions = Vec::with_capacity(texts.len());
    for (physical, text) in texts {
        let table: PackageTable = serde_json::from_str(text)
            .map_err(|source| StoreError::Document { kind: "custom table", source })?;
        definitions.push((physical.clone(), table));
    }
    let family: &'static Family = Box::leak(Box::new(Family(OnceLock::new())));
    let names: Vec<&str> = definitions.iter().map(|(_, table)| table.name.as_str()).collect();
    let tables: Vec<TableDef> = definitions
        .iter()
        .enumerate()
        .map(|(number, (physical, table))| definition(family, number, physical, table, &names))
        .collect();
    let tables: &'static [TableDef] = Box::leak(tables.into_boxed_slice());
    // Nobody else has the family yet.
    family.0.get_or_init(|| tables);
    families.insert(key, tables);
    Ok(Tables(tables))
}

fn leak(text: &str) -> &'static str {
    Box::leak(text.to_owned().into_boxed_str())
}

fn leaked<T>(list: Vec<T>) -> &'static [T] {
    Box::leak(list.into_boxed_slice())
}

fn definition(
    family: &'static Family,
    number: usize,
    physical: &str,
    table: &PackageTable,
    names: &[&str],
) -> TableDef {
    let columns = columns(table);
    let id = table.columns.iter().find(|column| column.kind == ColumnKind::Id);
    let name = table.columns.iter().find(|column| column.primary_name);
    let keys = table.keys.iter().map(|key| AlternateKey {
        name: leak(&key.name),
        columns: leaked(key.columns.iter().map(|column| leak(column)).collect()),
    });
    let many = table.many.iter().filter(|(_, from, _)| names.contains(&from.as_str()));
    let many = many.map(|(name, from, column)| ToMany {
        name: leak(name),
        table: leak(from),
        column: leak(column),
    });
    TableDef {
        name: leak(&table.name),
        set: leak(&table.set),
        display_name: leak(&table.display_name),
        object_type_code: FIRST_CODE.saturating_add(i32::try_from(number).unwrap_or(i32::MAX)),
        physical: leak(physical),
        primary_id: leak(id.map_or("", |column| &column.name)),
        primary_name: name.map(|column| leak(&column.name)),
        ownership: if table.owned { Ownership::User } else { Ownership::Organization },
        columns: leaked(columns),
        keys: leaked(keys.collect()),
        many: leaked(many.collect()),
        visibility: Visibility::Custom,
        rows: None,
        family: Some(family),
    }
}

fn columns(table: &PackageTable) -> Vec<ColumnDef> {
    let mut columns: Vec<ColumnDef> = Vec::with_capacity(table.columns.len() + 6);
    for column in &table.columns {
        columns.push(match column.name.as_str() {
            "owninguser" if table.owned => OWNING_USER,
            "owningteam" if table.owned => OWNING_TEAM,
            "owningbusinessunit" if table.owned => OWNING_UNIT,
            "organizationid" => organization("organizationid", "organizationid"),
            _ => one(column),
        });
    }
    let by = |name| ColumnDef::lookup(name, "systemuser", name);
    for always in [CREATED, MODIFIED, VERSION, CREATED_BY, by("modifiedby")] {
        if !columns.iter().any(|column| column.name == always.name) {
            columns.push(always.from(Source::Column(leak(&physical_column(always.name)))));
        }
    }
    if table.owned {
        let owner = ColumnDef::lookup("ownerid", "systemuser", "ownerid").edit();
        for always in [owner, OWNING_USER, OWNING_TEAM, OWNING_UNIT] {
            if !columns.iter().any(|column| column.name == always.name) {
                columns.push(always);
            }
        }
    }
    columns
}

/// The column in the database. The owner has the name that everything else gives it.
pub(crate) fn physical_column(name: &str) -> String {
    if name == "ownerid" { name.to_owned() } else { format!("c_{name}") }
}

fn one(column: &PackageColumn) -> ColumnDef {
    let choices = |list: &[(i64, String)]| -> &'static [Choice] {
        leaked(list.iter().map(|(value, label)| (*value, leak(label))).collect())
    };
    let kind = match &column.kind {
        ColumnKind::Id => Kind::Guid,
        ColumnKind::Text(most) => Kind::Text(*most),
        ColumnKind::Memo(most) => Kind::Memo(*most),
        ColumnKind::Int => Kind::Int,
        ColumnKind::BigInt => Kind::BigInt,
        ColumnKind::Flag => Kind::Flag,
        ColumnKind::Choice(list) => Kind::Picklist(choices(list)),
        ColumnKind::Choices(list) => Kind::Choices(choices(list)),
        ColumnKind::State(list) => Kind::State(choices(list)),
        ColumnKind::Status(list) => Kind::Status(choices(list)),
        ColumnKind::Time => Kind::Time,
        ColumnKind::Decimal(places) => Kind::Fixed { places: *places, double: false },
        ColumnKind::Money => Kind::Fixed { places: 4, double: false },
        ColumnKind::Float(places) => Kind::Fixed { places: *places, double: true },
        ColumnKind::Owner => Kind::Lookup { target: "systemuser", navigation: "ownerid" },
        ColumnKind::Lookup { target, navigation } => {
            Kind::Lookup { target: leak(target), navigation: leak(navigation) }
        }
    };
    let mut made = ColumnDef::new(leak(&column.name), kind)
        .from(Source::Column(leak(&physical_column(&column.name))));
    // The system fills these in.
    let own = matches!(
        column.name.as_str(),
        "createdon" | "createdby" | "modifiedon" | "modifiedby" | "versionnumber"
    );
    made.creatable = column.creatable && !own;
    made.updatable = column.updatable && !own;
    made.required = column.required && column.creatable;
    made.hierarchy = column.hierarchy;
    made
}
