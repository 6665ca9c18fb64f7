//! The gate after a deployment and before a release: the audit's rules that say whether a solution
//! can work as it is meant to, held against what belongs to it.
use std::collections::HashSet;

use connref_solution::model::facts::{
    Area, ConnectionStatus, FlowFacts, FlowState, ReferenceFacts, SolutionFacts,
};
use connref_solution::model::selector::{Bindings, Selector};
use connref_solution::model::{ComponentKind, Facts, LogicalName};

use super::{AuditOptions, Audited, audit_codes};
use crate::activation::flow_activation_in;
use crate::catalogue::code;
use crate::finding::{Finding, Severity, Subject, SubjectKind};
use crate::fix;
use crate::index::Index;
use crate::matching::mismatch;

/// The rules of the gate. What only looks ahead, or is a matter of taste, is for `audit report`.
const GATE: &[&str] = &[
    code::CA101,
    code::CA102,
    code::CA103,
    code::CA105,
    code::CA106,
    code::CA110,
    code::CA111,
    code::CA113,
    code::CA114,
    code::CA115,
    code::CA117,
    code::CA119,
    code::CA120,
    code::CA121,
    code::CA125,
];

/// What bindings are meant to be, and the file that says so.
#[derive(Clone, Copy, Debug)]
pub struct Intended<'a> {
    /// Selectors.
    pub bindings: &'a Bindings,
    /// The file, as findings name it.
    pub file: &'a str,
}

/// Holds the gate's rules against one solution of an environment. Beside them: a reference that
/// nothing uses has to be bound too unless it is optional, a flow that should be on is told with
/// what keeps it off, and a connection has to be what `intended` asks for.
pub fn solution_verify(
    facts: &Facts,
    solution: &SolutionFacts,
    options: &AuditOptions<'_>,
    intended: Option<Intended<'_>>,
) -> Audited {
    let index = Index::new(facts);
    let scope = Scope::of(&index, solution);
    let mut audited = audit_codes(facts, options, GATE);
    audited.findings.retain(|finding| scope.holds(finding));
    for finding in audited.findings.iter_mut().filter(|f| f.code == code::CA101) {
        let name = LogicalName::new(&finding.subject.name);
        let optional = selector(facts, intended, &name).optional == Some(true);
        if optional {
            finding.severity = Severity::Note;
            finding.help = "it is optional: what depends on it stays off".into();
        } else {
            finding.severity = Severity::Error;
        }
    }
    audited.findings.extend(flows_kept_off(&index, &scope));
    if let Some(intended) = intended {
        for reference in &scope.references {
            audited.findings.extend(unintended(&index, intended, reference));
        }
    }
    audited.findings.sort_by_key(|f| std::cmp::Reverse(f.severity));
    if !facts.knows(Area::Membership) {
        audited.unjudged.push((code::CA101, vec![Area::Membership]));
    }
    audited
}

fn selector(facts: &Facts, intended: Option<Intended<'_>>, name: &LogicalName) -> Selector {
    let said = intended.map(|one| one.bindings.selector(&facts.environment.name, name));
    said.unwrap_or_default()
}

/// What belongs to a solution: its references and flows, and what these use, wherever it came from.
struct Scope<'a> {
    references: Vec<&'a ReferenceFacts>,
    flows: Vec<&'a FlowFacts>,
    ids: HashSet<&'a str>,
    names: HashSet<(SubjectKind, LogicalName)>,
    known: HashSet<&'a LogicalName>,
}

impl<'a> Scope<'a> {
    fn of(index: &Index<'a>, solution: &'a SolutionFacts) -> Self {
        let facts = index.facts;
        let flows: Vec<&FlowFacts> =
            facts.flows.iter().filter(|f| f.solutions.contains(&solution.id)).collect();
        let used: HashSet<&LogicalName> = flows
            .iter()
            .flat_map(|f| &f.references)
            .filter_map(|entry| entry.logical_name.as_ref())
            .collect();
        let belongs = |r: &&ReferenceFacts| {
            r.solutions.contains(&solution.id) || used.contains(&r.logical_name)
        };
        let references: Vec<&ReferenceFacts> = facts.references.iter().filter(belongs).collect();
        let mut ids: HashSet<&str> = solution.components.iter().map(|c| &*c.id).collect();
        ids.extend(flows.iter().map(|f| f.id.as_str()));
        ids.extend(references.iter().map(|r| r.id.as_str()));
        ids.extend(references.iter().filter_map(|r| Some(r.connection.as_ref()?.as_str())));
        let direct =
            flows.iter().flat_map(|f| &f.references).filter_map(crate::standing::direct_id);
        let direct: Vec<_> = direct.filter_map(|id| index.connection(&id)).collect();
        ids.extend(direct.into_iter().map(|c| c.id.as_str()));
        let variables = flows.iter().flat_map(|f| &f.variables);
        let mut names: HashSet<(SubjectKind, LogicalName)> =
            variables.map(|name| (SubjectKind::Variable, name.clone())).collect();
        let own = solution.components.iter().filter(|c| c.kind == ComponentKind::Variable);
        names.extend(own.map(|c| (SubjectKind::Variable, LogicalName::new(&c.name))));
        let known = facts.references.iter().map(|r| &r.logical_name).collect();
        Self { references, flows, ids, names, known }
    }

    fn holds(&self, finding: &Finding) -> bool {
        let subject = &finding.subject;
        let name = LogicalName::new(&subject.name);
        match finding.code {
            // Idle connections are for the audit; one whose target is gone is not healthy.
            code::CA110 if finding.severity < Severity::Warning => return false,
            // A recorded reference that is gone is nobody's any more: it may have been this one's.
            code::CA114 if !self.known.contains(&name) => return true,
            _ => {}
        }
        (!subject.id.is_empty() && self.ids.contains(&*subject.id))
            || self.names.contains(&(subject.kind, name))
    }
}

/// Flows that should be on, are off, and could not be turned on by who owns them or had them on:
/// each with the reasons, in the words of a refusal. One that could be is CA113.
fn flows_kept_off(index: &Index<'_>, scope: &Scope<'_>) -> Vec<Finding> {
    let off = scope.flows.iter().filter(|f| f.wanted_on && f.state != FlowState::On);
    let mut found = Vec::new();
    for flow in off {
        let people = std::iter::once(&flow.owner).chain(&flow.activated_by);
        let judged: Vec<_> =
            people.map(|id| flow_activation_in(index, &flow.id, id).refusals).collect();
        if judged.iter().any(Vec::is_empty) {
            continue;
        }
        let Some(refusals) = judged.into_iter().min_by_key(Vec::len) else { continue };
        for refusal in refusals {
            let message = format!("flow `{}` should be on and is not: {}", flow.name, refusal.text);
            let fix = refusal.fix.unwrap_or_else(|| fix::why(index.facts, &flow.name));
            let (subject, help) = (Subject::flow(flow), "what keeps it off is told by this code");
            found.push(
                Finding::new(refusal.code, Severity::Error, subject, message, help).fixed_by(fix),
            );
        }
    }
    found
}

/// A binding that is not what was meant.
fn unintended(
    index: &Index<'_>,
    intended: Intended<'_>,
    reference: &ReferenceFacts,
) -> Option<Finding> {
    let name = &reference.logical_name;
    let wanted = selector(index.facts, Some(intended), name);
    let connection = index.connection(reference.connection.as_ref()?)?;
    let why = mismatch(index, connection, &wanted)?;
    let place = Selector { target: wanted.target.clone(), ..Selector::default() };
    let code =
        if mismatch(index, connection, &place).is_some() { code::CA119 } else { code::CA114 };
    let message = format!(
        "connection reference `{name}` is bound to connection `{}`, which is not what `{}` asks for: {why}",
        Subject::connection(connection).name,
        intended.file
    );
    let help = match connection.status {
        ConnectionStatus::Connected => "bind the one that is meant, or correct what is written",
        _ => "bind the one that is meant, or repair it and test it so that its target is known",
    };
    let command = format!(
        "connref ref match --reference {} --bindings {} --rebind --env {}",
        fix::arg(name),
        fix::arg(intended.file),
        fix::arg(&index.facts.environment.name)
    );
    Some(
        Finding::new(code, Severity::Error, Subject::reference(reference), message, help)
            .fixed_by(command),
    )
}
