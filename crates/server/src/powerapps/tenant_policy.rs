//! Policies of the tenant, at the address where the vendor's clients look for data policies.
use axum::Json;
use axum::extract::Path;
use axum::http::StatusCode;
use connref_solution::model::facts::PolicyFacts;
use serde_json::{Value, json};

use super::{Caller, Document, Failure};
use crate::operation::tenant_policy::{policy_delete, policy_list, policy_set};

pub(crate) async fn list(caller: Caller) -> Result<Json<Value>, Failure> {
    let all = policy_list(caller.app(), &caller.installation()?).await?;
    Ok(Json(json!({"value": all.iter().map(row).collect::<Vec<_>>()})))
}

/// Makes a policy; one of the same name is replaced.
pub(crate) async fn create(
    caller: Caller,
    Document(body): Document,
) -> Result<(StatusCode, Json<Value>), Failure> {
    let name = body["displayName"].as_str().unwrap_or_default().to_owned();
    let done = policy_set(caller.app(), &caller.installation()?, name, body.to_string()).await?;
    let mut answer = row(&done.policy);
    answer["connref"] = json!({
        "suspended": done.suspended.iter().map(|(environment, flow, why)| json!({
            "environment": environment, "flow": flow, "why": why,
        })).collect::<Vec<_>>(),
    });
    Ok((StatusCode::CREATED, Json(answer)))
}

pub(crate) async fn delete(
    caller: Caller,
    Path(policy): Path<String>,
) -> Result<StatusCode, Failure> {
    policy_delete(caller.app(), &caller.installation()?, &policy).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The document as it was given, under its id.
fn row(policy: &PolicyFacts) -> Value {
    let mut value: Value = serde_json::from_str(&policy.document).unwrap_or_else(|_| json!({}));
    if !value.is_object() {
        value = json!({"policies": value});
    }
    value["name"] = json!(policy.id);
    value["displayName"] = json!(policy.name);
    value
}
