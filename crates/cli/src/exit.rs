//! Exit codes, and how a failure is told: what, why, and the command that fixes it.
use std::io::Write;
use std::process::ExitCode;

use connref_client::{Cause, ClientError, TransportError};

use crate::render::{clean, style};

/// Result of a command.
pub(crate) type Outcome = Result<Exit, Failure>;

/// How a command ended. The numbers are part of the interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done, nothing found.
    Clean = 0,
    /// Findings at or above the threshold, or a run that did not succeed.
    Findings = 1,
    /// Wrong use, or input that cannot be read.
    Usage = 2,
    /// No token, or one that is not valid.
    NotSignedIn = 3,
    /// Refused; nothing was written.
    Refused = 4,
    /// Something named does not exist.
    NotFound = 5,
    /// It is there already, is still used, or was changed meanwhile.
    Conflict = 6,
    /// Network, or the other side.
    Network = 7,
    /// Done in part.
    Partial = 8,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// A command that did not do what it was asked to.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    error: anyhow::Error,
    fix: Option<String>,
    /// Every reason of a refusal that has several: words and fix.
    reasons: Vec<(String, Option<String>)>,
}

impl Failure {
    /// A failure with its exit code.
    pub(crate) fn new(exit: Exit, error: impl Into<anyhow::Error>) -> Self {
        Self { exit, error: error.into(), fix: None, reasons: Vec::new() }
    }

    /// Wrong use, or input that cannot be read.
    pub(crate) fn usage(what: impl std::fmt::Display) -> Self {
        Self::new(Exit::Usage, anyhow::anyhow!("{what}"))
    }

    /// A refusal before anything was sent.
    pub(crate) fn refused(what: impl std::fmt::Display) -> Self {
        Self::new(Exit::Refused, anyhow::anyhow!("{what}"))
    }

    /// Something that does not exist.
    pub(crate) fn missing(what: impl std::fmt::Display) -> Self {
        Self::new(Exit::NotFound, anyhow::anyhow!("{what}"))
    }

    /// Adds the command that fixes it.
    pub(crate) fn fix(mut self, command: impl Into<String>) -> Self {
        self.fix = Some(command.into());
        self
    }

    /// Says what was attempted when the error does not.
    pub(crate) fn context(mut self, what: impl std::fmt::Display + Send + Sync + 'static) -> Self {
        self.error = self.error.context(what);
        self
    }

    /// What went wrong with its causes, in one line.
    pub(crate) fn line(&self) -> String {
        self.error.chain().map(ToString::to_string).collect::<Vec<_>>().join(": ")
    }

    /// What went wrong and why, in one line.
    pub(crate) fn reason(&self) -> String {
        let words: Vec<String> = self.error.chain().map(ToString::to_string).collect();
        words.join(": ")
    }

    /// Whether something named does not exist.
    pub(crate) fn is_missing(&self) -> bool {
        self.exit == Exit::NotFound
    }

    /// Tells it on stderr and answers the exit code. A dry run that reached its change is no
    /// failure, nor is a reader of stdout that went away.
    pub(crate) fn report(&self) -> Exit {
        if self.is_broken_pipe() {
            return Exit::Clean;
        }
        if let Some(unsent) = self.error.downcast_ref::<ClientError>().and_then(ClientError::unsent)
        {
            let mut out = anstream::stdout().lock();
            let body = unsent.body.as_ref().map(|body| format!("{body:#}\n")).unwrap_or_default();
            // Whoever reads stdout may be gone; there is nothing left to do then.
            let _ = write!(out, "would send {unsent}\n{body}");
            return Exit::Clean;
        }
        let mut text = style::bad("error");
        let mut last = String::new();
        // What is wrong with an input fits into one line, as linters have it; elsewhere the causes
        // are many and long.
        let (between, after) = match self.exit {
            Exit::Usage => (": ".to_owned(), ""),
            _ => (format!("  {} ", style::faint("caused by:")), "\n"),
        };
        for (depth, cause) in self.error.chain().enumerate() {
            let words = clean(&cause.to_string());
            if depth == 0 {
                text += &format!(": {words}{after}");
            } else if !last.ends_with(&words) {
                text += &format!("{between}{words}{after}");
            }
            last = words;
        }
        if after.is_empty() {
            text.push('\n');
        }
        for (reason, fix) in &self.reasons {
            text += &format!("  {} {}\n", style::bad("✕"), clean(reason));
            if let Some(fix) = fix {
                text += &format!("    {} {}\n", style::good("fix:"), clean(fix));
            }
        }
        if let Some(fix) = self.fix.as_ref().filter(|_| self.reasons.is_empty()) {
            text += &format!("{}: {}\n", style::good("fix"), clean(fix));
        }
        // Without stderr there is nobody to tell.
        let _ = anstream::stderr().write_all(text.as_bytes());
        self.exit
    }

    fn is_broken_pipe(&self) -> bool {
        self.error.chain().any(|cause| {
            cause
                .downcast_ref::<std::io::Error>()
                .is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
        })
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let exit = match &error.cause {
            // Another import runs; what the service says about rates has the same status.
            Cause::Refused { code, .. } if code == "0x80071151" => Exit::Conflict,
            // A row that others use; an upgrade that would remove one was judged, and says why.
            Cause::Refused { code, .. } if code == "0x8004f01f" && error.reasons().is_empty() => {
                Exit::Conflict
            }
            Cause::Refused { status, .. } => of_status(*status),
            Cause::Missing { .. } => Exit::NotFound,
            Cause::Transport(TransportError::Request(_)) => Exit::Usage,
            Cause::Transport(_) | Cause::Unreadable(_) => Exit::Network,
            Cause::Unsent(_) => Exit::Clean,
        };
        // What a server proposes for a missing token is about headers.
        let fix = match error.status() {
            Some(401) => known_fix(&error),
            _ => error.fix().map(str::to_owned).or_else(|| known_fix(&error)),
        };
        let reasons = match error.reasons() {
            [_, _, ..] => error
                .reasons()
                .iter()
                .map(|one| (format!("{} ({})", one.message, one.code), one.fix.clone()))
                .collect(),
            _ => Vec::new(),
        };
        Self { exit, error: error.into(), fix, reasons }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::new(Exit::Usage, error)
    }
}

/// What an HTTP status means for the shell.
fn of_status(status: u16) -> Exit {
    match status {
        401 => Exit::NotSignedIn,
        404 | 410 => Exit::NotFound,
        409 | 412 => Exit::Conflict,
        429 | 500 | 502..=599 => Exit::Network,
        _ => Exit::Refused,
    }
}

/// A fix for what every server can answer, when the server named none.
fn known_fix(error: &ClientError) -> Option<String> {
    match error.status()? {
        401 => {
            let fix = "connref auth create --environment URL, or set CONNREF_TOKEN";
            Some(fix.to_owned())
        }
        _ => error
            .reasons()
            .iter()
            .map(|one| one.code.as_str())
            .chain(error.code())
            .find(|code| connref_review::catalogue::explain(code).is_some())
            .map(|code| format!("connref explain {code}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_become_exit_codes() {
        let rows = [
            (400, Exit::Refused),
            (401, Exit::NotSignedIn),
            (403, Exit::Refused),
            (404, Exit::NotFound),
            (409, Exit::Conflict),
            (412, Exit::Conflict),
            (413, Exit::Refused),
            (429, Exit::Network),
            (500, Exit::Network),
            (501, Exit::Refused),
            (503, Exit::Network),
        ];
        for (status, exit) in rows {
            assert_eq!(of_status(status), exit, "{status}");
        }
    }

    #[test]
    fn a_reader_that_went_away_is_no_failure() {
        let pipe = std::io::Error::from(std::io::ErrorKind::BrokenPipe);
        assert_eq!(Failure::from(pipe).context("print").report(), Exit::Clean);
    }
}
