//! The options of a read of metadata: filtered, selected and expanded over documents, since metadata is
//! no table.
use connref_store::query::{Compare, Expr, Literal, Match, Operand, TableDef, Tables};
use serde_json::{Map, Value, json};

use super::entity_definition::{collection, in_context};
use super::fault::Fault;
use super::filter;
use super::filter_function::Surroundings;
use super::path::split;
use super::query_string::QueryString;

/// Properties that come only when they are expanded.
const EXPANDED: [&str; 3] = ["OptionSet", "GlobalOptionSet", "sdkmessageid"];
/// Deepest expansion.
const DEPTH_MAX: usize = 3;

/// What a read of metadata asks for.
#[derive(Default)]
pub(super) struct Wish {
    select: Vec<String>,
    filter: Option<Expr>,
    expand: Vec<(String, Wish)>,
    top: Option<usize>,
    count: bool,
}

impl Wish {
    /// Reads the options of a query.
    ///
    /// # Errors
    /// What does not parse, and options that are not offered.
    pub(super) fn read(query: &QueryString) -> Result<Self, Fault> {
        let options = query.options().map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self::options(options, &Surroundings::bare(query), 0)
    }

    fn options(
        options: impl Iterator<Item = (String, String)>,
        around: &Surroundings<'_>,
        depth: usize,
    ) -> Result<Self, Fault> {
        let mut wish = Self::default();
        for (name, value) in options {
            match name.to_ascii_lowercase().as_str() {
                "$select" => wish.select = names(&value),
                "$filter" => wish.filter = Some(filter::parse_metadata(&value, around)?),
                "$top" => {
                    let top = value.trim().parse();
                    wish.top = Some(top.map_err(|_| Fault::syntax("$top is a whole number."))?);
                }
                "$count" => wish.count = value.trim() == "true",
                "$expand" if depth < DEPTH_MAX => {
                    for one in split(&value, ',')? {
                        wish.expand.push(Self::expansion(one.trim(), around, depth + 1)?);
                    }
                }
                "$format" => {}
                _ => {
                    return Err(Fault::syntax(format!(
                        "The query parameter {name} is not supported on metadata."
                    )));
                }
            }
        }
        Ok(wish)
    }

    fn expansion(
        text: &str,
        around: &Surroundings<'_>,
        depth: usize,
    ) -> Result<(String, Self), Fault> {
        let Some((name, rest)) = text.split_once('(') else {
            return Ok((text.to_owned(), Self::default()));
        };
        let inside = rest
            .strip_suffix(')')
            .ok_or_else(|| Fault::syntax(format!("`{text}` is not an expansion.")))?;
        let options = split(inside, ';')?;
        let options = options.iter().filter_map(|option| {
            let (name, value) = option.split_once('=')?;
            Some((name.trim().to_owned(), value.trim().to_owned()))
        });
        Ok((name.trim().to_owned(), Self::options(options, around, depth)?))
    }
}

fn names(text: &str) -> Vec<String> {
    let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
    names.map(str::to_owned).collect()
}

/// The documents a wish keeps, as it wants them.
pub(super) fn listed(
    all: impl Iterator<Item = (Value, Option<&'static TableDef>)>,
    wish: &Wish,
    tables: Tables,
    context: &str,
) -> Result<Value, Fault> {
    let kept: Vec<_> = all
        .filter(|(document, _)| wish.filter.as_ref().is_none_or(|filter| holds(document, filter)))
        .collect();
    let mut answer = Map::new();
    answer.insert("@odata.context".to_owned(), json!(context));
    if wish.count {
        answer.insert("@odata.count".to_owned(), json!(kept.len()));
    }
    let shown = kept.into_iter().take(wish.top.unwrap_or(usize::MAX));
    let shown = shown.map(|(document, table)| shaped(document, table, wish, tables));
    answer.insert("value".to_owned(), Value::Array(shown.collect::<Result<_, _>>()?));
    Ok(Value::Object(answer))
}

/// One document, as a wish wants it.
pub(super) fn single(
    document: Value,
    table: Option<&'static TableDef>,
    wish: &Wish,
    tables: Tables,
    context: &str,
) -> Result<Value, Fault> {
    if wish.filter.is_some() || wish.top.is_some() {
        return Err(Fault::syntax("A single definition takes $select and $expand only."));
    }
    Ok(in_context(context, shaped(document, table, wish, tables)?))
}

/// `$select` and `$expand` of a document. What clients select and connref does not know of is left
/// out: the vendor has more properties of metadata than are told here.
fn shaped(
    document: Value,
    table: Option<&'static TableDef>,
    wish: &Wish,
    tables: Tables,
) -> Result<Value, Fault> {
    let Value::Object(mut document) = document else { return Ok(document) };
    let mut expanded = Vec::new();
    for (name, inner) in &wish.expand {
        let value = match table.and_then(|table| collection(table, name, tables)) {
            Some(all) => {
                let all = all.into_iter().map(|one| (one, None));
                listed(all, inner, tables, "")?["value"].take()
            }
            None => match document.get(name) {
                Some(value) => shaped(value.clone(), None, inner, tables)?,
                // A cast to a class of columns with choices holds columns without any too.
                None if EXPANDED.contains(&name.as_str()) => Value::Null,
                None => return Err(Fault::no_property("MetadataBase", name)),
            },
        };
        expanded.push((name.clone(), value));
    }
    document.retain(|name, _| {
        name.starts_with('@')
            || (!EXPANDED.contains(&name.as_str())
                && (wish.select.is_empty()
                    || matches!(name.as_str(), "MetadataId" | "sdkmessagefilterid")
                    || wish.select.iter().any(|wanted| wanted == name)))
    });
    document.extend(expanded);
    Ok(Value::Object(document))
}

/// Numbers compare as numbers; nothing is neither more nor less than anything.
fn compares(left: Option<String>, by: Compare, right: Option<String>) -> bool {
    match by {
        Compare::Eq => left == right,
        Compare::Ne => left != right,
        _ => {
            let (Some(left), Some(right)) = (left, right) else { return false };
            let order = match (left.parse::<f64>(), right.parse::<f64>()) {
                (Ok(left), Ok(right)) => left.partial_cmp(&right),
                _ => Some(left.cmp(&right)),
            };
            order.is_some_and(|order| match by {
                Compare::Gt => order.is_gt(),
                Compare::Ge => order.is_ge(),
                Compare::Lt => order.is_lt(),
                _ => order.is_le(),
            })
        }
    }
}

/// Whether a document fits a filter.
fn holds(object: &Value, filter: &Expr) -> bool {
    let text = |path: &[String]| {
        let value = path.iter().try_fold(object, |value, name| value.get(name))?;
        match value {
            Value::String(text) => Some(text.to_ascii_lowercase()),
            Value::Null => None,
            other => Some(other.to_string()),
        }
    };
    let literal = |literal: &Literal| match literal {
        Literal::Text(text) | Literal::Guid(text) => Some(text.to_ascii_lowercase()),
        Literal::Int(number) => Some(number.to_string()),
        Literal::Flag(flag) => Some(flag.to_string()),
        _ => None,
    };
    match filter {
        Expr::And(parts) => parts.iter().all(|part| holds(object, part)),
        Expr::Or(parts) => parts.iter().any(|part| holds(object, part)),
        Expr::Not(inner) => !holds(object, inner),
        Expr::Compare { left, by, right } => {
            let side = |operand: &Operand| match operand {
                Operand::Path(path) => text(path),
                Operand::Literal(value) => literal(value),
                Operand::Of { .. } => None,
            };
            compares(side(left), *by, side(right))
        }
        // No text of a filter on metadata makes these.
        Expr::Exists { .. }
        | Expr::At { .. }
        | Expr::Line { .. }
        | Expr::Holds { .. }
        | Expr::Quarter { .. } => false,
        Expr::In { path, values } => values.iter().any(|value| text(path) == literal(value)),
        Expr::Match { path, by, pattern } => text(path).is_some_and(|text| {
            let pattern = pattern.to_ascii_lowercase();
            match by {
                Match::Contains => text.contains(&pattern),
                Match::StartsWith => text.starts_with(&pattern),
                Match::EndsWith => text.ends_with(&pattern),
                Match::Whole => text == pattern,
            }
        }),
    }
}
