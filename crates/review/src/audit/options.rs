//! What an audit is held against beside the facts.
use connref_solution::artefact::bindings_lock::BindingsLock;
use connref_solution::model::Micros;

use crate::policy::Policies;

/// A day in microseconds.
pub const DAY: Micros = 86_400_000_000;

/// Recorded bindings, and the file they were read from.
#[derive(Clone, Copy, Debug)]
pub struct Locked<'a> {
    /// The bindings.
    pub lock: &'a BindingsLock,
    /// The file, as findings name it.
    pub file: &'a str,
}

/// Thresholds, policies and recorded bindings.
#[derive(Clone, Debug)]
pub struct AuditOptions<'a> {
    /// Data policies and binding rules; without them CA115 finds nothing.
    pub policies: Option<&'a Policies>,
    /// Recorded bindings; without them CA114 finds nothing.
    pub lock: Option<Locked<'a>>,
    /// How long a connection may be idle.
    pub stale_after: Micros,
    /// How long before its end a secret or certificate is told.
    pub ends_within: Micros,
    /// From how many flows on a connection is a single point of failure.
    pub high_use_flows: usize,
    /// From how many runs in 30 days on it is.
    pub high_use_runs: i64,
    /// From how many members on a group is large.
    pub large_group: i64,
}

impl Default for AuditOptions<'_> {
    fn default() -> Self {
        Self {
            policies: None,
            lock: None,
            stale_after: 90 * DAY,
            ends_within: 30 * DAY,
            high_use_flows: 10,
            high_use_runs: 10_000,
            large_group: 50,
        }
    }
}
