//! CR021: a custom connector and its users in one package.
use std::collections::HashMap;

use connref_solution::model::package::{PackageConnector, PackageReference};

use super::context::{Context, Flow};
use super::draft::Draft;
use super::text::cut;
use crate::catalogue::code;
use crate::finding::{Severity, Subject, SubjectKind};

pub(super) fn check(cx: &Context<'_>, out: &mut Vec<Draft>) {
    let mut users: HashMap<*const PackageConnector, &PackageReference> = HashMap::new();
    for reference in &cx.package.references {
        if let Some(own) = cx.connectors.of_reference(reference) {
            users.entry(std::ptr::from_ref(own)).or_insert(reference);
        }
    }
    let mut flows: HashMap<*const PackageConnector, &Flow<'_>> = HashMap::new();
    for flow in &cx.flows {
        for own in flow.entries().iter().filter_map(|e| cx.connectors.of_entry(e)) {
            flows.entry(std::ptr::from_ref(own)).or_insert(flow);
        }
    }
    for own in &cx.package.connectors {
        let (user, flow) =
            (users.get(&std::ptr::from_ref(own)), flows.get(&std::ptr::from_ref(own)));
        let user = match (user, flow) {
            (Some(reference), _) => {
                format!("the reference `{}`", cut(reference.logical_name.as_str()))
            }
            (None, Some(flow)) => format!("the flow `{}`", cut(&flow.source.name)),
            (None, None) => continue,
        };
        out.push(Draft::new(
            code::CR021,
            Severity::Warning,
            Subject::new(SubjectKind::Connector, &own.id, &own.display_name),
            cx.at_connector(&own.name),
            format!("the custom connector `{}` travels together with what uses it ({user})", cut(&own.display_name)),
            "a connection can be made only once the connector is there: put it into a solution of its own and import that one first",
        ));
    }
}
