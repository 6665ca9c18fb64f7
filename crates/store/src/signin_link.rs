//! Links that an administrator makes: by which a person proves who it is, and by which a person
//! signs a connection in. Both are rows of the log, and neither tells its secret twice.
use connref_solution::model::facts::PrincipalKind;
use connref_solution::model::{ConnectionId, EnvironmentId, Micros};
use secrecy::SecretString;
use serde_json::json;

use crate::access::{Caller, Privilege};
use crate::audit_log::{self, Entry};
use crate::signin_grant::{Grant, GrantKind, GrantNew, Shown, take};
use crate::signin_note::{SignInNote, signin_note};
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

    /// Uses up a link by which a person signs in. `session` says what it gives; the row in the log is
    /// the person's own. Nothing if the link is none, or was used.
    pub async fn signin_link_use(
        &self,
        caller: &Caller,
        code: &SecretString,
        session: impl FnOnce(&Grant) -> Option<GrantNew> + Send + 'static,
    ) -> Result<Option<SecretString>> {
        caller.authorize_operator("take grants")?;
        let (token, insert) = self.grant_prepare();
        let code = code.clone();
        let used = self
            .db
            .change(move |sql| {
                let shown = take(sql, (GrantKind::SignIn, &code, insert.now), |_| true)?;
                let Shown::Now(link) = shown else { return Ok(false) };
                let (Some(new), Some(subject)) = (session(&link), link.subject.clone()) else {
                    return Ok(false);
                };
                insert.run(sql, &new)?;
                let detail = json!({"by": link.content["by"]});
                let note = SignInNote { action: "user_signin", subject, detail };
                signin_note(sql, insert.now, &note)?;
                Ok::<_, StoreError>(true)
            })
            .await?;
        Ok(Some(token).filter(|_| used))
    }

    /// Ends a link by which a connection is signed in: it was, or the person said no. The link acted
    /// as its maker, and so does the row in the log.
    pub async fn consent_link_settle(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        id: &ConnectionId,
        link: &SecretString,
        signed_in: bool,
    ) -> Result<bool> {
        self.connection_get(caller, environment, id).await?;
        let (caller, environment, id, link, now) =
            (caller.clone(), environment.clone(), id.clone(), link.clone(), self.now());
        self.db
            .change(move |sql| {
                let state = if signed_in { "used" } else { "denied" };
                if !Self::grant_settle(sql, (GrantKind::Consent, &link), state)? {
                    return Ok(false);
                }
                let action =
                    if signed_in { "connection_consent" } else { "connection_consent_refuse" };
                let object_id = id.as_str();
                let entry = Entry { action, object: "connection", object_id, detail: json!({}) };
                audit_log::record(sql, &environment, now, &caller, &entry)?;
                Ok(true)
            })
            .await
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
