//! Clients that exist, as their registries have them, against a server over HTTPS that this test
//! starts: each signs in and does a piece of work. None of them knows that it is not the vendor's.
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use connref_tests::Home;
use connref_tests::browser::{Browser, Ended};
use connref_tests::served::Served;
use serde_json::{Value, json};
use url::Url;

pub(crate) const ALICE: &str = "alice@harbour.test";
/// Names the folder `node_modules` that holds the packages of `tests/clients`.
pub(crate) const MODULES: &str = "CONNREF_TEST_CLIENTS";
/// Names a Python that has the packages of `tests/requirements.txt`.
pub(crate) const PYTHON: &str = "CONNREF_TEST_PYTHON";

#[expect(clippy::print_stderr, reason = "says what was not run")]
pub(crate) fn setting(name: &str) -> Option<String> {
    let found = std::env::var(name).ok();
    if found.is_none() {
        eprintln!("not run against real clients: {name} is not set");
    }
    found
}

pub(crate) struct World {
    pub(crate) home: Home,
    pub(crate) served: Served,
    application: String,
    secret: String,
}

impl World {
    pub(crate) fn new() -> Self {
        let home = Home::with_env("dev", &[]);
        home.ok(["user", "add", ALICE, "--role", "maker"]);
        home.ok(["user", "add", "robot", "--service-principal", "--role", "administrator"]);
        let made = home.json(["user", "credential", "add", "robot"]);
        let text = |name: &str| made[name].as_str().expect("a text").to_owned();
        let (application, secret) = (text("applicationId"), text("secret"));
        // Not every resolver knows names below localhost: the environment has a port of its own.
        let served = Served::start_tls(&home, &["--environment-port", "dev=0"]);
        Self { home, served, application, secret }
    }

    /// A client's process, which knows where the server is and whom to trust.
    pub(crate) fn client(&self, program: impl AsRef<Path>) -> Command {
        let trusted = Served::trusted(&self.home);
        let text = |value: &Value| value.as_str().expect("an address").to_owned();
        let mut command = Command::new(program.as_ref());
        command
            .env("AUTHORITY", text(&self.served.told["control"]))
            .env("ENVIRONMENT", text(&self.served.told["environments"][0]["url"]))
            .env("TENANT", text(&self.served.told["tenant"]))
            .env("CLIENT_ID", &self.application)
            .env("CLIENT_SECRET", &self.secret)
            .env("REQUESTS_CA_BUNDLE", &trusted)
            .env("SSL_CERT_FILE", &trusted)
            .env("NODE_EXTRA_CA_CERTS", &trusted)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }
}

#[track_caller]
pub(crate) fn lines(command: &mut Command, mut heard: impl FnMut(&Value)) {
    let mut child = command.spawn().expect("the client can be started");
    let output = BufReader::new(child.stdout.take().expect("asked for"));
    for line in output.lines() {
        let line = line.expect("text");
        heard(&serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}")));
    }
    let ended = child.wait_with_output().expect("it ends");
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
}

/// A certificate with its key, made by a library of another make.
fn certificate(world: &World, python: &str) -> String {
    let script = "
import datetime, sys
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, 'robot')])
now = datetime.datetime.now(datetime.timezone.utc)
one = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
  .serial_number(x509.random_serial_number()).not_valid_before(now).not_valid_after(now + datetime.timedelta(1))
  .add_extension(x509.BasicConstraints(False, None), True).sign(key, hashes.SHA256()))
pem = serialization
sys.stdout.buffer.write(key.private_bytes(pem.Encoding.PEM, pem.PrivateFormat.PKCS8, pem.NoEncryption()) + one.public_bytes(pem.Encoding.PEM))
";
    let made = Command::new(python).args(["-c", script]).output().expect("Python can be started");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    world.home.file("robot.pem", made.stdout)
}

#[test]
fn python_clients_sign_in_and_work() {
    let Some(python) = setting(PYTHON) else { return };
    let world = World::new();
    let pem = certificate(&world, &python);
    world.home.ok(["user", "credential", "add", "robot", "--certificate-file", &pem]);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/python.py");
    let plain = Served::start(&world.home);
    let mut heard = Vec::new();
    lines(world.client(&python).arg(script).env("CERTIFICATE", &pem), |line| {
        if let Some(code) = line["user_code"].as_str() {
            confirm_at(&world.home, &plain, code);
        } else {
            heard.push(line.clone());
        }
    });
    assert_eq!(
        heard,
        [
            json!({"client": "azure-identity", "same": true}),
            json!({"client": "azure-identity", "refused": true}),
            json!({"client": "msal", "application": true}),
            json!({"client": "msal", "person": ALICE, "refreshed": true, "same": true}),
            json!({
                "client": "PowerPlatform-Dataverse-Client", "updated": "Quay at sea",
                "listed": true, "pages": [["Post", "Mail"], ["Mail"]], "gone": true,
            }),
        ]
    );
    // What the client wrote is there, by another way in.
    let references = world.home.json(["ref", "list"]);
    assert_eq!(references.as_array().map(Vec::len), Some(3), "{references}");
    // The commands sign in with the same certificate.
    let url = world.served.told["environments"][0]["url"].as_str().expect("an address");
    let mut command = world.home.command(["ref", "list", "--environment", url, "-o", "json"]);
    command
        .env("CONNREF_CA_FILE", Served::trusted(&world.home))
        .env("CONNREF_CLIENT_ID", &world.application)
        .env("CONNREF_CLIENT_CERTIFICATE", &pem);
    assert_eq!(world.home.finish(command, None).expect(0).json(), references);
}

/// Alice confirms a code in her browser.
pub(crate) fn confirm_at(home: &Home, plain: &Served, code: &str) {
    let made = home.json(["user", "sign-in-link", ALICE]);
    let base: Url = format!("http://localhost:{}", plain.port).parse().expect("an address");
    let at = |path: &str| base.join(path).expect("a page");
    let link = at(&format!("/signin/{}", made["code"].as_str().expect("a code")));
    let mut browser = Browser::default();
    let (_, page) = browser.open(&link);
    assert!(matches!(browser.press(&link, &page), Ended::Elsewhere(_)));
    let device = at(&format!("/device?user_code={code}"));
    let (_, page) = browser.open(&device);
    let Ended::Page(page) = browser.press(&device, &page) else { panic!("{page}") };
    let Ended::Page(page) = browser.press(&device, &page) else { panic!("{page}") };
    assert!(page.contains("goes on by itself"), "{page}");
}

#[test]
fn node_clients_sign_in_and_work() {
    let Some(modules) = setting(MODULES) else { return };
    let world = World::new();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/node.mjs");
    let mut heard = Vec::new();
    lines(world.client("node").arg(script).arg(modules), |line| heard.push(line.clone()));
    assert_eq!(
        heard,
        [json!({
            "who": true, "created": "Jetty", "changed": ["Post", "Changed"],
            "listed": [1, "jetty"], "paged": 3, "deleted": true,
        })]
    );
}
