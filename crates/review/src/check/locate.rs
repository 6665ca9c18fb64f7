//! From pointers and elements to lines and columns: one pass over a text, whatever number of
//! places is asked for.
use std::collections::HashMap;

use connref_solution::document::xml::{Node, XmlDocument};

use super::draft::XmlAt;

/// A line and a column, from 1.
pub(super) type Place = (usize, usize);

/// Places of offsets in a text, by one pass up to the last of them.
fn places(text: &str, offsets: &[usize]) -> Vec<Place> {
    let mut order: Vec<usize> = (0..offsets.len()).collect();
    order.sort_unstable_by_key(|index| offsets[*index]);
    let mut starts = memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| at + 1).peekable();
    let (mut line, mut start) = (1, 0);
    let mut places = vec![(1, 1); offsets.len()];
    for index in order {
        let offset = offsets[index];
        while let Some(next) = starts.next_if(|next| *next <= offset) {
            (line, start) = (line + 1, next);
        }
        let before = text.get(start..offset).unwrap_or_default();
        places[index] = (line, before.chars().count() + 1);
    }
    places
}

/// The wanted pointers as a tree of steps.
#[derive(Default)]
struct Wanted {
    steps: Vec<(String, Wanted)>,
    offset: Option<usize>,
}

impl Wanted {
    fn add(&mut self, pointer: &str) {
        let mut at = self;
        for step in steps(pointer) {
            let found = at.steps.iter().position(|(name, _)| *name == step);
            let index = found.unwrap_or_else(|| {
                at.steps.push((step, Self::default()));
                at.steps.len() - 1
            });
            at = &mut at.steps[index].1;
        }
    }

    /// The offset of a pointer, or of the nearest thing above it.
    fn offset(&self, pointer: &str) -> Option<usize> {
        let mut at = self;
        let mut last = self.offset;
        for step in steps(pointer) {
            let Some((_, next)) = at.steps.iter().find(|(name, _)| *name == step) else { break };
            last = next.offset.or(last);
            at = next;
        }
        last
    }
}

fn steps(pointer: &str) -> impl Iterator<Item = String> {
    pointer.split('/').skip(1).map(|s| s.replace("~1", "/").replace("~0", "~"))
}

/// Places of values by JSON pointer; of a value that is not there, the nearest above it. The text
/// may be odd: what is no JSON ends the search.
pub(super) fn json_places(text: &str, pointers: &[&str]) -> Vec<Option<Place>> {
    let mut wanted = Wanted::default();
    for pointer in pointers {
        wanted.add(pointer);
    }
    let mut scanner = Scanner { text, at: 0 };
    // An end too early leaves the rest without a place.
    let _ = scanner.value(Some(&mut wanted));
    let offsets: Vec<_> = pointers.iter().map(|pointer| wanted.offset(pointer)).collect();
    let mut found =
        places(text, &offsets.iter().flatten().copied().collect::<Vec<_>>()).into_iter();
    offsets.iter().map(|offset| offset.and_then(|_| found.next())).collect()
}

struct Scanner<'t> {
    text: &'t str,
    at: usize,
}

impl Scanner<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn blank(&mut self) {
        while self.peek().is_some_and(|b| b.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    /// Reads a value; goes into it only where something in it is wanted.
    fn value(&mut self, wanted: Option<&mut Wanted>) -> Option<()> {
        self.blank();
        let Some(wanted) = wanted else { return self.skip() };
        wanted.offset = Some(self.at);
        if wanted.steps.is_empty() {
            return self.skip();
        }
        match self.peek()? {
            b'{' => self.object(wanted),
            b'[' => self.array(wanted),
            _ => self.skip(),
        }
    }

    fn object(&mut self, wanted: &mut Wanted) -> Option<()> {
        self.at += 1;
        loop {
            self.blank();
            match self.peek()? {
                b'}' => {
                    self.at += 1;
                    return Some(());
                }
                b',' => self.at += 1,
                _ => {
                    let key = self.string()?;
                    self.blank();
                    (self.peek()? == b':').then_some(())?;
                    self.at += 1;
                    let step = wanted.steps.iter_mut().find(|(n, _)| n.eq_ignore_ascii_case(&key));
                    self.value(step.map(|(_, inner)| inner))?;
                }
            }
        }
    }

    fn array(&mut self, wanted: &mut Wanted) -> Option<()> {
        self.at += 1;
        let mut index = 0usize;
        loop {
            self.blank();
            match self.peek()? {
                b']' => {
                    self.at += 1;
                    return Some(());
                }
                b',' => {
                    self.at += 1;
                    index += 1;
                }
                _ => {
                    let name = index.to_string();
                    let step = wanted.steps.iter_mut().find(|(n, _)| *n == name);
                    self.value(step.map(|(_, inner)| inner))?;
                }
            }
        }
    }

    /// Passes over a value without recursion.
    fn skip(&mut self) -> Option<()> {
        let mut depth = 0usize;
        loop {
            match self.peek()? {
                b'"' => {
                    self.quoted()?;
                }
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                }
                b'}' | b']' => {
                    depth = depth.checked_sub(1)?;
                    self.at += 1;
                }
                _ if depth == 0 => {
                    while self.peek().is_some_and(|b| !b",]}".contains(&b)) {
                        self.at += 1;
                    }
                }
                _ => self.at += 1,
            }
            if depth == 0 {
                return Some(());
            }
        }
    }

    fn quoted(&mut self) -> Option<&str> {
        let start = self.at;
        self.at += 1;
        loop {
            self.at += memchr::memchr2(b'"', b'\\', self.text.as_bytes().get(self.at..)?)?;
            match self.peek()? {
                b'"' => break,
                _ => self.at += 2,
            }
        }
        self.at += 1;
        self.text.get(start..self.at)
    }

    fn string(&mut self) -> Option<String> {
        (self.peek()? == b'"').then_some(())?;
        serde_json::from_str(self.quoted()?).ok()
    }
}

/// Depth below the root to which elements are looked for: `ImportExportXml/X/Y/Z`.
const DEPTH: usize = 4;

/// Paths and places of elements; the root's for those not found.
pub(super) fn xml_places<'a>(document: &'a XmlDocument, wanted: &[&XmlAt]) -> Vec<(String, Place)> {
    let mut search = Search {
        by_element: HashMap::new(),
        left: wanted.iter().map(|w| w.nth).collect(),
        found: vec![None; wanted.len()],
    };
    for (index, want) in wanted.iter().enumerate() {
        let keys = search.by_element.entry(want.element).or_default();
        let (key, text) = want.key.as_ref().map_or(("", ""), |(key, text)| (*key, text));
        keys.entry(key).or_default().entry(bare(text)).or_default().push(index);
    }
    search.walk(document.root(), DEPTH);
    let node = |(node, wanted): (&Option<Node<'a>>, &&XmlAt)| {
        let node = node.unwrap_or(document.root());
        wanted.child.and_then(|name| node.child(name)).unwrap_or(node)
    };
    let nodes: Vec<Node<'a>> = search.found.iter().zip(wanted).map(node).collect();
    let offsets: Vec<usize> = nodes.iter().map(|node| node.span().start).collect();
    nodes.into_iter().map(Node::path).zip(places(document.text(), &offsets)).collect()
}

/// Names as they are compared: no braces, no case.
fn bare(text: &str) -> String {
    text.trim().trim_matches(['{', '}']).to_lowercase()
}

/// What is wanted: by name of the key (empty: none), then by its text.
type Keys = HashMap<&'static str, HashMap<String, Vec<usize>>>;

struct Search<'a> {
    by_element: HashMap<&'static str, Keys>,
    left: Vec<usize>,
    found: Vec<Option<Node<'a>>>,
}

impl<'a> Search<'a> {
    fn walk(&mut self, node: Node<'a>, depth: usize) {
        if let Some(keys) = self.by_element.get(node.name()) {
            for (key, texts) in keys {
                let text = match *key {
                    "" => Some(String::new()),
                    key => node.attribute(key).or_else(|| node.child_text(key)).map(|t| bare(&t)),
                };
                for &index in text.and_then(|text| texts.get(&text)).into_iter().flatten() {
                    match (self.found[index].is_some(), self.left[index]) {
                        (true, _) => {}
                        (false, 0) => self.found[index] = Some(node),
                        (false, _) => self.left[index] -= 1,
                    }
                }
            }
        }
        if depth > 0 {
            for child in node.children() {
                self.walk(child, depth - 1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_of_offsets_in_any_order() {
        let text = "ab\n\ncéd\r\ne";
        let found = places(text, &[10, 0, 3, 2, 7, 4, 10, text.len()]);
        assert_eq!(found, [(4, 1), (1, 1), (2, 1), (1, 3), (3, 3), (3, 1), (4, 1), (4, 2)]);
        assert_eq!(places("", &[0]), [(1, 1)]);
        assert!(places(text, &[]).is_empty());
    }

    #[test]
    fn places_by_pointer() {
        let text = "{\n  \"a\": {\"b/c\": [1, {\"d\": \"x\"}]},\n  \"e\": true\n}";
        let places = json_places(text, &["", "/a/b~1c/1/d", "/e", "/e/none", "/zzz"]);
        let wanted = [(1, 1), (2, 26), (3, 8), (3, 8), (1, 1)];
        assert_eq!(places, wanted.map(Some));
        for odd in ["", "{", "{\"a\":", "[1,", "{\"a\" 1}", "\"\\"] {
            let _ = json_places(odd, &["/a/b", "/0"]);
        }
    }

    #[test]
    fn places_of_elements() {
        let text = b"<r>\n <l>\n  <i n='{A}'/>\n  <i n='b'><k>1</k></i>\n </l></r>";
        let document = XmlDocument::parse(text).unwrap();
        let at = |key: &str, child| XmlAt {
            element: "i",
            key: Some(("n", key.to_owned())),
            nth: 0,
            child,
        };
        let (one, two, none) = (at("a", None), at("B", Some("k")), at("z", None));
        let places = xml_places(&document, &[&one, &two, &none]);
        assert_eq!(places[0], ("/r/l/i[1]".to_owned(), (3, 3)));
        assert_eq!(places[1], ("/r/l/i[2]/k".to_owned(), (4, 12)));
        assert_eq!(places[2].1, (1, 1));
    }
}
