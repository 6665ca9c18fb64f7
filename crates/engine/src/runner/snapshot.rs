//! What the runner knows of an environment at one of its versions: facts, egress policy, compiled
//! flows and custom connectors, and who was judged to act through what. All of it is thrown away
//! when the version moves on, so nothing here can be out of date; asking costs one read by key.
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use connref_egress::Policy;
use connref_review::{Refusal, Use, connection_for_call};
use connref_solution::model::{ApiName, ConnectionId, EnvironmentId, Facts, FlowId, PrincipalId};
use connref_store::{Store, StoreError};

use super::Inner;
use super::compiled::Compiled;
use super::error::RunError;
use super::start::RUNNER;
use crate::connector::Connector;

/// An environment at one version.
pub(super) struct Snapshot {
    pub(super) facts: Arc<Facts>,
    pub(super) policy: Policy,
    flows: Mutex<HashMap<FlowId, Arc<Compiled>>>,
    connectors: Mutex<HashMap<ApiName, Arc<dyn Connector>>>,
    uses: Mutex<HashMap<Asked, Use>>,
}

/// Flow, key and principal of a judged call.
type Asked = (FlowId, String, PrincipalId);

/// The newest snapshot of each environment.
#[derive(Default)]
pub(super) struct Snapshots(Mutex<HashMap<EnvironmentId, Arc<Snapshot>>>);

impl Snapshots {
    /// The environment as it is now.
    pub(super) async fn now(
        &self,
        store: &Store,
        environment: &EnvironmentId,
    ) -> Result<Arc<Snapshot>, StoreError> {
        let facts = store.facts(&RUNNER, environment).await?;
        let kept = locked(&self.0).get(environment).map(Arc::clone);
        if let Some(kept) = kept.filter(|kept| Arc::ptr_eq(&kept.facts, &facts)) {
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
        });
        locked(&self.0).insert(environment.clone(), Arc::clone(&made));
        Ok(made)
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
    pub(super) fn used_by(
        &self,
        flow: &FlowId,
        key: &str,
        principal: &PrincipalId,
        choices: &[(String, ConnectionId)],
    ) -> Result<Use, Refusal> {
        if !choices.is_empty() {
            return connection_for_call(&self.facts, flow, key, principal, choices);
        }
        let asked = (flow.clone(), key.to_owned(), principal.clone());
        if let Some(found) = locked(&self.uses).get(&asked) {
            return Ok(found.clone());
        }
        let judged = connection_for_call(&self.facts, flow, key, principal, choices)?;
        locked(&self.uses).insert(asked, judged.clone());
        Ok(judged)
    }
}
