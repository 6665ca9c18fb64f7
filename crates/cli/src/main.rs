//! The binary `connref`: parse, run, report.
mod borrowed;
mod cli;
mod command;
mod connector_file;
mod context;
mod demo;
mod deployment_result;
mod embedded;
mod exit;
mod facts_file;
mod home;
mod pac;
mod package;
mod page;
mod pick;
mod render;
mod report;
mod runbook;
mod secret;
mod secret_store;
mod sign_in;
mod statement;

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// Documents are trees of small pieces: half of what reading a package costs is getting and giving
/// back memory (docs/decisions/0008-the-speed-of-a-check.md).
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    let arguments = pac::translate(std::env::args_os().collect());
    let cli = match cli::parse(&arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version go to stdout and are no error; a reader that went away is none
            // either, so the result of printing does not matter.
            let _ = error.print();
            return if error.use_stderr() { exit::Exit::Usage.into() } else { ExitCode::SUCCESS };
        }
    };
    match cli::run(cli) {
        Ok(exit) => exit.into(),
        Err(failure) => failure.report().into(),
    }
}
