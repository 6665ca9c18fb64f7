//! Redirects keep credentials at home.

use connref_egress::{EgressError, HttpRequest, HttpResponse, Policy, Redirects, SystemLookup};
use http::{HeaderName, HeaderValue, Method};
use std::sync::Arc;

use crate::server::{Server, egress_with, ok, redirect};

const CREDENTIALS: [(&str, &str); 5] = [
    ("authorization", "Bearer canary-1"),
    ("cookie", "s=canary-2"),
    ("x-api-key", "canary-3"),
    ("ocp-apim-subscription-key", "canary-4"),
    ("proxy-authorization", "Basic canary-5"),
];

fn request(method: Method, url: url::Url) -> HttpRequest {
    let mut request = HttpRequest::new(method, url);
    for (name, value) in CREDENTIALS {
        request.headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    request.headers.insert("accept", HeaderValue::from_static("application/json"));
    request
}

async fn call(policy: &Policy, request: HttpRequest) -> Result<HttpResponse, EgressError> {
    egress_with(Arc::new(SystemLookup)).http(policy, request).await
}

fn both(a: &Server, b: &Server) -> Policy {
    Policy::parse(&format!("{} {}", a.address, b.address)).expect("a policy")
}

#[tokio::test]
async fn another_origin_gets_no_credential() {
    for status in [301, 302, 303, 307, 308] {
        for method in
            [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE]
        {
            let evil = Server::start(|_| ok("{}")).await;
            let target = evil.url("/take").to_string();
            let home = Server::start(move |_| redirect(status, &target)).await;
            let mut asked = request(method.clone(), home.url("/start?sig=canary-6"));
            asked.body = bytes::Bytes::from_static(b"canary-7");
            let result = call(&both(&home, &evil), asked).await;
            let seen = evil.seen().join("\n");
            assert!(!seen.contains("canary"), "{status} {method}: {seen}");
            let carries_content = match status {
                303 => false,
                301 | 302 => !matches!(method, Method::GET | Method::HEAD | Method::POST),
                _ => !matches!(method, Method::GET | Method::HEAD),
            };
            assert_eq!(result.is_err(), carries_content, "{status} {method}");
            if !carries_content {
                assert!(seen.contains("accept: application/json"), "{seen}");
            }
        }
    }
}

#[tokio::test]
async fn the_same_origin_gets_the_request_again() {
    let home =
        Server::start(
            |text| if text.contains("/start") { redirect(307, "/next") } else { ok("done") },
        )
        .await;
    let mut asked = request(Method::POST, home.url("/start"));
    asked.body = bytes::Bytes::from_static(b"payload");
    let response = call(&home.policy(), asked).await.expect("follows");
    assert_eq!(&response.body[..], b"done");
    let second = &home.seen()[1];
    assert!(
        second.starts_with("POST /next")
            && second.contains("canary-1")
            && second.contains("payload"),
        "{second}"
    );
}

#[tokio::test]
async fn a_redirect_cannot_enter_the_private_network() {
    let inner = Server::start(|_| ok("secret")).await;
    let port = inner.address.port();
    for location in [
        format!("http://127.0.0.1:{port}/"),
        format!("//127.0.0.1:{port}/"),
        format!("http://2130706433:{port}/"),
        format!("http://[::ffff:127.0.0.1]:{port}/"),
        format!("http://localhost:{port}/"),
        "http://169.254.169.254/latest/meta-data".to_owned(),
        "file:///etc/passwd".to_owned(),
        "gopher://127.0.0.1/".to_owned(),
        format!("http://user:pass@127.0.0.1:{port}/"),
        "http://[::1".to_owned(),
    ] {
        let target = location.clone();
        let home = Server::start(move |_| redirect(302, &target)).await;
        let error =
            call(&home.policy(), request(Method::GET, home.url("/"))).await.expect_err(&location);
        assert!(
            !error.retryable() && !format!("{error:?}").contains("canary"),
            "{location}: {error:?}"
        );
    }
    assert_eq!(inner.seen(), Vec::<String>::new());
}

#[tokio::test]
async fn loops_end_and_never_means_never() {
    let home = Server::start(|_| redirect(302, "/again")).await;
    let error =
        call(&home.policy(), request(Method::GET, home.url("/"))).await.expect_err("a loop");
    assert!(matches!(error, EgressError::TooManyRedirects { limit: 5, .. }), "{error:?}");
    assert_eq!(home.seen().len(), 6);
    let mut asked = request(Method::GET, home.url("/"));
    asked.redirects = Redirects::Never;
    assert_eq!(call(&home.policy(), asked).await.expect("a response").status, 302);
    assert_eq!(home.seen().len(), 7);
}
