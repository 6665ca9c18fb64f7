//! The default key provider: 32 random bytes in a file of mode 0600, outside the database.
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use secrecy::{ExposeSecret, SecretBox};
use zeroize::Zeroizing;

use super::{KeyProvider, VaultError, decrypt, encrypt, fingerprint};
use crate::source::{Ids, SystemIds, hex};

/// A key kept in a file: 64 hex digits and a line end.
pub struct KeyFile {
    key: SecretBox<[u8; 32]>,
}

impl KeyFile {
    /// Reads the key, making it at the first start. A file that others can read is refused.
    pub fn open_or_create(path: &Path, ids: &dyn Ids) -> Result<Self, VaultError> {
        match fs::read_to_string(path).map(Zeroizing::new) {
            Ok(text) => Self::check_mode(path).and_then(|()| Self::parse(path, &text)),
            Err(error) if error.kind() == ErrorKind::NotFound => Self::create(path, ids),
            Err(error) => Err(fail(path, &error.to_string())),
        }
    }

    fn create(path: &Path, ids: &dyn Ids) -> Result<Self, VaultError> {
        let io = |error: std::io::Error| fail(path, &error.to_string());
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(io)?;
        }
        let mut key = Zeroizing::new([0_u8; 32]);
        ids.fill(&mut key[..]);
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(io)?;
        let text = Zeroizing::new(format!("{}\n", hex(&key[..])));
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(io)?;
        Ok(Self { key: SecretBox::new(Box::new(*key)) })
    }

    fn check_mode(path: &Path) -> Result<(), VaultError> {
        let mode = fs::metadata(path).map_err(|e| fail(path, &e.to_string()))?.mode();
        if mode & 0o077 == 0 {
            return Ok(());
        }
        Err(fail(
            path,
            &format!("its mode is {:o}, others can reach it; run `chmod 600` on it", mode & 0o777),
        ))
    }

    fn parse(path: &Path, text: &str) -> Result<Self, VaultError> {
        let digits = text.trim();
        let mut key = Zeroizing::new([0_u8; 32]);
        let fits = digits.len() == 64 && digits.is_ascii();
        for (index, byte) in key.iter_mut().enumerate() {
            let pair = if fits { digits.get(index * 2..index * 2 + 2) } else { None };
            *byte = pair
                .and_then(|p| u8::from_str_radix(p, 16).ok())
                .ok_or_else(|| fail(path, "it does not hold 64 hexadecimal digits"))?;
        }
        Ok(Self { key: SecretBox::new(Box::new(*key)) })
    }
}

fn fail(path: &Path, reason: &str) -> VaultError {
    VaultError::KeyFile { path: path.display().to_string(), reason: reason.to_owned() }
}

fn associated(tenant: &str) -> Vec<u8> {
    format!("connref.tenant.v1\0{tenant}").into_bytes()
}

impl KeyProvider for KeyFile {
    fn kind(&self) -> &'static str {
        "file"
    }

    fn fingerprint(&self) -> String {
        fingerprint(self.key.expose_secret())
    }

    fn wrap(&self, tenant: &str, key: &[u8; 32]) -> Result<Vec<u8>, VaultError> {
        encrypt(&SystemIds::default(), self.key.expose_secret(), &associated(tenant), key)
    }

    fn unwrap(&self, tenant: &str, wrapped: &[u8]) -> Result<Zeroizing<[u8; 32]>, VaultError> {
        let refused = || VaultError::WrongKey {
            found: self.fingerprint(),
            expected: "of the stored tenant key".to_owned(),
        };
        let opened =
            decrypt(self.key.expose_secret(), &associated(tenant), wrapped).ok_or_else(refused)?;
        Ok(Zeroizing::new(opened.as_slice().try_into().map_err(|_| refused())?))
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
        let one = KeyFile::open_or_create(&path, &ids).unwrap();
        let two = KeyFile::open_or_create(&path, &ids).unwrap();
        assert_eq!(one.fingerprint(), two.fingerprint());
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_file_others_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        drop(KeyFile::open_or_create(&path, &SystemIds::default()).unwrap());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let refused = KeyFile::open_or_create(&path, &SystemIds::default()).err().unwrap();
        assert!(refused.to_string().contains("chmod 600"), "{refused}");
    }

    #[test]
    fn a_wrapped_key_fits_one_tenant_and_one_key() {
        let folder = tempfile::tempdir().unwrap();
        let ids = SystemIds::default();
        let one = KeyFile::open_or_create(&folder.path().join("1"), &ids).unwrap();
        let two = KeyFile::open_or_create(&folder.path().join("2"), &ids).unwrap();
        let wrapped = one.wrap("t", &[5; 32]).unwrap();
        assert_eq!(*one.unwrap("t", &wrapped).unwrap(), [5; 32]);
        assert!(one.unwrap("u", &wrapped).is_err());
        assert!(two.unwrap("t", &wrapped).is_err());
    }
}
