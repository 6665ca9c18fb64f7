//! The facts as they will be after the import: what activation is judged against.
use connref_solution::model::change_set::{
    ConnectorChange, FlowChange, ReferenceChange, VariableChange,
};
use connref_solution::model::facts::{
    Capability, ConnectorFacts, FlowFacts, FlowState, ReferenceFacts, SolutionFacts, VariableFacts,
};
use connref_solution::model::package::{FlowBody, Managed, Manifest, Workflow};
use connref_solution::model::{
    ConnectorId, Facts, LogicalName, PrincipalId, ReferenceId, SolutionId, VariableId,
};

use super::Import;
use super::connectors::bare_api_name;

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
    manifest: &Manifest,
    references: &[ReferenceChange],
    variables: &[VariableChange],
) -> Facts {
    let mut future = base.clone();
    let solution = solution_row(&mut future, manifest);
    let managed = manifest.managed == Managed::Managed;
    for change in references {
        reference_row(&mut future, change, import.caller, managed, &solution);
    }
    for change in variables {
        variable_row(&mut future, change, managed);
    }
    for workflow in import.package.workflows.iter().filter(|w| w.is_cloud_flow()) {
        let body = import.bodies.get(&workflow.id).cloned().unwrap_or_default();
        flow_row(&mut future, workflow, body, import.caller, managed, &solution);
    }
    future
}

fn solution_row(future: &mut Facts, manifest: &Manifest) -> SolutionId {
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
    });
    id
}

fn reference_row(
    future: &mut Facts,
    change: &ReferenceChange,
    caller: &PrincipalId,
    managed: bool,
    solution: &SolutionId,
) {
    let reference = &change.reference;
    let found =
        change.existing.as_ref().and_then(|id| future.references.iter_mut().find(|r| &r.id == id));
    if let Some(row) = found {
        row.display_name.clone_from(&reference.display_name);
        row.description.clone_from(&reference.description);
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

fn variable_row(future: &mut Facts, change: &VariableChange, managed: bool) {
    let variable = &change.variable;
    let base = || variable.value.clone().filter(|_| managed);
    let found =
        change.existing.as_ref().and_then(|id| future.variables.iter_mut().find(|v| &v.id == id));
    if let Some(row) = found {
        row.default_value.clone_from(&variable.default_value);
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
    workflow: &Workflow,
    body: FlowBody,
    caller: &PrincipalId,
    managed: bool,
    solution: &SolutionId,
) {
    let variables: Vec<LogicalName> = body.variables.into_iter().map(|v| v.schema_name).collect();
    if let Some(row) = future.flows.iter_mut().find(|f| f.id == workflow.id) {
        row.name.clone_from(&workflow.name);
        row.references = body.references;
        row.children = body.children;
        row.variables = variables;
        row.trigger = body.trigger;
        row.schedule = body.schedule;
        row.operations = body.operations;
        add(&mut row.solutions, solution);
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

fn add(solutions: &mut Vec<SolutionId>, solution: &SolutionId) {
    if !solutions.contains(solution) {
        solutions.push(solution.clone());
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
