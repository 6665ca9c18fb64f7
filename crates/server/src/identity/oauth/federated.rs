//! A service principal that shows a token of another issuer instead of a secret (workload identity
//! federation: RFC 7523 §2.2 with a foreign issuer). The credential names issuer, subject and
//! audience, and all three must be the token's, letter by letter.
use connref_egress::Policy;
use connref_solution::model::EnvironmentId;

use super::Refusal;
use crate::App;
use crate::identity::SIGNER;
use crate::identity::issuer::{AGAIN, IssuerError, verify};
use crate::identity::jwt::Jwt;

/// Most environments whose credentials are looked at.
const PLACES_MAX: usize = 200;

fn refused(number: u32, text: &str) -> Refusal {
    Refusal::new(401, "invalid_client", number, format!("Client assertion refused: {text}."))
}

/// The environments in which the token proves who the application is.
pub(super) async fn federated_verify(
    app: &App,
    client: &str,
    token: &Jwt<'_>,
) -> Result<Vec<EnvironmentId>, Refusal> {
    let (issuer, subject) = (token.text("iss"), token.text("sub"));
    // Nothing is fetched for an issuer that nobody named: strangers choose no addresses.
    let known = app.store().principal_federations(&SIGNER, client, issuer, subject).await?;
    if issuer.is_empty() || subject.is_empty() || known.is_empty() {
        let text = "no credential of the application has its issuer and subject";
        return Err(refused(700_213, text));
    }
    let audiences = token.audiences();
    let (mut proven, mut why) = (Vec::new(), None);
    for one in known.into_iter().take(PLACES_MAX) {
        if !audiences.contains(&one.audience.as_str()) {
            why.get_or_insert_with(|| refused(700_212, "it is for another audience"));
            continue;
        }
        if proven.contains(&one.environment) {
            continue;
        }
        // Each environment says for itself which private addresses may be asked.
        let Ok(policy) = Policy::parse(&one.allowed.join("\n")) else { continue };
        match verify(app, token, issuer, &policy).await {
            Ok(()) => proven.push(one.environment),
            Err(IssuerError::Refused(text)) => why = Some(refused(700_027, text)),
            Err(away @ IssuerError::Away { .. }) => {
                let text = away.to_string();
                why = Some(Refusal::new(503, "temporarily_unavailable", 90_033, text).after(AGAIN));
            }
        }
    }
    if proven.is_empty() {
        return Err(why.unwrap_or_else(|| refused(700_027, "it proves nothing")));
    }
    Ok(proven)
}
