//! The programs that key providers are tested against: a real OpenBao, and a stand-in for Azure Key
//! Vault that the vendor's own client drives.
#![expect(clippy::print_stderr, reason = "a skipped test must not look like a passed one")]
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

/// Root token of the OpenBao.
pub(crate) const TOKEN: &str = "canary-root-token";

/// Says that a test did nothing, and why.
pub(crate) fn skipped(why: &str) {
    eprintln!("{why}: skipped");
}

/// A process that ends with its owner.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already; either way it is waited for.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An OpenBao in memory, with its transit engine on and the keys `connref` and `other`.
pub(crate) struct OpenBao {
    pub(crate) port: u16,
    _process: Process,
    _home: tempfile::TempDir,
}

impl OpenBao {
    /// Starts one, where `CONNREF_TEST_OPENBAO` names the program.
    pub(crate) fn start() -> Option<Self> {
        let Some(program) = std::env::var_os("CONNREF_TEST_OPENBAO") else {
            skipped("CONNREF_TEST_OPENBAO names no OpenBao");
            return None;
        };
        // The port may be taken between finding and using it: another is tried then.
        (0..5).find_map(|_| Self::start_once(Path::new(&program))).or_else(|| {
            panic!("OpenBao did not start");
        })
    }

    fn start_once(program: &Path) -> Option<Self> {
        let home = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Command::new(program)
            .args(["server", "-dev", "-dev-no-store-token"])
            .arg(format!("-dev-root-token-id={TOKEN}"))
            .arg(format!("-dev-listen-address=127.0.0.1:{port}"))
            .env("HOME", home.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("OpenBao can be started");
        let bao = Self { port, _process: Process(child), _home: home };
        for _ in 0..600 {
            if bao
                .ask("GET", "/v1/sys/health", &Value::Null)
                .is_some_and(|(status, _)| status == 200)
            {
                bao.done("POST", "/v1/sys/mounts/transit", &json!({"type": "transit"}));
                for key in ["connref", "other"] {
                    bao.done("POST", &format!("/v1/transit/keys/{key}"), &json!({}));
                }
                return Some(bao);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        None
    }

    /// The provider's address of a key.
    pub(crate) fn address(&self, key: &str) -> String {
        format!("transit:http://127.0.0.1:{}/transit/{key}", self.port)
    }

    /// A request that must succeed.
    #[track_caller]
    pub(crate) fn done(&self, method: &str, path: &str, body: &Value) -> Value {
        let (status, answer) = self.ask(method, path, body).expect("OpenBao answers");
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        answer
    }

    /// A token that may do what a policy says.
    pub(crate) fn token(&self, name: &str, rules: &str) -> String {
        self.done("PUT", &format!("/v1/sys/policies/acl/{name}"), &json!({"policy": rules}));
        let body = json!({"policies": [name], "no_default_policy": true});
        let made = self.done("POST", "/v1/auth/token/create", &body);
        made["auth"]["client_token"].as_str().expect("a token").to_owned()
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Option<(u16, Value)> {
        use std::io::{Read, Write};
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let head = format!(
            "{method} {path} HTTP/1.0\r\nHost: bao\r\nX-Vault-Token: {TOKEN}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(format!("{head}{body}").as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let status = answer.split(' ').nth(1)?.parse().ok()?;
        let (_, body) = answer.split_once("\r\n\r\n")?;
        Some((status, serde_json::from_str(body).unwrap_or(Value::Null)))
    }
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/providers").join(name)
}

fn python() -> Option<std::ffi::OsString> {
    let python = std::env::var_os("CONNREF_TEST_PYTHON");
    if python.is_none() {
        skipped("CONNREF_TEST_PYTHON names no Python");
    }
    python
}

/// The stand-in for Azure Key Vault.
pub(crate) struct Azure {
    pub(crate) port: u16,
    /// The port with TLS, and the certificate to trust there.
    secure: (u16, String),
    process: Process,
}

impl Drop for Azure {
    fn drop(&mut self) {
        // The end of its input ends it, and its temporary files with it.
        drop(self.process.0.stdin.take());
        let _ = self.process.0.wait();
    }
}

impl Azure {
    /// Starts it, where `CONNREF_TEST_PYTHON` names a Python with the package `cryptography`.
    pub(crate) fn start() -> Option<Self> {
        let mut child = Command::new(python()?)
            .arg(script("key_vault.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Python can be started");
        let mut line = String::new();
        let output = child.stdout.take().expect("stdout was asked for");
        BufReader::new(output).read_line(&mut line).expect("it tells its port");
        let told: Value = serde_json::from_str(&line).expect("JSON");
        let port =
            |name: &str| told[name].as_u64().and_then(|p| u16::try_from(p).ok()).expect("a port");
        let trusted = told["trusted"].as_str().expect("a path").to_owned();
        let (port, secure) = (port("port"), (port("tls"), trusted));
        Some(Self { port, secure, process: Process(child) })
    }

    /// The provider's address of a key.
    pub(crate) fn address(&self, key: &str) -> String {
        format!("azure:http://127.0.0.1:{}/keys/{key}", self.port)
    }

    /// What the vendor's own client makes of it.
    #[track_caller]
    pub(crate) fn client(&self, verb: &str, key: &str, version: &str, bytes: &[u8]) -> Vec<u8> {
        let text: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
        let ran = Command::new(python().expect("it was there before"))
            .arg(script("key_vault_client.py"))
            .args([&format!("https://127.0.0.1:{}", self.secure.0), &*self.secure.1])
            .args([verb, key, version, &text])
            .output()
            .expect("Python can be started");
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        let hex = String::from_utf8(ran.stdout).expect("text");
        let hex = hex.trim();
        (0..hex.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
            .collect()
    }
}
