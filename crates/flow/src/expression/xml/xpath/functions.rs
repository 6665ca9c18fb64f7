//! The core functions of XPath 1.0.

use super::super::document::{Kind, ROOT, split_name};
use super::Found;
use super::evaluate::{Evaluator, Place, size_number};

/// Calls a function with its arguments.
///
/// # Errors
/// The text of what is wrong.
pub(super) fn call(
    cx: &Evaluator<'_>,
    name: &str,
    arguments: Vec<Found>,
    place: Place,
) -> Result<Found, String> {
    let given = arguments.len();
    let count = |least: usize, most: usize| {
        if (least..=most).contains(&given) {
            Ok(())
        } else {
            Err(format!("`{name}` has a wrong number of arguments"))
        }
    };
    let here = || Found::Nodes(vec![place.node]);
    let text = |index: usize| match arguments.get(index) {
        Some(value) => cx.text(value),
        None => cx.text(&here()),
    };
    let number = |index: usize| match arguments.get(index) {
        Some(value) => cx.number(value),
        None => cx.number(&here()),
    };
    match name {
        "last" | "position" | "true" | "false" => {
            count(0, 0)?;
            Ok(match name {
                "last" => Found::Number(size_number(place.size)),
                "position" => Found::Number(size_number(place.position)),
                _ => Found::Truth(name == "true"),
            })
        }
        "count" | "sum" => {
            count(1, 1)?;
            let Found::Nodes(nodes) = &arguments[0] else {
                return Err(format!("`{name}` needs nodes"));
            };
            if name == "count" {
                return Ok(Found::Number(size_number(nodes.len())));
            }
            let numbers = nodes.iter().map(|node| cx.number(&Found::Nodes(vec![*node])));
            numbers.sum::<Result<f64, _>>().map(Found::Number)
        }
        "name" | "local-name" | "namespace-uri" => {
            count(0, 1)?;
            let nodes = arguments.into_iter().next().unwrap_or_else(here);
            let Found::Nodes(nodes) = nodes else {
                return Err(format!("`{name}` needs nodes"));
            };
            Ok(Found::Text(
                nodes.first().map_or_else(String::new, |node| node_name(cx, name, *node)),
            ))
        }
        "string" => count(0, 1).and_then(|()| text(0)).map(Found::Text),
        "number" => count(0, 1).and_then(|()| number(0)).map(Found::Number),
        "boolean" => count(1, 1).map(|()| Found::Truth(cx.truth(&arguments[0]))),
        "not" => count(1, 1).map(|()| Found::Truth(!cx.truth(&arguments[0]))),
        "floor" => count(1, 1).and_then(|()| number(0)).map(|value| Found::Number(value.floor())),
        "ceiling" => count(1, 1).and_then(|()| number(0)).map(|value| Found::Number(value.ceil())),
        "round" => {
            count(1, 1).and_then(|()| number(0)).map(|value| Found::Number((value + 0.5).floor()))
        }
        "concat" => {
            count(2, usize::MAX)?;
            let parts =
                arguments.iter().map(|part| cx.text(part)).collect::<Result<Vec<_>, _>>()?;
            Ok(Found::Text(parts.concat()))
        }
        "starts-with" | "contains" => {
            count(2, 2)?;
            let (all, part) = (text(0)?, text(1)?);
            Ok(Found::Truth(if name == "contains" {
                all.contains(&part)
            } else {
                all.starts_with(&part)
            }))
        }
        "substring-before" | "substring-after" => {
            count(2, 2)?;
            let (all, part) = (text(0)?, text(1)?);
            let halves = all.split_once(&part);
            let half = halves
                .map(|(before, after)| if name == "substring-before" { before } else { after });
            Ok(Found::Text(half.unwrap_or_default().to_owned()))
        }
        "substring" => {
            count(2, 3)?;
            let length = if given == 3 { Some(number(2)?) } else { None };
            Ok(Found::Text(substring(&text(0)?, number(1)?, length)))
        }
        "string-length" => {
            count(0, 1)?;
            Ok(Found::Number(size_number(text(0)?.encode_utf16().count())))
        }
        "normalize-space" => {
            count(0, 1)?;
            let text = text(0)?;
            Ok(Found::Text(text.split_ascii_whitespace().collect::<Vec<_>>().join(" ")))
        }
        "translate" => {
            count(3, 3)?;
            Ok(Found::Text(translate(cx, &text(0)?, &text(1)?, &text(2)?)?))
        }
        "lang" => {
            count(1, 1)?;
            Ok(Found::Truth(in_language(cx, place.node, &text(0)?)))
        }
        _ => Err(format!("the function `{name}` is not known or not supported")),
    }
}

fn node_name(cx: &Evaluator<'_>, function: &str, node: usize) -> String {
    if function == "namespace-uri" {
        return cx.namespace(node).to_owned();
    }
    let name = match cx.document.kind(node) {
        Kind::Element { name, .. } | Kind::Attribute { name, .. } => name,
        Kind::Instruction { target, .. } => target,
        _ => return String::new(),
    };
    if function == "name" { name.clone() } else { split_name(name).1.to_owned() }
}

/// Characters at positions from `start` (from 1), rounded as the language says.
fn substring(text: &str, start: f64, length: Option<f64>) -> String {
    let round = |value: f64| (value + 0.5).floor();
    let first = round(start);
    let end = length.map_or(f64::INFINITY, |length| first + round(length));
    let within = |index: usize| {
        let position = size_number(index + 1);
        position >= first && position < end
    };
    text.chars().enumerate().filter(|(index, _)| within(*index)).map(|(_, c)| c).collect()
}

fn translate(cx: &Evaluator<'_>, text: &str, from: &str, to: &str) -> Result<String, String> {
    let mut map = std::collections::HashMap::new();
    let mut replacements = to.chars();
    for c in from.chars() {
        let replacement = replacements.next();
        map.entry(c).or_insert(replacement);
    }
    (cx.spend)(text.len())?;
    Ok(text.chars().filter_map(|c| map.get(&c).copied().unwrap_or(Some(c))).collect())
}

/// Whether the nearest `xml:lang` is a language or a variety of it.
fn in_language(cx: &Evaluator<'_>, node: usize, wanted: &str) -> bool {
    let mut at = node;
    loop {
        let named = cx.document.attributes(at).find(|(name, _)| *name == "xml:lang");
        if let Some((_, found)) = named {
            let (found, wanted) = (found.to_ascii_lowercase(), wanted.to_ascii_lowercase());
            return found == wanted || found.starts_with(&format!("{wanted}-"));
        }
        if at == ROOT {
            return false;
        }
        at = cx.document.node(at).parent;
    }
}
