//! Reading and writing gives the same bytes; readers are total.
use connref_solution::artefact::settings_json::settings_read;
use connref_solution::artefact::workflow_json::flow_body_read;
use connref_solution::document::json::JsonDocument;
use connref_solution::document::xml::{Node, XmlDocument};
use connref_solution::{Archive, Limits, package_read};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::generate::text;
use crate::support::{managed_zip, zip_of};

fn markup() -> impl Strategy<Value = String> {
    let name = "[A-Za-z][A-Za-z0-9._:-]{0,6}";
    let escaped =
        || text().prop_map(|t| t.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;"));
    let leaf = (name, escaped(), "[ \t\r\n]{0,3}", prop_oneof![Just("/"), Just("")]).prop_map(
        |(n, value, blank, end)| {
            let tag = format!("<{n} a=\"{value}\"{blank}");
            if end == "/" { format!("{tag}/>") } else { format!("{tag}>{value}</{n}>") }
        },
    );
    leaf.prop_recursive(5, 40, 6, move |inner| {
        (
            name,
            vec(
                prop_oneof![
                    inner,
                    escaped(),
                    Just("<!-- c -->".to_owned()),
                    Just("<![CDATA[<&]]>".to_owned()),
                    Just("\r\n  ".to_owned())
                ],
                0..6,
            ),
        )
            .prop_map(|(n, children)| format!("<{n}>{}</{n}>", children.concat()))
    })
}

fn visit(node: Node<'_>) {
    assert!(node.outer().starts_with('<') && node.outer().ends_with('>'));
    assert!(node.outer().contains(node.name()));
    let _ = (node.text(), node.path(), node.line_column(), node.attributes().count());
    node.children().for_each(visit);
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        "\\PC{0,8}".prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 30, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(serde_json::Value::Array),
            vec(("[a-z~/ é\"]{1,4}", inner), 0..5)
                .prop_map(|m| serde_json::Value::Object(m.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn xml_is_written_as_read(body in markup(), bom in any::<bool>(), declared in any::<bool>()) {
        let mut text = String::new();
        if bom { text.push('\u{feff}'); }
        if declared { text.push_str("<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n"); }
        text.push_str(&body);
        if let Ok(document) = XmlDocument::parse(text.as_bytes()) {
            prop_assert_eq!(document.to_bytes(), text.as_bytes());
            visit(document.root());
        } else {
            // Only what the generator may get wrong: namespace-like names are fine, so nothing.
            prop_assert!(false, "not read: {}", text);
        }
    }

    #[test]
    fn xml_edits_change_one_element(body in markup(), value in text()) {
        let document = XmlDocument::parse(body.as_bytes()).unwrap();
        let all = |d: &XmlDocument| d.root().children().map(|c| c.outer().to_owned()).collect::<Vec<_>>();
        let before = all(&document);
        if let Some(child) = document.root().children().next() {
            let mut edit = document.edit();
            edit.set_text(child, &value);
            edit.set_attribute(child, "zz", &value);
            let after = edit.finish().unwrap();
            let child = after.root().children().next().unwrap();
            prop_assert_eq!(child.text(), value.as_str());
            prop_assert_eq!(child.attribute("zz").unwrap(), value.as_str());
            prop_assert_eq!(&all(&after)[1..], &before[1..]);
        }
    }

    #[test]
    fn json_is_written_as_read_and_edits_mean_what_they_say(
        value in json(), new in json(), pretty in any::<bool>(), crlf in any::<bool>(), bom in any::<bool>()
    ) {
        let value = serde_json::json!({"a": value, "b": [1, 2]});
        let mut text = if pretty { serde_json::to_string_pretty(&value).unwrap() } else { value.to_string() };
        if crlf { text = text.replace('\n', "\r\n"); }
        if bom { text.insert(0, '\u{feff}'); }
        let mut document = JsonDocument::parse(text.as_bytes()).unwrap();
        prop_assert_eq!(document.to_bytes(), text.as_bytes());
        document.set("/a", &new).unwrap();
        document.set("/c", &new).unwrap();
        document.set("/b/1", &new).unwrap();
        document.remove("/b/0").unwrap();
        let wanted = serde_json::json!({"a": new, "b": [new], "c": new});
        prop_assert_eq!(document.value(), &wanted);
        let again = JsonDocument::parse(&document.to_bytes()).unwrap();
        prop_assert_eq!(again.value(), &wanted);
    }

    #[test]
    fn readers_are_total(bytes in vec(any::<u8>(), 0..200), text in "[\\[\\]{}\",:<>/=&;a!?-]{0,60}") {
        for bytes in [&bytes[..], text.as_bytes()] {
            let _ = XmlDocument::parse(bytes).map(|d| visit(d.root()));
            let _ = JsonDocument::parse(bytes).map(|d| (d.duplicates(), d.locate("/a")));
            let _ = settings_read(bytes, None);
            let _ = flow_body_read(&String::from_utf8_lossy(bytes), "x");
            let _ = Archive::from_zip(bytes, &Limits::default());
            let zip = zip_of(&[("solution.xml", bytes), ("customizations.xml", b"<a/>")]);
            let _ = package_read(&Archive::from_zip(&zip, &Limits::default()).unwrap());
        }
    }
}

proptest! {
    // Each case reads a whole package.
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn mutated_fixtures_are_read_or_refused(part in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let base = Archive::from_zip(&managed_zip(), &Limits::default()).unwrap();
        let mut parts = base.to_parts().unwrap();
        let chosen = part.index(parts.len());
        let bytes = &mut parts[chosen].1;
        if !bytes.is_empty() {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        for (name, bytes) in &parts {
            if name.ends_with(".xml") && let Ok(document) = XmlDocument::parse(bytes) {
                prop_assert_eq!(&document.to_bytes(), bytes);
            }
            if name.ends_with(".json") && let Ok(document) = JsonDocument::parse(bytes) {
                prop_assert_eq!(&document.to_bytes(), bytes);
            }
        }
        let archive = Archive::from_parts(parts, &Limits::default()).unwrap();
        if let Ok(package) = package_read(&archive) {
            // What was read can be written again over the same base, or is refused for a reason.
            let _ = connref_solution::package_write(Some(&archive), &package);
        }
    }
}
