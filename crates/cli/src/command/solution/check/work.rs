//! Finding, reading and checking packages, several at a time.
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use connref_review::Finding;
use connref_review::check::{
    CheckInput, CheckSource, SettingsText, Siblings, alm_settings_check, check as review,
    settings_file_check, settings_owner,
};
use connref_solution::model::facts::EnvironmentKind;
use connref_solution::{Archive, FoundKind, Limits, find};

use super::choose::{Choices, Wish};
use crate::command::read_text;
use crate::package::chain;
use crate::render::note;
use crate::report::shown;

/// What could not be read: path and reason.
pub(super) type Unreadable = Vec<(String, String)>;

/// A package that was read.
pub(super) struct Read {
    pub(super) path: PathBuf,
    pub(super) source: CheckSource,
    /// What was left out while reading, for a person.
    pub(super) notes: Vec<String>,
}

/// A settings file at or below the paths.
pub(super) struct SettingsAt {
    pub(super) path: PathBuf,
    /// The ALM Accelerator's other file, which binds nothing.
    alm: bool,
    /// Named by hand; else met on the way.
    named: bool,
}

/// What lies at or below paths, each once.
#[derive(Default)]
pub(super) struct Everything {
    pub(super) packages: Vec<PathBuf>,
    pub(super) settings: Vec<SettingsAt>,
}

/// The packages and settings files at or below paths, each once.
pub(super) fn found(paths: &[PathBuf], unreadable: &mut Unreadable) -> Everything {
    let mut all = Everything::default();
    let mut seen = HashSet::new();
    for path in paths {
        // A file that was named is read for what it is: nothing has to be found out before.
        let json = || path.extension().is_some_and(|end| end.eq_ignore_ascii_case("json"));
        if path.is_file() && !json() {
            all.packages.extend(seen.insert(path.clone()).then(|| path.clone()));
            continue;
        }
        let report = match find(path, &Limits::default()) {
            Ok(report) => report,
            Err(error) => {
                unreadable.push((shown(path), chain(&error)));
                continue;
            }
        };
        report.notes.iter().for_each(|remark| note(remark));
        let mut packages = report
            .items
            .iter()
            .filter(|i| matches!(i.kind, FoundKind::Solution | FoundKind::LegacyPackage))
            .map(|item| item.path.clone())
            .peekable();
        let settings = report
            .items
            .iter()
            .filter(|i| matches!(i.kind, FoundKind::Settings | FoundKind::AlmSettings));
        let mut settings = settings
            .map(|item| {
                let alm = item.kind == FoundKind::AlmSettings;
                SettingsAt { path: item.path.clone(), alm, named: item.path == *path }
            })
            .peekable();
        if packages.peek().is_none() && settings.peek().is_none() {
            let reason = "there is no solution, no flow package and no settings file in it";
            unreadable.push((shown(path), reason.to_owned()));
        }
        all.packages.extend(packages.filter(|path| seen.insert(path.clone())));
        all.settings.extend(settings.filter(|file| seen.insert(file.path.clone())));
    }
    all
}

/// Reads packages; those that cannot be read are told.
pub(super) fn read(paths: &[PathBuf], unreadable: &mut Unreadable) -> Vec<Read> {
    let mut all = Vec::with_capacity(paths.len());
    for (path, read) in paths.iter().zip(each(paths, |path| read_one(path))) {
        match read {
            Ok(read) => all.push(read),
            Err(reason) => unreadable.push((shown(path), reason)),
        }
    }
    all
}

fn read_one(path: &Path) -> Result<Read, String> {
    let archive = Archive::read(path, &Limits::default()).map_err(|error| chain(&error))?;
    let shown = shown(path);
    let notes = archive.notes().iter().map(|remark| format!("{shown}: {remark}")).collect();
    let source = CheckSource::read(archive).map_err(|error| chain(&error))?;
    Ok(Read { path: path.to_owned(), source, notes })
}

/// Findings of each package, in order. Packages that are checked together go to the same
/// environment, as do those beside them.
pub(super) fn check(
    read: &[Read],
    others: &[Read],
    choices: &Choices,
    wanted: &[Wish],
) -> Vec<Vec<Finding>> {
    let siblings = Siblings::of(read.iter().chain(others).map(|one| &one.source));
    let settings: Vec<SettingsText<'_>> = choices
        .settings
        .iter()
        .map(|(name, text)| SettingsText { name, bytes: text.as_bytes() })
        .collect();
    let pairs: Vec<_> = read.iter().zip(wanted).collect();
    each(&pairs, |(one, wish)| {
        let input = CheckInput {
            siblings: Some(&siblings),
            settings: &settings,
            policies: choices.policies.as_ref(),
            environment: choices.environment.as_ref(),
            kind: choices.kind.or(wish.options.production.then_some(EnvironmentKind::Production)),
            ..CheckInput::new(&one.source)
        };
        review(&input, &wish.options)
    })
}

/// The findings of one settings file. One met on the way that turns out to be something else is
/// left alone; one named by hand says so.
pub(super) fn settings_check(
    file: &SettingsAt,
    read: &[Read],
    wish: &Wish,
) -> Result<Option<Vec<Finding>>, String> {
    let text = read_text(&file.path, "the deployment settings").map_err(|e| e.line());
    let text = match text {
        Ok(text) => text,
        Err(_) if !file.named => return Ok(None),
        Err(error) => return Err(error),
    };
    let name = shown(&file.path);
    let input = SettingsText { name: &name, bytes: text.as_bytes() };
    let sources: Vec<&CheckSource> = read.iter().map(|one| &one.source).collect();
    let found = if file.alm {
        alm_settings_check(&input, &wish.options).map_err(|error| chain(&error))
    } else {
        let owner = settings_owner(text.as_bytes(), &sources).map(|index| sources[index]);
        settings_file_check(&input, owner, !file.named, &wish.options)
            .map_err(|error| chain(&error))
    };
    match found {
        Ok(found) => Ok(Some(found)),
        Err(_) if !file.named => Ok(None),
        Err(error) => Err(error),
    }
}

/// Threads at most: more would only wait for the disk.
const MAX_THREADS: usize = 8;

/// Does something with each item on as many threads as the process may use; results come in the
/// order of the items.
fn each<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    // Asking how many there may be reads files of the system: not for one package.
    let allowed = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let threads = if items.len() < 2 { 1 } else { allowed().min(MAX_THREADS).min(items.len()) };
    if threads < 2 {
        return items.iter().map(work).collect();
    }
    let next = AtomicUsize::new(0);
    let share = || {
        let mut done = Vec::new();
        while let Some((index, item)) = {
            let index = next.fetch_add(1, Ordering::Relaxed);
            items.get(index).map(|item| (index, item))
        } {
            done.push((index, work(item)));
        }
        done
    };
    let mut all = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(share)).collect();
        let mut done = share();
        for other in others {
            done.extend(other.join().expect("neither reading nor checking panics"));
        }
        done
    });
    all.sort_by_key(|(index, _)| *index);
    all.into_iter().map(|(_, result)| result).collect()
}
