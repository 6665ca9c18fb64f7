//! Custom connectors of a package, matched by logical name and never by the hash in the api name.
use std::collections::HashSet;

use connref_solution::model::ApiName;
use connref_solution::model::change_set::ConnectorChange;
use connref_solution::model::facts::{ConnectorFacts, Fidelity};
use connref_solution::model::package::PackageConnector;

use super::report::Word;
use super::{Draft, Import, ReportLine};
use crate::catalogue::code;
use crate::finding::{Finding, Severity, Subject, SubjectKind};
use crate::index::Index;
use crate::refusal::Refusal;

/// The changes of the package's connectors.
pub(super) fn changes(
    index: &Index<'_>,
    import: &Import<'_>,
    draft: &mut Draft,
) -> Vec<ConnectorChange> {
    let mut changes = Vec::new();
    for connector in &import.package.connectors {
        let existing = find(index, connector);
        let id = existing.map_or("", |c| c.id.as_str());
        let subject = Subject::new(SubjectKind::Connector, id, &connector.display_name);
        if existing.is_none() {
            together_check(index, import, connector, &subject, draft);
        }
        let word = if existing.is_some() { Word::Updated } else { Word::Created };
        draft.report.push(ReportLine::new(subject, word));
        changes.push(ConnectorChange {
            existing: existing.map(|c| c.id.clone()),
            connector: connector.clone(),
        });
    }
    absent_check(index, import, draft);
    changes
}

/// The environment's row for a connector of the package.
pub(super) fn find<'a>(
    index: &Index<'a>,
    connector: &PackageConnector,
) -> Option<&'a ConnectorFacts> {
    index
        .connector_named(&connector.logical_name())
        .or_else(|| index.connector(&bare_api_name(connector)))
}

/// The api name of a connector without the hash that each environment adds: `shared_` and the
/// encoded name in lower case, `_5F` as `-5f` (facts: formats, custom connectors).
pub(super) fn bare_api_name(connector: &PackageConnector) -> ApiName {
    ApiName::new(&format!("shared_{}", connector.name.to_lowercase().replace("_5f", "-5f")))
}

/// The package's references that use a connector of the package.
fn users<'p>(
    import: &'p Import<'_>,
    connector: &PackageConnector,
) -> impl Iterator<Item = &'p str> {
    let bare = bare_api_name(connector).without_hash();
    let id = connector.id.trim_matches(['{', '}']).to_lowercase();
    import
        .package
        .references
        .iter()
        .filter(move |r| {
            r.api_name.without_hash() == bare
                || (!id.is_empty()
                    && r.custom_connector_id
                        .as_ref()
                        .is_some_and(|c| c.trim_matches(['{', '}']).to_lowercase() == id))
        })
        .map(|r| r.logical_name.as_str())
}

/// The vendor's service wants a new connector imported in a solution of its own, before its users.
fn together_check(
    index: &Index<'_>,
    import: &Import<'_>,
    connector: &PackageConnector,
    subject: &Subject,
    draft: &mut Draft,
) {
    let users: Vec<_> = users(import, connector).collect();
    if users.is_empty() {
        return;
    }
    let help = "put the connector into a solution of its own and import that one first";
    if index.facts.environment.fidelity == Fidelity::Dataverse {
        let text = format!(
            "The custom connector '{}' is not installed; the connection reference(s) '{}' of the \
             same package need it.",
            connector.display_name,
            users.join(",")
        );
        draft
            .refusals
            .push(Refusal::new(code::MISSING_DEPENDENCY, 400, subject.clone(), text).fix(help));
    } else {
        draft.warnings.push(Finding {
            code: code::CR021,
            severity: Severity::Warning,
            subject: subject.clone(),
            message: format!(
                "custom connector `{}` travels with its users ({})",
                connector.display_name,
                users.join(", ")
            ),
            help: format!("here it works; elsewhere {help}"),
            fix: None,
            location: None,
            suppression: None,
        });
    }
}

/// References whose connector is neither here nor in the package: they stay unbound.
fn absent_check(index: &Index<'_>, import: &Import<'_>, draft: &mut Draft) {
    let coming: HashSet<&str> =
        import.package.connectors.iter().flat_map(|c| users(import, c)).collect();
    for reference in &import.package.references {
        let name = reference.logical_name.as_str();
        if coming.contains(name) || index.connector(&reference.api_name).is_some() {
            continue;
        }
        let subject = Subject::new(SubjectKind::Reference, "", name);
        let custom = reference.custom_connector_id.is_some()
            || reference.api_name.without_hash() != reference.api_name.key();
        if custom && index.facts.environment.fidelity == Fidelity::Dataverse {
            let text = format!(
                "The custom connector '{}' of connection reference '{name}' is not installed.",
                reference.api_name
            );
            draft.refusals.push(
                Refusal::new(code::MISSING_DEPENDENCY, 400, subject, text)
                    .fix("import the solution with the custom connector first"),
            );
        } else {
            draft.warnings.push(Finding {
                code: code::CR014,
                severity: Severity::Warning,
                subject,
                message: format!(
                    "connector `{}` of reference `{name}` does not exist here",
                    reference.api_name
                ),
                help: "the reference stays unbound and its flows off until the connector is here"
                    .into(),
                fix: None,
                location: None,
                suppression: None,
            });
        }
    }
}
