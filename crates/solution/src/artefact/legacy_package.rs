//! An exported flow package: `manifest.json`, `Microsoft.Flow/flows/manifest.json` and a folder
//! for each flow.
use std::collections::HashMap;

use serde_json::Value;

use super::{Problems, cut};
use crate::archive::{Archive, ArchiveError};
use crate::document::json::{JsonDocument, json_lenient};
use crate::model::id::is_guid;
use crate::model::legacy::{LegacyApi, LegacyFlow, LegacyPackage};
use crate::model::package::Problem;
use crate::model::{ApiName, FlowId};

/// The part that tells a flow package from everything else.
pub const LISTING: &str = "Microsoft.Flow/flows/manifest.json";
const MANIFEST: &str = "manifest.json";
const FLOWS: &str = "Microsoft.Flow/flows/";

/// Why a flow package could not be read.
#[derive(Debug, thiserror::Error)]
pub enum LegacyError {
    /// The archive.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// No flow package.
    #[error(
        "`{archive}` is not an exported flow package: `{LISTING}` is missing; give the zip that Export → Package made"
    )]
    NotLegacy {
        /// Archive.
        archive: String,
    },
    /// A package in which no flow can be read.
    #[error("`{archive}` holds no flow that can be read: {why}; export it again")]
    NoFlow {
        /// Archive.
        archive: String,
        /// The first reason met.
        why: String,
    },
}

/// Whether an archive is an exported flow package.
pub fn legacy_package_is(archive: &Archive) -> bool {
    archive.part(LISTING).is_some()
}

/// Reads a flow package, zip or folder. Tolerant: what is odd goes to the problems, and one flow
/// that cannot be read does not hide the others. Account names of connections and the maker are
/// not read.
///
/// # Errors
/// No flow package; none of its flows can be read; a damaged archive.
pub fn legacy_package_read(archive: &Archive) -> Result<LegacyPackage, LegacyError> {
    if !legacy_package_is(archive) {
        return Err(LegacyError::NotLegacy { archive: archive.label().to_owned() });
    }
    let mut found = Vec::new();
    let mut package = LegacyPackage::default();
    let manifest = json_part(archive, MANIFEST, &mut found)?;
    if let Some(document) = &manifest {
        manifest_read(document.value(), &mut package, &mut Problems::new(MANIFEST, &mut found));
    }
    for asset in assets(archive, &mut found)? {
        package.flows.extend(flow_read(archive, &asset, &mut package.apis, &mut found)?);
    }
    if package.flows.is_empty() {
        let why = found.first().map_or_else(|| "it lists none".to_owned(), |p| p.message.clone());
        return Err(LegacyError::NoFlow { archive: archive.label().to_owned(), why });
    }
    if package.display_name.is_empty() {
        package.display_name.clone_from(&package.flows[0].name);
    }
    package.problems = found;
    Ok(package)
}

/// A JSON part, read leniently; missing or unreadable is a problem.
fn json_part(
    archive: &Archive,
    part: &str,
    found: &mut Vec<Problem>,
) -> Result<Option<JsonDocument>, ArchiveError> {
    let bytes = archive.bytes(part)?;
    let mut problems = Problems::new(part, found);
    let Some(bytes) = bytes else {
        problems.add("", format!("`{part}` is missing"));
        return Ok(None);
    };
    match json_lenient(bytes) {
        Ok((document, notes)) => {
            problems.lenient(&notes);
            Ok(Some(document))
        }
        Err(error) => {
            problems.add("", format!("cannot read `{part}`: {error}"));
            Ok(None)
        }
    }
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().trim()
}

fn manifest_read(manifest: &Value, package: &mut LegacyPackage, problems: &mut Problems<'_>) {
    text(manifest, "/details/displayName").clone_into(&mut package.display_name);
    text(manifest, "/details/description").clone_into(&mut package.description);
    let Some(resources) = manifest.get("resources").and_then(Value::as_object) else {
        problems.add("/resources", "there are no resources");
        return;
    };
    for (id, resource) in resources {
        match text(resource, "/type") {
            "Microsoft.PowerApps/apis" => {
                let name = ["/name", "/id"].iter().map(|p| text(resource, p));
                let name = name.filter(|n| !n.is_empty()).map(ApiName::from_connector_id).next();
                package.apis.push(LegacyApi {
                    resource: id.clone(),
                    api_name: name,
                    display_name: text(resource, "/details/displayName").to_owned(),
                });
            }
            "Microsoft.Flow/flows" | "Microsoft.PowerApps/apis/connections" => {}
            other => {
                let at = format!("/resources/{}", crate::document::json::pointer_escape(id));
                problems.add(at, format!("a resource of type `{}` is not read", cut(other)));
            }
        }
    }
}

/// The folders of the flows: those that are listed, then those that only lie there.
fn assets(archive: &Archive, found: &mut Vec<Problem>) -> Result<Vec<String>, ArchiveError> {
    let mut assets: Vec<String> = Vec::new();
    if let Some(listing) = json_part(archive, LISTING, found)? {
        let paths = listing.value().pointer("/flowAssets/assetPaths").and_then(Value::as_array);
        let paths = paths.map(Vec::as_slice).unwrap_or_default();
        assets.extend(paths.iter().filter_map(Value::as_str).map(str::to_owned));
    }
    for part in archive.parts() {
        let key = part.name().to_lowercase();
        let lies = key
            .strip_prefix(&FLOWS.to_lowercase())
            .and_then(|rest| rest.strip_suffix("/definition.json"));
        if let Some(folder) = lies
            && !assets.iter().any(|known| known.eq_ignore_ascii_case(folder))
        {
            let mut problems = Problems::new(LISTING, found);
            problems.add("/flowAssets/assetPaths", format!("`{}` is not listed", cut(folder)));
            assets.push(folder.to_owned());
        }
    }
    let mut seen = std::collections::HashSet::new();
    assets.retain(|asset| seen.insert(asset.to_lowercase()));
    Ok(assets)
}

fn flow_read(
    archive: &Archive,
    asset: &str,
    apis: &mut [LegacyApi],
    found: &mut Vec<Problem>,
) -> Result<Option<LegacyFlow>, ArchiveError> {
    let part = format!("{FLOWS}{asset}/definition.json");
    let Some(document) = json_part(archive, &part, found)? else { return Ok(None) };
    let value = document.value();
    if value.pointer("/properties/definition").and_then(Value::as_object).is_none() {
        Problems::new(&part, found).add("/properties/definition", "there is no flow definition");
        return Ok(None);
    }
    let ids = [text(value, "/name"), asset];
    let Some(id) = ids.into_iter().find(|id| is_guid(id)) else {
        Problems::new(&part, found).add("/name", format!("`{}` is no id", cut(ids[0])));
        return Ok(None);
    };
    let map = |name: &str, found: &mut Vec<Problem>| {
        let map = format!("{FLOWS}{asset}/{name}");
        key_map(archive, &map, found)
    };
    let api_keys = map("apisMap.json", found)?;
    names_complete(apis, &api_keys, value);
    let by_resource: HashMap<String, &ApiName> = apis
        .iter()
        .filter_map(|api| Some((api.resource.to_lowercase(), api.api_name.as_ref()?)))
        .collect();
    let apis = api_keys
        .into_iter()
        .filter_map(|(key, to)| Some((key, (*by_resource.get(&to.to_lowercase())?).clone())))
        .collect();
    let name = text(value, "/properties/displayName");
    Ok(Some(LegacyFlow {
        id: FlowId::new(id),
        name: if name.is_empty() { asset.to_owned() } else { name.to_owned() },
        body: document.text().to_owned(),
        apis,
        connections: map("connectionsMap.json", found)?,
        part,
    }))
}

/// The resource of a custom connector has no name; the flow's entry of that key has.
fn names_complete(apis: &mut [LegacyApi], keys: &[(String, String)], flow: &Value) {
    for api in apis.iter_mut().filter(|api| api.api_name.is_none()) {
        let key = keys.iter().find(|(_, to)| to.eq_ignore_ascii_case(&api.resource));
        let entries = flow.pointer("/properties/connectionReferences");
        let entry = key.and_then(|(key, _)| entries?.get(key));
        let id = entry.map(|entry| text(entry, "/id")).filter(|id| !id.is_empty());
        api.api_name = id.map(ApiName::from_connector_id);
    }
}

/// `{"<key>": "<resource id>"}`; both maps may be missing in flows without connections.
fn key_map(
    archive: &Archive,
    part: &str,
    found: &mut Vec<Problem>,
) -> Result<Vec<(String, String)>, ArchiveError> {
    if archive.part(part).is_none() {
        return Ok(Vec::new());
    }
    let document = json_part(archive, part, found)?;
    let map = document.as_ref().and_then(|d| d.value().as_object());
    let entries = map.into_iter().flatten();
    Ok(entries.filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned()))).collect())
}
