//! CR018: a reference without connector or name, or one name twice.
use std::collections::HashMap;

use connref_solution::model::id::is_guid;

use super::context::Context;
use super::draft::{Draft, XmlAt, reference_subject};
use super::text::cut;
use crate::catalogue::code;
use crate::finding::{Severity, Subject, SubjectKind};

pub(super) fn check(cx: &Context<'_>, out: &mut Vec<Draft>) {
    let mut seen: HashMap<String, usize> = HashMap::new();
    for reference in &cx.package.references {
        let name = cut(reference.logical_name.as_str());
        let mut say = |at, message: String, help: &str| {
            let subject = reference_subject(reference);
            out.push(Draft::new(code::CR018, Severity::Error, subject, at, message, help));
        };
        let api = reference.api_name.as_str();
        if api.is_empty() || is_guid(api) {
            let help = "set `connectorid` to `/providers/Microsoft.PowerApps/apis/` and the connector's name";
            say(
                cx.at_reference(reference, "connectorid"),
                format!("the connection reference `{name}` names no connector"),
                help,
            );
        }
        let times = seen.entry(reference.logical_name.key()).or_default();
        if *times > 0 {
            let at = cx.at_customizations(XmlAt {
                element: "connectionreference",
                key: Some((
                    "connectionreferencelogicalname",
                    reference.logical_name.as_str().to_owned(),
                )),
                nth: *times,
                child: None,
            });
            say(
                at,
                format!("the connection reference `{name}` is defined twice"),
                "keep one of them",
            );
        }
        *times += 1;
    }
    for problem in &cx.package.problems {
        if problem.message == "a connection reference has no logical name" {
            out.push(Draft::new(
                code::CR018,
                Severity::Error,
                Subject::new(SubjectKind::Solution, "", cx.source.name()),
                cx.at_customizations(XmlAt {
                    element: "connectionreference",
                    key: Some(("connectionreferencelogicalname", String::new())),
                    nth: 0,
                    child: None,
                }),
                "a connection reference has no logical name",
                "remove it, or give it a name",
            ));
        }
    }
}
