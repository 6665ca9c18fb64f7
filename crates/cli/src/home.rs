//! Where things lie on this machine: data in `$CONNREF_HOME`, else the XDG data folder; the key in
//! `$CONNREF_CONFIG`, else the XDG configuration folder, so that a copy of the data holds no key.
use std::path::PathBuf;

use crate::exit::Failure;

/// Folder of the database.
pub(crate) fn data() -> Result<PathBuf, Failure> {
    folder("CONNREF_HOME", "XDG_DATA_HOME", ".local/share")
}

/// Folder of the key file.
pub(crate) fn config() -> Result<PathBuf, Failure> {
    folder("CONNREF_CONFIG", "XDG_CONFIG_HOME", ".config")
}

fn folder(own: &str, xdg: &str, fallback: &str) -> Result<PathBuf, Failure> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    if let Some(path) = variable(own) {
        return Ok(std::path::absolute(PathBuf::from(path))?);
    }
    // A relative XDG folder is to be ignored, says its specification.
    let base = variable(xdg)
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(|| variable("HOME").map(|home| PathBuf::from(home).join(fallback)));
    match base {
        Some(base) => Ok(base.join("connref")),
        None => Err(Failure::usage("cannot tell where to keep data: HOME is not set")
            .fix(format!("export {own}=/a/folder"))),
    }
}

/// The operating-system user, as the audit log names the administrator of an embedded database.
pub(crate) fn user() -> String {
    ["USER", "LOGNAME", "USERNAME"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
        .unwrap_or_else(|| "administrator".to_owned())
}
