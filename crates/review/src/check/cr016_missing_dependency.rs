//! CR016: the package depends on something that only its source environment has.
use std::collections::HashSet;

use connref_solution::model::package::MissingDependency;

use super::context::Context;
use super::draft::{Draft, XmlAt};
use super::text::cut;
use crate::catalogue::code;
use crate::finding::{Severity, Subject, SubjectKind};

pub(super) fn check(cx: &Context<'_>, out: &mut Vec<Draft>) {
    let mut seen = HashSet::new();
    let all = cx.package.manifest.missing_dependencies.iter().enumerate();
    for (index, dependency) in all.filter(|(_, d)| d.solution.trim().eq_ignore_ascii_case("Active"))
    {
        let key = (dependency.required_type.to_lowercase(), dependency.required.to_lowercase());
        if !seen.insert(key) || cx.own.has(&dependency.required_type, &dependency.required) {
            continue;
        }
        let beside = cx.beside.has(&dependency.required_type, &dependency.required);
        let (severity, help) = if beside {
            (Severity::Note, "a package given beside it provides it; import that one first")
        } else if whole(dependency) {
            (
                Severity::Error,
                "it lies in no solution but in the unmanaged layer of the source environment: add it to this solution or to one that is imported first",
            )
        } else {
            (
                Severity::Warning,
                "it is part of a component that was changed outside any solution; add that component to a solution",
            )
        };
        let xml =
            XmlAt { element: "MissingDependency", key: None, nth: index, child: Some("Required") };
        out.push(Draft::new(
            code::CR016,
            severity,
            Subject::new(SubjectKind::Solution, "", cx.source.name()),
            cx.at_manifest(xml),
            format!(
                "`{}` needs the {} `{}`, which no solution provides",
                cut(&dependency.dependent),
                kind(dependency),
                cut(&dependency.required)
            ),
            help,
        ));
    }
}

/// Components that stand for themselves: without them the import is refused. Parts of a table
/// (columns, forms, views) come with the table and are often the platform's own.
fn whole(dependency: &MissingDependency) -> bool {
    match dependency.required_type.parse::<u32>() {
        Ok(kind) => matches!(kind, 1 | 9 | 20 | 29 | 61 | 66 | 80 | 91 | 300 | 372 | 380 | 401),
        Err(_) => true,
    }
}

fn kind(dependency: &MissingDependency) -> String {
    let name = match dependency.required_type.to_ascii_lowercase().as_str() {
        "1" => "table",
        "2" => "column",
        "9" => "choice",
        "20" => "role",
        "29" => "flow or process",
        "61" => "web resource",
        "66" => "custom control",
        "80" => "model-driven app",
        "300" => "canvas app",
        "372" => "custom connector",
        "380" | "environmentvariabledefinition" => "environment variable",
        "connectionreference" => "connection reference",
        other => return format!("component (type {})", cut(other)),
    };
    name.to_owned()
}
