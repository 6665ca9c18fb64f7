//! `$apply`: filters, then one grouping or aggregation.
use connref_store::query::{Aggregation, Expr, Group, How, Query, TableDef, Value};

use super::fault::Fault;
use super::filter;
use super::filter_function::Surroundings;
use super::names;
use super::path::split;

/// Reads `$apply` into a query; answers the names of the properties of the answer.
///
/// # Errors
/// What does not parse, or a transformation that is not offered.
pub(super) fn parse(
    query: &mut Query,
    text: &str,
    around: &Surroundings<'_>,
) -> Result<Vec<String>, Fault> {
    let table = query.table;
    let mut wanted: Option<Aggregation> = None;
    for step in split(text.trim(), '/')? {
        let (name, inside) = call(step)?;
        if wanted.is_some() {
            return Err(Fault::unsupported(format!(
                "`{name}` behind an aggregation is not supported in $apply"
            )));
        }
        match name {
            "filter" => {
                let filter = filter::parse(table, inside, around)?;
                query.filter = Some(Expr::and(query.filter.take(), filter));
            }
            "aggregate" => {
                let values = values(table, inside)?;
                wanted = Some(Aggregation { values, ..Aggregation::default() });
            }
            "groupby" => wanted = Some(grouped(table, inside)?),
            name => {
                return Err(Fault::unsupported(format!(
                    "the transformation `{name}` is not supported in $apply"
                )));
            }
        }
    }
    let wanted = wanted.ok_or_else(|| {
        Fault::unsupported("$apply without groupby or aggregate is not supported; use $filter")
    })?;
    let groups = wanted.groups.iter().map(|group| group.name.clone());
    let names: Vec<String> =
        groups.chain(wanted.values.iter().map(|value| value.name.clone())).collect();
    if let Some(twice) = names.iter().enumerate().find(|(at, name)| names[..*at].contains(name)) {
        return Err(Fault::syntax(format!("The name `{}` is given twice in $apply.", twice.1)));
    }
    query.aggregation = Some(wanted);
    Ok(names)
}

/// `$orderby` behind `$apply`: names of the answer.
pub(super) fn order(query: &mut Query, text: &str, names: &[String]) -> Result<(), Fault> {
    let Some(wanted) = &mut query.aggregation else { return Ok(()) };
    for key in text.split(',') {
        let words: Vec<_> = key.split_whitespace().collect();
        let (name, descending) = match words.as_slice() {
            [name] | [name, "asc"] => (*name, false),
            [name, "desc"] => (*name, true),
            _ => return Err(Fault::syntax(format!("`{}` is not a sort key.", key.trim()))),
        };
        let name = names
            .iter()
            .find(|known| *known == name || known.as_str() == format!("_{name}_value"))
            .ok_or_else(|| Fault::no_property(query.table.name, name))?;
        wanted.order.push((name.clone(), descending));
    }
    Ok(())
}

/// `name(inside)`.
fn call(text: &str) -> Result<(&str, &str), Fault> {
    let (name, rest) = text
        .trim()
        .split_once('(')
        .ok_or_else(|| Fault::syntax(format!("`{text}` is no transformation of $apply.")))?;
    let inside = rest.strip_suffix(')');
    let inside = inside.ok_or_else(|| Fault::syntax(format!("`{text}` is not closed.")))?;
    Ok((name.trim(), inside))
}

fn grouped(table: &'static TableDef, inside: &str) -> Result<Aggregation, Fault> {
    let parts = split(inside, ',')?;
    let (list, aggregate) = match parts.as_slice() {
        [list] => (*list, None),
        [list, aggregate] => (*list, Some(*aggregate)),
        _ => return Err(Fault::syntax("groupby takes a list and one transformation.")),
    };
    let list = list.trim().strip_prefix('(').and_then(|list| list.strip_suffix(')'));
    let list = list.ok_or_else(|| Fault::syntax("groupby begins with a list in parentheses."))?;
    let groups = split(list, ',')?
        .into_iter()
        .map(|written| {
            let written = written.trim();
            let (path, column) = names::path(table, written)?;
            let name = match written.rsplit_once('/') {
                Some((way, _)) => format!("{way}/{}", names::property(column)),
                None => names::property(column).into_owned(),
            };
            Ok(Group { of: None, path, part: None, name })
        })
        .collect::<Result<Vec<_>, Fault>>()?;
    let values = match aggregate.map(call).transpose()? {
        None => Vec::new(),
        Some(("aggregate", inside)) => values(table, inside)?,
        Some((name, _)) => {
            return Err(Fault::unsupported(format!(
                "the transformation `{name}` inside groupby is not supported in $apply"
            )));
        }
    };
    Ok(Aggregation { groups, values, order: Vec::new() })
}

fn values(table: &'static TableDef, text: &str) -> Result<Vec<Value>, Fault> {
    split(text, ',')?
        .into_iter()
        .map(|written| {
            let words: Vec<_> = written.split_whitespace().collect();
            let (path, how, name) = match words.as_slice() {
                ["$count", "as", name] => (Vec::new(), How::Rows, *name),
                [path, "with", how, "as", name] => (names::path(table, path)?.0, method(how)?, *name),
                _ => {
                    return Err(Fault::syntax(format!(
                        "`{}` is no aggregate; write `column with sum as name` or `$count as name`.",
                        written.trim()
                    )));
                }
            };
            if !name.chars().all(|c| c.is_alphanumeric() || c == '_') {
                return Err(Fault::syntax(format!("`{name}` is no name.")));
            }
            Ok(Value { of: None, path, how, name: name.to_owned() })
        })
        .collect()
}

fn method(name: &str) -> Result<How, Fault> {
    Ok(match name {
        "sum" => How::Sum,
        "average" => How::Average,
        "min" => How::Min,
        "max" => How::Max,
        "countdistinct" => How::CountDistinct,
        other => {
            return Err(Fault::unsupported(format!(
                "the aggregation method `{other}` is not supported in $apply"
            )));
        }
    })
}
