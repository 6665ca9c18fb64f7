//! Where the demo lives: a folder of its own with database, key, files and target databases.
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crate::exit::{Exit, Failure};

/// The folder, which goes with this value if it is a temporary one.
pub(crate) struct Home {
    data: PathBuf,
    config: PathBuf,
    temporary: Option<tempfile::TempDir>,
}

impl Home {
    /// Takes the folder asked for, else `$CONNREF_HOME`, else a temporary one. A folder that holds
    /// data already is refused: the demo begins with nothing, and leaves other people's things be.
    pub(super) fn take(asked: Option<&Path>) -> Result<Self, Failure> {
        let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let given = asked.map(Path::to_path_buf).or(variable("CONNREF_HOME").map(PathBuf::from));
        let (data, temporary) = match given {
            Some(path) => {
                private(&path).map_err(|error| unusable(&path, error))?;
                (path, None)
            }
            None => {
                let folder = tempfile::Builder::new().prefix("connref-demo-").tempdir()?;
                (folder.path().to_path_buf(), Some(folder))
            }
        };
        // The egress policy compares real paths, and a temporary folder may lie behind a link.
        let data = data.canonicalize().map_err(|error| unusable(&data, error))?;
        if data.read_dir().map_err(|error| unusable(&data, error))?.next().is_some() {
            let text = format!("the demo needs an empty folder, `{}` is not", data.display());
            return Err(Failure::new(Exit::Conflict, anyhow::anyhow!(text)).fix(
                "connref demo --home NEW_FOLDER, or without CONNREF_HOME in a temporary one",
            ));
        }
        if data
            .to_str()
            .is_none_or(|text| text.contains(|c: char| c.is_whitespace() || ",#".contains(c)))
        {
            let text = format!(
                "`{}` holds characters that an environment's list of allowed folders cannot",
                data.display()
            );
            return Err(Failure::usage(text).fix("choose a folder without spaces, commas and `#`"));
        }
        let config = match variable("CONNREF_CONFIG").filter(|_| asked.is_none()) {
            Some(path) if temporary.is_none() => std::path::absolute(PathBuf::from(path))?,
            _ => data.join("config"),
        };
        Ok(Self { data, config, temporary })
    }

    /// Folder of everything.
    pub(crate) fn data(&self) -> &Path {
        &self.data
    }

    /// Folder of the key.
    pub(crate) fn config(&self) -> &Path {
        &self.config
    }

    /// Whether it is there after the demo.
    pub(crate) fn stays(&self) -> bool {
        self.temporary.is_none()
    }
}

/// The file permission is the authentication of an embedded installation.
fn private(path: &Path) -> std::io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

fn unusable(path: &Path, error: std::io::Error) -> Failure {
    Failure::from(error).context(format!("cannot use the folder `{}`", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_empty_folder_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::take(Some(&folder.path().join("new"))).unwrap();
        assert!(home.stays());
        assert!(home.config().starts_with(home.data()));
        std::fs::write(home.data().join("connref.db"), "x").unwrap();
        assert!(Home::take(Some(home.data())).is_err());
        assert!(Home::take(Some(&folder.path().join("with space"))).is_err());
    }
}
