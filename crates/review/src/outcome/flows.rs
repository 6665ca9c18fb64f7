//! Workflows of a package: which are on after the import, and why the others are not.
use std::collections::{HashMap, HashSet, VecDeque};

use connref_solution::model::change_set::FlowChange;
use connref_solution::model::facts::{FlowFacts, FlowState};
use connref_solution::model::package::Workflow;
use connref_solution::model::{ComponentKind, Facts, FlowId, layer_digest};

use super::forecast::{FlowForecast, refusals};
use super::layers::{Known, Target};
use super::report::Word;
use super::{Draft, Import, ReportLine};
use crate::activation::{Activation, flow_activation_in};
use crate::catalogue::code;
use crate::finding::{Finding, Severity, Subject, SubjectKind};
use crate::fix;
use crate::index::Index;

/// The flows of the package whose definition a layer above hides.
pub(super) fn hidden(
    before: &Index<'_>,
    import: &Import<'_>,
    target: &Target<'_>,
    draft: &mut Draft,
) -> HashSet<FlowId> {
    let mut hidden = HashSet::new();
    for workflow in &import.package.workflows {
        let Some(flow) = before.flow(&workflow.id) else { continue };
        let body = workflow.client_data.as_deref();
        let digest = layer_digest(&workflow.name, workflow.description.as_deref(), body);
        let known = Known {
            kind: ComponentKind::Flow,
            id: flow.id.as_str(),
            managed: flow.managed,
            digest: &digest,
        };
        if target.hides(&known, &Subject::flow(flow), draft) {
            hidden.insert(workflow.id.clone());
        }
    }
    hidden
}

/// The changes of the package's workflows, judged against the facts as they will be.
pub(super) fn changes(
    before: &Index<'_>,
    import: &Import<'_>,
    future: &Facts,
    hidden: &HashSet<FlowId>,
    draft: &mut Draft,
) -> Vec<FlowChange> {
    let mut index = Index::new(future);
    let candidates: Vec<&Workflow> = import
        .package
        .workflows
        .iter()
        .filter(|w| w.is_cloud_flow() && before.flow(&w.id).is_none() && w.state_code == 1)
        .filter(|w| import.options.publish_workflows && import.bodies.contains_key(&w.id))
        .collect();
    let (order, circular) = child_first(&index, &candidates);
    let mut judged: HashMap<FlowId, (Activation, Option<usize>)> = HashMap::new();
    let mut turned_on = 0;
    for id in order {
        let mut place = None;
        let mut activation = flow_activation_in(&index, &id, import.caller);
        if activation.allowed() {
            index.turn_on(&id);
            turned_on += 1;
            place = Some(turned_on);
        } else if circular.contains(&id) {
            circle_hint(&mut activation);
        }
        judged.insert(id, (activation, place));
    }
    import
        .package
        .workflows
        .iter()
        .map(|workflow| {
            let judged = judged.remove(&workflow.id);
            FlowChange {
                hidden: hidden.contains(&workflow.id),
                ..change(before, &index, import, workflow, judged, draft)
            }
        })
        .collect()
}

/// The candidates, called ones before callers. What lies on a circle of calls, or calls into one,
/// comes last and is named: no order satisfies it.
fn child_first(index: &Index<'_>, candidates: &[&Workflow]) -> (Vec<FlowId>, HashSet<FlowId>) {
    let mut waiting: HashMap<&FlowId, usize> = candidates.iter().map(|w| (&w.id, 0)).collect();
    let mut callers: HashMap<&FlowId, Vec<&FlowId>> = HashMap::new();
    for workflow in candidates {
        let Some(flow) = index.flow(&workflow.id) else { continue };
        for child in flow.children.iter().filter(|c| **c != workflow.id && waiting.contains_key(c))
        {
            callers.entry(child).or_default().push(&workflow.id);
        }
    }
    for caller in callers.values().flatten() {
        *waiting.entry(caller).or_default() += 1;
    }
    let mut ready: VecDeque<&FlowId> =
        candidates.iter().map(|w| &w.id).filter(|id| waiting[id] == 0).collect();
    let mut order: Vec<FlowId> = Vec::with_capacity(candidates.len());
    while let Some(id) = ready.pop_front() {
        order.push(id.clone());
        for caller in callers.get(id).into_iter().flatten() {
            let left = waiting.entry(caller).or_default();
            *left -= 1;
            if *left == 0 {
                ready.push_back(caller);
            }
        }
    }
    let stuck = || candidates.iter().map(|w| w.id.clone()).filter(|id| waiting[id] > 0);
    order.extend(stuck());
    (order, stuck().collect())
}

fn circle_hint(activation: &mut Activation) {
    for refusal in &mut activation.refusals {
        if refusal.code == code::CHILD_FLOW_NEVER_PUBLISHED {
            refusal.fix = Some(
                "the calls lead into a circle: break it, then turn on the called flows first"
                    .into(),
            );
        }
    }
}

fn change(
    before: &Index<'_>,
    index: &Index<'_>,
    import: &Import<'_>,
    workflow: &Workflow,
    judged: Option<(Activation, Option<usize>)>,
    draft: &mut Draft,
) -> FlowChange {
    let mut change = FlowChange {
        existing: None,
        workflow: workflow.clone(),
        body: import.bodies.get(&workflow.id).cloned(),
        hidden: false,
        on: workflow.state_code == 1,
        wanted_on: workflow.state_code == 1,
        why_off: None,
    };
    let subject = Subject::new(SubjectKind::Flow, &workflow.id, &workflow.name);
    if !workflow.is_cloud_flow() {
        draft.report.push(ReportLine::new(subject, Word::Carried));
        return change;
    }
    if let Some(existing) = before.flow(&workflow.id) {
        existing_flow(index, import, existing, &mut change, draft);
        return change;
    }
    let mut forecast = FlowForecast {
        flow: workflow.id.clone(),
        name: workflow.name.clone(),
        existing: false,
        state: FlowState::Off,
        wanted_on: workflow.state_code == 1,
        refusals: Vec::new(),
        note: None,
        order: None,
    };
    if workflow.state_code != 1 {
        draft.report.push(ReportLine::new(subject, Word::Off).detail("as exported"));
        forecast.refusals = flow_activation_in(index, &workflow.id, import.caller).refusals;
        forecast.note = Some("as exported".to_owned());
        draft.forecasts.push(forecast);
        return change;
    }
    let reason = match judged {
        None if import.options.publish_workflows => Some("its body could not be read".to_owned()),
        None => Some("PublishWorkflows is false".to_owned()),
        Some((activation, order)) => {
            let why = activation.why();
            draft.warnings.extend(activation.warnings);
            forecast.order = order;
            forecast.refusals = activation.refusals;
            why
        }
    };
    change.on = reason.is_none();
    if change.on {
        forecast.state = FlowState::On;
    } else if forecast.refusals.is_empty() {
        forecast.note.clone_from(&reason);
    }
    draft.forecasts.push(forecast);
    let line = match &reason {
        None => ReportLine::new(subject, Word::TurnedOn),
        Some(why) => ReportLine::new(subject, Word::StaysOff).detail(why),
    };
    draft.report.push(line);
    change.why_off = reason;
    change
}

/// An existing flow keeps its state; one that is on and could not be turned on now is told of.
fn existing_flow(
    index: &Index<'_>,
    import: &Import<'_>,
    existing: &FlowFacts,
    change: &mut FlowChange,
    draft: &mut Draft,
) {
    // What breaks a policy with what comes is suspended; everything else keeps its state.
    let next = index.flow(&existing.id).unwrap_or(existing);
    let state = if existing.state == FlowState::On { next.state } else { existing.state };
    change.existing = Some(existing.id.clone());
    change.on = state == FlowState::On;
    change.wanted_on = existing.wanted_on;
    if state == FlowState::Suspended && existing.state == FlowState::On {
        change.why_off.clone_from(&next.why_off);
    }
    let word = match state {
        FlowState::On => Word::StaysOn,
        FlowState::Off => Word::Off,
        FlowState::Suspended => Word::Suspended,
    };
    draft.report.push(ReportLine::new(Subject::flow(existing), word));
    draft.forecasts.push(FlowForecast {
        refusals: match index.flow(&existing.id) {
            Some(next) => refusals(index, next, import),
            None => Vec::new(),
        },
        state,
        ..FlowForecast::existing(existing)
    });
    if !change.on || !import.bodies.contains_key(&existing.id) {
        return;
    }
    let carrier = existing
        .activated_by
        .iter()
        .chain(std::iter::once(&existing.owner))
        .find(|p| index.active(p).is_some())
        .unwrap_or(&existing.owner);
    let activation = flow_activation_in(index, &existing.id, carrier);
    draft.warnings.extend(activation.why().map(|why| {
        Finding {
            code: code::CA126,
            severity: Severity::Error,
            subject: Subject::flow(existing),
            message: format!(
                "flow `{}` stays on, but what it needs now is missing: {why}",
                existing.name
            ),
            help: "its next run fails until this is repaired".into(),
            fix: activation
                .refusals
                .into_iter()
                .find_map(|r| r.fix)
                .or_else(|| Some(fix::flow_on(index.facts, &existing.name))),
            location: None,
            suppression: None,
        }
    }));
    draft.warnings.extend(activation.warnings);
}
