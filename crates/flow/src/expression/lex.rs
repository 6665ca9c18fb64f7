//! Tokens of an expression.

use std::fmt;

/// A token; text borrows from the source.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token<'a> {
    Name(&'a str),
    Text(String),
    Int(i64),
    Float(f64),
    Open,
    Close,
    OpenIndex,
    CloseIndex,
    Comma,
    Dot,
    Question,
    /// The `}` that ends an interpolation.
    Brace,
    /// `@{` inside an expression.
    Interpolation,
    End,
}

impl fmt::Display for Token<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self {
            Self::Name(name) => return write!(f, "`{name}`"),
            Self::Text(_) => return f.write_str("a string"),
            Self::Int(value) => return write!(f, "`{value}`"),
            Self::Float(value) => return write!(f, "`{value}`"),
            Self::End => return f.write_str("the end"),
            Self::Open => "(",
            Self::Close => ")",
            Self::OpenIndex => "[",
            Self::CloseIndex => "]",
            Self::Comma => ",",
            Self::Dot => ".",
            Self::Question => "?",
            Self::Brace => "}",
            Self::Interpolation => "@{",
        };
        write!(f, "`{sign}`")
    }
}

/// Reads tokens from a text, from a byte position on.
pub(super) struct Lexer<'a> {
    pub(super) text: &'a str,
    pub(super) at: usize,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// Skips white space and gives the next token; the position is after it.
    ///
    /// # Errors
    /// What is wrong at the position.
    pub(super) fn next(&mut self) -> Result<Token<'a>, String> {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
        let Some(first) = self.rest().chars().next() else {
            return Ok(Token::End);
        };
        let sign = match first {
            '(' => Token::Open,
            ')' => Token::Close,
            '[' => Token::OpenIndex,
            ']' => Token::CloseIndex,
            ',' => Token::Comma,
            '?' => Token::Question,
            '}' => Token::Brace,
            '.' if !self.rest()[1..].starts_with(|c: char| c.is_ascii_digit()) => Token::Dot,
            '\'' => return self.string(),
            '+' | '-' | '.' | '0'..='9' => return self.number(),
            c if is_name(c) => return Ok(Token::Name(self.name())),
            '@' if self.rest()[1..].starts_with('{') => {
                self.at += 2;
                return Ok(Token::Interpolation);
            }
            c => return Err(format!("`{c}` is not part of the language")),
        };
        self.at += 1;
        Ok(sign)
    }

    /// The name after a dot; may begin with a digit there.
    pub(super) fn member(&mut self) -> Option<&'a str> {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
        Some(self.name()).filter(|name| !name.is_empty())
    }

    fn name(&mut self) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c: char| !is_name(c) && !c.is_numeric()).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    fn string(&mut self) -> Result<Token<'a>, String> {
        let mut value = String::new();
        let mut rest = &self.rest()[1..];
        loop {
            let Some(end) = rest.find('\'') else {
                return Err("the string has no closing `'`".to_owned());
            };
            value.push_str(&rest[..end]);
            rest = &rest[end + 1..];
            match rest.strip_prefix('\'') {
                Some(more) => {
                    value.push('\'');
                    rest = more;
                }
                None => {
                    self.at = self.text.len() - rest.len();
                    return Ok(Token::Text(value));
                }
            }
        }
    }

    fn number(&mut self) -> Result<Token<'a>, String> {
        let rest = self.rest();
        let unsigned = rest.strip_prefix(['+', '-']).unwrap_or(rest);
        let digits =
            |text: &str| text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let whole = digits(unsigned);
        let mut length = whole;
        let mut fraction = 0;
        let mut float = false;
        if unsigned[length..].starts_with('.') {
            fraction = digits(&unsigned[length + 1..]);
            length += 1 + fraction;
            float = true;
        }
        if whole + fraction == 0 {
            return Err("a number needs a digit".to_owned());
        }
        if unsigned[length..].starts_with(['e', 'E']) {
            let exponent = &unsigned[length + 1..];
            let sign = usize::from(exponent.starts_with(['+', '-']));
            let count = digits(&exponent[sign..]);
            if count == 0 {
                return Err("the exponent of the number has no digit".to_owned());
            }
            length += 1 + sign + count;
            float = true;
        }
        if unsigned[length..].starts_with(|c: char| is_name(c) || c == '.') {
            return Err("the number is followed by something that is no number".to_owned());
        }
        let text = &rest[..rest.len() - unsigned.len() + length];
        let token = if float {
            text.parse().map(Token::Float).ok()
        } else {
            text.parse().map(Token::Int).ok()
        };
        let token = token.ok_or_else(|| format!("the number `{text}` is out of range"))?;
        self.at += text.len();
        Ok(token)
    }
}

fn is_name(c: char) -> bool {
    c.is_alphabetic() || c == '_' || c == '$'
}
