//! Definitions compiled once per version, custom connectors once per change of the environment.
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use connref_flow::Definition;
use connref_store::flow::FlowDefinition;

use super::RunError;
use crate::connector::Connector;

/// Kept at most; beyond it the cache starts over rather than grow with every version ever run.
const KEPT: usize = 512;

/// Compiled parts by what they were compiled from.
#[derive(Default)]
pub(super) struct Cache {
    flows: Mutex<HashMap<(String, String, i64), Arc<Compiled>>>,
    connectors: Mutex<HashMap<(String, String), AtVersion>>,
}

/// A connector and the environment's version it was made at.
type AtVersion = (i64, Arc<dyn Connector>);

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

    /// A compiled custom connector, if it was made at this version of the environment.
    pub(super) fn connector(
        &self,
        environment: &str,
        api: &str,
        version: i64,
    ) -> Option<Arc<dyn Connector>> {
        let connectors = self.connectors.lock().unwrap_or_else(PoisonError::into_inner);
        let (kept, connector) = connectors.get(&(environment.to_owned(), api.to_owned()))?;
        (*kept == version).then(|| Arc::clone(connector))
    }

    pub(super) fn connector_keep(
        &self,
        environment: &str,
        api: &str,
        version: i64,
        connector: &Arc<dyn Connector>,
    ) {
        let mut connectors = self.connectors.lock().unwrap_or_else(PoisonError::into_inner);
        if connectors.len() >= KEPT {
            connectors.clear();
        }
        let key = (environment.to_owned(), api.to_owned());
        connectors.insert(key, (version, Arc::clone(connector)));
    }
}
