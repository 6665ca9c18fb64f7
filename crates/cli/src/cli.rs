//! The command line: what holds for every command, and where each goes.
use std::ffi::OsString;
use std::pin::Pin;
use std::task;

use clap::{ArgAction, Args, FromArgMatches, Parser};

use crate::command::Command;
use crate::context::Context;
use crate::exit::{Failure, Outcome};
use crate::render::Format;
use crate::sign_in::ServerArgs;

/// Connections, connection references and the flows that use them: check, deploy, bind, run
#[derive(Debug, Parser)]
#[command(
    name = "connref",
    version,
    disable_help_subcommand = true,
    max_term_width = 100,
    after_help = "Exit codes: 0 done, 1 findings, 2 usage, 3 not signed in, 4 refused, 5 not found, \
                  6 conflict, 7 remote or network, 8 partly done.\n\
                  Without --environment commands work on the local data of this user; no server is needed."
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) globals: Globals,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Globals {
    /// Local environment to work in; may be left out while there is only one
    #[arg(long, global = true, value_name = "NAME", env = "CONNREF_ENV", hide_env_values = true)]
    pub(crate) env: Option<String>,
    /// Environment on a server, by its address (a name means the same as --env)
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "CONNREF_ENVIRONMENT",
        hide_env_values = true
    )]
    pub(crate) environment: Option<String>,
    /// Act as this user or service principal (administrators only)
    #[arg(
        long = "as",
        global = true,
        value_name = "NAME",
        env = "CONNREF_AS",
        hide_env_values = true
    )]
    pub(crate) acting: Option<String>,
    /// Database instead of the one in the data folder: a file, or postgres://...
    #[arg(
        long,
        global = true,
        value_name = "PATH|URL",
        env = "CONNREF_DATABASE",
        hide_env_values = true
    )]
    pub(crate) database: Option<String>,
    /// How results are written
    #[arg(short, long, global = true, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) output: Format,
    /// Show what would be sent; change nothing
    #[arg(long, global = true, action = ArgAction::SetTrue)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

/// Parses the words of a command line.
///
/// # Errors
/// Words that are no command, and the wish for help or the version.
pub(crate) fn parse(words: &[OsString]) -> Result<Cli, clap::Error> {
    // What one branch takes, the tree takes in the same way; what it refuses is for the tree to tell.
    let alone = branch(words).and_then(|branch| branch.try_get_matches_from(words).ok());
    match alone.and_then(|matches| Cli::from_arg_matches(&matches).ok()) {
        Some(cli) => Ok(cli),
        None => Cli::try_parse_from(words),
    }
}

/// The one branch of the tree that a line without options before its verb names. The tree hands copies of
/// the global options to each of its commands: for a line that reads a small file, a fifth of the work.
fn branch(words: &[OsString]) -> Option<clap::Command> {
    let [_, noun, verb, ..] = words else { return None };
    let noun = Command::branch(noun.to_str()?, verb.to_str()?)?;
    Some(Globals::augment_args(clap::Command::new("connref")).subcommand(noun))
}

/// Runs a command to its end.
pub(crate) fn run(cli: Cli) -> Outcome {
    watch_log();
    // Told before anything is done: a change whose result cannot be shown is worse than none.
    if cli.globals.output.is_report() && !cli.command.writes(cli.globals.output) {
        return Err(Failure::usage(
            "html, sarif and junit are formats of `connref solution check`, `solution verify`, `connector validate` and the audits, html of `connref solution runbook` too",
        )
        .fix("-o json"));
    }
    let offline = cli.command.is_offline();
    // In a box, or the program holds it once for each kind of runtime.
    let mut work: Pin<Box<dyn Future<Output = Outcome>>> = Box::pin(async {
        let context = Context::new(cli.globals)?;
        let outcome = cli.command.run(&context).await;
        context.close().await;
        outcome
    });
    // Commands that only read files wait for nothing: threads and timers would cost them more than
    // their work.
    let mut alone = task::Context::from_waker(task::Waker::noop());
    if offline && let task::Poll::Ready(outcome) = work.as_mut().poll(&mut alone) {
        return outcome;
    }
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(work)
}

/// The log goes to stderr, and only when `CONNREF_LOG` asks for it.
fn watch_log() {
    let Ok(filter) = std::env::var("CONNREF_LOG") else { return };
    let filter = tracing_subscriber::EnvFilter::new(filter);
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}

impl Globals {
    /// Address of the server, when `--environment` holds one.
    pub(crate) fn remote(&self) -> Option<&str> {
        self.environment.as_deref().filter(|text| text.contains("://"))
    }

    /// Name of the local environment asked for.
    pub(crate) fn local(&self) -> Result<Option<&str>, Failure> {
        let named = self.environment.as_deref().filter(|text| !text.contains("://"));
        let Some(name) = self.env.as_deref().or(named) else { return Ok(None) };
        // It becomes part of a host name.
        let fits = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if name.is_empty() || name.len() > 63 || !fits {
            return Err(Failure::usage(format!("`{name}` is not the name of an environment"))
                .fix("connref env list"));
        }
        Ok(Some(name))
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_tree_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_help_of_every_command() {
        let mut text = String::new();
        let mut root = Cli::command().term_width(100);
        root.build();
        help(&root, &mut text);
        insta::assert_snapshot!("help", text);
    }

    #[test]
    fn a_list_of_commands_says_what_each_does() {
        let mut root = Cli::command();
        root.build();
        lists(&root, &mut vec!["connref"]);
    }

    /// Holds the list of a command as it is asked for, where its verbs are not made yet, against what
    /// each says of itself.
    fn lists<'c>(command: &'c clap::Command, path: &mut Vec<&'c str>) {
        if !command.has_subcommands() {
            return;
        }
        let asked = path.iter().copied().chain(["-h"]);
        let shown = Cli::command().term_width(1000).max_term_width(1000);
        let text = shown.try_get_matches_from(asked).expect_err("help").render().to_string();
        for sub in command.get_subcommands() {
            let about = sub.get_about().map(ToString::to_string).unwrap_or_default();
            assert!(!about.is_empty(), "{path:?} {}", sub.get_name());
            let line =
                |line: &str| line.trim_start().starts_with(sub.get_name()) && line.contains(&about);
            assert!(text.lines().any(line), "{path:?} {}: {about}\n{text}", sub.get_name());
            path.push(sub.get_name());
            lists(sub, path);
            path.pop();
        }
    }

    /// The help without the options that every command has.
    fn help(command: &clap::Command, text: &mut String) {
        let mut shown = command.clone().term_width(100);
        if command.get_name() != "connref" {
            shown = shown.mut_args(|argument| {
                let hidden = argument.is_global_set() || argument.is_hide_set();
                argument.hide(hidden)
            });
        }
        let path = command.get_bin_name().unwrap_or_else(|| command.get_name());
        text.push_str(&format!("======== {path}\n{}\n", shown.render_help()));
        for sub in command.get_subcommands() {
            help(sub, text);
        }
    }

    /// Words that a line is made of: verbs with and without a branch, options in their forms, values.
    const WORDS: &[&str] = &[
        "solution",
        "settings",
        "env",
        "check",
        "create-settings",
        "inspect",
        "validate",
        "create",
        "list",
        "plan",
        "import",
        "graph",
        "help",
        "--help",
        "-h",
        "--version",
        "a.zip",
        "b.zip",
        "--path",
        "-p",
        "--solution-zip",
        "-z",
        "--output",
        "-o",
        "json",
        "-ojson",
        "--output=sarif",
        "--env",
        "dev",
        "--env=dev",
        "--as",
        "--dry-run",
        "--rules",
        "CR001,CR002",
        "--fail-on",
        "note",
        "--",
        "",
        "-",
        "--settings-file",
        "s.json",
        "--no-config",
        "--config",
        "--environment",
        "https://a.test",
    ];

    #[test]
    fn a_branch_takes_what_the_tree_takes() {
        let (mut seed, mut taken) = (0x9e37_79b9_7f4a_7c15_u64, 0);
        let mut next = |below: usize| {
            // The lines are the same in every run.
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            (seed % below as u64) as usize
        };
        for _ in 0..6_000 {
            let mut words: Vec<OsString> = vec!["connref".into()];
            words.push(WORDS[next(3)].into());
            words.push(WORDS[3 + next(10)].into());
            words.extend((0..next(5)).map(|_| OsString::from(WORDS[next(WORDS.len())])));
            let tree = Cli::try_parse_from(&words);
            taken += usize::from(tree.is_ok() && branch(&words).is_some());
            match (parse(&words), tree) {
                (Ok(one), Ok(other)) => {
                    assert_eq!(format!("{one:?}"), format!("{other:?}"), "{words:?}");
                }
                (Err(one), Err(other)) => {
                    assert_eq!(one.to_string(), other.to_string(), "{words:?}");
                }
                (one, other) => panic!("{words:?}: {one:?}, but the tree: {other:?}"),
            }
        }
        assert!(taken > 100, "{taken}");
    }

    #[test]
    fn lines_of_the_vendors_tool_are_understood() {
        let lines = [
            "connref connection create -n Prod -a 11111111-1111-1111-1111-111111111111 -t 22222222-2222-2222-2222-222222222222 -cs x -env DEV",
            "connref connection list -env https://contoso.crm.dynamics.com",
            "connref connection delete -id 0123456789abcdef0123456789abcdef",
            "connref solution import --path a.zip --settings-file s.json --activate-flows --force-overwrite --publish-changes --async --max-async-wait-time 60 --environment DEV",
            "connref solution import -p a.zip -a -f -pc -af -slv -cm -wt 10 -env DEV",
            "connref solution export --name Orders --path o.zip --managed --overwrite",
            "connref solution export -n Orders -p o.zip -a -ow",
            "connref solution create-settings --solution-zip a.zip --settings-file s.json",
            "connref solution create-settings -z a.zip -s s.json",
            "connref solution list",
            "connref env list -o json",
            "connref connector list --env DEV",
            "connref connector create --api-definition-file a.json --api-properties-file p.json",
            "connref connector create -df a.json -pf p.json -env DEV",
            "connref user add a@b --role Environment-Maker",
        ];
        for line in lines {
            let arguments = line.split(' ').map(std::ffi::OsString::from).collect();
            if let Err(error) = Cli::try_parse_from(crate::pac::translate(arguments)) {
                panic!("{line}\n{error}");
            }
        }
    }

    #[test]
    fn an_environment_is_an_address_or_a_name() {
        let globals = |environment: &str| Globals {
            environment: Some(environment.to_owned()),
            ..Globals::default()
        };
        assert_eq!(globals("https://x.example").remote(), Some("https://x.example"));
        assert_eq!(globals("https://x.example").local().unwrap(), None);
        assert_eq!(globals("DEV").local().unwrap(), Some("DEV"));
        for bad in ["", "a b", "a.b", "a/b"] {
            assert!(globals(bad).local().is_err(), "{bad}");
        }
    }
}
