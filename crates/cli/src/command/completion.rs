//! `connref completion`
use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::cli::Cli;
use crate::context::Context;
use crate::exit::{Exit, Failure, Outcome};

/// Completions for a shell
#[derive(Args, Debug)]
pub(crate) struct CompletionArgs {
    /// The shell
    shell: Shell,
}

impl CompletionArgs {
    /// Prints the script.
    pub(crate) fn run(self, context: &Context) -> Outcome {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "connref", &mut script);
        let text = String::from_utf8(script).map_err(|error| Failure::new(Exit::Usage, error))?;
        context.output.text(&text)?;
        Ok(Exit::Clean)
    }
}
