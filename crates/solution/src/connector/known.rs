//! What is known of well-known connectors, whose files nobody has.
use super::Answer;
use crate::model::ApiName;
use crate::model::facts::Capability;

/// Connectors whose connections are always a person's: there is no sign-in for an application.
const PEOPLE_ONLY: [&str; 12] = [
    "shared_sharepointonline",
    "shared_office365",
    "shared_office365users",
    "shared_office365groups",
    "shared_teams",
    "shared_onedriveforbusiness",
    "shared_excelonlinebusiness",
    "shared_planner",
    "shared_approvals",
    "shared_todo",
    "shared_microsoftforms",
    "shared_outlook",
];

/// Connectors that sign an application in.
const APPLICATIONS: [&str; 9] = [
    "shared_azureblob",
    "shared_azurefile",
    "shared_commondataservice",
    "shared_commondataserviceforapps",
    "shared_keyvault",
    "shared_powerplatformadminv2",
    "shared_powerplatformforadmins",
    "shared_sql",
    "shared_sqldw",
];

/// Connectors whose connection is a key, a password or nothing, which belongs to no person.
const KEYS: [&str; 11] = [
    "shared_azurequeues",
    "shared_azuretables",
    "shared_conversionservice",
    "shared_documentdb",
    "shared_eventhubs",
    "shared_ftp",
    "shared_rss",
    "shared_sendmail",
    "shared_servicebus",
    "shared_sftpwithssh",
    "shared_smtp",
];

/// What is known of a connector by name; `None`: nothing.
pub fn known_service_principal(api: &ApiName) -> Option<Answer> {
    let key = api.key();
    let answer = |support, reason: &str| Some(Answer::new(support, reason));
    match key.as_str() {
        name if PEOPLE_ONLY.contains(&name) => {
            answer(Capability::No, "a person signs in; it has no sign-in for an application")
        }
        name if APPLICATIONS.contains(&name) => {
            answer(Capability::Yes, "it signs an application in with its own credential")
        }
        name if KEYS.contains(&name) => answer(
            Capability::Yes,
            "a key or a password goes with the connection, or none is needed",
        ),
        _ => None,
    }
}
