//! CR000: a flow whose body cannot be read; a part of a connector that is no strict JSON.
use std::collections::BTreeSet;

use connref_solution::document::json::{Leniency, json_lenient};

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
    for part in cx.package.problems.iter().map(|p| p.part.as_str()).collect::<BTreeSet<_>>() {
        out.extend(lenient(cx, part));
    }
}

/// What was read all the same, told once for each part of a connector.
fn lenient(cx: &Context<'_>, part: &str) -> Option<Draft> {
    let folder = part.split('/').next()?.to_ascii_lowercase();
    if !matches!(folder.as_str(), "connector" | "connectors") {
        return None;
    }
    let bytes = cx.source.archive.bytes(part).ok()??;
    let (_, mut notes) = json_lenient(bytes).ok()?;
    // Files of the platform itself begin with one.
    notes.retain(|note| note.kind != Leniency::ByteOrderMark);
    let first = notes.first()?;
    let file = part.rsplit('/').next().unwrap_or(part);
    let name = file.rsplit_once('_').map_or(file, |(name, _)| name);
    let more = match notes.len() {
        1 => String::new(),
        many => format!(" (and {} more like it)", many - 1),
    };
    Some(Draft::new(
        code::CR000,
        Severity::Note,
        Subject::new(SubjectKind::Connector, "", name),
        At { part: part.to_owned(), path: Path::Line(first.line, first.column) },
        format!("`{}` is no strict JSON: {}{more}", cut(file), first.kind.as_str()),
        "it was read all the same; other tools may refuse it",
    ))
}
