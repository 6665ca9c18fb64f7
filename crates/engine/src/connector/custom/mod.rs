//! Custom connectors: any service that a Swagger 2.0 definition describes.

mod authentication;
mod policy;
mod request;

use connref_flow::value::Value;
pub use connref_solution::connector::{ConnectorTexts, DefinitionError, PartNote};
use connref_solution::connector::{
    Definition, Operation, ParameterKind as FileKind, Place, Trigger, connector_read,
};
use connref_solution::model::facts::Capability;
use futures::future::BoxFuture;

use super::parameters::Parameters;
use super::rest::{self, Call};
use super::{
    Authentication, CallContext, CallError, ConnectionParameter, Connector, ConnectorMetadata,
    OperationCall, OperationMetadata, OperationResponse, ParameterKind, ParameterMetadata, Probe,
    ServicePrincipal, Support, Tier, body,
};
use policy::Policies;

/// A connector made from its definition.
#[derive(Debug)]
pub struct CustomConnector {
    api_name: String,
    definition: Definition,
    connection_parameters: Vec<ConnectionParameter>,
    authentication: Vec<Authentication>,
    service_principal: ServicePrincipal,
    policies: Policies,
    notes: Vec<PartNote>,
}

impl CustomConnector {
    /// Reads the parts of a connector as a solution carries them.
    ///
    /// Files that are not strict JSON are read where their meaning is plain; [`Self::notes`] lists
    /// the places. Policies that are not offered do not stop the connector: only calls of
    /// operations they apply to are refused, by the policy's name.
    ///
    /// # Errors
    /// If a part cannot be read at all, or the definition is not Swagger 2.0.
    pub fn from_parts(texts: &ConnectorTexts<'_>) -> Result<Self, DefinitionError> {
        let read = connector_read(texts)?;
        let mut parameters: Vec<ConnectionParameter> = Vec::new();
        for parameter in read.all_parameters() {
            let kind = match &parameter.kind {
                FileKind::OauthSetting => ParameterKind::Oauth,
                kind if kind.is_secret() => ParameterKind::Secret,
                _ => ParameterKind::String,
            };
            match parameters.iter_mut().find(|p| p.name == parameter.name) {
                // Sets may differ: what one of them keeps secret is secret, what one of them does
                // without is not required.
                Some(known) => {
                    known.required &= parameter.required;
                    if known.kind == ParameterKind::String {
                        known.kind = kind;
                    }
                }
                None => parameters.push(ConnectionParameter {
                    name: parameter.name.clone(),
                    kind,
                    required: parameter.required,
                    description: match parameter.description.as_str() {
                        "" => parameter.display_name.clone(),
                        text => text.to_owned(),
                    },
                }),
            }
        }
        let secrets = parameters.iter().filter(|p| p.kind == ParameterKind::Secret);
        let policies = Policies::new(&read.policies, secrets.map(|p| p.name.clone()).collect());
        let support = match read.authentication.service_principal.support {
            Capability::Yes => Support::Yes,
            Capability::No => Support::No,
            Capability::Unknown => Support::Unknown,
        };
        let reason = read.authentication.service_principal.reason.clone();
        Ok(Self {
            api_name: read.definition.title.clone(),
            authentication: authentication::kinds(&read.authentication),
            service_principal: ServicePrincipal { support, reason },
            definition: read.definition,
            connection_parameters: parameters,
            policies,
            notes: read.notes,
        })
    }

    /// Gives the connector its api name; until then it is called by its title.
    #[must_use]
    pub fn named(mut self, api_name: impl Into<String>) -> Self {
        self.api_name = api_name.into();
        self
    }

    /// Places that are not strict JSON.
    #[must_use]
    pub fn notes(&self) -> &[PartNote] {
        &self.notes
    }

    /// Operations in the order of the definition, each with the reason why it cannot be called, if
    /// there is one.
    pub fn operations(&self) -> impl Iterator<Item = (&Operation, Option<String>)> {
        self.definition.operations.iter().map(|one| (one, self.uncallable(one)))
    }

    fn uncallable(&self, operation: &Operation) -> Option<String> {
        match operation.trigger {
            Some(Trigger::Webhook) => Some(
                "it starts flows: its target calls back, at an address that connref does not offer"
                    .to_owned(),
            ),
            Some(Trigger::Polling) => Some(
                "it starts flows: it is asked again and again, not called by an action".to_owned(),
            ),
            None => self.policies.check(&operation.id).err().map(|error| error.to_string()),
        }
    }

    /// Policy templates that are not offered; calls they apply to are refused.
    #[must_use]
    pub fn unsupported_policies(&self) -> Vec<&str> {
        self.policies.unsupported()
    }

    /// The host that credentials are sent to unless a connection names an endpoint or a policy
    /// takes it from the connection's parameters.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        self.definition.host.as_deref()
    }

    async fn perform(
        &self,
        cx: &CallContext<'_>,
        operation: &Operation,
        p: &Parameters<'_>,
    ) -> Result<OperationResponse, CallError> {
        self.policies.check(&operation.id)?;
        let request = request::build(self, cx, operation, p)?;
        let mut call = Call { request };
        call.request.timeout = Some(cx.timeout);
        let mut answer = body::response(&call.send(cx).await?);
        if self.policies.changes_response(&operation.id) {
            let mut json = answer.body.to_json();
            self.policies.response(&operation.id, &mut answer.headers, &mut json)?;
            answer.body = Value::from_json(&json);
        }
        Ok(answer)
    }
}

impl Connector for CustomConnector {
    fn api_name(&self) -> &str {
        &self.api_name
    }

    fn metadata(&self) -> ConnectorMetadata {
        ConnectorMetadata {
            api_name: self.api_name.clone(),
            display_name: self.definition.title.clone(),
            tier: Tier::Premium,
            operations: self.definition.operations.iter().map(described).collect(),
            connection_parameters: self.connection_parameters.clone(),
            authentication: self.authentication.clone(),
            service_principal: self.service_principal.clone(),
        }
    }

    fn call<'a>(
        &'a self,
        cx: &'a CallContext<'a>,
        call: OperationCall<'a>,
    ) -> BoxFuture<'a, Result<OperationResponse, CallError>> {
        Box::pin(async move {
            let operation = self.definition.operation(call.operation_id).ok_or_else(|| {
                CallError::unsupported(
                    call.operation_id,
                    "the connector's definition has no such operation",
                )
            })?;
            self.perform(cx, operation, &Parameters::new(call.operation_id, call.parameters)).await
        })
    }

    fn probe<'a>(&'a self, cx: &'a CallContext<'a>) -> BoxFuture<'a, Result<Probe, CallError>> {
        Box::pin(async move {
            let nothing = connref_flow::value::Object::default();
            let harmless = self
                .definition
                .operations
                .iter()
                .find(|o| harmless(o) && self.policies.check(&o.id).is_ok());
            let Some(operation) = harmless else { return reach(self, cx).await };
            let base = request::base(self, cx, &operation.id)?;
            let answer =
                self.perform(cx, operation, &Parameters::new(&operation.id, &nothing)).await?;
            let target = rest::origin(&base);
            match answer.status {
                401 | 403 => Err(CallError::connection(format!(
                    "`{target}` refused the credential with status {}",
                    answer.status
                ))),
                status => Ok(Probe {
                    identity: None,
                    target,
                    detail: format!("`{}` answered with status {status}", operation.id),
                }),
            }
        })
    }
}

/// An operation as flows see it: parts of a body are parameters of their own.
fn described(operation: &Operation) -> OperationMetadata {
    let mut parameters = Vec::new();
    for p in &operation.parameters {
        if p.place == Place::Body && !p.properties.is_empty() {
            let inner = p.properties.iter();
            parameters.extend(inner.map(|(name, required)| ParameterMetadata {
                name: format!("{}/{name}", p.name),
                required: *required,
            }));
        } else {
            parameters.push(ParameterMetadata { name: p.name.clone(), required: p.required });
        }
    }
    let (id, summary) = (operation.id.clone(), operation.summary.clone());
    OperationMetadata { id, summary, parameters }
}

/// True if it only reads and needs nothing: a probe may call it.
fn harmless(operation: &Operation) -> bool {
    operation.method == "get"
        && operation.trigger.is_none()
        && operation.parameters.iter().all(|p| !p.required || p.default.is_some())
}

/// Opens a connection and says nothing: all that can be done without knowing an operation.
async fn reach(connector: &CustomConnector, cx: &CallContext<'_>) -> Result<Probe, CallError> {
    let base = request::base(connector, cx, "")?;
    let host = base.host_str().unwrap_or_default();
    cx.egress.connect(cx.policy, host, base.port_or_known_default().unwrap_or(443)).await?;
    Ok(Probe {
        identity: None,
        target: rest::origin(&base),
        detail: "the host takes connections; no operation can be tried without parameters"
            .to_owned(),
    })
}
