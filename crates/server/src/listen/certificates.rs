//! The certificates of a listening server: one for each host name that is asked for, made at the
//! first question, as an environment may be made while the server runs.
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use connref_store::source::{Clock, Ids};
use rcgen::KeyPair;
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::authority::{Authority, AuthorityError};

/// Certificates kept at once.
const KEPT_MAX: usize = 512;
/// A certificate is made anew after this time, in microseconds: long before it ends.
const RENEW: i64 = 30 * 24 * 3600 * 1_000_000;
/// Labels in front of a host: an environment's name, or the two that the control plane's own
/// addresses of environments have.
const LABELS_MAX: usize = 2;

/// Answers each client with a certificate for the name it asks for.
pub struct Certificates {
    authority: Authority,
    key: KeyPair,
    hosts: Vec<String>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    made: Mutex<HashMap<String, (i64, Arc<CertifiedKey>)>>,
}

impl std::fmt::Debug for Certificates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Certificates").field("hosts", &self.hosts).finish_non_exhaustive()
    }
}

impl Certificates {
    /// Certificates for these hosts and what is below them, and for this machine's own names. The
    /// key lives as long as the process.
    ///
    /// # Errors
    /// If a host is none.
    pub fn new(
        authority: Authority,
        hosts: Vec<String>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
    ) -> Result<Self, AuthorityError> {
        let key = KeyPair::generate()?;
        let made = Mutex::default();
        let all = Self { authority, key, hosts, clock, ids, made };
        // What cannot be made is known now, not at a client's first call.
        all.issue(&all.own())?;
        Ok(all)
    }

    /// The TLS settings of a listener.
    ///
    /// # Errors
    /// If the process has no TLS provider.
    pub fn config(self) -> Result<ServerConfig, rustls::Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(self));
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }

    /// The names of the certificate for whoever asks for none: an address is no name in TLS.
    fn own(&self) -> Vec<String> {
        let here = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
        let mut names = self.hosts.clone();
        names.extend(here.into_iter().filter(|name| !self.hosts.contains(name)));
        names
    }

    /// Whether a name is one of the hosts or lies below one.
    fn covers(&self, name: &str) -> bool {
        let hosts = self.hosts.iter().filter(|host| host.parse::<IpAddr>().is_err());
        hosts.map(String::as_str).chain(["localhost"]).any(|host| {
            name == host
                || name.strip_suffix(host).and_then(|rest| rest.strip_suffix('.')).is_some_and(
                    |rest| rest.split('.').count() <= LABELS_MAX && rest.split('.').all(label),
                )
        })
    }

    fn issue(&self, names: &[String]) -> Result<Arc<CertifiedKey>, AuthorityError> {
        let one = self.authority.issue(&self.key, names, &*self.clock, &*self.ids)?;
        let key = PrivateKeyDer::Pkcs8(self.key.serialize_der().into());
        let key = rustls::crypto::ring::sign::any_supported_type(&key)
            .map_err(|_| AuthorityError::Name(names.join(", ")))?;
        Ok(Arc::new(CertifiedKey::new(vec![one.der().clone()], key)))
    }

    fn find(&self, asked: Option<&str>) -> Option<Arc<CertifiedKey>> {
        let name = asked.map(str::to_ascii_lowercase).filter(|name| self.covers(name));
        let name = name.unwrap_or_default();
        let now = self.clock.now();
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, one)) = made.get(&name)
            && now - at < RENEW
        {
            return Some(Arc::clone(one));
        }
        let names = if name.is_empty() { self.own() } else { vec![name.clone()] };
        let one = self
            .issue(&names)
            .inspect_err(|error| {
                tracing::error!(error = error as &dyn std::error::Error, "no certificate");
            })
            .ok()?;
        if made.len() >= KEPT_MAX {
            made.clear();
        }
        made.insert(name, (now, Arc::clone(&one)));
        Some(one)
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.find(hello.server_name())
    }
}

/// A label of a host name.
pub(super) fn label(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use connref_store::source::{SystemClock, SystemIds};

    use super::*;

    #[test]
    fn names_below_the_hosts_get_their_own_certificate_and_others_none() {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::open(folder.path(), &SystemClock).unwrap();
        let (clock, ids) = (Arc::new(SystemClock), Arc::new(SystemIds::default()));
        let all =
            Certificates::new(authority, vec!["connref.test".to_owned()], clock, ids).unwrap();
        for name in ["connref.test", "dev.connref.test", "a.b.connref.test", "dev.localhost"] {
            assert!(all.covers(name), "{name}");
        }
        for name in ["test", "xconnref.test", "a.b.c.connref.test", ".connref.test", "evil.test"] {
            assert!(!all.covers(name), "{name}");
        }
        let first = all.find(Some("DEV.connref.test")).unwrap();
        assert!(Arc::ptr_eq(&first, &all.find(Some("dev.connref.test")).unwrap()));
        assert!(!Arc::ptr_eq(&first, &all.find(None).unwrap()));
        for number in 0..2 * KEPT_MAX {
            all.find(Some(&format!("e{number}.connref.test"))).unwrap();
        }
        assert!(all.made.lock().unwrap().len() <= KEPT_MAX);
    }
}
