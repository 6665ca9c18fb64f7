//! Issuers outside of connref whose tokens count here, and whom their tokens stand for. What an issuer
//! says reaches every environment of the tenant, so only the operator names one.
use std::collections::BTreeMap;

use connref_solution::model::facts::PrincipalKind;
use connref_solution::model::{EnvironmentId, Micros, PrincipalId};
use serde_json::json;

use crate::access::Caller;
use crate::audit_log::Entry;
use crate::db::{Row, Sql};
use crate::federation::issuer_fits;
use crate::tenant_group::everywhere;
use crate::text::Stored;
use crate::{Result, Store, StoreError};

/// An issuer whose tokens count in the tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityIssuer {
    /// As its tokens name it, byte by byte.
    pub issuer: String,
    /// What a token may be for besides the addresses of the installation.
    pub audiences: Vec<String>,
    /// Private addresses at which it is reached, one rule each (see `egress`).
    pub allowed: Vec<String>,
    /// People are found by their name too, not only by an identity that was linked to them.
    pub by_name: bool,
    /// Since when it counts.
    pub created_on: Micros,
}

/// Whom a token of an issuer names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutsideSubject {
    /// Ids that the issuer never gives to another one (`oid`, `sub`).
    pub ids: Vec<String>,
    /// A person's name.
    pub name: Option<String>,
    /// The application, if it is one that acts for itself.
    pub application: Option<String>,
}

/// Most issuers of a tenant.
const ISSUERS_MAX: i64 = 50;
/// Most audiences, or rules, of one issuer.
const LIST_MAX: usize = 20;

const COLUMNS: &str = "issuer, audiences, allowed, byname, createdon";

fn list(row: &Row, at: usize) -> Result<Vec<String>> {
    serde_json::from_str(&row.text(at)?)
        .map_err(|source| StoreError::Document { kind: "issuer", source })
}

fn issuer(row: &Row) -> Result<IdentityIssuer> {
    Ok(IdentityIssuer {
        issuer: row.text(0)?,
        audiences: list(row, 1)?,
        allowed: list(row, 2)?,
        by_name: row.flag(3)?,
        created_on: row.int(4)?,
    })
}

fn entry<'a>(action: &'static str, issuer: &'a str, detail: serde_json::Value) -> Entry<'a> {
    Entry { action, object: "issuer", object_id: issuer, detail }
}

impl Store {
    /// Lets the tokens of an issuer count, or changes how.
    pub async fn identity_issuer_set(&self, caller: &Caller, new: IdentityIssuer) -> Result<()> {
        caller.authorize_operator("change whose tokens count")?;
        issuer_fits(&new.issuer)?;
        let long = |text: &String| text.is_empty() || text.len() > 500;
        let lists = [&new.audiences, &new.allowed];
        if lists.iter().any(|list| list.len() > LIST_MAX || list.iter().any(long)) {
            let text = "an issuer has at most 20 audiences and 20 rules of 1 to 500 characters";
            return Err(StoreError::Invalid(text.to_owned()));
        }
        let (caller, tenant, now) = (caller.clone(), self.vault.tenant().to_owned(), self.now());
        self.db
            .change(move |sql| {
                let count = sql.query_one(
                    "SELECT COUNT(*) FROM identity_issuer WHERE tenantid = $1 AND issuer <> $2",
                    &[(&tenant).into(), (&new.issuer).into()],
                )?;
                if count.map_or(Ok(0), |row| row.int(0))? >= ISSUERS_MAX {
                    let text = format!("tokens of {ISSUERS_MAX} issuers count already");
                    return Err(StoreError::Invalid(text));
                }
                sql.execute(
                    "INSERT INTO identity_issuer (tenantid, issuer, audiences, allowed, byname, createdon) \
                     VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (tenantid, issuer) DO UPDATE SET \
                     audiences = excluded.audiences, allowed = excluded.allowed, byname = excluded.byname",
                    &[
                        (&tenant).into(),
                        (&new.issuer).into(),
                        json!(new.audiences).to_string().into(),
                        json!(new.allowed).to_string().into(),
                        new.by_name.into(),
                        now.into(),
                    ],
                )?;
                let detail = json!({
                    "audiences": new.audiences, "allowed": new.allowed, "byName": new.by_name,
                });
                everywhere(sql, &tenant, now, &caller, &entry("issuer_set", &new.issuer, detail))
            })
            .await
    }

    /// The issuers whose tokens count.
    pub async fn identity_issuer_list(&self, caller: &Caller) -> Result<Vec<IdentityIssuer>> {
        caller.authorize_operator("see whose tokens count")?;
        let tenant = self.vault.tenant().to_owned();
        self.db
            .read(move |sql| {
                let rows = sql.query(
                    &format!(
                        "SELECT {COLUMNS} FROM identity_issuer WHERE tenantid = $1 ORDER BY issuer"
                    ),
                    &[tenant.into()],
                )?;
                rows.iter().map(issuer).collect()
            })
            .await
    }

    /// The issuer of this very name, if its tokens count.
    pub async fn identity_issuer_find(
        &self,
        caller: &Caller,
        name: &str,
    ) -> Result<Option<IdentityIssuer>> {
        caller.authorize_operator("see whose tokens count")?;
        let (tenant, name) = (self.vault.tenant().to_owned(), name.to_owned());
        self.db
            .read(move |sql| {
                let row = sql.query_one(
                    &format!(
                        "SELECT {COLUMNS} FROM identity_issuer WHERE tenantid = $1 AND issuer = $2"
                    ),
                    &[tenant.into(), name.into()],
                )?;
                row.map(|row| issuer(&row)).transpose()
            })
            .await
    }

    /// Lets the tokens of an issuer count no longer, at once.
    pub async fn identity_issuer_remove(&self, caller: &Caller, name: &str) -> Result<()> {
        caller.authorize_operator("change whose tokens count")?;
        let (caller, tenant, name, now) =
            (caller.clone(), self.vault.tenant().to_owned(), name.to_owned(), self.now());
        self.db
            .change(move |sql| {
                let gone = sql.execute(
                    "DELETE FROM identity_issuer WHERE tenantid = $1 AND issuer = $2",
                    &[(&tenant).into(), (&name).into()],
                )?;
                if gone == 0 {
                    return Err(StoreError::not_found("issuer", &name));
                }
                everywhere(sql, &tenant, now, &caller, &entry("issuer_remove", &name, json!({})))
            })
            .await
    }

    /// Whom a token stands for, in each environment: a principal to whom its id was linked, else the
    /// application, else the person of its name whom no other identity of this issuer was linked to.
    /// Where that is not exactly one principal, it is nobody.
    pub async fn identity_places(
        &self,
        caller: &Caller,
        issuer: &str,
        subject: OutsideSubject,
    ) -> Result<Vec<(EnvironmentId, PrincipalId)>> {
        caller.authorize_operator("find out who somebody is")?;
        let (tenant, issuer, now) = (self.vault.tenant().to_owned(), issuer.to_owned(), self.now());
        self.db
            .read(move |sql| {
                let mut linked = Found::default();
                for id in &subject.ids {
                    linked.add(sql.query(
                        "SELECT DISTINCT c.environmentid, c.systemuserid FROM principal_credential c \
                         JOIN environment e ON e.environmentid = c.environmentid \
                         WHERE e.tenantid = $1 AND c.kind = 'federated' AND c.issuer = $2 \
                         AND c.material = $3 AND (c.expireson IS NULL OR c.expireson > $4)",
                        &[(&tenant).into(), (&issuer).into(), id.into(), now.into()],
                    )?)?;
                }
                let named = named(sql, &tenant, &issuer, &subject)?;
                // A link is the better word, also where it names several.
                let mut all = named.0;
                all.extend(linked.0);
                let one = |(environment, mut found): (EnvironmentId, Vec<PrincipalId>)| {
                    let principal = found.pop().filter(|_| found.is_empty())?;
                    Some((environment, principal))
                };
                Ok(all.into_iter().filter_map(one).collect())
            })
            .await
    }
}

/// Principals by environment.
#[derive(Default)]
struct Found(BTreeMap<EnvironmentId, Vec<PrincipalId>>);

impl Found {
    fn add(&mut self, rows: Vec<Row>) -> Result<()> {
        for row in rows {
            let principal = PrincipalId::from(row.text(1)?);
            let found = self.0.entry(EnvironmentId::new(&row.text(0)?)).or_default();
            if !found.contains(&principal) {
                found.push(principal);
            }
        }
        Ok(())
    }
}

/// Principals that a name, or an application id, fits.
fn named(sql: &mut Sql<'_>, tenant: &str, issuer: &str, subject: &OutsideSubject) -> Result<Found> {
    let (column, kind, value) = match (&subject.application, &subject.name) {
        (Some(application), _) => {
            ("u.applicationid", PrincipalKind::ServicePrincipal, application.to_lowercase())
        }
        (None, Some(name)) => ("u.domainname_key", PrincipalKind::User, name.to_lowercase()),
        (None, None) => return Ok(Found::default()),
    };
    let mut found = Found::default();
    found.add(sql.query(
        &format!(
            "SELECT u.environmentid, u.systemuserid FROM systemuser u \
             JOIN environment e ON e.environmentid = u.environmentid \
             WHERE e.tenantid = $1 AND {column} = $2 AND u.kind = $3 AND NOT EXISTS (\
             SELECT 1 FROM principal_credential c WHERE c.environmentid = u.environmentid \
             AND c.systemuserid = u.systemuserid AND c.kind = 'federated' AND c.issuer = $4)"
        ),
        &[tenant.into(), value.into(), kind.text().into(), issuer.into()],
    )?)?;
    Ok(found)
}
