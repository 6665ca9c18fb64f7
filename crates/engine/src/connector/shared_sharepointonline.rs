//! SharePoint lists over SharePoint's REST interface.

use connref_egress::HttpResponse;
use connref_flow::value::Value;
use futures::future::BoxFuture;
use http::Method;
use serde_json::{Map, Value as Json, json};
use url::Url;

use super::metadata::{connection_parameter, operation};
use super::parameters::{Parameters, scalar};
use super::rest::{self, Call};
use super::{
    Authentication, CallContext, CallError, Connector, ConnectorMetadata, OperationCall,
    OperationMetadata, OperationResponse, ParameterKind, Probe, ServicePrincipal, Support, Tier,
    body, encode,
};

const API: &str = "shared_sharepointonline";
/// Hosts that a token may be sent to when the connection names no endpoint.
const PUBLIC_HOSTS: [&str; 4] =
    [".sharepoint.com", ".sharepoint.us", ".sharepoint-mil.us", ".sharepoint.cn"];
/// The media type of all our own calls.
const PLAIN: &str = "application/json;odata=nometadata";
/// What the service asks for when an HTTP request names no `Accept`; flows then read below `d`.
const VERBOSE: &str = "application/json;odata=verbose";

/// The connector.
#[derive(Clone, Copy, Debug)]
pub struct SharePoint;

impl Connector for SharePoint {
    fn api_name(&self) -> &str {
        API
    }

    fn metadata(&self) -> ConnectorMetadata {
        ConnectorMetadata {
            api_name: API.to_owned(),
            display_name: "SharePoint".to_owned(),
            tier: Tier::Standard,
            operations: operations(),
            connection_parameters: vec![
                connection_parameter("token", ParameterKind::Oauth, "consent of the user"),
                connection_parameter(
                    "siteUrl",
                    ParameterKind::String,
                    "a site that a probe may read",
                ),
            ],
            authentication: vec![Authentication::OauthUser],
            service_principal: ServicePrincipal {
                support: Support::No,
                reason:
                    "the vendor's connector offers only a user's consent (and a user's certificate)"
                        .to_owned(),
            },
        }
    }

    fn call<'a>(
        &'a self,
        cx: &'a CallContext<'a>,
        call: OperationCall<'a>,
    ) -> BoxFuture<'a, Result<OperationResponse, CallError>> {
        Box::pin(async move {
            let p = Parameters::new(call.operation_id, call.parameters);
            let site = Site::new(cx, &p.required("dataset")?)?;
            match call.operation_id {
                "HttpRequest" => http_request(&site, &p).await,
                "GetItems" => get_items(&site, &p).await,
                "GetItem" => get_item(&site, &p, &p.required("id")?).await,
                "PostItem" => post_item(&site, &p).await,
                "PatchItem" => patch_item(&site, &p).await,
                "DeleteItem" => delete_item(&site, &p).await,
                "GetTables" => get_tables(&site).await,
                _ => Err(CallError::unsupported(
                    call.operation_id,
                    "this SharePoint operation is not offered here; `HttpRequest` reaches every REST call",
                )),
            }
        })
    }

    fn probe<'a>(&'a self, cx: &'a CallContext<'a>) -> BoxFuture<'a, Result<Probe, CallError>> {
        Box::pin(async move {
            let dataset = cx.target.parameter("siteUrl").or(cx.target.endpoint.as_deref());
            let dataset = dataset.ok_or_else(|| {
                CallError::connection("set its endpoint or its parameter `siteUrl` to probe it")
            })?;
            let site = Site::new(cx, dataset)?;
            let response = site.get("_api/web/currentuser").await?;
            let target = site.base.to_string();
            if response.status != 200 {
                return Err(CallError::connection(format!(
                    "`{target}` answered with status {}",
                    response.status
                )));
            }
            let json = rest::json(&response)?;
            let field =
                |name: &str| json.get(name).and_then(Json::as_str).filter(|t| !t.is_empty());
            let identity = field("UserPrincipalName")
                .or(field("Email"))
                .or(field("LoginName"))
                .or(field("Title"));
            Ok(Probe {
                identity: identity.map(rest::short),
                target,
                detail: "the site named the current user".to_owned(),
            })
        })
    }
}

fn operations() -> Vec<OperationMetadata> {
    vec![
        operation(
            "HttpRequest",
            "Send an HTTP request to SharePoint",
            &[
                "dataset!",
                "parameters/method!",
                "parameters/uri!",
                "parameters/headers",
                "parameters/body",
            ],
        ),
        operation(
            "GetItems",
            "Get items",
            &[
                "dataset!",
                "table!",
                "$filter",
                "$orderby",
                "$top",
                "$select",
                "$skiptoken",
                "folderPath",
            ],
        ),
        operation("GetItem", "Get item", &["dataset!", "table!", "id!"]),
        operation("PostItem", "Create item", &["dataset!", "table!", "item/*"]),
        operation("PatchItem", "Update item", &["dataset!", "table!", "id!", "item/*"]),
        operation("DeleteItem", "Delete item", &["dataset!", "table!", "id!"]),
        operation("GetTables", "Get lists", &["dataset!"]),
    ]
}

/// A site as this connection reaches it.
struct Site<'a> {
    cx: &'a CallContext<'a>,
    /// Ends without a slash.
    base: Url,
}

impl<'a> Site<'a> {
    /// The endpoint replaces scheme, host and port of the site's address and keeps its path.
    fn new(cx: &'a CallContext<'a>, dataset: &str) -> Result<Self, CallError> {
        let bad = |reason: &str| {
            CallError::parameters("dataset", format!("`{}` {reason}", rest::short(dataset)))
        };
        let mut text = dataset.trim().to_owned();
        for _ in 0..2 {
            if text.to_ascii_lowercase().starts_with("http") && !text.contains("://") {
                text = percent_encoding::percent_decode_str(&text).decode_utf8_lossy().into_owned();
            }
        }
        let mut base: Url = text.parse().map_err(|_| bad("is not the address of a site"))?;
        if !matches!(base.scheme(), "http" | "https") {
            return Err(bad("is not the address of a site"));
        }
        match &cx.target.endpoint {
            Some(endpoint) => {
                let endpoint = rest::endpoint_url(endpoint)?;
                let moved = format!("{}{}", rest::origin(&endpoint), base.path());
                base = moved.parse().map_err(|_| bad("is not the address of a site"))?;
            }
            None => {
                let host = base.host_str().unwrap_or_default();
                if base.scheme() != "https" || !PUBLIC_HOSTS.iter().any(|h| host.ends_with(h)) {
                    return Err(bad(
                        "is not a SharePoint Online site, and the connection has no endpoint",
                    ));
                }
            }
        }
        base.set_query(None);
        base.set_fragment(None);
        let path = base.path().trim_end_matches('/').to_owned();
        base.set_path(&path);
        Ok(Self { cx, base })
    }

    fn url(&self, path: &str) -> Result<Url, CallError> {
        let base = self.base.as_str().trim_end_matches('/');
        let url: Url = format!("{base}/{}", path.trim_start_matches('/'))
            .parse()
            .map_err(|_| CallError::parameters("HttpRequest", "the address is not valid"))?;
        if url.origin() != self.base.origin() {
            return Err(CallError::parameters(
                "HttpRequest",
                "the address leads to another host than the site's",
            ));
        }
        Ok(url)
    }

    fn call(&self, method: Method, path: &str) -> Result<Call, CallError> {
        let call = Call::new(self.cx, method, self.url(path)?).authorized(self.cx.credential)?;
        call.text_header("x-ms-client-request-id", self.cx.idempotency_key)
    }

    async fn get(&self, path: &str) -> Result<HttpResponse, CallError> {
        self.call(Method::GET, path)?.header("accept", PLAIN).send(self.cx).await
    }

    async fn post(
        &self,
        path: &str,
        body: &Json,
        verb: Option<&'static str>,
    ) -> Result<HttpResponse, CallError> {
        let mut call = self
            .call(Method::POST, path)?
            .json(body)
            .header("accept", PLAIN)
            .header("content-type", PLAIN);
        if let Some(verb) = verb {
            call = call.header("x-http-method", verb).header("if-match", "*");
        }
        call.send(self.cx).await
    }
}

async fn http_request(site: &Site<'_>, p: &Parameters<'_>) -> Result<OperationResponse, CallError> {
    let given = p.under("parameters")?;
    let text = |name: &str| given.get(name).and_then(scalar).filter(|t| !t.trim().is_empty());
    let method = text("method").unwrap_or_else(|| "GET".to_owned());
    let method = Method::from_bytes(method.trim().to_ascii_uppercase().as_bytes())
        .ok()
        .filter(|m| {
            [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::HEAD]
                .contains(m)
        })
        .ok_or_else(|| p.error("`parameters/method` is not a method that can be sent"))?;
    let uri = text("uri").ok_or_else(|| p.error("`parameters/uri` is missing"))?;
    let path = relative(site, &uri, p)?;
    let mut call = site.call(method, &path)?.header("accept", VERBOSE);
    if let Some(headers) = given.get("headers") {
        rest::insert_headers(&mut call.request.headers, headers)?;
    }
    if let Some(content) = given.get("body").filter(|b| !b.is_null()) {
        let encoded = body::encode(content).map_err(|reason| p.error(reason))?;
        call.request.body = encoded.bytes;
        if !call.request.headers.contains_key("content-type") {
            call = call.header("content-type", VERBOSE);
        }
    }
    Ok(body::response(&call.send(site.cx).await?))
}

/// The path below the site; an absolute address must be the site's own.
fn relative(site: &Site<'_>, uri: &str, p: &Parameters<'_>) -> Result<String, CallError> {
    let trimmed = uri.trim();
    if !trimmed.contains("://") || trimmed.starts_with("_api") || trimmed.starts_with('/') {
        return Ok(trimmed.to_owned());
    }
    let url: Url = trimmed.parse().map_err(|_| p.error("`parameters/uri` is not valid"))?;
    let own = site.base.path().trim_end_matches('/');
    let same_host = url.origin() == site.base.origin();
    match url.path().strip_prefix(own) {
        Some(rest) if same_host => Ok(match url.query() {
            Some(query) => format!("{rest}?{query}"),
            None => rest.to_owned(),
        }),
        _ => Err(p.error("`parameters/uri` leads to another site; it must begin with `_api/`")),
    }
}

/// `_api/web/lists(guid'…')` or by title.
fn list(p: &Parameters<'_>) -> Result<String, CallError> {
    let table = p.required("table")?;
    let table = table.trim();
    let id = table.trim_start_matches('{').trim_end_matches('}');
    let guid = id.len() == 36
        && id.bytes().enumerate().all(|(i, b)| {
            if [8, 13, 18, 23].contains(&i) { b == b'-' } else { b.is_ascii_hexdigit() }
        });
    Ok(if guid {
        format!("_api/web/lists(guid'{id}')")
    } else {
        format!("_api/web/lists/getbytitle('{}')", encode::component(&table.replace('\'', "''")))
    })
}

fn item_path(p: &Parameters<'_>, id: &str) -> Result<String, CallError> {
    let number: u64 =
        id.trim().parse().map_err(|_| p.error("`id` must be the number of an item"))?;
    Ok(format!("{}/items({number})", list(p)?))
}

async fn get_items(site: &Site<'_>, p: &Parameters<'_>) -> Result<OperationResponse, CallError> {
    if p.text("folderPath")?.is_some() {
        return Err(CallError::unsupported(
            "GetItems",
            "`folderPath` is not offered; filter on `FileDirRef` instead",
        ));
    }
    let mut pairs = Vec::new();
    for name in ["$filter", "$orderby", "$top", "$select", "$skiptoken"] {
        if let Some(text) = p.text(name)? {
            pairs.push((name, text));
        }
    }
    let query = encode::query(pairs);
    let response = site.get(&format!("{}/items?{query}", list(p)?)).await?;
    let mut answer = body::response(&response);
    if response.status == 200 {
        let mut json = rest::json(&response)?;
        for row in json.get_mut("value").and_then(Json::as_array_mut).into_iter().flatten() {
            dress(row);
        }
        if let Json::Object(map) = &mut json
            && let Some(link) = map.shift_remove("odata.nextLink")
        {
            map.insert("@odata.nextLink".to_owned(), link);
        }
        answer.body = Value::from_json(&json);
    }
    Ok(answer)
}

/// Adds the fields that the connector adds to every row.
fn dress(row: &mut Json) {
    let Json::Object(map) = row else { return };
    if let Some(id) = map.get("ID").or_else(|| map.get("Id")).and_then(scalar) {
        map.entry("ItemInternalId").or_insert(Json::String(id));
    }
    if let Some(etag) = map.shift_remove("odata.etag") {
        map.entry("@odata.etag").or_insert(etag);
    }
}

async fn get_item(
    site: &Site<'_>,
    p: &Parameters<'_>,
    id: &str,
) -> Result<OperationResponse, CallError> {
    let response = site.get(&item_path(p, id)?).await?;
    row_answer(&response)
}

fn row_answer(response: &HttpResponse) -> Result<OperationResponse, CallError> {
    let mut answer = body::response(response);
    if matches!(response.status, 200 | 201) {
        let mut json = rest::json(response)?;
        dress(&mut json);
        answer.body = Value::from_json(&json);
    }
    Ok(answer)
}

async fn post_item(site: &Site<'_>, p: &Parameters<'_>) -> Result<OperationResponse, CallError> {
    let fields = fields(site, p).await?;
    let fields = match fields {
        Ok(fields) => fields,
        Err(refused) => return Ok(*refused),
    };
    row_answer(&site.post(&format!("{}/items", list(p)?), &Json::Object(fields), None).await?)
}

async fn patch_item(site: &Site<'_>, p: &Parameters<'_>) -> Result<OperationResponse, CallError> {
    let id = p.required("id")?;
    let path = item_path(p, &id)?;
    let fields = match fields(site, p).await? {
        Ok(fields) => fields,
        Err(refused) => return Ok(*refused),
    };
    let response = site.post(&path, &Json::Object(fields), Some("MERGE")).await?;
    if response.status >= 300 {
        return Ok(body::response(&response));
    }
    // The REST call answers without content; flows expect the item as it is now.
    get_item(site, p, &id).await
}

async fn delete_item(site: &Site<'_>, p: &Parameters<'_>) -> Result<OperationResponse, CallError> {
    let path = item_path(p, &p.required("id")?)?;
    let call =
        site.call(Method::POST, &path)?.header("x-http-method", "DELETE").header("if-match", "*");
    Ok(body::response(&call.header("accept", PLAIN).send(site.cx).await?))
}

async fn get_tables(site: &Site<'_>) -> Result<OperationResponse, CallError> {
    let query = encode::query([
        ("$select", "Id,Title".to_owned()),
        ("$filter", "Hidden eq false".to_owned()),
    ]);
    let response = site.get(&format!("_api/web/lists?{query}")).await?;
    let mut answer = body::response(&response);
    if response.status == 200 {
        let json = rest::json(&response)?;
        let lists = json.get("value").and_then(Json::as_array).into_iter().flatten();
        let named: Vec<Json> =
            lists.map(|l| json!({ "Name": l.get("Id"), "DisplayName": l.get("Title") })).collect();
        answer.body = Value::from_json(&json!({ "value": named }));
    }
    Ok(answer)
}

/// Columns as REST wants them, or the refusal that came while a person was looked up.
type Fields = Result<Map<String, Json>, Box<OperationResponse>>;

/// The connector's nested column values (`X/Value`, `X/Id`, `X/Claims`) as REST columns.
async fn fields(site: &Site<'_>, p: &Parameters<'_>) -> Result<Fields, CallError> {
    let mut columns = Map::new();
    for (name, value) in p.under("item")? {
        let many = matches!(&value, Json::Array(_));
        let parts: Vec<&Json> = match &value {
            Json::Array(list) => list.iter().collect(),
            other => vec![other],
        };
        let kind = parts
            .iter()
            .find_map(|v| v.as_object())
            .and_then(|o| ["Claims", "Value", "Id"].into_iter().find(|k| o.contains_key(*k)));
        let Some(kind) = kind else {
            columns.insert(name, value);
            continue;
        };
        let mut values = Vec::new();
        for part in parts {
            let inner = part.get(kind).cloned().unwrap_or(Json::Null);
            values.push(match (kind, scalar(&inner)) {
                ("Claims", Some(claims)) => match ensure_user(site, &claims).await? {
                    Ok(id) => id,
                    Err(refused) => return Ok(Err(refused)),
                },
                _ => inner,
            });
        }
        let name = if kind == "Value" { name } else { format!("{name}Id") };
        let single = values.first().cloned().unwrap_or(Json::Null);
        columns.insert(name, if many { Json::Array(values) } else { single });
    }
    Ok(Ok(columns))
}

/// The site's number of a person.
async fn ensure_user(
    site: &Site<'_>,
    claims: &str,
) -> Result<Result<Json, Box<OperationResponse>>, CallError> {
    let response = site.post("_api/web/ensureuser", &json!({ "logonName": claims }), None).await?;
    if response.status >= 300 {
        return Ok(Err(Box::new(body::response(&response))));
    }
    let id = rest::json(&response)?.get("Id").cloned();
    id.filter(Json::is_number)
        .map(Ok)
        .ok_or_else(|| CallError::protocol("`ensureuser` gave no number"))
}
