//! CR025: a deprecated connector.
use std::collections::HashSet;

use super::connector::replacement;
use super::context::Context;
use super::draft::{Draft, reference_subject};
use super::text::cut;
use crate::catalogue::code;
use crate::finding::{Severity, Subject, SubjectKind};

pub(super) fn check(cx: &Context<'_>, out: &mut Vec<Draft>) {
    let mut told = HashSet::new();
    for reference in &cx.package.references {
        let Some(by) = replacement(&reference.api_name) else { continue };
        if !told.insert(reference.logical_name.key()) {
            continue;
        }
        out.push(Draft::new(
            code::CR025,
            Severity::Note,
            reference_subject(reference),
            cx.at_reference(reference, "connectorid"),
            format!("the connector `{}` is deprecated", cut(reference.api_name.as_str())),
            format!("move to {by}"),
        ));
    }
    for flow in &cx.flows {
        for entry in flow.entries() {
            // With a reference of this package it was told there.
            let by_reference = entry.logical_name.as_ref().and_then(|n| cx.reference(n)).is_some();
            let Some(by) = replacement(&entry.api_name).filter(|_| !by_reference) else { continue };
            out.push(Draft::new(
                code::CR025,
                Severity::Note,
                flow.subject(),
                flow.at_entry(&entry.key),
                format!(
                    "`{}` uses the deprecated connector `{}`",
                    cut(&flow.source.name),
                    cut(entry.api_name.as_str())
                ),
                format!("move to {by}"),
            ));
        }
    }
    for own in &cx.package.connectors {
        if own.display_name.to_lowercase().contains("[deprecated]") {
            out.push(Draft::new(
                code::CR025,
                Severity::Note,
                Subject::new(SubjectKind::Connector, &own.id, &own.display_name),
                cx.at_connector(&own.name),
                format!("the connector `{}` calls itself deprecated", cut(&own.display_name)),
                "ask its publisher what replaces it",
            ));
        }
    }
}
