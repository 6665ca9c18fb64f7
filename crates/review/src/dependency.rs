//! What stands on what: components of an environment that need one another.
use std::collections::HashSet;

use connref_solution::model::facts::SolutionFacts;
use connref_solution::model::{Component, ComponentKind, Facts};

/// One component needs another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependency {
    /// What needs.
    pub dependent: Component,
    /// What is needed.
    pub required: Component,
}

/// Every dependency of an environment: flows need references, variables, child flows and custom
/// connectors they name themselves; references need their custom connector. Each once.
pub fn dependencies(facts: &Facts) -> Vec<Dependency> {
    let component = |kind, id: &str, name: &str| Component {
        kind,
        id: id.to_lowercase().into(),
        name: name.to_owned(),
    };
    let custom = |api: &connref_solution::model::ApiName| {
        let found = facts.connectors.iter().find(|c| c.custom && &c.api_name == api)?;
        Some(component(ComponentKind::Connector, found.id.as_str(), &found.display_name))
    };
    let mut all = Vec::new();
    for reference in &facts.references {
        let name = reference.logical_name.as_str();
        let dependent = component(ComponentKind::Reference, reference.id.as_str(), name);
        if let Some(required) = custom(&reference.api_name) {
            all.push(Dependency { dependent, required });
        }
    }
    for flow in &facts.flows {
        let dependent = component(ComponentKind::Flow, flow.id.as_str(), &flow.name);
        let entries = flow.references.iter().filter_map(|entry| match &entry.logical_name {
            Some(name) => facts.reference(name).map(|reference| {
                let name = reference.logical_name.as_str();
                component(ComponentKind::Reference, reference.id.as_str(), name)
            }),
            None => custom(&entry.api_name),
        });
        let variables = flow.variables.iter().filter_map(|name| {
            let found = facts.variables.iter().find(|v| &v.schema_name == name)?;
            let name = found.schema_name.as_str();
            Some(component(ComponentKind::Variable, found.id.as_str(), name))
        });
        let children = flow.children.iter().filter_map(|id| {
            let child = facts.flow(id)?;
            Some(component(ComponentKind::Flow, child.id.as_str(), &child.name))
        });
        let required = entries.chain(variables).chain(children);
        all.extend(required.map(|required| Dependency { dependent: dependent.clone(), required }));
    }
    let mut seen = HashSet::new();
    all.retain(|one| {
        let key = |c: &Component| (c.kind, c.id.to_string());
        seen.insert((key(&one.dependent), key(&one.required)))
    });
    all
}

/// What the components of a solution need that is not in it.
pub fn missing_dependencies(facts: &Facts, solution: &SolutionFacts) -> Vec<Dependency> {
    let own: HashSet<_> = solution.components.iter().map(Component::key).collect();
    let mut all = dependencies(facts);
    all.retain(|one| own.contains(&one.dependent.key()) && !own.contains(&one.required.key()));
    all
}
