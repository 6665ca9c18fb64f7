//! Rows as OData JSON.
use connref_store::query::{
    Cell, Choice, ColumnDef, Expanded, Extra, Kind, Page, Record, choice_numbers,
};
use jiff::Timestamp;
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
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

/// What is answered beside the values, looked up once for an answer.
#[derive(Clone, Copy)]
struct Beside {
    formatted: bool,
    lookup_table: bool,
    navigation: bool,
}

impl Beside {
    fn of(annotations: &Annotations) -> Self {
        Self {
            formatted: annotations.wants(FORMATTED),
            lookup_table: annotations.wants(LOOKUP_TABLE),
            navigation: annotations.wants(NAVIGATION),
        }
    }
}

/// A row by itself, with its context. It is written straight to bytes, as are those of a page: a tree
/// in between costs more than reading the row.
pub(super) struct Entity<'a> {
    record: &'a Record,
    context: String,
    beside: Beside,
}

/// A row by itself.
pub(super) fn entity<'a>(
    record: &'a Record,
    root: &str,
    shape: &str,
    annotations: &Annotations,
) -> Entity<'a> {
    let context = format!("{root}/$metadata#{}{shape}/$entity", record.table.set);
    Entity { record, context, beside: Beside::of(annotations) }
}

impl Serialize for Entity<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("@odata.context", &self.context)?;
        fill(&mut map, self.record, self.beside)?;
        map.end()
    }
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
    /// What is wanted beside the values.
    pub annotations: &'a Annotations,
}

impl Serialize for Listed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { page, annotations, .. } = self;
        let mut map = serializer.serialize_map(None)?;
        let context = format!("{}/$metadata#{}{}", self.root, self.set, self.shape);
        map.serialize_entry("@odata.context", &context)?;
        if let Some(count) = page.count {
            map.serialize_entry("@odata.count", &count.rows)?;
        }
        if annotations.wants(TOTAL) {
            let total = page.count.map_or(json!(-1), |count| json!(count.rows));
            map.serialize_entry(&format!("@{TOTAL}"), &total)?;
        }
        if annotations.wants(TOTAL_EXCEEDED) {
            let exceeded = page.count.is_some_and(|count| count.exceeded);
            map.serialize_entry(&format!("@{TOTAL_EXCEEDED}"), &exceeded)?;
        }
        if let Some(cookie) = &self.cookie {
            if annotations.wants(COOKIE) {
                map.serialize_entry(&format!("@{COOKIE}"), cookie)?;
            }
            if annotations.wants(MORE) {
                map.serialize_entry(&format!("@{MORE}"), &true)?;
            }
        }
        map.serialize_entry("value", &Values { page, annotations })?;
        if let Some(next) = &self.next {
            map.serialize_entry("@odata.nextLink", next)?;
        }
        map.end()
    }
}

/// Rows, then groups: a page has one of both.
struct Values<'a> {
    page: &'a Page,
    annotations: &'a Annotations,
}

impl Serialize for Values<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let beside = Beside::of(self.annotations);
        let mut list = serializer.serialize_seq(None)?;
        for record in &self.page.rows {
            list.serialize_element(&RowOf { record, beside })?;
        }
        for values in &self.page.groups {
            list.serialize_element(&group(values, beside))?;
        }
        list.end()
    }
}

/// A row among others.
struct RowOf<'a> {
    record: &'a Record,
    beside: Beside,
}

impl Serialize for RowOf<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        fill(&mut map, self.record, self.beside)?;
        map.end()
    }
}

struct RowsOf<'a> {
    records: &'a [Record],
    beside: Beside,
}

impl Serialize for RowsOf<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let beside = self.beside;
        serializer.collect_seq(self.records.iter().map(|record| RowOf { record, beside }))
    }
}

/// A group: its values by name. A name with `/` is a value of the row a lookup points to.
fn group(values: &[Extra], beside: Beside) -> Value {
    let mut object = Map::new();
    for extra in values {
        match extra.name.split_once('/') {
            None => put(&mut object, extra, &extra.name, beside),
            Some(_) => {
                let mut inner = &mut object;
                let mut names = extra.name.split('/').peekable();
                while let Some(name) = names.next() {
                    if names.peek().is_none() {
                        put(inner, extra, name, beside);
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
fn put(object: &mut Map<String, Value>, extra: &Extra, name: &str, beside: Beside) {
    let text = match extra.column {
        Some(column) if column.kind.lookup().is_some() => extra.label.clone(),
        Some(column) => formatted(None, column, &extra.cell),
        None => match extra.cell {
            Cell::Int(number) => Some(extra.label.clone().unwrap_or_else(|| grouped(number))),
            _ => None,
        },
    };
    if beside.formatted
        && let Some(text) = text
    {
        object.insert(format!("{name}@{FORMATTED}"), Value::from(text));
    }
    if let Some((target, _)) = extra.column.and_then(|column| column.kind.lookup())
        && beside.lookup_table
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

fn fill<M: SerializeMap>(map: &mut M, record: &Record, beside: Beside) -> Result<(), M::Error> {
    if let Some(version) = record.version {
        map.serialize_entry("@odata.etag", &etag(version))?;
    }
    for (column, cell) in &record.cells {
        let name = names::property(column);
        if *cell != Cell::Null {
            annotate(map, record, column, cell, &name, beside)?;
        }
        map.serialize_entry(&*name, &Shown { column, cell })?;
    }
    if !record.extras.is_empty() {
        let mut object = Map::new();
        // A joined row that is not there has no values; the vendor's service leaves nulls out too.
        for extra in record.extras.iter().filter(|extra| extra.cell != Cell::Null) {
            put(&mut object, extra, &extra.name, beside);
        }
        for (name, value) in &object {
            map.serialize_entry(name, value)?;
        }
    }
    for (name, expanded) in &record.expanded {
        match expanded {
            Expanded::One(None) => map.serialize_entry(name, &())?,
            Expanded::One(Some(record)) => map.serialize_entry(name, &RowOf { record, beside })?,
            Expanded::Many(records) => map.serialize_entry(name, &RowsOf { records, beside })?,
        }
    }
    Ok(())
}

fn annotate<M: SerializeMap>(
    map: &mut M,
    record: &Record,
    column: &ColumnDef,
    cell: &Cell,
    name: &str,
    beside: Beside,
) -> Result<(), M::Error> {
    if beside.formatted
        && let Some(text) = formatted(Some(record), column, cell)
    {
        map.serialize_entry(&format!("{name}@{FORMATTED}"), &text)?;
    }
    if let Some((target, navigation)) = column.kind.lookup() {
        if beside.navigation {
            map.serialize_entry(&format!("{name}@{NAVIGATION}"), navigation)?;
        }
        if beside.lookup_table {
            map.serialize_entry(&format!("{name}@{LOOKUP_TABLE}"), target)?;
        }
    }
    Ok(())
}

/// A value as JSON.
pub(super) fn value(column: &ColumnDef, cell: &Cell) -> Value {
    json!(Shown { column, cell })
}

/// A value as its column has it.
struct Shown<'a> {
    column: &'a ColumnDef,
    cell: &'a Cell,
}

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let kind = self.column.kind;
        match self.cell {
            Cell::Null => serializer.serialize_unit(),
            Cell::Text(text) => serializer.serialize_str(text),
            #[expect(
                clippy::cast_precision_loss,
                reason = "the columns of this type hold small numbers"
            )]
            Cell::Int(number) if kind == Kind::Double => serializer.serialize_f64(*number as f64),
            Cell::Int(number) if kind.places() > 0 => {
                serializer.serialize_f64(fixed(*number, kind.places()))
            }
            Cell::Int(number) => serializer.serialize_i64(*number),
            Cell::Flag(flag) if kind == Kind::Managed => {
                let mut map = serializer.serialize_map(None)?;
                map.serialize_entry("Value", flag)?;
                map.serialize_entry("CanBeChanged", &true)?;
                map.serialize_entry("ManagedPropertyLogicalName", "iscustomizableanddeletable")?;
                map.end()
            }
            Cell::Flag(flag) => serializer.serialize_bool(*flag),
            Cell::Time(at) => serializer.serialize_str(&moment(*at)),
        }
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
