//! `connref audit log` and `connref audit verify`
use serde_json::json;

use crate::context::Context;
use crate::exit::{Exit, Outcome};
use crate::render::{clean, style};

/// The newest entries of the audit log.
pub(super) async fn log(context: &Context, top: u32) -> Outcome {
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

/// Whether the log is whole.
pub(super) async fn verify(context: &Context) -> Outcome {
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
