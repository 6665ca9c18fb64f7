//! Strings with expressions in them, and what bounds them.

use connref_flow::expression::{Expression, Template, function_names};
use connref_flow::value::Value;
use serde_json::{Value as Json, json};

use crate::scope::{Still, run, run_in};

#[test]
fn expressions_keep_their_type_and_text_does_not() {
    let scope = Still::with(&[("variables/n", json!(42)), ("variables/o", json!({"a": [1.0]}))]);
    for (text, expected) in [
        ("@variables('n')", "42"),
        ("@{variables('n')}", "\"42\""),
        (
            "n is @{variables('n')}, o is @{ variables('o') }.",
            "\"n is 42, o is {\\\"a\\\":[1.0]}.\"",
        ),
        ("@@{x} and @@x", "\"@{x} and @@x\""),
        ("@@x @{variables('n')}", "\"@x 42\""),
        ("a@b.c", "\"a@b.c\""),
        ("@{'}'}@{'{'}", "\"}{\""),
        ("@{concat('a', '@{b}')}", "\"a@{b}\""),
        ("@ variables( 'n' ) ", "42"),
        ("", "\"\""),
    ] {
        let value = run_in(text, &scope).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(value.to_json_string(), expected, "{text}");
    }
}

#[test]
fn templates_reach_into_objects_and_names() {
    let template = Template::compile(&json!({
        "@{concat('k', 1)}": ["@add(1, 2)", {"plain": true}],
        "fixed": {"a": null}
    }))
    .expect("the template is valid");
    let value = template.evaluate(&Still::default()).expect("it has a value");
    assert_eq!(value.to_json_string(), r#"{"k1":[3,{"plain":true}],"fixed":{"a":null}}"#);
    assert_eq!(template.expressions().len(), 2);
    assert!(template.constant().is_none());
    let constant = Template::compile(&json!({"a": [1, "x"]})).expect("the template is valid");
    assert_eq!(constant.constant(), Some(&Value::from_json(&json!({"a": [1, "x"]}))));
}

#[test]
fn parse_errors_say_where() {
    for (text, expected) in [
        (
            "@concat('a'",
            "the expression `concat('a'` is not valid at character 11: expected `)`, found the end",
        ),
        (
            "x @{concat('ä' 'b')} y",
            "the expression `concat('ä' 'b')} y` is not valid at character 12: expected `)`, found a string",
        ),
        (
            "@name",
            "the expression `name` is not valid at character 1: `name` needs `(` to be a call, or quotes to be a string",
        ),
        (
            "@concat('a')}",
            "the expression `concat('a')}` is not valid at character 12: expected the end, found `}`",
        ),
        (
            "@f().",
            "the expression `f().` is not valid at character 5: a property name must follow `.`",
        ),
        (
            "@f()?",
            "the expression `f()?` is not valid at character 5: expected `.` or `[`, found the end",
        ),
        (
            "@'open",
            "the expression `'open` is not valid at character 1: the string has no closing `'`",
        ),
        ("@#", "the expression `#` is not valid at character 1: `#` is not part of the language"),
    ] {
        let error = Template::compile(&Json::from(text)).expect_err(text);
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn calls_are_listed_with_what_they_name() {
    let expression =
        Expression::parse("if(true, outputs('Get')?['a'], nope(variables(concat('x'))))")
            .expect("valid");
    let calls: Vec<_> =
        expression.calls().iter().map(|call| (call.function, call.argument, call.known)).collect();
    assert_eq!(
        calls,
        [
            ("if", None, true),
            ("outputs", Some("Get"), true),
            ("nope", None, false),
            ("variables", None, true),
            ("concat", Some("x"), true),
        ]
    );
}

#[test]
fn the_normal_form_of_an_expression() {
    let expression =
        Expression::parse(" concat( 'it''s' ,outputs('A').b?['c'] [0] , 1.0,-2 ,NULL)")
            .expect("valid");
    assert_eq!(
        expression.to_string(),
        "concat('it''s', outputs('A')['b']?['c'][0], 1.0, -2, null)"
    );
}

#[test]
fn every_documented_function_is_there() {
    assert!(function_names().count() >= 137);
    let mut names: Vec<String> = function_names().map(str::to_lowercase).collect();
    names.sort();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count);
}

#[test]
fn size_and_depth_are_bounded() {
    let long = format!("@concat('{}')", "x".repeat(9000));
    assert!(Template::compile(&Json::from(long)).is_err());
    let deep = format!("@{}1{}", "not(".repeat(1000), ")".repeat(1000));
    assert!(Template::compile(&Json::from(deep)).is_err());
    let indexes = format!("@json('1'){}", "['a']".repeat(1500));
    assert!(run(&indexes).is_err());
    let nested = format!("@{}1{}", "createArray(".repeat(140), ")".repeat(140));
    assert!(run(&nested).expect_err("nests too deeply").message.contains("128 levels"));
    let fits = format!("@{}1{}", "createArray(".repeat(120), ")".repeat(120));
    assert!(run(&fits).is_ok());
}

#[test]
fn work_is_bounded() {
    // Each replacement makes the text a hundred times as long.
    let mut bomb = "'xxxxxxxxxx'".to_owned();
    for _ in 0..8 {
        bomb = format!("replace({bomb}, 'x', '{}')", "x".repeat(100));
    }
    assert!(run(&format!("@{bomb}")).expect_err("too much").message.contains("too much data"));
    let scope = Still::with(&[("variables/big", Json::from("x".repeat(100_000)))]);
    let error =
        run_in("@concat(variables('big'), variables('big'))", &scope).expect_err("too long");
    assert!(error.message.contains("131072"), "{error}");
    let deep = format!("@xml('{}')", "<a>".repeat(200));
    assert!(run(&deep).expect_err("nests too deeply").message.contains("nest more than"));
    let deep = format!("@xpath(xml('<a/>'), '{}')", "(".repeat(3000));
    assert!(run(&deep).expect_err("nests too deeply").message.contains("more than 400 parts"));
    let scope =
        Still::with(&[("variables/xml", Json::from(format!("<a>{}</a>", "<b/>".repeat(20_000))))]);
    let error = run_in(
        "@xpath(xml(variables('xml')), 'count(//b[count(//b[count(//b) > 1]) > 1])')",
        &scope,
    );
    assert!(error.expect_err("too much work").message.contains("too much data"));
}
