//! `solution.xml`: the manifest.
use super::{Problems, cut, localized, number, prose, word};
use crate::document::xml::{Node, XmlDocument};
use crate::model::package::{Managed, Manifest, MissingDependency, Publisher, RootComponent};

/// Language of a package that does not say its own.
pub(crate) const DEFAULT_LANGUAGE: u32 = 1033;

/// Reads the manifest.
pub fn manifest_read(document: &XmlDocument, problems: &mut Problems<'_>) -> Manifest {
    let root = document.root();
    let language = root
        .attribute("languagecode")
        .and_then(|code| code.trim().parse().ok())
        .unwrap_or(DEFAULT_LANGUAGE);
    let Some(node) = root.child("SolutionManifest") else {
        problems.add_at(root, "`SolutionManifest` is missing");
        return Manifest { language, ..Manifest::default() };
    };
    for name in ["UniqueName", "Version", "Publisher"] {
        if node.child(name).is_none() {
            problems.add_at(node, format!("`{name}` is missing"));
        }
    }
    Manifest {
        unique_name: word(node, "UniqueName").unwrap_or_default(),
        display_name: localized(node, "LocalizedNames", language).unwrap_or_default(),
        description: localized(node, "Descriptions", language).unwrap_or_default(),
        version: word(node, "Version").unwrap_or_default(),
        managed: managed(node, problems),
        language,
        publisher: node
            .child("Publisher")
            .map(|p| publisher(p, language, problems))
            .unwrap_or_default(),
        root_components: root_components(document).into_iter().map(|(_, c)| c).collect(),
        missing_dependencies: missing_dependencies(document).into_iter().map(|(_, d)| d).collect(),
    }
}

fn managed(node: Node<'_>, problems: &mut Problems<'_>) -> Managed {
    match word(node, "Managed").as_deref() {
        Some("0") | None => Managed::Unmanaged,
        Some("1") => Managed::Managed,
        Some("2") => Managed::Both,
        Some(other) => {
            problems.add_at(node, format!("`Managed` is `{}`, not 0, 1 or 2", cut(other)));
            Managed::Unmanaged
        }
    }
}

fn publisher(node: Node<'_>, language: u32, problems: &mut Problems<'_>) -> Publisher {
    Publisher {
        unique_name: word(node, "UniqueName").unwrap_or_default(),
        display_name: localized(node, "LocalizedNames", language).unwrap_or_default(),
        prefix: prose(node, "CustomizationPrefix").unwrap_or_default(),
        option_value_prefix: number(node, "CustomizationOptionValuePrefix", problems)
            .unwrap_or_default(),
    }
}

/// The root components with their elements.
pub(crate) fn root_components(document: &XmlDocument) -> Vec<(Node<'_>, RootComponent)> {
    let Some(list) = document.root().find("SolutionManifest/RootComponents") else {
        return Vec::new();
    };
    list.children()
        .filter(|n| n.name() == "RootComponent")
        .map(|node| {
            let value = |name| node.attribute(name).map(|v| v.trim().to_owned());
            let component = RootComponent {
                kind: value("type").and_then(|v| v.parse().ok()).unwrap_or_default(),
                id: value("id").map(|id| bare_id(&id)),
                schema_name: value("schemaName"),
                behavior: value("behavior").and_then(|v| v.parse().ok()).unwrap_or_default(),
            };
            (node, component)
        })
        .collect()
}

/// The missing dependencies with their elements.
pub(crate) fn missing_dependencies(document: &XmlDocument) -> Vec<(Node<'_>, MissingDependency)> {
    let Some(list) = document.root().find("SolutionManifest/MissingDependencies") else {
        return Vec::new();
    };
    list.children()
        .filter(|n| n.name() == "MissingDependency")
        .map(|node| {
            let get = |side: &str, name: &str| {
                node.child(side).and_then(|n| n.attribute(name)).map(|v| v.into_owned())
            };
            let dependency = MissingDependency {
                required_type: get("Required", "type").unwrap_or_default(),
                required: node.child("Required").map(required).unwrap_or_default(),
                solution: get("Required", "solution").unwrap_or_default(),
                dependent_type: get("Dependent", "type").unwrap_or_default(),
                dependent: get("Dependent", "displayName").unwrap_or_default(),
            };
            (node, dependency)
        })
        .collect()
}

/// What a `Required` element names: which attribute says it differs from one type to another.
fn required(node: Node<'_>) -> String {
    let plain = |name| node.attribute(name).map(|v| v.into_owned());
    plain("schemaName")
        .or_else(|| plain("id").map(|id| bare_id(&id)))
        .or_else(|| {
            node.attributes().find(|(n, _)| n.starts_with("id.")).map(|(_, v)| v.into_owned())
        })
        .or_else(|| plain("key"))
        .or_else(|| plain("displayName"))
        .unwrap_or_default()
}

/// A GUID without braces, lower case.
pub(crate) fn bare_id(text: &str) -> String {
    text.trim().trim_matches(['{', '}']).to_ascii_lowercase()
}
