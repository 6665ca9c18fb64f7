//! Flows, and what else the vendor keeps as a process.
use super::super::table::{
    Choice, ColumnDef as Col, Kind, Ownership, Source, TableDef, Visibility,
};
use super::{
    COMPONENT_STATE, CREATED, CREATED_BY, MANAGED, MODIFIED, OVERWRITTEN, OWNER, OWNING_TEAM,
    OWNING_UNIT, OWNING_USER, VERSION, empty, never, no_one, nothing,
};
use crate::access::Entity;

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
        Col::new("iscustomizable", Kind::Managed).from(Source::Constant(1)),
        Col::new("iscustomprocessingstepallowedforotherpublishers", Kind::Managed)
            .from(Source::Constant(1)),
        COMPONENT_STATE,
        OVERWRITTEN,
        // As a solution spells them for every flow.
        Col::new("mode", Kind::Picklist(&[(0, "Background"), (1, "Real-time")]))
            .from(Source::Constant(0)),
        Col::new(
            "scope",
            Kind::Picklist(&[
                (1, "User"),
                (2, "Business Unit"),
                (3, "Parent: Child Business Units"),
                (4, "Organization"),
            ]),
        )
        .from(Source::Constant(4)),
        Col::new("runas", Kind::Picklist(&[(0, "Owner"), (1, "Calling User")]))
            .from(Source::Constant(1)),
        Col::new("businessprocesstype", Kind::Picklist(&[(0, "Business Flow"), (1, "Task Flow")]))
            .from(Source::Constant(0)),
        Col::new("languagecode", Kind::Int).from(Source::Constant(1033)),
        Col::new("istransacted", Kind::Flag).from(Source::Constant(1)),
        never("asyncautodelete"),
        never("clientdataiscompressed"),
        never("iscrmuiworkflow"),
        never("ondemand"),
        never("planverified"),
        never("subprocess"),
        never("syncworkflowlogonfailure"),
        never("triggeroncreate"),
        never("triggerondelete"),
        never("trustedaccess"),
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
