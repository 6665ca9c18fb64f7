//! Audits, the audit log, the history of bindings, and reassignment.
use connref_review::Finding;
use connref_solution::artefact::facts_json::facts_value;
use connref_solution::model::Facts;
use connref_solution::model::facts::{ConnectionFacts, PrincipalFacts};
use connref_store::audit_log::AuditRow;
use connref_store::reference::Binding;
use serde_json::{Value, json};

use super::parameters::Parameters;
use crate::operation::OperationError;
use crate::operation::audit::{
    Reassign, audit_departed, audit_log, audit_verify, connection_reassign, environment_facts,
};
use crate::operation::reference::reference_history;
use crate::webapi::fault::subject;
use crate::webapi::render::moment;
use crate::webapi::{Asked, Fault};

/// Rows of the log that are answered when the caller names no number, and the most there are.
const LOG_ROWS: i64 = 50;
const LOG_ROWS_MAX: i64 = 5000;

/// A finding as clients of connref read it.
pub(in crate::webapi) fn finding(finding: &Finding) -> Value {
    json!({
        "code": finding.code,
        "severity": finding.severity.as_str(),
        "subject": subject(&finding.subject),
        "message": finding.message,
        "help": finding.help,
        "fix": finding.fix,
    })
}

pub(super) async fn departed(asked: &Asked, parameters: Parameters) -> Result<Value, Fault> {
    let findings = audit_departed(&asked.cx, parameters.text("User")).await?;
    Ok(json!({"value": findings.iter().map(finding).collect::<Vec<_>>()}))
}

/// The facts as a file holds them.
pub(super) async fn facts(asked: &Asked) -> Result<Value, Fault> {
    Ok(json!({"facts": facts_value(&environment_facts(&asked.cx).await?)}))
}

pub(super) async fn log(asked: &Asked, parameters: Parameters) -> Result<Value, Fault> {
    let top = parameters.int("Top").unwrap_or(LOG_ROWS);
    if !(1..=LOG_ROWS_MAX).contains(&top) {
        return Err(Fault::invalid(format!("`Top` is a number from 1 to {LOG_ROWS_MAX}.")));
    }
    let rows = audit_log(&asked.cx, top).await?;
    Ok(json!({"value": rows.iter().map(log_row).collect::<Vec<_>>()}))
}

fn log_row(row: &AuditRow) -> Value {
    json!({
        "seq": row.seq,
        "at": moment(row.at),
        "actor": row.actor,
        "action": row.action,
        "object": row.object,
        "objectid": row.object_id,
        "detail": row.detail,
    })
}

pub(super) async fn verify(asked: &Asked) -> Result<Value, Fault> {
    let check = audit_verify(&asked.cx).await?;
    let mut answer = json!({
        "entries": check.entries,
        "head": check.head,
        "ok": check.first_bad.is_none(),
    });
    if let Some(first) = check.first_bad {
        answer["firstBad"] = json!(first);
    }
    Ok(answer)
}

pub(super) async fn binding_history(asked: &Asked, parameters: Parameters) -> Result<Value, Fault> {
    let bindings = reference_history(&asked.cx, parameters.required("Reference")).await?;
    let cx = &asked.cx;
    let facts = cx.store().facts(&cx.caller, &cx.environment.id).await?;
    let rows: Vec<_> = bindings.iter().map(|binding| history_row(&facts, binding)).collect();
    Ok(json!({"value": rows}))
}

/// A connection that was deleted since has its id only.
fn history_row(facts: &Facts, binding: &Binding) -> Value {
    let connection: Option<&ConnectionFacts> =
        binding.connection.as_ref().and_then(|id| facts.connections.iter().find(|c| &c.id == id));
    let owner: Option<&PrincipalFacts> =
        connection.and_then(|c| facts.principals.iter().find(|p| p.id == c.owner));
    json!({
        "version": binding.version,
        "connectionid": binding.connection.as_ref().map(|id| id.as_str()),
        "connectionname": connection.map(|c| c.display_name.as_str()),
        "owner": owner.map(|p| p.name.as_str()),
        "source": binding.source,
        "boundby": binding.bound_by,
        "boundon": moment(binding.bound_on),
    })
}

pub(super) async fn reassign(asked: &Asked, parameters: Parameters) -> Result<Value, Fault> {
    let ids = parameters.list("ConnectionIds").iter().filter_map(Value::as_str);
    let ask = Reassign {
        owner: parameters.text("Owner").map(str::to_owned),
        connections: ids.map(str::to_owned).collect(),
        to: parameters.required("To").to_owned(),
        dry_run: parameters.flag("DryRun").unwrap_or(false),
    };
    let cx = &asked.cx;
    // Names of what changes hands are those before it does.
    let facts = cx.store().facts(&cx.caller, &cx.environment.id).await?;
    let done = match connection_reassign(cx, &ask).await {
        Err(OperationError::Refused { refusals }) => return Err(Fault::refused_plainly(&refusals)),
        done => done?,
    };
    let connections = done.effect.connections.iter().map(|id| {
        let found = facts.connections.iter().find(|c| &c.id == id);
        json!({"id": id.as_str(), "name": found.map(|c| c.display_name.as_str())})
    });
    let references = done.effect.references.iter().map(|id| {
        let found = facts.references.iter().find(|r| &r.id == id);
        json!({"id": id.as_str(), "name": found.map(|r| r.logical_name.as_str())})
    });
    let flows =
        done.effect.flows_changing_identity.iter().map(
            |change| json!({"name": change.flow_name, "from": change.before, "to": change.after}),
        );
    let steps = done.effect.steps.iter().map(|step| step.command());
    Ok(json!({
        "connections": connections.collect::<Vec<_>>(),
        "references": references.collect::<Vec<_>>(),
        "flows": flows.collect::<Vec<_>>(),
        "applied": done.applied,
        "steps": steps.collect::<Vec<_>>(),
    }))
}
