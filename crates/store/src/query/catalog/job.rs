//! What goes on while nobody waits.
use super::super::table::{ColumnDef as Col, Kind, Ownership, Source, TableDef, Visibility};
use super::{CREATED, CREATED_BY, MODIFIED, OWNING_TEAM, OWNING_UNIT, OWNING_USER, VERSION, empty};
use crate::access::Entity;

pub(super) const ASYNC_OPERATION: TableDef = TableDef {
    name: "asyncoperation",
    set: "asyncoperations",
    display_name: "System Job",
    object_type_code: 4700,
    physical: "asyncoperation",
    primary_id: "asyncoperationid",
    primary_name: Some("name"),
    ownership: Ownership::User,
    columns: &[
        Col::new("asyncoperationid", Kind::Guid),
        Col::new("name", Kind::Text(256)),
        Col::new("messagename", Kind::Text(160)),
        Col::new(
            "operationtype",
            Kind::Picklist(&[(13, "Bulk Delete"), (54, "Execute Async Request")]),
        ),
        Col::new(
            "statecode",
            Kind::State(&[(0, "Ready"), (1, "Suspended"), (2, "Locked"), (3, "Completed")]),
        )
        .update(),
        Col::new(
            "statuscode",
            Kind::Status(&[
                (0, "Waiting For Resources"),
                (10, "Waiting"),
                (20, "In Progress"),
                (21, "Pausing"),
                (22, "Canceling"),
                (30, "Succeeded"),
                (31, "Failed"),
                (32, "Canceled"),
            ]),
        )
        .update(),
        Col::new("message", Kind::Memo(1_073_741_823)),
        Col::new("friendlymessage", Kind::Memo(1_073_741_823)),
        Col::new("errorcode", Kind::Int),
        Col::new("dependencytoken", Kind::Text(256)),
        Col::new("connref_jobid", Kind::Guid).from(Source::Column("jobid")),
        Col::lookup("ownerid", "systemuser", "ownerid"),
        OWNING_USER,
        OWNING_TEAM,
        OWNING_UNIT,
        CREATED_BY,
        // This process carries it out on behalf of its owner.
        Col::lookup("createdonbehalfby", "systemuser", "createdonbehalfby")
            .from(Source::Column("ownerid")),
        Col::lookup("modifiedby", "systemuser", "modifiedby").from(Source::Column("createdby")),
        Col::lookup("modifiedonbehalfby", "systemuser", "modifiedonbehalfby")
            .from(Source::Column("ownerid")),
        CREATED,
        Col::new("startedon", Kind::Time),
        Col::new("completedon", Kind::Time),
        MODIFIED,
        Col::new("correlationid", Kind::Guid),
        Col::new("correlationupdatedtime", Kind::Time).from(Source::Column("createdon")),
        Col::new("expanderstarttime", Kind::Time).from(Source::Column("createdon")),
        Col::new("executiontimespan", Kind::Double)
            .from(Source::Sql("(({t}.completedon - {t}.startedon) / 1000000)")),
        Col::new("hostid", Kind::Text(256)),
        // The vendor's service numbers the jobs of a correlation; here each has one of its own.
        Col::new("sequence", Kind::BigInt).from(Source::Constant(1)),
        Col::new("depth", Kind::Int).from(Source::Constant(1)),
        Col::new("subtype", Kind::Int).from(Source::Constant(1)),
        Col::new("retrycount", Kind::Int).from(Source::Constant(0)),
        Col::new("timezoneruleversionnumber", Kind::Int).from(Source::Constant(0)),
        Col::new("iswaitingforevent", Kind::Flag).from(Source::Constant(0)),
        Col::new("retainjobhistory", Kind::Flag).from(Source::Constant(0)),
        Col::new("parentpluginexecutionid", Kind::Guid)
            .from(Source::Sql("CAST('00000000-0000-0000-0000-000000000000' AS TEXT)")),
        empty("datablobid_name", Kind::Text(256)),
        empty("datablobid", Kind::Guid),
        Col::new("postponeuntil", Kind::Time).from(Source::Sql(
            "(SELECT b.nextrun FROM bulkdelete b WHERE b.environmentid = {t}.environmentid \
             AND b.jobid = {t}.asyncoperationid)",
        )),
        empty("workload", Kind::Text(200)),
        empty("primaryentitytype", Kind::Text(64)),
        empty("data", Kind::Memo(1_073_741_823)),
        empty("recurrencestarttime", Kind::Time),
        Col::new("recurrencepattern", Kind::Text(128)).from(Source::Sql(
            "(SELECT b.recurrence FROM bulkdelete b WHERE b.environmentid = {t}.environmentid \
             AND b.jobid = {t}.asyncoperationid)",
        )),
        // Lookups to tables that are not served: the name on the wire is the name here.
        empty("_regardingobjectid_value", Kind::Guid),
        empty("_workflowactivationid_value", Kind::Guid),
        empty("_owningextensionid_value", Kind::Guid),
        empty("requestid", Kind::Guid),
        empty("utcconversiontimezonecode", Kind::Int),
        empty("callerorigin", Kind::Text(256)),
        empty("rootexecutioncontext", Kind::Memo(10_000)),
        empty("workflowstagename", Kind::Text(256)),
        empty("breadcrumbid", Kind::Guid),
    ],
    keys: &[],
    many: &[],
    visibility: Visibility::WithAny(Entity::ImportJob),
    rows: None,
    family: None,
};

pub(super) const IMPORT_JOB: TableDef = TableDef {
    name: "importjob",
    set: "importjobs",
    display_name: "Import Job",
    object_type_code: 9107,
    physical: "importjob",
    primary_id: "importjobid",
    primary_name: None,
    ownership: Ownership::Organization,
    columns: &[
        Col::new("importjobid", Kind::Guid),
        Col::new("solutionname", Kind::Text(256)),
        Col::new("progress", Kind::Double),
        Col::new("data", Kind::Memo(1_073_741_823)),
        Col::new("operationcontext", Kind::Text(50)),
        // Rows of earlier versions hold a name there.
        CREATED_BY.from(Source::Sql(
            "(SELECT u.systemuserid FROM systemuser u WHERE u.environmentid = {t}.environmentid \
             AND u.systemuserid = {t}.createdby)",
        )),
        Col::new("createdon", Kind::Time).from(Source::Column("startedon")),
        Col::new("startedon", Kind::Time),
        Col::new("completedon", Kind::Time),
        VERSION,
    ],
    keys: &[],
    many: &[],
    visibility: Visibility::Readable(Entity::ImportJob),
    rows: None,
    family: None,
};
