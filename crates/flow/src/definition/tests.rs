//! What compiles and what does not, on small definitions and on real ones.

#![expect(clippy::needless_pass_by_value, reason = "small values made where they are used")]

use serde_json::{Value as Json, json};

use super::Definition;

fn problems(definition: Json) -> Vec<String> {
    match Definition::compile(&definition) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(ToString::to_string).collect(),
    }
}

fn one(action: Json) -> String {
    let problems = problems(json!({"actions": {"A": action}}));
    assert_eq!(problems.len(), 1, "{problems:?}");
    problems.into_iter().next().unwrap()
}

#[test]
fn every_problem_has_its_place() {
    let list = problems(json!({"actions": {
        "A": {"type": "Compose", "inputs": {"x": "@concat("}},
        "B": {"type": "Compose", "runAfter": {"Nobody": ["Succeeded"]}},
        "C": {"type": "Nonsense"},
        "D": {"type": "Compose", "runAfter": {"A": ["Done"]}},
    }}));
    let places: Vec<&str> = list.iter().map(|text| text.split(':').next().unwrap()).collect();
    assert_eq!(
        places,
        [
            "/actions/A/inputs",
            "/actions/B/runAfter/Nobody",
            "/actions/C/type",
            "/actions/D/runAfter/A"
        ]
    );
}

#[test]
fn circles_and_duplicates() {
    let after = |name: &str| json!({"type": "Compose", "runAfter": {name: ["Succeeded"]}});
    let list = problems(json!({"actions": {"A": after("B"), "B": after("A"), "C": after("C")}}));
    assert!(list.iter().any(|text| text.contains("circle: `A`, `B`")), "{list:?}");
    assert!(list.iter().any(|text| text.contains("`C`, which is not")), "{list:?}");
    let twice = problems(
        json!({"actions": {"A": {"type": "Scope", "actions": {"a": {"type": "Compose"}}}}}),
    );
    assert!(twice[0].contains("another action"), "{twice:?}");
}

#[test]
fn rules_of_single_types() {
    assert!(
        one(json!({"type": "SetVariable", "inputs": {"name": "x", "value": 1}}))
            .contains("never initialized")
    );
    assert!(one(json!({"type": "Foreach", "foreach": "@item()", "actions": {"T": {"type": "Terminate", "inputs": {"runStatus": "Failed"}}}})).contains("inside a loop"));
    assert!(
        one(json!({"type": "If", "expression": {"and": [], "or": []}})).contains("exactly one")
    );
    assert!(
        one(json!({"type": "Until", "expression": "@true", "limit": {"count": 5001}}))
            .contains("limit")
    );
    assert!(
        one(json!({"type": "Http", "inputs": {"retryPolicy": {"type": "fixed", "count": 0}}}))
            .contains("between 1 and 90")
    );
    assert!(
        one(json!({"type": "Compose", "inputs": "@outputs('Nobody')"})).contains("action `Nobody`")
    );
    assert!(
        one(json!({"type": "Compose", "inputs": "@parameters('Nobody')"}))
            .contains("parameter `Nobody`")
    );
    assert!(one(json!({"type": "Compose", "runtimeConfiguration": {"staticResult": {"name": "S", "staticResultOptions": "Enabled"}}})).contains("static result"));
}

#[test]
fn nesting_is_bounded() {
    let mut action = json!({"type": "Compose"});
    for level in 0..8 {
        action = json!({"type": "Scope", "actions": {format!("L{level}"): action}});
    }
    assert!(problems(json!({"actions": {"A": action}})).is_empty());
    assert!(one(json!({"type": "Scope", "actions": {"B": action}})).contains("deeper than 8"));
    let mut deep = json!(1);
    for _ in 0..70 {
        deep = json!([deep]);
    }
    assert!(
        problems(json!({"actions": {"A": {"type": "Compose", "inputs": deep}}}))[0].contains("64")
    );
}

#[test]
fn nothing_panics_on_shapes_of_the_wrong_kind() {
    let wrong =
        [json!(null), json!(1), json!("x"), json!([]), json!([1]), json!({}), json!({"a": 1})];
    for value in &wrong {
        let _ = problems(value.clone());
        for name in ["actions", "triggers", "parameters", "staticResults", "outputs"] {
            let _ = problems(json!({name: value}));
            let _ = problems(json!({name: {"A": value}}));
        }
        for kind in [
            "Compose",
            "ParseJson",
            "Query",
            "Select",
            "Table",
            "Join",
            "Expression",
            "InitializeVariable",
            "SetVariable",
            "If",
            "Switch",
            "Foreach",
            "Scope",
            "Until",
            "Terminate",
            "Response",
            "Wait",
            "Workflow",
            "OpenApiConnection",
            "ApiConnection",
            "Http",
        ] {
            for key in [
                "inputs",
                "actions",
                "else",
                "cases",
                "default",
                "expression",
                "foreach",
                "runAfter",
                "limit",
                "runtimeConfiguration",
                "operationOptions",
                "kind",
            ] {
                let _ = problems(json!({"actions": {"A": {"type": kind, key: value}}}));
            }
        }
    }
}

#[test]
fn triggers_tell_what_starts_a_run() {
    let definition = Definition::compile(&json!({"triggers": {"T": {"type": "Recurrence",
        "recurrence": {"frequency": "day", "interval": 3, "timeZone": "UTC"},
        "runtimeConfiguration": {"concurrency": {"runs": 4}}, "inputs": {"schema": {"type": "object"}}}}})).unwrap();
    let trigger = definition.trigger("t").unwrap();
    let recurrence = trigger.recurrence.as_ref().unwrap();
    assert_eq!(
        (recurrence.frequency.as_str(), recurrence.interval, trigger.concurrency),
        ("Day", 3, Some(4))
    );
    assert!(trigger.schema().is_some() && !trigger.splits());
    assert_eq!(problems(json!({"triggers": {"T": {"type": "Recurrence", "recurrence": {"frequency": "Month", "interval": 17}}}})).len(), 1);
}

/// Definitions of real flows below the folder that `CONNREF_SAMPLES` names.
pub(crate) fn real_definitions() -> Vec<(String, Json)> {
    let Ok(folder) = std::env::var("CONNREF_SAMPLES") else {
        eprintln!("CONNREF_SAMPLES is not set: real flows are not tried");
        return Vec::new();
    };
    let mut found = Vec::new();
    let mut folders = vec![std::path::PathBuf::from(folder)];
    while let Some(folder) = folders.pop() {
        let mut entries: Vec<_> =
            std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        entries.sort();
        for path in entries {
            let name = path.to_string_lossy().into_owned();
            if path.is_dir() {
                folders.push(path);
            } else if name.ends_with(".zip") {
                zipped(&path, &mut found);
            } else if name.ends_with(".json") {
                keep(&name, &std::fs::read(&path).unwrap(), &mut found);
            }
        }
    }
    found
}

fn zipped(path: &std::path::Path, found: &mut Vec<(String, Json)>) {
    let mut archive = zip::ZipArchive::new(std::fs::File::open(path).unwrap()).unwrap();
    for index in 0..archive.len() {
        let mut part = archive.by_index(index).unwrap();
        let name = format!("{}!{}", path.display(), part.name().expect("the name is text"));
        if name.ends_with(".json") {
            let mut bytes = Vec::new();
            std::io::Read::read_to_end(&mut part, &mut bytes).unwrap();
            keep(&name, &bytes, found);
        }
    }
}

/// Keeps what is a cloud flow: a desktop flow has a `package` and no triggers.
fn keep(name: &str, bytes: &[u8], found: &mut Vec<(String, Json)>) {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let Ok(json) = serde_json::from_slice::<Json>(bytes) else { return };
    let definition = [&json["properties"]["definition"], &json["definition"]];
    let definition = definition
        .into_iter()
        .find(|one| one["actions"].is_object() && one["triggers"].is_object());
    if let Some(definition) = definition {
        found.push((name.to_owned(), definition.clone()));
    }
}

#[test]
fn real_flows_compile() {
    let all = real_definitions();
    let mut refused = Vec::new();
    for (name, definition) in &all {
        if let Err(problems) = Definition::compile(definition) {
            let texts: Vec<String> = problems.iter().map(ToString::to_string).collect();
            refused.push(format!("{name}\n  {}", texts.join("\n  ")));
        }
    }
    eprintln!("{} of {} real flows compile", all.len() - refused.len(), all.len());
    assert!(refused.is_empty(), "{}", refused.join("\n"));
}
