//! `connref connector create`
use std::path::PathBuf;

use clap::Args;
use connref_client::connector::{Connector, NewConnector};

use super::show::whole;
use crate::connector_file::ConnectorFile;
use crate::context::Context;
use crate::exit::{Exit, Failure, Outcome};
use crate::render::warning;

/// Arguments of `connector create`.
#[derive(Args, Debug)]
pub(crate) struct CreateArgs {
    #[command(flatten)]
    files: FileArgs,
    /// Display name; else the definition's title
    #[arg(long)]
    name: Option<String>,
    /// Unmanaged solution it goes into
    #[arg(long, alias = "solution-unique-name", value_name = "NAME")]
    solution: Option<String>,
}

/// Where a connector's files are.
#[derive(Args, Debug)]
pub(crate) struct FileArgs {
    /// Folder with apiDefinition.swagger.json, or a solution with a connector
    #[arg(value_name = "PATH", conflicts_with = "api_definition_file")]
    path: Option<PathBuf>,
    /// Swagger 2.0 definition
    #[arg(long, alias = "api-definition", value_name = "PATH")]
    api_definition_file: Option<PathBuf>,
    /// Connection parameters, sets and policies
    #[arg(long, alias = "api-properties", value_name = "PATH")]
    api_properties_file: Option<PathBuf>,
    /// Which connector of a solution with several: name or display name
    #[arg(long, value_name = "NAME", requires = "path")]
    from: Option<String>,
}

impl FileArgs {
    /// The files that are named; what is not strict JSON is told.
    pub(super) fn read(&self) -> Result<ConnectorFile, Failure> {
        let properties = self.api_properties_file.as_deref();
        let file = match (&self.path, &self.api_definition_file) {
            (Some(path), _) => ConnectorFile::at(path, self.from.as_deref(), properties)?,
            (None, definition) => ConnectorFile::of(definition.as_deref(), properties)?,
        };
        file.warnings.iter().for_each(|text| warning(text));
        Ok(file)
    }
}

impl CreateArgs {
    pub(super) async fn run(self, context: &Context) -> Outcome {
        let file = self.files.read()?;
        let Some(definition) = &file.definition else {
            return Err(Failure::usage("no definition is named")
                .fix("name a folder, or --api-definition-file apiDefinition.swagger.json"));
        };
        let name = self.name.as_deref().or(file.name.as_deref());
        let Some(display_name) = name else {
            return Err(Failure::usage("the definition has no title")
                .fix("give the connector's name with --name"));
        };
        let new = NewConnector {
            display_name,
            definition,
            properties: file.properties.as_ref(),
            solution: self.solution.as_deref(),
        };
        let made = context.client().await?.connector_create(&new).await?;
        warnings(&made);
        let sentence = format!(
            "connector {} created: {} ({} operations)",
            made.display_name,
            made.name,
            made.operations.len()
        );
        context.output.done(&sentence, &whole(&made))?;
        Ok(Exit::Clean)
    }
}

/// Tells what the other side remarked. Places in the files were told before: what was sent is
/// strict.
pub(super) fn warnings(made: &Connector) {
    for one in &made.warnings {
        warning(&format!("{}: {}", one.part, one.message));
    }
}
