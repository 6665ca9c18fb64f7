//! Records of imports: what was known and foretold before, and what really happened, without anybody
//! in it. One zip, whose parts other people's connref can judge again.
use std::path::Path;

use connref_client::ClientError;
use connref_client::solution::Import;
use connref_review::record::{Case, case_record, case_result};
use connref_review::{ImportMode, ImportOptions};
use connref_solution::artefact::facts_json::facts_write;
use connref_solution::artefact::settings_json::settings_write;
use connref_solution::model::{Facts, PrincipalId};
use connref_solution::{Archive, Limits, package_write};
use serde_json::{Value, json};

use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::package::{SolutionFile, replace};
use crate::render::note;

/// An import's options as the judgement has them.
pub(super) fn options(import: &Import<'_>, skip_lower_version: bool) -> ImportOptions {
    let mode = match (import.upgrade, import.holding) {
        (true, _) => ImportMode::Upgrade,
        (false, true) => ImportMode::Holding,
        (false, false) => ImportMode::Update,
    };
    ImportOptions {
        publish_workflows: import.publish_workflows,
        convert_to_managed: import.convert_to_managed,
        skip_lower_version,
        overwrite: import.overwrite,
        allow_older: import.allow_older,
        mode,
    }
}

/// The facts of now, and who asks.
pub(super) async fn before(context: &Context) -> Result<(Facts, PrincipalId), Failure> {
    let facts = crate::facts_file::facts(context, None).await?;
    let caller = context.client().await?.who_am_i().await?;
    Ok((facts, caller.into()))
}

/// Takes the case down.
pub(super) fn case(
    solution: &SolutionFile,
    import: &Import<'_>,
    (facts, caller): &(Facts, PrincipalId),
    skip_lower_version: bool,
) -> Result<Case, Failure> {
    let bodies = solution.bodies()?;
    let asked = connref_review::Import {
        package: &solution.package,
        bodies: &bodies,
        parts: Vec::new(),
        // What tables hold is no matter of a plan.
        tables: &[],
        settings: import.settings,
        caller,
        options: options(import, skip_lower_version),
    };
    Ok(case_record(facts, &asked))
}

/// Adds what happened and writes the record. `ended` is how the import ended.
pub(super) async fn finish(
    context: &Context,
    path: &Path,
    mut case: Case,
    ended: Result<(), Option<&ClientError>>,
) -> Result<(), Failure> {
    let result = match ended {
        Err(error) => {
            let code = error.map(code).unwrap_or_default();
            case_result(&mut case, Err(code.as_str()))
        }
        Ok(()) => {
            let after = crate::facts_file::facts(context, None).await?;
            case_result(&mut case, Ok(&after))
        }
    };
    write(path, &case, Some(&result))?;
    note(&format!("{}: {}", path.display(), told(&result)));
    Ok(())
}

/// The code of a refusal as the plan has it: that of the judgement where it is told, else the
/// service's own.
fn code(error: &ClientError) -> String {
    let judged = error.reasons().first().map(|one| one.code.clone());
    judged.or_else(|| error.code().map(str::to_owned)).unwrap_or_default()
}

fn told(result: &Value) -> String {
    match result["right"].as_u64() {
        Some(right) => {
            let wrong = result["wrong"].as_array().map_or(0, Vec::len);
            format!(
                "the plan was right in {right} flows, wrong in {wrong}, open in {}",
                result["unknown"]
            )
        }
        None if result["right"] == true => "the plan foretold the refusal".to_owned(),
        None => "the plan did not foretell the refusal".to_owned(),
    }
}

/// Writes the record: facts, package, settings, plan and, once there is one, the result.
pub(super) fn write(path: &Path, case: &Case, result: Option<&Value>) -> Result<(), Failure> {
    let fail = |error: &dyn std::error::Error| {
        Failure::new(Exit::Usage, anyhow::anyhow!("{error}"))
            .context(format!("cannot write the record `{}`", path.display()))
    };
    let package = package_write(None, &case.package).map_err(|error| fail(&error))?;
    let package = package.to_zip().map_err(|error| fail(&error))?;
    let options = &case.options;
    let about = json!({
        "schemaVersion": 1,
        "connref": env!("CARGO_PKG_VERSION"),
        "caller": case.caller.as_str(),
        "options": {
            "publishWorkflows": options.publish_workflows,
            "convertToManaged": options.convert_to_managed,
            "skipLowerVersion": options.skip_lower_version,
            "overwrite": options.overwrite,
            "allowOlder": options.allow_older,
            "mode": match options.mode {
                ImportMode::Update => "update",
                ImportMode::Holding => "holding",
                ImportMode::Upgrade => "upgrade",
            },
        },
        "plan": case.plan,
        "result": result,
    });
    let mut parts = vec![
        ("record.json".to_owned(), format!("{about:#}\n").into_bytes()),
        ("facts.json".to_owned(), facts_write(&case.facts).into_bytes()),
        ("package.zip".to_owned(), package),
    ];
    if let Some(settings) = &case.settings {
        parts.push(("settings.json".to_owned(), settings_write(settings)));
    }
    let archive = Archive::from_parts(parts, &Limits::default()).map_err(|error| fail(&error))?;
    replace(path, &archive.to_zip().map_err(|error| fail(&error))?)
}
