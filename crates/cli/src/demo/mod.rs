//! `connref demo`: the whole story on this machine alone, in one command.
//!
//! Every step is a call of the API through the same client that the commands use. What the demo
//! prints as proof of identity is the targets' own record.
mod arrival;
mod arrive;
mod bind;
mod cast;
mod depart;
mod example;
mod home;
mod installation;
mod prepare;
mod run;
mod story;
mod target;

use std::path::PathBuf;
use std::sync::Arc;

use connref_client::Client;
use connref_client::connection::Connection;
use connref_client::flow::Flow;
use connref_solution::model::Package;
use connref_store::source::{Ids, SystemIds};

use arrival::Mark;
use cast::Stage;
use installation::Installation;
use target::{Account, Database, Targets};

use crate::exit::{Exit, Failure};
use crate::pick::pick;

pub(crate) use home::Home;
pub(crate) use story::Story;

/// How the demo is played.
#[derive(Debug, Default)]
pub(crate) struct Options {
    /// Folder it lives in; must be empty. Else `$CONNREF_HOME`, else a temporary one.
    pub(crate) home: Option<PathBuf>,
    /// Whether it is told on standard output as it goes.
    pub(crate) told: bool,
}

/// The demo after its end. The targets run, and a temporary home is there, until this is dropped.
pub(crate) struct Ended {
    /// What happened.
    pub(crate) story: Story,
    /// Where it happened.
    pub(crate) home: Home,
    _targets: Targets,
}

/// Plays the demo. A step that fails is an error; a step that works and shows something else than
/// expected is in the story.
pub(crate) async fn run(options: &Options) -> Result<Ended, Failure> {
    let mut demo = Demo::start(options).await?;
    demo.prepare().await?;
    demo.arrive().await?;
    demo.bind().await?;
    demo.act().await?;
    demo.depart().await?;
    demo.verify().await?;
    // The installation ends here, so that a server may open it.
    let Demo { story, home, targets, .. } = demo;
    Ok(Ended { story, home, _targets: targets })
}

/// Everything that chapters share.
struct Demo {
    story: Story,
    home: Home,
    installation: Installation,
    targets: Targets,
    ids: Arc<dyn Ids>,
    clients: Vec<Account>,
    mailboxes: Vec<Account>,
    databases: Vec<Database>,
    mark: Mark,
    zip: Vec<u8>,
    package: Package,
}

impl Demo {
    async fn start(options: &Options) -> Result<Self, Failure> {
        let ids: Arc<dyn Ids> = Arc::new(SystemIds::default());
        let home = Home::take(options.home.as_deref())?;
        let accounts = |name: fn(&Stage) -> &'static str| -> Vec<Account> {
            cast::STAGES.iter().map(|stage| cast::account(name(stage), &*ids)).collect()
        };
        let clients = accounts(|stage| stage.service);
        let mailboxes = accounts(|stage| stage.mailbox);
        let targets =
            Targets::start(home.data(), clients.clone(), mailboxes.clone(), Arc::clone(&ids))
                .await?;
        let databases = cast::STAGES
            .iter()
            .map(|stage| Database::create(&targets.folder, stage.database))
            .collect::<Result<_, _>>()?;
        let archive = example::archive()?;
        let unreadable = |error: anyhow::Error| {
            Failure::new(Exit::Usage, error).context("cannot read the example solution")
        };
        let zip = archive.to_zip().map_err(|error| unreadable(error.into()))?;
        let package =
            connref_solution::package_read(&archive).map_err(|error| unreadable(error.into()))?;
        let installation = Installation::open(&home, Arc::clone(&ids)).await?;
        let story = Story::new(options.told);
        Ok(Self {
            story,
            home,
            installation,
            targets,
            ids,
            clients,
            mailboxes,
            databases,
            mark: Mark::default(),
            zip,
            package,
        })
    }

    /// A client that acts as bob, who deploys.
    fn bob(&self, stage: &Stage) -> Client {
        self.installation.client(stage.name, Some(cast::BOB))
    }

    /// A client that acts as the administrator of this machine.
    fn operator(&self, stage: &Stage) -> Client {
        self.installation.client(stage.name, None)
    }
}

/// The flow of this name.
async fn flow(client: &Client, name: &str) -> Result<Flow, Failure> {
    pick(client.flows().await?, name)
}

/// The connection of this name.
async fn connection(client: &Client, name: &str) -> Result<Connection, Failure> {
    pick(client.connections().await?, name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The words of a line as a shell takes them; single quotes are all the demo uses.
    fn words(line: &str) -> Vec<String> {
        let mut words = vec![String::new()];
        let mut quoted = false;
        for letter in line.chars() {
            match letter {
                '\'' => quoted = !quoted,
                ' ' if !quoted => words.push(String::new()),
                _ => words.last_mut().unwrap().push(letter),
            }
        }
        words
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_whole_story_holds() {
        let folder = tempfile::tempdir().unwrap();
        let options = Options { home: Some(folder.path().to_owned()), told: false };
        let ended = run(&options).await.unwrap();
        assert!(ended.story.held(), "{:#}", ended.story.to_json());
        let document = ended.story.to_json();
        for command in document["commands"].as_array().unwrap() {
            let line = command.as_str().unwrap();
            let parsed = <crate::cli::Cli as clap::Parser>::try_parse_from(words(line));
            assert!(parsed.is_ok(), "{line}\n{}", parsed.unwrap_err());
        }
        assert_eq!(document["solution"]["flows"].as_array().unwrap().len(), 2);
        assert_eq!(document["arrived"].as_array().unwrap().len(), 8);
        assert_eq!(document["runWithoutOwner"]["status"], "Failed");
        assert_eq!(document["runAfterReassign"]["status"], "Succeeded");
    }
}
