//! How a connection proves who it is, and whether a service principal can.
//!
//! The one judgement of this kind: inventories, checks and connections ask here. It goes by what
//! the files say; where they leave it open the answer is unknown, which never reads as fine.
use std::collections::BTreeMap;

use super::{
    ConnectionParameter, ConnectorTexts, OauthSettings, ParameterKind, ParameterSet, Security,
    connector_read,
};
use crate::model::facts::Capability;
use crate::model::package::PackageConnector;

/// How a connection can prove who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AuthenticationKind {
    /// Not at all.
    None,
    /// User name and password.
    Basic,
    /// A shared key or connection string.
    ApiKey,
    /// A person signs in and consents.
    OauthUser,
    /// An application with its secret.
    ClientSecret,
    /// An application with its certificate.
    Certificate,
    /// A managed identity.
    ManagedIdentity,
    /// Through an on-premises gateway.
    Gateway,
    /// The files do not say.
    Unknown,
}

impl AuthenticationKind {
    /// The kind as it is written in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Basic => "basic",
            Self::ApiKey => "apiKey",
            Self::OauthUser => "oauthUser",
            Self::ClientSecret => "clientSecret",
            Self::Certificate => "certificate",
            Self::ManagedIdentity => "managedIdentity",
            Self::Gateway => "gateway",
            Self::Unknown => "unknown",
        }
    }
}

/// Whether a service principal can, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Yes, no or not known.
    pub support: Capability,
    /// Why, half a sentence.
    pub reason: String,
}

impl Answer {
    pub(super) fn new(support: Capability, reason: impl Into<String>) -> Self {
        Self { support, reason: reason.into() }
    }
}

/// One way to connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    /// Name of the parameter set; `None`: the parameters outside of sets.
    pub set: Option<String>,
    /// How it proves who connects; never empty.
    pub kinds: Vec<AuthenticationKind>,
    /// Identity providers as written.
    pub providers: Vec<String>,
    /// Whether a service principal can.
    pub service_principal: Answer,
}

/// All ways to connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectorAuthentication {
    /// The ways: each set, and the parameters outside of sets if there are any or no set is.
    pub ways: Vec<Way>,
    /// Whether a service principal can by any of them.
    pub service_principal: Answer,
}

impl ConnectorAuthentication {
    /// Every kind of every way, once, in order.
    pub fn kinds(&self) -> Vec<AuthenticationKind> {
        let mut kinds: Vec<_> =
            self.ways.iter().flat_map(|way| way.kinds.iter().copied()).collect();
        kinds.sort_unstable();
        kinds.dedup();
        kinds
    }
}

/// The ways to connect of a package's connector; `None` if its files cannot be read.
pub fn package_connector_authentication(
    connector: &PackageConnector,
) -> Option<ConnectorAuthentication> {
    if connector.openapi_definition.is_some() {
        return Some(connector_read(&ConnectorTexts::of(connector)).ok()?.authentication);
    }
    // A part without the definition still has its parameters.
    let texts = ConnectorTexts {
        definition: r#"{"swagger":"2.0","paths":{}}"#,
        ..ConnectorTexts::of(connector)
    };
    texts.parameters.or(texts.sets)?;
    Some(connector_read(&texts).ok()?.authentication)
}

/// Judges the ways to connect.
pub fn connector_authentication(
    parameters: &[ConnectionParameter],
    sets: &[ParameterSet],
    security: &BTreeMap<String, Security>,
) -> ConnectorAuthentication {
    let mut ways: Vec<Way> =
        sets.iter().map(|set| way(Some(&set.name), &set.parameters, security)).collect();
    if ways.is_empty() || !parameters.is_empty() {
        ways.push(way(None, parameters, security));
    }
    ConnectorAuthentication { service_principal: overall(&ways), ways }
}

/// The best answer of all ways.
fn overall(ways: &[Way]) -> Answer {
    let with = |support| ways.iter().find(|way| way.service_principal.support == support);
    let best = [Capability::Yes, Capability::Unknown, Capability::No].into_iter().find_map(with);
    let Some(best) = best else {
        return Answer::new(Capability::Unknown, "it declares no way to connect");
    };
    let answer = best.service_principal.clone();
    match &best.set {
        Some(set) if ways.len() > 1 && answer.support != Capability::No => {
            Answer::new(answer.support, format!("with the set `{set}`: {}", answer.reason))
        }
        _ => answer,
    }
}

fn way(
    set: Option<&str>,
    parameters: &[ConnectionParameter],
    security: &BTreeMap<String, Security>,
) -> Way {
    let mut kinds = Vec::new();
    let mut providers = Vec::new();
    let mut answers = Vec::new();
    for parameter in parameters.iter().filter(|p| p.kind == ParameterKind::OauthSetting) {
        let provider = parameter.oauth.as_ref().map_or("", |o| &o.identity_provider);
        providers.push(provider.to_owned());
        let (kind, answer) = oauth(parameter.oauth.as_ref(), parameters);
        kinds.push(kind);
        answers.push(answer);
    }
    if kinds.is_empty() {
        let (kind, answer) = plain(parameters, security);
        kinds.push(kind);
        answers.push(answer);
    }
    kinds.sort_unstable();
    kinds.dedup();
    // Every sign-in of one way is needed, so the worst answer counts.
    let worst = [Capability::No, Capability::Unknown, Capability::Yes];
    let worst = worst.into_iter().find_map(|s| answers.iter().find(|a| a.support == s)).cloned();
    Way {
        set: set.map(str::to_owned),
        kinds,
        providers,
        service_principal: worst.expect("there is one answer for each kind and at least one kind"),
    }
}

/// What the parameters of one way say about the grant, beside the settings themselves.
struct Names<'a>(&'a [ConnectionParameter]);

impl Names<'_> {
    /// A parameter whose name, without the part before a colon and without punctuation, is one of
    /// these.
    fn find(&self, names: &[&str]) -> Option<&ConnectionParameter> {
        self.0.iter().find(|p| names.contains(&short(&p.name).as_str()))
    }

    fn grant(&self) -> Option<String> {
        let grant = self.find(&["granttype"])?;
        let allowed = grant.allowed_values.iter().map(|a| a.value.as_str());
        Some(grant.default.iter().map(String::as_str).chain(allowed).collect::<Vec<_>>().join(" "))
    }

    fn application(&self) -> bool {
        let id = ["clientid", "applicationid", "appid", "serviceprincipalid"];
        let secret = ["clientsecret", "applicationsecret", "appsecret", "serviceprincipalkey"];
        self.find(&id).is_some() && self.find(&secret).is_some()
    }

    fn certificate(&self) -> bool {
        self.0.iter().any(|p| {
            matches!(&p.kind, ParameterKind::Other(kind) if short(kind).contains("certificate"))
                || matches!(short(&p.name).as_str(), "clientcertificate" | "certificate" | "pfx")
        })
    }

    fn managed_identity(&self) -> bool {
        self.0.iter().any(|p| p.kind == ParameterKind::ManagedIdentity)
    }
}

fn short(name: &str) -> String {
    let name = name.rsplit(':').next().unwrap_or(name);
    name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase()
}

/// Providers whose tokens come by the consent of a person who signs in.
const SIGN_IN: [&str; 39] = [
    "aad",
    "aadcertificate",
    "amazon",
    "asana",
    "basecamp",
    "bitbucket",
    "bitly",
    "box",
    "campfire",
    "docusign",
    "dropbox",
    "dynamicscrmonline",
    "evernote",
    "facebook",
    "freshbooks",
    "github",
    "gitlab",
    "google",
    "googledrive",
    "harvest",
    "hubspot",
    "instagram",
    "intuit",
    "linkedin",
    "live",
    "mailchimp",
    "microsoft",
    "microsoftaccount",
    "oauth1",
    "oauth2",
    "oauth2pkce",
    "salesforce",
    "slack",
    "smartsheet",
    "spotify",
    "stripe",
    "todoist",
    "twitter",
    "windowslive",
];

/// An `oauthSetting`: who gets the token?
fn oauth(
    settings: Option<&OauthSettings>,
    parameters: &[ConnectionParameter],
) -> (AuthenticationKind, Answer) {
    use AuthenticationKind as Kind;
    let names = Names(parameters);
    let Some(settings) = settings else {
        let reason = "its `oauthSetting` has no settings";
        return (Kind::Unknown, Answer::new(Capability::Unknown, reason));
    };
    let provider = settings.identity_provider.to_ascii_lowercase();
    let body = settings
        .custom("tokenBodyTemplate")
        .or_else(|| settings.custom("tokenUrlQueryStringTemplate"));
    let grant = names.grant().or_else(|| settings.custom("grantType").map(str::to_owned));
    let grants =
        format!("{} {}", grant.as_deref().unwrap_or(""), body.unwrap_or("")).to_ascii_lowercase();
    let yes = |kind, reason: &str| (kind, Answer::new(Capability::Yes, reason));
    if names.managed_identity()
        || grants.contains("managed_identity")
        || provider.contains("managedidentity")
    {
        return yes(Kind::ManagedIdentity, "a managed identity gets the token");
    }
    if grants.contains("client_credentials") || provider.contains("clientcredential") {
        return match names.certificate() {
            true => yes(Kind::Certificate, "an application gets the token with its certificate"),
            false => yes(Kind::ClientSecret, "an application gets the token with its secret"),
        };
    }
    if grants.contains("grant_type=password") || grant.as_deref() == Some("password") {
        let reason = "the token is asked for with user name and password; nobody has to consent";
        return yes(Kind::Basic, reason);
    }
    let shown: String = settings.identity_provider.chars().take(40).collect();
    let code =
        grants.contains("authorization_code") || grants.split_whitespace().any(|g| g == "code");
    let asks = settings.custom("authorizationUrlTemplate").is_some()
        || settings.custom("authorizationUrl").is_some();
    if !code && names.application() && (names.certificate() || provider.starts_with("aad")) {
        let reason = format!(
            "it asks for an application's id and secret, but does not say that `{shown}` gives the application a token of its own"
        );
        return (Kind::Unknown, Answer::new(Capability::Unknown, reason));
    }
    if code || asks || SIGN_IN.contains(&provider.as_str()) {
        let reason = match shown.as_str() {
            "" => "a person signs in and consents".to_owned(),
            shown => format!("a person signs in through `{shown}` and consents"),
        };
        return (Kind::OauthUser, Answer::new(Capability::No, reason));
    }
    let reason = match shown.as_str() {
        "" => "its `oauthSetting` names no identity provider".to_owned(),
        shown => format!("nothing is known of the identity provider `{shown}`"),
    };
    (Kind::Unknown, Answer::new(Capability::Unknown, reason))
}

/// A way without an `oauthSetting`.
fn plain(
    parameters: &[ConnectionParameter],
    security: &BTreeMap<String, Security>,
) -> (AuthenticationKind, Answer) {
    use AuthenticationKind as Kind;
    let names = Names(parameters);
    let yes = |kind, reason: &str| (kind, Answer::new(Capability::Yes, reason));
    let has = |wanted: fn(&Security) -> bool| security.values().any(wanted);
    let password = names.0.iter().any(|p| {
        let name = short(&p.name);
        (p.kind.is_secret() || p.clear_text == Some(false))
            && ["password", "passwd", "pwd", "passphrase"].iter().any(|word| name.contains(word))
    });
    let user = names.0.iter().any(|p| {
        let name = short(&p.name);
        ["user", "login", "email", "account"].iter().any(|word| name.contains(word))
    });
    let secrets = names.0.iter().filter(|p| p.kind.is_secret()).count();
    if names.managed_identity() {
        return yes(Kind::ManagedIdentity, "a managed identity connects");
    }
    if names.0.iter().any(|p| p.kind == ParameterKind::GatewaySetting) {
        let reason = "it connects through an on-premises gateway, which decides who may";
        return (Kind::Gateway, Answer::new(Capability::Unknown, reason));
    }
    if names.application() {
        return yes(Kind::ClientSecret, "an application's id and secret are its parameters");
    }
    if names.certificate() {
        return yes(Kind::Certificate, "an application's certificate is its parameter");
    }
    if password && (user || has(|s| *s == Security::Basic)) {
        return yes(Kind::Basic, "user name and password go with the connection; nobody signs in");
    }
    let key_scheme = has(|s| matches!(s, Security::KeyInHeader(_) | Security::KeyInQuery(_)));
    if secrets > 0 || (key_scheme && !names.0.is_empty()) {
        return yes(Kind::ApiKey, "a key goes with the connection; nobody signs in");
    }
    scheme(security, parameters)
}

/// Where the parameters ask for no credential: what the definition itself says.
fn scheme(
    security: &BTreeMap<String, Security>,
    parameters: &[ConnectionParameter],
) -> (AuthenticationKind, Answer) {
    use AuthenticationKind as Kind;
    let yes = |kind, reason: &str| (kind, Answer::new(Capability::Yes, reason));
    // Parameters that are there and ask for nothing secret say that nothing is needed.
    match security.values().next().filter(|_| parameters.is_empty()) {
        Some(Security::Oauth(flow)) if flow.eq_ignore_ascii_case("application") => {
            yes(Kind::ClientSecret, "an application gets the token with its secret")
        }
        Some(Security::Oauth(_)) => {
            let reason = "the definition signs a person in with OAuth, and no parameter says how";
            (Kind::OauthUser, Answer::new(Capability::No, reason))
        }
        Some(Security::Basic) => {
            yes(Kind::Basic, "user name and password go with the connection; nobody signs in")
        }
        Some(Security::KeyInHeader(_) | Security::KeyInQuery(_)) => {
            yes(Kind::ApiKey, "a key goes with the connection; nobody signs in")
        }
        None => yes(Kind::None, "it needs no credential"),
    }
}
