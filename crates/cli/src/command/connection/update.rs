//! `connref connection update`
use clap::Args;
use connref_client::connection::NewConnection;

use super::proof::ProofArgs;
use super::{Which, row};
use crate::context::Context;
use crate::exit::{Exit, Failure, Outcome};
use crate::secret::{SecretArgs, pair};

/// Arguments of `connection update`.
#[derive(Args, Debug)]
pub(crate) struct UpdateArgs {
    #[command(flatten)]
    which: Which,
    /// New display name
    #[arg(short, long)]
    name: Option<String>,
    /// Reach this instead of the public host (URL or host:port)
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// Connection parameter that is no secret
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = pair)]
    parameters: Vec<(String, String)>,
    #[command(flatten)]
    secrets: SecretArgs,
    #[command(flatten)]
    proof: ProofArgs,
}

impl UpdateArgs {
    pub(super) async fn run(self, context: &Context) -> Outcome {
        let mut secrets = self.secrets.read()?;
        let ends = self.proof.secret_ends.clone();
        let mut parameters = self.parameters;
        self.proof.add(&mut parameters, &mut secrets)?;
        let nothing = self.name.is_none()
            && self.endpoint.is_none()
            && ends.is_none()
            && parameters.is_empty()
            && secrets.is_empty();
        if nothing {
            return Err(Failure::usage("there is nothing to change")
                .fix("connref connection update --help"));
        }
        let client = context.client().await?;
        let connection = self.which.find(&client).await?;
        let changed = client
            .connection_update(&NewConnection {
                id: &connection.id,
                connector: &connection.connector,
                display_name: self.name.as_deref().unwrap_or(&connection.display_name),
                endpoint: self.endpoint.as_deref(),
                parameters: parameters.into_iter().collect(),
                secrets,
                secret_ends: ends.as_deref(),
                ..NewConnection::default()
            })
            .await?;
        let sentence = format!("connection {} changed", changed.display_name);
        context.output.done(&sentence, &row(&changed))?;
        Ok(Exit::Clean)
    }
}
