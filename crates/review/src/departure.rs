//! Giving connections of one principal to another: what it touches, and how it goes in each
//! fidelity (design, rules 7 and 8).
use std::collections::HashSet;

use connref_solution::model::facts::{
    ConnectionFacts, ConnectionKind, Fidelity, FlowFacts, FlowState, PrincipalFacts, PrincipalKind,
    ReferenceFacts,
};
use connref_solution::model::package::{FlowReference, RuntimeSource};
use connref_solution::model::{ConnectionId, Facts, FlowId, PrincipalId, ReferenceId};

use crate::binding::IdentityChange;
use crate::catalogue::code;
use crate::finding::{Subject, SubjectKind};
use crate::fix;
use crate::index::Index;
use crate::refusal::Refusal;
use crate::right::{Operation, active, may};
use crate::standing::{carriers, identity};

/// What giving connections to another principal does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effect {
    /// Connections that change hands, or are replaced.
    pub connections: Vec<ConnectionId>,
    /// References bound to them.
    pub references: Vec<ReferenceId>,
    /// Flows that act through them, on or off.
    pub flows: Vec<FlowId>,
    /// Flows whose calls act as somebody else afterwards.
    pub flows_changing_identity: Vec<IdentityChange>,
    /// Flows that are on by the right of the old owner, who has none afterwards: in the same
    /// transaction the new owner takes the place of who turned them on.
    pub activations_passing: Vec<FlowId>,
    /// Connections whose credential is a person's: the new owner has to sign in.
    pub sign_in_needed: Vec<ConnectionId>,
    /// `dataverse` fidelity, where an owner cannot change: the steps that do it instead, in order.
    /// Empty in `extended` fidelity, where it is one transaction.
    pub steps: Vec<Step>,
    /// What forbids it; nothing is to be written then.
    pub refusals: Vec<Refusal>,
}

/// One step of a plan that takes the place of changing an owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The new owner makes a connection for the same connector and target.
    Create {
        /// The connection it replaces.
        replaces: ConnectionId,
        /// Who makes it.
        owner: PrincipalId,
        /// Command.
        command: String,
    },
    /// A reference is bound to the new connection.
    Rebind {
        /// The reference.
        reference: ReferenceId,
        /// The connection it leaves.
        from: ConnectionId,
        /// Command.
        command: String,
    },
    /// The new owner turns a flow on again, so that its right carries it.
    TurnOn {
        /// The flow.
        flow: FlowId,
        /// Command.
        command: String,
    },
    /// The new connection is tried.
    Probe {
        /// The connection it replaces.
        replaces: ConnectionId,
        /// Command.
        command: String,
    },
    /// The old connection is deleted.
    Retire {
        /// The connection.
        connection: ConnectionId,
        /// Command.
        command: String,
    },
}

impl Step {
    /// The command line of the step; `NEW_CONNECTION` stands for what the first step makes.
    pub fn command(&self) -> &str {
        match self {
            Self::Create { command, .. }
            | Self::Rebind { command, .. }
            | Self::TurnOn { command, .. }
            | Self::Probe { command, .. }
            | Self::Retire { command, .. } => command,
        }
    }
}

/// Everything behind a connection.
pub(crate) struct Dependents<'a> {
    /// References bound to it.
    pub(crate) references: Vec<&'a ReferenceFacts>,
    /// Flows that act through it, each with one entry.
    pub(crate) flows: Vec<(&'a FlowFacts, &'a FlowReference)>,
    /// Those of them that are on.
    pub(crate) running: Vec<&'a FlowFacts>,
}

/// Everything behind a connection; a flow that takes the caller's connection is not, whatever its
/// reference is bound to.
pub(crate) fn dependents<'a>(index: &Index<'a>, connection: &ConnectionFacts) -> Dependents<'a> {
    let references = index.bound_to(&connection.id).to_vec();
    let mut flows = index.reaching(&connection.id);
    flows.retain(|(_, entry)| entry.source == RuntimeSource::Embedded);
    flows.dedup_by(|(one, _), (two, _)| one.id == two.id);
    let running = flows.iter().map(|(f, _)| *f).filter(|f| f.state == FlowState::On).collect();
    Dependents { references, flows, running }
}

/// What giving `connections` of `from` to `to` does; with no connections named, all of `from`'s.
pub fn reassign_effect(
    facts: &Facts,
    from: &PrincipalId,
    connections: &[ConnectionId],
    to: &PrincipalId,
) -> Effect {
    let index = Index::new(facts);
    let mut effect = Effect::default();
    let Some(heir) = heir(&index, from, to, &mut effect) else { return effect };
    let chosen = chosen(&index, from, connections, &mut effect);
    for connection in chosen {
        effect.connections.push(connection.id.clone());
        if connection.kind == ConnectionKind::User {
            effect.sign_in_needed.push(connection.id.clone());
            person_check(&index, connection, heir, &mut effect);
        }
        let behind = dependents(&index, connection);
        let passing = passing(&behind, connection, heir, &index);
        effect.references.extend(behind.references.iter().map(|r| r.id.clone()));
        effect.flows.extend(behind.flows.iter().map(|(f, _)| f.id.clone()));
        identities(&index, connection, heir, &behind, &mut effect);
        if facts.environment.fidelity == Fidelity::Dataverse {
            effect.steps.extend(steps(&index, connection, heir, &behind));
        } else {
            effect.activations_passing.extend(passing.into_iter().map(|f| f.id.clone()));
        }
    }
    for list in [&mut effect.flows, &mut effect.activations_passing] {
        let mut seen = HashSet::new();
        list.retain(|id| seen.insert(id.clone()));
    }
    effect
}

fn heir<'a>(
    index: &Index<'a>,
    from: &PrincipalId,
    to: &PrincipalId,
    effect: &mut Effect,
) -> Option<&'a PrincipalFacts> {
    let Some(heir) = index.active(to) else {
        effect.refusals.push(Refusal::caller_disabled(to, index.principal(to)));
        return None;
    };
    if from == to {
        let text = format!("'{}' owns these connections already.", heir.name);
        effect.refusals.push(Refusal::new(
            code::REASSIGN_REFUSED,
            400,
            Subject::principal(heir),
            text,
        ));
        return None;
    }
    Some(heir)
}

fn chosen<'a>(
    index: &Index<'a>,
    from: &PrincipalId,
    connections: &[ConnectionId],
    effect: &mut Effect,
) -> Vec<&'a ConnectionFacts> {
    if connections.is_empty() {
        return index.facts.connections.iter().filter(|c| &c.owner == from).collect();
    }
    let mut seen = HashSet::new();
    let mut chosen = Vec::new();
    for id in connections.iter().filter(|id| seen.insert(*id)) {
        match index.connection(id) {
            Some(connection) if &connection.owner == from => chosen.push(connection),
            Some(connection) => {
                let text = format!(
                    "Connection '{id}' does not belong to '{}' but to '{}'.",
                    index.principal_name(from),
                    index.principal_name(&connection.owner)
                );
                let subject = Subject::connection(connection);
                effect.refusals.push(
                    Refusal::new(code::REASSIGN_REFUSED, 409, subject, text)
                        .fix("name the connection's owner with --owner"),
                );
            }
            None => {
                let subject = Subject::new(SubjectKind::Connection, id, id);
                let text = format!("Could not find connection '{id}'.");
                effect.refusals.push(Refusal::new(code::CONNECTION_NOT_FOUND, 404, subject, text));
            }
        }
    }
    chosen
}

/// A person's sign-in cannot pass to a service principal, whose connector has no way to sign in.
fn person_check(
    index: &Index<'_>,
    connection: &ConnectionFacts,
    heir: &PrincipalFacts,
    effect: &mut Effect,
) {
    use connref_solution::model::facts::Capability;
    let Some(connector) = index.connector(&connection.api_name) else { return };
    if heir.kind != PrincipalKind::ServicePrincipal || connector.service_principal != Capability::No
    {
        return;
    }
    let text = format!(
        "Connection '{}' signs in as a person, and '{}' has no way for the service principal '{}' \
         to sign in.",
        connection.id, connection.api_name, heir.name
    );
    effect.refusals.push(
        Refusal::new(code::REASSIGN_REFUSED, 400, Subject::connector(connector), text)
            .fix("choose a user as the new owner"),
    );
}

/// Flows that are on and that nobody carries once the connection is `heir`'s.
fn passing<'a>(
    behind: &Dependents<'a>,
    connection: &ConnectionFacts,
    heir: &PrincipalFacts,
    index: &Index<'_>,
) -> Vec<&'a FlowFacts> {
    let mut given = connection.clone();
    given.owner = heir.id.clone();
    let carried = |flow: &FlowFacts| {
        carriers(flow, &given.id)
            .filter_map(|id| index.principal(id))
            .any(|p| may(&given, p, Operation::Use))
    };
    behind.running.iter().copied().filter(|f| !carried(f)).collect()
}

/// A person's credential is the person: with a new owner, who signs in anew, the flows act as that
/// one. A key or a principal's secret stays what it is, but a new connection has a new one.
fn identities(
    index: &Index<'_>,
    connection: &ConnectionFacts,
    heir: &PrincipalFacts,
    behind: &Dependents<'_>,
    effect: &mut Effect,
) {
    let replaced = index.facts.environment.fidelity == Fidelity::Dataverse
        && connection.kind == ConnectionKind::ServicePrincipal;
    if connection.kind != ConnectionKind::User && !replaced {
        return;
    }
    let before = identity(index, connection);
    for (flow, entry) in &behind.flows {
        if before != heir.name {
            effect.flows_changing_identity.push(IdentityChange {
                flow: flow.id.clone(),
                flow_name: flow.name.clone(),
                reference: entry.logical_name.clone(),
                before: Some(before.clone()),
                after: heir.name.clone(),
            });
        }
    }
}

/// New connection by its new owner, rebind, turn on, probe, retire the old one.
fn steps(
    index: &Index<'_>,
    connection: &ConnectionFacts,
    heir: &PrincipalFacts,
    behind: &Dependents<'_>,
) -> Vec<Step> {
    let facts = index.facts;
    let env = fix::arg(&facts.environment.name);
    let replaces = connection.id.clone();
    let mut steps = vec![Step::Create {
        replaces: replaces.clone(),
        owner: heir.id.clone(),
        command: fix::create(facts, &connection.api_name, &heir.name),
    }];
    steps.extend(behind.references.iter().map(|r| Step::Rebind {
        reference: r.id.clone(),
        from: replaces.clone(),
        command: format!(
            "connref ref bind {} --connection NEW_CONNECTION --env {env} --as {}",
            fix::arg(&r.logical_name),
            fix::arg(&heir.name)
        ),
    }));
    steps.extend(behind.running.iter().map(|f| Step::TurnOn {
        flow: f.id.clone(),
        command: format!("{} --as {}", fix::flow_on(facts, &f.name), fix::arg(&heir.name)),
    }));
    steps.push(Step::Probe {
        replaces: replaces.clone(),
        command: format!("connref connection test NEW_CONNECTION --env {env}"),
    });
    steps.push(Step::Retire {
        connection: replaces.clone(),
        command: format!("connref connection delete {replaces} --env {env}"),
    });
    steps
}

/// Whether a principal has left, or is disabled: what CA105 and CA122 ask.
pub fn has_departed(principal: &PrincipalFacts) -> bool {
    !active(principal)
}
