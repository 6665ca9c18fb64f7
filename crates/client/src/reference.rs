//! Connection references: the handles that flows use, and what they are bound to.
use http::Method;
use serde_json::{Value, json};

use crate::answer::{flag, last_segment, optional, text};
use crate::odata::{by_id, by_key, query};
use crate::{ApiService, Client, Result};

const SET: &str = "connectionreferences";
const KEY: &str = "connectionreferencelogicalname";

/// A connection reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// Row id.
    pub id: String,
    /// Logical name.
    pub logical_name: String,
    /// Display name.
    pub display_name: String,
    /// Description.
    pub description: Option<String>,
    /// Api name of the connector (`shared_office365`).
    pub connector: String,
    /// The bound connection.
    pub connection: Option<String>,
    /// Came with a managed solution.
    pub managed: bool,
    /// Name of the owner, when the server tells it.
    pub owner: Option<String>,
}

/// One version of a binding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// Version, growing.
    pub version: i64,
    /// Connection; none when it was unbound.
    pub connection: Option<String>,
    /// Display name of the connection.
    pub connection_name: Option<String>,
    /// Owner of the connection.
    pub owner: Option<String>,
    /// Where the binding came from: by hand, import, reassign …
    pub source: String,
    /// Who bound.
    pub bound_by: String,
    /// When, ISO 8601.
    pub bound_on: String,
}

/// A reference to be made.
#[derive(Clone, Debug, Default)]
pub struct NewReference<'a> {
    /// Logical name.
    pub logical_name: &'a str,
    /// Display name.
    pub display_name: &'a str,
    /// Description.
    pub description: Option<&'a str>,
    /// Api name of the connector.
    pub connector: &'a str,
    /// Connection to bind it to at once: with it the reference is made, or neither is.
    pub connection: Option<&'a str>,
    /// Unmanaged solution it goes into.
    pub solution: Option<&'a str>,
}

impl Reference {
    fn read(row: &Value) -> Self {
        Self {
            id: text(row, "/connectionreferenceid"),
            logical_name: text(row, "/connectionreferencelogicalname"),
            display_name: text(row, "/connectionreferencedisplayname"),
            description: optional(row, "/description"),
            connector: last_segment(&text(row, "/connectorid")).to_owned(),
            connection: optional(row, "/connectionid").filter(|id| !id.is_empty()),
            managed: flag(row, "/ismanaged"),
            owner: optional(row, "/_ownerid_value@OData.Community.Display.V1.FormattedValue"),
        }
    }
}

impl<S: ApiService> Client<S> {
    /// All references the caller can see.
    pub async fn references(&self) -> Result<Vec<Reference>> {
        let path = format!("{SET}{}", query(&[("$orderby", KEY)]));
        let rows = self.web_list("list connection references", &path).await?;
        Ok(rows.iter().map(Reference::read).collect())
    }

    /// One reference by logical name.
    pub async fn reference(&self, logical_name: &str) -> Result<Reference> {
        let attempt = format!("read connection reference `{logical_name}`");
        let call = self.web(&attempt, Method::GET, &by_key(SET, KEY, logical_name));
        Ok(Reference::read(&self.fetch(call).await?))
    }

    /// Makes a reference; answers its row id.
    pub async fn reference_create(&self, new: &NewReference<'_>) -> Result<String> {
        let attempt = format!("create connection reference `{}`", new.logical_name);
        let mut body = json!({
            KEY: new.logical_name,
            "connectionreferencedisplayname": new.display_name,
            "connectorid": format!("/providers/Microsoft.PowerApps/apis/{}", new.connector),
        });
        if let Some(description) = new.description {
            body["description"] = description.into();
        }
        if let Some(connection) = new.connection {
            body["connectionid"] = connection.into();
        }
        self.web_create(&attempt, SET, body, new.solution).await
    }

    /// Binds a reference to a connection, or unbinds it.
    pub async fn reference_bind(
        &self,
        reference: &Reference,
        connection: Option<&str>,
    ) -> Result<()> {
        let verb = if connection.is_some() { "bind" } else { "unbind" };
        let attempt = format!("{verb} connection reference `{}`", reference.logical_name);
        let body = json!({"connectionid": connection});
        self.web_update(&attempt, &by_id(SET, &reference.id), body).await
    }

    /// Binds several references, given by logical name, all or none; answers how many changed. With
    /// `tested` the targets are asked first, and for so many seconds what was bound before comes back
    /// when nobody accepts the new connection.
    pub async fn references_bind(
        &self,
        bindings: &[(String, String)],
        tested: Option<u64>,
    ) -> Result<u64> {
        let entries: Vec<Value> = bindings
            .iter()
            .map(|(name, connection)| {
                json!({
                    "@odata.type": "Microsoft.Dynamics.CRM.connectionreference",
                    KEY: name, "connectionid": connection,
                })
            })
            .collect();
        let attempt = format!("bind {} connection references", bindings.len());
        let call = self.web(&attempt, Method::POST, "connref_BindReferences");
        let mut body = json!({"Bindings": entries});
        if let Some(seconds) = tested {
            body["Test"] = true.into();
            body["Window"] = seconds.into();
        }
        match self.fetch(call.json(body)).await {
            // Without connref nothing tests or returns: that is told, not left out.
            Err(error) if error.is_missing() && !self.place().extended && tested.is_none() => {
                self.references_bind_singly(bindings).await
            }
            answer => Ok(answer?["changed"].as_u64().unwrap_or_default()),
        }
    }

    /// One after the other, where the other side has no action for several. What is bound before
    /// a refusal stays bound.
    async fn references_bind_singly(&self, bindings: &[(String, String)]) -> Result<u64> {
        let mut changed = 0;
        let all = self.references().await?;
        for (name, connection) in bindings {
            let reference = match all.iter().find(|r| r.logical_name.eq_ignore_ascii_case(name)) {
                Some(found) => found.clone(),
                None => self.reference(name).await?,
            };
            if reference.connection.as_deref() != Some(connection) {
                self.reference_bind(&reference, Some(connection)).await?;
                changed += 1;
            }
        }
        Ok(changed)
    }

    /// Deletes a reference.
    pub async fn reference_delete(&self, reference: &Reference) -> Result<()> {
        let attempt = format!("delete connection reference `{}`", reference.logical_name);
        let call = self.web(&attempt, Method::DELETE, &by_id(SET, &reference.id));
        self.send(call).await.map(drop)
    }

    /// Every binding a reference ever had, as the server orders them.
    pub async fn reference_history(&self, logical_name: &str) -> Result<Vec<Binding>> {
        let attempt = format!("read the bindings of connection reference `{logical_name}`");
        let path = by_key("connref_BindingHistory", "Reference", logical_name);
        let rows = self.web_list(&attempt, &path).await?;
        Ok(rows.iter().map(binding).collect())
    }
}

fn binding(row: &Value) -> Binding {
    Binding {
        version: row["version"].as_i64().unwrap_or_default(),
        connection: optional(row, "/connectionid").filter(|id| !id.is_empty()),
        connection_name: optional(row, "/connectionname"),
        owner: optional(row, "/owner"),
        source: text(row, "/source"),
        bound_by: text(row, "/boundby"),
        bound_on: text(row, "/boundon"),
    }
}
