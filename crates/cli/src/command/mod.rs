//! One file per noun: its arguments, whose doc comments are the help, and what it does.
mod audit;
mod auth;
mod completion;
pub(crate) mod connection;
mod connector;
mod demo;
mod env;
mod explain;
mod facts;
mod flow;
mod group;
mod job;
mod key;
mod layer;
mod pipeline;
mod policy;
mod reference;
mod role;
mod rollout;
mod run;
mod server;
mod settings;
mod solution;
mod team;
mod user;
mod variable;

use clap::Subcommand;

use crate::context::Context;
use crate::exit::Outcome;
use crate::render::Format;

/// Nouns.
#[derive(Debug, Subcommand)]
// Each verb is made when it is called for, or every command would wait for all of them. What a verb does
// stands twice where it has arguments of its own: here for the list, there for its own help.
#[command(defer = true)]
pub(crate) enum Command {
    /// Sign in to a server, and stay signed in
    #[command(subcommand)]
    Auth(auth::AuthCommand),
    /// Environments: everything else lives in one
    #[command(subcommand)]
    Env(env::EnvCommand),
    /// Users and service principals
    #[command(subcommand)]
    User(user::UserCommand),
    /// Teams: rows are shared with them, most own rows and hold roles
    #[command(subcommand)]
    Team(team::TeamCommand),
    /// Security roles: what may be done, and how far it reaches
    #[command(subcommand)]
    Role(role::RoleCommand),
    /// Policies of the tenant: which connectors may meet, how references may be bound
    #[command(subcommand)]
    Policy(policy::PolicyCommand),
    /// Groups of the tenant, whose members teams and shares follow
    #[command(subcommand)]
    Group(group::GroupCommand),
    /// Connectors, built-in and custom
    #[command(subcommand)]
    Connector(connector::ConnectorCommand),
    /// Connections: a connector, a credential and an owner
    #[command(subcommand)]
    Connection(connection::ConnectionCommand),
    /// Connection references: what flows use, bound to a connection in each environment
    #[command(subcommand, visible_alias = "ref")]
    ConnectionReference(reference::ReferenceCommand),
    /// Solutions: check, compare, migrate, import, export
    #[command(subcommand)]
    Solution(solution::SolutionCommand),
    /// Jobs: imports and what goes on while nobody waits
    #[command(subcommand)]
    Job(job::JobCommand),
    /// Layers: what solutions brought of a component, and what was changed here on top
    #[command(subcommand)]
    Layer(layer::LayerCommand),
    /// Deployment settings files: make, check, bring up to date
    #[command(subcommand)]
    Settings(settings::SettingsCommand),
    /// Cloud flows: turn on and off, run, and ask why not
    #[command(subcommand)]
    Flow(flow::FlowCommand),
    /// Runs of flows, and who acted in them
    #[command(subcommand)]
    Run(run::RunCommand),
    /// Environment variables
    #[command(subcommand)]
    Variable(variable::VariableCommand),
    /// What will break, who did what, and whether the log is whole
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// The facts of an environment as a file, to audit and plan without it
    #[command(subcommand)]
    Facts(facts::FactsCommand),
    /// Pipelines: stages with a delegate each, approvals, the record, roll back
    #[command(subcommand)]
    Pipeline(pipeline::PipelineCommand),
    /// Rollouts: one package to the environments of many customers
    #[command(subcommand)]
    Rollout(rollout::RolloutCommand),
    /// The key that protects credentials: see it, make a new version, move it to another provider
    #[command(subcommand)]
    Key(key::KeyCommand),
    /// Serve the API to other programs
    #[command(subcommand)]
    Server(server::ServerCommand),
    /// Play the whole story on this machine alone: deploy, bind, run, lose an owner, repair
    Demo(demo::DemoArgs),
    /// Explain a code of a finding or a refusal
    Explain(explain::ExplainArgs),
    /// Completions for a shell
    Completion(completion::CompletionArgs),
}

impl Command {
    /// Whether it can write a result in a format that only reports have.
    pub(crate) fn writes(&self, format: Format) -> bool {
        match self {
            Self::Solution(
                solution::SolutionCommand::Check(_) | solution::SolutionCommand::Verify(_),
            )
            | Self::Connector(connector::ConnectorCommand::Validate(_)) => true,
            Self::Audit(command) => command.writes(),
            Self::Solution(solution::SolutionCommand::Runbook(_)) => {
                matches!(format, Format::Html)
            }
            _ => false,
        }
    }

    /// Whether it works on files alone and waits for nobody.
    pub(crate) fn is_offline(&self) -> bool {
        match self {
            Self::Solution(command) => command.is_offline(),
            Self::Settings(_) | Self::Explain(_) | Self::Completion(_) => true,
            _ => false,
        }
    }

    /// Runs it.
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        match self {
            Self::Auth(command) => command.run(context).await,
            Self::Env(command) => command.run(context).await,
            Self::User(command) => command.run(context).await,
            Self::Team(command) => command.run(context).await,
            Self::Role(command) => command.run(context).await,
            Self::Group(command) => command.run(context).await,
            Self::Policy(command) => command.run(context).await,
            Self::Connector(command) => command.run(context).await,
            Self::Connection(command) => command.run(context).await,
            Self::ConnectionReference(command) => command.run(context).await,
            Self::Solution(command) => command.run(context).await,
            Self::Job(command) => command.run(context).await,
            Self::Layer(command) => command.run(context).await,
            Self::Settings(command) => command.run(context),
            Self::Flow(command) => command.run(context).await,
            Self::Run(command) => command.run(context).await,
            Self::Variable(command) => command.run(context).await,
            Self::Audit(command) => command.run(context).await,
            Self::Facts(command) => command.run(context).await,
            Self::Pipeline(command) => command.run(context).await,
            Self::Rollout(command) => command.run(context).await,
            Self::Key(command) => command.run(context).await,
            Self::Server(command) => command.run(context).await,
            Self::Demo(args) => args.run(context).await,
            Self::Explain(args) => args.run(context),
            Self::Completion(args) => args.run(context),
        }
    }
}

/// The largest text file that is read: a flow body is at most 1 GiB in Dataverse, real ones and
/// definitions stay far below this.
const TEXT_MAX: u64 = 64 << 20;

/// Reads a text file without its byte order mark.
pub(crate) fn read_text(
    path: &std::path::Path,
    what: &str,
) -> Result<String, crate::exit::Failure> {
    use std::io::Read;
    let fail = |error: std::io::Error| {
        crate::exit::Failure::from(error)
            .context(format!("cannot read {what} `{}`", path.display()))
    };
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(fail)?;
    let size = file.take(TEXT_MAX + 1).read_to_string(&mut text).map_err(fail)?;
    if size as u64 > TEXT_MAX {
        return Err(crate::exit::Failure::usage(format!(
            "`{}` is larger than {} MiB",
            path.display(),
            TEXT_MAX >> 20
        )));
    }
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}
