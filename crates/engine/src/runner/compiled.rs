//! Definitions compiled once per version.
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use connref_flow::Definition;
use connref_store::flow::FlowDefinition;

use super::RunError;
/// Kept at most; beyond it the cache starts over rather than grow with every version ever run.
const KEPT: usize = 512;

/// Compiled parts by what they were compiled from.
#[derive(Default)]
pub(super) struct Cache {
    flows: Mutex<HashMap<(String, String, i64), Arc<Compiled>>>,
}

/// A flow ready to run.
pub(super) struct Compiled {
    pub(super) definition: Arc<Definition>,
    pub(super) name: String,
    pub(super) version: i64,
}

impl Cache {
    pub(super) fn flow(
        &self,
        environment: &str,
        source: &FlowDefinition,
    ) -> Result<Arc<Compiled>, RunError> {
        let key = (environment.to_owned(), source.id.as_str().to_owned(), source.version);
        if let Some(found) = self.flows.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Ok(Arc::clone(found));
        }
        let fail = |problems| RunError::Definition { flow: source.name.clone(), problems };
        let unreadable = |message: &str| {
            vec![connref_flow::Problem { pointer: String::new(), message: message.to_owned() }]
        };
        let body: serde_json::Value = serde_json::from_str(&source.client_data)
            .map_err(|e| fail(unreadable(&e.to_string())))?;
        let definition = body
            .pointer("/properties/definition")
            .ok_or_else(|| fail(unreadable("the body has no definition")))?;
        let compiled = Arc::new(Compiled {
            definition: Arc::new(Definition::compile(definition).map_err(fail)?),
            name: source.name.clone(),
            version: source.version,
        });
        let mut flows = self.flows.lock().unwrap_or_else(PoisonError::into_inner);
        if flows.len() >= KEPT {
            flows.clear();
        }
        flows.insert(key, Arc::clone(&compiled));
        Ok(compiled)
    }
}
