//! `BulkDelete` and its preview: queries as the vendor's clients write them.
use connref_solution::model::Micros;
use connref_store::bulk_delete::{
    BulkCompare, BulkCondition, BulkDeleteNew, BulkQuery, BulkTarget, BulkValue,
};
use serde_json::{Value, json};

use super::bulk_rows;
use super::parameters::Parameters;
use crate::operation::bulk_delete::{bulk_delete_count, bulk_delete_create};
use crate::webapi::{Asked, Fault};

const SECOND: Micros = 1_000_000;
const MINUTE: Micros = 60 * SECOND;
const DAY: Micros = 24 * 60 * MINUTE;
/// Most queries and most conditions of one.
const MOST: usize = 20;

pub(super) async fn start(asked: &Asked, parameters: Parameters) -> Result<Value, Fault> {
    let set = parameters.given("QuerySet");
    if of_rows(set) {
        return bulk_rows::delete(asked, &parameters).await;
    }
    let now = asked.cx.store().now();
    let start = match parameters.text("StartDateTime") {
        Some(text) if parameters.flag("RunNow") != Some(true) => moment(text)?,
        _ => now,
    };
    let pattern = parameters.text("RecurrencePattern").filter(|text| !text.trim().is_empty());
    let new = BulkDeleteNew {
        name: parameters.required("JobName").to_owned(),
        queries: queries(set)?,
        document: set.to_string(),
        recurrence: pattern.map(str::to_owned),
        every: pattern.map(every).transpose()?,
        start,
        node: asked.cx.app.node().to_owned(),
    };
    let job = bulk_delete_create(&asked.cx, new).await?;
    Ok(json!({"JobId": job.as_str()}))
}

pub(super) async fn preview(asked: &Asked, parameters: Parameters) -> Result<Value, Fault> {
    let set = parameters.given("QuerySet");
    if of_rows(set) {
        return bulk_rows::preview(asked, set).await;
    }
    let queries = queries(set)?;
    let counts = bulk_delete_count(&asked.cx, queries.clone()).await?;
    let rows = queries.iter().zip(counts);
    let rows =
        rows.map(|(query, count)| json!({"EntityName": query.target.name(), "Count": count}));
    Ok(json!({"value": rows.collect::<Vec<_>>()}))
}

/// Whether the queries are about none of the tables that tell of the past.
fn of_rows(set: &Value) -> bool {
    let list = set.as_array().map_or(&[][..], Vec::as_slice);
    let past = |query: &Value| {
        let name = query["EntityName"].as_str().unwrap_or_default();
        BulkTarget::ALL.into_iter().any(|target| target.name().eq_ignore_ascii_case(name))
    };
    !list.is_empty() && list.len() <= MOST && !list.iter().any(past)
}

/// The queries of a job as they were kept.
pub(in crate::webapi) fn kept(document: &str) -> Option<Vec<BulkQuery>> {
    queries(&serde_json::from_str(document).ok()?).ok()
}

fn queries(set: &Value) -> Result<Vec<BulkQuery>, Fault> {
    let list = set.as_array().map_or(&[][..], Vec::as_slice);
    if list.is_empty() || list.len() > MOST {
        return Err(Fault::payload(format!("`QuerySet` holds 1 to {MOST} queries.")));
    }
    list.iter().map(query).collect()
}

fn query(value: &Value) -> Result<BulkQuery, Fault> {
    let name = value["EntityName"].as_str().unwrap_or_default();
    let target = BulkTarget::ALL.into_iter().find(|t| t.name().eq_ignore_ascii_case(name));
    let target = target.ok_or_else(|| {
        Fault::invalid(format!(
            "rows of `{name}` cannot be deleted in one job with those of asyncoperation, importjob and flowrun"
        ))
    })?;
    let criteria = &value["Criteria"];
    let or = criteria["FilterOperator"].as_str().is_some_and(|o| o.eq_ignore_ascii_case("or"));
    let nested = criteria["Filters"].as_array().is_some_and(|filters| !filters.is_empty());
    let linked = value["LinkEntities"].as_array().is_some_and(|links| !links.is_empty());
    if or || nested || linked {
        let why =
            "a bulk deletion takes conditions joined by And, without nested filters and links";
        return Err(Fault::invalid(why));
    }
    let conditions = criteria["Conditions"].as_array().map_or(&[][..], Vec::as_slice);
    if conditions.len() > MOST {
        return Err(Fault::payload(format!("A query has at most {MOST} conditions.")));
    }
    let conditions = conditions.iter().map(condition).collect::<Result<_, _>>()?;
    Ok(BulkQuery { target, conditions })
}

fn condition(value: &Value) -> Result<BulkCondition, Fault> {
    let column = value["AttributeName"].as_str().unwrap_or_default().to_owned();
    let operator = value["Operator"].as_str().unwrap_or_default();
    let given = match &value["Values"] {
        Value::Array(list) if list.len() == 1 => &list[0],
        _ => return Err(Fault::payload(format!("The condition on `{column}` takes one value."))),
    };
    // A value alone, or with the name of its type.
    let given = if given.is_object() { &given["Value"] } else { given };
    let ago = |unit: Micros| {
        let count = given.as_i64().or_else(|| given.as_str()?.trim().parse().ok());
        let count = count.filter(|count| (0..=1_000_000).contains(count));
        count.map(|count| (BulkCompare::Less, BulkValue::Ago(count * unit)))
    };
    let plain = |by: BulkCompare| compared(given).map(|value| (by, value));
    let read = match operator.to_ascii_lowercase().as_str() {
        "equal" | "on" => plain(BulkCompare::Equal),
        "notequal" => plain(BulkCompare::NotEqual),
        "lessthan" => plain(BulkCompare::Less),
        "lessequal" | "onorbefore" => plain(BulkCompare::AtMost),
        "greaterthan" => plain(BulkCompare::Greater),
        "greaterequal" | "onorafter" => plain(BulkCompare::AtLeast),
        "olderthanxminutes" => ago(MINUTE),
        "olderthanxhours" => ago(60 * MINUTE),
        "olderthanxdays" => ago(DAY),
        "olderthanxweeks" => ago(7 * DAY),
        _ => {
            let why = format!("the operator `{operator}` is not supported in a bulk deletion");
            return Err(Fault::invalid(why));
        }
    };
    let (by, value) = read.ok_or_else(|| {
        Fault::payload(format!("The value of the condition on `{column}` cannot be used."))
    })?;
    Ok(BulkCondition { column, by, value })
}

/// Numbers and moments compare as numbers, everything else as text.
fn compared(given: &Value) -> Option<BulkValue> {
    if let Some(number) = given.as_i64() {
        return Some(BulkValue::Number(number));
    }
    let text = given.as_str()?;
    if let Ok(number) = text.parse() {
        return Some(BulkValue::Number(number));
    }
    Some(match text.parse::<jiff::Timestamp>() {
        Ok(at) => BulkValue::Number(at.as_microsecond()),
        Err(_) => BulkValue::Text(text.to_owned()),
    })
}

fn moment(text: &str) -> Result<Micros, Fault> {
    let at = text.parse::<jiff::Timestamp>().map(|at| at.as_microsecond());
    at.map_err(|_| Fault::payload(format!("`{text}` is no moment.")))
}

/// `FREQ=DAILY;INTERVAL=7`.
fn every(pattern: &str) -> Result<Micros, Fault> {
    let wrong = || {
        Fault::invalid(format!(
            "`{pattern}` is no recurrence of a bulk deletion; write FREQ=DAILY;INTERVAL=1 with DAILY or WEEKLY."
        ))
    };
    let (mut unit, mut interval) = (None, 1);
    for part in pattern.split(';').map(str::trim).filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once('=').ok_or_else(wrong)?;
        match (name.to_ascii_uppercase().as_str(), value.to_ascii_uppercase().as_str()) {
            ("FREQ", "DAILY") => unit = Some(DAY),
            ("FREQ", "WEEKLY") => unit = Some(7 * DAY),
            ("INTERVAL", number) => {
                let number = number.parse().ok().filter(|n| (1..=365).contains(n));
                interval = number.ok_or_else(wrong)?;
            }
            _ => return Err(wrong()),
        }
    }
    Ok(unit.ok_or_else(wrong)? * interval)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recurrences_are_daily_or_weekly() {
        assert_eq!(every("FREQ=DAILY;INTERVAL=1;").ok(), Some(DAY));
        assert_eq!(every("freq=weekly;interval=2").ok(), Some(14 * DAY));
        for wrong in ["INTERVAL=1", "FREQ=YEARLY", "FREQ=DAILY;INTERVAL=0", "daily"] {
            assert!(every(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn conditions_as_clients_write_them() {
        let read = |operator: &str, value: Value| {
            condition(
                &json!({"AttributeName": "createdon", "Operator": operator, "Values": [value]}),
            )
            .ok()
        };
        let made = |by, value| Some(BulkCondition { column: "createdon".into(), by, value });
        let typed = json!({"Value": "30", "Type": "System.Int32"});
        assert_eq!(read("Equal", typed.clone()), made(BulkCompare::Equal, BulkValue::Number(30)));
        assert_eq!(
            read("OlderThanXDays", typed),
            made(BulkCompare::Less, BulkValue::Ago(30 * DAY))
        );
        assert_eq!(
            read("OnOrBefore", json!("1970-01-01T00:00:01Z")),
            made(BulkCompare::AtMost, BulkValue::Number(SECOND))
        );
        assert_eq!(read("Like", json!("x%")), None);
        assert_eq!(read("Equal", json!({})), None);
    }
}
