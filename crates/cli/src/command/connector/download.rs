//! `connref connector download`
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use crate::context::Context;
use crate::exit::{Exit, Failure, Outcome};
use crate::package::replace;
use crate::pick::pick;

/// Arguments of `connector download`.
#[derive(Args, Debug)]
pub(crate) struct DownloadArgs {
    /// Connector: api name or unique prefix
    #[arg(long, short, value_name = "NAME")]
    connector_id: String,
    /// Folder to write to; else the current one
    #[arg(long, alias = "outputDirectory", default_value = ".", value_name = "PATH")]
    output_directory: PathBuf,
    /// Write over files that are there
    #[arg(long)]
    overwrite: bool,
}

impl DownloadArgs {
    pub(super) async fn run(self, context: &Context) -> Outcome {
        let client = context.client().await?;
        let found = pick(client.connectors().await?, &self.connector_id)?;
        let one = client.connector(&found.name).await?;
        let Some(definition) = &one.definition else {
            return Err(Failure::refused(format!(
                "connector `{}` has no definition to write: it is built in",
                one.name
            )));
        };
        let properties = json!({"properties": one.properties});
        let folder = &self.output_directory;
        let files = [
            (folder.join("apiDefinition.swagger.json"), definition),
            (folder.join("apiProperties.json"), &properties),
        ];
        let there = files.iter().find(|(path, _)| path.exists()).filter(|_| !self.overwrite);
        if let Some((path, _)) = there {
            return Err(Failure::new(
                Exit::Conflict,
                anyhow::anyhow!("`{}` is there already", path.display()),
            )
            .fix("add --overwrite, or name another --output-directory"));
        }
        std::fs::create_dir_all(folder).map_err(|error| failed(folder, error))?;
        for (path, value) in &files {
            replace(path, format!("{value:#}\n").as_bytes())?;
        }
        let written: Vec<_> = files.iter().map(|(path, _)| path.display().to_string()).collect();
        let sentence = format!("connector {} written to {}", one.name, folder.display());
        context.output.done(&sentence, &json!({"connector": one.name, "files": written}))?;
        Ok(Exit::Clean)
    }
}

fn failed(path: &Path, error: std::io::Error) -> Failure {
    Failure::from(error).context(format!("cannot write `{}`", path.display()))
}
