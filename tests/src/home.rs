//! The program with data, configuration and identity of its own.
use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Mutex;

use serde_json::Value;
use tempfile::TempDir;

use crate::Ran;
use crate::binary::binary;

/// The administrator's name in every home.
pub const OPERATOR: &str = "harbourmaster";

/// A temporary installation. Goes away when dropped.
pub struct Home {
    folder: TempDir,
    binary: PathBuf,
    heard: Mutex<Vec<Ran>>,
    variables: Mutex<Vec<(String, String)>>,
}

impl Default for Home {
    fn default() -> Self {
        Self::new()
    }
}

impl Home {
    /// An empty one.
    ///
    /// # Panics
    /// If no temporary folder can be made.
    #[must_use]
    pub fn new() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("connref-it-")
            .tempdir()
            .expect("a temporary folder can be made");
        Self { folder, binary: binary(), heard: Mutex::default(), variables: Mutex::default() }
    }

    /// One with an environment of this name, whose connections may reach `allowed`.
    #[must_use]
    #[track_caller]
    pub fn with_env(name: &str, allowed: &[String]) -> Self {
        let home = Self::new();
        home.env_create(name, allowed);
        home
    }

    /// Sets an environment variable for every process that is started from here on.
    ///
    /// # Panics
    /// If a test thread panicked while one was set.
    pub fn set(&self, name: &str, value: &str) {
        let mut variables = self.variables.lock().expect("no test thread panicked with it");
        variables.push((name.to_owned(), value.to_owned()));
    }

    /// A copy of everything this one keeps.
    ///
    /// # Panics
    /// If files cannot be copied.
    #[must_use]
    pub fn copy(&self) -> Self {
        let copy = Self::new();
        copy_folder(self.folder.path(), copy.folder.path());
        copy
    }

    /// Makes an environment.
    #[track_caller]
    pub fn env_create(&self, name: &str, allowed: &[String]) {
        let mut arguments = vec!["env", "create", name];
        for entry in allowed {
            arguments.extend(["--allow", entry]);
        }
        self.ok(arguments);
    }

    /// The folder everything lies in; tests may put files here.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The database file.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.path().join("data/connref.db")
    }

    /// The key file.
    #[must_use]
    pub fn key(&self) -> PathBuf {
        self.path().join("config/key")
    }

    /// Writes a file beside the data and answers its path.
    ///
    /// # Panics
    /// If it cannot be written.
    #[must_use]
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.path().join(name);
        fs::write(&path, content).expect("a file can be written");
        path.display().to_string()
    }

    /// A command line, not run yet.
    #[must_use]
    pub fn command<I, S>(&self, arguments: I) -> Command
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        let mut command = Command::new(&self.binary);
        // Nothing of the developer's own installation leaks in.
        command.env_clear();
        for kept in ["PATH", "LLVM_PROFILE_FILE"] {
            if let Some(value) = std::env::var_os(kept) {
                command.env(kept, value);
            }
        }
        for (name, value) in &*self.variables.lock().expect("no test thread panicked with it") {
            command.env(name, value);
        }
        command
            .args(arguments)
            .current_dir(self.path())
            .env("HOME", self.path())
            .env("CONNREF_HOME", self.path().join("data"))
            .env("CONNREF_CONFIG", self.path().join("config"))
            .env("USER", OPERATOR)
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs a command.
    #[track_caller]
    pub fn run<I, S>(&self, arguments: I) -> Ran
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        self.finish(self.command(arguments), None)
    }

    /// Runs a command that reads standard input.
    #[track_caller]
    pub fn run_with_input<I, S>(&self, arguments: I, input: &str) -> Ran
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        self.finish(self.command(arguments), Some(input))
    }

    /// Runs a prepared command to its end and remembers what it said.
    ///
    /// # Panics
    /// If it cannot be started.
    #[track_caller]
    pub fn finish(&self, mut command: Command, input: Option<&str>) -> Ran {
        let words = command.get_args().map(|word| word.to_string_lossy().into_owned());
        let line = format!("connref {}", words.collect::<Vec<_>>().join(" "));
        if input.is_some() {
            command.stdin(Stdio::piped());
        }
        let mut child = command.spawn().expect("the program can be started");
        if let Some(input) = input {
            let mut pipe = child.stdin.take().expect("stdin was asked for");
            // A command that refuses before it reads closes the pipe.
            let _ = pipe.write_all(input.as_bytes());
        }
        let ran = ran(line, child);
        self.heard.lock().expect("no test thread panicked with it").push(ran.clone());
        ran
    }

    /// Runs a command that must succeed.
    #[track_caller]
    pub fn ok<I, S>(&self, arguments: I) -> Ran
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        self.run(arguments).expect(0)
    }

    /// Runs a command that must succeed, and answers its JSON.
    #[track_caller]
    pub fn json<I, S>(&self, arguments: I) -> Value
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        self.run_json(arguments).expect(0).json()
    }

    /// Runs a command with JSON output.
    #[track_caller]
    pub fn run_json<I, S>(&self, arguments: I) -> Ran
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        let mut all: Vec<std::ffi::OsString> =
            arguments.into_iter().map(|word| word.as_ref().to_owned()).collect();
        all.extend(["-o".into(), "json".into()]);
        self.run(all)
    }

    /// Everything the commands said so far.
    ///
    /// # Panics
    /// If a test thread panicked while it was written.
    #[must_use]
    pub fn heard(&self) -> Vec<Ran> {
        self.heard.lock().expect("no test thread panicked with it").clone()
    }

    /// Makes a connection whose secrets go in by the environment, and answers its id.
    ///
    /// # Panics
    /// If it is refused.
    #[track_caller]
    pub fn connection(&self, new: &Connection<'_>) -> String {
        let mut words =
            vec!["connection", "create", new.connector, "--name", new.name, "--env", new.env];
        let pairs: Vec<String> = new.parameters.iter().map(|(k, v)| format!("{k}={v}")).collect();
        let secrets: Vec<String> = (0..new.secrets.len())
            .map(|at| format!("{}=IT_SECRET_{at}", new.secrets[at].0))
            .collect();
        for pair in &pairs {
            words.extend(["--param", pair]);
        }
        for secret in &secrets {
            words.extend(["--secret-env", secret]);
        }
        for (flag, value) in [
            ("--endpoint", new.endpoint),
            ("--kind", new.kind),
            ("--owner", new.owner),
            ("--as", new.acting),
        ] {
            if let Some(value) = value {
                words.extend([flag, value]);
            }
        }
        words.extend(["-o", "json"]);
        let mut command = self.command(words);
        for (at, (_, value)) in new.secrets.iter().enumerate() {
            command.env(format!("IT_SECRET_{at}"), value);
        }
        let made = self.finish(command, None).expect(0).json();
        made["id"].as_str().expect("a connection has an id").to_owned()
    }
}

/// A connection to make.
#[derive(Clone, Copy, Debug, Default)]
pub struct Connection<'a> {
    /// Environment.
    pub env: &'a str,
    /// Connector.
    pub connector: &'a str,
    /// Display name.
    pub name: &'a str,
    /// What it reaches.
    pub endpoint: Option<&'a str>,
    /// Kind.
    pub kind: Option<&'a str>,
    /// Owner.
    pub owner: Option<&'a str>,
    /// Who makes it.
    pub acting: Option<&'a str>,
    /// Open parameters.
    pub parameters: &'a [(&'a str, &'a str)],
    /// Secrets.
    pub secrets: &'a [(&'a str, &'a str)],
}

fn ran(line: String, child: Child) -> Ran {
    let Output { status, stdout, stderr } =
        child.wait_with_output().expect("a started program can be waited for");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the program writes UTF-8");
    Ran { line, code: status.code(), stdout: text(stdout), stderr: text(stderr) }
}

fn copy_folder(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("a folder can be read") {
        let entry = entry.expect("an entry can be read");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            fs::create_dir_all(&target).expect("a folder can be made");
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), &target).expect("a file can be copied");
        }
    }
}
