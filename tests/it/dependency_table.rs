//! Who may use whom (ARCHITECTURE.md). The pure crates stay pure.
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// Crate and what it may use of ours.
const TABLE: [(&str, &[&str]); 9] = [
    ("connref-solution", &[]),
    ("connref-flow", &[]),
    ("connref-egress", &[]),
    ("connref-review", &["connref-flow", "connref-solution"]),
    ("connref-store", &["connref-solution"]),
    (
        "connref-engine",
        &["connref-egress", "connref-flow", "connref-review", "connref-solution", "connref-store"],
    ),
    (
        "connref-server",
        &[
            "connref-egress",
            "connref-engine",
            "connref-flow",
            "connref-review",
            "connref-solution",
            "connref-store",
        ],
    ),
    ("connref-client", &["connref-egress", "connref-solution"]),
    (
        "connref-cli",
        &[
            "connref-client",
            "connref-egress",
            "connref-engine",
            "connref-flow",
            "connref-review",
            "connref-server",
            "connref-solution",
            "connref-store",
        ],
    ),
];

/// What does input and output.
const IMPURE: [&str; 7] =
    ["axum", "deadpool-postgres", "hyper", "reqwest", "rusqlite", "tokio", "tokio-postgres"];

#[test]
fn crates_use_what_the_table_allows() {
    let graph = Graph::read();
    for (name, allowed) in TABLE {
        let used: BTreeSet<&str> =
            graph.direct(name).filter(|used| used.starts_with("connref-")).collect();
        let allowed: BTreeSet<&str> = allowed.iter().copied().collect();
        let excess: Vec<_> = used.difference(&allowed).collect();
        assert!(excess.is_empty(), "{name} must not use {excess:?}");
    }
    let ours: BTreeSet<&str> =
        graph.names.values().map(String::as_str).filter(|n| n.starts_with("connref-")).collect();
    let listed: BTreeSet<&str> =
        TABLE.iter().map(|(name, _)| *name).chain(["connref-tests", "connref-benches"]).collect();
    let unlisted: Vec<_> = ours.difference(&listed).collect();
    assert!(unlisted.is_empty(), "{unlisted:?} is not in the table");
}

#[test]
fn pure_crates_do_no_input_and_output() {
    let graph = Graph::read();
    for name in ["connref-solution", "connref-flow", "connref-review"] {
        let all = graph.all(name);
        for impure in IMPURE {
            assert!(!all.contains(impure), "{name} reaches {impure}");
        }
    }
}

/// The platform of the compiler at hand.
fn host() -> String {
    let output = Command::new("rustc").arg("-vV").output().expect("rustc can be started");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.expect("rustc tells its host").to_owned()
}

/// Normal and build dependencies of every package of the lock file.
struct Graph {
    names: BTreeMap<String, String>,
    edges: BTreeMap<String, Vec<String>>,
}

impl Graph {
    fn read() -> Self {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let output = Command::new(cargo)
            .args(["metadata", "--format-version", "1", "--locked", "--offline"])
            // What other platforms need was never downloaded.
            .args(["--filter-platform", &host()])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .expect("cargo can be started");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "cargo metadata failed: {said}");
        let metadata: Value =
            serde_json::from_slice(&output.stdout).expect("cargo metadata writes JSON");
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let names = list(&metadata["packages"])
            .iter()
            .map(|package| (text(&package["id"]), text(&package["name"])))
            .collect();
        let edges = list(&metadata["resolve"]["nodes"])
            .iter()
            .map(|node| {
                let used = list(&node["deps"])
                    .iter()
                    .filter(|dep| list(&dep["dep_kinds"]).iter().any(|kind| kind["kind"] != "dev"))
                    .map(|dep| text(&dep["pkg"]))
                    .collect();
                (text(&node["id"]), used)
            })
            .collect();
        Self { names, edges }
    }

    fn id(&self, name: &str) -> &str {
        let found = self.names.iter().find(|(_, known)| *known == name);
        found.map(|(id, _)| id.as_str()).unwrap_or_else(|| panic!("there is no package {name}"))
    }

    fn direct(&self, name: &str) -> impl Iterator<Item = &str> {
        self.edges[self.id(name)].iter().map(|id| self.names[id].as_str())
    }

    fn all(&self, name: &str) -> BTreeSet<&str> {
        let mut seen = BTreeSet::new();
        let mut open = vec![self.id(name)];
        while let Some(id) = open.pop() {
            for used in self.edges.get(id).into_iter().flatten() {
                // By id: two versions of one name need not use the same.
                if seen.insert(used.as_str()) {
                    open.push(used);
                }
            }
        }
        seen.into_iter().map(|id| self.names[id].as_str()).collect()
    }
}
