//! Which addresses belong to the public internet.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Why an address is not a public one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What the address is, in words that fit after "is".
    pub reason: &'static str,
    /// True if no policy can allow it: cloud metadata, unspecified, multicast, broadcast.
    pub absolute: bool,
}

impl Refusal {
    const fn soft(reason: &'static str) -> Option<Self> {
        Some(Self { reason, absolute: false })
    }

    const fn hard(reason: &'static str) -> Option<Self> {
        Some(Self { reason, absolute: true })
    }
}

/// Judges one address; `None` means public unicast.
///
/// Ranges follow the IANA special-purpose registries (RFC 6890 and its updates). IPv6 addresses
/// that carry an IPv4 address inside are judged by what they carry, or refused as a whole where
/// the mechanism is obsolete.
#[must_use]
pub fn classify(address: IpAddr) -> Option<Refusal> {
    match normalise(address) {
        IpAddr::V4(v4) => classify_v4(v4),
        IpAddr::V6(v6) => classify_v6(v6),
    }
}

/// The address that a packet really reaches: an IPv4-mapped IPv6 address becomes IPv4.
#[must_use]
pub(crate) fn normalise(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    }
}

fn classify_v4(a: Ipv4Addr) -> Option<Refusal> {
    let [b0, b1, b2, b3] = a.octets();
    match (b0, b1, b2, b3) {
        (169, 254, 169, 254) | (169, 254, 169, 253) | (169, 254, 170, 2 | 23) => {
            Refusal::hard("a cloud metadata address")
        }
        (168, 63, 129, 16) | (100, 100, 100, 200) | (192, 0, 0, 192) => {
            Refusal::hard("a cloud metadata address")
        }
        (255, 255, 255, 255) => Refusal::hard("the broadcast address"),
        (0, ..) => Refusal::hard("an unspecified address"),
        (224..=239, ..) => Refusal::hard("a multicast address"),
        (10, ..) | (172, 16..=31, ..) | (192, 168, ..) => Refusal::soft("a private address"),
        (100, 64..=127, ..) => Refusal::soft("a carrier-grade NAT address"),
        (127, ..) => Refusal::soft("a loopback address"),
        (169, 254, ..) => Refusal::soft("a link-local address"),
        (192, 0, 0, _) => Refusal::soft("a protocol assignment address"),
        (192, 0, 2, _) | (198, 51, 100, _) | (203, 0, 113, _) => {
            Refusal::soft("a documentation address")
        }
        (192, 88, 99, _) => Refusal::soft("a 6to4 relay address"),
        (198, 18..=19, ..) => Refusal::soft("a benchmarking address"),
        (240..=255, ..) => Refusal::soft("a reserved address"),
        _ => None,
    }
}

fn classify_v6(a: Ipv6Addr) -> Option<Refusal> {
    let s = a.segments();
    if a.is_unspecified() {
        return Refusal::hard("the unspecified address");
    }
    if a.is_loopback() {
        return Refusal::soft("a loopback address");
    }
    match s {
        [0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x254 | 0x23] | [0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0x254] => {
            return Refusal::hard("a cloud metadata address");
        }
        [0x64, 0xff9b, 0, 0, 0, 0, hi, lo] => return embedded(hi, lo),
        [0x64, 0xff9b, 1, ..] => return Refusal::soft("a local NAT64 address"),
        [0, 0, 0, 0, 0, 0, ..] | [0, 0, 0, 0, 0xffff, 0, ..] => {
            return Refusal::soft("an IPv4-compatible address");
        }
        _ => {}
    }
    if let [.., 0 | 0x200, 0x5efe, hi, lo] = s
        && let Some(refusal) = embedded(hi, lo)
    {
        return Some(refusal);
    }
    classify_v6_range(s)
}

fn classify_v6_range(s: [u16; 8]) -> Option<Refusal> {
    match s[0] {
        0xff00..=0xffff => Refusal::hard("a multicast address"),
        0xfe80..=0xfebf => Refusal::soft("a link-local address"),
        0xfec0..=0xfeff => Refusal::soft("a site-local address"),
        0xfc00..=0xfdff => Refusal::soft("a private address"),
        0x2002 => Refusal::soft("a 6to4 address"),
        0x2001 if s[1] == 0 => Refusal::soft("a Teredo address"),
        0x2001 if s[1] < 0x0200 => Refusal::soft("a protocol assignment address"),
        0x2001 if s[1] == 0x0db8 => Refusal::soft("a documentation address"),
        0x3fff if s[1] < 0x1000 => Refusal::soft("a documentation address"),
        0x2000..=0x3fff => None,
        _ => Refusal::soft("not a global unicast address"),
    }
}

fn embedded(hi: u16, lo: u16) -> Option<Refusal> {
    let [a, b] = hi.to_be_bytes();
    let [c, d] = lo.to_be_bytes();
    classify_v4(Ipv4Addr::new(a, b, c, d))
}
