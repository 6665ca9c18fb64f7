//! `connref user credential` and `connref user sign-in-link`: how principals prove who they are.
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, Subcommand};
use connref_client::principal::{Credential, CredentialNew};
use connref_client::user::User;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use crate::command::read_text;
use crate::context::Context;
use crate::exit::{Exit, Failure, Outcome};
use crate::pick::pick;
use crate::render::note;
use crate::secret;

// Verbs of credentials.
#[derive(Debug, Subcommand)]
pub(crate) enum CredentialCommand {
    /// Give a service principal something to sign in with; link what another issuer calls a person
    Add(AddArgs),
    /// List the credentials of a service principal, or the identities of a person
    List {
        /// Name, id or unique prefix
        user: String,
    },
    /// Take a credential away; tokens it got live up to an hour longer
    Remove {
        /// Name, id or unique prefix
        user: String,
        /// The credential's id
        credential: String,
    },
}

/// Arguments of `user credential add`.
#[derive(Args, Debug)]
pub(crate) struct AddArgs {
    /// Name, id or unique prefix of the service principal (with --federated of a person too)
    user: String,
    /// What people call the credential
    #[arg(long, default_value = "")]
    name: String,
    /// Certificate (PEM) whose key signs; else a secret is made and shown once
    #[arg(long, value_name = "PATH", conflicts_with = "secret_file")]
    certificate_file: Option<PathBuf>,
    /// File with the secret, at least 16 characters; else one is made and shown once
    #[arg(long, value_name = "PATH")]
    secret_file: Option<PathBuf>,
    /// Tokens of another issuer for a subject, as in
    /// issuer=https://token.actions.githubusercontent.com,subject=repo:contoso/orders:ref:refs/heads/main
    /// (audience=... if not api://AzureADTokenExchange)
    #[arg(
        long,
        value_name = "issuer=URL,subject=ID",
        conflicts_with_all = ["secret_file", "certificate_file"],
        value_parser = federated
    )]
    federated: Option<Federated>,
    /// When it ends, as in 2027-03-31T00:00:00Z
    #[arg(long, value_name = "TIME")]
    ends: Option<String>,
}

/// Arguments of `user sign-in-link`.
#[derive(Args, Debug)]
pub(crate) struct LinkArgs {
    /// Name, id or unique prefix of the person
    user: String,
    /// Minutes that the link counts; it counts once
    #[arg(long, value_name = "MINUTES", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=10_080))]
    valid: u64,
}

/// Whose tokens, for whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Federated {
    issuer: String,
    subject: String,
    audience: Option<String>,
}

/// `issuer=…,subject=…,audience=…` in any order. A comma that begins no member is part of the value:
/// subjects may hold some.
fn federated(text: &str) -> Result<Federated, String> {
    const NAMES: [&str; 3] = ["issuer", "subject", "audience"];
    let mut found: [Option<String>; 3] = [None, None, None];
    let mut last = None;
    for part in text.split(',') {
        let member = part.split_once('=').and_then(|(name, value)| {
            let at = NAMES.iter().position(|known| *known == name.trim())?;
            Some((at, value))
        });
        match (member, last) {
            (Some((at, _)), _) if found[at].is_some() => {
                return Err(format!("`{}` is there twice", NAMES[at]));
            }
            (Some((at, value)), _) => {
                found[at] = Some(value.to_owned());
                last = Some(at);
            }
            (None, Some(at)) => {
                if let Some(value) = &mut found[at] {
                    value.push(',');
                    value.push_str(part);
                }
            }
            (None, None) => return Err("expected issuer=URL,subject=ID".to_owned()),
        }
    }
    match found {
        [Some(issuer), Some(subject), audience] => Ok(Federated { issuer, subject, audience }),
        _ => Err("expected issuer=URL,subject=ID".to_owned()),
    }
}

impl CredentialCommand {
    pub(super) async fn run(self, context: &Context) -> Outcome {
        match self {
            Self::Add(args) => args.run(context).await,
            Self::List { user } => list(context, &user).await,
            Self::Remove { user, credential } => remove(context, &user, &credential).await,
        }
    }
}

impl AddArgs {
    async fn run(self, context: &Context) -> Outcome {
        let new = match (&self.certificate_file, &self.secret_file) {
            _ if let Some(one) = &self.federated => CredentialNew::Federated {
                issuer: one.issuer.clone(),
                subject: one.subject.clone(),
                audience: one.audience.clone(),
            },
            (Some(path), _) => {
                let text = read_text(path, "the certificate")?;
                let der = CertificateDer::from_pem_slice(text.as_bytes()).map_err(|_| {
                    Failure::usage(format!("`{}` holds no certificate (PEM)", path.display()))
                })?;
                CredentialNew::Certificate(STANDARD.encode(&der))
            }
            (None, Some(path)) => CredentialNew::Secret(secret::from_file(path)?),
            (None, None) => CredentialNew::Made,
        };
        let client = context.client().await?;
        let user = pick(client.users().await?, &self.user)?;
        let user = if self.federated.is_some() { user } else { application(user)? };
        let (id, made) =
            client.credential_add(&user, &self.name, &new, self.ends.as_deref()).await?;
        let shown = made.as_ref().map(|secret| secret.expose_secret());
        let row = json!({
            "id": id, "user": user.name, "applicationId": user.application_id, "secret": shown,
        });
        context.output.done(&format!("credential {id} added to {}", user.name), &row)?;
        if let Some(secret) = shown.filter(|_| context.output.is_table()) {
            let application = user.application_id.unwrap_or_default();
            let text = format!("  application id  {application}\n  secret          {secret}\n");
            context.output.text(&text)?;
        }
        if shown.is_some() {
            note("keep the secret: it is shown once");
        }
        Ok(Exit::Clean)
    }
}

fn application(user: User) -> Result<User, Failure> {
    if user.application_id.is_some() {
        return Ok(user);
    }
    Err(Failure::usage(format!("`{}` is a person, who signs in by a link", user.name))
        .fix(format!("connref user sign-in-link {}", user.name)))
}

async fn list(context: &Context, wanted: &str) -> Outcome {
    let client = context.client().await?;
    let user = pick(client.users().await?, wanted)?;
    let rows: Vec<_> = client.credentials(&user).await?.iter().map(row).collect();
    const COLUMNS: &[(&str, &str)] = &[
        ("ID", "id"),
        ("KIND", "kind"),
        ("NAME", "name"),
        ("THUMBPRINT OR SUBJECT", "shown"),
        ("ISSUER", "issuer"),
        ("ENDS", "ends"),
    ];
    context.output.list(COLUMNS, &rows)?;
    Ok(Exit::Clean)
}

fn row(one: &Credential) -> Value {
    json!({
        "id": one.id, "kind": one.kind, "name": one.name, "shown": one.shown,
        "issuer": one.issuer, "audience": one.audience, "created": one.created, "ends": one.ends,
    })
}

async fn remove(context: &Context, wanted: &str, credential: &str) -> Outcome {
    let client = context.client().await?;
    let user = pick(client.users().await?, wanted)?;
    client.credential_remove(&user, credential).await?;
    let row = json!({"id": credential, "user": user.name});
    context.output.done(&format!("credential {credential} of {} removed", user.name), &row)?;
    Ok(Exit::Clean)
}

impl LinkArgs {
    pub(super) async fn run(self, context: &Context) -> Outcome {
        let client = context.client().await?;
        let user = pick(client.users().await?, &self.user)?;
        let link = client.sign_in_link(&user, self.valid * 60).await?;
        let url = link.url.as_ref().map(|url| url.expose_secret());
        let code = link.code.expose_secret();
        let row = json!({"user": user.name, "url": url, "code": code, "seconds": link.expires_in});
        let how = match url {
            Some(_) => format!("{} signs in once with this link", user.name),
            None => {
                format!("{} signs in once, at the server's page /signin, with this code", user.name)
            }
        };
        context.output.done(&how, &row)?;
        if context.output.is_table() {
            context.output.text(&format!("  {}\n", url.unwrap_or(code)))?;
        }
        Ok(Exit::Clean)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_of_a_federated_credential_are_read() {
        let read = |text: &str| federated(text).map(|f| (f.issuer, f.subject, f.audience));
        let owned = |text: &str| text.to_owned();
        assert_eq!(
            read("subject=repo:a/b:x=1,y,issuer=https://i.test,audience=api://x"),
            Ok((owned("https://i.test"), owned("repo:a/b:x=1,y"), Some(owned("api://x"))))
        );
        for bad in ["", "https://i.test", "issuer=a", "issuer=a,issuer=b,subject=c", "x,issuer=a"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
