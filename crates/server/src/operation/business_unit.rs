//! Business units.
use connref_store::business_unit::BusinessUnit;

use super::Result;
use crate::Context;

/// Makes a business unit below another, or below the root.
pub async fn business_unit_create(
    cx: &Context,
    name: String,
    parent: Option<String>,
) -> Result<BusinessUnit> {
    Ok(cx.store().business_unit_create(&cx.caller, &cx.environment.id, name, parent).await?)
}

/// Renames a business unit or moves it.
pub async fn business_unit_update(
    cx: &Context,
    unit: &str,
    name: Option<String>,
    parent: Option<String>,
) -> Result<()> {
    let environment = &cx.environment.id;
    Ok(cx.store().business_unit_update(&cx.caller, environment, unit, name, parent).await?)
}

/// Deletes a business unit.
pub async fn business_unit_delete(cx: &Context, unit: &str) -> Result<()> {
    Ok(cx.store().business_unit_delete(&cx.caller, &cx.environment.id, unit).await?)
}
