//! Users and service principals: rows of `systemusers`.
use http::Method;
use serde_json::{Value, json};

use crate::answer::{flag, optional, text};
use crate::odata::{by_id, query};
use crate::{ApiService, Client, Result};

const SET: &str = "systemusers";

/// A user or a service principal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Row id; also the object id on the control plane.
    pub id: String,
    /// User principal name, or the application's name.
    pub name: String,
    /// Full name.
    pub full_name: String,
    /// Application id; present means service principal.
    pub application_id: Option<String>,
    /// Role, when the server tells it.
    pub role: Option<String>,
    /// Disabled.
    pub disabled: bool,
}

impl User {
    fn read(row: &Value) -> Self {
        Self {
            id: text(row, "/systemuserid"),
            name: text(row, "/domainname"),
            full_name: text(row, "/fullname"),
            application_id: optional(row, "/applicationid").filter(|id| !id.is_empty()),
            role: optional(row, "/connref_role"),
            disabled: flag(row, "/isdisabled"),
        }
    }

    /// How the control plane calls its kind.
    pub fn principal_type(&self) -> &'static str {
        if self.application_id.is_some() { "ServicePrincipal" } else { "User" }
    }
}

impl<S: ApiService> Client<S> {
    /// All users and service principals.
    pub async fn users(&self) -> Result<Vec<User>> {
        let path = format!("{SET}{}", query(&[("$orderby", "domainname")]));
        let rows = self.web_list("list users", &path).await?;
        Ok(rows.iter().map(User::read).collect())
    }

    /// Adds a user, or with an application id a service principal; answers the row id. `role` is
    /// `System Administrator`, `Environment Maker` or `Basic User`.
    pub async fn user_add(
        &self,
        name: &str,
        full_name: &str,
        application_id: Option<&str>,
        role: &str,
    ) -> Result<String> {
        let attempt = format!("add user `{name}`");
        let mut body = json!({"domainname": name, "fullname": full_name, "connref_role": role});
        if let Some(id) = application_id {
            body["applicationid"] = id.into();
        }
        self.web_create(&attempt, SET, body, None).await
    }

    /// Disables or enables a user.
    pub async fn user_disable(&self, user: &User, disabled: bool) -> Result<()> {
        let verb = if disabled { "disable" } else { "enable" };
        let attempt = format!("{verb} user `{}`", user.name);
        self.web_update(&attempt, &by_id(SET, &user.id), json!({"isdisabled": disabled})).await
    }

    /// Row id of the caller.
    pub async fn who_am_i(&self) -> Result<String> {
        let call = self.web("ask who I am", Method::GET, "WhoAmI");
        Ok(text(&self.fetch(call).await?, "/UserId"))
    }
}
