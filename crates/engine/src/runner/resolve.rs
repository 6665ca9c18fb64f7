//! reference → binding → connection → opened credential, for one call: who may is judged by the
//! facts of the environment's current version, and the credential is one of that version.
//!
//! What is opened is kept for a few seconds ([`Snapshot`]), never longer than its version: a binding,
//! a share, an owner, a rotation changes the version, and the next call is judged anew and opens
//! anew. A change made by this process counts at once; one made by another counts a millisecond
//! later at most (`Store::facts_at_hand`). What is not kept costs one statement, which reads version
//! and credential together. Figures: docs/decisions/0013-resolving-a-use.md.
use std::sync::Arc;

use connref_review::{Refusal, Use};
use connref_solution::model::{ConnectionId, EnvironmentId, FlowId, PrincipalId};
use connref_store::credential::CredentialOf;
use connref_store::{Store, StoreError};

use super::snapshot::{Material, Snapshot, Snapshots};
use super::start::RUNNER;

/// How often a use is judged anew while the environment changes under it.
const ATTEMPTS: usize = 4;

/// A call that wants a connection.
#[derive(Clone, Copy)]
pub struct Wanted<'a> {
    /// Environment.
    pub environment: &'a EnvironmentId,
    /// Flow that calls.
    pub flow: &'a FlowId,
    /// Key of the reference in the flow's definition.
    pub key: &'a str,
    /// Who runs the flow.
    pub principal: &'a PrincipalId,
    /// Connections the caller names for keys that take the caller's own.
    pub choices: &'a [(String, ConnectionId)],
}

/// Why there is no credential.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// Nobody may, or nothing is bound.
    #[error("{0}")]
    Refused(Box<Refusal>),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a call may use, at one version of the environment.
pub struct Resolved {
    pub(super) snapshot: Arc<Snapshot>,
    /// Which connection, reached how, acting as whom.
    pub chosen: Arc<Use>,
    /// The connection with its credential.
    pub material: Arc<Material>,
}

/// Resolves uses of connections over one store.
pub struct Resolver {
    store: Store,
    snapshots: Snapshots,
}

impl Resolver {
    /// Over this store.
    pub fn new(store: Store) -> Self {
        Self { store, snapshots: Snapshots::default() }
    }

    /// The environment as it is now.
    pub(super) async fn snapshot(
        &self,
        environment: &EnvironmentId,
    ) -> Result<Arc<Snapshot>, StoreError> {
        self.snapshots.now(&self.store, environment).await
    }

    /// What the call may use. An opened credential of the current version is used again for a few
    /// seconds.
    ///
    /// # Errors
    /// When the use is refused or the credential does not open.
    pub async fn resolve(&self, wanted: Wanted<'_>) -> Result<Resolved, ResolveError> {
        if let Some(snapshot) = self.snapshots.at_hand(&self.store, wanted.environment)?
            && let Ok(chosen) = snapshot.used_by(wanted)
            && let Some(material) = snapshot.opened(&chosen.connection)
        {
            return Ok(Resolved { snapshot, chosen, material });
        }
        // Less is known than is kept: one read of the version may be all that is wanting.
        let snapshot = self.snapshots.last(&self.store, wanted.environment)?;
        if let Some(snapshot) = snapshot
            && let Ok(chosen) = snapshot.used_by(wanted)
            && snapshot.opened(&chosen.connection).is_some()
        {
            let snapshot = self.snapshot(wanted.environment).await?;
            if let Ok(chosen) = snapshot.used_by(wanted)
                && let Some(material) = snapshot.opened(&chosen.connection)
            {
                return Ok(Resolved { snapshot, chosen, material });
            }
        }
        self.resolve_anew(wanted).await
    }

    /// What the call may use, its credential read and opened now.
    ///
    /// # Errors
    /// As [`Resolver::resolve`].
    pub async fn resolve_anew(&self, wanted: Wanted<'_>) -> Result<Resolved, ResolveError> {
        let environment = wanted.environment;
        let mut snapshot = match self.snapshots.last(&self.store, environment)? {
            Some(last) => last,
            None => self.snapshot(environment).await?,
        };
        for _ in 0..ATTEMPTS {
            let chosen = match snapshot.used_by(wanted) {
                Ok(chosen) => chosen,
                Err(refusal) => {
                    // Only what is refused by the facts of this moment is refused.
                    let now = self.snapshot(environment).await?;
                    if Arc::ptr_eq(&now, &snapshot) {
                        return Err(ResolveError::Refused(Box::new(refusal)));
                    }
                    snapshot = now;
                    continue;
                }
            };
            match self.open(environment, &snapshot, &chosen.connection).await? {
                Some(material) => {
                    snapshot.keep(&material);
                    return Ok(Resolved { snapshot, chosen, material });
                }
                None => snapshot = self.snapshot(environment).await?,
            }
        }
        // It changes faster than it can be read twice: what was judged a moment ago has to do.
        let chosen = snapshot.used_by(wanted).map_err(|r| ResolveError::Refused(Box::new(r)))?;
        let opened = self.store.connection_open(&RUNNER, environment, &chosen.connection).await?;
        let material = Arc::new(Material::new(environment, opened));
        Ok(Resolved { snapshot, chosen, material })
    }

    /// Opens a credential of the snapshot's version; none if the environment moved on.
    async fn open(
        &self,
        environment: &EnvironmentId,
        snapshot: &Snapshot,
        id: &ConnectionId,
    ) -> Result<Option<Arc<Material>>, StoreError> {
        let version = snapshot.facts.environment.version;
        let Some(endpoint) = snapshot.endpoint(id) else {
            let opened = self.store.connection_open_at(&RUNNER, environment, id, version).await?;
            let made = opened.map(|opened| Arc::new(Material::new(environment, opened)));
            return Ok(made.inspect(|made| snapshot.endpoint_keep(&made.endpoint)));
        };
        let of = CredentialOf {
            environment,
            connection: id,
            connector: &endpoint.api_name,
            version: endpoint.key.version,
        };
        let secrets = self.store.connection_secrets_at(&RUNNER, &of, version).await?;
        Ok(secrets.map(|secrets| Arc::new(Material { endpoint, secrets })))
    }
}
