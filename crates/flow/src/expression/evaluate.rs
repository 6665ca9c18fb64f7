//! From a tree to a value.

use std::cell::Cell;

use super::functions::{Call, Function, Lazy, Run};
use super::parse::Node;
use super::select::select;
use super::{EvalError, Expression, Scope};
use crate::value::Value;

/// What one evaluation may do and produce: one for a call, one for a byte of text or an item.
const BUDGET: u64 = 256 * 1024 * 1024;

/// Evaluates expressions against a scope, with one allowance of work for all of them.
pub(super) struct Evaluator<'a> {
    pub(super) scope: &'a dyn Scope,
    left: Cell<u64>,
}

impl<'a> Evaluator<'a> {
    pub(super) fn new(scope: &'a dyn Scope) -> Self {
        Self { scope, left: Cell::new(BUDGET) }
    }

    pub(super) fn run(&self, expression: &Expression) -> Result<Value, EvalError> {
        self.node(&expression.source, &expression.root)
    }

    /// Takes from the allowance.
    pub(super) fn charge(&self, work: usize) -> Result<(), EvalError> {
        let work = u64::try_from(work).unwrap_or(u64::MAX);
        let left = self.left.get().checked_sub(work).ok_or_else(|| {
            EvalError::template(
                "The expression cannot be evaluated because it produces too much data.",
            )
        })?;
        self.left.set(left);
        Ok(())
    }

    fn node(&self, source: &str, node: &Node) -> Result<Value, EvalError> {
        match node {
            Node::Literal(value) => Ok(value.clone()),
            Node::Call { name, function, arguments } => {
                self.charge(1)?;
                let Some(function) = *function else {
                    return Err(EvalError::template(format!(
                        "The template function '{name}' is not defined or not valid."
                    )));
                };
                self.call(source, function, arguments)
            }
            Node::Path { base, steps } => {
                let mut value = self.node(source, base)?;
                for step in steps {
                    let key = self.node(source, &step.key)?;
                    value = select(source, &value, &key, step.optional)?;
                }
                Ok(value)
            }
        }
    }

    fn call(
        &self,
        source: &str,
        function: &'static Function,
        nodes: &[Node],
    ) -> Result<Value, EvalError> {
        function.check_count(nodes.len())?;
        let run = match function.run {
            Run::Strict(run) => run,
            Run::Lazy(lazy) => return self.lazy(source, function, lazy, nodes),
        };
        let arguments =
            nodes.iter().map(|node| self.node(source, node)).collect::<Result<Vec<_>, _>>()?;
        run(&Call { function, arguments: &arguments, evaluator: self })
    }

    fn lazy(
        &self,
        source: &str,
        function: &'static Function,
        lazy: Lazy,
        nodes: &[Node],
    ) -> Result<Value, EvalError> {
        let truth = |index: usize| {
            let value = self.node(source, &nodes[index])?;
            value.as_bool().ok_or_else(|| {
                let name = function.name;
                EvalError::template(format!(
                    "The template language function '{name}' expects its parameter {} to be a boolean. The provided value is of type '{}'.",
                    index + 1,
                    value.type_name()
                ))
            })
        };
        match lazy {
            Lazy::If => {
                let chosen = if truth(0)? { &nodes[1] } else { &nodes[2] };
                self.node(source, chosen)
            }
            Lazy::And | Lazy::Or => {
                let decisive = lazy == Lazy::Or;
                for index in 0..nodes.len() {
                    if truth(index)? == decisive {
                        return Ok(Value::Bool(decisive));
                    }
                }
                Ok(Value::Bool(!decisive))
            }
            Lazy::Coalesce => {
                for node in nodes {
                    let value = self.node(source, node)?;
                    if !value.is_null() {
                        return Ok(value);
                    }
                }
                Ok(Value::Null)
            }
        }
    }
}
