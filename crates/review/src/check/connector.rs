//! What is known of connectors by name.
use std::collections::HashSet;

use connref_solution::connector::{known_service_principal, package_connector_authentication};
use connref_solution::model::facts::Capability;
use connref_solution::model::package::PackageConnector;
use connref_solution::model::{ApiName, LogicalName};
use serde_json::Value;

/// An api name without the hashes that environments append; some names carry two.
pub(crate) fn base(api: &ApiName) -> String {
    let mut name = api.without_hash();
    loop {
        let shorter = ApiName::new(&name).without_hash();
        if shorter == name {
            return name;
        }
        name = shorter;
    }
}

/// Whether an api name carries a hash: only custom connectors do.
pub(crate) fn hashed(api: &ApiName) -> bool {
    api.without_hash() != api.key()
}

/// Whether two api names mean one connector, in whatever environment.
pub(crate) fn same(one: &ApiName, two: &ApiName) -> bool {
    one == two || base(one) == base(two)
}

/// The api name of a custom connector, without the hash that an environment appends.
pub(crate) fn connector_base(connector: &PackageConnector) -> String {
    let name = connector.name.to_lowercase().replace("_5f", "-5f");
    base(&ApiName::new(&format!("shared_{name}")))
}

/// Whether a custom connector has this logical name, as flows write it.
pub(crate) fn logical_matches(connector: &PackageConnector, name: &LogicalName) -> bool {
    connector.logical_name() == *name || connector.name.eq_ignore_ascii_case(name.as_str())
}

/// Connectors whose connection holds what it reaches (server, base URL, storage account): two
/// references to one of them may well be meant for two targets.
pub(crate) fn holds_target(api: &ApiName) -> bool {
    const NAMES: [&str; 22] = [
        "shared_webcontents",
        "shared_webcontentsv2",
        "shared_sql",
        "shared_sqldw",
        "shared_azureblob",
        "shared_azurefile",
        "shared_azuretables",
        "shared_azurequeues",
        "shared_documentdb",
        "shared_keyvault",
        "shared_servicebus",
        "shared_eventhubs",
        "shared_filesystem",
        "shared_ftp",
        "shared_sftpwithssh",
        "shared_smtp",
        "shared_oracle",
        "shared_postgresql",
        "shared_mysql",
        "shared_sapod",
        "shared_saperp",
        "shared_odata",
    ];
    NAMES.contains(&api.key().as_str()) || hashed(api)
}

/// Whether a connector is known to have no way for a service principal.
pub(crate) fn people_only(api: &ApiName) -> bool {
    known_service_principal(api).is_some_and(|answer| answer.support == Capability::No)
}

/// Whether a custom connector's own parameters leave only a person's consent. `None`: they do not
/// say.
pub(crate) fn custom_people_only(connector: &PackageConnector) -> Option<bool> {
    match package_connector_authentication(connector)?.service_principal.support {
        Capability::Yes => Some(false),
        Capability::No => Some(true),
        Capability::Unknown => None,
    }
}

/// Connectors that the vendor replaced: name, what takes its place.
const DEPRECATED: [(&str, &str); 8] = [
    ("shared_commondataservice", "`shared_commondataserviceforapps` (Microsoft Dataverse)"),
    ("shared_dynamicscrmonline", "`shared_commondataserviceforapps` (Microsoft Dataverse)"),
    ("shared_powerappsnotification", "`shared_powerappsnotificationv2`"),
    ("shared_microsoftformspro", "`shared_customervoice`"),
    ("shared_bingsearch", "a search service of your own"),
    ("shared_twitter", "a custom connector for the X API"),
    ("shared_translator", "`shared_microsofttranslatorv2` or later"),
    ("shared_sharepoint", "`shared_sharepointonline`"),
];

/// What replaces a deprecated connector.
pub(crate) fn replacement(api: &ApiName) -> Option<&'static str> {
    let key = api.key();
    DEPRECATED.iter().find(|(name, _)| *name == key).map(|(_, by)| *by)
}

/// Operation ids of a Swagger definition in lower case; `None` if it cannot be read.
pub(crate) fn operations(definition: &str) -> Option<HashSet<String>> {
    let value: Value = serde_json::from_str(definition.trim_start_matches('\u{feff}')).ok()?;
    let paths = value.get("paths")?.as_object()?;
    let verbs = paths.values().filter_map(Value::as_object).flat_map(|verbs| verbs.values());
    let ids = verbs.filter_map(|o| o.get("operationId")?.as_str()).map(str::to_lowercase);
    Some(ids.collect())
}

/// Address of the host of a Swagger definition: `https://host/base`.
pub(crate) fn host(connector: &PackageConnector) -> Option<String> {
    let text = connector.openapi_definition.as_deref()?;
    let value: Value = serde_json::from_str(text.trim_start_matches('\u{feff}')).ok()?;
    let host = value.get("host")?.as_str()?;
    let base = value.get("basePath").and_then(Value::as_str).unwrap_or_default();
    Some(format!("https://{host}{}", base.trim_end_matches('/')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_custom_connectors() {
        let connector = PackageConnector {
            name: "new_5Facme-20tool".to_owned(),
            ..PackageConnector::default()
        };
        let api = ApiName::new("shared_new-5facme-20tool-5f6a4f91c8025d1333");
        assert_eq!(connector_base(&connector), base(&api));
        assert!(logical_matches(&connector, &LogicalName::new("new_acme-20tool")));
        assert_ne!(connector_base(&connector), "shared_new-5facme-20tools");
        let two = ApiName::new("shared_p-5fcb336cc1377ded3a-5fe4caae088dbe83f8");
        assert_eq!(base(&two), "shared_p");
    }

    #[test]
    fn who_may_own_a_custom_connection() {
        let with = |provider: &str| PackageConnector {
            connection_parameters: Some(format!(
                r#"{{"token":{{"type":"oauthSetting","oAuthSettings":{{"identityProvider":"{provider}"}}}}}}"#
            )),
            ..PackageConnector::default()
        };
        assert_eq!(custom_people_only(&with("aad")), Some(true));
        // The certificate is the application's, the person still consents.
        assert_eq!(custom_people_only(&with("aadcertificate")), Some(true));
        assert_eq!(custom_people_only(&with("oauth2ClientCredentials")), Some(false));
        assert_eq!(custom_people_only(&with("unheard")), None);
        let key = r#"{"api_key":{"type":"securestring"}}"#.to_owned();
        let key =
            PackageConnector { connection_parameters: Some(key), ..PackageConnector::default() };
        assert_eq!(custom_people_only(&key), Some(false));
    }
}
