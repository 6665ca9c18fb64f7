//! Staging: a package is read, kept for a later import, and described.
use std::collections::BTreeMap;
use std::sync::Arc;

use connref_review::{ImportOptions, Outcome, Refusal, import_outcome};
use connref_solution::archive::Archive;
use connref_solution::document::xml::XmlDocument;
use connref_solution::model::{Facts, Package};
use connref_store::StoreError;
use connref_store::solution::Solution;

use super::solution::{PackageRead, SolutionImport};
use super::{Result, principal};
use crate::Context;

/// A package kept to be imported later.
pub struct Staged {
    /// Id under which it waits.
    pub id: String,
    /// What is in it.
    pub package: Package,
    /// Its tables: (logical name, display name).
    pub entities: Vec<(String, String)>,
    /// Row ids of the values that travel, by the schema name of their variable.
    pub value_ids: BTreeMap<String, String>,
    /// The solution of that name that is installed.
    pub installed: Option<Solution>,
    /// What an import would say now: refusals, or what it would do.
    pub outcome: std::result::Result<Outcome, Vec<Refusal>>,
    /// The environment as it is.
    pub facts: Arc<Facts>,
}

/// Reads and keeps a package for a later import, and says what it would do now.
pub async fn solution_stage(cx: &Context, file: Vec<u8>) -> Result<Staged> {
    let read = PackageRead::from_zip(&file)?;
    let caller = principal(cx)?;
    let (store, id) = (cx.store(), &cx.environment.id);
    let name = &read.package.manifest.unique_name;
    let kept = store.package_keep(&cx.caller, id, name, file).await?;
    let installed = match store.solution_get(&cx.caller, id, name).await {
        Ok(found) => Some(found),
        Err(StoreError::NotFound { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    let import = SolutionImport {
        file: Vec::new(),
        settings: None,
        options: ImportOptions::default(),
        job: None,
    };
    let facts = store.facts(&cx.caller, id).await?;
    let outcome = import_outcome(&facts, read.asked(&import, &caller, Vec::new()));
    let (entities, value_ids) = (entities(&read.archive), value_ids(&read.archive));
    Ok(Staged { id: kept, package: read.package, entities, value_ids, installed, outcome, facts })
}

/// A package that was staged.
pub async fn solution_staged(cx: &Context, id: &str) -> Result<Vec<u8>> {
    Ok(cx.store().package_kept(&cx.caller, &cx.environment.id, id).await?)
}

/// The tables a package brings. It could be read as a package, so what cannot be read here has none.
fn entities(archive: &Archive) -> Vec<(String, String)> {
    let Ok(Some(part)) = archive.read_part("customizations.xml") else { return Vec::new() };
    let Ok(document) = XmlDocument::parse(&part) else { return Vec::new() };
    let list = document.root().child("Entities");
    let entities = list.iter().flat_map(|list| list.children());
    entities
        .filter_map(|entity| {
            let name = entity.child("Name")?;
            let logical = name.text().trim().to_owned();
            let shown = name.attribute("LocalizedName").filter(|text| !text.is_empty());
            let shown = shown.map_or_else(|| logical.clone(), |text| text.into_owned());
            Some((logical, shown))
        })
        .collect()
}

/// The folder that holds a package's variables.
const VARIABLES: &str = "environmentvariabledefinitions/";

fn value_ids(archive: &Archive) -> BTreeMap<String, String> {
    let mut ids = BTreeMap::new();
    let names: Vec<String> = archive.parts().map(|part| part.name().to_owned()).collect();
    for name in names {
        let Some(rest) = name.strip_prefix(VARIABLES) else { continue };
        let Some(schema) = rest.strip_suffix("/environmentvariablevalues.json") else { continue };
        let Ok(Some(part)) = archive.read_part(&name) else { continue };
        let value: serde_json::Value = serde_json::from_slice(&part).unwrap_or_default();
        let value = &value["environmentvariablevalues"]["environmentvariablevalue"];
        let value = if value.is_array() { &value[0] } else { value };
        if let Some(id) = value["@environmentvariablevalueid"].as_str() {
            ids.insert(schema.to_lowercase(), id.to_owned());
        }
    }
    ids
}
