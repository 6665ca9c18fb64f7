//! Rows as OData JSON.
use connref_store::query::{
    Cell, Choice, ColumnDef, Expanded, Extra, Kind, Page, Record, choice_numbers,
};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::names;
use super::prefer::Annotations;

/// The annotation with the text a person would read.
pub(super) const FORMATTED: &str = "OData.Community.Display.V1.FormattedValue";
const LOOKUP_TABLE: &str = "Microsoft.Dynamics.CRM.lookuplogicalname";
const NAVIGATION: &str = "Microsoft.Dynamics.CRM.associatednavigationproperty";
const COOKIE: &str = "Microsoft.Dynamics.CRM.fetchxmlpagingcookie";
const MORE: &str = "Microsoft.Dynamics.CRM.morerecords";
const TOTAL: &str = "Microsoft.Dynamics.CRM.totalrecordcount";
const TOTAL_EXCEEDED: &str = "Microsoft.Dynamics.CRM.totalrecordcountlimitexceeded";

/// The etag of a row version.
pub(super) fn etag(version: i64) -> String {
    format!("W/\"{version}\"")
}

/// A row by itself, with its context.
pub(super) fn entity(record: &Record, root: &str, shape: &str, annotations: &Annotations) -> Value {
    let mut object = Map::new();
    let context = format!("{root}/$metadata#{}{shape}/$entity", record.table.set);
    object.insert("@odata.context".to_owned(), Value::from(context));
    fill(&mut object, record, annotations);
    Value::Object(object)
}

/// A page of rows.
pub(super) struct Listed<'a> {
    /// Rows or groups.
    pub page: &'a Page,
    /// Entity set.
    pub set: &'a str,
    /// Root of the API.
    pub root: &'a str,
    /// Part of the context in parentheses.
    pub shape: &'a str,
    /// Address of the next page.
    pub next: Option<String>,
    /// The cookie that leads to the next page, for FetchXML.
    pub cookie: Option<String>,
}

/// A page of rows, with its context.
pub(super) fn collection(list: &Listed<'_>, annotations: &Annotations) -> Value {
    let mut object = Map::new();
    let context = format!("{}/$metadata#{}{}", list.root, list.set, list.shape);
    object.insert("@odata.context".to_owned(), Value::from(context));
    if let Some(count) = list.page.count {
        object.insert("@odata.count".to_owned(), json!(count.rows));
    }
    if annotations.wants(TOTAL) {
        let total = list.page.count.map_or(json!(-1), |count| json!(count.rows));
        object.insert(format!("@{TOTAL}"), total);
    }
    if annotations.wants(TOTAL_EXCEEDED) {
        let exceeded = list.page.count.is_some_and(|count| count.exceeded);
        object.insert(format!("@{TOTAL_EXCEEDED}"), json!(exceeded));
    }
    if let Some(cookie) = &list.cookie {
        if annotations.wants(COOKIE) {
            object.insert(format!("@{COOKIE}"), json!(cookie));
        }
        if annotations.wants(MORE) {
            object.insert(format!("@{MORE}"), json!(true));
        }
    }
    let rows = list.page.rows.iter().map(|record| row(record, annotations));
    let groups = list.page.groups.iter().map(|values| group(values, annotations));
    object.insert("value".to_owned(), rows.chain(groups).collect());
    if let Some(next) = &list.next {
        object.insert("@odata.nextLink".to_owned(), Value::from(next.as_str()));
    }
    Value::Object(object)
}

/// A group: its values by name. A name with `/` is a value of the row a lookup points to.
fn group(values: &[Extra], annotations: &Annotations) -> Value {
    let mut object = Map::new();
    for extra in values {
        match extra.name.split_once('/') {
            None => put(&mut object, extra, &extra.name, annotations),
            Some(_) => {
                let mut inner = &mut object;
                let mut names = extra.name.split('/').peekable();
                while let Some(name) = names.next() {
                    if names.peek().is_none() {
                        put(inner, extra, name, annotations);
                        break;
                    }
                    let slot = inner.entry(name).or_insert_with(|| Value::Object(Map::new()));
                    let Value::Object(next) = slot else { break };
                    inner = next;
                }
            }
        }
    }
    Value::Object(object)
}

/// A value under a name of its own.
fn put(object: &mut Map<String, Value>, extra: &Extra, name: &str, annotations: &Annotations) {
    let text = match extra.column {
        Some(column) if column.kind.lookup().is_some() => extra.label.clone(),
        Some(column) => formatted(None, column, &extra.cell),
        None => match extra.cell {
            Cell::Int(number) => Some(extra.label.clone().unwrap_or_else(|| grouped(number))),
            _ => None,
        },
    };
    if annotations.wants(FORMATTED)
        && let Some(text) = text
    {
        object.insert(format!("{name}@{FORMATTED}"), Value::from(text));
    }
    if let Some((target, _)) = extra.column.and_then(|column| column.kind.lookup())
        && annotations.wants(LOOKUP_TABLE)
        && extra.cell != Cell::Null
    {
        object.insert(format!("{name}@{LOOKUP_TABLE}"), Value::from(target));
    }
    let shown = match extra.column {
        Some(column) => value(column, &extra.cell),
        None => match &extra.cell {
            Cell::Int(number) => json!(number),
            _ => Value::Null,
        },
    };
    object.insert(name.to_owned(), shown);
}

fn row(record: &Record, annotations: &Annotations) -> Value {
    let mut object = Map::new();
    fill(&mut object, record, annotations);
    Value::Object(object)
}

fn fill(object: &mut Map<String, Value>, record: &Record, annotations: &Annotations) {
    if let Some(version) = record.version {
        object.insert("@odata.etag".to_owned(), Value::from(etag(version)));
    }
    for (column, cell) in &record.cells {
        let name = names::property(column);
        if *cell != Cell::Null {
            annotate(object, record, column, cell, &name, annotations);
        }
        object.insert(name, value(column, cell));
    }
    for extra in &record.extras {
        // A joined row that is not there has no values; the vendor's service leaves nulls out too.
        if extra.cell != Cell::Null {
            put(object, extra, &extra.name, annotations);
        }
    }
    for (name, expanded) in &record.expanded {
        let rendered = match expanded {
            Expanded::One(None) => Value::Null,
            Expanded::One(Some(record)) => row(record, annotations),
            Expanded::Many(rows) => rows.iter().map(|record| row(record, annotations)).collect(),
        };
        object.insert((*name).to_owned(), rendered);
    }
}

fn annotate(
    object: &mut Map<String, Value>,
    record: &Record,
    column: &ColumnDef,
    cell: &Cell,
    name: &str,
    annotations: &Annotations,
) {
    if annotations.wants(FORMATTED)
        && let Some(text) = formatted(Some(record), column, cell)
    {
        object.insert(format!("{name}@{FORMATTED}"), Value::from(text));
    }
    if let Some((target, navigation)) = column.kind.lookup() {
        if annotations.wants(NAVIGATION) {
            object.insert(format!("{name}@{NAVIGATION}"), Value::from(navigation));
        }
        if annotations.wants(LOOKUP_TABLE) {
            object.insert(format!("{name}@{LOOKUP_TABLE}"), Value::from(target));
        }
    }
}

/// A value as JSON.
pub(super) fn value(column: &ColumnDef, cell: &Cell) -> Value {
    match cell {
        Cell::Null => Value::Null,
        Cell::Text(text) => Value::from(text.as_str()),
        #[expect(
            clippy::cast_precision_loss,
            reason = "the columns of this type hold small numbers"
        )]
        Cell::Int(number) if column.kind == Kind::Double => json!(*number as f64),
        Cell::Int(number) if column.kind.places() > 0 => {
            json!(fixed(*number, column.kind.places()))
        }
        Cell::Int(number) => Value::from(*number),
        Cell::Flag(flag) if column.kind == Kind::Managed => json!({
            "Value": flag,
            "CanBeChanged": true,
            "ManagedPropertyLogicalName": "iscustomizableanddeletable",
        }),
        Cell::Flag(flag) => Value::from(*flag),
        Cell::Time(at) => Value::from(moment(*at)),
    }
}

/// A number that is kept in steps.
#[expect(clippy::cast_precision_loss, reason = "JSON's numbers are of this precision for clients")]
fn fixed(steps: i64, places: u8) -> f64 {
    steps as f64 / 10_f64.powi(places.into())
}

/// ISO 8601 in whole seconds, as the vendor's service answers.
pub(super) fn moment(at: i64) -> String {
    match Timestamp::from_microsecond(at) {
        Ok(at) => at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        // Out of the calendar's range: no row of this store has such a time.
        Err(_) => "1970-01-01T00:00:00Z".to_owned(),
    }
}

/// What a person in the United States would read, as the vendor's service formats by default.
fn formatted(record: Option<&Record>, column: &ColumnDef, cell: &Cell) -> Option<String> {
    if column.kind.lookup().is_some() {
        let mut names = record?.names.iter();
        return names.find(|(lookup, _)| *lookup == column.name).map(|(_, name)| name.clone());
    }
    match cell {
        Cell::Int(number) => match column.kind.choices() {
            Some(choices) => choices
                .iter()
                .find(|(value, _)| value == number)
                .map(|(_, label)| (*label).to_owned()),
            None if column.kind.places() > 0 => {
                let step = 10_i64.pow(column.kind.places().into());
                let rest = (number % step).unsigned_abs();
                let sign = if *number < 0 && number / step == 0 { "-" } else { "" };
                let width = usize::from(column.kind.places());
                Some(format!("{sign}{}.{rest:0width$}", grouped(number / step)))
            }
            None => Some(grouped(*number)),
        },
        Cell::Text(text) => match column.kind {
            Kind::Choices(choices) => Some(labels(choices, text)),
            _ => None,
        },
        // A managed property is an object; there is no text for it.
        Cell::Flag(_) if column.kind == Kind::Managed => None,
        Cell::Flag(flag) if column.name == "ismanaged" => {
            Some(if *flag { "Managed" } else { "Unmanaged" }.to_owned())
        }
        Cell::Flag(flag) => Some(if *flag { "Yes" } else { "No" }.to_owned()),
        Cell::Time(at) => Timestamp::from_microsecond(*at)
            .ok()
            .map(|at| at.strftime("%-m/%-d/%Y %-I:%M %p").to_string()),
        _ => None,
    }
}

/// The labels of a choice of several.
fn labels(choices: &[Choice], text: &str) -> String {
    let label = |number: i64| choices.iter().find(|(known, _)| *known == number);
    let numbers = choice_numbers(text).unwrap_or_default();
    let labels: Vec<_> = numbers.into_iter().filter_map(label).map(|(_, label)| *label).collect();
    labels.join("; ")
}

fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    if number < 0 { format!("-{out}") } else { out }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_moments_as_people_read_them() {
        assert_eq!([0, 999, 1000, -1_234_567].map(grouped), ["0", "999", "1,000", "-1,234,567"]);
        assert_eq!(moment(1_704_164_645_999_999), "2024-01-02T03:04:05Z");
    }
}
