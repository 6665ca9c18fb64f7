//! Pages of a list operation put together.

use connref_flow::value::{Object, Value};

use super::{CallContext, CallError, Connector, OperationCall, OperationResponse};

/// Most pages that one action follows: 100,000 items in pages of 100.
const MAX_PAGES: usize = 1000;
/// Where pages that continue hold the next one.
const NEXT_LINK: &str = "@odata.nextLink";

/// Performs an operation and follows its pages until `minimum` items are there.
///
/// The continuation token of the next link travels as the parameter `$skiptoken` of the same
/// operation, so every page passes the same checks as the first.
///
/// # Errors
/// As the first call; a later page that fails with a status of 400 or more is the result.
pub async fn call_paged(
    connector: &dyn Connector,
    cx: &CallContext<'_>,
    call: OperationCall<'_>,
    minimum: u64,
) -> Result<OperationResponse, CallError> {
    let mut first = connector.call(cx, call).await?;
    let Some(mut items) = items(&first.body) else { return Ok(first) };
    let mut token = next_token(&first.body);
    let mut pages = 1;
    while let Some(current) = token.take() {
        if items.len() as u64 >= minimum || pages == MAX_PAGES {
            token = Some(current);
            break;
        }
        let mut parameters: Object = call.parameters.clone();
        parameters.insert("$skiptoken", Value::string(current.as_str()));
        let next = connector
            .call(cx, OperationCall { operation_id: call.operation_id, parameters: &parameters })
            .await?;
        if next.status >= 400 {
            return Ok(next);
        }
        let more = self::items(&next.body).unwrap_or_default();
        // A server that repeats its token would keep us here without an end.
        token = next_token(&next.body).filter(|t| *t != current && !more.is_empty());
        items.extend(more);
        pages += 1;
    }
    if let Value::Object(body) = &first.body {
        let mut merged = (**body).clone();
        merged.insert("value", Value::array(items));
        if token.is_none() {
            merged.remove(NEXT_LINK);
        }
        first.body = Value::object(merged);
    }
    Ok(first)
}

fn items(body: &Value) -> Option<Vec<Value>> {
    body.get("value")?.as_array().map(<[Value]>::to_vec)
}

/// The `$skiptoken` of a next link, or its `$skip`-less remainder is ignored: other links are not ours.
fn next_token(body: &Value) -> Option<String> {
    let link = body.get(NEXT_LINK)?.as_str()?;
    let query = link.split_once('?')?.1;
    url::form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name.eq_ignore_ascii_case("$skiptoken"))
        .map(|(_, value)| value.into_owned())
}
