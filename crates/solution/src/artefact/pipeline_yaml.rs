//! A pipeline file: the stages that a solution passes, each with its environment, settings, delegate and
//! people. It lies in the repository beside the solution; the installation keeps a copy, which counts.
use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Map, Value, json};

/// Bytes at most.
const MAX_BYTES: usize = 1 << 20;
/// Stages at most.
const MAX_STAGES: usize = 20;

/// Why a pipeline could not be read. A word that is not known is an error: one that is read by halves
/// could leave an approval out.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// Not of this shape, or a word or value that does not belong there.
    #[error("cannot read the pipeline: {reason}")]
    Shape {
        /// What and where.
        reason: String,
    },
    /// Too large.
    #[error("refused the pipeline: {bytes} bytes, the limit is {MAX_BYTES}")]
    Large {
        /// Its size.
        bytes: usize,
    },
}

/// A pipeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pipeline {
    /// Name.
    pub name: String,
    /// Unique name of the solution.
    pub solution: String,
    /// Environment it is exported from; without one, packages are given.
    pub source: Option<String>,
    /// Stages, in order.
    pub stages: Vec<Stage>,
}

/// A stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage {
    /// Name.
    pub name: String,
    /// Environment it deploys to.
    pub environment: String,
    /// Service principal that deploys.
    pub delegate: String,
    /// Deployment settings, relative to the file.
    pub settings: Option<String>,
    /// Who may ask for a deployment.
    pub requesters: Vec<String>,
    /// Who may approve one; with none, none is asked for.
    pub approvers: Vec<String>,
    /// Deployed as an upgrade, which removes what the new version lacks.
    pub upgrade: bool,
    /// Flows that are to be on are turned on afterwards.
    pub activate: bool,
    /// The least severity of a finding that refuses the package.
    pub fail_on: FailOn,
}

/// The least severity that refuses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FailOn {
    /// Errors only.
    #[default]
    Error,
    /// Warnings and errors.
    Warning,
    /// Nothing.
    Never,
}

impl FailOn {
    fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Never => "never",
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct File {
    version: u32,
    name: String,
    solution: String,
    source: Option<String>,
    stages: Vec<StageFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct StageFile {
    name: String,
    environment: String,
    delegate: String,
    settings: Option<String>,
    #[serde(default)]
    requesters: Vec<String>,
    #[serde(default)]
    approvers: Vec<String>,
    #[serde(default = "yes")]
    upgrade: bool,
    #[serde(default = "yes")]
    activate: bool,
    #[serde(default)]
    fail_on: FailOn,
}

fn yes() -> bool {
    true
}

/// Reads a pipeline file.
///
/// # Errors
/// What is not YAML of this shape; names that are empty or there twice.
pub fn pipeline_read(text: &str) -> Result<Pipeline, PipelineError> {
    if text.len() > MAX_BYTES {
        return Err(PipelineError::Large { bytes: text.len() });
    }
    let file: File = serde_saphyr::from_str(text).map_err(|error| {
        let text = error.to_string();
        shape(text.lines().next().unwrap_or_default().trim_start_matches("error: "))
    })?;
    checked(file)
}

/// Reads a pipeline as it is kept and sent.
///
/// # Errors
/// As [`pipeline_read`].
pub fn pipeline_from_json(value: &Value) -> Result<Pipeline, PipelineError> {
    checked(File::deserialize(value).map_err(|error| shape(error.to_string()))?)
}

/// A pipeline as it is kept and sent.
pub fn pipeline_to_json(pipeline: &Pipeline) -> Value {
    let stages = pipeline.stages.iter().map(|stage| {
        let mut value = json!({
            "name": stage.name, "environment": stage.environment, "delegate": stage.delegate,
            "requesters": stage.requesters, "approvers": stage.approvers,
            "upgrade": stage.upgrade, "activate": stage.activate, "failOn": stage.fail_on.word(),
        });
        if let Some(settings) = &stage.settings {
            value["settings"] = settings.as_str().into();
        }
        value
    });
    let mut value = Map::new();
    value.insert("version".into(), 1.into());
    value.insert("name".into(), pipeline.name.as_str().into());
    value.insert("solution".into(), pipeline.solution.as_str().into());
    if let Some(source) = &pipeline.source {
        value.insert("source".into(), source.as_str().into());
    }
    value.insert("stages".into(), stages.collect());
    Value::Object(value)
}

fn shape(reason: impl Into<String>) -> PipelineError {
    PipelineError::Shape { reason: reason.into() }
}

fn checked(file: File) -> Result<Pipeline, PipelineError> {
    if file.version != 1 {
        return Err(shape(format!("version {} is not known, only 1", file.version)));
    }
    for (word, text) in [("name", &file.name), ("solution", &file.solution)] {
        filled(word, text)?;
    }
    if !(1..=MAX_STAGES).contains(&file.stages.len()) {
        let count = file.stages.len();
        return Err(shape(format!("it has {count} stages; there are 1 to {MAX_STAGES}")));
    }
    let (mut names, mut environments) = (BTreeSet::new(), BTreeSet::new());
    environments.extend(file.source.as_ref().map(|source| source.to_lowercase()));
    for stage in &file.stages {
        for (word, text) in [
            ("name", &stage.name),
            ("environment", &stage.environment),
            ("delegate", &stage.delegate),
        ] {
            filled(&format!("{word}` of stage `{}", stage.name), text)?;
        }
        if !names.insert(stage.name.to_lowercase()) {
            return Err(shape(format!("the stage `{}` is there twice", stage.name)));
        }
        if !environments.insert(stage.environment.to_lowercase()) {
            let what =
                format!("`{}` is the environment of two stages, or the source", stage.environment);
            return Err(shape(what));
        }
        people(stage)?;
    }
    Ok(Pipeline {
        name: file.name,
        solution: file.solution,
        source: file.source,
        stages: file.stages.into_iter().map(stage).collect(),
    })
}

/// Nobody approves what they asked for, so one person in both lists could never go on.
fn people(stage: &StageFile) -> Result<(), PipelineError> {
    let everybody = stage.requesters.iter().chain(&stage.approvers);
    if everybody.into_iter().any(|name| name.trim().is_empty()) {
        return Err(shape(format!("a name in stage `{}` is empty", stage.name)));
    }
    if let ([one], [other]) = (stage.requesters.as_slice(), stage.approvers.as_slice())
        && one.eq_ignore_ascii_case(other)
    {
        return Err(shape(format!(
            "in stage `{}` only `{one}` asks and only `{one}` approves; nobody approves their own request",
            stage.name
        )));
    }
    Ok(())
}

fn filled(word: &str, text: &str) -> Result<(), PipelineError> {
    if (1..=256).contains(&text.trim().chars().count()) {
        return Ok(());
    }
    Err(shape(format!("`{word}` has 1 to 256 characters")))
}

fn stage(file: StageFile) -> Stage {
    Stage {
        name: file.name,
        environment: file.environment,
        delegate: file.delegate,
        settings: file.settings,
        requesters: file.requesters,
        approvers: file.approvers,
        upgrade: file.upgrade,
        activate: file.activate,
        fail_on: file.fail_on,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "version: 1
name: orders
solution: Orders
source: dev
stages:
  - {name: test, environment: test, delegate: deployer, requesters: [ci]}
  - name: prod
    environment: prod
    delegate: deployer
    settings: prod.json
    requesters: [ci]
    approvers: [ann, bob]
    failOn: warning
    activate: false
";

    #[test]
    fn what_is_kept_is_what_was_read() {
        let pipeline = pipeline_read(GOOD).expect("it is well formed");
        assert_eq!(pipeline.stages[1].approvers, ["ann", "bob"]);
        assert!(pipeline.stages[0].activate && !pipeline.stages[1].activate);
        assert_eq!(pipeline_from_json(&pipeline_to_json(&pipeline)).expect("the same"), pipeline);
    }

    #[test]
    fn what_could_leave_an_approval_out_is_refused() {
        let wrong = [
            ("approvers", "aprovers", "aprovers"),
            ("[ann, bob]", "[ci]", "nobody approves their own"),
            ("[ann, bob]", "['']", "empty"),
            ("environment: prod", "environment: TEST", "two stages"),
            ("environment: prod", "environment: dev", "the source"),
            ("name: prod", "name: Test", "twice"),
            ("failOn: warning", "failOn: sometimes", "sometimes"),
            ("version: 1", "version: 3", "version 3"),
            ("solution: Orders", "solution: ' '", "`solution`"),
            ("delegate: deployer, ", "", "delegate"),
        ];
        for (from, to, told) in wrong {
            let error = pipeline_read(&GOOD.replacen(from, to, 1)).expect_err(to).to_string();
            assert!(error.contains(told), "{to}: {error}");
            assert!(!error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn the_example_of_the_how_to_is_one() {
        let page = include_str!("../../../../docs/howto/pipelines.md");
        let fenced = page.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next());
        // In a list the page indents it.
        let fenced = fenced.expect("the page has an example");
        let indent = fenced.len() - fenced.trim_start().len();
        let plain: String =
            fenced.lines().map(|l| format!("{}\n", l.get(indent..).unwrap_or(""))).collect();
        pipeline_read(&plain).expect("it is one");
    }
}
