//! One `Connector` element: of `customizations.xml`, or the root of a file in `Connectors/`.
use super::{Problems, prose, word};
use crate::document::xml::{Fragment, Node, XmlEdit};
use crate::model::package::PackageConnector;

/// The children in the order of real files.
const ORDER: [&str; 13] = [
    "connectorid",
    "description",
    "displayname",
    "iconbrandcolor",
    "name",
    "connectortype",
    "scriptoperations",
    "openapidefinition",
    "connectionparameters",
    "connectionparametersets",
    "policytemplateinstances",
    "customcodeblobcontent",
    "iconblob",
];

/// The parts that belong to a connector: element name and what it holds.
pub(crate) struct ConnectorPart {
    /// Element name, also the end of the part's name.
    pub(crate) element: &'static str,
    /// The text in the model.
    pub(crate) get: fn(&PackageConnector) -> Option<&String>,
    /// Where it goes in the model.
    pub(crate) slot: fn(&mut PackageConnector) -> &mut Option<String>,
}

/// Parts that connref models; icon and script stay in the archive.
pub(crate) const PARTS: [ConnectorPart; 4] = [
    ConnectorPart {
        element: "openapidefinition",
        get: |c| c.openapi_definition.as_ref(),
        slot: |c| &mut c.openapi_definition,
    },
    ConnectorPart {
        element: "connectionparameters",
        get: |c| c.connection_parameters.as_ref(),
        slot: |c| &mut c.connection_parameters,
    },
    ConnectorPart {
        element: "connectionparametersets",
        get: |c| c.connection_parameter_sets.as_ref(),
        slot: |c| &mut c.connection_parameter_sets,
    },
    ConnectorPart {
        element: "policytemplateinstances",
        get: |c| c.policy_templates.as_ref(),
        slot: |c| &mut c.policy_templates,
    },
];

/// Reads an element without its parts; `None` with a problem if it has no name.
pub fn connector_read(node: Node<'_>, problems: &mut Problems<'_>) -> Option<PackageConnector> {
    let Some(name) = word(node, "name") else {
        problems.add_at(node, "a connector has no name");
        return None;
    };
    Some(PackageConnector {
        id: word(node, "connectorid")
            .map(|id| super::solution_xml::bare_id(&id))
            .unwrap_or_default(),
        name,
        display_name: prose(node, "displayname").unwrap_or_default(),
        description: prose(node, "description"),
        ..PackageConnector::default()
    })
}

/// Part name of a connector's part as the platform makes it.
pub(crate) fn connector_part_name(connector: &PackageConnector, element: &str) -> String {
    format!("/Connector/{}_{element}.json", connector.name)
}

/// Changes an element from one value to another, field by field. Parts are named where they are
/// new and forgotten where they went.
pub(crate) fn connector_patch<'a>(
    edit: &mut XmlEdit<'a>,
    node: Node<'a>,
    old: &PackageConnector,
    new: &PackageConnector,
) {
    let mut put = |name: &str, text: Option<&str>| edit.put_child(node, name, text, &ORDER);
    if old.id != new.id {
        put("connectorid", Some(&new.id));
    }
    if old.display_name != new.display_name {
        put("displayname", Some(&new.display_name));
    }
    if old.description != new.description {
        put("description", new.description.as_deref());
    }
    for part in &PARTS {
        match ((part.get)(old), (part.get)(new)) {
            // A part that is named already, but was empty or missing, keeps its name.
            (None, Some(_)) if word(node, part.element).is_none() => {
                put(part.element, Some(&connector_part_name(new, part.element)));
            }
            (Some(_), None) => put(part.element, None),
            _ => {}
        }
    }
}

/// Writes an element as the platform exports it.
pub(crate) fn connector_write(out: &mut Fragment, connector: &PackageConnector) {
    out.open("Connector", &[]);
    out.leaf("connectorid", &connector.id);
    match &connector.description {
        Some(text) => out.leaf("description", text),
        None => out.empty("description", &[]),
    };
    out.leaf("displayname", &connector.display_name);
    // The colour of the maker's default icon.
    out.leaf("iconbrandcolor", "#007ee5");
    out.leaf("name", &connector.name);
    out.leaf("connectortype", "1");
    for part in &PARTS {
        if (part.get)(connector).is_some() {
            out.leaf(part.element, &connector_part_name(connector, part.element));
        }
    }
    out.close("Connector");
}
