//! What a connection proves itself with: flags for what would otherwise be parameters and secret
//! fields by name.
use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use secrecy::SecretString;

use crate::exit::Failure;
use crate::secret;

/// Flags for credentials.
#[derive(Args, Debug, Default)]
pub(super) struct ProofArgs {
    /// User name of a user name and password (the password: --secret-stdin password)
    #[arg(long, value_name = "NAME", help_heading = "Credential")]
    username: Option<String>,
    /// PEM file with a certificate and its RSA key, instead of a client secret
    #[arg(long, value_name = "PATH", help_heading = "Credential")]
    certificate_file: Option<PathBuf>,
    /// File that the server's host writes a workload's federated token to; the environment must
    /// allow its folder (a token's value: --secret-stdin federatedToken)
    #[arg(long, value_name = "PATH", help_heading = "Credential")]
    federated_token_file: Option<String>,
    /// Use the identity of the server's host; the environment must allow identity:ADDRESS
    #[arg(long, help_heading = "Credential")]
    managed_identity: bool,
    /// Endpoint of that identity, if it is not the instance metadata service
    #[arg(long, value_name = "URL", requires = "managed_identity", help_heading = "Credential")]
    identity_endpoint: Option<String>,
    /// Issuer whose own description tells where to sign in and get tokens
    #[arg(long, value_name = "URL", help_heading = "Credential")]
    issuer: Option<String>,
    /// Where tokens come from, if neither tenant nor issuer tells
    #[arg(long, value_name = "URL", help_heading = "Credential")]
    token_url: Option<String>,
    /// What the token is for: scopes
    #[arg(long, value_name = "SCOPES", help_heading = "Credential")]
    scope: Option<String>,
    /// What the token is for: a resource
    #[arg(long, value_name = "URL", conflicts_with = "scope", help_heading = "Credential")]
    resource: Option<String>,
    /// When the secret ends (2027-03-31); a certificate tells itself
    #[arg(long, value_name = "DATE", help_heading = "Credential")]
    pub(super) secret_ends: Option<String>,
}

impl ProofArgs {
    /// Adds them to the parameters and secrets given by name.
    pub(super) fn add(
        self,
        parameters: &mut Vec<(String, String)>,
        secrets: &mut BTreeMap<String, SecretString>,
    ) -> Result<(), Failure> {
        if let Some(path) = &self.certificate_file {
            secret::add(secrets, "certificate", secret::from_file(path)?)?;
        }
        let identity = self.managed_identity.then(|| "managed_identity".to_owned());
        for (name, value) in [
            ("username", self.username),
            ("federatedTokenFile", self.federated_token_file),
            ("grantType", identity),
            ("identityEndpoint", self.identity_endpoint),
            ("issuer", self.issuer),
            ("tokenUrl", self.token_url),
            ("scope", self.scope),
            ("resource", self.resource),
        ] {
            parameters.extend(value.map(|value| (name.to_owned(), value)));
        }
        Ok(())
    }
}
