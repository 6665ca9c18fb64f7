//! Consent by link: whoever deploys asks, the right person signs the connection in with a browser,
//! and the deployment goes on.
use connref_solution::model::{ConnectionId, Micros};
use connref_store::StoreError;
use connref_store::access::Caller;
use connref_store::connection::Connection;
use connref_store::signin_grant::{Grant, GrantKind};
use secrecy::SecretString;

use super::connection_sign_in::{
    ComeBack, SignInState, SignInStep, connection_sign_in_as, sign_in_begin,
};
use super::{OperationError, Result};
use crate::{App, Context};

/// The part of the server that looks links up, as the store sees it.
const KEEPER: Caller = Caller::System("consent");

/// Where a consent stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsentState {
    /// The person has not signed in yet.
    Pending,
    /// Signed in.
    Done,
    /// The person said no.
    Refused,
    /// The link's time is over.
    Over,
}

/// A link as the person sees it.
pub struct Consent {
    /// The environment, as whoever made the link.
    pub cx: Context,
    /// The connection.
    pub row: Connection,
    /// Who asks.
    pub by: String,
    /// The account that is wanted.
    pub account: Option<String>,
}

/// Makes a link.
pub async fn connection_consent_link(
    cx: &Context,
    id: &str,
    account: Option<&str>,
    lifetime: Micros,
) -> Result<SecretString> {
    let id = ConnectionId::new(id);
    let place = &cx.environment.id;
    Ok(cx.store().consent_link_create(&cx.caller, place, &id, account, lifetime).await?)
}

/// Where a consent stands, for whoever holds its link and sees its connection.
pub async fn connection_consent_state(
    cx: &Context,
    id: &str,
    link: &SecretString,
) -> Result<ConsentState> {
    let id = ConnectionId::new(id);
    cx.store().connection_get(&cx.caller, &cx.environment.id, &id).await?;
    let found = cx.store().grant_find(&KEEPER, GrantKind::Consent, link).await?;
    let here = |grant: &Grant| {
        grant.content["environment"] == cx.environment.id.as_str()
            && grant.content["connection"] == id.as_str()
    };
    Ok(match found.filter(here).as_ref().map(|grant| grant.state.as_str()) {
        Some("open") => ConsentState::Pending,
        Some("denied") => ConsentState::Refused,
        Some(_) => ConsentState::Done,
        None => ConsentState::Over,
    })
}

/// The open consent of a link. It acts as whoever made it, with the rights that one has now.
pub async fn connection_consent_find(app: &App, link: &SecretString) -> Result<Consent> {
    let store = app.store();
    let gone = || StoreError::NotFound { kind: "link", name: "of this address".to_owned() };
    let found = store.grant_find(&KEEPER, GrantKind::Consent, link).await?;
    let grant = found.filter(|grant| grant.state == "open").ok_or_else(gone)?;
    let text = |name: &str| grant.content[name].as_str().map(str::to_owned);
    let (environment, connection, by) = match (text("environment"), text("connection"), text("by"))
    {
        (Some(environment), Some(connection), Some(by)) => (environment, connection, by),
        _ => return Err(gone().into()),
    };
    let environment = store.environment_get(&KEEPER, &environment).await?;
    let caller = store.caller_find(&environment.id, &by).await?;
    let id = ConnectionId::new(&connection);
    let row = store.connection_get(&caller, &environment.id, &id).await?;
    let account = text("account");
    let cx = Context { app: app.clone(), caller, environment };
    Ok(Consent { cx, row, by, account })
}

impl Consent {
    /// Begins the sign-in in a browser: its id, and the address the person goes to.
    pub async fn begin(&self, redirect_uri: &str) -> Result<(String, String)> {
        let id = self.row.facts.id.as_str();
        let begun = sign_in_begin(&self.cx, id, Some(ComeBack::Server(redirect_uri))).await?;
        match begun.step {
            SignInStep::Browser(url) => Ok((begun.id, url)),
            SignInStep::Device(_) => {
                Err(OperationError::invalid("the sign-in has no page in a browser", ""))
            }
        }
    }

    /// Ends the sign-in with what came back, and the link with it.
    pub async fn finish(&self, link: &SecretString, signin: &str, query: &str) -> Result<()> {
        let id = self.row.facts.id.as_str();
        let account = self.account.as_deref();
        match connection_sign_in_as(&self.cx, id, signin, Some(query), account).await? {
            SignInState::Done(_) => self.settle(link, true).await,
            SignInState::Pending(_) => Err(OperationError::invalid("the sign-in goes on", "")),
        }
    }

    /// Ends the link: the person said no.
    pub async fn refuse(&self, link: &SecretString) -> Result<()> {
        self.settle(link, false).await
    }

    async fn settle(&self, link: &SecretString, signed_in: bool) -> Result<()> {
        let (cx, id) = (&self.cx, &self.row.facts.id);
        cx.store().consent_link_settle(&cx.caller, &cx.environment.id, id, link, signed_in).await?;
        Ok(())
    }
}
