//! Statuses of actions, as `runAfter` names them and run history shows them.

use std::fmt;

/// Status of an action. The first two are of an action still under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ActionStatus {
    /// Waits for its predecessors.
    Waiting,
    /// Started, no result yet.
    Running,
    /// Finished well.
    Succeeded,
    /// Finished with an error.
    Failed,
    /// Not started, because its predecessors or its branch did not allow it.
    Skipped,
    /// Given up after its time limit.
    TimedOut,
    /// Stopped from outside before it finished.
    Cancelled,
}

impl ActionStatus {
    /// Every status an action can end with.
    pub const FINAL: [Self; 5] =
        [Self::Succeeded, Self::Failed, Self::Skipped, Self::TimedOut, Self::Cancelled];

    /// The name in histories and in `runAfter`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "Waiting",
            Self::Running => "Running",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
            Self::Skipped => "Skipped",
            Self::TimedOut => "TimedOut",
            Self::Cancelled => "Cancelled",
        }
    }

    /// Reads a final status; exported flows hold `SUCCEEDED` too, so case does not matter.
    pub fn parse(text: &str) -> Option<Self> {
        Self::FINAL.into_iter().find(|status| status.as_str().eq_ignore_ascii_case(text))
    }

    /// Whether the action will not change any more.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Waiting | Self::Running)
    }

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl fmt::Display for ActionStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A set of statuses: what one entry of `runAfter` accepts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StatusSet(u8);

impl StatusSet {
    /// The empty set.
    pub const EMPTY: Self = Self(0);

    /// The set with this status added.
    #[must_use]
    pub fn with(self, status: ActionStatus) -> Self {
        Self(self.0 | status.bit())
    }

    /// Whether the status is in the set.
    pub fn contains(self, status: ActionStatus) -> bool {
        self.0 & status.bit() != 0
    }

    /// Whether nothing is in the set.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_ignores_case_and_refuses_running() {
        assert_eq!(ActionStatus::parse("SUCCEEDED"), Some(ActionStatus::Succeeded));
        assert_eq!(ActionStatus::parse("timedout"), Some(ActionStatus::TimedOut));
        assert_eq!(ActionStatus::parse("Running"), None);
    }

    #[test]
    fn set_holds_what_was_added() {
        let set = StatusSet::EMPTY.with(ActionStatus::Failed).with(ActionStatus::Skipped);
        assert!(set.contains(ActionStatus::Failed) && set.contains(ActionStatus::Skipped));
        assert!(!set.contains(ActionStatus::Succeeded) && StatusSet::EMPTY.is_empty());
    }
}
