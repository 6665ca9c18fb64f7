//! What a customer does in a tenant of their own, once for each.
use connref_review::runbook::{ConnectorFacts, OauthFacts};
use connref_solution::connector::AuthenticationKind;
use connref_solution::model::facts::Capability;

use super::Writer;
use crate::page::{Check, Line, code, line};

impl Writer<'_> {
    pub(super) fn customer(&mut self) {
        let book = self.told.book;
        self.section("At the customer, once per tenant");
        for own in &book.connectors {
            self.page.heading(3, line(&own.display_name));
            self.page.checks(connector(own));
        }
        self.page.heading(3, line("Connections"));
        let mut checks = Vec::new();
        let person = |kinds: &[AuthenticationKind]| kinds.contains(&AuthenticationKind::OauthUser);
        let people: Vec<&str> = book
            .references
            .iter()
            .filter(|r| {
                r.sign_in.principal != Capability::Yes
                    && (person(&r.sign_in.kinds) || r.sign_in.kinds.is_empty())
            })
            .map(|r| r.logical_name.as_str())
            .collect();
        if !people.is_empty() {
            checks.push(
                Check::from(line("A person of the customer signs in for ").codes(&people))
                    .below(line("Nobody can do it for them: the consent is theirs. Use a service account that outlives people."))
                    .below(line("Where users may not consent, an administrator of the tenant grants it.")),
            );
        }
        let principals: Vec<&str> = book
            .references
            .iter()
            .filter(|r| r.sign_in.kinds.contains(&AuthenticationKind::ClientSecret))
            .map(|r| r.logical_name.as_str())
            .collect();
        if !principals.is_empty() {
            checks.push(
                Check::from(line("The customer registers an application of their own for ").codes(&principals))
                    .below(line("Its client id, tenant and secret or certificate go into the connection; ours are of no use in another tenant.")),
            );
        }
        checks.push(Check::from(line(
            "The customer's data policies allow every connector of “At a glance” in one group",
        )));
        checks.push(Check::from(line(
            "Licences: custom and premium connectors need them for whoever the flows run as",
        )));
        checks.push(Check::from(line(
            "Secrets are entered by the customer, in their environment; none is sent to us",
        )));
        self.page.checks(checks);
    }
}

fn connector(own: &ConnectorFacts) -> Vec<Check> {
    let mut checks: Vec<Check> = own.oauth.iter().flat_map(oauth).collect();
    for parameter in &own.parameters {
        let what = if parameter.secret { "Enter the secret " } else { "Enter " };
        let check =
            Check::from(line(what).strong(&parameter.name).text(" when the connection is made"));
        checks.push(match &parameter.way {
            Some(way) => check.below(line(format!("Way to sign in: {way}"))),
            None => check,
        });
    }
    if let Some(host) = &own.host {
        checks.push(Check::from(
            line("The customer's instance is meant, and not ours: the connector calls ").code(host),
        ));
    }
    if checks.is_empty() {
        checks.push(Check::from(line(
            "Make one connection and test it: the package does not say what it asks for",
        )));
    }
    checks
}

fn oauth(one: &OauthFacts) -> Vec<Check> {
    let way = one.way.as_ref().map_or_else(String::new, |way| format!(" ({way})"));
    let mut secret = Check::from(line(format!(
        "Enter the OAuth client secret again{way}, on the connector's Security tab"
    )));
    if let Some(client) = &one.client_id {
        secret = secret.below(line("Client id in the package: ").code(client));
    }
    if let Some(tenant) = &one.tenant {
        secret = secret.below(line("Tenant in the package: ").code(tenant));
    }
    if one.application {
        return vec![secret];
    }
    let redirect = Check::from(line("Add the redirect address to the application's registration"));
    let redirect = match (one.redirect_per_connector, &one.redirect) {
        (true, _) => redirect.below(line("It is another one in every environment: copy it from the connector's Security tab after the import; it looks like ").code("https://global.consent.azure-apim.net/redirect/NAME-HASH").text(".")),
        (false, Some(address)) => redirect.below(code(address)),
        (false, None) => redirect.below(code("https://global.consent.azure-apim.net/redirect")),
    };
    vec![secret, redirect, consent(one)]
}

/// Consent of a tenant, with the address that grants it where the client id is a literal one.
fn consent(one: &OauthFacts) -> Check {
    let mut check =
        Check::from(line("An administrator of the customer's tenant consents to the application"));
    let mut asks: Line = line("It asks for ");
    let scopes = one.scopes.iter().chain(&one.resource);
    let scopes: Vec<&String> = scopes.collect();
    if !scopes.is_empty() {
        asks = asks.codes(scopes);
        check = check.below(asks);
    }
    let literal =
        |id: &&String| id.len() == 36 && id.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    if one.provider.eq_ignore_ascii_case("aad")
        && let Some(client) = one.client_id.as_ref().filter(literal)
    {
        check = check.below(code(format!(
            "https://login.microsoftonline.com/CUSTOMER_TENANT/adminconsent?client_id={client}"
        )));
    }
    check
}
