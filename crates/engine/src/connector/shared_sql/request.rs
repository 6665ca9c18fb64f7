//! An operation with its parameters checked, before any database is involved.

use serde_json::{Map, Value as Json};

use super::super::CallError;
use super::super::parameters::Parameters;
use super::MAX_ROWS;
use super::filter::{self, Filter};

/// A table as a flow names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) schema: Option<String>,
    pub(super) name: String,
}

/// Which rows of a table, in which order.
#[derive(Debug)]
pub(super) struct List {
    pub(super) select: Vec<String>,
    pub(super) filter: Option<Filter>,
    /// Column and whether it descends.
    pub(super) order: Vec<(String, bool)>,
    pub(super) limit: u64,
    /// True if the flow itself named the limit: then there is no next page.
    pub(super) limited: bool,
    pub(super) offset: u64,
}

/// What to do.
#[derive(Debug)]
pub(super) enum Request {
    List(Table, List),
    Get(Table, String),
    Insert(Table, Map<String, Json>),
    Update(Table, String, Map<String, Json>),
    Delete(Table, String),
    Native { query: String, values: Map<String, Json> },
}

impl Request {
    pub(super) fn read(operation: &str, p: &Parameters<'_>) -> Result<Self, CallError> {
        let id = || p.required("id");
        Ok(match operation {
            "GetItems_V2" => Self::List(Table::read(p)?, List::read(p)?),
            "GetItem_V2" => Self::Get(Table::read(p)?, id()?),
            "PostItem_V2" => Self::Insert(Table::read(p)?, columns(p)?),
            "PatchItem_V2" => Self::Update(Table::read(p)?, id()?, columns(p)?),
            "DeleteItem_V2" => Self::Delete(Table::read(p)?, id()?),
            "ExecutePassThroughNativeQuery_V2" => native(p)?,
            other => {
                return Err(CallError::unsupported(
                    other,
                    "this SQL operation is not offered here",
                ));
            }
        })
    }
}

impl Table {
    /// Reads `name`, `schema.name` or `[schema].[name]`; `dbo`, the vendor's default, means the default.
    fn read(p: &Parameters<'_>) -> Result<Self, CallError> {
        let text = p.required("table")?;
        let bad = || p.error("`table` is not the name of a table");
        let parts = parts(text.trim()).ok_or_else(bad)?;
        let (schema, name) = match parts.as_slice() {
            [name] => (None, name.clone()),
            [schema, name] => (Some(schema.clone()), name.clone()),
            _ => return Err(bad()),
        };
        Ok(Self { schema: schema.filter(|s| s != "dbo"), name })
    }
}

/// Dotted parts, each plain or in brackets.
fn parts(text: &str) -> Option<Vec<String>> {
    let mut parts = Vec::new();
    let mut rest = text;
    loop {
        let (part, after) = match rest.strip_prefix('[') {
            Some(inner) => {
                let end = inner.find(']')?;
                (&inner[..end], &inner[end + 1..])
            }
            None => rest.split_at(rest.find('.').unwrap_or(rest.len())),
        };
        if part.is_empty() || part.len() > 128 || part.contains('\0') {
            return None;
        }
        parts.push(part.to_owned());
        match after.strip_prefix('.') {
            Some(more) => rest = more,
            None if after.is_empty() => return Some(parts),
            None => return None,
        }
    }
}

impl List {
    fn read(p: &Parameters<'_>) -> Result<Self, CallError> {
        let top = p.count("$top")?;
        let names = |text: Option<String>| -> Vec<String> {
            let text = text.unwrap_or_default();
            text.split(',').map(|n| n.trim().to_owned()).filter(|n| !n.is_empty()).collect()
        };
        let filter = match p.text("$filter")? {
            None => None,
            Some(text) => Some(
                filter::parse(&text)
                    .map_err(|e| p.error(format!("`$filter` is not understood: {e}")))?,
            ),
        };
        let mut order = Vec::new();
        for part in names(p.text("$orderby")?) {
            let (column, direction) =
                part.split_once(char::is_whitespace).unwrap_or((&part, "asc"));
            order.push(match direction.trim().to_ascii_lowercase().as_str() {
                "asc" => (column.to_owned(), false),
                "desc" => (column.to_owned(), true),
                _ => {
                    return Err(
                        p.error("`$orderby` is not a list of columns, each with `asc` or `desc`")
                    );
                }
            });
        }
        let select = names(p.text("$select")?).into_iter().filter(|n| n != "*").collect();
        let offset = match p.count("$skiptoken")? {
            Some(token) => token,
            None => p.count("$skip")?.unwrap_or(0),
        };
        if offset > i64::MAX as u64 {
            return Err(p.error("the offset is too large"));
        }
        Ok(Self {
            select,
            filter,
            order,
            limit: top.unwrap_or(MAX_ROWS).min(MAX_ROWS),
            limited: top.is_some_and(|t| t <= MAX_ROWS),
            offset,
        })
    }
}

fn columns(p: &Parameters<'_>) -> Result<Map<String, Json>, CallError> {
    // Columns are not nested: a slash belongs to the name.
    let mut columns = p.get("item").and_then(Json::as_object).cloned().unwrap_or_default();
    for (name, value) in p.iter() {
        if let Some(column) = name.strip_prefix("item/") {
            columns.insert(column.to_owned(), value.clone());
        }
    }
    if columns.is_empty() { Err(p.error("`item` names no column")) } else { Ok(columns) }
}

fn native(p: &Parameters<'_>) -> Result<Request, CallError> {
    let nested = match p.get("query") {
        Some(Json::String(text)) => {
            return Ok(Request::Native { query: text.clone(), values: Map::new() });
        }
        _ => p.under("query")?,
    };
    let query = nested.get("query").and_then(Json::as_str).filter(|q| !q.trim().is_empty());
    let query = query.ok_or_else(|| p.error("`query/query` is missing"))?.to_owned();
    let values =
        nested.get("actualParameters").and_then(Json::as_object).cloned().unwrap_or_default();
    Ok(Request::Native { query, values })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_read_in_every_form() {
        let of = |text: &str| parts(text).map(|p| p.join("|"));
        assert_eq!(of("[dbo].[Order Details]").as_deref(), Some("dbo|Order Details"));
        assert_eq!(of("a.b").as_deref(), Some("a|b"));
        assert_eq!(of("plain").as_deref(), Some("plain"));
        for bad in ["", ".", "a.", "[a", "[a]b", "a..b", "[]"] {
            assert_eq!(of(bad), None, "{bad}");
        }
    }
}
