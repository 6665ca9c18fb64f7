//! The vendor's own filter functions, as far as they are offered.
use connref_solution::model::PrincipalId;
use connref_solution::model::id::is_guid;
use connref_store::query::{ColumnDef, Compare, Expr, Kind, Line, Literal, Operand, Tables};
use serde_json::Value;

use super::fault::Fault;
use super::filter::{Parser, bare, moment, unexpected, unknown_function};
use super::lex::Token;
use super::query_string::QueryString;
use super::span::{Given, Span, day_start, span};

/// What a filter may refer to besides rows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Surroundings<'a> {
    /// The query, for parameter aliases.
    pub query: &'a QueryString,
    /// Microseconds UTC.
    pub now: i64,
    /// Who asks; the empty GUID for the operator.
    pub user: &'a str,
    /// The business unit of who asks.
    pub unit: &'a str,
    /// The teams of who asks.
    pub teams: &'a [PrincipalId],
    /// The tables there are.
    pub tables: Tables,
}

impl<'a> Surroundings<'a> {
    /// Nobody, at no time: for what asks neither.
    pub(super) fn bare(query: &'a QueryString) -> Self {
        Self { query, now: 0, user: "", unit: "", teams: &[], tables: Tables::default() }
    }
}

/// Reads `Name(PropertyName='column',PropertyValue…)`; the name and the parenthesis were read.
pub(super) fn parse(parser: &mut Parser<'_>, name: &str) -> Result<Expr, Fault> {
    let (mut property, mut values) = (None, None);
    while !parser.take(&Token::Close) {
        let Token::Word(key) = parser.next()? else {
            return Err(Fault::syntax(format!("`{name}` takes named parameters.")));
        };
        parser.expect(&Token::Word("=".to_owned()))?;
        let given = given(parser)?;
        match (key.as_str(), given) {
            ("PropertyName", mut given) if given.len() == 1 => property = given.pop(),
            ("PropertyValue" | "PropertyValues", given) => values = Some(given),
            (key, _) => return Err(Fault::syntax(format!("`{name}` has no parameter `{key}`."))),
        }
        if !parser.take(&Token::Comma) {
            parser.expect(&Token::Close)?;
            break;
        }
    }
    let property =
        property.ok_or_else(|| Fault::syntax(format!("`{name}` needs a `PropertyName`.")))?;
    let (path, Some(column)) = parser.resolve(&property)? else {
        return Err(Fault::unsupported(format!("`{name}` is not supported on metadata")));
    };
    let call = Call { name, path, column, values: values.unwrap_or_default() };
    call.expr(parser.around)
}

/// The values of a parameter, as texts.
fn given(parser: &mut Parser<'_>) -> Result<Vec<String>, Fault> {
    match parser.next()? {
        Token::Text(text) => Ok(vec![text.clone()]),
        Token::List(list) => listed(list),
        Token::Word(word) => match word.strip_prefix('@') {
            Some(alias) => {
                let value = parser.around.query.alias(alias)?.trim();
                match value.strip_prefix('[').and_then(|v| v.strip_suffix(']')) {
                    Some(list) => listed(list),
                    None => Ok(vec![unquoted(value)]),
                }
            }
            None => Ok(vec![word.clone()]),
        },
        token => Err(unexpected(token)),
    }
}

fn unquoted(text: &str) -> String {
    let text = text.trim();
    for quote in ['\'', '"'] {
        if let Some(inside) = text.strip_prefix(quote).and_then(|t| t.strip_suffix(quote)) {
            return inside.replace("''", "'");
        }
    }
    text.to_owned()
}

/// The values of a list: JSON, or the same with single quotes.
fn listed(list: &str) -> Result<Vec<String>, Fault> {
    if let Ok(Value::Array(values)) = serde_json::from_str(&format!("[{list}]")) {
        return values
            .into_iter()
            .map(|value| match value {
                Value::String(text) => Ok(text),
                Value::Number(_) | Value::Bool(_) => Ok(value.to_string()),
                _ => Err(Fault::syntax("A list in the filter holds texts and numbers only.")),
            })
            .collect();
    }
    Ok(super::path::split(list, ',')?.into_iter().map(unquoted).collect())
}

/// The value of `@name` in a comparison.
pub(super) fn alias_value(around: &Surroundings<'_>, word: &str) -> Result<Literal, Fault> {
    let name = word.strip_prefix('@').unwrap_or(word);
    let value = around.query.alias(name)?.trim();
    let quoted = value.starts_with(['\'', '"']);
    if quoted {
        Ok(Literal::Text(unquoted(value)))
    } else {
        Ok(bare(value).unwrap_or_else(|| Literal::Text(value.to_owned())))
    }
}

/// Functions of the vendor's service that are not offered: users have no language here.
const OTHER_FUNCTIONS: [&str; 1] = ["EqualUserLanguage"];

struct Call<'c> {
    name: &'c str,
    path: Vec<String>,
    column: &'static ColumnDef,
    values: Vec<String>,
}

impl Call<'_> {
    fn expr(&self, around: &Surroundings<'_>) -> Result<Expr, Fault> {
        let not = |expr| Expr::Not(Box::new(expr));
        Ok(match self.name {
            "In" => self.one_of()?,
            "NotIn" => not(self.one_of()?),
            "Between" => self.between()?,
            "NotBetween" => not(self.between()?),
            "EqualUserId" => self.equal(around.user),
            "NotEqualUserId" => not(self.equal(around.user)),
            "EqualBusinessId" => self.equal(around.unit),
            "NotEqualBusinessId" | "NotBusinessId" => not(self.equal(around.unit)),
            "EqualUserTeams" => self.principals(around, false),
            "EqualUserOrUserTeams" => self.principals(around, true),
            "Above" => self.line(Line::Above)?,
            "AboveOrEqual" => self.line(Line::AboveOrEqual)?,
            "Under" => self.line(Line::Under)?,
            "UnderOrEqual" => self.line(Line::UnderOrEqual)?,
            "NotUnder" => not(self.line(Line::Under)?),
            "EqualUserOrUserHierarchy" => hierarchy(&self.path, around, false),
            "EqualUserOrUserHierarchyAndTeams" => hierarchy(&self.path, around, true),
            "ContainValues" => self.holds()?,
            "DoesNotContainValues" => not(self.holds()?),
            "InFiscalPeriod" => self.quarter()?,
            "On" => self.day()?,
            "NotOn" => not(self.day()?),
            "OnOrAfter" => self.compare(Compare::Ge, start(self.date()?, 0)?),
            "OnOrBefore" => self.compare(Compare::Lt, start(self.date()?, 1)?),
            name => self.span(name, around.now)?,
        })
    }

    /// The operators that name a time.
    fn span(&self, name: &str, now: i64) -> Result<Expr, Fault> {
        let unsupported = || match OTHER_FUNCTIONS.contains(&name) {
            true => Fault::unsupported(format!(
                "the function `Microsoft.Dynamics.CRM.{name}` is not supported in filters"
            )),
            false => unknown_function(&format!("Microsoft.Dynamics.CRM.{name}")),
        };
        span(name, Given::default(), now).ok_or_else(unsupported)?;
        let number = |at: usize| {
            self.values.get(at).map(|text| {
                text.parse::<i64>()
                    .map_err(|_| Fault::syntax(format!("`{text}` is not a whole number.")))
            })
        };
        let given = Given { first: number(0).transpose()?, second: number(1).transpose()? };
        let span = span(name, given, now).ok_or_else(unsupported)?;
        let span = span.ok_or_else(|| {
            Fault::syntax(format!("`{name}` needs a number that leads to a date of the calendar."))
        })?;
        Ok(within(&self.path, span))
    }

    fn line(&self, line: Line) -> Result<Expr, Fault> {
        line_of(&self.path, line, self.first()?).map_err(Fault::syntax)
    }

    fn holds(&self) -> Result<Expr, Fault> {
        held(&self.path, &self.values).map_err(Fault::syntax)
    }

    fn quarter(&self) -> Result<Expr, Fault> {
        in_quarter(&self.path, self.first()?).map_err(Fault::syntax)
    }

    fn compare(&self, by: Compare, at: i64) -> Expr {
        self.compared(by, Literal::Time(at))
    }

    fn compared(&self, by: Compare, value: Literal) -> Expr {
        Expr::Compare { left: Operand::Path(self.path.clone()), by, right: Operand::Literal(value) }
    }

    fn one_of(&self) -> Result<Expr, Fault> {
        let values = self.values.iter().map(|v| self.value(v)).collect::<Result<_, _>>()?;
        Ok(Expr::In { path: self.path.clone(), values })
    }

    fn between(&self) -> Result<Expr, Fault> {
        let [low, high] = self.values.as_slice() else {
            return Err(Fault::syntax(format!("`{}` takes two values.", self.name)));
        };
        Ok(Expr::And(vec![
            self.compared(Compare::Ge, self.value(low)?),
            self.compared(Compare::Le, self.value(high)?),
        ]))
    }

    fn equal(&self, id: &str) -> Expr {
        self.compared(Compare::Eq, Literal::Guid(id.to_owned()))
    }

    fn principals(&self, around: &Surroundings<'_>, with_user: bool) -> Expr {
        principals(&self.path, around, with_user)
    }

    fn day(&self) -> Result<Expr, Fault> {
        let at = self.date()?;
        Ok(within(&self.path, Span { start: Some(start(at, 0)?), end: Some(start(at, 1)?) }))
    }

    fn first(&self) -> Result<&str, Fault> {
        self.values
            .first()
            .map(String::as_str)
            .ok_or_else(|| Fault::syntax(format!("`{}` needs a `PropertyValue`.", self.name)))
    }

    fn date(&self) -> Result<i64, Fault> {
        let text = self.first()?;
        moment(text).ok_or_else(|| Fault::syntax(format!("`{text}` is not a date.")))
    }

    fn value(&self, text: &str) -> Result<Literal, Fault> {
        typed(self.column, text)
    }
}

/// A value written as text; the column says what it is.
pub(super) fn typed(column: &ColumnDef, text: &str) -> Result<Literal, Fault> {
    let literal = match column.kind {
        Kind::Text(_) | Kind::Memo(_) | Kind::Spelled(_) | Kind::Choices(_) => {
            Some(Literal::Text(text.to_owned()))
        }
        Kind::Guid | Kind::Lookup { .. } => Some(Literal::Guid(text.to_owned())),
        Kind::Time => moment(text).map(Literal::Time),
        _ => bare(text),
    };
    literal.ok_or_else(|| {
        Fault::syntax(format!("`{text}` does not fit the property `{}`.", column.name))
    })
}

/// A moment lies within a span.
pub(super) fn within(path: &[String], span: Span) -> Expr {
    let side = |by, at| Expr::Compare {
        left: Operand::Path(path.to_vec()),
        by,
        right: Operand::Literal(Literal::Time(at)),
    };
    let start = span.start.map(|at| side(Compare::Ge, at));
    let end = span.end.map(|at| side(Compare::Lt, at));
    Expr::And(start.into_iter().chain(end).collect())
}

/// The line of a row in its hierarchy.
///
/// # Errors
/// No id of a row.
pub(super) fn line_of(path: &[String], line: Line, row: &str) -> Result<Expr, String> {
    if !is_guid(row) {
        return Err(format!("`{row}` is not the id of a row."));
    }
    Ok(Expr::Line { path: path.to_vec(), line, row: row.to_owned() })
}

/// A choice of several holds one of the values.
///
/// # Errors
/// No value, or one that is no number.
pub(super) fn held(path: &[String], values: &[String]) -> Result<Expr, String> {
    let number = |text: &String| {
        text.trim().parse().map_err(|_| format!("`{text}` is not a value of a choice."))
    };
    let values = values.iter().map(number).collect::<Result<Vec<i64>, _>>()?;
    if values.is_empty() {
        return Err("A choice of several is asked for one value at least.".to_owned());
    }
    Ok(Expr::Holds { path: path.to_vec(), values })
}

/// A moment lies in a fiscal period of any year: quarters of the calendar's years.
///
/// # Errors
/// No quarter.
pub(super) fn in_quarter(path: &[String], text: &str) -> Result<Expr, String> {
    match text.trim().parse() {
        Ok(quarter @ 1..=4) => Ok(Expr::Quarter { path: path.to_vec(), quarter }),
        _ => Err(format!("`{text}` is not a fiscal period: they are the quarters 1 to 4.")),
    }
}

/// A lookup points to who asks or to somebody below in the hierarchy of users, or to a team of who asks.
pub(super) fn hierarchy(path: &[String], around: &Surroundings<'_>, teams: bool) -> Expr {
    let line = Line::UnderOrEqual;
    let people = Expr::Line { path: path.to_vec(), line, row: around.user.to_owned() };
    if teams { Expr::Or(vec![people, principals(path, around, false)]) } else { people }
}

/// A lookup points to a team of who asks, or to who asks.
pub(super) fn principals(path: &[String], around: &Surroundings<'_>, with_user: bool) -> Expr {
    let teams = around.teams.iter().map(|team| team.as_str());
    let user = with_user.then_some(around.user);
    let values = teams.chain(user).map(|id| Literal::Guid(id.to_owned())).collect();
    Expr::In { path: path.to_vec(), values }
}

/// The start of the day of a moment, so many days on. Days are UTC.
pub(super) fn start(at: i64, days: i64) -> Result<i64, Fault> {
    day_start(at, days).ok_or_else(|| Fault::syntax("A date in the filter is out of range."))
}
