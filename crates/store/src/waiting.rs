//! Packages that wait: staged ones to be imported, exported ones to be fetched.
use connref_solution::model::{EnvironmentId, Micros};

use crate::access::{Caller, Privilege};
use crate::{Result, Store, StoreError};

/// How long a package waits.
const KEPT: Micros = 24 * 3_600_000_000;
/// How many wait in an environment; the oldest goes.
const MOST: i64 = 20;

impl Store {
    /// Keeps a package for a day; answers its id.
    pub async fn package_keep(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        solution: &str,
        content: Vec<u8>,
    ) -> Result<String> {
        caller.require(environment, Privilege::ImportCustomization, "stage solutions")?;
        self.keep_package(caller, environment, solution, content, "staged").await
    }

    /// Keeps an export until its maker fetches it, a day at most.
    pub async fn export_keep(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        solution: &str,
        content: Vec<u8>,
    ) -> Result<String> {
        caller.require(environment, Privilege::ExportCustomization, "export solutions")?;
        self.keep_package(caller, environment, solution, content, "export").await
    }

    async fn keep_package(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        solution: &str,
        content: Vec<u8>,
        kind: &'static str,
    ) -> Result<String> {
        let now = self.now();
        let id = self.ids.guid(now);
        let (caller, environment, solution) =
            (caller.clone(), environment.clone(), solution.to_owned());
        self.db
            .change(move |sql| {
                sql.execute(
                    "DELETE FROM waiting_package WHERE environmentid = $1 AND (createdon < $2 OR packageid IN \
                     (SELECT packageid FROM waiting_package WHERE environmentid = $1 \
                     ORDER BY createdon DESC LIMIT 1000 OFFSET $3))",
                    &[environment.as_str().into(), (now - KEPT).into(), (MOST - 1).into()],
                )?;
                sql.execute(
                    "INSERT INTO waiting_package (environmentid, packageid, kind, solutionname, content, createdby, \
                     createdon) VALUES ($1, $2, $7, $3, $4, $5, $6)",
                    &[
                        environment.as_str().into(),
                        (&id).into(),
                        (&solution).into(),
                        content.as_slice().into(),
                        caller.name().into(),
                        now.into(),
                        kind.into(),
                    ],
                )?;
                Ok(id)
            })
            .await
    }

    /// A package that was kept by this caller.
    pub async fn package_kept(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        id: &str,
    ) -> Result<Vec<u8>> {
        caller.require(environment, Privilege::ImportCustomization, "import solutions")?;
        self.kept_package(caller, environment, id, "staged").await
    }

    /// An export that was kept by this caller.
    pub async fn export_kept(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        id: &str,
    ) -> Result<Vec<u8>> {
        caller.require(environment, Privilege::ExportCustomization, "export solutions")?;
        self.kept_package(caller, environment, id, "export").await
    }

    async fn kept_package(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        id: &str,
        kind: &'static str,
    ) -> Result<Vec<u8>> {
        let (name, environment, id) =
            (caller.name().to_owned(), environment.clone(), id.to_lowercase());
        self.db
            .read(move |sql| {
                let row = sql.query_one(
                    "SELECT content FROM waiting_package WHERE environmentid = $1 AND packageid = $2 \
                     AND createdby = $3 AND kind = $4",
                    &[environment.as_str().into(), (&id).into(), name.into(), kind.into()],
                )?;
                Ok(row.ok_or_else(|| StoreError::not_found("waiting package", &id))?.bytes(0)?)
            })
            .await
    }
}
