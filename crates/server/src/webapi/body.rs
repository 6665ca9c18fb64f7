//! Bodies of writes: JSON to typed values, checked against the table before anything is done.
use connref_solution::model::id::is_guid;
use connref_store::query::{
    Cell, ColumnDef, Kind, Record, Source, TableDef, choice_numbers, choice_written,
};
use serde_json::{Map, Value};

use super::fault::Fault;
use super::filter::moment;
use super::names;
use super::path::{self, Segment};

/// What a body is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// A new row.
    Create,
    /// A change of a row.
    Update,
}

/// A value in a body.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Given {
    /// null
    Null,
    /// Text, or a GUID in lower case.
    Text(String),
    /// Number or choice.
    Int(i64),
    /// Yes or no.
    Flag(bool),
    /// Moment.
    Time(i64),
    /// A row to point to, not yet looked up.
    Row(Segment),
}

/// The values of a body. Whoever writes takes what it knows; what is left over is refused, so
/// nothing a client sends is lost in silence.
#[derive(Debug)]
pub(super) struct Fields {
    table: &'static TableDef,
    values: Vec<(&'static ColumnDef, Given)>,
}

/// Reads a body as an object.
///
/// # Errors
/// What is no JSON object.
pub(super) fn object(bytes: &[u8]) -> Result<Map<String, Value>, Fault> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(Map::new());
    }
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(Fault::payload("The body is not a JSON object.")),
        Err(error) => Err(Fault::payload(format!("The body is not JSON: {error}"))),
    }
}

impl Fields {
    /// Checks a body against a table.
    ///
    /// # Errors
    /// Unknown or unwritable properties, values of the wrong type, texts that are too long.
    pub(super) fn read(
        table: &'static TableDef,
        body: Map<String, Value>,
        purpose: Purpose,
    ) -> Result<Self, Fault> {
        let mut fields = Self { table, values: Vec::new() };
        for (name, value) in body {
            if let Some(navigation) = name.strip_suffix("@odata.bind") {
                fields.bind(navigation, &value, purpose)?;
            } else if !name.contains('@') {
                fields.set(&name, value, purpose)?;
            }
        }
        Ok(fields)
    }

    fn bind(&mut self, navigation: &str, value: &Value, purpose: Purpose) -> Result<(), Fault> {
        let column = self
            .table
            .navigation(navigation)
            .ok_or_else(|| Fault::no_property(self.table.name, navigation))?;
        self.creatable(column, purpose)?;
        let given = match value {
            Value::Null => Given::Null,
            Value::String(address) => Given::Row(reference(address)?),
            _ => {
                return Err(Fault::payload(format!(
                    "`{navigation}@odata.bind` is not an address."
                )));
            }
        };
        self.put(column, given)
    }

    fn set(&mut self, name: &str, value: Value, purpose: Purpose) -> Result<(), Fault> {
        let column = names::column(self.table, name)?;
        if column.kind.lookup().is_some() {
            return Err(Fault::payload(format!(
                "`{name}` is set with `{}@odata.bind`.",
                column.kind.lookup().map_or(name, |(_, navigation)| navigation)
            )));
        }
        let given = self.typed(column, value)?;
        // What every row has may be sent along: it is no attempt to set it.
        if purpose == Purpose::Create && !column.creatable && is_everywhere(column, &given) {
            return Ok(());
        }
        self.creatable(column, purpose)?;
        self.put(column, given)
    }

    fn put(&mut self, column: &'static ColumnDef, given: Given) -> Result<(), Fault> {
        if self.values.iter().any(|(there, _)| there.name == column.name) {
            return Err(Fault::payload(format!("The property `{}` is given twice.", column.name)));
        }
        self.values.push((column, given));
        Ok(())
    }

    /// What may be changed is asked when it is known what the row holds.
    fn creatable(&self, column: &ColumnDef, purpose: Purpose) -> Result<(), Fault> {
        if purpose == Purpose::Update || column.creatable {
            return Ok(());
        }
        Err(self.fixed(column, "given for a new row"))
    }

    fn fixed(&self, column: &ColumnDef, what: &str) -> Fault {
        Fault::payload(format!(
            "The property `{}` of `{}` cannot be {what} here.",
            column.name, self.table.name
        ))
    }

    fn typed(&self, column: &ColumnDef, value: Value) -> Result<Given, Fault> {
        let wrong = |found: &'static str| {
            Fault::payload(format!(
                "The property `{}` is of the type {}, not {found}.",
                column.name,
                column.kind.edm()
            ))
        };
        match (column.kind, value) {
            (_, Value::Null) if column.required => {
                Err(Fault::payload(format!("The property `{}` cannot be null.", column.name)))
            }
            (_, Value::Null) => Ok(Given::Null),
            (Kind::Choices(_), Value::String(text)) if text.trim().is_empty() => Ok(Given::Null),
            (Kind::Choices(choices), Value::String(text)) => choice_numbers(&text)
                .filter(|given| {
                    given.iter().all(|number| choices.iter().any(|(known, _)| known == number))
                })
                .map(|given| Given::Text(choice_written(&given)))
                .ok_or_else(|| {
                    Fault::invalid(format!(
                        "A value outside the valid range was given for `{}`: {text}.",
                        column.name
                    ))
                }),
            (Kind::Text(most) | Kind::Memo(most), Value::String(text)) => {
                self.short_enough(column, &text, most)?;
                Ok(Given::Text(text))
            }
            (Kind::Spelled(spellings), Value::String(text)) => spellings
                .iter()
                .find(|(stored, shown)| {
                    stored.eq_ignore_ascii_case(&text) || shown.eq_ignore_ascii_case(&text)
                })
                .map(|(stored, _)| Given::Text((*stored).to_owned()))
                .ok_or_else(|| {
                    let known: Vec<_> = spellings.iter().map(|(_, shown)| *shown).collect();
                    Fault::invalid(format!("`{text}` is none of: {}.", known.join(", ")))
                }),
            (Kind::Guid, Value::String(text)) if is_guid(&text) => {
                Ok(Given::Text(text.trim_matches(['{', '}']).to_ascii_lowercase()))
            }
            (Kind::Flag, Value::Bool(flag)) => Ok(Given::Flag(flag)),
            // As it is read.
            (Kind::Managed, Value::Object(object)) => match object.get("Value") {
                Some(Value::Bool(flag)) => Ok(Given::Flag(*flag)),
                _ => Err(wrong("an object without `Value`")),
            },
            (Kind::Time, Value::String(text)) => moment(&text).map(Given::Time).ok_or_else(|| {
                Fault::payload(format!(
                    "The property `{}` is a date and time, not `{text}`.",
                    column.name
                ))
            }),
            (Kind::Fixed { places, .. }, Value::Number(number)) => {
                steps(&number.to_string(), places).map(Given::Int).ok_or_else(|| {
                    Fault::invalid(format!(
                        "A value outside the valid range was given for `{}`: {number}.",
                        column.name
                    ))
                })
            }
            (kind, Value::Number(number)) => {
                let number = number.as_i64().filter(|number| match kind.edm() {
                    "Edm.Int32" => i32::try_from(*number).is_ok(),
                    edm => edm == "Edm.Int64",
                });
                let number = number.ok_or_else(|| wrong("a number"))?;
                match kind.choices() {
                    Some(choices) if !choices.iter().any(|(value, _)| *value == number) => {
                        let name = column.name;
                        Err(Fault::invalid(format!(
                            "A value outside the valid range was given for `{name}`: {number}."
                        )))
                    }
                    _ => Ok(Given::Int(number)),
                }
            }
            (_, value) => Err(wrong(brief(&value))),
        }
    }

    fn short_enough(&self, column: &ColumnDef, text: &str, most: u32) -> Result<(), Fault> {
        // The service counts UTF-16 units.
        let length = text.encode_utf16().count();
        if length <= usize::try_from(most).unwrap_or(usize::MAX) {
            return Ok(());
        }
        Err(Fault::new(
            http::StatusCode::BAD_REQUEST,
            TOO_LONG,
            format!(
                "The length of the '{}' attribute of the '{}' entity exceeded the maximum allowed length of '{most}'.",
                column.name, self.table.name
            ),
        ))
    }

    /// Adds the row that the address of a collection belongs to.
    ///
    /// # Errors
    /// A body that says where the new row points, too.
    pub(super) fn point(&mut self, lookup: &'static ColumnDef, row: Segment) -> Result<(), Fault> {
        self.put(lookup, Given::Row(row))
    }

    /// Adds what the address of an upsert says.
    ///
    /// # Errors
    /// A body that says something else.
    pub(super) fn add(&mut self, column: &'static ColumnDef, text: String) -> Result<(), Fault> {
        match self.values.iter().find(|(there, _)| there.name == column.name) {
            None => {
                self.values.push((column, Given::Text(text)));
                Ok(())
            }
            Some((_, Given::Text(same))) if same.eq_ignore_ascii_case(&text) => Ok(()),
            Some(_) => Err(Fault::payload(format!(
                "The property `{}` differs between the address and the body.",
                column.name
            ))),
        }
    }

    /// Refuses a new row that lacks what it must have.
    ///
    /// # Errors
    /// The first missing property.
    pub(super) fn complete(&self) -> Result<(), Fault> {
        let missing = self.table.columns.iter().find(|column| {
            column.required && !self.values.iter().any(|(there, _)| there.name == column.name)
        });
        match missing {
            None => Ok(()),
            Some(column) => Err(Fault::payload(format!(
                "The property `{}` of `{}` is required.",
                names::property(column),
                self.table.name
            ))),
        }
    }

    /// Drops the key and whatever already has the value it is set to; what clients send back
    /// unchanged is no attempt to change it. A state stays: setting it again says that it is meant.
    ///
    /// # Errors
    /// The first property that would change and cannot.
    pub(super) fn differing_from(&mut self, record: &Record) -> Result<(), Fault> {
        self.values.retain(|(column, given)| {
            let state = column.updatable && matches!(column.kind, Kind::State(_) | Kind::Status(_));
            column.name != self.table.primary_id
                && (state || record.cell(column.name).is_none_or(|cell| !same(cell, given)))
        });
        match self.values.iter().find(|(column, _)| !column.updatable) {
            Some((column, _)) => Err(self.fixed(column, "changed")),
            None => Ok(()),
        }
    }

    /// Everything that is left.
    pub(super) fn all(self) -> Vec<(&'static ColumnDef, Given)> {
        self.values
    }

    fn take(&mut self, name: &str) -> Option<Given> {
        let at = self.values.iter().position(|(column, _)| column.name == name)?;
        Some(self.values.remove(at).1)
    }

    /// A text; `Some(None)` stands for an explicit null.
    pub(super) fn nullable(&mut self, name: &str) -> Option<Option<String>> {
        self.take(name).map(|given| match given {
            Given::Text(text) => Some(text),
            _ => None,
        })
    }

    /// A text, null and nothing being the same.
    pub(super) fn text(&mut self, name: &str) -> Option<String> {
        self.nullable(name).flatten()
    }

    /// A number or choice.
    pub(super) fn int(&mut self, name: &str) -> Option<i64> {
        match self.take(name) {
            Some(Given::Int(number)) => Some(number),
            _ => None,
        }
    }

    /// Yes or no.
    pub(super) fn flag(&mut self, name: &str) -> Option<bool> {
        match self.take(name) {
            Some(Given::Flag(flag)) => Some(flag),
            _ => None,
        }
    }

    /// A row to point to.
    pub(super) fn row(&mut self, name: &str) -> Option<Segment> {
        match self.take(name) {
            Some(Given::Row(segment)) => Some(segment),
            _ => None,
        }
    }

    /// Refuses what nobody took.
    ///
    /// # Errors
    /// The first property left.
    pub(super) fn finish(self) -> Result<(), Fault> {
        match self.values.first() {
            None => Ok(()),
            Some((column, _)) => Err(Fault::invalid(format!(
                "setting `{}` of `{}` is not supported",
                column.name, self.table.name
            ))),
        }
    }
}

const TOO_LONG: &str = "0x80044331";

/// Whether each row that can be made here has this value.
fn is_everywhere(column: &ColumnDef, given: &Given) -> bool {
    match (column.source, given) {
        (Source::Nothing, Given::Null) => true,
        (Source::Constant(all) | Source::ConstantWhere(_, all), Given::Int(given)) => all == *given,
        (Source::Constant(all) | Source::ConstantWhere(_, all), Given::Flag(given)) => {
            (all != 0) == *given
        }
        _ => false,
    }
}

fn same(cell: &Cell, given: &Given) -> bool {
    match (cell, given) {
        (Cell::Null, Given::Null) => true,
        (Cell::Text(there), Given::Text(given)) => there == given,
        (Cell::Int(there), Given::Int(given)) => there == given,
        (Cell::Flag(there), Given::Flag(given)) => there == given,
        // Moments are shown to the second.
        (Cell::Time(there), Given::Time(given)) => {
            there == given || there - there.rem_euclid(1_000_000) == *given
        }
        _ => false,
    }
}

/// A number as so many whole steps; what is finer than a step is rounded.
fn steps(text: &str, places: u8) -> Option<i64> {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if fraction.len() <= usize::from(places) && !digits.contains(['e', 'E']) {
        let padded = format!("{whole}{fraction:0<width$}", width = usize::from(places));
        return padded.parse::<i64>().ok()?.checked_mul(sign);
    }
    let steps = (text.parse::<f64>().ok()? * 10_f64.powi(places.into())).round();
    #[expect(clippy::cast_possible_truncation, reason = "it was held against the range")]
    (steps.abs() < 9.2e18).then_some(steps as i64)
}

fn brief(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// The row an address points to: `/set(key)`, `set(key)`, or the same behind the root of the API.
pub(super) fn reference(address: &str) -> Result<Segment, Fault> {
    let tail = match address.split_once("/api/data/v9.") {
        Some((_, rest)) => rest.split_once('/').map_or("", |(_, tail)| tail),
        None => address,
    };
    let mut segments = path::parse(tail)?;
    match (segments.pop(), segments.is_empty()) {
        (Some(segment), true) if segment.arguments.is_some() => Ok(segment),
        _ => Err(Fault::payload(format!("`{address}` is not the address of a row."))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use connref_store::query::table_by_set;
    use serde_json::json;

    fn shown(set: &str, body: &Value, purpose: Purpose) -> String {
        let read = object(body.to_string().as_bytes())
            .and_then(|body| Fields::read(table_by_set(set).unwrap(), body, purpose));
        match read {
            Ok(fields) => {
                let given = |(c, g): &(&ColumnDef, Given)| format!("{}={g:?}", c.name);
                fields.values.iter().map(given).collect::<Vec<_>>().join(" ")
            }
            Err(fault) => format!("! {} {fault}", fault.code),
        }
    }

    #[test]
    fn bodies_as_clients_write_them() {
        let guid = "00000000-0000-7000-8000-000000000001";
        let bodies = [
            (
                "connectionreferences",
                json!({"connectionid": null, "description": "x"}),
                Purpose::Update,
            ),
            (
                "connectionreferences",
                json!({"connectionreferencelogicalname": "x"}),
                Purpose::Update,
            ),
            ("connectionreferences", json!({"connectorid": null}), Purpose::Create),
            ("connectionreferences", json!({"nosuch": 1}), Purpose::Create),
            ("connectionreferences", json!({"createdon": "2024-01-01"}), Purpose::Create),
            ("connectionreferences", json!({"description": "x".repeat(2001)}), Purpose::Create),
            (
                "workflows",
                json!({"@odata.type": "x", "workflowid": guid, "statecode": 1}),
                Purpose::Update,
            ),
            ("workflows", json!({"statecode": 7}), Purpose::Update),
            ("workflows", json!({"statecode": "1"}), Purpose::Update),
            ("workflows", json!({"name": 5}), Purpose::Update),
            ("workflows", json!({"_ownerid_value": guid}), Purpose::Update),
            ("workflows", json!({"workflowid": "x"}), Purpose::Create),
            (
                "workflows",
                json!({"mode": 0, "subprocess": false, "xaml": null, "category": 5}),
                Purpose::Create,
            ),
            ("workflows", json!({"mode": 1}), Purpose::Create),
            ("workflows", json!({"subprocess": true}), Purpose::Create),
            ("workflows", json!({"xaml": "<Activity/>"}), Purpose::Create),
            (
                "solutions",
                json!({"publisherid@odata.bind": format!("/publishers({guid})")}),
                Purpose::Create,
            ),
            (
                "solutions",
                json!({"publisherid@odata.bind": "https://x/api/data/v9.2/publishers(uniquename='a''b')"}),
                Purpose::Create,
            ),
            ("solutions", json!({"publisherid@odata.bind": "publishers"}), Purpose::Create),
            (
                "systemusers",
                json!({"connref_role": "environment Maker", "isdisabled": true}),
                Purpose::Create,
            ),
            ("systemusers", json!({"connref_role": "King"}), Purpose::Create),
        ];
        let shown: Vec<_> = bodies
            .iter()
            .map(|(set, body, purpose)| {
                let text: String = body.to_string().chars().take(100).collect();
                format!("{set} {text}\n    {}", shown(set, body, *purpose))
            })
            .collect();
        insta::assert_snapshot!(shown.join("\n"));
    }

    #[test]
    fn what_is_no_object_is_refused() {
        assert!(object(b"[]").is_err());
        assert!(object(b"{").is_err());
        assert!(object("[".repeat(100_000).as_bytes()).is_err());
        assert_eq!(object(b" "), Ok(Map::new()));
    }

    #[test]
    fn what_nobody_takes_is_refused() {
        let table = table_by_set("workflows").unwrap();
        let body = object(br#"{"name": "x", "description": null}"#).unwrap();
        let mut fields = Fields::read(table, body, Purpose::Update).unwrap();
        assert_eq!(fields.nullable("description"), Some(None));
        assert_eq!(fields.nullable("clientdata"), None);
        assert!(fields.finish().is_err());
    }
}
