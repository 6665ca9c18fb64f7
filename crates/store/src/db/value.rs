//! Values that go into statements and come out of rows: text, integer, bytes, null.
use std::borrow::Cow;

use super::DbError;

/// A value for a placeholder.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Param<'a> {
    /// NULL.
    #[default]
    Null,
    /// TEXT.
    Text(Cow<'a, str>),
    /// BIGINT.
    Int(i64),
    /// BYTEA.
    Bytes(Cow<'a, [u8]>),
}

impl Param<'_> {
    /// A copy that owns what it holds.
    pub fn into_owned(self) -> Param<'static> {
        match self {
            Self::Null => Param::Null,
            Self::Text(text) => Param::Text(Cow::Owned(text.into_owned())),
            Self::Int(number) => Param::Int(number),
            Self::Bytes(bytes) => Param::Bytes(Cow::Owned(bytes.into_owned())),
        }
    }
}

impl<'a> From<&'a str> for Param<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl<'a> From<&'a String> for Param<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Param<'_> {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl From<i64> for Param<'_> {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<bool> for Param<'_> {
    fn from(flag: bool) -> Self {
        Self::Int(i64::from(flag))
    }
}

impl<'a> From<&'a [u8]> for Param<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Bytes(Cow::Borrowed(bytes))
    }
}

impl From<Vec<u8>> for Param<'_> {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(Cow::Owned(bytes))
    }
}

impl<'a, T: Into<Param<'a>>> From<Option<T>> for Param<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// A row of an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Row(pub(super) Vec<Param<'static>>);

impl Row {
    /// Number of columns.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it has no column.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value at a position.
    pub fn value(&self, index: usize) -> &Param<'static> {
        self.0.get(index).unwrap_or(&Param::Null)
    }

    /// Takes the value at a position out of the row.
    pub fn take(&mut self, index: usize) -> Param<'static> {
        self.0.get_mut(index).map(std::mem::take).unwrap_or_default()
    }

    /// TEXT that is not null.
    pub fn text(&self, index: usize) -> Result<String, DbError> {
        self.text_opt(index)?.ok_or_else(|| mismatch(index, "text", self.value(index)))
    }

    /// Takes TEXT or null out of the row.
    pub fn take_text_opt(&mut self, index: usize) -> Result<Option<String>, DbError> {
        match self.0.get_mut(index).map(std::mem::take) {
            Some(Param::Text(text)) => Ok(Some(text.into_owned())),
            Some(Param::Null) | None => Ok(None),
            Some(other) => Err(mismatch(index, "text", &other)),
        }
    }

    /// Takes TEXT that is not null out of the row.
    pub fn take_text(&mut self, index: usize) -> Result<String, DbError> {
        self.take_text_opt(index)?.ok_or_else(|| mismatch(index, "text", &Param::Null))
    }

    /// Takes BYTEA that is not null out of the row.
    pub fn take_bytes(&mut self, index: usize) -> Result<Vec<u8>, DbError> {
        match self.0.get_mut(index).map(std::mem::take) {
            Some(Param::Bytes(bytes)) => Ok(bytes.into_owned()),
            other => Err(mismatch(index, "bytes", &other.unwrap_or_default())),
        }
    }

    /// TEXT or null.
    pub fn text_opt(&self, index: usize) -> Result<Option<String>, DbError> {
        match self.value(index) {
            Param::Text(text) => Ok(Some(text.clone().into_owned())),
            Param::Null => Ok(None),
            other => Err(mismatch(index, "text", other)),
        }
    }

    /// BIGINT that is not null.
    pub fn int(&self, index: usize) -> Result<i64, DbError> {
        self.int_opt(index)?.ok_or_else(|| mismatch(index, "a number", self.value(index)))
    }

    /// BIGINT or null.
    pub fn int_opt(&self, index: usize) -> Result<Option<i64>, DbError> {
        match self.value(index) {
            Param::Int(number) => Ok(Some(*number)),
            Param::Null => Ok(None),
            other => Err(mismatch(index, "a number", other)),
        }
    }

    /// A flag: 0 or 1.
    pub fn flag(&self, index: usize) -> Result<bool, DbError> {
        Ok(self.int(index)? != 0)
    }

    /// BYTEA that is not null.
    pub fn bytes(&self, index: usize) -> Result<Vec<u8>, DbError> {
        match self.value(index) {
            Param::Bytes(bytes) => Ok(bytes.clone().into_owned()),
            other => Err(mismatch(index, "bytes", other)),
        }
    }
}

fn mismatch(index: usize, wanted: &'static str, found: &Param<'_>) -> DbError {
    let found = match found {
        Param::Null => "null",
        Param::Text(_) => "text",
        Param::Int(_) => "a number",
        Param::Bytes(_) => "bytes",
    };
    DbError::Column { index, wanted, found }
}
