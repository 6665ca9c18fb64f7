//! `customDeploymentSettings.json` of the ALM Accelerator: which flows a deployment turns on and in
//! which order, who owns what, and with which groups things are shared.
use serde_json::{Map, Value};

use super::{Problems, cut};
use crate::document::json::{JsonDocument, JsonError};
use crate::model::FlowId;
use crate::model::package::Problem;

const ACTIVATE: &str = "ActivateFlowConfiguration";
const OWNERS: &str = "SolutionComponentOwnershipConfiguration";
const FLOW_SHARES: &str = "FlowShareWithGroupTeamConfiguration";
const CONNECTOR_SHARES: &str = "ConnectorShareWithGroupTeamConfiguration";

/// What such a file says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AlmSettings {
    /// Flows to turn on or to leave off.
    pub activations: Vec<FlowSwitch>,
    /// Who is to own components.
    pub owners: Vec<ComponentOwner>,
    /// Flows shared with group teams.
    pub flow_shares: Vec<GroupShare>,
    /// Custom connectors shared with group teams.
    pub connector_shares: Vec<GroupShare>,
    /// Other sections that hold something: name and number of entries. They are not read.
    pub other: Vec<(String, usize)>,
    /// Placeholders `#{…}#` that no pipeline has replaced, by JSON pointer.
    pub tokens: Vec<(String, String)>,
    /// What was odd.
    pub problems: Vec<Problem>,
}

/// One flow of `ActivateFlowConfiguration`.
#[derive(Clone, Debug, PartialEq)]
pub struct FlowSwitch {
    /// Name.
    pub name: String,
    /// The flow.
    pub flow: FlowId,
    /// Place in the order; `None` if it is empty or still a placeholder.
    pub order: Option<i64>,
    /// Whether it is turned on; `None` if it is empty or still a placeholder.
    pub activate: Option<bool>,
}

/// One entry of `SolutionComponentOwnershipConfiguration`.
#[derive(Clone, Debug, PartialEq)]
pub struct ComponentOwner {
    /// Component type number: 29 workflow …
    pub kind: i64,
    /// Name.
    pub name: String,
    /// Row id, lower case.
    pub id: String,
    /// Sign-in name of the owner; `None` if it is empty or still a placeholder.
    pub owner: Option<String>,
}

/// One share with a group team.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupShare {
    /// Name of the component.
    pub name: String,
    /// Row id, lower case.
    pub id: String,
    /// Name of the team; `None` if it is empty or still a placeholder.
    pub team: Option<String>,
}

/// Whether a value has the form of such a file.
pub fn alm_settings_is(value: &Value) -> bool {
    let known = [ACTIVATE, OWNERS, FLOW_SHARES, CONNECTOR_SHARES];
    value.as_object().is_some_and(|map| {
        map.keys().any(|key| known.iter().any(|name| key.eq_ignore_ascii_case(name)))
    })
}

/// Reads such a file. Entries of the wrong kind are problems and left out.
///
/// # Errors
/// Text that is no JSON.
pub fn alm_settings_read(bytes: &[u8]) -> Result<AlmSettings, JsonError> {
    let document = JsonDocument::parse(bytes)?;
    let mut settings = AlmSettings::default();
    let mut found = Vec::new();
    let mut problems = Problems::new("customDeploymentSettings.json", &mut found);
    let Some(root) = document.value().as_object() else {
        problems.add("", "the file is not an object");
        settings.problems = found;
        return Ok(settings);
    };
    for (section, value) in root {
        section_read(section, value, &mut settings, &mut problems);
    }
    settings.problems = found;
    Ok(settings)
}

fn section_read(
    section: &str,
    value: &Value,
    settings: &mut AlmSettings,
    problems: &mut Problems<'_>,
) {
    let at = format!("/{}", crate::document::json::pointer_escape(section));
    let Some(entries) = value.as_array() else {
        if !value.is_null() {
            problems.add(at, "is not a list");
        }
        return;
    };
    let is = |name: &str| section.eq_ignore_ascii_case(name);
    if ![ACTIVATE, OWNERS, FLOW_SHARES, CONNECTOR_SHARES].iter().any(|name| is(name)) {
        if !entries.is_empty() {
            settings.other.push((section.to_owned(), entries.len()));
        }
        return;
    }
    for (index, entry) in entries.iter().enumerate() {
        let at = format!("{at}/{index}");
        let Some(map) = entry.as_object() else {
            problems.add(at, "the entry is not an object");
            continue;
        };
        let mut entry = Entry { map, at: &at, tokens: &mut settings.tokens, problems };
        let name = entry.text("solutionComponentName").unwrap_or_default();
        let Some(id) = entry.text("solutionComponentUniqueName") else {
            entry.problems.add(&*at, "the entry has no `solutionComponentUniqueName`");
            continue;
        };
        let id = id.to_lowercase();
        if is(ACTIVATE) {
            let (order, activate) = (entry.number("sortOrder"), entry.switch("activate"));
            let flow = FlowId::new(&id);
            settings.activations.push(FlowSwitch { name, flow, order, activate });
        } else if is(OWNERS) {
            let kind = entry.number("solutionComponentType").unwrap_or_default();
            let owner = entry.text("ownerEmail");
            settings.owners.push(ComponentOwner { kind, name, id, owner });
        } else {
            let share = GroupShare { name, id, team: entry.text("aadGroupTeamName") };
            let flows = is(FLOW_SHARES);
            let list =
                if flows { &mut settings.flow_shares } else { &mut settings.connector_shares };
            list.push(share);
        }
    }
}

struct Entry<'e, 'p> {
    map: &'e Map<String, Value>,
    at: &'e str,
    tokens: &'e mut Vec<(String, String)>,
    problems: &'e mut Problems<'p>,
}

impl Entry<'_, '_> {
    /// A value as text; empty ones and placeholders are none.
    fn text(&mut self, name: &str) -> Option<String> {
        let (key, value) = self.map.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
        let text = match value {
            Value::String(text) => text.trim().to_owned(),
            Value::Number(_) | Value::Bool(_) => value.to_string(),
            _ => return None,
        };
        if text.find("#{").is_some_and(|from| text[from..].contains("}#")) {
            self.tokens.push((format!("{}/{key}", self.at), cut(&text)));
            return None;
        }
        (!text.is_empty()).then_some(text)
    }

    fn number(&mut self, name: &str) -> Option<i64> {
        let text = self.text(name)?;
        let number = text.parse().ok();
        if number.is_none() {
            self.problems
                .add(format!("{}/{name}", self.at), format!("`{}` is no number", cut(&text)));
        }
        number
    }

    fn switch(&mut self, name: &str) -> Option<bool> {
        let text = self.text(name)?;
        match text.to_lowercase().as_str() {
            "true" | "1" | "yes" => Some(true),
            "false" | "0" | "no" => Some(false),
            _ => {
                let message = format!("`{}` is neither true nor false", cut(&text));
                self.problems.add(format!("{}/{name}", self.at), message);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r##"{
        "ActivateFlowConfiguration": [
            {"solutionComponentName": "A", "solutionComponentUniqueName": "A696980C-5fd0-ec11-a7b5-0022486dabee", "sortOrder": "2", "activate": "true"},
            {"solutionComponentName": "B", "solutionComponentUniqueName": "b696980c-5fd0-ec11-a7b5-0022486dabee", "sortOrder": "#{order.b}#", "activate": "#{b}#"},
            {"solutionComponentName": "C"}, 3],
        "SolutionComponentOwnershipConfiguration": [{"solutionComponentType": 29, "solutionComponentName": "A", "solutionComponentUniqueName": "a", "ownerEmail": "robot@fabrikam.example"}],
        "FlowShareWithGroupTeamConfiguration": [{"solutionComponentName": "A", "solutionComponentUniqueName": "a", "aadGroupTeamName": "Finance"}],
        "ConnectorShareWithGroupTeamConfiguration": [{"solutionComponentUniqueName": "k", "aadGroupTeamName": "#{t}#"}],
        "OrgSettings": [{"SchemaName": "x", "Value": "y"}], "WebhookUrls": [], "SDKMessages": {}}"##;

    #[test]
    fn reads_switches_owners_and_shares() {
        let read = alm_settings_read(FILE.as_bytes()).unwrap();
        assert_eq!(read.activations.len(), 2);
        assert_eq!(
            (read.activations[0].order, read.activations[0].activate),
            (Some(2), Some(true))
        );
        assert_eq!((read.activations[1].order, read.activations[1].activate), (None, None));
        assert_eq!(read.owners[0].owner.as_deref(), Some("robot@fabrikam.example"));
        assert_eq!(read.flow_shares[0].team.as_deref(), Some("Finance"));
        assert_eq!(read.connector_shares[0].team, None);
        assert_eq!(read.other, [("OrgSettings".to_owned(), 1)]);
        let places: Vec<&str> = read.tokens.iter().map(|(at, _)| at.as_str()).collect();
        assert_eq!(
            places,
            [
                "/ActivateFlowConfiguration/1/sortOrder",
                "/ActivateFlowConfiguration/1/activate",
                "/ConnectorShareWithGroupTeamConfiguration/0/aadGroupTeamName"
            ]
        );
        assert_eq!(read.problems.len(), 3);
    }

    #[test]
    fn is_told_from_plain_settings() {
        let is = |text: &str| alm_settings_is(&serde_json::from_str(text).unwrap());
        assert!(is(FILE));
        assert!(!is(r#"{"ConnectionReferences": []}"#));
        assert!(!is("[]"));
        assert!(alm_settings_read(b"[]").unwrap().problems.len() == 1);
    }
}
