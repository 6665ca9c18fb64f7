//! What leaves a solution: at an upgrade, a promotion or an uninstall. Each thing goes before what
//! it uses, so that nothing fails late; what something that stays still uses stays too (extended),
//! or forbids the whole (as the vendor's service does).
use std::collections::{HashMap, HashSet, VecDeque};

use connref_solution::model::change_set::{Fate, Removal};
use connref_solution::model::facts::{Fidelity, FlowFacts, SolutionFacts};
use connref_solution::model::{Component, ComponentKind, Facts, LogicalName, SolutionId};

use super::report::Word;
use super::{Draft, ReportLine};
use crate::catalogue::code;
use crate::finding::{Finding, Severity, Subject, SubjectKind};
use crate::refusal::Refusal;

/// A component's kind and row.
pub(super) type Key = (ComponentKind, String);

/// What leaves `base`, judged in `future` (everything that comes is there; nothing has left yet).
pub(super) struct Leaving<'a> {
    pub(super) before: &'a Facts,
    pub(super) future: &'a Facts,
    /// The solution it leaves.
    pub(super) base: &'a SolutionFacts,
    /// Another row of the same solution (the holding one), which does not count as a holder.
    pub(super) beside: Option<&'a SolutionId>,
    /// What stays in the solution.
    pub(super) stays: &'a HashSet<Key>,
}

impl Leaving<'_> {
    /// The removals in their order; refusals and warnings go to the draft.
    pub(super) fn judge(&self, draft: &mut Draft) -> Vec<Removal> {
        let components = &self.base.components;
        let leaving: Vec<&Component> = components
            .iter()
            .filter(|c| !self.stays.contains(&(c.kind, c.id.to_string())))
            .collect();
        if leaving.is_empty() {
            return Vec::new();
        }
        let held = self.held_elsewhere();
        let names = self.names();
        let mut fates: HashMap<(ComponentKind, &str), Fate> = leaving
            .iter()
            .map(|c| (c.key(), if held.contains(&c.key()) { Fate::Held } else { Fate::Deleted }))
            .collect();
        let uses = Uses::of(self.future);
        let order = self.in_order(&leaving);
        while self.keep_used(&uses, &order, &names, &mut fates) {}
        if self.before.environment.fidelity == Fidelity::Dataverse {
            self.refuse(&leaving, &names, &fates, draft);
        }
        let mut removals: Vec<Removal> = order
            .into_iter()
            .map(|component| Removal {
                fate: fates.get(&component.key()).cloned().unwrap_or(Fate::Held),
                component: Component { name: named(&names, component), ..component.clone() },
            })
            .collect();
        // What stays is told after what goes.
        removals.sort_by_key(|r| !matches!(r.fate, Fate::Deleted));
        self.report(&removals, draft);
        removals
    }

    fn held_elsewhere(&self) -> HashSet<(ComponentKind, &str)> {
        self.future
            .solutions
            .iter()
            .filter(|s| s.id != self.base.id && Some(&s.id) != self.beside)
            .flat_map(|s| s.components.iter().map(Component::key))
            .collect()
    }

    /// Names by row: what people know rows by.
    fn names(&self) -> HashMap<(ComponentKind, &str), &str> {
        let facts = self.future;
        let mut names = HashMap::new();
        names.extend(facts.flows.iter().map(|f| ((ComponentKind::Flow, f.id.as_str()), &*f.name)));
        names.extend(
            facts
                .references
                .iter()
                .map(|r| ((ComponentKind::Reference, r.id.as_str()), r.logical_name.as_str())),
        );
        names.extend(
            facts
                .variables
                .iter()
                .map(|v| ((ComponentKind::Variable, v.id.as_str()), v.schema_name.as_str())),
        );
        names.extend(
            facts
                .connectors
                .iter()
                .map(|c| ((ComponentKind::Connector, c.id.as_str()), &*c.display_name)),
        );
        names
    }

    /// Marks what stays because something that stays uses it. True if it marked anything: that
    /// stays now and may use more. In the order of removal, where users come first, one turn marks
    /// all; only circles of calls take more.
    fn keep_used<'c>(
        &self,
        uses: &Uses<'_>,
        order: &[&'c Component],
        names: &HashMap<(ComponentKind, &str), &str>,
        fates: &mut HashMap<(ComponentKind, &'c str), Fate>,
    ) -> bool {
        let mut any = false;
        for component in order {
            let going =
                |kind: ComponentKind, id: &str| fates.get(&(kind, id)) == Some(&Fate::Deleted);
            if !going(component.kind, &component.id) {
                continue;
            }
            let users = uses.users(component, names, &going);
            if !users.is_empty() {
                fates.insert(component.key(), Fate::StillUsed(users));
                any = true;
            }
        }
        any
    }

    /// The vendor's service deletes a reference while the layers of flows below still name it, and
    /// anything else only when nothing uses it; it says so late and by ids.
    fn refuse(
        &self,
        leaving: &[&Component],
        names: &HashMap<(ComponentKind, &str), &str>,
        fates: &HashMap<(ComponentKind, &str), Fate>,
        draft: &mut Draft,
    ) {
        let below = Uses::below(self.before, &self.base.id);
        for component in leaving.iter().filter(|c| fates.get(&c.key()) != Some(&Fate::Held)) {
            let mut users: Vec<String> = match fates.get(&component.key()) {
                Some(Fate::StillUsed(users)) => users.clone(),
                _ => Vec::new(),
            };
            if component.kind == ComponentKind::Reference {
                let name = LogicalName::new(&named(names, component));
                for flow in below.get(&name.key()).into_iter().flatten() {
                    if !users.contains(flow) {
                        users.push(flow.clone());
                    }
                }
            }
            if users.is_empty() {
                continue;
            }
            users.sort();
            let text = format!(
                "The {}({}) component cannot be deleted because it is referenced by {} other components. \
                 For a list of referenced components, use the RetrieveDependenciesForDeleteRequest.",
                component.kind.table(),
                component.id,
                users.len()
            );
            let fix = format!(
                "`{}` is used by {}: release a version in which they use another one and which \
                 still has it, then one without it",
                named(names, component),
                users.join(", ")
            );
            let subject = subject(component, names);
            draft
                .refusals
                .push(Refusal::new(code::CANNOT_DELETE_IN_USE, 400, subject, text).fix(fix));
        }
    }

    /// Flows before what they use, callers before called ones, connectors last.
    fn in_order<'c>(&self, leaving: &[&'c Component]) -> Vec<&'c Component> {
        let mut order = Vec::with_capacity(leaving.len());
        for kind in ComponentKind::REMOVED_IN_ORDER {
            let of_kind = leaving.iter().copied().filter(|c| c.kind == kind);
            if kind == ComponentKind::Flow {
                order.extend(callers_first(self.future, &of_kind.collect::<Vec<_>>()));
            } else {
                order.extend(of_kind);
            }
        }
        order
    }

    fn report(&self, removals: &[Removal], draft: &mut Draft) {
        for (place, removal) in (1..).zip(removals) {
            let subject = of_component(&removal.component);
            let line = match &removal.fate {
                Fate::Deleted => {
                    ReportLine::new(subject, Word::Removed).detail(format!("no. {place}"))
                }
                Fate::Held => ReportLine::new(subject, Word::LeftToAnother),
                Fate::StillUsed(users) => {
                    still_used(self.before, &subject, users, draft);
                    ReportLine::new(subject, Word::StillUsed)
                        .detail(format!("by {}", users.join(", ")))
                }
            };
            draft.report.push(line);
        }
    }
}

fn still_used(facts: &Facts, subject: &Subject, users: &[String], draft: &mut Draft) {
    draft.warnings.push(Finding {
        code: code::CANNOT_DELETE_IN_USE,
        severity: Severity::Warning,
        message: format!(
            "`{}` is not in the solution any more, and {} still use it: it stays as an unmanaged \
             component",
            subject.name,
            users.join(", ")
        ),
        subject: subject.clone(),
        help: "the vendor's service refuses such an upgrade, late; delete it when nothing uses it"
            .to_owned(),
        fix: Some(format!(
            "connref layer list --env {}",
            crate::shell_argument(&facts.environment.name)
        )),
        location: None,
        suppression: None,
    });
}

fn named(names: &HashMap<(ComponentKind, &str), &str>, component: &Component) -> String {
    names.get(&component.key()).map_or_else(
        || match component.name.is_empty() {
            true => component.id.to_string(),
            false => component.name.clone(),
        },
        |name| (*name).to_owned(),
    )
}

fn subject(component: &Component, names: &HashMap<(ComponentKind, &str), &str>) -> Subject {
    of_component(&Component { name: named(names, component), ..component.clone() })
}

/// What a line about a component is about.
pub(super) fn of_component(component: &Component) -> Subject {
    let kind = match component.kind {
        ComponentKind::Flow => SubjectKind::Flow,
        ComponentKind::Reference => SubjectKind::Reference,
        ComponentKind::Variable => SubjectKind::Variable,
        ComponentKind::Connector => SubjectKind::Connector,
    };
    Subject::new(kind, &component.id, &component.name)
}

/// Whether a component goes.
type Going<'g> = dyn Fn(ComponentKind, &str) -> bool + 'g;

/// Who uses what.
struct Uses<'a> {
    references: HashMap<String, Vec<&'a FlowFacts>>,
    children: HashMap<&'a str, Vec<&'a FlowFacts>>,
    variables: HashMap<String, Vec<&'a FlowFacts>>,
    /// By api name without hash: the reference, none for a connection, and words for it.
    connectors: HashMap<String, Vec<(Option<&'a str>, String)>>,
    /// The api names of connector rows, without hash.
    apis: HashMap<&'a str, String>,
}

impl<'a> Uses<'a> {
    fn of(facts: &'a Facts) -> Self {
        let apis = facts.connectors.iter().map(|c| (c.id.as_str(), c.api_name.without_hash()));
        let mut uses = Self {
            references: HashMap::new(),
            children: HashMap::new(),
            variables: HashMap::new(),
            connectors: HashMap::new(),
            apis: apis.collect(),
        };
        for flow in &facts.flows {
            for name in flow.references.iter().filter_map(|entry| entry.logical_name.as_ref()) {
                uses.references.entry(name.key()).or_default().push(flow);
            }
            for child in flow.children.iter().filter(|child| **child != flow.id) {
                uses.children.entry(child.as_str()).or_default().push(flow);
            }
            for name in &flow.variables {
                uses.variables.entry(name.key()).or_default().push(flow);
            }
        }
        for reference in &facts.references {
            let user = format!("connection reference `{}`", reference.logical_name);
            let of = uses.connectors.entry(reference.api_name.without_hash()).or_default();
            of.push((Some(reference.id.as_str()), user));
        }
        for connection in &facts.connections {
            let user = format!("connection `{}`", connection.display_name);
            let of = uses.connectors.entry(connection.api_name.without_hash()).or_default();
            of.push((None, user));
        }
        uses
    }

    /// Those users of a component that stay.
    fn users(
        &self,
        component: &Component,
        names: &HashMap<(ComponentKind, &str), &str>,
        going: &Going<'_>,
    ) -> Vec<String> {
        let flows = |list: Option<&Vec<&FlowFacts>>| {
            let all = list.into_iter().flatten();
            let staying = all.filter(|f| !going(ComponentKind::Flow, f.id.as_str()));
            let mut all: Vec<String> = staying.map(|f| format!("flow `{}`", f.name)).collect();
            all.sort();
            all.dedup();
            all
        };
        let key = || named(names, component).to_lowercase();
        match component.kind {
            ComponentKind::Flow => flows(self.children.get(&*component.id)),
            ComponentKind::Reference => flows(self.references.get(&key())),
            ComponentKind::Variable => flows(self.variables.get(&key())),
            ComponentKind::Connector => {
                let all = self.apis.get(&*component.id).and_then(|api| self.connectors.get(api));
                all.into_iter()
                    .flatten()
                    .filter(|(id, _)| id.is_none_or(|id| !going(ComponentKind::Reference, id)))
                    .map(|(_, user)| user.clone())
                    .collect()
            }
        }
    }

    /// The flows whose layer in a solution, or whose definition of today, names a reference.
    fn below(facts: &Facts, solution: &SolutionId) -> HashMap<String, Vec<String>> {
        let mut below: HashMap<String, Vec<String>> = HashMap::new();
        let mut note = |name: String, flow: &str| {
            let users = below.entry(name).or_default();
            let user = format!("flow `{flow}`");
            if !users.contains(&user) {
                users.push(user);
            }
        };
        for flow in &facts.flows {
            for name in flow.references.iter().filter_map(|entry| entry.logical_name.as_ref()) {
                note(name.key(), &flow.name);
            }
        }
        for layer in &facts.layers {
            for managed in layer.managed.iter().filter(|one| one.solution == *solution) {
                for name in &managed.references {
                    note(name.clone(), &layer.component.name);
                }
            }
        }
        below
    }
}

/// Callers before called ones; what lies on a circle of calls, or is called from one, comes last.
fn callers_first<'c>(facts: &Facts, waiting: &[&'c Component]) -> Vec<&'c Component> {
    let ids: HashSet<&str> = waiting.iter().map(|c| &*c.id).collect();
    let mut callers: HashMap<&str, usize> = HashMap::new();
    let mut called: HashMap<&str, Vec<&str>> = HashMap::new();
    for flow in facts.flows.iter().filter(|f| ids.contains(f.id.as_str())) {
        for child in flow.children.iter().filter(|c| **c != flow.id && ids.contains(c.as_str())) {
            let list = called.entry(flow.id.as_str()).or_default();
            if !list.contains(&child.as_str()) {
                list.push(child.as_str());
                *callers.entry(child.as_str()).or_default() += 1;
            }
        }
    }
    let places: HashMap<&str, usize> =
        waiting.iter().enumerate().map(|(at, c)| (&*c.id, at)).collect();
    let free = |c: &&&Component| callers.get(&*c.id).is_none_or(|count| *count == 0);
    let mut ready: VecDeque<usize> = waiting.iter().filter(free).map(|c| places[&*c.id]).collect();
    let mut order: Vec<usize> = Vec::with_capacity(waiting.len());
    while let Some(at) = ready.pop_front() {
        order.push(at);
        for child in called.get(&*waiting[at].id).into_iter().flatten() {
            let left = callers.entry(child).or_default();
            *left -= 1;
            if *left == 0 {
                ready.push_back(places[child]);
            }
        }
    }
    let done: HashSet<usize> = order.iter().copied().collect();
    order.extend((0..waiting.len()).filter(|at| !done.contains(at)));
    order.into_iter().map(|at| waiting[at]).collect()
}
