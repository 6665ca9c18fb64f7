//! Microsoft Dataverse over its Web API, version 9.2.
//!
//! Rows come back as the Web API gives them: an expanded row is an object under its navigation
//! property, and a path such as `owninguser/fullname` is walked by the expression engine.

use connref_flow::value::{Object, Value};
use futures::future::BoxFuture;
use http::Method;
use serde_json::Value as Json;
use url::Url;

use super::metadata::{connection_parameter, operation};
use super::parameters::Parameters;
use super::rest::{self, Call};
use super::{
    Authentication, CallContext, CallError, Connector, ConnectorMetadata, OperationCall,
    OperationMetadata, OperationResponse, ParameterKind, Probe, ServicePrincipal, Support, Target,
    Tier, body, encode,
};

const API: &str = "shared_commondataserviceforapps";
/// Largest page the service gives, and the one it gives when nobody asks.
const PAGE_SIZE: u64 = 5000;
/// Flow operations whose name ends so name the organisation in a parameter.
const WITH_ORGANIZATION: &str = "WithOrganization";
/// Connection parameters that may hold the organisation's address.
const ADDRESS_PARAMETERS: [&str; 3] = ["url", "environmentUrl", "organizationUrl"];

/// The unbound action by which flows read the secret of a variable.
const READ_SECRET: &str = "RetrieveEnvironmentVariableSecretValue";

/// The connector.
#[derive(Clone, Copy, Debug)]
pub struct Dataverse;

/// Whether a call reads the secret of a variable, wherever it goes. Its result is secured whatever the
/// flow says.
pub(crate) fn reads_secret(operation: &str, parameters: &Object) -> bool {
    let name = operation.strip_suffix(WITH_ORGANIZATION).unwrap_or(operation);
    name == "PerformUnboundAction"
        && parameters.get("actionName").and_then(Value::as_str).is_some_and(|action| {
            action.strip_prefix("Microsoft.Dynamics.CRM.").unwrap_or(action) == READ_SECRET
        })
}

/// The variable whose secret a call reads in its own environment: the connection names no other
/// organisation, and the call none either.
pub(crate) fn own_secret<'a>(
    target: &Target,
    operation: &str,
    parameters: &'a Object,
) -> Option<&'a str> {
    let elsewhere = target.endpoint.is_some()
        || operation.ends_with(WITH_ORGANIZATION)
        || ADDRESS_PARAMETERS.iter().any(|name| target.parameter(name).is_some());
    if elsewhere || !reads_secret(operation, parameters) {
        return None;
    }
    let flat = parameters.get("item/EnvironmentVariableName").and_then(Value::as_str);
    let nested = || parameters.get("item")?.get("EnvironmentVariableName")?.as_str();
    flat.or_else(nested)
}

impl Connector for Dataverse {
    fn api_name(&self) -> &str {
        API
    }

    fn metadata(&self) -> ConnectorMetadata {
        ConnectorMetadata {
            api_name: API.to_owned(),
            display_name: "Microsoft Dataverse".to_owned(),
            tier: Tier::Premium,
            operations: operations(),
            connection_parameters: vec![
                connection_parameter(
                    "url",
                    ParameterKind::String,
                    "address of the organisation, for example https://contoso.crm.dynamics.com",
                ),
                connection_parameter(
                    "token",
                    ParameterKind::Oauth,
                    "consent of the user, or the application's own grant",
                ),
            ],
            authentication: vec![Authentication::OauthUser, Authentication::ServicePrincipal],
            service_principal: ServicePrincipal {
                support: Support::Yes,
                reason: "the connector offers client secret and certificate authentication"
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
            let request = Request::build(cx, call)?;
            let response = request.call(cx)?.send(cx).await?;
            let mut answer = body::response(&response);
            name_row(&request, &mut answer);
            Ok(answer)
        })
    }

    fn probe<'a>(&'a self, cx: &'a CallContext<'a>) -> BoxFuture<'a, Result<Probe, CallError>> {
        Box::pin(async move {
            let base = base(cx, None)?;
            let url = join(&base, "WhoAmI")?;
            let response = Call::new(cx, Method::GET, url)
                .authorized(cx.credential)?
                .header("accept", "application/json")
                .send(cx)
                .await?;
            let target = rest::origin(&base);
            if response.status != 200 {
                return Err(CallError::connection(format!(
                    "`{target}` answered WhoAmI with status {}",
                    response.status
                )));
            }
            let json = rest::json(&response)?;
            let user = json
                .get("UserId")
                .and_then(Json::as_str)
                .ok_or_else(|| CallError::protocol("WhoAmI names no user"))?;
            let organisation =
                json.get("OrganizationId").and_then(Json::as_str).unwrap_or("unknown");
            Ok(Probe {
                identity: Some(rest::short(user)),
                target,
                detail: format!("WhoAmI answered for organisation {}", rest::short(organisation)),
            })
        })
    }
}

fn operations() -> Vec<OperationMetadata> {
    vec![
        operation(
            "ListRecords",
            "List rows",
            &[
                "entityName!",
                "$select",
                "$filter",
                "$orderby",
                "$expand",
                "fetchXml",
                "$top",
                "$skiptoken",
                "partitionId",
            ],
        ),
        operation(
            "GetItem",
            "Get a row by ID",
            &["entityName!", "recordId!", "$select", "$expand", "partitionId"],
        ),
        operation("CreateRecord", "Add a new row", &["entityName!", "item/*"]),
        operation(
            "UpdateRecord",
            "Update a row, or add it if it does not exist",
            &["entityName!", "recordId!", "item/*"],
        ),
        operation(
            "UpdateOnlyRecord",
            "Update a row that exists",
            &["entityName!", "recordId!", "item/*"],
        ),
        operation("DeleteRecord", "Delete a row", &["entityName!", "recordId!", "partitionId"]),
        operation(
            "PerformBoundAction",
            "Perform a bound action",
            &["entityName!", "actionName!", "recordId!", "item/*"],
        ),
        operation("PerformUnboundAction", "Perform an unbound action", &["actionName!", "item/*"]),
        operation(
            "AssociateEntities",
            "Relate rows",
            &["entityName!", "recordId!", "associationEntityRelationship!", "item/@odata.id!"],
        ),
        operation(
            "DisassociateEntities",
            "Unrelate rows",
            &["entityName!", "recordId!", "associationEntityRelationship!", "$id!"],
        ),
    ]
}

/// One operation as a Web API request.
struct Request {
    method: Method,
    url: Url,
    prefer: String,
    must_exist: bool,
    body: Option<Json>,
    /// The row's address if the operation names or creates one.
    row: Option<String>,
}

impl Request {
    fn build(cx: &CallContext<'_>, call: OperationCall<'_>) -> Result<Self, CallError> {
        let p = Parameters::new(call.operation_id, call.parameters);
        let organisation = match call.operation_id.strip_suffix(WITH_ORGANIZATION) {
            Some(_) => Some(p.required("organization")?),
            None => None,
        };
        let base = base(cx, organisation.as_deref())?;
        let name = call.operation_id.strip_suffix(WITH_ORGANIZATION).unwrap_or(call.operation_id);
        let annotations = "odata.include-annotations=\"*\"";
        let represent = format!("return=representation,{annotations}");
        let request = |method, path: &str, body, prefer: &str| {
            Ok(Self {
                method,
                url: join(&base, path)?,
                prefer: prefer.to_owned(),
                must_exist: false,
                body,
                row: None,
            })
        };
        match name {
            "ListRecords" => {
                let path = with_query(
                    set(&p)?,
                    &p,
                    &[
                        "$select",
                        "$filter",
                        "$orderby",
                        "$expand",
                        "$top",
                        "fetchXml",
                        "$skiptoken",
                        "partitionId",
                    ],
                )?;
                let page = p.count("$top")?.is_none() && p.get("fetchXml").is_none();
                let size = if page {
                    format!("odata.maxpagesize={PAGE_SIZE},{annotations}")
                } else {
                    annotations.to_owned()
                };
                request(Method::GET, &path, None, &size)
            }
            "GetItem" => request(
                Method::GET,
                &with_query(row(&p)?, &p, &["$select", "$expand", "partitionId"])?,
                None,
                annotations,
            ),
            "CreateRecord" => request(Method::POST, &set(&p)?, Some(item(&p)?), &represent),
            "UpdateRecord" | "UpdateOnlyRecord" => {
                let mut update = request(Method::PATCH, &row(&p)?, Some(item(&p)?), &represent)?;
                update.must_exist = name == "UpdateOnlyRecord";
                update.row = Some(update.url.to_string());
                Ok(update)
            }
            "DeleteRecord" => {
                request(Method::DELETE, &with_query(row(&p)?, &p, &["partitionId"])?, None, "")
            }
            "PerformUnboundAction" => {
                request(Method::POST, &action(&p)?, Some(item(&p)?), annotations)
            }
            "PerformBoundAction" => {
                let path = format!("{}/Microsoft.Dynamics.CRM.{}", row(&p)?, action(&p)?);
                request(Method::POST, &path, Some(item(&p)?), annotations)
            }
            "AssociateEntities" => {
                let other = p
                    .under("item")?
                    .remove("@odata.id")
                    .and_then(|v| super::parameters::scalar(&v));
                let other = other.ok_or_else(|| p.error("`item/@odata.id` is missing"))?;
                let body = serde_json::json!({ "@odata.id": absolute(&base, &other, &p)? });
                request(Method::POST, &related(&p)?, Some(body), "")
            }
            "DisassociateEntities" => {
                let id = absolute(&base, &p.required("$id")?, &p)?;
                request(
                    Method::DELETE,
                    &format!("{}?$id={}", related(&p)?, encode::component(&id)),
                    None,
                    "",
                )
            }
            _ => Err(CallError::unsupported(
                call.operation_id,
                "this Dataverse operation is not offered here",
            )),
        }
    }

    fn call(&self, cx: &CallContext<'_>) -> Result<Call, CallError> {
        let mut call = Call::new(cx, self.method.clone(), self.url.clone())
            .authorized(cx.credential)?
            // Full metadata brings `@odata.id`, which flows use to relate rows.
            .header("accept", "application/json;odata.metadata=full")
            .header("odata-version", "4.0")
            .header("odata-maxversion", "4.0")
            .text_header("x-ms-client-request-id", cx.idempotency_key)?;
        if !self.prefer.is_empty() {
            call = call.text_header("prefer", &self.prefer)?;
        }
        if self.must_exist {
            call = call.header("if-match", "*");
        }
        if let Some(principal) = cx.act_on_behalf_of {
            call = call.text_header("CallerObjectId", principal)?;
        }
        if let Some(body) = &self.body {
            call = call.json(body);
        }
        Ok(call)
    }
}

/// The Web API root that the connection reaches. A call that names an organisation must mean this one.
fn base(cx: &CallContext<'_>, organisation: Option<&str>) -> Result<Url, CallError> {
    let public = ADDRESS_PARAMETERS.iter().find_map(|name| cx.target.parameter(name));
    let own = cx.target.endpoint.as_deref().or(public);
    let mut url = match (own, organisation) {
        (Some(own), _) => rest::endpoint_url(own)?,
        (None, Some(named)) => {
            let url = rest::endpoint_url(named)?;
            let host = url.host_str().unwrap_or_default();
            if url.scheme() != "https" || !host.ends_with(".dynamics.com") {
                return Err(CallError::connection(
                    "it names no organisation, and the flow names one outside of dynamics.com",
                ));
            }
            url
        }
        (None, None) => {
            return Err(CallError::connection(
                "it names no organisation: set its endpoint or its parameter `url`",
            ));
        }
    };
    if let (Some(_), Some(named)) = (own, organisation) {
        let host = |text: &str| {
            rest::endpoint_url(text).ok().and_then(|u| u.host_str().map(str::to_owned))
        };
        let known = [cx.target.endpoint.as_deref(), public];
        if !known.into_iter().flatten().any(|k| host(k).is_some() && host(k) == host(named)) {
            return Err(CallError::parameters(
                WITH_ORGANIZATION,
                format!(
                    "`{}` is not the organisation that this connection reaches",
                    rest::short(named)
                ),
            ));
        }
    }
    let path = url.path().trim_end_matches('/').to_owned();
    let path = if path.contains("/api/data/v") { path } else { format!("{path}/api/data/v9.2") };
    url.set_path(&format!("{path}/"));
    url.set_query(None);
    url.set_fragment(None);
    Ok(url)
}

fn join(base: &Url, path: &str) -> Result<Url, CallError> {
    // `Url::join` would read `name:x` as a scheme and `..` as a step up.
    format!("{base}{path}")
        .parse()
        .map_err(|_| CallError::protocol("the request has no valid address"))
}

/// The entity set, which is a plain identifier.
fn set(p: &Parameters<'_>) -> Result<String, CallError> {
    identifier(p, "entityName")
}

fn identifier(p: &Parameters<'_>, name: &str) -> Result<String, CallError> {
    let text = p.required(name)?;
    let valid = text.len() <= 128 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if valid {
        Ok(text)
    } else {
        Err(p.error(format!("`{name}` is not a name of letters, digits and `_`")))
    }
}

fn action(p: &Parameters<'_>) -> Result<String, CallError> {
    let text = p.required("actionName")?;
    let plain = text.strip_prefix("Microsoft.Dynamics.CRM.").unwrap_or(&text);
    let valid = plain.len() <= 128 && plain.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if valid {
        Ok(plain.to_owned())
    } else {
        Err(p.error("`actionName` is not a name of letters, digits and `_`"))
    }
}

/// `set(key)`; the key is a GUID or an alternate key such as `name='x'`.
fn row(p: &Parameters<'_>) -> Result<String, CallError> {
    let key = p.required("recordId")?;
    let key = key.trim().trim_start_matches('{').trim_end_matches('}');
    Ok(format!("{}({})", set(p)?, encode::odata(key).replace(['(', ')'], "")))
}

fn related(p: &Parameters<'_>) -> Result<String, CallError> {
    Ok(format!("{}/{}/$ref", row(p)?, identifier(p, "associationEntityRelationship")?))
}

fn item(p: &Parameters<'_>) -> Result<Json, CallError> {
    Ok(Json::Object(p.under("item")?))
}

fn with_query(
    path: String,
    p: &Parameters<'_>,
    names: &[&'static str],
) -> Result<String, CallError> {
    let mut pairs = Vec::new();
    for name in names {
        if let Some(text) = p.text(name)? {
            pairs.push((*name, text));
        }
    }
    Ok(if pairs.is_empty() { path } else { format!("{path}?{}", encode::query(pairs)) })
}

/// The other row of a relation: absolute on this organisation, or relative to it.
fn absolute(base: &Url, text: &str, p: &Parameters<'_>) -> Result<String, CallError> {
    if text.contains("://") {
        // The row may have been read through its public name: only its path matters to the service.
        let url: Url = text.parse().map_err(|_| p.error("the other row's address is not valid"))?;
        let last = url.path().rsplit('/').next().unwrap_or_default().to_owned();
        return Ok(format!("{base}{last}"));
    }
    Ok(format!("{base}{}", text.trim_start_matches('/')))
}

/// Adds `@odata.id` where the row's address is known and the answer lacks it.
fn name_row(request: &Request, answer: &mut OperationResponse) {
    let Some(address) = &request.row else { return };
    if let Value::Object(object) = &answer.body
        && answer.status < 300
        && object.get_exact("@odata.id").is_none()
    {
        let mut named = (**object).clone();
        named.insert("@odata.id", Value::string(address.as_str()));
        answer.body = Value::object(named);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_cannot_leave_their_place() {
        let mut object = connref_flow::value::Object::default();
        for (name, text) in [("entityName", "accounts"), ("recordId", "x)/../systemusers(1")] {
            object.insert(name, Value::string(text));
        }
        let p = Parameters::new("GetItem", &object);
        assert_eq!(row(&p).expect("a row"), "accounts(x%2F..%2Fsystemusers1)");
        object.insert("entityName", Value::string("accounts/../x"));
        set(&Parameters::new("GetItem", &object)).expect_err("no identifier");
        let empty = serde_json::Map::new();
        assert_eq!(
            item(&Parameters::new("CreateRecord", &object)).expect("no item"),
            Json::Object(empty)
        );
    }
}
