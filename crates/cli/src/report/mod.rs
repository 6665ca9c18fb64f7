//! What a check found in all packages together, and how it is written down.
mod baseline;
mod fingerprint;
mod html;
mod junit;
mod place;
mod row;
mod sarif;
mod text;

use connref_review::{Finding, Severity};

use crate::exit::Failure;
use crate::render::{Format, Output};

pub(crate) use baseline::Baseline;
pub(crate) use fingerprint::fingerprints;
pub(crate) use html::escaped;
pub(crate) use place::shown;

/// The result of checking packages.
#[derive(Debug)]
pub(crate) struct Report {
    /// What was looked at.
    pub(crate) about: About,
    /// Packages that were checked, in the order they were found.
    pub(crate) packages: Vec<Checked>,
    /// What could not be read: path and reason.
    pub(crate) unreadable: Vec<(String, String)>,
    /// Whether findings were held against a former output.
    pub(crate) compared: bool,
}

/// What a report is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum About {
    /// Files.
    Packages,
    /// The facts of an environment.
    Environment,
    /// One solution in an environment.
    Solution,
}

impl About {
    /// The report's title.
    fn title(self) -> &'static str {
        match self {
            Self::Packages => "Solution check",
            Self::Environment => "Audit",
            Self::Solution => "Solution verify",
        }
    }

    /// The command that made it.
    fn command(self) -> &'static str {
        match self {
            Self::Packages => "connref solution check",
            Self::Environment => "connref audit",
            Self::Solution => "connref solution verify",
        }
    }
}

/// One package with its findings.
#[derive(Debug)]
pub(crate) struct Checked {
    /// Path, as reports show it.
    pub(crate) path: String,
    /// Whether it is a settings file, not a package.
    pub(crate) settings: bool,
    /// Unique name of the solution.
    pub(crate) name: String,
    /// The severity from which on a finding fails the check; `None`: never.
    pub(crate) threshold: Option<Severity>,
    /// Findings, by place.
    pub(crate) entries: Vec<Entry>,
}

/// A finding as reports show it.
#[derive(Debug)]
pub(crate) struct Entry {
    /// The finding.
    pub(crate) finding: Finding,
    /// File: the package's path and the part in it, or a settings file.
    pub(crate) file: String,
    /// Stays the same while the lines around it move.
    pub(crate) fingerprint: String,
    /// Whether a former output had it already.
    pub(crate) known: bool,
}

impl Entry {
    /// File, line and column as editors take them.
    fn place(&self) -> String {
        match self.finding.location.as_ref().map(|at| (at.line, at.column)) {
            None | Some((0, _)) => self.file.clone(),
            Some((line, 0)) => format!("{}:{line}", self.file),
            Some((line, column)) => format!("{}:{line}:{column}", self.file),
        }
    }
}

impl Checked {
    /// Whether a finding fails the check.
    fn fails(&self, entry: &Entry) -> bool {
        let severe = self.threshold.is_some_and(|least| entry.finding.severity >= least);
        severe && !entry.known && entry.finding.suppression.is_none()
    }
}

impl Report {
    /// Every finding with its package.
    fn entries(&self) -> impl Iterator<Item = (&Checked, &Entry)> {
        self.packages.iter().flat_map(|package| package.entries.iter().map(move |e| (package, e)))
    }

    /// Whether any finding fails the check.
    pub(crate) fn is_failed(&self) -> bool {
        self.entries().any(|(package, entry)| package.fails(entry))
    }

    /// Prints it in the format asked for.
    pub(crate) fn print(&self, output: Output) -> Result<(), Failure> {
        output.text(&self.text(output.format))
    }

    /// The report as a text.
    pub(crate) fn text(&self, format: Format) -> String {
        match format {
            Format::Table => text::report(self),
            Format::Sarif => sarif::report(self),
            Format::Junit => junit::report(self),
            Format::Html => html::report(self),
            Format::Json | Format::Ndjson | Format::Csv | Format::Md => {
                Output { format }.listed(row::COLUMNS, &row::rows(self))
            }
        }
    }

    /// How many findings of a severity are neither known nor suppressed.
    pub(crate) fn count(&self, severity: Severity) -> usize {
        let open = |e: &Entry| !e.known && e.finding.suppression.is_none();
        let entries = self.entries().map(|(_, entry)| entry);
        entries.filter(|e| open(e) && e.finding.severity == severity).count()
    }

    /// How many of each severity fail or would; what is suppressed or known is counted apart.
    fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for (_, entry) in self.entries() {
            let count = match (&entry.finding.suppression, entry.known) {
                (Some(_), _) => &mut counts.suppressed,
                (None, true) => &mut counts.known,
                (None, false) => match entry.finding.severity {
                    Severity::Error => &mut counts.errors,
                    Severity::Warning => &mut counts.warnings,
                    Severity::Note => &mut counts.notes,
                },
            };
            *count += 1;
        }
        counts
    }

    /// The result in one sentence.
    fn sentence(&self) -> String {
        let counts = self.counts();
        let many = |count: usize, what: &str| {
            format!("{count} {what}{}", if count == 1 { "" } else { "s" })
        };
        let mut words = vec![
            many(counts.errors, "error"),
            many(counts.warnings, "warning"),
            many(counts.notes, "note"),
        ];
        for (count, what) in [(counts.known, "known"), (counts.suppressed, "suppressed")] {
            if count > 0 {
                words.push(format!("{count} {what}"));
            }
        }
        let settings = self.packages.iter().filter(|package| package.settings).count();
        let packages = self.packages.len() - settings;
        let word = match self.about {
            About::Packages => "package",
            About::Environment => "environment",
            About::Solution => "solution",
        };
        let places: Vec<String> = [(packages, word), (settings, "settings file")]
            .into_iter()
            .filter(|(count, what)| *count > 0 || (*what == word && settings == 0))
            .map(|(count, what)| many(count, what))
            .collect();
        let mut sentence = format!("{} in {}", words.join(", "), places.join(" and "));
        if !self.unreadable.is_empty() {
            sentence += &format!("; {} could not be read", self.unreadable.len());
        }
        sentence
    }
}

#[derive(Default)]
struct Counts {
    errors: usize,
    warnings: usize,
    notes: usize,
    known: usize,
    suppressed: usize,
}

#[cfg(test)]
mod tests;
