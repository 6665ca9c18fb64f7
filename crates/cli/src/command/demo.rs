//! `connref demo`
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};

use crate::context::Context;
use crate::demo::{self, Ended, Home, Options, Story};
use crate::exit::{Exit, Failure, Outcome};
use crate::render::{Format, note, style};

/// How long the server may take to end by itself.
const GRACE: Duration = Duration::from_secs(5);

/// Play the whole story on this machine alone: deploy, bind, run, lose an owner, repair
#[derive(Args, Debug)]
pub(crate) struct DemoArgs {
    /// Live in this empty folder, which stays; else in CONNREF_HOME, else in a temporary one
    #[arg(long, value_name = "FOLDER")]
    home: Option<PathBuf>,
    /// Print one JSON document of what happened (the same as -o json)
    #[arg(long)]
    json: bool,
    /// Keep targets and environments, and serve the API afterwards until interrupted
    #[arg(long)]
    serve: bool,
    /// Port of the server; 0 takes a free one
    #[arg(long, default_value_t = 8080, requires = "serve")]
    port: u16,
}

impl DemoArgs {
    /// Runs it.
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        self.check(context)?;
        let json = self.json || context.output.format == Format::Json;
        let ended = demo::run(&Options { home: self.home.clone(), told: !json }).await?;
        if json {
            context.output.text(&format!("{:#}\n", ended.story.to_json()))?;
        } else {
            context.output.text(&sum(&ended.story))?;
        }
        let exit = if ended.story.held() { Exit::Clean } else { Exit::Findings };
        if self.serve {
            return serve(&ended, self.port, json).await.map(|()| exit);
        }
        if !json {
            note(&match ended.home.stays() {
                true => format!("look around: {} connref env list", variables(&ended.home)),
                false => "all of it is gone now; --serve keeps it on, --home FOLDER keeps the data"
                    .to_owned(),
            });
        }
        Ok(exit)
    }

    /// The demo brings its own everything; what would choose something else is refused.
    fn check(&self, context: &Context) -> Result<(), Failure> {
        let globals = &context.globals;
        let other = [
            ("--database (CONNREF_DATABASE)", globals.database.is_some()),
            ("--environment (CONNREF_ENVIRONMENT)", globals.environment.is_some()),
            ("--env (CONNREF_ENV)", globals.env.is_some()),
            ("--as (CONNREF_AS)", globals.acting.is_some()),
            ("--dry-run", globals.dry_run),
        ];
        if let Some((name, _)) = other.iter().find(|(_, given)| *given) {
            let text = format!("the demo makes its own environments and people; leave {name} away");
            return Err(Failure::usage(text).fix("connref demo"));
        }
        match context.output.format {
            Format::Table | Format::Json => Ok(()),
            _ => {
                Err(Failure::usage("the demo is told as text or as JSON")
                    .fix("connref demo --json"))
            }
        }
    }
}

fn sum(story: &Story) -> String {
    if story.held() {
        return format!("\n{} all {} expectations held\n", style::good("✓"), story.expected());
    }
    let mut text = format!("\n{} these expectations did not hold:\n", style::bad("✕"));
    for what in story.broken() {
        text += &format!("  {}\n", crate::render::clean(what));
    }
    text
}

fn variables(home: &Home) -> String {
    format!("CONNREF_HOME={} CONNREF_CONFIG={}", home.data().display(), home.config().display())
}

/// Serves the demo's installation with the server command itself, in a process of its own: the
/// installation is chosen by environment variables, which a process cannot safely change for
/// itself. The targets go on in this one.
async fn serve(ended: &Ended, port: u16, json: bool) -> Result<(), Failure> {
    note(&format!("commands find the demo with: export {}", variables(&ended.home)));
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["server", "run", "--port", &port.to_string()]);
    command.args(["--output", if json { "json" } else { "table" }]);
    command.env("CONNREF_HOME", ended.home.data()).env("CONNREF_CONFIG", ended.home.config());
    for other in ["CONNREF_DATABASE", "CONNREF_ENV", "CONNREF_ENVIRONMENT", "CONNREF_AS"] {
        command.env_remove(other);
    }
    // A token of another installation opens nothing here.
    command.env_remove("CONNREF_TOKEN");
    let mut child = command.kill_on_drop(true).spawn()?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let ended_by_itself = tokio::select! {
        status = child.wait() => Some(status?),
        _ = interrupt.recv() => None,
        _ = terminate.recv() => None,
    };
    match ended_by_itself {
        Some(status) if !status.success() => {
            let text = format!("the server ended with {status}");
            Err(Failure::new(Exit::Network, anyhow::anyhow!(text)))
        }
        Some(_) => Ok(()),
        None => stop(&mut child).await,
    }
}

/// An interrupt from the terminal reaches the server too; otherwise it is ended.
async fn stop(child: &mut Child) -> Result<(), Failure> {
    if tokio::time::timeout(GRACE, child.wait()).await.is_err() {
        child.kill().await?;
    }
    Ok(())
}
