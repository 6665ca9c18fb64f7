//! What to look at when everything is in.
use super::{TARGET, Writer, arg};
use crate::page::{Check, code, line};

impl Writer<'_> {
    pub(super) fn after(&mut self) {
        let book = self.told.book;
        self.section("Check afterwards");
        let mut checks = Vec::new();
        if !book.references.is_empty() {
            checks.push(
                Check::from(line("Every reference is bound, and to the connection meant"))
                    .below(code(format!("connref ref list --environment {TARGET}"))),
            );
        }
        if !book.flows.is_empty() {
            checks.push(
                Check::from(line("Every flow that should run is on"))
                    .below(code(format!("connref flow list --environment {TARGET}"))),
            );
        }
        if !book.variables.is_empty() {
            checks.push(
                Check::from(line("Variables hold this environment's values; running flows may take up to an hour to see a change"))
                    .below(code(format!("connref variable list --environment {TARGET}"))),
            );
        }
        if let Some(flow) = book.flows.iter().rev().find(|flow| flow.on) {
            checks.push(
                Check::from(line(
                    "One run of each flow that people wait for succeeds, under the right identity",
                ))
                .below(code(format!("connref flow run {} --environment {TARGET}", arg(&flow.name))))
                .below(code(format!("connref run list --environment {TARGET}"))),
            );
        }
        if !book.references.is_empty() {
            checks.push(
                Check::from(line("No connection belongs to somebody who leaves"))
                    .below(code(format!("connref audit departed --environment {TARGET}"))),
            );
        }
        checks.push(Check::from(line(
            "This page, ticked, is filed with the release; date and name: ______",
        )));
        self.page.checks(checks);
    }
}
