//! `connref solution graph`
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use connref_review::graph::package_graph;
use connref_solution::flow_bodies;

use crate::context::Context;
use crate::exit::{Exit, Failure, Outcome};
use crate::package::read;

/// Draw flows, references and connectors; offline
#[derive(Args, Debug)]
pub(crate) struct GraphArgs {
    /// Solution zip or folder
    path: PathBuf,
    /// Language of the drawing
    #[arg(long, value_enum, default_value = "mermaid")]
    format: Language,
}

/// Languages of drawings.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Language {
    /// Mermaid, which Markdown pages draw
    Mermaid,
    /// Graphviz
    Dot,
    /// A picture: flows on the left, references, connectors on the right
    Svg,
}

impl GraphArgs {
    pub(super) fn run(self, context: &Context) -> Outcome {
        let file = read(&self.path)?;
        let bodies = flow_bodies(&file.package).map_err(|error| {
            Failure::new(Exit::Usage, error).context("cannot draw the solution")
        })?;
        let graph = package_graph(&file.package, &bodies);
        let text = match self.format {
            Language::Mermaid => graph.mermaid(),
            Language::Dot => graph.dot(),
            Language::Svg => graph.svg(),
        };
        context.output.text(&text)?;
        Ok(Exit::Clean)
    }
}
