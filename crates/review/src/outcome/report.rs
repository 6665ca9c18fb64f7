//! The lines of an import's report.
use std::fmt;

use connref_solution::model::package::Manifest;

use crate::finding::{Subject, SubjectKind};

/// What happens to one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportLine {
    /// Which.
    pub subject: Subject,
    /// What happens.
    pub word: Word,
    /// Details: the connection, the reason.
    pub detail: Option<String>,
}

/// What happens to a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// New.
    Created,
    /// There already, definition updated.
    Updated,
    /// Nothing changes.
    Kept,
    /// A reference gets its first binding.
    Bound,
    /// A reference gets another binding.
    Rebound,
    /// A reference keeps its binding.
    KeptBinding,
    /// A reference has no binding.
    Unbound,
    /// A variable gets a value for this environment.
    ValueSet,
    /// A variable keeps this environment's value.
    ValueKept,
    /// A variable has the value that travelled with the package, as its base.
    BaseValue,
    /// A variable has its default only.
    DefaultValue,
    /// A variable has no value.
    NoValue,
    /// A new flow is turned on.
    TurnedOn,
    /// A flow stays on.
    StaysOn,
    /// A flow is off although it was exported on.
    StaysOff,
    /// A flow is off, as exported or as it was.
    Off,
    /// A flow stays suspended.
    Suspended,
    /// A workflow that is no cloud flow is carried as it is.
    Carried,
    /// What the package brings does not show: a layer above hides it.
    Hidden,
    /// It goes.
    Removed,
    /// It leaves the solution; another one holds it.
    LeftToAnother,
    /// It leaves the solution and stays, because something that stays uses it.
    StillUsed,
}

impl Word {
    /// The words for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Kept => "kept",
            Self::Bound => "bound",
            Self::Rebound => "rebound",
            Self::KeptBinding => "keeps its binding",
            Self::Unbound => "unbound",
            Self::ValueSet => "value set",
            Self::ValueKept => "value kept",
            Self::BaseValue => "base value",
            Self::DefaultValue => "default value",
            Self::NoValue => "no value",
            Self::TurnedOn => "turned on",
            Self::StaysOn => "stays on",
            Self::StaysOff => "stays off",
            Self::Off => "off",
            Self::Suspended => "suspended",
            Self::Carried => "carried",
            Self::Hidden => "update hidden",
            Self::Removed => "removed",
            Self::LeftToAnother => "left to another solution",
            Self::StillUsed => "stays, still used",
        }
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl ReportLine {
    pub(super) fn new(subject: Subject, word: Word) -> Self {
        Self { subject, word, detail: None }
    }

    pub(super) fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }
}

impl fmt::Display for ReportLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.subject, self.word)?;
        self.detail.as_ref().map_or(Ok(()), |d| write!(f, " ({d})"))
    }
}

pub(super) fn solution_kept(manifest: &Manifest) -> ReportLine {
    let subject = Subject::new(SubjectKind::Solution, "", &manifest.unique_name);
    ReportLine::new(subject, Word::Kept).detail("the same or a higher version is installed")
}
