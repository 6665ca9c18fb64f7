//! Words of a `$filter`.
use super::fault::Fault;

/// A word.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Open,
    Close,
    Comma,
    /// In quotes, doubled quotes made single.
    Text(String),
    /// A list in brackets, as written.
    List(String),
    /// Everything else up to a space, parenthesis or comma: names, numbers, GUIDs, dates, operators.
    Word(String),
}

/// Longest filter, in bytes.
const LENGTH_MAX: usize = 32 * 1024;

pub(super) fn lex(text: &str) -> Result<Vec<Token>, Fault> {
    if text.len() > LENGTH_MAX {
        return Err(Fault::syntax(format!("a filter has at most {LENGTH_MAX} bytes")));
    }
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, length) = match first {
            '(' => (Token::Open, 1),
            ')' => (Token::Close, 1),
            ',' => (Token::Comma, 1),
            '\'' => quoted(rest)?,
            '[' => list(rest)?,
            _ => word(rest),
        };
        tokens.push(token);
        rest = rest[length..].trim_start();
    }
    Ok(tokens)
}

fn quoted(rest: &str) -> Result<(Token, usize), Fault> {
    let (text, length) = quoted_text(rest)
        .ok_or_else(|| Fault::syntax("There is an unterminated string literal in the filter."))?;
    Ok((Token::Text(text), length))
}

/// A text in quotes at the beginning, where two quotes stand for one, and the bytes it took; none where
/// it has no end.
pub(super) fn quoted_text(rest: &str) -> Option<(String, usize)> {
    let mut text = String::new();
    let mut chars = rest.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c != '\'' {
            text.push(c);
        } else if chars.peek().is_some_and(|(_, next)| *next == '\'') {
            chars.next();
            text.push('\'');
        } else {
            return Some((text, at + 1));
        }
    }
    None
}

/// A list runs to the bracket that stands outside quotes; it does not nest.
fn list(rest: &str) -> Result<(Token, usize), Fault> {
    let mut quote = None;
    for (at, c) in rest.char_indices() {
        match (quote, c) {
            (None, ']') => return Ok((Token::List(rest[1..at].to_owned()), at + 1)),
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), _) if open == c => quote = None,
            _ => {}
        }
    }
    Err(Fault::syntax("A list in the filter is not closed."))
}

/// A word ends at a space, a parenthesis, a comma, a quote or a bracket.
fn word(rest: &str) -> (Token, usize) {
    let end = rest
        .char_indices()
        .find(|(at, c)| *at > 0 && (c.is_whitespace() || matches!(c, '(' | ')' | ',' | '\'' | '[')))
        .map_or(rest.len(), |(at, _)| at);
    // `PropertyName='x'`: the equals sign is a word of its own.
    let end = match rest[..end].find('=') {
        Some(0) => 1,
        Some(at) => at,
        None => end,
    };
    // `o:o/name`: the variable of `any` and `all` is a word of its own. Times begin with a digit.
    let end = match rest[..end].find(':') {
        Some(at) if rest.starts_with(|c: char| c.is_alphabetic() || c == '_') => at + 1,
        _ => end,
    };
    (Token::Word(rest[..end].to_owned()), end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_quotes_and_lists() {
        let tokens =
            lex("not contains(name,'a''b') and x.In(PropertyName='c',PropertyValues=[\"]\",'2'])")
                .unwrap();
        let word = |text: &str| Token::Word(text.to_owned());
        assert_eq!(
            tokens,
            [
                word("not"),
                word("contains"),
                Token::Open,
                word("name"),
                Token::Comma,
                Token::Text("a'b".to_owned()),
                Token::Close,
                word("and"),
                word("x.In"),
                Token::Open,
                word("PropertyName"),
                word("="),
                Token::Text("c".to_owned()),
                Token::Comma,
                word("PropertyValues"),
                word("="),
                Token::List("\"]\",'2'".to_owned()),
                Token::Close,
            ]
        );
    }

    #[test]
    fn what_is_not_closed_is_refused() {
        assert!(lex("name eq 'x").is_err());
        assert!(lex("[1").is_err());
    }
}
