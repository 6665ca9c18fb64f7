//! How principals prove who they are: credentials of service principals, links for people.
use http::Method;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use crate::answer::{optional, text};
use crate::odata::encode;
use crate::user::User;
use crate::{ApiService, Client, Result};

/// A credential of a service principal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// Id.
    pub id: String,
    /// `secret`, `certificate` or `federated`.
    pub kind: String,
    /// Name people gave it.
    pub name: String,
    /// A certificate's thumbprint, a federated token's subject.
    pub shown: Option<String>,
    /// Issuer of federated tokens.
    pub issuer: Option<String>,
    /// What a federated token must be for, if something was said.
    pub audience: Option<String>,
    /// Made.
    pub created: String,
    /// Its end.
    pub ends: Option<String>,
}

/// A credential to add.
pub enum CredentialNew {
    /// This secret.
    Secret(SecretString),
    /// A secret that the server makes.
    Made,
    /// A certificate, as base64 of its DER.
    Certificate(String),
    /// Tokens of another issuer for a subject.
    Federated {
        /// Issuer.
        issuer: String,
        /// Subject.
        subject: String,
        /// What they must be for; else the server's own word.
        audience: Option<String>,
    },
}

/// A link by which a person signs in. It is told once.
pub struct SignInLink {
    /// What the person types, where the link cannot be opened.
    pub code: SecretString,
    /// The link, where a server answers it.
    pub url: Option<SecretString>,
    /// Seconds that it counts.
    pub expires_in: i64,
}

fn secret(value: &Value, path: &str) -> Option<SecretString> {
    optional(value, path).map(SecretString::from)
}

impl<S: ApiService> Client<S> {
    fn principal_path(&self, user: &User, rest: &str) -> String {
        let environment = encode(&self.place().name);
        format!(
            "/providers/connref/environments/{environment}/principals/{}/{rest}",
            encode(&user.id)
        )
    }

    /// The credentials of a service principal.
    pub async fn credentials(&self, user: &User) -> Result<Vec<Credential>> {
        let attempt = format!("list the credentials of `{}`", user.name);
        let rows = self.control_list(&attempt, &self.principal_path(user, "credentials")).await?;
        let read = |row: &Value| Credential {
            id: text(row, "/id"),
            kind: text(row, "/kind"),
            name: text(row, "/name"),
            shown: optional(row, "/shown"),
            issuer: optional(row, "/issuer"),
            audience: optional(row, "/audience"),
            created: text(row, "/created"),
            ends: optional(row, "/ends"),
        };
        Ok(rows.iter().map(read).collect())
    }

    /// Adds a credential; answers its id, and the secret if the server made one.
    pub async fn credential_add(
        &self,
        user: &User,
        name: &str,
        new: &CredentialNew,
        ends: Option<&str>,
    ) -> Result<(String, Option<SecretString>)> {
        let attempt = format!("add a credential to `{}`", user.name);
        let mut body = json!({"name": name, "ends": ends});
        match new {
            CredentialNew::Secret(secret) => body["secret"] = secret.expose_secret().into(),
            CredentialNew::Made => {}
            CredentialNew::Certificate(der) => body["certificate"] = der.as_str().into(),
            CredentialNew::Federated { issuer, subject, audience } => {
                body["issuer"] = issuer.as_str().into();
                body["subject"] = subject.as_str().into();
                body["audience"] = audience.clone().into();
            }
        }
        let path = self.principal_path(user, "credentials");
        let answer = self.fetch(self.control(&attempt, Method::POST, &path).json(body)).await?;
        Ok((text(&answer, "/id"), secret(&answer, "/secret")))
    }

    /// Takes a credential away.
    pub async fn credential_remove(&self, user: &User, id: &str) -> Result<()> {
        let attempt = format!("remove a credential of `{}`", user.name);
        let path = self.principal_path(user, &format!("credentials/{}", encode(id)));
        self.send(self.control(&attempt, Method::DELETE, &path)).await.map(drop)
    }

    /// Makes a link by which a person signs in.
    pub async fn sign_in_link(&self, user: &User, seconds: u64) -> Result<SignInLink> {
        let attempt = format!("make a sign-in link for `{}`", user.name);
        let path = self.principal_path(user, "signInLink");
        let body = json!({"expiresIn": seconds});
        let answer = self.fetch(self.control(&attempt, Method::POST, &path).json(body)).await?;
        Ok(SignInLink {
            code: text(&answer, "/code").into(),
            url: secret(&answer, "/url"),
            expires_in: answer["expiresIn"].as_i64().unwrap_or_default(),
        })
    }
}
