//! Custom connectors: any service that a Swagger 2.0 definition describes.

mod authentication;
mod definition;
mod lenient;
mod policy;
mod reference;
mod request;

use connref_flow::value::Value;
use futures::future::BoxFuture;
use serde_json::{Map, Value as Json};

use super::parameters::Parameters;
use super::rest::{self, Call};
use super::{
    Authentication, CallContext, CallError, ConnectionParameter, Connector, ConnectorMetadata,
    OperationCall, OperationResponse, ParameterKind, Probe, ServicePrincipal, Support, Tier, body,
};
pub use definition::DefinitionError;
use definition::{Definition, Operation};
pub use lenient::Leniency;
use policy::Policies;

/// Largest part of a connector that is read.
const MAX_PART: usize = 8 * 1024 * 1024;

/// A connector made from its definition.
#[derive(Debug)]
pub struct CustomConnector {
    api_name: String,
    definition: Definition,
    connection_parameters: Map<String, Json>,
    policies: Policies,
    report: Vec<Leniency>,
}

impl CustomConnector {
    /// Reads the parts of a connector as a solution carries them: the Swagger 2.0 definition, the
    /// connection parameters (an object by name) and the policy template instances (an array).
    ///
    /// Files that are not strict JSON are read where their meaning is plain; [`Self::report`] lists
    /// what was forgiven. Policies that are not offered do not stop the connector: only calls of
    /// operations they apply to are refused, by the policy's name.
    ///
    /// # Errors
    /// If a part cannot be read at all, or the definition is not Swagger 2.0.
    pub fn from_parts(
        openapi: &str,
        connection_parameters: Option<&str>,
        policy_templates: Option<&str>,
    ) -> Result<Self, DefinitionError> {
        let mut report = Vec::new();
        let mut part = |name: &'static str, text: &str| {
            if text.len() > MAX_PART {
                return Err(DefinitionError::TooLarge { part: name, limit: MAX_PART });
            }
            lenient::read(text, &mut report).map_err(|(line, reason)| DefinitionError::Json {
                part: name,
                line,
                reason,
            })
        };
        let swagger = part("definition", openapi)?;
        let parameters =
            connection_parameters.map(|t| part("connection parameters", t)).transpose()?;
        let policies = policy_templates.map(|t| part("policy templates", t)).transpose()?;
        let definition = Definition::read(&swagger)?;
        let connection_parameters = match parameters {
            None | Some(Json::Null) => Map::new(),
            Some(Json::Object(map)) => map,
            Some(_) => {
                return Err(DefinitionError::Shape {
                    reason: "the connection parameters are not an object".to_owned(),
                });
            }
        };
        let policies = Policies::read(policies.as_ref(), &connection_parameters)?;
        Ok(Self {
            api_name: definition.title.clone(),
            definition,
            connection_parameters,
            policies,

            report,
        })
    }

    /// Gives the connector its api name; until then it is called by its title.
    #[must_use]
    pub fn named(mut self, api_name: impl Into<String>) -> Self {
        self.api_name = api_name.into();
        self
    }

    /// What was forgiven while reading.
    #[must_use]
    pub fn report(&self) -> &[Leniency] {
        &self.report
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

    fn parameters_of_connections(&self) -> Vec<ConnectionParameter> {
        let read = |(name, json): (&String, &Json)| {
            let kind =
                json.get("type").and_then(Json::as_str).unwrap_or("string").to_ascii_lowercase();
            let ui = json.get("uiDefinition");
            let text = |at: &str| ui.and_then(|u| u.get(at)).and_then(Json::as_str);
            let required = ui.and_then(|u| u.pointer("/constraints/required"));
            ConnectionParameter {
                name: name.clone(),
                kind: match kind.as_str() {
                    "securestring" => ParameterKind::Secret,
                    "oauthsetting" => ParameterKind::Oauth,
                    _ => ParameterKind::String,
                },
                required: required.is_some_and(|r| {
                    r == &Json::Bool(true)
                        || r.as_str().is_some_and(|t| t.eq_ignore_ascii_case("true"))
                }),
                description: text("description")
                    .or_else(|| text("displayName"))
                    .unwrap_or_default()
                    .to_owned(),
            }
        };
        self.connection_parameters.iter().map(read).collect()
    }
}

impl Connector for CustomConnector {
    fn api_name(&self) -> &str {
        &self.api_name
    }

    fn metadata(&self) -> ConnectorMetadata {
        let connection_parameters = self.parameters_of_connections();
        let authentication = authentication::kinds(&self.definition, &connection_parameters);
        let (support, reason) = if authentication.contains(&Authentication::OauthUser) {
            (
                Support::Unknown,
                "the definition signs in with OAuth; whether an application may is up to its identity provider",
            )
        } else {
            (Support::Yes, "no person signs in: the connection carries a shared secret or none")
        };
        ConnectorMetadata {
            api_name: self.api_name.clone(),
            display_name: self.definition.title.clone(),
            tier: Tier::Premium,
            operations: self.definition.operations.values().map(Operation::metadata).collect(),
            connection_parameters,
            authentication,
            service_principal: ServicePrincipal { support, reason: reason.to_owned() },
        }
    }

    fn call<'a>(
        &'a self,
        cx: &'a CallContext<'a>,
        call: OperationCall<'a>,
    ) -> BoxFuture<'a, Result<OperationResponse, CallError>> {
        Box::pin(async move {
            let operation = self.definition.operations.get(call.operation_id).ok_or_else(|| {
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
                .values()
                .find(|o| o.harmless() && self.policies.check(&o.id).is_ok());
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
