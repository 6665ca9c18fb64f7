//! How sure each statement of a plan is. An organisation without connref tells only a part of what a
//! judgement rests on; what was not seen may decide otherwise, and never reads as fine.
use connref_solution::model::facts::{Area, ConnectionFacts, Fidelity, FlowState};
use connref_solution::model::{Facts, FlowId, PrincipalId};

use super::report::Word;
use super::{FlowForecast, Outcome, ReportLine};
use crate::binding::IdentityChange;
use crate::catalogue::code;
use crate::finding::{Finding, Subject, SubjectKind};
use crate::index::Index;
use crate::refusal::Refusal;

/// How sure a statement is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Certainty {
    /// Everything it rests on was seen, and the rule is documented or recorded.
    #[default]
    Known,
    /// It rests on a rule that is not proven, or on something taken for something else.
    Inferred,
    /// Something that was not seen could make it otherwise.
    Unknown,
}

impl Certainty {
    /// The word in files and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Known => "known",
            Self::Inferred => "inferred",
            Self::Unknown => "unknown",
        }
    }
}

/// How sure a statement is, and why it is not surer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ground {
    /// How sure.
    pub certainty: Certainty,
    /// What was not seen or is not proven, in words; empty if it is known.
    pub because: Vec<&'static str>,
}

impl Ground {
    fn inferred(because: &'static str) -> Self {
        Self { certainty: Certainty::Inferred, because: vec![because] }
    }

    /// Unknown if one of the areas was not seen.
    fn seen(facts: &Facts, areas: &[Area]) -> Self {
        let unseen: Vec<&'static str> =
            areas.iter().filter(|a| !facts.knows(**a)).map(|a| a.words()).collect();
        match unseen.is_empty() {
            true => Self::default(),
            false => Self { certainty: Certainty::Unknown, because: unseen },
        }
    }

    /// Both have to hold.
    fn and(mut self, other: Self) -> Self {
        self.certainty = self.certainty.max(other.certainty);
        for reason in other.because {
            if !self.because.contains(&reason) {
                self.because.push(reason);
            }
        }
        self
    }

    /// One of them is enough: the surer one counts.
    fn or(self, other: Self) -> Self {
        if other.certainty < self.certainty { other } else { self }
    }
}

/// Says how sure the statements of one plan are.
pub struct Grounds<'a> {
    facts: &'a Facts,
    before: Index<'a>,
    after: Index<'a>,
    caller: &'a PrincipalId,
    flows: &'a [FlowForecast],
}

impl<'a> Grounds<'a> {
    /// Of a plan that was judged over these facts for this caller.
    pub fn new(facts: &'a Facts, outcome: &'a Outcome, caller: &'a PrincipalId) -> Self {
        let (before, after) = (Index::new(facts), Index::new(&outcome.future));
        Self { facts, before, after, caller, flows: &outcome.flows }
    }

    /// Of a plan that ends in refusals.
    pub fn of_refusals(facts: &'a Facts, caller: &'a PrincipalId) -> Self {
        Self { facts, before: Index::new(facts), after: Index::new(facts), caller, flows: &[] }
    }

    /// A refusal of the whole, or of one flow.
    pub fn refusal(&self, refusal: &Refusal) -> Ground {
        self.coded(refusal.code, &refusal.subject, &mut Vec::new())
    }

    /// What is worth knowing.
    pub fn warning(&self, finding: &Finding) -> Ground {
        self.coded(finding.code, &finding.subject, &mut Vec::new())
    }

    /// A flow's state afterwards.
    pub fn flow(&self, forecast: &FlowForecast) -> Ground {
        self.forecast(forecast, &mut Vec::new())
    }

    /// What happens to a component.
    pub fn line(&self, line: &ReportLine) -> Ground {
        match (line.word, line.subject.kind) {
            (_, SubjectKind::Flow) => {
                let of = |f: &&FlowForecast| f.flow.as_str() == &*line.subject.id;
                match self.flows.iter().find(of) {
                    Some(forecast) if !matches!(line.word, Word::Hidden) => self.flow(forecast),
                    _ => self.component(line.word),
                }
            }
            (Word::Bound | Word::Rebound, _) => Ground::seen(self.facts, &[Area::Policies]),
            (word, _) => self.component(word),
        }
    }

    fn component(&self, word: Word) -> Ground {
        match word {
            Word::Removed | Word::LeftToAnother | Word::StillUsed => {
                Ground::seen(self.facts, &[Area::Layers, Area::Membership])
            }
            Word::Hidden => Ground::seen(self.facts, &[Area::Layers]),
            Word::Created if self.facts.connectors.is_empty() => {
                Ground::seen(self.facts, &[Area::Connections])
            }
            _ => Ground::default(),
        }
    }

    /// As whom a flow acts afterwards.
    pub fn identity(&self, change: &IdentityChange) -> Ground {
        let bound = |index: &Index<'a>| {
            let reference = index.reference(change.reference.as_ref()?)?;
            reference.connection.clone()
        };
        let mut ground = Ground::default();
        for (index, id) in [(&self.before, bound(&self.before)), (&self.after, bound(&self.after))]
        {
            let Some(id) = id else { continue };
            ground = ground.and(match index.connection(&id) {
                None => Ground::seen(self.facts, &[Area::Connections]),
                Some(one) if one.account.is_none() && !self.facts.knows(Area::Fingerprints) => {
                    Ground::inferred("the account is not told; its owner is taken for it")
                }
                Some(_) => Ground::default(),
            });
        }
        ground
    }

    /// What the state of a flow rests on. `asked` holds the flows that are being asked about: a
    /// circle of calls ends there.
    fn forecast(&self, forecast: &FlowForecast, asked: &mut Vec<FlowId>) -> Ground {
        if forecast.existing {
            // It keeps its state; only a policy could take it away.
            return match forecast.state {
                FlowState::On => Ground::seen(self.facts, &[Area::Policies]),
                FlowState::Suspended | FlowState::Off => Ground::default(),
            };
        }
        if forecast.state == FlowState::On {
            return self.turned_on(&forecast.flow, asked);
        }
        if !forecast.wanted_on || forecast.note.is_some() {
            return Ground::default();
        }
        asked.push(forecast.flow.clone());
        let grounds = forecast.refusals.iter().map(|r| self.coded(r.code, &r.subject, asked));
        let ground = grounds.reduce(Ground::or).unwrap_or_default();
        asked.pop();
        ground
    }

    fn turned_on(&self, flow: &FlowId, asked: &mut Vec<FlowId>) -> Ground {
        let mut ground = Ground::seen(self.facts, &[Area::Policies]);
        let Some(flow) = self.after.flow(flow).filter(|f| !asked.contains(&f.id)) else {
            return ground;
        };
        asked.push(flow.id.clone());
        if flow.references.iter().any(|e| e.on_behalf_of_invoker) {
            ground = ground.and(Ground::inferred(
                "acting on behalf of another asks for a privilege that is not judged",
            ));
        }
        for child in &flow.children {
            if let Some(forecast) = self.flows.iter().find(|f| &f.flow == child) {
                ground = ground.and(self.forecast(forecast, asked));
            }
        }
        asked.pop();
        ground
    }

    /// How sure a code is of what it is about.
    fn coded(&self, code: &str, subject: &Subject, asked: &mut Vec<FlowId>) -> Ground {
        let facts = self.facts;
        match code {
            code::CONNECTION_AUTHORIZATION_FAILED => self.share(subject),
            code::CA106 => Ground::seen(facts, &[Area::Shares, Area::Activations]),
            code::CONNECTION_NOT_FOUND => Ground::seen(facts, &[Area::Connections]),
            code::CONNECTION_OWNER_DISABLED => self.owner(subject),
            code::DLP_VIOLATION | code::CA125 | code::BINDING_POLICY_VIOLATION => Ground::default(),
            code::CA126 => {
                Ground::seen(facts, &[Area::Activations, Area::Shares, Area::Connections])
            }
            code::CA118 => Ground::seen(facts, &[Area::Fingerprints]),
            code::CA121 => Ground::seen(facts, &[Area::Layers]),
            code::CANNOT_DELETE_IN_USE => Ground::seen(facts, &[Area::Layers, Area::Membership]),
            code::MISSING_DEPENDENCY | code::CR014 | code::CR021 if facts.connectors.is_empty() => {
                Ground::seen(facts, &[Area::Connections])
            }
            code::CHILD_FLOW_NEVER_PUBLISHED => {
                let child = self.child_of(subject, asked);
                child.map_or_else(Ground::default, |child| self.forecast(child, asked))
            }
            code::CONNECTION_IN_ERROR if facts.environment.fidelity == Fidelity::Dataverse => {
                Ground::inferred("that the service refuses a connection in error is not recorded")
            }
            code::CA117 if facts.environment.fidelity == Fidelity::Dataverse => {
                Ground::inferred("documentation speaks of the last known value, not of none")
            }
            _ => Ground::default(),
        }
    }

    /// A right that is missing may be there by a share that was not seen.
    fn share(&self, subject: &Subject) -> Ground {
        let Some(connection) = self.connection(subject) else {
            return Ground::seen(self.facts, &[Area::Connections]);
        };
        let shares = Ground::seen(self.facts, &[Area::Shares]);
        let people = |id: &PrincipalId| self.before.principal(id).is_some();
        match connection.shares.iter().any(|(to, _)| !people(to) && to != self.caller) {
            // A group that the caller may belong to.
            true => shares.and(Ground::seen(self.facts, &[Area::Groups])),
            false => shares,
        }
    }

    /// An owner whom nobody knows may be somebody whose account is only known elsewhere.
    fn owner(&self, subject: &Subject) -> Ground {
        let owner = self.connection(subject).map(|c| &c.owner);
        match owner.and_then(|id| self.before.principal(id)) {
            Some(_) => Ground::default(),
            None => Ground::seen(self.facts, &[Area::Departures]),
        }
    }

    fn connection(&self, subject: &Subject) -> Option<&'a ConnectionFacts> {
        if subject.kind != SubjectKind::Connection {
            return None;
        }
        self.before.connection(&subject.id.to_string().as_str().into())
    }

    /// The forecast of the child that a refusal names, unless it is being asked about.
    fn child_of(&self, subject: &Subject, asked: &[FlowId]) -> Option<&'a FlowForecast> {
        let child = self.flows.iter().find(|f| f.flow.as_str() == &*subject.id)?;
        (!asked.contains(&child.flow)).then_some(child)
    }
}
