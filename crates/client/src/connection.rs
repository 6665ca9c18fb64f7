//! Connections: the live, authenticated sessions that references are bound to. Answers never hold
//! a secret; what is sent to make one does, and is dropped with the request.
use std::collections::BTreeMap;

use http::Method;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};

use crate::answer::{flag, last_segment, optional, text};
use crate::odata::{encode, query};
use crate::{ApiService, Client, ClientError, Result};

/// A connection without its credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// Id, 32 hex digits.
    pub id: String,
    /// Display name.
    pub display_name: String,
    /// Api name of the connector.
    pub connector: String,
    /// Status word: `Connected`, `Error` …
    pub status: String,
    /// Cause of an error.
    pub cause: Option<String>,
    /// Name of its owner.
    pub owner: String,
    /// `user`, `servicePrincipal`, `sharedKey` or `none`, when the server tells it.
    pub kind: Option<String>,
    /// What it reaches instead of the public host.
    pub endpoint: Option<String>,
    /// Account it authenticates as, when the server tells it.
    pub account: Option<String>,
    /// Made on, ISO 8601.
    pub created_on: String,
    /// Last called through, ISO 8601, when the server tells it.
    pub last_used: Option<String>,
    /// When its secret or certificate ends, ISO 8601, when the server tells it. Never the end of an
    /// access token.
    pub credential_ends: Option<String>,
    /// Until when the credential before the last rotation comes back by itself, ISO 8601.
    pub previous_until: Option<String>,
    /// What the last test found: when, as whom, where.
    pub tested: Option<(String, Option<String>, String)>,
}

/// A connection to be made.
#[derive(Debug, Default)]
pub struct NewConnection<'a> {
    /// Id, 32 hex digits.
    pub id: &'a str,
    /// Api name of the connector.
    pub connector: &'a str,
    /// Display name.
    pub display_name: &'a str,
    /// `user`, `servicePrincipal`, `sharedKey` or `none`.
    pub kind: Option<&'a str>,
    /// Reaches this instead of the public host.
    pub endpoint: Option<&'a str>,
    /// Principal that owns it, by name (administrators only).
    pub owner: Option<&'a str>,
    /// Connection parameters that are no secret.
    pub parameters: BTreeMap<String, String>,
    /// Connection parameters that are.
    pub secrets: BTreeMap<String, SecretString>,
    /// Name of the parameter set, for connectors with several ways to authenticate.
    pub parameter_set: Option<&'a str>,
    /// When its secret ends, a date.
    pub secret_ends: Option<&'a str>,
}

/// A credential to rotate to: what differs from the active one.
#[derive(Debug, Default)]
pub struct Rotation<'a> {
    /// Connection parameters that are no secret.
    pub parameters: BTreeMap<String, String>,
    /// Connection parameters that are.
    pub secrets: BTreeMap<String, SecretString>,
    /// When its secret ends, a date.
    pub secret_ends: Option<&'a str>,
    /// How long the one before comes back by itself, in seconds.
    pub window: u64,
    /// Whether the target is asked first.
    pub test: bool,
}

/// A sign-in that began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignIn {
    /// Its id, for the answer.
    pub id: String,
    /// The address to open in a browser.
    pub url: Option<String>,
    /// The code to type on another device, where, and the address that has the code in it.
    pub device: Option<(String, String, Option<String>)>,
    /// How long the person has, in seconds.
    pub expires_in: u64,
    /// Pause before the first question, in milliseconds.
    pub interval_ms: u64,
}

/// Where a sign-in stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignInState {
    /// Ask again after so many milliseconds.
    Pending(u64),
    /// Signed in.
    Done(Box<Connection>),
}

/// One entry of who may use a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permission {
    /// Level: `CanView`, `CanViewWithShare`, `CanEdit` or `Owner`.
    pub level: String,
    /// Principal's id.
    pub principal_id: String,
    /// Principal's name.
    pub principal: String,
    /// `User`, `ServicePrincipal` …
    pub principal_type: String,
}

/// What a test of a connection found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tested {
    /// The target answered and knew the identity.
    pub ok: bool,
    /// Who the target says we are.
    pub identity: Option<String>,
    /// What was reached.
    pub target: String,
    /// More words.
    pub detail: String,
    /// What went wrong.
    pub error: Option<String>,
}

/// What a reassignment does, or would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reassigned {
    /// Connections that change their owner.
    pub connections: Vec<String>,
    /// References bound to them.
    pub references: Vec<String>,
    /// Flows that act as somebody else afterwards: name, from, to.
    pub flows: Vec<(String, String, String)>,
    /// Whether it was done.
    pub applied: bool,
    /// Steps to take instead, where an owner cannot change.
    pub steps: Vec<String>,
}

impl Connection {
    fn read(row: &Value) -> Self {
        let status = row.pointer("/properties/statuses/0").unwrap_or(&Value::Null);
        Self {
            id: text(row, "/name"),
            display_name: text(row, "/properties/displayName"),
            connector: last_segment(&text(row, "/properties/apiId")).to_owned(),
            status: optional(status, "/status").unwrap_or_else(|| "unknown".to_owned()),
            cause: optional(status, "/error/message").or_else(|| optional(status, "/error/code")),
            owner: optional(row, "/properties/connref/owner")
                .or_else(|| optional(row, "/properties/createdBy/userPrincipalName"))
                .or_else(|| optional(row, "/properties/createdBy/displayName"))
                .unwrap_or_default(),
            kind: optional(row, "/properties/connref/kind"),
            endpoint: optional(row, "/properties/connref/endpoint"),
            account: optional(row, "/properties/accountName"),
            created_on: text(row, "/properties/createdTime"),
            last_used: optional(row, "/properties/connref/lastUsed"),
            credential_ends: optional(row, "/properties/connref/credentialEnds"),
            previous_until: optional(row, "/properties/connref/previousUntil"),
            tested: optional(row, "/properties/connref/tested/on").map(|on| {
                let identity = optional(row, "/properties/connref/tested/identity");
                (on, identity, text(row, "/properties/connref/tested/target"))
            }),
        }
    }
}

impl<S: ApiService> Client<S> {
    fn connection_path(
        &self,
        connector: &str,
        id: &str,
        rest: &str,
        more: &[(&str, &str)],
    ) -> String {
        let filter = self.environment_filter();
        let mut pairs = vec![("api-version", "1"), ("$filter", filter.as_str())];
        pairs.extend_from_slice(more);
        format!(
            "/connectivity/connectors/{}/connections/{}{rest}{}",
            encode(connector),
            encode(id),
            query(&pairs)
        )
    }

    /// All connections the caller can see.
    pub async fn connections(&self) -> Result<Vec<Connection>> {
        let filter = self.environment_filter();
        let path = format!(
            "/providers/Microsoft.PowerApps/connections{}",
            query(&[("api-version", "2016-11-01"), ("$filter", &filter)])
        );
        let rows = self.control_list("list connections", &path).await?;
        Ok(rows.iter().map(Connection::read).collect())
    }

    /// One connection by connector and id.
    pub async fn connection(&self, connector: &str, id: &str) -> Result<Connection> {
        let attempt = format!("read connection `{id}`");
        let path = self.connection_path(connector, id, "", &[]);
        let call = self.control(&attempt, Method::GET, &path);
        Ok(Connection::read(&self.fetch(call).await?))
    }

    /// Makes a connection.
    pub async fn connection_create(&self, new: &NewConnection<'_>) -> Result<Connection> {
        let attempt = format!("create connection `{}`", new.display_name);
        let path = self.connection_path(new.connector, new.id, "", &[]);
        let call = self.control(&attempt, Method::PUT, &path).json(self.new_body(new));
        Ok(Connection::read(&self.fetch(call).await?))
    }

    fn new_body(&self, new: &NewConnection<'_>) -> Value {
        let mut fields = Map::new();
        for (name, value) in &new.parameters {
            fields.insert(name.clone(), value.as_str().into());
        }
        // A connector may not list a field as secret; where the server takes secrets by
        // themselves, none can be mistaken for an open parameter.
        let extended = self.place().extended;
        let mut secrets = Map::new();
        let target = if extended { &mut secrets } else { &mut fields };
        for (name, value) in &new.secrets {
            target.insert(name.clone(), value.expose_secret().into());
        }
        let environment = &self.place().name;
        let mut properties = json!({
            "displayName": new.display_name,
            "environment": {
                "id": format!("/providers/Microsoft.PowerApps/environments/{environment}"),
                "name": environment,
            },
        });
        match new.parameter_set {
            Some(set) => {
                let values: Map<String, Value> = fields
                    .into_iter()
                    .map(|(name, value)| (name, json!({"value": value})))
                    .collect();
                properties["connectionParametersSet"] = json!({"name": set, "values": values});
            }
            None => properties["connectionParameters"] = Value::Object(fields),
        }
        let mut own = Map::new();
        for (name, value) in [
            ("kind", new.kind),
            ("endpoint", new.endpoint),
            ("owner", new.owner),
            ("secretEnds", new.secret_ends),
        ] {
            if let Some(value) = value {
                own.insert(name.to_owned(), value.into());
            }
        }
        if !secrets.is_empty() {
            own.insert("secrets".to_owned(), secrets.into());
        }
        if extended && !own.is_empty() {
            properties["connref"] = Value::Object(own);
        }
        json!({"properties": properties})
    }

    /// Deletes a connection; one that is used only with `force`.
    pub async fn connection_delete(&self, connection: &Connection, force: bool) -> Result<()> {
        let attempt = format!("delete connection `{}`", connection.display_name);
        let more: &[(&str, &str)] = if force { &[("force", "true")] } else { &[] };
        let path = self.connection_path(&connection.connector, &connection.id, "", more);
        self.send(self.control(&attempt, Method::DELETE, &path)).await.map(drop)
    }

    /// Asks the target who the connection is there.
    pub async fn connection_test(&self, connection: &Connection) -> Result<Tested> {
        let attempt = format!("test connection `{}`", connection.display_name);
        let path =
            self.connection_path(&connection.connector, &connection.id, "/connref_test", &[]);
        let call = self.control(&attempt, Method::POST, &path).json(json!({})).harmless();
        let answer = self.fetch(call).await?;
        Ok(Tested {
            ok: flag(&answer, "/ok"),
            identity: optional(&answer, "/identity"),
            target: text(&answer, "/target"),
            detail: text(&answer, "/detail"),
            error: optional(&answer, "/error").or_else(|| optional(&answer, "/error/message")),
        })
    }

    /// Changes a connection's name, endpoint, parameters or secrets; what is not given stays.
    pub async fn connection_update(&self, new: &NewConnection<'_>) -> Result<Connection> {
        let attempt = format!("update connection `{}`", new.display_name);
        let path = self.connection_path(new.connector, new.id, "", &[]);
        let call = self.control(&attempt, Method::PUT, &path).json(self.new_body(new));
        Ok(Connection::read(&self.fetch(call).await?))
    }

    /// Rotates a connection's credential: kept, tested, then active.
    pub async fn connection_rotate(
        &self,
        connection: &Connection,
        to: &Rotation<'_>,
    ) -> Result<Connection> {
        let secrets: Map<String, Value> = to
            .secrets
            .iter()
            .map(|(name, value)| (name.clone(), value.expose_secret().into()))
            .collect();
        let body = json!({
            "connectionParameters": to.parameters,
            "secrets": secrets,
            "secretEnds": to.secret_ends,
            "windowSeconds": to.window,
            "test": to.test,
        });
        Ok(Connection::read(&self.verb("rotate", connection, "rotate", body).await?))
    }

    /// Makes the credential before the last rotation the active one again.
    pub async fn connection_return(&self, connection: &Connection) -> Result<Connection> {
        Ok(Connection::read(&self.verb("return", connection, "rotate back", json!({})).await?))
    }

    /// Switches a connection on or off.
    pub async fn connection_switch(&self, connection: &Connection, on: bool) -> Result<Connection> {
        let verb = if on { "enable" } else { "disable" };
        Ok(Connection::read(&self.verb(verb, connection, verb, json!({})).await?))
    }

    /// Begins a sign-in: in a browser whose answer goes to `redirect_uri`, or on another device.
    pub async fn connection_sign_in(
        &self,
        connection: &Connection,
        redirect_uri: Option<&str>,
    ) -> Result<SignIn> {
        let body = json!({"redirectUri": redirect_uri});
        let answer = self.verb("signIn", connection, "sign in to", body).await?;
        let device = optional(&answer, "/userCode").map(|code| {
            let uri = text(&answer, "/verificationUri");
            (code, uri, optional(&answer, "/verificationUriComplete"))
        });
        Ok(SignIn {
            id: text(&answer, "/id"),
            url: optional(&answer, "/url"),
            device,
            expires_in: answer["expiresIn"].as_u64().unwrap_or(600),
            interval_ms: answer["intervalMs"].as_u64().unwrap_or(0),
        })
    }

    /// Goes on with a sign-in: with the query that came to the redirect address, or by asking.
    pub async fn connection_sign_in_finish(
        &self,
        connection: &Connection,
        signin: &str,
        query: Option<&str>,
    ) -> Result<SignInState> {
        let body = json!({"id": signin, "query": query});
        let answer = self.verb("signInFinish", connection, "sign in to", body).await?;
        Ok(match answer["state"].as_str() {
            Some("pending") => SignInState::Pending(answer["afterMs"].as_u64().unwrap_or(5000)),
            _ => SignInState::Done(Box::new(Connection::read(&answer["connection"]))),
        })
    }

    /// Makes a link by which a person signs the connection in, as `account` if one is named: its id
    /// to ask with, its address, and the seconds that it counts.
    pub async fn connection_consent_link(
        &self,
        connection: &Connection,
        account: Option<&str>,
        seconds: u64,
    ) -> Result<(SecretString, SecretString, u64)> {
        let body = json!({"account": account, "expiresIn": seconds});
        let answer = self.verb("consentLink", connection, "make a link for", body).await?;
        let seconds = answer["expiresIn"].as_u64().unwrap_or(seconds);
        Ok((text(&answer, "/id").into(), text(&answer, "/url").into(), seconds))
    }

    /// Where a link stands: `pending`, `done`, `refused` or `over`.
    pub async fn connection_consent_state(
        &self,
        connection: &Connection,
        link: &SecretString,
    ) -> Result<String> {
        let body = json!({"id": link.expose_secret()});
        let answer = self.verb("consentState", connection, "ask about", body).await?;
        Ok(text(&answer, "/state"))
    }

    async fn verb(
        &self,
        verb: &str,
        connection: &Connection,
        words: &str,
        body: Value,
    ) -> Result<Value> {
        let attempt = format!("{words} connection `{}`", connection.display_name);
        let rest = format!("/connref_{verb}");
        let path = self.connection_path(&connection.connector, &connection.id, &rest, &[]);
        self.fetch(self.control(&attempt, Method::POST, &path).json(body)).await
    }

    /// Who may use a connection.
    pub async fn connection_permissions(&self, connection: &Connection) -> Result<Vec<Permission>> {
        let attempt = format!("read who may use connection `{}`", connection.display_name);
        let path = self.connection_path(&connection.connector, &connection.id, "/permissions", &[]);
        let rows = self.control_list(&attempt, &path).await?;
        Ok(rows.iter().map(permission).collect())
    }

    /// Shares a connection with a principal at a level, for good or until a moment (RFC 3339), or
    /// takes the share back (`level` none).
    pub async fn connection_share(
        &self,
        connection: &Connection,
        principal_id: &str,
        principal_type: &str,
        level: Option<&str>,
        until: Option<&str>,
    ) -> Result<()> {
        let attempt = format!("share connection `{}`", connection.display_name);
        let path =
            self.connection_path(&connection.connector, &connection.id, "/modifyPermissions", &[]);
        let body = match level {
            Some(level) => {
                let mut properties = json!({
                    "roleName": level,
                    "capabilities": [],
                    "principal": {"id": principal_id, "type": principal_type},
                    "NotifyShareTargetOption": "DoNotNotify",
                });
                if let Some(until) = until {
                    properties["connref"] = json!({"expires": until});
                }
                json!({"put": [{"properties": properties}]})
            }
            None => json!({"delete": [{"id": format!(
                "/providers/Microsoft.PowerApps/apis/{}/connections/{}/permissions/{principal_id}",
                connection.connector, connection.id
            )}]}),
        };
        self.send(self.control(&attempt, Method::POST, &path).json(body)).await.map(drop)
    }

    /// Gives connections to another owner: those listed, or all of an owner.
    pub async fn connection_reassign(
        &self,
        owner: Option<&str>,
        connections: &[String],
        to: &str,
    ) -> Result<Reassigned> {
        let attempt = format!("reassign connections to `{to}`");
        let mut body = json!({"To": to, "DryRun": self.is_dry_run()});
        if let Some(owner) = owner {
            body["Owner"] = owner.into();
        }
        if !connections.is_empty() {
            body["ConnectionIds"] = connections.into();
        }
        // The server computes the dry run, so it is sent in one too.
        let call = self.web(&attempt, Method::POST, "connref_Reassign").json(body).harmless();
        let answer = self.fetch(call).await?;
        if !answer["connections"].is_array() {
            return Err(ClientError::unreadable(&attempt, "it lists no connections"));
        }
        Ok(Reassigned {
            connections: words(&answer["connections"]),
            references: words(&answer["references"]),
            flows: answer["flows"].as_array().into_iter().flatten().map(changed_flow).collect(),
            applied: flag(&answer, "/applied"),
            steps: words(&answer["steps"]),
        })
    }
}

fn permission(row: &Value) -> Permission {
    Permission {
        level: text(row, "/properties/roleName"),
        principal_id: text(row, "/properties/principal/id"),
        principal: optional(row, "/properties/principal/email")
            .or_else(|| optional(row, "/properties/principal/displayName"))
            .unwrap_or_default(),
        principal_type: text(row, "/properties/principal/type"),
    }
}

fn changed_flow(row: &Value) -> (String, String, String) {
    (text(row, "/name"), text(row, "/from"), text(row, "/to"))
}

/// A list of texts, or of objects with a name.
fn words(list: &Value) -> Vec<String> {
    let word = |item: &Value| {
        item.as_str().map(str::to_owned).unwrap_or_else(|| {
            ["/name", "/displayName", "/logicalName", "/text", "/id"]
                .iter()
                .find_map(|pointer| optional(item, pointer))
                .unwrap_or_else(|| item.to_string())
        })
    };
    list.as_array().into_iter().flatten().map(word).collect()
}
