//! `connref_BindReferences`: several bindings in one call, all or none.
use serde_json::{Value, json};

use super::parameters::Parameters;
use crate::operation::OperationError;
use crate::operation::reference::references_bind;
use crate::webapi::{Asked, Fault};

/// Takes what `ComponentParameters` of an import take: logical name and connection.
pub(super) async fn bind_all(asked: &Asked, parameters: Parameters) -> Result<Value, Fault> {
    let mut wanted = Vec::new();
    for entry in parameters.list("Bindings") {
        let text = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or_default();
        let (name, connection) = (text("connectionreferencelogicalname"), text("connectionid"));
        if name.is_empty() || connection.is_empty() {
            return Err(Fault::payload(
                "An entry of `Bindings` lacks `connectionreferencelogicalname` or `connectionid`.",
            ));
        }
        wanted.push((name.to_owned(), connection.to_owned()));
    }
    match references_bind(&asked.cx, &wanted).await {
        Err(OperationError::Refused { refusals }) => Err(Fault::refused_plainly(&refusals)),
        changed => Ok(json!({"bound": wanted.len(), "changed": changed?})),
    }
}
