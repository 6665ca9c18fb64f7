//! The client-credentials grant.

use std::time::Duration;

use connref_egress::oauth::{Audience, ClientCredentials, OAuthError, client_credentials};
use connref_egress::{Egress, EgressConfig};
use secrecy::{ExposeSecret, SecretString};

use crate::server::{Server, ok, redirect};

fn grant(server: &Server, audience: Audience) -> ClientCredentials {
    ClientCredentials {
        token_url: server.url("/tenant/oauth2/v2.0/token"),
        client_id: "app".to_owned(),
        secret: SecretString::from("canary & secret".to_owned()),
        audience,
        timeout: Duration::from_secs(10),
    }
}

#[tokio::test]
async fn a_token_is_read_and_never_shown() {
    let server = Server::start(|_| {
        ok(r#"{"token_type":"Bearer","expires_in":"599","access_token":"tok.en"}"#)
    })
    .await;
    let egress = Egress::new(EgressConfig::default());
    let asked = grant(&server, Audience::Scope("https://x/.default".to_owned()));
    let token = client_credentials(&egress, &server.policy(), &asked).await.expect("a token");
    assert_eq!(token.access_token.expose_secret(), "tok.en");
    assert_eq!(token.expires_in, Duration::from_secs(599));
    assert!(
        !format!("{token:?} {asked:?}").contains("tok.en")
            && !format!("{asked:?}").contains("canary")
    );
    let sent = server.seen().join("");
    for part in [
        "grant_type=client_credentials",
        "client_id=app",
        "client_secret=canary+%26+secret",
        "scope=https%3A%2F%2Fx%2F.default",
    ] {
        assert!(sent.contains(part), "{sent}");
    }
}

#[tokio::test]
async fn refusals_are_classified_without_the_servers_text() {
    let egress = Egress::new(EgressConfig::default());
    for (status, body, code) in [
        (
            401,
            r#"{"error":"invalid_client","error_description":"AADSTS7000215: canary & secret"}"#,
            "invalid_client, AADSTS7000215",
        ),
        (400, r#"{"error":"Canary Secret"}"#, "unreadable error code"),
        (400, r#"{"error":"invalid_scope","error_description":"AADSTS: no"}"#, "invalid_scope"),
        (503, "busy", "no error code"),
    ] {
        let server = Server::start(move |_| {
            format!(
                "HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            )
            .into_bytes()
        })
        .await;
        let error =
            client_credentials(&egress, &server.policy(), &grant(&server, Audience::Unstated))
                .await
                .expect_err("refused");
        assert_eq!(error.retryable(), status == 503);
        assert!(!format!("{error:?}{error}").contains("canary"), "{error}");
        assert!(matches!(&error, OAuthError::Refused { code: c, .. } if c == code), "{error}");
    }
}

#[tokio::test]
async fn odd_answers_are_no_tokens() {
    let egress = Egress::new(EgressConfig::default());
    for body in [
        "",
        "[]",
        "{}",
        r#"{"access_token":""}"#,
        r#"{"access_token":5}"#,
        r#"{"access_token":"a\r\nb: c"}"#,
        r#"{"access_token":"x","token_type":"mac"}"#,
    ] {
        let server = Server::start(move |_| ok(body)).await;
        let error =
            client_credentials(&egress, &server.policy(), &grant(&server, Audience::Unstated))
                .await
                .expect_err(body);
        assert!(matches!(error, OAuthError::Malformed { .. }), "{body}: {error:?}");
    }
    let evil = Server::start(|_| ok("{}")).await;
    let target = evil.url("/").to_string();
    let server = Server::start(move |_| redirect(307, &target)).await;
    let policy = connref_egress::Policy::parse(&format!("{} {}", evil.address, server.address))
        .expect("a policy");
    client_credentials(&egress, &policy, &grant(&server, Audience::Unstated))
        .await
        .expect_err("a redirect");
    assert_eq!(evil.seen(), Vec::<String>::new());
}
