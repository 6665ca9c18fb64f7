//! Finds the program under test.
use std::path::PathBuf;

/// The program: `CONNREF_BIN`, else `connref` of the same build profile as these tests.
///
/// # Panics
/// If it was not built.
#[must_use]
pub fn binary() -> PathBuf {
    let path = match std::env::var_os("CONNREF_BIN") {
        Some(path) => PathBuf::from(path),
        None => {
            // target/PROFILE/deps/it-HASH → target/PROFILE/connref
            let own = std::env::current_exe().expect("a running program has a path");
            let profile =
                own.ancestors().nth(2).expect("tests lie two folders below the profile's");
            profile.join("connref")
        }
    };
    let built = path.is_file();
    assert!(built, "`{}` is not there; build it: cargo build -p connref-cli", path.display());
    path
}
