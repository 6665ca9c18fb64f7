//! `customizations.xml`: everything of a solution that is XML. Read here are the elements that
//! connref models, each with its place, so that a change touches nothing else.
use super::Problems;
use crate::document::xml::{Node, XmlDocument};
use crate::model::package::{CanvasApp, PackageConnector, PackageReference, Problem, Workflow};

/// Child elements whose content is read here.
pub const READ: [&str; 4] = ["Workflows", "CanvasApps", "Connectors", "connectionreferences"];

/// Child elements in the order of real files.
pub(crate) const ORDER: [&str; 28] = [
    "Entities",
    "Roles",
    "Workflows",
    "FieldSecurityProfiles",
    "Templates",
    "EntityImageConfigs",
    "AttributeImageConfigs",
    "EntityMaps",
    "EntityRelationships",
    "OrganizationSettings",
    "optionsets",
    "Dashboards",
    "WebResources",
    "CustomControls",
    "SolutionPluginAssemblies",
    "SdkMessageProcessingSteps",
    "ServiceEndpoints",
    "AppModuleSiteMaps",
    "AppModules",
    "EntityDataProviders",
    "EntityDataSources",
    "AIModels",
    "CanvasApps",
    "Connectors",
    "managedidentities",
    "connectionreferences",
    "EntityAnalyticsConfigs",
    "Languages",
];

/// The connection references with their elements.
pub fn references<'a>(
    document: &'a XmlDocument,
    problems: &mut Problems<'_>,
) -> Vec<(Node<'a>, PackageReference)> {
    list(
        document,
        "connectionreferences",
        "connectionreference",
        problems,
        super::reference_xml::reference_read,
    )
}

/// The workflows of every category with their elements, without bodies.
pub fn workflows<'a>(
    document: &'a XmlDocument,
    problems: &mut Problems<'_>,
) -> Vec<(Node<'a>, Workflow)> {
    list(document, "Workflows", "Workflow", problems, super::workflow_xml::workflow_read)
}

/// The custom connectors with their elements, without parts.
pub fn connectors<'a>(
    document: &'a XmlDocument,
    problems: &mut Problems<'_>,
) -> Vec<(Node<'a>, PackageConnector)> {
    list(document, "Connectors", "Connector", problems, super::connector_xml::connector_read)
}

/// The canvas apps with their elements.
pub fn canvas_apps<'a>(
    document: &'a XmlDocument,
    problems: &mut Problems<'_>,
) -> Vec<(Node<'a>, CanvasApp)> {
    list(document, "CanvasApps", "CanvasApp", problems, super::canvas_app_xml::canvas_app_read)
}

fn list<'a, T>(
    document: &'a XmlDocument,
    parent: &str,
    child: &str,
    problems: &mut Problems<'_>,
    read: impl Fn(Node<'a>, &mut Problems<'_>) -> Option<T>,
) -> Vec<(Node<'a>, T)> {
    let Some(parent) = document.root().child(parent) else { return Vec::new() };
    parent
        .children()
        .filter(|node| node.name() == child)
        .filter_map(|node| read(node, problems).map(|value| (node, value)))
        .collect()
}

/// Reads with the problems left aside: they were told when the package was read.
pub(crate) fn quietly<T>(read: impl FnOnce(&mut Problems<'_>) -> T) -> T {
    let mut found: Vec<Problem> = Vec::new();
    read(&mut Problems::new("", &mut found))
}
