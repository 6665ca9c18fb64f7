//! `connref variable`
use clap::{Args, Subcommand, ValueEnum};
use connref_client::variable::{Variable, VariableNew, VariableShown};
use serde_json::{Value, json};

use crate::context::Context;
use crate::exit::{Exit, Failure, Outcome};
use crate::pick::pick;
use crate::render::note;

// Verbs of environment variables.
#[derive(Debug, Subcommand)]
pub(crate) enum VariableCommand {
    /// List environment variables and their values
    List,
    /// Show an environment variable with the layers of its value and the flows that read it
    Show {
        /// Schema name, id or unique prefix
        variable: String,
    },
    /// Make an environment variable
    Create(CreateArgs),
    /// Change the definition of an environment variable
    Update(UpdateArgs),
    /// Set the value of this environment
    Set {
        /// Schema name, id or unique prefix
        variable: String,
        /// Value; for a secret the place where it lies in a store
        value: String,
    },
    /// Take the value of this environment away; the base or the default counts again
    Unset {
        /// Schema name, id or unique prefix
        variable: String,
    },
    /// Try whether the secret of a Secret variable can be read; never shows it
    Test {
        /// Schema name, id or unique prefix
        variable: String,
    },
    /// Delete an environment variable with its value
    Delete {
        /// Schema name, id or unique prefix
        variable: String,
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
    /// Description
    #[arg(long)]
    description: Option<String>,
    /// Type
    #[arg(long = "type", value_enum, default_value_t = Kind::String)]
    kind: Kind,
    /// Value where an environment has none of its own
    #[arg(long)]
    default: Option<String>,
    /// Every environment has to give it a value
    #[arg(long)]
    required: bool,
    /// Connector of a data source (shared_sharepointonline)
    #[arg(long, value_name = "CONNECTOR")]
    connector: Option<String>,
    /// Parameter of that connector (dataset, table)
    #[arg(long, value_name = "KEY")]
    parameter: Option<String>,
    /// Data source it lies in: the site of a list
    #[arg(long, value_name = "VARIABLE")]
    parent: Option<String>,
    /// Unmanaged solution it goes into
    #[arg(long, value_name = "NAME")]
    solution: Option<String>,
}

/// Arguments of `variable update`.
#[derive(Args, Debug)]
pub(crate) struct UpdateArgs {
    /// Schema name, id or unique prefix
    variable: String,
    /// Display name
    #[arg(long)]
    display_name: Option<String>,
    /// Description
    #[arg(long)]
    description: Option<String>,
    /// Value where an environment has none of its own; empty takes it away
    #[arg(long)]
    default: Option<String>,
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

fn kind_name(kind: i64) -> &'static str {
    let at = usize::try_from(kind - FIRST_KIND).ok();
    at.and_then(|at| KINDS.get(at)).copied().unwrap_or("unknown")
}

impl VariableCommand {
    /// Runs the verb.
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        let client = context.client().await?;
        match self {
            Self::List => {
                let rows: Vec<_> = client.variables().await?.iter().map(row).collect();
                const COLUMNS: &[(&str, &str)] = &[
                    ("VARIABLE", "name"),
                    ("TYPE", "type"),
                    ("VALUE", "value"),
                    ("DEFAULT", "default"),
                ];
                context.output.list(COLUMNS, &rows)?;
            }
            Self::Show { variable } => {
                let one = pick(client.variables().await?, &variable)?;
                show(context, &client.variable_show(&one).await?)?;
            }
            Self::Create(args) => args.run(context).await?,
            Self::Update(args) => args.run(context).await?,
            Self::Set { variable, value } => {
                let one = pick(client.variables().await?, &variable)?;
                client.variable_set(&one, &value).await?;
                done(context, "set", &one, json!({"value": value}))?;
            }
            Self::Unset { variable } => {
                let one = pick(client.variables().await?, &variable)?;
                let own = one.value_id.as_ref().filter(|_| !one.value_managed);
                let Some(id) = own else {
                    note(&format!("{} has no value of this environment", one.schema_name));
                    return Ok(Exit::Clean);
                };
                client.variable_unset(&one, id).await?;
                let after = pick(client.variables().await?, &one.id)?;
                let value = after.value.or(after.default);
                done(context, "unset", &one, json!({"value": value}))?;
            }
            Self::Test { variable } => {
                let one = pick(client.variables().await?, &variable)?;
                client.variable_test(&one).await?;
                let item = json!({"name": one.schema_name, "id": one.id, "readable": true});
                let sentence = format!("the secret of {} can be read", one.schema_name);
                context.output.done(&sentence, &item)?;
            }
            Self::Delete { variable } => {
                let one = pick(client.variables().await?, &variable)?;
                client.variable_delete(&one).await?;
                done(context, "deleted", &one, json!({}))?;
            }
        }
        Ok(Exit::Clean)
    }
}

fn done(context: &Context, what: &str, one: &Variable, more: Value) -> Result<(), Failure> {
    let mut item = json!({"name": one.schema_name, "id": one.id});
    if let (Some(item), Value::Object(more)) = (item.as_object_mut(), more) {
        item.extend(more);
    }
    context.output.done(&format!("environment variable {} {what}", one.schema_name), &item)
}

fn row(one: &Variable) -> Value {
    json!({
        "name": one.schema_name,
        "displayName": one.display_name,
        "id": one.id,
        "type": kind_name(one.kind),
        "default": one.default,
        "value": one.value,
        "managed": one.managed,
    })
}

fn show(context: &Context, shown: &VariableShown) -> Result<(), Failure> {
    let mut item = row(&shown.variable);
    item["description"] = json!(shown.description);
    item["own"] = json!(shown.own);
    item["base"] = json!(shown.base);
    item["connector"] = json!(shown.api);
    item["parameter"] = json!(shown.parameter);
    item["parent"] = json!(shown.parent);
    item["flows"] = json!(shown.flows);
    context.output.one(&item)
}

impl CreateArgs {
    async fn run(self, context: &Context) -> Result<(), Failure> {
        let client = context.client().await?;
        let parent_id = match &self.parent {
            Some(parent) => Some(pick(client.variables().await?, parent)?.id),
            None => None,
        };
        let new = VariableNew {
            display_name: self.display_name.unwrap_or_else(|| self.name.clone()),
            schema_name: self.name,
            description: self.description,
            kind: FIRST_KIND + self.kind as i64,
            default: self.default,
            required: self.required,
            api: self.connector,
            parameter: self.parameter,
            parent_id,
            solution: self.solution,
        };
        let id = client.variable_create(&new).await?;
        let item = json!({"name": new.schema_name, "id": id});
        context.output.done(&format!("environment variable {} created", new.schema_name), &item)
    }
}

impl UpdateArgs {
    async fn run(self, context: &Context) -> Result<(), Failure> {
        if self.display_name.is_none() && self.description.is_none() && self.default.is_none() {
            return Err(Failure::usage(
                "nothing to change: give --display-name, --description or --default",
            ));
        }
        let client = context.client().await?;
        let one = pick(client.variables().await?, &self.variable)?;
        let (display_name, description, default) =
            (self.display_name.as_deref(), self.description.as_deref(), self.default.as_deref());
        client.variable_update(&one, display_name, description, default).await?;
        done(context, "changed", &one, json!({}))
    }
}
