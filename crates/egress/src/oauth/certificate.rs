//! A client certificate with its private key, as PEM text: what signs assertions, and when it ends.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest;
use ring::signature::RsaKeyPair;
use rustls::pki_types::pem::{PemObject, SectionKind};

/// Longest PEM text that is read.
const MAX_PEM: usize = 256 * 1024;

/// A certificate and its RSA key.
pub struct Certificate {
    der: Vec<u8>,
    key: RsaKeyPair,
    not_after: i64,
}

/// Why PEM text is no client certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// Too long, or no PEM.
    #[error("it is not PEM text of at most 256 KiB")]
    Pem,
    /// No certificate in it.
    #[error("it holds no `CERTIFICATE` part")]
    NoCertificate,
    /// No private key in it.
    #[error("it holds no unencrypted private key (`PRIVATE KEY` or `RSA PRIVATE KEY`)")]
    NoKey,
    /// A key that cannot sign RS256 or PS256.
    #[error("its private key is not a usable RSA key of at least 2048 bits")]
    Key,
    /// The certificate cannot be read.
    #[error("its certificate cannot be read")]
    Certificate,
    /// Key and certificate are not a pair.
    #[error("its private key does not belong to its certificate")]
    Pair,
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate").field("not_after", &self.not_after).finish_non_exhaustive()
    }
}

impl Certificate {
    /// Reads the first certificate and the private key of a PEM text, in any order.
    ///
    /// # Errors
    /// If one of them is missing, is not readable, or they are no pair.
    pub fn from_pem(pem: &str) -> Result<Self, CertificateError> {
        if pem.len() > MAX_PEM {
            return Err(CertificateError::Pem);
        }
        let (mut der, mut key) = (None, None);
        for part in <(SectionKind, Vec<u8>)>::pem_slice_iter(pem.as_bytes()) {
            let (kind, bytes) = part.map_err(|_| CertificateError::Pem)?;
            match kind {
                SectionKind::Certificate if der.is_none() => der = Some(bytes),
                SectionKind::PrivateKey => key = Some(RsaKeyPair::from_pkcs8(&bytes)),
                SectionKind::RsaPrivateKey => key = Some(RsaKeyPair::from_der(&bytes)),
                _ => {}
            }
        }
        let der = der.ok_or(CertificateError::NoCertificate)?;
        let key = key.ok_or(CertificateError::NoKey)?.map_err(|_| CertificateError::Key)?;
        let fields = Fields::read(&der).ok_or(CertificateError::Certificate)?;
        if fields.public_key != key.public().as_ref() {
            return Err(CertificateError::Pair);
        }
        Ok(Self { not_after: fields.not_after, der, key })
    }

    /// The end of its validity, in seconds since 1970, UTC.
    #[must_use]
    pub fn not_after(&self) -> i64 {
        self.not_after
    }

    /// The SHA-1 thumbprint in base64url, as `x5t` has it (RFC 7515 §4.1.7).
    #[must_use]
    pub fn thumbprint(&self) -> String {
        let hash = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &self.der);
        URL_SAFE_NO_PAD.encode(hash)
    }

    /// The SHA-256 thumbprint in base64url, as `x5t#S256` has it.
    pub(super) fn thumbprint_256(&self) -> String {
        URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, &self.der))
    }

    pub(super) fn key(&self) -> &RsaKeyPair {
        &self.key
    }
}

/// What is needed of a certificate (RFC 5280 §4.1): the rest is the server's business.
struct Fields<'a> {
    not_after: i64,
    public_key: &'a [u8],
}

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const BIT_STRING: u8 = 0x03;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

impl<'a> Fields<'a> {
    fn read(der: &'a [u8]) -> Option<Self> {
        let (_, certificate, _) = element(der).filter(|e| e.0 == SEQUENCE)?;
        let (_, mut rest, _) = element(certificate).filter(|e| e.0 == SEQUENCE)?;
        if rest.first() == Some(&VERSION) {
            rest = element(rest)?.2;
        }
        // serialNumber, signature, issuer
        for _ in 0..3 {
            rest = element(rest)?.2;
        }
        let (_, validity, rest) = element(rest).filter(|e| e.0 == SEQUENCE)?;
        let (kind, end, _) = element(element(validity)?.2)?;
        let not_after = time(kind, end)?;
        // subject, then subjectPublicKeyInfo: algorithm, BIT STRING with its count of unused bits
        let (_, info, _) = element(element(rest)?.2).filter(|e| e.0 == SEQUENCE)?;
        let (_, bits, _) = element(element(info)?.2).filter(|e| e.0 == BIT_STRING)?;
        let public_key = bits.strip_prefix(&[0])?;
        Some(Self { not_after, public_key })
    }
}

/// The first element: its tag, its content, what follows it. Definite lengths of up to four bytes.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, mut rest) = rest.split_first()?;
    let mut length = usize::from(first);
    if first >= 0x80 {
        let count = usize::from(first & 0x7f);
        if !(1..=4).contains(&count) {
            return None;
        }
        let (digits, after) = rest.split_at_checked(count)?;
        length = digits.iter().fold(0, |sum, digit| sum << 8 | usize::from(*digit));
        rest = after;
    }
    let (content, after) = rest.split_at_checked(length)?;
    Some((tag, content, after))
}

/// `YYMMDDhhmmssZ` or `YYYYMMDDhhmmssZ` (RFC 5280 §4.1.2.5) in seconds since 1970.
fn time(kind: u8, text: &[u8]) -> Option<i64> {
    let digits = text.strip_suffix(b"Z")?;
    let number = |part: &[u8]| -> Option<i64> {
        part.iter().try_fold(0, |sum, b| b.is_ascii_digit().then(|| sum * 10 + i64::from(b - b'0')))
    };
    let (year, rest) = match (kind, digits.len()) {
        (UTC_TIME, 12) => {
            let short = number(&digits[..2])?;
            (if short < 50 { 2000 + short } else { 1900 + short }, &digits[2..])
        }
        (GENERALIZED_TIME, 14) => (number(&digits[..4])?, &digits[4..]),
        _ => return None,
    };
    let mut parts = [0; 5];
    for (at, part) in parts.iter_mut().enumerate() {
        *part = number(&rest[at * 2..at * 2 + 2])?;
    }
    let [month, day, hour, minute, second] = parts;
    let valid = (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second < 61;
    valid.then(|| days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second)
}

/// Days since 1970-01-01 of the Gregorian calendar: years begin in March, so that a leap day is last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * month + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_certificates_are_read() {
        assert_eq!(time(UTC_TIME, b"700101000000Z"), Some(0));
        assert_eq!(time(UTC_TIME, b"491231235959Z"), Some(2_524_607_999));
        assert_eq!(time(GENERALIZED_TIME, b"20000229120000Z"), Some(951_825_600));
        assert_eq!(time(GENERALIZED_TIME, b"99991231235959Z"), Some(253_402_300_799));
        for bad in [&b"700101000000"[..], b"70010100000xZ", b"701301000000Z", b"Z", b""] {
            assert_eq!(time(UTC_TIME, bad), None);
        }
    }

    #[test]
    fn cut_and_changed_bytes_never_panic() {
        let pem = include_str!("../../tests/it/certificate/client.pem");
        let der = Certificate::from_pem(pem).expect("a pair").der;
        for cut in 0..der.len() {
            assert!(Fields::read(&der[..cut]).is_none());
            let mut changed = der.clone();
            changed[cut] ^= 0xff;
            let _total = Fields::read(&changed);
        }
    }
}
