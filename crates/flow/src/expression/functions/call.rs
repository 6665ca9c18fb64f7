//! A call with its arguments, and how functions read them.

use std::borrow::Cow;
use std::sync::Arc;

use super::super::evaluate::Evaluator;
use super::super::{EvalError, Scope, number};
use super::{Function, Result, data_uri};
use crate::value::{Binary, MAX_DEPTH, Object, Value};

/// The longest result of `concat`, `base64` and `string`, in characters (limit of the service).
const MAX_TEXT: usize = 131_072;

/// A call: the function and its evaluated arguments.
pub(in crate::expression) struct Call<'a> {
    pub(in crate::expression) function: &'static Function,
    pub(in crate::expression) arguments: &'a [Value],
    pub(in crate::expression) evaluator: &'a Evaluator<'a>,
}

impl<'a> Call<'a> {
    /// How many arguments it has.
    pub(super) fn count(&self) -> usize {
        self.arguments.len()
    }

    /// An argument that the function always has.
    pub(super) fn argument(&self, index: usize) -> &'a Value {
        &self.arguments[index]
    }

    pub(super) fn scope(&self) -> &dyn Scope {
        self.evaluator.scope
    }

    /// An error of this function.
    pub(super) fn error(&self, problem: impl std::fmt::Display) -> EvalError {
        EvalError::template(format!(
            "The template language function '{}' {problem}",
            self.function.name
        ))
    }

    /// The error that an argument is of the wrong kind: `wanted` follows "to".
    pub(super) fn wrong(&self, index: usize, wanted: &str) -> EvalError {
        let which = match (self.count(), index) {
            (1, _) => "its parameter",
            (_, 0) => "its first parameter",
            (_, 1) => "its second parameter",
            (_, 2) => "its third parameter",
            _ => "its parameter",
        };
        let found = self.argument(index).type_name();
        self.error(format_args!(
            "expects {which} to {wanted}. The provided value is of type '{found}'."
        ))
    }

    /// A string argument.
    pub(super) fn text(&self, index: usize) -> Result<&'a str> {
        let text = self.argument(index).as_str();
        let text = text.ok_or_else(|| self.wrong(index, "be of type string"))?;
        // Reading is cheap, yet not free: an expression may read the same text very often.
        self.charge(text.len() / 32)?;
        Ok(text)
    }

    /// A string argument that may be missing or null.
    pub(super) fn optional_text(&self, index: usize) -> Result<Option<&'a str>> {
        match self.arguments.get(index) {
            None | Some(Value::Null) => Ok(None),
            Some(_) => self.text(index).map(Some),
        }
    }

    /// A whole number; a double or a decimal without a fraction is one too.
    pub(super) fn int(&self, index: usize) -> Result<i64> {
        number::whole(self.argument(index)).ok_or_else(|| self.wrong(index, "be an integer"))
    }

    /// A whole number that is not negative, as a size.
    pub(super) fn size(&self, index: usize) -> Result<usize> {
        let size =
            number::whole(self.argument(index)).and_then(|value| usize::try_from(value).ok());
        size.ok_or_else(|| {
            let value = self.argument(index).to_text();
            self.error(format_args!(
                "expects parameter {} to be a positive integer. The provided value is '{value}'.",
                index + 1
            ))
        })
    }

    pub(super) fn array(&self, index: usize) -> Result<&'a Arc<Vec<Value>>> {
        match self.argument(index) {
            Value::Array(items) => Ok(items),
            _ => Err(self.wrong(index, "be of type array")),
        }
    }

    pub(super) fn object(&self, index: usize) -> Result<&'a Arc<Object>> {
        match self.argument(index) {
            Value::Object(object) => Ok(object),
            _ => Err(self.wrong(index, "be of type object")),
        }
    }

    /// The text of any argument, as interpolation writes it.
    pub(super) fn any_text(&self, index: usize) -> Result<Cow<'a, str>> {
        let text = text_of(self.argument(index))?;
        self.charge(text.len())?;
        Ok(text)
    }

    /// Takes from the allowance of the evaluation.
    pub(super) fn charge(&self, work: usize) -> Result<()> {
        self.evaluator.charge(work)
    }

    /// A result text; what it costs is taken from the allowance.
    pub(super) fn give(&self, text: impl Into<String>) -> Result {
        let text = text.into();
        self.charge(text.len())?;
        Ok(Value::from(text))
    }

    /// A result text of a function whose results the service limits.
    pub(super) fn give_limited(&self, text: impl Into<String>) -> Result {
        let text = text.into();
        if text.len() > MAX_TEXT && text.encode_utf16().count() > MAX_TEXT {
            return Err(self.error(format_args!(
                "was not evaluated: its result is longer than {MAX_TEXT} characters, which is the limit."
            )));
        }
        self.give(text)
    }

    /// A result array.
    pub(super) fn give_array(&self, items: Vec<Value>) -> Result {
        self.charge(items.len())?;
        Ok(Value::array(items))
    }

    /// A result that holds values inside a new container.
    pub(super) fn give_nested(&self, value: Value) -> Result {
        if value.depth_within(MAX_DEPTH) {
            return Ok(value);
        }
        Err(self.error(format_args!(
            "was not evaluated: its result nests more than {MAX_DEPTH} levels."
        )))
    }

    /// The bytes of an argument: of binary content as they are, of anything else its text.
    pub(super) fn bytes(&self, index: usize) -> Result<Vec<u8>> {
        let value = self.argument(index);
        if value.is_null() {
            return Err(self.wrong(index, "be a string or binary content"));
        }
        let bytes = match Binary::of(value) {
            Some(binary) => binary.bytes,
            None => value.to_text().into_owned().into_bytes(),
        };
        self.charge(bytes.len())?;
        Ok(bytes)
    }
}

/// The text of a value as interpolation writes it.
///
/// # Errors
/// When it is binary content whose media type is not valid.
pub(in crate::expression) fn text_of(value: &Value) -> Result<Cow<'_, str>> {
    if let Some(binary) = Binary::of(value) {
        data_uri::check_media_type(&binary.content_type, true).map_err(EvalError::template)?;
        return Ok(Cow::Owned(binary.text()));
    }
    Ok(value.to_text())
}
