//! A runbook in words: what somebody does, in order, to bring a package into an environment.
mod after;
mod before;
mod customer;
mod deploy;
mod json;
mod reference;

use connref_review::runbook::{Binding, Runbook, UserKind};
use connref_review::shell_argument;
use connref_solution::model::package::Managed;

use crate::page::{Line, Page, code, line};
use crate::render::clean;

pub(crate) use json::whole;

/// A runbook with what stands beside it.
#[derive(Debug)]
pub(crate) struct Told<'a> {
    /// What the deployment takes.
    pub(crate) book: &'a Runbook,
    /// The package's file, as commands name it.
    pub(crate) file: String,
    /// The folder that is to be packed into it, if it is not there yet.
    pub(crate) folder: Option<String>,
    /// The settings file, as commands name it.
    pub(crate) settings: String,
    /// A settings file to be filled in.
    pub(crate) template: String,
    /// Whether it goes to a customer.
    pub(crate) customer: bool,
}

/// Stands for the environment in every command.
const TARGET: &str = "TARGET";

/// An argument on one line.
fn arg(text: &str) -> String {
    shell_argument(clean(text))
}

fn many(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn kind(kind: UserKind) -> &'static str {
    match kind {
        UserKind::Flow => "flow",
        UserKind::App => "canvas app",
        UserKind::Agent => "agent",
    }
}

/// The page and the number of its next section.
#[derive(Debug)]
struct Writer<'a> {
    told: &'a Told<'a>,
    page: Page,
    section: usize,
}

impl Writer<'_> {
    fn section(&mut self, title: &str) {
        self.section += 1;
        self.page.heading(2, line(format!("{}. {title}", self.section)));
    }
}

/// Writes it.
pub(crate) fn page(told: &Told<'_>) -> Page {
    let solution = &told.book.solution;
    let name = match (solution.is_flow_package, solution.display_name.is_empty()) {
        (true, _) => &told.file,
        (false, true) => &solution.name,
        (false, false) => &solution.display_name,
    };
    let version =
        if solution.version.is_empty() { String::new() } else { format!(" {}", solution.version) };
    let mut writer =
        Writer { told, page: Page::new(format!("Runbook: {name}{version}")), section: 0 };
    writer.opening();
    writer.glance();
    writer.before();
    writer.references();
    if told.book.solution.is_flow_package {
        return writer.page;
    }
    writer.settings();
    writer.variables();
    writer.import();
    writer.flows();
    writer.after();
    if told.customer {
        writer.customer();
    }
    writer.page
}

impl Writer<'_> {
    fn opening(&mut self) {
        let told = self.told;
        let book = told.book;
        let solution = &book.solution;
        if solution.is_flow_package {
            self.page.text(line("This is an exported flow package, not a solution: it names connections directly, and no settings file can bind it. Make it a solution first, then write the runbook of that."));
            self.page.code("sh", format!("connref solution migrate {} --out solution.zip\nconnref solution runbook solution.zip", arg(&told.file)));
            return;
        }
        let managed = match solution.managed {
            Managed::Managed => "managed",
            Managed::Unmanaged => "unmanaged",
            Managed::Both => "managed and unmanaged",
        };
        let mut facts = line("Solution ").code(&solution.name).text(format!(", {managed}"));
        if !solution.publisher.is_empty() {
            facts = facts.text(format!(", by {}", solution.publisher));
        }
        let counts = [
            (book.references.len(), "connection reference"),
            (book.variables.len(), "environment variable"),
            (book.flows.len() + book.unreadable.len(), "cloud flow"),
            (book.connectors.len(), "custom connector"),
        ];
        let counts: Vec<String> =
            counts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| many(*n, what)).collect();
        if !counts.is_empty() {
            facts = facts.text(format!(": {}", counts.join(", ")));
        }
        self.page.text(facts.text("."));
        self.page.text(
            line("In the commands ").code(TARGET).text(" stands for the environment (its name, or an address such as ")
                .code("https://ORG.crm.dynamics.com").text("), ")
                .code("CONNECTION").text(" for a connection. What is marked “inferred” follows from names alone; “unknown” means that somebody has to look."),
        );
    }

    /// Every reference in one table.
    fn glance(&mut self) {
        let book = self.told.book;
        if book.references.is_empty() {
            return;
        }
        self.section("At a glance");
        let mut titles = vec!["REFERENCE", "CONNECTOR", "SIGN-IN", "SERVICE PRINCIPAL", "USED BY"];
        if book.has_settings {
            titles.push("SETTINGS");
        }
        let rows = book.references.iter().map(|one| {
            let mut row = vec![
                code(one.logical_name.as_str()),
                reference::connector(one),
                line(reference::kinds(&one.sign_in)),
                line(reference::answer(one.sign_in.principal)),
                line(reference::used(one)),
            ];
            if let Some(binding) = &one.binding {
                row.push(bound(binding));
            }
            row
        });
        self.page.table(titles, rows.collect());
    }
}

fn bound(binding: &Binding) -> Line {
    match binding {
        Binding::To(id) => line("bound to ").code(id),
        Binding::Empty => line("empty"),
        Binding::Absent => line("missing"),
    }
}

#[cfg(test)]
mod tests;
