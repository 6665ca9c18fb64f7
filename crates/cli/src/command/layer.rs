//! `connref layer`
use clap::{Subcommand, ValueEnum};
use connref_client::layer::Layer;
use serde_json::{Value, json};

use crate::context::Context;
use crate::exit::{Exit, Failure, Outcome};
use crate::render::note;

// Verbs of layers.
#[derive(Debug, Subcommand)]
pub(crate) enum LayerCommand {
    /// List layers: what solutions brought of each component, and what was changed here
    List {
        /// Only components whose updates are hidden by an unmanaged layer
        #[arg(long)]
        unmanaged: bool,
    },
    /// Remove an unmanaged layer, so that what the solution brought shows again
    Remove {
        /// Kind of the component
        kind: Kind,
        /// Its name or id
        name: String,
    },
}

/// Kinds of components that have layers.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Kind {
    /// A flow
    Flow,
    /// A connection reference
    Reference,
    /// An environment variable
    Variable,
}

impl Kind {
    fn table(self) -> &'static str {
        match self {
            Self::Flow => "Workflow",
            Self::Reference => "connectionreference",
            Self::Variable => "environmentvariabledefinition",
        }
    }
}

impl LayerCommand {
    /// Runs the verb.
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        let client = context.client().await?;
        match self {
            Self::List { unmanaged } => {
                let layers = client.layers().await?;
                list(context, &layers, unmanaged)
            }
            Self::Remove { kind, name } => {
                let layers = client.layers().await?;
                let layer = find(&layers, kind, &name)?;
                client.layer_remove(layer).await?;
                let text = format!("unmanaged layer of {} removed", layer.name);
                context.output.done(&text, &row(layer))?;
                Ok(Exit::Clean)
            }
        }
    }
}

fn list(context: &Context, layers: &[Layer], unmanaged: bool) -> Outcome {
    let changed: Vec<&str> =
        layers.iter().filter(|one| one.unmanaged()).map(|one| one.component_id.as_str()).collect();
    let rows: Vec<Value> = layers
        .iter()
        .filter(|one| !unmanaged || changed.contains(&one.component_id.as_str()))
        .map(row)
        .collect();
    if rows.is_empty() {
        note("no layers: nothing here came with a managed solution, or nothing was changed");
    }
    const COLUMNS: &[(&str, &str)] = &[
        ("KIND", "kind"),
        ("NAME", "name"),
        ("ORDER", "order"),
        ("SOLUTION", "solution"),
        ("CHANGED", "modifiedOn"),
    ];
    context.output.list(COLUMNS, &rows)?;
    Ok(Exit::Clean)
}

fn row(layer: &Layer) -> Value {
    json!({
        "kind": layer.kind,
        "name": layer.name,
        "id": layer.component_id,
        "order": layer.order,
        "solution": layer.solution,
        "unmanaged": layer.unmanaged(),
        "modifiedOn": layer.modified_on,
    })
}

fn find<'l>(layers: &'l [Layer], kind: Kind, name: &str) -> Result<&'l Layer, Failure> {
    let table = kind.table();
    let mut found = layers.iter().filter(|one| {
        one.unmanaged()
            && one.kind.eq_ignore_ascii_case(table)
            && (one.name.eq_ignore_ascii_case(name) || one.component_id.eq_ignore_ascii_case(name))
    });
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one),
        (Some(_), Some(_)) => {
            Err(Failure::usage(format!("several components are named `{name}`; give the id"))
                .fix("connref layer list --unmanaged"))
        }
        (None, _) => Err(Failure::missing(format!("`{name}` has no unmanaged layer"))
            .fix("connref layer list --unmanaged")),
    }
}
