//! CA101: a reference without a connection.
use connref_solution::model::facts::{FlowFacts, ReferenceFacts};

use super::{Cx, live, names};
use crate::catalogue::code;
use crate::finding::{Finding, Severity, Subject};
use crate::fix;
use crate::index::Index;

pub(super) fn findings(cx: &Cx<'_>) -> Vec<Finding> {
    let index = &cx.index;
    let unbound = index.facts.references.iter().filter(|r| r.connection.is_none());
    unbound.map(|reference| finding(index, reference)).collect()
}

fn finding(index: &Index<'_>, reference: &ReferenceFacts) -> Finding {
    let flows: Vec<&FlowFacts> = index.uses_of(&reference.logical_name).map(|(f, _)| f).collect();
    let stopped: Vec<&str> = flows.iter().filter(|f| live(f)).map(|f| f.name.as_str()).collect();
    let (severity, help) = if stopped.is_empty() {
        (Severity::Note, "no flow that should be on depends on it".to_owned())
    } else {
        (Severity::Error, format!("it keeps off, or stops: {}", names(stopped)))
    };
    Finding {
        code: code::CA101,
        severity,
        subject: Subject::reference(reference),
        message: format!(
            "connection reference `{}` ({}) has no connection",
            reference.logical_name, reference.api_name
        ),
        help,
        fix: Some(fix::bind(index.facts, &reference.logical_name)),
        location: None,
        suppression: None,
    }
}
