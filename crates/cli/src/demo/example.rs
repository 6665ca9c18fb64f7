//! The example solution of this repository, inside the binary.
use connref_solution::{Archive, Limits};

use crate::exit::{Exit, Failure};

macro_rules! parts {
    ($($name:literal),* $(,)?) => {
        &[$((
            $name,
            include_bytes!(concat!(
                env!("CARGO_MANIFEST_DIR"), "/../../examples/contoso_orders/", $name
            )),
        )),*]
    };
}

/// Names and contents, in the order of the zip.
const PARTS: &[(&str, &[u8])] = parts![
    "[Content_Types].xml",
    "solution.xml",
    "customizations.xml",
    "Workflows/Syncorders-5B1F3C52-8D4E-4C0A-9A57-1D2E7F60A401.json",
    "Workflows/Reportorders-9C2A6E18-4F7B-4D35-B1C8-3E5F80B7A402.json",
    "Connector/contoso_5Forders-20api_openapidefinition.json",
    "Connector/contoso_5Forders-20api_connectionparameters.json",
    "Connector/contoso_5Forders-20api_policytemplateinstances.json",
    "environmentvariabledefinitions/contoso_ReportRecipients/environmentvariabledefinition.xml",
    "environmentvariabledefinitions/contoso_Stage/environmentvariabledefinition.xml",
];

/// The solution as ordered parts.
pub(super) fn archive() -> Result<Archive, Failure> {
    let parts = PARTS.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec())).collect();
    Archive::from_parts(parts, &Limits::default()).map_err(|error| {
        Failure::new(Exit::Usage, error).context("cannot read the example solution")
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::{Path, PathBuf};

    use connref_solution::package_read;

    use super::*;

    fn folder() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/contoso_orders")
    }

    fn files(folder: &Path, prefix: &str, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if entry.path().is_dir() {
                files(&entry.path(), &format!("{name}/"), found);
            } else {
                found.insert(name);
            }
        }
    }

    #[test]
    fn every_file_of_the_folder_is_carried() {
        let mut found = BTreeSet::new();
        files(&folder(), "", &mut found);
        let carried: BTreeSet<String> = PARTS.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(found, carried);
    }

    #[test]
    fn it_holds_what_the_demo_needs() {
        let package = package_read(&archive().unwrap()).unwrap();
        assert_eq!(package.problems, []);
        assert_eq!(package.manifest.unique_name, "ContosoOrders");
        let flows: Vec<_> = package.workflows.iter().filter(|w| w.is_cloud_flow()).collect();
        let names: Vec<_> = flows.iter().map(|flow| flow.name.as_str()).collect();
        assert_eq!(names, ["Sync orders", "Report orders"]);
        let apis: BTreeSet<String> =
            package.references.iter().map(|r| r.api_name.without_hash()).collect();
        let three = ["shared_contoso-5forders-20api", "shared_office365", "shared_sql"];
        assert_eq!(apis.iter().map(String::as_str).collect::<Vec<_>>(), three);
        assert_eq!(package.connectors.len(), 1);
        assert!(package.connectors[0].openapi_definition.is_some());
        assert_eq!(package.variables.len(), 2);
        let text: String = flows.iter().filter_map(|flow| flow.client_data.clone()).collect();
        for reference in &package.references {
            assert!(text.contains(reference.logical_name.as_str()), "{}", reference.logical_name);
        }
        for variable in &package.variables {
            assert!(text.contains(variable.schema_name.as_str()), "{}", variable.schema_name);
        }
    }

    #[test]
    fn the_zip_is_read_again_as_the_same_package() {
        let archive = archive().unwrap();
        let zip = Archive::from_zip(&archive.to_zip().unwrap(), &Limits::default()).unwrap();
        assert_eq!(package_read(&zip).unwrap(), package_read(&archive).unwrap());
        let plain = Archive::read(&folder(), &Limits::default()).unwrap();
        assert_eq!(package_read(&plain).unwrap(), package_read(&archive).unwrap());
    }
}
