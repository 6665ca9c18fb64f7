//! `connref env`
use clap::{Args, Subcommand, ValueEnum};
use connref_client::environment::Environment;
use serde_json::{Value, json};

use crate::context::Context;
use crate::exit::{Exit, Outcome};
use crate::pick::pick;
use crate::render::note;

// Verbs of environments.
#[derive(Debug, Subcommand)]
pub(crate) enum EnvCommand {
    /// Make an environment
    Create(CreateArgs),
    /// List environments
    List,
    /// Show an environment
    Show {
        /// Name or id
        name: String,
    },
    /// Allow an environment to reach private addresses and folders, or its variables to point to secrets
    Allow {
        /// Name or id
        name: String,
        /// 127.0.0.1:8080, 10.0.0.0/8:5432, file:/folder, or secret: and a place of secrets
        /// (vault://mount/path, env://NAME, file:/folder, /subscriptions/…/vaults/NAME)
        #[arg(required = true, value_name = "ENTRY")]
        entries: Vec<String>,
    },
}

/// Arguments of `env create`.
#[derive(Args, Debug)]
pub(crate) struct CreateArgs {
    /// Name: letters, digits and dashes
    name: String,
    /// What it is for
    #[arg(long, value_enum, ignore_case = true, default_value_t = Kind::Developer)]
    kind: Kind,
    /// Behave with the full practice, or as the vendor's service does, refusals included
    #[arg(long, value_enum, default_value_t = Fidelity::Extended)]
    fidelity: Fidelity,
    /// Private address or folder that connections may reach (127.0.0.1:8080, file:/folder)
    #[arg(long, value_name = "ENTRY")]
    allow: Vec<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    Developer,
    #[value(alias = "sandbox")]
    Test,
    Production,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Fidelity {
    Extended,
    Dataverse,
}

impl EnvCommand {
    /// Runs the verb.
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        let client = context.control().await?;
        match self {
            Self::Create(args) => return args.run(context).await,
            Self::List => {
                let rows: Vec<_> = client.environments().await?.iter().map(row).collect();
                if rows.is_empty() {
                    note("no environments; make one: connref env create dev");
                }
                const COLUMNS: &[(&str, &str)] = &[
                    ("ENVIRONMENT", "name"),
                    ("KIND", "kind"),
                    ("FIDELITY", "fidelity"),
                    ("URL", "url"),
                ];
                context.output.list(COLUMNS, &rows)?;
            }
            Self::Show { name } => {
                let environment = pick(client.environments().await?, &name)?;
                context.output.one(&row(&environment))?;
            }
            Self::Allow { name, entries } => {
                let environment = pick(client.environments().await?, &name)?;
                let mut allowed = environment.allowed.clone();
                allowed.extend(
                    entries.into_iter().filter(|entry| !environment.allowed.contains(entry)),
                );
                let changed = client.environment_allow(&environment.id, &allowed).await?;
                let sentence = format!(
                    "environment {} may reach {}",
                    changed.name,
                    changed.allowed.join(", ")
                );
                context.output.done(&sentence, &row(&changed))?;
            }
        }
        Ok(Exit::Clean)
    }
}

impl CreateArgs {
    async fn run(self, context: &Context) -> Outcome {
        let client = context.control().await?;
        // The vendor's word for a test environment.
        let kind = match self.kind {
            Kind::Developer => "Developer",
            Kind::Test => "Sandbox",
            Kind::Production => "Production",
        };
        let fidelity = match self.fidelity {
            Fidelity::Extended => "extended",
            Fidelity::Dataverse => "dataverse",
        };
        let made = client.environment_create(&self.name, kind, fidelity, &self.allow).await?;
        context.output.done(&format!("environment {} created", made.name), &row(&made))?;
        Ok(Exit::Clean)
    }
}

fn row(one: &Environment) -> Value {
    let kind = match one.kind.as_str() {
        "Developer" => "developer",
        "Sandbox" => "test",
        "Production" => "production",
        other => other,
    };
    json!({
        "name": one.name,
        "id": one.id,
        "kind": kind,
        "fidelity": one.fidelity,
        "url": one.url,
        "allowed": one.allowed,
    })
}
