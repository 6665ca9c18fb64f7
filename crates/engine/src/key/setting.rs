//! Which key providers are set: in a variable, else in a file beside the key file.
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use connref_store::vault::VaultError;

/// More than two addresses can take.
const SETTING_MAX: u64 = 16 * 1024;

/// Where the addresses of the key providers come from.
#[derive(Clone, Debug)]
pub struct KeySetting {
    /// Addresses given for this process alone, separated by white space; they win.
    pub given: Option<String>,
    /// File with one address a line; `#` begins a comment.
    pub file: PathBuf,
    /// The key file where nothing else is set.
    pub key: PathBuf,
}

impl KeySetting {
    /// The addresses, the one that counts first.
    pub(super) fn read(&self) -> Result<Vec<String>, VaultError> {
        let text = match &self.given {
            Some(given) => given.clone(),
            None => self.file_read()?,
        };
        let mut found = Vec::new();
        for line in text.lines() {
            let line = line.split('#').next().unwrap_or_default();
            for word in line.split_whitespace() {
                found.push(self.whole(word)?);
            }
        }
        if found.is_empty() {
            found.push(self.whole("file:")?);
        }
        Ok(found)
    }

    /// An address with what it leaves out: `file:` means the usual key file.
    pub(super) fn whole(&self, address: &str) -> Result<String, VaultError> {
        match address {
            "file:" | "file" => Ok(format!("file:{}", self.key.display())),
            "passphrase" => Ok("passphrase:".to_owned()),
            other => Ok(other.to_owned()),
        }
    }

    fn file_read(&self) -> Result<String, VaultError> {
        let mut text = String::new();
        let file = match fs::File::open(&self.file) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(text),
            Err(error) => return Err(self.fail(error.to_string())),
        };
        file.take(SETTING_MAX).read_to_string(&mut text).map_err(|e| self.fail(e.to_string()))?;
        Ok(text)
    }

    /// Makes an address the first; `keep` leaves the others behind it.
    pub(super) fn choose(&self, address: &str, keep: bool) -> Result<(), VaultError> {
        let mut all = self.read()?;
        if self.given.is_some() {
            // A variable is the operator's to change, on every node, and before the move.
            if all.iter().any(|one| one == address) {
                return Ok(());
            }
            all.insert(0, address.to_owned());
            return Err(VaultError::Setting {
                setting: address.to_owned(),
                reason: format!(
                    "CONNREF_KEY is set and does not name it; set it to `{}` first",
                    all.join(" ")
                ),
            });
        }
        all.retain(|one| keep && one != address);
        all.insert(0, address.to_owned());
        if !keep && *address == self.whole("file:")? {
            // The usual key file needs no setting.
            return match fs::remove_file(&self.file) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    Err(self.fail(error.to_string()))
                }
                _ => Ok(()),
            };
        }
        self.write(&format!("{}\n", all.join("\n")))
    }

    /// The file is replaced whole: a start in the middle of it finds the old or the new one.
    fn write(&self, text: &str) -> Result<(), VaultError> {
        let io = |error: std::io::Error| self.fail(error.to_string());
        let draft = self.file.with_extension(format!("{}.new", std::process::id()));
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&draft)
            .map_err(io)?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(io)?;
        fs::rename(&draft, &self.file).map_err(io)
    }

    fn fail(&self, reason: String) -> VaultError {
        VaultError::Setting { setting: self.file.display().to_string(), reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setting(given: Option<&str>) -> (tempfile::TempDir, KeySetting) {
        let folder = tempfile::tempdir().unwrap();
        let setting = KeySetting {
            given: given.map(str::to_owned),
            file: folder.path().join("key-provider"),
            key: PathBuf::from("/keys/key"),
        };
        (folder, setting)
    }

    #[test]
    fn without_a_setting_there_is_the_key_file() {
        let (_folder, setting) = setting(None);
        assert_eq!(setting.read().unwrap(), ["file:/keys/key"]);
    }

    #[test]
    fn a_move_has_two_addresses_and_then_one() {
        let (_folder, setting) = setting(None);
        setting.choose("transit:https://bao:8200/transit/a", true).unwrap();
        assert_eq!(
            setting.read().unwrap(),
            ["transit:https://bao:8200/transit/a", "file:/keys/key"]
        );
        setting.choose("transit:https://bao:8200/transit/a", false).unwrap();
        assert_eq!(setting.read().unwrap(), ["transit:https://bao:8200/transit/a"]);
        setting.choose("file:/keys/key", true).unwrap();
        setting.choose("file:/keys/key", false).unwrap();
        assert!(!setting.file.exists(), "the usual key file needs no setting");
    }

    #[test]
    fn the_variable_wins_and_is_not_written() {
        let (_folder, setting) = setting(Some("passphrase: file:"));
        assert_eq!(setting.read().unwrap(), ["passphrase:", "file:/keys/key"]);
        setting.choose("file:/keys/key", true).unwrap();
        let refused = setting.choose("azure:https://a/keys/b", true).unwrap_err().to_string();
        assert!(
            refused.contains("`azure:https://a/keys/b passphrase: file:/keys/key` first"),
            "{refused}"
        );
        assert!(!setting.file.exists());
    }

    #[test]
    fn comments_and_blank_lines_say_nothing() {
        let (_folder, setting) = setting(None);
        fs::write(&setting.file, "# the vault\n\n passphrase: # and no more\n").unwrap();
        assert_eq!(setting.read().unwrap(), ["passphrase:"]);
    }
}
