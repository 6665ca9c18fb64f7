//! One `Workflow` element: of `customizations.xml`, or the root of a `.data.xml` file.
use super::{Problems, localized_node, number, word};
use crate::document::xml::{Fragment, Node, XmlEdit};
use crate::model::FlowId;
use crate::model::id::is_guid;
use crate::model::package::Workflow;

/// The children in the order of real files.
const ORDER: [&str; 25] = [
    "JsonFileName",
    "XamlFileName",
    "Type",
    "Subprocess",
    "Category",
    "Mode",
    "Scope",
    "OnDemand",
    "TriggerOnCreate",
    "TriggerOnDelete",
    "AsyncAutodelete",
    "SyncWorkflowLogOnFailure",
    "StateCode",
    "StatusCode",
    "RunAs",
    "IsTransacted",
    "IntroducedVersion",
    "IsCustomizable",
    "BusinessProcessType",
    "IsCustomProcessingStepAllowedForOtherPublishers",
    "ModernFlowType",
    "BillingContext",
    "PrimaryEntity",
    "LocalizedNames",
    "Descriptions",
];

/// Reads an element without its body; `None` with a problem if it has no id.
pub fn workflow_read(node: Node<'_>, problems: &mut Problems<'_>) -> Option<Workflow> {
    let id = node.attribute("WorkflowId").unwrap_or_default();
    if !is_guid(id.trim()) {
        problems.add_at(node, format!("`WorkflowId` is `{}`, not a GUID", super::cut(&id)));
        return None;
    }
    let text = |name| node.attribute(name).filter(|v| !v.is_empty()).map(|v| v.into_owned());
    let category = number(node, "Category", problems);
    if category.is_none() {
        problems.add_at(node, "`Category` is missing");
    }
    Some(Workflow {
        id: FlowId::new(id.trim()),
        name: text("Name").unwrap_or_default(),
        description: text("Description"),
        category: category.unwrap_or_default(),
        state_code: number(node, "StateCode", problems).unwrap_or_default(),
        modern_flow_type: number(node, "ModernFlowType", problems),
        json_file_name: word(node, "JsonFileName"),
        client_data: None,
    })
}

/// Changes an element from one value to another, field by field.
pub(crate) fn workflow_patch<'a>(
    edit: &mut XmlEdit<'a>,
    node: Node<'a>,
    old: &Workflow,
    new: &Workflow,
    language: u32,
) {
    if old.name != new.name {
        edit.set_attribute(node, "Name", &new.name);
        if let Some(local) = localized_node(node, "LocalizedNames", language) {
            edit.set_attribute(local, "description", &new.name);
        }
    }
    if old.description != new.description {
        description_patch(edit, node, new.description.as_deref(), language);
    }
    let mut put = |name: &str, text: Option<&str>| edit.put_child(node, name, text, &ORDER);
    if old.json_file_name != new.json_file_name {
        put("JsonFileName", new.json_file_name.as_deref());
    }
    if old.category != new.category {
        put("Category", Some(&new.category.to_string()));
    }
    if old.state_code != new.state_code {
        put("StateCode", Some(&new.state_code.to_string()));
        put("StatusCode", Some(&status_code(new.state_code).to_string()));
    }
    if old.modern_flow_type != new.modern_flow_type {
        put("ModernFlowType", new.modern_flow_type.map(|v| v.to_string()).as_deref());
    }
}

fn description_patch<'a>(
    edit: &mut XmlEdit<'a>,
    node: Node<'a>,
    text: Option<&str>,
    language: u32,
) {
    match text {
        Some(text) => edit.set_attribute(node, "Description", text),
        None => edit.remove_attribute(node, "Description"),
    }
    let list = node.child("Descriptions");
    match (localized_node(node, "Descriptions", language), list, text) {
        (Some(local), _, Some(text)) => edit.set_attribute(local, "description", text),
        (_, Some(list), None) => edit.remove(list),
        (None, list, Some(text)) => {
            if let Some(empty) = list {
                edit.remove(empty);
            }
            let mut fragment = node.child_fragment();
            descriptions_write(&mut fragment, text, language);
            edit.insert_ordered(node, "Descriptions", &fragment.finish(), &ORDER);
        }
        (_, None, None) => {}
    }
}

fn descriptions_write(out: &mut Fragment, text: &str, language: u32) {
    let language = language.to_string();
    out.open("Descriptions", &[]);
    out.empty("Description", &[("languagecode", &language), ("description", text)]);
    out.close("Descriptions");
}

/// The status that goes with a state: 2 activated, 1 draft.
fn status_code(state: i32) -> i32 {
    if state == 1 { 2 } else { 1 }
}

/// Writes an element as the platform exports it.
pub(crate) fn workflow_write(out: &mut Fragment, flow: &Workflow, version: &str, language: u32) {
    let id = format!("{{{}}}", flow.id);
    let mut attributes = vec![("WorkflowId", id.as_str()), ("Name", flow.name.as_str())];
    if let Some(text) = &flow.description {
        attributes.push(("Description", text));
    }
    out.open("Workflow", &attributes);
    if let Some(name) = &flow.json_file_name {
        out.leaf("JsonFileName", name);
    }
    let state = flow.state_code.to_string();
    let status = status_code(flow.state_code).to_string();
    let category = flow.category.to_string();
    for (name, text) in [
        ("Type", "1"),
        ("Subprocess", "0"),
        ("Category", &*category),
        ("Mode", "0"),
        ("Scope", "4"),
        ("OnDemand", "0"),
        ("TriggerOnCreate", "0"),
        ("TriggerOnDelete", "0"),
        ("AsyncAutodelete", "0"),
        ("SyncWorkflowLogOnFailure", "0"),
        ("StateCode", &*state),
        ("StatusCode", &*status),
        ("RunAs", "1"),
        ("IsTransacted", "1"),
        ("IntroducedVersion", version),
        ("IsCustomizable", "1"),
        ("BusinessProcessType", "0"),
        ("IsCustomProcessingStepAllowedForOtherPublishers", "1"),
    ] {
        out.leaf(name, text);
    }
    if let Some(value) = flow.modern_flow_type {
        out.leaf("ModernFlowType", &value.to_string());
    }
    out.leaf("PrimaryEntity", "none");
    let code = language.to_string();
    out.open("LocalizedNames", &[]);
    out.empty("LocalizedName", &[("languagecode", &code), ("description", &flow.name)]);
    out.close("LocalizedNames");
    if let Some(text) = &flow.description {
        descriptions_write(out, text, language);
    }
    out.close("Workflow");
}

/// Part name of a flow's body as the platform makes it: the display name's letters, digits and
/// hyphens, 50 at most, and the id in capitals.
pub(crate) fn json_file_name(flow: &Workflow) -> String {
    let name: String =
        flow.name.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(50).collect();
    format!("/Workflows/{name}-{}.json", flow.id.as_str().to_ascii_uppercase())
}
