//! XML as JSON and back: attributes are `@name`, text `#text`, repeated elements an array.
//! The rules are those of the library that the service uses (Newtonsoft Json.NET).

use super::document::{Document, Kind, ROOT, split_name};
use super::name::{encode_local_name, is_xml_char};
use crate::value::{Object, Value, float_text};

/// The value of a document.
pub(in crate::expression) fn value_of(document: &Document) -> Value {
    let mut object = Object::new();
    add_children(document, ROOT, &mut object);
    Value::object(object)
}

fn property_name(kind: &Kind) -> String {
    match kind {
        Kind::Root => "#document".to_owned(),
        Kind::Element { name, .. } => name.clone(),
        Kind::Attribute { name, .. } => format!("@{name}"),
        Kind::Text(_) => "#text".to_owned(),
        Kind::Data(_) => "#cdata-section".to_owned(),
        Kind::Comment(_) => "#comment".to_owned(),
        Kind::Instruction { target, .. } => format!("?{target}"),
        Kind::Declaration { .. } => "?xml".to_owned(),
        Kind::Type { .. } => "!DOCTYPE".to_owned(),
    }
}

/// Adds the children of a node to an object: one of a name as it is, several as an array.
/// Comments have no value: several leave an empty array, one leaves nothing.
fn add_children(document: &Document, id: usize, object: &mut Object) {
    let mut groups: Vec<(String, Vec<usize>)> = Vec::new();
    let mut known = std::collections::HashMap::new();
    for child in document.children(id) {
        let name = property_name(document.kind(*child));
        let group = *known.entry(name.clone()).or_insert_with(|| {
            groups.push((name, Vec::new()));
            groups.len() - 1
        });
        groups[group].1.push(*child);
    }
    for (name, members) in groups {
        match members.as_slice() {
            [single] => {
                if let Some(value) = node_value(document, *single) {
                    object.insert(name, value);
                }
            }
            several => {
                let values = several.iter().filter_map(|member| node_value(document, *member));
                object.insert(name, Value::array(values.collect()));
            }
        }
    }
}

fn node_value(document: &Document, id: usize) -> Option<Value> {
    let named = |entries: &[(&str, &String)]| {
        let present = entries.iter().filter(|(_, value)| !value.is_empty());
        Value::object(present.map(|(name, value)| (*name, value.as_str())).collect())
    };
    Some(match document.kind(id) {
        Kind::Comment(_) => return None,
        Kind::Text(text) | Kind::Data(text) => Value::from(text.as_str()),
        Kind::Instruction { data, .. } => Value::from(data.as_str()),
        Kind::Attribute { value, .. } => Value::from(value.as_str()),
        Kind::Declaration { version, encoding, standalone } => {
            named(&[("@version", version), ("@encoding", encoding), ("@standalone", standalone)])
        }
        Kind::Type { name, public, system, subset } => {
            let subset = subset.clone().unwrap_or_default();
            named(&[
                ("@name", name),
                ("@public", public),
                ("@system", system),
                ("@internalSubset", &subset),
            ])
        }
        Kind::Root => value_of(document),
        Kind::Element { empty, .. } => element_value(document, id, *empty),
    })
}

fn element_value(document: &Document, id: usize, empty: bool) -> Value {
    let mut object = Object::new();
    for (name, value) in document.attributes(id) {
        object.insert(format!("@{name}"), value);
    }
    match document.children(id) {
        [] if object.is_empty() => return if empty { Value::Null } else { Value::from("") },
        [only] if object.is_empty() => {
            if let Kind::Text(text) = document.kind(*only) {
                return Value::from(text.as_str());
            }
        }
        _ => {}
    }
    add_children(document, id, &mut object);
    Value::object(object)
}

/// The document of a value: an object with one property, the root element.
///
/// # Errors
/// The text of what can not be written as XML.
pub(in crate::expression) fn document_of(value: &Value) -> Result<Document, String> {
    let object = value.as_object().ok_or("an object is needed to make XML")?;
    let mut builder = Builder { document: Document::new() };
    builder.members(ROOT, object)?;
    let document = builder.document;
    let roots = document
        .children(ROOT)
        .iter()
        .filter(|id| matches!(document.kind(**id), Kind::Element { .. }));
    if roots.count() > 1 {
        return Err("the object must have one property, which becomes the root element".to_owned());
    }
    let loose = |id: &usize| matches!(document.kind(*id), Kind::Text(_) | Kind::Data(_));
    if document.children(ROOT).iter().any(loose) {
        return Err("text needs an element around it".to_owned());
    }
    Ok(document)
}

struct Builder {
    document: Document,
}

impl Builder {
    /// Adds the properties of an object to a node.
    fn members(&mut self, parent: usize, object: &Object) -> Result<(), String> {
        // Attributes first: they declare the prefixes of the names below.
        for (name, value) in object.iter() {
            if let Some(name) = name.strip_prefix('@').filter(|_| parent != ROOT && is_plain(value))
            {
                let name = self.qualified(parent, name);
                self.document.add(parent, Kind::Attribute { name, value: plain(value)? });
            }
        }
        for (name, value) in object.iter() {
            if name.starts_with('@') && parent != ROOT && is_plain(value) {
                continue;
            }
            self.member(parent, name, value)?;
        }
        Ok(())
    }

    fn member(&mut self, parent: usize, name: &str, value: &Value) -> Result<(), String> {
        if let Value::Array(items) = value {
            return items.iter().try_for_each(|item| self.item(parent, name, item));
        }
        self.item(parent, name, value)
    }

    fn item(&mut self, parent: usize, name: &str, value: &Value) -> Result<(), String> {
        let special = match name {
            "#text" | "#whitespace" | "#significant-whitespace" => Some(Kind::Text(plain(value)?)),
            "#cdata-section" => {
                let text = plain(value)?;
                if text.contains("]]>") {
                    return Err("a CDATA section may not contain `]]>`".to_owned());
                }
                Some(Kind::Data(text))
            }
            "?xml" if parent == ROOT => {
                let part = |name: &str| value.get(name).map_or(Ok(String::new()), plain);
                Some(Kind::Declaration {
                    version: part("@version")?,
                    encoding: part("@encoding")?,
                    standalone: part("@standalone")?,
                })
            }
            "!DOCTYPE" if parent == ROOT => {
                let part = |name: &str| value.get(name).map_or(Ok(String::new()), plain);
                let subset = Some(part("@internalSubset")?).filter(|subset| !subset.is_empty());
                Some(Kind::Type {
                    name: part("@name")?,
                    public: part("@public")?,
                    system: part("@system")?,
                    subset,
                })
            }
            _ => match name.strip_prefix('?') {
                Some(target) => Some(Kind::Instruction {
                    target: encode_local_name(target),
                    data: plain(value)?,
                }),
                None => None,
            },
        };
        if let Some(kind) = special {
            check_special(&kind)?;
            self.document.add(parent, kind);
            return Ok(());
        }
        self.element(parent, name, value)
    }

    fn element(&mut self, parent: usize, name: &str, value: &Value) -> Result<(), String> {
        let kind = Kind::Element { name: String::new(), attributes: Vec::new(), empty: true };
        let id = self.document.add(parent, kind);
        match value {
            Value::Object(object) => self.members(id, object)?,
            Value::Array(items) => items.iter().try_for_each(|item| self.item(id, name, item))?,
            Value::Null => {}
            scalar => {
                let text = plain(scalar)?;
                if !text.is_empty() {
                    self.document.add(id, Kind::Text(text));
                }
                self.document.set_empty(id, false);
            }
        }
        // Named last, since the element's own attributes may declare its prefix.
        let name = self.qualified(id, name);
        self.document.rename(id, name);
        Ok(())
    }

    /// A name that keeps its prefix only where the prefix is declared.
    fn qualified(&self, id: usize, name: &str) -> String {
        let (prefix, local) = split_name(name);
        let declared = prefix == "xmlns" || self.document.namespace(id, prefix).is_some();
        if prefix.is_empty() || local.is_empty() || !declared {
            return encode_local_name(name);
        }
        format!("{}:{}", encode_local_name(prefix), encode_local_name(local))
    }
}

/// Nothing that would end a declaration, type or instruction early.
fn check_special(kind: &Kind) -> Result<(), String> {
    let safe = |text: &String, marks: &[&str]| !marks.iter().any(|mark| text.contains(mark));
    let valid = match kind {
        Kind::Instruction { data, .. } => safe(data, &["?>"]),
        Kind::Declaration { version, encoding, standalone } => {
            [version, encoding, standalone].iter().all(|text| safe(text, &["\"", "?", "<", ">"]))
                && !version.is_empty()
        }
        Kind::Type { name, public, system, subset } => {
            [name, public, system].iter().all(|text| safe(text, &["\"", "<", ">", "["]))
                && !name.is_empty()
                && subset.as_ref().is_none_or(|subset| safe(subset, &["]"]))
        }
        _ => true,
    };
    if valid { Ok(()) } else { Err("a declaration or instruction is not valid".to_owned()) }
}

fn is_plain(value: &Value) -> bool {
    !matches!(value, Value::Array(_) | Value::Object(_))
}

/// The text of a value that has no parts.
fn plain(value: &Value) -> Result<String, String> {
    let text = match value {
        Value::Bool(value) => value.to_string(),
        Value::Float(value) => float_text(*value),
        Value::Array(_) | Value::Object(_) => return Err("text can not have parts".to_owned()),
        other => other.to_text().into_owned(),
    };
    match text.chars().find(|c| !is_xml_char(*c)) {
        Some(c) => Err(format!("the character U+{:04X} is not allowed", u32::from(c))),
        None => Ok(text),
    }
}
