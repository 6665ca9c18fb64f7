//! Azure Key Vault against a stand-in, which the vendor's own client is held to.
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use connref_store::vault::Wrapped;

use crate::outside::Azure;
use crate::server::{Server, json};
use crate::suite::tells_no_secret;
use crate::{chain, provider};

const KEY: [u8; 32] = [0x44; 32];
const NEWEST: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
const TENANT: (&str, &str) = ("AZURE_TENANT_ID", "11111111-1111-1111-1111-111111111111");
const CLIENT: (&str, &str) = ("AZURE_CLIENT_ID", "22222222-2222-2222-2222-222222222222");

/// Format, version and the wrapped key before the rest.
fn parts(wrapped: &Wrapped) -> (String, Vec<u8>, Vec<u8>) {
    let length = usize::from(wrapped.bytes[1]);
    let version = String::from_utf8(wrapped.bytes[2..2 + length].to_vec()).unwrap();
    let rest = &wrapped.bytes[2 + length..];
    let inner = usize::from(u16::from_be_bytes([rest[0], rest[1]]));
    (version, rest[2..2 + inner].to_vec(), rest[2 + inner..].to_vec())
}

/// What connref had wrapped the vendor's client unwraps, and the other way round.
#[tokio::test(flavor = "multi_thread")]
async fn the_vendors_client_and_connref_read_each_other() {
    let Some(azure) = Azure::start() else { return };
    let own = format!("http://127.0.0.1:{}", azure.port);
    let allowed = format!("127.0.0.1:{}", azure.port);
    let variables = [
        ("CONNREF_KEY_ALLOW", &*allowed),
        ("AZURE_AUTHORITY_HOST", &own),
        TENANT,
        CLIENT,
        ("AZURE_CLIENT_SECRET", "canary-secret"),
    ];
    let ours = provider(&azure.address("connref"), &variables).unwrap();
    let wrapped = ours.wrap("tenant", &KEY).await.unwrap();
    let (version, inner, sealed) = parts(&wrapped);
    assert_eq!(version, NEWEST, "the newest version wraps");
    let key = azure.client("unwrap", "connref", &version, &inner);
    let key: [u8; 32] = key.try_into().expect("32 bytes");
    let opened = connref_store::vault::open_local(&key, "tenant", &sealed);
    assert_eq!(*opened.expect("the key the client unwrapped opens it"), KEY);
    // The other way: the client wraps a key, connref opens what is sealed under it.
    let theirs = azure.client("wrap", "connref", NEWEST, &[9; 32]);
    let sealed = connref_store::vault::wrap_local(&[9; 32], "tenant", &KEY).unwrap();
    let mut bytes = vec![1, 32];
    bytes.extend(NEWEST.as_bytes());
    bytes.extend(u16::try_from(theirs.len()).unwrap().to_be_bytes());
    bytes.extend(&theirs);
    bytes.extend(&sealed.bytes);
    let made = Wrapped { bytes, fingerprint: wrapped.fingerprint };
    assert_eq!(*ours.unwrap("tenant", &made).await.unwrap(), KEY);
}

/// A client secret, a federated token of the platform, and the host's own identity.
#[tokio::test]
async fn connref_proves_itself_in_three_ways() {
    let Some(azure) = Azure::start() else { return };
    let own = format!("http://127.0.0.1:{}", azure.port);
    let allowed = format!("127.0.0.1:{}", azure.port);
    let folder = tempfile::tempdir().unwrap();
    let federated = folder.path().join("token");
    std::fs::write(&federated, "canary-federated\n").unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "canary-secret\n").unwrap();
    let identity = format!("{own}/msi/token");
    let ways: [&[(&str, &str)]; 3] = [
        &[
            ("AZURE_AUTHORITY_HOST", &own),
            TENANT,
            CLIENT,
            ("AZURE_CLIENT_SECRET_FILE", secret.to_str().unwrap()),
        ],
        &[
            ("AZURE_AUTHORITY_HOST", &own),
            TENANT,
            CLIENT,
            ("AZURE_FEDERATED_TOKEN_FILE", federated.to_str().unwrap()),
        ],
        &[("IDENTITY_ENDPOINT", &identity), ("IDENTITY_HEADER", "canary-word")],
    ];
    for way in ways {
        let mut variables = vec![("CONNREF_KEY_ALLOW", &*allowed)];
        variables.extend(way);
        let one = provider(&azure.address("connref"), &variables).unwrap();
        let wrapped =
            one.wrap("tenant", &KEY).await.unwrap_or_else(|e| panic!("{way:?}: {}", chain(&e)));
        assert_eq!(*one.unwrap("tenant", &wrapped).await.unwrap(), KEY);
    }
    let wrong: [(&[(&str, &str)], &str); 4] = [
        (
            &[
                ("AZURE_AUTHORITY_HOST", &own),
                TENANT,
                CLIENT,
                ("AZURE_CLIENT_SECRET", "canary-wrong"),
            ],
            "cannot be asked without a token: the token endpoint `127.0.0.1` refused with status 401",
        ),
        (&[TENANT, ("AZURE_CLIENT_SECRET", "canary-secret")], "AZURE_CLIENT_ID is not set"),
        (&[("IDENTITY_ENDPOINT", &identity)], "IDENTITY_HEADER is not set"),
        (
            &[("IDENTITY_ENDPOINT", &identity), ("IDENTITY_HEADER", "canary-wrong")],
            "cannot be asked without a token",
        ),
    ];
    for (way, expected) in wrong {
        let mut variables = vec![("CONNREF_KEY_ALLOW", &*allowed)];
        variables.extend(way);
        let one = provider(&azure.address("connref"), &variables).unwrap();
        let refused = one.wrap("tenant", &KEY).await.unwrap_err();
        assert!(chain(&refused).contains(expected), "{}", chain(&refused));
        tells_no_secret(&refused);
    }
}

#[tokio::test]
async fn keys_that_cannot_be_used() {
    let Some(azure) = Azure::start() else { return };
    let own = format!("http://127.0.0.1:{}", azure.port);
    let allowed = format!("127.0.0.1:{}", azure.port);
    let variables = [
        ("CONNREF_KEY_ALLOW", &*allowed),
        ("AZURE_AUTHORITY_HOST", &own),
        TENANT,
        CLIENT,
        ("AZURE_CLIENT_SECRET", "canary-secret"),
    ];
    let cases = [
        ("disabled", "has the key disabled", false),
        ("nosuch", "has no such key", false),
        ("connref/cccccccccccccccccccccccccccccccc", "has no such key", false),
        ("fail-403", "its credential may not do this", false),
        ("fail-429", "answered with status 429", true),
        ("fail-503", "answered with status 503", true),
    ];
    for (key, expected, retryable) in cases {
        let one = provider(&azure.address(key), &variables).unwrap();
        let refused = one.wrap("tenant", &KEY).await.unwrap_err();
        assert!(refused.to_string().contains(expected), "{key}: {refused}");
        assert_eq!(refused.retryable(), retryable);
        tells_no_secret(&refused);
    }
    // A version that was set is the one that wraps.
    let old = "connref/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    let one = provider(&azure.address(old), &variables).unwrap();
    assert_eq!(parts(&one.wrap("tenant", &KEY).await.unwrap()).0, "a".repeat(32));
}

/// A vault that answers for another key, or nonsense.
#[tokio::test]
async fn a_server_that_is_no_key_vault() {
    let modulus = URL_SAFE_NO_PAD.encode([0xff; 256]);
    let key = |kid: &str, kty: &str, modulus: &str| {
        format!(r#"{{"key":{{"kid":"{kid}","kty":"{kty}","n":"{modulus}","e":"AQAB"}}}}"#)
    };
    let kid = "https://v.vault.azure.net/keys/connref/1";
    let cases = [
        ("<html>canary-echo</html>".to_owned(), "is not RSA"),
        (key(kid, "EC", &modulus), "is not RSA"),
        (
            key("https://v.vault.azure.net/keys/theirs/1", "RSA", &modulus),
            "answered for another key",
        ),
        (
            key("https://v.vault.azure.net/keys/connref/../1", "RSA", &modulus),
            "answered for another key",
        ),
        (key(kid, "RSA", "AQAB"), "is not understood"),
        // The right key, and then the same answer where a wrapped key should be.
        (key(kid, "RSA", &modulus), "is not understood"),
    ];
    for (body, expected) in cases {
        let server = Server::start(move |seen| {
            if seen.path.ends_with("/token") {
                return json(200, r#"{"access_token":"canary-vault-token","token_type":"Bearer"}"#);
            }
            json(200, &body)
        })
        .await;
        let (own, allowed) = (server.url(), server.address.to_string());
        let variables = [
            ("CONNREF_KEY_ALLOW", &*allowed),
            ("AZURE_AUTHORITY_HOST", &own),
            TENANT,
            CLIENT,
            ("AZURE_CLIENT_SECRET", "canary-secret"),
        ];
        let one = provider(&format!("azure:{own}/keys/connref"), &variables).unwrap();
        let refused = one.wrap("tenant", &KEY).await.unwrap_err();
        assert!(refused.to_string().contains(expected), "{refused}");
        tells_no_secret(&refused);
    }
}
