//! What the options and the files they name ask for.
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use connref_review::Severity;
use connref_review::check::{CheckOptions, Level, SeverityOverride, rule_codes};
use connref_review::policy::{Policies, Scope, policies_read};
use connref_solution::model::EnvironmentId;
use connref_solution::model::facts::EnvironmentKind;
use connref_store::source::{Clock, SystemClock};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::config::{self, Config};
use super::{CheckArgs, EnvKind, FailOn};
use crate::command::read_text;
use crate::exit::{Exit, Failure};
use crate::render::note;
use crate::report::{Baseline, shown};

/// Everything a check needs beside the packages.
pub(super) struct Choices {
    pub(super) options: CheckOptions,
    pub(super) policies: Option<Policies>,
    /// The environment that the packages are meant for, if it was named.
    pub(super) environment: Option<EnvironmentId>,
    /// Its kind, if it was named.
    pub(super) kind: Option<EnvironmentKind>,
    /// Name and text.
    pub(super) settings: Vec<(String, String)>,
    pub(super) baseline: Option<Baseline>,
}

impl Choices {
    pub(super) fn read(args: &CheckArgs) -> Result<Self, Failure> {
        let overrides = args.rule_level_override.as_deref().map(overrides_read).transpose()?;
        let options = CheckOptions {
            production: args.production,
            rules: rules(&args.rules)?,
            overrides: overrides.unwrap_or_default(),
            ..CheckOptions::default()
        };
        let policies = args.policy.as_deref().map(policies).transpose()?;
        let kind = args.env_kind.map(|kind| match kind {
            EnvKind::Developer => EnvironmentKind::Developer,
            EnvKind::Test => EnvironmentKind::Test,
            EnvKind::Production => EnvironmentKind::Production,
        });
        let kind = kind.or(args.production.then_some(EnvironmentKind::Production));
        policies.iter().for_each(|policies| passed_over(policies, args, kind));
        let settings = args.settings_file.iter().map(|path| {
            Ok::<_, Failure>((shown(path), read_text(path, "the deployment settings")?))
        });
        Ok(Self {
            options,
            policies,
            environment: args.env_name.as_deref().map(EnvironmentId::new),
            kind,
            settings: settings.collect::<Result<_, _>>()?,
            baseline: args.baseline.as_deref().map(baseline).transpose()?,
        })
    }
}

/// What is asked of one package.
pub(super) struct Wish {
    pub(super) options: CheckOptions,
    /// The severity from which on a finding fails; `None`: never.
    pub(super) threshold: Option<Severity>,
}

/// What is asked of each package: the options, over the `connref.toml` nearest above it.
pub(super) struct Wishes<'a> {
    options: &'a CheckOptions,
    fail_on: Option<FailOn>,
    named: Option<Rc<Config>>,
    none: bool,
    today: Date,
    known: HashMap<PathBuf, Rc<Config>>,
    /// The nearest file of folders that were asked for.
    near: HashMap<PathBuf, Option<PathBuf>>,
}

impl<'a> Wishes<'a> {
    pub(super) fn new(args: &CheckArgs, choices: &'a Choices) -> Result<Self, Failure> {
        let now = Timestamp::from_microsecond(SystemClock.now()).unwrap_or(Timestamp::UNIX_EPOCH);
        let today = TimeZone::UTC.to_datetime(now).date();
        let named = args.config.as_deref().map(|path| config_read(path, today)).transpose()?;
        let (options, none, known) = (&choices.options, args.no_config, HashMap::new());
        let near = HashMap::new();
        Ok(Self { options, fail_on: args.fail_on, named, none, today, known, near })
    }

    /// What is asked of the package at this path.
    pub(super) fn of(&mut self, package: &Path) -> Result<Wish, Failure> {
        let mut options = self.options.clone();
        let config = self.config(package)?;
        if let Some(config) = &config {
            options.production |= config.production;
            options.naming = config.naming.clone();
            options.place = config.place(package);
            options.suppressions = config.suppressions.clone();
            // The last one for a code counts: what was asked for here and now.
            let asked = std::mem::replace(&mut options.overrides, config.severities.clone());
            options.overrides.extend(asked);
        }
        let fail_on = self.fail_on.or(config.and_then(|config| config.fail_on));
        Ok(Wish { options, threshold: fail_on.unwrap_or_default().severity() })
    }

    fn config(&mut self, package: &Path) -> Result<Option<Rc<Config>>, Failure> {
        if self.named.is_some() || self.none {
            return Ok(self.named.clone());
        }
        // What lies in one folder has one file; a folder that is a package may hold its own.
        let zip = package.extension().is_some_and(|end| end.eq_ignore_ascii_case("zip"));
        let from = package.parent().filter(|_| zip).unwrap_or(package);
        let near = match self.near.get(from) {
            Some(near) => near.clone(),
            None => {
                let found = config::find(package, &mut self.near);
                self.near.insert(from.to_owned(), found.clone());
                found
            }
        };
        let Some(path) = near else { return Ok(None) };
        if let Some(config) = self.known.get(&path) {
            return Ok(Some(config.clone()));
        }
        let config = config_read(&path, self.today)?;
        self.known.insert(path, config.clone());
        Ok(Some(config))
    }
}

fn config_read(path: &Path, today: Date) -> Result<Rc<Config>, Failure> {
    let config = Config::read(path, today)?;
    config.ended.iter().for_each(|sentence| note(&format!("{}: {sentence}", shown(path))));
    Ok(Rc::new(config))
}

fn rules(codes: &[String]) -> Result<Option<Vec<String>>, Failure> {
    let known = |code: &str| rule_codes().any(|rule| rule.eq_ignore_ascii_case(code.trim()));
    if let Some(code) = codes.iter().find(|code| !known(code)) {
        return Err(Failure::usage(format!("there is no rule `{code}`")).fix("connref explain"));
    }
    Ok((!codes.is_empty()).then(|| codes.to_vec()))
}

fn overrides_read(path: &Path) -> Result<Vec<SeverityOverride>, Failure> {
    let text = read_text(path, "the severities")?;
    overrides(&text).map_err(|what| {
        Failure::usage(format!("cannot use the severities in `{}`: {what}", path.display()))
            .fix(r#"write [{"Id": "CR008", "OverrideLevel": "Low"}]"#)
    })
}

fn overrides(text: &str) -> Result<Vec<SeverityOverride>, String> {
    let document: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let list = document.as_array().ok_or("it is no list")?;
    let mut overrides = Vec::new();
    for (index, item) in list.iter().enumerate() {
        let text = |name: &str| {
            item.get(name)
                .and_then(Value::as_str)
                .ok_or_else(|| format!("entry {index} has no text `{name}`"))
        };
        let (code, level) = (text("Id")?, text("OverrideLevel")?);
        let level =
            Level::parse(level).ok_or_else(|| format!("entry {index} has the level `{level}`"))?;
        // The same file may serve the vendor's checker, which has rules of its own.
        if !rule_codes().any(|rule| rule.eq_ignore_ascii_case(code.trim())) {
            note(&format!("`{code}` is no rule of this checker; its severity is passed over"));
        }
        overrides.push(SeverityOverride { code: code.to_owned(), level });
    }
    Ok(overrides)
}

/// Says what a policy file holds that nobody judged.
fn passed_over(policies: &Policies, args: &CheckArgs, kind: Option<EnvironmentKind>) {
    let only = policies.data.iter().filter(|p| matches!(p.scope, Scope::Only(_))).count();
    if only > 0 && args.env_name.is_none() {
        note(&format!(
            "{only} policies hold only in environments they name, and were passed over; name yours with --env-name"
        ));
    }
    let some = policies.rules.iter().filter(|rule| !rule.kinds.is_empty()).count();
    if some > 0 && kind.is_none() {
        note(&format!(
            "{some} binding rules hold only in some kinds of environment, and were passed over; name yours with --env-kind"
        ));
    }
}

pub(in crate::command) fn policies(path: &Path) -> Result<Policies, Failure> {
    let text = read_text(path, "the policy")?;
    policies_read(text.as_bytes()).map_err(|error| {
        Failure::new(Exit::Usage, error)
            .context(format!("cannot use the policy `{}`", path.display()))
    })
}

fn baseline(path: &Path) -> Result<Baseline, Failure> {
    let text = read_text(path, "the baseline")?;
    Baseline::read(&text).ok_or_else(|| {
        Failure::usage(format!("`{}` is no former output of the checker", path.display()))
            .fix("make one with `connref solution check PATH -o json`")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn severities_in_the_vendors_shape() {
        let made = overrides(r#"[{"Id":"cr008","OverrideLevel":"Low"}]"#).unwrap();
        assert_eq!(made.len(), 1);
        assert_eq!(made[0].level, Level::At(Severity::Note));
        for bad in ["{}", "[", "[1]", r#"[{"Id":"CR008","OverrideLevel":"loud"}]"#] {
            assert!(overrides(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn rules_must_exist() {
        assert_eq!(rules(&[]).unwrap(), None);
        assert!(rules(&["cr001".to_owned()]).unwrap().is_some());
        assert!(rules(&["CR999".to_owned()]).is_err());
    }
}
