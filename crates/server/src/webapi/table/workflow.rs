//! Cloud flows.
use connref_store::flow::FlowUpdate;
use connref_store::query::Record;

use super::solution_header;
use crate::operation::flow::{FlowCreate, flow_create, flow_delete, flow_state_set, flow_update};
use crate::webapi::body::Fields;
use crate::webapi::{Asked, Fault};

/// `category` of cloud flows.
const MODERN_FLOW: i64 = 5;
/// `type` of what is edited.
const DEFINITION: i64 = 1;

pub(super) async fn create(asked: &Asked, mut fields: Fields) -> Result<String, Fault> {
    if fields.int("category") != Some(MODERN_FLOW) {
        return Err(Fault::invalid("only cloud flows (category 5) can be created"));
    }
    if fields.int("type").is_some_and(|kind| kind != DEFINITION) {
        return Err(Fault::invalid("only definitions (type 1) can be created"));
    }
    if fields.text("primaryentity").is_some_and(|entity| entity != "none") {
        return Err(Fault::invalid("the primary entity of a cloud flow is `none`"));
    }
    let new = FlowCreate {
        id: fields.text("workflowid"),
        name: fields.text("name").unwrap_or_default(),
        description: fields.text("description"),
        client_data: fields.text("clientdata").unwrap_or_default(),
        solution: solution_header(asked),
    };
    fields.finish()?;
    Ok(flow_create(&asked.cx, new).await?.as_str().to_owned())
}

/// Turning off comes before a change of the body and turning on after it, as a person would do it.
pub(super) async fn update(
    asked: &Asked,
    record: &Record,
    mut fields: Fields,
) -> Result<(), Fault> {
    let on = wanted_state(fields.int("statecode"), fields.int("statuscode"))?;
    let update = FlowUpdate {
        name: fields.text("name"),
        description: fields.nullable("description").map(Option::unwrap_or_default),
        client_data: fields.text("clientdata"),
    };
    fields.finish()?;
    if on == Some(false) {
        flow_state_set(&asked.cx, &record.id, false).await?;
    }
    if update.name.is_some() || update.description.is_some() || update.client_data.is_some() {
        flow_update(&asked.cx, &record.id, update).await?;
    }
    if on == Some(true) {
        flow_state_set(&asked.cx, &record.id, true).await?;
    }
    Ok(())
}

/// `statecode` 0 with `statuscode` 1 is off, 1 with 2 is on; either may stand alone.
fn wanted_state(state: Option<i64>, status: Option<i64>) -> Result<Option<bool>, Fault> {
    match (state, status) {
        (None, None) => Ok(None),
        (Some(0), None | Some(1)) | (None, Some(1)) => Ok(Some(false)),
        (Some(1), None | Some(2)) | (None, Some(2)) => Ok(Some(true)),
        (Some(2), _) | (None, Some(3)) => {
            Err(Fault::invalid("A flow is suspended by policy, not by hand; turn it off."))
        }
        _ => Err(Fault::invalid("`statecode` and `statuscode` do not belong together.")),
    }
}

pub(super) async fn delete(asked: &Asked, record: &Record) -> Result<(), Fault> {
    Ok(flow_delete(&asked.cx, &record.id).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_and_statuses() {
        let shown = |state, status| wanted_state(state, status).ok();
        assert_eq!(shown(Some(1), Some(2)), Some(Some(true)));
        assert_eq!(shown(Some(1), None), Some(Some(true)));
        assert_eq!(shown(None, Some(1)), Some(Some(false)));
        assert_eq!(shown(None, None), Some(None));
        assert_eq!(shown(Some(1), Some(1)), None);
        assert_eq!(shown(Some(2), None), None);
    }
}
