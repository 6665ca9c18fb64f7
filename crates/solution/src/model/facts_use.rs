//! What a snapshot says about use: schedules, operations, the last identity, the target that was
//! reached; and what it could not see.
use super::{ApiName, ConnectionId, LogicalName, Micros};

/// Who and where a connection is, as its last successful test found it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    /// When it was tested.
    pub tested_at: Micros,
    /// Who the target says we are.
    pub identity: Option<String>,
    /// What was reached.
    pub target: String,
}

/// How often a trigger fires by the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Unit.
    pub unit: ScheduleUnit,
    /// Every how many units; at least 1.
    pub interval: u32,
}

/// `frequency` of a recurrence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScheduleUnit {
    /// Seconds.
    Second,
    /// Minutes.
    Minute,
    /// Hours.
    Hour,
    /// Days.
    Day,
    /// Weeks.
    Week,
    /// Months.
    Month,
    /// Years.
    Year,
}

const SECOND: Micros = 1_000_000;
const DAY: Micros = 86_400 * SECOND;

impl Schedule {
    /// The longest time between two firings, in microseconds: a month has 31 days, a year 366.
    pub fn longest(self) -> Micros {
        let unit = match self.unit {
            ScheduleUnit::Second => SECOND,
            ScheduleUnit::Minute => 60 * SECOND,
            ScheduleUnit::Hour => 3600 * SECOND,
            ScheduleUnit::Day => DAY,
            ScheduleUnit::Week => 7 * DAY,
            ScheduleUnit::Month => 31 * DAY,
            ScheduleUnit::Year => 366 * DAY,
        };
        unit.saturating_mul(Micros::from(self.interval))
    }
}

impl ScheduleUnit {
    /// Every unit with its spelling in a recurrence.
    pub const SPELLINGS: [(Self, &'static str); 7] = [
        (Self::Second, "Second"),
        (Self::Minute, "Minute"),
        (Self::Hour, "Hour"),
        (Self::Day, "Day"),
        (Self::Week, "Week"),
        (Self::Month, "Month"),
        (Self::Year, "Year"),
    ];
}

/// One operation that a flow calls.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FlowOperation {
    /// Connector; `Http`, `HttpWebhook` and `HttpRequestReceived` for what needs no connection.
    pub api_name: ApiName,
    /// Operation id; empty if the flow does not say.
    pub operation: String,
    /// What it reaches, where that is written down: an address without its query.
    pub endpoint: Option<String>,
}

/// As whom a flow's last run acted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acted {
    /// The reference; `None` for a connection that the flow names directly.
    pub reference: Option<LogicalName>,
    /// The connection.
    pub connection: ConnectionId,
    /// The identity at the target, as far as known; else the connection's owner.
    pub identity: String,
    /// Version of the binding; 0 without a reference.
    pub binding_version: i64,
    /// When.
    pub at: Micros,
}

/// A part of the facts that a snapshot may not have seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Area {
    /// Connections of others than whoever took the snapshot.
    Connections,
    /// With whom connections are shared.
    Shares,
    /// Who and where connections are.
    Fingerprints,
    /// When secrets and certificates end.
    Ends,
    /// When connections were last used.
    LastUse,
    /// How often flows ran, and as whom.
    Runs,
    /// Whether flows should be on.
    WantedOn,
    /// Who turned flows on, and the use of connections that granted.
    Activations,
    /// Who may change or run flows beside their owners.
    FlowShares,
    /// When people departed, and their managers.
    Departures,
    /// To what people belong, and how large groups and teams are.
    Groups,
    /// What service principals can authenticate with.
    Capabilities,
    /// The members of solutions.
    Membership,
    /// Who made bindings, when, and how often they changed.
    Bindings,
    /// Whether the environment is one for making, testing or working; taken for the last.
    Kind,
    /// What was changed by hand on top of managed solutions.
    Layers,
    /// The policies of the tenant.
    Policies,
}

impl Area {
    /// Every area with its spelling in a file, and what is not known, in words.
    pub const ALL: [(Self, &'static str, &'static str); 17] = [
        (Self::Connections, "connections", "connections of other people"),
        (Self::Shares, "shares", "with whom connections are shared"),
        (Self::Fingerprints, "fingerprints", "who and where connections are"),
        (Self::Ends, "ends", "when secrets and certificates end"),
        (Self::LastUse, "lastUse", "when connections were last used"),
        (Self::Runs, "runs", "how often flows ran, and as whom"),
        (Self::WantedOn, "wantedOn", "whether flows should be on"),
        (Self::Activations, "activations", "who turned flows on"),
        (Self::FlowShares, "flowShares", "who may change or run flows beside their owners"),
        (Self::Departures, "departures", "when people departed"),
        (Self::Groups, "groups", "the members of groups and teams"),
        (Self::Capabilities, "capabilities", "whether service principals can authenticate"),
        (Self::Membership, "membership", "what solutions contain"),
        (Self::Bindings, "bindings", "who made bindings, and when"),
        (Self::Kind, "kind", "the kind of the environment (taken for production)"),
        (Self::Layers, "layers", "what was changed on top of managed solutions"),
        (Self::Policies, "policies", "the policies of the tenant"),
    ];

    /// What is not known, in words.
    pub fn words(self) -> &'static str {
        Self::ALL.iter().find(|(area, ..)| *area == self).map_or("", |(.., words)| words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_never_reads_shorter_than_it_is() {
        let every = |unit, interval| Schedule { unit, interval }.longest();
        assert_eq!(every(ScheduleUnit::Minute, 15), every(ScheduleUnit::Second, 900));
        assert!(every(ScheduleUnit::Month, 1) >= 31 * DAY);
        assert_eq!(every(ScheduleUnit::Year, u32::MAX), Micros::MAX);
    }

    #[test]
    fn every_area_has_words() {
        for (area, spelling, words) in Area::ALL {
            assert!(!spelling.is_empty());
            assert_eq!(area.words(), words);
        }
    }
}
