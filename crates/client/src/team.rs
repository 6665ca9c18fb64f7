//! Teams: rows of `teams`, with the users in them.
use http::Method;
use serde_json::{Value, json};

use crate::answer::{optional, text};
use crate::odata::{by_id, encode, query};
use crate::{ApiService, Client, Result};

const SET: &str = "teams";

/// A team.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Team {
    /// Row id.
    pub id: String,
    /// Name.
    pub name: String,
    /// `owner`, `access`, `security group` or `office group`.
    pub kind: &'static str,
    /// Object id of its group.
    pub group: Option<String>,
    /// Business unit, by name where the server tells it.
    pub business_unit: String,
}

const KINDS: [&str; 4] = ["owner", "access", "security group", "office group"];

impl Team {
    fn read(row: &Value) -> Self {
        let kind = row["teamtype"].as_u64().and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
        let unit = "/_businessunitid_value";
        let named = "/_businessunitid_value@OData.Community.Display.V1.FormattedValue";
        Self {
            id: text(row, "/teamid"),
            name: text(row, "/name"),
            kind: KINDS.get(kind).copied().unwrap_or("unknown"),
            group: optional(row, "/azureactivedirectoryobjectid"),
            business_unit: optional(row, named).unwrap_or_else(|| text(row, unit)),
        }
    }
}

impl<S: ApiService> Client<S> {
    /// All teams the caller may see.
    pub async fn teams(&self) -> Result<Vec<Team>> {
        let path = format!("{SET}{}", query(&[("$orderby", "name")]));
        let rows = self.web_list("list teams", &path).await?;
        Ok(rows.iter().map(Team::read).collect())
    }

    /// Makes a team of a kind (0 owner, 1 access, 2 security group, 3 office group); a group's team
    /// needs the group's object id. Answers the row id.
    pub async fn team_create(
        &self,
        name: &str,
        kind: u8,
        group: Option<&str>,
        business_unit: Option<&str>,
    ) -> Result<String> {
        let attempt = format!("create team `{name}`");
        let mut body = json!({"name": name, "teamtype": kind});
        if let Some(group) = group {
            body["azureactivedirectoryobjectid"] = group.into();
        }
        if let Some(unit) = business_unit {
            body["businessunitid@odata.bind"] = format!("/businessunits({unit})").into();
        }
        self.web_create(&attempt, SET, body, None).await
    }

    /// Row ids of the users in a team that lists its members.
    pub async fn team_members(&self, team: &Team) -> Result<Vec<String>> {
        let attempt = format!("list the members of team `{}`", team.name);
        let filter = format!("teamid eq {}", team.id);
        let path = format!("teammemberships{}", query(&[("$filter", &filter)]));
        let rows = self.web_list(&attempt, &path).await?;
        Ok(rows.iter().map(|row| text(row, "/_systemuserid_value")).collect())
    }

    /// Adds a user to a team, or takes it out.
    pub async fn team_member_set(&self, team: &Team, user: &str, inside: bool) -> Result<()> {
        let attempt = format!("change team `{}`", team.name);
        self.associate(
            &attempt,
            &by_id(SET, &team.id),
            "teammembership_association",
            "systemusers",
            user,
            inside,
        )
        .await
    }

    /// Deletes a team.
    pub async fn team_delete(&self, team: &Team) -> Result<()> {
        let attempt = format!("delete team `{}`", team.name);
        let call = self.web(&attempt, Method::DELETE, &by_id(SET, &team.id));
        self.send(call).await.map(drop)
    }

    /// Joins a row with another by a relationship, or parts them.
    pub(crate) async fn associate(
        &self,
        attempt: &str,
        row: &str,
        relation: &str,
        set: &str,
        other: &str,
        joined: bool,
    ) -> Result<()> {
        let call = if joined {
            let address =
                format!("{}/api/data/v9.2/{}", self.place().environment, by_id(set, other));
            self.web(attempt, Method::POST, &format!("{row}/{relation}/$ref"))
                .json(json!({"@odata.id": address}))
        } else {
            let path = format!("{row}/{relation}({})/$ref", encode(other));
            self.web(attempt, Method::DELETE, &path)
        };
        self.send(call).await.map(drop)
    }
}
