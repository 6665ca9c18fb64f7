//! What a command did.
use serde_json::Value;

/// A command that ended.
#[derive(Clone, Debug)]
pub struct Ran {
    /// The command line, for messages.
    pub line: String,
    /// Exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Ran {
    /// Expects an exit code.
    ///
    /// # Panics
    /// With everything the command wrote, if it ended otherwise.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(
            self.code,
            Some(code),
            "`{}` ended with {:?} instead of {code}\nstdout: {}\nstderr: {}",
            self.line,
            self.code,
            self.stdout,
            self.stderr
        );
        self
    }

    /// Standard output as one JSON document.
    ///
    /// # Panics
    /// If it is none.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| {
            panic!("`{}` wrote no JSON: {error}\n{}\n{}", self.line, self.stdout, self.stderr)
        })
    }

    /// The line that tells the error, without its `error: `.
    ///
    /// # Panics
    /// If there is not exactly one.
    #[must_use]
    #[track_caller]
    pub fn error(&self) -> &str {
        let mut lines = self.stderr.lines().filter_map(|line| line.strip_prefix("error: "));
        let first =
            lines.next().unwrap_or_else(|| panic!("`{}` told no error: {self:?}", self.line));
        assert!(lines.next().is_none(), "`{}` told more than one error: {self:?}", self.line);
        first
    }

    /// The repair it offers.
    #[must_use]
    pub fn fix(&self) -> Option<&str> {
        self.stderr.lines().find_map(|line| line.trim_start().strip_prefix("fix: "))
    }
}
