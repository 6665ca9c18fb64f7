//! `connref variable`
use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;

use crate::context::Context;
use crate::exit::{Exit, Outcome};
use crate::pick::pick;

/// Verbs of environment variables.
#[derive(Debug, Subcommand)]
pub(crate) enum VariableCommand {
    /// List environment variables and their values
    List,
    /// Make an environment variable
    Create(CreateArgs),
    /// Set the value of this environment
    Set {
        /// Schema name, id or unique prefix
        variable: String,
        /// Value
        value: String,
    },
}

/// Arguments of `variable create`.
#[derive(Args, Debug)]
pub(crate) struct CreateArgs {
    /// Schema name, with the publisher's prefix (contoso_site)
    name: String,
    /// Display name; else the schema name
    #[arg(long)]
    display_name: Option<String>,
    /// Type
    #[arg(long = "type", value_enum, default_value_t = Kind::String)]
    kind: Kind,
    /// Value where an environment has none of its own
    #[arg(long)]
    default: Option<String>,
    /// Unmanaged solution it goes into
    #[arg(long, value_name = "NAME")]
    solution: Option<String>,
}

/// In the order of their numbers, which begin at 100000000.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    String,
    Number,
    Boolean,
    Json,
    DataSource,
    Secret,
}

const KINDS: [&str; 6] = ["string", "number", "boolean", "json", "data source", "secret"];
const FIRST_KIND: i64 = 100_000_000;

impl VariableCommand {
    /// Runs the verb.
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        let client = context.client().await?;
        match self {
            Self::List => {
                let rows: Vec<_> = client
                    .variables()
                    .await?
                    .iter()
                    .map(|one| {
                        let kind = usize::try_from(one.kind - FIRST_KIND).ok();
                        json!({
                            "name": one.schema_name,
                            "displayName": one.display_name,
                            "id": one.id,
                            "type": kind.and_then(|kind| KINDS.get(kind)).unwrap_or(&"unknown"),
                            "default": one.default,
                            "value": one.value,
                            "managed": one.managed,
                        })
                    })
                    .collect();
                const COLUMNS: &[(&str, &str)] = &[
                    ("VARIABLE", "name"),
                    ("TYPE", "type"),
                    ("VALUE", "value"),
                    ("DEFAULT", "default"),
                ];
                context.output.list(COLUMNS, &rows)?;
            }
            Self::Create(args) => {
                let kind = FIRST_KIND + args.kind as i64;
                let name = args.display_name.as_deref().unwrap_or(&args.name);
                let (default, solution) = (args.default.as_deref(), args.solution.as_deref());
                let id = client.variable_create(&args.name, name, kind, default, solution).await?;
                let item = json!({"name": args.name, "id": id});
                context
                    .output
                    .done(&format!("environment variable {} created", args.name), &item)?;
            }
            Self::Set { variable, value } => {
                let one = pick(client.variables().await?, &variable)?;
                client.variable_set(&one, &value).await?;
                let item = json!({"name": one.schema_name, "id": one.id, "value": value});
                context
                    .output
                    .done(&format!("environment variable {} set", one.schema_name), &item)?;
            }
        }
        Ok(Exit::Clean)
    }
}
