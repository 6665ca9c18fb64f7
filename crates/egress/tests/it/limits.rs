//! Size and time limits, and what an error may say.

use std::sync::Arc;
use std::time::Duration;

use connref_egress::{Egress, EgressConfig, EgressError, HttpRequest};
use http::{HeaderValue, Method};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use crate::server::{Server, ok};

fn egress() -> Egress {
    Egress::new(EgressConfig { max_body: 1000, max_headers: 2000, ..EgressConfig::default() })
}

#[tokio::test]
async fn long_bodies_are_cut_whether_announced_or_not() {
    let fits = Server::start(|_| ok(&"x".repeat(1000))).await;
    let announced = Server::start(|_| ok(&"x".repeat(1001))).await;
    let endless = Server::start(|_| {
        let mut raw = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
        for _ in 0..2000 {
            raw.extend_from_slice(b"3E8\r\n");
            raw.extend_from_slice(&[b'x'; 1000]);
            raw.extend_from_slice(b"\r\n");
        }
        raw
    })
    .await;
    let response = egress()
        .http(&fits.policy(), HttpRequest::new(Method::GET, fits.url("/")))
        .await
        .expect("fits");
    assert_eq!(response.body.len(), 1000);
    for server in [&announced, &endless] {
        let error = egress()
            .http(&server.policy(), HttpRequest::new(Method::GET, server.url("/")))
            .await
            .expect_err("cut");
        assert!(matches!(error, EgressError::BodyTooLarge { limit: 1000, .. }), "{error:?}");
    }
    let mut small = HttpRequest::new(Method::GET, fits.url("/"));
    small.max_body = Some(10);
    let error = egress().http(&fits.policy(), small).await.expect_err("a smaller limit");
    assert!(matches!(error, EgressError::BodyTooLarge { limit: 10, .. }), "{error:?}");
}

#[tokio::test]
async fn long_headers_are_refused() {
    for count in [1, 500] {
        let server = Server::start(move |_| {
            let header = format!("X-Long: {}\r\n", "y".repeat(3000)).repeat(count);
            format!("HTTP/1.1 200 OK\r\n{header}Content-Length: 0\r\n\r\n").into_bytes()
        })
        .await;
        egress()
            .http(&server.policy(), HttpRequest::new(Method::GET, server.url("/")))
            .await
            .expect_err("too long");
    }
}

#[tokio::test]
async fn silence_ends_at_the_limit() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let _read = stream.read(&mut [0; 64]).await;
            held.push(stream);
        }
    });
    let policy = connref_egress::Policy::parse(&address.to_string()).expect("a policy");
    let mut request =
        HttpRequest::new(Method::GET, format!("http://{address}/").parse().expect("a URL"));
    request.timeout = Some(Duration::from_millis(200));
    let error = egress().http(&policy, request).await.expect_err("silence");
    assert!(matches!(error, EgressError::Timeout { .. }) && error.may_have_arrived(), "{error:?}");
}

#[tokio::test]
async fn errors_and_debug_show_no_secret() {
    let closed = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = closed.local_addr().expect("bound");
    drop(closed);
    let policy = connref_egress::Policy::parse(&address.to_string()).expect("a policy");
    let url = format!("http://{address}/canary-path?key=canary-query").parse().expect("a URL");
    let mut request = HttpRequest::new(Method::POST, url);
    request.headers.insert("authorization", HeaderValue::from_static("Bearer canary-header"));
    request.body = bytes::Bytes::from_static(b"canary-body");
    assert!(!format!("{request:?}").contains("canary"));
    let error = egress().http(&policy, request).await.expect_err("nobody listens");
    assert!(
        matches!(error, EgressError::Connect { .. })
            && error.retryable()
            && !error.may_have_arrived()
    );
    let mut text = format!("{error:?} {error}");
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        text.push_str(&format!("{inner:?} {inner}"));
        cause = inner.source();
    }
    assert!(!text.contains("canary"), "{text}");
    assert!(text.contains("127.0.0.1"), "{text}");
}

#[tokio::test]
async fn framing_headers_cannot_be_smuggled() {
    let server = Server::start(|_| ok("")).await;
    let mut request = HttpRequest::new(Method::POST, server.url("/"));
    for (name, value) in [
        ("host", "evil.example"),
        ("content-length", "0"),
        ("transfer-encoding", "chunked"),
        ("connection", "x-api-key"),
        ("proxy-authorization", "Basic x"),
    ] {
        request.headers.insert(name, HeaderValue::from_static(value));
    }
    request.body = bytes::Bytes::from_static(b"GET /second HTTP/1.1\r\n\r\n");
    Arc::new(egress()).http(&server.policy(), request).await.expect("a response");
    let seen = server.seen();
    assert_eq!(seen.len(), 1);
    assert!(
        !seen[0].contains("evil.example")
            && !seen[0].contains("chunked")
            && !seen[0].contains("proxy-auth"),
        "{}",
        seen[0]
    );
    assert!(seen[0].contains("content-length: 24"), "{}", seen[0]);
}
