//! The picture of a package: flow, app or agent → reference → connector, and parent flow → child
//! flow.
//!
//! Nodes are numbered, names stand in labels only and are escaped there: what a solution calls
//! itself cannot become part of the drawing's language.
mod svg;

use std::collections::{BTreeMap, HashMap, HashSet};

use connref_solution::model::package::{FlowBody, RuntimeSource};
use connref_solution::model::{FlowId, LogicalName, Package};

/// A node of the picture.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Node {
    /// What it stands for.
    pub kind: NodeKind,
    /// What people call it.
    pub label: String,
}

/// What a node stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NodeKind {
    /// A cloud flow.
    Flow,
    /// A canvas app.
    App,
    /// A component of an agent.
    Agent,
    /// A connection reference of the package.
    Reference,
    /// A reference a flow names and the package does not define, or a connection named directly.
    Missing,
    /// A connector.
    Connector,
}

/// The picture: nodes, and arrows between them by number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Graph {
    /// Nodes.
    pub nodes: Vec<Node>,
    /// Arrows: from, to, what stands at it.
    pub arrows: Vec<(usize, usize, &'static str)>,
    known: HashMap<Node, usize>,
    drawn: HashSet<(usize, usize, &'static str)>,
}

impl Graph {
    fn node(&mut self, kind: NodeKind, label: &str) -> usize {
        let node = Node { kind, label: label.to_owned() };
        *self.known.entry(node).or_insert_with_key(|node| {
            self.nodes.push(node.clone());
            self.nodes.len() - 1
        })
    }

    fn arrow(&mut self, from: usize, to: usize, text: &'static str) {
        if self.drawn.insert((from, to, text)) {
            self.arrows.push((from, to, text));
        }
    }
}

/// Draws a package; `bodies` as `connref_solution::flow_bodies` reads them.
pub fn package_graph(package: &Package, bodies: &BTreeMap<FlowId, FlowBody>) -> Graph {
    let mut graph = Graph::default();
    let mut flows = BTreeMap::new();
    for flow in package.workflows.iter().filter(|w| w.is_cloud_flow()) {
        // Two flows may have one name: each is a node of its own.
        graph.nodes.push(Node { kind: NodeKind::Flow, label: flow.name.clone() });
        flows.insert(&flow.id, graph.nodes.len() - 1);
    }
    for reference in &package.references {
        let from = graph.node(NodeKind::Reference, reference.logical_name.as_str());
        let to = graph.node(NodeKind::Connector, &reference.api_name.without_hash());
        graph.arrow(from, to, "");
    }
    let references: HashMap<_, _> =
        package.references.iter().map(|r| (&r.logical_name, r.logical_name.as_str())).collect();
    for (id, body) in bodies {
        let Some(&from) = flows.get(id) else { continue };
        for entry in &body.references {
            let known = entry.logical_name.as_ref().and_then(|name| references.get(name));
            let to = match (known, &entry.logical_name) {
                (Some(reference), _) => graph.node(NodeKind::Reference, reference),
                (None, name) => {
                    let label = name.as_ref().map_or("(named directly)", |n| n.as_str());
                    let to = graph.node(NodeKind::Missing, label);
                    let connector = graph.node(NodeKind::Connector, &entry.api_name.without_hash());
                    graph.arrow(to, connector, "");
                    to
                }
            };
            let text = match entry.source {
                RuntimeSource::Invoker => "invoker",
                RuntimeSource::Embedded if entry.on_behalf_of_invoker => "on behalf of",
                RuntimeSource::Embedded => "",
            };
            graph.arrow(from, to, text);
        }
        for child in &body.children {
            if let Some(&to) = flows.get(child) {
                graph.arrow(from, to, "calls");
            }
        }
    }
    apps_and_agents(package, &references, &mut graph);
    graph
}

/// Canvas apps and agents, as far as they use references; a connection that each user of an app
/// brings is nothing to draw.
fn apps_and_agents(package: &Package, references: &HashMap<&LogicalName, &str>, graph: &mut Graph) {
    let apps = package.canvas_apps.iter().flat_map(|app| {
        let label = if app.display_name.is_empty() { &app.name } else { &app.display_name };
        let used = app.sources.iter().filter_map(|source| source.reference.as_ref());
        used.map(move |name| (NodeKind::App, label, name))
    });
    let agents = package.agent_uses.iter().map(|(label, name)| (NodeKind::Agent, label, name));
    for (kind, label, name) in apps.chain(agents) {
        let from = graph.node(kind, label);
        let to = match references.get(name) {
            Some(known) => graph.node(NodeKind::Reference, known),
            None => graph.node(NodeKind::Missing, name.as_str()),
        };
        graph.arrow(from, to, "");
    }
}

impl Graph {
    /// As a Mermaid flow chart.
    pub fn mermaid(&self) -> String {
        let mut out = String::from("flowchart LR\n");
        for (number, node) in self.nodes.iter().enumerate() {
            let label = mermaid_text(&node.label);
            let (open, close) = match node.kind {
                NodeKind::Flow => ("[", "]"),
                NodeKind::App | NodeKind::Agent => ("[[", "]]"),
                NodeKind::Reference => ("([", "])"),
                NodeKind::Missing => ("{{", "}}"),
                NodeKind::Connector => ("[(", ")]"),
            };
            out.push_str(&format!("  n{number}{open}\"{label}\"{close}\n"));
        }
        for (from, to, text) in &self.arrows {
            let arrow = if text.is_empty() { "-->".to_owned() } else { format!("-->|{text}|") };
            out.push_str(&format!("  n{from} {arrow} n{to}\n"));
        }
        out
    }

    /// As an SVG, laid out, that needs nothing beside it.
    pub fn svg(&self) -> String {
        svg::svg(self)
    }

    /// As a Graphviz digraph.
    pub fn dot(&self) -> String {
        let mut out = String::from("digraph solution {\n  rankdir=LR;\n");
        for (number, node) in self.nodes.iter().enumerate() {
            let shape = match node.kind {
                NodeKind::Flow => "box",
                NodeKind::App | NodeKind::Agent => "component",
                NodeKind::Reference => "ellipse",
                NodeKind::Missing => "hexagon",
                NodeKind::Connector => "cylinder",
            };
            let label = dot_text(&node.label);
            out.push_str(&format!("  n{number} [shape={shape}, label=\"{label}\"];\n"));
        }
        for (from, to, text) in &self.arrows {
            let label =
                if text.is_empty() { String::new() } else { format!(" [label=\"{text}\"]") };
            out.push_str(&format!("  n{from} -> n{to}{label};\n"));
        }
        out.push_str("}\n");
        out
    }
}

/// Mermaid knows entities written with `#` and `;`.
fn mermaid_text(label: &str) -> String {
    let mut out = String::with_capacity(label.len());
    for c in label.chars() {
        match c {
            '"' => out.push_str("#quot;"),
            '#' => out.push_str("#35;"),
            '<' => out.push_str("#lt;"),
            '>' => out.push_str("#gt;"),
            '`' => out.push_str("#96;"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

fn dot_text(label: &str) -> String {
    let mut out = String::with_capacity(label.len());
    for c in label.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use connref_solution::model::package::{FlowReference, PackageReference, Workflow};

    use super::*;

    fn flow(id: &str, name: &str) -> Workflow {
        Workflow {
            id: id.into(),
            name: name.to_owned(),
            description: None,
            category: 5,
            state_code: 1,
            modern_flow_type: None,
            json_file_name: None,
            client_data: None,
        }
    }

    fn entry(name: Option<&str>, source: RuntimeSource) -> FlowReference {
        FlowReference {
            key: "k".into(),
            source,
            logical_name: name.map(Into::into),
            connection_name: None,
            api_name: "shared_sql".into(),
            api_logical_name: None,
            on_behalf_of_invoker: false,
        }
    }

    fn world() -> Graph {
        let package = Package {
            workflows: vec![flow("a", "Say \"hi\"\n#1"), flow("b", "Child")],
            references: vec![PackageReference {
                logical_name: "contoso_sql".into(),
                display_name: String::new(),
                description: None,
                api_name: "shared_sql".into(),
                custom_connector_id: None,
                customizable: true,
                prompting_behavior: None,
            }],
            ..Package::default()
        };
        let parent = FlowBody {
            references: vec![entry(Some("CONTOSO_SQL"), RuntimeSource::Embedded)],
            children: vec!["b".into(), "elsewhere".into()],
            ..FlowBody::default()
        };
        let child = FlowBody {
            references: vec![
                entry(Some("contoso_gone"), RuntimeSource::Invoker),
                entry(None, RuntimeSource::Embedded),
            ],
            ..FlowBody::default()
        };
        package_graph(&package, &BTreeMap::from([("a".into(), parent), ("b".into(), child)]))
    }

    #[test]
    fn every_use_is_an_arrow_and_names_are_only_labels() {
        insta::assert_snapshot!(world().mermaid(), @r##"
        flowchart LR
          n0["Say #quot;hi#quot; #35;1"]
          n1["Child"]
          n2(["contoso_sql"])
          n3[("shared_sql")]
          n4{{"contoso_gone"}}
          n5{{"(named directly)"}}
          n2 --> n3
          n0 --> n2
          n0 -->|calls| n1
          n4 --> n3
          n1 -->|invoker| n4
          n5 --> n3
          n1 --> n5
        "##);
    }

    #[test]
    fn svg_is_xml_with_every_node_and_arrow() {
        let graph = world();
        let svg = graph.svg();
        insta::assert_snapshot!(svg);
        let document = connref_solution::document::xml::XmlDocument::parse(svg.as_bytes()).unwrap();
        let count = |name: &str| document.root().children().filter(|n| n.name() == name).count();
        assert_eq!(count("g"), graph.nodes.len());
        let marks = ["invoker", "on behalf of", "calls"];
        let legend = marks.iter().filter(|m| graph.arrows.iter().any(|a| a.2 == **m)).count();
        assert_eq!(count("path"), graph.arrows.len() + legend);
    }

    #[test]
    fn a_large_picture_stays_in_its_frame() {
        let names: Vec<String> = (0..100).map(|n| format!("contoso_ref_{n}")).collect();
        let package = Package {
            workflows: names.iter().map(|name| flow(name, name)).collect(),
            references: Vec::new(),
            ..Package::default()
        };
        let body = |n: usize| FlowBody {
            references: vec![entry(Some(&names[n % 7]), RuntimeSource::Embedded)],
            children: vec![names[(n * 13 + 5) % 100].as_str().into()],
            ..FlowBody::default()
        };
        let bodies = (0..100).map(|n| (names[n].as_str().into(), body(n))).collect();
        let svg = package_graph(&package, &bodies).svg();
        let number = |text: &str, name: &str| -> usize {
            let at = text.split_once(&format!(" {name}=\"")).unwrap().1;
            at.split_once('"').unwrap().0.parse().unwrap()
        };
        let (width, height) = (number(&svg, "width"), number(&svg, "height"));
        for line in svg.lines().filter(|line| line.starts_with("<g>")) {
            let rect = line.split_once("<rect").unwrap().1;
            assert!(number(rect, "x") + number(rect, "width") <= width, "{line}");
            assert!(number(rect, "y") + number(rect, "height") <= height, "{line}");
        }
        assert_eq!(svg, package_graph(&package, &bodies).svg());
    }

    #[test]
    fn dot_says_the_same() {
        let dot = world().dot();
        assert!(dot.contains(r#"n0 [shape=box, label="Say \"hi\" #1"];"#), "{dot}");
        assert!(dot.contains("n1 -> n4 [label=\"invoker\"];"), "{dot}");
        assert_eq!(dot.matches(" -> ").count(), world().arrows.len());
    }
}
