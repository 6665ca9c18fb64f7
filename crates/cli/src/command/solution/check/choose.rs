//! What the options and the files they name ask for.
use std::path::Path;

use connref_review::check::{CheckOptions, Level, SeverityOverride, rule_codes};
use connref_review::policy::{Policies, policies_read};
use serde_json::Value;

use super::CheckArgs;
use crate::command::read_text;
use crate::exit::{Exit, Failure};
use crate::render::note;
use crate::report::{Baseline, shown};

/// Everything a check needs beside the packages.
pub(super) struct Choices {
    pub(super) options: CheckOptions,
    pub(super) policies: Option<Policies>,
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
        let settings = args.settings_file.iter().map(|path| {
            Ok::<_, Failure>((shown(path), read_text(path, "the deployment settings")?))
        });
        Ok(Self {
            options,
            policies: args.policy.as_deref().map(policies).transpose()?,
            settings: settings.collect::<Result<_, _>>()?,
            baseline: args.baseline.as_deref().map(baseline).transpose()?,
        })
    }
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

fn policies(path: &Path) -> Result<Policies, Failure> {
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
    use connref_review::Severity;

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
