//! The functions of the language, one file for each family of the documentation.

mod call;
mod collection;
mod conversion;
mod data_uri;
mod date_time;
mod logical;
mod manipulation;
mod math;
mod multipart;
mod reference;
mod string;
mod uri;
mod xml;

use std::collections::HashMap;
use std::sync::OnceLock;

use super::EvalError;
use crate::value::Value;

pub(super) use call::{Call, text_of};

type Result<T = Value> = std::result::Result<T, EvalError>;

/// A function: its name as the documentation spells it, and how many arguments it takes.
#[derive(Debug)]
pub(super) struct Function {
    pub(super) name: &'static str,
    least: usize,
    most: usize,
    pub(super) run: Run,
}

/// How a function gets its arguments.
#[derive(Clone, Copy)]
pub(super) enum Run {
    /// All evaluated first, from left to right.
    Strict(fn(&Call<'_>) -> Result),
    /// As far as needed.
    Lazy(Lazy),
}

impl std::fmt::Debug for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Strict(_) => "Strict",
            Self::Lazy(_) => "Lazy",
        })
    }
}

/// The functions that do not evaluate all their arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lazy {
    If,
    And,
    Or,
    Coalesce,
}

/// As many arguments as one likes.
const ANY: usize = usize::MAX;

const fn strict(
    name: &'static str,
    least: usize,
    most: usize,
    run: fn(&Call<'_>) -> Result,
) -> Function {
    Function { name, least, most, run: Run::Strict(run) }
}

const fn lazy(name: &'static str, least: usize, most: usize, lazy: Lazy) -> Function {
    Function { name, least, most, run: Run::Lazy(lazy) }
}

/// Every function.
pub(super) fn all() -> impl Iterator<Item = &'static Function> {
    [
        string::FUNCTIONS,
        collection::FUNCTIONS,
        logical::FUNCTIONS,
        conversion::FUNCTIONS,
        data_uri::FUNCTIONS,
        math::FUNCTIONS,
        date_time::FUNCTIONS,
        reference::FUNCTIONS,
        multipart::FUNCTIONS,
        uri::FUNCTIONS,
        manipulation::FUNCTIONS,
        xml::FUNCTIONS,
    ]
    .into_iter()
    .flatten()
}

/// A function by name, in any case.
pub(super) fn find(name: &str) -> Option<&'static Function> {
    static BY_NAME: OnceLock<HashMap<String, &'static Function>> = OnceLock::new();
    let by_name = BY_NAME.get_or_init(|| {
        all().map(|function| (function.name.to_ascii_lowercase(), function)).collect()
    });
    by_name.get(&name.to_ascii_lowercase()).copied()
}

impl Function {
    /// Checks the number of arguments.
    pub(super) fn check_count(&self, count: usize) -> Result<()> {
        if (self.least..=self.most).contains(&count) {
            return Ok(());
        }
        let name = self.name;
        if matches!(self.run, Run::Lazy(Lazy::And | Lazy::Or)) {
            return Err(EvalError::template(format!(
                "The template language function '{name}' is not valid. Expected at least one argument."
            )));
        }
        let wanted = match (self.least, self.most) {
            (least, ANY) => format!("at least {}", parameters(least)),
            (least, most) if least == most => parameters(least),
            (least, most) => format!("{} to {}", number(least), parameters(most)),
        };
        Err(EvalError::template(format!(
            "The template language function '{name}' expects {wanted}. The function was invoked with '{count}' parameter(s)."
        )))
    }
}

fn number(count: usize) -> &'static str {
    ["no", "one", "two", "three", "four"].get(count).copied().unwrap_or("more")
}

fn parameters(count: usize) -> String {
    format!("{} {}", number(count), if count == 1 { "parameter" } else { "parameters" })
}
