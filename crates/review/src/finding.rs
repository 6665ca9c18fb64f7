//! What a check or an audit found.
use std::fmt;

use connref_solution::model::facts::{
    ConnectionFacts, ConnectorFacts, FlowFacts, PrincipalFacts, ReferenceFacts, VariableFacts,
};

/// A finding: one thing that is wrong or worth knowing, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Code; [`crate::explain`] has its page.
    pub code: &'static str,
    /// How bad.
    pub severity: Severity,
    /// What it is about.
    pub subject: Subject,
    /// What was found, one sentence.
    pub message: String,
    /// What it means here and what to do.
    pub help: String,
    /// A command line that repairs it, if one command does.
    pub fix: Option<String>,
    /// Where in the files, if it was found in files.
    pub location: Option<Location>,
    /// Why it is suppressed, if it is; a suppressed finding never fails a check.
    pub suppression: Option<String>,
}

impl Finding {
    /// A finding about a row, not about a file.
    pub(crate) fn new(
        code: &'static str,
        severity: Severity,
        subject: Subject,
        message: String,
        help: impl Into<String>,
    ) -> Self {
        let help = help.into();
        Self {
            code,
            severity,
            subject,
            message,
            help,
            fix: None,
            location: None,
            suppression: None,
        }
    }

    /// Adds the command that repairs it.
    pub(crate) fn fixed_by(mut self, command: String) -> Self {
        self.fix = Some(command);
        self
    }
}

/// A place in a file of a package, or in a file beside it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Location {
    /// Part of the archive with `/`, or the name of the file as it was given.
    pub part: String,
    /// JSON pointer or XML path; empty for the whole part.
    pub path: String,
    /// Line, from 1; 0 if it is not known.
    pub line: usize,
    /// Column in characters, from 1; 0 if it is not known.
    pub column: usize,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// Will hurt.
    Warning,
    /// Hurts.
    Error,
}

impl Severity {
    /// `error`, `warning` or `note`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a finding, a refusal or a line of a report is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// Kind.
    pub kind: SubjectKind,
    /// Row id; empty if it has none yet.
    pub id: Box<str>,
    /// The name people know.
    pub name: String,
}

/// Kind of a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SubjectKind {
    /// A connection.
    Connection,
    /// A connection reference.
    Reference,
    /// A flow.
    Flow,
    /// An environment variable.
    Variable,
    /// A connector.
    Connector,
    /// A solution.
    Solution,
    /// A user or a service principal.
    Principal,
    /// A canvas app.
    App,
    /// A deployment settings file.
    Settings,
}

impl SubjectKind {
    /// The word people know.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connection => "connection",
            Self::Reference => "connection reference",
            Self::Flow => "flow",
            Self::Variable => "environment variable",
            Self::Connector => "connector",
            Self::Solution => "solution",
            Self::Principal => "principal",
            Self::App => "canvas app",
            Self::Settings => "settings file",
        }
    }
}

impl Subject {
    /// A subject from its parts.
    pub fn new(kind: SubjectKind, id: impl fmt::Display, name: impl fmt::Display) -> Self {
        Self { kind, id: id.to_string().into(), name: name.to_string() }
    }

    pub(crate) fn connection(connection: &ConnectionFacts) -> Self {
        let name = if connection.display_name.is_empty() {
            connection.id.as_str()
        } else {
            &connection.display_name
        };
        Self::new(SubjectKind::Connection, &connection.id, name)
    }

    pub(crate) fn reference(reference: &ReferenceFacts) -> Self {
        Self::new(SubjectKind::Reference, &reference.id, &reference.logical_name)
    }

    pub(crate) fn flow(flow: &FlowFacts) -> Self {
        Self::new(SubjectKind::Flow, &flow.id, &flow.name)
    }

    pub(crate) fn principal(principal: &PrincipalFacts) -> Self {
        Self::new(SubjectKind::Principal, &principal.id, &principal.name)
    }

    pub(crate) fn variable(variable: &VariableFacts) -> Self {
        Self::new(SubjectKind::Variable, &variable.id, &variable.schema_name)
    }

    pub(crate) fn connector(connector: &ConnectorFacts) -> Self {
        Self::new(SubjectKind::Connector, &connector.id, &connector.display_name)
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}`", self.kind.as_str(), self.name)
    }
}
