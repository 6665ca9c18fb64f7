//! What must be true before the import.
use connref_review::runbook::{DirectUse, Runbook, UserKind};

use super::{TARGET, Writer, arg, kind};
use crate::page::{Check, Line, code, line};

impl Writer<'_> {
    pub(super) fn before(&mut self) {
        let told = self.told;
        let book = told.book;
        let file = arg(&told.file);
        let mut checks: Vec<Check> = Vec::new();
        if let Some(folder) = &told.folder {
            let folder = arg(folder);
            checks.push(
                Check::from(line("Make the package of the unpacked solution")).below(code(
                    format!("connref solution pack --folder {folder} --zipfile {file}"),
                )),
            );
        }
        if !book.solution.is_flow_package {
            checks.push(
                Check::from(line("The package passes the checker"))
                    .below(code(format!("connref solution check {file} --production"))),
            );
        }
        checks.extend(needed(book));
        checks.extend(connectors(book));
        checks.extend(book.direct.iter().filter_map(|one| direct(one, &file)));
        for (name, reason) in &book.unreadable {
            checks.push(Check::from(
                line("Repair the flow ")
                    .strong(name)
                    .text(", which cannot be read: ")
                    .text(reason.as_str()),
            ));
        }
        for ring in &book.rings {
            checks.push(
                Check::from(
                    line("Break the ring of flows that call each other: ").text(ring.join(" → ")),
                )
                .below(line(
                    "A flow turns on only after the flows it calls; in a ring none can be first.",
                )),
            );
        }
        for flow in book.flows.iter().filter(|flow| flow.child_of_caller) {
            checks.push(
                Check::from(line("Set the run-only connections of ").strong(&flow.name).text(" to be provided by the flow"))
                    .below(line("It is called by another flow and asks for its caller's connections: turning the caller on ends with ").code("ChildFlowUnsupportedForInvokerConnections").text(".")),
            );
        }
        if !book.references.is_empty() {
            checks.push(
                Check::from(line("The account that imports may use every connection that is bound"))
                    .below(line("It owns the connection, or has it shared (a service principal that binds: “can use and share”): ").code(format!("connref connection share CONNECTION --with DEPLOYER --level use-and-share --environment {TARGET}")))
                    .below(line("A person's OAuth connection can be shared with a service principal only, not with another person.")),
            );
        }
        if !checks.is_empty() {
            self.section("Before the import");
            self.page.checks(checks);
        }
    }
}

fn needed(book: &Runbook) -> Vec<Check> {
    let mut by_solution: Vec<(&str, Vec<&str>)> = Vec::new();
    for one in &book.needed {
        match by_solution.iter_mut().find(|(name, _)| *name == one.solution) {
            Some((_, list)) => list.push(&one.what),
            None => by_solution.push((&one.solution, vec![&one.what])),
        }
    }
    let check = |(solution, list): (&str, Vec<&str>)| {
        let check = if solution.eq_ignore_ascii_case("Active") || solution.is_empty() {
            Check::from(line("Bring along what the package needs and no solution provides"))
        } else {
            Check::from(line("Import ").strong(solution).text(" first"))
        };
        const SHOWN: usize = 8;
        let mut line = line("Needed from it: ").codes(list.iter().take(SHOWN));
        if list.len() > SHOWN {
            line = line.text(format!(" and {} more", list.len() - SHOWN));
        }
        check.below(line)
    };
    by_solution.into_iter().map(check).collect()
}

fn connectors(book: &Runbook) -> Vec<Check> {
    let mut checks = Vec::new();
    for own in &book.connectors {
        let mut check = Check::from(
            line("Bring the custom connector ")
                .strong(&own.display_name)
                .text(" in, before its references are bound"),
        );
        if let Some(host) = &own.host {
            check = check.below(
                line("It calls ").code(host).text("; firewalls and data policies must allow that."),
            );
        }
        if !own.references.is_empty() {
            check = check.below(
                line("Used by ")
                    .codes(own.references.iter().map(|r| r.as_str()))
                    .text(". The platform wants it in an earlier solution: ")
                    .code("connref solution migrate … --split-connectors")
                    .text(" makes two."),
            );
        }
        if !own.variables.is_empty() {
            check = check.below(
                line("It reads ")
                    .codes(own.variables.iter().map(|v| v.as_str()))
                    .text(": set them before the first connection is made."),
            );
        }
        if own.oauth.iter().any(|o| !o.application || o.client_id.is_some()) {
            check = check.below(line("Enter its OAuth client secret again on its Security tab: it never travels in a package."));
        }
        checks.push(check);
    }
    let absent = book.references.iter().filter(|one| one.custom && one.connector_name.is_none());
    let mut names: Vec<String> = absent.map(|one| one.api_name.without_hash()).collect();
    names.dedup();
    for name in names {
        checks.push(
            Check::from(line("Import the solution that brings the custom connector ").code(name))
                .below(line("The package refers to it and does not hold it.")),
        );
    }
    checks
}

fn users(one: &DirectUse) -> Line {
    let mut text = Line::default();
    for (index, (what, name)) in one.users.iter().enumerate() {
        if index > 0 {
            text = text.text(", ");
        }
        text = text.text(format!("{} ", kind(*what))).strong(name);
    }
    text
}

/// A canvas app whose users bring their own connections needs nothing.
fn direct(one: &DirectUse, file: &str) -> Option<Check> {
    let api = one.api_name.without_hash();
    if let Some(name) = &one.reference {
        let text = line("The reference ")
            .code(name.as_str())
            .text(" must be there already: the package uses it and does not define it");
        return Some(Check::from(text).below(line("Used by ").append(users(one))));
    }
    if one.users.iter().all(|(kind, _)| *kind != UserKind::Flow) {
        return Some(
            Check::from(
                line("Know that each user signs in to ")
                    .code(api)
                    .text(" with a connection of their own"),
            )
            .below(
                line("In ")
                    .append(users(one))
                    .text(": it has no reference there, so there is nothing to bind."),
            ),
        );
    }
    let check = Check::from(
        line("Give the connection to ")
            .code(api)
            .text(" a reference: it is named directly, and no settings file reaches it"),
    );
    let check = check.below(line("In ").append(users(one)).text("."));
    Some(check.below(code(format!("connref solution migrate {file} --out migrated.zip"))))
}
