//! CR017: a connector through which no service principal can go.
use std::collections::HashSet;

use super::connector;
use super::context::Context;
use super::draft::{Draft, reference_subject};
use super::text::cut;
use crate::catalogue::code;
use crate::finding::Severity;

pub(super) fn check(cx: &Context<'_>, out: &mut Vec<Draft>) {
    if !cx.options.production {
        return;
    }
    let mut seen = HashSet::new();
    for reference in &cx.package.references {
        let custom = cx.all_connectors.of_reference(reference);
        let people = match custom {
            Some(custom) => connector::custom_people_only(custom) == Some(true),
            None => connector::people_only(&reference.api_name),
        };
        if people && seen.insert(reference.logical_name.key()) {
            out.push(Draft::new(
                code::CR017,
                Severity::Note,
                reference_subject(reference),
                cx.at_reference(reference, "connectorid"),
                format!("`{}` can only be bound to a person's connection: `{}` has no sign-in for a service principal", cut(reference.logical_name.as_str()), cut(reference.api_name.as_str())),
                "bind it to a service account, and plan what happens when its password or its owner goes",
            ));
        }
    }
}
