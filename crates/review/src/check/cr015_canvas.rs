//! CR015: a canvas app reaches data without a reference.
use std::collections::BTreeSet;

use super::context::Context;
use super::draft::Draft;
use super::text::cut;
use crate::catalogue::code;
use crate::finding::{Severity, Subject, SubjectKind};

pub(super) fn check(cx: &Context<'_>, out: &mut Vec<Draft>) {
    for app in &cx.package.canvas_apps {
        // Flows that an app calls stand in the same list; they are no connection.
        let sources = app.sources.iter().filter(|s| {
            let api = s.api_name.key();
            !api.is_empty() && api != "shared_logicflows"
        });
        let (mut shared, mut own) = (BTreeSet::new(), BTreeSet::new());
        for source in sources {
            if source.implicitly_shared {
                shared.insert(cut(source.api_name.as_str()));
            } else if source.reference.is_none() {
                own.insert(cut(source.api_name.as_str()));
            }
        }
        let name = if app.display_name.is_empty() { &app.name } else { &app.display_name };
        let mut say = |severity, list: &BTreeSet<String>, what: &str, help: &str| {
            if list.is_empty() {
                return;
            }
            let list: Vec<_> = list.iter().map(|api| format!("`{api}`")).collect();
            let subject = Subject::new(SubjectKind::App, "", &app.name);
            let message = format!("`{}` {what} {}", cut(name), list.join(", "));
            out.push(Draft::new(
                code::CR015,
                severity,
                subject,
                cx.at_app(&app.name),
                message,
                help,
            ));
        };
        say(
            Severity::Warning,
            &shared,
            "shares its maker's connection with everyone who opens it:",
            "whoever may open the app can use the connection outside of it; use a connection reference and secure implicit connections",
        );
        say(
            Severity::Note,
            &own,
            "has no connection reference for",
            "each user brings a connection of their own; nothing to do if that is meant",
        );
    }
}
