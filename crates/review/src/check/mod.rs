//! The solution checker: what is wrong with a package, from its files alone.
//!
//! One file per rule. A rule sees the package through its context and tells drafts; here they get
//! the severities asked for, their lines and columns, and their suppressions. A false alarm costs
//! more than a miss: what a rule cannot know, it does not say.
mod binding;
pub(crate) mod connector;
pub(crate) mod context;
mod cr000_unreadable;
mod cr001_hard_coded;
mod cr002_undefined;
mod cr003_unused;
mod cr004_several;
mod cr005_mismatch;
mod cr006_baked_in;
mod cr007_secret;
mod cr008_target;
mod cr009_value_travels;
mod cr010_plain_secret;
mod cr011_child_invoker;
mod cr012_operation;
mod cr013_naming;
mod cr014_custom_connector;
mod cr015_canvas;
mod cr016_missing_dependency;
mod cr017_no_principal;
mod cr018_malformed;
mod cr019_settings;
mod cr020_policy;
mod cr021_connector_and_users;
mod cr022_open_trigger;
mod cr023_secret_outputs;
mod cr024_on_behalf;
mod cr025_deprecated;
mod draft;
mod locate;
mod options;
pub(crate) mod provided;
mod resolve;
mod settings_file;
mod siblings;
pub(crate) mod source;
pub(crate) mod text;

use connref_solution::model::EnvironmentId;
use connref_solution::model::facts::EnvironmentKind;

use crate::catalogue::code;
use crate::finding::{Finding, Severity};
use crate::policy::Policies;
use context::Context;
use draft::Draft;
pub use options::{CheckOptions, Level, Naming, SeverityOverride, Suppression};
pub use settings_file::{alm_settings_check, settings_file_check, settings_owner};
pub use siblings::Siblings;
pub use source::CheckSource;

/// What is to be checked, and what stands beside it.
#[derive(Clone, Copy, Debug)]
pub struct CheckInput<'a> {
    /// The package.
    pub source: &'a CheckSource,
    /// Packages that go to the same environment; the package itself among them is passed over.
    pub siblings: Option<&'a Siblings<'a>>,
    /// Deployment settings for the package.
    pub settings: &'a [SettingsText<'a>],
    /// Policies of the environment.
    pub policies: Option<&'a Policies>,
    /// The environment it is meant for, for the scope of policies.
    pub environment: Option<&'a EnvironmentId>,
    /// The kind of that environment, for binding rules.
    pub kind: Option<EnvironmentKind>,
}

/// A deployment settings file.
#[derive(Clone, Copy, Debug)]
pub struct SettingsText<'a> {
    /// Its name, as locations give it.
    pub name: &'a str,
    /// Its content.
    pub bytes: &'a [u8],
}

impl<'a> CheckInput<'a> {
    /// A package by itself.
    pub fn new(source: &'a CheckSource) -> Self {
        Self {
            source,
            siblings: None,
            settings: &[],
            policies: None,
            environment: None,
            kind: None,
        }
    }
}

type Rule = fn(&Context<'_>, &mut Vec<Draft>);

/// Every rule with its code.
const RULES: [(&str, Rule); 26] = [
    (code::CR000, cr000_unreadable::check),
    (code::CR001, cr001_hard_coded::check),
    (code::CR002, cr002_undefined::check),
    (code::CR003, cr003_unused::check),
    (code::CR004, cr004_several::check),
    (code::CR005, cr005_mismatch::check),
    (code::CR006, cr006_baked_in::check),
    (code::CR007, cr007_secret::check),
    (code::CR008, cr008_target::check),
    (code::CR009, cr009_value_travels::check),
    (code::CR010, cr010_plain_secret::check),
    (code::CR011, cr011_child_invoker::check),
    (code::CR012, cr012_operation::check),
    (code::CR013, cr013_naming::check),
    (code::CR014, cr014_custom_connector::check),
    (code::CR015, cr015_canvas::check),
    (code::CR016, cr016_missing_dependency::check),
    (code::CR017, cr017_no_principal::check),
    (code::CR018, cr018_malformed::check),
    (code::CR019, cr019_settings::check),
    (code::CR020, cr020_policy::check),
    (code::CR021, cr021_connector_and_users::check),
    (code::CR022, cr022_open_trigger::check),
    (code::CR023, cr023_secret_outputs::check),
    (code::CR024, cr024_on_behalf::check),
    (code::CR025, cr025_deprecated::check),
];

/// Codes of the rules, in order.
pub fn rule_codes() -> impl Iterator<Item = &'static str> {
    RULES.iter().map(|(code, _)| *code)
}

/// Findings of one rule in one package at most; more say nothing that these do not.
const MAX_PER_RULE: usize = 1_000;

/// Checks a package. Findings come sorted by part, line and code; suppressed ones are among them,
/// each with its reason.
pub fn check(input: &CheckInput<'_>, options: &CheckOptions) -> Vec<Finding> {
    let cx = Context::new(input, options);
    let mut drafts = Vec::new();
    for (code, rule) in RULES {
        let Some(level) = wanted(options, code) else { continue };
        let mut found = Vec::new();
        rule(&cx, &mut found);
        bound(&mut found);
        if let Some(severity) = level {
            found.iter_mut().for_each(|draft| draft.severity = severity);
        }
        drafts.append(&mut found);
    }
    let mut findings = resolve::resolve(&cx, drafts);
    for finding in &mut findings {
        finding.suppression = suppressed(options, finding);
    }
    findings.sort_by(|a, b| order(a).cmp(&order(b)));
    findings
}

/// `None`: the rule is off; `Some(None)`: as the rule says.
fn wanted(options: &CheckOptions, code: &str) -> Option<Option<Severity>> {
    let chosen = options.rules.as_ref();
    if chosen.is_some_and(|list| !list.iter().any(|c| c.trim().eq_ignore_ascii_case(code))) {
        return None;
    }
    let named = options.overrides.iter().rev().find(|o| o.code.trim().eq_ignore_ascii_case(code));
    match named.map(|o| o.level) {
        None => Some(None),
        Some(Level::At(severity)) => Some(Some(severity)),
        Some(Level::Off) => None,
    }
}

fn bound(found: &mut Vec<Draft>) {
    let more = found.len().saturating_sub(MAX_PER_RULE);
    found.truncate(MAX_PER_RULE);
    if let Some(last) = found.last_mut().filter(|_| more > 0) {
        last.message.push_str(&format!(" (and {more} more like it)"));
    }
}

fn suppressed(options: &CheckOptions, finding: &Finding) -> Option<String> {
    let mut all = options.suppressions.iter();
    all.find(|s| s.holds(&options.place, finding)).map(|s| s.reason.clone())
}

fn order(finding: &Finding) -> (&str, usize, usize, &str, &str) {
    let at = finding.location.as_ref();
    let (part, line, column) = at.map_or(("", 0, 0), |l| (l.part.as_str(), l.line, l.column));
    (part, line, column, finding.code, &finding.message)
}
