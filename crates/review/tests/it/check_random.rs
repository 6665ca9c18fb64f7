//! Random packages: the checker is total. A failure prints its seed.
use connref_review::check::{CheckInput, CheckOptions, CheckSource, SettingsText, Siblings, check};
use connref_solution::{Archive, Limits};
use proptest::prelude::*;
use serde_json::{Map, Value};

use crate::pack::{FLOW, Pack};

/// Words that rules look for, so that random documents get past their first questions.
const WORDS: &[&str] = &[
    "properties",
    "definition",
    "connectionReferences",
    "triggers",
    "actions",
    "inputs",
    "host",
    "connection",
    "connectionName",
    "connectionReferenceLogicalName",
    "api",
    "name",
    "type",
    "kind",
    "Http",
    "Request",
    "All",
    "parameters",
    "dataset",
    "https://a.b/c?sig=aB3x9Qq81kkaB3x9Qq81kk",
    "authentication",
    "secret",
    "aB3~x9Qq81kk",
    "headers",
    "Authorization",
    "variables",
    "value",
    "InitializeVariable",
    "OpenApiConnection",
    "operationId",
    "runtimeSource",
    "invoker",
    "impersonation",
    "source",
    "a@b.com;c@d.com",
    "emailMessage/To",
    "cases",
    "else",
    "@parameters('x')",
    "@{",
    "@",
    "x@{y}",
    "é\u{1F600}~/'",
    "acme_t",
    "shared_teams",
    "Workflow",
    "workflowReferenceName",
    "/apis/shared_a/connections/0123456789abcdef0123456789abcdef",
    "path",
    "/datasets/@{encodeURIComponent('https://a",
    "Password=;Server=",
    "AccountKey=",
    "subscriptionRequest/runas",
    "ConnectionReferences",
    "EnvironmentVariables",
    "LogicalName",
    "ConnectionId",
    "#{x}#",
];

fn word() -> impl Strategy<Value = String> {
    prop_oneof![9 => prop::sample::select(WORDS).prop_map(str::to_owned), 1 => "\\PC{0,12}"]
}

fn document() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        word().prop_map(Value::String),
        any::<i64>().prop_map(Value::from),
        Just(Value::Null)
    ];
    leaf.prop_recursive(7, 96, 6, |inner| {
        prop_oneof![
            4 => prop::collection::vec((word(), inner.clone()), 0..6)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect::<Map<_, _>>())),
            1 => prop::collection::vec(inner, 0..4).prop_map(Value::Array),
        ]
    })
}

fn escape(text: &str) -> String {
    let plain: String =
        text.chars().filter(|c| !c.is_control() && *c != '\u{fffe}' && *c != '\u{ffff}').collect();
    plain.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

fn judge(source: &CheckSource, settings: &[u8]) {
    let settings = [SettingsText { name: "s.json", bytes: settings }];
    let siblings = Siblings::of([source]);
    let input =
        CheckInput { settings: &settings, siblings: Some(&siblings), ..CheckInput::new(source) };
    let options = CheckOptions { production: true, ..CheckOptions::default() };
    let first = check(&input, &options);
    assert!(first.iter().all(|f| !f.message.is_empty() && f.location.is_some()));
    assert_eq!(first, check(&input, &options), "the same package, the same findings");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn random_packages_do_not_panic(
        flow in document(), wrapped in document(), names in prop::collection::vec((word(), word()), 0..5),
        settings in document(), kind in 100_000_000i64..100_000_006, value in word(),
    ) {
        let mut pack = Pack::default().variable("acme_ApiKey", kind, None, Some(&value));
        for (name, api) in &names {
            pack = pack.reference(&escape(name), &escape(api));
        }
        let wrapped = serde_json::json!({"properties": {"connectionReferences": flow, "definition":
            {"triggers": {"t": wrapped}, "actions": {"a": wrapped, "b": {"inputs": wrapped}}}}});
        let pack = pack.flow_text(FLOW, &flow.to_string())
            .flow_text("22222222-2222-4222-8222-222222222222", &wrapped.to_string())
            .missing(&format!("type=\"1\" schemaName=\"{}\" solution=\"Active\"", escape(&value)))
            .app(flow);
        let archive = Archive::from_parts(pack.parts(), &Limits::default()).unwrap();
        if let Ok(source) = CheckSource::read(archive) {
            judge(&source, settings.to_string().as_bytes());
        }
    }

    #[test]
    fn random_texts_do_not_panic(text in "\\PC{0,60}", settings in prop::collection::vec(any::<u8>(), 0..40)) {
        let pack = Pack::default().flow_text(FLOW, &text)
            .part("Connector/acme_5Ftool_openapidefinition.json", &text);
        judge(&pack.source(), &settings);
        let legacy = vec![(format!("Microsoft.Flow/flows/{FLOW}/definition.json"), text.into_bytes())];
        judge(&crate::pack::source(legacy), &settings);
    }
}
