//! Federated credentials, as a token of another issuer is held against them.
use connref_solution::model::EnvironmentId;

use crate::access::Caller;
use crate::principal_credential::LIVE;
use crate::{Result, Store, StoreError};

/// What a workload's token is for unless something else was said: the audience that workloads of the
/// vendor's cloud ask their issuer for.
pub const FEDERATED_AUDIENCE: &str = "api://AzureADTokenExchange";

/// A federated credential that fits a token's issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Federation {
    /// The environment that knows it.
    pub environment: EnvironmentId,
    /// Whom the token must name.
    pub subject: String,
    /// What the token must be for.
    pub audience: String,
    /// Private addresses at which that environment lets the issuer be reached.
    pub allowed: Vec<String>,
}

/// Refuses what is no issuer: an address over HTTPS, or on this machine.
pub(crate) fn issuer_fits(issuer: &str) -> Result<()> {
    let rest = issuer.strip_prefix("https://").or_else(|| {
        let rest = issuer.strip_prefix("http://")?;
        let host = rest.split(['/', ':']).next().unwrap_or_default();
        (matches!(host, "localhost" | "127.0.0.1") || rest.starts_with("[::1]")).then_some(rest)
    });
    let plain = |rest: &str| {
        !rest.is_empty()
            && !rest.starts_with(['/', ':'])
            && rest.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'?' | b'#' | b'@'))
    };
    if issuer.len() <= 600 && rest.is_some_and(plain) {
        return Ok(());
    }
    let shown: String = issuer.chars().filter(|c| !c.is_control()).take(200).collect();
    let text = format!("`{shown}` is no issuer: an address as its tokens name it, https://…");
    Err(StoreError::Invalid(text))
}

impl Store {
    /// The federated credentials of an application for this very issuer.
    pub async fn principal_federations(
        &self,
        caller: &Caller,
        application: &str,
        issuer: &str,
    ) -> Result<Vec<Federation>> {
        caller.authorize_operator("verify credentials")?;
        let (application, now) = (application.to_lowercase(), self.now());
        let issuer = issuer.to_owned();
        self.db
            .read(move |sql| {
                sql.query(
                    &format!(
                        "SELECT c.environmentid, c.audience, (SELECT e.allowed FROM environment e \
                         WHERE e.environmentid = c.environmentid), c.material {LIVE} AND c.kind = 'federated' \
                         AND c.issuer = $3 ORDER BY c.environmentid, c.credentialid"
                    ),
                    &[application.into(), now.into(), issuer.into()],
                )?
                .iter()
                .map(|row| {
                    Ok(Federation {
                        environment: EnvironmentId::new(&row.text(0)?),
                        subject: row.text(3)?,
                        audience: row.text_opt(1)?.unwrap_or(FEDERATED_AUDIENCE.to_owned()),
                        allowed: serde_json::from_str(&row.text(2)?).map_err(|source| {
                            StoreError::Document { kind: "environment", source }
                        })?,
                    })
                })
                .collect()
            })
            .await
    }
}
