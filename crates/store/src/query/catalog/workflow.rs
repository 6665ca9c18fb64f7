//! Flows, and what else the vendor keeps as a process.
use super::super::table::{
    Choice, ColumnDef as Col, Kind, Ownership, Source, TableDef, Visibility,
};
use super::{
    COMPONENT_STATE, CREATED, CREATED_BY, MANAGED, MODIFIED, OVERWRITTEN, OWNER, OWNING_TEAM,
    OWNING_UNIT, OWNING_USER, VERSION, empty, no_one, nothing,
};
use crate::access::Entity;

/// What a solution says of every cloud flow. What it says of other processes is not kept in the row.
const fn of_flow(name: &'static str, kind: Kind, number: i64) -> Col {
    Col::new(name, kind).from(Source::ConstantWhere("{t}.category = 5", number))
}

const STAGES: &[Choice] = &[(20, "Pre-operation"), (40, "Post-operation")];

pub(super) const WORKFLOW: TableDef = TableDef {
    name: "workflow",
    set: "workflows",
    display_name: "Process",
    object_type_code: 4703,
    physical: "workflow",
    primary_id: "workflowid",
    primary_name: Some("name"),
    ownership: Ownership::User,
    columns: &[
        Col::new("workflowid", Kind::Guid).create(),
        Col::new("name", Kind::Text(100)).edit().required(),
        Col::new("description", Kind::Memo(100_000)).edit(),
        Col::new(
            "category",
            Kind::Picklist(&[
                (0, "Workflow"),
                (1, "Dialog"),
                (2, "Business Rule"),
                (3, "Action"),
                (4, "Business Process Flow"),
                (5, "Modern Flow"),
                (6, "Desktop Flow"),
                (7, "AI Flow"),
            ]),
        )
        .create()
        .required(),
        Col::new("type", Kind::Picklist(&[(1, "Definition"), (2, "Activation"), (3, "Template")]))
            .create(),
        Col::new("statecode", Kind::State(&[(0, "Draft"), (1, "Activated"), (2, "Suspended")]))
            .update(),
        Col::new(
            "statuscode",
            Kind::Status(&[(1, "Draft"), (2, "Activated"), (3, "CompanyDLPViolation")]),
        )
        .update(),
        Col::new("clientdata", Kind::Memo(1_073_741_823)).edit().required(),
        Col::new(
            "modernflowtype",
            Kind::Picklist(&[
                (0, "PowerAutomateFlow"),
                (1, "CopilotStudioFlow"),
                (2, "M365CopilotAgentFlow"),
            ]),
        ),
        Col::new("primaryentity", Kind::Text(64)).create(),
        Col::new("workflowidunique", Kind::Guid).from(Source::Column("workflowid")),
        MANAGED,
        // Nothing here keeps anybody from changing it.
        Col::new("iscustomizable", Kind::Managed).from(Source::Constant(1)),
        Col::new("iscustomprocessingstepallowedforotherpublishers", Kind::Managed)
            .from(Source::Constant(1)),
        COMPONENT_STATE,
        OVERWRITTEN,
        of_flow("mode", Kind::Picklist(&[(0, "Background"), (1, "Real-time")]), 0),
        of_flow(
            "scope",
            Kind::Picklist(&[
                (1, "User"),
                (2, "Business Unit"),
                (3, "Parent: Child Business Units"),
                (4, "Organization"),
            ]),
            4,
        ),
        of_flow("runas", Kind::Picklist(&[(0, "Owner"), (1, "Calling User")]), 1),
        of_flow(
            "businessprocesstype",
            Kind::Picklist(&[(0, "Business Flow"), (1, "Task Flow")]),
            0,
        ),
        of_flow("languagecode", Kind::Int, 1033),
        of_flow("istransacted", Kind::Flag, 1),
        of_flow("asyncautodelete", Kind::Flag, 0),
        of_flow("clientdataiscompressed", Kind::Flag, 0),
        of_flow("iscrmuiworkflow", Kind::Flag, 0),
        of_flow("ondemand", Kind::Flag, 0),
        of_flow("planverified", Kind::Flag, 0),
        of_flow("subprocess", Kind::Flag, 0),
        of_flow("syncworkflowlogonfailure", Kind::Flag, 0),
        of_flow("triggeroncreate", Kind::Flag, 0),
        of_flow("triggerondelete", Kind::Flag, 0),
        of_flow("trustedaccess", Kind::Flag, 0),
        // What classic workflows, rules and desktop flows keep there stays in their package.
        empty("createstage", Kind::Picklist(STAGES)),
        empty("updatestage", Kind::Picklist(STAGES)),
        empty("deletestage", Kind::Picklist(STAGES)),
        empty("processtriggerscope", Kind::Picklist(&[(1, "Form"), (2, "Entity")])),
        empty(
            "throttlingbehavior",
            Kind::Picklist(&[(0, "None"), (1, "TenantPool"), (2, "CopilotStudio")]),
        ),
        empty(
            "uiflowtype",
            Kind::Picklist(&[
                (0, "Windows recorder (V1)"),
                (1, "Selenium IDE"),
                (2, "Power Automate Desktop"),
                (3, "Test"),
                (101, "Recording"),
            ]),
        ),
        empty("billingcontext", Kind::Memo(100_000)),
        empty("claims", Kind::Memo(100_000)),
        empty("connectionreferences", Kind::Memo(100_000)),
        empty("createmetadata", Kind::Memo(100_000)),
        empty("credentials", Kind::Memo(100_000)),
        empty("definition", Kind::Memo(16_777_216)),
        empty("dependencies", Kind::Memo(100_000)),
        empty("desktopflowmodules", Kind::Memo(100_000)),
        empty("dynamicssolutioncontext", Kind::Memo(10_000)),
        empty("inputparameters", Kind::Memo(1_073_741_823)),
        empty("inputs", Kind::Memo(1_048_576)),
        empty("introducedversion", Kind::Text(48)),
        empty("metadata", Kind::Memo(100_000)),
        empty("modifymetadata", Kind::Memo(100_000)),
        empty("outputs", Kind::Memo(1_048_576)),
        empty("processorder", Kind::Int),
        empty("processroleassignment", Kind::Memo(1_048_576)),
        empty("rank", Kind::Int),
        empty("resourcecontainer", Kind::Text(10_000)),
        empty("schemaversion", Kind::Text(100)),
        empty("suspensionreasondetails", Kind::Memo(500)),
        empty("triggeronupdateattributelist", Kind::Memo(1_073_741_823)),
        empty("uidata", Kind::Memo(1_073_741_823)),
        empty("uniquename", Kind::Text(256)),
        empty("xaml", Kind::Memo(1_073_741_823)),
        empty("entityimage", Kind::Text(200)),
        empty("entityimage_timestamp", Kind::BigInt),
        empty("entityimage_url", Kind::Text(200)),
        empty("entityimageid", Kind::Guid),
        empty("formid", Kind::Guid),
        empty("processtriggerformid", Kind::Guid),
        empty("resourceid", Kind::Guid),
        // Lookups to tables that are not served: the name on the wire is the name here.
        empty("_plugintypeid_value", Kind::Guid),
        empty("_sdkmessageid_value", Kind::Guid),
        nothing("activeworkflowid", "workflow"),
        nothing("parentworkflowid", "workflow"),
        nothing("licenseentitledby", "workflow"),
        no_one("licensee"),
        OWNER,
        OWNING_USER,
        OWNING_TEAM,
        OWNING_UNIT,
        CREATED_BY,
        no_one("createdonbehalfby"),
        no_one("modifiedby"),
        no_one("modifiedonbehalfby"),
        CREATED,
        MODIFIED,
        VERSION,
    ],
    keys: &[],
    many: &[],
    visibility: Visibility::Readable(Entity::Workflow),
    rows: None,
    family: None,
};
