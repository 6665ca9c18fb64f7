//! The picture as SVG, laid out here: what uses references on the left, references in the
//! middle, connectors on the right. It needs no tool to be seen and no script.
use std::collections::HashMap;
use std::fmt::Write;

use super::{Graph, NodeKind};

/// Width and height of a box, and the space between boxes.
const BOX: (usize, usize) = (290, 30);
const GAP: (usize, usize) = (150, 12);
const MARGIN: usize = 20;
/// Room on the left for the arcs of calls, and at the top for the titles of columns.
const ARC: usize = 70;
const TOP: usize = 44;

const STYLE: &str = "\
svg{color-scheme:light dark}\
.b{fill:light-dark(#fff,#202124)}\
text{font:13px system-ui,sans-serif;fill:light-dark(#202124,#e8eaed)}\
.h{font-weight:600}\
rect{stroke-width:1.5}\
.flow{fill:light-dark(#e8f0fe,#1f2b3e);stroke:light-dark(#1a56b0,#8ab4f8)}\
.app{fill:light-dark(#f3e8fd,#33263f);stroke:light-dark(#7b2fbf,#c58af9)}\
.reference{fill:light-dark(#e6f4ea,#1e3326);stroke:light-dark(#137333,#81c995)}\
.missing{fill:light-dark(#fce8e6,#3c2422);stroke:light-dark(#b3261e,#f2b8b5);stroke-dasharray:5 3}\
.connector{fill:light-dark(#f1f3f4,#303134);stroke:light-dark(#5f6368,#9aa0a6)}\
path{fill:none;stroke:light-dark(#80868b,#9aa0a6);stroke-width:1.3}\
.invoker{stroke-dasharray:6 4}.behalf{stroke-dasharray:2 3}\
.calls{stroke:light-dark(#1a56b0,#8ab4f8)}\
marker path{fill:light-dark(#80868b,#9aa0a6);stroke:none}";

/// Where a node stands.
#[derive(Clone, Copy)]
struct Place {
    column: usize,
    x: usize,
    y: usize,
}

fn column(kind: NodeKind) -> usize {
    match kind {
        NodeKind::Flow | NodeKind::App | NodeKind::Agent => 0,
        NodeKind::Reference | NodeKind::Missing => 1,
        NodeKind::Connector => 2,
    }
}

pub(super) fn svg(graph: &Graph) -> String {
    let columns = ordered(graph);
    let places = places(graph, &columns);
    let rows = columns.iter().map(Vec::len).max().unwrap_or(0).max(1);
    let width = MARGIN * 2 + ARC + 3 * BOX.0 + 2 * GAP.0;
    let height = TOP + rows * (BOX.1 + GAP.1) + MARGIN * 2 + 20;
    let mut out = String::new();
    let mut put = |text: String| {
        out.push_str(&text);
        out.push('\n');
    };
    put(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" role=\"img\">"
    ));
    put(format!(
        "<title>Flows, connection references and connectors</title>\n<style>{STYLE}</style>"
    ));
    put("<defs><marker id=\"a\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\"><path d=\"M0 0 8 4 0 8z\"/></marker></defs>".to_owned());
    put(format!("<rect class=\"b\" width=\"{width}\" height=\"{height}\" stroke=\"none\"/>"));
    let users = graph.nodes.iter().any(|n| matches!(n.kind, NodeKind::App | NodeKind::Agent));
    let first = if users { "Flows, apps, agents" } else { "Flows" };
    for (index, title) in [first, "Connection references", "Connectors"].into_iter().enumerate() {
        let x = x_of(index);
        put(format!("<text class=\"h\" x=\"{x}\" y=\"{}\">{title}</text>", MARGIN + 12));
    }
    for (from, to, text) in &graph.arrows {
        put(arrow(graph, &places, *from, *to, text));
    }
    for (index, node) in graph.nodes.iter().enumerate() {
        let Place { x, y, .. } = places[index];
        let class = match node.kind {
            NodeKind::Flow => "flow",
            NodeKind::App | NodeKind::Agent => "app",
            NodeKind::Reference => "reference",
            NodeKind::Missing => "missing",
            NodeKind::Connector => "connector",
        };
        let round = if node.kind == NodeKind::Reference { BOX.1 / 2 } else { 4 };
        let full = escaped(&node.label);
        let shown = escaped(&fitted(&node.label));
        put(format!(
            "<g><title>{full}</title><rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{}\" height=\"{}\" rx=\"{round}\"/><text x=\"{}\" y=\"{}\">{shown}</text></g>",
            BOX.0,
            BOX.1,
            x + 12,
            y + 20
        ));
    }
    put(legend(graph, height));
    out.push_str("</svg>\n");
    out
}

fn x_of(column: usize) -> usize {
    MARGIN + ARC + column * (BOX.0 + GAP.0)
}

/// Nodes of each column. Each column after the first is put in the order of the middle of what
/// points to it, then the first in the order of what it points to: few lines cross.
fn ordered(graph: &Graph) -> [Vec<usize>; 3] {
    let mut columns: [Vec<usize>; 3] = Default::default();
    for (index, node) in graph.nodes.iter().enumerate() {
        columns[column(node.kind)].push(index);
    }
    let across: Vec<(usize, usize)> = graph
        .arrows
        .iter()
        .map(|(from, to, _)| (*from, *to))
        .filter(|(from, to)| column(graph.nodes[*from].kind) != column(graph.nodes[*to].kind))
        .collect();
    for _ in 0..4 {
        for (moved, fixed) in [(1, 0), (2, 1), (1, 2), (0, 1)] {
            let at: HashMap<usize, usize> =
                columns[fixed].iter().enumerate().map(|(row, node)| (*node, row)).collect();
            let mut middle: HashMap<usize, (usize, usize)> = HashMap::new();
            for (from, to) in &across {
                for (one, other) in [(from, to), (to, from)] {
                    if let Some(row) = at.get(other) {
                        let sum = middle.entry(*one).or_default();
                        *sum = (sum.0 + row, sum.1 + 1);
                    }
                }
            }
            // What nothing points to goes last; whole numbers keep the order the same everywhere.
            columns[moved].sort_by_key(|node| match middle.get(node) {
                Some((sum, count)) => (0, sum * 1_000 / count),
                None => (1, 0),
            });
        }
    }
    columns
}

/// Each column stands in the middle of the highest.
fn places(graph: &Graph, columns: &[Vec<usize>; 3]) -> Vec<Place> {
    let rows = columns.iter().map(Vec::len).max().unwrap_or(0);
    let mut places = vec![Place { column: 0, x: 0, y: 0 }; graph.nodes.len()];
    for (index, nodes) in columns.iter().enumerate() {
        // Short columns are spread out, so that lines stay short in a high picture.
        let step = BOX.1 + GAP.1;
        let room = rows * step;
        let each = if nodes.is_empty() { step } else { (room / nodes.len()).min(step * 6) };
        let offset = (room - each * nodes.len()) / 2 + (each - step) / 2;
        for (row, node) in nodes.iter().enumerate() {
            places[*node] =
                Place { column: index, x: x_of(index), y: TOP + MARGIN + offset + row * each };
        }
    }
    places
}

fn arrow(graph: &Graph, places: &[Place], from: usize, to: usize, text: &str) -> String {
    let (a, b) = (places[from], places[to]);
    let class = match text {
        "invoker" => " class=\"invoker\"",
        "on behalf of" => " class=\"behalf\"",
        "calls" => " class=\"calls\"",
        _ => "",
    };
    let mut title = format!("{} → {}", graph.nodes[from].label, graph.nodes[to].label);
    if !text.is_empty() {
        // Writing into a text cannot fail.
        let _ = write!(title, " ({text})");
    }
    let title = escaped(&title);
    let (y1, y2) = (a.y + BOX.1 / 2, b.y + BOX.1 / 2);
    let d = if a.column == b.column {
        // An arc on the left; the farther apart, the wider.
        let far = y1.abs_diff(y2);
        let bend = a.x - (18 + far / 8).min(ARC + MARGIN - 4);
        format!("M{} {y1}C{bend} {y1} {bend} {y2} {} {y2}", a.x, b.x - 2)
    } else {
        let (x1, x2) = (a.x + BOX.0, b.x - 2);
        let half = usize::midpoint(x1, x2);
        format!("M{x1} {y1}C{half} {y1} {half} {y2} {x2} {y2}")
    };
    format!("<path{class} d=\"{d}\" marker-end=\"url(#a)\"><title>{title}</title></path>")
}

/// The lines that occur, explained.
fn legend(graph: &Graph, height: usize) -> String {
    let mut text = String::new();
    let mut x = MARGIN + ARC;
    let y = height - MARGIN;
    for (word, class, meaning) in [
        ("invoker", "invoker", "the caller's own connection"),
        ("on behalf of", "behalf", "the connection, on behalf of the caller"),
        ("calls", "calls", "calls as a child"),
    ] {
        if !graph.arrows.iter().any(|(.., text)| *text == word) {
            continue;
        }
        text += &format!(
            "<path class=\"{class}\" d=\"M{x} {} {} {}\"/><text x=\"{}\" y=\"{y}\">{meaning}</text>",
            y - 4,
            x + 30,
            y - 4,
            x + 38
        );
        x += 80 + meaning.len() * 7;
    }
    text
}

/// A label that fits its box: widths of letters are guessed, wide ones count double.
fn fitted(label: &str) -> String {
    const ROOM: usize = 64;
    let width = |c: char| match c {
        'i' | 'j' | 'l' | 't' | 'f' | 'r' | '.' | ',' | ':' | '|' | ' ' | '(' | ')' | '-' => 1,
        'm' | 'w' | 'M' | 'W' | '@' => 3,
        c if (c as u32) >= 0x1100 => 4,
        c if c.is_uppercase() => 3,
        _ => 2,
    };
    let mut used = 0;
    let mut shown = String::new();
    for c in label.chars() {
        used += width(c);
        if used > ROOM {
            shown.push('…');
            break;
        }
        shown.push(c);
    }
    shown
}

/// Text of XML; what XML cannot hold becomes a space.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push(' '),
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                out.push('\u{fffd}');
            }
            c => out.push(c),
        }
    }
    out
}
