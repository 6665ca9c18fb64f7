//! Layers of components.
use http::Method;
use serde_json::{Value, json};

use crate::answer::text;
use crate::odata::query;
use crate::{ApiService, Client, Result};

/// A layer of a component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// Row id of the component.
    pub component_id: String,
    /// Its kind, as actions name it: `Workflow`, `connectionreference`, …
    pub kind: String,
    /// Name people know.
    pub name: String,
    /// Unique name of the solution; `Active` for the unmanaged layer.
    pub solution: String,
    /// From 1, the lowest first.
    pub order: i64,
    /// Last change, ISO 8601.
    pub modified_on: String,
}

impl Layer {
    /// Whether it is the unmanaged one.
    pub fn unmanaged(&self) -> bool {
        self.solution == "Active"
    }

    fn read(row: &Value) -> Self {
        Self {
            component_id: text(row, "/msdyn_componentid"),
            kind: text(row, "/msdyn_solutioncomponentname"),
            name: text(row, "/msdyn_name"),
            solution: text(row, "/msdyn_solutionname"),
            order: row["msdyn_order"].as_i64().unwrap_or_default(),
            modified_on: text(row, "/modifiedon"),
        }
    }
}

impl<S: ApiService> Client<S> {
    /// Every layer, component by component, the lowest first.
    pub async fn layers(&self) -> Result<Vec<Layer>> {
        let path = format!(
            "msdyn_componentlayers{}",
            query(&[("$orderby", "msdyn_solutioncomponentname,msdyn_name,msdyn_order")])
        );
        let rows = self.web_list("list layers", &path).await?;
        Ok(rows.iter().map(Layer::read).collect())
    }

    /// Takes away the unmanaged layer of a component.
    pub async fn layer_remove(&self, layer: &Layer) -> Result<()> {
        let attempt = format!("remove the unmanaged layer of `{}`", layer.name);
        let body = json!({"SolutionComponentName": layer.kind, "ComponentId": layer.component_id});
        let call = self.web(&attempt, Method::POST, "RemoveActiveCustomizations").json(body);
        self.send(call).await.map(drop)
    }
}
