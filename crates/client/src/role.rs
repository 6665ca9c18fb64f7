//! Security roles: rows of `roles`, what they grant, and who holds them.
use http::Method;
use serde_json::{Value, json};

use crate::answer::{flag, text};
use crate::odata::{by_id, query};
use crate::{ApiService, Client, Result};

const SET: &str = "roles";

/// A security role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// Row id.
    pub id: String,
    /// Name.
    pub name: String,
    /// It came with the system or with a managed solution.
    pub managed: bool,
}

impl Role {
    fn read(row: &Value) -> Self {
        Self {
            id: text(row, "/roleid"),
            name: text(row, "/name"),
            managed: flag(row, "/ismanaged"),
        }
    }
}

impl<S: ApiService> Client<S> {
    /// All roles.
    pub async fn roles(&self) -> Result<Vec<Role>> {
        let path = format!("{SET}{}", query(&[("$orderby", "name")]));
        let rows = self.web_list("list roles", &path).await?;
        Ok(rows.iter().map(Role::read).collect())
    }

    /// What a role grants: privilege and depth mask (1 user, 2 business unit, 4 parent-child,
    /// 8 organisation), by name.
    pub async fn role_privileges(&self, role: &Role) -> Result<Vec<(String, i64)>> {
        let attempt = format!("read role `{}`", role.name);
        let filter = format!("roleid eq {}", role.id);
        let path = format!("roleprivilegescollection{}", query(&[("$filter", &filter)]));
        let rows = self.web_list(&attempt, &path).await?;
        let mut all: Vec<_> = rows
            .iter()
            .map(|row| {
                let mask = row["privilegedepthmask"].as_i64().unwrap_or(0);
                (text(row, "/connref_privilege"), mask)
            })
            .collect();
        all.sort();
        Ok(all)
    }

    /// Makes a custom role; `grants` is `prvReadWorkflow=organization,…`. Answers the row id.
    pub async fn role_create(&self, name: &str, grants: &str) -> Result<String> {
        let attempt = format!("create role `{name}`");
        let body = json!({"name": name, "connref_privileges": grants});
        self.web_create(&attempt, SET, body, None).await
    }

    /// Deletes a custom role.
    pub async fn role_delete(&self, role: &Role) -> Result<()> {
        let attempt = format!("delete role `{}`", role.name);
        let call = self.web(&attempt, Method::DELETE, &by_id(SET, &role.id));
        self.send(call).await.map(drop)
    }

    /// Gives a user (`team` false) or a team a role, or takes it away.
    pub async fn role_assign(
        &self,
        role: &Role,
        holder: &str,
        team: bool,
        given: bool,
    ) -> Result<()> {
        let attempt = format!("assign role `{}`", role.name);
        let (set, relation) = if team {
            ("teams", "teamroles_association")
        } else {
            ("systemusers", "systemuserroles_association")
        };
        self.associate(&attempt, &by_id(set, holder), relation, SET, &role.id, given).await
    }

    /// Ids of the roles assigned to a user itself.
    pub async fn user_roles(&self, user: &str) -> Result<Vec<String>> {
        let filter = format!("systemuserid eq {user}");
        let path = format!("systemuserrolescollection{}", query(&[("$filter", &filter)]));
        let rows = self.web_list("read the roles of a user", &path).await?;
        Ok(rows.iter().map(|row| text(row, "/_roleid_value")).collect())
    }
}
