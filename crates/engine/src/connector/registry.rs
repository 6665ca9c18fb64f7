//! Connectors by api name.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Connector, Dataverse, Office365, SharePoint, Sql};

/// The connectors an engine can call.
#[derive(Clone, Default)]
pub struct Registry {
    connectors: BTreeMap<String, Arc<dyn Connector>>,
}

impl Registry {
    /// All connectors that come with the product.
    #[must_use]
    pub fn built_in() -> Self {
        let mut registry = Self::default();
        registry.insert(Arc::new(Dataverse));
        registry.insert(Arc::new(Office365));
        registry.insert(Arc::new(SharePoint));
        registry.insert(Arc::new(Sql));
        registry
    }

    /// Adds a connector, replacing one of the same name.
    pub fn insert(&mut self, connector: Arc<dyn Connector>) {
        self.connectors.insert(connector.api_name().to_ascii_lowercase(), connector);
    }

    /// The connector with this api name, in any letter case, alone or at the end of an api id.
    #[must_use]
    pub fn get(&self, api_name: &str) -> Option<&Arc<dyn Connector>> {
        let name = api_name.rsplit('/').next().unwrap_or_default();
        self.connectors.get(&name.to_ascii_lowercase())
    }

    /// All connectors, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn Connector>> {
        self.connectors.values()
    }
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.connectors.keys()).finish()
    }
}
