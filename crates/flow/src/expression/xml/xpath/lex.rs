//! Tokens of an XPath expression.

use super::super::name::{in_name, starts_name};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Union,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Number(f64),
    Text(String),
    Name(String),
    /// `(`, `)`, `[`, `]`, `.`, `..`, `@`, `,`, `::`, `/`, `//`, `|`, `+`, `-`, `=`, `!=`, `<`,
    /// `<=`, `>`, `>=`, `*`.
    Sign(&'static str),
    /// A name or `*` where an operator must stand.
    Operator(Operator),
    End,
}

/// The tokens of an expression, with an end.
///
/// # Errors
/// The text of what is wrong.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, String> {
    const SIGNS: [&str; 20] = [
        "::", "//", "..", "!=", "<=", ">=", "(", ")", "[", "]", "@", ",", "/", "|", "+", "-", "=",
        "<", ">", "*",
    ];
    let mut tokens: Vec<Token> = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let digit = first.is_ascii_digit()
            || (first == '.' && rest[1..].starts_with(|c: char| c.is_ascii_digit()));
        let used = if digit {
            let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
            let number = rest[..end].parse().map_err(|_| "a number is not valid")?;
            tokens.push(Token::Number(number));
            end
        } else if matches!(first, '\'' | '"') {
            let end = rest[1..].find(first).ok_or("a string is not closed")?;
            tokens.push(Token::Text(rest[1..=end].to_owned()));
            end + 2
        } else if starts_name(first) {
            let end = name_end(rest);
            let name = &rest[..end];
            tokens.push(match operator_name(name).filter(|_| wants_operator(tokens.last())) {
                Some(operator) => Token::Operator(operator),
                None => Token::Name(name.to_owned()),
            });
            end
        } else if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            let times = *sign == "*" && wants_operator(tokens.last());
            tokens.push(if times {
                Token::Operator(Operator::Multiply)
            } else {
                Token::Sign(sign)
            });
            sign.len()
        } else if first == '.' {
            tokens.push(Token::Sign("."));
            1
        } else {
            return Err(format!("`{first}` is not part of the language"));
        };
        rest = rest[used..].trim_start();
    }
    tokens.push(Token::End);
    Ok(tokens)
}

/// Where a name with an optional prefix ends; `::` is not part of it.
fn name_end(text: &str) -> usize {
    let end = |text: &str| text.find(|c| !in_name(c)).unwrap_or(text.len());
    let first = end(text);
    match text[first..].strip_prefix(':') {
        Some(local) if local.starts_with(starts_name) => first + 1 + end(local),
        _ => first,
    }
}

fn operator_name(name: &str) -> Option<Operator> {
    Some(match name {
        "or" => Operator::Or,
        "and" => Operator::And,
        "div" => Operator::Divide,
        "mod" => Operator::Modulo,
        _ => return None,
    })
}

/// Whether a name or `*` after this token is an operator (XPath 1.0, section 3.7).
fn wants_operator(last: Option<&Token>) -> bool {
    match last {
        None | Some(Token::Operator(_)) => false,
        Some(Token::Sign(sign)) => matches!(*sign, ")" | "]" | "." | ".." | "*"),
        Some(_) => true,
    }
}
