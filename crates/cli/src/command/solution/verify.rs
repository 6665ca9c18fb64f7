//! `connref solution verify`
use std::path::{Path, PathBuf};

use clap::Args;
use connref_review::Severity;
use connref_review::audit::{AuditOptions, Audited, Intended, Locked, solution_verify};
use connref_solution::artefact::bindings_yaml::bindings_read;
use connref_solution::model::facts::SolutionFacts;
use connref_solution::model::selector::Bindings;
use connref_solution::model::{Facts, LogicalName};

use super::check::policies;
use crate::command::audit::judge::{Threshold, Told, lock, print_told};
use crate::command::read_text;
use crate::context::Context;
use crate::exit::{Exit, Failure, Outcome};
use crate::facts_file::facts;
use crate::render::{clean, style};
use crate::report::About;

/// The gate after a deployment and before a release: whether a solution can work as it is meant
/// to; 1 if not, or if not all of it could be seen
#[derive(Args, Debug)]
pub(crate) struct VerifyArgs {
    /// Unique name of the solution
    #[arg(value_name = "SOLUTION")]
    name: String,
    /// Facts file to judge instead of the environment (see `facts export`)
    #[arg(long, value_name = "PATH")]
    facts: Option<PathBuf>,
    /// Recorded bindings that the present ones are held against (see `ref lock`)
    #[arg(long, value_name = "PATH")]
    lock: Option<PathBuf>,
    /// What each reference is meant to be bound to: selectors (bindings.yaml)
    #[arg(long, value_name = "PATH")]
    bindings: Option<PathBuf>,
    /// Policy file: data policies and binding rules, beside those of the tenant
    #[arg(long, value_name = "PATH")]
    policy: Option<PathBuf>,
    /// Pass although some rules could not be judged for want of facts
    #[arg(long)]
    accept_unknown: bool,
    /// Exit with 1 if a finding is at least this severe
    #[arg(long, value_enum, default_value_t = Threshold::Warning)]
    fail_on: Threshold,
}

impl VerifyArgs {
    pub(super) async fn run(self, context: &Context) -> Outcome {
        let policies = self.policy.as_deref().map(policies).transpose()?;
        let lock = self.lock.as_deref().map(lock).transpose()?;
        let intended = self.bindings.as_deref().map(bindings).transpose()?;
        let facts = facts(context, self.facts.as_deref()).await?;
        let solution = facts.solution(&self.name).ok_or_else(|| {
            Failure::missing(format!(
                "there is no solution `{}` in {}",
                self.name, facts.environment.name
            ))
            .fix("connref solution list")
        })?;
        let options = AuditOptions {
            policies: policies.as_ref(),
            lock: lock.as_ref().map(|(lock, file)| Locked { lock, file }),
            ..AuditOptions::default()
        };
        let intended =
            intended.as_ref().map(|(bindings, file)| Intended { bindings, file: file.as_str() });
        let audited = solution_verify(&facts, solution, &options, intended);
        let blind = !audited.unjudged.is_empty() && !self.accept_unknown;
        let findings = self.fail_on.exit(&audited.findings);
        let ready = findings == Exit::Clean && !blind;
        let name = format!("{}/{}", facts.environment.name, solution.unique_name);
        let last = sentence(&facts, solution, &audited, ready);
        let told = Told { about: About::Solution, name: &name, last: &last, blind };
        print_told(context, self.fail_on, &told, &audited)?;
        Ok(if ready { Exit::Clean } else { Exit::Findings })
    }
}

/// Reads selectors; answers the file's name too.
pub(crate) fn bindings(path: &Path) -> Result<(Bindings, String), Failure> {
    let text = read_text(path, "the bindings")?;
    let shown = path.display().to_string();
    let read = bindings_read(&text).map_err(|error| {
        Failure::new(Exit::Usage, error).context(format!("cannot use `{shown}`"))
    })?;
    Ok((read, shown))
}

fn sentence(facts: &Facts, solution: &SolutionFacts, audited: &Audited, ready: bool) -> String {
    let flows = facts.flows.iter().filter(|f| f.solutions.contains(&solution.id)).count();
    let names: std::collections::HashSet<&LogicalName> = facts
        .references
        .iter()
        .filter(|r| r.solutions.contains(&solution.id))
        .map(|r| &r.logical_name)
        .collect();
    let (mark, word) = match ready {
        true => (style::good("✓"), "can work as it is meant to"),
        false => (style::bad("✕"), "is not ready"),
    };
    let count = |severity| audited.findings.iter().filter(|f| f.severity == severity).count();
    let many =
        |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    let mut text = format!(
        "{mark} {} {} in {} {word}: {}, {}; {}, {}, {}",
        clean(&solution.unique_name),
        clean(&solution.version),
        clean(&facts.environment.name),
        many(names.len(), "reference"),
        many(flows, "flow"),
        many(count(Severity::Error), "error"),
        many(count(Severity::Warning), "warning"),
        many(count(Severity::Note), "note"),
    );
    if !audited.unjudged.is_empty() {
        text += &format!("; {} not judged", many(audited.unjudged.len(), "rule"));
    }
    text
}
