//! CA117: a variable without any value: neither one of this environment, nor one that came with a
//! package, nor a default.
use std::collections::HashMap;

use super::{Cx, names};
use crate::catalogue::code;
use crate::finding::{Finding, Severity, Subject, SubjectKind};
use crate::fix;

pub(super) fn findings(cx: &Cx<'_>) -> Vec<Finding> {
    let mut readers: HashMap<_, Vec<&str>> = HashMap::new();
    for flow in &cx.facts().flows {
        for variable in &flow.variables {
            readers.entry(variable).or_default().push(&flow.name);
        }
    }
    let set = |value: &Option<String>| value.as_deref().is_some_and(|text| !text.is_empty());
    let missing = readers.keys().filter(|name| cx.index.variable(name).is_none());
    let mut missing: Vec<_> = missing.copied().collect();
    missing.sort();
    let missing = missing.into_iter().map(|name| {
        let subject = Subject::new(SubjectKind::Variable, "", name);
        let message = format!("environment variable `{name}` does not exist here");
        let help = format!("read by {}", names(readers[name].iter().copied()));
        Finding::new(code::CA117, Severity::Warning, subject, message, help)
    });
    let empty = cx.facts().variables.iter().filter(|v| !set(&v.value) && !set(&v.default_value));
    empty
        .map(|variable| {
            let message =
                format!("environment variable `{}` has no value at all", variable.schema_name);
            let help = match readers.get(&variable.schema_name) {
                Some(flows) => format!("read by {}", names(flows.iter().copied())),
                None => "no flow reads it; apps may".to_owned(),
            };
            Finding::new(code::CA117, Severity::Warning, Subject::variable(variable), message, help)
                .fixed_by(fix::variable_set(cx.facts(), &variable.schema_name))
        })
        .chain(missing)
        .collect()
}
