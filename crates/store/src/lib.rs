//! The only product SQL: the database, access, the vault, and one file per noun.
//!
//! Every method of [`Store`] takes the [`access::Caller`] first (invariant 5); what a caller may not
//! see does not exist for it. Judgement that needs more than one row (may this flow be turned on?)
//! is made by `review` over [`connref_solution::model::Facts`]; the store applies what was decided,
//! provided the environment is still at the version the judgement was made from.
pub mod access;
pub mod audit_log;
pub mod bulk_delete;
pub mod business_unit;
mod change;
pub mod connection;
pub mod connection_share;
pub mod connection_signin;
pub mod connection_slot;
pub mod connection_state;
pub mod connection_token;
pub mod connector;
pub mod credential;
pub mod custom_row;
mod custom_table;
pub mod db;
pub mod deployment;
pub mod environment;
mod error;
mod facts;
pub mod federation;
pub mod flow;
mod flow_row;
pub mod identity_issuer;
pub mod import_job;
pub mod job;
pub mod layer;
pub mod pipeline;
pub mod principal_credential;
pub mod promote;
pub mod query;
pub mod reference;
pub mod role;
pub mod row_share;
pub mod run;
pub mod run_secret;
pub mod secret_search;
pub mod signin_grant;
mod signin_link;
pub mod signin_note;
pub mod signing_key;
pub mod solution;
pub mod solution_remove;
pub mod source;
pub mod team;
pub mod tenant_group;
pub mod tenant_key;
mod tenant_policy;
mod text;
pub mod token;
pub mod user;
pub mod variable;
mod variable_access;
mod variable_row;
pub mod vault;
pub mod waiting;

use std::sync::Arc;

pub use error::StoreError;

/// Result of a store method.
pub type Result<T> = std::result::Result<T, StoreError>;

/// The store: database, vault, clock and identifiers.
#[derive(Clone)]
pub struct Store {
    db: db::Db,
    vault: Arc<vault::Vault>,
    clock: Arc<dyn source::Clock>,
    ids: Arc<dyn source::Ids>,
    facts: Arc<facts::Cache>,
    callers: Arc<access::Callers>,
    tables: Arc<query::KeptTables>,
    entrances: Arc<token::Entrances>,
    points: source::Points,
}

impl Store {
    /// Puts the parts together with one key provider, and makes sure the tenant and its key exist.
    pub async fn open(
        location: &db::Location,
        key: Arc<dyn vault::KeyProvider>,
        clock: Arc<dyn source::Clock>,
        ids: Arc<dyn source::Ids>,
    ) -> Result<Self> {
        Self::open_with(location, Arc::new(vault::Fixed(key)), clock, ids).await
    }

    /// Puts the parts together with the key providers that are set, and makes sure the tenant and
    /// its key exist.
    pub async fn open_with(
        location: &db::Location,
        key: Arc<dyn vault::KeySource>,
        clock: Arc<dyn source::Clock>,
        ids: Arc<dyn source::Ids>,
    ) -> Result<Self> {
        let db = db::Db::open(location).await?;
        let vault = vault::Vault::open(&db, key, clock.now(), &*ids).await?;
        let now = clock.now();
        let maker = Arc::clone(&ids);
        db.change(move |sql| role::built_in_ensure(sql, &*maker, now)).await?;
        let vault = Arc::new(vault);
        Ok(Self {
            db,
            vault,
            clock,
            ids,
            facts: Arc::default(),
            callers: Arc::default(),
            tables: Arc::default(),
            entrances: Arc::default(),
            points: source::Points::default(),
        })
    }

    /// The same store, which stops where a test wants it.
    #[must_use]
    pub fn with_points(mut self, points: source::Points) -> Self {
        self.points = points;
        self
    }

    /// A moment of a deployment is reached (see [`source::POINTS`]).
    pub fn reach(&self, name: &'static str) {
        self.points.reach(name);
    }

    /// The same store inside one transaction, for several changes that belong together: what is done
    /// through it lasts once the group is committed. Everything must go through the store answered
    /// here; on SQLite a change by any other way waits for the end of the group.
    pub fn group(&self) -> (Self, db::Group) {
        let (db, group) = self.db.group();
        // What the caches hold may never have happened, so the group has its own.
        let (facts, callers, tables) = (Arc::default(), Arc::default(), Arc::default());
        let inside = Self { db, facts, callers, tables, ..self.clone() };
        (inside, group)
    }

    /// The database below, for the query engine and the runner's appends.
    pub fn db(&self) -> &db::Db {
        &self.db
    }

    /// Microseconds since the epoch, from the clock this store was opened with.
    pub fn now(&self) -> i64 {
        self.clock.now()
    }

    /// Where new identifiers come from.
    pub fn ids(&self) -> &dyn source::Ids {
        &*self.ids
    }
}
