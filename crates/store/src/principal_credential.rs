//! Credentials by which a service principal signs in: several at a time, each with an end. What is
//! kept cannot be used to sign in: a secret's hash, a certificate's thumbprint, the issuer and
//! subject of a federated token.
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use connref_solution::model::facts::PrincipalKind;
use connref_solution::model::{EnvironmentId, Micros, PrincipalId};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::access::{Caller, Privilege, Verb, check};
use crate::audit_log::{self, Entry};
use crate::db::Sql;
use crate::environment::touch;
use crate::federation::issuer_fits;
use crate::source::hex;
use crate::user::{User, find, target};
use crate::{Result, Store, StoreError};

/// What a credential is.
#[derive(Clone)]
pub enum CredentialNew {
    /// A client secret.
    Secret(SecretString),
    /// A certificate, by its SHA-256 or SHA-1 thumbprint in hexadecimal digits.
    Certificate(String),
    /// A certificate itself, as DER: signed statements need not carry it.
    CertificateDer(Vec<u8>),
    /// A token of another issuer for a subject: of a workload that signs in with it (workload
    /// identity federation), or of a person whom the issuer knows.
    Federated {
        /// Issuer.
        issuer: String,
        /// Subject.
        subject: String,
        /// What a workload's token must be for; else [`FEDERATED_AUDIENCE`](crate::federation::FEDERATED_AUDIENCE).
        audience: Option<String>,
    },
}

/// A credential of a service principal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrincipalCredential {
    /// Id.
    pub id: String,
    /// `secret`, `certificate` or `federated`.
    pub kind: String,
    /// Name people gave it.
    pub name: String,
    /// A certificate's thumbprint, a federated token's subject; nothing of a secret.
    pub shown: Option<String>,
    /// Issuer of federated tokens.
    pub issuer: Option<String>,
    /// What a federated token must be for.
    pub audience: Option<String>,
    /// Made.
    pub created_on: Micros,
    /// Its end.
    pub expires_on: Option<Micros>,
}

/// Most credentials of one principal.
const CREDENTIALS_MAX: i64 = 20;
/// Largest certificate.
const CERTIFICATE_MAX: usize = 64 * 1024;

/// Rows of enabled service principals of an application whose credential has not ended.
pub(crate) const LIVE: &str = "FROM principal_credential c JOIN systemuser u ON u.environmentid = c.environmentid \
     AND u.systemuserid = c.systemuserid WHERE u.applicationid = $1 AND u.isdisabled = 0 \
     AND (c.expireson IS NULL OR c.expireson > $2)";

/// A certificate that a service principal may sign statements with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrincipalCertificate {
    /// The environment that knows it.
    pub environment: EnvironmentId,
    /// Its thumbprint: 40 or 64 hexadecimal digits.
    pub thumbprint: String,
    /// Itself, as DER.
    pub der: Option<Vec<u8>>,
}

/// What is kept of a credential.
struct Kept {
    kind: &'static str,
    material: String,
    issuer: Option<String>,
    certificate: Option<String>,
    audience: Option<String>,
}

fn kept(new: &CredentialNew) -> Result<Kept> {
    let plain =
        |kind, material, issuer| Kept { kind, material, issuer, certificate: None, audience: None };
    match new {
        CredentialNew::CertificateDer(der) => {
            if der.len() > CERTIFICATE_MAX {
                let text = "a certificate has at most 64 KiB";
                return Err(StoreError::Invalid(text.to_owned()));
            }
            let certificate = Some(STANDARD.encode(der));
            let material = hex(&Sha256::digest(der));
            Ok(Kept { certificate, ..plain("certificate", material, None) })
        }
        CredentialNew::Secret(secret) => {
            let text = secret.expose_secret();
            if !(16..=1024).contains(&text.len()) {
                let text = "a client secret has 16 to 1,024 characters";
                return Err(StoreError::Invalid(text.to_owned()));
            }
            Ok(plain("secret", hex(&Sha256::digest(text.as_bytes())), None))
        }
        CredentialNew::Certificate(thumbprint) => {
            let print: String = thumbprint
                .chars()
                .filter(|c| !matches!(c, ':' | ' '))
                .collect::<String>()
                .to_lowercase();
            let fits =
                [40, 64].contains(&print.len()) && print.bytes().all(|b| b.is_ascii_hexdigit());
            if !fits {
                let text = format!("`{thumbprint}` is no thumbprint: 40 or 64 hexadecimal digits");
                return Err(StoreError::Invalid(text));
            }
            Ok(plain("certificate", print, None))
        }
        CredentialNew::Federated { issuer, subject, audience } => {
            issuer_fits(issuer)?;
            let fits = |text: &String| (1..=600).contains(&text.len());
            if !fits(subject) || audience.as_ref().is_some_and(|text| !fits(text)) {
                let text = "a subject and an audience have 1 to 600 characters";
                return Err(StoreError::Invalid(text.to_owned()));
            }
            let audience = audience.clone();
            Ok(Kept { audience, ..plain("federated", subject.clone(), Some(issuer.clone())) })
        }
    }
}

/// A principal that may have such a credential: people have identities elsewhere, and nothing else.
fn holder(
    sql: &mut Sql<'_>,
    environment: &EnvironmentId,
    name: &str,
    federated: bool,
) -> Result<User> {
    let user = find(sql, environment, name)?;
    if federated || user.kind == PrincipalKind::ServicePrincipal {
        return Ok(user);
    }
    Err(StoreError::Invalid(format!("`{}` is a person, not a service principal", user.name)))
}

impl Store {
    /// Adds a credential to a service principal, or an identity elsewhere to a person; answers its
    /// id. Whoever links an identity to a person can be that person: it needs the privilege to act on
    /// behalf of others, as a link to sign in with does.
    pub async fn principal_credential_add(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        principal: &str,
        name: String,
        new: CredentialNew,
        expires_on: Option<Micros>,
    ) -> Result<String> {
        let Kept { kind, material, issuer, certificate, audience } = kept(&new)?;
        let now = self.now();
        if expires_on.is_some_and(|end| end <= now) {
            return Err(StoreError::Invalid("a credential cannot end before it begins".to_owned()));
        }
        let id = self.ids.guid(now);
        let (caller, environment, principal) =
            (caller.clone(), environment.clone(), principal.to_owned());
        self.db
            .change(move |sql| {
                touch(sql, &environment)?;
                let user = holder(sql, &environment, &principal, kind == "federated")?;
                let place = target(&user, &principal);
                check(sql, &caller, &environment, Verb::Write, place, "change its credentials")?;
                if user.kind == PrincipalKind::User {
                    let attempt = "link identities to people";
                    caller.require(&environment, Privilege::ActOnBehalfOfAnotherUser, attempt)?;
                }
                let count = sql.query_one(
                    "SELECT COUNT(*) FROM principal_credential WHERE environmentid = $1 AND systemuserid = $2",
                    &[environment.as_str().into(), user.id.as_str().into()],
                )?;
                if count.map_or(Ok(0), |row| row.int(0))? >= CREDENTIALS_MAX {
                    let text = format!("`{}` has {CREDENTIALS_MAX} credentials already", user.name);
                    return Err(StoreError::Invalid(text));
                }
                sql.execute(
                    "INSERT INTO principal_credential (environmentid, credentialid, systemuserid, kind, name, \
                     material, issuer, createdon, expireson, certificate, audience) \
                     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
                    &[
                        environment.as_str().into(),
                        (&id).into(),
                        user.id.as_str().into(),
                        kind.into(),
                        (&name).into(),
                        (&material).into(),
                        issuer.as_ref().into(),
                        now.into(),
                        expires_on.into(),
                        certificate.into(),
                        audience.as_ref().into(),
                    ],
                )?;
                let mut detail =
                    json!({"credential": id, "kind": kind, "name": name, "until": expires_on});
                if let Some(issuer) = &issuer {
                    // No secrets, and all that matters: who can sign in from now on.
                    detail["issuer"] = issuer.as_str().into();
                    detail["subject"] = material.as_str().into();
                    detail["audience"] = audience.into();
                }
                record(sql, &environment, now, &caller, "principal_credential_add", &user.id, detail)?;
                Ok(id)
            })
            .await
    }

    /// The credentials of a principal, the ones that end first first.
    pub async fn principal_credential_list(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        principal: &str,
    ) -> Result<Vec<PrincipalCredential>> {
        let (caller, environment, principal) =
            (caller.clone(), environment.clone(), principal.to_owned());
        self.db
            .read(move |sql| {
                let user = holder(sql, &environment, &principal, true)?;
                let place = target(&user, &principal);
                check(sql, &caller, &environment, Verb::Read, place, "see its credentials")?;
                sql.query(
                    "SELECT credentialid, kind, name, CASE kind WHEN 'secret' THEN NULL ELSE material END, \
                     issuer, createdon, expireson, audience FROM principal_credential \
                     WHERE environmentid = $1 AND systemuserid = $2 \
                     ORDER BY COALESCE(expireson, 9223372036854775807), createdon",
                    &[environment.as_str().into(), user.id.as_str().into()],
                )?
                .iter()
                .map(|row| {
                    Ok(PrincipalCredential {
                        id: row.text(0)?,
                        kind: row.text(1)?,
                        name: row.text(2)?,
                        shown: row.text_opt(3)?,
                        issuer: row.text_opt(4)?,
                        created_on: row.int(5)?,
                        expires_on: row.int_opt(6)?,
                        audience: row.text_opt(7)?,
                    })
                })
                .collect()
            })
            .await
    }

    /// The environments in which an application's secret is this one.
    pub async fn principal_secret_verify(
        &self,
        caller: &Caller,
        application: &str,
        secret: &SecretString,
    ) -> Result<Vec<EnvironmentId>> {
        caller.authorize_operator("verify credentials")?;
        // The hash is compared, not the secret: how long that takes tells nothing of it.
        let hash = hex(&Sha256::digest(secret.expose_secret().as_bytes()));
        let (application, now) = (application.to_lowercase(), self.now());
        self.db
            .read(move |sql| {
                sql.query(
                    &format!(
                        "SELECT DISTINCT c.environmentid {LIVE} AND c.kind = 'secret' AND c.material = $3 \
                         ORDER BY c.environmentid"
                    ),
                    &[application.into(), now.into(), hash.into()],
                )?
                .iter()
                .map(|row| Ok(EnvironmentId::new(&row.text(0)?)))
                .collect()
            })
            .await
    }

    /// The certificates that an application may sign statements with, in all environments.
    pub async fn principal_certificates(
        &self,
        caller: &Caller,
        application: &str,
    ) -> Result<Vec<PrincipalCertificate>> {
        caller.authorize_operator("verify credentials")?;
        let (application, now) = (application.to_lowercase(), self.now());
        self.db
            .read(move |sql| {
                sql.query(
                    &format!(
                        "SELECT c.environmentid, c.material, c.certificate {LIVE} \
                         AND c.kind = 'certificate' ORDER BY c.environmentid, c.credentialid"
                    ),
                    &[application.into(), now.into()],
                )?
                .iter()
                .map(|row| {
                    let der = row.text_opt(2)?.and_then(|text| STANDARD.decode(text).ok());
                    Ok(PrincipalCertificate {
                        environment: EnvironmentId::new(&row.text(0)?),
                        thumbprint: row.text(1)?,
                        der,
                    })
                })
                .collect()
            })
            .await
    }

    /// Whether any environment has an enabled service principal of this application.
    pub async fn application_exists(&self, caller: &Caller, application: &str) -> Result<bool> {
        caller.authorize_operator("verify credentials")?;
        let application = application.to_lowercase();
        self.db
            .read(move |sql| {
                let row = sql.query_one(
                    "SELECT 1 FROM systemuser WHERE applicationid = $1 AND isdisabled = 0 LIMIT 1",
                    &[application.into()],
                )?;
                Ok(row.is_some())
            })
            .await
    }

    /// Takes a credential away.
    pub async fn principal_credential_remove(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        principal: &str,
        credential: &str,
    ) -> Result<()> {
        let (caller, environment, principal, credential, now) = (
            caller.clone(),
            environment.clone(),
            principal.to_owned(),
            credential.to_owned(),
            self.now(),
        );
        self.db
            .change(move |sql| {
                touch(sql, &environment)?;
                let user = holder(sql, &environment, &principal, true)?;
                let place = target(&user, &principal);
                check(sql, &caller, &environment, Verb::Write, place, "change its credentials")?;
                let gone = sql.execute(
                    "DELETE FROM principal_credential WHERE environmentid = $1 AND systemuserid = $2 \
                     AND credentialid = $3",
                    &[
                        environment.as_str().into(),
                        user.id.as_str().into(),
                        credential.to_lowercase().into(),
                    ],
                )?;
                if gone == 0 {
                    return Err(StoreError::not_found("credential", credential));
                }
                let detail = json!({"credential": credential});
                record(sql, &environment, now, &caller, "principal_credential_remove", &user.id, detail)
            })
            .await
    }
}

fn record(
    sql: &mut Sql<'_>,
    environment: &EnvironmentId,
    now: Micros,
    caller: &Caller,
    action: &str,
    id: &PrincipalId,
    detail: serde_json::Value,
) -> Result<()> {
    let entry = Entry { action, object: "user", object_id: id.as_str(), detail };
    audit_log::record(sql, environment, now, caller, &entry)
}
