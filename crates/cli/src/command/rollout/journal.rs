//! The record of a rollout: one line per environment that was dealt with, on the disk before the next
//! thing happens. After a kill the same command reads it and goes on.
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::deployment_result::{DeploymentResult, Kind};
use crate::exit::{Exit, Failure};

/// Bytes at most.
const MOST: u64 = 256 << 20;

/// What became of one environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Nothing yet.
    Waiting,
    /// It would go in.
    Ready,
    /// In, and every reference is bound.
    Deployed,
    /// In, and a reference is missing or broken.
    Incomplete,
    /// Not imported, as a reference would not be bound.
    Held,
    /// The import is refused.
    Refused,
    /// Not reached, or it did not end.
    Failed,
}

impl State {
    const ALL: [(Self, &'static str); 7] = [
        (Self::Waiting, "waiting"),
        (Self::Ready, "ready"),
        (Self::Deployed, "deployed"),
        (Self::Incomplete, "incomplete"),
        (Self::Held, "held"),
        (Self::Refused, "refused"),
        (Self::Failed, "failed"),
    ];

    /// The word for people.
    pub(crate) fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(state, _)| *state == self).map_or("", |(_, word)| word)
    }

    fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == word).map(|(state, _)| *state)
    }

    /// Whether the next wave is not to begin for it.
    pub(crate) fn is_failure(self) -> bool {
        matches!(self, Self::Refused | Self::Failed)
    }

    /// What a result says of an environment.
    pub(crate) fn of(result: &DeploymentResult) -> Self {
        match (result.refusals.is_empty(), result.kind, result.is_bound()) {
            (false, ..) => Self::Refused,
            (true, Kind::Plan, _) => Self::Ready,
            (true, Kind::Verify, true) => Self::Deployed,
            (true, Kind::Verify, false) => Self::Incomplete,
        }
    }
}

/// What is known of one environment.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// State.
    pub(crate) state: State,
    /// What was found; none if it was never reached.
    pub(crate) result: Option<DeploymentResult>,
    /// Why it failed.
    pub(crate) why: Option<String>,
}

impl Entry {
    /// Nothing is known yet.
    pub(crate) fn waiting() -> Self {
        Self { state: State::Waiting, result: None, why: None }
    }
}

/// Customer and environment, in lower case.
type Key = (String, String);

/// The record.
pub(crate) struct Journal {
    file: Option<File>,
    path: PathBuf,
    package: String,
    entries: BTreeMap<Key, Entry>,
}

fn key(customer: &str, environment: &str) -> Key {
    (customer.to_lowercase(), environment.to_lowercase())
}

impl Journal {
    /// Where the record of a rollout file lies.
    pub(crate) fn beside(rollout: &Path) -> PathBuf {
        rollout.with_extension("state.ndjson")
    }

    /// Reads what is there about this package. Lines about another one are of an earlier rollout.
    pub(crate) fn read(path: &Path, package: &str) -> Result<Self, Failure> {
        let entries = match File::open(path) {
            Ok(file) => parse(path, file, package)?.0,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(fail(path)(error)),
        };
        Ok(Self { file: None, path: path.to_owned(), package: package.to_owned(), entries })
    }

    /// Opens it to go on; nobody else may meanwhile.
    pub(crate) fn open(path: &Path, package: &str) -> Result<Self, Failure> {
        let mut options = OpenOptions::new();
        let opened = options.read(true).write(true).create(true).truncate(false).open(path);
        let mut file = opened.map_err(fail(path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => {
                let what = anyhow::anyhow!("this rollout runs already (`{}`)", path.display());
                return Err(Failure::new(Exit::Conflict, what).fix("wait until it has ended"));
            }
            Err(std::fs::TryLockError::Error(error)) => return Err(fail(path)(error)),
        }
        let (entries, whole) = parse(path, file.try_clone().map_err(fail(path))?, package)?;
        // A line that a kill cut off is taken back, so that the next one does not continue it.
        file.set_len(whole).map_err(fail(path))?;
        file.seek(SeekFrom::End(0)).map_err(fail(path))?;
        Ok(Self { file: Some(file), path: path.to_owned(), package: package.to_owned(), entries })
    }

    /// What is known of an environment.
    pub(crate) fn entry(&self, customer: &str, environment: &str) -> Entry {
        self.entries.get(&key(customer, environment)).cloned().unwrap_or_else(Entry::waiting)
    }

    /// Sets what is known for this process alone.
    pub(crate) fn note(&mut self, customer: &str, environment: &str, entry: Entry) {
        self.entries.insert(key(customer, environment), entry);
    }

    /// Writes what became of an environment, on the disk when it answers.
    pub(crate) fn record(
        &mut self,
        customer: &str,
        environment: &str,
        entry: Entry,
    ) -> Result<(), Failure> {
        let line = json!({
            "package": self.package,
            "customer": customer,
            "environment": environment,
            "state": entry.state.as_str(),
            "why": entry.why,
            "result": entry.result.as_ref().map(DeploymentResult::to_json),
        });
        if let Some(file) = &mut self.file {
            let written = file.write_all(format!("{line}\n").as_bytes());
            written.and_then(|()| file.sync_data()).map_err(fail(&self.path))?;
        }
        self.note(customer, environment, entry);
        Ok(())
    }
}

fn fail(path: &Path) -> impl Fn(std::io::Error) -> Failure {
    let shown = path.display().to_string();
    move |error| {
        Failure::from(error).context(format!("cannot use the record of the rollout `{shown}`"))
    }
}

/// The last line of each environment, and how many bytes are whole lines.
fn parse(
    path: &Path,
    mut file: File,
    package: &str,
) -> Result<(BTreeMap<Key, Entry>, u64), Failure> {
    let mut text = Vec::new();
    let size = (&mut file).take(MOST + 1).read_to_end(&mut text).map_err(fail(path))?;
    if size as u64 > MOST {
        let what = format!("the record `{}` is larger than {} MiB", path.display(), MOST >> 20);
        return Err(Failure::usage(what));
    }
    let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let mut entries = BTreeMap::new();
    for (at, line) in text[..whole].split(|byte| *byte == b'\n').enumerate() {
        if line.is_empty() {
            continue;
        }
        let wrong = || {
            Failure::usage(format!("line {} of `{}` is no record", at + 1, path.display()))
                .fix("move the file away; what is deployed already is found to be so")
        };
        let value: Value = serde_json::from_slice(line).map_err(|_| wrong())?;
        let text = |name: &str| value[name].as_str();
        let state = text("state").and_then(State::parse);
        let (Some(customer), Some(environment), Some(state)) =
            (text("customer"), text("environment"), state)
        else {
            return Err(wrong());
        };
        if text("package") != Some(package) {
            continue;
        }
        let result = match &value["result"] {
            Value::Null => None,
            result => Some(DeploymentResult::from_json(result)?),
        };
        let why = text("why").map(str::to_owned);
        entries.insert(key(customer, environment), Entry { state, result, why });
    }
    Ok((entries, whole as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(why: &str) -> Entry {
        Entry { state: State::Failed, result: None, why: Some(why.to_owned()) }
    }

    #[test]
    fn the_last_line_counts_a_cut_off_one_does_not_and_two_do_not_write() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.state.ndjson");
        let mut journal = Journal::open(&path, "p1").unwrap();
        journal.record("A", "prod", failed("one")).unwrap();
        journal.record("a", "PROD", failed("two")).unwrap();
        assert!(Journal::open(&path, "p1").is_err(), "another one runs");
        drop(journal);
        let mut text = std::fs::read_to_string(&path).unwrap();
        text += "{\"package\":\"p1\",\"customer\":\"B\",\"envi";
        std::fs::write(&path, &text).unwrap();
        let mut journal = Journal::open(&path, "p1").unwrap();
        assert_eq!(journal.entry("A", "Prod").why.as_deref(), Some("two"));
        assert_eq!(journal.entry("B", "prod").state, State::Waiting);
        journal.record("B", "prod", failed("three")).unwrap();
        drop(journal);
        let again = Journal::read(&path, "p1").unwrap();
        assert_eq!(again.entry("b", "prod").why.as_deref(), Some("three"));
        let other = Journal::read(&path, "p2").unwrap();
        assert_eq!(other.entry("A", "prod").state, State::Waiting, "another package");
        std::fs::write(&path, "nonsense\n").unwrap();
        assert!(Journal::read(&path, "p1").is_err());
    }
}
