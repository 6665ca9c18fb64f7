//! XML: making it, reading it as JSON, XPath.

use super::super::xml;
use super::{Call, Function, Result, strict};
use crate::value::{Binary, Value, decode_charset};

const XML: &str = "application/xml;charset=utf-8";

/// The longest XPath expression, in bytes.
const MAX_XPATH: usize = 8_192;

/// What one step of an XPath expression takes from the allowance.
const STEP: usize = 64;

pub(super) const FUNCTIONS: &[Function] =
    &[strict("xml", 1, 1, make), strict("xpath", 2, 2, xpath)];

/// Whether binary content says that it is XML.
pub(super) fn is_xml(binary: &Binary) -> bool {
    let media_type =
        binary.content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    media_type.ends_with("/xml") || media_type.ends_with("+xml")
}

fn invalid(call: &Call<'_>, problem: &str) -> super::EvalError {
    call.error(format_args!("parameter is not valid. The provided value cannot be converted to XML or from it: {problem}."))
}

fn parsed(call: &Call<'_>, text: &str) -> Result<xml::Document> {
    // A node costs far more memory than the shortest tag that makes one.
    call.charge(text.len().saturating_mul(16))?;
    xml::parse(text).map_err(|problem| invalid(call, &problem))
}

fn value(call: &Call<'_>, text: String) -> Result {
    call.charge(text.len())?;
    Ok(Binary::new(XML, text).to_value())
}

fn make(call: &Call<'_>) -> Result {
    let argument = call.argument(0);
    // Binary content is taken on trust, as in the service: it fails where it is read.
    if let Some(binary) = Binary::of(argument) {
        return Ok(Binary::new(XML, binary.bytes).to_value());
    }
    let document = match argument {
        Value::String(text) => parsed(call, text)?,
        Value::Object(_) => {
            call.charge(argument.to_json_string().len().saturating_mul(4))?;
            xml::document_of(argument).map_err(|problem| invalid(call, &problem))?
        }
        _ => return Err(call.wrong(0, "be a string or an object")),
    };
    value(call, xml::whole(&document))
}

/// The JSON form of XML content.
pub(super) fn to_json(call: &Call<'_>, binary: &Binary) -> Result {
    let document = parsed(call, &binary.text())?;
    let declared = document.children(0).first().and_then(|first| match document.kind(*first) {
        xml::Kind::Declaration { encoding, .. } => Some(encoding.as_str()),
        _ => None,
    });
    if let Some(encoding) =
        declared.filter(|name| !name.is_empty() && decode_charset(name, &[]).is_none())
    {
        return Err(invalid(call, &format!("'{encoding}' is not a supported encoding")));
    }
    call.charge(document.len())?;
    call.give_nested(xml::value_of(&document))
}

fn xpath(call: &Call<'_>) -> Result {
    let Some(binary) = Binary::of(call.argument(0)).filter(is_xml) else {
        return Err(call.wrong(0, "be an XML object"));
    };
    let path = call.text(1)?;
    if path.len() > MAX_XPATH {
        return Err(call.error(format_args!(
            "was not evaluated: an XPath expression may have {MAX_XPATH} characters."
        )));
    }
    let document = parsed(call, &binary.text())?;
    let spend = |work: usize| call.charge(work.saturating_mul(STEP)).map_err(|error| error.message);
    let found = xml::evaluate(&document, path, &spend).map_err(|problem| {
        call.error(format_args!("was not evaluated: the XPath expression is not valid: {problem}."))
    })?;
    match found {
        xml::Found::Number(number) => Ok(Value::Float(number)),
        xml::Found::Text(text) => call.give(text),
        xml::Found::Truth(truth) => Ok(Value::Bool(truth)),
        xml::Found::Nodes(nodes) => {
            let nodes = nodes.into_iter().map(|id| node(call, &document, id));
            let nodes = nodes.collect::<Result<Vec<_>>>()?;
            call.give_array(nodes)
        }
    }
}

/// Elements are XML content, all else is its text.
fn node(call: &Call<'_>, document: &xml::Document, id: usize) -> Result {
    match document.kind(id) {
        xml::Kind::Root | xml::Kind::Element { .. } => value(call, xml::outer(document, id)),
        xml::Kind::Attribute { value, .. } => call.give(value.as_str()),
        xml::Kind::Text(text) | xml::Kind::Data(text) | xml::Kind::Comment(text) => {
            call.give(text.as_str())
        }
        xml::Kind::Instruction { data, .. } => call.give(data.as_str()),
        xml::Kind::Declaration { .. } | xml::Kind::Type { .. } => Ok(Value::Null),
    }
}
