//! Where the values of a JSON text lie. Only called on text that was parsed and bounded before.
use std::collections::HashSet;
use std::ops::Range;

/// A value and where it lies.
pub(super) struct Tree {
    pub(super) span: Range<usize>,
    pub(super) kind: Kind,
}

/// What a value holds.
pub(super) enum Kind {
    Object(Vec<Member>),
    Array(Vec<Tree>),
    Scalar,
}

/// One member of an object.
pub(super) struct Member {
    pub(super) key: String,
    pub(super) key_start: usize,
    pub(super) value: Tree,
}

/// The tree of a text; `None` if it is not JSON.
pub(super) fn scan(text: &str) -> Option<Tree> {
    let mut scanner = Scanner { text, at: 0 };
    scanner.blank();
    scanner.value(0)
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

    fn eat(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    fn value(&mut self, depth: usize) -> Option<Tree> {
        if depth > super::MAX_DEPTH {
            return None;
        }
        let start = self.at;
        let kind = match self.peek()? {
            b'{' => self.object(depth)?,
            b'[' => self.array(depth)?,
            b'"' => {
                self.string()?;
                Kind::Scalar
            }
            _ => {
                while self
                    .peek()
                    .is_some_and(|b| !matches!(b, b',' | b']' | b'}') && !b.is_ascii_whitespace())
                {
                    self.at += 1;
                }
                Kind::Scalar
            }
        };
        Some(Tree { span: start..self.at, kind })
    }

    fn object(&mut self, depth: usize) -> Option<Kind> {
        let mut members = Vec::new();
        self.eat(b'{')?;
        self.blank();
        while self.peek()? != b'}' {
            let key_start = self.at;
            let key = self.string()?;
            self.blank();
            self.eat(b':')?;
            self.blank();
            let value = self.value(depth + 1)?;
            members.push(Member { key, key_start, value });
            self.blank();
            if self.peek()? == b',' {
                self.at += 1;
                self.blank();
            }
        }
        self.eat(b'}')?;
        Some(Kind::Object(members))
    }

    fn array(&mut self, depth: usize) -> Option<Kind> {
        let mut items = Vec::new();
        self.eat(b'[')?;
        self.blank();
        while self.peek()? != b']' {
            items.push(self.value(depth + 1)?);
            self.blank();
            if self.peek()? == b',' {
                self.at += 1;
                self.blank();
            }
        }
        self.eat(b']')?;
        Some(Kind::Array(items))
    }

    fn string(&mut self) -> Option<String> {
        let start = self.at;
        self.eat(b'"')?;
        loop {
            match self.peek()? {
                b'\\' => self.at += 2,
                b'"' => break,
                _ => self.at += 1,
            }
        }
        self.at += 1;
        serde_json::from_str(self.text.get(start..self.at)?).ok()
    }
}

impl Tree {
    /// The value at a JSON pointer.
    pub(super) fn find(&self, pointer: &str) -> Option<&Tree> {
        steps(pointer)?.iter().try_fold(self, |tree, step| tree.step(step))
    }

    fn step(&self, step: &str) -> Option<&Tree> {
        match &self.kind {
            // The last one counts, as the parser takes it.
            Kind::Object(members) => members.iter().rev().find(|m| m.key == step).map(|m| &m.value),
            Kind::Array(items) => items.get(step.parse::<usize>().ok()?),
            Kind::Scalar => None,
        }
    }

    /// Pointers of members that occur twice.
    pub(super) fn duplicates(&self) -> Vec<String> {
        let mut found = Vec::new();
        self.duplicates_into("", &mut found);
        found
    }

    fn duplicates_into(&self, at: &str, found: &mut Vec<String>) {
        match &self.kind {
            Kind::Object(members) => {
                let mut seen = HashSet::new();
                for member in members {
                    let pointer = format!("{at}/{}", pointer_escape(&member.key));
                    if !seen.insert(&member.key) {
                        found.push(pointer.clone());
                    }
                    member.value.duplicates_into(&pointer, found);
                }
            }
            Kind::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    item.duplicates_into(&format!("{at}/{index}"), found);
                }
            }
            Kind::Scalar => {}
        }
    }
}

/// The steps of a JSON pointer (RFC 6901); `None` if it is none.
pub(super) fn steps(pointer: &str) -> Option<Vec<String>> {
    if pointer.is_empty() {
        return Some(Vec::new());
    }
    let rest = pointer.strip_prefix('/')?;
    Some(rest.split('/').map(|s| s.replace("~1", "/").replace("~0", "~")).collect())
}

/// A member name as a step of a JSON pointer.
pub fn pointer_escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
