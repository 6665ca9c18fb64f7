//! JSON values whose strings and property names may hold expressions.

use serde_json::Value as Json;

use super::evaluate::Evaluator;
use super::parse::{Node, interpolation};
use super::{CallSite, EvalError, Expression, ParseError, Scope};
use crate::value::{MAX_DEPTH, Object, Value};

/// A JSON value with expressions in it, compiled.
///
/// `"@expr"` keeps the type of the result; text with `@{expr}` in it is always a string; `@@` at
/// the start and `@@{` anywhere stand for one `@`.
#[derive(Clone, Debug)]
pub struct Template(Part);

#[derive(Clone, Debug)]
enum Part {
    Constant(Value),
    Expression(Expression),
    /// Text with expressions between.
    Text(Vec<Piece>),
    Array(Vec<Part>),
    Object(Vec<(Part, Part)>),
}

#[derive(Clone, Debug)]
enum Piece {
    Text(Box<str>),
    Expression(Expression),
}

impl Template {
    /// Compiles a JSON value. A value that nests deeper than 128 is refused.
    ///
    /// # Errors
    /// When a string of it begins like an expression and is none.
    pub fn compile(json: &Json) -> Result<Self, ParseError> {
        Part::compile(json, MAX_DEPTH).map(Self)
    }

    /// Evaluates every expression in it.
    ///
    /// # Errors
    /// When one of them fails.
    pub fn evaluate(&self, scope: &dyn Scope) -> Result<Value, EvalError> {
        let value = self.0.evaluate(&Evaluator::new(scope))?;
        let built = matches!(self.0, Part::Array(_) | Part::Object(_));
        if built && !value.depth_within(MAX_DEPTH) {
            return Err(EvalError::template(format!(
                "The value cannot be used because it nests more than {MAX_DEPTH} levels."
            )));
        }
        Ok(value)
    }

    /// The value, if there is no expression in it.
    #[must_use]
    pub fn constant(&self) -> Option<&Value> {
        match &self.0 {
            Part::Constant(value) => Some(value),
            _ => None,
        }
    }

    /// Every expression in it, in order.
    #[must_use]
    pub fn expressions(&self) -> Vec<&Expression> {
        let mut expressions = Vec::new();
        self.0.expressions(&mut expressions);
        expressions
    }

    /// Every call in its expressions.
    #[must_use]
    pub fn calls(&self) -> Vec<CallSite<'_>> {
        self.expressions().into_iter().flat_map(Expression::calls).collect()
    }
}

impl Part {
    fn compile(json: &Json, depth: usize) -> Result<Self, ParseError> {
        if depth == 0 {
            return Err(ParseError {
                expression: String::new(),
                position: 1,
                problem: format!("the value nests more than {MAX_DEPTH} levels"),
            });
        }
        match json {
            Json::String(text) => Self::text(text),
            Json::Array(items) => {
                let parts = items
                    .iter()
                    .map(|item| Self::compile(item, depth - 1))
                    .collect::<Result<Vec<_>, _>>()?;
                Ok(Self::constant_array(&parts).unwrap_or(Self::Array(parts)))
            }
            Json::Object(map) => {
                let parts = map
                    .iter()
                    .map(|(name, item)| Ok((Self::text(name)?, Self::compile(item, depth - 1)?)))
                    .collect::<Result<Vec<_>, _>>()?;
                let constant =
                    parts.iter().flat_map(|(name, item)| [name, item]).all(Self::is_constant);
                if constant {
                    return Ok(Self::Constant(Value::object(
                        parts.into_iter().filter_map(constant_entry).collect::<Object>(),
                    )));
                }
                Ok(Self::Object(parts))
            }
            other => Ok(Self::Constant(Value::from_json(other))),
        }
    }

    fn is_constant(&self) -> bool {
        matches!(self, Self::Constant(_))
    }

    fn constant_array(parts: &[Self]) -> Option<Self> {
        let values = parts.iter().map(|part| match part {
            Self::Constant(value) => Some(value.clone()),
            _ => None,
        });
        values.collect::<Option<Vec<_>>>().map(|values| Self::Constant(Value::array(values)))
    }

    fn text(text: &str) -> Result<Self, ParseError> {
        if text == "@" {
            return Ok(Self::Constant(Value::from(text)));
        }
        if let Some(rest) = text.strip_prefix('@')
            && !rest.starts_with(['@', '{'])
        {
            return Expression::parse(rest).map(Self::constant_folded);
        }
        Self::interpolated(text)
    }

    /// A literal needs no evaluation.
    fn constant_folded(expression: Expression) -> Self {
        match expression.root {
            Node::Literal(value) => Self::Constant(value),
            root => Self::Expression(Expression { root, ..expression }),
        }
    }

    fn interpolated(text: &str) -> Result<Self, ParseError> {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut at = 0;
        if text.starts_with("@@") && !text.starts_with("@@{") {
            plain.push('@');
            at = 2;
        }
        while let Some(found) = text[at..].find('@') {
            plain.push_str(&text[at..at + found]);
            at += found;
            if text[at..].starts_with("@@{") {
                plain.push_str("@{");
                at += 3;
            } else if text[at..].starts_with("@{") {
                let start = at + 2;
                let (root, end) = interpolation(text, start)?;
                if !plain.is_empty() {
                    pieces.push(Piece::Text(std::mem::take(&mut plain).into()));
                }
                let source = text[start..end - 1].into();
                pieces.push(Piece::Expression(Expression { source, root }));
                at = end;
            } else {
                plain.push('@');
                at += 1;
            }
        }
        plain.push_str(&text[at..]);
        if pieces.is_empty() {
            return Ok(Self::Constant(Value::from(plain)));
        }
        if !plain.is_empty() {
            pieces.push(Piece::Text(plain.into()));
        }
        Ok(Self::Text(pieces))
    }

    fn evaluate(&self, evaluator: &Evaluator<'_>) -> Result<Value, EvalError> {
        match self {
            Self::Constant(value) => Ok(value.clone()),
            Self::Expression(expression) => evaluator.run(expression),
            Self::Text(pieces) => {
                let mut text = String::new();
                for piece in pieces {
                    match piece {
                        Piece::Text(plain) => text.push_str(plain),
                        Piece::Expression(expression) => {
                            let value = evaluator.run(expression)?;
                            let added = super::functions::text_of(&value)?;
                            evaluator.charge(added.len())?;
                            text.push_str(&added);
                        }
                    }
                }
                Ok(Value::from(text))
            }
            Self::Array(parts) => {
                let items = parts.iter().map(|part| part.evaluate(evaluator));
                items.collect::<Result<Vec<_>, _>>().map(Value::array)
            }
            Self::Object(parts) => {
                let mut object = Object::new();
                for (name, part) in parts {
                    let name = name.evaluate(evaluator)?;
                    object.insert(&*name.to_text(), part.evaluate(evaluator)?);
                }
                Ok(Value::object(object))
            }
        }
    }

    fn expressions<'a>(&'a self, out: &mut Vec<&'a Expression>) {
        match self {
            Self::Constant(_) => {}
            Self::Expression(expression) => out.push(expression),
            Self::Text(pieces) => out.extend(pieces.iter().filter_map(|piece| match piece {
                Piece::Expression(expression) => Some(expression),
                Piece::Text(_) => None,
            })),
            Self::Array(parts) => parts.iter().for_each(|part| part.expressions(out)),
            Self::Object(parts) => {
                for (name, part) in parts {
                    name.expressions(out);
                    part.expressions(out);
                }
            }
        }
    }
}

fn constant_entry((name, part): (Part, Part)) -> Option<(String, Value)> {
    match (name, part) {
        (Part::Constant(name), Part::Constant(value)) => Some((name.to_text().into_owned(), value)),
        _ => None,
    }
}
