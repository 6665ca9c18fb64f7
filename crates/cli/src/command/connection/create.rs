//! `connref connection create`
use clap::{Args, ValueEnum};
use connref_client::connection::NewConnection;
use connref_store::source::{Ids, SystemIds};

use super::proof::ProofArgs;
use super::row;
use super::sign_in::{RedirectArgs, sign_in};
use crate::context::Context;
use crate::exit::{Exit, Failure, Outcome};
use crate::render::warning;
use crate::secret::{self, SecretArgs, pair};

/// Connector of a connection that only names an application: the vendor's tool makes no other.
const DATAVERSE: &str = "shared_commondataserviceforapps";

/// Arguments of `connection create`.
#[derive(Args, Debug)]
pub(crate) struct CreateArgs {
    /// Connector (shared_sql); with --application-id it may be left out and is Dataverse
    #[arg(value_name = "CONNECTOR")]
    connector_name: Option<String>,
    /// Connector, as an option
    #[arg(long, conflicts_with = "connector_name", value_name = "CONNECTOR")]
    connector: Option<String>,
    /// Display name
    #[arg(short, long)]
    name: String,
    /// Whose credential it holds
    #[arg(long, value_enum, ignore_case = true)]
    kind: Option<Kind>,
    /// Reach this instead of the public host (URL or host:port)
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// Connection parameter that is no secret
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = pair)]
    parameters: Vec<(String, String)>,
    /// Way to authenticate, for connectors with several (name of the parameter set)
    #[arg(long, value_name = "NAME")]
    parameter_set: Option<String>,
    #[command(flatten)]
    secrets: SecretArgs,
    #[command(flatten)]
    proof: ProofArgs,
    /// Sign in with a browser on this machine (authorization code with PKCE)
    #[arg(long, conflicts_with = "device_code")]
    sign_in: bool,
    /// Sign in on another device (device code)
    #[arg(long)]
    device_code: bool,
    #[command(flatten)]
    redirect: RedirectArgs,
    /// User or service principal that owns it; else you (administrators only)
    #[arg(long, value_name = "NAME")]
    owner: Option<String>,
    /// Application id of a service principal
    #[arg(short, long, value_name = "GUID")]
    application_id: Option<String>,
    /// Tenant of the service principal
    #[arg(short, long, value_name = "GUID", requires = "application_id")]
    tenant_id: Option<String>,
    /// Client secret; others can read it here, prefer --secret-file clientSecret=PATH
    #[arg(long, value_name = "SECRET", requires = "application_id")]
    client_secret: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    /// A person's credential
    User,
    /// A service principal's credential
    #[value(alias = "servicePrincipal")]
    ServicePrincipal,
    /// An API key or a connection string
    #[value(alias = "sharedKey")]
    SharedKey,
    /// No credential
    None,
}

impl Kind {
    fn wire(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::ServicePrincipal => "servicePrincipal",
            Self::SharedKey => "sharedKey",
            Self::None => "none",
        }
    }
}

/// A person signs in as themselves; an application is a service principal, and so is the host.
fn kind(parameters: &[(String, String)], application: Option<&str>) -> Option<&'static str> {
    let grant = parameters.iter().find(|(name, _)| name == "grantType").map(|(_, v)| v.as_str());
    match grant {
        Some("code" | "device_code") => Some("user"),
        Some("managed_identity") => Some("servicePrincipal"),
        _ => application.map(|_| "servicePrincipal"),
    }
}

impl CreateArgs {
    pub(super) async fn run(self, context: &Context) -> Outcome {
        let mut secrets = self.secrets.read()?;
        if let Some(secret) = &self.client_secret {
            warning(
                "a secret on the command line can be read by others on this machine; use --secret-file, --secret-env or --secret-stdin clientSecret",
            );
            secret::add(&mut secrets, "clientSecret", secret.as_str().into())?;
        }
        let ends = self.proof.secret_ends.clone();
        let mut parameters = self.parameters;
        self.proof.add(&mut parameters, &mut secrets)?;
        if self.sign_in || self.device_code {
            let grant = if self.sign_in { "code" } else { "device_code" };
            parameters.push(("grantType".to_owned(), grant.to_owned()));
        }
        let application = self.application_id.as_deref();
        let connector = self.connector_name.as_deref().or(self.connector.as_deref());
        let Some(connector) = connector.or(application.map(|_| DATAVERSE)) else {
            return Err(Failure::usage("no connector is named").fix("connref connector list"));
        };
        let mut new = NewConnection {
            connector,
            display_name: &self.name,
            kind: self.kind.map(Kind::wire).or(kind(&parameters, application)),
            secret_ends: ends.as_deref(),
            endpoint: self.endpoint.as_deref(),
            owner: self.owner.as_deref(),
            secrets,
            parameter_set: self.parameter_set.as_deref(),
            ..NewConnection::default()
        };
        let given = parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let own = [("clientId", application), ("tenantId", self.tenant_id.as_deref())];
        let own = own.into_iter().filter_map(|(name, value)| value.map(|value| (name, value)));
        for (name, value) in given.chain(own) {
            if new.parameters.insert(name.to_owned(), value.to_owned()).is_some() {
                return Err(Failure::usage(format!("the parameter `{name}` is given twice")));
            }
        }
        let id = SystemIds::default().connection_id();
        new.id = &id;
        let client = context.client().await?;
        let mut made = client.connection_create(&new).await?;
        if self.sign_in || self.device_code {
            made = match sign_in(&client, &made, self.device_code, &self.redirect).await {
                Ok(signed_in) => signed_in,
                Err(failure) => {
                    // Nothing half done: a connection that nobody signed in to is of no use.
                    if client.connection_delete(&made, true).await.is_err() {
                        warning("the connection that nobody signed in to could not be deleted");
                    }
                    return Err(failure);
                }
            };
        }
        let sentence = format!("connection {} created: {}", made.display_name, made.id);
        context.output.done(&sentence, &row(&made))?;
        Ok(Exit::Clean)
    }
}
