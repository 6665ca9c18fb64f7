//! Public cases and flows, where the environment variable `CONNREF_SAMPLES` names their folder.

use std::path::{Path, PathBuf};

use connref_flow::expression::Template;
use connref_flow::value::Value;
use serde_json::{Value as Json, json};

use crate::scope::{Still, run_in};

/// Cases that give something else here, and why.
const DISAGREEMENTS: &[(&str, &str)] = &[
    ("@equal(1, 1)", EQUAL),
    ("@equal(1, '1')", EQUAL),
    ("@equal('string', 'string')", EQUAL),
    (
        "@aes",
        "text of one `@` and a name is no string in the service: recorded as a parse error for other names",
    ),
];

const EQUAL: &str =
    "the language has no function of this name (only `equals`): a slip of that implementation";

#[expect(clippy::print_stderr, reason = "says why nothing was tested, and what was")]
fn say(text: &str) {
    eprintln!("{text}");
}

fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("CONNREF_SAMPLES").map(PathBuf::from);
    if folder.is_none() {
        say("skipped: CONNREF_SAMPLES is not set");
    }
    folder
}

fn read(path: &Path) -> Option<Json> {
    let bytes = std::fs::read(path).ok()?;
    serde_json::from_slice(bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&bytes)).ok()
}

fn same(found: &Value, case: &Json) -> bool {
    let expected = &case["expected"];
    if case["type"] == "float" && !matches!(found, Value::Float(_)) {
        return false;
    }
    // Some cases hold the text of the result.
    found.to_json() == *expected
        || (found.as_object().is_some() && expected.as_str() == Some(&found.to_json_string()))
}

fn outcome(case: &Json) -> Result<(), String> {
    let text = case["expression"].as_str().ok_or("the case has no expression")?;
    let outputs = &case["context"]["functionReturns"]["triggerOutputs"];
    let scope = Still::with(&[("trigger/", json!({ "outputs": outputs }))]);
    match run_in(text, &scope) {
        Ok(value) if case["error"] == true => Err(format!("gave {}", value.to_json_string())),
        Ok(value) if same(&value, case) => Ok(()),
        Ok(value) => Err(format!("gave {}, expected {}", value.to_json_string(), case["expected"])),
        Err(error) if case["error"] == true => {
            let part = case["errorContains"].as_str().unwrap_or_default();
            if error.message.contains(part) {
                Ok(())
            } else {
                Err(format!("failed with `{error}`, expected `{part}`"))
            }
        }
        Err(error) => Err(format!("failed with `{error}`, expected {}", case["expected"])),
    }
}

#[test]
fn public_cases_agree_but_for_the_known_ones() {
    let Some(folder) = folder() else { return };
    let (mut all, mut agreed) = (0, 0);
    let mut surprises = Vec::new();
    for name in ["illogicapps.json", "powerautomatemockup.json"] {
        let file = read(&folder.join("expressions").join(name)).expect("the file of cases is JSON");
        for case in file["cases"].as_array().expect("the file has cases") {
            all += 1;
            let text = case["expression"].as_str().unwrap_or_default();
            let known = DISAGREEMENTS.iter().any(|(known, _)| *known == text);
            match outcome(case) {
                Ok(()) if known => surprises.push(format!("{text}: agrees now")),
                Ok(()) => agreed += 1,
                Err(_) if known => {}
                Err(problem) => surprises.push(format!("{name}: {text}: {problem}")),
            }
        }
    }
    say(&format!("{agreed} of {all} agree"));
    for (text, reason) in DISAGREEMENTS {
        say(&format!("known to differ: {text}: {reason}"));
    }
    assert!(surprises.is_empty(), "{}", surprises.join("\n"));
    assert_eq!(all, agreed + DISAGREEMENTS.len());
}

fn flows(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            flows(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "json") {
            found.push(path);
        }
    }
}

/// Every string of a definition, as a template.
fn compile_all(json: &Json, path: &Path, count: &mut usize, problems: &mut Vec<String>) {
    match json {
        Json::String(text) if text.contains('@') => match Template::compile(json) {
            Ok(template) => {
                *count += template.expressions().len();
                for call in template.calls().iter().filter(|call| !call.known) {
                    problems.push(format!("{}: `{}` is not known", path.display(), call.function));
                }
            }
            Err(error) => problems.push(format!("{}: {error} in {text}", path.display())),
        },
        Json::Array(items) => {
            items.iter().for_each(|item| compile_all(item, path, count, problems));
        }
        Json::Object(map) => map.values().for_each(|item| compile_all(item, path, count, problems)),
        _ => {}
    }
}

#[test]
fn expressions_of_real_flows_compile() {
    let Some(folder) = folder() else { return };
    let mut paths = Vec::new();
    for part in ["unpacked", "legacy", "workflows"] {
        flows(&folder.join(part), &mut paths);
    }
    let (mut count, mut problems) = (0, Vec::new());
    for path in &paths {
        let Some(json) = read(path) else { continue };
        let definitions = ["/definition", "/properties/definition"]
            .map(|place| json.pointer(place).cloned().unwrap_or_default());
        for definition in definitions {
            for part in ["actions", "triggers", "outputs"] {
                compile_all(&definition[part], path, &mut count, &mut problems);
            }
        }
    }
    say(&format!("{count} expressions in {} files", paths.len()));
    assert!(problems.is_empty(), "{} problems: {}", problems.len(), problems.join("\n"));
}
