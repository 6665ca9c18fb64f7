//! The tables that the Web API serves. Names, lengths, choices and object type codes are those of a
//! live organisation's metadata. What such an organisation has and this does not is empty where clients
//! that read whole tables ask for it, and left out otherwise.
use super::table::{Choice, ColumnDef as Col, Kind, Source, TableDef};

mod job;
mod people;
mod reference;
mod solution;
mod variable;
mod workflow;

/// Every table, by logical name.
pub static TABLES: &[TableDef] = &[
    people::BUSINESS_UNIT,
    job::ASYNC_OPERATION,
    solution::COMPONENT_LAYER,
    reference::CONNECTION_REFERENCE,
    reference::CONNECTOR,
    variable::VARIABLE,
    variable::VARIABLE_VALUE,
    job::IMPORT_JOB,
    people::ORGANIZATION,
    solution::PUBLISHER,
    solution::SOLUTION,
    solution::SOLUTION_COMPONENT,
    solution::SOLUTION_COMPONENT_DEFINITION,
    people::PRINCIPAL_OBJECT_ACCESS,
    people::ROLE,
    people::ROLE_PRIVILEGES,
    people::SYSTEM_USER_ROLES,
    people::TEAM,
    people::TEAM_MEMBERSHIP,
    people::TEAM_ROLES,
    people::SYSTEM_USER,
    workflow::WORKFLOW,
];

/// A table by entity set name, case and all, as the vendor's service does.
pub fn table_by_set(set: &str) -> Option<&'static TableDef> {
    TABLES.iter().find(|table| table.set == set)
}

/// A table by logical name.
pub fn table_by_logical_name(name: &str) -> Option<&'static TableDef> {
    TABLES.iter().find(|table| table.name.eq_ignore_ascii_case(name))
}

pub(super) const COMPONENT_STATES: &[Choice] =
    &[(0, "Published"), (1, "Unpublished"), (2, "Deleted"), (3, "Deleted Unpublished")];
pub(super) const ACTIVE_STATES: &[Choice] = &[(0, "Active"), (1, "Inactive")];
pub(super) const ACTIVE_STATUSES: &[Choice] = &[(1, "Active"), (2, "Inactive")];

pub(super) const CREATED: Col = Col::new("createdon", Kind::Time);
pub(super) const MODIFIED: Col = Col::new("modifiedon", Kind::Time);
pub(super) const VERSION: Col = Col::new("versionnumber", Kind::BigInt);
pub(super) const MANAGED: Col = Col::new("ismanaged", Kind::Flag);
pub(super) const CREATED_BY: Col = Col::lookup("createdby", "systemuser", "createdby");
pub(super) const MODIFIED_BY: Col = Col::lookup("modifiedby", "systemuser", "modifiedby");
pub(super) const OWNER: Col = Col::lookup("ownerid", "systemuser", "ownerid").update();
pub(super) const OWNING_USER: Col =
    Col::lookup("owninguser", "systemuser", "owninguser").from(Source::Sql(
        "(SELECT u.systemuserid FROM systemuser u WHERE u.environmentid = {t}.environmentid \
         AND u.systemuserid = {t}.ownerid)",
    ));
pub(super) const OWNING_TEAM: Col = Col::lookup("owningteam", "team", "owningteam").from(Source::Sql(
    "(SELECT t.teamid FROM team t WHERE t.environmentid = {t}.environmentid AND t.teamid = {t}.ownerid)",
));
pub(super) const OWNING_UNIT: Col = Col::lookup(
    "owningbusinessunit",
    "businessunit",
    "owningbusinessunit",
)
.from(Source::Sql(
    "COALESCE((SELECT u.businessunitid FROM systemuser u WHERE u.environmentid = {t}.environmentid \
         AND u.systemuserid = {t}.ownerid), (SELECT t.businessunitid FROM team t \
         WHERE t.environmentid = {t}.environmentid AND t.teamid = {t}.ownerid))",
));
pub(super) const COMPONENT_STATE: Col =
    Col::new("componentstate", Kind::Picklist(COMPONENT_STATES)).from(Source::Constant(0));
pub(super) const STATE: Col =
    Col::new("statecode", Kind::State(ACTIVE_STATES)).from(Source::Constant(0));
pub(super) const STATUS: Col =
    Col::new("statuscode", Kind::Status(ACTIVE_STATUSES)).from(Source::Constant(1));

pub(super) const fn organization(name: &'static str, navigation: &'static str) -> Col {
    Col::lookup(name, "organization", navigation).from(Source::Sql(
        "(SELECT e.organizationid FROM environment e WHERE e.environmentid = {t}.environmentid)",
    ))
}

/// A column that clients read and that has no value here.
pub(super) const fn empty(name: &'static str, kind: Kind) -> Col {
    Col::new(name, kind).from(Source::Nothing)
}

/// A lookup without a value.
pub(super) const fn nothing(name: &'static str, target: &'static str) -> Col {
    Col::lookup(name, target, name).from(Source::Nothing)
}

/// A user that nobody noted.
pub(super) const fn no_one(name: &'static str) -> Col {
    nothing(name, "systemuser")
}

/// A yes or no that is always no.
pub(super) const fn never(name: &'static str) -> Col {
    Col::new(name, Kind::Flag).from(Source::Constant(0))
}

/// When an import last took a component's place: 1900-01-01, as the vendor's service has it where none did.
pub(super) const OVERWRITTEN: Col =
    Col::new("overwritetime", Kind::Time).from(Source::Constant(-2_208_988_800_000_000));

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_table_is_whole() {
        for table in TABLES {
            let names: BTreeSet<_> = table.columns.iter().map(|column| column.name).collect();
            assert_eq!(names.len(), table.columns.len(), "{}: a column twice", table.name);
            assert_eq!(table.id_column().kind, Kind::Guid, "{}", table.name);
            for name in table.primary_name.iter().chain(table.keys.iter().flat_map(|k| k.columns)) {
                assert!(table.column(name).is_some(), "{}: no column {name}", table.name);
            }
            for column in table.columns {
                if let Some((target, _)) = column.kind.lookup() {
                    assert!(table_by_logical_name(target).is_some(), "{}: {target}", table.name);
                }
            }
            for many in table.many {
                let other = table_by_logical_name(many.table).expect(many.table);
                let lookup = other.column(many.column).and_then(|column| column.kind.lookup());
                assert_eq!(lookup.map(|l| l.0), Some(table.name), "{}", many.name);
            }
        }
    }

    #[test]
    fn sets_and_names_are_found_as_clients_write_them() {
        assert_eq!(table_by_set("workflows").map(|t| t.name), Some("workflow"));
        assert!(table_by_set("Workflows").is_none());
        assert_eq!(table_by_logical_name("WorkFlow").map(|t| t.set), Some("workflows"));
    }
}
