//! The real samples, where they are at hand.
use std::path::{Path, PathBuf};

/// The folder of real samples from `CONNREF_SAMPLES`; says in one line when there is none.
#[must_use]
#[expect(clippy::print_stderr, reason = "what is not run is said")]
pub fn samples(test: &str) -> Option<PathBuf> {
    match std::env::var_os("CONNREF_SAMPLES") {
        Some(folder) => Some(PathBuf::from(folder)),
        None => {
            eprintln!("{test}: not run on real samples, CONNREF_SAMPLES is not set");
            None
        }
    }
}

/// All zips below a folder, in order.
///
/// # Panics
/// If a folder cannot be read.
#[must_use]
pub fn zips(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).expect("the samples can be read") {
            let path = entry.expect("the samples can be read").path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|kind| kind.eq_ignore_ascii_case("zip")) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}
