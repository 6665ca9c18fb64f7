//! What a person's sign-in sends out, and which answers count.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use connref_egress::oauth::{
    Audience, Authorization, Callback, ClientProof, DeviceRequest, OAuthError, authorization_url,
    callback_read, challenge, device_request, identity_claims,
};
use connref_egress::{Egress, EgressConfig};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use crate::server::{Server, ok};

#[test]
fn the_address_carries_pkce_state_and_nonce_and_nothing_replaces_them() {
    // The verifier and challenge of RFC 7636, appendix B.
    assert_eq!(
        challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
        "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    );
    let endpoint = "https://a.test/auth?state=planted&hd=x&code_challenge_method=plain"
        .parse()
        .expect("a URL");
    let audience = Audience::Scope("openid a b".to_owned());
    let extra = [("prompt", "consent"), ("redirect_uri", "https://evil.test/")]
        .map(|(n, v)| (n.to_owned(), v.to_owned()));
    let url = authorization_url(&Authorization {
        endpoint: &endpoint,
        client_id: "app",
        redirect_uri: "http://127.0.0.1:7/cb",
        audience: &audience,
        state: "s",
        nonce: "n",
        challenge: "c",
        extra: &extra,
    });
    assert_eq!(
        url.as_str(),
        "https://a.test/auth?hd=x&response_type=code&client_id=app&redirect_uri=http%3A%2F%2F127.0.0.1%3A7%2Fcb&state=s&nonce=n&code_challenge=c&code_challenge_method=S256&scope=openid+a+b&prompt=consent"
    );
}

#[test]
fn answers_count_only_with_their_state_and_issuer() {
    let read = |query: &str, names: bool| {
        let callback = Callback::from_query(query);
        assert!(!format!("{callback:?}").contains("the-code"));
        callback_read(&callback, "s1", Some("https://a.test"), names)
            .map(|code| code.expose_secret().to_owned())
    };
    assert_eq!(read("code=the-code&state=s1&iss=https://a.test", true).expect("fits"), "the-code");
    assert_eq!(read("code=the-code&state=s1", false).expect("an older server"), "the-code");
    let mut told = String::new();
    for query in [
        "code=the-code&state=s2&iss=https://a.test",
        "code=the-code&iss=https://a.test",
        "code=the-code&state=s1&state=s1",
        "code=the-code&state=s1&iss=https://evil.test",
        "code=the-code&state=s1",
        "state=s1&iss=https://a.test&error=access_denied&error_description=the-code",
        "state=s1&iss=https://a.test&error=The-Code",
        "state=s1&iss=https://a.test",
        "code=x&code=the-code&state=s1&iss=https://a.test",
        "",
    ] {
        let error = read(query, true).expect_err(query);
        assert!(!error.to_string().contains("the-code"), "{error}");
        told += &format!("{query}\n  {error}\n");
    }
    insta::assert_snapshot!(told);
}

#[test]
fn identity_tokens_of_somebody_else_are_refused() {
    let token = |claims: serde_json::Value| {
        let body = URL_SAFE_NO_PAD.encode(claims.to_string());
        SecretString::from(format!("e30.{body}.c2ln"))
    };
    let good = json!({"iss": "i", "aud": ["x", "app"], "nonce": "n", "exp": 2000, "email": "a@b", "sub": "7"});
    let read = |token: &SecretString| identity_claims(token, "app", Some("i"), Some("n"), 1000);
    assert_eq!(read(&token(good.clone())).expect("fits").account.as_deref(), Some("a@b"));
    for (name, value) in
        [("iss", json!("j")), ("aud", json!("other")), ("nonce", json!("m")), ("exp", json!(600))]
    {
        let mut bad = good.clone();
        bad[name] = value;
        assert!(read(&token(bad.clone())).is_err(), "{name}");
        bad.as_object_mut().expect("an object").remove(name);
        assert!(read(&token(bad)).is_err(), "without {name}");
    }
    for bad in ["", "a", "a.b.c", "a.!!.c", "a.bnVsbA.c"] {
        assert!(read(&SecretString::from(bad.to_owned())).is_err(), "{bad}");
    }
}

#[tokio::test]
async fn device_codes_are_read_and_bounded() {
    let ask = |server: &Server| DeviceRequest {
        device_url: server.url("/device"),
        client_id: "app".to_owned(),
        proof: ClientProof::None,
        audience: Audience::Scope("s".to_owned()),
        timeout: Duration::from_secs(5),
    };
    let egress = Egress::new(EgressConfig::default());
    let server = Server::start(|_| {
        ok(r#"{"device_code":"d","user_code":"AB-CD","verification_uri":"https://a.test/go","expires_in":99999,"interval":900}"#)
    })
    .await;
    let code = device_request(&egress, &server.policy(), &ask(&server)).await.expect("a code");
    assert_eq!(code.user_code, "AB-CD");
    assert_eq!(code.interval, Duration::from_secs(60), "no longer than a minute");
    assert_eq!(code.expires_in, Duration::from_secs(1800), "no longer than half an hour");
    for body in [
        "{}",
        r#"{"device_code":"d","user_code":"x","verification_uri":"file:///etc/passwd","expires_in":9}"#,
        r#"{"device_code":"d","user_code":"x\u001b[31m","verification_uri":"https://a.test","expires_in":9}"#,
        r#"{"device_code":"d","user_code":"x","verification_uri":"https://a.test"}"#,
    ] {
        let server = Server::start(move |_| ok(body)).await;
        let refused = device_request(&egress, &server.policy(), &ask(&server)).await;
        assert!(matches!(refused, Err(OAuthError::Malformed { .. })), "{body}: {refused:?}");
    }
}
