//! The functions and actions that are offered: one table behind dispatch and `$metadata`.

use connref_store::query::TableDef;

/// A function (GET) or an action (POST).
#[derive(Debug)]
pub(super) struct Verb {
    /// Name.
    pub name: &'static str,
    /// Function or action.
    pub kind: VerbKind,
    /// Parameters.
    pub parameters: &'static [Parameter],
    /// Type of the answer; none when there is no body.
    pub result: Option<&'static str>,
}

/// How a verb is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum VerbKind {
    /// By GET, without effect.
    Function,
    /// By POST.
    Action,
}

/// A parameter.
#[derive(Debug)]
pub(super) struct Parameter {
    /// Name.
    pub name: &'static str,
    /// EDM type.
    pub edm: &'static str,
    /// Must be given.
    pub required: bool,
}

const fn must(name: &'static str, edm: &'static str) -> Parameter {
    Parameter { name, edm, required: true }
}

const fn may(name: &'static str, edm: &'static str) -> Parameter {
    Parameter { name, edm, required: false }
}

/// The type of answers that are documents of connref: open, described in its manual.
pub(super) const DOCUMENT: &str = "mscrm.connref_Document";

/// Everything that is offered, by name.
pub(super) static VERBS: &[Verb] = &[
    Verb {
        name: "AddSolutionComponent",
        kind: VerbKind::Action,
        parameters: &[
            must("ComponentId", "Edm.Guid"),
            must("ComponentType", "Edm.Int32"),
            must("SolutionUniqueName", "Edm.String"),
            may("AddRequiredComponents", "Edm.Boolean"),
            may("DoNotIncludeSubcomponents", "Edm.Boolean"),
            may("IncludedComponentSettingsValues", "Collection(Edm.String)"),
        ],
        result: Some("mscrm.AddSolutionComponentResponse"),
    },
    Verb {
        name: "BulkDelete",
        kind: VerbKind::Action,
        parameters: &[
            must("QuerySet", "Collection(mscrm.QueryExpression)"),
            must("JobName", "Edm.String"),
            may("SendEmailNotification", "Edm.Boolean"),
            may("ToRecipients", "Collection(mscrm.crmbaseentity)"),
            may("CCRecipients", "Collection(mscrm.crmbaseentity)"),
            may("RecurrencePattern", "Edm.String"),
            may("StartDateTime", "Edm.DateTimeOffset"),
            may("SourceImportId", "Edm.Guid"),
            may("RunNow", "Edm.Boolean"),
        ],
        result: Some("mscrm.BulkDeleteResponse"),
    },
    Verb {
        name: "connref_BulkDeletePreview",
        kind: VerbKind::Action,
        parameters: &[must("QuerySet", "Collection(mscrm.QueryExpression)")],
        result: Some(DOCUMENT),
    },
    Verb {
        name: "DeleteAndPromote",
        kind: VerbKind::Action,
        parameters: &[must("UniqueName", "Edm.String")],
        result: Some("mscrm.DeleteAndPromoteResponse"),
    },
    Verb {
        name: "ExportSolution",
        kind: VerbKind::Action,
        parameters: &[
            must("SolutionName", "Edm.String"),
            may("Managed", "Edm.Boolean"),
            may("TargetVersion", "Edm.String"),
            may("ExportAutoNumberingSettings", "Edm.Boolean"),
            may("ExportCalendarSettings", "Edm.Boolean"),
            may("ExportCustomizationSettings", "Edm.Boolean"),
            may("ExportEmailTrackingSettings", "Edm.Boolean"),
            may("ExportGeneralSettings", "Edm.Boolean"),
            may("ExportMarketingSettings", "Edm.Boolean"),
            may("ExportOutlookSynchronizationSettings", "Edm.Boolean"),
            may("ExportRelationshipRoles", "Edm.Boolean"),
            may("ExportIsvConfig", "Edm.Boolean"),
            may("ExportSales", "Edm.Boolean"),
            may("ExportExternalApplications", "Edm.Boolean"),
        ],
        result: Some("mscrm.ExportSolutionResponse"),
    },
    Verb {
        name: "GrantAccess",
        kind: VerbKind::Action,
        parameters: &[
            must("Target", "mscrm.crmbaseentity"),
            must("PrincipalAccess", "mscrm.PrincipalAccess"),
        ],
        result: None,
    },
    Verb {
        name: "ImportSolution",
        kind: VerbKind::Action,
        parameters: &[
            must("CustomizationFile", "Edm.Binary"),
            may("OverwriteUnmanagedCustomizations", "Edm.Boolean"),
            may("PublishWorkflows", "Edm.Boolean"),
            may("ImportJobId", "Edm.Guid"),
            may("ConvertToManaged", "Edm.Boolean"),
            may("SkipProductUpdateDependencies", "Edm.Boolean"),
            may("HoldingSolution", "Edm.Boolean"),
            may("SkipQueueRibbonJob", "Edm.Boolean"),
            may("AsyncRibbonProcessing", "Edm.Boolean"),
            may("ComponentParameters", "Collection(mscrm.crmbaseentity)"),
            may("connref_AllowOlder", "Edm.Boolean"),
        ],
        result: None,
    },
    Verb {
        name: "StageAndUpgrade",
        kind: VerbKind::Action,
        parameters: &[
            must("CustomizationFile", "Edm.Binary"),
            may("OverwriteUnmanagedCustomizations", "Edm.Boolean"),
            may("PublishWorkflows", "Edm.Boolean"),
            may("ImportJobId", "Edm.Guid"),
            may("ConvertToManaged", "Edm.Boolean"),
            may("SkipProductUpdateDependencies", "Edm.Boolean"),
            may("SkipQueueRibbonJob", "Edm.Boolean"),
            may("AsyncRibbonProcessing", "Edm.Boolean"),
            may("ComponentParameters", "Collection(mscrm.crmbaseentity)"),
            may("connref_AllowOlder", "Edm.Boolean"),
        ],
        result: None,
    },
    Verb {
        name: "ImportSolutionAsync",
        kind: VerbKind::Action,
        parameters: &[
            may("CustomizationFile", "Edm.Binary"),
            may("OverwriteUnmanagedCustomizations", "Edm.Boolean"),
            may("PublishWorkflows", "Edm.Boolean"),
            may("ImportJobId", "Edm.Guid"),
            may("ConvertToManaged", "Edm.Boolean"),
            may("SkipProductUpdateDependencies", "Edm.Boolean"),
            may("HoldingSolution", "Edm.Boolean"),
            may("SkipQueueRibbonJob", "Edm.Boolean"),
            may("AsyncRibbonProcessing", "Edm.Boolean"),
            may("ComponentParameters", "Collection(mscrm.crmbaseentity)"),
            may("SolutionParameters", "mscrm.SolutionParameters"),
            may("connref_AllowOlder", "Edm.Boolean"),
        ],
        result: Some("mscrm.ImportSolutionAsyncResponse"),
    },
    Verb {
        name: "StageAndUpgradeAsync",
        kind: VerbKind::Action,
        parameters: &[
            may("CustomizationFile", "Edm.Binary"),
            may("OverwriteUnmanagedCustomizations", "Edm.Boolean"),
            may("PublishWorkflows", "Edm.Boolean"),
            may("ImportJobId", "Edm.Guid"),
            may("ConvertToManaged", "Edm.Boolean"),
            may("SkipProductUpdateDependencies", "Edm.Boolean"),
            may("SkipQueueRibbonJob", "Edm.Boolean"),
            may("AsyncRibbonProcessing", "Edm.Boolean"),
            may("ComponentParameters", "Collection(mscrm.crmbaseentity)"),
            may("SolutionParameters", "mscrm.SolutionParameters"),
            may("connref_AllowOlder", "Edm.Boolean"),
        ],
        result: Some("mscrm.StageAndUpgradeAsyncResponse"),
    },
    Verb {
        name: "StageSolution",
        kind: VerbKind::Action,
        parameters: &[must("CustomizationFile", "Edm.Binary")],
        result: Some("mscrm.StageSolutionResponse"),
    },
    Verb {
        name: "RemoveActiveCustomizations",
        kind: VerbKind::Action,
        parameters: &[must("SolutionComponentName", "Edm.String"), must("ComponentId", "Edm.Guid")],
        result: None,
    },
    Verb {
        name: "RetrieveEnvironmentVariableSecretValue",
        kind: VerbKind::Action,
        parameters: &[must("EnvironmentVariableName", "Edm.String")],
        result: Some("mscrm.RetrieveEnvironmentVariableSecretValueResponse"),
    },
    Verb {
        name: "RetrieveEnvironmentVariableValue",
        kind: VerbKind::Function,
        parameters: &[must("DefinitionSchemaName", "Edm.String")],
        result: Some("mscrm.RetrieveEnvironmentVariableValueResponse"),
    },
    Verb {
        name: "IsValidStateTransition",
        kind: VerbKind::Function,
        parameters: &[
            must("Entity", "mscrm.crmbaseentity"),
            must("NewState", "Edm.String"),
            must("NewStatus", "Edm.Int32"),
        ],
        result: Some("mscrm.IsValidStateTransitionResponse"),
    },
    Verb {
        name: "ModifyAccess",
        kind: VerbKind::Action,
        parameters: &[
            must("Target", "mscrm.crmbaseentity"),
            must("PrincipalAccess", "mscrm.PrincipalAccess"),
        ],
        result: None,
    },
    Verb {
        name: "RetrieveSharedPrincipalsAndAccess",
        kind: VerbKind::Function,
        parameters: &[must("Target", "mscrm.crmbaseentity")],
        result: Some("mscrm.RetrieveSharedPrincipalsAndAccessResponse"),
    },
    Verb {
        name: "DownloadSolutionExportData",
        kind: VerbKind::Action,
        parameters: &[must("ExportJobId", "Edm.Guid")],
        result: Some("mscrm.DownloadSolutionExportDataResponse"),
    },
    Verb {
        name: "ExportSolutionAsync",
        kind: VerbKind::Action,
        parameters: &[
            must("SolutionName", "Edm.String"),
            may("Managed", "Edm.Boolean"),
            may("TargetVersion", "Edm.String"),
            may("ExportAutoNumberingSettings", "Edm.Boolean"),
            may("ExportCalendarSettings", "Edm.Boolean"),
            may("ExportCustomizationSettings", "Edm.Boolean"),
            may("ExportEmailTrackingSettings", "Edm.Boolean"),
            may("ExportGeneralSettings", "Edm.Boolean"),
            may("ExportMarketingSettings", "Edm.Boolean"),
            may("ExportOutlookSynchronizationSettings", "Edm.Boolean"),
            may("ExportRelationshipRoles", "Edm.Boolean"),
            may("ExportIsvConfig", "Edm.Boolean"),
            may("ExportSales", "Edm.Boolean"),
            may("ExportExternalApplications", "Edm.Boolean"),
        ],
        result: Some("mscrm.ExportSolutionAsyncResponse"),
    },
    Verb { name: "PublishAllXml", kind: VerbKind::Action, parameters: &[], result: None },
    Verb {
        name: "PublishXml",
        kind: VerbKind::Action,
        parameters: &[must("ParameterXml", "Edm.String")],
        result: None,
    },
    Verb {
        name: "RemoveSolutionComponent",
        kind: VerbKind::Action,
        parameters: &[
            must("SolutionComponent", "mscrm.solutioncomponent"),
            must("ComponentType", "Edm.Int32"),
            must("SolutionUniqueName", "Edm.String"),
        ],
        result: Some("mscrm.RemoveSolutionComponentResponse"),
    },
    Verb {
        name: "RetrieveDependenciesForDelete",
        kind: VerbKind::Function,
        parameters: &[must("ObjectId", "Edm.Guid"), must("ComponentType", "Edm.Int32")],
        result: Some("Collection(mscrm.dependency)"),
    },
    Verb {
        name: "RetrieveDependentComponents",
        kind: VerbKind::Function,
        parameters: &[must("ObjectId", "Edm.Guid"), must("ComponentType", "Edm.Int32")],
        result: Some("Collection(mscrm.dependency)"),
    },
    Verb {
        name: "RetrieveFormattedImportJobResults",
        kind: VerbKind::Function,
        parameters: &[must("ImportJobId", "Edm.Guid")],
        result: Some("mscrm.RetrieveFormattedImportJobResultsResponse"),
    },
    Verb {
        name: "RetrieveMetadataChanges",
        kind: VerbKind::Function,
        parameters: &[
            must("Query", "mscrm.EntityQueryExpression"),
            may("DeletedMetadataFilters", "Edm.String"),
            may("ClientVersionStamp", "Edm.String"),
            may("AppModuleId", "Edm.Guid"),
            may("RetrieveAllSettings", "Edm.Boolean"),
        ],
        result: Some("mscrm.RetrieveMetadataChangesResponse"),
    },
    Verb {
        name: "RetrieveMissingDependencies",
        kind: VerbKind::Function,
        parameters: &[must("SolutionUniqueName", "Edm.String")],
        result: Some("Collection(mscrm.dependency)"),
    },
    Verb {
        name: "RetrieveRequiredComponents",
        kind: VerbKind::Function,
        parameters: &[must("ObjectId", "Edm.Guid"), must("ComponentType", "Edm.Int32")],
        result: Some("Collection(mscrm.dependency)"),
    },
    Verb {
        name: "RetrieveSolutionImportResult",
        kind: VerbKind::Function,
        parameters: &[must("ImportJobId", "Edm.Guid")],
        result: Some("mscrm.RetrieveSolutionImportResultResponse"),
    },
    Verb {
        name: "RetrieveAvailableLanguages",
        kind: VerbKind::Function,
        parameters: &[],
        result: Some("mscrm.RetrieveAvailableLanguagesResponse"),
    },
    Verb {
        name: "RetrieveProvisionedLanguages",
        kind: VerbKind::Function,
        parameters: &[],
        result: Some("mscrm.RetrieveProvisionedLanguagesResponse"),
    },
    Verb {
        name: "RetrieveVersion",
        kind: VerbKind::Function,
        parameters: &[],
        result: Some("mscrm.RetrieveVersionResponse"),
    },
    Verb {
        name: "SetState",
        kind: VerbKind::Action,
        parameters: &[
            must("EntityMoniker", "mscrm.crmbaseentity"),
            must("State", "mscrm.OptionSetValue"),
            may("Status", "mscrm.OptionSetValue"),
        ],
        result: None,
    },
    Verb {
        name: "RevokeAccess",
        kind: VerbKind::Action,
        parameters: &[
            must("Target", "mscrm.crmbaseentity"),
            must("Revokee", "mscrm.crmbaseentity"),
        ],
        result: None,
    },
    Verb {
        name: "WhoAmI",
        kind: VerbKind::Function,
        parameters: &[],
        result: Some("mscrm.WhoAmIResponse"),
    },
    Verb {
        name: "connref_AuditDeparted",
        kind: VerbKind::Function,
        parameters: &[may("User", "Edm.String")],
        result: Some(DOCUMENT),
    },
    Verb {
        name: "connref_AuditLog",
        kind: VerbKind::Function,
        parameters: &[may("Top", "Edm.Int32")],
        result: Some(DOCUMENT),
    },
    Verb {
        name: "connref_AuditVerify",
        kind: VerbKind::Function,
        parameters: &[],
        result: Some(DOCUMENT),
    },
    Verb {
        name: "connref_BindingHistory",
        kind: VerbKind::Function,
        parameters: &[must("Reference", "Edm.String")],
        result: Some(DOCUMENT),
    },
    Verb {
        name: "connref_Facts",
        kind: VerbKind::Function,
        parameters: &[],
        result: Some(DOCUMENT),
    },
    Verb {
        name: "connref_FlowShare",
        kind: VerbKind::Action,
        parameters: &[
            must("WorkflowId", "Edm.Guid"),
            must("Principal", "Edm.String"),
            must("Level", "Edm.String"),
        ],
        result: None,
    },
    Verb {
        name: "connref_FlowsWhy",
        kind: VerbKind::Function,
        parameters: &[must("Solution", "Edm.String")],
        result: Some(DOCUMENT),
    },
    Verb {
        name: "connref_FlowWhy",
        kind: VerbKind::Function,
        parameters: &[must("WorkflowId", "Edm.Guid")],
        result: Some(DOCUMENT),
    },
    Verb {
        name: "connref_BindReferences",
        kind: VerbKind::Action,
        parameters: &[
            must("Bindings", "Collection(mscrm.crmbaseentity)"),
            may("Test", "Edm.Boolean"),
            may("Window", "Edm.Int32"),
        ],
        result: Some(DOCUMENT),
    },
    Verb {
        name: "connref_PlanImport",
        kind: VerbKind::Action,
        parameters: &[
            must("CustomizationFile", "Edm.Binary"),
            may("PublishWorkflows", "Edm.Boolean"),
            may("ConvertToManaged", "Edm.Boolean"),
            may("SkipLowerVersion", "Edm.Boolean"),
            may("OverwriteUnmanagedCustomizations", "Edm.Boolean"),
            may("HoldingSolution", "Edm.Boolean"),
            may("Upgrade", "Edm.Boolean"),
            may("connref_AllowOlder", "Edm.Boolean"),
            may("ComponentParameters", "Collection(mscrm.crmbaseentity)"),
        ],
        result: Some(DOCUMENT),
    },
    Verb {
        name: "connref_Reassign",
        kind: VerbKind::Action,
        parameters: &[
            may("Owner", "Edm.String"),
            may("ConnectionIds", "Collection(Edm.String)"),
            must("To", "Edm.String"),
            may("DryRun", "Edm.Boolean"),
        ],
        result: Some(DOCUMENT),
    },
    Verb {
        name: "connref_SolutionProof",
        kind: VerbKind::Action,
        parameters: &[must("CustomizationFile", "Edm.Binary")],
        result: Some(DOCUMENT),
    },
    Verb {
        name: "connref_VariableShow",
        kind: VerbKind::Function,
        parameters: &[must("Variable", "Edm.String")],
        result: Some(DOCUMENT),
    },
];

/// Actions that are bound to one row: name and table. They take nothing and answer nothing.
pub(super) static BOUND: [(&str, &str); 1] = [("CancelAllCloudFlowRuns", "workflow")];

/// A bound action of a table by name, case and all.
pub(super) fn bound(table: &TableDef, name: &str) -> Option<&'static str> {
    let found = BOUND.iter().find(|(action, of)| *action == name && *of == table.name);
    found.map(|(action, _)| *action)
}

/// A verb by name, case and all.
pub(super) fn verb(name: &str) -> Option<&'static Verb> {
    VERBS.iter().find(|verb| verb.name == name)
}
