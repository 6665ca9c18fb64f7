//! `connref.toml`: what a repository asks of its checks. Suppressions with reasons, naming rules,
//! severities. Found upwards from the package, to the root of the repository.
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use connref_review::check::{Level, Naming, SeverityOverride, Suppression, rule_codes};
use jiff::civil::Date;
use serde::Deserialize;
use toml::Spanned;

use super::FailOn;
use crate::command::read_text;
use crate::exit::Failure;
use crate::report::shown;

/// Its name.
const NAME: &str = "connref.toml";

/// What the file of one repository says.
#[derive(Debug)]
pub(super) struct Config {
    /// Folder of the file: patterns of suppressions start here.
    pub(super) folder: PathBuf,
    pub(super) fail_on: Option<FailOn>,
    pub(super) production: bool,
    pub(super) severities: Vec<SeverityOverride>,
    pub(super) naming: Naming,
    /// Those that still hold.
    pub(super) suppressions: Vec<Suppression>,
    /// A sentence for each that holds no longer.
    pub(super) ended: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    check: Check,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct Check {
    fail_on: Option<Spanned<String>>,
    production: bool,
    severity: BTreeMap<Spanned<String>, Spanned<String>>,
    naming: NamingTable,
    suppress: Vec<Suppress>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct NamingTable {
    prefix: Option<String>,
    logical_name: Option<String>,
    display_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Suppress {
    code: Spanned<String>,
    file: Option<String>,
    subject: Option<String>,
    reason: Spanned<String>,
    expires: Option<Spanned<toml::value::Datetime>>,
}

/// The nearest file at or above a path. Nothing is looked for above the root of a repository, nor
/// twice in the folders that were looked at before, which are noted with what is nearest to them.
pub(super) fn find(path: &Path, near: &mut HashMap<PathBuf, Option<PathBuf>>) -> Option<PathBuf> {
    let path = path.canonicalize().ok()?;
    let mut found = None;
    let mut passed = Vec::new();
    for folder in path.ancestors() {
        if let Some(known) = near.get(folder) {
            found = known.clone();
            break;
        }
        passed.push(folder.to_owned());
        let file = folder.join(NAME);
        if file.is_file() {
            found = Some(file);
            break;
        }
        // A worktree has a file of that name.
        if folder.join(".git").exists() {
            break;
        }
    }
    near.extend(passed.into_iter().map(|folder| (folder, found.clone())));
    found
}

impl Config {
    /// Reads the file; what holds no longer on that day is only told.
    pub(super) fn read(path: &Path, today: Date) -> Result<Self, Failure> {
        let text = read_text(path, "the settings of the check")?;
        let folder = path.canonicalize().ok().and_then(|p| p.parent().map(Path::to_owned));
        parse(&text, today)
            .map(|config| Self { folder: folder.unwrap_or_default(), ..config })
            .map_err(|wrong| {
                let place = wrong.line.map(|line| format!(":{line}")).unwrap_or_default();
                Failure::usage(format!("cannot use `{}{place}`: {}", shown(path), wrong.what))
                    .fix(wrong.fix)
            })
    }

    /// A package's path as patterns see it.
    pub(super) fn place(&self, package: &Path) -> String {
        let package = package.canonicalize().unwrap_or_else(|_| package.to_owned());
        let inside = package.strip_prefix(&self.folder).unwrap_or(&package);
        let steps: Vec<_> = inside.components().map(|c| c.as_os_str().to_string_lossy()).collect();
        steps.join("/")
    }
}

#[derive(Debug)]
struct Wrong {
    line: Option<usize>,
    what: String,
    fix: String,
}

fn line_of(text: &str, offset: usize) -> usize {
    text.as_bytes().iter().take(offset).filter(|byte| **byte == b'\n').count() + 1
}

fn parse(text: &str, today: Date) -> Result<Config, Wrong> {
    let file: File = toml::from_str(text).map_err(|error| Wrong {
        line: error.span().map(|span| line_of(text, span.start)),
        what: error.message().lines().collect::<Vec<_>>().join("; "),
        fix: "see docs/checking.md for what the file may hold".to_owned(),
    })?;
    let check = file.check;
    let wrong = |at: std::ops::Range<usize>, what: String, fix: &str| Wrong {
        line: Some(line_of(text, at.start)),
        what,
        fix: fix.to_owned(),
    };
    let known = |code: &Spanned<String>| -> Result<String, Wrong> {
        let name = code.as_ref().trim();
        match rule_codes().find(|rule| rule.eq_ignore_ascii_case(name)) {
            Some(rule) => Ok(rule.to_owned()),
            None => {
                Err(wrong(code.span(), format!("there is no rule `{name}`"), "connref explain"))
            }
        }
    };
    let mut severities = Vec::new();
    for (code, level) in &check.severity {
        let parsed = Level::parse(level.as_ref()).ok_or_else(|| {
            let what = format!("`{}` is no severity", level.as_ref());
            wrong(level.span(), what, "write error, warning, note or off")
        })?;
        severities.push(SeverityOverride { code: known(code)?, level: parsed });
    }
    let fail_on = check.fail_on.map(|word| {
        <FailOn as clap::ValueEnum>::from_str(word.as_ref(), true).map_err(|_| {
            let what = format!("`{}` is nothing to fail on", word.as_ref());
            wrong(word.span(), what, "write error, warning, note or never")
        })
    });
    let (mut suppressions, mut ended) = (Vec::new(), Vec::new());
    for one in check.suppress {
        let code = known(&one.code)?;
        let reason = one.reason.as_ref().trim().to_owned();
        if reason.is_empty() {
            let fix = "say in `reason` why it is all right here";
            return Err(wrong(one.reason.span(), "the reason is empty".to_owned(), fix));
        }
        if let Some(expires) = &one.expires {
            let last = date(expires.as_ref()).ok_or_else(|| {
                let fix = "write a date such as 2031-12-31, without quotes";
                wrong(expires.span(), "`expires` is no date".to_owned(), fix)
            })?;
            if last < today {
                ended.push(format!("the suppression of {code} ended on {last} ({reason})"));
                continue;
            }
        }
        suppressions.push(Suppression { code, part: one.file, subject: one.subject, reason });
    }
    let NamingTable { prefix, logical_name, display_name } = check.naming;
    Ok(Config {
        folder: PathBuf::new(),
        fail_on: fail_on.transpose()?,
        production: check.production,
        severities,
        naming: Naming { prefix, logical_name, display_name },
        suppressions,
        ended,
    })
}

fn date(value: &toml::value::Datetime) -> Option<Date> {
    let date = value.date?;
    let (year, month, day) = (date.year, date.month, date.day);
    Date::new(year.try_into().ok()?, month.try_into().ok()?, day.try_into().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TODAY: Date = jiff::civil::date(2031, 6, 1);

    #[test]
    fn a_whole_file() {
        let config = parse(
            r#"
[check]
fail-on = "warning"
production = true
[check.severity]
cr008 = "off"
CR022 = "error"
[check.naming]
prefix = "cnt"
display-name = "* (Contoso)"
[[check.suppress]]
code = "CR001"
file = "legacy/*"
subject = "Sync *"
reason = "moves in spring"
expires = 2031-06-01
[[check.suppress]]
code = "CR003"
reason = "for apps to come"
expires = 2031-05-31
"#,
            TODAY,
        )
        .unwrap();
        assert_eq!(config.fail_on, Some(FailOn::Warning));
        assert!(config.production);
        assert_eq!(config.severities.len(), 2);
        assert_eq!(config.naming.prefix.as_deref(), Some("cnt"));
        assert_eq!(config.suppressions.len(), 1);
        assert_eq!(config.suppressions[0].part.as_deref(), Some("legacy/*"));
        assert_eq!(
            config.ended,
            ["the suppression of CR003 ended on 2031-05-31 (for apps to come)"]
        );
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let told: Vec<String> = [
            "[check]\nfail_on = \"error\"",
            "[chek]",
            "[[check.suppress]]\ncode = \"CR001\"",
            "[[check.suppress]]\ncode = \"CR001\"\nreason = \" \"",
            "[[check.suppress]]\n\ncode = \"CR999\"\nreason = \"x\"",
            "[check.severity]\nCR001 = \"loud\"",
            "[check]\nfail-on = \"sometimes\"",
            "[[check.suppress]]\ncode = \"CR001\"\nreason = \"x\"\nexpires = 10:00:00",
            "check = [",
        ]
        .iter()
        .map(|text| {
            let wrong = parse(text, TODAY).unwrap_err();
            format!("{}: {}", wrong.line.unwrap(), wrong.what)
        })
        .collect();
        insta::assert_snapshot!(told.join("\n"));
    }

    #[test]
    fn it_is_found_upwards_but_not_above_the_repository() {
        let home = tempfile::tempdir().unwrap();
        let inner = home.path().join("repo/a/b");
        std::fs::create_dir_all(&inner).unwrap();
        std::fs::write(home.path().join(NAME), "").unwrap();
        let find = |path: &Path| super::find(path, &mut HashMap::new());
        assert!(find(&inner).is_some());
        std::fs::create_dir(home.path().join("repo/.git")).unwrap();
        assert_eq!(find(&inner), None);
        std::fs::write(home.path().join("repo").join(NAME), "").unwrap();
        let found = find(&inner).unwrap();
        let config = Config::read(&found, TODAY).unwrap();
        assert_eq!(config.place(&inner), "a/b");
        // What was found for one folder holds for those on the way to it.
        let mut near = HashMap::new();
        for folder in [inner.as_path(), &home.path().join("repo/a"), &home.path().join("repo")] {
            assert_eq!(super::find(folder, &mut near).as_ref(), Some(&found));
            assert_eq!(near.len(), 3);
        }
    }
}
