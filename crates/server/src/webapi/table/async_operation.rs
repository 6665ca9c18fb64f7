//! Jobs: the one change is that they end.
use connref_store::query::Record;

use crate::operation::solution::job_cancel;
use crate::webapi::body::Fields;
use crate::webapi::{Asked, Fault};

/// Completed and cancelled, as clients ask a job to end.
const END: (i64, i64) = (3, 32);

pub(super) async fn update(
    asked: &Asked,
    record: &Record,
    mut fields: Fields,
) -> Result<(), Fault> {
    let (state, status) = (fields.int("statecode"), fields.int("statuscode"));
    fields.finish()?;
    if state != Some(END.0) || status.is_some_and(|status| status != END.1) {
        return Err(Fault::invalid(
            "A job is cancelled by statecode 3 with statuscode 32; nothing else of it changes.",
        ));
    }
    Ok(job_cancel(&asked.cx, &record.id).await?)
}
