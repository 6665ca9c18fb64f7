//! Links that an administrator makes: by which a person proves who it is, and by which a person
//! signs a connection in. Both are rows of the log, and neither tells its secret twice.
use connref_solution::model::facts::PrincipalKind;
use connref_solution::model::{ConnectionId, EnvironmentId, Micros};
use secrecy::SecretString;
use serde_json::json;

use crate::access::{Caller, Privilege};
use crate::audit_log::{self, Entry};
use crate::signin_grant::{GrantKind, GrantNew};
use crate::{Result, Store, StoreError};

/// The part of the store that makes grants, as grants see it.
const MAKER: Caller = Caller::System("sign-in links");
/// Longest time of a link.
const LONGEST: Micros = 7 * 24 * 3600 * 1_000_000;

fn lifetime(wanted: Micros) -> Result<Micros> {
    if (1..=LONGEST).contains(&wanted) {
        return Ok(wanted);
    }
    Err(StoreError::Invalid("a link counts for at least a second and at most 7 days".to_owned()))
}

impl Store {
    /// Makes a link by which a person signs in, for this environment alone. Whoever may act for
    /// others may make one: it gives no more than that.
    pub async fn signin_link_create(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        user: &str,
        wanted: Micros,
    ) -> Result<SecretString> {
        let attempt = "make links by which others sign in";
        caller.require(environment, Privilege::ActOnBehalfOfAnotherUser, attempt)?;
        let wanted = lifetime(wanted)?;
        let found = self.user_get(caller, environment, user).await?;
        if found.kind != PrincipalKind::User || found.disabled {
            let text = format!(
                "`{}` is {}: no person signs in with it",
                found.name,
                if found.disabled { "disabled" } else { "a service principal" }
            );
            return Err(StoreError::Invalid(text));
        }
        let subject = json!({
            "name": found.name, "application": false, "environments": [environment.as_str()],
        });
        let new = GrantNew {
            kind: GrantKind::SignIn,
            family: None,
            user_code: None,
            client: "link".to_owned(),
            subject: Some(subject.to_string()),
            content: json!({"by": caller.name()}),
            pause: 0,
            lifetime: wanted,
        };
        let until = self.now() + wanted;
        let entry = ("user_signin_link", "user", found.id.as_str(), json!({"until": until}));
        self.noted(caller, environment, entry).await?;
        self.grant_create(&MAKER, new).await
    }

    /// Makes a link by which a person signs a connection in, as this account if one is named. The
    /// caller must be one who could sign it in.
    pub async fn consent_link_create(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        id: &ConnectionId,
        account: Option<&str>,
        wanted: Micros,
    ) -> Result<SecretString> {
        let wanted = lifetime(wanted)?;
        self.editable(caller, environment, id, "sign in connection").await?;
        if account.is_some_and(|account| account.is_empty() || account.len() > 320) {
            return Err(StoreError::Invalid("an account has 1 to 320 characters".to_owned()));
        }
        let new = GrantNew {
            kind: GrantKind::Consent,
            family: None,
            user_code: None,
            client: "link".to_owned(),
            subject: None,
            content: json!({
                "environment": environment.as_str(), "connection": id.as_str(),
                "by": caller.name(), "account": account,
            }),
            pause: 0,
            lifetime: wanted,
        };
        let detail = json!({"account": account, "until": self.now() + wanted});
        let entry = ("connection_consent_link", "connection", id.as_str(), detail);
        self.noted(caller, environment, entry).await?;
        self.grant_create(&MAKER, new).await
    }

    async fn noted(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        (action, object, id, detail): (&'static str, &'static str, &str, serde_json::Value),
    ) -> Result<()> {
        let (caller, environment, id, now) =
            (caller.clone(), environment.clone(), id.to_owned(), self.now());
        self.db
            .change(move |sql| {
                let entry = Entry { action, object, object_id: &id, detail: detail.clone() };
                audit_log::record(sql, &environment, now, &caller, &entry)
            })
            .await
    }
}
