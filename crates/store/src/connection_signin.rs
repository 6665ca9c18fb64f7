//! Sign-ins under way: what was sent out with a person, kept sealed until the answer comes, once.
use connref_solution::model::{ConnectionId, EnvironmentId, Micros};
use secrecy::SecretString;
use serde_json::json;

use crate::access::Caller;
use crate::audit_log::{self, Entry};
use crate::credential::secrets_write;
use crate::db::{Param, Sql};
use crate::environment::touch;
use crate::{Result, Store, StoreError};

/// How a person signs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignInKind {
    /// In a browser that comes back to us.
    Code,
    /// On another device.
    Device,
}

impl SignInKind {
    fn text(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Device => "device",
        }
    }
}

/// A sign-in to begin.
pub struct SignInNew {
    /// How.
    pub kind: SignInKind,
    /// What the answer is compared with: state, verifier, nonce, device code, as a JSON text.
    pub kept: SecretString,
    /// When it is over.
    pub expires_on: Micros,
    /// Pause between two questions, in microseconds.
    pub pause: Micros,
}

/// A sign-in whose answer is due.
pub struct SignIn {
    /// How.
    pub kind: SignInKind,
    /// As it was kept.
    pub kept: SecretString,
    /// Pause between two questions, in microseconds.
    pub pause: Micros,
}

/// Whether a sign-in may be gone on with.
pub enum Due {
    /// Yes.
    Now(SignIn),
    /// Not before this time.
    Later(Micros),
}

fn field(signin: &str) -> String {
    format!("~signin.{signin}")
}

fn remove(
    sql: &mut Sql<'_>,
    environment: &EnvironmentId,
    id: &ConnectionId,
    signin: &str,
) -> Result<u64> {
    sql.execute(
        "DELETE FROM connection_secret WHERE environmentid = $1 AND connectionid = $2 AND field = $3",
        &[environment.as_str().into(), id.as_str().into(), field(signin).into()],
    )?;
    Ok(sql.execute(
        "DELETE FROM connection_signin WHERE environmentid = $1 AND signinid = $2",
        &[environment.as_str().into(), signin.into()],
    )?)
}

/// Removes all sign-ins of a connection.
pub(crate) fn signin_forget(
    sql: &mut Sql<'_>,
    environment: &EnvironmentId,
    id: &ConnectionId,
) -> Result<()> {
    let keys: [Param<'_>; 2] = [environment.as_str().into(), id.as_str().into()];
    sql.execute(
        "DELETE FROM connection_signin WHERE environmentid = $1 AND connectionid = $2",
        &keys,
    )?;
    sql.execute(
        "DELETE FROM connection_secret WHERE environmentid = $1 AND connectionid = $2 \
         AND field LIKE '~signin.%'",
        &keys,
    )?;
    Ok(())
}

impl Store {
    /// Begins a sign-in and answers its id. A connection has one at a time: the newest.
    pub async fn connection_signin_begin(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        id: &ConnectionId,
        new: SignInNew,
    ) -> Result<String> {
        let found = self.editable(caller, environment, id, "sign in connection").await?;
        let now = self.now();
        let signin = self.ids.guid(now);
        let kept = [(field(&signin), new.kept)].into();
        let sealed = self.seal_all(environment, id, &found.facts.api_name, 1, &kept)?;
        let (caller, environment, id, answer) =
            (caller.clone(), environment.clone(), id.clone(), signin.clone());
        self.db
            .change(move |sql| {
                touch(sql, &environment)?;
                signin_forget(sql, &environment, &id)?;
                sql.execute(
                    "INSERT INTO connection_signin (environmentid, signinid, connectionid, principal, kind, \
                     expireson, askafter, pause) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                    &[
                        environment.as_str().into(),
                        (&signin).into(),
                        id.as_str().into(),
                        caller.name().into(),
                        new.kind.text().into(),
                        new.expires_on.into(),
                        (now + new.pause).into(),
                        new.pause.into(),
                    ],
                )?;
                secrets_write(sql, &environment, &id, 1, &sealed)?;
                let entry = Entry {
                    action: "connection_signin_begin",
                    object: "connection",
                    object_id: id.as_str(),
                    detail: json!({"how": new.kind.text()}),
                };
                audit_log::record(sql, &environment, now, &caller, &entry)
            })
            .await?;
        Ok(answer)
    }

    /// The sign-in, for whoever began it. A code's is taken: its answer comes once. A device's moves
    /// its next question by its pause, so that several who ask keep to it together.
    pub async fn connection_signin_due(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        id: &ConnectionId,
        signin: &str,
    ) -> Result<Due> {
        let found = self.editable(caller, environment, id, "sign in connection").await?;
        let (asker, place, connection, wanted, now) = (
            caller.name().to_owned(),
            environment.clone(),
            id.clone(),
            signin.to_owned(),
            self.now(),
        );
        let due =
            self.db.change(move |sql| due(sql, &place, &connection, &wanted, &asker, now)).await?;
        let (kind, pause, sealed) = match due {
            Found::Later(at) => return Ok(Due::Later(at)),
            Found::Now(kind, pause, sealed) => (kind, pause, sealed),
        };
        let secrets =
            self.unseal_fields(environment, &found, 1, vec![(field(signin), sealed)]).await?;
        let kept = secrets.into_values().next().ok_or_else(|| unknown(signin))?;
        Ok(Due::Now(SignIn { kind, kept, pause }))
    }

    /// Makes the pause of a device's sign-in longer, as the server asked.
    pub async fn connection_signin_slow(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        id: &ConnectionId,
        signin: &str,
        more: Micros,
    ) -> Result<()> {
        self.editable(caller, environment, id, "sign in connection").await?;
        let (environment, signin) = (environment.clone(), signin.to_owned());
        self.db
            .change(move |sql| {
                sql.execute(
                    "UPDATE connection_signin SET pause = pause + $3, askafter = askafter + $3 \
                     WHERE environmentid = $1 AND signinid = $2",
                    &[environment.as_str().into(), signin.into(), more.into()],
                )?;
                Ok(())
            })
            .await
    }

    /// Ends a sign-in, whatever came of it.
    pub async fn connection_signin_end(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        id: &ConnectionId,
        signin: &str,
    ) -> Result<()> {
        self.editable(caller, environment, id, "sign in connection").await?;
        let (environment, id, signin) = (environment.clone(), id.clone(), signin.to_owned());
        self.db.change(move |sql| remove(sql, &environment, &id, &signin).map(drop)).await
    }
}

enum Found {
    Now(SignInKind, Micros, Vec<u8>),
    Later(Micros),
}

fn unknown(signin: &str) -> StoreError {
    StoreError::not_found("sign-in", signin)
}

fn due(
    sql: &mut Sql<'_>,
    environment: &EnvironmentId,
    id: &ConnectionId,
    signin: &str,
    asker: &str,
    now: Micros,
) -> Result<Found> {
    let lock = sql.for_update();
    let row = sql.query_one(
        &format!(
            "SELECT principal, kind, expireson, askafter, pause FROM connection_signin \
             WHERE environmentid = $1 AND signinid = $2 AND connectionid = $3{lock}"
        ),
        &[environment.as_str().into(), signin.into(), id.as_str().into()],
    )?;
    let row = row.ok_or_else(|| unknown(signin))?;
    // Somebody else's sign-in does not exist for the caller: consent stays with who gave it.
    if row.text(0)? != asker || row.int(2)? < now {
        return Err(unknown(signin));
    }
    let kind = if row.text(1)? == "device" { SignInKind::Device } else { SignInKind::Code };
    let (after, pause) = (row.int(3)?, row.int(4)?);
    if kind == SignInKind::Device && now < after {
        return Ok(Found::Later(after));
    }
    let sealed = sql.query_one(
        "SELECT envelope FROM connection_secret \
         WHERE environmentid = $1 AND connectionid = $2 AND field = $3",
        &[environment.as_str().into(), id.as_str().into(), field(signin).into()],
    )?;
    let sealed = sealed.ok_or_else(|| unknown(signin))?.bytes(0)?;
    if kind == SignInKind::Code {
        remove(sql, environment, id, signin)?;
    } else {
        sql.execute(
            "UPDATE connection_signin SET askafter = $3 WHERE environmentid = $1 AND signinid = $2",
            &[environment.as_str().into(), signin.into(), (now + pause).into()],
        )?;
    }
    Ok(Found::Now(kind, pause, sealed))
}
