//! `connref audit departed`
use std::path::PathBuf;

use clap::Args;
use connref_client::audit::Finding as Told;
use connref_review::audit::{Audited, departed};
use connref_review::catalogue::PAGES;
use connref_review::finding::{Subject, SubjectKind};
use connref_review::{Finding, Severity};

use super::judge::{Threshold, print};
use crate::context::Context;
use crate::exit::{Failure, Outcome};
use crate::facts_file::facts;

/// Arguments of `audit departed`.
#[derive(Args, Debug)]
pub(crate) struct DepartedArgs {
    /// Only this user, who may still be enabled: what would stop?
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Facts file to judge instead of the environment (see `facts export`)
    #[arg(long, value_name = "PATH")]
    facts: Option<PathBuf>,
    /// Exit with 1 if a finding is at least this severe
    #[arg(long, value_enum, default_value_t = Threshold::Error)]
    fail_on: Threshold,
}

impl DepartedArgs {
    pub(super) async fn run(self, context: &Context) -> Outcome {
        // Whoever asks about itself needs no right to see everybody's facts.
        if let (Some(user), None) = (&self.user, &self.facts) {
            return self.own(context, user).await;
        }
        let facts = facts(context, self.facts.as_deref()).await?;
        let user = match &self.user {
            None => None,
            Some(name) => {
                let named = |p: &&connref_solution::model::facts::PrincipalFacts| {
                    p.name.eq_ignore_ascii_case(name) || p.id.as_str().eq_ignore_ascii_case(name)
                };
                let found = facts.principals.iter().find(named);
                Some(
                    found.map(|p| p.id.clone()).ok_or_else(|| {
                        Failure::missing(format!("the facts know no user `{name}`"))
                    })?,
                )
            }
        };
        let findings = departed(&facts, user.as_ref());
        print(
            context,
            self.fail_on,
            &facts.environment.name,
            &Audited { findings, unjudged: Vec::new() },
        )
    }

    async fn own(&self, context: &Context, user: &str) -> Outcome {
        let client = context.client().await?;
        let found = client.audit_departed(Some(user)).await?;
        let findings: Vec<Finding> = found.into_iter().filter_map(read).collect();
        let name = client.place().name.clone();
        print(context, self.fail_on, &name, &Audited { findings, unjudged: Vec::new() })
    }
}

/// A finding that the other side made; one of a code that this connref does not know is left out.
fn read(told: Told) -> Option<Finding> {
    let code = PAGES.iter().find(|page| page.code == told.code)?.code;
    let kind = match told.subject_kind.as_str() {
        "flow" => SubjectKind::Flow,
        _ => SubjectKind::Connection,
    };
    Some(Finding {
        code,
        severity: match told.severity.as_str() {
            "note" => Severity::Note,
            "warning" => Severity::Warning,
            _ => Severity::Error,
        },
        subject: Subject::new(kind, told.subject_id, told.subject),
        message: told.message,
        help: told.help.unwrap_or_default(),
        fix: told.fix,
        location: None,
        suppression: None,
    })
}
