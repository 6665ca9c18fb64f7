//! The expression language: `@outputs('Get')?['body/value']`, `@{…}` inside text, and the
//! functions that it calls.
//!
//! An [`Expression`] or a [`Template`] is compiled once and evaluated many times against a
//! [`Scope`], which tells it what the run knows. Evaluation is deterministic: time and random
//! numbers come from the scope. It is bounded: depth, length of the expression, size of results
//! and total work each have a limit, and none of them panics.

mod culture;
mod evaluate;
mod functions;
mod lex;
mod number;
mod number_format;
mod parse;
mod select;
mod template;
mod time;
mod xml;

use std::fmt;
use std::sync::Arc;

use crate::value::Value;
use parse::Node;

pub use template::Template;

/// The longest expression, in characters (limit of the service).
pub const MAX_EXPRESSION: usize = 8_192;

/// What an expression may see of the run that it belongs to. Names are matched without regard to
/// case by the implementor.
pub trait Scope {
    /// `parameters('name')`.
    fn parameter(&self, name: &str) -> Option<Value>;
    /// `variables('name')`.
    fn variable(&self, name: &str) -> Option<Value>;
    /// `actions('name')`: name, times, status, code, inputs, outputs, error.
    fn action(&self, name: &str) -> Option<Value>;
    /// `outputs('name')`.
    fn action_outputs(&self, name: &str) -> Option<Value>;
    /// `body('name')`.
    fn action_body(&self, name: &str) -> Option<Value>;
    /// `action()`: the action that is being evaluated, where the language allows it.
    fn current_action(&self) -> Option<Value>;
    /// `trigger()`: name, inputs, outputs, times.
    fn trigger(&self) -> Value;
    /// `items('loop')`, or `item()` of the innermost loop.
    fn item(&self, loop_name: Option<&str>) -> Option<Value>;
    /// `iterationIndexes('until')`, from 0.
    fn iteration_index(&self, until: &str) -> Option<i64>;
    /// `result('scope')`: what the first-level actions of a scope gave.
    fn result(&self, scope: &str) -> Option<Value>;
    /// `workflow()`.
    fn workflow(&self) -> Value;
    /// `listCallbackUrl()`.
    fn list_callback_url(&self) -> Option<String>;
    /// The time of the run, in microseconds since the Unix epoch, UTC.
    fn now(&self) -> i64;
    /// The next number of the run's deterministic random stream.
    fn random(&self) -> u64;
}

/// Why a text is no expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the expression `{expression}` is not valid at character {position}: {problem}")]
pub struct ParseError {
    /// The expression, shortened if it is long.
    pub expression: String,
    /// Where, in characters from 1.
    pub position: usize,
    /// What is wrong there.
    pub problem: String,
}

/// Why an expression has no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct EvalError {
    /// The code that the service gives such a failure (`InvalidTemplate`).
    pub code: &'static str,
    /// The text that the service gives, without the name of the action.
    pub message: String,
}

impl EvalError {
    /// An error with the code `InvalidTemplate`.
    pub(crate) fn template(message: impl Into<String>) -> Self {
        Self { code: "InvalidTemplate", message: message.into() }
    }
}

/// A call in an expression, for those who want to know what it refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallSite<'a> {
    /// The name of the function as it is written.
    pub function: &'a str,
    /// The first argument, if it is a string literal: the action, variable or parameter that
    /// reference functions name.
    pub argument: Option<&'a str>,
    /// Whether the language has such a function.
    pub known: bool,
}

/// A compiled expression, without the `@`.
#[derive(Clone)]
pub struct Expression {
    source: Arc<str>,
    root: Node,
}

impl Expression {
    /// Compiles an expression such as `concat('a', variables('b'))`. Names of functions are not
    /// looked up: an unknown function fails when it is called, as in the service.
    ///
    /// # Errors
    /// When the text is not an expression, or is longer or nests deeper than allowed.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        parse::whole(text).map(|root| Self { source: text.into(), root })
    }

    /// The text it was compiled from.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Evaluates it.
    ///
    /// # Errors
    /// When a function, a property or an argument does not exist or does not fit, or a limit is
    /// reached.
    pub fn evaluate(&self, scope: &dyn Scope) -> Result<Value, EvalError> {
        evaluate::Evaluator::new(scope).run(self)
    }

    /// Every call in it, outermost first.
    #[must_use]
    pub fn calls(&self) -> Vec<CallSite<'_>> {
        let mut calls = Vec::new();
        self.root.calls(&mut calls);
        calls
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Expression({:?})", self.source)
    }
}

/// Normal form: one space after a comma, no other white space.
impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.root.fmt(f)
    }
}

/// The names of all functions that the language has, as the documentation spells them.
pub fn function_names() -> impl Iterator<Item = &'static str> {
    functions::all().map(|function| function.name)
}
