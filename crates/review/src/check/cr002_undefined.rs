//! CR002: a flow uses a reference that the package does not define.
use std::collections::HashSet;

use super::context::Context;
use super::draft::Draft;
use super::text::cut;
use crate::catalogue::code;
use crate::finding::Severity;

pub(super) fn check(cx: &Context<'_>, out: &mut Vec<Draft>) {
    for flow in &cx.flows {
        let mut seen = HashSet::new();
        for entry in flow.entries() {
            let Some(name) = &entry.logical_name else { continue };
            if cx.reference(name).is_some() || !seen.insert(name) {
                continue;
            }
            let declared = cx.declared("connectionreference", name.as_str());
            let (severity, help) = if cx.beside.reference(name.as_str()) {
                (
                    Severity::Note,
                    "a package given beside it defines the reference; import that one first",
                )
            } else if declared {
                (
                    Severity::Note,
                    "the package declares it as a dependency; it must be in the environment before the import",
                )
            } else {
                (
                    Severity::Error,
                    "add the reference to the solution, or check it together with the solution that has it (`--with`)",
                )
            };
            out.push(Draft::new(
                code::CR002,
                severity,
                flow.subject(),
                flow.at_entry(&entry.key),
                format!(
                    "`{}` uses the connection reference `{}`, which the package does not define",
                    cut(&flow.source.name),
                    cut(name.as_str())
                ),
                help,
            ));
        }
    }
}
