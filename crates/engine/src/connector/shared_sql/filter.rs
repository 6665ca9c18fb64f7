//! The part of OData's `$filter` that tables can answer.

use serde_json::{Number, Value as Json};

/// Longest filter that is read.
const MAX_TEXT: usize = 32 * 1024;
/// Deepest nesting of parentheses and `not`.
const MAX_DEPTH: usize = 64;

/// A condition.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Filter {
    And(Vec<Filter>),
    Or(Vec<Filter>),
    Not(Box<Filter>),
    Compare(Operand, Comparison, Operand),
    /// `contains`, `startswith` or `endswith`.
    Text(TextTest, String, Json),
}

impl Filter {
    /// Adds every column that the condition names.
    pub(super) fn columns<'a>(&'a self, found: &mut Vec<&'a str>) {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().for_each(|p| p.columns(found)),
            Self::Not(inner) => inner.columns(found),
            Self::Text(_, column, _) => found.push(column),
            Self::Compare(left, _, right) => {
                for operand in [left, right] {
                    if let Operand::Column(name) = operand {
                        found.push(name);
                    }
                }
            }
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Operand {
    Column(String),
    Literal(Json),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Eq,
    Ne,
    Gt,
    Ge,
    Lt,
    Le,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TextTest {
    Contains,
    StartsWith,
    EndsWith,
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Open,
    Close,
    Comma,
    Word(String),
    Text(String),
}

/// Reads a filter; the error says what was expected.
pub(super) fn parse(text: &str) -> Result<Filter, String> {
    if text.len() > MAX_TEXT {
        return Err(format!("it is longer than {MAX_TEXT} bytes"));
    }
    let mut parser = Parser { tokens: tokens(text)?, at: 0 };
    let filter = parser.any(0)?;
    match parser.next() {
        None => Ok(filter),
        Some(token) => Err(format!("{} was not expected", shown(&token))),
    }
}

fn shown(token: &Token) -> String {
    match token {
        Token::Open => "`(`".to_owned(),
        Token::Close => "`)`".to_owned(),
        Token::Comma => "`,`".to_owned(),
        Token::Word(word) => format!("`{}`", word.chars().take(40).collect::<String>()),
        Token::Text(_) => "a text".to_owned(),
    }
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut chars = text.char_indices().peekable();
    while let Some((start, c)) = chars.next() {
        match c {
            '(' => tokens.push(Token::Open),
            ')' => tokens.push(Token::Close),
            ',' => tokens.push(Token::Comma),
            '\'' => {
                let mut value = String::new();
                loop {
                    match (chars.next(), chars.peek()) {
                        (Some((_, '\'')), Some((_, '\''))) => {
                            chars.next();
                            value.push('\'');
                        }
                        (Some((_, '\'')), _) => break,
                        (Some((_, c)), _) => value.push(c),
                        (None, _) => return Err("a quote is not closed".to_owned()),
                    }
                }
                tokens.push(Token::Text(value));
            }
            c if c.is_whitespace() => {}
            _ => {
                let mut end = start + c.len_utf8();
                while let Some((at, c)) =
                    chars.next_if(|(_, c)| !c.is_whitespace() && !"(),'".contains(*c))
                {
                    end = at + c.len_utf8();
                }
                tokens.push(Token::Word(text[start..end].to_owned()));
            }
        }
    }
    Ok(tokens)
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token
    }

    fn take_word(&mut self, word: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Word(w)) if w.eq_ignore_ascii_case(word));
        if found {
            self.at += 1;
        }
        found
    }

    fn expect(&mut self, wanted: &Token) -> Result<(), String> {
        match self.next() {
            Some(token) if token == *wanted => Ok(()),
            Some(token) => {
                Err(format!("{} stands where {} is expected", shown(&token), shown(wanted)))
            }
            None => Err(format!("{} is missing at the end", shown(wanted))),
        }
    }

    fn any(&mut self, depth: usize) -> Result<Filter, String> {
        if depth > MAX_DEPTH {
            return Err("it is nested too deep".to_owned());
        }
        let mut parts = vec![self.all(depth)?];
        while self.take_word("or") {
            parts.push(self.all(depth)?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Filter::Or(parts) })
    }

    fn all(&mut self, depth: usize) -> Result<Filter, String> {
        let mut parts = vec![self.one(depth)?];
        while self.take_word("and") {
            parts.push(self.one(depth)?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Filter::And(parts) })
    }

    fn one(&mut self, depth: usize) -> Result<Filter, String> {
        if depth > MAX_DEPTH {
            return Err("it is nested too deep".to_owned());
        }
        if self.take_word("not") {
            return Ok(Filter::Not(Box::new(self.one(depth + 1)?)));
        }
        if self.peek() == Some(&Token::Open) {
            self.at += 1;
            let inner = self.any(depth + 1)?;
            self.expect(&Token::Close)?;
            return Ok(inner);
        }
        if let (Some(Token::Word(name)), Some(Token::Open)) =
            (self.peek(), self.tokens.get(self.at + 1))
        {
            let name = name.clone();
            self.at += 2;
            return self.function(&name);
        }
        let left = self.operand()?;
        let comparison = self.comparison()?;
        Ok(Filter::Compare(left, comparison, self.operand()?))
    }

    fn function(&mut self, name: &str) -> Result<Filter, String> {
        let test = match name.to_ascii_lowercase().as_str() {
            "contains" => TextTest::Contains,
            "startswith" => TextTest::StartsWith,
            "endswith" => TextTest::EndsWith,
            _ => {
                return Err(format!(
                    "the function {} is not offered",
                    shown(&Token::Word(name.to_owned()))
                ));
            }
        };
        let (column, _) = (self.operand()?, self.expect(&Token::Comma)?);
        let (value, _) = (self.operand()?, self.expect(&Token::Close)?);
        // `contains(…) eq true` is how some designers write it.
        if self.take_word("eq") && !self.take_word("true") {
            return Err(format!("`{name}` can only be compared with `true`"));
        }
        match (column, value) {
            (Operand::Column(column), Operand::Literal(value)) => {
                Ok(Filter::Text(test, column, value))
            }
            _ => Err(format!("`{name}` takes a column and a text")),
        }
    }

    fn comparison(&mut self) -> Result<Comparison, String> {
        let word = match self.next() {
            Some(Token::Word(word)) => word,
            Some(token) => {
                return Err(format!("{} stands where a comparison is expected", shown(&token)));
            }
            None => return Err("a comparison is missing at the end".to_owned()),
        };
        Ok(match word.to_ascii_lowercase().as_str() {
            "eq" => Comparison::Eq,
            "ne" => Comparison::Ne,
            "gt" => Comparison::Gt,
            "ge" => Comparison::Ge,
            "lt" => Comparison::Lt,
            "le" => Comparison::Le,
            _ => return Err(format!("{} is no comparison", shown(&Token::Word(word)))),
        })
    }

    fn operand(&mut self) -> Result<Operand, String> {
        match self.next() {
            Some(Token::Text(text)) => Ok(Operand::Literal(Json::String(text))),
            Some(Token::Word(word)) => {
                let literal = literal(&word);
                // `guid'…'` and `datetime'…'` put the kind before the text.
                if matches!(
                    word.to_ascii_lowercase().as_str(),
                    "guid" | "datetime" | "datetimeoffset"
                ) && let Some(Token::Text(text)) = self.peek().cloned()
                {
                    self.at += 1;
                    return Ok(Operand::Literal(Json::String(text)));
                }
                Ok(literal.map_or(Operand::Column(word), Operand::Literal))
            }
            Some(token) => {
                Err(format!("{} stands where a column or a value is expected", shown(&token)))
            }
            None => Err("a column or a value is missing at the end".to_owned()),
        }
    }
}

/// Numbers, truth values, null, and dates or GUIDs that stand without quotes.
fn literal(word: &str) -> Option<Json> {
    match word.to_ascii_lowercase().as_str() {
        "true" => return Some(Json::Bool(true)),
        "false" => return Some(Json::Bool(false)),
        "null" => return Some(Json::Null),
        _ => {}
    }
    if !word.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)) {
        return guid(word).then(|| Json::String(word.to_owned()));
    }
    if let Ok(number) = word.parse::<i64>() {
        return Some(Json::from(number));
    }
    if word.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b))
        && let Some(number) = word.parse::<f64>().ok().and_then(Number::from_f64)
    {
        return Some(Json::Number(number));
    }
    Some(Json::String(word.to_owned()))
}

fn guid(word: &str) -> bool {
    word.len() == 36
        && word.bytes().enumerate().all(|(i, b)| {
            if [8, 13, 18, 23].contains(&i) { b == b'-' } else { b.is_ascii_hexdigit() }
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn precedence_and_literals() {
        let parsed = parse("a eq 1 or b eq 'it''s' and not (c ne null)").expect("parses");
        let Filter::Or(parts) = parsed else { panic!("no or") };
        assert!(matches!(&parts[1], Filter::And(inner) if matches!(inner[1], Filter::Not(_))));
        assert_eq!(
            parts[0],
            Filter::Compare(
                Operand::Column("a".to_owned()),
                Comparison::Eq,
                Operand::Literal(Json::from(1))
            )
        );
        for good in [
            "a gt 2024-01-01T00:00:00Z",
            "contains(a,'x') eq true",
            "startswith(a, 'x') and endswith(b,'y')",
            "id eq guid'0'",
            "a le -1.5e3",
            "1 eq a",
            "a lt b",
        ] {
            parse(good).expect(good);
        }
    }

    #[test]
    fn nonsense_is_refused_without_a_panic() {
        let deep = format!("{}a eq 1{}", "(".repeat(500), ")".repeat(500));
        let nots = format!("{}a eq 1", "not ".repeat(500));
        for bad in [
            "",
            "a",
            "a eq",
            "a eq 1 b",
            "(a eq 1",
            "a eq 'x",
            "a is 1",
            "substringof('x',a)",
            "contains('x',a)",
            "contains(a)",
            ")",
            "a eq 1; drop table x",
            deep.as_str(),
            nots.as_str(),
            "and",
            "not",
        ] {
            parse(bad).expect_err(bad);
        }
    }
}
