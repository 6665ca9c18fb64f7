//! Commands against a server of the vendor's cloud take an access token of the vendor's own tools. A
//! script stands where `az` would; the caches are written by the library that writes the real ones.
//! The server behind the address is a real one of ours, whose opaque tokens stand for the cloud's.
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use connref_tests::served::Served;
use connref_tests::{Home, Ran};
use serde_json::{Value, json};

const TENANT: &str = "6d1c3b5e-0000-4000-8000-000000000001";
const AZ: &str = "04b07795-8ddb-461a-bbee-02f9e1bf7b46";
const ADA: &str = "ada@harbour.test";
const BOB: &str = "bob@harbour.test";

/// An installation with a server, and a folder of programs in front of the others.
struct World {
    home: Home,
    served: Served,
}

impl World {
    fn new() -> Self {
        let home = Home::with_env("dev", &[]);
        for who in [ADA, BOB] {
            home.ok(["user", "add", who, "--role", "maker"]);
        }
        let served = Served::start(&home);
        std::fs::create_dir(home.path().join("bin")).expect("a folder");
        let path = format!("{}/bin:/usr/bin:/bin", home.path().display());
        home.set("PATH", &path);
        Self { home, served }
    }

    /// The same, at a server that the user says is of the vendor's cloud.
    fn of_the_cloud() -> Self {
        let world = Self::new();
        let authority = format!("https://login.microsoftonline.com/{TENANT}");
        world.home.set("CONNREF_AUTHORITY", &authority);
        world
    }

    /// A token that the server knows, as the cloud would give one.
    fn token(&self, who: &str) -> String {
        self.home.json(["server", "token", who])["token"].as_str().expect("a token").to_owned()
    }

    /// What stands where `az` would: notes how it was called and runs these lines.
    fn az(&self, lines: &str) {
        let path = self.home.file(
            "bin/az",
            format!(
                "#!/bin/sh\nprintf '%s\\n' \"$*\" >> '{}/called'\n{lines}\n",
                self.home.path().display()
            ),
        );
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(path, mode).expect("it can be made a program");
    }

    fn az_gives(&self, token: &str) {
        let answer = json!({"accessToken": token, "tokenType": "Bearer", "tenant": TENANT});
        self.az(&format!("cat <<'END'\n{answer}\nEND"));
    }

    fn calls(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.home.path().join("called")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// A cache with these entries, by the vendor's library.
    fn cache(&self, folder: &str, name: &str, entries: &Value) -> bool {
        let Some(python) = std::env::var_os("CONNREF_TEST_PYTHON") else { return false };
        let folder = self.home.path().join(folder);
        std::fs::create_dir_all(&folder).expect("a folder");
        let mut child = Command::new(python)
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/it/msal_cache.py"))
            .arg(folder.join(name))
            .stdin(Stdio::piped())
            .spawn()
            .expect("python starts");
        let mut input = child.stdin.take().expect("asked for");
        input.write_all(entries.to_string().as_bytes()).expect("it reads");
        drop(input);
        assert!(child.wait().expect("it ends").success());
        true
    }

    fn entry(&self, user: Option<&str>, client: &str, token: &str, seconds: i64) -> Value {
        let origin = self.served.url("dev");
        json!({
            "user": user, "client": client, "tenant": TENANT, "token": token, "seconds": seconds,
            "scopes": [format!("{origin}//user_impersonation"), format!("{origin}//.default")],
        })
    }

    /// Asks the server who it is.
    fn who(&self) -> Ran {
        self.home.run(["ref", "list", "--environment", &self.served.url("dev"), "-o", "json"])
    }

    /// Runs a command that only this person's token answers, and holds that it is not told.
    #[track_caller]
    fn acts_as(&self, who: &str, token: &str, tool: &str) {
        let row = format!("hbr_{}{}", &who[..3], self.calls().len());
        let made =
            self.home.run(["variable", "create", &row, "--environment", &self.served.url("dev")]);
        let said = format!("{}{}", made.stdout, made.stderr);
        assert_eq!(made.code, Some(0), "{made:?}");
        assert!(!said.contains(token), "{said}");
        assert!(made.stderr.contains(&format!("signed in, by {tool}")), "{said}");
        let log = self.home.json(["audit", "log"]);
        let last = log.as_array().into_iter().flatten().max_by_key(|row| row["seq"].as_i64());
        assert_eq!(last.expect("a row")["actor"], who, "{log}");
    }
}

#[test]
fn az_is_asked_for_the_very_server_and_its_token_is_never_told() {
    let world = World::of_the_cloud();
    let token = world.token(ADA);
    world.az_gives(&token);
    world.acts_as(ADA, &token, "az");
    let expected = format!(
        "account get-access-token --output json --resource {} --tenant {TENANT}",
        world.served.url("dev")
    );
    assert!(world.calls().iter().all(|call| *call == expected), "{:?}", world.calls());
    // Whatever was given has the say.
    let before = world.calls().len();
    let file = world.home.file("bobs", world.token(BOB));
    let url = world.served.url("dev");
    world.home.ok(["ref", "list", "--environment", &url, "--token-file", &file]);
    assert_eq!(world.calls().len(), before);
    // A server that signs in elsewhere gets nothing of the vendor's.
    world.home.set("CONNREF_AUTHORITY", &format!("http://localhost:{}/common", world.served.port));
    world.who().expect(3);
    assert_eq!(world.calls().len(), before);
}

#[test]
fn what_az_says_when_it_has_no_token_is_not_repeated() {
    let world = World::of_the_cloud();
    let secret = "eyJ0eXAi.secret";
    for (lines, told) in [
        (format!("echo \"ERROR: Please run 'az login' {secret}\" >&2; exit 1"), "is not signed in"),
        (format!("echo 'AADSTS700082: {secret}' >&2; exit 1"), "AADSTS700082"),
        (format!("echo '{secret}'"), "answers with no token"),
        (format!("echo '{{\"accessToken\": \"\", \"x\": \"{secret}\"}}'"), "answers with no token"),
        ("yes | head -c 3000000; kill -9 $$".to_owned(), "`az`"),
        ("exit 3".to_owned(), "gives no token"),
    ] {
        world.az(&lines);
        let ran = world.who().expect(3);
        assert!(ran.stderr.contains(told) && !ran.stderr.contains(secret), "{ran:?}");
        assert!(ran.fix().is_some_and(|fix| fix.contains("az login --tenant")), "{ran:?}");
    }
    // Without `az` there is nobody to ask.
    std::fs::remove_file(world.home.path().join("bin/az")).expect("it was there");
    let ran = world.who().expect(3);
    assert!(ran.stderr.contains("nobody is signed in"), "{ran:?}");
}

#[test]
fn the_cache_of_az_is_read_as_whoever_az_is() {
    let world = World::of_the_cloud();
    let (adas, bobs) = (world.token(ADA), world.token(BOB));
    world.az("exit 1");
    let entries = json!([
        world.entry(Some(ADA), AZ, &adas, 3600),
        world.entry(Some(BOB), AZ, &bobs, 3600),
        {"user": ADA, "client": AZ, "tenant": TENANT, "token": "for-another", "seconds": 86_400,
         "scopes": ["https://management.core.windows.net//.default"]},
    ]);
    if !world.cache(".azure", "msal_token_cache.json", &entries) {
        return;
    }
    let profile = |name: &str, kind: &str| {
        let all = json!({"installationId": "x", "subscriptions": [
            {"id": "1", "isDefault": false, "tenantId": TENANT, "user": {"name": "x", "type": "user"}},
            {"id": "2", "isDefault": true, "tenantId": TENANT, "user": {"name": name, "type": kind}},
        ]});
        let _at = world.home.file(".azure/azureProfile.json", format!("\u{feff}{all}"));
    };
    // Without a word on who `az` is, nobody is taken from the cache.
    world.who().expect(3);
    profile(BOB, "user");
    world.acts_as(BOB, &bobs, "az");
    profile("Ada@Harbour.test", "user");
    world.acts_as(ADA, &adas, "az");
    profile("eve@harbour.test", "user");
    world.who().expect(3);
    // A token that is nearly over is not begun with.
    let entries = json!([world.entry(Some(ADA), AZ, &adas, 200)]);
    assert!(world.cache(".azure", "msal_token_cache.json", &entries));
    profile(ADA, "user");
    world.who().expect(3);
    // An application signed in to `az`.
    let robot = "33333333-cccc-4000-8000-000000000003";
    world.home.ok([
        "user",
        "add",
        "robot",
        "--service-principal",
        "--application-id",
        robot,
        "--role",
        "maker",
    ]);
    let robots = world.token("robot");
    let entries =
        json!([world.entry(None, robot, &robots, 3600), world.entry(Some(ADA), AZ, &adas, 3600)]);
    assert!(world.cache(".azure", "msal_token_cache.json", &entries));
    profile(robot, "servicePrincipal");
    world.acts_as("robot", &robots, "az");
    // Of another tenant: not this one's.
    let other = "https://login.microsoftonline.com/11111111-0000-4000-8000-000000000001";
    world.home.set("CONNREF_AUTHORITY", other);
    world.who().expect(3);
    assert!(world.calls().last().is_some_and(|call| call.contains("--tenant 11111111")));
}

#[test]
fn the_cache_of_pac_is_read_where_it_is_plain() {
    let world = World::of_the_cloud();
    let (adas, bobs) = (world.token(ADA), world.token(BOB));
    let folder = ".local/share/Microsoft/PowerAppsCli";
    let client = "9cee029c-6210-4654-90bb-17e6e9d36617";
    let entries = json!([
        world.entry(Some(ADA), client, &adas, 3600),
        world.entry(Some(BOB), client, &bobs, 3600),
    ]);
    if !world.cache(folder, "tokencache_msalv3.dat", &entries) {
        return;
    }
    let origin = world.served.url("dev");
    let profile = |user: &str, resource: &str| json!({"Kind": "UNIVERSAL", "User": user, "Resource": resource, "TenantId": TENANT});
    let profiles = |all: Value, current: Value| {
        let text = json!({"Profiles": all, "Current": {"UNIVERSAL": current}});
        let _at = world.home.file(&format!("{folder}/authprofiles_v2.json"), text.to_string());
    };
    let elsewhere = profile(BOB, "https://elsewhere.test/");
    let here = profile(ADA, &format!("{origin}/"));
    // The profile of this server comes before `az`, another one after it.
    world.az_gives(&bobs);
    profiles(json!([here, elsewhere]), elsewhere.clone());
    world.acts_as(ADA, &adas, "pac");
    assert!(world.calls().is_empty());
    profiles(json!([elsewhere]), elsewhere.clone());
    world.acts_as(BOB, &bobs, "az");
    world.az("exit 1");
    world.acts_as(BOB, &bobs, "pac");
    // Two people at one server, none of them selected.
    let both = json!([here, profile(BOB, &origin)]);
    profiles(both, profile("eve@harbour.test", "https://elsewhere.test/"));
    world.who().expect(3);
    // Encrypted, cut off, endless: as not there.
    for content in [
        b"\x01\x00\x00\x00\xd0\x8c\x9d\xdf".to_vec(),
        b"{\"AccessToken\":".to_vec(),
        vec![b' '; 9 << 20],
    ] {
        let _at = world.home.file(&format!("{folder}/tokencache_msalv3.dat"), content);
        profiles(json!([here]), here.clone());
        world.who().expect(3);
    }
}

#[test]
fn the_server_tells_the_tenant() {
    let world = World::new();
    world.az_gives("a-token-of-the-cloud");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://127.0.0.1:{}", listener.local_addr().expect("an address").port());
    let (send, seen) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut head = [0; 4096];
            let read = stream.read(&mut head).unwrap_or(0);
            let head = String::from_utf8_lossy(&head[..read]).to_ascii_lowercase();
            let bearer =
                head.lines().find_map(|l| l.strip_prefix("authorization: ")).map(str::to_owned);
            let answer = match &bearer {
                Some(_) => "HTTP/1.1 403 Forbidden\r\n".to_owned(),
                None => format!(
                    "HTTP/1.1 401 Unauthorized\r\nwww-authenticate: Bearer \
                     authorization_uri=https://login.microsoftonline.com/{TENANT}/oauth2/authorize, \
                     resource_id=https://x/\r\n"
                ),
            };
            let _told = stream.write_all(
                format!("{answer}content-length: 0\r\nconnection: close\r\n\r\n").as_bytes(),
            );
            if send.send(bearer).is_err() {
                return;
            }
        }
    });
    let ran = world.home.run(["ref", "list", "--environment", &address]);
    assert_eq!(ran.code, Some(4), "{ran:?}");
    assert_eq!(seen.recv().expect("a request"), None);
    assert_eq!(seen.recv().expect("a request"), Some("bearer a-token-of-the-cloud".to_owned()));
    let call = world.calls().pop().expect("it was called");
    assert!(call.ends_with(&format!("--resource {address} --tenant {TENANT}")), "{call}");
}
