//! Query options of a read: from the query string to a store query.
use connref_store::query::{EXPAND_MAX, Expand, Order, Query, TableDef};

use super::apply;
use super::fault::Fault;
use super::fetch;
use super::filter;
use super::filter_function::Surroundings;
use super::names;
use super::path::split;
use super::prefer::Prefer;
use super::query_string::QueryString;
use super::token;

/// What a read of rows asks for.
#[derive(Debug)]
pub(super) struct Options {
    /// The query.
    pub query: Query,
    /// The part of the context in parentheses, such as `(name,ownerid(fullname))`.
    pub shape: String,
}

/// Reads the options of a collection or a row.
///
/// # Errors
/// An option that is not known, or not offered, or does not parse.
pub(super) fn parse(
    table: &'static TableDef,
    text: &QueryString,
    prefer: &Prefer,
    around: &Surroundings<'_>,
) -> Result<Options, Fault> {
    let mut query = Query::new(table);
    query.names = prefer.annotations.wants("OData.Community.Display.V1.FormattedValue");
    query.page = prefer.page;
    let mut shape = Vec::new();
    let applied = match text.get("$apply") {
        Some(value) => Some(apply::parse(&mut query, value, around)?),
        None => None,
    };
    for (name, value) in text.options() {
        // An option without a value asks for nothing.
        if value.trim().is_empty()
            && ["$filter", "$orderby", "$select", "$expand"].contains(&&*name.to_ascii_lowercase())
        {
            continue;
        }
        match (name.to_ascii_lowercase().as_str(), &applied) {
            ("$apply", Some(names)) => shape.clone_from(names),
            ("$orderby", Some(names)) => apply::order(&mut query, value, names)?,
            ("$select" | "$filter" | "$count" | "$expand", Some(_)) => {
                return Err(Fault::unsupported(format!(
                    "`{name}` together with `$apply` is not supported"
                )));
            }
            ("$select", _) => {
                query.select = names::select(table, value)?;
                shape.splice(0..0, written(value));
            }
            ("$filter", _) => query.filter = Some(filter::parse(table, value, around)?),
            ("$orderby", _) => query.order = order(table, value)?,
            ("$top", _) => query.top = Some(number(name, value)?),
            ("$count", _) => query.count = flag(name, value)?,
            ("$expand", _) => {
                for wish in split(value, ',')? {
                    let (wish, inner) = expand(table, wish, around, 1)?;
                    once(&query.expand, &wish)?;
                    shape.push(format!("{}({inner})", wish.name));
                    query.expand.push(wish);
                }
            }
            ("$skiptoken", _) => fetch::place(&mut query, token::read(value)?)?,
            ("$format", _) if value.to_ascii_lowercase().contains("json") => {}
            ("$skip", _) => {
                return Err(Fault::syntax("Skip Clause is not supported; follow @odata.nextLink."));
            }
            ("$compute" | "$format", _) => {
                return Err(Fault::unsupported(format!(
                    "the query option `{name}` is not supported"
                )));
            }
            _ => {
                let why = format!("The query parameter {name} is not supported.");
                return Err(Fault::syntax(why));
            }
        }
    }
    refuse_other_languages(text)?;
    let shape = if shape.is_empty() { String::new() } else { format!("({})", shape.join(",")) };
    Ok(Options { query, shape })
}

/// Parameters without `$` are ignored, except those that ask for another answer altogether.
fn refuse_other_languages(text: &QueryString) -> Result<(), Fault> {
    for name in ["savedQuery", "userQuery"] {
        if text.get(name).is_some() {
            return Err(Fault::unsupported(format!("queries by `{name}` are not supported")));
        }
    }
    Ok(())
}

fn written(select: &str) -> Vec<String> {
    select.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect()
}

fn order(table: &'static TableDef, text: &str) -> Result<Vec<Order>, Fault> {
    text.split(',')
        .map(|key| {
            let mut words = key.split_whitespace();
            let name = words.next().ok_or_else(|| Fault::syntax("A sort key is missing."))?;
            let descending = match (words.next(), words.next()) {
                (None | Some("asc"), None) => false,
                (Some("desc"), None) => true,
                _ => return Err(Fault::syntax(format!("`{}` is not a sort key.", key.trim()))),
            };
            Ok(Order { of: None, path: names::path(table, name)?.0, descending })
        })
        .collect()
}

fn expand(
    table: &'static TableDef,
    text: &str,
    around: &Surroundings<'_>,
    depth: usize,
) -> Result<(Expand, String), Fault> {
    if depth > EXPAND_MAX {
        return Err(Fault::syntax(format!(
            "A query expands at most {EXPAND_MAX} navigation properties."
        )));
    }
    let text = text.trim();
    let (name, inside) = match text.split_once('(') {
        None => (text, ""),
        Some((name, rest)) => {
            let inside = rest.strip_suffix(')');
            (name, inside.ok_or_else(|| Fault::syntax(format!("`{text}` is not an expansion.")))?)
        }
    };
    let name = name.trim();
    let target = target(table, name)?;
    let mut wish = Expand {
        name: name.to_owned(),
        select: None,
        filter: None,
        order: Vec::new(),
        top: None,
        expand: Vec::new(),
    };
    let mut shape = Vec::new();
    for option in split(inside, ';')?.into_iter().filter(|option| !option.trim().is_empty()) {
        let (key, value) = option.split_once('=').ok_or_else(|| {
            Fault::syntax(format!("`{option}` is not an option of an expansion."))
        })?;
        match key.trim().to_ascii_lowercase().as_str() {
            "$select" => {
                wish.select = names::select(target, value)?;
                shape.splice(0..0, written(value));
            }
            "$filter" => wish.filter = Some(filter::parse(target, value, around)?),
            "$orderby" => wish.order = order(target, value)?,
            "$top" => wish.top = Some(number("$top", value)?),
            "$expand" => {
                for inner in split(value, ',')? {
                    let (inner, its) = expand(target, inner, around, depth + 1)?;
                    once(&wish.expand, &inner)?;
                    shape.push(format!("{}({its})", inner.name));
                    wish.expand.push(inner);
                }
            }
            key => return Err(Fault::syntax(format!("`{key}` is not an option of an expansion."))),
        }
    }
    Ok((wish, shape.join(",")))
}

/// A navigation property is expanded once: two wishes for it could contradict each other.
fn once(before: &[Expand], wish: &Expand) -> Result<(), Fault> {
    if before.iter().any(|there| there.name.eq_ignore_ascii_case(&wish.name)) {
        return Err(Fault::syntax(format!(
            "The navigation property '{}' is expanded twice.",
            wish.name
        )));
    }
    Ok(())
}

/// The table a navigation property leads to.
pub(super) fn target(table: &'static TableDef, name: &str) -> Result<&'static TableDef, Fault> {
    let single = table.navigation(name).and_then(|column| column.kind.lookup()).map(|(to, _)| to);
    single
        .or_else(|| table.collection(name).map(|many| many.table))
        .and_then(|name| table.beside(name))
        .or_else(|| table.crossing(name).map(|crossing| crossing.target))
        .ok_or_else(|| Fault::no_property(table.name, name))
}

fn number(name: &str, value: &str) -> Result<usize, Fault> {
    value.trim().parse().map_err(|_| {
        Fault::syntax(format!(
            "Invalid value '{value}' for {name} query option: a whole number is expected."
        ))
    })
}

fn flag(name: &str, value: &str) -> Result<bool, Fault> {
    match value.trim() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(Fault::syntax(format!("Invalid value '{value}' for {name} query option."))),
    }
}
