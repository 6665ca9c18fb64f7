//! Policy templates: the changes that a connector makes to its own requests and responses.

use std::collections::BTreeSet;

use connref_solution::connector::PolicyTemplate;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value as Json};

use super::super::{CallContext, CallError, Credential, encode, rest};

/// All policies of a connector, in order.
#[derive(Debug, Default)]
pub(super) struct Policies {
    list: Vec<Policy>,
    /// Connection parameters that the definition keeps secret.
    secrets: BTreeSet<String>,
}

#[derive(Debug)]
struct Policy {
    kind: Kind,
    /// `None`: every operation.
    operations: Option<Vec<String>>,
    response: bool,
}

#[derive(Debug)]
enum Kind {
    SetHeader { name: String, value: String, exists: Exists },
    SetQuery { name: String, value: String, exists: Exists },
    Host(String),
    Route { path: String, method: Option<Method> },
    SetProperty { parent: Vec<String>, name: String, value: String },
    Unsupported(String),
}

/// What happens if the header or query parameter is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exists {
    Override,
    Skip,
    Append,
}

impl Policies {
    pub(super) fn new(templates: &[PolicyTemplate], secrets: BTreeSet<String>) -> Self {
        Self { list: templates.iter().filter_map(Policy::read).collect(), secrets }
    }

    pub(super) fn unsupported<'a>(&'a self) -> Vec<&'a str> {
        let name = |p: &'a Policy| match &p.kind {
            Kind::Unsupported(name) => Some(name.as_str()),
            _ => None,
        };
        self.list.iter().filter_map(name).collect()
    }

    fn of<'a>(&'a self, operation: &'a str, response: bool) -> impl Iterator<Item = &'a Kind> {
        let applies = move |p: &&Policy| p.response == response && p.applies(operation);
        self.list.iter().filter(applies).map(|p| &p.kind)
    }

    /// Refuses an operation that a policy applies to which is not offered.
    pub(super) fn check(&self, operation: &str) -> Result<(), CallError> {
        for kind in self.of(operation, false).chain(self.of(operation, true)) {
            if let Kind::Unsupported(name) = kind {
                return Err(CallError::unsupported(
                    name,
                    format!("the policy template applies to `{operation}` and is not offered"),
                ));
            }
        }
        Ok(())
    }

    /// The base address that a policy sets.
    pub(super) fn host(
        &self,
        operation: &str,
        cx: &CallContext<'_>,
    ) -> Result<Option<String>, CallError> {
        let mut found = None;
        for kind in self.of(operation, false) {
            if let Kind::Host(template) = kind {
                let text = self.expand(template, cx, Secrets::Never, &str::to_owned)?;
                // People type the scheme although the template has it already.
                let text = text
                    .strip_prefix("https://")
                    .filter(|t| t.contains("://"))
                    .unwrap_or(&text)
                    .to_owned();
                if text.contains(['?', '#', '@', '\\'])
                    || text.chars().any(|c| c.is_whitespace() || c.is_control())
                {
                    return Err(CallError::connection(
                        "its host parameter holds characters that no host has",
                    ));
                }
                found = Some(if text.contains("://") { text } else { format!("https://{text}") });
            }
        }
        Ok(found)
    }

    /// The path and method that a policy routes to.
    pub(super) fn route(
        &self,
        operation: &str,
        cx: &CallContext<'_>,
    ) -> Result<Option<(String, Option<Method>)>, CallError> {
        let mut found = None;
        for kind in self.of(operation, false) {
            if let Kind::Route { path, method } = kind {
                found = Some((
                    self.expand(path, cx, Secrets::Named, &encode::component)?,
                    method.clone(),
                ));
            }
        }
        Ok(found)
    }

    /// Changes the request's headers and query.
    pub(super) fn request(
        &self,
        operation: &str,
        cx: &CallContext<'_>,
        headers: &mut HeaderMap,
        query: &mut Vec<(String, String)>,
    ) -> Result<(), CallError> {
        for kind in self.of(operation, false) {
            match kind {
                Kind::SetHeader { name, value, exists } => {
                    let bad =
                        || CallError::connection("a policy sets a header that cannot be sent");
                    let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad())?;
                    let mut value = HeaderValue::try_from(self.expand(
                        value,
                        cx,
                        Secrets::Named,
                        &str::to_owned,
                    )?)
                    .map_err(|_| bad())?;
                    value.set_sensitive(true);
                    match exists {
                        Exists::Skip if headers.contains_key(&header) => {}
                        Exists::Append => {
                            headers.append(header, value);
                        }
                        Exists::Override | Exists::Skip => {
                            headers.insert(header, value);
                        }
                    }
                }
                Kind::SetQuery { name, value, exists } => {
                    let value = self.expand(value, cx, Secrets::Named, &str::to_owned)?;
                    let there = query.iter().any(|(n, _)| n == name);
                    if there && *exists == Exists::Skip {
                        continue;
                    }
                    if *exists == Exists::Override {
                        query.retain(|(n, _)| n != name);
                    }
                    query.push((name.clone(), encode::component(&value)));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Changes the request's JSON body.
    pub(super) fn body(
        &self,
        operation: &str,
        cx: &CallContext<'_>,
        body: &mut Json,
    ) -> Result<(), CallError> {
        for kind in self.of(operation, false) {
            if let Kind::SetProperty { parent, name, value } = kind {
                let value = self.expand(value, cx, Secrets::Named, &str::to_owned)?;
                set_property(body, parent, name, &value, true);
            }
        }
        Ok(())
    }

    pub(super) fn changes_response(&self, operation: &str) -> bool {
        self.of(operation, true).next().is_some()
    }

    /// Changes the response.
    pub(super) fn response(
        &self,
        operation: &str,
        headers: &mut Vec<(String, String)>,
        body: &mut Json,
    ) -> Result<(), CallError> {
        for kind in self.of(operation, true) {
            match kind {
                Kind::SetHeader { name, value, exists } => {
                    let there = headers.iter().any(|(n, _)| n.eq_ignore_ascii_case(name));
                    if there && *exists == Exists::Skip {
                        continue;
                    }
                    if *exists == Exists::Override {
                        headers.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
                    }
                    headers.push((name.to_ascii_lowercase(), value.clone()));
                }
                Kind::SetProperty { parent, name, value } => {
                    set_property(body, parent, name, value, false);
                }
                _ => {}
            }
        }
        Ok(())
    }
}

impl Policy {
    /// `None` for templates without an effect on a call of an action.
    fn read(template: &PolicyTemplate) -> Option<Self> {
        let id = template.template.as_str();
        let text = |name: &str| template.parameter(name);
        let response = template.response;
        let kind = match id.to_ascii_lowercase().as_str() {
            // Only triggers poll, and next links are followed by the runner as they are.
            "pollingtrigger" | "updatenextlink" => return None,
            "setheader" => text("name").zip(text("value")).map(|(name, value)| Kind::SetHeader {
                name: name.to_owned(),
                value: value.to_owned(),
                exists: exists(text("existsAction")),
            }),
            "setqueryparameter" if !response => {
                text("name").zip(text("value")).map(|(name, value)| Kind::SetQuery {
                    name: name.to_owned(),
                    value: value.to_owned(),
                    exists: exists(text("existsAction")),
                })
            }
            "dynamichosturl" => text("urlTemplate").map(|t| Kind::Host(t.to_owned())),
            "routerequesttoendpoint" => text("newPath").and_then(|path| {
                let method = match text("httpMethod") {
                    None => None,
                    Some(m) if m.eq_ignore_ascii_case("@Request.OriginalHTTPMethod") => None,
                    Some(m) => Some(Method::from_bytes(m.to_ascii_uppercase().as_bytes()).ok()?),
                };
                Some(Kind::Route { path: path.to_owned(), method })
            }),
            "setproperty" => property(&text),
            _ => None,
        };
        let needs = |kind: &Kind| {
            let templates: &[&str] = match kind {
                Kind::SetHeader { value, .. }
                | Kind::SetQuery { value, .. }
                | Kind::SetProperty { value, .. } => &[value],
                Kind::Host(template) => &[template],
                Kind::Route { path, .. } => &[path],
                Kind::Unsupported(_) => &[],
            };
            templates.iter().all(|t| understood(t) && !(response && t.contains('@')))
        };
        let kind = kind.filter(needs).unwrap_or_else(|| Kind::Unsupported(id.to_owned()));
        Some(Self { kind, operations: template.operations.clone(), response })
    }

    fn applies(&self, operation: &str) -> bool {
        self.operations.as_ref().is_none_or(|names| names.iter().any(|n| n == operation))
    }
}

fn exists(text: Option<&str>) -> Exists {
    match text.map(str::to_ascii_lowercase).as_deref() {
        Some("skip") => Exists::Skip,
        Some("append") => Exists::Append,
        _ => Exists::Override,
    }
}

/// A constant for a property at `@body().a.b`.
fn property<'a>(text: &dyn Fn(&str) -> Option<&'a str>) -> Option<Kind> {
    let parent = text("newPropertyParentPathTemplate")?.strip_prefix("@body()")?;
    let plain =
        |t: &str| !t.is_empty() && t.chars().all(|c| c.is_alphanumeric() || "_-$".contains(c));
    let parent: Vec<String> =
        parent.split('.').filter(|p| !p.is_empty()).map(str::to_owned).collect();
    let name = text("newPropertySubPathTemplate")?;
    let name = name.strip_prefix("['").and_then(|n| n.strip_suffix("']")).unwrap_or(name);
    let simple = parent.iter().all(|p| plain(p))
        && !name.is_empty()
        && !name.contains(['[', '.', '\'']) | name.starts_with("@odata.");
    simple.then(|| Kind::SetProperty {
        parent,
        name: name.to_owned(),
        value: text("propertyValuePathTemplate").unwrap_or_default().to_owned(),
    })
}

fn set_property(node: &mut Json, parent: &[String], name: &str, value: &str, create: bool) {
    if let Json::Array(list) = node {
        for item in list {
            set_property(item, parent, name, value, create);
        }
        return;
    }
    if node.is_null() && create {
        *node = Json::Object(Map::new());
    }
    let Json::Object(map) = node else { return };
    match parent.split_first() {
        None => {
            map.insert(name.to_owned(), Json::from(value));
        }
        Some((first, rest)) => {
            if create && !map.contains_key(first) {
                map.insert(first.clone(), Json::Null);
            }
            if let Some(inner) = map.get_mut(first) {
                set_property(inner, rest, name, value, create);
            }
        }
    }
}

/// One `@connectionParameters('name'[, 'default'])` in a template.
struct Reference<'a> {
    end: usize,
    name: &'a str,
    default: Option<&'a str>,
}

/// True if every expression of a template is one that we evaluate.
fn understood(template: &str) -> bool {
    let mut rest = template;
    while let Some(at) = rest.find('@') {
        match reference(&rest[at..]) {
            Some(found) => rest = &rest[at + found.end..],
            // A sign in front of no name is text; in front of a name it is a foreign expression.
            None if rest[at + 1..].starts_with(|c: char| c.is_ascii_alphabetic() || c == '{') => {
                return false;
            }
            None => rest = &rest[at + 1..],
        }
    }
    true
}

/// Reads a reference at the start of a text.
fn reference(text: &str) -> Option<Reference<'_>> {
    let braces = text.starts_with("@{");
    let body = &text[if braces { 2 } else { 1 }..];
    const NAME: &str = "connectionparameters(";
    if !body.get(..NAME.len())?.eq_ignore_ascii_case(NAME) {
        return None;
    }
    let arguments = &body[NAME.len()..];
    let close = arguments.find(')')?;
    let mut parts = arguments[..close].splitn(2, ',').map(|p| p.trim().trim_matches(['\'', '"']));
    let name = parts.next().filter(|n| !n.is_empty())?;
    let mut end = (text.len() - body.len()) + NAME.len() + close + 1;
    if braces {
        end += usize::from(text[end..].strip_prefix('}').is_some());
    }
    Some(Reference { end, name, default: parts.next() })
}

/// Whether a secret may enter a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Secrets {
    /// A host name is asked of name servers: no secret may become one.
    Never,
    /// Where the definition names one.
    Named,
}

impl Policies {
    /// Puts the connection's values into a template.
    fn expand(
        &self,
        template: &str,
        cx: &CallContext<'_>,
        secrets: Secrets,
        put: &dyn Fn(&str) -> String,
    ) -> Result<String, CallError> {
        let mut text = String::new();
        let mut rest = template;
        while let Some(at) = rest.find('@') {
            text.push_str(&rest[..at]);
            rest = &rest[at..];
            let Some(found) = reference(rest) else {
                text.push('@');
                rest = &rest[1..];
                continue;
            };
            let value = plain(cx, found.name);
            let value =
                value.or_else(|| self.secret(cx, found.name).filter(|_| secrets == Secrets::Named));
            let value = value.or_else(|| found.default.map(str::to_owned)).ok_or_else(|| {
                CallError::connection(format!(
                    "its parameter `{}` is not set",
                    rest::short(found.name)
                ))
            })?;
            text.push_str(&put(&value));
            rest = &rest[found.end..];
        }
        text.push_str(rest);
        Ok(text)
    }

    /// A secret that the definition names so.
    fn secret(&self, cx: &CallContext<'_>, name: &str) -> Option<String> {
        let short = short_name(name);
        match cx.credential {
            Credential::Fields(fields) => fields.get(name).or_else(|| fields.get(short)).map(open),
            Credential::Basic { password, .. } if short.eq_ignore_ascii_case("password") => {
                Some(open(password))
            }
            Credential::ApiKey(key)
                if self.secrets.contains(name) || self.secrets.contains(short) =>
            {
                Some(open(key))
            }
            Credential::None
            | Credential::Bearer(_)
            | Credential::Basic { .. }
            | Credential::ApiKey(_) => None,
        }
    }
}

fn open(secret: &SecretString) -> String {
    secret.expose_secret().to_owned()
}

/// `token:host` is the parameter `host` of a parameter set.
fn short_name(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or(name)
}

/// A connection parameter that is no secret.
fn plain(cx: &CallContext<'_>, name: &str) -> Option<String> {
    let short = short_name(name);
    let set = cx.target.parameter(name).or_else(|| cx.target.parameter(short)).map(str::to_owned);
    set.or_else(|| match cx.credential {
        Credential::Basic { username, .. } if short.eq_ignore_ascii_case("username") => {
            Some(username.clone())
        }
        _ => None,
    })
}
