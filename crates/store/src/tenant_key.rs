//! The tenant's key: which versions there are and what they hold, a new version, another provider.
//!
//! A change makes a new version and then brings every secret under it, page by page, while the
//! system runs: only the wrapped data key of a secret is made anew, by compare and swap, so that a
//! secret written meanwhile stays as it was written. The cursor is a row, so whoever comes after a
//! crash goes on where it stopped. The old version is dropped in the transaction that finds no
//! secret under it; a writer holds its version until it has written (`secrets_write`).
//!
//! Nothing the facts of an environment hold changes with the key, so its version stays; each
//! environment's log says when the key was changed.
use std::time::{Duration, Instant};

use connref_solution::model::{EnvironmentId, Micros};
use serde_json::json;

use crate::access::Caller;
use crate::audit_log::{self, Entry};
use crate::db::{Param, Row, Sql};
use crate::vault::{SecretPlace, Wrapped, envelope, key_insert, newest_recorded, version};
use crate::{Result, Store, StoreError};

/// Secrets in one transaction: enough to share its commit, few enough not to keep others waiting.
const PAGE: usize = 256;

/// A version of the tenant's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyVersion {
    /// Number, from 1.
    pub version: u32,
    /// Kind of the provider that wrapped it.
    pub provider: String,
    /// Where the provider's key lies.
    pub place: String,
    /// Names the provider's key.
    pub fingerprint: String,
    /// When it was made.
    pub created_on: Micros,
    /// Secrets under it.
    pub records: i64,
    /// New secrets go under it.
    pub newest: bool,
}

/// A change of the key: running, or the last one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyChange {
    /// `rotate` or `move`.
    pub kind: String,
    /// The new version.
    pub to: u32,
    /// Where the provider's key lies.
    pub place: String,
    /// Secrets there were when it began.
    pub total: i64,
    /// Secrets brought under the new version.
    pub done: i64,
    /// Secrets that do not open and were left as they are.
    pub unreadable: i64,
    /// Who began it.
    pub started_by: String,
    /// When.
    pub started_on: Micros,
    /// When it was over; none while it runs.
    pub ended_on: Option<Micros>,
}

/// The tenant's key as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyStatus {
    /// Versions, oldest first.
    pub versions: Vec<KeyVersion>,
    /// The change that runs, or ran last.
    pub change: Option<KeyChange>,
}

/// The last secret that a change has seen.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Cursor {
    environment: String,
    connection: String,
    field: String,
}

/// A secret of a page.
struct Found {
    at: Cursor,
    version: i64,
    envelope: Vec<u8>,
    connector: Option<String>,
}

impl Store {
    /// The versions of the key, what is under each, and the change that runs.
    pub async fn key_status(&self, caller: &Caller) -> Result<KeyStatus> {
        caller.authorize_operator("see the key")?;
        let tenant = self.vault.tenant().to_owned();
        self.db.snapshot(move |sql| status(sql, &tenant)).await
    }

    /// Begins a new version of the key, through the provider in use, or through another when an
    /// address is given. A change that was begun before has to end first.
    pub async fn key_change_begin(&self, caller: &Caller, to: Option<&str>) -> Result<KeyChange> {
        caller.authorize_operator("change the key")?;
        self.vault.reload(&self.db).await?;
        let status = self.key_status(caller).await?;
        if let Some(open) = status.change.filter(|change| change.ended_on.is_none()) {
            return Err(under_way(&open));
        }
        let used = self.vault.provider(&self.db).await?;
        let Some(address) = to else { return self.begin(caller, "rotate", &*used).await };
        let provider = self.vault.source().provider(address)?;
        // Both are set before the database knows the new one: whoever starts after a crash finds
        // the one that counts.
        self.vault.source().choose(address, true)?;
        let begun = self.begin(caller, "move", &*provider).await;
        match &begun {
            Ok(_) => self.vault.source().choose(address, false)?,
            Err(_) => self.vault.source().choose(&used.place(), false)?,
        }
        begun
    }

    async fn begin(
        &self,
        caller: &Caller,
        kind: &'static str,
        provider: &dyn crate::vault::KeyProvider,
    ) -> Result<KeyChange> {
        let from = self.vault.newest();
        let to = from + 1;
        let wrapped = self.vault.wrap_all(provider, &*self.ids, to).await?;
        let (tenant, now) = (self.vault.tenant().to_owned(), self.now());
        let (asker, place, name) = (caller.clone(), provider.place(), provider.kind());
        let begun = self
            .db
            .change(move |sql| {
                lock(sql, &tenant)?;
                if newest_recorded(sql, &tenant)? != from {
                    return Err(crate::vault::VaultError::KeyChanged.into());
                }
                let begun = Begun { kind, to, provider: (name, &place), now };
                insert(sql, &tenant, &asker, &begun, &wrapped)?;
                record_all(sql, &tenant, now, &asker, &begun.entry())?;
                found_change(sql, &tenant)?.ok_or_else(|| StoreError::not_found("change", kind))
            })
            .await?;
        self.vault.reload(&self.db).await?;
        Ok(begun)
    }

    /// Goes on with the change that runs, for about as long as given. Answers how far it is; none if
    /// none was ever begun. Any number of nodes may do this at once.
    pub async fn key_change_continue(
        &self,
        caller: &Caller,
        time: Duration,
    ) -> Result<Option<KeyChange>> {
        caller.authorize_operator("change the key")?;
        let begun = Instant::now();
        // How many this call moved since it began at the first secret; unknown until it has.
        let mut swept = None;
        loop {
            let tenant = self.vault.tenant().to_owned();
            let found = self.db.read(move |sql| found_change(sql, &tenant)).await?;
            let Some(change) = found.filter(|change| change.ended_on.is_none()) else {
                return self.last_change().await;
            };
            if begun.elapsed() >= time {
                return Ok(Some(change));
            }
            if self.vault.newest() < change.to {
                self.vault.reload(&self.db).await?;
            }
            if let Some(moved) = self.page(change.to).await? {
                swept = swept.map(|before| before + moved);
                continue;
            }
            // What a sweep from beginning to end did not move will not move the next time either.
            self.finish(caller, change.to, swept == Some(0)).await?;
            swept = Some(0);
        }
    }

    async fn last_change(&self) -> Result<Option<KeyChange>> {
        let tenant = self.vault.tenant().to_owned();
        self.db.read(move |sql| found_change(sql, &tenant)).await
    }

    /// Brings the next page under the new version and answers how many it moved; none if there is
    /// no further page.
    async fn page(&self, to: u32) -> Result<Option<usize>> {
        let tenant = self.vault.tenant().to_owned();
        let found = self.db.snapshot(move |sql| next_page(sql, &tenant)).await?;
        let Some(last) = found.last().map(|one| one.at.clone()) else { return Ok(None) };
        let mut moved = Vec::new();
        for one in found {
            if envelope::key_version(&one.envelope).is_none_or(|at| at >= to) {
                continue;
            }
            let place = SecretPlace {
                environment: &one.at.environment,
                connection: &one.at.connection,
                connector: one.connector.as_deref().unwrap_or_default(),
                field: &one.at.field,
                version: one.version,
            };
            if let Some(new) = self.vault.rewrap(&*self.ids, &place, &one.envelope, to) {
                moved.push((one.at, one.envelope, new));
            }
        }
        let tenant = self.vault.tenant().to_owned();
        let count = moved.len();
        self.db.change(move |sql| write_page(sql, &tenant, to, &last, &moved)).await?;
        Ok(Some(count))
    }

    /// Ends the change if nothing is left under older versions, or nothing that could be moved;
    /// else begins another sweep.
    async fn finish(&self, caller: &Caller, to: u32, swept: bool) -> Result<()> {
        let (tenant, now, caller) = (self.vault.tenant().to_owned(), self.now(), caller.clone());
        let dropped =
            self.db.change(move |sql| finish(sql, &tenant, to, swept, now, &caller)).await?;
        if dropped { self.vault.reload(&self.db).await } else { Ok(()) }
    }

    /// Opens the keys anew if another process changed them. For whoever holds a store for long.
    pub async fn key_refresh(&self, caller: &Caller) -> Result<()> {
        caller.authorize_operator("read the key")?;
        self.vault.refresh(&self.db).await
    }
}

fn under_way(change: &KeyChange) -> StoreError {
    StoreError::InUse {
        kind: "key",
        name: format!("version {}", change.to),
        users: format!("a change that is under way ({} of {})", change.done, change.total),
    }
}

/// What a change writes when it begins.
struct Begun<'a> {
    kind: &'static str,
    to: u32,
    provider: (&'static str, &'a str),
    now: Micros,
}

impl Begun<'_> {
    fn entry(&self) -> Entry<'static> {
        let action = if self.kind == "move" { "key_move" } else { "key_rotate" };
        let detail =
            json!({"version": self.to, "provider": self.provider.0, "place": self.provider.1});
        Entry { action, object: "key", object_id: "", detail }
    }
}

/// Takes the tenant's row: one change of the key at a time.
fn lock(sql: &mut Sql<'_>, tenant: &str) -> Result<()> {
    let lock = sql.for_update();
    sql.query(&format!("SELECT tenantid FROM tenant WHERE tenantid = $1{lock}"), &[tenant.into()])?;
    Ok(())
}

fn insert(
    sql: &mut Sql<'_>,
    tenant: &str,
    caller: &Caller,
    begun: &Begun<'_>,
    wrapped: &std::collections::BTreeMap<u32, Wrapped>,
) -> Result<()> {
    for (version, one) in wrapped {
        if *version == begun.to {
            key_insert(sql, tenant, *version, begun.provider, one, begun.now)?;
            continue;
        }
        // From here on the new provider opens the old versions too: after a crash only one is asked.
        sql.execute(
            "UPDATE tenant_key SET provider = $3, place = $4, fingerprint = $5, wrapped = $6 \
             WHERE tenantid = $1 AND version = $2",
            &[
                tenant.into(),
                i64::from(*version).into(),
                begun.provider.0.into(),
                begun.provider.1.into(),
                (&one.fingerprint).into(),
                one.bytes.as_slice().into(),
            ],
        )?;
    }
    let to = i64::from(begun.to);
    sql.execute(
        "UPDATE tenant SET keyversion = $2 WHERE tenantid = $1",
        &[tenant.into(), to.into()],
    )?;
    let total: i64 = counts(sql, tenant)?.iter().map(|(_, count)| count).sum();
    sql.execute("DELETE FROM key_change WHERE tenantid = $1", &[tenant.into()])?;
    sql.execute(
        "INSERT INTO key_change (tenantid, kind, toversion, provider, place, total, done, unreadable, \
         cursorenvironment, cursorconnection, cursorfield, startedby, startedon) \
         VALUES ($1, $2, $3, $4, $5, $6, 0, 0, '', '', '', $7, $8)",
        &[
            tenant.into(),
            begun.kind.into(),
            to.into(),
            begun.provider.0.into(),
            begun.provider.1.into(),
            total.into(),
            caller.name().into(),
            begun.now.into(),
        ],
    )?;
    Ok(())
}

/// One row in the log of every environment.
fn record_all(
    sql: &mut Sql<'_>,
    tenant: &str,
    now: Micros,
    caller: &Caller,
    entry: &Entry<'_>,
) -> Result<()> {
    let all = sql.query(
        "SELECT environmentid FROM environment WHERE tenantid = $1 ORDER BY environmentid",
        &[tenant.into()],
    )?;
    for row in &all {
        let environment = EnvironmentId::new(&row.text(0)?);
        audit_log::record(sql, &environment, now, caller, entry)?;
    }
    Ok(())
}

/// Secrets under each version, by what the secrets themselves say.
fn counts(sql: &mut Sql<'_>, tenant: &str) -> Result<Vec<(u32, i64)>> {
    sql.query(
        "SELECT substr(s.envelope, 2, 4), COUNT(*) FROM connection_secret s \
         JOIN environment e ON e.environmentid = s.environmentid WHERE e.tenantid = $1 GROUP BY 1",
        &[tenant.into()],
    )?
    .iter()
    .map(|row| {
        let bytes: [u8; 4] = row.bytes(0)?.try_into().unwrap_or_default();
        Ok((u32::from_be_bytes(bytes), row.int(1)?))
    })
    .collect()
}

fn status(sql: &mut Sql<'_>, tenant: &str) -> Result<KeyStatus> {
    let newest = newest_recorded(sql, tenant)?;
    let counts = counts(sql, tenant)?;
    let versions = sql
        .query(
            "SELECT version, provider, place, fingerprint, createdon FROM tenant_key \
             WHERE tenantid = $1 ORDER BY version",
            &[tenant.into()],
        )?
        .iter()
        .map(|row| {
            let version = version(row, 0)?;
            Ok(KeyVersion {
                version,
                provider: row.text(1)?,
                place: row.text(2)?,
                fingerprint: row.text(3)?,
                created_on: row.int(4)?,
                records: counts.iter().find(|(v, _)| *v == version).map_or(0, |(_, n)| *n),
                newest: version == newest,
            })
        })
        .collect::<Result<_>>()?;
    Ok(KeyStatus { versions, change: found_change(sql, tenant)? })
}

fn found_change(sql: &mut Sql<'_>, tenant: &str) -> Result<Option<KeyChange>> {
    let row = sql.query_one(
        "SELECT kind, toversion, place, total, done, unreadable, startedby, startedon, endedon \
         FROM key_change WHERE tenantid = $1",
        &[tenant.into()],
    )?;
    row.map(|row| {
        Ok(KeyChange {
            kind: row.text(0)?,
            to: version(&row, 1)?,
            place: row.text(2)?,
            total: row.int(3)?,
            done: row.int(4)?,
            unreadable: row.int(5)?,
            started_by: row.text(6)?,
            started_on: row.int(7)?,
            ended_on: row.int_opt(8)?,
        })
    })
    .transpose()
}

fn next_page(sql: &mut Sql<'_>, tenant: &str) -> Result<Vec<Found>> {
    let cursor = sql.query_one(
        "SELECT cursorenvironment, cursorconnection, cursorfield FROM key_change WHERE tenantid = $1",
        &[tenant.into()],
    )?;
    let Some(cursor) = cursor else { return Ok(Vec::new()) };
    let text = |row: &Row, at: usize| row.text(at).map(Param::from);
    sql.query(
        "SELECT s.environmentid, s.connectionid, s.field, s.version, s.envelope, c.api_key \
         FROM connection_secret s JOIN environment e ON e.environmentid = s.environmentid \
         LEFT JOIN connection c ON c.environmentid = s.environmentid AND c.connectionid = s.connectionid \
         WHERE e.tenantid = $1 AND (s.environmentid, s.connectionid, s.field) > ($2, $3, $4) \
         ORDER BY s.environmentid, s.connectionid, s.field LIMIT $5",
        &[
            tenant.into(),
            text(&cursor, 0)?,
            text(&cursor, 1)?,
            text(&cursor, 2)?,
            i64::try_from(PAGE).unwrap_or(i64::MAX).into(),
        ],
    )?
    .iter()
    .map(|row| {
        let at =
            Cursor { environment: row.text(0)?, connection: row.text(1)?, field: row.text(2)? };
        let (version, envelope) = (row.int(3)?, row.bytes(4)?);
        Ok(Found { at, version, envelope, connector: row.text_opt(5)? })
    })
    .collect()
}

/// A secret that was written since it was read stays as it was written.
fn write_page(
    sql: &mut Sql<'_>,
    tenant: &str,
    to: u32,
    last: &Cursor,
    moved: &[(Cursor, Vec<u8>, Vec<u8>)],
) -> Result<()> {
    let mut done = 0_u64;
    for (at, old, new) in moved {
        done += sql.execute(
            "UPDATE connection_secret SET envelope = $5 \
             WHERE environmentid = $1 AND connectionid = $2 AND field = $3 AND envelope = $4",
            &[
                (&at.environment).into(),
                (&at.connection).into(),
                (&at.field).into(),
                old.as_slice().into(),
                new.as_slice().into(),
            ],
        )?;
    }
    // Another node may be ahead: the cursor never goes back.
    sql.execute(
        "UPDATE key_change SET done = done + $6, cursorenvironment = $3, cursorconnection = $4, \
         cursorfield = $5 WHERE tenantid = $1 AND toversion = $2 \
         AND (cursorenvironment, cursorconnection, cursorfield) < ($3, $4, $5)",
        &[
            tenant.into(),
            i64::from(to).into(),
            (&last.environment).into(),
            (&last.connection).into(),
            (&last.field).into(),
            i64::try_from(done).unwrap_or(i64::MAX).into(),
        ],
    )?;
    Ok(())
}

/// True if the older versions were dropped.
fn finish(
    sql: &mut Sql<'_>,
    tenant: &str,
    to: u32,
    swept: bool,
    now: Micros,
    caller: &Caller,
) -> Result<bool> {
    lock(sql, tenant)?;
    let change = found_change(sql, tenant)?;
    if change.is_none_or(|change| change.to != to || change.ended_on.is_some()) {
        return Ok(false);
    }
    let lock = sql.for_update();
    // Waits for whoever is writing a secret under an older version.
    sql.query(
        &format!("SELECT version FROM tenant_key WHERE tenantid = $1 AND version < $2{lock}"),
        &[tenant.into(), i64::from(to).into()],
    )?;
    let left: i64 = counts(sql, tenant)?.iter().filter(|(v, _)| *v < to).map(|(_, n)| n).sum();
    if left > 0 && !swept {
        sql.execute(
            "UPDATE key_change SET cursorenvironment = '', cursorconnection = '', cursorfield = '' \
             WHERE tenantid = $1",
            &[tenant.into()],
        )?;
        return Ok(false);
    }
    sql.execute(
        "UPDATE key_change SET endedon = $2, unreadable = $3 WHERE tenantid = $1",
        &[tenant.into(), now.into(), left.into()],
    )?;
    if left == 0 {
        sql.execute(
            "DELETE FROM tenant_key WHERE tenantid = $1 AND version < $2",
            &[tenant.into(), i64::from(to).into()],
        )?;
    }
    let detail = json!({"version": to, "unreadable": left});
    let entry = Entry { action: "key_change_end", object: "key", object_id: "", detail };
    record_all(sql, tenant, now, caller, &entry)?;
    Ok(left == 0)
}
