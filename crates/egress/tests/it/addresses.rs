//! Every spelling of a forbidden address is refused, and the refused one is never dialled.

use std::sync::Arc;

use connref_egress::{EgressError, HttpRequest, Policy};
use http::Method;

use crate::server::{Names, Server, egress_with, ok};

/// Hosts that lead to nowhere public, in the spellings that URL parsers and resolvers accept.
const FORBIDDEN: &[&str] = &[
    // loopback
    "127.0.0.1",
    "127.0.0.1.",
    "127.1",
    "127.0.1",
    "127.255.255.254",
    "2130706433",
    "0x7f000001",
    "0x7F.1",
    "0x7f.0x0.0x0.0x1",
    "0177.0.0.1",
    "0177.0.0.01",
    "017700000001",
    "127.000.000.001",
    "0x7f.1",
    "0x7f.0.1",
    "127.0x0.1",
    "00000177.1",
    "%31%32%37.0.0.1",
    "127%2e0.0.1",
    "１２７.0.0.1",
    "127。0。0。1",
    "①②⑦.0.0.1",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[0000::0001]",
    "[::0001]",
    "[::127.0.0.1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[0:0:0:0:0:ffff:127.0.0.1]",
    "[::ffff:0:127.0.0.1]",
    "[::FFFF:7F00:0001]",
    // unspecified, broadcast, multicast
    "0.0.0.0",
    "0",
    "0x0",
    "00",
    "0.1",
    "0.255.255.255",
    "[::]",
    "[::0]",
    "[0::0]",
    "[::ffff:0.0.0.0]",
    "255.255.255.255",
    "4294967295",
    "0xffffffff",
    "224.0.0.1",
    "239.255.255.250",
    "[ff02::1]",
    "[ff0e::1]",
    "[ff05::2]",
    // private
    "10.0.0.1",
    "10.255.255.255",
    "167772161",
    "0xa000001",
    "012.0.0.1",
    "10.1",
    "172.16.0.1",
    "172.31.255.255",
    "0xac100001",
    "192.168.0.1",
    "192.168.255.255",
    "3232235521",
    "0xc0a80001",
    "0300.0250.0.1",
    "192.168.1",
    "[::ffff:10.0.0.1]",
    "[::ffff:192.168.0.1]",
    "[::ffff:172.16.0.1]",
    "[fc00::1]",
    "[fd00::1]",
    "[fdff:ffff::1]",
    "[fd12:3456:789a::1]",
    "[fec0::1]",
    "[feff::1]",
    // link-local and metadata
    "169.254.0.1",
    "169.254.169.254",
    "169.254.169.253",
    "169.254.170.2",
    "169.254.170.23",
    "2852039166",
    "0xa9fea9fe",
    "0xa9.0xfe.0xa9.0xfe",
    "0251.0376.0251.0376",
    "025177524776",
    "169.254.43518",
    "169.16689662",
    "169.254.169.254.",
    "[::ffff:169.254.169.254]",
    "[::ffff:a9fe:a9fe]",
    "[fe80::1]",
    "[febf::1]",
    "[fd00:ec2::254]",
    "[fd00:ec2::23]",
    "[fd20:ce::254]",
    "168.63.129.16",
    "100.100.100.200",
    "192.0.0.192",
    "metadata.google.internal",
    "METADATA.google.internal",
    "metadata.google.internal.",
    "metadata",
    "metadata.goog",
    // carrier-grade NAT, test networks, reserved
    "100.64.0.1",
    "100.127.255.255",
    "1681915905",
    "192.0.0.1",
    "192.0.0.8",
    "192.0.2.1",
    "198.51.100.7",
    "203.0.113.9",
    "198.18.0.1",
    "198.19.255.255",
    "192.88.99.1",
    "240.0.0.1",
    "254.1.1.1",
    "255.255.255.254",
    "[2001:db8::1]",
    "[3fff::1]",
    "[100::1]",
    "[5f00::1]",
    "[4000::1]",
    "[8000::1]",
    "[2001:2::1]",
    "[2001:10::1]",
    "[2001:20::1]",
    // transition mechanisms
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[64:ff9b::10.0.0.1]",
    "[64:ff9b::a9fe:a9fe]",
    "[64:ff9b::192.168.1.1]",
    "[64:ff9b:1::1]",
    "[64:ff9b:1::8.8.8.8]",
    "[64:ff9b:2::1]",
    "[2002:7f00:1::]",
    "[2002:a00:1::1]",
    "[2002:c0a8:1::1]",
    "[2002:0808:0808::1]",
    "[2001:0:7f00:1::]",
    "[2001::1]",
    "[2001:0:4136:e378:8000:63bf:3fff:fdd2]",
    "[fe80::5efe:127.0.0.1]",
    "[2600::5efe:10.0.0.1]",
    "[2600::200:5efe:192.168.0.1]",
    "[::8.8.8.8]",
    "[::10.0.0.1]",
];

/// Texts that name no host at all.
const MALFORMED: &[&str] = &[
    "256.1.1.1",
    "1.2.3.4.5",
    "0x100000000",
    "4294967296",
    "[::1",
    "[fe80::1%25eth0]",
    "[fe80::1%eth0]",
    "[::ffff:1.2.3]",
    "[:::1]",
    "",
    "a b",
    "127.0.0.1%00",
    "exa%00mple.com",
    "[v1.x]",
    "1.2.3.08",
];

#[tokio::test]
async fn forbidden_hosts_are_refused_in_every_spelling() {
    assert!(FORBIDDEN.len() >= 120, "only {} spellings", FORBIDDEN.len());
    let egress = egress_with(Names::turns(&[&["127.0.0.1"]]));
    let policy = Policy::default();
    for host in FORBIDDEN {
        for scheme in ["http", "https"] {
            let Ok(url) = format!("{scheme}://{host}/x").parse() else { panic!("no URL: {host}") };
            let error =
                egress.http(&policy, HttpRequest::new(Method::GET, url)).await.expect_err(host);
            assert!(matches!(error, EgressError::Refused { .. }), "{scheme} {host}: {error:?}");
        }
        for result in [
            egress.resolve(&policy, host, 25).await.map(|_| ()),
            egress.connect(&policy, host, 25).await.map(|_| ()),
        ] {
            let error = result.expect_err(host);
            assert!(matches!(error, EgressError::Refused { .. }), "{host}: {error:?}");
        }
    }
}

#[tokio::test]
async fn malformed_hosts_reach_nothing() {
    let egress = egress_with(Names::turns(&[&["127.0.0.1"]]));
    let policy = Policy::default();
    for host in MALFORMED {
        assert!(egress.resolve(&policy, host, 443).await.is_err(), "{host}");
        if let Ok(url) = format!("https://{host}/").parse() {
            assert!(
                egress.http(&policy, HttpRequest::new(Method::GET, url)).await.is_err(),
                "{host}"
            );
        }
    }
    for url in [
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
        "ftp://8.8.8.8/",
        "unix:/run/x",
        "data:,x",
        "https://u@8.8.8.8/",
        "https://u:p@8.8.8.8/",
        "https://8.8.8.8:0/",
    ] {
        let request = HttpRequest::new(Method::GET, url.parse().expect("a URL"));
        let error = egress.http(&policy, request).await.expect_err(url);
        assert!(matches!(error, EgressError::Address { .. }), "{url}: {error:?}");
    }
}

#[tokio::test]
async fn public_addresses_pass_the_check() {
    let egress = egress_with(Names::turns(&[]));
    let policy = Policy::default();
    for host in [
        "8.8.8.8",
        "1.1.1.1",
        "172.15.0.1",
        "172.32.0.1",
        "100.63.255.255",
        "100.128.0.1",
        "198.17.0.1",
        "223.255.255.255",
        "[2606:4700::1111]",
        "[2a00::1]",
        "[64:ff9b::8.8.8.8]",
        "192.0.1.1",
    ] {
        assert!(egress.resolve(&policy, host, 443).await.is_ok(), "{host}");
    }
    let plain = HttpRequest::new(Method::GET, "http://8.8.8.8/".parse().expect("a URL"));
    let error = egress.http(&policy, plain).await.expect_err("plain text");
    assert!(error.to_string().contains("without TLS"), "{error}");
}

#[tokio::test]
async fn a_name_keeps_only_its_allowed_addresses() {
    let egress = egress_with(Names::turns(&[&["10.0.0.1", "8.8.4.4", "127.0.0.1"]]));
    let address =
        egress.resolve(&Policy::default(), "mixed.example", 587).await.expect("one is public");
    assert_eq!(address, "8.8.4.4:587".parse().expect("an address"));
}

/// The resolver flips between an allowed and a forbidden address: the forbidden one is never dialled.
#[tokio::test]
async fn rebinding_never_reaches_the_listener() {
    let (allowed, forbidden) = Server::pair().await;
    let egress =
        egress_with(Names::turns(&[&["127.0.0.2"], &["127.0.0.1"], &["127.0.0.1", "127.0.0.2"]]));
    let (policy, port) = (allowed.policy(), allowed.address.port());
    let mut answered = 0;
    for turn in 0..1000 {
        let host = format!("flip{}.example", turn % 7);
        let mut request =
            HttpRequest::new(Method::GET, format!("http://{host}:{port}/").parse().expect("a URL"));
        request.headers.insert("connection", http::HeaderValue::from_static("close"));
        match egress.http(&policy, request).await {
            Ok(response) => answered += usize::from(&response.body[..] == b"allowed"),
            Err(error) => assert!(matches!(error, EgressError::Refused { .. }), "{error:?}"),
        }
        if let Ok(stream) = egress.connect(&policy, &host, port).await {
            assert_eq!(stream.peer_addr().expect("connected"), allowed.address);
        }
    }
    assert!((100..1000).contains(&answered), "{answered} of 1000 answered");
    assert_eq!(forbidden.seen(), Vec::<String>::new());
    assert_eq!(forbidden.connections(), 0);
}

#[tokio::test]
async fn an_allowed_port_opens_only_itself() {
    let allowed = Server::start(|_| ok("hello")).await;
    let other = Server::start(|_| ok("secret")).await;
    let egress = egress_with(Names::turns(&[&["127.0.0.1"]]));
    let policy = allowed.policy();
    for host in ["127.0.0.1", "name.example"] {
        let url = |port| format!("http://{host}:{port}/").parse().expect("a URL");
        let request = HttpRequest::new(Method::GET, url(allowed.address.port()));
        let response = egress.http(&policy, request).await.expect("allowed");
        assert_eq!((response.status, &response.body[..]), (200, &b"hello"[..]));
        let request = HttpRequest::new(Method::GET, url(other.address.port()));
        egress.http(&policy, request).await.expect_err("another port");
    }
    // The pool of a permissive policy must not serve a strict one.
    let request = HttpRequest::new(Method::GET, allowed.url("/"));
    egress.http(&Policy::default(), request).await.expect_err("another policy");
    assert_eq!(other.seen(), Vec::<String>::new());
    let mut stream =
        egress.connect(&policy, "name.example", allowed.address.port()).await.expect("allowed");
    tokio::io::AsyncWriteExt::shutdown(&mut stream).await.expect("a live stream");
    let lookup = Arc::new(connref_egress::SystemLookup);
    let error = egress_with(lookup)
        .resolve(&Policy::default(), "localhost", 1)
        .await
        .expect_err("loopback");
    assert!(error.to_string().contains("loopback"), "{error}");
}
