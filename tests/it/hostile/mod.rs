//! Files made to harm, given to the real program under a limit of processor time, with its memory
//! measured: each is refused in one line with exit code 2, and nothing is written outside.
mod documents;
mod zips;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use connref_tests::Home;
use connref_tests::binary::binary;
use connref_tests::package::{fixture, fixture_zip, fixture_zip_with};
use nix::sys::resource::{UsageWho, getrusage};

/// Resident memory that nothing may exceed.
const MEMORY_KIB: i64 = 256 << 10;
/// Processor seconds a file may cost the released program. What is built for debugging is many
/// times slower and is only kept from hanging.
const SECONDS: u32 = 5;
const SECONDS_DEBUG: u32 = 60;

/// The fixture every file is made from, and the part of one of its flows.
const BASE: &str = "harbour_notices";
const FLOW: &str = "Workflows/Noticeofarrivals-3C1F7A52-0D44-4C1E-9A61-7B5F20C8E101.json";

/// What a run said.
struct Said {
    line: String,
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

struct World {
    home: Home,
}

impl World {
    fn new() -> Self {
        Self { home: Home::new() }
    }

    /// Runs the program under the limits.
    fn run(&self, words: &[&str]) -> Said {
        let program = binary();
        let slow = program.components().any(|part| part.as_os_str() == "debug");
        let seconds = if slow { SECONDS_DEBUG } else { SECONDS };
        let inner = self.home.command(words);
        let mut command = Command::new("sh");
        command
            .args(["-c", &format!("ulimit -t {seconds}; exec \"$0\" \"$@\"")])
            .arg(program)
            .args(words)
            .current_dir(self.home.path())
            .env_clear()
            .envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let output = command.output().expect("a shell can be started");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the program writes UTF-8");
        let said = Said {
            line: words.join(" "),
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        };
        let peak = getrusage(UsageWho::RUSAGE_CHILDREN).expect("usage can be asked for").max_rss();
        assert!(peak <= MEMORY_KIB, "`{}`: {peak} KiB of memory", said.line);
        assert!(said.code.is_some(), "`{}` was ended by a signal\n{}", said.line, said.stderr);
        assert!(!said.stderr.contains("panicked"), "`{}`\n{}", said.line, said.stderr);
        said
    }

    /// The checker refuses this one.
    fn unchecked(&self, name: &str, bytes: &[u8], words: &[&str]) {
        let path = self.home.file(&format!("{name}.zip"), bytes);
        one_line(name, &self.run(&["solution", "check", &path]), words);
    }

    /// Every command that reads a package refuses this one.
    fn refused(&self, name: &str, bytes: &[u8], words: &[&str]) {
        let path = self.home.file(&format!("{name}.zip"), bytes);
        let good = self.home.file("good.zip", fixture_zip(BASE));
        let settings = r#"{"EnvironmentVariables": [], "ConnectionReferences": []}"#;
        let settings = self.home.file("good.json", settings);
        let before = self.files();
        let commands: [&[&str]; 7] = [
            &["solution", "check", &path],
            &["solution", "inspect", &path],
            &["solution", "graph", &path],
            &["solution", "migrate", &path, "--out", "migrated.zip"],
            &["solution", "diff", &good, &path],
            &["solution", "create-settings", "-z", &path, "-s", "settings.json"],
            &["settings", "validate", "-s", &settings, "-z", &path],
        ];
        for command in commands {
            let said = self.run(command);
            one_line(name, &said, words);
        }
        assert_eq!(self.files(), before, "{name}: files were written");
        std::fs::remove_file(path).expect("the test's own file can be removed");
    }

    /// Unpacking refuses it as well, or keeps within the folder it was given.
    fn not_unpacked(&self, name: &str, bytes: &[u8], words: &[&str]) {
        let path = self.home.file(&format!("{name}.zip"), bytes);
        let before = self.files();
        let said = self.run(&["solution", "unpack", "-z", &path, "-f", "unpacked"]);
        one_line(name, &said, words);
        assert_eq!(self.files(), before, "{name}: files were written");
        std::fs::remove_file(path).expect("the test's own file can be removed");
    }

    /// Everything that lies in and beside the home.
    fn files(&self) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let home = self.home.path();
        below(home, &mut found);
        let above = home.parent().expect("a temporary folder lies in another");
        let strange = ["outside.xml", "evil.xml"].map(|name| above.join(name));
        found.extend(strange.iter().filter(|p| p.exists()).map(|p| p.display().to_string()));
        found
    }
}

fn below(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).expect("the home can be read") {
        let path = entry.expect("the home can be read").path();
        if path.is_dir() {
            below(&path, found);
        }
        found.insert(path.display().to_string());
    }
}

/// Exit code 2 and one line that holds the words.
#[track_caller]
fn one_line(name: &str, said: &Said, words: &[&str]) {
    let Said { line, code, stdout, stderr } = said;
    assert_eq!(*code, Some(2), "{name}: `{line}`\n{stdout}\n{stderr}");
    let told: Vec<&str> = stderr.lines().filter(|l| !l.starts_with("fix: ")).collect();
    assert_eq!(told.len(), 1, "{name}: `{line}`\n{stderr}");
    let starts = told[0].starts_with("error: ") || told[0].starts_with("warning: ");
    assert!(starts && told[0].len() < 1_000, "{name}: `{line}`\n{stderr}");
    for word in words {
        let found = told[0].to_lowercase().contains(&word.to_lowercase());
        assert!(found, "{name}: `{word}` is not in what `{line}` told:\n{stderr}");
    }
}

#[test]
fn a_broken_flow_is_one_finding_and_the_rest_is_checked() {
    let world = World::new();
    let deep = "[".repeat(100_000);
    let many = format!("[{}0]", "0,".repeat(1_500_000));
    let bodies: [(&str, &[u8]); 12] = [
        ("depth", deep.as_bytes()),
        ("values", many.as_bytes()),
        ("number", b"{\"a\": 1e999999}"),
        ("surrogate", b"{\"a\": \"\\ud800\"}"),
        ("cut", b"{\"properties\": {\"definition\": {\"act"),
        ("empty", b""),
        ("utf16", b"\xFF\xFE{\0}\0"),
        ("latin", b"{\"a\": \"\xE9\"}"),
        ("nul", b"{\"a\": \"\0\"}"),
        ("nan", b"{\"a\": NaN}"),
        ("comment", b"{\"a\": 1} // done"),
        ("two", b"{} {}"),
    ];
    let clean = world.home.file("clean.zip", fixture_zip(BASE));
    let other = |said: &Said| -> BTreeSet<String> {
        let rows: serde_json::Value = serde_json::from_str(&said.stdout).expect("rows are JSON");
        let rows = rows.as_array().expect("rows are a list").clone();
        rows.iter()
            .filter(|row| !row.to_string().contains("Noticeofarrivals"))
            .map(|row| row["code"].to_string())
            .collect()
    };
    let before = other(&world.run(&["solution", "check", &clean, "-o", "json"]));
    for (name, body) in bodies {
        let zip = fixture_zip_with(BASE, &[(FLOW, Some(body.to_vec()))]);
        let path = world.home.file("broken.zip", zip);
        let said = world.run(&["solution", "check", &path, "-o", "json"]);
        broken(name, &said);
        assert_eq!(other(&said), before, "{name}");
    }
    let path = world.home.file("crc.zip", zips::wrong_crc(FLOW));
    broken("crc", &world.run(&["solution", "check", &path, "-o", "json"]));
    // What readers take differently is no reason to stop.
    let twice = br#"{"properties":{"definition":{"actions":{},"actions":{}}}}"#;
    let zip = fixture_zip_with(BASE, &[(FLOW, Some(twice.to_vec()))]);
    let path = world.home.file("twice.zip", zip);
    assert_ne!(world.run(&["solution", "check", &path]).code, Some(2));
}

#[track_caller]
fn broken(name: &str, said: &Said) {
    assert_eq!(said.code, Some(1), "{name}: {}", said.stderr);
    let rows: serde_json::Value = serde_json::from_str(&said.stdout).expect("rows are JSON");
    let rows = rows.as_array().expect("rows are a list");
    let told = rows.iter().filter(|row| row["code"] == "CR000").count();
    assert_eq!(told, 1, "{name}: {}", said.stdout);
}

#[test]
fn folders_that_point_elsewhere_are_refused() {
    let world = World::new();
    let folder = world.home.path().join("linked");
    std::fs::create_dir(&folder).expect("a folder can be made");
    for (name, content) in connref_tests::package::folder_parts(&fixture(BASE)) {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().expect("a part lies in a folder")).expect("made");
        std::fs::write(path, content).expect("a part can be written");
    }
    let secret = world.home.file("secret", "canary");
    std::os::unix::fs::symlink(secret, folder.join("Workflows/link.json")).expect("a link");
    let shown = folder.display().to_string();
    for command in [["solution", "check", &shown], ["solution", "inspect", &shown]] {
        let said = world.run(&command);
        one_line("link", &said, &["symbolic link", "link.json"]);
        assert!(!said.stderr.contains("canary") && !said.stdout.contains("canary"));
    }
}
