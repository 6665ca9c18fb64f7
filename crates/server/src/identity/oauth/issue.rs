//! Making tokens: who it is, for what, and what it says about that.
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use connref_solution::model::EnvironmentId;
use connref_solution::model::facts::PrincipalKind;
use connref_store::StoreError;
use connref_store::access::built_in;
use connref_store::signin_grant::{GrantKind, GrantNew};
use connref_store::user::User;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use super::{Refusal, issuer};
use crate::App;
use crate::identity::audience::{Target, resource_of, target};
use crate::identity::{ENVIRONMENTS, SIGNER};

/// Seconds that an access token lives.
pub(super) const LIFETIME: i64 = 3600;
/// Most environments that a token for the control plane counts in: it travels in a header.
const ENVIRONMENTS_MAX: usize = 200;
/// How long a refresh token counts, in microseconds.
const REFRESH: i64 = 30 * 24 * 3600 * 1_000_000;

/// Who proved who it is, and where that counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Subject {
    /// A person's name; a service principal's application id.
    pub(crate) name: String,
    /// Whether it is a service principal.
    pub(crate) application: bool,
    /// The environments in which it is who it says.
    pub(crate) environments: Vec<EnvironmentId>,
}

impl Subject {
    /// As it is kept with a grant.
    pub(crate) fn text(&self) -> String {
        let environments: Vec<_> = self.environments.iter().map(EnvironmentId::as_str).collect();
        json!({"name": self.name, "application": self.application, "environments": environments})
            .to_string()
    }

    /// From what is kept with a grant.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(text).ok()?;
        let environments = value["environments"].as_array()?.iter();
        Some(Self {
            name: value["name"].as_str()?.to_owned(),
            application: value["application"].as_bool()?,
            environments: environments
                .filter_map(|one| one.as_str().map(EnvironmentId::new))
                .collect(),
        })
    }
}

/// What a token is wanted for.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    /// The tenant.
    pub(super) tenant: String,
    /// The origin the client talks to.
    pub(super) origin: String,
    /// The client's id.
    pub(super) client: String,
    /// The scope, as it was asked for.
    pub(super) scope: String,
    /// The service, by its address.
    pub(super) resource: String,
    /// The same, as we know it.
    pub(super) target: Target,
}

impl Wanted {
    /// Whether the scope holds a word.
    fn has(&self, word: &str) -> bool {
        self.scope.split_ascii_whitespace().any(|one| one == word)
    }
}

/// Finds what a scope, or the older `resource`, asks for.
pub(super) async fn wanted_target(
    app: &App,
    scope: &str,
    resource: Option<&str>,
) -> Result<(String, Target), Refusal> {
    let resource = match resource.filter(|text| !text.is_empty()) {
        Some(resource) => resource.to_owned(),
        None => resource_of(app, scope).ok_or_else(|| {
            let text = "The scope names several services; a token is for one.";
            Refusal::new(400, "invalid_scope", 28_000, text)
        })?,
    };
    match target(app, &resource).await? {
        Some(target) => Ok((resource, target)),
        None => {
            let text = format!(
                "The resource '{}' is no environment of this server, nor its control plane.",
                resource.chars().filter(|c| !c.is_control()).take(200).collect::<String>()
            );
            Err(Refusal::new(400, "invalid_resource", 500_011, text))
        }
    }
}

/// The principal's row: in the environment the token is for, else in the first of its own.
async fn row(app: &App, subject: &Subject, target: &Target) -> Result<User, Refusal> {
    let places: Vec<&EnvironmentId> = match target {
        Target::Environment(id) => subject.environments.iter().filter(|one| *one == id).collect(),
        Target::Control | Target::Everything => subject.environments.iter().collect(),
    };
    let mut disabled = false;
    for place in places {
        match app.store().user_get(&SIGNER, place, &subject.name).await {
            Ok(user) if user.disabled => disabled = true,
            Ok(user) if (user.kind == PrincipalKind::ServicePrincipal) == subject.application => {
                return Ok(user);
            }
            Ok(_) | Err(StoreError::NotFound { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    if disabled {
        return Err(Refusal::grant(50_057, "The user account is disabled."));
    }
    let text = "The principal is not a member of this environment, or did not sign in for it.";
    Err(Refusal::grant(50_020, text))
}

/// Makes an access token, and for a person who wants them a refresh token and an id token.
pub(super) async fn issue(
    app: &App,
    wanted: &Wanted,
    subject: &Subject,
    nonce: Option<&str>,
    family: Option<String>,
) -> Result<Value, Refusal> {
    let user = row(app, subject, &wanted.target).await?;
    let access = app.sign(&access_claims(app, wanted, subject, &user)).await?;
    let mut answer = json!({
        "token_type": "Bearer",
        "scope": granted_scope(wanted, subject),
        "expires_in": LIFETIME,
        "ext_expires_in": LIFETIME,
        "access_token": access,
    });
    if subject.application {
        return Ok(answer);
    }
    if wanted.has("openid") {
        answer["id_token"] = app.sign(&id_claims(app, wanted, &user, nonce)).await?.into();
    }
    // The vendor's clients know an account by it.
    let info = json!({"uid": user.id.as_str(), "utid": wanted.tenant});
    answer["client_info"] = URL_SAFE_NO_PAD.encode(info.to_string()).into();
    if wanted.has("offline_access") {
        let refresh = refresh_token(app, wanted, subject, family).await?;
        answer["refresh_token"] = refresh.expose_secret().into();
    }
    Ok(answer)
}

async fn refresh_token(
    app: &App,
    wanted: &Wanted,
    subject: &Subject,
    family: Option<String>,
) -> Result<SecretString, Refusal> {
    let new = GrantNew {
        kind: GrantKind::Refresh,
        family,
        user_code: None,
        client: wanted.client.clone(),
        subject: Some(subject.text()),
        content: json!({"scope": wanted.scope, "resource": wanted.resource}),
        pause: 0,
        lifetime: REFRESH,
    };
    Ok(app.store().grant_create(&SIGNER, new).await?)
}

/// The permissions that go with the token, as clients keep them.
fn granted_scope(wanted: &Wanted, subject: &Subject) -> String {
    let permission = if subject.application { ".default" } else { "user_impersonation" };
    let mut text = format!("{}/{permission}", wanted.resource);
    // Clients look their own words up in the answer again.
    for word in wanted.scope.split_ascii_whitespace() {
        if word.contains("://") && !text.split(' ').any(|known| known == word) {
            text = format!("{text} {word}");
        }
    }
    text
}

fn common(app: &App, wanted: &Wanted, user: &User) -> Value {
    let now = app.store().now() / 1_000_000;
    json!({
        "iss": issuer(&wanted.origin, &wanted.tenant),
        "iat": now, "nbf": now, "exp": now + LIFETIME,
        "tid": wanted.tenant, "oid": user.id.as_str(), "sub": user.id.as_str(), "ver": "2.0",
        "uti": app.store().ids().guid(app.store().now()),
    })
}

fn with(mut claims: Value, more: Value) -> Value {
    if let (Some(claims), Value::Object(more)) = (claims.as_object_mut(), more) {
        claims.extend(more);
    }
    claims
}

fn access_claims(app: &App, wanted: &Wanted, subject: &Subject, user: &User) -> Value {
    let here = |one: &&EnvironmentId| match &wanted.target {
        Target::Environment(id) => *one == id,
        Target::Control | Target::Everything => true,
    };
    let reached = subject.environments.iter().filter(here).take(ENVIRONMENTS_MAX);
    let environments: Vec<_> = reached.map(EnvironmentId::as_str).collect();
    let claims = with(
        common(app, wanted, user),
        json!({
            "aud": wanted.resource, "appid": wanted.client, "azp": wanted.client,
            ENVIRONMENTS: environments,
        }),
    );
    if subject.application {
        let more = json!({
            "idtyp": "app", "appidacr": "1", "app_displayname": user.display_name,
            "roles": built_in(user.role).map(|role| role.name).into_iter().collect::<Vec<_>>(),
        });
        return with(claims, more);
    }
    with(
        claims,
        json!({
            "idtyp": "user", "appidacr": "0", "scp": "user_impersonation", "upn": user.name,
            "unique_name": user.name, "preferred_username": user.name, "name": user.display_name,
        }),
    )
}

fn id_claims(app: &App, wanted: &Wanted, user: &User, nonce: Option<&str>) -> Value {
    let more = json!({
        "aud": wanted.client, "preferred_username": user.name, "name": user.display_name,
    });
    let mut claims = with(common(app, wanted, user), more);
    if let Some(nonce) = nonce {
        claims["nonce"] = nonce.into();
    }
    claims
}
