//! Dependencies, as far as the caller sees both ends.
use std::collections::HashSet;

use connref_review::{Dependency, dependencies, missing_dependencies};
use connref_solution::model::{Component, ComponentKind};
use connref_store::StoreError;
use connref_store::query::{Query, table_by_logical_name};

use super::Result;
use crate::Context;

/// Which dependencies of a component are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// What needs it.
    Dependent,
    /// What it needs.
    Required,
}

/// The dependencies of one component.
pub async fn dependency_list(
    cx: &Context,
    kind: ComponentKind,
    id: &str,
    side: Side,
) -> Result<Vec<Dependency>> {
    let facts = cx.store().facts(&cx.caller, &cx.environment.id).await?;
    let id = id.trim_matches(['{', '}']).to_lowercase();
    let mut all = dependencies(&facts);
    all.retain(|one| {
        let end = if side == Side::Dependent { &one.required } else { &one.dependent };
        end.kind == kind && *end.id == *id
    });
    visible(cx, all).await
}

/// What the components of a solution need that is not in it.
pub async fn dependency_missing(cx: &Context, solution: &str) -> Result<Vec<Dependency>> {
    let store = cx.store();
    let found = store.solution_get(&cx.caller, &cx.environment.id, solution).await?;
    let facts = store.facts(&cx.caller, &cx.environment.id).await?;
    let known = facts.solutions.iter().find(|known| known.id == found.facts.id);
    let known = known.ok_or_else(|| StoreError::not_found("solution", solution))?;
    visible(cx, missing_dependencies(&facts, known)).await
}

/// Everything a component needs, and what that needs in turn; itself is not among it.
pub async fn dependency_closure(
    cx: &Context,
    kind: ComponentKind,
    id: &str,
) -> Result<Vec<Component>> {
    let facts = cx.store().facts(&cx.caller, &cx.environment.id).await?;
    let all = dependencies(&facts);
    let mut found: Vec<Component> = Vec::new();
    let mut open = vec![(kind, id.to_lowercase())];
    let mut seen: HashSet<_> = open.iter().cloned().collect();
    while let Some((kind, id)) = open.pop() {
        let needs = all.iter().filter(|d| d.dependent.kind == kind && *d.dependent.id == *id);
        for one in needs {
            let key = (one.required.kind, one.required.id.to_string());
            if seen.insert(key.clone()) {
                found.push(one.required.clone());
                open.push(key);
            }
        }
    }
    Ok(found)
}

async fn visible(cx: &Context, mut all: Vec<Dependency>) -> Result<Vec<Dependency>> {
    let kinds: HashSet<ComponentKind> =
        all.iter().flat_map(|one| [one.dependent.kind, one.required.kind]).collect();
    let mut seen = HashSet::new();
    for kind in kinds {
        let Some(table) = table_by_logical_name(kind.table()) else { continue };
        let mut query = Query::new(table);
        query.select = Some(vec![table.primary_id.to_owned()]);
        loop {
            let asked = query.clone();
            let page = cx.store().query(&cx.caller, &cx.environment.id, asked).await?;
            seen.extend(page.rows.into_iter().map(|row| (kind, row.id)));
            match page.next {
                Some(cursor) => query.after = Some(cursor),
                None => break,
            }
        }
    }
    let sees = |one: &Component| seen.contains(&(one.kind, one.id.to_string()));
    all.retain(|one| sees(&one.dependent) && sees(&one.required));
    Ok(all)
}
