use super::*;

fn document(text: &str) -> XmlDocument {
    XmlDocument::parse(text.as_bytes()).unwrap()
}

const SAMPLE: &str = "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n<a x='1 &amp; 2'  y=\"z\">\r\n  <b>t&lt;u</b>\r\n  <!-- c -->\r\n  <b k = \"v\" />\r\n  <c><![CDATA[<raw>]]> and &#x41;</c>\r\n</a>\r\n";

#[test]
fn reads_and_writes_the_same_bytes() {
    assert_eq!(document(SAMPLE).to_bytes(), SAMPLE.as_bytes());
}

#[test]
fn finds_and_reads() {
    let doc = document(SAMPLE);
    let root = doc.root();
    assert_eq!(root.attribute("x").unwrap(), "1 & 2");
    assert_eq!(root.attribute("y").unwrap(), "z");
    assert_eq!(root.child("b").unwrap().text(), "t<u");
    assert_eq!(root.find("c").unwrap().text(), "<raw> and A");
    let second = root.children().nth(1).unwrap();
    assert_eq!(second.path(), "/a/b[2]");
    assert_eq!(second.attribute("k").unwrap(), "v");
    assert_eq!(second.line_column(), (5, 3));
    for child in root.children() {
        assert!(child.outer().starts_with('<') && child.outer().ends_with('>'));
    }
}

#[test]
fn edits_touch_nothing_else() {
    let doc = document(SAMPLE);
    let mut edit = doc.edit();
    let root = doc.root();
    edit.set_attribute(root, "x", "a\"b");
    edit.set_text(root.child("b").unwrap(), "1 > 0");
    edit.set_text(root.children().nth(1).unwrap(), "now");
    edit.remove(root.child("c").unwrap());
    edit.append(root, "<d />");
    let result = edit.finish();
    // The removed last child is also where the new one is put: one place, both changes.
    let text = String::from_utf8(result.unwrap().to_bytes()).unwrap();
    assert_eq!(
        text,
        "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n<a x='a&quot;b'  y=\"z\">\r\n  <b>1 &gt; 0</b>\r\n  <!-- c -->\r\n  <b k = \"v\">now</b>\r\n  <d />\r\n</a>\r\n"
    );
}

#[test]
fn new_children_go_where_they_belong() {
    let doc = document("<r>\n  <a>1</a>\n  <c>3</c>\n</r>");
    let order = ["a", "b", "c", "d"];
    let mut edit = doc.edit();
    edit.put_child(doc.root(), "b", Some("2"), &order);
    edit.put_child(doc.root(), "d", Some("4"), &order);
    edit.put_child(doc.root(), "a", None, &order);
    let text = edit.finish().unwrap().text().to_owned();
    assert_eq!(text, "<r>\n  <b>2</b>\n  <c>3</c>\n  <d>4</d>\n</r>");
}

#[test]
fn appends_to_empty_elements() {
    for empty in ["<r>\n  <e />\n</r>", "<r>\n  <e></e>\n</r>", "<r>\n  <e>\n  </e>\n</r>"] {
        let doc = document(empty);
        let mut edit = doc.edit();
        edit.append(doc.root().child("e").unwrap(), "<x />");
        let text = edit.finish().unwrap().text().to_owned();
        assert_eq!(text, "<r>\n  <e>\n    <x />\n  </e>\n</r>", "{empty}");
    }
}

#[test]
fn an_empty_element_takes_several_changes() {
    let doc = document("<r>\n  <e a='1' />\n</r>");
    let e = doc.root().child("e").unwrap();
    let mut edit = doc.edit();
    edit.put_child(e, "x", Some("1"), &["x", "y"]);
    edit.put_child(e, "y", Some("2"), &["x", "y"]);
    edit.set_attribute(e, "b", "2");
    let text = edit.finish().unwrap().text().to_owned();
    assert_eq!(text, "<r>\n  <e a='1' b=\"2\">\n    <x>1</x>\n    <y>2</y>\n  </e>\n</r>");
}

#[test]
fn attributes_keep_line_ends() {
    let doc = document("<r/>");
    let mut edit = doc.edit();
    edit.set_attribute(doc.root(), "a", "1\r\n2\t<&\"'");
    edit.set_attribute(doc.root(), "b", "2");
    let doc = edit.finish().unwrap();
    assert_eq!(doc.root().attribute("a").unwrap(), "1\r\n2\t<&\"'");
    assert_eq!(doc.root().attribute("b").unwrap(), "2");
    let mut edit = doc.edit();
    edit.remove_attribute(doc.root(), "a");
    assert_eq!(edit.finish().unwrap().text(), "<r b=\"2\"/>");
}

#[test]
fn long_attribute_values_are_fine() {
    let text = format!("<r a='{}'/>", "x=".repeat(50_000));
    assert_eq!(document(&text).root().attribute("a").unwrap().len(), 100_000);
}

#[test]
fn refuses_what_it_must() {
    let deep = format!("{}{}", "<a>".repeat(10_000), "</a>".repeat(10_000));
    let many: String = (0..400).map(|i| format!(" a{i}=''")).collect();
    let many = format!("<r{many}/>");
    for (text, part) in [
        ("<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>", "document type"),
        (&*deep, "depth"),
        (&*many, "attributes"),
        ("<a>&nbsp;</a>", "entity"),
        ("<a b='&x;'/>", "line 1"),
        ("<a></b>", "line 1"),
        ("<a>", "not closed"),
        ("", "no element"),
        ("<a/><b/>", "second root"),
        ("<a/>x", "outside"),
        ("<a b='1' b='2'/>", "line 1"),
        ("<a>\u{1}</a>", "control"),
        ("<?xml version='1.0' encoding='iso-8859-1'?><a>é</a>", "iso-8859-1"),
    ] {
        let error = XmlDocument::parse(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(part), "{part}: {error}");
    }
    let error = XmlDocument::parse(b"<a>\xff</a>").unwrap_err().to_string();
    assert!(error.contains("byte 3"), "{error}");
    assert!(
        XmlDocument::parse(b"\xff\xfe<\0a\0/\0>\0").unwrap_err().to_string().contains("UTF-16")
    );
}

mod passing_over {
    use proptest::prelude::*;

    use super::*;

    const KEPT: [&str; 1] = ["kept"];

    /// Names and places of the root's children.
    fn children(document: &XmlDocument) -> Vec<(String, Range<usize>)> {
        document.root().children().map(|node| (node.name().to_owned(), node.span())).collect()
    }

    fn agree(text: &str) {
        let whole = XmlDocument::parse(text.as_bytes());
        let outline = XmlDocument::outline(text.as_bytes().to_vec(), &KEPT);
        match (&whole, &outline) {
            (Ok(whole), Ok(outline)) => {
                assert_eq!(children(whole), children(outline), "{text}");
                let kept = |d: &XmlDocument| {
                    let kept = d.root().children().filter(|n| n.name() == "kept");
                    kept.map(|n| n.children().count()).collect::<Vec<_>>()
                };
                assert_eq!(kept(whole), kept(outline), "{text}");
            }
            // Attributes in what is passed over are not looked at.
            (Err(_), _) => {}
            (Ok(_), Err(error)) => panic!("{text}: {error}"),
        }
    }

    #[test]
    fn tags_comments_and_quotes_in_it_are_seen() {
        for inner in [
            "<a/><a></a><a >x</a >",
            "<!-- </other> & < --><a/>",
            "<![CDATA[</other>&x;]]>",
            "<a b='>' c=\"/>'\"/>&amp;&#60;&#x3c;",
            "<a><a><other/></a></a>",
            "<a b='x'\n/>",
        ] {
            let text = format!(
                "<r><other>{inner}</other><kept><x/></kept><other/>t<last>{inner}</last></r>"
            );
            let outline = XmlDocument::outline(text.clone().into_bytes(), &KEPT).unwrap();
            let names: Vec<_> = outline.root().children().map(Node::name).collect();
            assert_eq!(names, ["other", "kept", "other", "last"], "{text}");
            agree(&text);
        }
    }

    #[test]
    fn what_does_not_match_is_still_refused() {
        for text in [
            "<r><other><a></b></other></r>",
            "<r><other><a></other></r>",
            "<r><other></r>",
            "<r><other>&nosuch;</other></r>",
            "<r><other/></x>",
            "<r><other>t</other></x>",
            "<r><other>t</other>",
            "<r><other>t</other></r></r>",
            "<r><other>t</other></r><s/>",
            "<r><other><!-- </other></r>",
            "<r><other><a b='></other></r>",
        ] {
            assert!(XmlDocument::outline(text.as_bytes().to_vec(), &KEPT).is_err(), "{text}");
        }
        let error =
            XmlDocument::outline(b"<r>\n<o>t</o>\n<kept></b></r>".to_vec(), &KEPT).unwrap_err();
        assert!(matches!(error, XmlError::Malformed { line: 3, .. }), "{error:?}");
    }

    fn content() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            "[a-z >\"'é]{0,8}",
            Just("&lt;&#65;".to_owned()),
            "<!--[a-z<>&]{0,6}-->",
            "<!\\[CDATA\\[[a-z<>&]{0,6}\\]\\]>",
            "<(a|kept|other)( x=\"[a-z>']{0,4}\")?( y='[a-z>\"]{0,4}')? ?/>",
        ];
        leaf.prop_recursive(4, 40, 5, |inner| {
            ("(a|kept|other)", prop::collection::vec(inner, 0..5))
                .prop_map(|(name, parts)| format!("<{name}>{}</{name}>", parts.concat()))
        })
    }

    proptest! {
        #[test]
        fn an_outline_agrees_with_the_whole(parts in prop::collection::vec(content(), 0..6)) {
            let text = format!("<r>{}</r>", parts.concat());
            prop_assert!(XmlDocument::parse(text.as_bytes()).is_ok());
            agree(&text);
        }

        #[test]
        fn a_damaged_one_too(parts in prop::collection::vec(content(), 1..6), at: prop::sample::Index, byte in "[<>/&\"'a!]") {
            let mut text = format!("<r>{}</r>", parts.concat());
            let mut at = at.index(text.len() + 1);
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            text.insert_str(at, &byte);
            agree(&text);
        }
    }
}
