//! `connref connector`
mod create;
mod download;
mod show;
mod update;
mod validate;

use clap::Subcommand;
use connref_client::connector::Connector;
use serde_json::{Value, json};

use crate::context::Context;
use crate::exit::{Exit, Outcome};
use crate::pick::pick;
use crate::render::Column;

// Verbs of connectors.
#[derive(Debug, Subcommand)]
pub(crate) enum ConnectorCommand {
    /// List connectors
    List,
    /// Show a connector: operations, connection parameters, ways to sign in, policies
    Show {
        /// Api name (shared_office365) or unique prefix
        connector: String,
    },
    /// Make a custom connector from its files
    Create(create::CreateArgs),
    /// Change a custom connector; its connections stay
    Update(update::UpdateArgs),
    /// Write a custom connector's files
    Download(download::DownloadArgs),
    /// Say what is wrong with a connector's files; offline
    Validate(validate::ValidateArgs),
}

impl ConnectorCommand {
    /// Runs the verb.
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        match self {
            Self::List => {
                let client = context.client().await?;
                let rows: Vec<_> = client.connectors().await?.iter().map(row).collect();
                const COLUMNS: &[Column] = &[
                    ("CONNECTOR", "name"),
                    ("NAME", "displayName"),
                    ("CUSTOM", "custom"),
                    ("SERVICE PRINCIPAL", "servicePrincipal"),
                ];
                context.output.list(COLUMNS, &rows)?;
                Ok(Exit::Clean)
            }
            Self::Show { connector } => {
                let client = context.client().await?;
                let found = pick(client.connectors().await?, &connector)?;
                // A list tells less than the connector itself.
                show::print(&client.connector(&found.name).await?, context.output)?;
                Ok(Exit::Clean)
            }
            Self::Create(args) => args.run(context).await,
            Self::Update(args) => args.run(context).await,
            Self::Download(args) => args.run(context).await,
            Self::Validate(args) => args.run(context),
        }
    }
}

/// What every answer tells of a connector.
fn row(one: &Connector) -> Value {
    json!({
        "name": one.name,
        "displayName": one.display_name,
        "description": one.description,
        "tier": one.tier,
        "custom": one.custom,
        "servicePrincipal": one.service_principal,
    })
}
