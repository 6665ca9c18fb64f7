//! That somebody signed in, in the log of each environment in which it is who it says: written with
//! what it gave, in one transaction.
use std::sync::Arc;

use connref_solution::model::{EnvironmentId, Micros};
use serde_json::Value;

use crate::access::{Caller, member};
use crate::audit_log::{self, Entry};
use crate::db::Sql;
use crate::user::find;
use crate::{Result, StoreError};

/// What somebody did to sign in.
#[derive(Clone, Debug)]
pub struct SignInNote {
    /// `noun_verb`.
    pub action: &'static str,
    /// Who signed in, as grants keep it.
    pub subject: String,
    /// What for; never a secret.
    pub detail: Value,
}

/// Writes the rows, environment by environment in the order that every change of several takes.
pub(crate) fn signin_note(sql: &mut Sql<'_>, now: Micros, note: &SignInNote) -> Result<()> {
    let subject: Value = serde_json::from_str(&note.subject)
        .map_err(|source| StoreError::Document { kind: "grant", source })?;
    let name = subject["name"].as_str().unwrap_or_default();
    let listed = subject["environments"].as_array().into_iter().flatten();
    let mut places: Vec<EnvironmentId> =
        listed.filter_map(|one| one.as_str().map(EnvironmentId::new)).collect();
    places.sort();
    places.dedup();
    for place in places {
        // It may have been taken out of the environment meanwhile, or the environment is gone.
        let user = match find(sql, &place, name) {
            Err(StoreError::NotFound { .. }) => continue,
            found => found?,
        };
        let id = user.id.clone();
        let caller = Caller::Member(Arc::new(member(sql, &place, user)?));
        let entry = Entry {
            action: note.action,
            object: "user",
            object_id: id.as_str(),
            detail: note.detail.clone(),
        };
        audit_log::record(sql, &place, now, &caller, &entry)?;
    }
    Ok(())
}
