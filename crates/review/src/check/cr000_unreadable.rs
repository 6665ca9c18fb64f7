//! CR000: a flow whose body cannot be read.
use super::context::Context;
use super::draft::{At, Draft, Path};
use super::text::cut;
use crate::catalogue::code;
use crate::finding::{Severity, Subject, SubjectKind};

pub(super) fn check(cx: &Context<'_>, out: &mut Vec<Draft>) {
    for flow in &cx.source.broken {
        let path = if flow.line > 0 { Path::Line(flow.line, flow.column) } else { Path::Whole };
        out.push(Draft::new(
            code::CR000,
            Severity::Error,
            Subject::new(SubjectKind::Flow, &flow.id, &flow.name),
            At { part: flow.part.clone(), path },
            format!("`{}` cannot be read: {}", cut(&flow.name), cut(&flow.reason)),
            "export the solution again; the rest of the package was checked",
        ));
    }
}
