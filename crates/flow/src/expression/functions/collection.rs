//! Collections: arrays, and for some functions text or objects.

use std::cmp::Ordering;
use std::collections::HashSet;

use super::super::number;
use super::logical::equal;
use super::{ANY, Call, Function, Result, strict};
use crate::value::{Object, Value};

pub(super) const FUNCTIONS: &[Function] = &[
    strict("contains", 2, 2, contains),
    strict("length", 1, 1, length),
    strict("empty", 1, 1, empty),
    strict("first", 1, 1, |call| end(call, true)),
    strict("last", 1, 1, |call| end(call, false)),
    strict("take", 2, 2, |call| part(call, true)),
    strict("skip", 2, 2, |call| part(call, false)),
    strict("join", 2, 2, join),
    strict("chunk", 2, 2, chunk),
    strict("sort", 1, 2, sort),
    strict("reverse", 1, 1, |call| call.give_array(call.array(0)?.iter().rev().cloned().collect())),
    strict("intersection", 1, ANY, intersection),
    strict("union", 1, ANY, union),
];

fn contains(call: &Call<'_>) -> Result {
    let wanted = call.argument(1);
    let found = match call.argument(0) {
        Value::Object(object) => object.get(call.text(1)?).is_some(),
        Value::Array(items) => {
            call.charge(items.len())?;
            items.iter().any(|item| equal(item, wanted))
        }
        Value::String(text) => text.contains(&*wanted.to_text()),
        _ => return Err(call.wrong(0, "be a dictionary (object), an array or a string")),
    };
    Ok(Value::Bool(found))
}

fn length(call: &Call<'_>) -> Result {
    let length = match call.argument(0) {
        Value::Array(items) => items.len(),
        Value::String(text) => text.encode_utf16().count(),
        _ => return Err(call.wrong(0, "be an array or a string")),
    };
    Ok(Value::Int(i64::try_from(length).unwrap_or(i64::MAX)))
}

fn empty(call: &Call<'_>) -> Result {
    Ok(Value::Bool(match call.argument(0) {
        Value::Null => true,
        Value::Object(object) => object.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::String(text) => text.is_empty(),
        _ => return Err(call.wrong(0, "be an object, an array or a string")),
    }))
}

fn end(call: &Call<'_>, first: bool) -> Result {
    match call.argument(0) {
        Value::Array(items) => {
            let item = if first { items.first() } else { items.last() };
            Ok(item.cloned().unwrap_or_default())
        }
        Value::String(text) => {
            let c = if first { text.chars().next() } else { text.chars().next_back() };
            Ok(Value::from(c.map(String::from).unwrap_or_default()))
        }
        _ => Err(call.wrong(0, "be an array or a string")),
    }
}

/// `take` and `skip`.
fn part(call: &Call<'_>, take: bool) -> Result {
    match call.argument(0) {
        Value::Array(items) => {
            let at = call.size(1)?.min(items.len());
            let part = if take { &items[..at] } else { &items[at..] };
            call.give_array(part.to_vec())
        }
        Value::String(text) => {
            let (head, tail) = text.split_at(super::string::byte_at(text, call.size(1)?));
            call.give(if take { head } else { tail })
        }
        _ => Err(call.wrong(0, "be an array or a string")),
    }
}

fn join(call: &Call<'_>) -> Result {
    let Value::Array(items) = call.argument(0) else {
        return Err(call.wrong(0, "be an array"));
    };
    let delimiter = call.text(1)?;
    let mut text = String::new();
    for (index, item) in items.iter().enumerate() {
        let item = super::text_of(item)?;
        call.charge(item.len() + delimiter.len())?;
        if index > 0 {
            text.push_str(delimiter);
        }
        text.push_str(&item);
    }
    Ok(Value::from(text))
}

fn chunk(call: &Call<'_>) -> Result {
    let size = call.size(1)?;
    if size == 0 {
        return Err(call.error("expects its second parameter to be greater than 0."));
    }
    match call.argument(0) {
        Value::Array(items) => {
            call.charge(items.len())?;
            let chunks = items.chunks(size).map(|chunk| Value::array(chunk.to_vec()));
            call.give_array(chunks.collect()).and_then(|value| call.give_nested(value))
        }
        Value::String(text) => {
            call.charge(text.len())?;
            let mut chunks = Vec::new();
            let mut rest: &str = text;
            while !rest.is_empty() {
                let (head, tail) = rest.split_at(super::string::byte_at(rest, size));
                chunks.push(Value::from(head));
                rest = tail;
            }
            call.give_array(chunks)
        }
        _ => Err(call.wrong(0, "be an array or a string")),
    }
}

fn sort(call: &Call<'_>) -> Result {
    let mut items = call.array(0)?.to_vec();
    let by = call.optional_text(1)?;
    call.charge(items.len().saturating_mul(16))?;
    let key = |item: &Value| {
        by.map_or_else(|| item.clone(), |by| item.get(by).cloned().unwrap_or_default())
    };
    let mut keyed: Vec<(Value, Value)> = items.drain(..).map(|item| (key(&item), item)).collect();
    keyed.sort_by(|(a, _), (b, _)| order(a, b));
    call.give_array(keyed.into_iter().map(|(_, item)| item).collect())
}

/// A total order over all values: null, booleans, numbers, strings, the rest as it stands.
fn order(a: &Value, b: &Value) -> Ordering {
    let kind = |value: &Value| match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Int(_) | Value::Float(_) | Value::Decimal(_) => 2,
        Value::String(_) => 3,
        Value::Array(_) | Value::Object(_) => 4,
    };
    match (a, b) {
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (Value::String(a), Value::String(b)) => a.encode_utf16().cmp(b.encode_utf16()),
        _ if kind(a) == 2 && kind(b) == 2 => {
            // By size, then by kind, then exactly: a total order, as sorting needs.
            let float = |value| number::float(value).unwrap_or(f64::NAN);
            float(a).total_cmp(&float(b)).then_with(|| match (a, b) {
                (Value::Int(a), Value::Int(b)) => a.cmp(b),
                (Value::Decimal(a), Value::Decimal(b)) => a.cmp(b),
                (Value::Int(_), _) | (Value::Float(_), Value::Decimal(_)) => Ordering::Less,
                (_, Value::Int(_)) | (Value::Decimal(_), Value::Float(_)) => Ordering::Greater,
                _ => Ordering::Equal,
            })
        }
        _ => kind(a).cmp(&kind(b)),
    }
}

/// A text that is the same for values that [`equal`] holds equal, for lookups in sets.
fn fingerprint(value: &Value) -> String {
    match value {
        Value::Int(_) | Value::Float(_) | Value::Decimal(_) => match number::whole(value) {
            Some(whole) => format!("n{whole};"),
            None => format!("n{};", number::float(value).unwrap_or(f64::NAN)),
        },
        // A boolean equals its text.
        Value::Bool(_) | Value::String(_) => {
            let text = value.to_text();
            format!("s{}:{text}", text.len())
        }
        Value::Null => "z".to_owned(),
        Value::Array(items) => {
            let items: String = items.iter().map(fingerprint).collect();
            format!("a{}:{items}", items.len())
        }
        Value::Object(object) => {
            let mut entries: Vec<String> = object
                .iter()
                .map(|(name, value)| format!("{}:{name}{}", name.len(), fingerprint(value)))
                .collect();
            entries.sort_unstable();
            format!("o{}:{}", entries.len(), entries.concat())
        }
    }
}

fn fingerprinted(call: &Call<'_>, value: &Value) -> Result<String> {
    let text = fingerprint(value);
    call.charge(text.len())?;
    Ok(text)
}

fn collections(call: &Call<'_>) -> Result<bool> {
    let arrays = matches!(call.argument(0), Value::Array(_));
    for index in 0..call.count() {
        match (arrays, call.argument(index)) {
            (true, Value::Array(_)) | (false, Value::Object(_)) => {}
            _ => {
                return Err(call.error(
                    "expects parameters of matching types: either all of them arrays or all of them objects.",
                ));
            }
        }
    }
    Ok(arrays)
}

fn intersection(call: &Call<'_>) -> Result {
    if !collections(call)? {
        let mut object = call.object(0)?.as_ref().clone();
        for index in 1..call.count() {
            let other = call.object(index)?;
            let same = object.iter().filter(|(name, value)| {
                other.get_exact(name).is_some_and(|other| equal(value, other))
            });
            object = same.map(|(name, value)| (name, value.clone())).collect();
        }
        return Ok(Value::object(object));
    }
    let mut items = distinct(call, call.array(0)?.iter())?;
    for index in 1..call.count() {
        let mut known = HashSet::new();
        for item in call.array(index)?.iter() {
            known.insert(fingerprinted(call, item)?);
        }
        let mut kept = Vec::new();
        for item in items {
            if known.contains(&fingerprinted(call, &item)?) {
                kept.push(item);
            }
        }
        items = kept;
    }
    call.give_array(items)
}

fn union(call: &Call<'_>) -> Result {
    if !collections(call)? {
        let mut object = Object::new();
        for index in 0..call.count() {
            let other = call.object(index)?;
            call.charge(other.len())?;
            for (name, value) in other.iter() {
                object.insert(name, value.clone());
            }
        }
        return Ok(Value::object(object));
    }
    let arrays = (0..call.count()).map(|index| call.array(index)).collect::<Result<Vec<_>>>()?;
    let items = distinct(call, arrays.into_iter().flat_map(|items| items.iter()))?;
    call.give_array(items)
}

/// The items without those that are equal to an earlier one.
fn distinct<'a>(call: &Call<'_>, items: impl Iterator<Item = &'a Value>) -> Result<Vec<Value>> {
    let mut known = HashSet::new();
    let mut kept = Vec::new();
    for item in items {
        if known.insert(fingerprinted(call, item)?) {
            kept.push(item.clone());
        }
    }
    Ok(kept)
}
