//! Every grant and proof as it goes over the wire, and every bad answer as one line.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use connref_egress::oauth::{
    Algorithm, Assertion, Audience, Certificate, CertificateError, ClientProof, Grant,
    ManagedIdentity, OAuthError, TokenRequest, assertion, identity_token, issuer_keys,
    metadata_discover, token_request,
};
use connref_egress::{Egress, EgressConfig, EgressError, Policy};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, UnparsedPublicKey};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::server::{Server, ok, redirect};

const CLIENT: &str = include_str!("certificate/client.pem");
const ELLIPTIC: &str = include_str!("certificate/elliptic.pem");

fn secret(text: &str) -> SecretString {
    text.to_owned().into()
}

fn request(server: &Server, proof: ClientProof, grant: Grant) -> TokenRequest {
    TokenRequest {
        token_url: server.url("/token"),
        client_id: "app".to_owned(),
        proof,
        grant,
        audience: Audience::Scope("s".to_owned()),
        timeout: Duration::from_secs(5),
    }
}

fn egress() -> Egress {
    Egress::new(EgressConfig::default())
}

/// The body of the only request.
async fn sent(proof: ClientProof, grant: Grant) -> String {
    let server = Server::start(|_| ok(r#"{"access_token":"t","refresh_token":"next"}"#)).await;
    let token = token_request(&egress(), &server.policy(), &request(&server, proof, grant)).await;
    let token = token.expect("a token");
    assert_eq!(token.refresh_token.expect("rotated").expose_secret(), "next");
    server.seen().join("")
}

#[tokio::test]
async fn each_grant_and_proof_is_sent_as_its_standard_says() {
    let code = Grant::Code {
        code: secret("c+1"),
        redirect_uri: "http://127.0.0.1:7/cb".to_owned(),
        verifier: secret("v"),
    };
    let text = sent(ClientProof::None, code).await;
    assert!(
        text.ends_with("grant_type=authorization_code&code=c%2B1&redirect_uri=http%3A%2F%2F127.0.0.1%3A7%2Fcb&code_verifier=v&client_id=app"),
        "{text}"
    );
    let refresh = Grant::Refresh { token: secret("r") };
    let text = sent(ClientProof::Secret(secret("p&q")), refresh).await;
    assert!(
        text.ends_with(
            "grant_type=refresh_token&refresh_token=r&client_id=app&client_secret=p%26q&scope=s"
        ),
        "{text}"
    );
    let device = Grant::Device { code: secret("d") };
    let text = sent(ClientProof::BasicSecret(secret("p q")), device).await;
    assert!(text.to_ascii_lowercase().contains("authorization: basic"), "{text}");
    assert!(text.contains("YXBwOnArcQ=="), "app:p+q, each part form-encoded: {text}");
    assert!(!text.contains("client_id="), "{text}");
    let text = sent(ClientProof::Assertion(secret("a.b.c")), Grant::ClientCredentials).await;
    assert!(text.contains("client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion=a.b.c"), "{text}");
}

#[tokio::test]
async fn bad_token_endpoints_give_one_clear_line() {
    let page = "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: 6\r\nConnection: close\r\n\r\n<html>";
    let missing_page = page.replace("200 OK", "404 X");
    let huge =
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{{", 2 << 20);
    let endless = format!(
        "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{{\"access_token\":\"{}",
        "x".repeat(2 << 20)
    );
    let long = format!(r#"{{"access_token":"{}"}}"#, "x".repeat(70_000));
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("page", page.into()),
        ("page with a status", missing_page.into()),
        ("redirect", redirect(302, "https://elsewhere.test/")),
        ("announced too large", huge.into()),
        ("too large", endless.into()),
        ("a very long token", ok(&long)),
        ("no object", ok("[1]")),
        ("no JSON", ok("access_token=x")),
        ("refused", b"HTTP/1.1 400 X\r\nContent-Length: 25\r\nConnection: close\r\n\r\n{\"error\":\"invalid_grant\"}".to_vec()),
        ("nothing", Vec::new()),
    ];
    let mut told = String::new();
    for (name, answer) in cases {
        let server = Server::start(move |_| answer.clone()).await;
        let ask = request(&server, ClientProof::None, Grant::Refresh { token: secret("canary") });
        let error = token_request(&egress(), &server.policy(), &ask).await.expect_err(name);
        let cause = std::error::Error::source(&error).map(|c| format!(": {c}")).unwrap_or_default();
        let line = format!("{name}: {error}{cause}\n");
        assert!(!line.trim_end().contains('\n') && !line.contains("canary"), "{line}");
        told += &line.replace(&server.address.to_string(), "HOST");
    }
    insta::assert_snapshot!(told);
}

#[tokio::test]
async fn a_silent_endpoint_and_one_without_tls_are_refused() {
    let server = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = server.local_addr().expect("bound");
    let mut ask = TokenRequest {
        token_url: format!("http://{address}/").parse().expect("a URL"),
        client_id: "app".to_owned(),
        proof: ClientProof::None,
        grant: Grant::ClientCredentials,
        audience: Audience::Unstated,
        timeout: Duration::from_millis(300),
    };
    let policy = Policy::parse(&address.to_string()).expect("a policy");
    let error = token_request(&egress(), &policy, &ask).await.expect_err("silent");
    assert!(matches!(&error, OAuthError::Egress(EgressError::Timeout { .. })), "{error:?}");
    assert!(error.retryable() && !error.credential_refused());
    ask.token_url = "http://192.0.2.1/token".parse().expect("a URL");
    let error = token_request(&egress(), &policy, &ask).await.expect_err("plain");
    assert!(matches!(&error, OAuthError::Egress(EgressError::Refused { .. })), "{error:?}");
}

#[test]
fn certificates_sign_what_their_public_key_verifies() {
    let certificate = Certificate::from_pem(CLIENT).expect("a pair");
    assert_eq!(certificate.not_after(), 2_110_841_820);
    assert_eq!(certificate.thumbprint(), "S9mH8VwaXXfdK1rB-fJuqSLLoec");
    let says = Assertion { client_id: "app", audience: "https://a.test/t", now: 1000, id: "j1" };
    for (algorithm, name, padding) in [
        (Algorithm::Rs256, "RS256", &RSA_PKCS1_2048_8192_SHA256),
        (Algorithm::Ps256, "PS256", &RSA_PSS_2048_8192_SHA256),
    ] {
        let signed = assertion(&certificate, algorithm, says).expect("signs");
        let signed = signed.expose_secret();
        let (message, signature) = signed.rsplit_once('.').expect("three parts");
        let parts: Vec<Value> = message
            .split('.')
            .map(|p| {
                serde_json::from_slice(&URL_SAFE_NO_PAD.decode(p).expect("base64url"))
                    .expect("JSON")
            })
            .collect();
        assert_eq!(parts[0]["alg"], name);
        assert_eq!(parts[0]["x5t"], certificate.thumbprint());
        assert_eq!((&parts[1]["iss"], &parts[1]["sub"]), (&"app".into(), &"app".into()));
        assert_eq!(
            (&parts[1]["aud"], &parts[1]["exp"]),
            (&"https://a.test/t".into(), &1600.into())
        );
        let key = UnparsedPublicKey::new(padding, public_key());
        let signature = URL_SAFE_NO_PAD.decode(signature).expect("base64url");
        assert!(key.verify(message.as_bytes(), &signature).is_ok(), "{name}");
        assert!(key.verify(b"another message", &signature).is_err(), "{name}");
    }
}

/// The public key by another way than the product's: from the private key.
fn public_key() -> Vec<u8> {
    use base64::engine::general_purpose::STANDARD;
    let body = CLIENT.split("-----BEGIN PRIVATE KEY-----").nth(1).expect("a key");
    let body: String = body.lines().take_while(|l| !l.starts_with("-----")).collect();
    let der = STANDARD.decode(body).expect("base64");
    ring::signature::RsaKeyPair::from_pkcs8(&der).expect("a key").public().as_ref().to_vec()
}

#[test]
fn texts_that_are_no_client_certificate_say_why() {
    let (certificate, key) = CLIENT.split_at(CLIENT.find("-----BEGIN PRIVATE").expect("a key"));
    let other = ELLIPTIC.split_at(ELLIPTIC.find("-----BEGIN PRIVATE").expect("a key"));
    let long = "x".repeat(300_000);
    for (text, expected) in [
        ("", CertificateError::NoCertificate),
        ("hello", CertificateError::NoCertificate),
        (certificate, CertificateError::NoKey),
        (key, CertificateError::NoCertificate),
        (ELLIPTIC, CertificateError::Key),
        (&format!("{}{key}", other.0), CertificateError::Pair),
        (&long, CertificateError::Pem),
    ] {
        assert_eq!(Certificate::from_pem(text).expect_err("not a pair"), expected);
    }
    assert!(Certificate::from_pem(&format!("{key}{certificate}")).is_ok(), "in any order");
}

#[tokio::test]
async fn identity_endpoints_are_asked_in_both_forms() {
    let server = Server::start(|_| ok(r#"{"access_token":"t","expires_in":"86399"}"#)).await;
    let mut ask = ManagedIdentity {
        endpoint: Some(server.url("/identity")),
        header: None,
        client_id: Some("which".to_owned()),
        resource: "https://r.test".to_owned(),
        timeout: Duration::from_secs(5),
    };
    let refused = identity_token(&egress(), &server.policy(), &ask).await;
    assert!(matches!(refused, Err(OAuthError::Egress(EgressError::Refused { .. }))), "{refused:?}");
    let policy = Policy::parse(&format!("identity:{}", server.address)).expect("a policy");
    let token = identity_token(&egress(), &policy, &ask).await.expect("a token");
    assert_eq!(token.expires_in, Duration::from_secs(86_399));
    ask.header = Some(secret("canary-word"));
    identity_token(&egress(), &policy, &ask).await.expect("a token");
    assert!(!format!("{ask:?}").contains("canary"));
    let seen = server.seen();
    assert_eq!(seen.len(), 2);
    let resource = "resource=https%3A%2F%2Fr.test&client_id=which";
    assert!(seen[0].contains(&format!("?api-version=2018-02-01&{resource}")), "{}", seen[0]);
    assert!(seen[0].to_ascii_lowercase().contains("metadata: true"), "{}", seen[0]);
    assert!(seen[1].contains(&format!("?api-version=2019-08-01&{resource}")), "{}", seen[1]);
    assert!(seen[1].to_ascii_lowercase().contains("x-identity-header: canary-word"));
}

#[tokio::test]
async fn a_server_that_is_another_issuer_is_refused() {
    let server = Server::start(|text| {
        let host = text.lines().find_map(|l| l.strip_prefix("host: ")).unwrap_or_default();
        ok(&format!(
            r#"{{"issuer":"http://{host}","token_endpoint":"http://{host}/t","device_authorization_endpoint":"http://{host}/d","authorization_response_iss_parameter_supported":true}}"#
        ))
    })
    .await;
    let issuer = format!("http://{}", server.address);
    let limit = Duration::from_secs(5);
    let found = metadata_discover(&egress(), &server.policy(), &issuer, limit).await;
    let found = found.expect("its own description");
    assert_eq!(found.token_endpoint, server.url("/t"));
    assert!(found.names_issuer && found.authorization_endpoint.is_none());
    for other in [format!("{issuer}/"), format!("{issuer}/tenant")] {
        let error = metadata_discover(&egress(), &server.policy(), &other, limit).await;
        assert!(matches!(error, Err(OAuthError::Issuer { .. })), "{error:?}");
    }
}

#[tokio::test]
async fn keys_come_from_where_the_issuer_says_and_are_bounded() {
    let many = vec!["{}"; 201].join(",");
    for (description, keys, told) in [
        (r#""jwks_uri":"http://HOST/k""#, r#"{"keys":[{"kid":"a"},1,{"kid":"b"}]}"#, None),
        (r#""x":1"#, "", Some("jwks_uri")),
        (r#""jwks_uri":"k""#, "", Some("jwks_uri")),
        (r#""jwks_uri":"http://HOST/k""#, "[]", Some("no JSON object")),
        (r#""jwks_uri":"http://HOST/k""#, r#"{"keys":{}}"#, Some("no `keys`")),
        (r#""jwks_uri":"http://HOST/k""#, &format!(r#"{{"keys":[{many}]}}"#), Some("200 keys")),
        (r#""jwks_uri":"http://HOST/elsewhere""#, "", Some("status 500")),
    ] {
        let (description, keys) = (description.to_owned(), keys.to_owned());
        let server = Server::start(move |text| {
            let host = text.lines().find_map(|l| l.strip_prefix("host: ")).unwrap_or_default();
            match text.split(' ').nth(1) {
                Some("/.well-known/openid-configuration") => {
                    let description = description.replace("HOST", host);
                    ok(&format!(r#"{{"issuer":"http://{host}",{description}}}"#))
                }
                Some("/k") => ok(&keys),
                _ => b"HTTP/1.1 500 x\r\ncontent-length: 0\r\n\r\n".to_vec(),
            }
        })
        .await;
        let issuer = format!("http://{}", server.address);
        let limit = Duration::from_secs(5);
        let found = issuer_keys(&egress(), &server.policy(), &issuer, limit).await;
        match told {
            None => assert_eq!(found.expect("keys").len(), 2),
            Some(told) => {
                let error = found.expect_err(told).to_string();
                assert!(error.contains(told) && !error.contains("token"), "{error}");
            }
        }
        // A longer name is another issuer.
        let other = issuer_keys(&egress(), &server.policy(), &format!("{issuer}/"), limit).await;
        assert!(matches!(other, Err(OAuthError::Issuer { .. })), "{other:?}");
    }
    // What the policy does not name is not asked, whatever a description says.
    let server = Server::start(|text| {
        let host = text.lines().find_map(|l| l.strip_prefix("host: ")).unwrap_or_default();
        ok(&format!(r#"{{"issuer":"http://{host}","jwks_uri":"http://127.0.0.1:9/k"}}"#))
    })
    .await;
    let issuer = format!("http://{}", server.address);
    let limit = Duration::from_secs(5);
    let found = issuer_keys(&egress(), &server.policy(), &issuer, limit).await;
    assert!(matches!(found, Err(OAuthError::Egress(EgressError::Refused { .. }))), "{found:?}");
}
