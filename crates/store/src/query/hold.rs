//! Keeps a row as it is until the transaction ends.
use connref_solution::model::EnvironmentId;

use super::TableDef;
use super::emit::stored;
use crate::access::{Action, Caller};
use crate::{Result, Store};

impl Store {
    /// Locks a row against other changes until the end of the group this store belongs to; outside of
    /// a group it does nothing that lasts.
    pub async fn row_hold(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        table: &'static TableDef,
        id: &str,
    ) -> Result<()> {
        caller.authorize(environment, Action::Read, &format!("read `{}`", table.set))?;
        let (environment, id) = (environment.clone(), id.to_owned());
        self.db()
            .read(move |sql| {
                let text = format!(
                    "SELECT 1 FROM {} t0 WHERE t0.environmentid = $1 AND {} = $2{}",
                    table.physical,
                    stored(table.id_column(), "t0"),
                    sql.for_update(),
                );
                sql.query(&text, &[environment.as_str().into(), id.as_str().into()])?;
                Ok(())
            })
            .await
    }
}
