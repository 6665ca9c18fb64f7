//! `connref flow create`
use std::path::PathBuf;

use clap::Args;
use connref_client::reference::Reference;
use connref_solution::artefact::workflow_json::flow_body_read;
use serde_json::{Map, Value, json};

use crate::command::read_text;
use crate::context::Context;
use crate::exit::{Exit, Failure, Outcome};
use crate::pick::pick;
use crate::render::warning;
use crate::secret::pair;

/// Arguments of `flow create`.
#[derive(Args, Debug)]
pub(crate) struct CreateArgs {
    /// Name
    name: String,
    /// A workflow definition, or a whole flow body with its connection references
    #[arg(long, value_name = "PATH")]
    definition: PathBuf,
    /// Unmanaged solution it goes into
    #[arg(long, value_name = "NAME")]
    solution: Option<String>,
    /// Connection key of the definition and the reference it stands for
    #[arg(long, value_name = "KEY=REFERENCE", value_parser = pair)]
    reference: Vec<(String, String)>,
    /// The same, but whoever runs the flow acts through a connection of their own
    #[arg(long, value_name = "KEY=REFERENCE", value_parser = pair)]
    invoker: Vec<(String, String)>,
}

impl CreateArgs {
    pub(super) async fn run(self, context: &Context) -> Outcome {
        let text = read_text(&self.definition, "the definition")?;
        let document: Value = serde_json::from_str(&text).map_err(|error| {
            Failure::new(Exit::Usage, error)
                .context(format!("cannot read the definition `{}`", self.definition.display()))
        })?;
        let client = context.client().await?;
        let mut entries = Map::new();
        let embedded = self.reference.iter().map(|entry| (entry, "embedded"));
        let invoker = self.invoker.iter().map(|entry| (entry, "invoker"));
        if !self.reference.is_empty() || !self.invoker.is_empty() {
            let references = client.references().await?;
            for ((key, wanted), source) in embedded.chain(invoker) {
                let reference = pick(references.clone(), wanted)?;
                if entries.insert(key.clone(), entry(&reference, source)).is_some() {
                    return Err(Failure::usage(format!("the key `{key}` is given twice")));
                }
            }
        }
        let body = body(document, entries)?;
        let solution = self.solution.as_deref();
        if let Some(solution) = solution {
            direct_warn(&body, solution);
        }
        let id = client.flow_create(&self.name, &body.to_string(), solution).await?;
        let item = json!({"name": self.name, "id": id, "state": "off"});
        context.output.done(&format!("flow {} created: {id}; it is off", self.name), &item)?;
        Ok(Exit::Clean)
    }
}

/// In a solution a connection named directly breaks the flow in the next environment; outside one
/// it may be meant.
fn direct_warn(body: &Value, solution: &str) {
    let (body, _) = flow_body_read(&body.to_string(), "the definition");
    for entry in body.references.iter().filter(|entry| entry.logical_name.is_none()) {
        warning(&format!(
            "`{}` names a connection of `{}` directly; in solution `{solution}` it needs a connection \
             reference, or the flow breaks in the next environment (CR001)",
            entry.key, entry.api_name
        ));
    }
}

fn entry(reference: &Reference, source: &str) -> Value {
    json!({
        "runtimeSource": source,
        "connection": {"connectionReferenceLogicalName": reference.logical_name},
        "api": {"name": reference.connector},
    })
}

/// A whole flow body from a body, from `{definition, connectionReferences}`, or from a bare
/// definition. Entries given on the command line replace those of the file.
fn body(document: Value, entries: Map<String, Value>) -> Result<Value, Failure> {
    let mut body = if document.pointer("/properties/definition").is_some() {
        document
    } else if document.get("definition").is_some() {
        json!({"properties": document, "schemaVersion": "1.0.0.0"})
    } else if document.get("triggers").is_some() && document.get("actions").is_some() {
        json!({"properties": {"definition": document}, "schemaVersion": "1.0.0.0"})
    } else {
        return Err(Failure::usage(
            "the file holds neither a flow body nor a definition with triggers and actions",
        ));
    };
    let Some(properties) = body["properties"].as_object_mut() else {
        return Err(Failure::usage("`properties` of the flow body is not an object"));
    };
    let known = properties.entry("connectionReferences").or_insert_with(|| json!({}));
    match known.as_object_mut() {
        Some(known) => known.extend(entries),
        None => return Err(Failure::usage("`connectionReferences` of the body is not an object")),
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_shapes_become_one() {
        let definition = json!({"triggers": {}, "actions": {}});
        let whole = json!({
            "properties": {"definition": definition, "connectionReferences": {"k": 1}},
            "schemaVersion": "1.0.0.0",
        });
        let half = json!({"definition": definition, "connectionReferences": {"k": 1}});
        assert_eq!(body(half, Map::new()).unwrap(), body(whole.clone(), Map::new()).unwrap());
        let entries = Map::from_iter([("k".to_owned(), json!(2))]);
        let replaced = body(whole, entries.clone()).unwrap();
        assert_eq!(replaced["properties"]["connectionReferences"], json!({"k": 2}));
        assert_eq!(body(definition, entries).unwrap()["properties"], replaced["properties"]);
        assert!(body(json!({"a": 1}), Map::new()).is_err());
        assert!(body(json!([]), Map::new()).is_err());
    }
}
