//! Everything inbound: the router, the operations, the Web API, the control plane, identity.
//!
//! A request goes router → edge (`webapi` or `powerapps`: the only places that know their dialect)
//! → [`operation`] (one file per noun: judges, then has the store write) → store. The caller is
//! found in [`identity`] and is part of the [`Context`] every operation takes first.
pub mod address;
pub mod identity;
pub mod listen;
mod name_id;
pub mod operation;
mod powerapps;
pub mod protection;
mod router;
pub mod webapi;

use std::sync::{Arc, OnceLock};

use connref_egress::Egress;
use connref_engine::connector::Registry;
use connref_engine::runner::Runner;
use connref_engine::secret::{SecretStores, Secrets};
use connref_engine::token::Tokens;
use connref_store::Store;
use connref_store::access::Caller;
use connref_store::db::Group;
use connref_store::environment::Environment;

pub use router::router;

/// The parts of a running connref. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Parts>);

struct Parts {
    store: Store,
    egress: Egress,
    registry: Registry,
    tokens: Tokens,
    secrets: Secrets,
    runner: Runner,
    operator: String,
    process: Arc<Process>,
}

/// What a process has once, whatever store it works on.
struct Process {
    addresses: OnceLock<address::Addresses>,
    signing: identity::Signing,
    issuers: identity::issuer::Issuers,
    guesses: identity::guess::Guesses,
    protection: protection::Protection,
    node: String,
}

impl App {
    /// Puts the parts together. `operator` names the administrator of the installation, `node` this
    /// process among several. Variables that point to secrets find no store.
    pub fn new(store: Store, egress: Egress, operator: String, node: String) -> Self {
        Self::with_secrets(store, egress, operator, node, SecretStores::default())
    }

    /// The same, with the stores that variables may point to.
    pub fn with_secrets(
        store: Store,
        egress: Egress,
        operator: String,
        node: String,
        stores: SecretStores,
    ) -> Self {
        let registry = Registry::built_in();
        let tokens = Tokens::new(egress.clone(), store.clone(), node.clone());
        let secrets = Secrets::new(egress.clone(), tokens.clone(), stores);
        let runner = Runner::new(
            store.clone(),
            egress.clone(),
            registry.clone(),
            tokens.clone(),
            secrets.clone(),
            node.clone(),
        );
        let process = Arc::new(Process {
            addresses: OnceLock::new(),
            signing: identity::Signing::default(),
            issuers: identity::issuer::Issuers::default(),
            guesses: identity::guess::Guesses::default(),
            protection: protection::Protection::default(),
            node,
        });
        Self(Arc::new(Parts {
            store,
            egress,
            registry,
            tokens,
            secrets,
            runner,
            operator,
            process,
        }))
    }

    /// The same parts over a group of the store. Runs, tokens and secrets stay outside of it.
    pub(crate) fn grouped(&self) -> (Self, Group) {
        let (store, group) = self.0.store.group();
        let parts = Parts {
            store,
            egress: self.0.egress.clone(),
            registry: self.0.registry.clone(),
            tokens: self.0.tokens.clone(),
            secrets: self.0.secrets.clone(),
            runner: self.0.runner.clone(),
            operator: self.0.operator.clone(),
            process: self.0.process.clone(),
        };
        (Self(Arc::new(parts)), group)
    }

    /// The store.
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// The runner.
    pub fn runner(&self) -> &Runner {
        &self.0.runner
    }

    /// Built-in connectors.
    pub fn registry(&self) -> &Registry {
        &self.0.registry
    }

    /// The administrator of the installation.
    pub fn operator(&self) -> &str {
        &self.0.operator
    }

    pub(crate) fn signing(&self) -> &identity::Signing {
        &self.0.process.signing
    }

    pub(crate) fn issuers(&self) -> &identity::issuer::Issuers {
        &self.0.process.issuers
    }

    pub(crate) fn guesses(&self) -> &identity::guess::Guesses {
        &self.0.process.guesses
    }

    /// How much one user may ask for.
    pub fn protection(&self) -> &protection::Protection {
        &self.0.process.protection
    }

    /// This process among several.
    pub(crate) fn node(&self) -> &str {
        &self.0.process.node
    }

    pub(crate) fn egress(&self) -> &Egress {
        &self.0.egress
    }

    pub(crate) fn secrets(&self) -> &Secrets {
        &self.0.secrets
    }

    pub(crate) fn tokens(&self) -> &Tokens {
        &self.0.tokens
    }
}

/// What an operation on an environment starts from: the parts, who asks, and where.
#[derive(Clone)]
pub struct Context {
    /// The parts.
    pub app: App,
    /// Who asks.
    pub caller: Caller,
    /// Where.
    pub environment: Environment,
}

impl Context {
    pub(crate) fn store(&self) -> &Store {
        self.app.store()
    }
}
