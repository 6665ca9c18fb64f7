//! CR010: a secret kept in a plain variable.
use connref_solution::model::package::PackageVariable;

use super::context::Context;
use super::draft::Draft;
use super::text::{
    connection_string, cut, key_in_address, placeholder, secret_like, secret_name, vault_path,
};
use crate::catalogue::code;
use crate::finding::{Severity, Subject, SubjectKind};

const STRING: i64 = 100_000_000;
const JSON: i64 = 100_000_003;
const SECRET: i64 = 100_000_005;

pub(super) fn check(cx: &Context<'_>, out: &mut Vec<Draft>) {
    for variable in &cx.package.variables {
        let Some((severity, in_value, what)) = judge(variable) else { continue };
        let name = &variable.schema_name;
        out.push(Draft::new(
            code::CR010,
            severity,
            Subject::new(SubjectKind::Variable, "", name),
            cx.at_variable(name.as_str(), in_value),
            format!("the environment variable `{}` {what}", cut(name.as_str())),
            "make it a variable of type Secret whose value is the path of a secret in a vault; revoke what was written in plain text",
        ));
    }
}

fn judge(variable: &PackageVariable) -> Option<(Severity, bool, &'static str)> {
    let texts = [(true, variable.value.as_deref()), (false, variable.default_value.as_deref())];
    let texts = texts.into_iter().filter_map(|(value, text)| Some((value, text?)));
    match variable.kind {
        SECRET => texts
            .filter(|(_, text)| !text.trim().is_empty() && !placeholder(text) && !vault_path(text))
            .map(|(value, _)| {
                (Severity::Error, value, "is a secret, but what it holds is no path into a vault")
            })
            .next(),
        STRING | JSON => {
            let named =
                secret_name(variable.schema_name.as_str()) || secret_name(&variable.display_name);
            let mut texts = texts.filter(|(_, text)| !vault_path(text));
            let held = texts.find(|(_, text)| {
                (named && secret_like(text))
                    || connection_string(text).is_some()
                    || key_in_address(text).is_some()
            });
            match held {
                Some((value, _)) => {
                    Some((Severity::Error, value, "is plain text and holds a secret"))
                }
                // The value set in the environment will be as readable as this one.
                None if named && variable.kind == STRING && !holds_path(variable) => Some((
                    Severity::Warning,
                    false,
                    "is plain text and named as if it kept a secret",
                )),
                None => None,
            }
        }
        _ => None,
    }
}

fn holds_path(variable: &PackageVariable) -> bool {
    [&variable.value, &variable.default_value].into_iter().flatten().any(|text| vault_path(text))
}
