//! Where a connector sends requests and credentials.
use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::{ConnectorRead, PolicyTemplate};
use crate::document::json::{JsonDocument, JsonError};

/// Hosts and addresses that a connector's files name: the definition's, those that policies set,
/// and those that tokens are asked for at. A file that names a new one would send the credentials
/// of connections that are there already to another place.
pub fn targets(read: &ConnectorRead) -> BTreeSet<String> {
    let definition = &read.definition;
    let host = definition.host.iter().map(|host| format!("{}://{host}", definition.scheme));
    let routed = read.policies.iter().filter_map(policy_target);
    let tokens = read.all_parameters().filter_map(|p| p.oauth.as_ref()).flat_map(|settings| {
        settings.custom.iter().filter(|(name, value)| {
            let name = name.to_ascii_lowercase();
            (name.contains("url") || name.ends_with("uri")) && value.contains("://")
        })
    });
    let tokens = tokens.map(|(_, value)| value.split('?').next().unwrap_or_default().to_owned());
    host.chain(routed).chain(tokens).map(|target| target.to_ascii_lowercase()).collect()
}

fn policy_target(policy: &PolicyTemplate) -> Option<String> {
    match policy.template.to_ascii_lowercase().as_str() {
        "dynamichosturl" => policy.parameter("urlTemplate").map(str::to_owned),
        "setvaluefromurl" => policy.parameter("parameterValueUrl").map(str::to_owned),
        _ => None,
    }
}

/// Takes client secrets out of connection parameters or sets: they belong into a connection, and
/// everybody may read a connector. Answers the pointers of what was taken out.
///
/// # Errors
/// If the text is no JSON.
pub fn client_secrets_remove(text: &str) -> Result<(String, Vec<String>), JsonError> {
    let mut document = JsonDocument::parse(text.as_bytes())?;
    let mut found = Vec::new();
    secrets(document.value(), "", false, &mut found);
    for pointer in &found {
        document.remove(pointer)?;
    }
    Ok((document.text().to_owned(), found))
}

fn secrets(node: &Json, at: &str, settings: bool, found: &mut Vec<String>) {
    match node {
        Json::Object(map) => {
            for (name, value) in map {
                let pointer = format!("{at}/{}", crate::document::json::pointer_escape(name));
                if settings && name.to_ascii_lowercase().contains("clientsecret") {
                    found.push(pointer);
                } else {
                    secrets(value, &pointer, settings || name == "oAuthSettings", found);
                }
            }
        }
        Json::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                secrets(value, &format!("{at}/{index}"), settings, found);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connector::{ConnectorTexts, connector_read};

    #[test]
    fn every_place_that_a_credential_may_go_to_is_a_target() {
        let texts = ConnectorTexts {
            definition: r#"{"swagger":"2.0","host":"API.example:8443","schemes":["https"],"paths":{}}"#,
            parameters: Some(
                r#"{"token":{"type":"oauthSetting","oAuthSettings":{"identityProvider":"oauth2","customParameters":{"tokenUrl":{"value":"https://login.example/token?x=1"},"scopeListDelimiter":{"value":" "}}}}}"#,
            ),
            sets: None,
            policies: Some(
                r#"[{"templateId":"DynamicHostUrl","parameters":{"x-ms-apimTemplateParameter.urlTemplate":"https://@connectionParameters('host')"}}]"#,
            ),
        };
        let found: Vec<String> = targets(&connector_read(&texts).unwrap()).into_iter().collect();
        assert_eq!(
            found,
            [
                "https://@connectionparameters('host')",
                "https://api.example:8443",
                "https://login.example/token"
            ]
        );
    }

    #[test]
    fn client_secrets_leave_and_parameters_of_that_name_stay() {
        let text = r#"{"clientSecret": {"type": "securestring"}, "token": {"oAuthSettings": {"clientId": "a", "clientSecret": "canary"}}}"#;
        let (rest, found) = client_secrets_remove(text).unwrap();
        assert_eq!(found, ["/token/oAuthSettings/clientSecret"]);
        assert!(!rest.contains("canary") && rest.contains("securestring"), "{rest}");
        assert_eq!(client_secrets_remove("{}").unwrap(), ("{}".to_owned(), vec![]));
    }
}
