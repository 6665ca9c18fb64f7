//! Addresses below `/api/data/v9.x/`: which resource is meant. Purely syntactic; whether a name is a
//! table or a function is asked afterwards.
use percent_encoding::percent_decode_str;

use super::fault::Fault;

/// Longest address, in bytes, as the vendor's service has it for a URL.
const LENGTH_MAX: usize = 32 * 1024;
/// Most segments.
const SEGMENTS_MAX: usize = 8;

/// A segment: a name, and what stands in its parentheses.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Segment {
    /// Name, with the namespace it was written with removed.
    pub name: String,
    /// What the parentheses hold; none if there were none.
    pub arguments: Option<Arguments>,
}

/// What parentheses hold.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Arguments {
    /// One value without a name: a primary key. Empty parentheses are `Named` without names.
    Key(Argument),
    /// Names and values: an alternate key, or parameters.
    Named(Vec<(String, Argument)>),
}

/// A value in parentheses.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Argument {
    /// In quotes.
    Text(String),
    /// Anything else: GUID, number, true, null.
    Bare(String),
    /// `@name`: the value stands in the query.
    Alias(String),
}

impl Argument {
    /// The value as text, however it was written.
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Text(text) | Self::Bare(text) | Self::Alias(text) => text,
        }
    }
}

/// Reads the part of an address after the version; percent-encoded, as it came.
///
/// # Errors
/// What is not well-formed is a syntax fault.
pub(super) fn parse(raw: &str) -> Result<Vec<Segment>, Fault> {
    if raw.len() > LENGTH_MAX {
        return Err(Fault::syntax(format!("an address has at most {LENGTH_MAX} bytes")));
    }
    let text = percent_decode_str(raw)
        .decode_utf8()
        .map_err(|_| Fault::syntax("the address is not UTF-8"))?;
    let text = text.trim_matches('/');
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let parts = split(text, '/')?;
    if parts.len() > SEGMENTS_MAX {
        return Err(Fault::syntax(format!("an address has at most {SEGMENTS_MAX} segments")));
    }
    parts.into_iter().map(segment).collect()
}

/// Splits outside quotes and parentheses. A doubled quote inside quotes closes and opens again,
/// which comes to the same.
pub(super) fn split(text: &str, separator: char) -> Result<Vec<&str>, Fault> {
    let (mut parts, mut start, mut quoted, mut depth) = (Vec::new(), 0, false, 0_usize);
    for (at, c) in text.char_indices() {
        match c {
            '\'' => quoted = !quoted,
            _ if quoted => {}
            '(' => depth += 1,
            ')' => {
                depth = depth
                    .checked_sub(1)
                    .ok_or_else(|| Fault::syntax("a parenthesis is closed that was not opened"))?;
            }
            _ if c == separator && depth == 0 => {
                parts.push(&text[start..at]);
                start = at + c.len_utf8();
            }
            _ => {}
        }
    }
    if quoted || depth > 0 {
        return Err(Fault::syntax(format!("a quote or a parenthesis is not closed in `{text}`")));
    }
    parts.push(&text[start..]);
    Ok(parts)
}

fn segment(text: &str) -> Result<Segment, Fault> {
    let (name, arguments) = match text.split_once('(') {
        None => (text, None),
        Some((name, rest)) => {
            let inside = rest.strip_suffix(')').ok_or_else(|| {
                Fault::syntax(format!("`{text}` does not end with a parenthesis"))
            })?;
            (name, Some(arguments(inside)?))
        }
    };
    let name = name.trim();
    // The namespace, or the alias that `$metadata` gives it.
    let short = ["Microsoft.Dynamics.CRM.", "mscrm."]
        .iter()
        .find_map(|namespace| name.strip_prefix(namespace))
        .unwrap_or(name);
    if short.is_empty()
        || !short.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '$' | '.'))
    {
        return Err(Fault::no_resource(name));
    }
    Ok(Segment { name: short.to_owned(), arguments })
}

fn arguments(inside: &str) -> Result<Arguments, Fault> {
    if inside.trim().is_empty() {
        return Ok(Arguments::Named(Vec::new()));
    }
    let parts = split(inside, ',')?;
    if let [only] = parts.as_slice()
        && name_and_value(only).is_none()
    {
        return Ok(Arguments::Key(argument(only)?));
    }
    let named = parts
        .iter()
        .map(|part| {
            let (name, value) = name_and_value(part)
                .ok_or_else(|| Fault::syntax(format!("`{part}` has no name")))?;
            Ok((name.to_owned(), argument(value)?))
        })
        .collect::<Result<Vec<_>, Fault>>()?;
    Ok(Arguments::Named(named))
}

fn name_and_value(part: &str) -> Option<(&str, &str)> {
    let (name, value) = part.split_once('=')?;
    let name = name.trim();
    let named = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_');
    named.then_some((name, value))
}

pub(super) fn argument(text: &str) -> Result<Argument, Fault> {
    let text = text.trim();
    if let Some(inside) = text.strip_prefix('\'') {
        let inside = inside
            .strip_suffix('\'')
            .ok_or_else(|| Fault::syntax(format!("a quote is not closed in `{text}`")))?;
        if inside.replace("''", "").contains('\'') {
            return Err(Fault::syntax(format!("a quote inside `{text}` is not doubled")));
        }
        return Ok(Argument::Text(inside.replace("''", "'")));
    }
    if let Some(alias) = text.strip_prefix('@') {
        return Ok(Argument::Alias(alias.to_owned()));
    }
    if text.is_empty() {
        return Err(Fault::syntax("a value is missing"));
    }
    Ok(Argument::Bare(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(raw: &str) -> String {
        match parse(raw) {
            Ok(segments) => segments
                .iter()
                .map(|s| match &s.arguments {
                    None => s.name.clone(),
                    Some(arguments) => format!("{} {arguments:?}", s.name),
                })
                .collect::<Vec<_>>()
                .join(" / "),
            Err(fault) => format!("! {fault}"),
        }
    }

    #[test]
    fn addresses_as_clients_write_them() {
        let addresses = [
            "",
            "workflows",
            "workflows(00000000-0000-0000-0000-000000000001)",
            "WhoAmI()",
            "connectionreferences(connectionreferencelogicalname='new_sp')/connectionid",
            "connectionreferences(connectionreferencelogicalname=%27a%2Fb''c%27)",
            "workflows(1)/Microsoft.Dynamics.CRM.Fn(A=@p1,B='x,y')",
            "workflows(1)/mscrm.Do",
            "EntityDefinitions(LogicalName='x')/Attributes/Microsoft.Dynamics.CRM.PicklistAttributeMetadata",
            "workflows/$count",
            "workflows(",
            "workflows('a",
            "workflows)",
            "a b",
            "x('a'b')",
            "%ff",
        ];
        let shown: Vec<_> = addresses.iter().map(|a| format!("{a}\n    {}", show(a))).collect();
        insta::assert_snapshot!(shown.join("\n"));
    }
}
