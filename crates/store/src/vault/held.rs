//! The tenant's keys as this process holds them: opened through the provider at the start, and
//! opened again when the database names a version that is not held.
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use secrecy::{ExposeSecret, SecretBox};
use zeroize::Zeroizing;

use super::provider::{Recorded, unwrap_any};
use super::{KeyProvider, KeySource, VaultError, Wrapped};
use crate::StoreError;
use crate::db::{Db, DbError, Row, Sql};
use crate::source::Ids;

/// The opened vault of a tenant.
pub(crate) struct Vault {
    tenant: String,
    source: Arc<dyn KeySource>,
    held: RwLock<Arc<Held>>,
}

/// Versions of the tenant key.
pub(crate) struct Held {
    newest: u32,
    keys: BTreeMap<u32, TenantKey>,
}

type TenantKey = Arc<SecretBox<[u8; 32]>>;

/// The one tenant of an installation, for now.
const TENANT_NAME: &str = "default";

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Vault {{ tenant: {}, keys: *** }}", self.tenant)
    }
}

impl Held {
    /// What new secrets are sealed under.
    pub(super) fn newest(&self) -> (u32, &[u8; 32]) {
        let key = self.key(self.newest).expect("the newest version is held from the start");
        (self.newest, key)
    }

    /// A version's key.
    pub(super) fn key(&self, version: u32) -> Option<&[u8; 32]> {
        self.keys.get(&version).map(|key| key.expose_secret())
    }
}

impl Vault {
    /// Opens the tenant's keys, making tenant and key at the first start.
    pub(crate) async fn open(
        db: &Db,
        source: Arc<dyn KeySource>,
        now: i64,
        ids: &dyn Ids,
    ) -> Result<Self, StoreError> {
        let rows = match Rows::read(db, None).await? {
            Some(rows) => rows,
            None => {
                make(db, &*source, now, ids).await?;
                // Of two processes that start together one made it; both read it.
                let missing = || DbError::Column { index: 0, wanted: "a tenant", found: "none" };
                Rows::read(db, None).await?.ok_or_else(missing)?
            }
        };
        let held = load(&*source, &rows, &BTreeMap::new()).await?;
        Ok(Self { tenant: rows.tenant, source, held: RwLock::new(Arc::new(held)) })
    }

    /// The tenant this vault belongs to.
    pub(crate) fn tenant(&self) -> &str {
        &self.tenant
    }

    /// Where the providers come from.
    pub(crate) fn source(&self) -> &dyn KeySource {
        &*self.source
    }

    /// The keys at hand.
    pub(super) fn held(&self) -> Arc<Held> {
        Arc::clone(&self.held.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The newest version at hand.
    pub(crate) fn newest(&self) -> u32 {
        self.held().newest
    }

    /// Opens the keys anew if the database's newest is not the one at hand. Costs one read by key.
    pub(crate) async fn refresh(&self, db: &Db) -> Result<(), StoreError> {
        let tenant = self.tenant.clone();
        let newest = db.read(move |sql| newest_recorded(sql, &tenant)).await?;
        if newest == self.newest() { Ok(()) } else { self.reload(db).await }
    }

    /// Opens the keys anew.
    pub(crate) async fn reload(&self, db: &Db) -> Result<(), StoreError> {
        let Some(rows) = Rows::read(db, Some(&self.tenant)).await? else { return Ok(()) };
        let known = self.held().keys.clone();
        let held = load(&*self.source, &rows, &known).await?;
        *self.held.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(held);
        Ok(())
    }

    /// Wraps a fresh tenant key and every one at hand, and proves that each opens again.
    pub(crate) async fn wrap_all(
        &self,
        provider: &dyn KeyProvider,
        ids: &dyn Ids,
        version: u32,
    ) -> Result<BTreeMap<u32, Wrapped>, VaultError> {
        let mut keys: BTreeMap<u32, TenantKey> = self.held().keys.clone();
        keys.insert(version, fresh(ids));
        let mut wrapped = BTreeMap::new();
        for (version, key) in keys {
            let one = provider.wrap(&self.tenant, key.expose_secret()).await?;
            let again = provider.unwrap(&self.tenant, &one).await?;
            if *again != *key.expose_secret() {
                let place = provider.place();
                return Err(VaultError::NotOpened { place, expected: one.fingerprint });
            }
            wrapped.insert(version, one);
        }
        Ok(wrapped)
    }

    /// The set provider that the newest recorded key belongs to: proven by opening it.
    pub(crate) async fn provider(&self, db: &Db) -> Result<Arc<dyn KeyProvider>, StoreError> {
        let rows = Rows::read(db, Some(&self.tenant)).await?;
        let last = rows.as_ref().and_then(|rows| rows.keys.last());
        let (_, recorded) = last.ok_or(VaultError::KeyChanged)?;
        let (_, provider) = unwrap_any(&self.source.providers()?, &self.tenant, recorded).await?;
        Ok(provider)
    }
}

fn fresh(ids: &dyn Ids) -> TenantKey {
    let mut key = Zeroizing::new([0_u8; 32]);
    ids.fill(&mut key[..]);
    Arc::new(SecretBox::new(Box::new(*key)))
}

async fn make(db: &Db, source: &dyn KeySource, now: i64, ids: &dyn Ids) -> Result<(), StoreError> {
    let tenant = ids.guid(now);
    let providers = source.providers()?;
    let provider = providers.first().ok_or_else(|| VaultError::Setting {
        setting: String::new(),
        reason: "no provider is set".to_owned(),
    })?;
    let wrapped = provider.wrap(&tenant, fresh(ids).expose_secret()).await?;
    let (kind, place) = (provider.kind(), provider.place());
    db.change(move |sql| {
        // Nodes that start together take this row one after another.
        let lock = sql.for_update();
        sql.query(&format!("SELECT version FROM schema_migration WHERE version = 1{lock}"), &[])?;
        if sql.query_one("SELECT tenantid FROM tenant", &[])?.is_some() {
            return Ok(());
        }
        sql.execute(
            "INSERT INTO tenant (tenantid, name, createdon) VALUES ($1, $2, $3)",
            &[(&tenant).into(), TENANT_NAME.into(), now.into()],
        )?;
        key_insert(sql, &tenant, 1, (kind, &place), &wrapped, now)
    })
    .await
}

/// Writes a version of the tenant key.
pub(crate) fn key_insert(
    sql: &mut Sql<'_>,
    tenant: &str,
    version: u32,
    (kind, place): (&str, &str),
    wrapped: &Wrapped,
    now: i64,
) -> Result<(), StoreError> {
    sql.execute(
        "INSERT INTO tenant_key (tenantid, version, provider, place, fingerprint, wrapped, createdon) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        &[
            tenant.into(),
            i64::from(version).into(),
            kind.into(),
            place.into(),
            (&wrapped.fingerprint).into(),
            wrapped.bytes.as_slice().into(),
            now.into(),
        ],
    )?;
    Ok(())
}

/// The version under which the database wants secrets sealed.
pub(crate) fn newest_recorded(sql: &mut Sql<'_>, tenant: &str) -> Result<u32, StoreError> {
    let row = sql
        .query_one("SELECT keyversion FROM tenant WHERE tenantid = $1", &[tenant.into()])?
        .ok_or_else(|| StoreError::not_found("tenant", tenant))?;
    version(&row, 0)
}

pub(crate) fn version(row: &Row, index: usize) -> Result<u32, StoreError> {
    Ok(u32::try_from(row.int(index)?).unwrap_or(0))
}

/// The tenant's keys as the database has them, oldest first.
struct Rows {
    tenant: String,
    newest: u32,
    keys: Vec<(u32, Recorded)>,
}

impl Rows {
    async fn read(db: &Db, tenant: Option<&str>) -> Result<Option<Self>, StoreError> {
        let wanted = tenant.map(str::to_owned);
        db.snapshot(move |sql| {
            let rows = sql.query(
                "SELECT t.tenantid, t.keyversion, k.version, k.provider, k.place, k.fingerprint, k.wrapped \
                 FROM tenant t JOIN tenant_key k ON k.tenantid = t.tenantid \
                 WHERE t.tenantid = COALESCE($1, t.tenantid) ORDER BY t.createdon, t.tenantid, k.version",
                &[wanted.into()],
            )?;
            let Some(first) = rows.first() else { return Ok(None) };
            let (tenant, newest) = (first.text(0)?, version(first, 1)?);
            let mut keys = Vec::new();
            for row in rows.iter().filter(|row| row.text(0).ok().as_ref() == Some(&tenant)) {
                let wrapped = Wrapped { bytes: row.bytes(6)?, fingerprint: row.text(5)? };
                let recorded = Recorded { kind: row.text(3)?, place: row.text(4)?, wrapped };
                keys.push((version(row, 2)?, recorded));
            }
            Ok(Some(Self { tenant, newest, keys }))
        })
        .await
    }
}

/// Opens every version; those that are held already stay.
async fn load(
    source: &dyn KeySource,
    rows: &Rows,
    known: &BTreeMap<u32, TenantKey>,
) -> Result<Held, StoreError> {
    let mut keys = known.clone();
    let mut providers = None;
    for (version, recorded) in &rows.keys {
        if keys.contains_key(version) {
            continue;
        }
        if providers.is_none() {
            providers = Some(source.providers()?);
        }
        let set = providers.as_deref().unwrap_or_default();
        let (key, _) = unwrap_any(set, &rows.tenant, recorded).await?;
        keys.insert(*version, Arc::new(SecretBox::new(Box::new(*key))));
    }
    // What the database dropped is dropped here too, but for the version before: a read that began
    // earlier may still bring a secret under it.
    let oldest = rows.keys.first().map_or(0, |(version, _)| version.saturating_sub(1));
    keys.retain(|version, _| *version >= oldest);
    if !keys.contains_key(&rows.newest) {
        return Err(VaultError::KeyChanged.into());
    }
    Ok(Held { newest: rows.newest, keys })
}
