//! Command lines that repair something, quoted for a shell.
use std::fmt::Display;

use connref_solution::model::facts::{ConnectionFacts, ConnectionKind, Fidelity, PrincipalFacts};
use connref_solution::model::{ApiName, ComponentKind, Facts, LogicalName};

use crate::index::Index;
use crate::right::Operation;

/// An argument of a command line, quoted if a POSIX shell would take it apart.
pub fn arg(text: impl Display) -> String {
    let text = text.to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "@._-/:+=,".contains(c);
    if !text.is_empty() && !text.starts_with('-') && text.chars().all(plain) {
        text
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

fn env(facts: &Facts) -> String {
    format!("--env {}", arg(&facts.environment.name))
}

pub(crate) fn bind(facts: &Facts, reference: &LogicalName) -> String {
    format!("connref ref bind {} --connection CONNECTION {}", arg(reference), env(facts))
}

pub(crate) fn deployer(facts: &Facts, name: &str) -> String {
    format!("connref user role add {} Deployer {}", arg(name), env(facts))
}

pub(crate) fn flow_on(facts: &Facts, flow: &str) -> String {
    format!("connref flow on {} {}", arg(flow), env(facts))
}

pub(crate) fn create(facts: &Facts, api: &ApiName, caller: &str) -> String {
    format!(
        "connref connection create {} --name NAME {} --as {}",
        arg(api),
        env(facts),
        arg(caller)
    )
}

pub(crate) fn reassign(facts: &Facts, owner: &str) -> String {
    format!("connref connection reassign --owner {} --to NEW_OWNER {}", arg(owner), env(facts))
}

pub(crate) fn flow_reassign(facts: &Facts, flow: &str) -> String {
    format!("connref flow reassign {} --to NEW_OWNER {}", arg(flow), env(facts))
}

pub(crate) fn connection(facts: &Facts, verb: &str, connection: &ConnectionFacts) -> String {
    format!("connref connection {verb} {} {}", arg(&connection.id), env(facts))
}

pub(crate) fn rebind(facts: &Facts, reference: &LogicalName, to: &ConnectionFacts) -> String {
    format!("connref ref bind {} --connection {} {}", arg(reference), arg(&to.id), env(facts))
}

pub(crate) fn reference_delete(facts: &Facts, reference: &LogicalName) -> String {
    format!("connref ref delete {} {}", arg(reference), env(facts))
}

pub(crate) fn principal_create(facts: &Facts, api: &ApiName) -> String {
    format!(
        "connref connection create {} --name NAME --kind service-principal {} --as SERVICE_PRINCIPAL",
        arg(api),
        env(facts)
    )
}

pub(crate) fn variable_set(facts: &Facts, variable: &LogicalName) -> String {
    format!("connref variable set {} VALUE {}", arg(variable), env(facts))
}

pub(crate) fn lock(facts: &Facts, file: &str) -> String {
    format!("connref ref lock -f {} {}", arg(file), env(facts))
}

pub(crate) fn why(facts: &Facts, flow: &str) -> String {
    format!("connref flow why {} {}", arg(flow), env(facts))
}

pub(crate) fn layer_remove(facts: &Facts, kind: ComponentKind, name: &str) -> String {
    format!("connref layer remove {} {} {}", kind.as_str(), arg(name), env(facts))
}

pub(crate) fn probe(facts: &Facts, connection: &ConnectionFacts) -> String {
    format!("connref connection test {} {}", arg(&connection.id), env(facts))
}

/// Gives `to` what `operation` needs. In `dataverse` fidelity an OAuth connection can be shared
/// only with a service principal: there its owner has to act.
pub(crate) fn share(
    index: &Index<'_>,
    connection: &ConnectionFacts,
    to: &PrincipalFacts,
    operation: Operation,
) -> String {
    let facts = index.facts;
    let owner = index.principal_name(&connection.owner);
    if facts.environment.fidelity == Fidelity::Dataverse && !shareable(connection, to) {
        return format!(
            "ask {owner} to do it (this connection cannot be shared with a person), or use a \
             connection of {}",
            to.name
        );
    }
    let level = crate::right::level_name(operation.level(to.kind));
    format!(
        "connref connection share {} --with {} --level {level} {} --as {}",
        arg(&connection.id),
        arg(&to.name),
        env(facts),
        arg(owner)
    )
}

pub(crate) fn shareable(connection: &ConnectionFacts, to: &PrincipalFacts) -> bool {
    connection.kind != ConnectionKind::User
        || to.kind == connref_solution::model::facts::PrincipalKind::ServicePrincipal
}
