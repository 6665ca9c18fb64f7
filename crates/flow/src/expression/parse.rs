//! From text to a tree.

use std::fmt;

use super::functions::{self, Function};
use super::lex::{Lexer, Token};
use super::{CallSite, MAX_EXPRESSION, ParseError};
use crate::value::{Value, names_equal};

/// How deeply calls and indexes may nest.
const MAX_NESTING: usize = 160;

/// A part of an expression.
#[derive(Clone, Debug)]
pub(super) enum Node {
    Literal(Value),
    Call {
        name: Box<str>,
        function: Option<&'static Function>,
        arguments: Vec<Node>,
    },
    /// A value and the properties or items that are selected from it, one after the other.
    Path {
        base: Box<Node>,
        steps: Vec<Step>,
    },
}

/// One selection: `.name`, `['name']`, `[0]`, each also with `?` before it.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) key: Node,
    pub(super) optional: bool,
}

/// Parses a text that is one expression.
pub(super) fn whole(text: &str) -> Result<Node, ParseError> {
    let mut parser = Parser::new(text, 0)?;
    let node = parser.expression(0)?;
    parser.expect(&Token::End)?;
    Ok(node)
}

/// Parses an expression that begins at a position of a text and ends with `}`; gives the position
/// after that.
pub(super) fn interpolation(text: &str, start: usize) -> Result<(Node, usize), ParseError> {
    let mut parser = Parser::new(text, start)?;
    let node = parser.expression(0)?;
    if parser.token != Token::Brace {
        return Err(parser.unexpected("`}`"));
    }
    let end = parser.lexer.at;
    if text[start..end].chars().count() > MAX_EXPRESSION {
        return Err(too_long(&text[start..end]));
    }
    Ok((node, end))
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    token: Token<'a>,
    /// Where the expression begins in the text.
    start: usize,
    /// Where the current token begins.
    token_at: usize,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str, start: usize) -> Result<Self, ParseError> {
        if start == 0 && text.len() > MAX_EXPRESSION && text.chars().count() > MAX_EXPRESSION {
            return Err(too_long(text));
        }
        let lexer = Lexer { text, at: start };
        let mut parser = Self { lexer, token: Token::End, start, token_at: start };
        parser.bump()?;
        Ok(parser)
    }

    fn error(&self, at: usize, problem: impl Into<String>) -> ParseError {
        let position = self.lexer.text[self.start..at].chars().count() + 1;
        ParseError {
            expression: shown(&self.lexer.text[self.start..]),
            position,
            problem: problem.into(),
        }
    }

    fn unexpected(&self, wanted: &str) -> ParseError {
        self.error(self.token_at, format!("expected {wanted}, found {}", self.token))
    }

    /// Moves on and gives the token that was current.
    fn bump(&mut self) -> Result<Token<'a>, ParseError> {
        let rest = &self.lexer.text[self.lexer.at..];
        self.token_at = self.lexer.at + rest.len() - rest.trim_start().len();
        match self.lexer.next() {
            Ok(token) => Ok(std::mem::replace(&mut self.token, token)),
            Err(problem) => Err(self.error(self.token_at, problem)),
        }
    }

    fn expect(&mut self, wanted: &Token<'_>) -> Result<(), ParseError> {
        if self.token != *wanted {
            return Err(self.unexpected(&wanted.to_string()));
        }
        if *wanted != Token::End {
            self.bump()?;
        }
        Ok(())
    }

    fn expression(&mut self, depth: usize) -> Result<Node, ParseError> {
        if depth > MAX_NESTING {
            return Err(self.error(self.token_at, format!("more than {MAX_NESTING} calls nest")));
        }
        let base = self.primary(depth)?;
        let mut steps = Vec::new();
        while matches!(self.token, Token::Dot | Token::OpenIndex | Token::Question) {
            let optional = self.token == Token::Question;
            if optional {
                self.bump()?;
            }
            let key = match self.token {
                Token::Dot => self.member()?,
                Token::OpenIndex => {
                    self.bump()?;
                    let key = self.expression(depth + 1)?;
                    self.expect(&Token::CloseIndex)?;
                    key
                }
                _ => return Err(self.unexpected("`.` or `[`")),
            };
            steps.push(Step { key, optional });
        }
        Ok(if steps.is_empty() { base } else { Node::Path { base: Box::new(base), steps } })
    }

    /// The name after the current dot.
    fn member(&mut self) -> Result<Node, ParseError> {
        let at = self.lexer.at;
        let name = self.lexer.member();
        let Some(name) = name else {
            return Err(self.error(at, "a property name must follow `.`"));
        };
        self.bump()?;
        Ok(Node::Literal(Value::from(name)))
    }

    fn primary(&mut self, depth: usize) -> Result<Node, ParseError> {
        let name = match &mut self.token {
            Token::Text(text) => {
                let value = Value::from(std::mem::take(text));
                self.bump()?;
                return Ok(Node::Literal(value));
            }
            Token::Int(value) => {
                let value = Value::Int(*value);
                self.bump()?;
                return Ok(Node::Literal(value));
            }
            Token::Float(value) => {
                let value = Value::Float(*value);
                self.bump()?;
                return Ok(Node::Literal(value));
            }
            Token::Name(name) => *name,
            Token::Interpolation => return self.nested(depth),
            _ => return Err(self.unexpected("a value or a function")),
        };
        let name_at = self.token_at;
        self.bump()?;
        if self.token == Token::Open {
            return self.call(name, depth);
        }
        [("null", Value::Null), ("true", Value::Bool(true)), ("false", Value::Bool(false))]
            .into_iter()
            .find(|(literal, _)| names_equal(literal, name))
            .map(|(_, value)| Node::Literal(value))
            .ok_or_else(|| {
                self.error(
                    name_at,
                    format!("`{name}` needs `(` to be a call, or quotes to be a string"),
                )
            })
    }

    /// `@{…}` as an argument: seen in filters of exported flows; its text, as elsewhere.
    fn nested(&mut self, depth: usize) -> Result<Node, ParseError> {
        self.bump()?;
        let inner = self.expression(depth + 1)?;
        self.expect(&Token::Brace)?;
        let function = functions::find("concat");
        Ok(Node::Call { name: "concat".into(), function, arguments: vec![inner] })
    }

    fn call(&mut self, name: &str, depth: usize) -> Result<Node, ParseError> {
        self.bump()?;
        let mut arguments = Vec::new();
        if self.token != Token::Close {
            loop {
                arguments.push(self.expression(depth + 1)?);
                if self.token != Token::Comma {
                    break;
                }
                self.bump()?;
            }
        }
        self.expect(&Token::Close)?;
        Ok(Node::Call { name: name.into(), function: functions::find(name), arguments })
    }
}

fn too_long(text: &str) -> ParseError {
    let problem = format!("an expression may have {MAX_EXPRESSION} characters");
    ParseError { expression: shown(text), position: MAX_EXPRESSION + 1, problem }
}

/// The first line of text that is enough to recognise it.
fn shown(text: &str) -> String {
    const LENGTH: usize = 120;
    let mut short: String = text.chars().take(LENGTH).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

impl Node {
    pub(super) fn calls<'a>(&'a self, out: &mut Vec<CallSite<'a>>) {
        match self {
            Self::Literal(_) => {}
            Self::Call { name, function, arguments } => {
                let argument = match arguments.first() {
                    Some(Self::Literal(value)) => value.as_str(),
                    _ => None,
                };
                out.push(CallSite { function: name, argument, known: function.is_some() });
                for argument in arguments {
                    argument.calls(out);
                }
            }
            Self::Path { base, steps } => {
                base.calls(out);
                for step in steps {
                    step.key.calls(out);
                }
            }
        }
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(Value::Null) => f.write_str("null"),
            Self::Literal(Value::Bool(value)) => write!(f, "{value}"),
            // The debug form keeps the point or exponent that makes it a double.
            Self::Literal(Value::Float(value)) if value.is_infinite() => {
                write!(f, "{}1e999", if *value < 0.0 { "-" } else { "" })
            }
            Self::Literal(Value::Float(value)) => write!(f, "{value:?}"),
            Self::Literal(value) => match value.as_str() {
                Some(text) => write!(f, "'{}'", text.replace('\'', "''")),
                None => f.write_str(&value.to_text()),
            },
            Self::Call { name, arguments, .. } => {
                write!(f, "{name}(")?;
                for (index, argument) in arguments.iter().enumerate() {
                    if index > 0 {
                        f.write_str(", ")?;
                    }
                    argument.fmt(f)?;
                }
                f.write_str(")")
            }
            Self::Path { base, steps } => {
                base.fmt(f)?;
                for Step { key, optional } in steps {
                    write!(f, "{}[{key}]", if *optional { "?" } else { "" })?;
                }
                Ok(())
            }
        }
    }
}
