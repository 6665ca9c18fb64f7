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

use clap::{Args, Subcommand};

use self::connector::ConnectorCommand;
use self::solution::SolutionCommand;
use crate::context::Context;
use crate::exit::Outcome;
use crate::render::Format;

/// Nouns.
#[derive(Debug, Subcommand)]
// Each is made when it is called for, or every command would wait for all of them. What one does stands
// twice where it has arguments of its own: here for the list, there for its own help.
#[command(defer = true)]
pub(crate) enum Command {
    /// Sign in to a server, and stay signed in
    Auth(Verbs<auth::AuthCommand>),
    /// Environments: everything else lives in one
    Env(Verbs<env::EnvCommand>),
    /// Users and service principals
    User(Verbs<user::UserCommand>),
    /// Teams: rows are shared with them, most own rows and hold roles
    Team(Verbs<team::TeamCommand>),
    /// Security roles: what may be done, and how far it reaches
    Role(Verbs<role::RoleCommand>),
    /// Policies of the tenant: which connectors may meet, how references may be bound
    Policy(Verbs<policy::PolicyCommand>),
    /// Groups of the tenant, whose members teams and shares follow
    Group(Verbs<group::GroupCommand>),
    /// Connectors, built-in and custom
    Connector(Verbs<ConnectorCommand>),
    /// Connections: a connector, a credential and an owner
    Connection(Verbs<connection::ConnectionCommand>),
    /// Connection references: what flows use, bound to a connection in each environment
    #[command(visible_alias = "ref")]
    ConnectionReference(Verbs<reference::ReferenceCommand>),
    /// Solutions: check, compare, migrate, import, export
    Solution(Verbs<SolutionCommand>),
    /// Jobs: imports and what goes on while nobody waits
    Job(Verbs<job::JobCommand>),
    /// Layers: what solutions brought of a component, and what was changed here on top
    Layer(Verbs<layer::LayerCommand>),
    /// Deployment settings files: make, check, bring up to date
    Settings(Verbs<settings::SettingsCommand>),
    /// Cloud flows: turn on and off, run, and ask why not
    Flow(Verbs<flow::FlowCommand>),
    /// Runs of flows, and who acted in them
    Run(Verbs<run::RunCommand>),
    /// Environment variables
    Variable(Verbs<variable::VariableCommand>),
    /// What will break, who did what, and whether the log is whole
    Audit(Verbs<audit::AuditCommand>),
    /// The facts of an environment as a file, to audit and plan without it
    Facts(Verbs<facts::FactsCommand>),
    /// Pipelines: stages with a delegate each, approvals, the record, roll back
    Pipeline(Verbs<pipeline::PipelineCommand>),
    /// Rollouts: one package to the environments of many customers
    Rollout(Verbs<rollout::RolloutCommand>),
    /// The key that protects credentials: see it, make a new version, move it to another provider
    Key(Verbs<key::KeyCommand>),
    /// Serve the API to other programs
    Server(Verbs<server::ServerCommand>),
    /// Play the whole story on this machine alone: deploy, bind, run, lose an owner, repair
    Demo(demo::DemoArgs),
    /// Explain a code of a finding or a refusal
    Explain(explain::ExplainArgs),
    /// Completions for a shell
    Completion(completion::CompletionArgs),
}

// The verbs of a noun, which are made when the noun is called for. Neither this nor their list has a doc
// comment: it would take the place of what stands at the noun.
#[derive(Args, Debug)]
pub(crate) struct Verbs<C: Subcommand> {
    #[command(subcommand)]
    verb: C,
}

impl Command {
    /// A noun with one verb alone, of the verbs that read files and are done.
    pub(crate) fn branch(noun: &str, verb: &str) -> Option<clap::Command> {
        let noun = (noun == "solution").then(|| clap::Command::new("solution"))?;
        Some(noun.subcommand(SolutionCommand::alone(verb)?))
    }

    /// Whether it can write a result in a format that only reports have.
    pub(crate) fn writes(&self, format: Format) -> bool {
        match self {
            Self::Solution(noun) => match noun.verb {
                SolutionCommand::Check(_) | SolutionCommand::Verify(_) => true,
                SolutionCommand::Runbook(_) => matches!(format, Format::Html),
                _ => false,
            },
            Self::Connector(noun) => matches!(noun.verb, ConnectorCommand::Validate(_)),
            Self::Audit(noun) => noun.verb.writes(),
            _ => false,
        }
    }

    /// Whether it works on files alone and waits for nobody.
    pub(crate) fn is_offline(&self) -> bool {
        match self {
            Self::Solution(noun) => noun.verb.is_offline(),
            Self::Settings(_) | Self::Explain(_) | Self::Completion(_) => true,
            _ => false,
        }
    }

    /// Runs it.
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        match self {
            Self::Auth(noun) => noun.verb.run(context).await,
            Self::Env(noun) => noun.verb.run(context).await,
            Self::User(noun) => noun.verb.run(context).await,
            Self::Team(noun) => noun.verb.run(context).await,
            Self::Role(noun) => noun.verb.run(context).await,
            Self::Group(noun) => noun.verb.run(context).await,
            Self::Policy(noun) => noun.verb.run(context).await,
            Self::Connector(noun) => noun.verb.run(context).await,
            Self::Connection(noun) => noun.verb.run(context).await,
            Self::ConnectionReference(noun) => noun.verb.run(context).await,
            Self::Solution(noun) => noun.verb.run(context).await,
            Self::Job(noun) => noun.verb.run(context).await,
            Self::Layer(noun) => noun.verb.run(context).await,
            Self::Settings(noun) => noun.verb.run(context),
            Self::Flow(noun) => noun.verb.run(context).await,
            Self::Run(noun) => noun.verb.run(context).await,
            Self::Variable(noun) => noun.verb.run(context).await,
            Self::Audit(noun) => noun.verb.run(context).await,
            Self::Facts(noun) => noun.verb.run(context).await,
            Self::Pipeline(noun) => noun.verb.run(context).await,
            Self::Rollout(noun) => noun.verb.run(context).await,
            Self::Key(noun) => noun.verb.run(context).await,
            Self::Server(noun) => noun.verb.run(context).await,
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
