//! Groups of the tenant, at the control plane.
use http::Method;
use serde_json::{Value, json};

use crate::answer::text;
use crate::odata::encode;
use crate::{ApiService, Client, Result};

const PATH: &str = "/providers/connref/groups";

/// A group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Object id.
    pub id: String,
    /// Name.
    pub name: String,
    /// `security` or `office`.
    pub kind: String,
    /// Members: (name, `member`, `owner` or `guest`).
    pub members: Vec<(String, String)>,
}

impl Group {
    fn read(row: &Value) -> Self {
        let members = row["members"].as_array().into_iter().flatten();
        Self {
            id: text(row, "/id"),
            name: text(row, "/name"),
            kind: text(row, "/kind"),
            members: members.map(|one| (text(one, "/name"), text(one, "/kind"))).collect(),
        }
    }
}

impl<S: ApiService> Client<S> {
    /// All groups of the tenant.
    pub async fn groups(&self) -> Result<Vec<Group>> {
        let rows = self.control_list("list groups", PATH).await?;
        Ok(rows.iter().map(Group::read).collect())
    }

    /// Makes a group; answers its object id.
    pub async fn group_create(&self, name: &str, office: bool, id: Option<&str>) -> Result<String> {
        let attempt = format!("create group `{name}`");
        let kind = if office { "office" } else { "security" };
        let body = json!({"name": name, "kind": kind, "id": id});
        let call = self.control(&attempt, Method::POST, PATH).json(body);
        Ok(text(&self.fetch(call).await?, "/id"))
    }

    /// Puts somebody into a group as `member`, `owner` or `guest`, or with `None` takes it out.
    pub async fn group_member_set(
        &self,
        group: &Group,
        member: &str,
        kind: Option<&str>,
    ) -> Result<()> {
        let attempt = format!("change group `{}`", group.name);
        let path = format!("{PATH}/{}/members/{}", encode(&group.id), encode(member));
        let call = match kind {
            Some(kind) => self.control(&attempt, Method::PUT, &path).json(json!({"kind": kind})),
            None => self.control(&attempt, Method::DELETE, &path),
        };
        self.send(call).await.map(drop)
    }

    /// Deletes a group.
    pub async fn group_delete(&self, group: &Group) -> Result<()> {
        let attempt = format!("delete group `{}`", group.name);
        let path = format!("{PATH}/{}", encode(&group.id));
        self.send(self.control(&attempt, Method::DELETE, &path)).await.map(drop)
    }
}
