//! What people and programs hold while they sign in, and what keeps them signed in: codes, refresh
//! tokens, sessions, links. Each is 256 random bits of which only the hash is kept; most count once.
use connref_solution::model::Micros;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::access::Caller;
use crate::db::{Param, Row, Sql};
use crate::signin_note::{SignInNote, signin_note};
use crate::source::hex;
use crate::{Result, Store, StoreError};

/// What a grant is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrantKind {
    /// A code that came to a client's address.
    Code,
    /// A code that a device asks with until a person confirmed it.
    Device,
    /// A refresh token.
    Refresh,
    /// A browser's session.
    Session,
    /// A link by which a person signs in.
    SignIn,
    /// A link by which a person signs a connection in.
    Consent,
}

impl GrantKind {
    fn text(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Device => "device",
            Self::Refresh => "refresh",
            Self::Session => "session",
            Self::SignIn => "signin",
            Self::Consent => "consent",
        }
    }
}

/// A grant to make.
#[derive(Clone, Debug)]
pub struct GrantNew {
    /// What it is.
    pub kind: GrantKind,
    /// The family it goes on; else one of its own.
    pub family: Option<String>,
    /// What a person types instead of the grant, upper case.
    pub user_code: Option<String>,
    /// The client it is for.
    pub client: String,
    /// Who signed in.
    pub subject: Option<String>,
    /// What it stands for; never a secret.
    pub content: Value,
    /// Pause between two questions of a device, in microseconds.
    pub pause: Micros,
    /// How long it counts, in microseconds.
    pub lifetime: Micros,
}

/// A grant as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Grant {
    /// Its family.
    pub family: String,
    /// The client it is for.
    pub client: String,
    /// Who signed in.
    pub subject: Option<String>,
    /// What it stands for.
    pub content: Value,
    /// `open`, `confirmed`, `denied` or `used`.
    pub state: String,
    /// Its end.
    pub expires_on: Micros,
}

/// What came of showing a grant.
#[derive(Clone, Debug, PartialEq)]
pub enum Shown {
    /// It counts, this once.
    Now(Box<Grant>),
    /// Nobody confirmed it yet.
    Pending,
    /// It is asked for too often.
    TooSoon,
    /// The person said no.
    Denied,
    /// It was used before: it may be stolen, so its whole family ended.
    Again,
    /// There is none, or its time is over.
    Unknown,
}

/// Device codes that may wait at a time: anybody may ask for one.
const DEVICES_MAX: i64 = 10_000;

/// A grant that nobody can use is kept so long for [`Shown::Again`].
const KEPT: Micros = 24 * 3600 * 1_000_000;

const COLUMNS: &str = "family, client, subject, content, state, expireson";

fn hash(token: &str) -> String {
    hex(&Sha256::digest(token.as_bytes()))
}

fn grant(row: &Row) -> Result<Grant> {
    Ok(Grant {
        family: row.text(0)?,
        client: row.text(1)?,
        subject: row.text_opt(2)?,
        content: serde_json::from_str(&row.text(3)?)
            .map_err(|source| StoreError::Document { kind: "grant", source })?,
        state: row.text(4)?,
        expires_on: row.int(5)?,
    })
}

/// The row of a grant, held until the end of the transaction.
fn held(
    sql: &mut Sql<'_>,
    kind: GrantKind,
    hash: &str,
    now: Micros,
) -> Result<Option<(Grant, Row)>> {
    let lock = sql.for_update();
    let row = sql.query_one(
        &format!(
            "SELECT {COLUMNS}, pause, askafter FROM signin_grant \
             WHERE hash = $1 AND kind = $2 AND expireson > $3{lock}"
        ),
        &[hash.into(), kind.text().into(), now.into()],
    )?;
    row.map(|row| Ok((grant(&row)?, row))).transpose()
}

/// A grant on its way into the table.
pub(crate) struct GrantInsert {
    hash: String,
    tenant: String,
    family: String,
    /// The moment it is made.
    pub(crate) now: Micros,
}

impl GrantInsert {
    /// Puts the grant in.
    pub(crate) fn run(&self, sql: &mut Sql<'_>, new: &GrantNew) -> Result<()> {
        let now = self.now;
        sql.execute(
            "DELETE FROM signin_grant WHERE expireson < $1 OR (kind = 'device' AND expireson < $2)",
            &[(now - KEPT).into(), now.into()],
        )?;
        if new.kind == GrantKind::Device && devices(sql)? >= DEVICES_MAX {
            return Err(StoreError::Invalid("too many device codes wait".to_owned()));
        }
        sql.execute(
            "INSERT INTO signin_grant (hash, tenantid, kind, family, usercode, client, subject, content, \
             state, pause, askafter, createdon, expireson) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'open', $9, $10, $10, $11)",
            &[
                (&self.hash).into(),
                (&self.tenant).into(),
                new.kind.text().into(),
                new.family.as_ref().unwrap_or(&self.family).into(),
                new.user_code.as_ref().into(),
                (&new.client).into(),
                new.subject.as_ref().into(),
                new.content.to_string().into(),
                new.pause.into(),
                now.into(),
                (now + new.lifetime).into(),
            ],
        )?;
        Ok(())
    }
}

/// Shows a grant that counts once, in a transaction that goes on.
pub(crate) fn take(
    sql: &mut Sql<'_>,
    (kind, token, now): (GrantKind, &SecretString, Micros),
    fits: impl FnOnce(&Grant) -> bool,
) -> Result<Shown> {
    let hash = hash(token.expose_secret());
    let Some((found, _)) = held(sql, kind, &hash, now)? else {
        return Ok(Shown::Unknown);
    };
    if !fits(&found) {
        return Ok(Shown::Unknown);
    }
    if found.state != "open" {
        sql.execute(
            "UPDATE signin_grant SET state = 'used' WHERE family = $1",
            &[(&found.family).into()],
        )?;
        return Ok(Shown::Again);
    }
    set_state(sql, &hash, "used")?;
    Ok(Shown::Now(Box::new(found)))
}

fn devices(sql: &mut Sql<'_>) -> Result<i64> {
    let row = sql.query_one("SELECT COUNT(*) FROM signin_grant WHERE kind = 'device'", &[])?;
    row.map_or(Ok(0), |row| Ok(row.int(0)?))
}

fn set_state(sql: &mut Sql<'_>, hash: &str, state: &str) -> Result<()> {
    sql.execute(
        "UPDATE signin_grant SET state = $2 WHERE hash = $1",
        &[hash.into(), state.into()],
    )?;
    Ok(())
}

impl Store {
    /// Makes a grant and answers what its holder shows later. It is told once.
    pub async fn grant_create(&self, caller: &Caller, new: GrantNew) -> Result<SecretString> {
        self.grant_create_noted(caller, new, None).await
    }

    /// The same, with a row in the log.
    pub async fn grant_create_noted(
        &self,
        caller: &Caller,
        new: GrantNew,
        note: Option<SignInNote>,
    ) -> Result<SecretString> {
        caller.authorize_operator("make grants")?;
        let (token, insert) = self.grant_prepare();
        self.db
            .change(move |sql| {
                insert.run(sql, &new)?;
                note.as_ref().map_or(Ok(()), |note| signin_note(sql, insert.now, note))
            })
            .await?;
        Ok(token)
    }

    /// Random bits for a grant, and what puts one that they stand for into its table.
    pub(crate) fn grant_prepare(&self) -> (SecretString, GrantInsert) {
        let mut bytes = zeroize::Zeroizing::new([0_u8; 32]);
        self.ids.fill(&mut bytes[..]);
        let token = hex(&bytes[..]);
        let now = self.now();
        let insert = GrantInsert {
            hash: hash(&token),
            tenant: self.vault.tenant().to_owned(),
            family: self.ids.guid(now),
            now,
        };
        (token.into(), insert)
    }

    /// A grant that counts several times, or one that is only looked at.
    pub async fn grant_find(
        &self,
        caller: &Caller,
        kind: GrantKind,
        token: &SecretString,
    ) -> Result<Option<Grant>> {
        caller.authorize_operator("see grants")?;
        let (hash, now) = (hash(token.expose_secret()), self.now());
        self.db
            .read(move |sql| {
                let row = sql.query_one(
                    &format!(
                        "SELECT {COLUMNS} FROM signin_grant WHERE hash = $1 AND kind = $2 AND expireson > $3"
                    ),
                    &[hash.into(), kind.text().into(), now.into()],
                )?;
                row.map(|row| grant(&row)).transpose()
            })
            .await
    }

    /// Shows a grant that counts once. `fits` says whether it is shown rightly (the client, the
    /// address, the proof): if not, it is as unknown and stays as it is.
    pub async fn grant_take(
        &self,
        caller: &Caller,
        kind: GrantKind,
        token: &SecretString,
        fits: impl FnOnce(&Grant) -> bool + Send + 'static,
    ) -> Result<Shown> {
        caller.authorize_operator("take grants")?;
        let (token, now) = (token.clone(), self.now());
        self.db.change(move |sql| take(sql, (kind, &token, now), fits)).await
    }

    /// A device asks whether its code was confirmed.
    pub async fn grant_ask(
        &self,
        caller: &Caller,
        token: &SecretString,
        client: &str,
    ) -> Result<Shown> {
        caller.authorize_operator("take grants")?;
        let (hash, now, client) = (hash(token.expose_secret()), self.now(), client.to_owned());
        self.db
            .change(move |sql| {
                let Some((found, row)) = held(sql, GrantKind::Device, &hash, now)? else {
                    return Ok(Shown::Unknown);
                };
                if found.client != client {
                    return Ok(Shown::Unknown);
                }
                let (pause, after) = (row.int(6)?, row.int(7)?);
                match found.state.as_str() {
                    "confirmed" => {
                        set_state(sql, &hash, "used")?;
                        Ok(Shown::Now(Box::new(found)))
                    }
                    "denied" => Ok(Shown::Denied),
                    "open" if now < after => Ok(Shown::TooSoon),
                    "open" => {
                        sql.execute(
                            "UPDATE signin_grant SET askafter = $2 WHERE hash = $1",
                            &[(&hash).into(), (now + pause).into()],
                        )?;
                        Ok(Shown::Pending)
                    }
                    _ => Ok(Shown::Unknown),
                }
            })
            .await
    }

    /// The open device code that a person typed.
    pub async fn grant_by_user_code(&self, caller: &Caller, code: &str) -> Result<Option<Grant>> {
        caller.authorize_operator("see grants")?;
        let (code, tenant, now) = (code.to_owned(), self.vault.tenant().to_owned(), self.now());
        self.db
            .read(move |sql| {
                let row = sql.query_one(
                    &format!(
                        "SELECT {COLUMNS} FROM signin_grant WHERE tenantid = $1 AND usercode = $2 \
                         AND state = 'open' AND expireson > $3"
                    ),
                    &[tenant.into(), code.into(), now.into()],
                )?;
                row.map(|row| grant(&row)).transpose()
            })
            .await
    }

    /// Confirms an open device code for whoever signed in, or turns it down. Whether there was one.
    pub async fn grant_confirm(
        &self,
        caller: &Caller,
        code: &str,
        subject: &str,
        confirmed: bool,
    ) -> Result<bool> {
        caller.authorize_operator("confirm grants")?;
        let (code, tenant, now) = (code.to_owned(), self.vault.tenant().to_owned(), self.now());
        let state = if confirmed { "confirmed" } else { "denied" };
        let subject = subject.to_owned();
        self.db
            .change(move |sql| {
                let keys: [Param<'_>; 3] = [(&tenant).into(), (&code).into(), now.into()];
                let lock = sql.for_update();
                let row = sql.query_one(
                    &format!(
                        "SELECT {COLUMNS} FROM signin_grant WHERE tenantid = $1 AND usercode = $2 \
                         AND state = 'open' AND expireson > $3{lock}"
                    ),
                    &keys,
                )?;
                let Some(found) = row.map(|row| grant(&row)).transpose()? else {
                    return Ok(false);
                };
                sql.execute(
                    "UPDATE signin_grant SET state = $3, subject = $4 WHERE tenantid = $1 AND usercode = $2 \
                     AND state = 'open'",
                    &[
                        tenant.into(),
                        code.into(),
                        state.into(),
                        Some(&subject).filter(|_| confirmed).into(),
                    ],
                )?;
                let action = if confirmed { "user_device_signin" } else { "user_device_refuse" };
                let detail = json!({"client": found.client, "resource": found.content["resource"]});
                signin_note(sql, now, &SignInNote { action, subject, detail })?;
                Ok(true)
            })
            .await
    }

    /// Notes how a grant stands and what is known of it now, in a transaction that goes on. Only an
    /// open one changes.
    pub(crate) fn grant_settle(
        sql: &mut Sql<'_>,
        (kind, token): (GrantKind, &SecretString),
        state: &'static str,
    ) -> Result<bool> {
        let count = sql.execute(
            "UPDATE signin_grant SET state = $3 WHERE hash = $1 AND kind = $2 AND state = 'open'",
            &[hash(token.expose_secret()).into(), kind.text().into(), state.into()],
        )?;
        Ok(count > 0)
    }

    /// Ends a grant and all of its family: a sign-out.
    pub async fn grant_end(
        &self,
        caller: &Caller,
        kind: GrantKind,
        token: &SecretString,
    ) -> Result<()> {
        caller.authorize_operator("end grants")?;
        let hash = hash(token.expose_secret());
        self.db
            .change(move |sql| {
                sql.execute(
                    "DELETE FROM signin_grant WHERE hash = $1 AND kind = $2",
                    &[hash.into(), kind.text().into()],
                )?;
                Ok(())
            })
            .await
    }
}
