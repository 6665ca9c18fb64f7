//! CR014: a custom connector that is not in the package, or whose hash is that of another
//! environment.
use connref_solution::model::package::PackageReference;

use super::connector;
use super::context::Context;
use super::draft::{Draft, reference_subject};
use super::text::cut;
use crate::catalogue::code;
use crate::finding::Severity;

/// Component type of a connector.
const CONNECTOR: &str = "372";

pub(super) fn check(cx: &Context<'_>, out: &mut Vec<Draft>) {
    for reference in &cx.package.references {
        let custom =
            reference.custom_connector_id.is_some() || connector::hashed(&reference.api_name);
        if custom && cx.connectors.of_reference(reference).is_none() {
            absent(cx, reference, out);
        }
    }
    for flow in &cx.flows {
        for entry in flow.entries() {
            let reference = entry.logical_name.as_ref().and_then(|name| cx.reference(name));
            let Some(reference) = reference else { continue };
            let (one, two) = (&entry.api_name, &reference.api_name);
            if one != two && connector::same(one, two) && connector::hashed(one) {
                out.push(Draft::new(
                    code::CR014,
                    Severity::Note,
                    flow.subject(),
                    flow.at_entry(&entry.key),
                    format!("`{}` names its connector with the hash of another environment (`{}`)", cut(&flow.source.name), cut(one.as_str())),
                    "nothing, if the import maps it by the connector's logical name; else save the flow once in the environment it comes from",
                ));
            }
        }
    }
}

fn absent(cx: &Context<'_>, reference: &PackageReference, out: &mut Vec<Draft>) {
    let beside = cx.all_connectors.of_reference(reference).is_some();
    let api = connector::base(&reference.api_name);
    // Its api name is its name with `-5f` for the escaped underscores of the schema name.
    let name = api.trim_start_matches("shared_");
    let (first, every) = (name.replacen("-5f", "_5f", 1), name.replace("-5f", "_5f"));
    let id = reference.custom_connector_id.as_deref();
    let declared = id.is_some_and(|id| cx.declared(CONNECTOR, id))
        || cx.declared(CONNECTOR, &first)
        || cx.declared(CONNECTOR, &every);
    let (severity, help) = if beside {
        (Severity::Note, "a package given beside it has the connector; import that one first")
    } else if declared {
        (
            Severity::Note,
            "the package declares it as a dependency; it must be in the environment before the import",
        )
    } else if depends_on_another(cx) {
        (
            Severity::Warning,
            "a solution that the package depends on may have it: check them together (`--with`)",
        )
    } else {
        (
            Severity::Error,
            "add the connector to a solution that is imported first, and check both together (`--with`)",
        )
    };
    out.push(Draft::new(
        code::CR014,
        severity,
        reference_subject(reference),
        cx.at_reference(reference, "connectorid"),
        format!(
            "`{}` needs the custom connector `{}`, which the package does not have",
            cut(reference.logical_name.as_str()),
            cut(&api)
        ),
        help,
    ));
}

/// Whether the package depends on a solution that somebody made; exports do not always list the
/// connectors that come from there.
fn depends_on_another(cx: &Context<'_>) -> bool {
    cx.package.manifest.missing_dependencies.iter().any(|d| {
        let name = d.solution.split(" (").next().unwrap_or_default().trim().to_ascii_lowercase();
        let vendor = ["active", "system", "msdyn", "microsoft", "mspcat", "appactions"];
        !name.is_empty() && !vendor.iter().any(|v| name.starts_with(v))
    })
}
