//! `connref solution inspect`
use std::path::{Path, PathBuf};

use clap::Args;
use connref_solution::model::package::Managed;
use connref_solution::{Limits, find_solutions};
use serde_json::{Value, json};

use crate::context::Context;
use crate::exit::{Exit, Failure, Outcome};
use crate::package;

/// Show what solution files hold; offline
#[derive(Args, Debug)]
pub(crate) struct InspectArgs {
    /// Solution zips and unpacked folders; a folder may hold several, at any depth
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
}

impl InspectArgs {
    pub(super) fn run(self, context: &Context) -> Outcome {
        let mut rows = Vec::new();
        let mut worst = Exit::Clean;
        for path in &self.paths {
            // One file that cannot be read does not hide the others.
            match found(path) {
                Ok(solutions) => {
                    for solution in solutions {
                        match row(&solution) {
                            Ok(row) => rows.push(row),
                            Err(failure) => worst = failure.report(),
                        }
                    }
                }
                Err(failure) => worst = failure.report(),
            }
        }
        const COLUMNS: &[(&str, &str)] = &[
            ("SOLUTION", "uniqueName"),
            ("VERSION", "version"),
            ("MANAGED", "managed"),
            ("FLOWS", "flows"),
            ("REFERENCES", "references"),
            ("VARIABLES", "environmentVariables"),
            ("CONNECTORS", "connectors"),
        ];
        if context.output.is_table() {
            context.output.list(COLUMNS, &rows.iter().map(counted).collect::<Vec<_>>())?;
        } else {
            context.output.list(COLUMNS, &rows)?;
        }
        Ok(worst)
    }
}

fn found(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    let solutions = find_solutions(path, &Limits::default()).map_err(|error| {
        Failure::new(Exit::Usage, error).context(format!("cannot look into `{}`", path.display()))
    })?;
    if solutions.is_empty() {
        return Err(Failure::usage(format!("there is no solution in `{}`", path.display())));
    }
    Ok(solutions)
}

fn row(path: &Path) -> Result<Value, Failure> {
    let package = package::read(path)?.package;
    let flows = package.workflows.iter().filter(|one| one.is_cloud_flow());
    Ok(json!({
        "path": path.display().to_string(),
        "uniqueName": package.manifest.unique_name,
        "version": package.manifest.version,
        "managed": package.manifest.managed == Managed::Managed,
        "flows": flows.map(|one| one.name.as_str()).collect::<Vec<_>>(),
        "references": package.references.iter().map(|one| one.logical_name.as_str()).collect::<Vec<_>>(),
        "environmentVariables": package.variables.iter().map(|one| one.schema_name.as_str()).collect::<Vec<_>>(),
        "connectors": package.connectors.iter().map(|one| one.display_name.as_str()).collect::<Vec<_>>(),
    }))
}

/// Lists become numbers: a table of many solutions stays readable.
fn counted(row: &Value) -> Value {
    let mut counted = row.clone();
    for value in counted.as_object_mut().into_iter().flat_map(|members| members.values_mut()) {
        if let Value::Array(items) = value {
            *value = items.len().into();
        }
    }
    counted
}

#[cfg(test)]
mod tests {
    use connref_solution::model::package::{Manifest, PackageReference, Publisher, Workflow};
    use connref_solution::model::{ApiName, LogicalName, Package};
    use connref_solution::package_write;

    use super::*;

    fn workflow(name: &str, category: i32, id: &str) -> Workflow {
        let file = format!("/Workflows/{name}-{}.json", id.to_uppercase());
        Workflow {
            id: id.into(),
            name: name.to_owned(),
            description: None,
            category,
            state_code: 0,
            modern_flow_type: Some(0),
            json_file_name: Some(file),
            client_data: Some(r#"{"properties":{"connectionReferences":{},"definition":{"triggers":{},"actions":{}}},"schemaVersion":"1.0.0.0"}"#.to_owned()),
        }
    }

    fn package(name: &str) -> Package {
        Package {
            manifest: Manifest {
                unique_name: name.to_owned(),
                display_name: name.to_owned(),
                version: "1.2.0.0".to_owned(),
                managed: Managed::Managed,
                language: 1033,
                publisher: Publisher {
                    unique_name: "contoso".to_owned(),
                    display_name: "Contoso".to_owned(),
                    prefix: "contoso".to_owned(),
                    option_value_prefix: 12345,
                },
                ..Manifest::default()
            },
            references: vec![PackageReference {
                logical_name: LogicalName::new("contoso_orders"),
                display_name: "Orders".to_owned(),
                description: None,
                api_name: ApiName::new("shared_sql"),
                custom_connector_id: None,
                customizable: true,
                prompting_behavior: None,
            }],
            workflows: vec![
                workflow("OrderMail", 5, "11111111-1111-4111-8111-111111111111"),
                workflow("Rule", 2, "22222222-2222-4222-8222-222222222222"),
            ],
            ..Package::default()
        }
    }

    #[test]
    fn a_folder_of_solutions_is_found_and_told() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("deep")).unwrap();
        for (name, path) in [("One", "one.zip"), ("Two", "deep/two.zip")] {
            let archive = package_write(None, &package(name)).unwrap();
            std::fs::write(folder.path().join(path), archive.to_zip().unwrap()).unwrap();
        }
        let mut rows: Vec<Value> =
            found(folder.path()).unwrap().iter().map(|path| row(path).unwrap()).collect();
        rows.sort_by_key(|row| row["uniqueName"].to_string());
        assert_eq!(rows.len(), 2);
        for (row, name) in rows.iter_mut().zip(["One", "Two"]) {
            let path = row["path"].take();
            assert!(path.as_str().unwrap().ends_with(".zip"), "{path}");
            assert_eq!(
                *row,
                json!({
                    "path": null, "uniqueName": name, "version": "1.2.0.0", "managed": true,
                    "flows": ["OrderMail"], "references": ["contoso_orders"],
                    "environmentVariables": [], "connectors": [],
                })
            );
            assert_eq!(counted(row)["flows"], 1);
        }
    }

    #[test]
    fn what_is_no_solution_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert!(found(folder.path()).is_err());
        let file = folder.path().join("x.zip");
        std::fs::write(&file, b"not a zip").unwrap();
        assert!(row(&file).is_err());
    }
}
