//! Other names for everything that could say who or where: the same thing gets the same one
//! throughout a record, and nothing of the name it had.
use std::collections::HashMap;

use connref_solution::model::{
    ApiName, ComponentKind, ConnectionId, ConnectorId, EnvironmentId, FlowId, LogicalName,
    PrincipalId, ReferenceId, SolutionId, VariableId,
};

/// What was renamed so far, by kind of thing and the key it is compared by.
#[derive(Debug, Default)]
pub struct Names {
    known: HashMap<(&'static str, String), usize>,
    counts: HashMap<&'static str, usize>,
}

impl Names {
    /// The number of a thing: 1 for the first of its kind.
    fn number(&mut self, kind: &'static str, key: &str) -> usize {
        let count = self.counts.entry(kind).or_default();
        *self.known.entry((kind, key.to_lowercase())).or_insert_with(|| {
            *count += 1;
            *count
        })
    }

    fn guid(&mut self, kind: &'static str, group: u32, key: &str) -> String {
        let number = self.number(kind, key);
        format!("{group:08x}-0000-4000-8000-{number:012x}")
    }

    pub(super) fn environment(&mut self, id: &EnvironmentId) -> EnvironmentId {
        self.guid("environment", 0xe0, id.as_str()).into()
    }

    /// People, service principals, teams, groups and the tenant.
    pub fn principal(&mut self, id: &PrincipalId) -> PrincipalId {
        self.guid("principal", 0xa0, id.as_str()).into()
    }

    pub(super) fn person(&mut self, id: &PrincipalId) -> String {
        format!("principal{}@example.test", self.number("principal", id.as_str()))
    }

    /// A connection.
    pub fn connection(&mut self, id: &ConnectionId) -> ConnectionId {
        format!("{:032x}", self.number("connection", id.as_str())).into()
    }

    pub(super) fn reference_row(&mut self, id: &ReferenceId) -> ReferenceId {
        self.guid("reference row", 0xb0, id.as_str()).into()
    }

    pub(super) fn variable_row(&mut self, id: &VariableId) -> VariableId {
        self.guid("variable row", 0xb1, id.as_str()).into()
    }

    pub(super) fn connector_row(&mut self, id: &ConnectorId) -> ConnectorId {
        self.guid("connector row", 0xb2, id.as_str()).into()
    }

    pub(super) fn solution(&mut self, id: &SolutionId) -> SolutionId {
        self.guid("solution row", 0xb3, id.as_str()).into()
    }

    /// A flow.
    pub fn flow(&mut self, id: &FlowId) -> FlowId {
        self.guid("flow", 0xf0, id.as_str()).into()
    }

    pub(super) fn flow_name(&mut self, id: &FlowId) -> String {
        format!("Flow {}", self.number("flow", id.as_str()))
    }

    pub(super) fn solution_name(&mut self, unique_name: &str) -> String {
        // A holding solution is known by the end of its name.
        match unique_name.strip_suffix("_Upgrade") {
            Some(base) => format!("Solution{}_Upgrade", self.number("solution", base)),
            None => format!("Solution{}", self.number("solution", unique_name)),
        }
    }

    pub(super) fn publisher(&mut self, unique_name: &str) -> String {
        format!("publisher{}", self.number("publisher", unique_name))
    }

    pub(super) fn prefix(&mut self, prefix: &str) -> String {
        format!("pre{}", self.number("prefix", prefix))
    }

    /// A connection reference.
    pub fn reference(&mut self, name: &LogicalName) -> LogicalName {
        self.logical("reference", name)
    }

    /// An environment variable.
    pub fn variable(&mut self, name: &LogicalName) -> LogicalName {
        self.logical("variable", name)
    }

    /// The logical name of a custom connector; its api name gets the same number.
    pub(super) fn connector(&mut self, name: &LogicalName) -> LogicalName {
        let bare = format!("shared_{}", name.key().replacen('_', "-5f", 1));
        LogicalName::new(&format!("pre_custom{}", self.number("custom", &bare)))
    }

    fn logical(&mut self, kind: &'static str, name: &LogicalName) -> LogicalName {
        let key = name.key();
        let prefix = self.prefix(key.split('_').next().unwrap_or_default());
        LogicalName::new(&format!("{prefix}_{kind}{}", self.number(kind, &key)))
    }

    /// A connector. Those of the vendor keep their names, which are public; a custom one keeps that
    /// it has a hash, and with which others it is the same.
    pub(super) fn api(&mut self, api: &ApiName, custom: bool) -> ApiName {
        let (key, bare) = (api.key(), api.without_hash());
        if key.is_empty() || (!custom && bare == key && !key.contains("-5f")) {
            return api.clone();
        }
        let name = format!("shared_pre-5fcustom{}", self.number("custom", &bare));
        match bare == key {
            true => ApiName::new(&name),
            false => ApiName::new(&format!("{name}-5f{:016x}", self.number("custom hash", &key))),
        }
    }

    pub(super) fn row(&mut self, kind: ComponentKind, id: &str) -> String {
        match kind {
            ComponentKind::Flow => self.flow(&id.into()).to_string(),
            ComponentKind::Reference => self.reference_row(&id.into()).to_string(),
            ComponentKind::Variable => self.variable_row(&id.into()).to_string(),
            ComponentKind::Connector => self.connector_row(&id.into()).to_string(),
        }
    }

    pub(super) fn digest(&mut self, digest: &str) -> String {
        if digest.is_empty() {
            return String::new();
        }
        format!("digest{}", self.number("digest", digest))
    }
}
