//! Evaluating an XPath expression.

use super::super::document::{Document, Kind, ROOT, split_name};
use super::functions;
use super::lex::Operator;
use super::parse::{Axis, Expr, Step, Test};
use super::{Found, Spend};

/// Where an expression stands: a node, its place among those that are looked at, their number.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) node: usize,
    pub(super) position: usize,
    pub(super) size: usize,
}

pub(super) struct Evaluator<'a> {
    pub(super) document: &'a Document,
    pub(super) spend: Spend<'a>,
}

impl Evaluator<'_> {
    pub(super) fn at_root(&self, expr: &Expr) -> Result<Found, String> {
        self.expr(expr, Place { node: ROOT, position: 1, size: 1 })
    }

    pub(super) fn expr(&self, expr: &Expr, place: Place) -> Result<Found, String> {
        (self.spend)(1)?;
        match expr {
            Expr::Number(value) => Ok(Found::Number(*value)),
            Expr::Text(text) => Ok(Found::Text(text.clone())),
            Expr::Call(name, arguments) => {
                let values = arguments.iter().map(|argument| self.expr(argument, place));
                functions::call(self, name, values.collect::<Result<Vec<_>, _>>()?, place)
            }
            Expr::Negate(inner) => Ok(Found::Number(-self.number(&self.expr(inner, place)?)?)),
            Expr::Binary(operator, left, right) => self.binary(*operator, left, right, place),
            Expr::Path { absolute, steps } => {
                let start = if *absolute { ROOT } else { place.node };
                self.steps(vec![start], steps).map(Found::Nodes)
            }
            Expr::Filter { base, predicates, steps } => {
                let base = self.expr(base, place)?;
                let Found::Nodes(mut nodes) = base else {
                    return Err("only nodes can be filtered".to_owned());
                };
                for predicate in predicates {
                    nodes = self.filter(nodes, predicate)?;
                }
                self.steps(nodes, steps).map(Found::Nodes)
            }
        }
    }

    fn steps(&self, start: Vec<usize>, steps: &[Step]) -> Result<Vec<usize>, String> {
        let mut nodes = start;
        for step in steps {
            let mut next = Vec::new();
            for node in &nodes {
                let mut found = Vec::new();
                self.walk(step.axis, *node, &mut found)?;
                found.retain(|id| self.fits(step, *id));
                for predicate in &step.predicates {
                    found = self.filter(found, predicate)?;
                }
                next.append(&mut found);
            }
            next.sort_unstable();
            next.dedup();
            nodes = next;
        }
        Ok(nodes)
    }

    /// Keeps the nodes for which a predicate holds; they are in the order of their axis.
    fn filter(&self, nodes: Vec<usize>, predicate: &Expr) -> Result<Vec<usize>, String> {
        let size = nodes.len();
        let mut kept = Vec::new();
        for (index, node) in nodes.into_iter().enumerate() {
            let place = Place { node, position: index + 1, size };
            let holds = match self.expr(predicate, place)? {
                Found::Number(value) => value == size_number(place.position),
                other => self.truth(&other),
            };
            if holds {
                kept.push(node);
            }
        }
        Ok(kept)
    }

    /// The nodes of an axis, nearest first. Declarations and types are no nodes of XPath.
    fn walk(&self, axis: Axis, node: usize, out: &mut Vec<usize>) -> Result<(), String> {
        (self.spend)(1)?;
        let document = self.document;
        let is_attribute = matches!(document.kind(node), Kind::Attribute { .. });
        let siblings = || {
            if node == ROOT || is_attribute {
                &[]
            } else {
                document.children(document.node(node).parent)
            }
        };
        match axis {
            Axis::Itself => out.push(node),
            Axis::Child => out.extend_from_slice(document.children(node)),
            Axis::Attribute => {
                if let Kind::Element { attributes, .. } = document.kind(node) {
                    out.extend_from_slice(attributes);
                }
            }
            Axis::Parent => {
                if node != ROOT {
                    out.push(document.node(node).parent);
                }
            }
            Axis::Ancestor | Axis::AncestorOrSelf => {
                let mut at = node;
                if axis == Axis::AncestorOrSelf {
                    out.push(at);
                }
                while at != ROOT {
                    at = document.node(at).parent;
                    out.push(at);
                }
            }
            Axis::Descendant => self.below(node, out)?,
            Axis::DescendantOrSelf => {
                out.push(node);
                self.below(node, out)?;
            }
            Axis::FollowingSibling => {
                out.extend(siblings().iter().filter(|sibling| **sibling > node));
            }
            Axis::PrecedingSibling => {
                out.extend(siblings().iter().rev().filter(|sibling| **sibling < node));
            }
            Axis::Following | Axis::Preceding => self.around(axis, node, out)?,
        }
        (self.spend)(out.len())
    }

    fn below(&self, node: usize, out: &mut Vec<usize>) -> Result<(), String> {
        for child in self.document.children(node) {
            out.push(*child);
            (self.spend)(1)?;
            self.below(*child, out)?;
        }
        Ok(())
    }

    /// All after or before a node in the document, without its descendants or ancestors.
    fn around(&self, axis: Axis, node: usize, out: &mut Vec<usize>) -> Result<(), String> {
        let mut at = node;
        let mut groups = Vec::new();
        while at != ROOT {
            let parent = self.document.node(at).parent;
            let wanted = |sibling: &&usize| {
                if axis == Axis::Following { **sibling > at } else { **sibling < at }
            };
            for sibling in self.document.children(parent).iter().filter(wanted) {
                groups.push(*sibling);
                self.below(*sibling, &mut groups)?;
            }
            at = parent;
        }
        groups.sort_unstable();
        if axis == Axis::Preceding {
            groups.reverse();
        }
        out.append(&mut groups);
        Ok(())
    }

    fn fits(&self, step: &Step, id: usize) -> bool {
        let kind = self.document.kind(id);
        if matches!(kind, Kind::Declaration { .. } | Kind::Type { .. }) {
            return false;
        }
        match &step.test {
            Test::Node => true,
            Test::Text => matches!(kind, Kind::Text(_) | Kind::Data(_)),
            Test::Comment => matches!(kind, Kind::Comment(_)),
            Test::Instruction(wanted) => match kind {
                Kind::Instruction { target, .. } => {
                    wanted.as_ref().is_none_or(|wanted| wanted == target)
                }
                _ => false,
            },
            Test::Any | Test::Name(_) => {
                let name = match kind {
                    Kind::Element { name, .. } if step.axis != Axis::Attribute => name,
                    Kind::Attribute { name, .. }
                        if name != "xmlns" && !name.starts_with("xmlns:") =>
                    {
                        name
                    }
                    _ => return false,
                };
                match &step.test {
                    // A name without a prefix means one in no namespace.
                    Test::Name(wanted) => name == wanted && self.namespace(id).is_empty(),
                    _ => true,
                }
            }
        }
    }

    /// The namespace of an element or attribute.
    pub(super) fn namespace(&self, id: usize) -> &str {
        match self.document.kind(id) {
            Kind::Element { name, .. } => {
                self.document.namespace(id, split_name(name).0).unwrap_or_default()
            }
            Kind::Attribute { name, .. } => match split_name(name).0 {
                "" => "",
                prefix => self
                    .document
                    .namespace(self.document.node(id).parent, prefix)
                    .unwrap_or_default(),
            },
            _ => "",
        }
    }

    fn binary(
        &self,
        operator: Operator,
        left: &Expr,
        right: &Expr,
        place: Place,
    ) -> Result<Found, String> {
        let first = self.expr(left, place)?;
        match operator {
            Operator::Or | Operator::And => {
                let decisive = operator == Operator::Or;
                if self.truth(&first) == decisive {
                    return Ok(Found::Truth(decisive));
                }
                return Ok(Found::Truth(self.truth(&self.expr(right, place)?)));
            }
            _ => {}
        }
        let second = self.expr(right, place)?;
        if operator == Operator::Union {
            let (Found::Nodes(mut nodes), Found::Nodes(more)) = (first, second) else {
                return Err("`|` joins nodes only".to_owned());
            };
            nodes.extend(more);
            nodes.sort_unstable();
            nodes.dedup();
            return Ok(Found::Nodes(nodes));
        }
        let (a, b) = match operator {
            Operator::Add
            | Operator::Subtract
            | Operator::Multiply
            | Operator::Divide
            | Operator::Modulo => (self.number(&first)?, self.number(&second)?),
            _ => return self.compare(operator, &first, &second).map(Found::Truth),
        };
        Ok(Found::Number(match operator {
            Operator::Add => a + b,
            Operator::Subtract => a - b,
            Operator::Multiply => a * b,
            Operator::Divide => a / b,
            _ => a % b,
        }))
    }

    /// Comparison with nodes holds if it holds for one of them.
    fn compare(&self, operator: Operator, a: &Found, b: &Found) -> Result<bool, String> {
        match (a, b) {
            (Found::Truth(_), _) | (_, Found::Truth(_)) if is_equality(operator) => {
                Ok((self.truth(a) == self.truth(b)) == (operator == Operator::Equal))
            }
            (Found::Nodes(nodes), other) | (other, Found::Nodes(nodes)) => {
                let swapped = !matches!(a, Found::Nodes(_));
                for node in nodes {
                    let text = Found::Text(self.node_text(*node)?);
                    let (a, b) = if swapped { (other, &text) } else { (&text, other) };
                    if self.compare(operator, a, b)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            (Found::Text(a), Found::Text(b)) if is_equality(operator) => {
                Ok((a == b) == (operator == Operator::Equal))
            }
            _ => {
                let (a, b) = (self.number(a)?, self.number(b)?);
                Ok(match operator {
                    Operator::Equal => a == b,
                    Operator::NotEqual => a != b,
                    Operator::Less => a < b,
                    Operator::LessOrEqual => a <= b,
                    Operator::Greater => a > b,
                    _ => a >= b,
                })
            }
        }
    }

    pub(super) fn truth(&self, value: &Found) -> bool {
        match value {
            Found::Nodes(nodes) => !nodes.is_empty(),
            Found::Number(value) => *value != 0.0 && !value.is_nan(),
            Found::Text(text) => !text.is_empty(),
            Found::Truth(value) => *value,
        }
    }

    pub(super) fn node_text(&self, node: usize) -> Result<String, String> {
        let text = self.document.string_value(node);
        (self.spend)(text.len())?;
        Ok(text)
    }

    pub(super) fn text(&self, value: &Found) -> Result<String, String> {
        Ok(match value {
            Found::Nodes(nodes) => match nodes.first() {
                Some(node) => self.node_text(*node)?,
                None => String::new(),
            },
            Found::Number(value) if value.is_nan() => "NaN".to_owned(),
            Found::Number(value) if value.is_infinite() => {
                if *value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned()
            }
            Found::Number(value) if *value == 0.0 => "0".to_owned(),
            Found::Number(value) => value.to_string(),
            Found::Text(text) => {
                (self.spend)(text.len())?;
                text.clone()
            }
            Found::Truth(value) => value.to_string(),
        })
    }

    pub(super) fn number(&self, value: &Found) -> Result<f64, String> {
        Ok(match value {
            Found::Number(value) => *value,
            Found::Truth(value) => f64::from(u8::from(*value)),
            other => text_number(&self.text(other)?),
        })
    }
}

fn is_equality(operator: Operator) -> bool {
    matches!(operator, Operator::Equal | Operator::NotEqual)
}

/// The number that text spells: digits with a point and a minus, nothing else.
pub(super) fn text_number(text: &str) -> f64 {
    let text = text.trim_matches([' ', '\t', '\r', '\n']);
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-'));
    if plain { text.parse().unwrap_or(f64::NAN) } else { f64::NAN }
}

/// A count as a number of XPath.
#[expect(clippy::cast_precision_loss, reason = "a document has far fewer nodes than 2^53")]
pub(super) fn size_number(size: usize) -> f64 {
    size as f64
}
