//! A service principal that shows a token of another issuer instead of a secret (workload identity
//! federation: RFC 7523 §2.2 with a foreign issuer). The credential names issuer, subject and
//! audience, and all three must be the token's, letter by letter.
use connref_egress::Policy;
use connref_solution::model::EnvironmentId;
use connref_store::federation::Federation;

use super::Refusal;
use crate::App;
use crate::identity::SIGNER;
use crate::identity::issuer::{AGAIN, IssuerError, verify};
use crate::identity::jwt::Jwt;

/// Most lists of private addresses that are gone by for one token.
const LISTS_MAX: usize = 20;

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
    let known = app.store().principal_federations(&SIGNER, client, issuer).await?;
    if issuer.is_empty() || subject.is_empty() || known.is_empty() {
        return Err(unknown());
    }
    let audiences = token.audiences();
    let (mut judged, mut proven) = (Vec::new(), Vec::new());
    let (mut named, mut why) = (false, None);
    for one in known {
        // The signature comes first: what is not the issuer's own word learns nothing of the rest.
        // Each environment says for itself which private addresses may be asked.
        let Some(verdict) = verdict(app, token, &one, &mut judged).await else { continue };
        match verdict {
            Err(IssuerError::Refused(text)) => why = Some(refused(700_027, text)),
            Err(away @ IssuerError::Away { .. }) => {
                let text = away.to_string();
                let away = Refusal::new(503, "temporarily_unavailable", 90_033, text);
                why = Some(away.after(AGAIN));
            }
            Ok(()) if one.subject != subject => {}
            Ok(()) if !audiences.contains(&one.audience.as_str()) => named = true,
            Ok(()) if proven.contains(&one.environment) => {}
            Ok(()) => proven.push(one.environment),
        }
    }
    match (proven.is_empty(), named, why) {
        (false, ..) => Ok(proven),
        (true, true, _) => Err(refused(700_212, "it is for another audience")),
        (true, false, Some(why)) => Err(why),
        (true, false, None) => Err(unknown()),
    }
}

fn unknown() -> Refusal {
    refused(700_213, "no credential of the application has its issuer and subject")
}

type Verdict = Result<(), IssuerError>;

/// Whether the issuer signed it, asked once for each list of addresses; none where too many differ.
async fn verdict(
    app: &App,
    token: &Jwt<'_>,
    one: &Federation,
    judged: &mut Vec<(Vec<String>, Verdict)>,
) -> Option<Verdict> {
    if let Some((_, verdict)) = judged.iter().find(|(allowed, _)| *allowed == one.allowed) {
        return Some(verdict.clone());
    }
    let policy =
        Policy::parse(&one.allowed.join("\n")).ok().filter(|_| judged.len() < LISTS_MAX)?;
    let verdict = verify(app, token, token.text("iss"), &policy).await;
    judged.push((one.allowed.clone(), verdict.clone()));
    Some(verdict)
}
