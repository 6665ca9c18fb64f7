//! The vendor's own filter functions, as far as they are offered.
use connref_store::query::{ColumnDef, Compare, Expr, Kind, Literal, Operand};
use jiff::{Span, Timestamp, tz::TimeZone};
use serde_json::Value;

use super::fault::Fault;
use super::filter::{Parser, bare, moment, unexpected};
use super::lex::Token;
use super::query_string::QueryString;

/// What a filter may refer to besides rows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Surroundings<'a> {
    /// The query, for parameter aliases.
    pub query: &'a QueryString,
    /// Microseconds UTC.
    pub now: i64,
    /// Who asks; the empty GUID for the operator.
    pub user: &'a str,
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

struct Call<'c> {
    name: &'c str,
    path: Vec<String>,
    column: &'static ColumnDef,
    values: Vec<String>,
}

impl Call<'_> {
    fn expr(&self, around: &Surroundings<'_>) -> Result<Expr, Fault> {
        Ok(match self.name {
            "In" => self.one_of()?,
            "NotIn" => Expr::Not(Box::new(self.one_of()?)),
            "Between" => self.between()?,
            "NotBetween" => Expr::Not(Box::new(self.between()?)),
            "EqualUserId" => self.user(around),
            "NotEqualUserId" => Expr::Not(Box::new(self.user(around))),
            "On" => self.day(self.date()?, 1)?,
            "NotOn" => Expr::Not(Box::new(self.day(self.date()?, 1)?)),
            "OnOrAfter" => self.compare(Compare::Ge, start(self.date()?, 0)?),
            "OnOrBefore" => self.compare(Compare::Lt, start(self.date()?, 1)?),
            "Today" => self.day(around.now, 1)?,
            "Yesterday" => self.day(start(around.now, -1)?, 1)?,
            "LastXDays" => {
                let days = self.days()?;
                Expr::And(vec![
                    self.compare(Compare::Ge, start(around.now, -days)?),
                    self.compare(Compare::Le, around.now),
                ])
            }
            "OlderThanXDays" => self.compare(Compare::Lt, start(around.now, -self.days()?)?),
            name => {
                return Err(Fault::unsupported(format!(
                    "the function `Microsoft.Dynamics.CRM.{name}` is not supported in filters"
                )));
            }
        })
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

    fn user(&self, around: &Surroundings<'_>) -> Expr {
        self.compared(Compare::Eq, Literal::Guid(around.user.to_owned()))
    }

    fn day(&self, at: i64, days: i64) -> Result<Expr, Fault> {
        Ok(Expr::And(vec![
            self.compare(Compare::Ge, start(at, 0)?),
            self.compare(Compare::Lt, start(at, days)?),
        ]))
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

    fn days(&self) -> Result<i64, Fault> {
        let text = self.first()?;
        text.parse()
            .ok()
            .filter(|days| (1..=1_000_000).contains(days))
            .ok_or_else(|| Fault::syntax(format!("`{text}` is not a number of days.")))
    }

    /// These functions carry every value as text; the column says what it is.
    fn value(&self, text: &str) -> Result<Literal, Fault> {
        let literal = match self.column.kind {
            Kind::Text(_) | Kind::Memo(_) | Kind::Spelled(_) => {
                Some(Literal::Text(text.to_owned()))
            }
            Kind::Guid | Kind::Lookup { .. } => Some(Literal::Guid(text.to_owned())),
            Kind::Time => moment(text).map(Literal::Time),
            _ => bare(text),
        };
        literal.ok_or_else(|| {
            Fault::syntax(format!("`{text}` does not fit the property `{}`.", self.column.name))
        })
    }
}

/// The start of the day of a moment, so many days on. Days are UTC.
fn start(at: i64, days: i64) -> Result<i64, Fault> {
    let day = || -> Result<i64, jiff::Error> {
        let zoned =
            Timestamp::from_microsecond(at)?.to_zoned_datetime(TimeZone::UTC).start_of_day()?;
        Ok(zoned.checked_add(Span::new().try_days(days)?)?.timestamp().as_microsecond())
    };
    day().map_err(|_| Fault::syntax("A date in the filter is out of range."))
}
