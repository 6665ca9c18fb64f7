//! `Assets/botcomponent_connectionreferenceset.xml`: which agents use which references.
use super::Problems;
use crate::document::xml::XmlDocument;
use crate::model::LogicalName;

/// Part name of the set.
pub(crate) const PART: &str = "Assets/botcomponent_connectionreferenceset.xml";

/// The uses: (agent component's schema name, reference).
pub fn agent_uses_read(
    document: &XmlDocument,
    problems: &mut Problems<'_>,
) -> Vec<(String, LogicalName)> {
    let mut uses = Vec::new();
    for node in document.root().children() {
        let component = node.attribute("botcomponentid.schemaname");
        let reference = node.attribute("connectionreferenceid.connectionreferencelogicalname");
        match (component, reference) {
            (Some(component), Some(name)) => {
                uses.push((component.into_owned(), LogicalName::new(name.trim())));
            }
            _ => problems.add_at(node, "a use by an agent names no component or reference"),
        }
    }
    uses
}
