//! `$filter` to a condition tree, by recursive descent. Total: any text gives a tree or a fault.
use connref_solution::model::id::is_guid;
use connref_store::query::{
    ColumnDef, Compare, Expr, FILTER_DEPTH_MAX, Kind, Literal, Match, Operand, TableDef,
};

use super::fault::Fault;
use super::filter_function::{self, Surroundings};
use super::lex::{Token, lex};
use super::names;

const NAMESPACE: &str = "Microsoft.Dynamics.CRM.";

/// Reads a filter on a table.
///
/// # Errors
/// A syntax fault that says what is wrong, or that a function is not offered.
pub(super) fn parse(
    table: &'static TableDef,
    text: &str,
    around: &Surroundings<'_>,
) -> Result<Expr, Fault> {
    run(Names::Table(table), text, around)
}

/// Reads a filter on metadata, whose properties are not columns.
///
/// # Errors
/// As for a table.
pub(super) fn parse_metadata(text: &str, around: &Surroundings<'_>) -> Result<Expr, Fault> {
    run(Names::Metadata, text, around)
}

fn run(names: Names, text: &str, around: &Surroundings<'_>) -> Result<Expr, Fault> {
    let tokens = lex(text)?;
    let mut parser = Parser { names, variable: None, tokens: &tokens, at: 0, around };
    let expr = parser.either(0)?;
    match parser.peek() {
        None => Ok(expr),
        Some(token) => Err(unexpected(token)),
    }
}

/// What the names in a filter are.
#[derive(Clone, Copy)]
enum Names {
    /// Properties of a table.
    Table(&'static TableDef),
    /// Properties of metadata.
    Metadata,
}

pub(super) struct Parser<'p> {
    names: Names,
    /// Inside `any` and `all`: the name that stands for the row.
    variable: Option<&'p str>,
    tokens: &'p [Token],
    at: usize,
    pub(super) around: &'p Surroundings<'p>,
}

/// A side of a comparison, and the column if it is one.
struct Side {
    operand: Operand,
    column: Option<&'static ColumnDef>,
}

/// Where a name leads: logical columns, and the last of them in a table.
pub(super) type Resolved = (Vec<String>, Option<&'static ColumnDef>);

impl<'p> Parser<'p> {
    fn peek(&self) -> Option<&'p Token> {
        self.tokens.get(self.at)
    }

    pub(super) fn next(&mut self) -> Result<&'p Token, Fault> {
        let token = self.peek().ok_or_else(|| Fault::syntax("The filter ends too early."))?;
        self.at += 1;
        Ok(token)
    }

    pub(super) fn take(&mut self, wanted: &Token) -> bool {
        let there = self.peek() == Some(wanted);
        self.at += usize::from(there);
        there
    }

    pub(super) fn expect(&mut self, wanted: &Token) -> Result<(), Fault> {
        let token = self.next()?;
        if token == wanted { Ok(()) } else { Err(unexpected(token)) }
    }

    fn take_word(&mut self, wanted: &str) -> bool {
        let there = matches!(self.peek(), Some(Token::Word(word)) if word == wanted);
        self.at += usize::from(there);
        there
    }

    fn either(&mut self, depth: usize) -> Result<Expr, Fault> {
        let mut parts = vec![self.both(depth)?];
        while self.take_word("or") {
            parts.push(self.both(depth)?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Expr::Or(parts) })
    }

    fn both(&mut self, depth: usize) -> Result<Expr, Fault> {
        let mut parts = vec![self.unary(depth)?];
        while self.take_word("and") {
            parts.push(self.unary(depth)?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Expr::And(parts) })
    }

    fn unary(&mut self, depth: usize) -> Result<Expr, Fault> {
        // Half the tree's bound: `not` and parentheses count here, lists of conditions there.
        if depth > FILTER_DEPTH_MAX / 2 {
            return Err(Fault::syntax(format!(
                "A filter nests at most {} deep.",
                FILTER_DEPTH_MAX / 2
            )));
        }
        if self.take_word("not") {
            return Ok(Expr::Not(Box::new(self.unary(depth + 1)?)));
        }
        if self.take(&Token::Open) {
            let expr = self.either(depth + 1)?;
            self.expect(&Token::Close)?;
            return Ok(expr);
        }
        self.leaf(depth)
    }

    fn leaf(&mut self, depth: usize) -> Result<Expr, Fault> {
        if let (Some(Token::Word(name)), Some(Token::Open)) =
            (self.peek(), self.tokens.get(self.at + 1))
        {
            self.at += 2;
            return match name.rsplit_once('/') {
                Some((path, kind @ ("any" | "all"))) => self.lambda(path, kind == "all", depth),
                _ => self.function(name),
            };
        }
        let left = self.side()?;
        let by = match self.next()? {
            Token::Word(word) => comparison(word).ok_or_else(|| {
                Fault::syntax(format!("`{word}` stands where a comparison is expected."))
            })?,
            token => return Err(unexpected(token)),
        };
        let right = self.side()?;
        if let (Operand::Literal(_), Operand::Literal(_)) = (&left.operand, &right.operand) {
            return Err(Fault::syntax("A comparison needs a property."));
        }
        let (left_column, right_column) = (left.column, right.column);
        Ok(Expr::Compare {
            left: fitted(left.operand, right_column)?,
            by,
            right: fitted(right.operand, left_column)?,
        })
    }

    fn function(&mut self, name: &str) -> Result<Expr, Fault> {
        let by = match name {
            "contains" => Match::Contains,
            "startswith" => Match::StartsWith,
            "endswith" => Match::EndsWith,
            _ => {
                return match name.strip_prefix(NAMESPACE) {
                    Some(short) => filter_function::parse(self, short),
                    None if !OTHER_FUNCTIONS.contains(&name) => Err(unknown_function(name)),
                    None => Err(Fault::unsupported(format!(
                        "the function `{name}` is not supported in filters"
                    ))),
                };
            }
        };
        let path = match self.next()? {
            Token::Word(word) => self.resolve(word)?.0,
            token => return Err(unexpected(token)),
        };
        self.expect(&Token::Comma)?;
        let pattern = match self.next()? {
            Token::Text(text) => text.clone(),
            Token::Word(word) if word.starts_with('@') => {
                match filter_function::alias_value(self.around, word)? {
                    Literal::Text(text) => text,
                    _ => return Err(Fault::syntax(format!("`{name}` searches for a text."))),
                }
            }
            token => return Err(unexpected(token)),
        };
        self.expect(&Token::Close)?;
        Ok(Expr::Match { path, by, pattern })
    }

    /// `path/any(o:condition)`: some row of a collection fits; `all`: none does not.
    fn lambda(&mut self, path: &str, all: bool, depth: usize) -> Result<Expr, Fault> {
        let Names::Table(mut table) = self.names else {
            return Err(Fault::unsupported("`any` and `all` are not supported on metadata"));
        };
        let path = self.own(path)?;
        let (mut to, mut names) = (Vec::new(), path.split('/').peekable());
        let (mut collection, mut crossing) = (None, None);
        while let Some(name) = names.next() {
            if names.peek().is_none() {
                collection = table.collection(name);
                crossing = table.crossing(name);
                break;
            }
            let (target, column) = table
                .navigation(name)
                .and_then(|column| Some((table.beside(column.kind.lookup()?.0)?, column)))
                .ok_or_else(|| Fault::no_property(table.name, name))?;
            to.push(column.name.to_owned());
            table = target;
        }
        let target = match (collection, crossing) {
            (Some(many), _) => table.beside(many.table),
            (None, Some(crossing)) => Some(crossing.target),
            (None, None) => None,
        };
        let target = target.ok_or_else(|| Fault::no_property(table.name, path))?;
        to.push(table.primary_id.to_owned());
        let filter = self.lambda_body(target, depth)?;
        if filter.is_none() && all {
            return Err(Fault::syntax("`all` needs a condition."));
        }
        let filter =
            filter.map(|inner| Box::new(if all { Expr::Not(Box::new(inner)) } else { inner }));
        let found = match (collection, crossing) {
            (Some(many), _) => {
                Expr::Exists { table: target, column: many.column.to_owned(), to, filter }
            }
            // A pair, whose other end is such a row.
            (None, Some(crossing)) => {
                let end = Expr::Exists {
                    table: target,
                    column: target.primary_id.to_owned(),
                    to: vec![crossing.far().to_owned()],
                    filter,
                };
                let column = crossing.near.to_owned();
                Expr::Exists { table: crossing.between, column, to, filter: Some(Box::new(end)) }
            }
            (None, None) => return Err(Fault::no_property(table.name, path)),
        };
        Ok(if all { Expr::Not(Box::new(found)) } else { found })
    }

    fn lambda_body(
        &mut self,
        target: &'static TableDef,
        depth: usize,
    ) -> Result<Option<Expr>, Fault> {
        if self.take(&Token::Close) {
            return Ok(None);
        }
        let variable = match self.next()? {
            Token::Word(word) => word.strip_suffix(':').filter(|name| !name.is_empty()),
            _ => None,
        };
        let variable = variable.ok_or_else(|| {
            Fault::syntax(
                "`any` and `all` begin with a name and a colon, as in `any(o:o/name eq 'x')`.",
            )
        })?;
        let outer = (self.names, self.variable);
        (self.names, self.variable) = (Names::Table(target), Some(variable));
        let inner = self.either(depth + 1)?;
        self.expect(&Token::Close)?;
        (self.names, self.variable) = outer;
        Ok(Some(inner))
    }

    /// A path without the variable of the `any` or `all` it stands in.
    fn own<'w>(&self, word: &'w str) -> Result<&'w str, Fault> {
        let Some(variable) = self.variable else { return Ok(word) };
        word.strip_prefix(variable).and_then(|rest| rest.strip_prefix('/')).ok_or_else(|| {
            Fault::syntax(format!(
                "Inside `any` and `all` a property is written `{variable}/…`, not `{word}`."
            ))
        })
    }

    pub(super) fn resolve(&self, word: &str) -> Result<Resolved, Fault> {
        let word = self.own(word)?;
        match self.names {
            Names::Table(table) => {
                let (path, column) = names::path(table, word)?;
                Ok((path, Some(column)))
            }
            Names::Metadata => Ok((word.split('/').map(str::to_owned).collect(), None)),
        }
    }

    fn side(&mut self) -> Result<Side, Fault> {
        let value = |value| Side { operand: Operand::Literal(value), column: None };
        Ok(match self.next()? {
            Token::Text(text) => value(Literal::Text(text.clone())),
            Token::Word(word) if word.starts_with('@') => {
                value(filter_function::alias_value(self.around, word)?)
            }
            Token::Word(word) => match bare(word) {
                Some(literal) => value(literal),
                // `Microsoft.Dynamics.CRM.AttributeTypeCode'Picklist'`: a choice by its type.
                None if word.starts_with(NAMESPACE) && matches!(self.names, Names::Metadata) => {
                    match self.next()? {
                        Token::Text(text) => value(Literal::Text(text.clone())),
                        token => return Err(unexpected(token)),
                    }
                }
                None => {
                    let (path, column) = self.resolve(word)?;
                    Side { operand: Operand::Path(path), column }
                }
            },
            token => return Err(unexpected(token)),
        })
    }
}

/// A text compared with a moment is read as one; clients quote dates.
fn fitted(operand: Operand, other: Option<&ColumnDef>) -> Result<Operand, Fault> {
    match (operand, other.map(|column| column.kind)) {
        (Operand::Literal(Literal::Text(text)), Some(Kind::Time)) => {
            let at = moment(&text)
                .ok_or_else(|| Fault::syntax(format!("`{text}` is not a date and time.")))?;
            Ok(Operand::Literal(Literal::Time(at)))
        }
        (operand, _) => Ok(operand),
    }
}

/// Functions of OData that are not offered, by the vendor's service neither.
const OTHER_FUNCTIONS: [&str; 30] = [
    "length",
    "indexof",
    "substring",
    "tolower",
    "toupper",
    "trim",
    "concat",
    "matchesPattern",
    "year",
    "month",
    "day",
    "hour",
    "minute",
    "second",
    "fractionalseconds",
    "totalseconds",
    "date",
    "time",
    "totaloffsetminutes",
    "mindatetime",
    "maxdatetime",
    "now",
    "round",
    "floor",
    "ceiling",
    "cast",
    "isof",
    "hassubset",
    "hassubsequence",
    "case",
];

/// 400: nobody has such a function.
pub(super) fn unknown_function(name: &str) -> Fault {
    Fault::syntax(format!("An unknown function with name '{name}' was found."))
}

fn comparison(word: &str) -> Option<Compare> {
    Some(match word {
        "eq" => Compare::Eq,
        "ne" => Compare::Ne,
        "gt" => Compare::Gt,
        "ge" => Compare::Ge,
        "lt" => Compare::Lt,
        "le" => Compare::Le,
        _ => return None,
    })
}

/// A value that is written without quotes.
pub(super) fn bare(word: &str) -> Option<Literal> {
    match word {
        "null" => return Some(Literal::Null),
        "true" => return Some(Literal::Flag(true)),
        "false" => return Some(Literal::Flag(false)),
        _ => {}
    }
    if is_guid(word) {
        return Some(Literal::Guid(word.to_owned()));
    }
    if !word.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.')) {
        return None;
    }
    if let Ok(number) = word.parse::<i64>() {
        return Some(Literal::Int(number));
    }
    if let Some(number) = word.parse::<f64>().ok().filter(|number| number.is_finite()) {
        return Some(Literal::Float(number));
    }
    moment(word).map(Literal::Time)
}

/// Microseconds of a date, or a date and time; UTC when it names no zone.
pub(super) fn moment(text: &str) -> Option<i64> {
    // Some clients write dates with slashes.
    let text = &*text.replace('/', "-");
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Some(at.as_microsecond());
    }
    let civil = text.parse::<jiff::civil::DateTime>().ok().or_else(|| {
        let date = text.parse::<jiff::civil::Date>().ok()?;
        Some(date.to_datetime(jiff::civil::Time::midnight()))
    })?;
    let zoned = civil.to_zoned_datetime(jiff::tz::TimeZone::UTC).ok()?;
    Some(zoned.timestamp().as_microsecond())
}

pub(super) fn unexpected(token: &Token) -> Fault {
    let shown = match token {
        Token::Open => "(".to_owned(),
        Token::Close => ")".to_owned(),
        Token::Comma => ",".to_owned(),
        Token::Text(text) => format!("'{text}'"),
        Token::List(list) => format!("[{list}]"),
        Token::Word(word) => word.clone(),
    };
    Fault::syntax(format!("`{shown}` stands in the filter where something else is expected."))
}
