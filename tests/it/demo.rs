//! `connref demo` from an empty folder.
use connref_tests::Home;
use serde_json::Value;

#[test]
fn the_demo_tells_its_story_and_holds_it() {
    let home = Home::new();
    let mut command = home.command(["demo", "--json"]);
    // It is to work where nothing was set up.
    command.env_remove("CONNREF_HOME").env_remove("CONNREF_CONFIG");
    let story = home.finish(command, None).expect(0).json();
    let text = story.to_string();
    let facts =
        ["DEV", "PROD", "XrmConnectionReferenceMissingConnection", "Sync orders", "Report orders"];
    for fact in facts {
        assert!(text.to_lowercase().contains(&fact.to_lowercase()), "`{fact}` is not in {story:#}");
    }
    assert!(held(&story), "an expectation did not hold: {story:#}");
}

/// Whether no member called `ok` or `held` anywhere is false.
fn held(value: &Value) -> bool {
    match value {
        Value::Object(members) => members.iter().all(|(name, member)| {
            !(["ok", "held"].contains(&name.as_str()) && *member == Value::Bool(false))
                && held(member)
        }),
        Value::Array(items) => items.iter().all(held),
        _ => true,
    }
}
