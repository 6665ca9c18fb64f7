//! `connref audit`
use clap::{Args, Subcommand, ValueEnum};
use connref_client::audit::Finding;
use serde_json::{Value, json};

use crate::context::Context;
use crate::exit::{Exit, Outcome};
use crate::render::{clean, note, style};

/// Verbs of audits.
#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// What stops, or will stop, because an owner is disabled or has departed
    Departed(DepartedArgs),
    /// The newest entries of the audit log
    Log {
        /// How many
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=5000))]
        top: u32,
    },
    /// Verify that no entry of the audit log was changed, removed or put in
    Verify,
}

/// Arguments of `audit departed`.
#[derive(Args, Debug)]
pub(crate) struct DepartedArgs {
    /// Only this user, who may still be enabled: what would stop?
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Exit with 1 if a finding is at least this severe
    #[arg(long, value_enum, default_value_t = Threshold::Error)]
    fail_on: Threshold,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
enum Threshold {
    Note,
    Warning,
    Error,
    Never,
}

impl AuditCommand {
    /// Runs the verb.
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        match self {
            Self::Departed(args) => args.run(context).await,
            Self::Log { top } => log(context, top).await,
            Self::Verify => verify(context).await,
        }
    }
}

impl DepartedArgs {
    async fn run(self, context: &Context) -> Outcome {
        let findings = context.client().await?.audit_departed(self.user.as_deref()).await?;
        if context.output.is_table() {
            context.output.text(&findings.iter().map(told).collect::<String>())?;
            if findings.is_empty() {
                note("nothing stops");
            }
        } else {
            const COLUMNS: &[(&str, &str)] = &[
                ("CODE", "code"),
                ("SEVERITY", "severity"),
                ("KIND", "kind"),
                ("SUBJECT", "subject"),
                ("MESSAGE", "message"),
                ("FIX", "fix"),
            ];
            let rows: Vec<_> = findings.iter().map(row).collect();
            context.output.list(COLUMNS, &rows)?;
        }
        let severe = findings.iter().any(|finding| severity(finding) >= self.fail_on);
        Ok(if severe { Exit::Findings } else { Exit::Clean })
    }
}

fn severity(finding: &Finding) -> Threshold {
    match finding.severity.to_ascii_lowercase().as_str() {
        "note" => Threshold::Note,
        "warning" => Threshold::Warning,
        _ => Threshold::Error,
    }
}

fn told(finding: &Finding) -> String {
    let glyph = match severity(finding) {
        Threshold::Error | Threshold::Never => style::bad("✕"),
        Threshold::Warning => style::warn("!"),
        Threshold::Note => style::faint("·"),
    };
    let head = format!("{} {}", finding.subject_kind, finding.subject);
    let mut text =
        format!("{glyph} {} {}: {}\n", clean(&finding.code), clean(&head), clean(&finding.message));
    if let Some(help) = &finding.help {
        text += &format!("  {}\n", clean(help));
    }
    if let Some(fix) = &finding.fix {
        text += &format!("  {} {}\n", style::good("fix:"), clean(fix));
    }
    text
}

fn row(finding: &Finding) -> Value {
    json!({
        "code": finding.code,
        "severity": finding.severity,
        "kind": finding.subject_kind,
        "id": finding.subject_id,
        "subject": finding.subject,
        "message": finding.message,
        "help": finding.help,
        "fix": finding.fix,
    })
}

async fn log(context: &Context, top: u32) -> Outcome {
    let entries = context.client().await?.audit_log(top).await?;
    let rows: Vec<_> = entries
        .iter()
        .map(|entry| {
            json!({
                "seq": entry.seq,
                "at": entry.at,
                "actor": entry.actor,
                "action": entry.action,
                "object": entry.object,
                "objectId": entry.object_id,
                "detail": entry.detail,
            })
        })
        .collect();
    const COLUMNS: &[(&str, &str)] = &[
        ("NO", "seq"),
        ("AT", "at"),
        ("WHO", "actor"),
        ("DID", "action"),
        ("OBJECT", "object"),
        ("ID", "objectId"),
        ("DETAIL", "detail"),
    ];
    context.output.list(COLUMNS, &rows)?;
    Ok(Exit::Clean)
}

async fn verify(context: &Context) -> Outcome {
    let verified = context.client().await?.audit_verify().await?;
    if context.output.is_table() {
        let head = clean(&verified.head);
        let text = match (verified.ok, verified.first_bad) {
            (true, _) => {
                format!(
                    "{} {} entries · chain ok · head {head}\n",
                    style::good("✓"),
                    verified.entries
                )
            }
            (false, bad) => format!(
                "{} {} entries · the chain breaks at entry {}\n",
                style::bad("✕"),
                verified.entries,
                bad.map_or_else(|| "?".to_owned(), |seq| seq.to_string())
            ),
        };
        context.output.text(&text)?;
    } else {
        context.output.one(&json!({
            "entries": verified.entries,
            "head": verified.head,
            "ok": verified.ok,
            "firstBad": verified.first_bad,
        }))?;
    }
    Ok(if verified.ok { Exit::Clean } else { Exit::Findings })
}
