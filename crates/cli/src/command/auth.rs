//! `connref auth`: a person signs in to a server, and stays signed in for the commands after it.
use clap::Subcommand;
use serde_json::json;

use crate::context::Context;
use crate::exit::{Exit, Failure, Outcome};
use crate::render::note;
use crate::sign_in::{CLIENT, Kept, key, refused};

// Verbs of signing in.
#[derive(Debug, Subcommand)]
pub(crate) enum AuthCommand {
    /// Sign in to the server of --environment with a code that is confirmed in a browser
    Create,
    /// List the servers that somebody signed in to
    List,
    /// Forget the sign-in to the server of --environment
    Delete,
}

impl AuthCommand {
    /// Runs the verb.
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        match self {
            Self::Create => create(context).await,
            Self::List => list(context),
            Self::Delete => delete(context),
        }
    }
}

fn address(context: &Context) -> Result<&str, Failure> {
    context.globals.remote().ok_or_else(|| {
        Failure::usage("signing in needs the address of a server; local data need no sign-in")
            .fix("add --environment https://…")
    })
}

async fn create(context: &Context) -> Outcome {
    let address = address(context)?;
    let authority = context.globals.server.authority(address).await?;
    // A server of the vendor's knows only programs that are registered there.
    let client = context.globals.server.client_id.as_deref().unwrap_or(CLIENT);
    let token = authority
        .sign_in_device(client, |code| {
            note(&format!("open {} and enter {}", code.verification_uri, code.user_code));
        })
        .await
        .map_err(refused)?;
    let key = key(address);
    Kept::open()?.put(&key, (authority.address(), client), &token)?;
    let row = json!({"server": key, "authority": authority.address()});
    context.output.done(&format!("signed in to {key}"), &row)?;
    Ok(Exit::Clean)
}

fn list(context: &Context) -> Outcome {
    let kept = Kept::open()?;
    let rows: Vec<_> = kept
        .list()
        .map(|(server, one)| json!({"server": server, "authority": one["authority"]}))
        .collect();
    context.output.list(&[("SERVER", "server"), ("AUTHORITY", "authority")], &rows)?;
    Ok(Exit::Clean)
}

fn delete(context: &Context) -> Outcome {
    let key = key(address(context)?);
    if !Kept::open()?.remove(&key)? {
        return Err(
            Failure::missing(format!("nobody signed in to `{key}`")).fix("connref auth list")
        );
    }
    context.output.done(&format!("forgot the sign-in to {key}"), &json!({"server": key}))?;
    Ok(Exit::Clean)
}
