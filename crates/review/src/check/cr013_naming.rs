//! CR013: names that break a rule, or a publisher that every environment has its own of.
use super::context::Context;
use super::draft::{Draft, XmlAt, reference_subject};
use super::text::cut;
use crate::catalogue::code;
use crate::finding::{Severity, Subject, SubjectKind};
use crate::policy::pattern::fits;

pub(super) fn check(cx: &Context<'_>, out: &mut Vec<Draft>) {
    if cx.source.legacy {
        return;
    }
    publisher(cx, out);
    let naming = &cx.options.naming;
    for reference in &cx.package.references {
        let (logical, shown) = (reference.logical_name.as_str(), reference.display_name.as_str());
        let mut say = |child: &'static str, message: String| {
            let at = cx.at_reference(reference, child);
            let help = "rename it before the first import: a logical name cannot change later";
            let subject = reference_subject(reference);
            out.push(Draft::new(code::CR013, Severity::Warning, subject, at, message, help));
        };
        if let Some(prefix) = &naming.prefix
            && !logical.to_lowercase().starts_with(&format!("{}_", prefix.to_lowercase()))
        {
            say("", format!("`{}` does not begin with `{prefix}_`", cut(logical)));
        }
        if let Some(pattern) = naming.logical_name.as_ref().filter(|p| !fits(p, logical)) {
            say("", format!("`{}` does not fit `{pattern}`", cut(logical)));
        }
        if let Some(pattern) = naming.display_name.as_ref().filter(|p| !fits(p, shown)) {
            let message = format!("the display name `{}` does not fit `{pattern}`", cut(shown));
            say("connectionreferencedisplayname", message);
        }
    }
}

fn publisher(cx: &Context<'_>, out: &mut Vec<Draft>) {
    let prefix = &cx.package.manifest.publisher.prefix;
    let package = cx.package;
    let named = cx.flows.len()
        + package.references.len()
        + package.variables.len()
        + package.connectors.len();
    if !default_prefix(prefix) || named == 0 {
        return;
    }
    let xml = XmlAt { element: "Publisher", key: None, nth: 0, child: Some("CustomizationPrefix") };
    out.push(Draft::new(
        code::CR013,
        Severity::Warning,
        Subject::new(SubjectKind::Solution, "", cx.source.name()),
        cx.at_manifest(xml),
        format!("the publisher's prefix `{}` is the one of a default publisher", cut(prefix)),
        "make a publisher of your own: names of a default one say nothing and may meet the same names elsewhere",
    ));
}

/// `new`, or `cr` and three hex digits, which the platform draws for each environment.
fn default_prefix(prefix: &str) -> bool {
    let key = prefix.trim().to_ascii_lowercase();
    let drawn = key
        .strip_prefix("cr")
        .is_some_and(|rest| rest.len() == 3 && rest.bytes().all(|b| b.is_ascii_hexdigit()));
    key == "new" || drawn
}
