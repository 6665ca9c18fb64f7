//! One environment of a rollout: plan, import, and look what came of it. Every step can be repeated:
//! what is in already is found to be so.
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use connref_client::solution::{Import, Plan};
use connref_client::{Client, ClientError};
use connref_solution::artefact::rollout_yaml::{Access, Rollout, Target, TokenPlace};
use connref_solution::model::{DeploymentSettings, Package};
use connref_store::source::{Clock, Ids, SystemClock, SystemIds};

use super::journal::{Entry, State};
use crate::command::solution::{BUSY, activate};
use crate::context::remote_client;
use crate::deployment_result::{DeploymentResult, Kind};
use crate::exit::Failure;
use crate::package;
use crate::secret;

/// What all environments get.
pub(crate) struct Release {
    /// The zip.
    pub(crate) file: Vec<u8>,
    /// What is in it.
    pub(crate) package: Package,
    /// The rollout file.
    pub(crate) rollout: Rollout,
    /// How long to wait while another import runs.
    pub(crate) wait: Duration,
    /// Only foreseen; nothing is written.
    pub(crate) plan_only: bool,
    /// Certificates of authorities that servers are trusted by, beside the usual ones.
    pub(crate) roots: Vec<Vec<u8>>,
}

/// One environment with what belongs to it alone.
pub(crate) struct Place {
    /// Which.
    pub(crate) target: Target,
    /// Its settings.
    settings: Option<DeploymentSettings>,
    reached: Reached,
}

enum Reached {
    Client(Box<Client>),
    Server { url: String, token: secrecy::SecretString },
}

impl Place {
    /// Reads settings and token; what is wrong with either is told before anything begins.
    pub(crate) fn new(
        folder: &Path,
        target: &Target,
        package: &Package,
        local: Option<Client>,
    ) -> Result<Self, Failure> {
        let about = format!("{} of {}", target.environment, target.customer);
        let beside = |path: &str| -> PathBuf { folder.join(path) };
        let settings = target.settings.as_deref().map(|path| {
            package::settings(&beside(path), package).map_err(|f| f.context(about.clone()))
        });
        let reached = match (&target.access, local) {
            (Access::Server { url, token }, _) => {
                let token = match token {
                    TokenPlace::File(path) => secret::from_file(&beside(path)),
                    TokenPlace::Variable(name) => secret::from_variable(name),
                };
                let token = token.map_err(|failure| failure.context(about.clone()))?;
                Reached::Server { url: url.clone(), token }
            }
            (_, Some(client)) => Reached::Client(Box::new(client)),
            (_, None) => return Err(Failure::usage(format!("{about} cannot be reached"))),
        };
        Ok(Self { target: target.clone(), settings: settings.transpose()?, reached })
    }

    /// Deals with it, to the end.
    pub(crate) async fn deal(&self, release: &Release) -> Entry {
        match self.try_deal(release).await {
            Ok(entry) => entry,
            // The words of a customer's server may name its people and connections: only codes are
            // kept of what it refuses.
            Err(failure) => {
                Entry { state: State::Failed, result: None, why: Some(failure.public_reason()) }
            }
        }
    }

    async fn try_deal(&self, release: &Release) -> Result<Entry, Failure> {
        let client = match &self.reached {
            Reached::Client(client) => Client::clone(client),
            Reached::Server { url, token } => {
                remote_client(url, Some(token), &release.roots).await?
            }
        };
        let before = self.plan(&client, release).await?;
        let foreseen = DeploymentResult::of(&before, Kind::Plan, now());
        if !foreseen.refusals.is_empty() {
            return Ok(entry(State::Refused, foreseen));
        }
        let here = before.nothing_to_do && !self.could_bind(&foreseen);
        if !here {
            if release.rollout.hold && !foreseen.is_bound() {
                return Ok(entry(State::Held, foreseen));
            }
            if release.plan_only {
                return Ok(entry(State::Ready, foreseen));
            }
            self.import(&client, release).await?;
        }
        if release.rollout.activate && !release.plan_only {
            activate(&client, &release.package).await?;
        }
        let after = self.plan(&client, release).await?;
        let found = DeploymentResult::of(&after, Kind::Verify, now());
        Ok(entry(State::of(&found), found))
    }

    /// Whether the settings bind what is not bound although the version is there.
    fn could_bind(&self, result: &DeploymentResult) -> bool {
        let open = result.references.iter().filter(|(_, state)| state != "bound");
        let settings = self.settings.iter().flat_map(|settings| &settings.references);
        let bound: Vec<_> = settings.filter(|one| !one.connection_id.is_empty()).collect();
        open.into_iter().any(|(name, _)| {
            bound.iter().any(|one| one.logical_name.as_str().eq_ignore_ascii_case(name))
        })
    }

    fn asked<'a>(&'a self, release: &'a Release, job_id: &'a str) -> Import<'a> {
        Import {
            file: &release.file,
            job_id,
            settings: self.settings.as_ref(),
            publish_workflows: true,
            overwrite: false,
            convert_to_managed: false,
            holding: false,
            skip_dependencies: false,
            upgrade: release.rollout.upgrade,
            allow_older: false,
        }
    }

    async fn plan(&self, client: &Client, release: &Release) -> Result<Plan, Failure> {
        let plan = client.solution_plan(&self.asked(release, ""), true).await?;
        // Unknown never reads as fine.
        if plan.references.len() != release.package.references.len() {
            return Err(Failure::refused("the server does not tell how references stand"));
        }
        Ok(plan)
    }

    async fn import(&self, client: &Client, release: &Release) -> Result<(), Failure> {
        let begun = Instant::now();
        let job_id = SystemIds::default().guid(SystemClock.now());
        let import = self.asked(release, &job_id);
        loop {
            match client.solution_import(&import).await {
                Err(error) if is_busy(&error) && begun.elapsed() < release.wait => {
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
                done => return Ok(done?),
            }
        }
    }
}

fn is_busy(error: &ClientError) -> bool {
    error.code() == Some(BUSY)
}

fn entry(state: State, result: DeploymentResult) -> Entry {
    Entry { state, result: Some(result), why: None }
}

fn now() -> String {
    jiff::Timestamp::now().to_string()
}

/// Deals with places, some at a time; each is handed over as soon as it has ended.
pub(crate) async fn deal_with(
    places: Vec<Place>,
    release: &Arc<Release>,
    parallel: usize,
    mut ended: impl FnMut(&Target, Entry) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut waiting = places.into_iter();
    let mut running = tokio::task::JoinSet::new();
    loop {
        while running.len() < parallel {
            let Some(place) = waiting.next() else { break };
            let release = Arc::clone(release);
            running.spawn(async move {
                let entry = place.deal(&release).await;
                (place.target, entry)
            });
        }
        match running.join_next().await {
            None => return Ok(()),
            Some(Ok((target, entry))) => ended(&target, entry)?,
            Some(Err(error)) => return Err(Failure::new(crate::exit::Exit::Network, error)),
        }
    }
}
