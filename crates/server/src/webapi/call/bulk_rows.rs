//! `BulkDelete` of the rows of any table: at once, row by row, each as a deletion of its own. A row that
//! cannot be deleted stays and is counted.
use connref_solution::model::JobId;
use connref_store::StoreError;
use connref_store::bulk_delete::BulkDeleteNew;
use connref_store::db::DbError;
use connref_store::query::{
    ColumnDef, Compare, Expr, Kind, Literal, Match, Operand, Query, TableDef,
};
use serde_json::{Value, json};

use super::parameters::Parameters;
use crate::webapi::filter::{bare, moment};
use crate::webapi::{Asked, Fault, names, table};

/// Most conditions and filters of a query.
const MOST: usize = 500;
/// Deepest nesting of filters.
const DEPTH_MAX: usize = 16;
/// Rows that are read at once.
const PAGE: usize = 500;

/// Deletes the rows of every query; answers the job that tells of it.
pub(super) async fn delete(asked: &Asked, parameters: &Parameters) -> Result<Value, Fault> {
    if parameters.text("RecurrencePattern").is_some_and(|text| !text.trim().is_empty()) {
        return Err(Fault::unsupported(
            "a bulk deletion that recurs takes rows of asyncoperation, importjob and flowrun",
        ));
    }
    let set = parameters.given("QuerySet");
    let queries = set.as_array().map_or(&[][..], Vec::as_slice);
    let queries =
        queries.iter().map(|query| read(asked, query)).collect::<Result<Vec<_>, Fault>>()?;
    let (cx, store) = (&asked.cx, asked.cx.store());
    let new = BulkDeleteNew {
        name: parameters.required("JobName").to_owned(),
        queries: Vec::new(),
        document: set.to_string(),
        recurrence: None,
        every: None,
        start: store.now(),
        node: cx.app.node().to_owned(),
    };
    let job = store.bulk_delete_create(&cx.caller, &cx.environment.id, new).await?;
    let (asked, wanted) = (asked.clone(), job.clone());
    // On a task of its own: whoever asked may hang up, and the job comes to its end all the same.
    let ended = tokio::spawn(async move { carry_out(&asked, &wanted, &queries).await }).await;
    ended.map_err(|_| StoreError::Database(DbError::Panicked))??;
    Ok(json!({"JobId": job.as_str()}))
}

async fn carry_out(asked: &Asked, job: &JobId, queries: &[Query]) -> Result<(), Fault> {
    let (cx, store) = (&asked.cx, asked.cx.store());
    for due in store.bulk_delete_due(&cx.caller, Some(job)).await? {
        if !store.bulk_delete_claim(&due).await? {
            continue;
        }
        let (mut deleted, mut failed) = (0, 0);
        for query in queries {
            let (went, stayed) = delete_rows(asked, query).await?;
            deleted += went;
            failed += stayed;
        }
        store.bulk_delete_note(&cx.caller, &due, deleted, failed).await?;
    }
    Ok(())
}

/// How many rows each query means.
pub(super) async fn preview(asked: &Asked, set: &Value) -> Result<Value, Fault> {
    let mut counts = Vec::new();
    for one in set.as_array().map_or(&[][..], Vec::as_slice) {
        let mut query = read(asked, one)?;
        let name = query.table.name;
        (query.top, query.count) = (Some(0), true);
        let page =
            asked.cx.store().query(&asked.cx.caller, &asked.cx.environment.id, query).await?;
        let count = page.count.map_or(0, |count| count.rows);
        counts.push(json!({"EntityName": name, "Count": count}));
    }
    Ok(json!({"value": counts}))
}

async fn delete_rows(asked: &Asked, query: &Query) -> Result<(i64, i64), Fault> {
    let (cx, mut query) = (&asked.cx, query.clone());
    query.page = Some(PAGE);
    let (mut deleted, mut failed) = (0, 0);
    loop {
        let page = cx.store().query(&cx.caller, &cx.environment.id, query.clone()).await?;
        for record in &page.rows {
            match table::delete(asked, record).await {
                Ok(()) => deleted += 1,
                Err(_) => failed += 1,
            }
        }
        match page.next {
            Some(next) => query.after = Some(next),
            None => return Ok((deleted, failed)),
        }
    }
}

fn read(asked: &Asked, value: &Value) -> Result<Query, Fault> {
    let name = value["EntityName"].as_str().unwrap_or_default();
    let table = asked.tables.by_name(name).ok_or_else(|| Fault::no_entity(name))?;
    if value["LinkEntities"].as_array().is_some_and(|links| !links.is_empty()) {
        return Err(Fault::unsupported("a bulk deletion takes no linked tables"));
    }
    let mut query = Query::new(table);
    let mut left = MOST;
    query.filter = Some(criteria(table, &value["Criteria"], 0, &mut left)?);
    Ok(query)
}

fn criteria(
    table: &'static TableDef,
    value: &Value,
    depth: usize,
    left: &mut usize,
) -> Result<Expr, Fault> {
    let list = |name: &str| value[name].as_array().map_or(&[][..], Vec::as_slice);
    let size = list("Conditions").len() + list("Filters").len();
    *left = left
        .checked_sub(size)
        .filter(|_| depth <= DEPTH_MAX)
        .ok_or_else(|| Fault::payload(format!("A query has at most {MOST} conditions.")))?;
    let mut parts = Vec::new();
    for one in list("Conditions") {
        parts.push(condition(table, one)?);
    }
    for one in list("Filters") {
        parts.push(criteria(table, one, depth + 1, left)?);
    }
    let any = value["FilterOperator"].as_str().is_some_and(|by| by.eq_ignore_ascii_case("or"));
    Ok(if any && !parts.is_empty() { Expr::Or(parts) } else { Expr::And(parts) })
}

fn condition(table: &'static TableDef, value: &Value) -> Result<Expr, Fault> {
    let name = value["AttributeName"].as_str().unwrap_or_default();
    let column = names::column(table, name).map_err(|_| Fault::no_attribute(table.name, name))?;
    let path = || vec![column.name.to_owned()];
    // A value alone, or with the name of its type.
    let values = value["Values"].as_array().map_or(&[][..], Vec::as_slice);
    let values = values.iter().map(|value| value.get("Value").unwrap_or(value));
    let values = values.map(|value| literal(column, value)).collect::<Result<Vec<_>, Fault>>()?;
    let operator = value["Operator"].as_str().unwrap_or_default().to_ascii_lowercase();
    let one = || match values.as_slice() {
        [one] => Ok(one.clone()),
        _ => Err(Fault::payload(format!("The condition on `{name}` takes one value."))),
    };
    let compare = |by: Compare, right: Literal| Expr::Compare {
        left: Operand::Path(path()),
        by,
        right: Operand::Literal(right),
    };
    let matched = |by: Match| match one()? {
        Literal::Text(pattern) => Ok(Expr::Match { path: path(), by, pattern }),
        _ => Err(Fault::payload(format!("The condition on `{name}` searches for a text."))),
    };
    let not = |expr: Expr| Expr::Not(Box::new(expr));
    Ok(match operator.as_str() {
        "equal" | "on" => compare(Compare::Eq, one()?),
        "notequal" | "noton" => compare(Compare::Ne, one()?),
        "greaterthan" => compare(Compare::Gt, one()?),
        "greaterequal" | "onorafter" => compare(Compare::Ge, one()?),
        "lessthan" => compare(Compare::Lt, one()?),
        "lessequal" | "onorbefore" => compare(Compare::Le, one()?),
        "null" => compare(Compare::Eq, Literal::Null),
        "notnull" => compare(Compare::Ne, Literal::Null),
        "in" => Expr::In { path: path(), values },
        "notin" => not(Expr::In { path: path(), values }),
        "like" => matched(Match::Whole)?,
        "notlike" => not(matched(Match::Whole)?),
        "contains" => matched(Match::Contains)?,
        "doesnotcontain" => not(matched(Match::Contains)?),
        "beginswith" => matched(Match::StartsWith)?,
        "doesnotbeginwith" => not(matched(Match::StartsWith)?),
        "endswith" => matched(Match::EndsWith)?,
        "doesnotendwith" => not(matched(Match::EndsWith)?),
        other => {
            return Err(Fault::unsupported(format!(
                "the operator `{other}` is not supported in a bulk deletion of `{}`",
                table.name
            )));
        }
    })
}

fn literal(column: &ColumnDef, value: &Value) -> Result<Literal, Fault> {
    let found = match value {
        Value::Bool(flag) => Some(Literal::Flag(*flag)),
        Value::Number(number) => bare(&number.to_string()),
        Value::String(text) => match column.kind {
            Kind::Time => moment(text).map(Literal::Time),
            Kind::Text(_) | Kind::Memo(_) | Kind::Spelled(_) | Kind::Guid | Kind::Lookup { .. } => {
                Some(Literal::Text(text.clone()))
            }
            _ => bare(text),
        },
        _ => None,
    };
    found.ok_or_else(|| {
        Fault::payload(format!("The value of the condition on `{}` cannot be used.", column.name))
    })
}
