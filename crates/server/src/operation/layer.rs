//! Layers of components.
use connref_solution::model::ComponentKind;

use super::Result;
use crate::Context;

/// Takes away the unmanaged layer of a component, so that what its solution brought shows.
pub async fn layer_remove(cx: &Context, kind: ComponentKind, id: &str) -> Result<()> {
    Ok(cx.store().layer_remove(&cx.caller, &cx.environment.id, kind, id).await?)
}
