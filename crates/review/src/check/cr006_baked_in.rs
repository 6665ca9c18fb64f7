//! CR006: the id of a connection of one environment lies in the package.
use connref_solution::document::json::JsonNode;

use super::context::{Context, Flow, escape};
use super::draft::{At, Draft, Path};
use super::text::{connection_id, cut};
use crate::catalogue::code;
use crate::finding::{Severity, Subject, SubjectKind};

const HELP: &str = "connection ids differ from one environment to another; use a connection reference, or an environment variable";
/// Places told of one flow at most.
const MAX: usize = 20;

pub(super) fn check(cx: &Context<'_>, out: &mut Vec<Draft>) {
    // A flow package names connections by design; CR001 has it.
    if cx.source.legacy {
        return;
    }
    for flow in &cx.flows {
        for entry in flow.entries() {
            let baked = entry.connection_name.as_deref().filter(|name| connection_id(name));
            if let Some(id) = baked {
                out.push(found(flow, flow.entry_pointer(&entry.key), id));
            }
        }
        let mut places = Vec::new();
        let definition = flow.source.tree.root().at(&format!("{}/definition", flow.base));
        // Few flows hold one anywhere.
        if let Some(definition) = definition.filter(|_| flow.source.tree.may_hold("/connections/"))
        {
            search(definition, &mut format!("{}/definition", flow.base), &mut places);
        }
        out.extend(places.into_iter().take(MAX).map(|(pointer, id)| found(flow, pointer, id)));
    }
    for problem in &cx.package.problems {
        if problem.message.contains("carries a connection (`") {
            out.push(Draft::new(
                code::CR006,
                Severity::Error,
                Subject::new(SubjectKind::Solution, "", cx.source.name()),
                At { part: problem.part.clone(), path: Path::Whole },
                format!("{} ({})", cut(&problem.message), cut(&problem.at)),
                HELP,
            ));
        }
    }
}

fn found(flow: &Flow<'_>, pointer: String, id: &str) -> Draft {
    Draft::new(
        code::CR006,
        Severity::Error,
        flow.subject(),
        flow.place(pointer),
        format!("`{}` holds the id of a connection: `{}`", cut(&flow.source.name), cut(id)),
        HELP,
    )
}

/// Finds `…/apis/shared_x/connections/<id>` in the texts of a definition. The depth is that of the
/// JSON, which is bounded. `at` is the pointer to the value; it comes back as it was.
fn search<'a>(value: JsonNode<'a>, at: &mut String, out: &mut Vec<(String, &'a str)>) {
    let length = at.len();
    if let Some(text) = value.as_str() {
        if let Some(id) = id_in(text) {
            out.push((at.clone(), id));
        }
    } else if let Some(items) = value.as_array() {
        for (index, item) in items.enumerate() {
            at.push_str(&format!("/{index}"));
            search(item, at, out);
            at.truncate(length);
        }
    } else if let Some(map) = value.as_object() {
        for (name, item) in map.iter() {
            at.push('/');
            at.push_str(&escape(name));
            search(item, at, out);
            at.truncate(length);
        }
    }
}

fn id_in(text: &str) -> Option<&str> {
    let at = text.find("/apis/shared_").or_else(|| text.find("/managedApis/"))?;
    let (_, rest) = text[at..].split_once("/connections/")?;
    let end =
        rest.find(|c: char| !c.is_alphanumeric() && c != '-' && c != '_').unwrap_or(rest.len());
    let id = &rest[..end];
    connection_id(id).then_some(id)
}
