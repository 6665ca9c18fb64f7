//! What a run must not show: secured inputs and outputs, secrets it read. It lies with the secrets of
//! connections, under the id of the run, so that a change of the key takes it along; only the runner
//! opens it, to go on after a crash.
use connref_solution::model::{ConnectionId, EnvironmentId, RunId};
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use crate::access::Caller;
use crate::credential::{Sealed, secrets_write};
use crate::db::Sql;
use crate::vault::{SECRET_MAX, SecretPlace, VaultError};
use crate::{Result, Store, StoreError};

/// How often a part is sealed anew because the key changed meanwhile.
const ATTEMPTS: usize = 3;

/// Which part of a run a hidden text belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunPart {
    /// What it started with.
    Start,
    /// An event, by its number.
    Event(i64),
    /// What it answered.
    Response,
}

impl RunPart {
    fn name(self) -> String {
        match self {
            Self::Start => "start".to_owned(),
            Self::Event(seq) => format!("event/{seq}"),
            Self::Response => "response".to_owned(),
        }
    }
}

/// No connector is called so, and a run's id is no connection's: what a change of the key reads there.
fn place<'a>(environment: &'a EnvironmentId, run: &'a RunId, field: &'a str) -> SecretPlace<'a> {
    SecretPlace {
        environment: environment.as_str(),
        connection: run.as_str(),
        connector: "",
        field,
        version: 1,
    }
}

impl Store {
    /// Keeps what a part of a run must not show. Durable when it answers. `fence` is that of the
    /// lease; none for a run whose row is not written yet.
    pub async fn run_secret_put(
        &self,
        environment: &EnvironmentId,
        run: &RunId,
        fence: Option<i64>,
        part: RunPart,
        text: &SecretString,
    ) -> Result<()> {
        let mut attempt = 1;
        loop {
            let sealed = self.run_seal(environment, run, part, text)?;
            let (environment, run, name) = (environment.clone(), run.clone(), part.name());
            let written = self
                .db
                .change(move |sql| write(sql, &environment, &run, fence, &name, &sealed))
                .await;
            match written {
                Err(StoreError::Vault(VaultError::KeyChanged)) if attempt < ATTEMPTS => {
                    self.vault.refresh(&self.db).await?;
                    attempt += 1;
                }
                result => return result,
            }
        }
    }

    /// One envelope holds a part, or several where it is long.
    fn run_seal(
        &self,
        environment: &EnvironmentId,
        run: &RunId,
        part: RunPart,
        text: &SecretString,
    ) -> Result<Sealed> {
        let mut sealed = Vec::new();
        let mut rest = text.expose_secret();
        while !rest.is_empty() || sealed.is_empty() {
            let mut end = rest.len().min(SECRET_MAX);
            while !rest.is_char_boundary(end) {
                end -= 1;
            }
            let (piece, after) = rest.split_at(end);
            let field = format!("{}/{:06}", part.name(), sealed.len());
            let piece = SecretString::from(piece.to_owned());
            let envelope = self.vault.seal(&*self.ids, &place(environment, run, &field), &piece)?;
            sealed.push((field, envelope));
            rest = after;
        }
        Ok(sealed)
    }

    /// What a part of a run must not show, for the runner; none if nothing is kept of it.
    pub async fn run_secret(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        run: &RunId,
        part: RunPart,
    ) -> Result<Option<SecretString>> {
        caller.authorize_operator("open what a run hides")?;
        let (at, of, name) = (environment.clone(), run.clone(), part.name());
        let sealed = self.db.read(move |sql| read(sql, &at, &of, &name)).await?;
        let mut whole = Zeroizing::new(String::new());
        for (field, envelope) in &sealed {
            let piece = self.vault.unseal(&place(environment, run, field), envelope)?;
            whole.push_str(piece.expose_secret());
        }
        Ok((!sealed.is_empty()).then(|| SecretString::from(whole.as_str())))
    }
}

fn write(
    sql: &mut Sql<'_>,
    environment: &EnvironmentId,
    run: &RunId,
    fence: Option<i64>,
    name: &str,
    sealed: &Sealed,
) -> Result<()> {
    if let Some(fence) = fence {
        let lock = sql.for_share();
        let held = sql.query_one(
            &format!(
                "SELECT runid FROM run WHERE environmentid = $1 AND runid = $2 AND fence = $3{lock}"
            ),
            &[environment.as_str().into(), run.as_str().into(), fence.into()],
        )?;
        held.ok_or_else(|| StoreError::LeaseLost(run.to_string()))?;
    }
    // A node before this one may have kept a longer text here.
    sql.execute(
        "DELETE FROM connection_secret WHERE environmentid = $1 AND connectionid = $2 AND field LIKE $3",
        &[environment.as_str().into(), run.as_str().into(), format!("{name}/%").into()],
    )?;
    secrets_write(sql, environment, &ConnectionId::new(run.as_str()), 1, sealed)
}

fn read(sql: &mut Sql<'_>, environment: &EnvironmentId, run: &RunId, name: &str) -> Result<Sealed> {
    sql.query(
        "SELECT field, envelope FROM connection_secret WHERE environmentid = $1 \
         AND connectionid = $2 AND field LIKE $3 ORDER BY field",
        &[environment.as_str().into(), run.as_str().into(), format!("{name}/%").into()],
    )?
    .iter()
    .map(|row| Ok((row.text(0)?, row.bytes(1)?)))
    .collect()
}
