//! What is wrong with a definition, and where.

use std::fmt;

/// One reason why a definition cannot run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// JSON pointer (RFC 6901) into the `definition` object.
    pub pointer: String,
    /// What is wrong; lower case, no full stop.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = if self.pointer.is_empty() { "/" } else { &self.pointer };
        write!(f, "{place}: {}", self.message)
    }
}

impl std::error::Error for Problem {}

/// A place in the definition, extended while walking down.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    parent: Option<&'a Place<'a>>,
    token: &'a str,
}

impl<'a> Place<'a> {
    pub(super) const ROOT: Place<'static> = Place { parent: None, token: "" };

    pub(super) fn at(&'a self, token: &'a str) -> Place<'a> {
        Place { parent: Some(self), token }
    }

    /// The JSON pointer of this place.
    pub(super) fn pointer(&self) -> String {
        let Some(parent) = self.parent else { return String::new() };
        let mut text = parent.pointer();
        text.push('/');
        text.push_str(&self.token.replace('~', "~0").replace('/', "~1"));
        text
    }

    pub(super) fn problem(&self, message: impl Into<String>) -> Problem {
        Problem { pointer: self.pointer(), message: message.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointer_escapes_slash_and_tilde() {
        let root = Place::ROOT;
        let actions = root.at("actions");
        let action = actions.at("a/b~c");
        assert_eq!(action.pointer(), "/actions/a~1b~0c");
        assert_eq!(root.problem("no actions").to_string(), "/: no actions");
    }
}
