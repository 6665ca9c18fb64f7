//! A runbook for programs.
use connref_review::runbook::{
    Acting, Binding, Certainty, ConnectorFacts, FlowStep, ReferenceFacts, Runbook, Shown, SignIn,
    Use, VariableFacts,
};
use connref_solution::model::LogicalName;
use serde_json::{Value, json};

use super::{kind, reference};

/// The whole of it as one document.
pub(crate) fn whole(book: &Runbook) -> Value {
    let solution = &book.solution;
    json!({
        "solution": {
            "uniqueName": solution.name,
            "displayName": solution.display_name,
            "version": solution.version,
            "publisher": solution.publisher,
            "flowPackage": solution.is_flow_package,
        },
        "needs": book.needed.iter().map(|n| json!({"solution": n.solution, "component": n.what, "type": n.kind})).collect::<Vec<_>>(),
        "connectors": book.connectors.iter().map(connector).collect::<Vec<_>>(),
        "references": book.references.iter().map(reference_facts).collect::<Vec<_>>(),
        "withoutReference": book.direct.iter().map(|one| json!({
            "reference": one.reference.as_ref().map(LogicalName::as_str),
            "connector": one.api_name.as_str(),
            "usedBy": one.users.iter().map(|(what, name)| json!({"kind": kind(*what), "name": name})).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
        "variables": book.variables.iter().map(variable).collect::<Vec<_>>(),
        "flows": book.flows.iter().map(flow).collect::<Vec<_>>(),
        "rings": book.rings,
        "unreadable": book.unreadable.iter().map(|(name, reason)| json!({"flow": name, "reason": reason})).collect::<Vec<_>>(),
    })
}

fn names(list: &[LogicalName]) -> Vec<&str> {
    list.iter().map(LogicalName::as_str).collect()
}

fn sign_in(one: &SignIn) -> Value {
    json!({
        "kinds": one.kinds.iter().map(|kind| kind.as_str()).collect::<Vec<_>>(),
        "servicePrincipal": reference::answer(one.principal),
        "reason": one.reason,
    })
}

fn reference_facts(one: &ReferenceFacts) -> Value {
    json!({
        "logicalName": one.logical_name.as_str(),
        "displayName": one.display_name,
        "connector": one.api_name.as_str(),
        "custom": one.custom,
        "signIn": sign_in(&one.sign_in),
        "usedBy": one.uses.iter().map(a_use).collect::<Vec<_>>(),
        "permissions": one.permissions.iter().map(|p| json!({
            "permission": p.text,
            "certainty": match p.certainty {
                Certainty::Known => "known",
                Certainty::Inferred => "inferred",
                Certainty::Unknown => "unknown",
            },
            "on": p.on,
            "operations": p.operations,
        })).collect::<Vec<_>>(),
        "settings": one.binding.as_ref().map(|binding| match binding {
            Binding::To(id) => json!({"connectionId": id}),
            Binding::Empty => json!("empty"),
            Binding::Absent => json!("missing"),
        }),
    })
}

fn a_use(one: &Use) -> Value {
    json!({
        "kind": kind(one.kind),
        "name": one.name,
        "action": one.action,
        "trigger": one.trigger,
        "operation": one.operation,
        "acting": match one.acting {
            Acting::Bound => "connection",
            Acting::Caller => "caller",
            Acting::BoundForCaller => "connection on behalf of the caller",
        },
    })
}

fn variable(one: &VariableFacts) -> Value {
    let shown = |value: &Shown| match value {
        Shown::Nothing => Value::Null,
        Shown::Text(text) => text.as_str().into(),
        Shown::Withheld => json!({"withheld": true}),
    };
    json!({
        "schemaName": one.schema_name.as_str(),
        "displayName": one.display_name,
        "type": format!("{:?}", one.kind),
        "required": one.required,
        "default": shown(&one.default),
        "value": shown(&one.value),
        "parent": one.parent.as_ref().map(LogicalName::as_str),
        "usedBy": one.used_by,
        "inSettings": one.filled,
    })
}

fn connector(one: &ConnectorFacts) -> Value {
    json!({
        "displayName": one.display_name,
        "name": one.name,
        "host": one.host,
        "signIn": sign_in(&one.sign_in),
        "oauth": one.oauth.iter().map(|o| json!({
            "way": o.way,
            "provider": o.provider,
            "clientId": o.client_id,
            "tenant": o.tenant,
            "resource": o.resource,
            "scopes": o.scopes,
            "redirectPerConnector": o.redirect_per_connector,
            "redirect": o.redirect,
            "application": o.application,
        })).collect::<Vec<_>>(),
        "parameters": one.parameters.iter().map(|p| json!({"name": p.name, "secret": p.secret, "way": p.way})).collect::<Vec<_>>(),
        "variables": names(&one.variables),
        "references": names(&one.references),
    })
}

fn flow(one: &FlowStep) -> Value {
    json!({
        "name": one.name,
        "id": one.id,
        "on": one.on,
        "trigger": one.trigger,
        "references": names(&one.references),
        "calls": one.calls,
        "callsElsewhere": one.calls_elsewhere,
    })
}
