//! XML and JSON made to harm.
use connref_tests::package::fixture_zip_with;

use super::{BASE, World, one_line};

/// The same document in UTF-16, little end first.
fn utf16(text: &str, bom: bool) -> Vec<u8> {
    let bom = if bom { &[0xFF, 0xFE][..] } else { &[] };
    bom.iter().copied().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect()
}

/// Documents that no reader may take, with words that say why.
fn documents() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let root = |inner: &str| format!("<ImportExportXml>{inner}</ImportExportXml>");
    let dtd = |declarations: &str, inner: &str| {
        format!("<?xml version=\"1.0\"?><!DOCTYPE x [{declarations}]>{}", root(inner)).into_bytes()
    };
    let laughs: String = (1..10)
        .map(|n| format!("<!ENTITY l{n} \"{}\">", format!("&l{};", n - 1).repeat(10)))
        .collect();
    let many = |count: usize| (0..count).map(|n| format!(" a{n}=\"\"")).collect::<String>();
    vec![
        ("empty", Vec::new(), "no element"),
        ("blank", b"  \n".to_vec(), "no element"),
        ("laughs", dtd(&format!("<!ENTITY l0 \"ha\">{laughs}"), "&l9;"), "DOCTYPE"),
        (
            "quadratic",
            dtd(&format!("<!ENTITY a \"{}\">", "a".repeat(50_000)), &"&a;".repeat(50_000)),
            "DOCTYPE",
        ),
        ("external", dtd("<!ENTITY f SYSTEM \"file:///etc/passwd\">", "&f;"), "DOCTYPE"),
        ("parameter", dtd("<!ENTITY % p SYSTEM \"http://127.0.0.1:9/x.dtd\"> %p;", ""), "DOCTYPE"),
        ("dtd", b"<!DOCTYPE x SYSTEM \"http://127.0.0.1:9/x.dtd\"><x/>".to_vec(), "DOCTYPE"),
        ("entity", root("&nosuch;").into_bytes(), "unknown entity"),
        ("depth", root(&"<a>".repeat(100_000)).into_bytes(), "depth"),
        ("elements", root(&"<connectionreferences/>".repeat(2_100_000)).into_bytes(), "elements"),
        ("attributes", root(&format!("<a{}/>", many(100_000))).into_bytes(), "attributes"),
        ("twice", root("<connectionreferences a=\"1\" a=\"2\"/>").into_bytes(), "line 1"),
        ("unquoted", root("<connectionreferences a=1/>").into_bytes(), "line 1"),
        ("name", root(&format!("<{}/>", "n".repeat(70_000))).into_bytes(), "name"),
        ("open", b"<ImportExportXml>".to_vec(), "not closed"),
        ("crossed", root("<a><b></a></b>").into_bytes(), "line 1"),
        ("roots", b"<a/><b/>".to_vec(), "second root"),
        ("outside", b"<a/>tail".to_vec(), "outside"),
        ("tag", b"<a".to_vec(), "line 1"),
        ("comment", b"<a><!-- </a>".to_vec(), "line 1"),
        ("cdata", b"<a><![CDATA[ </a>".to_vec(), "line 1"),
        ("nul", b"<a>\0</a>".to_vec(), "control"),
        ("utf8", b"<a>\xC3\x28</a>".to_vec(), "UTF-8"),
        ("utf16", utf16(&root(""), true), "UTF-16"),
        ("utf16_bare", utf16(&root(""), false), "control"),
        (
            "latin",
            b"<?xml version=\"1.0\" encoding=\"iso-8859-1\"?><a>\xC3\xA9</a>".to_vec(),
            "encoding",
        ),
        ("ebcdic", "<?xml version=\"1.0\" encoding=\"IBM037\"?><a>é</a>".into(), "encoding"),
        ("utf7", "<?xml version=\"1.0\" encoding=\"UTF-7\"?><a>é</a>".into(), "encoding"),
        ("late", b"<a/><?xml version=\"1.0\"?>".to_vec(), "declaration"),
    ]
}

#[test]
fn documents_without_which_it_is_no_solution() {
    let world = World::new();
    for (name, bytes, words) in documents() {
        let within = |part: &str| fixture_zip_with(BASE, &[(part, Some(bytes.clone()))]);
        world.unchecked(name, &within("customizations.xml"), &["customizations.xml", words]);
        // Large ones take a program that was built for debugging seconds each.
        if bytes.len() < 1 << 20 {
            world.refused(name, &within("solution.xml"), &["solution.xml", words]);
        } else {
            world.unchecked(name, &within("solution.xml"), &["solution.xml", words]);
        }
    }
}

#[test]
fn settings_files() {
    let world = World::new();
    let deep = "[".repeat(100_000);
    let many = format!("[{}0]", "0,".repeat(1_500_000));
    let objects = "{\"a\":".repeat(100_000);
    let files: [(&str, &[u8]); 12] = [
        ("empty", b""),
        ("depth", deep.as_bytes()),
        ("objects", objects.as_bytes()),
        ("values", many.as_bytes()),
        ("number", b"{\"ConnectionReferences\": 1e999999}"),
        ("surrogate", b"{\"ConnectionReferences\": \"\\ud800\"}"),
        ("cut", b"{\"ConnectionReferences\": [{"),
        ("utf16", b"\xFF\xFE{\0}\0"),
        ("latin", b"{\"\xE9\": 1}"),
        ("binary", b"PK\x03\x04"),
        ("nul", b"{\"a\": \"\0\"}"),
        ("list", b"[1, 2, 3]"),
    ];
    for (name, bytes) in files {
        let path = world.home.file(&format!("{name}.json"), bytes);
        let said = world.run(&["settings", "validate", "-s", &path]);
        one_line(name, &said, &[&format!("{name}.json")]);
    }
}
