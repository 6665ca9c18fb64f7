//! `connref_BindReferences`: several bindings in one call, all or none.
use std::time::Duration;

use serde_json::{Value, json};

use super::parameters::Parameters;
use crate::operation::OperationError;
use crate::operation::reference::{BindHow, WINDOW, references_bind};
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
    let test = parameters.flag("Test").unwrap_or(false);
    let window =
        match parameters.int("Window") {
            Some(seconds) => Duration::from_secs(u64::try_from(seconds).map_err(|_| {
                Fault::payload("`Window` is a number of seconds and not less than 0.")
            })?),
            None if test => WINDOW,
            None => Duration::ZERO,
        };
    let how = BindHow { test, window };
    match references_bind(&asked.cx, &wanted, how).await {
        Err(OperationError::Refused { refusals }) => Err(Fault::refused_plainly(&refusals)),
        changed => Ok(json!({"bound": wanted.len(), "changed": changed?})),
    }
}
