//! The default key provider: 32 random bytes in a file of mode 0600, outside the database.
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use futures::future::BoxFuture;
use secrecy::{ExposeSecret, SecretBox};
use zeroize::Zeroizing;

use super::{KeyProvider, VaultError, Wrapped, decrypt, encrypt, fingerprint};
use crate::source::{Ids, SystemIds, hex};

/// More than a key and its line end can take.
const FILE_MAX: u64 = 1024;

/// A key kept in a file: 64 hex digits and a line end.
pub struct KeyFile {
    path: PathBuf,
}

type Key = SecretBox<[u8; 32]>;

impl KeyFile {
    /// The key at a path, whether the file is there yet or not: it is made when it first wraps.
    pub fn at(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// Reads the key once, making it if there is none. A file that others can read is refused.
    ///
    /// # Errors
    /// If the file cannot be used.
    pub fn open_or_create(path: &Path, ids: &dyn Ids) -> Result<Self, VaultError> {
        let file = Self::at(path);
        file.read_or_create(ids).map(drop)?;
        Ok(file)
    }

    fn read(&self) -> Result<Option<Key>, VaultError> {
        let mut file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.fail(&error.to_string())),
        };
        // Asked of the opened file: nobody can put another one there between the two.
        let metadata = file.metadata().map_err(|e| self.fail(&e.to_string()))?;
        if !metadata.is_file() {
            return Err(self.fail("it is no file"));
        }
        if metadata.mode() & 0o077 != 0 {
            let mode = metadata.mode() & 0o777;
            return Err(self.fail(&format!(
                "its mode is {mode:o}, others can reach it; run `chmod 600` on it"
            )));
        }
        let mut text = Zeroizing::new(String::new());
        (&mut file).take(FILE_MAX).read_to_string(&mut text).map_err(|e| match e.kind() {
            ErrorKind::InvalidData => self.fail(NO_KEY),
            _ => self.fail(&e.to_string()),
        })?;
        self.parse(&text).map(Some)
    }

    fn read_or_create(&self, ids: &dyn Ids) -> Result<Key, VaultError> {
        match self.read()? {
            Some(key) => Ok(key),
            None => self.create(ids),
        }
    }

    fn create(&self, ids: &dyn Ids) -> Result<Key, VaultError> {
        let io = |error: std::io::Error| self.fail(&error.to_string());
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder).map_err(io)?;
        }
        let mut key = Zeroizing::new([0_u8; 32]);
        ids.fill(&mut key[..]);
        // Written whole under another name and linked: a file of this name is never half a key, and
        // of two processes that start together one wins.
        let mut tag = [0_u8; 8];
        ids.fill(&mut tag);
        let draft = self.path.with_extension(format!("{}.new", hex(&tag)));
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft).map_err(io)?;
        let text = Zeroizing::new(format!("{}\n", hex(&key[..])));
        let linked = file
            .write_all(text.as_bytes())
            .and_then(|()| file.sync_all())
            .and_then(|()| fs::hard_link(&draft, &self.path));
        fs::remove_file(&draft).map_err(io)?;
        match linked {
            Ok(()) => Ok(SecretBox::new(Box::new(*key))),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                self.read()?.ok_or_else(|| self.fail("it vanished while it was being made"))
            }
            Err(error) => Err(io(error)),
        }
    }

    fn parse(&self, text: &str) -> Result<Key, VaultError> {
        let digits = text.trim();
        let mut key = Zeroizing::new([0_u8; 32]);
        let fits = digits.len() == 64 && digits.bytes().all(|b| b.is_ascii_hexdigit());
        for (index, byte) in key.iter_mut().enumerate() {
            let pair = if fits { digits.get(index * 2..index * 2 + 2) } else { None };
            *byte = pair
                .and_then(|p| u8::from_str_radix(p, 16).ok())
                .ok_or_else(|| self.fail(NO_KEY))?;
        }
        Ok(SecretBox::new(Box::new(*key)))
    }

    fn fail(&self, reason: &str) -> VaultError {
        VaultError::KeyFile { path: self.path.display().to_string(), reason: reason.to_owned() }
    }
}

/// What a file that is no key file is told.
const NO_KEY: &str = "it does not hold 64 hexadecimal digits";

/// Associated data of a wrapped tenant key.
pub fn associated(tenant: &str) -> Vec<u8> {
    format!("connref.tenant.v1\0{tenant}").into_bytes()
}

/// Wraps a tenant key under a key that is at hand.
///
/// # Errors
/// If sealing fails.
pub fn wrap_local(
    key: &[u8; 32],
    tenant: &str,
    tenant_key: &[u8; 32],
) -> Result<Wrapped, VaultError> {
    wrap_local_with(&SystemIds::default(), key, tenant, tenant_key)
}

pub(super) fn wrap_local_with(
    ids: &dyn Ids,
    key: &[u8; 32],
    tenant: &str,
    tenant_key: &[u8; 32],
) -> Result<Wrapped, VaultError> {
    Ok(Wrapped {
        bytes: encrypt(ids, key, &associated(tenant), tenant_key)?,
        fingerprint: fingerprint(key),
    })
}

/// Unwraps what [`wrap_local`] made.
pub(super) fn unwrap_local(
    key: &[u8; 32],
    place: &str,
    tenant: &str,
    bytes: &[u8],
    expected: &str,
) -> Result<Zeroizing<[u8; 32]>, VaultError> {
    let found = fingerprint(key);
    let (place, expected) = (place.to_owned(), expected.to_owned());
    if found != expected {
        return Err(VaultError::WrongKey { place, found, expected });
    }
    open_local(key, tenant, bytes).ok_or(VaultError::NotOpened { place, expected })
}

/// Opens what [`wrap_local`] made for this tenant under this key.
pub fn open_local(key: &[u8; 32], tenant: &str, bytes: &[u8]) -> Option<Zeroizing<[u8; 32]>> {
    let opened = decrypt(key, &associated(tenant), bytes)?;
    opened.as_slice().try_into().ok().map(Zeroizing::new)
}

impl KeyProvider for KeyFile {
    fn kind(&self) -> &'static str {
        "file"
    }

    fn place(&self) -> String {
        format!("file:{}", self.path.display())
    }

    fn wrap<'a>(
        &'a self,
        tenant: &'a str,
        key: &'a [u8; 32],
    ) -> BoxFuture<'a, Result<Wrapped, VaultError>> {
        Box::pin(async move {
            let own = self.read_or_create(&SystemIds::default())?;
            wrap_local(own.expose_secret(), tenant, key)
        })
    }

    fn unwrap<'a>(
        &'a self,
        tenant: &'a str,
        wrapped: &'a Wrapped,
    ) -> BoxFuture<'a, Result<Zeroizing<[u8; 32]>, VaultError>> {
        Box::pin(async move {
            let own = self.read()?.ok_or_else(|| VaultError::KeyFileMissing {
                path: self.path.display().to_string(),
                expected: wrapped.fingerprint.clone(),
            })?;
            let expected = &wrapped.fingerprint;
            unwrap_local(own.expose_secret(), &self.place(), tenant, &wrapped.bytes, expected)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn it_is_made_once_with_mode_0600() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config/key");
        let ids = SystemIds::default();
        let one = KeyFile::open_or_create(&path, &ids).unwrap().read().unwrap().unwrap();
        let two = KeyFile::open_or_create(&path, &ids).unwrap().read().unwrap().unwrap();
        assert_eq!(one.expose_secret(), two.expose_secret());
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        let beside: Vec<_> = fs::read_dir(path.parent().unwrap()).unwrap().collect();
        assert_eq!(beside.len(), 1, "no draft is left");
    }

    #[test]
    fn a_file_others_can_reach_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let key = KeyFile::open_or_create(&path, &SystemIds::default()).unwrap();
        for mode in [0o644, 0o640, 0o601, 0o620] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let refused = key.read().err().unwrap();
            assert!(refused.to_string().contains("chmod 600"), "{refused}");
            assert_eq!(refused.fix(), Some(format!("chmod 600 {}", path.display())));
        }
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let bad = ["", "00", &"g".repeat(64), &"0".repeat(63), &"+1".repeat(32), &"0".repeat(2000)];
        for text in bad {
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            assert!(KeyFile::at(&path).read().is_err(), "{text}");
        }
        assert!(KeyFile::at(folder.path()).read().is_err(), "a folder is no key");
    }
}
