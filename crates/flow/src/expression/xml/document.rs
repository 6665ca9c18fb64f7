//! The tree: nodes in one list, in document order.

/// What a node is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::expression) enum Kind {
    Root,
    Element {
        name: String,
        attributes: Vec<usize>,
        /// Written as one empty tag.
        empty: bool,
    },
    Attribute {
        name: String,
        value: String,
    },
    Text(String),
    Data(String),
    Comment(String),
    Instruction {
        target: String,
        data: String,
    },
    Declaration {
        version: String,
        encoding: String,
        standalone: String,
    },
    Type {
        name: String,
        public: String,
        system: String,
        subset: Option<String>,
    },
}

#[derive(Debug)]
pub(super) struct Node {
    pub(super) kind: Kind,
    pub(super) parent: usize,
    pub(super) children: Vec<usize>,
}

/// An XML document. Node 0 is the root, above the outermost element.
#[derive(Debug)]
pub(in crate::expression) struct Document {
    nodes: Vec<Node>,
}

pub(in crate::expression) const ROOT: usize = 0;
pub(super) const XML_NAMESPACE: &str = "http://www.w3.org/XML/1998/namespace";

impl Document {
    pub(super) fn new() -> Self {
        Self { nodes: vec![Node { kind: Kind::Root, parent: ROOT, children: Vec::new() }] }
    }

    /// How many nodes there are.
    pub(in crate::expression) fn len(&self) -> usize {
        self.nodes.len()
    }

    pub(super) fn node(&self, id: usize) -> &Node {
        &self.nodes[id]
    }

    pub(in crate::expression) fn kind(&self, id: usize) -> &Kind {
        &self.nodes[id].kind
    }

    pub(in crate::expression) fn children(&self, id: usize) -> &[usize] {
        &self.nodes[id].children
    }

    /// Adds a node as the last child of another; an attribute becomes the last attribute.
    pub(super) fn add(&mut self, parent: usize, kind: Kind) -> usize {
        let id = self.nodes.len();
        let attribute = matches!(kind, Kind::Attribute { .. });
        self.nodes.push(Node { kind, parent, children: Vec::new() });
        match &mut self.nodes[parent].kind {
            Kind::Element { attributes, .. } if attribute => attributes.push(id),
            Kind::Element { empty, .. } => {
                *empty = false;
                self.nodes[parent].children.push(id);
            }
            _ => self.nodes[parent].children.push(id),
        }
        id
    }

    /// Says whether an element is written as one empty tag.
    pub(super) fn set_empty(&mut self, id: usize, value: bool) {
        if let Kind::Element { empty, .. } = &mut self.nodes[id].kind {
            *empty = value;
        }
    }

    /// Names an element.
    pub(super) fn rename(&mut self, id: usize, new: String) {
        if let Kind::Element { name, .. } = &mut self.nodes[id].kind {
            *name = new;
        }
    }

    /// Name and value of each attribute of an element.
    pub(super) fn attributes(&self, id: usize) -> impl Iterator<Item = (&str, &str)> {
        let ids = match self.kind(id) {
            Kind::Element { attributes, .. } => attributes.as_slice(),
            _ => &[],
        };
        ids.iter().filter_map(|id| match self.kind(*id) {
            Kind::Attribute { name, value } => Some((name.as_str(), value.as_str())),
            _ => None,
        })
    }

    /// The namespace that a prefix stands for at an element; the empty one if there is none.
    pub(super) fn namespace(&self, element: usize, prefix: &str) -> Option<&str> {
        let declaration =
            if prefix.is_empty() { "xmlns".to_owned() } else { format!("xmlns:{prefix}") };
        let mut at = element;
        while at != ROOT {
            if let Some((_, uri)) = self.attributes(at).find(|(name, _)| *name == declaration) {
                return Some(uri);
            }
            at = self.nodes[at].parent;
        }
        match prefix {
            "" => Some(""),
            "xml" => Some(XML_NAMESPACE),
            _ => None,
        }
    }

    /// All text in a node, as XPath's `string()` gives it.
    pub(super) fn string_value(&self, id: usize) -> String {
        match self.kind(id) {
            Kind::Attribute { value, .. } => value.clone(),
            Kind::Text(text) | Kind::Data(text) | Kind::Comment(text) => text.clone(),
            Kind::Instruction { data, .. } => data.clone(),
            Kind::Declaration { .. } | Kind::Type { .. } => String::new(),
            Kind::Root | Kind::Element { .. } => {
                let mut out = String::new();
                self.collect_text(id, &mut out);
                out
            }
        }
    }

    fn collect_text(&self, id: usize, out: &mut String) {
        for child in self.children(id) {
            match self.kind(*child) {
                Kind::Text(text) | Kind::Data(text) => out.push_str(text),
                Kind::Element { .. } => self.collect_text(*child, out),
                _ => {}
            }
        }
    }
}

/// A name in its parts: prefix and local name.
pub(super) fn split_name(name: &str) -> (&str, &str) {
    name.split_once(':').unwrap_or(("", name))
}
