//! Where the installation is reached: one host for the control plane, one per environment below it,
//! or a port per environment where names cannot be had.
use std::sync::LazyLock;

use axum::http::{HeaderMap, header};

use crate::App;

/// Where a listening server is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// `http` or `https`.
    pub scheme: &'static str,
    /// Hosts, the one that is told to clients first; environments are reached below each.
    pub hosts: Vec<String>,
    /// Port, as clients see it.
    pub port: u16,
    /// Environments, by name in lower case, that have a port of their own.
    pub ports: Vec<(String, u16)>,
}

impl Default for Addresses {
    fn default() -> Self {
        Self { scheme: "http", hosts: vec!["localhost".to_owned()], port: 80, ports: Vec::new() }
    }
}

/// Of a service that does not listen.
static UNTOLD: LazyLock<Addresses> = LazyLock::new(Addresses::default);

impl Addresses {
    fn main(&self) -> &str {
        self.hosts.first().map_or("localhost", String::as_str)
    }

    fn origin(&self, host: &str, port: u16) -> String {
        match (self.scheme, port) {
            ("http", 80) | ("https", 443) => format!("{}://{host}", self.scheme),
            _ => format!("{}://{host}:{port}", self.scheme),
        }
    }

    /// Origin of the control plane.
    pub fn control(&self) -> String {
        self.origin(self.main(), self.port)
    }

    /// Origin of an environment.
    pub fn environment(&self, name: &str) -> String {
        let name = name.to_ascii_lowercase();
        match self.ports.iter().find(|(known, _)| *known == name) {
            Some((_, port)) => self.origin(self.main(), *port),
            None => self.origin(&format!("{name}.{}", self.main()), self.port),
        }
    }

    /// The environment that has the port to itself.
    pub(crate) fn environment_of_port(&self, port: u16) -> Option<&str> {
        self.ports.iter().find(|(_, known)| *known == port).map(|(name, _)| name.as_str())
    }

    /// The origin of the host that a request came to, if it is one of ours; else the first.
    /// What we sign and what we tell never carries a name that a client made up.
    pub(crate) fn origin_of(&self, headers: &HeaderMap) -> String {
        let asked = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let host = asked.map(bare).unwrap_or_default();
        let known = self.hosts.iter().find(|known| known.eq_ignore_ascii_case(host));
        self.origin(known.map_or(self.main(), String::as_str), self.port)
    }

    /// Every origin that [`Self::origin_of`] may answer.
    pub(crate) fn origins(&self) -> impl Iterator<Item = String> {
        self.hosts.iter().map(|host| self.origin(host, self.port))
    }
}

/// A host without its port.
pub(crate) fn bare(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    }
}

impl App {
    /// Tells where the service is reached, once, before it listens.
    pub fn serving(&self, addresses: Addresses) {
        // A second listener in one process serves the addresses of the first.
        let _told = self.0.process.addresses.set(addresses);
    }

    /// Whether a listener told where the service is reached.
    pub(crate) fn is_serving(&self) -> bool {
        self.0.process.addresses.get().is_some()
    }

    /// Where the service is reached.
    pub fn addresses(&self) -> &Addresses {
        self.0.process.addresses.get().unwrap_or(&UNTOLD)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn environments_lie_below_the_first_host_or_at_their_port() {
        let addresses = Addresses {
            scheme: "https",
            hosts: vec!["connref.test".to_owned(), "login.test".to_owned()],
            port: 443,
            ports: vec![("prod".to_owned(), 8444)],
        };
        assert_eq!(addresses.control(), "https://connref.test");
        assert_eq!(addresses.environment("DEV"), "https://dev.connref.test");
        assert_eq!(addresses.environment("PROD"), "https://connref.test:8444");
        assert_eq!(addresses.environment_of_port(8444), Some("prod"));
        let origin = |host: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, host.parse().unwrap());
            addresses.origin_of(&headers)
        };
        assert_eq!(origin("LOGIN.test:443"), "https://login.test");
        assert_eq!(origin("evil.test"), "https://connref.test");
        assert_eq!(Addresses::default().environment("dev"), "http://dev.localhost");
    }
}
