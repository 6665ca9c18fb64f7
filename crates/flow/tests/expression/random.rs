//! Random text and random calls: nothing panics, and what prints reads back.

use connref_flow::expression::{Expression, Template, function_names};
use connref_flow::value::Value;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use serde_json::Value as Json;

use crate::scope::Still;

const SEED: u64 = 20_240_229;

#[expect(clippy::print_stderr, reason = "a failure must say its seed")]
fn runner(cases: u32) -> TestRunner {
    eprintln!("seed {SEED}");
    let config = Config {
        cases,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(SEED),
        ..Config::default()
    };
    TestRunner::new(config)
}

fn literal() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("'<a b=\"1\">x<c/></a>'".to_owned()),
        Just("'2024-02-29T12:30:00Z'".to_owned()),
        Just("'yyyy-MM-dd HH:mm:ss.fff K'".to_owned()),
        Just("'[1,\"a\",{\"b\":null},2.5]'".to_owned()),
        Just("'data:text/plain;charset=utf-8;base64,aGk='".to_owned()),
        Just("'de-DE'".to_owned()),
        Just("'W. Europe Standard Time'".to_owned()),
        Just("'count(//*[position() mod 2 = 1])'".to_owned()),
        Just("'Month'".to_owned()),
        any::<i64>().prop_map(|value| value.to_string()),
        (-5i64..40).prop_map(|value| value.to_string()),
        any::<f64>()
            .prop_filter("literals are finite", |value| value.is_finite())
            .prop_map(|value| format!("{value:?}")),
        "[ -~äß😀]{0,12}".prop_map(|text| format!("'{}'", text.replace('\'', "''"))),
        "[0#.,;%E+'C-]{0,8}".prop_map(|text| format!("'{}'", text.replace('\'', "''"))),
    ]
}

fn expression() -> impl Strategy<Value = String> {
    let names: Vec<&'static str> = function_names().collect();
    literal().prop_recursive(4, 24, 4, move |inner| {
        let call = (prop::sample::select(names.clone()), prop::collection::vec(inner.clone(), 0..4))
            .prop_map(|(name, arguments)| format!("{name}({})", arguments.join(", ")));
        let wrap = |function: &'static str| {
            inner.clone().prop_map(move |argument| format!("{function}({argument})"))
        };
        let select = (inner.clone(), any::<bool>(), inner.clone()).prop_map(|(base, optional, key)| {
            format!("createArray({base}){}[{key}]", if optional { "?" } else { "" })
        });
        prop_oneof![4 => call, 1 => wrap("json"), 1 => wrap("xml"), 1 => wrap("string"), 1 => select]
    })
}

#[test]
fn any_text_compiles_or_says_why() {
    let text = prop_oneof![".{0,60}", "@[a-z({\\['?.0-9@,+e \\])}]{0,40}", "[@{}' ]{0,20}"];
    let checked = runner(4000).run(&text, |text| {
        if let Ok(template) = Template::compile(&Json::from(text)) {
            let _ = template.evaluate(&Still::default());
        }
        Ok(())
    });
    checked.expect("nothing panics");
}

#[test]
fn any_call_has_a_value_or_an_error() {
    let checked = runner(6000).run(&expression(), |text| {
        let parsed =
            Expression::parse(&text).map_err(|error| TestCaseError::fail(error.to_string()))?;
        if let Ok(value) = parsed.evaluate(&Still::default()) {
            let _ = value.to_text();
            Value::from_json_str(&value.to_json_string())
                .map_err(|error| TestCaseError::fail(error.to_string()))?;
        }
        Ok(())
    });
    checked.expect("nothing panics");
}

#[test]
fn what_prints_reads_back() {
    let checked = runner(2000).run(&expression(), |text| {
        let first =
            Expression::parse(&text).map_err(|error| TestCaseError::fail(error.to_string()))?;
        let printed = first.to_string();
        let second =
            Expression::parse(&printed).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(&printed, &second.to_string());
        let (a, b) = (first.evaluate(&Still::default()), second.evaluate(&Still::default()));
        prop_assert_eq!(
            a.map(|value| value.to_json_string()).map_err(|error| error.code),
            b.map(|value| value.to_json_string()).map_err(|error| error.code)
        );
        Ok(())
    });
    checked.expect("the normal form means the same");
}
