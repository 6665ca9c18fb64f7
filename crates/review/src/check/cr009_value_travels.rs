//! CR009: the value of a variable travels in the package.
use super::context::Context;
use super::draft::Draft;
use super::text::cut;
use crate::catalogue::code;
use crate::finding::{Severity, Subject, SubjectKind};

pub(super) fn check(cx: &Context<'_>, out: &mut Vec<Draft>) {
    for variable in &cx.package.variables {
        if variable.value.as_deref().is_none_or(str::is_empty) {
            continue;
        }
        let name = &variable.schema_name;
        let help = if cx.managed() {
            "every environment that sets no value of its own gets this one; remove the value before the export"
        } else {
            "the import writes it into the target; remove the value before the export, and set it there"
        };
        out.push(Draft::new(
            code::CR009,
            Severity::Warning,
            Subject::new(SubjectKind::Variable, "", name),
            cx.at_variable(name.as_str(), true),
            format!("the value of `{}` travels in the package", cut(name.as_str())),
            help,
        ));
    }
}
