//! `connref connector update`
use clap::Args;
use connref_client::connector::ConnectorChange;

use super::create::{FileArgs, warnings};
use super::show::whole;
use crate::context::Context;
use crate::exit::{Exit, Failure, Outcome};
use crate::pick::pick;

/// Arguments of `connector update`.
#[derive(Args, Debug)]
pub(crate) struct UpdateArgs {
    /// Connector: api name or unique prefix
    #[arg(long, short, value_name = "NAME")]
    connector_id: String,
    #[command(flatten)]
    files: FileArgs,
    /// New display name
    #[arg(long)]
    name: Option<String>,
    /// Let the credentials of others' connections go to hosts that are new (administrators only)
    #[arg(long)]
    accept_new_targets: bool,
}

impl UpdateArgs {
    pub(super) async fn run(self, context: &Context) -> Outcome {
        let file = self.files.read()?;
        if file.definition.is_none() && file.properties.is_none() && self.name.is_none() {
            return Err(Failure::usage("there is nothing to change")
                .fix("name a folder, --api-definition-file, --api-properties-file or --name"));
        }
        let client = context.client().await?;
        let found = pick(client.connectors().await?, &self.connector_id)?;
        let change = ConnectorChange {
            display_name: self.name.as_deref(),
            definition: file.definition.as_deref(),
            properties: file.properties.as_ref(),
            accept_targets: self.accept_new_targets,
        };
        let made = client.connector_update(&found.name, &change).await?;
        warnings(&made);
        let sentence = format!("connector {} changed: {}", made.display_name, made.name);
        context.output.done(&sentence, &whole(&made))?;
        Ok(Exit::Clean)
    }
}
