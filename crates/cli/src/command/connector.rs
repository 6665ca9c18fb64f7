//! `connref connector`
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use connref_client::connector::{Connector, NewConnector};
use serde_json::{Value, json};

use super::read_text;
use crate::context::Context;
use crate::exit::{Exit, Failure, Outcome};
use crate::pick::pick;

/// Verbs of connectors.
#[derive(Debug, Subcommand)]
pub(crate) enum ConnectorCommand {
    /// List connectors
    List,
    /// Show a connector with its operations and parameters
    Show {
        /// Api name (shared_office365) or unique prefix
        connector: String,
    },
    /// Make a custom connector from its definition
    Create(CreateArgs),
}

/// Arguments of `connector create`.
#[derive(Args, Debug)]
pub(crate) struct CreateArgs {
    /// Swagger 2.0 definition
    #[arg(long, alias = "api-definition-file", value_name = "PATH")]
    api_definition: PathBuf,
    /// Connection parameters and policies
    #[arg(long, alias = "api-properties-file", value_name = "PATH")]
    api_properties: Option<PathBuf>,
    /// Display name; else the definition's title
    #[arg(long)]
    name: Option<String>,
    /// Unmanaged solution it goes into
    #[arg(long, value_name = "NAME")]
    solution: Option<String>,
}

impl ConnectorCommand {
    /// Runs the verb.
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        match self {
            Self::List => {
                let client = context.client().await?;
                let rows: Vec<_> = client.connectors().await?.iter().map(row).collect();
                const COLUMNS: &[(&str, &str)] = &[
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
                // A list may tell less than the connector itself.
                let whole = client.connector(&found.name).await?;
                context.output.one(&row(&whole))?;
                Ok(Exit::Clean)
            }
            Self::Create(args) => args.run(context).await,
        }
    }
}

impl CreateArgs {
    async fn run(self, context: &Context) -> Outcome {
        let definition = read_text(&self.api_definition, "the definition")?;
        let properties = self.api_properties.as_deref().map(properties).transpose()?;
        let title = title(&definition);
        let Some(display_name) = self.name.as_deref().or(title.as_deref()) else {
            return Err(Failure::usage("the definition has no title, or is not strict JSON")
                .fix("give the connector's name with --name"));
        };
        let new = NewConnector {
            display_name,
            definition: &definition,
            properties: properties.as_ref(),
            solution: self.solution.as_deref(),
        };
        let made = context.client().await?.connector_create(&new).await?;
        let sentence = format!("connector {} created: {}", made.display_name, made.name);
        context.output.done(&sentence, &row(&made))?;
        Ok(Exit::Clean)
    }
}

/// `info.title` of a definition.
fn title(definition: &str) -> Option<String> {
    let document: Value = serde_json::from_str(definition).ok()?;
    document["info"]["title"].as_str().filter(|title| !title.is_empty()).map(str::to_owned)
}

/// `properties` of an apiProperties.json.
fn properties(path: &Path) -> Result<Value, Failure> {
    let text = read_text(path, "the connector's properties")?;
    let mut document: Value = serde_json::from_str(&text).map_err(|error| {
        Failure::new(Exit::Usage, error).context(format!("cannot read `{}`", path.display()))
    })?;
    match document.get_mut("properties").map(Value::take) {
        Some(properties @ Value::Object(_)) => Ok(properties),
        _ => Err(Failure::usage(format!("`{}` has no `properties` object", path.display()))),
    }
}

fn row(one: &Connector) -> Value {
    json!({
        "name": one.name,
        "displayName": one.display_name,
        "description": one.description,
        "tier": one.tier,
        "custom": one.custom,
        "servicePrincipal": one.service_principal,
        "parameters": one.parameters.iter().map(|(name, kind)| format!("{name} ({kind})")).collect::<Vec<_>>(),
        "operations": one.operations,
    })
}
