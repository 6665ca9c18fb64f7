//! What every provider must do and refuse, and moves between each two of them.
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use connref_solution::model::facts::ConnectionKind;
use connref_store::Store;
use connref_store::access::Caller;
use connref_store::connection::ConnectionNew;
use connref_store::connector::BuiltIn;
use connref_store::db::Location;
use connref_store::environment::EnvironmentNew;
use connref_store::source::{SystemClock, SystemIds};
use connref_store::vault::{KeyProvider, VaultError, Wrapped};
use secrecy::{ExposeSecret, SecretString};

use crate::outside::{Azure, OpenBao, TOKEN};
use crate::{chain, provider, providers};

const KEY: [u8; 32] = [0x5a; 32];
/// Nothing a provider says may hold one of these.
const SECRETS: [&str; 4] = [TOKEN, "canary-secret", "canary passphrase", "canary-echo"];

/// Two providers of one kind with different keys.
struct Pair {
    one: Arc<dyn KeyProvider>,
    other: Arc<dyn KeyProvider>,
    /// At how many places what was wrapped is changed: each costs a call.
    sample: usize,
}

async fn conforms(pair: &Pair) {
    let Pair { one, other, .. } = pair;
    let wrapped = one.wrap("tenant", &KEY).await.unwrap();
    assert_eq!(*one.unwrap("tenant", &wrapped).await.unwrap(), KEY, "it opens again");
    assert_eq!(*one.unwrap("tenant", &wrapped).await.unwrap(), KEY, "and again");
    assert_eq!(wrapped.fingerprint.len(), 16);
    assert!(wrapped.fingerprint.bytes().all(|b| b.is_ascii_hexdigit()));
    assert!(one.place().starts_with(one.kind()), "{}", one.place());
    never_the_same(one.as_ref(), &wrapped).await;
    bound_to_the_tenant(one.as_ref(), &wrapped).await;
    names_a_wrong_key(one.as_ref(), other.as_ref(), &wrapped).await;
    refuses_what_was_changed(pair, &wrapped).await;
    let many = (0..8).map(|_| one.unwrap("tenant", &wrapped));
    for opened in futures::future::join_all(many).await {
        assert_eq!(*opened.unwrap(), KEY, "at the same time");
    }
}

/// Neither two keys nor one key twice look alike, and nothing of the key shows.
async fn never_the_same(one: &dyn KeyProvider, first: &Wrapped) {
    let mut seen = HashSet::from([first.bytes.clone()]);
    for key in [KEY, KEY, [0; 32], [0xff; 32]] {
        let wrapped = one.wrap("tenant", &key).await.unwrap();
        assert!(!wrapped.bytes.windows(32).any(|bytes| bytes == key));
        assert_eq!(*one.unwrap("tenant", &wrapped).await.unwrap(), key);
        assert!(seen.insert(wrapped.bytes));
    }
}

async fn bound_to_the_tenant(one: &dyn KeyProvider, wrapped: &Wrapped) {
    for tenant in ["tenan", "tenantt", "", "Tenant"] {
        let refused = one.unwrap(tenant, wrapped).await.unwrap_err();
        assert!(matches!(refused, VaultError::NotOpened { .. }), "{tenant}: {refused}");
        tells_no_secret(&refused);
    }
}

async fn names_a_wrong_key(one: &dyn KeyProvider, other: &dyn KeyProvider, wrapped: &Wrapped) {
    let theirs = other.wrap("tenant", &KEY).await.unwrap();
    let refused = other.unwrap("tenant", wrapped).await.unwrap_err();
    assert!(refused.to_string().contains(&wrapped.fingerprint), "{refused}");
    assert!(
        matches!(
            refused,
            VaultError::WrongKey { .. }
                | VaultError::Provider { .. }
                | VaultError::NotOpened { .. }
        ),
        "{refused}"
    );
    tells_no_secret(&refused);
    // A record whose fingerprint is not that of the key is a wrong key, whatever it would open.
    let renamed = Wrapped { fingerprint: theirs.fingerprint.clone(), ..wrapped.clone() };
    if theirs.fingerprint != wrapped.fingerprint {
        let refused = one.unwrap("tenant", &renamed).await.unwrap_err();
        assert!(matches!(refused, VaultError::WrongKey { .. }), "{refused}");
        assert!(refused.to_string().contains(&theirs.fingerprint), "{refused}");
    }
}

async fn refuses_what_was_changed(pair: &Pair, wrapped: &Wrapped) {
    let length = wrapped.bytes.len();
    let step = length.div_ceil(pair.sample);
    let mut bad: Vec<Vec<u8>> = Vec::new();
    for at in (0..length).step_by(step) {
        let mut flipped = wrapped.bytes.clone();
        flipped[at] ^= 1 << (at % 8);
        bad.push(flipped);
        bad.push(wrapped.bytes[..at].to_vec());
    }
    bad.push([&wrapped.bytes[..], b"A"].concat());
    bad.push(vec![0xff; 4096]);
    for bytes in bad {
        let changed = Wrapped { bytes, fingerprint: wrapped.fingerprint.clone() };
        let refused = pair.one.unwrap("tenant", &changed).await;
        let refused = refused.err().unwrap_or_else(|| panic!("opened: {:02x?}", changed.bytes));
        tells_no_secret(&refused);
    }
}

pub(crate) fn tells_no_secret(error: &VaultError) {
    let text = format!("{} {error:?}", chain(error));
    for secret in SECRETS {
        assert!(!text.contains(secret), "{text}");
    }
}

fn azure_variables(port: u16) -> Vec<(String, String)> {
    [
        ("CONNREF_KEY_ALLOW", format!("127.0.0.1:{port}")),
        ("AZURE_AUTHORITY_HOST", format!("http://127.0.0.1:{port}")),
        ("AZURE_TENANT_ID", "11111111-1111-1111-1111-111111111111".to_owned()),
        ("AZURE_CLIENT_ID", "22222222-2222-2222-2222-222222222222".to_owned()),
        ("AZURE_CLIENT_SECRET", "canary-secret".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec()
}

fn borrowed(variables: &[(String, String)]) -> Vec<(&str, &str)> {
    variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

#[tokio::test]
async fn a_key_file_conforms() {
    let folder = tempfile::tempdir().unwrap();
    let open = |name: &str| {
        provider(&format!("file:{}", folder.path().join(name).display()), &[]).unwrap()
    };
    conforms(&Pair { one: open("one"), other: open("other"), sample: 1000 }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passphrase_conforms() {
    let open = |words: &str| provider("passphrase:", &[("CONNREF_KEY_PASSPHRASE", words)]).unwrap();
    let pair = Pair {
        one: open("canary passphrase one"),
        other: open("canary passphrase two"),
        sample: 4,
    };
    conforms(&pair).await;
}

#[tokio::test]
async fn a_transit_engine_conforms() {
    let Some(bao) = OpenBao::start() else { return };
    let allowed = format!("127.0.0.1:{}", bao.port);
    let variables = [("CONNREF_KEY_TOKEN", TOKEN), ("CONNREF_KEY_ALLOW", &*allowed)];
    let open = |key: &str| provider(&bao.address(key), &variables).unwrap();
    conforms(&Pair { one: open("connref"), other: open("other"), sample: 24 }).await;
}

#[tokio::test]
async fn a_key_vault_conforms() {
    let Some(azure) = Azure::start() else { return };
    let variables = azure_variables(azure.port);
    let open = |key: &str| provider(&azure.address(key), &borrowed(&variables)).unwrap();
    // The version is part of what was wrapped: the other key has none of that name.
    let one = open("connref");
    let wrapped = one.wrap("tenant", &KEY).await.unwrap();
    let refused = open("other").unwrap("tenant", &wrapped).await.unwrap_err();
    assert!(refused.to_string().contains("has no such key"), "{refused}");
    let pair = Pair { one, other: open("connref/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), sample: 24 };
    let Pair { one, .. } = &pair;
    assert_eq!(*one.unwrap("tenant", &wrapped).await.unwrap(), KEY);
    never_the_same(one.as_ref(), &wrapped).await;
    bound_to_the_tenant(one.as_ref(), &wrapped).await;
    refuses_what_was_changed(&pair, &wrapped).await;
    let renamed = Wrapped { fingerprint: "0".repeat(16), ..wrapped };
    let refused = one.unwrap("tenant", &renamed).await.unwrap_err();
    assert!(matches!(refused, VaultError::WrongKey { .. }), "{refused}");
}

/// Every ordered pair of kinds, over an installation with secrets in it: none is lost, and after
/// each move only the new provider is needed.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_moves_between_every_two_providers() {
    let (Some(bao), Some(azure)) = (OpenBao::start(), Azure::start()) else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = format!("file:{}", folder.path().join("key").display());
    let (transit, vault) = (bao.address("connref"), azure.address("connref"));
    let mut variables = azure_variables(azure.port);
    variables[0].1 = format!("127.0.0.1:{} 127.0.0.1:{}", bao.port, azure.port);
    variables.push(("CONNREF_KEY_TOKEN".to_owned(), TOKEN.to_owned()));
    variables.push(("CONNREF_KEY_PASSPHRASE".to_owned(), "canary passphrase".to_owned()));
    let location = Location::Sqlite(folder.path().join("test.db"));
    let open = async || {
        let source = Arc::new(providers(folder.path(), &borrowed(&variables)));
        let ids = Arc::new(SystemIds::default());
        Store::open_with(&location, source, Arc::new(SystemClock), ids).await.unwrap()
    };
    let operator = Caller::Operator("admin".into());
    let (environment, connection) = plant(&open().await, &operator).await;
    // Each kind follows each other kind once.
    let passphrase = "passphrase:".to_owned();
    let route = [
        &passphrase,
        &transit,
        &vault,
        &file,
        &transit,
        &passphrase,
        &vault,
        &transit,
        &file,
        &vault,
        &passphrase,
        &file,
    ];
    let mut before = &file;
    let mut pairs = HashSet::new();
    for to in route {
        let store = open().await;
        store
            .key_change_begin(&operator, Some(to))
            .await
            .unwrap_or_else(|e| panic!("{before} to {to}: {}", chain(&e)));
        // Another process takes it from there.
        let store = open().await;
        let ended = store.key_change_continue(&operator, Duration::from_secs(60)).await.unwrap();
        assert_eq!(ended.unwrap().unreadable, 0);
        let caller = Caller::System("test");
        let opened =
            open().await.connection_open(&caller, &environment, &connection).await.unwrap();
        assert_eq!(opened.secrets["password"].expose_secret(), "planted");
        let status = store.key_status(&operator).await.unwrap();
        assert_eq!(status.versions.len(), 1);
        assert_eq!(&status.versions[0].place, to);
        pairs.insert((before.clone(), to.clone()));
        before = to;
    }
    assert_eq!(pairs.len(), 12, "every ordered pair of four");
}

async fn plant(
    store: &Store,
    operator: &Caller,
) -> (connref_solution::model::EnvironmentId, connref_solution::model::ConnectionId) {
    let new = EnvironmentNew {
        name: "DEV".into(),
        kind: Default::default(),
        fidelity: Default::default(),
        allowed: Vec::new(),
    };
    let environment = store.environment_create(operator, new).await.unwrap().id;
    let built_in = BuiltIn {
        api_name: "shared_sql".into(),
        display_name: "SQL".into(),
        service_principal: Default::default(),
    };
    store.connector_seed(operator, &environment, vec![built_in]).await.unwrap();
    let caller = store.caller_find(&environment, "admin").await.unwrap();
    let new = ConnectionNew {
        id: None,
        api_name: "shared_sql".into(),
        display_name: "Orders".into(),
        owner: caller.principal().unwrap().clone(),
        kind: ConnectionKind::User,
        endpoint: None,
        account: None,
        ends_on: None,
        parameters: BTreeMap::new(),
        secrets: [("password".to_owned(), SecretString::from("planted"))].into(),
    };
    let made = store.connection_create(&caller, &environment, new).await.unwrap();
    (environment, made.facts.id)
}
