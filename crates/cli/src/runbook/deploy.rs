//! Settings file, variables, the import itself, and the order of turning on.
use connref_review::runbook::{Binding, FlowStep, Shown, VariableFacts, VariableKind};

use super::{TARGET, Writer, arg};
use crate::page::{Check, Line, code, line};

impl Writer<'_> {
    pub(super) fn settings(&mut self) {
        let told = self.told;
        let book = told.book;
        if book.references.is_empty() && book.variables.is_empty() {
            return;
        }
        self.section("Deployment settings");
        if book.has_settings {
            let open =
                book.references.iter().filter(|r| !matches!(r.binding, Some(Binding::To(_))));
            let open: Vec<&str> = open.map(|r| r.logical_name.as_str()).collect();
            let empty = book.variables.iter().filter(|v| v.filled == Some(false));
            let empty: Vec<&str> = empty.map(|v| v.schema_name.as_str()).collect();
            self.page.text(
                line("The settings file ")
                    .code(&told.settings)
                    .text(" was held against the package."),
            );
            let mut checks = Vec::new();
            for (list, what) in
                [(open, "bind"), (empty, "give a value to, or leave to its default,")]
            {
                checks
                    .extend(list.iter().map(|name| {
                        Check::from(line(format!("In the file, {what} ")).code(*name))
                    }));
            }
            if checks.is_empty() {
                self.page.text(line("It leaves nothing open."));
            }
            self.page.checks(checks);
        } else {
            self.page.text(
                line("Fill in and keep beside the package as ").code(&told.settings)
                    .text(": one file per environment. An empty ").code("ConnectionId").text(" or ").code("Value")
                    .text(" leaves things as they are. A connection's id is the last part of its address, never ")
                    .code("shared_x/…").text("."),
            );
            self.page.code("json", told.template.as_str());
        }
        let (file, settings) = (arg(&told.file), arg(&told.settings));
        self.page.checks(vec![Check::from(
            line("The filled-in file is right: ")
                .code(format!("connref solution check {file} --settings-file {settings}")),
        )]);
    }

    pub(super) fn variables(&mut self) {
        let book = self.told.book;
        if book.variables.is_empty() {
            return;
        }
        self.section("Environment variables");
        let rows = book.variables.iter().map(row).collect();
        self.page
            .table(vec!["VARIABLE", "TYPE", "DEFAULT", "VALUE IN THE PACKAGE", "READ BY"], rows);
        self.page.checks(book.variables.iter().map(check).collect());
        self.page.code("sh", format!("connref variable set NAME VALUE --environment {TARGET}"));
    }

    pub(super) fn import(&mut self) {
        let told = self.told;
        self.section("Import");
        let (file, settings) = (arg(&told.file), arg(&told.settings));
        self.page.checks(vec![
            Check::from(line("Nobody else imports at the same time: one import runs per environment")),
            Check::from(line("Import with the settings file"))
                .below(line("New references stay unbound unless the file binds them; what is bound keeps its binding."))
                .below(line("Whoever imports becomes the owner of what is new.")),
        ]);
        let with = match told.book.references.is_empty() && told.book.variables.is_empty() {
            true => String::new(),
            false => format!(" --settings-file {settings}"),
        };
        self.page.text(line("With connref, or with the vendor's tool:"));
        self.page.code(
            "sh",
            format!("connref solution import --path {file}{with} --environment {TARGET}\npac solution import --path {file}{with} --environment {TARGET}"),
        );
    }

    pub(super) fn flows(&mut self) {
        let book = self.told.book;
        if book.flows.is_empty() {
            return;
        }
        self.section("Turn the flows on, in this order");
        let mut text = line(
            "What is called comes before what calls it. New flows whose references are all bound come on by themselves if they were on when exported; after an import by a service principal expect to do it here.",
        );
        if !book.rings.is_empty() {
            text = text.text(" Flows of a ring stand together, and none of them can be first: see “Before the import”.");
        }
        self.page.text(text);
        let steps = book.flows.iter().enumerate().map(|(index, flow)| step(index + 1, flow));
        self.page.checks(steps.collect());
        self.page.code("sh", format!("connref flow on FLOW --environment {TARGET}\nconnref flow why FLOW --environment {TARGET}    # says what keeps it off, and what repairs it"));
    }
}

fn type_name(variable: &VariableFacts) -> String {
    let name = match variable.kind {
        VariableKind::Text => "text".to_owned(),
        VariableKind::Number => "number".to_owned(),
        VariableKind::Boolean => "yes or no".to_owned(),
        VariableKind::Json => "JSON".to_owned(),
        VariableKind::DataSource => "data source".to_owned(),
        VariableKind::Secret => "secret".to_owned(),
        VariableKind::Other(number) => format!("type {number}"),
    };
    if variable.required { format!("{name}, required") } else { name }
}

fn shown(value: &Shown) -> Line {
    match value {
        Shown::Nothing => line("–"),
        Shown::Text(text) => code(text),
        Shown::Withheld => line("not shown: it may be a secret"),
    }
}

fn row(variable: &VariableFacts) -> Vec<Line> {
    let mut name = code(variable.schema_name.as_str());
    if !variable.display_name.is_empty() && variable.display_name != variable.schema_name.as_str() {
        name = name.text(format!(" {}", variable.display_name));
    }
    let readers: Vec<&str> = variable.used_by.iter().map(String::as_str).collect();
    let readers = match readers.is_empty() {
        true => "–".to_owned(),
        false => super::reference::shortened(&readers),
    };
    vec![
        name,
        line(type_name(variable)),
        shown(&variable.default),
        shown(&variable.value),
        line(readers),
    ]
}

fn check(variable: &VariableFacts) -> Check {
    let name = variable.schema_name.as_str();
    let mut check = match (variable.filled, variable.is_open()) {
        (Some(true), _) => Check::from(
            line("The settings file gives ")
                .code(name)
                .text(" a value; it is right for this environment"),
        ),
        (_, true) => Check::from(line("Set ").code(name).text(": it has no value and no default")),
        (_, false) => Check::from(line("Decide whether ").code(name).text(" keeps what it has")),
    };
    if !variable.description.is_empty() {
        check = check.below(line(&variable.description));
    }
    match variable.kind {
        VariableKind::Secret => {
            check = check
                .below(line("Form of the value: ").code("/subscriptions/SUBSCRIPTION/resourceGroups/GROUP/providers/Microsoft.KeyVault/vaults/VAULT/secrets/SECRET"))
                .below(line("Whoever sets it and the Dataverse service principal need the role “Key Vault Secrets User” on that vault, in the same tenant."));
        }
        VariableKind::DataSource => {
            if let Some((api, parameter)) = &variable.source {
                let mut text = line("Holds ").code(parameter).text(" of ").code(api.without_hash());
                if let Some(parent) = &variable.parent {
                    text = text.text("; set ").code(parent.as_str()).text(" first");
                }
                check = check.below(text.text("."));
            }
        }
        _ => {}
    }
    check
}

fn step(number: usize, flow: &FlowStep) -> Check {
    let state =
        if flow.on { "" } else { " (was off when exported: leave it off unless you mean it)" };
    let mut title = line(format!("{number}. ")).strong(&flow.name);
    if !flow.trigger.is_empty() {
        title = title.text(format!(", started by {}", flow.trigger));
    }
    let mut check = Check::from(title.text(state));
    if !flow.references.is_empty() {
        check =
            check.below(line("Needs bound: ").codes(flow.references.iter().map(|r| r.as_str())));
    }
    if !flow.calls.is_empty() {
        check = check.below(line(format!("Calls {}", flow.calls.join(", "))));
    }
    if !flow.calls_elsewhere.is_empty() {
        check = check.below(
            line("Calls flows that are not in the package and must be on already: ")
                .codes(&flow.calls_elsewhere),
        );
    }
    check
}
