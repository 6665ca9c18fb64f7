//! How a check is to be done.
use crate::finding::{Finding, Severity};
use crate::policy::pattern::fits;

/// How a check is to be done. The default is every rule at its own severity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckOptions {
    /// The package is meant for production: rules that are off otherwise speak too.
    pub production: bool,
    /// Only these rules, by code; `None`: all.
    pub rules: Option<Vec<String>>,
    /// Severities that differ from the rules' own; the last one for a code counts.
    pub overrides: Vec<SeverityOverride>,
    /// Where the package lies, as patterns of suppressions see it; empty if they see parts alone.
    pub place: String,
    /// Findings to suppress, with the reason.
    pub suppressions: Vec<Suppression>,
    /// How things are to be named.
    pub naming: Naming,
}

/// Another severity for a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeverityOverride {
    /// Code, in any case.
    pub code: String,
    /// What its findings are.
    pub level: Level,
}

/// A severity, or none at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// The rule is silent.
    Off,
    /// Its findings have this severity.
    At(Severity),
}

impl Level {
    /// Reads a level as the vendor's checker writes it (`Critical`, `High`, `Medium`, `Low`,
    /// `Informational`) or as connref does (`error`, `warning`, `note`, `off`).
    pub fn parse(text: &str) -> Option<Self> {
        match text.trim().to_ascii_lowercase().as_str() {
            "critical" | "high" | "error" => Some(Self::At(Severity::Error)),
            "medium" | "warning" => Some(Self::At(Severity::Warning)),
            "low" | "informational" | "note" => Some(Self::At(Severity::Note)),
            "off" | "none" => Some(Self::Off),
            _ => None,
        }
    }
}

/// Findings to suppress.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Suppression {
    /// Code, in any case.
    pub code: String,
    /// Only in files that fit this pattern: the part alone, or with the path of the package before
    /// it. `*` stands for any characters, `/` among them; a folder stands for all in it.
    pub part: Option<String>,
    /// Only about subjects whose name fits this pattern with `*`.
    pub subject: Option<String>,
    /// Why.
    pub reason: String,
}

impl Suppression {
    /// Whether it holds for a finding.
    pub(super) fn holds(&self, place: &str, finding: &Finding) -> bool {
        let part = finding.location.as_ref().map_or("", |l| l.part.as_str());
        let whole = format!("{}/{part}", place.trim_end_matches('/'));
        self.code.trim().eq_ignore_ascii_case(finding.code)
            && self.subject.as_ref().is_none_or(|p| fits(p, &finding.subject.name))
            && self.part.as_ref().is_none_or(|pattern| {
                let pattern = pattern.trim_start_matches("./").trim_start_matches("**/");
                let below = format!("{}/*", pattern.trim_end_matches('/'));
                [part, whole.trim_matches('/')].iter().any(|t| fits(pattern, t) || fits(&below, t))
            })
    }
}

/// How things are to be named; nothing set: only publishers that come with every environment are
/// reported.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Naming {
    /// Prefix of the publisher, of references and of variables, without the underscore.
    pub prefix: Option<String>,
    /// Pattern with `*` for logical names of references.
    pub logical_name: Option<String>,
    /// Pattern with `*` for display names of references.
    pub display_name: Option<String>,
}
