//! What one environment may reach besides the public internet.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use crate::address::{classify, normalise};

/// Longest policy text that is read.
const MAX_TEXT: usize = 64 * 1024;

/// The allow-list of one environment: private addresses, networks and folders for file targets.
///
/// An empty policy reaches public addresses over TLS and nothing else.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Policy {
    networks: Vec<Network>,
    folders: Vec<PathBuf>,
    /// Identity endpoints of the host: closed to every call but the one that asks for its identity.
    identities: Vec<Network>,
    for_identity: bool,
    secrets: Vec<String>,
}

/// How the place of a secret begins, in the entries `secret:…`.
const SECRET_PLACES: [&str; 4] = ["/subscriptions/", "vault://", "env://", "file:/"];

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Network {
    address: IpAddr,
    prefix: u8,
    port: Option<u16>,
}

/// Why a policy text was not understood.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PolicyError {
    /// The text is longer than any sensible policy.
    #[error("cannot read the egress policy: it is longer than {MAX_TEXT} bytes")]
    TooLong,
    /// An entry is neither an address nor a network nor a folder.
    #[error("cannot read the egress policy entry `{entry}`: {reason}")]
    Entry {
        /// The entry as written.
        entry: String,
        /// What is wrong with it.
        reason: &'static str,
    },
}

impl Policy {
    /// Reads entries separated by commas or white space; `#` at the beginning of one starts a comment
    /// up to the line's end.
    ///
    /// An entry is `ADDRESS`, `ADDRESS:PORT`, `NETWORK/BITS`, `NETWORK/BITS:PORT` (IPv6 in
    /// brackets when a port follows), `file:/absolute/folder`, `identity:ADDRESS[:PORT]` for an
    /// identity endpoint of the host, which only managed identities reach, or `secret:` and the
    /// place of a secret or of several.
    ///
    /// # Errors
    /// The first entry that is not understood, or that would allow what no policy may.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        if text.len() > MAX_TEXT {
            return Err(PolicyError::TooLong);
        }
        let mut policy = Self::default();
        for line in text.lines() {
            for entry in line.split(|c: char| c == ',' || c.is_whitespace()) {
                if entry.starts_with('#') {
                    break;
                }
                if !entry.is_empty() {
                    policy.add(entry)?;
                }
            }
        }
        Ok(policy)
    }

    fn add(&mut self, entry: &str) -> Result<(), PolicyError> {
        let refuse = |reason| PolicyError::Entry { entry: entry.to_owned(), reason };
        if let Some(place) = entry.strip_prefix("secret:") {
            let known = SECRET_PLACES.iter().any(|start| {
                let (head, rest) = place.split_at_checked(start.len()).unwrap_or((place, ""));
                head.eq_ignore_ascii_case(start) && !rest.trim_matches('/').is_empty()
            });
            if !known {
                return Err(refuse(
                    "the place of a secret begins with `/subscriptions/ID`, `vault://MOUNT`, \
                     `env://NAME` or `file:/FOLDER`",
                ));
            }
            self.secrets.push(place.to_owned());
            return Ok(());
        }
        if let Some(folder) = entry.strip_prefix("file:") {
            let folder = folder.strip_prefix("//").unwrap_or(folder);
            let path = PathBuf::from(folder);
            if !path.is_absolute() {
                return Err(refuse("a folder must be absolute, as in `file:/srv/data`"));
            }
            self.folders.push(path);
            return Ok(());
        }
        if let Some(endpoint) = entry.strip_prefix("identity:") {
            let network = Network::parse(endpoint, Absolute::Allowed).map_err(refuse)?;
            if !network.is_one() {
                return Err(refuse("an identity endpoint is one address"));
            }
            self.identities.push(network);
            return Ok(());
        }
        self.networks.push(Network::parse(entry, Absolute::Refused).map_err(refuse)?);
        Ok(())
    }

    /// The policy of a request for the host's own identity: the identity endpoints and nothing else.
    #[must_use]
    pub(crate) fn for_identity(&self) -> Self {
        Self { networks: self.identities.clone(), for_identity: true, ..Self::default() }
    }

    /// True if this policy names the address and port itself (then plain text is allowed too).
    #[must_use]
    pub fn names(&self, address: SocketAddr) -> bool {
        self.networks.iter().any(|n| n.contains(address))
    }

    /// The reason why an address may not be reached, or `None` if it may.
    #[must_use]
    pub fn refusal(&self, address: SocketAddr) -> Option<&'static str> {
        let refusal = classify(address.ip())?;
        let open = self.names(address) && (self.for_identity || !refusal.absolute);
        if open { None } else { Some(refusal.reason) }
    }

    /// Folders whose files may be opened as targets.
    #[must_use]
    pub fn folders(&self) -> &[PathBuf] {
        &self.folders
    }

    /// The places of secrets that variables may point to, as they were written. What they mean is
    /// for the reader of secrets to judge.
    #[must_use]
    pub fn secrets(&self) -> &[String] {
        &self.secrets
    }

    /// The policy under which files that hold secrets are opened: the folders of the entries
    /// `secret:file:/…` and nothing else, so that no connector reads them.
    #[must_use]
    pub fn for_secret_files(&self) -> Self {
        let folders = self.secrets.iter().filter_map(|place| {
            let path = place.strip_prefix("file:")?;
            Some(PathBuf::from(path.strip_prefix("//").unwrap_or(path)))
        });
        Self { folders: folders.collect(), ..Self::default() }
    }
}

/// Whether an entry may name what is closed to ordinary calls.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Absolute {
    Allowed,
    Refused,
}

impl Network {
    fn is_one(&self) -> bool {
        self.prefix == if self.address.is_ipv4() { 32 } else { 128 }
    }

    fn parse(entry: &str, absolute: Absolute) -> Result<Self, &'static str> {
        let (address, prefix, port) = split(entry)?;
        let address: IpAddr = address.parse().map_err(
            |_| "expected an IP address, `ADDRESS/BITS`, `file:/folder` or `identity:ADDRESS`",
        )?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => width,
            Some(text) => number(text).ok_or("the prefix length is not a number")?,
        };
        if prefix > width {
            return Err("the prefix is longer than the address");
        }
        if prefix == 0 {
            return Err("a policy cannot allow every address");
        }
        let port = match port {
            None => None,
            Some(text) => match text.parse::<u16>() {
                Ok(port) if port > 0 && text.bytes().all(|b| b.is_ascii_digit()) => Some(port),
                _ => return Err("the port is not a number from 1 to 65535"),
            },
        };
        let closed = absolute == Absolute::Refused && classify(address).is_some_and(|r| r.absolute);
        if prefix == width && closed {
            return Err("no policy can allow this address");
        }
        let network = Self { address, prefix, port };
        if mask(address, prefix) != bits(address) {
            return Err("the address has bits beyond the prefix");
        }
        Ok(network)
    }

    fn contains(&self, candidate: SocketAddr) -> bool {
        if self.port.is_some_and(|port| port != candidate.port()) {
            return false;
        }
        let ip = normalise(candidate.ip());
        ip.is_ipv4() == self.address.is_ipv4() && mask(ip, self.prefix) == bits(self.address)
    }
}

/// Address, prefix and port of one entry, still as text.
type Parts<'a> = (&'a str, Option<&'a str>, Option<&'a str>);

fn split(entry: &str) -> Result<Parts<'_>, &'static str> {
    if let Some(rest) = entry.strip_prefix('[') {
        let (inner, after) = rest.split_once(']').ok_or("the bracket is not closed")?;
        let port = match after {
            "" => None,
            _ => Some(after.strip_prefix(':').ok_or("expected `:PORT` after the bracket")?),
        };
        let (address, prefix) = cut(inner, '/');
        return Ok((address, prefix, port));
    }
    let colons = entry.bytes().filter(|b| *b == b':').count();
    let (head, port) = if colons == 1 { cut(entry, ':') } else { (entry, None) };
    let (address, prefix) = cut(head, '/');
    Ok((address, prefix, port))
}

fn cut(text: &str, at: char) -> (&str, Option<&str>) {
    text.split_once(at).map_or((text, None), |(a, b)| (a, Some(b)))
}

fn number(text: &str) -> Option<u8> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(v4.to_bits()),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

fn mask(address: IpAddr, prefix: u8) -> u128 {
    let width = if address.is_ipv4() { 32 } else { 128 };
    let host = u32::from(width - prefix);
    let bits = bits(address);
    if host >= 128 { 0 } else { bits >> host << host }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> SocketAddr {
        text.parse().expect("a socket address")
    }

    #[test]
    fn entries_allow_what_they_name() {
        let policy = Policy::parse("127.0.0.1:8080, 10.0.0.0/8 # office\n[::1]:9 fd00::/8:not");
        assert!(policy.is_err(), "an IPv6 network with a port needs brackets");
        let policy =
            Policy::parse("127.0.0.1:8080, 10.0.0.0/8:5432 # x\n[::1]:9\tfd12::/16 file:/srv")
                .expect("parses");
        for yes in
            ["127.0.0.1:8080", "10.9.8.7:5432", "[::1]:9", "[fd12::1]:80", "[::ffff:10.0.0.1]:5432"]
        {
            assert_eq!(policy.refusal(at(yes)), None, "{yes}");
        }
        for no in ["127.0.0.1:8081", "10.9.8.7:80", "[::1]:10", "[fd13::1]:80", "192.168.0.1:80"] {
            assert!(policy.refusal(at(no)).is_some(), "{no}");
        }
        assert_eq!(policy.folders(), [PathBuf::from("/srv")]);
    }

    #[test]
    fn places_of_secrets_stand_beside_addresses_and_folders() {
        let text =
            "secret:vault://kv/apps#key,secret:env://KEY # two\nsecret:file:/run/keys file:/srv";
        let policy = Policy::parse(text).expect("parses");
        assert_eq!(policy.secrets(), ["vault://kv/apps#key", "env://KEY", "file:/run/keys"]);
        assert_eq!(policy.folders(), [PathBuf::from("/srv")]);
        assert_eq!(policy.for_secret_files().folders(), [PathBuf::from("/run/keys")]);
    }

    #[test]
    fn metadata_stays_closed() {
        let policy = Policy::parse("169.254.0.0/16 168.0.0.0/8 fd00::/8").expect("parses");
        for no in ["169.254.169.254:80", "168.63.129.16:80", "[fd00:ec2::254]:80"] {
            assert!(policy.refusal(at(no)).is_some(), "{no}");
        }
        assert_eq!(policy.refusal(at("169.254.1.1:80")), None);
    }

    #[test]
    fn identity_endpoints_are_for_identities_alone() {
        let policy =
            Policy::parse("identity:169.254.169.254:80 identity:127.0.0.1:42").expect("parses");
        let identity = policy.for_identity();
        for address in ["169.254.169.254:80", "127.0.0.1:42"] {
            assert!(policy.refusal(at(address)).is_some(), "{address}");
            assert_eq!(identity.refusal(at(address)), None, "{address}");
        }
        for other in ["169.254.169.254:81", "168.63.129.16:80", "10.0.0.1:80"] {
            assert!(identity.refusal(at(other)).is_some(), "{other}");
        }
        let allowed = Policy::parse("127.0.0.1:42").expect("parses").for_identity();
        assert!(allowed.refusal(at("127.0.0.1:42")).is_some(), "an ordinary entry is not enough");
        assert!(Policy::parse("identity:169.254.0.0/16").is_err());
    }

    #[test]
    fn bad_entries_are_named() {
        for bad in [
            "localhost",
            "10.0.0.0/33",
            "10.0.0.1/8",
            "0.0.0.0/0",
            "::/0",
            "10.0.0.1:0",
            "10.0.0.1:70000",
            "[::1",
            "[::1]9",
            "file:relative",
            "169.254.169.254",
            "0.0.0.0",
            "1.2.3",
            "0x7f000001",
            "10.0.0.0/+8",
            "10.0.0.1:+80",
            "secret:plain",
            "secret:vault://",
            "secret:file:/",
            "secret:/subscriptions/",
            "fe80::1%eth0",
            "/8",
            ":80",
        ] {
            let error = Policy::parse(bad).expect_err(bad).to_string();
            assert!(error.contains(bad), "{error}");
        }
        assert_eq!(Policy::parse(" \n# nothing\n"), Ok(Policy::default()));
    }
}
