//! Custom security roles.
use connref_store::access::{Depth, Privilege};
use connref_store::query::Record;

use crate::operation::role::{role_create, role_delete};
use crate::webapi::body::Fields;
use crate::webapi::{Asked, Fault};

pub(super) async fn create(asked: &Asked, mut fields: Fields) -> Result<String, Fault> {
    let name = fields.text("name").unwrap_or_default();
    let grants = fields.text("connref_privileges").unwrap_or_default();
    fields.finish()?;
    Ok(role_create(&asked.cx, name, grants_read(&grants)?).await?.id)
}

/// `prvReadWorkflow=organization, prvWriteWorkflow=user`: what the service takes row by row.
fn grants_read(text: &str) -> Result<Vec<(Privilege, Depth)>, Fault> {
    let mut grants = Vec::new();
    for part in text.split([',', ';']).map(str::trim).filter(|part| !part.is_empty()) {
        let (name, depth) = part.split_once('=').unwrap_or((part, ""));
        let privilege = Privilege::parse(name.trim())
            .ok_or_else(|| Fault::invalid(format!("`{name}` is no privilege.")))?;
        let depth = Depth::ALL
            .into_iter()
            .find(|known| *known > Depth::None && known.word().eq_ignore_ascii_case(depth.trim()))
            .ok_or_else(|| {
                Fault::invalid(format!(
                    "`{depth}` is no depth; use user, business unit, parent-child or organization."
                ))
            })?;
        grants.push((privilege, depth));
    }
    Ok(grants)
}

pub(super) async fn delete(asked: &Asked, record: &Record) -> Result<(), Fault> {
    Ok(role_delete(&asked.cx, &record.id).await?)
}
