//! CA121: an unmanaged layer on top of what a managed solution brought: what updates bring below it
//! does not show. Binding a reference makes no layer.
use connref_solution::model::component::ComponentKind;
use connref_solution::model::facts::LayerFacts;

use super::{Cx, days};
use crate::catalogue::code;
use crate::finding::{Finding, Severity, Subject, SubjectKind};
use crate::fix;

pub(super) fn findings(cx: &Cx<'_>) -> Vec<Finding> {
    cx.facts().layers.iter().filter_map(|layer| finding(cx, layer)).collect()
}

fn finding(cx: &Cx<'_>, layer: &LayerFacts) -> Option<Finding> {
    let since = layer.unmanaged.filter(|_| !layer.managed.is_empty())?;
    let kind = match layer.component.kind {
        ComponentKind::Flow => SubjectKind::Flow,
        ComponentKind::Reference => SubjectKind::Reference,
        ComponentKind::Variable => SubjectKind::Variable,
        ComponentKind::Connector => SubjectKind::Connector,
    };
    let name = &layer.component.name;
    let subject = Subject::new(kind, &layer.component.id, name);
    let message = format!("{subject} has an unmanaged layer that hides what updates bring");
    let help = format!(
        "it was changed here by hand {} ago, and that change wins over every version of its solution",
        days(cx.since(since))
    );
    let finding = Finding::new(code::CA121, Severity::Warning, subject, message, help);
    // A custom connector's own layer is taken away with its solution only.
    Some(match layer.component.kind {
        ComponentKind::Connector => finding,
        kind => finding.fixed_by(format!(
            "connref layer remove {} {} --env {}",
            kind.as_str(),
            fix::arg(name),
            fix::arg(&cx.facts().environment.name)
        )),
    })
}
