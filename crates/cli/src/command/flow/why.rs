//! `connref flow why`
use connref_client::flow::{Reason, Why};
use serde_json::{Value, json};

use super::Which;
use crate::context::Context;
use crate::exit::{Exit, Outcome};
use crate::pick::pick;
use crate::render::{clean, style};

pub(super) async fn run(context: &Context, which: &Which) -> Outcome {
    let client = context.client().await?;
    let flow = pick(client.flows().await?, &which.flow)?;
    let why = client.flow_why(&flow).await?;
    if context.output.is_table() {
        context.output.text(&told(&flow.name, &why))?;
    } else {
        context.output.one(&json!({
            "flow": flow.name,
            "id": flow.id,
            "state": why.state,
            "wantedOn": why.wanted_on,
            "refusals": why.refusals.iter().map(reason).collect::<Vec<_>>(),
            "warnings": why.warnings.iter().map(reason).collect::<Vec<_>>(),
        }))?;
    }
    Ok(if why.refusals.is_empty() { Exit::Clean } else { Exit::Findings })
}

fn told(name: &str, why: &Why) -> String {
    let glyph = match why.state.as_str() {
        "on" => style::good("✓"),
        _ if why.refusals.is_empty() => style::faint("⏸"),
        _ => style::bad("✕"),
    };
    let wanted = if why.wanted_on && why.state != "on" { ", wanted on" } else { "" };
    let mut text = format!("{glyph} {} is {}{wanted}\n", clean(name), clean(&why.state));
    if why.refusals.is_empty() && why.state != "on" {
        text += "  nothing stands in the way\n";
        text +=
            &format!("  {} connref flow on {}\n", style::good("fix:"), super::quoted(&clean(name)));
    }
    for one in &why.refusals {
        text += &line(&style::bad("✕"), one);
    }
    for one in &why.warnings {
        text += &line(&style::warn("!"), one);
    }
    text
}

fn line(glyph: &str, one: &Reason) -> String {
    let mut text = format!("  {glyph} {} ({})\n", clean(&one.message), clean(&one.code));
    if let Some(fix) = &one.fix {
        text += &format!("    {} {}\n", style::good("fix:"), clean(fix));
    }
    text
}

/// A reason as programs read it.
pub(crate) fn reason(one: &Reason) -> Value {
    json!({
        "code": one.code,
        "status": one.status,
        "message": one.message,
        "subject": one.subject,
        "fix": one.fix,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_told_with_their_fix() {
        let why = Why {
            state: "off".to_owned(),
            wanted_on: true,
            refusals: vec![Reason {
                code: "XrmConnectionReferenceMissingConnection".to_owned(),
                message: "reference contoso_mail is not bound".to_owned(),
                fix: Some("connref ref bind contoso_mail --connection ID".to_owned()),
                ..Reason::default()
            }],
            warnings: Vec::new(),
        };
        let text = anstream::adapter::strip_str(&told("Order mail", &why)).to_string();
        insta::assert_snapshot!(text, @"
        ✕ Order mail is off, wanted on
          ✕ reference contoso_mail is not bound (XrmConnectionReferenceMissingConnection)
            fix: connref ref bind contoso_mail --connection ID
        ");
    }
}
