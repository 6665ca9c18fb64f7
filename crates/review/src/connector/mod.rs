//! Judgement over a connector's files: what is wrong with a definition before anybody makes it.
//!
//! One file per family of rules; each rule has a code (`CCnnn`) with a page in the catalogue.
mod definition;
mod policy;
mod read;
mod sign_in;

use connref_solution::connector::ConnectorPart;

use crate::catalogue::code;
use crate::finding::{Finding, Location, Severity, Subject, SubjectKind};
use read::Sources;

/// Findings of one code that are told; a definition with thousands of one kind is told once more
/// after each repair.
const MAX_OF_A_CODE: usize = 100;

/// A file, or a part of a solution, that holds a part of a connector.
#[derive(Clone, Copy, Debug)]
pub struct ConnectorFileText<'a> {
    /// What it holds; [`ConnectorPart::Properties`] for a whole `apiProperties.json`.
    pub part: ConnectorPart,
    /// Its name in findings.
    pub name: &'a str,
    /// Its bytes.
    pub bytes: &'a [u8],
}

/// Findings of a connector's files, by file, line and column. `name` is what the connector is called
/// where its definition has no title.
pub fn connector_check(name: &str, files: &[ConnectorFileText<'_>]) -> Vec<Finding> {
    let mut found =
        Found { subject: Subject::new(SubjectKind::Connector, "", name), list: Vec::new() };
    let sources = Sources::read(files, &mut found);
    if let Some(title) = sources.title() {
        found.subject.name = title;
        let subject = found.subject.clone();
        found.list.iter_mut().for_each(|finding| finding.subject = subject.clone());
    }
    definition::check(&sources, &mut found);
    sign_in::check(&sources, &mut found);
    policy::check(&sources, &mut found);
    let order: Vec<&str> = files.iter().map(|file| file.name).collect();
    found.list.sort_by_key(|finding| {
        let at = finding.location.as_ref();
        let file = at.and_then(|at| order.iter().position(|name| *name == at.part));
        (file, at.map(|at| (at.line, at.column)), finding.code)
    });
    found.list
}

/// Findings while they are collected.
struct Found {
    subject: Subject,
    list: Vec<Finding>,
}

impl Found {
    /// Adds a finding unless there are many of its code already. The place is looked up only then.
    fn add(
        &mut self,
        code: &'static str,
        severity: Severity,
        at: impl FnOnce() -> Location,
        message: impl Into<String>,
        help: &str,
    ) {
        if self.list.iter().filter(|f| f.code == code).count() >= MAX_OF_A_CODE {
            return;
        }
        self.list.push(Finding {
            code,
            severity,
            subject: self.subject.clone(),
            message: message.into(),
            help: help.to_owned(),
            fix: None,
            location: Some(at()),
            suppression: None,
        });
    }
}

/// A place without a line: the whole file.
fn whole(file: &str) -> Location {
    Location { part: file.to_owned(), ..Location::default() }
}

const UNREADABLE: &str = code::CC001;
