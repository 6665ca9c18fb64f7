//! Policy files: the JSON of the vendor's data policies, alone or in a list, and beside them our
//! `bindingRules`. Wire names: `Confidential` is Business, `General` is Non-business.
use std::collections::BTreeMap;

use connref_solution::document::json::{JsonDocument, JsonError};
use connref_solution::model::facts::EnvironmentKind;
use connref_solution::model::{ApiName, EnvironmentId};
use serde_json::Value;

use super::data::connector_key;
use super::{
    ActionRules, Behaviour, BindingRule, DataPolicy, EndpointRule, Group, NamedRule, Policies,
    Scope, UrlRule,
};

/// Why a policy file could not be read. A policy that is read by halves would let pass what it
/// forbids, so every odd value is an error.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// Not JSON.
    #[error("cannot read the policy file")]
    Json {
        /// Cause.
        #[from]
        source: JsonError,
    },
    /// Neither policies nor rules in it.
    #[error("the policy file holds neither data policies nor `bindingRules`")]
    Empty,
    /// A value that does not belong there.
    #[error("wrong value in the policy file at `{pointer}`: expected {expected}")]
    Shape {
        /// JSON pointer.
        pointer: String,
        /// What belongs there.
        expected: &'static str,
    },
}

/// Reads a policy file: one policy, a list of policies, `{"value": […]}` or
/// `{"policies": […], "bindingRules": […]}`.
///
/// # Errors
/// Text that is no JSON, holds nothing, or holds a value that does not belong there.
pub fn policies_read(bytes: &[u8]) -> Result<Policies, PolicyError> {
    let document = JsonDocument::parse(bytes)?;
    let root = At { value: document.value(), pointer: String::new() };
    let mut policies = Policies::default();
    let list = root.get("policies").or_else(|| root.get("value"));
    let rules = root.get("bindingRules");
    match (&list, &rules) {
        (Some(list), _) => policies.data = each(list, policy)?,
        (None, _) if root.value.is_array() => policies.data = each(&root, policy)?,
        (None, None) => policies.data = vec![policy(&root)?],
        (None, Some(_)) => {}
    }
    if let Some(rules) = &rules {
        policies.rules = each(rules, rule)?;
    }
    if policies.data.is_empty() && policies.rules.is_empty() {
        return Err(PolicyError::Empty);
    }
    Ok(policies)
}

/// A value and its pointer.
struct At<'a> {
    value: &'a Value,
    pointer: String,
}

impl<'a> At<'a> {
    /// A member, looked up without regard to case; null is none.
    fn get(&self, name: &str) -> Option<Self> {
        let (key, value) =
            self.value.as_object()?.iter().find(|(k, _)| k.eq_ignore_ascii_case(name))?;
        (!value.is_null()).then(|| Self { value, pointer: format!("{}/{key}", self.pointer) })
    }

    fn wrong(&self, expected: &'static str) -> PolicyError {
        PolicyError::Shape { pointer: self.pointer.clone(), expected }
    }

    fn text(&self) -> Result<&'a str, PolicyError> {
        self.value.as_str().ok_or_else(|| self.wrong("a text"))
    }

    fn need(&self, name: &str, expected: &'static str) -> Result<&'a str, PolicyError> {
        self.get(name).ok_or_else(|| self.wrong(expected))?.text()
    }
}

fn each<T>(
    list: &At<'_>,
    read: impl Fn(&At<'_>) -> Result<T, PolicyError>,
) -> Result<Vec<T>, PolicyError> {
    let items = list.value.as_array().ok_or_else(|| list.wrong("a list"))?;
    let at = |i: usize, value| At { value, pointer: format!("{}/{i}", list.pointer) };
    items.iter().enumerate().map(|(i, value)| read(&at(i, value))).collect()
}

fn policy(at: &At<'_>) -> Result<DataPolicy, PolicyError> {
    // The vendor's list endpoint wraps the definition; its connector configurations lie beside it.
    let inner = at.get("policyDefinition");
    let definition = inner.as_ref().unwrap_or(at);
    let groups = definition
        .get("connectorGroups")
        .ok_or_else(|| definition.wrong("a data policy with `connectorGroups`"))?;
    let mut policy = DataPolicy {
        name: ["displayName", "name"]
            .iter()
            .find_map(|n| definition.get(n)?.value.as_str().map(str::to_owned))
            .unwrap_or_else(|| "unnamed".to_owned()),
        scope: scope(definition)?,
        ..DataPolicy::default()
    };
    if let Some(default) = definition.get("defaultConnectorsClassification") {
        policy.default_group = group(&default)?;
    }
    for (class, names) in each(&groups, connector_group)? {
        policy.groups.extend(names.into_iter().map(|name| (name, class)));
    }
    let beside = |name: &str| at.get(name).or_else(|| definition.get(name));
    if let Some(configurations) = beside("connectorConfigurationsDefinition") {
        configurations_read(&configurations, &mut policy)?;
    }
    if let Some(rules) = beside("customConnectorUrlPatternsDefinition").and_then(|d| d.get("rules"))
    {
        policy.urls = ordered(&rules, |rule| {
            let pattern = rule.need("pattern", "a rule with `pattern`")?.to_owned();
            let class = rule.get("customConnectorRuleClassification");
            let class = class.ok_or_else(|| rule.wrong("a rule with a classification"))?;
            let ignore = class.text()?.eq_ignore_ascii_case("Ignore");
            Ok(UrlRule { pattern, group: if ignore { None } else { Some(group(&class)?) } })
        })?;
    }
    Ok(policy)
}

fn connector_group(at: &At<'_>) -> Result<(Group, Vec<String>), PolicyError> {
    let class =
        at.get("classification").ok_or_else(|| at.wrong("a group with `classification`"))?;
    let names = match at.get("connectors") {
        Some(list) => each(&list, connector)?,
        None => Vec::new(),
    };
    Ok((group(&class)?, names))
}

/// A connector as `{"id": "/providers/…/shared_x"}` or as its plain id.
fn connector(at: &At<'_>) -> Result<String, PolicyError> {
    let id = match at.value.as_str() {
        Some(id) => id,
        None => at.need("id", "a connector with `id`")?,
    };
    Ok(connector_key(&ApiName::from_connector_id(id)))
}

fn group(at: &At<'_>) -> Result<Group, PolicyError> {
    match at.text()?.to_ascii_lowercase().as_str() {
        "confidential" | "business" => Ok(Group::Business),
        "general" | "nonbusiness" | "non-business" => Ok(Group::NonBusiness),
        "blocked" => Ok(Group::Blocked),
        _ => Err(at.wrong("`Confidential`, `General` or `Blocked`")),
    }
}

fn behaviour(at: &At<'_>) -> Result<Behaviour, PolicyError> {
    match at.text()?.to_ascii_lowercase().as_str() {
        "allow" => Ok(Behaviour::Allow),
        "block" | "deny" => Ok(Behaviour::Block),
        _ => Err(at.wrong("`Allow` or `Deny`")),
    }
}

fn scope(at: &At<'_>) -> Result<Scope, PolicyError> {
    let Some(kind) = at.get("environmentType") else { return Ok(Scope::Tenant) };
    let environments = || match at.get("environments") {
        Some(list) => each(&list, |one| {
            let name = one.value.as_str().or_else(|| {
                one.get("name").or_else(|| one.get("id")).and_then(|n| n.value.as_str())
            });
            let name = name.ok_or_else(|| one.wrong("an environment with `name`"))?;
            Ok(EnvironmentId::new(name.rsplit('/').next().unwrap_or(name)))
        }),
        None => Ok(Vec::new()),
    };
    match kind.text()?.to_ascii_lowercase().as_str() {
        "allenvironments" => Ok(Scope::Tenant),
        "onlyenvironments" | "singleenvironment" => Ok(Scope::Only(environments()?)),
        "exceptenvironments" => Ok(Scope::Except(environments()?)),
        _ => Err(kind.wrong("`AllEnvironments`, `OnlyEnvironments` or `ExceptEnvironments`")),
    }
}

/// A list of rules, sorted by their `order` where they have one.
fn ordered<T>(
    list: &At<'_>,
    read: impl Fn(&At<'_>) -> Result<T, PolicyError>,
) -> Result<Vec<T>, PolicyError> {
    let mut rules = each(list, |at| {
        let order = at.get("order").and_then(|o| o.value.as_i64()).unwrap_or(i64::MAX);
        Ok((order, read(at)?))
    })?;
    rules.sort_by_key(|(order, _)| *order);
    Ok(rules.into_iter().map(|(_, rule)| rule).collect())
}

fn configurations_read(at: &At<'_>, policy: &mut DataPolicy) -> Result<(), PolicyError> {
    let name = |one: &At<'_>| -> Result<String, PolicyError> {
        let id = one.need("connectorId", "a configuration with `connectorId`")?;
        Ok(connector_key(&ApiName::from_connector_id(id)))
    };
    if let Some(list) = at.get("connectorActionConfigurations") {
        let read = each(&list, |one| {
            let mut rules = ActionRules::default();
            if let Some(default) = one.get("defaultConnectorActionRuleBehavior") {
                rules.default = behaviour(&default)?;
            }
            if let Some(list) = one.get("actionRules") {
                rules.rules = each(&list, |rule| {
                    let id = rule.need("actionId", "a rule with `actionId`")?.to_owned();
                    let what = rule.get("behavior");
                    let what = what.ok_or_else(|| rule.wrong("a rule with `behavior`"))?;
                    Ok((id, behaviour(&what)?))
                })?;
            }
            Ok((name(one)?, rules))
        })?;
        policy.actions = read.into_iter().collect::<BTreeMap<_, _>>();
    }
    if let Some(list) = at.get("endpointConfigurations") {
        let read = each(&list, |one| {
            let rules = match one.get("endpointRules") {
                Some(list) => ordered(&list, |rule| {
                    let pattern = rule.need("endpoint", "a rule with `endpoint`")?.to_owned();
                    let what = rule.get("behavior");
                    let what = what.ok_or_else(|| rule.wrong("a rule with `behavior`"))?;
                    Ok(EndpointRule { pattern, behaviour: behaviour(&what)? })
                })?,
                None => Vec::new(),
            };
            Ok((name(one)?, rules))
        })?;
        policy.endpoints = read.into_iter().collect();
    }
    Ok(())
}

fn rule(at: &At<'_>) -> Result<NamedRule, PolicyError> {
    let texts = |name: &str| match at.get(name) {
        Some(list) => each(&list, |one| one.text().map(str::to_owned)),
        None => Ok(Vec::new()),
    };
    let kind = at.get("rule").ok_or_else(|| at.wrong("a binding rule with `rule`"))?;
    let connector = || at.need("connector", "a rule with `connector`").map(str::to_owned);
    let rule = match kind.text()? {
        "noUserConnection" => BindingRule::NoUserConnection { except: texts("except")? },
        "binderIsNotOwner" => BindingRule::BinderIsNotOwner,
        "onlyThrough" => BindingRule::OnlyThrough {
            connector: connector()?,
            principal: at.need("principal", "a rule with `principal`")?.to_owned(),
        },
        "targetIn" => BindingRule::TargetIn { connector: connector()?, targets: texts("targets")? },
        _ => {
            return Err(
                kind.wrong("`noUserConnection`, `binderIsNotOwner`, `onlyThrough` or `targetIn`")
            );
        }
    };
    let kinds = match at.get("environments") {
        Some(list) => each(&list, |one| match one.text()?.to_ascii_lowercase().as_str() {
            "developer" => Ok(EnvironmentKind::Developer),
            "test" => Ok(EnvironmentKind::Test),
            "production" => Ok(EnvironmentKind::Production),
            _ => Err(one.wrong("`developer`, `test` or `production`")),
        })?,
        None => Vec::new(),
    };
    let name = match at.get("name") {
        Some(name) => name.text()?,
        None => kind.text()?,
    };
    Ok(NamedRule { name: name.to_owned(), kinds, rule })
}
