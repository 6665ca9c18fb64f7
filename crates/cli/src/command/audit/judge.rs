//! Holding audit rules against the facts of an environment or of a file.
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use connref_review::audit::{AuditOptions, Audited, DAY, Locked, audit_codes, audit_rules};
use connref_review::policy::Policies;
use connref_review::{Finding, Severity};
use connref_solution::artefact::bindings_lock::{BindingsLock, bindings_lock_read};
use connref_solution::model::Facts;
use serde_json::{Value, json};

use crate::command::solution::check::policies;
use crate::context::Context;
use crate::exit::{Exit, Failure, Outcome};
use crate::facts_file::{facts, read_bytes};
use crate::render::{Format, clean, note, style};
use crate::report::{About, Checked, Entry, Report, fingerprints};

/// Arguments of audits.
#[derive(Args, Debug)]
pub(crate) struct JudgeArgs {
    /// Facts file to judge instead of the environment (see `facts export`)
    #[arg(long, value_name = "PATH")]
    pub(super) facts: Option<PathBuf>,
    /// Only these rules (CA107; may be given several times)
    #[arg(long, value_name = "CODE")]
    rule: Vec<String>,
    /// Policy file: data policies and binding rules
    #[arg(long, value_name = "PATH")]
    policy: Option<PathBuf>,
    /// Recorded bindings that the present ones are held against (see `ref lock`)
    #[arg(long, value_name = "PATH")]
    lock: Option<PathBuf>,
    /// Days without use after which a connection is stale
    #[arg(long, value_name = "DAYS", default_value_t = 90, value_parser = clap::value_parser!(u32).range(1..=3650))]
    stale_days: u32,
    /// Days before its end from which on a secret or certificate is told
    #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=3650))]
    ends_days: u32,
    /// Flows from which on a connection is a single point of failure
    #[arg(long, value_name = "FLOWS", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    high_use: u32,
    /// Members from which on a group is large
    #[arg(long, value_name = "MEMBERS", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    large_group: u32,
    /// Exit with 1 if a finding is at least this severe
    #[arg(long, value_enum, default_value_t = Threshold::Error)]
    fail_on: Threshold,
}

/// From which severity on a finding fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Threshold {
    Note,
    Warning,
    Error,
    Never,
}

impl Threshold {
    fn severity(self) -> Option<Severity> {
        match self {
            Self::Note => Some(Severity::Note),
            Self::Warning => Some(Severity::Warning),
            Self::Error => Some(Severity::Error),
            Self::Never => None,
        }
    }

    pub(crate) fn exit(self, findings: &[Finding]) -> Exit {
        let severe =
            self.severity().is_some_and(|least| findings.iter().any(|f| f.severity >= least));
        if severe { Exit::Findings } else { Exit::Clean }
    }
}

/// What an audit is held against, read from files.
pub(super) struct Judge {
    pub(super) facts: Facts,
    policies: Option<Policies>,
    lock: Option<(BindingsLock, String)>,
}

impl JudgeArgs {
    /// Judges by these rules and prints what was found.
    pub(super) async fn run(self, context: &Context, codes: &[&str]) -> Outcome {
        let judge = self.judge(context).await?;
        let audited = self.audited(&judge, codes)?;
        print(context, self.fail_on, &judge.facts.environment.name, &audited)
    }

    /// Judges by every rule; as Markdown or HTML it is the page of a review.
    pub(super) async fn review(self, context: &Context) -> Outcome {
        let judge = self.judge(context).await?;
        let audited = self.audited(&judge, &[])?;
        let page = super::review::page;
        match context.output.format {
            Format::Md => context.output.text(&page(&judge.facts, &audited).md())?,
            Format::Html => context.output.text(&page(&judge.facts, &audited).html())?,
            _ => return print(context, self.fail_on, &judge.facts.environment.name, &audited),
        }
        Ok(self.fail_on.exit(&audited.findings))
    }

    async fn judge(&self, context: &Context) -> Result<Judge, Failure> {
        let policies = self.policy.as_deref().map(policies).transpose()?;
        let lock = self.lock.as_deref().map(lock).transpose()?;
        let facts = facts(context, self.facts.as_deref()).await?;
        Ok(Judge { facts, policies, lock })
    }

    fn audited(&self, judge: &Judge, codes: &[&str]) -> Result<Audited, Failure> {
        let wanted: Vec<String> = self.rule.iter().map(|code| code.to_ascii_uppercase()).collect();
        if let Some(odd) = wanted.iter().find(|code| !audit_rules().any(|rule| rule == *code)) {
            return Err(
                Failure::usage(format!("`{odd}` is no audit rule")).fix("connref explain CA101")
            );
        }
        let chosen: Vec<&str> = match (codes.is_empty(), wanted.is_empty()) {
            (true, _) => wanted.iter().map(String::as_str).collect(),
            (false, true) => codes.to_vec(),
            (false, false) => {
                return Err(Failure::usage(
                    "this audit has its rule; --rule is for `audit report`",
                )
                .fix("connref audit report --rule CODE"));
            }
        };
        let options = AuditOptions {
            policies: judge.policies.as_ref(),
            lock: judge.lock.as_ref().map(|(lock, file)| Locked { lock, file }),
            stale_after: i64::from(self.stale_days) * DAY,
            ends_within: i64::from(self.ends_days) * DAY,
            high_use_flows: self.high_use as usize,
            large_group: i64::from(self.large_group),
            ..AuditOptions::default()
        };
        Ok(audit_codes(&judge.facts, &options, &chosen))
    }
}

/// Reads recorded bindings; answers the file's name too, as findings show it.
pub(crate) fn lock(path: &Path) -> Result<(BindingsLock, String), Failure> {
    let bytes = read_bytes(path, "the recorded bindings")?;
    let shown = path.display().to_string();
    let lock = bindings_lock_read(&bytes).map_err(|error| {
        Failure::new(Exit::Usage, error).context(format!("cannot use `{shown}`"))
    })?;
    Ok((lock, shown))
}

/// Prints findings in the format asked for, and what was not judged on stderr.
pub(super) fn print(
    context: &Context,
    fail_on: Threshold,
    name: &str,
    audited: &Audited,
) -> Outcome {
    let last = sentence(name, audited);
    let told = Told { about: About::Environment, name, last: &last, blind: false };
    print_told(context, fail_on, &told, audited)
}

/// What findings are printed as.
pub(crate) struct Told<'a> {
    /// What they are about.
    pub(crate) about: About,
    /// Its name in reports.
    pub(crate) name: &'a str,
    /// The sentence that ends what people read.
    pub(crate) last: &'a str,
    /// What was not judged is a fault of its own in reports.
    pub(crate) blind: bool,
}

/// The same, about something else than a whole environment.
pub(crate) fn print_told(
    context: &Context,
    fail_on: Threshold,
    about: &Told<'_>,
    audited: &Audited,
) -> Outcome {
    match context.output.format {
        Format::Table => {
            let text: String = audited.findings.iter().map(told).collect();
            context.output.text(&text)?;
            context.output.text(&format!("{}\n", about.last))?;
        }
        Format::Html | Format::Sarif | Format::Junit => {
            let report = report(about, fail_on, audited);
            context.output.text(&report.text(context.output.format))?;
        }
        Format::Json | Format::Ndjson | Format::Csv | Format::Md => {
            const COLUMNS: &[(&str, &str)] = &[
                ("CODE", "code"),
                ("SEVERITY", "severity"),
                ("KIND", "kind"),
                ("SUBJECT", "subject"),
                ("MESSAGE", "message"),
                ("FIX", "fix"),
            ];
            let rows: Vec<_> = audited.findings.iter().map(row).collect();
            context.output.list(COLUMNS, &rows)?;
        }
    }
    unjudged(audited).for_each(|line| note(&line));
    Ok(fail_on.exit(&audited.findings))
}

fn sentence(name: &str, audited: &Audited) -> String {
    let count = |severity| audited.findings.iter().filter(|f| f.severity == severity).count();
    let mark = if audited.findings.is_empty() { style::good("✓") } else { style::warn("!") };
    let many =
        |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    let mut text = format!(
        "{mark} {}, {}, {} in {}",
        many(count(Severity::Error), "error"),
        many(count(Severity::Warning), "warning"),
        many(count(Severity::Note), "note"),
        clean(name)
    );
    if !audited.unjudged.is_empty() {
        text += &format!("; {} not judged", many(audited.unjudged.len(), "rule"));
    }
    text
}

/// The rules that were not held against the facts, a sentence each.
fn unjudged(audited: &Audited) -> impl Iterator<Item = String> {
    audited.unjudged.iter().map(|(code, areas)| {
        let areas: Vec<&str> = areas.iter().map(|area| area.words()).collect();
        format!("{code} was not judged: {} is not known", areas.join(", "))
    })
}

fn report(told: &Told<'_>, fail_on: Threshold, audited: &Audited) -> Report {
    let name = told.name;
    let path = format!("environments/{name}");
    let prints = fingerprints(name, &audited.findings);
    let entries = audited.findings.iter().zip(prints).map(|(finding, fingerprint)| Entry {
        finding: finding.clone(),
        file: finding.location.as_ref().map_or_else(|| path.clone(), |at| at.part.clone()),
        fingerprint,
        known: false,
    });
    let checked = Checked {
        path: path.clone(),
        settings: false,
        name: name.to_owned(),
        threshold: fail_on.severity(),
        entries: entries.collect(),
    };
    let blind = unjudged(audited).filter(|_| told.blind);
    Report {
        about: told.about,
        unreadable: blind.map(|line| (path.clone(), line)).collect(),
        packages: vec![checked],
        compared: false,
    }
}

fn told(finding: &Finding) -> String {
    let glyph = match finding.severity {
        Severity::Error => style::bad("✕"),
        Severity::Warning => style::warn("!"),
        Severity::Note => style::faint("·"),
    };
    let mut text = format!("{glyph} {} {}\n", finding.code, clean(&finding.message));
    if let Some(at) = &finding.location {
        text += &format!("  {}:{}\n", clean(&at.part), at.line);
    }
    if !finding.help.is_empty() {
        text += &format!("  {}\n", clean(&finding.help));
    }
    if let Some(fix) = &finding.fix {
        text += &format!("  {} {}\n", style::good("fix:"), clean(fix));
    }
    text
}

fn row(finding: &Finding) -> Value {
    let at = finding.location.as_ref();
    json!({
        "code": finding.code,
        "severity": finding.severity.as_str(),
        "kind": finding.subject.kind.as_str(),
        "id": &*finding.subject.id,
        "subject": finding.subject.name,
        "message": finding.message,
        "help": finding.help,
        "fix": finding.fix,
        "file": at.map(|at| at.part.as_str()),
        "line": at.map(|at| at.line).filter(|line| *line > 0),
    })
}
