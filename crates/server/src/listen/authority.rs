//! A certificate authority of our own, for servers that no public one knows: its key lies beside
//! the installation's other keys, its certificate is what clients are told to trust.
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use connref_store::source::{Clock, Ids};
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, SerialNumber, date_time_ymd,
};
use sha2::{Digest as _, Sha256};

/// Days that the authority's certificate is valid.
const AUTHORITY_DAYS: i64 = 3650;
/// Days that a server's certificate is valid: some clients refuse more than 397.
const SERVER_DAYS: i64 = 90;
/// A certificate begins a day early: clocks differ.
const EARLY_DAYS: i64 = 1;
const DAY: i64 = 24 * 3600 * 1_000_000;

/// Why there is no authority.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// A file cannot be read or written.
    #[error("cannot use `{path}`")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The key is open to others.
    #[error("`{0}` can be read by others; it must be yours alone (chmod 600)")]
    Open(PathBuf),
    /// A key or a certificate cannot be made or read.
    #[error("cannot make a certificate")]
    Make(#[from] rcgen::Error),
    /// A name that no certificate can hold.
    #[error("`{0}` is no host name")]
    Name(String),
}

/// A certificate authority.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
    file: PathBuf,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority").field("file", &self.file).finish_non_exhaustive()
    }
}

fn file_error(path: &Path) -> impl FnOnce(io::Error) -> AuthorityError {
    let path = path.to_owned();
    move |source| AuthorityError::File { path, source }
}

impl Authority {
    /// Where an authority of this folder keeps its certificate.
    pub fn file_in(folder: &Path) -> PathBuf {
        folder.join("ca.pem")
    }

    /// Opens the authority of a folder, making it at the first time.
    ///
    /// # Errors
    /// If its files cannot be used, or its key is open to others.
    pub fn open(folder: &Path, clock: &dyn Clock) -> Result<Self, AuthorityError> {
        let key_file = folder.join("ca.key");
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(file_error(folder))?;
        let key = match fs::read_to_string(&key_file) {
            Ok(text) => {
                let mode = fs::metadata(&key_file).map_err(file_error(&key_file))?;
                if mode.permissions().mode() & 0o077 != 0 {
                    return Err(AuthorityError::Open(key_file));
                }
                KeyPair::from_pem(&zeroize::Zeroizing::new(text))?
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let key = KeyPair::generate()?;
                write(&key_file, &zeroize::Zeroizing::new(key.serialize_pem()), 0o600)?;
                key
            }
            Err(error) => return Err(file_error(&key_file)(error)),
        };
        let file = Self::file_in(folder);
        let params = authority_params(&key, clock.now());
        let pem = match fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let text = params.self_signed(&key)?.pem();
                write(&file, &text, 0o644)?;
                text
            }
            Err(error) => return Err(file_error(&file)(error)),
        };
        Ok(Self { issuer: Issuer::new(params, key), pem, file })
    }

    /// The certificate that clients trust, as PEM.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// The file that holds it.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// A certificate for a server's key and names (host names and addresses).
    ///
    /// # Errors
    /// If one of the names cannot stand in a certificate.
    pub fn issue(
        &self,
        key: &KeyPair,
        names: &[String],
        clock: &dyn Clock,
        ids: &dyn Ids,
    ) -> Result<Certificate, AuthorityError> {
        let mut params = CertificateParams::new(names.to_vec())
            .map_err(|_| AuthorityError::Name(names.join(", ")))?;
        params.distinguished_name = DistinguishedName::new();
        if let Some(name) = names.first() {
            params.distinguished_name.push(DnType::CommonName, name.as_str());
        }
        limit(&mut params, clock.now(), SERVER_DAYS);
        // One key serves many names: the number must differ all the same.
        let mut serial = [0_u8; 16];
        ids.fill(&mut serial);
        serial[0] = serial[0] & 0x7f | 0x40;
        params.serial_number = Some(SerialNumber::from_slice(&serial));
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        Ok(params.signed_by(key, &self.issuer)?)
    }
}

/// What the authority's certificate says. Its name carries its key's print, so that two authorities
/// on one machine are told apart.
fn authority_params(key: &KeyPair, now: i64) -> CertificateParams {
    let print = connref_store::source::hex(&Sha256::digest(key.public_key_raw())[..4]);
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, format!("connref own authority {print}"));
    limit(&mut params, now, AUTHORITY_DAYS);
    // It signs servers' certificates and nothing else, no further authorities.
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

/// From a day before now to some days after it.
fn limit(params: &mut CertificateParams, now: i64, days: i64) {
    let on = |at: i64| {
        let at = jiff::Timestamp::from_microsecond(at).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        let date = jiff::tz::Offset::UTC.to_datetime(at).date();
        let part = |number: i8| u8::try_from(number).unwrap_or(1);
        date_time_ymd(i32::from(date.year()), part(date.month()), part(date.day()))
    };
    params.not_before = on(now - EARLY_DAYS * DAY);
    params.not_after = on(now + days * DAY);
}

/// Writes a new file with the mode it is to have from its first moment on.
fn write(path: &Path, text: &str, mode: u32) -> Result<(), AuthorityError> {
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)
        .map_err(file_error(path))?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(file_error(path))
}

#[cfg(test)]
mod tests {
    use connref_store::source::{SystemClock, SystemIds};

    use super::*;

    #[test]
    fn the_key_is_private_kept_and_refused_when_it_is_open() {
        let folder = tempfile::tempdir().unwrap();
        let first = Authority::open(folder.path(), &SystemClock).unwrap().pem().to_owned();
        let key = folder.path().join("ca.key");
        assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(Authority::open(folder.path(), &SystemClock).unwrap().pem(), first);
        fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
        let refused = Authority::open(folder.path(), &SystemClock);
        assert!(matches!(refused, Err(AuthorityError::Open(_))), "{refused:?}");
    }

    #[test]
    fn a_certificate_verifies_for_its_names_alone() {
        use rustls::pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject as _};
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::open(folder.path(), &SystemClock).unwrap();
        let key = KeyPair::generate().unwrap();
        let names = ["dev.example.test".to_owned(), "127.0.0.1".to_owned()];
        let one = authority.issue(&key, &names, &SystemClock, &SystemIds::default()).unwrap();
        let root = CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap();
        let anchor = webpki::anchor_from_trusted_cert(&root).unwrap();
        let leaf = webpki::EndEntityCert::try_from(one.der()).unwrap();
        leaf.verify_for_usage(
            webpki::ALL_VERIFICATION_ALGS,
            &[anchor],
            &[],
            UnixTime::now(),
            webpki::KeyUsage::server_auth(),
            None,
            None,
        )
        .unwrap();
        let fits = |name: &'static str| {
            leaf.verify_is_valid_for_subject_name(&ServerName::try_from(name).unwrap()).is_ok()
        };
        assert!(fits("dev.example.test") && fits("127.0.0.1"));
        assert!(!fits("example.test") && !fits("prod.example.test") && !fits("127.0.0.2"));
    }
}
