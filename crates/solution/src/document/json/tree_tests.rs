use proptest::prelude::*;

use super::*;

fn same(text: &str) {
    let expected = serde_json::from_str::<Value>(text);
    match (JsonTree::parse(text.as_bytes()), expected) {
        (Ok(tree), Ok(value)) => assert_eq!(tree.root().to_value(), value, "{text}"),
        (Err(_), Err(_)) => {}
        (tree, value) => panic!("{text:?}: {tree:?} but {value:?}"),
    }
}

#[test]
fn odd_texts_are_read_or_refused_as_elsewhere() {
    for text in [
        "",
        " ",
        "{",
        "[",
        "{}",
        "[]",
        "[1,]",
        "{\"a\":1,}",
        "{\"a\" 1}",
        "{a:1}",
        "nul",
        "null",
        "truex",
        "true",
        "-",
        "-0",
        "01",
        "1.",
        "1.5",
        ".5",
        "1e",
        "1e5",
        "1E+5",
        "1e-5",
        "1e999",
        "-1e999",
        "123456789012345678901234567890",
        "\"\\u00e9\"",
        "\"\\ud83d\\ude00\"",
        "\"\\ud83d\"",
        "\"\\ud83dx\"",
        "\"\\ud83d\\u0041\"",
        "\"\\ude00\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"a\u{1}b\"",
        "\"tab\there\"",
        "\"end",
        "\"\\\"",
        "\"\\\\\"",
        "\"é\u{7f}\u{80}ÿ\"",
        "[1] 2",
        "[[[]],{\"a\":{}}]",
        "{\"a\":1,\"a\":2}",
        "{\"\":[null,true,false]}",
        "\u{feff}{}",
        "\"12345678901234567890\\n12345678\"",
        "[\"x\",\"1234567\",\"12345678\",\"123456789\"]",
    ] {
        if text.starts_with('\u{feff}') {
            assert_eq!(
                JsonTree::parse(text.as_bytes()).unwrap().root().to_value(),
                Value::Object(Map::new())
            );
        } else {
            same(text);
        }
    }
}

#[test]
fn members_are_found() {
    let text = r#"{"a":{"b":[1,"t",{"c":"\u0041/x"}]},"n":-5,"a/b":null}"#;
    let tree = JsonTree::parse(text.as_bytes()).unwrap();
    let root = tree.root();
    let items: Vec<_> = root.at("/a/b").unwrap().as_array().unwrap().collect();
    assert_eq!((items.len(), items[0].as_u64(), items[1].as_str()), (3, Some(1), Some("t")));
    assert_eq!(items[2].get("c").unwrap().as_str(), Some("A/x"));
    assert_eq!(root.get("n").unwrap().as_i64(), Some(-5));
    assert!(root.get("a/b").unwrap().is_null() && root.get("z").is_none());
    assert!(tree.may_hold("A/x") && tree.may_hold("a/b") && !tree.may_hold("B/x"));
    let names: Vec<_> = root.as_object().unwrap().iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["a", "n", "a/b"]);
}

#[test]
fn bounds_hold() {
    let deep = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    assert!(JsonTree::parse(deep(MAX_DEPTH).as_bytes()).is_ok());
    let error = JsonTree::parse(deep(MAX_DEPTH + 1).as_bytes()).unwrap_err();
    assert!(matches!(error, JsonError::Depth { line: 1, .. }), "{error}");
    let many = format!("[{}1]", "1,".repeat(MAX_VALUES));
    assert!(matches!(JsonTree::parse(many.as_bytes()), Err(JsonError::Values { .. })));
    assert!(matches!(JsonTree::parse(b"\xFF\xFEx"), Err(JsonError::Utf16)));
    assert!(matches!(
        JsonTree::parse(b"\xEF\xBB\xBF\"\xFF\""),
        Err(JsonError::NotUtf8 { offset: 4 })
    ));
    let error = JsonTree::parse(b"{\n  \"a\": }").unwrap_err();
    assert_eq!(error.to_string(), "not valid JSON at line 2, column 8");
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
        "[\\x00-\\x7f\"\\\\é😀]{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 60, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            prop::collection::vec(("[a-z/~\"\\\\é]{0,9}", inner), 0..8)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn every_value_comes_back(value in value(), pretty: bool) {
        let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) };
        let text = text.unwrap();
        let tree = JsonTree::parse(text.as_bytes()).unwrap();
        // A fraction may differ in its last bit from what it was printed from; both readers agree.
        prop_assert_eq!(tree.root().to_value(), serde_json::from_str::<Value>(&text).unwrap());
    }

    #[test]
    fn any_text_is_read_or_refused_as_elsewhere(text in "[\\[\\]{},:\"\\\\0-9a-fnrtulse.eE+\\- \\n]{0,40}") {
        same(&text);
    }

    #[test]
    fn damage_is_seen_as_elsewhere(value in value(), at: prop::sample::Index, byte in "[\\[\\]{},:\"\\\\0x \u{1}]") {
        let mut text = serde_json::to_string(&value).unwrap();
        let mut at = at.index(text.len() + 1);
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        text.insert_str(at, &byte);
        same(&text);
    }
}
