//! Words of a query in SQL.
use super::fault::Fault;
use super::lex::quoted_text;

/// A word.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// A name or a keyword. Names in brackets or double quotes are never keywords.
    Name { text: String, quoted: bool },
    /// In single quotes, doubled quotes made single.
    Text(String),
    /// A number as written.
    Number(String),
    /// `= <> < <= > >= ( ) , . * ;` and `-`.
    Sign(&'static str),
}

/// Longest query, in bytes.
const LENGTH_MAX: usize = 32 * 1024;
/// Longest first: `<=` is not `<`.
const SIGNS: [&str; 14] =
    ["<>", "!=", "<=", ">=", "=", "<", ">", "(", ")", ",", ".", "*", ";", "-"];

pub(super) fn fault(message: impl std::fmt::Display) -> Fault {
    Fault::invalid(format!("Invalid SQL: {message}"))
}

pub(super) fn lex(text: &str) -> Result<Vec<Token>, Fault> {
    if text.len() > LENGTH_MAX {
        return Err(fault(format!("a query has at most {LENGTH_MAX} bytes")));
    }
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        if let Some(after) = comment(rest)? {
            rest = after.trim_start();
            continue;
        }
        let (token, length) = match first {
            '\'' => literal(rest)?,
            // A text in Unicode: `N'…'`.
            'N' | 'n' if rest[1..].starts_with('\'') => {
                let (token, length) = literal(&rest[1..])?;
                (token, length + 1)
            }
            '[' => quoted(rest, ']')?,
            '"' => quoted(rest, '"')?,
            _ if first.is_ascii_digit() => number(rest),
            _ if first.is_alphabetic() || first == '_' => name(rest),
            _ => {
                let sign = SIGNS.into_iter().find(|sign| rest.starts_with(sign));
                let sign = sign.ok_or_else(|| fault(format!("`{first}` is not understood")))?;
                (Token::Sign(sign), sign.len())
            }
        };
        tokens.push(token);
        rest = rest[length..].trim_start();
    }
    Ok(tokens)
}

/// What follows a comment, if one begins here.
fn comment(rest: &str) -> Result<Option<&str>, Fault> {
    if rest.starts_with("--") {
        return Ok(Some(rest.split_once('\n').map_or("", |(_, after)| after)));
    }
    let Some(inside) = rest.strip_prefix("/*") else { return Ok(None) };
    let closed = inside.split_once("*/").ok_or_else(|| fault("a comment is not closed"))?;
    Ok(Some(closed.1))
}

fn literal(rest: &str) -> Result<(Token, usize), Fault> {
    let (text, length) = quoted_text(rest).ok_or_else(|| fault("a quote is not closed"))?;
    Ok((Token::Text(text), length))
}

fn quoted(rest: &str, close: char) -> Result<(Token, usize), Fault> {
    let end = rest[1..].find(close).ok_or_else(|| fault("a name is not closed"))?;
    Ok((Token::Name { text: rest[1..=end].to_owned(), quoted: true }, end + 2))
}

fn number(rest: &str) -> (Token, usize) {
    let end = rest.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(rest.len());
    (Token::Number(rest[..end].to_owned()), end)
}

fn name(rest: &str) -> (Token, usize) {
    let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
    (Token::Name { text: rest[..end].to_owned(), quoted: false }, end)
}
