//! `connref rollout`
mod deploy;
mod journal;
mod matrix;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Subcommand};
use connref_solution::artefact::rollout_yaml::{Access, Rollout, Target, rollout_read};
use serde_json::json;

use self::deploy::{Place, Release, deal_with};
use self::journal::{Entry, Journal, State};
use self::matrix::Matrix;
use super::read_text;
use crate::context::Context;
use crate::deployment_result::{DeploymentResult, PREDICATE};
use crate::exit::{Exit, Failure, Outcome};
use crate::package;
use crate::render::note;
use crate::statement::{self, Envelope, digest};

// Verbs of rollouts.
#[derive(Debug, Subcommand)]
pub(crate) enum RolloutCommand {
    /// Tell for every customer what the package would find: bound, missing, broken; nothing is written
    Plan(ManyArgs),
    /// Deploy wave by wave; the same command goes on where an earlier one ended
    Run(ManyArgs),
    /// Show the matrix as it was recorded last; asks nobody
    Show(FileArgs),
    /// Take over results that customers signed, from those one has no access to
    Add(AddArgs),
}

/// Which rollout, and which part of it.
#[derive(Args, Debug)]
pub(crate) struct FileArgs {
    /// Rollout file (YAML)
    file: PathBuf,
    /// Only this customer
    #[arg(long, value_name = "NAME")]
    customer: Option<String>,
    /// Only this wave
    #[arg(long, value_name = "NAME")]
    wave: Option<String>,
}

/// Arguments of `rollout plan` and `rollout run`.
#[derive(Args, Debug)]
pub(crate) struct ManyArgs {
    #[command(flatten)]
    which: FileArgs,
    /// Environments dealt with at the same time
    #[arg(long, value_name = "COUNT", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=64))]
    parallel: u8,
    /// Wait while another import runs in an environment, this long at most
    #[arg(long, value_name = "MINUTES", default_value_t = 10)]
    wait: u64,
}

/// Arguments of `rollout add`.
#[derive(Args, Debug)]
pub(crate) struct AddArgs {
    /// Rollout file (YAML)
    file: PathBuf,
    /// Signed results (`connref solution plan --sign`)
    #[arg(required = true, value_name = "RESULT")]
    results: Vec<PathBuf>,
}

impl RolloutCommand {
    /// Runs the verb.
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        if context.is_remote() {
            return Err(Failure::usage(
                "a rollout takes addresses from its file; leave --environment away",
            ));
        }
        match self {
            Self::Plan(args) => args.run(context, true).await,
            Self::Run(args) => args.run(context, context.globals.dry_run).await,
            Self::Show(args) => args.show(context),
            Self::Add(args) => args.run(context),
        }
    }
}

/// A rollout file with its package.
struct Loaded {
    folder: PathBuf,
    record: PathBuf,
    file: Vec<u8>,
    package: connref_solution::model::Package,
    rollout: Rollout,
}

fn load(path: &Path) -> Result<Loaded, Failure> {
    let text = read_text(path, "the rollout")?;
    let rollout = rollout_read(&text).map_err(|error| {
        Failure::new(Exit::Usage, error).context(format!("cannot use `{}`", path.display()))
    })?;
    let folder = path.parent().unwrap_or(Path::new("")).to_owned();
    let solution = package::read(&folder.join(&rollout.package))?;
    let file = solution.zip()?;
    let record = Journal::beside(path);
    Ok(Loaded { folder, record, file, package: solution.package, rollout })
}

impl Loaded {
    fn references(&self) -> Vec<String> {
        self.package.references.iter().map(|one| one.logical_name.to_string()).collect()
    }
}

impl FileArgs {
    /// Refuses a customer or wave that is not there: a slip would read as "all done".
    fn check(&self, rollout: &Rollout) -> Result<(), Failure> {
        let same = |one: &str, wanted: &str| one.eq_ignore_ascii_case(wanted);
        if let Some(name) = &self.customer
            && !rollout.targets.iter().any(|target| same(&target.customer, name))
        {
            return Err(Failure::missing(format!("the rollout has no customer `{name}`")));
        }
        if let Some(name) = &self.wave
            && !rollout.waves.iter().any(|wave| same(wave, name))
        {
            let waves = rollout.waves.join(", ");
            return Err(Failure::missing(format!(
                "the rollout has no wave `{name}`; it has {waves}"
            )));
        }
        Ok(())
    }

    fn chosen(&self, rollout: &Rollout, target: &Target) -> bool {
        let fits = |wanted: &Option<String>, name: &str| {
            wanted.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(name))
        };
        fits(&self.customer, &target.customer) && fits(&self.wave, &rollout.waves[target.wave])
    }

    fn show(self, context: &Context) -> Outcome {
        let loaded = load(&self.file)?;
        self.check(&loaded.rollout)?;
        let journal = Journal::read(&loaded.record, &digest(&loaded.file))?;
        let shown = loaded.rollout.targets.iter().filter(|one| self.chosen(&loaded.rollout, one));
        Matrix::new(&loaded.rollout, shown, &journal, loaded.references()).print(context)?;
        Ok(Exit::Clean)
    }
}

/// How many environments of earlier waves nobody has dealt with, of those that can be reached: a wave
/// that is asked for by name does not overtake the one before.
fn before(rollout: &Rollout, wave: usize, journal: &Journal) -> usize {
    let earlier = rollout.targets.iter().filter(|target| target.wave < wave);
    let reached = earlier.filter(|target| !matches!(target.access, Access::Kit { .. }));
    reached
        .filter(|one| journal.entry(&one.customer, &one.environment).state == State::Waiting)
        .count()
}

impl ManyArgs {
    async fn run(self, context: &Context, plan_only: bool) -> Outcome {
        let loaded = load(&self.which.file)?;
        self.which.check(&loaded.rollout)?;
        let (references, sum) = (loaded.references(), digest(&loaded.file));
        let mut journal = match plan_only {
            true => Journal::read(&loaded.record, &sum)?,
            false => Journal::open(&loaded.record, &sum)?,
        };
        let release = Arc::new(Release {
            file: loaded.file,
            package: loaded.package,
            rollout: loaded.rollout,
            wait: Duration::from_secs(self.wait.saturating_mul(60)),
            plan_only,
            roots: context.globals.server.roots()?,
        });
        let waves = self.places(context, &loaded.folder, &release, &journal).await?;
        let mut stopped = None;
        for (wave, places) in waves.into_iter().enumerate() {
            let (name, count) = (&release.rollout.waves[wave], places.len());
            if count > 0 {
                let open = before(&release.rollout, wave, &journal);
                if open > 0 && !plan_only {
                    let what = "environments of earlier waves were not dealt with yet";
                    stopped = Some(format!("{open} {what}; wave {name} does not begin"));
                    break;
                }
                note(&format!("wave {name}: {count} environments"));
            }
            deal_with(places, &release, usize::from(self.parallel), |target, entry| {
                journal.record(&target.customer, &target.environment, entry)
            })
            .await?;
            let of_wave = release.rollout.targets.iter().filter(|one| one.wave == wave);
            let failed = of_wave
                .filter(|one| journal.entry(&one.customer, &one.environment).state.is_failure())
                .count();
            if failed > release.rollout.max_failed && !plan_only {
                stopped = Some(format!("{failed} failed in wave {name}; no later wave begins"));
                break;
            }
        }
        let rollout = &release.rollout;
        let shown = rollout.targets.iter().filter(|one| self.which.chosen(rollout, one));
        let matrix = Matrix::new(rollout, shown, &journal, references);
        matrix.print(context)?;
        if let Some(why) = &stopped {
            note(why);
        }
        Ok(match (matrix.is_whole(), plan_only) {
            (true, _) => Exit::Clean,
            (false, true) => Exit::Findings,
            (false, false) => Exit::Partial,
        })
    }

    /// What is to be dealt with, wave by wave. What is deployed and bound is left alone; what was
    /// incomplete is looked at again, as its customer may have bound something since.
    async fn places(
        &self,
        context: &Context,
        folder: &Path,
        release: &Release,
        journal: &Journal,
    ) -> Result<Vec<Vec<Place>>, Failure> {
        let rollout = &release.rollout;
        let mut waves: Vec<Vec<Place>> = rollout.waves.iter().map(|_| Vec::new()).collect();
        for target in rollout.targets.iter().filter(|one| self.which.chosen(rollout, one)) {
            let known = journal.entry(&target.customer, &target.environment).state;
            let local = match &target.access {
                Access::Kit { .. } => continue,
                _ if known == State::Deployed && !release.plan_only => continue,
                Access::Local => {
                    let acting = context.globals.acting.as_deref();
                    Some(context.embedded().await?.client(Some(&target.environment), acting))
                }
                Access::Server { .. } => None,
            };
            waves[target.wave].push(Place::new(folder, target, &release.package, local)?);
        }
        Ok(waves)
    }
}

impl AddArgs {
    fn run(self, context: &Context) -> Outcome {
        let loaded = load(&self.file)?;
        let mut journal = Journal::open(&loaded.record, &digest(&loaded.file))?;
        let mut rows = Vec::new();
        for path in &self.results {
            let about = || format!("cannot take over `{}`", path.display());
            let (target, result) = read_result(&loaded, path).map_err(|f| f.context(about()))?;
            let known = journal.entry(&target.customer, &target.environment).result;
            if known.is_some_and(|known| newer(&known.at, &result.at)) {
                let what = anyhow::anyhow!("a newer result of this environment is recorded");
                return Err(Failure::new(Exit::Conflict, what).context(about()));
            }
            let state = State::of(&result);
            if !context.globals.dry_run {
                let entry = Entry { state, result: Some(result), why: None };
                journal.record(&target.customer, &target.environment, entry)?;
            }
            rows.push(json!({
                "customer": target.customer, "environment": target.environment,
                "state": state.as_str(),
            }));
        }
        const COLUMNS: &[(&str, &str)] =
            &[("CUSTOMER", "customer"), ("ENVIRONMENT", "environment"), ("STATE", "state")];
        context.output.list(COLUMNS, &rows)?;
        Ok(Exit::Clean)
    }
}

/// Whose result it is: the customer whose key signed it, and of whose environments it speaks.
fn read_result<'a>(
    loaded: &'a Loaded,
    path: &Path,
) -> Result<(&'a Target, DeploymentResult), Failure> {
    let envelope = Envelope::read(path)?;
    let mut signed = Vec::new();
    for target in &loaded.rollout.targets {
        if let Access::Kit { key } = &target.access {
            let public = statement::public_key(key).map_err(|failure| {
                failure.context(format!("`resultKey` of `{}`", target.customer))
            })?;
            if envelope.is_signed_by(&public) {
                signed.push((target, public));
            }
        }
    }
    let Some((_, public)) = signed.first() else {
        return Err(statement::refused("no `resultKey` of the rollout signed it"));
    };
    let payload = envelope.open(public, PREDICATE, &loaded.file)?;
    let result = DeploymentResult::from_json(&payload["predicate"])?;
    let about = |target: &&Target| target.environment.eq_ignore_ascii_case(&result.environment);
    let found = signed.iter().map(|(target, _)| *target).find(about);
    let target = found.ok_or_else(|| {
        let customer = &signed[0].0.customer;
        Failure::missing(format!(
            "customer `{customer}` has no environment `{}` in the rollout",
            result.environment
        ))
    })?;
    Ok((target, result))
}

fn newer(known: &str, other: &str) -> bool {
    let time = |text: &str| text.parse::<jiff::Timestamp>().ok();
    matches!((time(known), time(other)), (Some(known), Some(other)) if known > other)
}
