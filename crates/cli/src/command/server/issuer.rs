//! `connref server issuer`: whose tokens count beside our own.
use clap::{Args, Subcommand};
use connref_server::identity::{TrialError, issuer_try_out};
use connref_store::StoreError;
use connref_store::access::Caller;
use connref_store::identity_issuer::IdentityIssuer;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::context::Context;
use crate::exit::{Exit, Failure, Outcome};
use crate::render::note;

// Verbs of issuers.
#[derive(Debug, Subcommand)]
pub(crate) enum IssuerCommand {
    /// Let the access tokens of an OpenID Connect issuer count (Entra ID, Keycloak ...), or change how
    Add(AddArgs),
    /// List the issuers whose tokens count
    List,
    /// Let the tokens of an issuer count no longer, at once
    Remove {
        /// The issuer's address
        issuer: String,
    },
}

/// Arguments of `server issuer add`.
#[derive(Args, Debug)]
pub(crate) struct AddArgs {
    /// The issuer as its tokens name it, letter by letter, as in
    /// https://login.microsoftonline.com/TENANT/v2.0
    issuer: String,
    /// What a token may be for besides the addresses of this installation; may be given several times
    #[arg(long, value_name = "AUDIENCE")]
    audience: Vec<String>,
    /// Private address at which the issuer is reached (ADDRESS:PORT or NETWORK/BITS)
    #[arg(long, value_name = "ADDRESS")]
    allow: Vec<String>,
    /// Know people only by what `user credential add --federated` linked to them, never by the name
    /// in a token
    #[arg(long)]
    linked_only: bool,
}

impl IssuerCommand {
    pub(super) async fn run(self, context: &Context) -> Outcome {
        if context.globals.acting.is_some() {
            return Err(Failure::refused(
                "only the operator says whose tokens count; leave --as away",
            ));
        }
        let app = context.embedded().await?.app();
        let operator = Caller::Operator(app.operator().to_owned());
        match self {
            Self::Add(args) => args.run(context, &operator).await,
            Self::List => list(context, &operator).await,
            Self::Remove { issuer } => {
                app.store().identity_issuer_remove(&operator, &issuer).await.map_err(refused)?;
                let row = json!({"issuer": issuer});
                context.output.done(&format!("tokens of {issuer} count no longer"), &row)?;
                Ok(Exit::Clean)
            }
        }
    }
}

impl AddArgs {
    async fn run(self, context: &Context, operator: &Caller) -> Outcome {
        let app = context.embedded().await?.app();
        let new = IdentityIssuer {
            issuer: self.issuer,
            audiences: self.audience,
            allowed: self.allow,
            by_name: !self.linked_only,
            created_on: 0,
        };
        // A letter too many would otherwise show only when the first person cannot sign in.
        let keys = issuer_try_out(app, &new).await.map_err(|error| match &error {
            TrialError::Policy(_) => Failure::new(Exit::Usage, error),
            TrialError::Issuer(_) => Failure::new(Exit::Network, error)
                .fix("a private address wants --allow ADDRESS:PORT"),
            TrialError::Keys(_) => Failure::new(Exit::Refused, error),
        })?;
        let mut shown = row(&new);
        shown["keys"] = keys.into();
        if !context.globals.dry_run {
            app.store().identity_issuer_set(operator, new.clone()).await.map_err(refused)?;
        }
        context.output.done(&format!("tokens of {} count", new.issuer), &shown)?;
        if new.audiences.is_empty() {
            note("they must be for an address of this installation; else add --audience");
        }
        Ok(Exit::Clean)
    }
}

async fn list(context: &Context, operator: &Caller) -> Outcome {
    let store = context.embedded().await?.app().store();
    let rows = store.identity_issuer_list(operator).await.map_err(refused)?;
    if rows.is_empty() {
        note("no issuer but this server; add one: connref server issuer add https://...");
    }
    let rows: Vec<_> = rows.iter().map(row).collect();
    const COLUMNS: &[(&str, &str)] =
        &[("ISSUER", "issuer"), ("AUDIENCES", "audiences"), ("PEOPLE", "people")];
    context.output.list(COLUMNS, &rows)?;
    Ok(Exit::Clean)
}

fn row(one: &IdentityIssuer) -> Value {
    let since = Timestamp::from_microsecond(one.created_on).ok().filter(|_| one.created_on > 0);
    json!({
        "issuer": one.issuer,
        "audiences": one.audiences.join(" "),
        "allowed": one.allowed.join(" "),
        "people": if one.by_name { "by link or name" } else { "by link" },
        "since": since.map(|at| at.to_string()),
    })
}

fn refused(error: StoreError) -> Failure {
    match error {
        StoreError::NotFound { .. } => {
            Failure::new(Exit::NotFound, error).fix("connref server issuer list")
        }
        error => Failure::new(Exit::Usage, error),
    }
}
