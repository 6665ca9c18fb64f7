//! Signing in to a server: links, codes on another device, programs on the same machine, consent by
//! link; and commands over HTTPS that answer as they do in process.
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Stdio};

use connref_tests::browser::{Browser, Ended, link};
use connref_tests::home::{Connection, OPERATOR};
use connref_tests::package::fixture;
use connref_tests::provider::Provider;
use connref_tests::served::Served;
use connref_tests::{Home, http};
use serde_json::Value;
use url::Url;

const ALICE: &str = "alice@harbour.test";

fn home() -> Home {
    let home = Home::with_env("dev", &[]);
    home.ok(["user", "add", ALICE, "--role", "maker"]);
    home
}

/// A browser in which Alice followed her link.
#[track_caller]
fn alice(home: &Home, served: &Served) -> Browser {
    let made = home.json(["user", "sign-in-link", ALICE]);
    let code = made["code"].as_str().expect("a code");
    let url: Url =
        format!("http://localhost:{}/signin/{code}", served.port).parse().expect("a link");
    let mut browser = Browser::default();
    // Whoever only looks uses nothing up.
    for _ in 0..2 {
        let (status, page) = browser.open(&url);
        assert!(status == 200 && page.contains(ALICE), "{page}");
    }
    let (_, page) = browser.open(&url);
    assert!(matches!(browser.press(&url, &page), Ended::Elsewhere(_)));
    let (_, page) = browser.open(&url.join("/signin").expect("a page"));
    assert!(page.contains("You are signed in as"), "{page}");
    // The link counted once.
    assert_eq!(Browser::default().open(&url).0, 403);
    browser
}

fn start(home: &Home, words: &[&str], variables: &[(&str, &str)]) -> Child {
    let mut command = home.command(words);
    command.envs(variables.iter().copied());
    command.stderr(Stdio::piped()).spawn().expect("it starts")
}

/// The first line of standard error that holds a word, while the command goes on.
#[track_caller]
fn told(errors: &mut impl BufRead, word: &str) -> String {
    let mut all = String::new();
    loop {
        let mut line = String::new();
        let read = errors.read_line(&mut line).expect("text");
        assert!(read > 0, "nothing with `{word}`: {all}");
        all += &line;
        if line.contains(word) {
            return line;
        }
    }
}

#[track_caller]
fn ended(child: Child, errors: &mut impl Read) -> String {
    let mut rest = String::new();
    errors.read_to_string(&mut rest).expect("text");
    let output = child.wait_with_output().expect("it ends");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{rest}");
    text
}

/// Has Alice's commands for an address signed in: the code is confirmed in her browser.
#[track_caller]
fn sign_alice_in(home: &Home, plain: &Served, address: &str, variables: &[(&str, &str)]) {
    let mut child = start(home, &["auth", "create", "--environment", address], variables);
    let mut errors = BufReader::new(child.stderr.take().expect("asked for"));
    let line = told(&mut errors, "and enter");
    let code = line.split_whitespace().last().expect("a code").to_owned();
    let mut browser = alice(home, plain);
    let page: Url = format!("http://localhost:{}/device?user_code={code}", plain.port)
        .parse()
        .expect("an address");
    let (_, form) = browser.open(&page);
    let Ended::Page(question) = browser.press(&page, &form) else { panic!("{form}") };
    assert!(question.contains("connref-cli") && question.contains(ALICE), "{question}");
    let Ended::Page(done) = browser.press(&page, &question) else { panic!("{question}") };
    assert!(done.contains("goes on by itself"), "{done}");
    ended(child, &mut errors);
    // Both are rows of the log, of Alice's own: who let her in, and what she let in.
    let link = noted(home, "user_signin").expect("a row");
    assert_eq!((&link["actor"], &link["detail"]["by"]), (&ALICE.into(), &OPERATOR.into()));
    let device = noted(home, "user_device_signin").expect("a row");
    assert_eq!(
        (&device["actor"], &device["detail"]["client"]),
        (&ALICE.into(), &"connref-cli".into())
    );
}

/// The newest row of the log with this action.
fn noted(home: &Home, action: &str) -> Option<Value> {
    let log = home.json(["audit", "log"]);
    let rows = log.as_array().into_iter().flatten();
    rows.filter(|row| row["action"] == action).max_by_key(|row| row["seq"].as_i64()).cloned()
}

#[test]
fn commands_over_https_answer_as_in_process() {
    let home = home();
    home.ok(["user", "add", "robot", "--service-principal", "--role", "administrator"]);
    home.ok(["user", "add", "gone@harbour.test", "--role", "maker"]);
    let path = fixture("harbour_notices").display().to_string();
    home.ok(["solution", "import", "--path", &path]);
    let mailbox = home.connection(&Connection {
        env: "dev",
        connector: "shared_office365",
        name: "Mailbox",
        endpoint: Some("mail.harbour.test:587"),
        secrets: &[("password", "over-buoy-4471")],
        ..Connection::default()
    });
    home.ok(["ref", "bind", "hbr_Mail", "--connection", &mailbox]);
    home.ok(["connection", "reassign", &mailbox, "--to", "gone@harbour.test"]);
    home.ok(["user", "disable", "gone@harbour.test"]);

    let plain = Served::start(&home);
    let served = Served::start_tls(&home, &[]);
    let address = served.url("dev");
    let trusted = Served::trusted(&home);
    let ca = ("CONNREF_CA_FILE", trusted.as_str());
    // Nobody signed in; and a server whose certificate is not trusted is not talked to.
    let ran = home.run(["ref", "list", "--environment", &address]);
    assert_eq!(ran.code, Some(7), "{ran:?}");

    let made = home.json(["user", "credential", "add", "robot"]);
    let id = made["applicationId"].as_str().expect("an id").to_owned();
    let secret = made["secret"].as_str().expect("a secret").to_owned();
    let robot = [ca, ("CONNREF_CLIENT_ID", &*id), ("CONNREF_CLIENT_SECRET", &*secret)];
    sign_alice_in(&home, &plain, &address, &[ca]);
    let who: [(&str, &[(&str, &str)]); 2] = [("robot", &robot), (ALICE, &[ca])];
    let lines: [&[&str]; 5] = [
        &["audit", "departed"],
        &["ref", "list"],
        &["flow", "why", "Notice of arrivals"],
        &["solution", "plan", &path],
        &["user", "list"],
    ];
    for (name, variables) in who {
        for line in lines {
            let mut here: Vec<&str> = line.to_vec();
            here.extend(["--as", name, "-o", "json"]);
            let here = home.run(here);
            let mut words: Vec<&str> = line.to_vec();
            words.extend(["--environment", &address, "-o", "json"]);
            let mut command = home.command(words);
            command.envs(variables.iter().copied());
            let there = home.finish(command, None);
            // A maker may not see what everybody has: refused alike, here and there.
            let told = here.stdout.len() > 2;
            let refused =
                !told && matches!(here.code, Some(4 | 5)) && here.error() == there.error();
            assert!(told || refused, "{here:?} {there:?}");
            assert_eq!(
                (here.code, here.stdout.as_str()),
                (there.code, there.stdout.as_str()),
                "{line:?} as {name}: {}{}",
                here.stderr,
                there.stderr
            );
        }
    }
    // The sign-in is known, and forgotten when it is told to be.
    let known = home.json(["auth", "list"]);
    assert_eq!(known[0]["server"], address.as_str(), "{known}");
    home.ok(["auth", "delete", "--environment", &address]);
    let mut command = home.command(["ref", "list", "--environment", &address]);
    command.env(ca.0, ca.1);
    home.finish(command, None).expect(3);
    // What a credential got lives on; the next one is not given.
    let credential = made["id"].as_str().expect("an id");
    home.ok(["user", "credential", "remove", "robot", credential]);
    let mut command = home.command(["ref", "list", "--environment", &address]);
    command.envs(robot);
    let refused = home.finish(command, None).expect(3);
    assert!(!refused.stderr.contains(&secret), "{refused:?}");
}

#[test]
fn a_program_of_the_same_machine_acts_for_whoever_lets_it() {
    let home = home();
    let served = Served::start(&home);
    let mut browser = alice(&home, &served);
    let base = format!("http://localhost:{}/common/oauth2/v2.0", served.port);
    // base64url of SHA-256 of 43 times `v`.
    let verifier = "v".repeat(43);
    let challenge = "7w_YNF9DSfIdPf_pRjSq646_kPr-2-o9NAl16JGghdM";
    let resource = format!("http://dev.localhost:{}", served.port);
    let query = |redirect: &str, challenge: &str| {
        let mut url: Url = format!("{base}/authorize").parse().expect("an address");
        url.query_pairs_mut().extend_pairs([
            ("client_id", "harbour-tool"),
            ("response_type", "code"),
            ("redirect_uri", redirect),
            ("scope", &format!("{resource}/user_impersonation openid offline_access")),
            ("state", "a&b"),
            ("code_challenge", challenge),
            ("code_challenge_method", "S256"),
        ]);
        url
    };
    // A code leaves the machine for nobody.
    for bad in ["https://evil.test/", "http://localhost.evil.test/", "http://evil.test/"] {
        let (status, page) = browser.open(&query(bad, challenge));
        assert!(status == 400 && page.contains("AADSTS50011"), "{page}");
    }
    let url = query("http://127.0.0.1:9/back", challenge);
    let (_, stranger) = Browser::default().open(&url);
    assert!(stranger.contains("Sign-in code"), "{stranger}");
    let (status, page) = browser.open(&url);
    assert!(status == 200 && page.contains("harbour-tool") && page.contains(&resource), "{page}");
    let Ended::Elsewhere(back) = browser.press(&url, &page) else { panic!("{page}") };
    assert_eq!((back.host_str(), back.port(), back.path()), (Some("127.0.0.1"), Some(9), "/back"));
    let pairs: Vec<(String, String)> = back.query_pairs().into_owned().collect();
    assert_eq!(pairs[1], ("state".to_owned(), "a&b".to_owned()));
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", "harbour-tool"),
        ("code", &*pairs[0].1),
        ("redirect_uri", "http://127.0.0.1:9/back"),
        ("code_verifier", &verifier),
    ];
    let row = noted(&home, "user_program_signin").expect("a row");
    assert_eq!((&row["actor"], &row["detail"]["client"]), (&ALICE.into(), &"harbour-tool".into()));
    let token = ask(served.port, "/common/oauth2/v2.0/token", &form);
    assert!(token["refresh_token"].is_string() && token["id_token"].is_string(), "{token}");
    let bearer = format!("Bearer {}", token["access_token"].as_str().expect("a token"));
    let headers = [("authorization", bearer.as_str())];
    let path = "/api/data/v9.2/WhoAmI";
    let me = http::send(served.port, &served.host("dev"), "GET", path, &headers, None).json();
    let users = home.json(["user", "list"]);
    let listed = users.as_array().into_iter().flatten().find(|user| user["name"] == ALICE);
    assert_eq!(Some(&me["UserId"]), listed.map(|user| &user["id"]));
}

#[track_caller]
/// Asks for a token, or for anything else that takes a form.
pub(crate) fn ask(port: u16, path: &str, form: &[(&str, &str)]) -> Value {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let raw = http_form(port, path, &body);
    let body = raw.split_once("\r\n\r\n").expect("a head").1;
    serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {raw}"))
}

#[test]
fn a_pipeline_waits_for_the_right_person_to_sign_a_connection_in() {
    let Some(provider) = Provider::start(None) else { return };
    let home = Home::with_env("dev", &[provider.allow()]);
    let made = home.json([
        "connection",
        "create",
        "shared_commondataserviceforapps",
        "--name",
        "Fleet",
        "--kind",
        "user",
        "--issuer",
        &provider.issuer,
        "--param",
        "clientId=native",
        "--param",
        "prompt=consent",
        "--param",
        "grantType=code",
    ]);
    let id = made["id"].as_str().expect("an id").to_owned();
    // Without a server a link leads nowhere.
    let ran = home.run(["connection", "sign-in", &id, "--link"]).expect(4);
    assert!(ran.fix().is_some_and(|fix| fix.contains("--environment")), "{ran:?}");

    let served = Served::start(&home);
    let address = served.url("dev");
    let token = ("CONNREF_TOKEN", served.token.as_str());
    let words = [
        "connection",
        "sign-in",
        &id,
        "--link",
        "--account",
        "ada@harbour.test",
        "--environment",
        &address,
        "-o",
        "json",
    ];
    let mut child = start(&home, &words, &[token]);
    let mut errors = BufReader::new(child.stderr.take().expect("asked for"));
    let line = told(&mut errors, "/consent/");
    let url = link_of(&line);

    // The wrong person first: nothing of that is kept, and the link still counts.
    for (login, right) in [("bob@harbour.test", false), ("ada@harbour.test", true)] {
        let mut browser = Browser::default();
        let (status, page) = browser.open(&url);
        assert!(status == 200 && page.contains("Fleet") && page.contains("ada@"), "{page}");
        let Ended::Page(page) = browser.press(&url, &page) else { panic!("{page}") };
        let Ended::Elsewhere(back) = Browser::default().sign_in(&link(&page), login) else {
            panic!("{page}")
        };
        // Another browser cannot end what this one began.
        assert_eq!(Browser::default().open(&back).0, 400);
        let (status, page) = browser.open(&back);
        assert_eq!(status == 200, right, "{page}");
    }
    let done: Value = serde_json::from_str(&ended(child, &mut errors)).expect("JSON");
    assert_eq!(done["status"], "Connected", "{done}");
    assert_eq!(Browser::default().open(&url).0, 404);
    let log = home.json(["audit", "log"]);
    let noted = log.as_array().into_iter().flatten().any(|row| {
        row["action"] == "connection_consent_link" && row["detail"]["account"] == "ada@harbour.test"
    });
    assert!(noted, "{log}");
    assert!(noted_of(&home, "connection_consent", &id));
    assert!(!noted_of(&home, "connection_consent_refuse", &id));

    // Whoever says no ends the wait.
    let mut child = start(&home, &words, &[token]);
    let mut errors = BufReader::new(child.stderr.take().expect("asked for"));
    let url = link_of(&told(&mut errors, "/consent/"));
    let port = url.port().expect("a port");
    let body = http_form(port, url.path(), "answer=deny");
    assert!(body.contains("Nothing was changed"), "{body}");
    assert!(noted_of(&home, "connection_consent_refuse", &id));
    assert_eq!(child.wait().expect("it ends").code(), Some(4));
}

fn noted_of(home: &Home, action: &str, connection: &str) -> bool {
    noted(home, action).is_some_and(|row| row["objectId"] == connection)
}

/// The address that ends a line.
#[track_caller]
fn link_of(line: &str) -> Url {
    line.split_whitespace().last().and_then(|word| word.parse().ok()).expect("a link")
}

#[track_caller]
fn http_form(port: u16, path: &str, body: &str) -> String {
    use std::io::Write as _;
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    let text = format!(
        "POST {path} HTTP/1.1\r\nhost: localhost:{port}\r\nconnection: close\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(text.as_bytes()).expect("it can be sent");
    let mut raw = String::new();
    stream.read_to_string(&mut raw).expect("it answers");
    raw
}
