//! Access tokens of an issuer that the operator trusts (`connref server issuer add`): what they are
//! for, and whom they stand for here.
use connref_egress::Policy;
use connref_store::StoreError;
use connref_store::identity_issuer::{IdentityIssuer, OutsideSubject};
use url::Url;

use super::{IssuerError, Issuers, verify};
use crate::App;
use crate::identity::audience::Target;
use crate::identity::jwt::Jwt;
use crate::identity::{IdentityError, Place, SIGNER, SignedIn, Within};
use crate::powerapps::environment_by_name;

/// Most audiences of a token that are looked at.
const AUDIENCES_MAX: usize = 20;
/// Longest text that is taken from a token.
const TEXT_MAX: usize = 600;

impl From<IssuerError> for IdentityError {
    fn from(error: IssuerError) -> Self {
        match error {
            IssuerError::Refused(why) => Self::Token(why),
            away => Self::Issuer(away),
        }
    }
}

/// Why an issuer cannot be tried out.
#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    /// The rules for private addresses cannot be read.
    #[error(transparent)]
    Policy(#[from] connref_egress::PolicyError),
    /// Its keys cannot be had.
    #[error(transparent)]
    Issuer(#[from] IssuerError),
    /// None of its keys counts.
    #[error("none of the keys of `{0}` is for RS256, PS256 or ES256")]
    Keys(String),
}

/// Asks an issuer for its keys before its tokens count; answers how many of them do.
///
/// # Errors
/// It is not reached, is another one, or has no key that counts.
pub async fn issuer_try_out(app: &App, issuer: &IdentityIssuer) -> Result<usize, TrialError> {
    let policy = Policy::parse(&issuer.allowed.join("\n"))?;
    match Issuers::try_out(app, &issuer.issuer, &policy).await? {
        0 => Err(TrialError::Keys(issuer.issuer.clone())),
        count => Ok(count),
    }
}

/// The owner of a token that we did not sign.
pub(in crate::identity) async fn outside(
    app: &App,
    token: &Jwt<'_>,
    path: &str,
) -> Result<SignedIn, IdentityError> {
    let refused = IdentityError::Token;
    let named = token.text("iss");
    if named.is_empty() || named.len() > TEXT_MAX {
        return Err(refused("it is of another issuer"));
    }
    let issuer = app.store().identity_issuer_find(&SIGNER, named).await?;
    let issuer = issuer.ok_or(refused("it is of another issuer"))?;
    let policy = Policy::parse(&issuer.allowed.join("\n"));
    let policy = policy.map_err(|_| refused("its issuer's allow-list cannot be read"))?;
    if !is_access(token) {
        return Err(refused("it is no access token"));
    }
    verify(app, token, &issuer.issuer, &policy).await?;
    if !same_tenant(token, &issuer.issuer) {
        return Err(refused("it is of another tenant"));
    }
    let target = target(app, token, &issuer).await?;
    let target = target.ok_or(refused("it is for another audience"))?;
    if target == Target::Control && path.starts_with("/api/data/") {
        return Err(refused("it is for another audience"));
    }
    let mut subject = subject(token, issuer.by_name);
    // The operator of the installation administers every environment under a name of this machine's,
    // which means nothing at an issuer: it takes a link.
    subject.name = subject.name.filter(|name| !name.eq_ignore_ascii_case(app.operator()));
    let told = [&subject.name, &subject.application].into_iter().flatten().next();
    let name = told.or(subject.ids.first()).cloned().unwrap_or_default();
    if name.is_empty() {
        return Err(refused("it names nobody"));
    }
    let name = name.chars().filter(|c| !c.is_control()).take(200).collect();
    let places = app.store().identity_places(&SIGNER, &issuer.issuer, subject).await?;
    let places = places
        .into_iter()
        .map(|(environment, id)| Place { environment, principal: id.as_str().to_owned() })
        .collect();
    Ok(SignedIn { name, operator: false, within: Some(Within { target, places }) })
}

/// Statements about a person, a sign-out or an event are signed with the same keys.
fn is_access(token: &Jwt<'_>) -> bool {
    let kind = token.header("typ").unwrap_or("JWT").to_ascii_lowercase();
    let kind = kind.strip_prefix("application/").unwrap_or(&kind);
    let says = |name: &str| token.claims.contains_key(name);
    ["jwt", "at+jwt"].contains(&kind)
        // Keycloak's own word.
        && ["", "Bearer"].contains(&token.text("typ"))
        && !["at_hash", "c_hash", "s_hash", "events"].into_iter().any(says)
}

/// Where the issuer's address names a tenant, the token's own word must be the same one.
fn same_tenant(token: &Jwt<'_>, issuer: &str) -> bool {
    let tenant = token.text("tid");
    let named = issuer.split('/').find(|part| connref_solution::model::id::is_guid(part));
    tenant.is_empty() || named.is_none_or(|named| named.eq_ignore_ascii_case(tenant))
}

/// What it is for: what the operator said, or an address of this installation, whole: a token for a
/// host elsewhere whose first label is the name of an environment is none for us.
async fn target(
    app: &App,
    token: &Jwt<'_>,
    issuer: &IdentityIssuer,
) -> Result<Option<Target>, StoreError> {
    let audiences = token.audiences();
    for one in audiences.iter().take(AUDIENCES_MAX).filter(|one| one.len() <= TEXT_MAX) {
        if issuer.audiences.iter().any(|known| known == one) {
            return Ok(Some(Target::Everything));
        }
        match address(app, one) {
            None => {}
            Some(None) => return Ok(Some(Target::Control)),
            Some(Some(name)) => match environment_by_name(app, &name).await {
                Ok(found) => return Ok(Some(Target::Environment(found.id))),
                Err(StoreError::NotFound { .. }) => {}
                Err(error) => return Err(error),
            },
        }
    }
    Ok(None)
}

/// An address of ours: the control plane's, or that of an environment of this name.
fn address(app: &App, audience: &str) -> Option<Option<String>> {
    let addresses = app.addresses();
    let url = audience.parse::<Url>().ok().filter(|_| app.is_serving())?;
    let host = url.host_str()?.to_ascii_lowercase();
    let plain = url.scheme() == addresses.scheme
        && matches!(url.path(), "" | "/")
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty();
    let port = url.port_or_known_default().filter(|_| plain)?;
    let own = addresses.hosts.iter().any(|known| known.eq_ignore_ascii_case(&host));
    if own && let Some(name) = addresses.environment_of_port(port) {
        return Some(Some(name.to_owned()));
    }
    if port != addresses.port {
        return None;
    }
    if own {
        return Some(None);
    }
    addresses.hosts.iter().find_map(|known| {
        let name = host.strip_suffix(&known.to_ascii_lowercase())?.strip_suffix('.')?;
        (!name.is_empty() && !name.contains('.')).then(|| Some(name.to_owned()))
    })
}

/// Whom it is about. An application acts for itself only where the issuer leaves no doubt: a person's
/// token names the application too.
fn subject(token: &Jwt<'_>, by_name: bool) -> OutsideSubject {
    let text = |name: &str| {
        let text = token.text(name);
        (!text.is_empty() && text.len() <= TEXT_MAX).then(|| text.to_owned())
    };
    let first = |names: &[&str]| names.iter().find_map(|name| text(name));
    let client = first(&["appid", "azp", "client_id"]);
    let alone = match token.text("idtyp") {
        "app" => true,
        "" => {
            let sub = token.text("sub");
            // The vendor's older tokens for applications name one object twice.
            let same =
                !sub.is_empty() && (client.as_deref() == Some(sub) || token.text("oid") == sub);
            same && !token.claims.contains_key("scp")
        }
        _ => false,
    };
    let mut ids: Vec<String> = ["oid", "sub"].into_iter().filter_map(text).collect();
    ids.dedup();
    OutsideSubject {
        ids,
        name: first(&["upn", "preferred_username"]).filter(|_| by_name && !alone),
        application: client.filter(|_| alone),
    }
}
