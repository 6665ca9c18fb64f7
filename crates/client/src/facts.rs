//! The facts of an environment over the API. connref answers them as one snapshot; of an
//! organisation that does not, they are put together from its tables, and what those do not tell is
//! marked as not known.
use std::collections::HashMap;

use connref_solution::artefact::facts_json::facts_read;
use connref_solution::artefact::workflow_json::flow_body_read;
use connref_solution::model::facts::*;
use connref_solution::model::package::Publisher;
use connref_solution::model::{ApiName, Facts, Micros, PrincipalId};
use http::Method;
use serde_json::Value;

use crate::answer::{flag, last_segment, optional, text};
use crate::odata::{encode, query};
use crate::{ApiService, Client, ClientError, Result};

/// What the tables of an organisation do not tell, whoever asks.
const UNTOLD: [Area; 14] = [
    Area::Shares,
    Area::Fingerprints,
    Area::Ends,
    Area::LastUse,
    Area::Runs,
    Area::WantedOn,
    Area::Activations,
    Area::FlowShares,
    Area::Departures,
    Area::Groups,
    Area::Capabilities,
    Area::Bindings,
    Area::Layers,
    Area::Policies,
];

impl<S: ApiService> Client<S> {
    /// The facts of the environment; `now` is the moment they are taken at where the other side
    /// does not tell it.
    ///
    /// # Errors
    /// A refusal, or an answer that holds no facts.
    pub async fn facts(&self, now: Micros) -> Result<Facts> {
        let attempt = "read the facts of the environment";
        let call = self.web(attempt, Method::GET, "connref_Facts()");
        let answer = match self.fetch(call).await {
            Ok(answer) => answer,
            Err(error) if error.is_missing() && !self.place().extended => {
                return self.facts_from_tables(now).await;
            }
            Err(error) => return Err(error),
        };
        let text = answer["facts"].to_string();
        facts_read(text.as_bytes()).map_err(|error| {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            let words =
                cause.map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"));
            ClientError::unreadable(attempt, words)
        })
    }

    /// The facts as far as the tables that every organisation has tell them.
    ///
    /// # Errors
    /// A refusal of one of the tables; where the control plane is not reached, connections are not
    /// known.
    pub async fn facts_from_tables(&self, now: Micros) -> Result<Facts> {
        let attempt = "read the facts of the environment";
        let mut unknown = UNTOLD.to_vec();
        let me = self.fetch(self.web(attempt, Method::GET, "WhoAmI")).await?;
        let connections = match self.connection_facts().await {
            Ok(found) => found,
            Err(error) if matches!(error.status(), Some(403 | 404)) => Vec::new(),
            Err(error) => return Err(error),
        };
        // Whoever asks sees its own and what is shared with it.
        unknown.push(Area::Connections);
        let kind = self.environment_kind().await;
        if kind.is_none() {
            unknown.push(Area::Kind);
        }
        let members = self.memberships().await;
        if members.is_none() {
            unknown.push(Area::Membership);
        }
        let members = members.unwrap_or_default();
        let organisation = text(&me, "/OrganizationId");
        let name = self.place().name.as_str();
        let host = self.place().environment.rsplit("//").next().unwrap_or_default();
        let teams = self.team_facts().await.unwrap_or_default();
        let people = self.users_rows().await?;
        let mut connections = connections;
        owners_known(&mut connections, &people);
        let mut facts = Facts {
            environment: EnvironmentFacts {
                id: organisation.as_str().into(),
                tenant: "tenant".into(),
                name: if name.is_empty() { host } else { name }.to_owned(),
                kind: kind.unwrap_or(EnvironmentKind::Production),
                fidelity: Fidelity::Dataverse,
                version: 0,
            },
            taken_at: now,
            principals: people.iter().map(principal).collect(),
            teams,
            groups: Vec::new(),
            connectors: self.connector_facts().await.unwrap_or_default(),
            connections,
            references: self.reference_facts(&members).await?,
            flows: self.flow_facts(&members).await?,
            variables: self.variable_facts().await?,
            solutions: self.solution_facts().await?,
            policies: Vec::new(),
            layers: Vec::new(),
            unknown,
        };
        facts.unknown.sort_unstable();
        Ok(facts)
    }

    async fn environment_kind(&self) -> Option<EnvironmentKind> {
        let here = self.environment(&self.place().name).await.ok()?;
        match here.kind.as_str() {
            "Production" => Some(EnvironmentKind::Production),
            "Sandbox" => Some(EnvironmentKind::Test),
            "Developer" | "Trial" => Some(EnvironmentKind::Developer),
            _ => None,
        }
    }

    async fn rows(&self, set: &str, pairs: &[(&str, &str)]) -> Result<Vec<Value>> {
        let attempt = format!("read `{set}`");
        self.web_list(&attempt, &format!("{set}{}", query(pairs))).await
    }

    async fn users_rows(&self) -> Result<Vec<Value>> {
        let columns = "systemuserid,domainname,fullname,applicationid,isdisabled,azureactivedirectoryobjectid";
        let rows =
            self.rows("systemusers", &[("$select", columns), ("$orderby", "domainname")]).await?;
        Ok(rows)
    }

    async fn team_facts(&self) -> Result<Vec<TeamFacts>> {
        let columns = "teamid,name,teamtype,azureactivedirectoryobjectid";
        let rows = self.rows("teams", &[("$select", columns), ("$orderby", "name")]).await?;
        Ok(rows.iter().map(team).collect())
    }

    async fn connector_facts(&self) -> Result<Vec<ConnectorFacts>> {
        let connectors = self.connectors().await?;
        Ok(connectors
            .into_iter()
            .map(|one| ConnectorFacts {
                id: one.name.as_str().into(),
                api_name: one.name.as_str().into(),
                display_name: one.display_name,
                logical_name: None,
                custom: one.custom,
                service_principal: match one.service_principal.as_str() {
                    "Yes" => Capability::Yes,
                    "No" => Capability::No,
                    _ => Capability::Unknown,
                },
            })
            .collect())
    }

    async fn connection_facts(&self) -> Result<Vec<ConnectionFacts>> {
        let path = format!(
            "/providers/Microsoft.PowerApps/connections?api-version=2016-11-01&$filter={}",
            encode(&self.environment_filter())
        );
        let rows = self.control_list("list connections", &path).await?;
        Ok(rows.iter().map(connection).collect())
    }

    /// The solutions of references and flows by their ids.
    async fn memberships(&self) -> Option<HashMap<String, Vec<String>>> {
        let columns = "objectid,_solutionid_value";
        let rows = self.rows("solutioncomponents", &[("$select", columns)]).await.ok()?;
        let mut members: HashMap<String, Vec<String>> = HashMap::new();
        for row in &rows {
            let solution = text(row, "/_solutionid_value");
            members.entry(text(row, "/objectid").to_lowercase()).or_default().push(solution);
        }
        Some(members)
    }

    async fn reference_facts(
        &self,
        members: &HashMap<String, Vec<String>>,
    ) -> Result<Vec<ReferenceFacts>> {
        let columns = "connectionreferenceid,connectionreferencelogicalname,\
             connectionreferencedisplayname,description,connectorid,connectionid,_ownerid_value,ismanaged";
        let order = ("$orderby", "connectionreferencelogicalname");
        let rows = self.rows("connectionreferences", &[("$select", columns), order]).await?;
        Ok(rows
            .iter()
            .map(|row| {
                let id = text(row, "/connectionreferenceid");
                let bound = optional(row, "/connectionid").filter(|id| !id.is_empty());
                ReferenceFacts {
                    solutions: solutions_of(members, &id),
                    id: id.into(),
                    logical_name: text(row, "/connectionreferencelogicalname").into(),
                    display_name: text(row, "/connectionreferencedisplayname"),
                    description: optional(row, "/description"),
                    api_name: ApiName::from_connector_id(&text(row, "/connectorid")),
                    connection: bound.map(Into::into),
                    binding_version: 0,
                    bound_by: None,
                    bound_at: None,
                    owner: text(row, "/_ownerid_value").into(),
                    managed: flag(row, "/ismanaged"),
                }
            })
            .collect())
    }

    async fn flow_facts(&self, members: &HashMap<String, Vec<String>>) -> Result<Vec<FlowFacts>> {
        let columns = "workflowid,name,statecode,ismanaged,_ownerid_value,clientdata";
        let pairs =
            [("$select", columns), ("$filter", "category eq 5"), ("$orderby", "workflowid")];
        let rows = self.rows("workflows", &pairs).await?;
        Ok(rows.iter().map(|row| flow(row, members)).collect())
    }

    async fn variable_facts(&self) -> Result<Vec<VariableFacts>> {
        let columns = "environmentvariabledefinitionid,schemaname,displayname,type,defaultvalue,isrequired,ismanaged";
        let order = ("$orderby", "schemaname");
        let rows =
            self.rows("environmentvariabledefinitions", &[("$select", columns), order]).await?;
        let columns = "value,_environmentvariabledefinitionid_value,ismanaged";
        let mut values = self.rows("environmentvariablevalues", &[("$select", columns)]).await?;
        // The environment's own value wins over the one that a managed package brought.
        values.sort_by_key(|row| !flag(row, "/ismanaged"));
        let values: HashMap<String, String> = values
            .iter()
            .map(|row| (text(row, "/_environmentvariabledefinitionid_value"), text(row, "/value")))
            .collect();
        Ok(rows
            .iter()
            .map(|row| {
                let id = text(row, "/environmentvariabledefinitionid");
                VariableFacts {
                    value: values.get(&id).cloned(),
                    id: id.into(),
                    schema_name: text(row, "/schemaname").into(),
                    display_name: text(row, "/displayname"),
                    kind: row["type"].as_i64().unwrap_or_default(),
                    default_value: optional(row, "/defaultvalue"),
                    required: flag(row, "/isrequired"),
                    managed: flag(row, "/ismanaged"),
                }
            })
            .collect())
    }

    async fn solution_facts(&self) -> Result<Vec<SolutionFacts>> {
        let columns = "solutionid,uniquename,version,ismanaged";
        let publisher = "publisherid($select=uniquename,friendlyname,customizationprefix,customizationoptionvalueprefix)";
        let pairs = [("$select", columns), ("$expand", publisher), ("$orderby", "uniquename")];
        let rows = self.rows("solutions", &pairs).await?;
        Ok(rows.iter().map(solution).collect())
    }
}

fn solutions_of<T: From<String>>(members: &HashMap<String, Vec<String>>, id: &str) -> Vec<T> {
    let found = members.get(&id.to_lowercase()).into_iter().flatten();
    found.map(|solution| T::from(solution.clone())).collect()
}

/// The control plane names owners by their object ids in the directory, tables by their rows.
fn owners_known(connections: &mut [ConnectionFacts], people: &[Value]) {
    let rows: HashMap<String, String> = people
        .iter()
        .map(|row| (text(row, "/azureactivedirectoryobjectid"), text(row, "/systemuserid")))
        .filter(|(object, _)| !object.is_empty())
        .map(|(object, row)| (object.to_lowercase(), row))
        .collect();
    for connection in connections {
        if let Some(row) = rows.get(&connection.owner.as_str().to_lowercase()) {
            connection.owner = row.as_str().into();
        }
    }
}

fn principal(row: &Value) -> PrincipalFacts {
    let application_id = optional(row, "/applicationid").filter(|id| !id.is_empty());
    PrincipalFacts {
        id: text(row, "/systemuserid").into(),
        kind: match application_id {
            Some(_) => PrincipalKind::ServicePrincipal,
            None => PrincipalKind::User,
        },
        name: text(row, "/domainname"),
        display_name: text(row, "/fullname"),
        application_id,
        role: Role::default(),
        disabled: flag(row, "/isdisabled"),
        departed_at: None,
        counts_as: Vec::new(),
        manager: None,
        may_import: None,
    }
}

fn team(row: &Value) -> TeamFacts {
    TeamFacts {
        id: text(row, "/teamid").into(),
        kind: match row["teamtype"].as_i64() {
            Some(1) => TeamKind::Access,
            Some(2) => TeamKind::SecurityGroup,
            Some(3) => TeamKind::OfficeGroup,
            _ => TeamKind::Owner,
        },
        name: text(row, "/name"),
        group: optional(row, "/azureactivedirectoryobjectid").map(PrincipalId::from),
        members: None,
    }
}

/// A connection as the control plane tells it. Its parameters say whose credential it is only where
/// the connector has a single way to sign in, so a person is assumed: the careful guess.
fn connection(row: &Value) -> ConnectionFacts {
    let statuses = || row.pointer("/properties/statuses").and_then(Value::as_array);
    let broken = statuses().into_iter().flatten().find(|s| s["status"] == "Error");
    let parameters = row.pointer("/properties/connectionParametersSet/name");
    let set = parameters.and_then(Value::as_str).unwrap_or_default().to_lowercase();
    let kind = match optional(row, "/properties/connref/kind").as_deref() {
        Some("servicePrincipal") => ConnectionKind::ServicePrincipal,
        Some("sharedKey") => ConnectionKind::SharedKey,
        Some("none") => ConnectionKind::None,
        Some(_) => ConnectionKind::User,
        None if set.contains("serviceprincipal") || set.contains("clientcert") => {
            ConnectionKind::ServicePrincipal
        }
        None => ConnectionKind::User,
    };
    ConnectionFacts {
        id: text(row, "/name").into(),
        api_name: ApiName::new(last_segment(&text(row, "/properties/apiId"))),
        display_name: text(row, "/properties/displayName"),
        owner: text(row, "/properties/createdBy/id").into(),
        kind,
        status: match broken {
            Some(status) => ConnectionStatus::Error {
                code: text(status, "/error/code"),
                message: text(status, "/error/message"),
            },
            None => ConnectionStatus::Connected,
        },
        status_target: broken.and_then(|status| optional(status, "/target")),
        endpoint: None,
        account: optional(row, "/properties/accountName").filter(|name| !name.is_empty()),
        fingerprint: None,
        ends_at: None,
        shares: Vec::new(),
        created_at: moment(&text(row, "/properties/createdTime")),
        last_used_at: None,
    }
}

fn moment(text: &str) -> Micros {
    text.parse::<jiff::Timestamp>().map_or(0, jiff::Timestamp::as_microsecond)
}

fn flow(row: &Value, members: &HashMap<String, Vec<String>>) -> FlowFacts {
    let id = text(row, "/workflowid");
    // What is odd about a body is the checker's to say; what could be read of it counts.
    let (body, _) = flow_body_read(&text(row, "/clientdata"), "clientdata");
    let state = match row["statecode"].as_i64() {
        Some(1) => FlowState::On,
        Some(2) => FlowState::Suspended,
        _ => FlowState::Off,
    };
    FlowFacts {
        solutions: solutions_of(members, &id),
        id: id.into(),
        name: text(row, "/name"),
        state,
        wanted_on: state != FlowState::Off,
        owner: text(row, "/_ownerid_value").into(),
        activated_by: None,
        references: body.references,
        children: body.children,
        variables: body.variables.into_iter().map(|v| v.schema_name).collect(),
        trigger: body.trigger,
        schedule: body.schedule,
        operations: body.operations,
        why_off: None,
        managed: flag(row, "/ismanaged"),
        recent_runs: 0,
        last_run_at: None,
        acted: Vec::new(),
        uses: Vec::new(),
        co_owners: Vec::new(),
        run_only: Vec::new(),
    }
}

fn solution(row: &Value) -> SolutionFacts {
    let number = row.pointer("/publisherid/customizationoptionvalueprefix").and_then(Value::as_u64);
    SolutionFacts {
        id: text(row, "/solutionid").into(),
        unique_name: text(row, "/uniquename"),
        version: text(row, "/version"),
        managed: flag(row, "/ismanaged"),
        upgrade_of: None,
        components: Vec::new(),
        publisher: Publisher {
            unique_name: text(row, "/publisherid/uniquename"),
            display_name: text(row, "/publisherid/friendlyname"),
            prefix: text(row, "/publisherid/customizationprefix"),
            option_value_prefix: number.and_then(|n| u32::try_from(n).ok()).unwrap_or_default(),
        },
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::http::{StatusCode, Uri};
    use axum::response::{IntoResponse, Response};
    use serde_json::json;

    use super::*;
    use crate::transport::{InProcess, Shared};
    use crate::{Client, Place};

    /// An organisation that knows nothing of connref.
    async fn organisation(uri: Uri) -> Response {
        let rows = match uri.path() {
            "/api/data/v9.2/WhoAmI" => {
                return axum::Json(json!({"OrganizationId": "O1"})).into_response();
            }
            "/api/data/v9.2/systemusers" => json!([
                {"systemuserid": "U1", "domainname": "ann@contoso.test", "isdisabled": true,
                 "azureactivedirectoryobjectid": "OBJECT-1"},
                {"systemuserid": "U2", "domainname": "svc", "applicationid": "A1"},
            ]),
            "/providers/Microsoft.PowerApps/connections" => json!([
                {"name": "C9", "properties": {"apiId": "/providers/Microsoft.PowerApps/apis/shared_sql",
                 "createdBy": {"id": "object-1"}, "statuses": [{"status": "Connected"}]}},
            ]),
            "/api/data/v9.2/teams" => json!([{"teamid": "T1", "name": "Team", "teamtype": 1}]),
            "/api/data/v9.2/connectionreferences" => json!([
                {"connectionreferenceid": "R1", "connectionreferencelogicalname": "new_Sql", "_ownerid_value": "U1",
                 "connectorid": "/providers/Microsoft.PowerApps/apis/shared_sql", "connectionid": "C9"},
            ]),
            "/api/data/v9.2/workflows" => json!([
                {"workflowid": "F1", "name": "Sync", "statecode": 1, "_ownerid_value": "U1", "clientdata": CLIENT_DATA},
            ]),
            "/api/data/v9.2/environmentvariabledefinitions" => json!([
                {"environmentvariabledefinitionid": "V1", "schemaname": "new_Site", "type": 100_000_000},
            ]),
            "/api/data/v9.2/environmentvariablevalues" => json!([
                {"_environmentvariabledefinitionid_value": "V1", "value": "base", "ismanaged": true},
                {"_environmentvariabledefinitionid_value": "V1", "value": "own", "ismanaged": false},
            ]),
            "/api/data/v9.2/solutions" => {
                json!([{"solutionid": "S1", "uniquename": "Orders", "version": "1.0"}])
            }
            _ => return (StatusCode::NOT_FOUND, "{}").into_response(),
        };
        axum::Json(json!({ "value": rows })).into_response()
    }

    const CLIENT_DATA: &str = r#"{"properties":{"connectionReferences":{"shared_sql":{"connection":{"connectionReferenceLogicalName":"new_Sql"},"api":{"name":"shared_sql"}}},
        "definition":{"triggers":{"R":{"type":"Recurrence","recurrence":{"frequency":"Day","interval":2}}},"actions":{}}}}"#;

    #[tokio::test]
    async fn an_organisation_without_connref_is_read_from_its_tables() {
        let place = Place {
            environment: "https://contoso.example".into(),
            control: "https://contoso.example".into(),
            name: String::new(),
            extended: false,
        };
        let router = Router::new().fallback(organisation);
        let facts =
            Client::new(Shared::new(InProcess::new(router, ())), place).facts(7).await.unwrap();
        assert_eq!((facts.environment.name.as_str(), facts.taken_at), ("contoso.example", 7));
        assert!(facts.principals[0].disabled);
        assert_eq!(facts.principals[1].kind, PrincipalKind::ServicePrincipal);
        assert_eq!(facts.references[0].connection, Some("c9".into()));
        assert_eq!(facts.flows[0].references[0].logical_name, Some("new_Sql".into()));
        assert_eq!(facts.flows[0].schedule.map(|s| s.interval), Some(2));
        assert_eq!(facts.variables[0].value.as_deref(), Some("own"), "the own value wins");
        assert_eq!(facts.connections[0].owner, "u1".into(), "by its object id in the directory");
        // What no table told is not known.
        for area in [Area::Connections, Area::Kind, Area::Membership, Area::Runs, Area::Layers] {
            assert!(!facts.knows(area), "{area:?}");
        }
    }
}
