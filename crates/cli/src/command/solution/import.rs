//! `connref solution import`
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use connref_client::Client;
use connref_client::flow::Flow;
use connref_client::solution::Import;
use connref_solution::model::package::Managed;
use connref_solution::model::{LogicalName, Package};
use connref_store::source::{Clock, Ids, SystemClock, SystemIds};
use serde_json::{Value, json};

use super::record;
use crate::command::flow::reason;
use crate::context::Context;
use crate::exit::{Exit, Failure, Outcome};
use crate::package;
use crate::render::{clean, note, style, warning};

/// Import a solution, bind its references and tell which flows stay off, and why
#[derive(Args, Debug)]
pub(crate) struct ImportArgs {
    /// Solution zip or unpacked folder
    #[arg(short, long, value_name = "PATH")]
    path: PathBuf,
    /// Deployment settings: what each reference is bound to, and values of variables
    #[arg(long, value_name = "PATH")]
    settings_file: Option<PathBuf>,
    /// Turn on every flow of the solution afterwards; 8 if some stay off
    #[arg(long, visible_alias = "activate")]
    activate_flows: bool,
    /// Leave new flows off, whatever their exported state
    #[arg(long, conflicts_with = "activate_flows")]
    leave_flows_off: bool,
    /// Do nothing if the same or a higher version is there
    #[arg(long)]
    skip_lower_version: bool,
    /// Overwrite unmanaged changes on top of a managed solution
    #[arg(short, long)]
    force_overwrite: bool,
    /// Import an unmanaged solution as a managed one
    #[arg(long)]
    convert_to_managed: bool,
    /// Do not check dependencies on product updates
    #[arg(short = 's', long)]
    skip_dependency_check: bool,
    /// Import beside the present version, as a holding solution
    #[arg(long)]
    import_as_holding: bool,
    /// Import as an upgrade, which removes what the new version lacks
    #[arg(long, conflicts_with = "import_as_holding")]
    stage_and_upgrade: bool,
    /// Go back to an older version
    #[arg(long)]
    allow_older: bool,
    /// Accepted; an import publishes what it brings
    #[arg(long, hide = true)]
    publish_changes: bool,
    /// Accepted; flows take their exported state unless --leave-flows-off is given
    #[arg(long, hide = true)]
    activate_plugins: bool,
    /// Import as a job of the server and look until it has ended
    #[arg(short = 'a', long = "async")]
    asynchronous: bool,
    /// How long to look at such a job
    #[arg(long, value_name = "MINUTES", default_value_t = 60)]
    max_async_wait_time: u64,
    /// Write what was foretold and what really happened into this file, without names, addresses and
    /// ids of anybody
    #[arg(long, value_name = "ZIP")]
    record: Option<PathBuf>,
    /// Wait while another import runs, this long at most
    #[arg(long, value_name = "MINUTES", num_args = 0..=1, default_missing_value = "60")]
    wait: Option<u64>,
}

impl ImportArgs {
    pub(super) async fn run(self, context: &Context) -> Outcome {
        let solution = package::read(&self.path)?;
        let settings = self.settings_file.as_deref();
        let settings =
            settings.map(|path| package::settings(path, &solution.package)).transpose()?;
        let file = solution.zip()?;
        let client = context.client().await?;
        let package = &solution.package;
        if self.skip_lower_version && present(&client, package).await? {
            note("the same or a higher version is there; nothing was imported");
            return Ok(Exit::Clean);
        }
        let job_id = SystemIds::default().guid(SystemClock.now());
        let import = Import {
            file: &file,
            job_id: &job_id,
            settings: settings.as_ref(),
            publish_workflows: !self.leave_flows_off,
            overwrite: self.force_overwrite,
            convert_to_managed: self.convert_to_managed,
            holding: self.import_as_holding,
            skip_dependencies: self.skip_dependency_check,
            upgrade: self.stage_and_upgrade,
            allow_older: self.allow_older,
        };
        let case = match &self.record {
            // A dry run has no end that could be recorded.
            Some(_) if !context.globals.dry_run => {
                let before = record::before(context).await?;
                Some(record::case(&solution, &import, &before, self.skip_lower_version)?)
            }
            _ => None,
        };
        let sent = self.send(&client, &import).await;
        if let (Some(path), Some(case)) = (&self.record, case) {
            let ended = match &sent {
                Ok(()) => Ok(()),
                Err(failure) => Err(failure.client_error()),
            };
            // What was imported is imported, recorded or not.
            if let Err(failure) = record::finish(context, path, case, ended).await {
                warning(&failure.line());
            }
        }
        sent?;
        if self.activate_flows {
            activate(&client, package).await?;
        }
        let mut solution = package.manifest.unique_name.clone();
        if self.import_as_holding {
            solution.push_str(HOLDING_SUFFIX);
        }
        let report = Report::read(&client, package, &solution).await?;
        if context.output.is_table() {
            context.output.text(&report.told(package))?;
        } else {
            context.output.one(&report.whole(package, &job_id))?;
        }
        let partly = self.activate_flows && report.flows.iter().any(|(flow, _)| flow.state != "on");
        Ok(if partly { Exit::Partial } else { Exit::Clean })
    }
}

/// What the unique name of a holding solution ends with.
const HOLDING_SUFFIX: &str = "_Upgrade";

/// Another import runs.
pub(crate) const BUSY: &str = "0x80071151";

impl ImportArgs {
    /// Sends the import, again and again while another one runs if that is wanted.
    async fn send(&self, client: &Client, import: &Import<'_>) -> Result<(), Failure> {
        let begun = Instant::now();
        let limit = self.wait.map(|minutes| Duration::from_secs(minutes.saturating_mul(60)));
        let mut told = false;
        loop {
            let sent = match self.asynchronous {
                true => client.solution_import_start(import).await.map(Some),
                false => client.solution_import(import).await.map(|()| None),
            };
            let busy = sent.as_ref().err().is_some_and(|error| error.code() == Some(BUSY));
            match sent {
                Err(_) if busy && limit.is_some_and(|limit| begun.elapsed() < limit) => {
                    if !told {
                        note("another import runs; waiting for it");
                        told = true;
                    }
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
                Err(error) => return Err(error.into()),
                Ok(None) => return Ok(()),
                Ok(Some(operation)) => return self.watch(client, &operation).await,
            }
        }
    }

    /// Looks at the job until it has ended.
    async fn watch(&self, client: &Client, operation: &str) -> Result<(), Failure> {
        let limit = Duration::from_secs(self.max_async_wait_time.saturating_mul(60));
        let operation = crate::command::job::wait(client, operation, limit).await?;
        if operation.word() == "succeeded" {
            return Ok(());
        }
        let why = operation.message.as_deref().unwrap_or("no reason is given");
        Err(Failure::refused(format!("the import {}: {why}", operation.word()))
            .fix(format!("connref job show {}", operation.id)))
    }
}

/// Whether the environment has this solution in the same or a higher version.
async fn present(client: &Client, package: &Package) -> Result<bool, Failure> {
    let manifest = &package.manifest;
    let solutions = client.solutions().await?;
    let same =
        solutions.iter().find(|one| one.unique_name.eq_ignore_ascii_case(&manifest.unique_name));
    Ok(same.is_some_and(|one| version(&one.version) >= version(&manifest.version)))
}

/// Four numbers; missing ones are zero.
fn version(text: &str) -> [u64; 4] {
    let mut numbers = [0; 4];
    for (number, part) in numbers.iter_mut().zip(text.split('.')) {
        *number = part.trim().parse().unwrap_or(0);
    }
    numbers
}

/// The flows of the package as they are in the environment now.
async fn flows_of(client: &Client, package: &Package) -> Result<Vec<Flow>, Failure> {
    let of_package = package.workflows.iter().filter(|one| one.is_cloud_flow());
    let ids: HashSet<&str> = of_package.map(|one| one.id.as_str()).collect();
    let mut flows = client.flows().await?;
    flows.retain(|flow| ids.contains(flow.id.to_ascii_lowercase().as_str()));
    Ok(flows)
}

/// Turns on what can be turned on. A parent can only follow its children, whose order nobody
/// tells, so rounds are made until one brings nothing new.
pub(crate) async fn activate(client: &Client, package: &Package) -> Result<(), Failure> {
    loop {
        let off = flows_of(client, package).await?.into_iter().filter(|flow| flow.state != "on");
        let mut progress = false;
        for flow in off {
            match client.flow_turn(&flow, true).await {
                Ok(()) => progress = true,
                // A refusal is told by the report, with its reason.
                Err(error) if error.status().is_some_and(|status| status < 500) => {}
                Err(error) => return Err(error.into()),
            }
        }
        if !progress {
            return Ok(());
        }
    }
}

/// What an import left behind.
struct Report {
    /// References of the package: logical name, connector, name of the connection.
    references: Vec<(String, String, Option<String>)>,
    /// Flows of the package with what keeps them off.
    flows: Vec<(Flow, Vec<connref_client::flow::Reason>)>,
}

impl Report {
    /// `solution` is the name under which the package is there.
    async fn read(client: &Client, package: &Package, solution: &str) -> Result<Self, Failure> {
        let connections = client.connections().await?;
        let mut references = Vec::new();
        let of_package: HashSet<&LogicalName> =
            package.references.iter().map(|one| &one.logical_name).collect();
        for one in client.references().await? {
            if of_package.contains(&LogicalName::new(&one.logical_name)) {
                let name = one.connection.map(|id| {
                    let known = connections.iter().find(|connection| connection.id == id);
                    known.map_or(id, |connection| connection.display_name.clone())
                });
                references.push((one.logical_name, one.connector, name));
            }
        }
        let mut why = match client.flows_why(solution).await {
            Ok(why) => why,
            // A real organisation has no such function; the flows are off all the same.
            Err(error) if error.status().is_some() => HashMap::new(),
            Err(error) => return Err(error.into()),
        };
        let flows = flows_of(client, package).await?.into_iter().map(|flow| {
            let reasons = why.remove(&flow.id).filter(|_| flow.state != "on");
            (flow, reasons.map(|why| why.refusals).unwrap_or_default())
        });
        Ok(Self { references, flows: flows.collect() })
    }

    fn whole(&self, package: &Package, job_id: &str) -> Value {
        let manifest = &package.manifest;
        let references: Vec<_> = self
            .references
            .iter()
            .map(|(name, connector, connection)| {
                json!({
                    "name": name,
                    "connector": connector,
                    "connection": connection,
                    "state": if connection.is_some() { "bound" } else { "not bound" },
                })
            })
            .collect();
        let flows: Vec<_> = self
            .flows
            .iter()
            .map(|(flow, reasons)| {
                json!({
                    "name": flow.name,
                    "id": flow.id,
                    "state": flow.state,
                    "refusals": reasons.iter().map(reason).collect::<Vec<_>>(),
                })
            })
            .collect();
        json!({
            "uniqueName": manifest.unique_name,
            "version": manifest.version,
            "managed": manifest.managed == Managed::Managed,
            "importJobId": job_id,
            "references": references,
            "flows": flows,
        })
    }

    fn told(&self, package: &Package) -> String {
        let manifest = &package.manifest;
        let on = self.flows.iter().filter(|(flow, _)| flow.state == "on").count();
        let bound = self.references.iter().filter(|(.., connection)| connection.is_some()).count();
        let mut text = format!(
            "{} imported {} {} · {bound} of {} references bound · {on} of {} flows on\n",
            style::good("✓"),
            clean(&manifest.unique_name),
            clean(&manifest.version),
            self.references.len(),
            self.flows.len()
        );
        for (name, connector, connection) in &self.references {
            let (glyph, state) = match connection {
                Some(connection) => (style::good("✓"), format!("bound to {connection}")),
                None => (style::bad("✕"), "not bound".to_owned()),
            };
            let line = format!("{name} ({connector}): {state}");
            text += &format!("  {glyph} reference {}\n", clean(&line));
            if connection.is_none() {
                let fix = format!("connref ref bind {name} --connection ID");
                text += &format!("    {} {}\n", style::good("fix:"), clean(&fix));
            }
        }
        for (flow, reasons) in &self.flows {
            let glyph = if flow.state == "on" { style::good("✓") } else { style::faint("⏸") };
            text += &format!("  {glyph} flow {} is {}\n", clean(&flow.name), flow.state);
            for one in reasons {
                text += &format!("      {} ({})\n", clean(&one.message), clean(&one.code));
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_by_number() {
        assert!(version("1.10.0.0") > version("1.9.0.0"));
        assert_eq!(version("1.2"), version("1.2.0.0"));
        assert!(version("2") > version("1.99.99.99"));
    }
}
