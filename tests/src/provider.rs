//! A real authorization server on loopback, run by Node.
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::Value;

/// Names the folder `node_modules` that holds the packages of `tests/providers`.
pub const MODULES: &str = "CONNREF_TEST_NODE_MODULES";

/// A running server; ends when dropped.
pub struct Provider {
    child: Child,
    /// Kept open: a server that writes to a closed pipe ends.
    _output: BufReader<ChildStdout>,
    /// Its issuer: the address it listens at.
    pub issuer: String,
}

impl Provider {
    /// Starts it; none, with a line that says so, where its packages are not installed.
    /// `certificate` is the public key of the client `service-3`, as a JSON Web Key.
    ///
    /// # Panics
    /// If it is installed and does not start.
    #[must_use]
    pub fn start(certificate: Option<&str>) -> Option<Self> {
        Self::run("providers/provider.mjs", certificate)
    }

    /// Starts one that gives out signed access tokens, for whatever audience they are wanted.
    ///
    /// # Panics
    /// If it is installed and does not start.
    #[must_use]
    pub fn issuer() -> Option<Self> {
        Self::run("providers/issuer.mjs", None)
    }

    #[expect(clippy::print_stderr, reason = "says what was not run")]
    fn run(script: &str, certificate: Option<&str>) -> Option<Self> {
        let Some(modules) = std::env::var_os(MODULES) else {
            eprintln!("not run against a real authorization server: {MODULES} is not set");
            return None;
        };
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(script);
        let mut command = Command::new("node");
        command.arg(script).arg(modules).stdin(Stdio::piped()).stdout(Stdio::piped());
        command.stderr(Stdio::null());
        if let Some(key) = certificate {
            command.env("CLIENT_KEY", key);
        }
        let mut child = command.spawn().expect("node can be started");
        let output = child.stdout.take().expect("stdout was asked for");
        let mut line = String::new();
        let mut output = BufReader::new(output);
        output.read_line(&mut line).expect("the server's output can be read");
        let told: Value = serde_json::from_str(&line).expect("the server tells its issuer");
        let issuer = told["issuer"].as_str().expect("an issuer").to_owned();
        Some(Self { child, _output: output, issuer })
    }

    /// The address for an environment's allow-list.
    #[must_use]
    pub fn allow(&self) -> String {
        self.issuer.trim_start_matches("http://").to_owned()
    }

    /// How often a grant was answered; `refused` counts what was not.
    ///
    /// # Panics
    /// If it does not answer.
    #[must_use]
    #[track_caller]
    pub fn count(&self, grant: &str) -> u64 {
        self.ask("GET", "/-/counts", None)[grant].as_u64().unwrap_or(0)
    }

    /// Asks for what the script offers beside the server.
    ///
    /// # Panics
    /// If it does not answer.
    #[must_use]
    #[track_caller]
    pub fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        crate::http::send(self.port(), &self.allow(), method, path, &[], body).json()
    }

    /// Sends a form to one of the server's own endpoints.
    ///
    /// # Panics
    /// If it does not answer.
    #[must_use]
    #[track_caller]
    pub fn form(&self, path: &str, fields: &[(&str, &str)]) -> Value {
        crate::http::form(self.port(), &self.allow(), path, &[], fields).json()
    }

    #[track_caller]
    fn port(&self) -> u16 {
        self.issuer.rsplit(':').next().and_then(|p| p.parse().ok()).expect("a port")
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        // It may have ended already; either way it is waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
