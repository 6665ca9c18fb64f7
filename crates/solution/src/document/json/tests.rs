use serde_json::json;

use super::*;

fn document(text: &str) -> JsonDocument {
    JsonDocument::parse(text.as_bytes()).unwrap()
}

#[test]
fn reads_and_writes_the_same_bytes() {
    for text in [
        "{}",
        "\u{feff}{\r\n  \"a\": 1.50,\r\n  \"b\": \"\\u00e9/é\"\r\n}\r\n",
        " [1,2 ,3 ] ",
        "1e5",
    ] {
        assert_eq!(document(text).to_bytes(), text.as_bytes());
    }
}

#[test]
fn finds_places() {
    let doc = document("{\n  \"a/b\": [1, {\"c~\": true}]\n}");
    assert_eq!(doc.locate("/a~1b/1/c~0"), Some(Place { offset: 22, line: 2, column: 21 }));
    assert_eq!(doc.locate("/x"), None);
    assert_eq!(doc.locate(""), Some(Place { offset: 0, line: 1, column: 1 }));
}

#[test]
fn sets_and_keeps_the_rest() {
    let mut doc = document("{\r\n  \"a\": 1.50,\r\n  \"b\": {}\r\n}\r\n");
    doc.set("/b/c", &json!({"d": [1]})).unwrap();
    doc.set("/e", &json!("x")).unwrap();
    assert_eq!(
        doc.text(),
        "{\r\n  \"a\": 1.50,\r\n  \"b\": {\r\n    \"c\": {\r\n      \"d\": [\r\n        1\r\n      ]\r\n    }\r\n  },\r\n  \"e\": \"x\"\r\n}\r\n"
    );
    doc.remove("/b").unwrap();
    doc.remove("/e").unwrap();
    assert_eq!(doc.text(), "{\r\n  \"a\": 1.50\r\n}\r\n");
    doc.set("/a", &json!(2)).unwrap();
    assert_eq!(doc.text(), "{\r\n  \"a\": 2\r\n}\r\n");
    assert!(doc.set("/x/y", &json!(1)).is_err());
    assert!(doc.remove("/x").is_err());
}

#[test]
fn compact_text_stays_compact() {
    let mut doc = document("{\"a\":[1,2,3],\"b\":{}}");
    doc.set("/b/c", &json!({"d":1})).unwrap();
    doc.remove("/a/0").unwrap();
    doc.remove("/a/1").unwrap();
    assert_eq!(doc.text(), "{\"a\":[2],\"b\":{\"c\":{\"d\":1}}}");
    doc.remove("/a/0").unwrap();
    assert_eq!(doc.text(), "{\"a\":[],\"b\":{\"c\":{\"d\":1}}}");
}

#[test]
fn duplicate_names_are_told() {
    assert_eq!(document("{\"a\":{\"b\":1,\"b\":2}}").duplicates(), ["/a/b"]);
}

#[test]
fn refuses_what_it_must() {
    let deep = "[".repeat(10_000);
    let error = JsonDocument::parse(deep.as_bytes()).unwrap_err().to_string();
    assert!(error.contains("deeper than 100"), "{error}");
    let brackets = format!("\"{}\"", "[".repeat(500));
    assert!(JsonDocument::parse(brackets.as_bytes()).is_ok());
    let error = JsonDocument::parse(b"{\"a\":\n 1,}").unwrap_err().to_string();
    assert!(error.contains("line 2"), "{error}");
    assert!(JsonDocument::parse(b"\xff").is_err());
    assert!(JsonDocument::parse(b"").is_err());
    let deepest = format!("{}{}", "[".repeat(100), "]".repeat(100));
    assert!(JsonDocument::parse(deepest.as_bytes()).is_ok());
}

#[test]
fn new_documents_are_pretty() {
    let doc = JsonDocument::new(json!({"a": {}, "b": [1]}));
    assert_eq!(doc.text(), "{\n  \"a\": {},\n  \"b\": [\n    1\n  ]\n}");
}

#[test]
fn pushed_elements_look_like_their_neighbours() {
    let value = json!({"a": 2, "b": "y"});
    for (before, after) in [
        ("{\"l\":[]}", "{\"l\":[{\"a\":2,\"b\":\"y\"}]}"),
        (
            "{\n  \"l\": [\n    { \"a\": 1 }\n  ]\n}",
            "{\n  \"l\": [\n    { \"a\": 1 },\n    { \"a\": 2, \"b\": \"y\" }\n  ]\n}",
        ),
        (
            "{\r\n    \"l\":  [\r\n         {\r\n             \"a\":  1\r\n         }\r\n     ]\r\n}",
            "{\r\n    \"l\":  [\r\n         {\r\n             \"a\":  1\r\n         },\r\n         {\r\n             \"a\": 2,\r\n             \"b\": \"y\"\r\n         }\r\n     ]\r\n}",
        ),
        (
            "{\n  \"l\": []\n}",
            "{\n  \"l\": [\n    {\n      \"a\": 2,\n      \"b\": \"y\"\n    }\n  ]\n}",
        ),
    ] {
        let mut doc = document(before);
        doc.push("/l", &value).unwrap();
        assert_eq!(doc.text(), after, "{before}");
    }
    assert!(document("{\"l\":{}}").push("/l", &value).is_err());
    assert!(document("{}").push("/l", &value).is_err());
}

#[test]
fn several_changes_are_made_at_once_or_not_at_all() {
    let mut doc = document("{\"a\":{\"x\":1},\"b\":[1,2]}");
    let change = |pointer: &str, value: Value| (pointer.to_owned(), value);
    doc.set_all(&[change("/b/1", json!(3)), change("/a/y", json!(2)), change("/a/z", json!({}))])
        .unwrap();
    assert_eq!(doc.text(), "{\"a\":{\"x\":1,\"y\":2,\"z\":{}},\"b\":[1,3]}");
    let before = doc.text().to_owned();
    assert!(doc.set_all(&[change("/a", json!(1)), change("/a/x", json!(2))]).is_err());
    assert!(doc.set_all(&[change("/b/0", json!(9)), change("/c/d", json!(2))]).is_err());
    assert_eq!(doc.text(), before);
    doc.set_all(&[]).unwrap();
    let mut doc = document("{\"a\": {}}");
    doc.set_all(&[change("/a/x", json!(1)), change("/a/y~1z", json!(2))]).unwrap();
    assert_eq!(doc.value(), &json!({"a": {"x": 1, "y/z": 2}}));
}
