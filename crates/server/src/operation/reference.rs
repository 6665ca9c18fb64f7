//! Connection references.
use std::time::Duration;

use connref_review::binding_check;
use connref_solution::model::facts::ReferenceFacts;
use connref_solution::model::{ConnectionId, Facts, LogicalName, PrincipalId, ReferenceId};
use connref_store::reference::{Binding, ReferenceNew, ReferenceUpdate};

use super::connection_test::connection_test;
use super::connector::connector_find;
use super::{OperationError, Result, judged, principal};
use crate::Context;

/// A reference to make.
#[derive(Clone, Debug)]
pub struct ReferenceCreate {
    /// Logical name.
    pub logical_name: String,
    /// Display name.
    pub display_name: String,
    /// Description.
    pub description: Option<String>,
    /// Connector id or api name.
    pub connector_id: String,
    /// Connection to bind at once.
    pub connection_id: Option<String>,
    /// Unique name of the unmanaged solution it is added to.
    pub solution: Option<String>,
}

/// Makes a reference, bound or not.
pub async fn reference_create(cx: &Context, new: ReferenceCreate) -> Result<ReferenceFacts> {
    name_check(&new.logical_name, 100)?;
    let connector = connector_find(cx, &new.connector_id).await?;
    let solution = match &new.solution {
        Some(name) => Some(super::solution::unmanaged(cx, name).await?),
        None => None,
    };
    let display_name = if new.display_name.is_empty() {
        new.logical_name.clone()
    } else {
        new.display_name.clone()
    };
    let connection =
        new.connection_id.as_deref().filter(|id| !id.is_empty()).map(ConnectionId::new);
    let caller = principal(cx)?;
    judged(cx, |facts| {
        let row = ReferenceNew {
            logical_name: LogicalName::new(&new.logical_name),
            display_name: display_name.clone(),
            description: new.description.clone(),
            api_name: connector.api_name.clone(),
            custom_connector_id: connector.custom.then(|| connector.id.as_str().to_owned()),
            connection: connection.clone(),
            solution: solution.clone(),
        };
        let (cx, caller) = (cx.clone(), caller.clone());
        async move {
            if let Some(connection) = &row.connection {
                binding_judge(&facts, &row, connection, &caller)?;
            }
            let version = facts.environment.version;
            Ok(cx.store().reference_create(&cx.caller, &cx.environment.id, version, row).await?)
        }
    })
    .await
}

/// A binding made together with its reference is judged like any other: over the facts as they would
/// be with the reference in them.
fn binding_judge(
    facts: &Facts,
    row: &ReferenceNew,
    connection: &ConnectionId,
    caller: &PrincipalId,
) -> Result<()> {
    let mut facts = facts.clone();
    let id = ReferenceId::new("new");
    facts.references.push(ReferenceFacts {
        id: id.clone(),
        logical_name: row.logical_name.clone(),
        display_name: row.display_name.clone(),
        description: None,
        api_name: row.api_name.clone(),
        connection: None,
        binding_version: 0,
        bound_by: None,
        bound_at: None,
        owner: caller.clone(),
        managed: false,
        solutions: Vec::new(),
    });
    binding_check(&facts, &id, connection, caller)?;
    Ok(())
}

/// What a binding did.
#[derive(Clone, Debug)]
pub struct Bound {
    /// The reference.
    pub reference: ReferenceFacts,
    /// Flows whose next run acts as another identity: (flow, before, after).
    pub identity_changes: Vec<(String, Option<String>, String)>,
}

/// Binds a reference to a connection, or with `None` unbinds it.
pub async fn reference_bind(
    cx: &Context,
    name: &str,
    connection: Option<&str>,
    source: &'static str,
) -> Result<Bound> {
    let reference = cx.store().reference_get(&cx.caller, &cx.environment.id, name).await?;
    let wanted = connection.filter(|id| !id.is_empty()).map(ConnectionId::new);
    let caller = principal(cx)?;
    let changes = judged(cx, |facts| {
        let (cx, id, wanted, caller) =
            (cx.clone(), reference.id.clone(), wanted.clone(), caller.clone());
        async move {
            let mut changes = Vec::new();
            if let Some(connection) = &wanted {
                let effect = binding_check(&facts, &id, connection, &caller)?;
                if effect.unchanged {
                    return Ok(changes);
                }
                changes = effect
                    .identity_changes
                    .into_iter()
                    .map(|change| (change.flow_name, change.before, change.after))
                    .collect();
            }
            let version = facts.environment.version;
            cx.store()
                .reference_bind(&cx.caller, &cx.environment.id, version, &id, wanted, source)
                .await?;
            Ok(changes)
        }
    })
    .await?;
    let reference = cx.store().reference_get(&cx.caller, &cx.environment.id, name).await?;
    Ok(Bound { reference, identity_changes: changes })
}

/// How long a tested binding goes back by itself, unless the caller says otherwise.
pub const WINDOW: Duration = super::connection_rotate::WINDOW;
/// The longest such time.
const WINDOW_MAX: Duration = Duration::from_secs(90 * 24 * 3600);

/// How bindings are made.
#[derive(Clone, Copy, Debug, Default)]
pub struct BindHow {
    /// The targets are asked first; a connection that nobody accepts is not bound.
    pub test: bool,
    /// How long the binding before comes back by itself when nobody accepts the new connection.
    pub window: Duration,
}

/// Binds several references, all or none; every refusal is told. Answers how many changed.
pub async fn references_bind(
    cx: &Context,
    asked: &[(String, String)],
    how: BindHow,
) -> Result<usize> {
    if how.window > WINDOW_MAX {
        return Err(OperationError::invalid("the window is longer than 90 days", "--window 24h"));
    }
    let mut wanted: Vec<(ReferenceId, ConnectionId)> = Vec::with_capacity(asked.len());
    for (name, connection) in asked {
        let id = find(cx, name).await?;
        if wanted.iter().any(|(before, _)| before == &id) {
            return Err(OperationError::invalid(
                format!("connection reference `{name}` is named twice"),
                "name each reference once",
            ));
        }
        wanted.push((id, ConnectionId::new(connection)));
    }
    let caller = principal(cx)?;
    if how.test {
        tested(cx, &wanted, &caller).await?;
    }
    let window = i64::try_from(how.window.as_micros()).unwrap_or(0);
    let return_until = (window > 0).then(|| cx.store().now() + window);
    judged(cx, |facts| {
        let (cx, wanted, caller) = (cx.clone(), wanted.clone(), caller.clone());
        async move {
            let (mut changes, mut refusals) = (Vec::new(), Vec::new());
            for (id, connection) in wanted {
                match binding_check(&facts, &id, &connection, &caller) {
                    Ok(effect) if effect.unchanged => {}
                    Ok(_) => changes.push((id, Some(connection))),
                    Err(refusal) => refusals.push(refusal),
                }
            }
            if !refusals.is_empty() {
                return Err(OperationError::Refused { refusals });
            }
            let count = changes.len();
            if count > 0 {
                let version = facts.environment.version;
                cx.store()
                    .references_bind(
                        &cx.caller,
                        &cx.environment.id,
                        version,
                        changes,
                        if how.test { "tested" } else { "match" },
                        return_until,
                    )
                    .await?;
            }
            Ok(count)
        }
    })
    .await
}

/// Asks the target of each connection that would be bound anew, once. What may not be bound is told
/// by the judgement and not asked.
async fn tested(
    cx: &Context,
    wanted: &[(ReferenceId, ConnectionId)],
    caller: &PrincipalId,
) -> Result<()> {
    let facts = cx.store().facts(&cx.caller, &cx.environment.id).await?;
    let mut asked: Vec<&ConnectionId> = Vec::new();
    for (reference, connection) in wanted {
        let binds = binding_check(&facts, reference, connection, caller);
        if binds.is_ok_and(|effect| !effect.unchanged) && !asked.contains(&connection) {
            asked.push(connection);
        }
    }
    for connection in asked {
        connection_test(cx, connection.as_str()).await?;
    }
    Ok(())
}

/// Changes display name or description.
pub async fn reference_update(cx: &Context, name: &str, update: ReferenceUpdate) -> Result<()> {
    let id = find(cx, name).await?;
    Ok(cx.store().reference_update(&cx.caller, &cx.environment.id, &id, update).await?)
}

/// Deletes a reference no flow uses.
pub async fn reference_delete(cx: &Context, name: &str) -> Result<()> {
    let id = find(cx, name).await?;
    Ok(cx.store().reference_delete(&cx.caller, &cx.environment.id, &id).await?)
}

/// The bindings of a reference, newest first.
pub async fn reference_history(cx: &Context, name: &str) -> Result<Vec<Binding>> {
    let id = find(cx, name).await?;
    Ok(cx.store().reference_history(&cx.caller, &cx.environment.id, &id).await?)
}

async fn find(cx: &Context, name: &str) -> Result<ReferenceId> {
    Ok(cx.store().reference_get(&cx.caller, &cx.environment.id, name).await?.id)
}

/// Logical and schema names: letters, digits, `_` and `.`, with the publisher's prefix in front.
pub(super) fn name_check(name: &str, most: usize) -> Result<()> {
    let prefixed = name.split_once('_').is_some_and(|(prefix, rest)| {
        !rest.is_empty()
            && prefix.starts_with(|c: char| c.is_ascii_alphabetic())
            && prefix.bytes().all(|b| b.is_ascii_alphanumeric())
    });
    let fits = prefixed
        && name.len() <= most
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'));
    if fits {
        return Ok(());
    }
    Err(OperationError::invalid(
        format!("`{name}` cannot be a logical name"),
        "begin with the publisher's prefix and `_`, then letters, digits, `_`, `.` or `-`, as in `contoso_orders`",
    ))
}
