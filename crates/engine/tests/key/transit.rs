//! What a transit engine, or something in its place, can do wrong.
use connref_store::vault::VaultError;
use serde_json::json;
use tokio::net::TcpListener;

use crate::outside::{OpenBao, TOKEN};
use crate::server::Server;
use crate::suite::tells_no_secret;
use crate::{chain, provider};

const KEY: [u8; 32] = [0x33; 32];

/// A new version of the transit key wraps from then on; what the older wrapped opens until the
/// engine is told to forget it.
#[tokio::test]
async fn versions_of_the_engines_key() {
    let Some(bao) = OpenBao::start() else { return };
    let allowed = format!("127.0.0.1:{}", bao.port);
    let variables = [("CONNREF_KEY_TOKEN", TOKEN), ("CONNREF_KEY_ALLOW", &*allowed)];
    let one = provider(&bao.address("connref"), &variables).unwrap();
    let old = one.wrap("t", &KEY).await.unwrap();
    bao.done("POST", "/v1/transit/keys/connref/rotate", &json!({}));
    let new = one.wrap("t", &KEY).await.unwrap();
    assert_ne!(old.fingerprint, new.fingerprint);
    for wrapped in [&old, &new] {
        assert_eq!(*one.unwrap("t", wrapped).await.unwrap(), KEY);
    }
    bao.done("POST", "/v1/transit/keys/connref/config", &json!({"min_decryption_version": 2}));
    let refused = one.unwrap("t", &old).await.unwrap_err();
    assert!(refused.to_string().contains("has no version 1 of the key"), "{refused}");
    assert_eq!(*one.unwrap("t", &new).await.unwrap(), KEY);
}

/// A token needs three rights and no more, and a name that is not there makes no key.
#[tokio::test]
async fn the_engine_refuses() {
    let Some(bao) = OpenBao::start() else { return };
    let allowed = format!("127.0.0.1:{}", bao.port);
    let open = |key: &str, token: &str| {
        let variables = [("CONNREF_KEY_TOKEN", token), ("CONNREF_KEY_ALLOW", &allowed)];
        provider(&bao.address(key), &variables).unwrap()
    };
    let enough = bao.token(
        "enough",
        r#"path "transit/keys/connref" { capabilities = ["read"] }
           path "transit/encrypt/connref" { capabilities = ["update"] }
           path "transit/decrypt/connref" { capabilities = ["update"] }"#,
    );
    let wrapped = open("connref", &enough).wrap("t", &KEY).await.unwrap();
    assert_eq!(*open("connref", &enough).unwrap("t", &wrapped).await.unwrap(), KEY);
    let less = bao.token("less", r#"path "transit/keys/connref" { capabilities = ["read"] }"#);
    for token in ["nobody", &less] {
        for refused in [
            open("connref", token).wrap("t", &KEY).await.unwrap_err(),
            open("connref", token).unwrap("t", &wrapped).await.unwrap_err(),
        ] {
            assert!(refused.to_string().contains("its credential may not do this"), "{refused}");
            assert!(!refused.retryable());
        }
    }
    let refused = open("typo", TOKEN).wrap("t", &KEY).await.unwrap_err();
    assert!(refused.to_string().contains("has no such key"), "{refused}");
    bao.done("POST", "/v1/transit/keys/signer", &json!({"type": "ed25519"}));
    let refused = open("signer", TOKEN).wrap("t", &KEY).await.unwrap_err();
    assert!(refused.to_string().contains("does not encrypt"), "{refused}");
    bao.done("POST", "/v1/transit/keys/connref/config", &json!({"deletion_allowed": true}));
    bao.done("DELETE", "/v1/transit/keys/connref", &json!(null));
    bao.done("POST", "/v1/transit/keys/connref", &json!({}));
    let refused = open("connref", TOKEN).unwrap("t", &wrapped).await.unwrap_err();
    // Made again within the same second it has the same name, and still does not open.
    assert!(
        matches!(refused, VaultError::WrongKey { .. } | VaultError::NotOpened { .. }),
        "{refused}"
    );
    bao.done("PUT", "/v1/sys/seal", &json!(null));
    let refused = open("connref", TOKEN).unwrap("t", &wrapped).await.unwrap_err();
    assert!(refused.retryable(), "a sealed server may be opened again: {refused}");
}

/// Answers that are no answers: each is one line, none is believed, none is repeated.
#[tokio::test]
async fn a_server_that_is_no_transit_engine() {
    let keys = r#"{"data":{"keys":{"1":1},"supports_encryption":true}}"#;
    let cases: [(u16, String, &str, bool); 12] = [
        (200, "<html>canary-echo</html>".to_owned(), "is not understood", false),
        (200, "{}".to_owned(), "is not understood", false),
        (200, keys.to_owned(), "is not understood", false),
        (200, r#"{"data":{"keys":{"1":1}}}"#.to_owned(), "does not encrypt", false),
        (200, " ".repeat(70_000), "was not reached: the response", false),
        (301, String::new(), "answered with status 301", false),
        (400, r#"{"errors":["canary-echo"]}"#.to_owned(), "answered with status 400", false),
        (401, String::new(), "did not accept the credential", false),
        (403, r#"{"errors":["canary-echo"]}"#.to_owned(), "its credential may not do this", false),
        (429, String::new(), "answered with status 429", true),
        (500, "canary-echo".to_owned(), "answered with status 500", true),
        (503, String::new(), "answered with status 503", true),
    ];
    for (status, body, expected, retryable) in cases {
        let server = Server::always(status, body).await;
        let allowed = server.address.to_string();
        let variables = [("CONNREF_KEY_TOKEN", TOKEN), ("CONNREF_KEY_ALLOW", &*allowed)];
        let address = format!("transit:{}/transit/connref", server.url());
        let refused = provider(&address, &variables).unwrap().wrap("t", &KEY).await.unwrap_err();
        let text = chain(&refused);
        assert!(text.contains(expected), "{status}: {text}");
        assert_eq!(refused.retryable(), retryable, "{text}");
        tells_no_secret(&refused);
        assert!(server.seen().iter().all(|seen| seen.header("x-vault-token") == TOKEN));
    }
}

/// A server that takes the request and says nothing is waited for ten seconds.
#[tokio::test]
async fn a_server_that_does_not_answer() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let variables = [("CONNREF_KEY_TOKEN", TOKEN), ("CONNREF_KEY_ALLOW", &*address.to_string())];
    let slow = provider(&format!("transit:http://{address}/transit/connref"), &variables).unwrap();
    let refused = slow.wrap("t", &KEY).await.unwrap_err();
    assert!(chain(&refused).contains("did not answer within 10 s"), "{}", chain(&refused));
    assert!(refused.retryable());
    drop(listener);
    let refused = slow.wrap("t", &KEY).await.unwrap_err();
    assert!(chain(&refused).contains("cannot connect"), "{}", chain(&refused));
    assert!(refused.retryable());
}

#[test]
fn what_is_set_wrong_is_said_before_anything_is_asked() {
    type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str);
    let cases: [Case<'_>; 7] = [
        ("transit:bao", &[], "it holds no address"),
        ("transit:https://bao/connref", &[], "write `transit:https://HOST/MOUNT/KEY`"),
        ("transit:https://me:pw@bao/transit/connref", &[], "and nothing more"),
        ("transit:https://bao/transit/connref?x=1", &[], "and nothing more"),
        ("transit:ftp://bao/transit/connref", &[], "and nothing more"),
        (
            "transit:https://bao/transit/connref",
            &[("CONNREF_KEY_ALLOW", "everything")],
            "CONNREF_KEY_ALLOW",
        ),
        ("azure:https://v.vault.azure.net/secrets/x", &[], "write `azure:https://HOST/keys/KEY`"),
    ];
    for (address, variables, expected) in cases {
        let refused = provider(address, variables).err().unwrap().to_string();
        assert!(refused.contains(expected), "{address}: {refused}");
    }
}

/// A private address that nobody allowed, and plain text to a public one, are not reached.
#[tokio::test]
async fn only_what_is_allowed_is_reached() {
    let set = [("CONNREF_KEY_TOKEN", TOKEN)];
    for address in
        ["transit:https://127.0.0.1:8200/transit/a", "transit:http://198.51.100.1/transit/a"]
    {
        let refused = provider(address, &set).unwrap().wrap("t", &KEY).await.unwrap_err();
        assert!(
            chain(&refused).contains("was not reached: refused to reach"),
            "{}",
            chain(&refused)
        );
        assert!(!refused.retryable());
    }
    let missing = provider("transit:https://bao/transit/a", &[]).unwrap();
    let refused = missing.wrap("t", &KEY).await.unwrap_err().to_string();
    assert!(
        refused.contains("neither CONNREF_KEY_TOKEN_FILE nor CONNREF_KEY_TOKEN is set"),
        "{refused}"
    );
}
