//! Deployment settings against a package: made from it, held against it, turned into bindings.
use std::collections::{HashMap, HashSet};

use crate::model::settings::{SettingsReference, SettingsVariable};
use crate::model::{ApiName, ConnectionId, DeploymentSettings, LogicalName, Package};

/// Empty settings for everything a package wants, as `pac solution create-settings` makes them.
pub fn settings_create(package: &Package) -> DeploymentSettings {
    let references = package.references.iter().map(|r| SettingsReference {
        logical_name: r.logical_name.clone(),
        connection_id: String::new(),
        api_name: Some(r.api_name.clone()),
        owner: None,
    });
    let variables = package
        .variables
        .iter()
        .map(|v| SettingsVariable { schema_name: v.schema_name.clone(), value: String::new() });
    DeploymentSettings { references: references.collect(), variables: variables.collect() }
}

/// What is wrong with an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettingsIssue {
    /// The package has no such reference.
    UnknownReference,
    /// The package has no such variable.
    UnknownVariable,
    /// The connection id is a path such as `shared_x/guid`.
    ConnectionPath,
    /// The connection id is no id at all.
    ConnectionShape,
    /// A placeholder such as `#{name}#` was not replaced.
    Token,
    /// The name occurs twice.
    Duplicate,
    /// The connector differs from the reference's.
    ConnectorMismatch,
    /// The settings do not name a reference of the package.
    MissingReference,
    /// The settings give no value to a required variable that has none.
    MissingVariable,
    /// An entry without connection id: the reference stays as it is.
    Empty,
    /// An entry or a section of the wrong form.
    Shape,
    /// A member that nothing reads.
    Unread,
}

impl SettingsIssue {
    /// Whether the settings cannot be applied as they are.
    pub fn is_error(self) -> bool {
        !matches!(self, Self::MissingReference | Self::MissingVariable | Self::Empty | Self::Unread)
    }
}

/// One thing wrong with settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsFinding {
    /// What.
    pub issue: SettingsIssue,
    /// Logical or schema name.
    pub name: LogicalName,
    /// JSON pointer in a plain settings file; empty for what is missing.
    pub at: String,
    /// What is wrong, in a sentence.
    pub message: String,
    /// What to do.
    pub fix: String,
}

/// Holds settings against a package.
pub fn settings_check(settings: &DeploymentSettings, package: &Package) -> Vec<SettingsFinding> {
    check(settings, Some(package))
}

/// Holds settings against a package, or against themselves if there is none.
pub(super) fn check(
    settings: &DeploymentSettings,
    package: Option<&Package>,
) -> Vec<SettingsFinding> {
    let mut found = Vec::new();
    let references = package.into_iter().flat_map(|p| &p.references);
    let references: HashMap<_, _> = references.map(|r| (&r.logical_name, &r.api_name)).collect();
    let variables: HashSet<_> =
        package.into_iter().flat_map(|p| &p.variables).map(|v| &v.schema_name).collect();
    let mut seen = HashSet::new();
    for (index, entry) in settings.references.iter().enumerate() {
        let at = format!("/ConnectionReferences/{index}");
        if !seen.insert(&entry.logical_name) {
            found.push(duplicate(&entry.logical_name, &at));
        }
        if package.is_some() {
            let known = references.get_key_value(&entry.logical_name);
            // A letter of another alphabet whose small form is this one's is another name.
            let known = known.filter(|(name, _)| same_letters(name, &entry.logical_name));
            reference_check(entry, known.map(|(_, api)| *api), &at, &mut found);
        }
        connection_check(entry, &at, &mut found);
    }
    let mut seen = HashSet::new();
    for (index, entry) in settings.variables.iter().enumerate() {
        let at = format!("/EnvironmentVariables/{index}");
        if !seen.insert(&entry.schema_name) {
            found.push(duplicate(&entry.schema_name, &at));
        }
        if package.is_some() && !variables.contains(&entry.schema_name) {
            found.push(unknown_variable(&entry.schema_name, &at));
        }
        variable_check(entry, &at, &mut found);
    }
    if let Some(package) = package {
        missing_check(settings, package, &mut found);
    }
    found
}

fn finding(
    issue: SettingsIssue,
    name: &LogicalName,
    at: &str,
    message: String,
    fix: impl Into<String>,
) -> SettingsFinding {
    SettingsFinding { issue, name: name.clone(), at: at.to_owned(), message, fix: fix.into() }
}

fn duplicate(name: &LogicalName, at: &str) -> SettingsFinding {
    let message = format!("`{name}` occurs twice");
    finding(SettingsIssue::Duplicate, name, at, message, "keep one of the entries")
}

/// `wanted` is the connector of the package's reference, if it has the reference.
fn reference_check(
    entry: &SettingsReference,
    wanted: Option<&ApiName>,
    at: &str,
    found: &mut Vec<SettingsFinding>,
) {
    let name = &entry.logical_name;
    match wanted {
        None => found.push(finding(
            SettingsIssue::UnknownReference,
            name,
            at,
            format!("the package has no connection reference `{name}`"),
            "remove the entry, or check the spelling",
        )),
        Some(wanted) => {
            // The hash of a custom connector differs from one environment to another.
            let other = entry.api_name.as_ref();
            let other = other.filter(|api| api.without_hash() != wanted.without_hash());
            if let Some(other) = other {
                found.push(finding(
                    SettingsIssue::ConnectorMismatch,
                    name,
                    at,
                    format!("`{name}` is a reference to `{wanted}`, not to `{other}`"),
                    format!("set `ConnectorId` to `{}`", wanted.connector_id()),
                ));
            }
        }
    }
}

fn connection_check(entry: &SettingsReference, at: &str, found: &mut Vec<SettingsFinding>) {
    let (name, id) = (&entry.logical_name, entry.connection_id.as_str());
    let at = format!("{at}/ConnectionId");
    let owner_token = entry.owner.as_deref().is_some_and(has_token);
    if has_token(id) || owner_token {
        let shown = if has_token(id) { id } else { entry.owner.as_deref().unwrap_or_default() };
        found.push(finding(
            SettingsIssue::Token,
            name,
            &at,
            format!("the placeholder `{shown}` of `{name}` was not replaced"),
            "run the step of the pipeline that fills in the tokens",
        ));
    } else if id.is_empty() {
        found.push(finding(
            SettingsIssue::Empty,
            name,
            &at,
            format!("`{name}` has no connection id; it stays bound as it is, or unbound"),
            "fill in the id of a connection",
        ));
    } else if let Some((_, last)) = id.rsplit_once('/') {
        found.push(finding(
            SettingsIssue::ConnectionPath,
            name,
            &at,
            format!("`{id}` is not a connection id"),
            format!("keep only what follows the last slash: `{last}`"),
        ));
    } else if !id_shaped(id) {
        found.push(finding(
            SettingsIssue::ConnectionShape,
            name,
            &at,
            format!("`{id}` is not a connection id"),
            "use the connection's id: 32 hexadecimal digits, as in its address in the portal",
        ));
    }
}

/// Whether two names differ in nothing but the case of plain letters.
pub fn same_letters(one: &LogicalName, other: &LogicalName) -> bool {
    one.as_str().eq_ignore_ascii_case(other.as_str())
}

/// Connection ids are 32 hex digits; older ones are GUIDs or `shared-x-<guid>`. Anything made of
/// the characters of such ids passes; titles, addresses and a GUID in braces do not.
fn id_shaped(id: &str) -> bool {
    id.len() >= 8 && connection_id_spelled(id)
}

/// Whether a text is made of nothing but characters of connection ids: no braces, no wildcards, no
/// letters that only look like one.
pub fn connection_id_spelled(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}

/// A pipeline placeholder: `#{name}#`.
pub(super) fn has_token(text: &str) -> bool {
    text.find("#{").is_some_and(|at| text[at..].contains("}#"))
}

fn unknown_variable(name: &LogicalName, at: &str) -> SettingsFinding {
    finding(
        SettingsIssue::UnknownVariable,
        name,
        at,
        format!("the package has no environment variable `{name}`"),
        "remove the entry, or check the spelling",
    )
}

fn variable_check(entry: &SettingsVariable, at: &str, found: &mut Vec<SettingsFinding>) {
    let name = &entry.schema_name;
    if has_token(&entry.value) {
        found.push(finding(
            SettingsIssue::Token,
            name,
            &format!("{at}/Value"),
            format!("a placeholder in the value of `{name}` was not replaced"),
            "run the step of the pipeline that fills in the tokens",
        ));
    }
}

fn missing_check(
    settings: &DeploymentSettings,
    package: &Package,
    found: &mut Vec<SettingsFinding>,
) {
    let named: HashSet<_> = settings.references.iter().map(|e| &e.logical_name).collect();
    let valued: HashSet<_> =
        settings.variables.iter().filter(|e| !e.value.is_empty()).map(|e| &e.schema_name).collect();
    for reference in &package.references {
        let name = &reference.logical_name;
        if !named.contains(name) {
            found.push(finding(
                SettingsIssue::MissingReference,
                name,
                "",
                format!("the settings do not name the connection reference `{name}`"),
                "add an entry, or bind it in the environment",
            ));
        }
    }
    for variable in &package.variables {
        let name = &variable.schema_name;
        let wanted = variable.value.is_none() && variable.default_value.is_none();
        if wanted && !valued.contains(name) {
            found.push(finding(
                SettingsIssue::MissingVariable,
                name,
                "",
                format!("nothing gives the environment variable `{name}` a value"),
                "add an entry with a value, or set it in the environment",
            ));
        }
    }
}

/// What settings ask for, ready to be applied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SettingsPlan {
    /// References to bind, with the connection.
    pub bindings: Vec<(LogicalName, ConnectionId)>,
    /// Variables to set, with the value.
    pub values: Vec<(LogicalName, String)>,
    /// References of the package that the settings leave as they are.
    pub unbound: Vec<LogicalName>,
}

/// Turns settings into bindings and values.
///
/// # Errors
/// Every finding that is an error; nothing is applied by halves.
pub fn settings_apply(
    settings: &DeploymentSettings,
    package: &Package,
) -> Result<SettingsPlan, Vec<SettingsFinding>> {
    let errors: Vec<SettingsFinding> =
        settings_check(settings, package).into_iter().filter(|f| f.issue.is_error()).collect();
    if !errors.is_empty() {
        return Err(errors);
    }
    let mut plan = SettingsPlan::default();
    for entry in settings.references.iter().filter(|e| !e.connection_id.is_empty()) {
        plan.bindings.push((entry.logical_name.clone(), ConnectionId::new(&entry.connection_id)));
    }
    for entry in settings.variables.iter().filter(|e| !e.value.is_empty()) {
        plan.values.push((entry.schema_name.clone(), entry.value.clone()));
    }
    let bound: HashSet<_> = plan.bindings.iter().map(|(name, _)| name).collect();
    plan.unbound = package
        .references
        .iter()
        .map(|r| &r.logical_name)
        .filter(|name| !bound.contains(name))
        .cloned()
        .collect();
    Ok(plan)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::package::PackageReference;

    fn package() -> Package {
        let reference = |name: &str, api: &str| PackageReference {
            logical_name: name.into(),
            display_name: name.to_owned(),
            description: None,
            api_name: api.into(),
            custom_connector_id: None,
            customizable: true,
            prompting_behavior: None,
        };
        Package {
            references: vec![
                reference("new_a", "shared_a"),
                reference("new_b", "shared_new-5fb-5f6a4f91c8025d1333"),
            ],
            ..Package::default()
        }
    }

    fn entry(name: &str, id: &str, api: &str) -> SettingsReference {
        let api_name = Some(ApiName::new(api));
        SettingsReference {
            logical_name: name.into(),
            connection_id: id.into(),
            api_name,
            owner: None,
        }
    }

    fn issues(references: Vec<SettingsReference>) -> Vec<SettingsIssue> {
        let settings = DeploymentSettings { references, variables: Vec::new() };
        settings_check(&settings, &package()).into_iter().map(|f| f.issue).collect()
    }

    const ID: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn good_settings_have_no_findings() {
        let good = vec![
            entry("NEW_A", ID, "shared_a"),
            entry(
                "new_b",
                "shared-b-e1b700cb-e0cc-4f18-9c2f-0123456789ab",
                "shared_new-5fb-5f9fd17285088bf5cb",
            ),
        ];
        assert_eq!(issues(good.clone()), []);
        let settings = DeploymentSettings { references: good, variables: Vec::new() };
        let plan = settings_apply(&settings, &package()).unwrap();
        assert_eq!(plan.bindings.len(), 2);
        assert_eq!(plan.unbound, []);
    }

    #[test]
    fn each_fault_has_its_issue() {
        use SettingsIssue::*;
        let b = || entry("new_b", ID, "shared_new-5fb-5f6a4f91c8025d1333");
        for (faulty, issue) in [
            (entry("new_a", &format!("shared_a/{ID}"), "shared_a"), ConnectionPath),
            (entry("new_a", "someone@contoso.com", "shared_a"), ConnectionShape),
            (entry("new_a", "#{a}#", "shared_a"), Token),
            (entry("new_a", "", "shared_a"), Empty),
            (entry("new_a", ID, "shared_c"), ConnectorMismatch),
        ] {
            assert_eq!(issues(vec![faulty, b()]), [issue]);
        }
        assert_eq!(
            issues(vec![entry("new_c", ID, "shared_c"), b()]),
            [UnknownReference, MissingReference]
        );
        assert_eq!(issues(vec![b(), entry("new_a", ID, "shared_a"), b()]), [Duplicate]);
    }

    #[test]
    fn the_fix_of_a_path_names_the_id() {
        let settings = DeploymentSettings {
            references: vec![entry("new_a", &format!("shared_a/{ID}"), "shared_a")],
            variables: Vec::new(),
        };
        let errors = settings_apply(&settings, &package()).unwrap_err();
        assert!(errors[0].fix.contains(&format!("`{ID}`")), "{errors:?}");
    }

    #[test]
    fn created_settings_fit_their_package() {
        let made = settings_create(&package());
        let found = settings_check(&made, &package());
        assert!(found.iter().all(|f| f.issue == SettingsIssue::Empty), "{found:?}");
        let plan = settings_apply(&made, &package()).unwrap();
        assert_eq!(plan.unbound.len(), 2);
    }
}
