use super::*;

fn json(text: &str) -> Value {
    Value::from_json_str(text).expect("the test's JSON is valid")
}

#[test]
fn an_exact_name_beats_one_in_another_case() {
    let object = json(r#"{"Name":1,"name":2,"NAME":3}"#);
    assert_eq!(object.get("name"), Some(&Value::Int(2)));
    assert_eq!(object.get("nAME"), Some(&Value::Int(1)));
    assert_eq!(object.get("other"), None);
}

#[test]
fn large_objects_find_and_lose_names_like_small_ones() {
    let mut object: Object = (0..40).map(|n| (format!("Key{n}"), Value::Int(n))).collect();
    assert_eq!(object.get("key17"), Some(&Value::Int(17)));
    assert_eq!(object.remove("KEY17").map(|(name, _)| name.to_string()), Some("Key17".to_owned()));
    assert_eq!(object.get("Key39"), Some(&Value::Int(39)));
    assert_eq!(object.get("Key17"), None);
    assert_eq!(object.len(), 39);
}

#[test]
fn objects_are_equal_in_any_order() {
    assert_eq!(json(r#"{"a":1,"b":[2]}"#), json(r#"{"b":[2],"a":1}"#));
    assert_ne!(json(r#"{"a":1}"#), json(r#"{"a":1.0}"#));
}

#[test]
fn doubles_are_written_the_way_dotnet_does() {
    for (value, text) in [
        (0.5, "0.5"),
        (32.0, "32"),
        (1e14, "100000000000000"),
        (1e15, "1E+15"),
        (-0.00001, "-1E-05"),
        (0.0001, "0.0001"),
        (9_223_372_036_854_775_807.0, "9.223372036854776E+18"),
        (5e-324, "5E-324"),
        (f64::INFINITY, "Infinity"),
    ] {
        assert_eq!(float_text(value), text);
    }
}

#[test]
fn json_text_keeps_the_kind_of_number() {
    let value = Value::array(vec![
        Value::Int(5),
        Value::Float(5.0),
        Value::Float(1e20),
        Value::Float(f64::NAN),
        Value::Decimal(Decimal::new(50, 1)),
    ]);
    assert_eq!(value.to_json_string(), r#"[5,5.0,1E+20,"NaN",5.0]"#);
    assert_eq!(json("[5,5.0,1E+20]").to_json_string(), "[5,5.0,1E+20]");
    assert_eq!(json("18446744073709551615").to_json_string(), "18446744073709551615.0");
}

#[test]
fn strings_are_escaped_in_json_text() {
    let value = Value::string("a\"b\\c\n\u{1}ä\u{2028}");
    assert_eq!(value.to_json_string(), "\"a\\\"b\\\\c\\n\\u0001ä\\u2028\"");
    assert_eq!(json(&value.to_json_string()), value);
}

#[test]
fn deep_json_is_refused() {
    let text = "[".repeat(100_000);
    assert!(Value::from_json_str(&text).is_err());
    assert!(json("[[1]]").depth_within(2));
    assert!(!json("[[1]]").depth_within(1));
}

#[test]
fn binary_content_reads_as_text() {
    let value = Binary::new("text/plain;charset=utf-16", vec![0x41, 0, 0xE4, 0]).to_value();
    assert_eq!(value.to_text(), "Aä");
    let value = Binary::new("image/png", vec![0xFF, 0x41]).to_value();
    assert_eq!(value.to_text(), "\u{FFFD}A");
    assert_eq!(
        json(r#"{"$content-type":"a/b","$content":"!"}"#).to_text().chars().next(),
        Some('{')
    );
}
