//! Changes to a document.
use std::collections::HashMap;

use serde_json::Value;

use super::scan::{Kind, Tree, scan, steps};
use super::{JsonDocument, JsonError, pretty};

/// A range of the text and what takes its place.
type Splice = (std::ops::Range<usize>, String);

pub(super) fn set(
    document: &JsonDocument,
    pointer: &str,
    value: &Value,
) -> Result<JsonDocument, JsonError> {
    set_all(document, &[(pointer.to_owned(), value.clone())])
}

/// Several changes with one look at the text. Places must not lie inside one another.
pub(super) fn set_all(
    document: &JsonDocument,
    changes: &[(String, Value)],
) -> Result<JsonDocument, JsonError> {
    let Some((first, _)) = changes.first() else { return Ok(document.clone()) };
    let nothing = |pointer: &str| JsonError::Pointer { pointer: pointer.to_owned() };
    let tree = scan(&document.text).ok_or_else(|| nothing(first))?;
    let layout = Layout::of(document, &tree);
    let changes = gathered(&tree, changes);
    let mut splices: Vec<(Splice, &str)> = Vec::with_capacity(changes.len());
    for (pointer, value) in &changes {
        let splice = splice(&tree, &layout, pointer, value).ok_or_else(|| nothing(pointer))?;
        splices.push((splice, pointer));
    }
    // Stable: members added to one object stay in the order they were asked for.
    splices.sort_by_key(|((range, _), _)| (range.start, range.end));
    let mut text = String::with_capacity(document.text.len() + 64 * changes.len());
    let mut at = 0;
    for ((range, with), pointer) in splices {
        if range.start < at {
            return Err(nothing(pointer));
        }
        text.push_str(&document.text[at..range.start]);
        text.push_str(&with);
        at = range.end;
    }
    text.push_str(&document.text[at..]);
    document.respliced(text)
}

/// Several new members of one object without members are one new object.
fn gathered(tree: &Tree, changes: &[(String, Value)]) -> Vec<(String, Value)> {
    let mut list: Vec<(String, Value)> = Vec::with_capacity(changes.len());
    let mut first_of: HashMap<String, usize> = HashMap::new();
    for (pointer, value) in changes {
        let parent = pointer.rsplit_once('/').filter(|_| tree.find(pointer).is_none());
        let empty = parent.filter(|(parent, _)| {
            matches!(tree.find(parent).map(|t| &t.kind), Some(Kind::Object(m)) if m.is_empty())
        });
        let Some((parent, key)) = empty else {
            list.push((pointer.clone(), value.clone()));
            continue;
        };
        let at = *first_of.entry(parent.to_owned()).or_insert_with(|| {
            list.push((parent.to_owned(), Value::Object(serde_json::Map::new())));
            list.len() - 1
        });
        if let Value::Object(map) = &mut list[at].1 {
            map.insert(key.replace("~1", "/").replace("~0", "~"), value.clone());
        }
    }
    list
}

/// The splice that sets one value; `None` if its parent is not there or is no object.
fn splice(tree: &Tree, layout: &Layout, pointer: &str, value: &Value) -> Option<Splice> {
    if let Some(found) = tree.find(pointer) {
        let depth = steps(pointer).map_or(0, |s| s.len());
        return Some((found.span.clone(), layout.render(value, depth)));
    }
    let (parent, key) = pointer.rsplit_once('/')?;
    let object = tree.find(parent)?;
    let Kind::Object(members) = &object.kind else { return None };
    let depth = steps(parent).map_or(0, |s| s.len()) + 1;
    let key = Value::String(key.replace("~1", "/").replace("~0", "~")).to_string();
    let member = format!("{key}{}{}", layout.colon, layout.render(value, depth));
    // An object without members was taken care of before: it is set as a whole.
    let at = members.last()?.value.span.end;
    Some((at..at, format!(",{}{member}", layout.line(depth))))
}

pub(super) fn remove(document: &JsonDocument, pointer: &str) -> Result<JsonDocument, JsonError> {
    let nothing = || JsonError::Pointer { pointer: pointer.to_owned() };
    let tree = scan(&document.text).ok_or_else(nothing)?;
    let (parent, _) = pointer.rsplit_once('/').ok_or_else(nothing)?;
    let step = steps(pointer).and_then(|s| s.last().cloned()).ok_or_else(nothing)?;
    let holder = tree.find(parent).ok_or_else(nothing)?;
    let spans: Vec<(usize, usize)> = match &holder.kind {
        Kind::Object(members) => members.iter().map(|m| (m.key_start, m.value.span.end)).collect(),
        Kind::Array(items) => items.iter().map(|i| (i.span.start, i.span.end)).collect(),
        Kind::Scalar => return Err(nothing()),
    };
    let index = match &holder.kind {
        Kind::Object(members) => members.iter().rposition(|m| m.key == step),
        _ => step.parse().ok().filter(|i| *i < spans.len()),
    };
    let index = index.ok_or_else(nothing)?;
    let range = if spans.len() == 1 {
        holder.span.start + 1..holder.span.end - 1
    } else if index > 0 {
        spans[index - 1].1..spans[index].1
    } else {
        spans[0].0..spans[1].0
    };
    document.respliced(spliced(&document.text, range, ""))
}

pub(super) fn push(
    document: &JsonDocument,
    pointer: &str,
    value: &Value,
) -> Result<JsonDocument, JsonError> {
    let nothing = || JsonError::Pointer { pointer: pointer.to_owned() };
    let tree = scan(&document.text).ok_or_else(nothing)?;
    let holder = tree.find(pointer).ok_or_else(nothing)?;
    let Kind::Array(items) = &holder.kind else { return Err(nothing()) };
    let layout = Layout::of(document, &tree);
    let Some(last) = items.last() else {
        let depth = steps(pointer).map_or(0, |s| s.len());
        let whole = layout.render(&Value::Array(vec![value.clone()]), depth);
        return document.respliced(spliced(&document.text, holder.span.clone(), &whole));
    };
    let text = &document.text;
    let before = match items.len() {
        1 => &text[holder.span.start + 1..last.span.start],
        n => text[items[n - 2].span.end..last.span.start].trim_start().trim_start_matches(','),
    };
    let neighbour = &text[last.span.clone()];
    let element = match neighbour.contains('\n') {
        false => one_line(value, neighbour),
        true => {
            let indent = before.rfind('\n').map_or("", |at| &before[at + 1..]);
            let unit = inner_indent(neighbour)
                .and_then(|inner| inner.strip_prefix(indent))
                .filter(|unit| !unit.is_empty())
                .unwrap_or("  ");
            pretty(value, unit).replace('\n', &format!("{}{indent}", document.eol()))
        }
    };
    let at = last.span.end;
    document.respliced(spliced(text, at..at, &format!(",{before}{element}")))
}

/// The indentation of the first line inside an element of several lines.
fn inner_indent(element: &str) -> Option<&str> {
    let line = &element[element.find('\n')? + 1..];
    Some(&line[..line.len() - line.trim_start_matches([' ', '\t']).len()])
}

/// One line, spaced as the neighbour is.
fn one_line(value: &Value, neighbour: &str) -> String {
    let Value::Object(map) = value else { return value.to_string() };
    let (pad, comma) = if neighbour.starts_with("{ ") { (" ", ", ") } else { ("", ",") };
    let colon = if neighbour.contains("\": ") { ": " } else { ":" };
    let comma = if colon == ": " { ", " } else { comma };
    let members: Vec<String> = map
        .iter()
        .map(|(key, value)| format!("{}{colon}{value}", Value::String(key.clone())))
        .collect();
    format!("{{{pad}{}{pad}}}", members.join(comma))
}

fn spliced(text: &str, range: std::ops::Range<usize>, with: &str) -> String {
    format!("{}{with}{}", &text[..range.start], &text[range.end..])
}

/// How a document is laid out.
struct Layout {
    /// Indentation per level; `None` for compact text.
    unit: Option<String>,
    colon: &'static str,
    eol: &'static str,
}

impl Layout {
    fn of(document: &JsonDocument, tree: &Tree) -> Self {
        let first = match &tree.kind {
            Kind::Object(members) => members.first().map(|m| m.key_start),
            Kind::Array(items) => items.first().map(|i| i.span.start),
            Kind::Scalar => None,
        };
        let head = first.map_or("", |at| &document.text[tree.span.start + 1..at]);
        let unit = match (head.rfind('\n'), first) {
            (Some(at), _) => Some(head[at + 1..].to_owned()),
            (None, Some(_)) => None,
            (None, None) => Some("  ".to_owned()),
        };
        let tight = match &tree.kind {
            Kind::Object(members) => {
                members.first().is_some_and(|m| document.text[..m.value.span.start].ends_with(':'))
            }
            _ => unit.is_none(),
        };
        Self { unit, colon: if tight { ":" } else { ": " }, eol: document.eol() }
    }

    fn line(&self, depth: usize) -> String {
        match &self.unit {
            Some(unit) => format!("{}{}", self.eol, unit.repeat(depth)),
            None => String::new(),
        }
    }

    fn render(&self, value: &Value, depth: usize) -> String {
        match &self.unit {
            Some(unit) => pretty(value, unit).replace('\n', &self.line(depth)),
            None => value.to_string(),
        }
    }
}
