//! One suite for every key provider, and what only some of them can do wrong.
#![expect(clippy::unwrap_used, reason = "the set-up of tests")]
mod azure;
mod outside;
#[path = "../connector/server.rs"]
#[expect(dead_code, reason = "shared with the connectors' tests; only the server is used here")]
mod server;
mod suite;
mod transit;

use std::collections::BTreeMap;
use std::sync::Arc;

use connref_egress::{Egress, EgressConfig};
use connref_engine::key::{KeyProviders, KeySetting, Variables};
use connref_store::vault::{KeyProvider, KeySource, VaultError};

/// The providers of an installation in a folder, with these variables set.
pub(crate) fn providers(folder: &std::path::Path, variables: &[(&str, &str)]) -> KeyProviders {
    let set: BTreeMap<String, String> =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let variables: Variables = Arc::new(move |name| set.get(name).cloned().map(Into::into));
    let setting =
        KeySetting { given: None, file: folder.join("key-provider"), key: folder.join("key") };
    KeyProviders::new(setting, variables, Egress::new(EgressConfig::default()))
}

/// One provider with these variables set.
pub(crate) fn provider(
    address: &str,
    variables: &[(&str, &str)],
) -> Result<Arc<dyn KeyProvider>, VaultError> {
    let folder = tempfile::tempdir().unwrap();
    providers(folder.path(), variables).provider(address)
}

/// An error with its causes, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(one) = cause {
        text += &format!(": {one}");
        cause = one.source();
    }
    text
}
