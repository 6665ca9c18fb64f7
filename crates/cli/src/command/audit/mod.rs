//! `connref audit`
mod departed;
pub(crate) mod judge;
mod log;
mod review;
mod uses;

use clap::Subcommand;

use crate::context::Context;
use crate::exit::Outcome;

// Verbs of audits.
#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Everything that is wrong or will be, by every rule; as Markdown or HTML the page of a review
    Report(judge::JudgeArgs),
    /// Connections that nothing leads to and nobody uses
    Orphaned(judge::JudgeArgs),
    /// What stops, or will stop, because an owner is disabled or has departed
    Departed(departed::DepartedArgs),
    /// Connections that are idle for longer than their flows' schedules, or whose target is gone
    Stale(judge::JudgeArgs),
    /// Connections that much depends on
    HighUse(judge::JudgeArgs),
    /// Connections that reach one target as one identity
    Duplicates(judge::JudgeArgs),
    /// Flows whose owner may not use the connection they act through
    ShareMissing(judge::JudgeArgs),
    /// What depends on a connection or a connection reference
    Uses(uses::UsesArgs),
    /// The newest entries of the audit log
    Log {
        /// How many
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=5000))]
        top: u32,
    },
    /// Verify that no entry of the audit log was changed, removed or put in
    Verify,
}

impl AuditCommand {
    /// Whether it can write a result in a format that only reports have.
    pub(crate) fn writes(&self) -> bool {
        !matches!(self, Self::Uses(_) | Self::Log { .. } | Self::Verify)
    }

    /// Runs the verb.
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        match self {
            Self::Report(args) => args.review(context).await,
            Self::Orphaned(args) => args.run(context, &["CA107"]).await,
            Self::Departed(args) => args.run(context).await,
            Self::Stale(args) => args.run(context, &["CA110"]).await,
            Self::HighUse(args) => args.run(context, &["CA108"]).await,
            Self::Duplicates(args) => args.run(context, &["CA109"]).await,
            Self::ShareMissing(args) => args.run(context, &["CA106"]).await,
            Self::Uses(args) => args.run(context).await,
            Self::Log { top } => log::log(context, top).await,
            Self::Verify => log::verify(context).await,
        }
    }
}
