//! `connref user`
mod credential;

use clap::{Args, Subcommand, ValueEnum};
use connref_client::user::User;
use connref_store::source::{Clock, Ids, SystemClock, SystemIds};
use serde_json::{Value, json};

use crate::context::Context;
use crate::exit::{Exit, Outcome};
use crate::pick::pick;
use crate::render::note;

// Verbs of users.
#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// Add a user or a service principal
    Add(AddArgs),
    /// Disable a user: what the user owns is kept, and stops
    Disable {
        /// Name, id or unique prefix
        user: String,
    },
    /// Enable a disabled user
    Enable {
        /// Name, id or unique prefix
        user: String,
    },
    /// List users and service principals
    List,
    /// Give a user or service principal a role, or take it away
    #[command(subcommand)]
    Role(super::role::AssignCommand),
    /// What a service principal signs in with
    #[command(subcommand)]
    Credential(credential::CredentialCommand),
    /// Make a link by which a person signs in to the server, once
    SignInLink(credential::LinkArgs),
}

/// Arguments of `user add`.
#[derive(Args, Debug)]
pub(crate) struct AddArgs {
    /// User principal name, or the application's name
    name: String,
    /// Full name; else the name
    #[arg(long)]
    full_name: Option<String>,
    /// It is a service principal (application user)
    #[arg(long)]
    service_principal: bool,
    /// Application id of the service principal; else a new one
    #[arg(long, value_name = "GUID", requires = "service_principal")]
    application_id: Option<String>,
    /// What it may do
    #[arg(long, value_enum, ignore_case = true, default_value_t = Role::Basic)]
    role: Role,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Role {
    /// Uses what is shared with it
    #[value(alias = "basic-user", alias = "Basic User")]
    Basic,
    /// Imports, binds and turns on, and changes no rights
    #[value(alias = "Deployer")]
    Deployer,
    /// Changes whatever solutions are made of
    #[value(alias = "system-customizer", alias = "System Customizer")]
    Customizer,
    /// Makes and owns connections, references and flows
    #[value(alias = "environment-maker", alias = "Environment Maker")]
    Maker,
    /// Everything in the environment
    #[value(alias = "admin", alias = "system-administrator", alias = "System Administrator")]
    Administrator,
}

impl UserCommand {
    /// Runs the verb.
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        match self {
            Self::Add(args) => args.run(context).await,
            Self::Disable { user } => switch(context, &user, true).await,
            Self::Enable { user } => switch(context, &user, false).await,
            Self::List => list(context).await,
            Self::Role(command) => command.run(context, false).await,
            Self::Credential(command) => command.run(context).await,
            Self::SignInLink(args) => args.run(context).await,
        }
    }
}

impl AddArgs {
    async fn run(self, context: &Context) -> Outcome {
        let client = context.client().await?;
        let role = match self.role {
            Role::Basic => "Basic User",
            Role::Deployer => "Deployer",
            Role::Customizer => "System Customizer",
            Role::Maker => "Environment Maker",
            Role::Administrator => "System Administrator",
        };
        let application = self.service_principal.then(|| {
            self.application_id
                .clone()
                .unwrap_or_else(|| SystemIds::default().guid(SystemClock.now()))
        });
        let full_name = self.full_name.as_deref().unwrap_or(&self.name);
        let id = client.user_add(&self.name, full_name, application.as_deref(), role).await?;
        let noun = if self.service_principal { "service principal" } else { "user" };
        let added = json!({
            "id": id, "name": self.name, "role": role, "applicationId": application,
        });
        context.output.done(&format!("{noun} {} added as {role}", self.name), &added)?;
        Ok(Exit::Clean)
    }
}

async fn switch(context: &Context, wanted: &str, disabled: bool) -> Outcome {
    let client = context.client().await?;
    let mut user = pick(client.users().await?, wanted)?;
    client.user_disable(&user, disabled).await?;
    user.disabled = disabled;
    let verb = if disabled { "disabled" } else { "enabled" };
    context.output.done(&format!("user {} {verb}", user.name), &row(&user))?;
    if disabled {
        note(&format!("what stops: connref audit departed --user {}", user.name));
    }
    Ok(Exit::Clean)
}

async fn list(context: &Context) -> Outcome {
    let rows: Vec<_> = context.client().await?.users().await?.iter().map(row).collect();
    const COLUMNS: &[(&str, &str)] = &[
        ("USER", "name"),
        ("NAME", "fullName"),
        ("KIND", "kind"),
        ("ROLE", "role"),
        ("STATE", "state"),
    ];
    context.output.list(COLUMNS, &rows)?;
    Ok(Exit::Clean)
}

fn row(user: &User) -> Value {
    json!({
        "name": user.name,
        "fullName": user.full_name,
        "id": user.id,
        "kind": if user.application_id.is_some() { "service principal" } else { "user" },
        "applicationId": user.application_id,
        "role": user.role,
        "state": if user.disabled { "disabled" } else { "enabled" },
    })
}
