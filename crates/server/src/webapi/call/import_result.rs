//! `RetrieveSolutionImportResult` and `RetrieveFormattedImportJobResults`.
use std::fmt::Write as _;

use serde_json::{Value, json};

use super::parameters::Parameters;
use crate::operation::import_result::{ImportResult, import_result};
use crate::webapi::{Asked, Fault};

/// How an import went, with a workbook that people open.
pub(super) async fn result(asked: &Asked, parameters: Parameters) -> Result<Value, Fault> {
    let found = import_result(&asked.cx, parameters.required("ImportJobId")).await?;
    let status = match (found.ended, found.passed) {
        (false, _) => "InProgress",
        (true, true) => "Passed",
        (true, false) => "Failed",
    };
    let errors =
        found.error.iter().map(|error| json!({"ErrorCode": "0x80048033", "Message": error}));
    Ok(json!({"SolutionOperationResult": {
        "FormattedResults": workbook(&found),
        "Type": found.kind,
        "Status": status,
        "WarningMessages": [],
        "ErrorMessages": errors.collect::<Vec<_>>(),
        "ActionLink": {"Label": null, "Target": null},
    }}))
}

/// The workbook alone.
pub(super) async fn formatted(asked: &Asked, parameters: Parameters) -> Result<Value, Fault> {
    let found = import_result(&asked.cx, parameters.required("ImportJobId")).await?;
    Ok(json!({"FormattedResults": workbook(&found)}))
}

const HEAD: &str = "<?xml version=\"1.0\"?><?mso-application progid=\"Excel.Sheet\"?>\
     <Workbook xmlns=\"urn:schemas-microsoft-com:office:spreadsheet\" \
     xmlns:ss=\"urn:schemas-microsoft-com:office:spreadsheet\">";

/// Two sheets of a SpreadsheetML workbook: the solution, and what happened to its components.
fn workbook(result: &ImportResult) -> String {
    let status = match (result.ended, result.passed) {
        (false, _) => "In progress",
        (true, true) => "Processed",
        (true, false) => "Failed",
    };
    let (started, ended, progress) = result.times;
    let seconds = started.zip(ended).map(|(from, to)| (to - from) / 1_000_000);
    let seconds = seconds.map(|seconds| seconds.to_string()).unwrap_or_default();
    let rows = [
        ["Name", result.solution.as_str()],
        ["Version", &result.version],
        ["Status", status],
        ["Message", result.error.as_deref().unwrap_or_default()],
        ["Progress [%]", &progress.to_string()],
        ["Duration [s]", &seconds],
    ];
    let mut out = HEAD.to_owned();
    sheet(&mut out, "Solution", rows.iter().map(|row| row.as_slice()));
    let head = ["Type", "Id", "Name", "Result"];
    let components: Vec<[&str; 4]> =
        result.components.iter().map(|c| [&*c.kind, &*c.id, &*c.name, &*c.text]).collect();
    let rows = std::iter::once(head.as_slice()).chain(components.iter().map(|c| c.as_slice()));
    sheet(&mut out, "Components", rows);
    out.push_str("</Workbook>");
    out
}

fn sheet<'a>(out: &mut String, name: &str, rows: impl Iterator<Item = &'a [&'a str]>) {
    write!(out, "<Worksheet ss:Name=\"{name}\"><Table>").expect("a String takes everything");
    for row in rows {
        out.push_str("<Row>");
        for cell in row {
            let text = cell.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            write!(out, "<Cell><Data ss:Type=\"String\">{text}</Data></Cell>")
                .expect("a String takes everything");
        }
        out.push_str("</Row>");
    }
    out.push_str("</Table></Worksheet>");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workbook_escapes_what_it_tells() {
        let failed = ImportResult {
            ended: true,
            solution: "A<B".to_owned(),
            error: Some("x & y".to_owned()),
            ..ImportResult::default()
        };
        let text = workbook(&failed);
        assert!(text.contains(">A&lt;B<") && text.contains(">x &amp; y<"), "{text}");
        assert!(text.contains(">Failed<"));
    }
}
