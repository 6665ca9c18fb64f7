//! From the name of a variable to its value: for the action that reads a secret, and for
//! `@environmentVariables('name')` in the parameters of a connection.
use std::collections::BTreeMap;

use connref_egress::Policy;
use connref_solution::model::variable::{ValueError, environment_variables_call};
use connref_solution::model::{EnvironmentId, SecretReference, VariableKind};
use connref_store::access::Caller;
use connref_store::variable::Variable;
use connref_store::{Store, StoreError};
use secrecy::{ExposeSecret, SecretString};

use super::{SecretError, Secrets};
use crate::connector::Target;

/// Why a variable gives nothing.
#[derive(Debug, thiserror::Error)]
pub enum VariableError {
    /// The store refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It has neither a value nor a default.
    #[error("environment variable `{name}` has no value in this environment")]
    NoValue {
        /// Name.
        name: String,
    },
    /// It is asked for a secret and holds none.
    #[error("environment variable `{name}` is no secret")]
    NotSecret {
        /// Name.
        name: String,
    },
    /// A secret would be shown there.
    #[error("environment variable `{name}` is a secret and cannot stand in an endpoint")]
    InTheOpen {
        /// Name.
        name: String,
    },
    /// What it holds is no reference.
    #[error("environment variable `{name}` holds no reference to a secret")]
    Reference {
        /// Name.
        name: String,
        /// What a reference looks like.
        #[source]
        source: ValueError,
    },
    /// The secret was not had.
    #[error(transparent)]
    Secret(#[from] SecretError),
}

impl VariableError {
    /// True if the same request may succeed later.
    pub fn retryable(&self) -> bool {
        matches!(self, Self::Secret(error) if error.retryable())
    }

    /// The status an HTTP edge answers with.
    pub fn status(&self) -> u16 {
        match self {
            Self::Store(StoreError::NotFound { .. }) => 404,
            Self::Store(StoreError::Denied { .. }) => 403,
            Self::Store(_) => 500,
            Self::Secret(error) => error.status(),
            _ => 400,
        }
    }
}

impl Secrets {
    /// The secret of a Secret variable, for a caller that may read the variable.
    ///
    /// # Errors
    /// If the caller may not, the variable is no secret or has no value, or the secret is not had.
    pub async fn variable(
        &self,
        store: &Store,
        caller: &Caller,
        environment: &EnvironmentId,
        policy: &Policy,
        name: &str,
    ) -> Result<SecretString, VariableError> {
        let variable = store.variable_get(caller, environment, name).await?;
        self.secret(environment, policy, &variable).await
    }

    async fn secret(
        &self,
        environment: &EnvironmentId,
        policy: &Policy,
        variable: &Variable,
    ) -> Result<SecretString, VariableError> {
        let name = || variable.schema_name.to_string();
        if variable.variable_kind() != Some(VariableKind::Secret) {
            return Err(VariableError::NotSecret { name: name() });
        }
        let text = variable.value().ok_or_else(|| VariableError::NoValue { name: name() })?;
        let reference = SecretReference::parse(text)
            .map_err(|source| VariableError::Reference { name: name(), source })?;
        Ok(self.read(policy, environment, &reference).await?)
    }

    /// Puts values in the place of `@environmentVariables('name')` in a connection's endpoint,
    /// parameters and secret fields. What a Secret variable gives is a secret field from here on.
    ///
    /// # Errors
    /// If the caller may not read a variable, or one of them gives nothing.
    pub async fn connection(
        &self,
        store: &Store,
        caller: &Caller,
        environment: &EnvironmentId,
        policy: &Policy,
        target: &mut Target,
        secrets: &mut BTreeMap<String, SecretString>,
    ) -> Result<(), VariableError> {
        if let Some(name) = target.endpoint.as_deref().and_then(environment_variables_call) {
            let variable = store.variable_get(caller, environment, name).await?;
            target.endpoint = Some(plain(&variable)?);
        }
        let asked: Vec<(String, String)> = target
            .parameters
            .iter()
            .filter_map(|(key, text)| {
                Some((key.clone(), environment_variables_call(text)?.to_owned()))
            })
            .collect();
        for (key, name) in asked {
            let variable = store.variable_get(caller, environment, &name).await?;
            if variable.variable_kind() == Some(VariableKind::Secret) {
                target.parameters.remove(&key);
                secrets.insert(key, self.secret(environment, policy, &variable).await?);
            } else {
                target.parameters.insert(key, plain(&variable)?);
            }
        }
        let asked: Vec<(String, String)> = secrets
            .iter()
            .filter_map(|(key, text)| {
                let name = environment_variables_call(text.expose_secret())?;
                Some((key.clone(), name.to_owned()))
            })
            .collect();
        for (key, name) in asked {
            let variable = store.variable_get(caller, environment, &name).await?;
            let value = if variable.variable_kind() == Some(VariableKind::Secret) {
                self.secret(environment, policy, &variable).await?
            } else {
                plain(&variable)?.into()
            };
            secrets.insert(key, value);
        }
        Ok(())
    }
}

/// Whether a connection has to be resolved before its use.
pub(crate) fn asks(target: &Target, secrets: &BTreeMap<String, SecretString>) -> bool {
    let open = target.parameters.values().chain(&target.endpoint);
    open.map(String::as_str)
        .chain(secrets.values().map(|secret| secret.expose_secret()))
        .any(|text| environment_variables_call(text).is_some())
}

/// The value of a variable that is no secret: a secret has no place where it is shown.
fn plain(variable: &Variable) -> Result<String, VariableError> {
    let name = || variable.schema_name.to_string();
    if variable.variable_kind() == Some(VariableKind::Secret) {
        return Err(VariableError::InTheOpen { name: name() });
    }
    variable.value().map(str::to_owned).ok_or_else(|| VariableError::NoValue { name: name() })
}
