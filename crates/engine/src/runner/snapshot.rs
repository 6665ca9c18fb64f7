//! What the runner knows of an environment at one of its versions: facts, egress policy, compiled
//! flows and custom connectors, who was judged to act through what, and for a few seconds the
//! credentials that were opened. All of it is thrown away when the version moves on, so nothing here
//! can be out of date.
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use connref_egress::Policy;
use connref_review::index::Index;
use connref_review::{Refusal, Use, connection_for_call, connection_for_call_in};
use connref_solution::model::{
    ApiName, ConnectionId, EnvironmentId, Facts, FlowId, Micros, PrincipalId,
};
use connref_store::credential::Opened;
use connref_store::{Store, StoreError};
use secrecy::SecretString;

use super::Inner;
use super::compiled::Compiled;
use super::error::RunError;
use super::resolve::Wanted;
use super::start::RUNNER;
use crate::connector::{Connector, Target};
use crate::token::TokenKey;

/// How long an opened credential is used again.
const OPENED_FOR: Duration = Duration::from_secs(4);
/// How often those whose time is over are looked for: none lies open for more than five seconds.
const SWEEP: Duration = Duration::from_secs(1);

/// A connection as a use sees it, but for its secrets.
#[derive(Clone)]
pub struct Endpoint {
    /// The credential, for the tokens that are made of it.
    pub key: TokenKey,
    /// Connector.
    pub api_name: ApiName,
    /// Owner of the connection.
    pub owner: PrincipalId,
    /// Where it leads.
    pub target: Target,
    /// Until when the credential before the last rotation comes back by itself.
    pub previous_until: Option<Micros>,
}

/// A connection with its opened credential, which is overwritten when the last user drops it.
pub struct Material {
    /// The connection.
    pub endpoint: Arc<Endpoint>,
    /// Secret fields.
    pub secrets: BTreeMap<String, SecretString>,
}

impl Material {
    pub(super) fn new(environment: &EnvironmentId, opened: Opened) -> Self {
        let key = TokenKey {
            environment: environment.clone(),
            connection: opened.id,
            version: opened.credential_version,
        };
        let endpoint = Arc::new(Endpoint {
            key,
            api_name: opened.api_name,
            owner: opened.owner,
            target: Target { endpoint: opened.endpoint, parameters: opened.parameters },
            previous_until: opened.previous_until,
        });
        Self { endpoint, secrets: opened.secrets }
    }
}

/// What a flow's keys reach for one principal.
type UsesByKey = BTreeMap<String, Arc<Use>>;

/// An environment at one version.
pub(super) struct Snapshot {
    pub(super) facts: Arc<Facts>,
    pub(super) policy: Policy,
    flows: Mutex<HashMap<FlowId, Arc<Compiled>>>,
    connectors: Mutex<HashMap<ApiName, Arc<dyn Connector>>>,
    uses: Mutex<HashMap<(FlowId, PrincipalId), UsesByKey>>,
    endpoints: Mutex<HashMap<ConnectionId, Arc<Endpoint>>>,
    opened: Mutex<HashMap<ConnectionId, (Instant, Arc<Material>)>>,
}

/// The newest snapshot of each environment.
#[derive(Default)]
pub(super) struct Snapshots(Mutex<HashMap<EnvironmentId, Arc<Snapshot>>>);

impl Snapshots {
    /// The environment as it is now. Costs one read by key.
    pub(super) async fn now(
        &self,
        store: &Store,
        environment: &EnvironmentId,
    ) -> Result<Arc<Snapshot>, StoreError> {
        let facts = store.facts(&RUNNER, environment).await?;
        if let Some(kept) = self.of(environment, &facts) {
            return Ok(kept);
        }
        let row = store.environment_get(&RUNNER, environment.as_str()).await?;
        let policy = Policy::parse(&row.allowed.join("\n"))
            .map_err(|error| StoreError::Invalid(error.to_string()))?;
        let made = Arc::new(Snapshot {
            facts,
            policy,
            flows: Mutex::default(),
            connectors: Mutex::default(),
            uses: Mutex::default(),
            endpoints: Mutex::default(),
            opened: Mutex::default(),
        });
        locked(&self.0).insert(environment.clone(), Arc::clone(&made));
        Ok(made)
    }

    /// The environment as it is now, if that is known without asking the database.
    pub(super) fn at_hand(
        &self,
        store: &Store,
        environment: &EnvironmentId,
    ) -> Result<Option<Arc<Snapshot>>, StoreError> {
        let facts = store.facts_at_hand(&RUNNER, environment)?;
        Ok(facts.and_then(|facts| self.of(environment, &facts)))
    }

    /// The environment as it was last read.
    pub(super) fn last(
        &self,
        store: &Store,
        environment: &EnvironmentId,
    ) -> Result<Option<Arc<Snapshot>>, StoreError> {
        let facts = store.facts_last(&RUNNER, environment)?;
        Ok(facts.and_then(|facts| self.of(environment, &facts)))
    }

    fn of(&self, environment: &EnvironmentId, facts: &Arc<Facts>) -> Option<Arc<Snapshot>> {
        let kept = locked(&self.0);
        kept.get(environment).filter(|kept| Arc::ptr_eq(&kept.facts, facts)).map(Arc::clone)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Snapshot {
    /// The flow, compiled.
    pub(super) async fn flow(
        &self,
        inner: &Inner,
        environment: &EnvironmentId,
        id: &FlowId,
    ) -> Result<Arc<Compiled>, RunError> {
        if let Some(found) = locked(&self.flows).get(id) {
            return Ok(Arc::clone(found));
        }
        let source = inner.store.flow_definition(&RUNNER, environment, id, None).await?;
        let compiled = inner.compiled.flow(environment.as_str(), &source)?;
        locked(&self.flows).insert(id.clone(), Arc::clone(&compiled));
        Ok(compiled)
    }

    /// A custom connector that was made for this version.
    pub(super) fn connector(&self, api: &ApiName) -> Option<Arc<dyn Connector>> {
        locked(&self.connectors).get(api).map(Arc::clone)
    }

    pub(super) fn connector_keep(&self, api: &ApiName, connector: &Arc<dyn Connector>) {
        locked(&self.connectors).insert(api.clone(), Arc::clone(connector));
    }

    /// Through which connection a call goes. A judgement over unchanged facts stays what it is;
    /// refusals are made anew, they are rare and should not fill memory.
    pub(super) fn used_by(&self, wanted: Wanted<'_>) -> Result<Arc<Use>, Refusal> {
        let Wanted { flow, key, principal, choices, .. } = wanted;
        if !choices.is_empty() {
            return connection_for_call(&self.facts, flow, key, principal, choices).map(Arc::new);
        }
        let asked = (flow.clone(), principal.clone());
        if let Some(found) = locked(&self.uses).get(&asked).and_then(|keys| keys.get(key)) {
            return Ok(Arc::clone(found));
        }
        // What the flow's other keys reach is asked for next: the index is made once for all.
        let index = Index::new(&self.facts);
        let judge = |key: &str| connection_for_call_in(&index, flow, key, principal, &[]);
        let judged = Arc::new(judge(key)?);
        let mut known = BTreeMap::from([(key.to_owned(), Arc::clone(&judged))]);
        let all = index.flow(flow).into_iter().flat_map(|flow| &flow.references);
        for other in all.filter(|other| other.key != key) {
            if let Ok(judged) = judge(&other.key) {
                known.insert(other.key.clone(), Arc::new(judged));
            }
        }
        locked(&self.uses).entry(asked).or_default().extend(known);
        Ok(judged)
    }

    /// A credential that was opened a moment ago.
    pub(super) fn opened(&self, connection: &ConnectionId) -> Option<Arc<Material>> {
        let opened = locked(&self.opened);
        let (since, material) = opened.get(connection)?;
        (since.elapsed() < OPENED_FOR).then(|| Arc::clone(material))
    }

    /// A connection that was opened at this version.
    pub(super) fn endpoint(&self, connection: &ConnectionId) -> Option<Arc<Endpoint>> {
        locked(&self.endpoints).get(connection).map(Arc::clone)
    }

    pub(super) fn endpoint_keep(&self, endpoint: &Arc<Endpoint>) {
        locked(&self.endpoints).insert(endpoint.key.connection.clone(), Arc::clone(endpoint));
    }

    /// Keeps an opened credential until its time is over.
    pub(super) fn keep(self: &Arc<Self>, material: &Arc<Material>) {
        let mut opened = locked(&self.opened);
        if opened.is_empty() {
            tokio::spawn(sweep(Arc::downgrade(self)));
        }
        let kept = (Instant::now(), Arc::clone(material));
        opened.insert(material.endpoint.key.connection.clone(), kept);
    }
}

/// Drops what was open long enough, until nothing is left.
async fn sweep(snapshot: Weak<Snapshot>) {
    loop {
        tokio::time::sleep(SWEEP).await;
        let Some(snapshot) = snapshot.upgrade() else { return };
        let mut opened = locked(&snapshot.opened);
        opened.retain(|_, (since, _)| since.elapsed() < OPENED_FOR);
        if opened.is_empty() {
            return;
        }
    }
}
