//! A deployment for people.
use connref_client::pipeline::Deployment;
use serde_json::Value;

use crate::render::{clean, style};

/// One row of a history.
pub(super) fn row(one: &Deployment) -> Value {
    one.document.clone()
}

/// What a deployment came to, with everything that stands open and what fixes it.
pub(super) fn told(one: &Deployment) -> String {
    let document = &one.document;
    let back = one.rollback_of.as_ref().map_or_else(String::new, |to| format!(", back to {to}"));
    let name = format!("{} {} to stage {}{back}", one.solution, one.version, one.stage);
    let (glyph, words) = match one.state.as_str() {
        "succeeded" => (style::good("✓"), "deployed; everything is bound and on"),
        "planned" => (style::good("✓"), "would go through; nothing was written"),
        "partly" => (style::warn("!"), "deployed; something stays open"),
        "waiting" => (style::warn("●"), "waits for an approval; nothing was written"),
        "running" => (style::warn("●"), "runs"),
        "rejected" => (style::bad("✕"), "rejected; nothing was written"),
        "refused" => (style::bad("✕"), "refused; nothing was written"),
        _ => (style::bad("✕"), "failed"),
    };
    let mut text = format!("{glyph} {}: {words}\n", clean(&name));
    if let Some(delegate) = document["delegate"].as_str() {
        text += &format!("  as {}", clean(delegate));
        text += &match (one.requested_by.as_str(), &one.decided_by) {
            (asked, None) => format!(", asked by {}\n", clean(asked)),
            (asked, Some(by)) => format!(", asked by {}, decided by {}\n", clean(asked), clean(by)),
        };
    }
    let failed = document["failedFindings"].as_u64().unwrap_or_default();
    if failed > 0 {
        text +=
            &format!("  {} the check refuses the package (findings: {failed})\n", style::bad("✕"));
    }
    for finding in list(document, "findings") {
        let line = format!("{} {}", word(finding, "code"), word(finding, "message"));
        text += &format!("  {} {}\n", style::warn("!"), clean(&line));
    }
    for refusal in list(document, "refusals") {
        let line = format!("{} ({})", word(refusal, "message"), word(refusal, "code"));
        text += &format!("  {} {}\n", style::bad("✕"), clean(&line));
        if let Some(fix) = refusal["fix"].as_str() {
            text += &format!("    {} {}\n", style::good("fix:"), clean(fix));
        }
    }
    text + &stand(document)
}

/// How references and flows stand, and what did not come back.
fn stand(document: &Value) -> String {
    let mut text = String::new();
    for reference in list(document, "references") {
        let state = word(reference, "state");
        let glyph = if state == "bound" { style::good("✓") } else { style::bad("✕") };
        let code = reference["code"].as_str().map_or_else(String::new, |code| format!(" ({code})"));
        let line = format!("reference {}: {state}{code}", word(reference, "name"));
        text += &format!("  {glyph} {}\n", clean(&line));
    }
    for flow in list(document, "flows") {
        let (state, wanted) = (word(flow, "state"), flow["wantedOn"] == true);
        let glyph = match state {
            "on" => style::good("✓"),
            _ if wanted => style::bad("✕"),
            _ => style::faint("⏸"),
        };
        let codes: Vec<&str> = list(flow, "codes").filter_map(Value::as_str).collect();
        let why = if codes.is_empty() { String::new() } else { format!(" ({})", codes.join(", ")) };
        let line = format!("flow {} is {state}{why}", word(flow, "name"));
        text += &format!("  {glyph} {}\n", clean(&line));
    }
    for name in list(document, "notReturned").filter_map(Value::as_str) {
        let line = format!(
            "reference {name} was not bound in that release and is now; an import never unbinds: \
             connref ref unbind {name}"
        );
        text += &format!("  {} {}\n", style::warn("!"), clean(&line));
    }
    for note in list(document, "notes").filter_map(Value::as_str) {
        text += &format!("  {} {}\n", style::warn("!"), clean(note));
    }
    if let Some(why) =
        document["why"].as_str().filter(|_| document["refusals"] == Value::Array(vec![]))
    {
        text += &format!("  {} {}\n", style::bad("✕"), clean(why));
    }
    text
}

fn list<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value[name].as_array().into_iter().flatten()
}

fn word<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown(state: &str, mut document: Value) -> String {
        document["delegate"] = "deployer@contoso.test".into();
        let one = Deployment {
            id: "01a2".into(),
            stage: "prod".into(),
            solution: "Orders".into(),
            version: "1.4.0.0".into(),
            state: state.into(),
            requested_by: "ci@contoso.test".into(),
            requested_on: None,
            decided_by: (state != "refused").then(|| "ann@contoso.test".into()),
            rollback_of: (state == "partly").then(|| "0199".into()),
            document,
        };
        anstream::adapter::strip_str(&told(&one)).to_string()
    }

    #[test]
    fn what_stays_open_is_told_with_its_fix() {
        let document = json!({
            "references": [
                {"name": "contoso_Sql", "state": "bound", "code": null},
                {"name": "contoso_Mail", "state": "broken", "code": "ConnectionOwnerDisabled"},
            ],
            "flows": [
                {"name": "Sync", "state": "on", "wantedOn": true, "codes": []},
                {"name": "Tell", "state": "off", "wantedOn": true, "codes": ["ConnectionOwnerDisabled"]},
                {"name": "Old", "state": "off", "wantedOn": false, "codes": []},
            ],
            "notReturned": ["contoso_New"], "refusals": [], "findings": [], "failedFindings": 0,
        });
        insta::assert_snapshot!(shown("partly", document));
    }

    #[test]
    fn a_refusal_is_told_with_everything_that_forbids() {
        let document = json!({
            "failedFindings": 1,
            "findings": [{"code": "CR007", "severity": "error", "message": "a secret in `Call`"}],
            "refusals": [{"code": "ConnectionNotFound", "message": "Connection 'x' is not there.",
                          "fix": "connref ref list"}],
            "references": [], "flows": [], "notReturned": [],
        });
        insta::assert_snapshot!(shown("refused", document));
    }
}
