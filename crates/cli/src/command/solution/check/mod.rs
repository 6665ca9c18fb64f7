//! `connref solution check`
mod choose;
mod config;
mod work;

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use connref_review::Severity;
use connref_review::check::{CheckInput, CheckOptions, CheckSource, check as review};

use crate::context::Context;
use crate::exit::{Exit, Failure, Outcome};
use crate::render::{note, warning};
use crate::report::{About, Baseline, Checked, Entry, Report, fingerprints, shown};
pub(in crate::command) use choose::policies;
use choose::{Choices, Wish, Wishes};
use work::{Everything, Read};

/// Check solutions before they are deployed; offline
#[derive(Args, Debug, Default)]
pub(crate) struct CheckArgs {
    /// Solution zips, flow packages, unpacked folders, repositories; folders at any depth
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Least severity that makes the check fail (exit code 1); else as connref.toml says, else error
    #[arg(long, value_enum, value_name = "SEVERITY")]
    fail_on: Option<FailOn>,
    /// Only these rules
    #[arg(long, value_delimiter = ',', value_name = "CODES")]
    rules: Vec<String>,
    /// The packages are meant for production: rules that are silent otherwise speak too
    #[arg(long)]
    production: bool,
    /// Other severities: a JSON list of {"Id": CODE, "OverrideLevel": LEVEL}
    #[arg(long, value_name = "PATH")]
    rule_level_override: Option<PathBuf>,
    /// Suppressions, naming rules and severities; else the connref.toml nearest above each package
    #[arg(long, value_name = "PATH")]
    config: Option<PathBuf>,
    /// Read no connref.toml
    #[arg(long, conflicts_with = "config")]
    no_config: bool,
    /// Data policies and binding rules that must hold
    #[arg(long, value_name = "PATH")]
    policy: Option<PathBuf>,
    /// Environment they are meant for, as the policy names it: policies of single environments speak too
    #[arg(long, value_name = "NAME", requires = "policy")]
    env_name: Option<String>,
    /// Its kind, for binding rules; production with --production
    #[arg(long, value_enum, value_name = "KIND", requires = "policy")]
    env_kind: Option<EnvKind>,
    /// Deployment settings to check with the one package
    #[arg(long, value_name = "PATH")]
    settings_file: Vec<PathBuf>,
    /// Packages that go to the same environment; they are not checked themselves
    #[arg(long, value_name = "PATH")]
    with: Vec<PathBuf>,
    /// A former output (JSON or SARIF): only new findings fail
    #[arg(long, value_name = "PATH")]
    baseline: Option<PathBuf>,
}

/// Kind of the environment that packages are meant for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum EnvKind {
    Developer,
    #[value(alias = "sandbox")]
    Test,
    Production,
}

/// The least severity that fails a check.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum FailOn {
    /// Errors only
    #[default]
    Error,
    /// Warnings and errors
    Warning,
    /// Everything
    Note,
    /// Nothing
    Never,
}

impl FailOn {
    /// The threshold; `None`: nothing fails.
    pub(crate) fn severity(self) -> Option<Severity> {
        match self {
            Self::Error => Some(Severity::Error),
            Self::Warning => Some(Severity::Warning),
            Self::Note => Some(Severity::Note),
            Self::Never => None,
        }
    }
}

impl CheckArgs {
    pub(super) fn run(self, context: &Context) -> Outcome {
        let report = self.report()?;
        report.print(context.output)?;
        Ok(match (report.unreadable.is_empty(), report.is_failed()) {
            (false, _) => Exit::Usage,
            (true, true) => Exit::Findings,
            (true, false) => Exit::Clean,
        })
    }

    /// Checks everything that can be read; the rest is told at once and kept for the report.
    fn report(&self) -> Result<Report, Failure> {
        let choices = Choices::read(self)?;
        let mut unreadable = Vec::new();
        let Everything { packages: paths, mut settings } =
            work::found(&self.paths, &mut unreadable);
        if !choices.settings.is_empty() && paths.len() != 1 {
            return Err(Failure::usage(format!(
                "--settings-file goes with one package, and there are {}",
                paths.len()
            ))
            .fix("name the one package that the settings are for"));
        }
        let mut read = work::read(&paths, &mut unreadable);
        let others = work::found(&self.with, &mut unreadable);
        let others = work::read(&others.packages, &mut unreadable);
        read.iter().flat_map(|one| &one.notes).for_each(|remark| note(remark));
        let mut wishes = Wishes::new(self, &choices)?;
        let wanted: Vec<Wish> =
            read.iter().map(|one| wishes.of(&one.path)).collect::<Result<_, _>>()?;
        let found = work::check(&read, &others, &choices, &wanted);
        let packages = read.iter_mut().zip(found).zip(&wanted);
        let mut packages: Vec<Checked> = packages
            .map(|((one, findings), wish)| checked(one, findings, wish.threshold, &choices))
            .collect();
        // What was named as settings of the package was checked with it.
        settings
            .retain(|file| !choices.settings.iter().any(|(name, _)| *name == shown(&file.path)));
        for file in &settings {
            let wish = wishes.of(&file.path)?;
            match work::settings_check(file, &read, &wish) {
                Ok(Some(findings)) => {
                    packages.push(settings_checked(&file.path, findings, &wish, &choices));
                }
                Ok(None) => {}
                Err(reason) => unreadable.push((shown(&file.path), reason)),
            }
        }
        for (path, reason) in &unreadable {
            warning(&format!("cannot check `{path}`: {reason}"));
        }
        // The program ends with the report: to give back a thousand packages piece by piece would take as
        // long as a tenth of the check.
        std::mem::forget((read, others));
        let compared = choices.baseline.is_some();
        Ok(Report { about: About::Packages, packages, unreadable, compared })
    }
}

fn checked(
    read: &mut Read,
    findings: Vec<connref_review::Finding>,
    threshold: Option<Severity>,
    choices: &Choices,
) -> Checked {
    let path = shown(&read.path);
    let name = match read.source.is_flow_package() {
        // Its label is the path, which differs from machine to machine.
        true => read.path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default(),
        false => read.source.name().to_owned(),
    };
    let prints = fingerprints(&name, &findings);
    let entries = findings.into_iter().zip(prints).map(|(finding, fingerprint)| {
        let part = finding.location.as_ref().map_or("", |at| at.part.as_str());
        let file = match choices.settings.iter().any(|(name, _)| name == part) {
            _ if part.is_empty() => path.clone(),
            true => part.to_owned(),
            false => format!("{}/{}", path.trim_end_matches('/'), part.trim_start_matches('/')),
        };
        let known =
            choices.baseline.as_ref().is_some_and(|known: &Baseline| known.has(&fingerprint));
        Entry { finding, file, fingerprint, known }
    });
    Checked { name, entries: entries.collect(), settings: false, path: path.clone(), threshold }
}

fn settings_checked(
    path: &Path,
    findings: Vec<connref_review::Finding>,
    wish: &Wish,
    choices: &Choices,
) -> Checked {
    let path = shown(path);
    let prints = fingerprints(&path, &findings);
    let entries = findings.into_iter().zip(prints).map(|(finding, fingerprint)| {
        let baseline = choices.baseline.as_ref();
        let known = baseline.is_some_and(|known: &Baseline| known.has(&fingerprint));
        Entry { finding, file: path.clone(), fingerprint, known }
    });
    let entries = entries.collect();
    let threshold = wish.threshold;
    Checked { name: path.clone(), settings: true, path, threshold, entries }
}

/// The report on one package that is known by a name alone, as it stands for production.
pub(super) fn package_report(name: &str, source: &CheckSource) -> Report {
    let options = CheckOptions { production: true, ..CheckOptions::default() };
    let findings = review(&CheckInput::new(source), &options);
    let prints = fingerprints(source.name(), &findings);
    let entries = findings.into_iter().zip(prints).map(|(finding, fingerprint)| {
        let part = finding.location.as_ref().map_or("", |at| at.part.as_str());
        let file = match part.trim_start_matches('/') {
            "" => name.to_owned(),
            part => format!("{name}/{part}"),
        };
        Entry { finding, file, fingerprint, known: false }
    });
    let entries = entries.collect();
    let package = Checked {
        path: name.to_owned(),
        name: source.name().to_owned(),
        settings: false,
        threshold: Some(Severity::Error),
        entries,
    };
    Report {
        about: About::Packages,
        packages: vec![package],
        unreadable: Vec::new(),
        compared: false,
    }
}

#[cfg(test)]
mod tests;
