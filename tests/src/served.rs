//! `connref server run` as a process of its own.
use std::io::Read;
use std::path::Path;
use std::process::Child;

use serde_json::Value;

use crate::Home;
use crate::http::{self, Answer};

/// A running server; ends when dropped.
pub struct Served {
    child: Child,
    /// Port it listens on.
    pub port: u16,
    /// The token it told.
    pub token: String,
    /// What it told at its start.
    pub told: Value,
}

impl Served {
    /// Starts it on a free port.
    ///
    /// # Panics
    /// If it does not tell where it listens.
    #[must_use]
    #[track_caller]
    pub fn start(home: &Home) -> Self {
        Self::start_with(home, &[], None)
    }

    /// Starts it with more arguments.
    ///
    /// # Panics
    /// If it does not tell where it listens.
    #[must_use]
    #[track_caller]
    pub fn start_as(home: &Home, more: &[&str]) -> Self {
        Self::start_with(home, more, None)
    }

    /// Starts it with a log of everything in a file.
    ///
    /// # Panics
    /// If the file cannot be made, or it does not tell where it listens.
    #[must_use]
    #[track_caller]
    pub fn start_logged(home: &Home, log: &Path) -> Self {
        Self::start_with(home, &[], Some(log))
    }

    #[track_caller]
    fn start_with(home: &Home, more: &[&str], log: Option<&Path>) -> Self {
        let mut command = home.command(["server", "run", "--port", "0", "-o", "json"]);
        command.args(more);
        command.stderr(std::process::Stdio::null());
        if let Some(log) = log {
            let file = std::fs::File::create(log).expect("a log can be made");
            command.env("CONNREF_LOG", "trace").stderr(file);
        }
        let mut child = command.spawn().expect("the program can be started");
        let mut output = child.stdout.take().expect("stdout was asked for");
        let mut text = Vec::new();
        let mut piece = [0; 4096];
        let told: Value = loop {
            let read = output.read(&mut piece).expect("the server's output can be read");
            let logged =
                || log.and_then(|log| std::fs::read_to_string(log).ok()).unwrap_or_default();
            let last = |text: String| text.lines().rev().take(5).collect::<Vec<_>>().join("\n");
            assert!(read > 0, "the server ended: {}", last(logged()));
            text.extend_from_slice(&piece[..read]);
            if let Ok(told) = serde_json::from_slice(&text) {
                break told;
            }
        };
        let port = told["listening"].as_str().and_then(|at| at.rsplit(':').next()?.parse().ok());
        Self {
            child,
            port: port.unwrap_or_else(|| panic!("no port in {told}")),
            token: told["token"].as_str().unwrap_or_default().to_owned(),
            told,
        }
    }

    /// The host name of an environment.
    #[must_use]
    pub fn host(&self, env: &str) -> String {
        format!("{env}.localhost:{}", self.port)
    }

    /// The address of an environment.
    #[must_use]
    pub fn url(&self, env: &str) -> String {
        format!("http://{}", self.host(env))
    }

    /// Asks the Web API of an environment with the token.
    #[must_use]
    #[track_caller]
    pub fn ask(&self, env: &str, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let bearer = format!("Bearer {}", self.token);
        http::send(self.port, &self.host(env), method, path, &[("authorization", &bearer)], body)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended already; either way it is waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
