//! `connref connection-reference`, `connref ref`
mod matched;

use clap::{Args, Subcommand};
use connref_client::Client;
use connref_client::connection::Connection;
use connref_client::flow::Flow;
use connref_client::reference::{NewReference, Reference};
use connref_solution::artefact::bindings_lock::{bindings_lock_of, bindings_lock_write};
use serde_json::{Value, json};

use crate::context::Context;
use crate::exit::{Exit, Failure, Outcome};
use crate::pick::pick;
use crate::render::note;

// Verbs of connection references.
#[derive(Debug, Subcommand)]
pub(crate) enum ReferenceCommand {
    /// Make a connection reference
    Create(CreateArgs),
    /// List connection references, what they are bound to and which flows use them
    List(ListArgs),
    /// Show a connection reference
    Show {
        /// Logical name, id or unique prefix
        reference: String,
    },
    /// Bind a connection reference to a connection
    Bind {
        /// Logical name, id or unique prefix
        reference: String,
        /// Connection by name, id or unique prefix
        #[arg(
            long,
            visible_alias = "to",
            value_name = "CONNECTION",
            required_unless_present = "at"
        )]
        connection: Option<String>,
        /// Back to the connection of this version of the binding (see `ref history`)
        #[arg(long, value_name = "VERSION", conflicts_with = "connection")]
        at: Option<i64>,
        #[command(flatten)]
        tested: matched::Tested,
    },
    /// Take the binding of a connection reference away
    Unbind {
        /// Logical name, id or unique prefix
        reference: String,
    },
    /// Bind references that are not bound to the one connection that fits; several are a refusal
    Match(matched::MatchArgs),
    /// Bring recorded bindings back after an environment was copied or restored: ids may have changed
    Rebind(matched::RebindArgs),
    /// Record what is bound to what, for `audit report --lock` to hold later bindings against
    Lock {
        /// File to write; one that is there is replaced
        #[arg(short, long, value_name = "PATH", default_value = "bindings.lock.json")]
        file: std::path::PathBuf,
        /// Only the references of this solution (unique name)
        #[arg(long, value_name = "NAME")]
        solution: Option<String>,
    },
    /// Show every connection that a connection reference was bound to
    History {
        /// Logical name, id or unique prefix
        reference: String,
    },
    /// Delete a connection reference
    Delete {
        /// Logical name, id or unique prefix
        reference: String,
    },
}

/// Arguments of `ref create`.
#[derive(Args, Debug)]
pub(crate) struct CreateArgs {
    /// Logical name, with the publisher's prefix (contoso_orders)
    name: String,
    /// Connector (shared_sql)
    #[arg(long)]
    connector: String,
    /// Display name; else the logical name
    #[arg(long)]
    display_name: Option<String>,
    /// What it is for
    #[arg(long)]
    description: Option<String>,
    /// Unmanaged solution it goes into
    #[arg(long, value_name = "NAME")]
    solution: Option<String>,
    /// Bind it at once to this connection
    #[arg(long, value_name = "CONNECTION")]
    connection: Option<String>,
}

/// Arguments of `ref list`.
#[derive(Args, Debug)]
pub(crate) struct ListArgs {
    /// Only those that are not bound
    #[arg(long)]
    not_bound: bool,
}

impl ReferenceCommand {
    /// Runs the verb.
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        match self {
            Self::Create(args) => args.run(context).await,
            Self::List(args) => args.run(context).await,
            Self::Show { reference } => {
                let world = World::read(&context.client().await?).await?;
                let one = pick(world.references.clone(), &reference)?;
                context.output.one(&world.row(&one))?;
                Ok(Exit::Clean)
            }
            Self::Bind { reference, connection, at, tested } => {
                let client = context.client().await?;
                let one = pick(client.references().await?, &reference)?;
                let connection = match (connection, at) {
                    (Some(connection), _) => connection,
                    (None, at) => bound_at(&client, &one, at.unwrap_or_default()).await?,
                };
                bind(context, &client, &one, &connection, &tested).await
            }
            Self::Unbind { reference } => {
                let client = context.client().await?;
                let one = pick(client.references().await?, &reference)?;
                client.reference_bind(&one, None).await?;
                let item = json!({"name": one.logical_name, "id": one.id, "connectionId": null});
                let sentence =
                    format!("connection reference {} is not bound any more", one.logical_name);
                context.output.done(&sentence, &item)?;
                Ok(Exit::Clean)
            }
            Self::Match(args) => args.run(context).await,
            Self::Rebind(args) => args.run(context).await,
            Self::Lock { file, solution } => lock(context, &file, solution.as_deref()).await,
            Self::History { reference } => history(context, &reference).await,
            Self::Delete { reference } => {
                let client = context.client().await?;
                let one = pick(client.references().await?, &reference)?;
                client.reference_delete(&one).await?;
                let item = json!({"name": one.logical_name, "id": one.id});
                context
                    .output
                    .done(&format!("connection reference {} deleted", one.logical_name), &item)?;
                Ok(Exit::Clean)
            }
        }
    }
}

async fn lock(context: &Context, file: &std::path::Path, solution: Option<&str>) -> Outcome {
    let facts = crate::facts_file::facts(context, None).await?;
    let only = match solution {
        None => None,
        Some(name) => {
            let found = facts.solutions.iter().find(|s| s.unique_name.eq_ignore_ascii_case(name));
            Some(
                &found
                    .ok_or_else(|| Failure::missing(format!("there is no solution `{name}`")))?
                    .id,
            )
        }
    };
    let chosen = |r: &&connref_solution::model::facts::ReferenceFacts| {
        only.is_none_or(|id| r.solutions.contains(id))
    };
    let names: Vec<_> =
        facts.references.iter().filter(chosen).map(|r| r.logical_name.clone()).collect();
    let mut lock = bindings_lock_of(&facts, &names);
    if names.is_empty() {
        lock.bindings.clear();
    }
    let shown = file.display().to_string();
    if !context.globals.dry_run {
        std::fs::write(file, bindings_lock_write(&lock))
            .map_err(|error| Failure::from(error).context(format!("cannot write `{shown}`")))?;
    }
    let count = lock.bindings.len();
    let sentence = format!("{count} bindings of {} recorded in {shown}", lock.name);
    let item = json!({"environment": lock.name, "path": shown, "bindings": count});
    context.output.done(&sentence, &item)?;
    Ok(Exit::Clean)
}

impl CreateArgs {
    async fn run(self, context: &Context) -> Outcome {
        let client = context.client().await?;
        let connection = match &self.connection {
            Some(wanted) => {
                Some(connection_for(client.connections().await?, &self.connector, wanted)?)
            }
            None => None,
        };
        let new = NewReference {
            logical_name: &self.name,
            display_name: self.display_name.as_deref().unwrap_or(&self.name),
            description: self.description.as_deref(),
            connector: &self.connector,
            connection: connection.as_ref().map(|one| one.id.as_str()),
            solution: self.solution.as_deref(),
        };
        let id = client.reference_create(&new).await?;
        let Some(connection) = connection else {
            let item = json!({"name": self.name, "id": id, "connector": self.connector});
            context.output.done(&format!("connection reference {} created", self.name), &item)?;
            return Ok(Exit::Clean);
        };
        bound(context, &self.name, &id, &connection)
    }
}

/// The connection of an older version of a binding.
async fn bound_at(client: &Client, one: &Reference, version: i64) -> Result<String, Failure> {
    let name = &one.logical_name;
    let history = client.reference_history(name).await?;
    let Some(binding) = history.iter().find(|binding| binding.version == version) else {
        let known: Vec<String> = history.iter().map(|b| b.version.to_string()).collect();
        return Err(Failure::missing(format!(
            "connection reference `{name}` never had a binding of version {version}; versions: {}",
            known.join(", ")
        ))
        .fix(format!("connref ref history {name}")));
    };
    binding.connection.clone().ok_or_else(|| {
        Failure::refused(format!("in version {version} `{name}` was not bound"))
            .fix(format!("connref ref unbind {name}"))
    })
}

async fn bind(
    context: &Context,
    client: &Client,
    one: &Reference,
    wanted: &str,
    tested: &matched::Tested,
) -> Outcome {
    let connection = connection_for(client.connections().await?, &one.connector, wanted)?;
    match tested.seconds() {
        None => client.reference_bind(one, Some(&connection.id)).await?,
        Some(window) => {
            let binding = [(one.logical_name.clone(), connection.id.clone())];
            client.references_bind(&binding, Some(window)).await?;
        }
    }
    bound(context, &one.logical_name, &one.id, &connection)
}

fn bound(context: &Context, name: &str, id: &str, connection: &Connection) -> Outcome {
    let sentence = format!(
        "connection reference {name} bound to {} ({}), owned by {}",
        connection.display_name, connection.id, connection.owner
    );
    let item = json!({
        "name": name, "id": id,
        "connectionId": connection.id, "connection": connection.display_name,
        "owner": connection.owner,
    });
    context.output.done(&sentence, &item)?;
    Ok(Exit::Clean)
}

/// A name is looked for among the connections of the reference's connector first: names repeat
/// across connectors, and no other one can be bound.
fn connection_for(
    all: Vec<Connection>,
    connector: &str,
    wanted: &str,
) -> Result<Connection, Failure> {
    let same: Vec<_> =
        all.iter().filter(|one| one.connector.eq_ignore_ascii_case(connector)).cloned().collect();
    match pick(same, wanted) {
        Err(failure) if failure.is_missing() => pick(all, wanted),
        found => found,
    }
}

impl ListArgs {
    async fn run(self, context: &Context) -> Outcome {
        let world = World::read(&context.client().await?).await?;
        let all = world.references.len();
        let rows: Vec<_> = world
            .references
            .iter()
            .filter(|one| !self.not_bound || one.connection.is_none())
            .map(|one| world.row(one))
            .collect();
        const COLUMNS: &[(&str, &str)] = &[
            ("REFERENCE", "name"),
            ("CONNECTOR", "connector"),
            ("CONNECTION", "connection"),
            ("OWNER", "owner"),
            ("USED BY", "usedBy"),
            ("STATE", "state"),
        ];
        context.output.list(COLUMNS, &rows)?;
        let open = world.references.iter().find(|one| one.connection.is_none());
        if let Some(open) = open.filter(|_| context.output.is_table()) {
            let count = world.references.iter().filter(|one| one.connection.is_none()).count();
            note(&format!(
                "{count} of {all} not bound · bind: connref ref bind {} --connection ID",
                open.logical_name
            ));
        } else if all == 0 {
            note(
                "no connection references; they come with a solution: connref solution import --path ZIP",
            );
        }
        Ok(Exit::Clean)
    }
}

async fn history(context: &Context, wanted: &str) -> Outcome {
    let client = context.client().await?;
    let one = pick(client.references().await?, wanted)?;
    let bindings = client.reference_history(&one.logical_name).await?;
    let rows: Vec<_> = bindings
        .iter()
        .map(|binding| {
            json!({
                "version": binding.version,
                "boundOn": binding.bound_on,
                "boundBy": binding.bound_by,
                "source": binding.source,
                "connection": binding.connection_name,
                "connectionId": binding.connection,
                "owner": binding.owner,
                "state": if binding.connection.is_some() { "bound" } else { "not bound" },
            })
        })
        .collect();
    const COLUMNS: &[(&str, &str)] = &[
        ("VERSION", "version"),
        ("ON", "boundOn"),
        ("BY", "boundBy"),
        ("HOW", "source"),
        ("CONNECTION", "connection"),
        ("OWNER", "owner"),
        ("STATE", "state"),
    ];
    context.output.list(COLUMNS, &rows)?;
    Ok(Exit::Clean)
}

/// References with what they are bound to and who uses them.
struct World {
    references: Vec<Reference>,
    connections: Vec<Connection>,
    flows: Vec<Flow>,
}

impl World {
    async fn read(client: &Client) -> Result<Self, Failure> {
        Ok(Self {
            references: client.references().await?,
            connections: client.connections().await?,
            flows: client.flows().await?,
        })
    }

    fn row(&self, one: &Reference) -> Value {
        let bound = one.connection.as_deref();
        let connection = bound.and_then(|id| self.connections.iter().find(|c| c.id == id));
        let name = match (bound, connection) {
            (None, _) => None,
            (_, Some(connection)) => Some(connection.display_name.clone()),
            // Bound, yet not visible: never to be shown as if it were empty.
            (Some(_), None) => Some("(not shared with you)".to_owned()),
        };
        let uses = |flow: &&Flow| {
            flow.connections().iter().any(|entry| {
                let reference = entry.reference.as_deref();
                reference.is_some_and(|name| name.eq_ignore_ascii_case(&one.logical_name))
            })
        };
        let users: Vec<String> = self
            .flows
            .iter()
            .filter(uses)
            .map(|flow| format!("{} ({})", flow.name, flow.state))
            .collect();
        json!({
            "name": one.logical_name,
            "displayName": one.display_name,
            "description": one.description,
            "id": one.id,
            "connector": one.connector,
            "connection": name,
            "connectionId": one.connection,
            "owner": connection.map(|connection| connection.owner.as_str()),
            "managed": one.managed,
            "usedBy": users,
            "state": if bound.is_some() { "bound" } else { "not bound" },
        })
    }
}
