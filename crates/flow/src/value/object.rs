//! Objects: named values in the order in which they were added.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use super::Value;

/// Above this size names are found through an index.
const INDEX_FROM: usize = 12;

/// Named values in the order in which they were added. Two objects are equal if they hold the
/// same names and values, in whatever order.
#[derive(Clone, Default)]
pub struct Object {
    entries: Vec<(Arc<str>, Value)>,
    index: Option<HashMap<Arc<str>, usize>>,
}

impl Object {
    /// An object without properties.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many properties it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it has no property.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The value of a property: the one of exactly that name, else the first whose name differs
    /// only in case.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.position(name).map(|index| &self.entries[index].1)
    }

    /// The value of the property of exactly that name.
    #[must_use]
    pub fn get_exact(&self, name: &str) -> Option<&Value> {
        self.exact(name).map(|index| &self.entries[index].1)
    }

    /// The name as it is spelled in this object, found as [`get`](Self::get) does.
    #[must_use]
    pub fn spelling(&self, name: &str) -> Option<&Arc<str>> {
        self.position(name).map(|index| &self.entries[index].0)
    }

    /// Sets the property of exactly that name, in its place if there is one, else at the end.
    pub fn insert(&mut self, name: impl Into<Arc<str>>, value: impl Into<Value>) {
        let (name, value) = (name.into(), value.into());
        if let Some(index) = self.exact(&name) {
            self.entries[index].1 = value;
            return;
        }
        if let Some(index) = &mut self.index {
            index.insert(name.clone(), self.entries.len());
        }
        self.entries.push((name, value));
        if self.index.is_none() && self.entries.len() > INDEX_FROM {
            self.reindex();
        }
    }

    /// Removes a property, found as [`get`](Self::get) does, and gives its name and value.
    pub fn remove(&mut self, name: &str) -> Option<(Arc<str>, Value)> {
        let position = self.position(name)?;
        let entry = self.entries.remove(position);
        if self.index.is_some() {
            self.reindex();
        }
        Some(entry)
    }

    /// Names and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.entries.iter().map(|(name, value)| (&**name, value))
    }

    /// Names in order.
    pub fn keys(&self) -> impl Iterator<Item = &Arc<str>> {
        self.entries.iter().map(|(name, _)| name)
    }

    fn reindex(&mut self) {
        let named = self.entries.iter().enumerate();
        self.index = Some(named.map(|(index, (name, _))| (name.clone(), index)).collect());
    }

    fn exact(&self, name: &str) -> Option<usize> {
        match &self.index {
            Some(index) => index.get(name).copied(),
            None => self.entries.iter().position(|(key, _)| **key == *name),
        }
    }

    fn position(&self, name: &str) -> Option<usize> {
        let alike = || self.entries.iter().position(|(key, _)| names_equal(key, name));
        self.exact(name).or_else(alike)
    }
}

impl PartialEq for Object {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len()
            && self.iter().all(|(name, value)| other.get_exact(name) == Some(value))
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl<N: Into<Arc<str>>, V: Into<Value>> FromIterator<(N, V)> for Object {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(entries: I) -> Self {
        let mut object = Self::new();
        for (name, value) in entries {
            object.insert(name, value);
        }
        object
    }
}

/// Whether two names are the same without regard to case.
pub(crate) fn names_equal(a: &str, b: &str) -> bool {
    if a.is_ascii() && b.is_ascii() {
        return a.eq_ignore_ascii_case(b);
    }
    a.chars().flat_map(char::to_lowercase).eq(b.chars().flat_map(char::to_lowercase))
}
