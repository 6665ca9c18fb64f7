//! The facts as they will be after the import: what activation is judged against.
use std::collections::{HashMap, HashSet};

use connref_solution::model::change_set::{
    ConnectorChange, Fate, FlowChange, ReferenceChange, Removal, SolutionChange, VariableChange,
};
use connref_solution::model::facts::{
    Capability, ConnectorFacts, FlowFacts, FlowState, ReferenceFacts, SolutionFacts, VariableFacts,
};
use connref_solution::model::package::{FlowBody, Managed, Workflow};
use connref_solution::model::{
    ComponentKind, ConnectorId, Facts, FlowId, LogicalName, PrincipalId, ReferenceId, SolutionId,
    VariableId,
};

use super::Import;
use super::connectors::bare_api_name;
use super::removals::Key;
use crate::index::Index;

/// The facts with the package's new connectors.
pub(super) fn with_connectors(facts: &Facts, changes: &[ConnectorChange]) -> Facts {
    let mut future = facts.clone();
    for change in changes.iter().filter(|c| c.existing.is_none()) {
        let connector = &change.connector;
        let logical_name = connector.logical_name();
        future.connectors.push(ConnectorFacts {
            id: ConnectorId::new(&format!("new:{}", logical_name.key())),
            api_name: bare_api_name(connector),
            display_name: connector.display_name.clone(),
            logical_name: Some(logical_name),
            custom: true,
            service_principal: Capability::Unknown,
        });
    }
    future
}

/// The facts with the package's solution, references, variables and flows. Flows keep their state;
/// new ones are off until they are judged.
pub(super) fn with_rows(
    base: &Facts,
    import: &Import<'_>,
    solution: &SolutionChange,
    references: &[ReferenceChange],
    variables: &[VariableChange],
    hidden: &HashSet<FlowId>,
) -> Facts {
    let mut future = base.clone();
    let manifest = &solution.manifest;
    let solution = solution_row(&mut future, solution);
    let managed = manifest.managed == Managed::Managed;
    let mut rows = Rows::of(&future);
    for change in references {
        reference_row(&mut future, &rows, change, import.caller, managed, &solution);
    }
    for change in variables {
        variable_row(&mut future, &rows, change, managed);
    }
    for workflow in import.package.workflows.iter().filter(|w| w.is_cloud_flow()) {
        let body = (!hidden.contains(&workflow.id))
            .then(|| import.bodies.get(&workflow.id).cloned().unwrap_or_default());
        let at = rows.flows.get(&workflow.id).copied();
        flow_row(&mut future, at, workflow, body, import.caller, managed, &solution);
        if at.is_none() {
            rows.flows.insert(workflow.id.clone(), future.flows.len() - 1);
        }
    }
    future
}

/// Places of rows in the facts.
struct Rows {
    references: HashMap<ReferenceId, usize>,
    variables: HashMap<VariableId, usize>,
    flows: HashMap<FlowId, usize>,
}

impl Rows {
    fn of(facts: &Facts) -> Self {
        let places = facts.references.iter().enumerate();
        let variables = facts.variables.iter().enumerate();
        let flows = facts.flows.iter().enumerate();
        Self {
            references: places.map(|(at, row)| (row.id.clone(), at)).collect(),
            variables: variables.map(|(at, row)| (row.id.clone(), at)).collect(),
            flows: flows.map(|(at, row)| (row.id.clone(), at)).collect(),
        }
    }
}

fn solution_row(future: &mut Facts, change: &SolutionChange) -> SolutionId {
    let manifest = &change.manifest;
    let found = future
        .solutions
        .iter_mut()
        .find(|s| s.unique_name.eq_ignore_ascii_case(&manifest.unique_name));
    if let Some(row) = found {
        row.version.clone_from(&manifest.version);
        row.managed = manifest.managed == Managed::Managed;
        return row.id.clone();
    }
    let id = SolutionId::new(&format!("new:{}", manifest.unique_name));
    future.solutions.push(SolutionFacts {
        id: id.clone(),
        unique_name: manifest.unique_name.clone(),
        version: manifest.version.clone(),
        managed: manifest.managed == Managed::Managed,
        publisher: manifest.publisher.clone(),
        upgrade_of: change.upgrade_of.clone(),
        components: Vec::new(),
    });
    id
}

fn reference_row(
    future: &mut Facts,
    rows: &Rows,
    change: &ReferenceChange,
    caller: &PrincipalId,
    managed: bool,
    solution: &SolutionId,
) {
    let reference = &change.reference;
    let at = change.existing.as_ref().and_then(|id| rows.references.get(id).copied());
    if let Some(row) = at.and_then(|at| future.references.get_mut(at)) {
        row.managed |= managed;
        if !change.hidden {
            row.display_name.clone_from(&reference.display_name);
            row.description.clone_from(&reference.description);
        }
        if let Some(connection) = &change.bind {
            row.connection = Some(connection.clone());
            row.binding_version += 1;
        }
        add(&mut row.solutions, solution);
        return;
    }
    future.references.push(ReferenceFacts {
        id: ReferenceId::new(&format!("new:{}", reference.logical_name.key())),
        logical_name: reference.logical_name.clone(),
        display_name: reference.display_name.clone(),
        description: reference.description.clone(),
        api_name: reference.api_name.clone(),
        connection: change.bind.clone(),
        binding_version: i64::from(change.bind.is_some()),
        bound_by: None,
        bound_at: None,
        owner: caller.clone(),
        managed,
        solutions: vec![solution.clone()],
    });
}

fn variable_row(future: &mut Facts, rows: &Rows, change: &VariableChange, managed: bool) {
    let variable = &change.variable;
    let base = || variable.value.clone().filter(|_| managed);
    let at = change.existing.as_ref().and_then(|id| rows.variables.get(id).copied());
    if let Some(row) = at.and_then(|at| future.variables.get_mut(at)) {
        row.managed |= managed;
        if !change.hidden {
            row.default_value.clone_from(&variable.default_value);
        }
        row.value = change.value.clone().or_else(|| row.value.clone()).or_else(base);
        return;
    }
    future.variables.push(VariableFacts {
        id: VariableId::new(&format!("new:{}", variable.schema_name.key())),
        schema_name: variable.schema_name.clone(),
        display_name: variable.display_name.clone(),
        kind: variable.kind,
        default_value: variable.default_value.clone(),
        value: change.value.clone().or_else(base),
        required: variable.required,
        managed,
    });
}

fn flow_row(
    future: &mut Facts,
    at: Option<usize>,
    workflow: &Workflow,
    body: Option<FlowBody>,
    caller: &PrincipalId,
    managed: bool,
    solution: &SolutionId,
) {
    let hidden = body.is_none();
    let body = body.unwrap_or_default();
    let variables: Vec<LogicalName> = body.variables.into_iter().map(|v| v.schema_name).collect();
    if let Some(row) = at.and_then(|at| future.flows.get_mut(at)) {
        row.managed |= managed;
        add(&mut row.solutions, solution);
        if hidden {
            return;
        }
        row.name.clone_from(&workflow.name);
        row.references = body.references;
        row.children = body.children;
        row.variables = variables;
        row.trigger = body.trigger;
        row.schedule = body.schedule;
        row.operations = body.operations;
        return;
    }
    future.flows.push(FlowFacts {
        id: workflow.id.clone(),
        name: workflow.name.clone(),
        state: FlowState::Off,
        wanted_on: workflow.state_code == 1,
        owner: caller.clone(),
        activated_by: None,
        references: body.references,
        children: body.children,
        variables,
        trigger: body.trigger,
        schedule: body.schedule,
        operations: body.operations,
        why_off: None,
        managed,
        solutions: vec![solution.clone()],
        recent_runs: 0,
        last_run_at: None,
        acted: Vec::new(),
        uses: Vec::new(),
        co_owners: Vec::new(),
        run_only: Vec::new(),
    });
}

/// What the package's solution is made of: the rows it has in the future.
pub(super) fn components_of(future: &Facts, import: &Import<'_>) -> HashSet<Key> {
    let package = import.package;
    let index = Index::new(future);
    let references = package.references.iter().filter_map(|r| index.reference(&r.logical_name));
    let variables = package.variables.iter().filter_map(|v| index.variable(&v.schema_name));
    let connectors = package.connectors.iter().filter_map(|c| super::connectors::find(&index, c));
    let flows = package.workflows.iter().map(|w| (ComponentKind::Flow, w.id.to_string()));
    references
        .map(|r| (ComponentKind::Reference, r.id.to_string()))
        .chain(variables.map(|v| (ComponentKind::Variable, v.id.to_string())))
        .chain(connectors.map(|c| (ComponentKind::Connector, c.id.to_string())))
        .chain(flows)
        .collect()
}

/// Takes out what leaves a solution.
pub(super) fn remove(future: &mut Facts, solution: &SolutionId, removals: &[Removal]) {
    let deleted: HashSet<(ComponentKind, &str)> =
        removals.iter().filter(|r| r.fate == Fate::Deleted).map(|r| r.component.key()).collect();
    let left: HashSet<(ComponentKind, &str)> = removals.iter().map(|r| r.component.key()).collect();
    let gone = |kind: ComponentKind, id: &str| deleted.contains(&(kind, id));
    future.flows.retain(|f| !gone(ComponentKind::Flow, f.id.as_str()));
    future.references.retain(|r| !gone(ComponentKind::Reference, r.id.as_str()));
    future.variables.retain(|v| !gone(ComponentKind::Variable, v.id.as_str()));
    future.connectors.retain(|c| !gone(ComponentKind::Connector, c.id.as_str()));
    future.layers.retain(|l| !deleted.contains(&l.component.key()));
    for flow in &mut future.flows {
        if left.contains(&(ComponentKind::Flow, flow.id.as_str())) {
            flow.solutions.retain(|s| s != solution);
        }
    }
    for reference in &mut future.references {
        if left.contains(&(ComponentKind::Reference, reference.id.as_str())) {
            reference.solutions.retain(|s| s != solution);
        }
    }
    for row in future.solutions.iter_mut().filter(|s| s.id == *solution) {
        row.components.retain(|c| !left.contains(&c.key()));
    }
}

fn add(solutions: &mut Vec<SolutionId>, solution: &SolutionId) {
    if !solutions.contains(solution) {
        solutions.push(solution.clone());
    }
}

/// Suspends in the future what breaks a policy there.
pub(super) fn suspend(future: &mut Facts, suspensions: &[(FlowId, String)]) {
    for (id, why) in suspensions {
        for flow in future.flows.iter_mut().filter(|f| &f.id == id) {
            flow.state = FlowState::Suspended;
            flow.why_off = Some(why.clone());
        }
    }
}

/// Turns on in the future what the import turns on.
pub(super) fn flows_turned_on(future: &mut Facts, changes: &[FlowChange], caller: &PrincipalId) {
    let on: std::collections::HashSet<_> =
        changes.iter().filter(|c| c.existing.is_none() && c.on).map(|c| &c.workflow.id).collect();
    for flow in future.flows.iter_mut().filter(|f| on.contains(&f.id)) {
        flow.state = FlowState::On;
        flow.activated_by = Some(caller.clone());
    }
}
