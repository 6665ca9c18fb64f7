//! Resolution and judgement in one step.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use url::Host;

use crate::config::Lookup;
use crate::error::EgressError;
use crate::policy::Policy;

/// Names that clouds resolve to their metadata service, refused before resolution.
const METADATA_NAMES: [&str; 4] =
    ["metadata", "metadata.google.internal", "metadata.goog", "instance-data.ec2.internal"];

/// What the bytes on the wire look like, which decides where they may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Wire {
    /// TLS, or a protocol whose driver secures it.
    Secured,
    /// Readable by anyone between: only to addresses that the policy names.
    Plain,
}

/// Addresses of `host` that may be reached. Refuses if none is left.
pub(crate) async fn resolve(
    lookup: &Arc<dyn Lookup>,
    policy: &Policy,
    host: &str,
    port: u16,
    wire: Wire,
) -> Result<Vec<SocketAddr>, EgressError> {
    let candidates = match parse_host(host)? {
        Host::Ipv4(v4) => vec![SocketAddr::new(IpAddr::V4(v4), port)],
        Host::Ipv6(v6) => vec![SocketAddr::new(IpAddr::V6(v6), port)],
        Host::Domain(name) => lookup_name(lookup, &name, port).await?,
    };
    if candidates.is_empty() {
        return Err(EgressError::Resolve { host: host.to_owned(), source: None });
    }
    judge(policy, host, candidates, wire)
}

/// Keeps the addresses that may be reached.
pub(crate) fn judge(
    policy: &Policy,
    host: &str,
    candidates: Vec<SocketAddr>,
    wire: Wire,
) -> Result<Vec<SocketAddr>, EgressError> {
    let mut reason = None;
    let allowed: Vec<_> = candidates
        .into_iter()
        .filter(|address| {
            let refusal = refusal(policy, *address, wire);
            if refusal.is_some() {
                reason = refusal;
            }
            refusal.is_none()
        })
        .collect();
    match reason {
        Some(reason) if allowed.is_empty() => Err(EgressError::refused(
            host,
            format!("it is {reason}, which the environment's egress policy does not allow"),
        )),
        _ => Ok(allowed),
    }
}

fn refusal(policy: &Policy, address: SocketAddr, wire: Wire) -> Option<&'static str> {
    policy.refusal(address).or_else(|| {
        (wire == Wire::Plain && !policy.names(address))
            .then_some("a target reached without TLS (plain text)")
    })
}

/// Reads a host the way a URL parser does, so that every spelling of a literal is understood.
pub(crate) fn parse_host(host: &str) -> Result<Host<String>, EgressError> {
    let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
    if bare.contains(':') {
        return bare
            .parse()
            .map(Host::Ipv6)
            .map_err(|_| EgressError::address("the host is not an IPv6 address"));
    }
    let parsed =
        Host::parse(host).map_err(|_| EgressError::address("the host is not a valid name"))?;
    if let Host::Domain(name) = &parsed {
        let plain = name.trim_end_matches('.').to_ascii_lowercase();
        if METADATA_NAMES.contains(&plain.as_str()) {
            return Err(EgressError::refused(host, "it is a cloud metadata service"));
        }
    }
    Ok(parsed)
}

async fn lookup_name(
    lookup: &Arc<dyn Lookup>,
    name: &str,
    port: u16,
) -> Result<Vec<SocketAddr>, EgressError> {
    lookup
        .lookup(name, port)
        .await
        .map_err(|source| EgressError::Resolve { host: name.to_owned(), source: Some(source) })
}
