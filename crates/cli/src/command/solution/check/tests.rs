use std::fs;
use std::path::Path;

use super::*;

const MANIFEST: &str = r#"<ImportExportXml version="9.2"><SolutionManifest>
  <UniqueName>Orders</UniqueName>
  <LocalizedNames><LocalizedName description="Orders" languagecode="1033" /></LocalizedNames>
  <Version>1.0.0.0</Version><Managed>1</Managed>
  <Publisher><UniqueName>contoso</UniqueName><CustomizationPrefix>contoso</CustomizationPrefix></Publisher>
  <RootComponents /><MissingDependencies />
</SolutionManifest></ImportExportXml>"#;

const CUSTOMIZATIONS: &str = r#"<ImportExportXml><Workflows>
  <Workflow WorkflowId="{5b1f3c52-8d4e-4c0a-9a57-1d2e7f60a4aa}" Name="Sync">
    <JsonFileName>/Workflows/Sync-5B1F3C52-8D4E-4C0A-9A57-1D2E7F60A4AA.json</JsonFileName>
    <Type>1</Type><Category>5</Category><StateCode>1</StateCode><StatusCode>2</StatusCode>
  </Workflow></Workflows></ImportExportXml>"#;

const FLOW: &str = r#"{"properties":{"connectionReferences":{"shared_office365":{
  "connection":{},"api":{"name":"shared_office365"}}},
  "definition":{"triggers":{},"actions":{"Send":{"type":"OpenApiConnection","inputs":{
    "host":{"connectionName":"shared_office365","operationId":"SendEmailV2",
      "apiId":"/providers/Microsoft.PowerApps/apis/shared_office365"},"parameters":{}}}}}}}"#;

fn package(folder: &Path, flow: &str) {
    fs::create_dir_all(folder.join("Workflows")).unwrap();
    fs::write(folder.join("solution.xml"), MANIFEST).unwrap();
    fs::write(folder.join("customizations.xml"), CUSTOMIZATIONS).unwrap();
    let name = "Workflows/Sync-5B1F3C52-8D4E-4C0A-9A57-1D2E7F60A4AA.json";
    fs::write(folder.join(name), flow).unwrap();
}

fn args(paths: &[&Path]) -> CheckArgs {
    CheckArgs {
        paths: paths.iter().map(|path| path.to_path_buf()).collect(),
        ..CheckArgs::default()
    }
}

#[test]
fn a_package_is_checked_and_what_cannot_be_read_is_told() {
    let home = tempfile::tempdir().unwrap();
    let (good, bad) = (home.path().join("orders"), home.path().join("bad.zip"));
    package(&good, FLOW);
    fs::write(&bad, "no zip").unwrap();
    let report = args(&[&good, &bad]).report().unwrap();
    assert_eq!(report.unreadable.len(), 1);
    let entries = &report.packages[0].entries;
    let hard = entries.iter().find(|entry| entry.finding.code == "CR001").unwrap();
    assert!(hard.file.ends_with("orders/Workflows/Sync-5B1F3C52-8D4E-4C0A-9A57-1D2E7F60A4AA.json"));
    assert_eq!(hard.finding.location.as_ref().unwrap().line, 1);
    assert!(report.is_failed());
}

#[test]
fn a_baseline_holds_after_reformatting() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("orders");
    package(&folder, FLOW);
    let before = args(&[&folder]).report().unwrap();
    let prints: Vec<_> = before.packages[0]
        .entries
        .iter()
        .map(|entry| serde_json::json!({"fingerprint": entry.fingerprint}))
        .collect();
    let file = home.path().join("baseline.json");
    fs::write(&file, serde_json::Value::from(prints).to_string()).unwrap();
    let value: serde_json::Value = serde_json::from_str(FLOW).unwrap();
    package(&folder, &format!("{value:#}"));
    let after = CheckArgs { baseline: Some(file), ..args(&[&folder]) }.report().unwrap();
    assert!(!after.packages[0].entries.is_empty());
    assert!(after.packages[0].entries.iter().all(|entry| entry.known));
    assert!(!after.is_failed());
}

#[test]
fn rules_can_be_chosen_and_settings_need_one_package() {
    let home = tempfile::tempdir().unwrap();
    let (one, two) = (home.path().join("one"), home.path().join("two"));
    package(&one, FLOW);
    package(&two, FLOW);
    let other = CheckArgs { rules: vec!["CR018".to_owned()], ..args(&[home.path()]) };
    let report = other.report().unwrap();
    assert!(report.packages.iter().all(|package| package.entries.is_empty()));
    let file = home.path().join("settings.json");
    fs::write(&file, r#"{"EnvironmentVariables":[],"ConnectionReferences":[{"LogicalName":"contoso_x","ConnectionId":"","ConnectorId":""}]}"#).unwrap();
    let both = CheckArgs { settings_file: vec![file.clone()], ..args(&[&one, &two]) };
    assert!(both.report().is_err());
    let report = CheckArgs { settings_file: vec![file], ..args(&[&one]) }.report().unwrap();
    let found = report.packages[0].entries.iter().find(|e| e.finding.code == "CR019").unwrap();
    assert!(found.file.ends_with("settings.json") && !found.file.contains("one"));
}

#[test]
fn exit_codes() {
    let home = tempfile::tempdir().unwrap();
    let (good, bad) = (home.path().join("orders"), home.path().join("bad.zip"));
    package(&good, FLOW);
    fs::write(&bad, "no zip").unwrap();
    let context = Context::new(crate::cli::Globals::default()).unwrap();
    let exit = |args: CheckArgs| args.run(&context).unwrap();
    assert_eq!(exit(args(&[&good])), Exit::Findings);
    assert_eq!(exit(CheckArgs { fail_on: Some(FailOn::Never), ..args(&[&good]) }), Exit::Clean);
    assert_eq!(exit(args(&[&good, &bad])), Exit::Usage);
    assert_eq!(exit(args(&[&home.path().join("nowhere")])), Exit::Usage);
    let overrides = home.path().join("levels.json");
    fs::write(&overrides, r#"[{"Id":"CR001","OverrideLevel":"Low"}]"#).unwrap();
    let rules = vec!["CR001".to_owned()];
    let low = CheckArgs { rule_level_override: Some(overrides), rules, ..args(&[&good]) };
    assert_eq!(exit(low), Exit::Clean);
}

#[test]
fn every_real_package_can_be_checked() {
    let Some(samples) = std::env::var_os("CONNREF_SAMPLES") else {
        eprintln!("CONNREF_SAMPLES is not set: no real package is checked");
        return;
    };
    let samples = Path::new(&samples);
    let folders = ["zip", "unpacked", "legacy"].map(|name| samples.join(name));
    let report = args(&folders.each_ref().map(|folder| folder.as_path())).report().unwrap();
    assert_eq!(report.unreadable, []);
    assert!(report.packages.len() > 20);
}

#[test]
fn a_repository_suppresses_with_reasons() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("src/orders");
    package(&folder, FLOW);
    let config = home.path().join("connref.toml");
    let write = |file: &str, subject: &str| {
        let text = format!(
            "[check]\nfail-on = \"note\"\n[[check.suppress]]\ncode = \"CR001\"\nfile = \"{file}\"\nsubject = \"{subject}\"\nreason = \"moves in spring\"\n"
        );
        fs::write(&config, text).unwrap();
    };
    let reason = |more: CheckArgs| {
        let report = more.report().unwrap();
        assert!(report.packages[0].threshold.is_some());
        let mut entries = report.packages[0].entries.iter();
        entries.find(|e| e.finding.code == "CR001").unwrap().finding.suppression.clone()
    };
    for (file, subject, holds) in [
        ("src/orders/Workflows/Sync-*.json", "Sync", true),
        ("src/orders", "S*", true),
        ("**/Workflows/*", "*", true),
        ("Workflows/*", "Sync", true),
        ("src/other/*", "Sync", false),
        ("src/orders", "Send", false),
    ] {
        write(file, subject);
        let wanted = holds.then(|| "moves in spring".to_owned());
        assert_eq!(reason(args(&[&folder])), wanted, "{file} {subject}");
    }
    write("src/orders", "*");
    assert_eq!(reason(CheckArgs { no_config: true, ..args(&[&folder]) }), None);
    let named = home.path().join("other.toml");
    fs::rename(&config, &named).unwrap();
    assert_eq!(reason(args(&[&folder])), None);
    assert!(reason(CheckArgs { config: Some(named), ..args(&[&folder]) }).is_some());
    fs::write(&config, "[check]\nsuppres = 1").unwrap();
    let failure = args(&[&folder]).report().unwrap_err();
    let failure = failure.line();
    assert!(failure.contains("connref.toml:2") && failure.contains("suppres"), "{failure}");
}

const SETTINGS: &str = r##"{"EnvironmentVariables":[{"SchemaName":"contoso_Site","Value":"#{site}#"}],
  "ConnectionReferences":[{"LogicalName":"contoso_mail","ConnectionId":"shared_office365/0123456789abcdef0123456789abcdef","ConnectorId":"/providers/Microsoft.PowerApps/apis/shared_office365"},
  {"LogicalName":"contoso_crm","ConnectionId":"","ConnectorId":"/providers/Microsoft.PowerApps/apis/shared_commondataserviceforapps"}]}"##;

/// Severity and message of what was found in the settings files.
fn in_settings(report: &Report) -> Vec<String> {
    let files = report.packages.iter().filter(|package| package.settings);
    let entries = files.flat_map(|file| &file.entries);
    entries.map(|e| format!("{} {}", e.finding.severity, e.finding.message)).collect()
}

#[test]
fn settings_files_of_a_repository_are_checked_quietly() {
    let home = tempfile::tempdir().unwrap();
    package(&home.path().join("src/orders"), FLOW);
    let config = home.path().join("config/prod");
    fs::create_dir_all(&config).unwrap();
    fs::write(config.join("deploymentSettings.json"), SETTINGS).unwrap();
    // Other files of the same name, or with members of the same name, are left alone.
    for (name, text) in [
        ("appsettings.json", r#"{"ConnectionStrings":{"ConnectionReferences":"x"}}"#),
        ("launchSettings.json", r#"{"profiles":{"a":{"EnvironmentVariables":{"A":"b"}}}}"#),
        ("settings.json", "{ // comment\n \"ConnectionReferences\": [] "),
        ("broken.settings.json", "no JSON"),
    ] {
        fs::write(home.path().join(name), text).unwrap();
    }
    let report = args(&[home.path()]).report().unwrap();
    assert_eq!(report.unreadable, []);
    assert_eq!(report.packages.len(), 2);
    insta::assert_snapshot!(in_settings(&report).join("\n"));
    // Named by hand, it is to be what is imported.
    let named = config.join("deploymentSettings.json");
    let report = args(&[&named]).report().unwrap();
    insta::assert_snapshot!(in_settings(&report).join("\n"));
    let report = args(&[&home.path().join("broken.settings.json")]).report().unwrap();
    assert_eq!(report.unreadable.len(), 1);
}

#[test]
fn settings_are_held_against_the_one_package_they_are_for() {
    let home = tempfile::tempdir().unwrap();
    let references = r#"<connectionreferences>
      <connectionreference connectionreferencelogicalname="contoso_mail"><connectorid>/providers/Microsoft.PowerApps/apis/shared_sql</connectorid></connectionreference>
      <connectionreference connectionreferencelogicalname="contoso_tasks"><connectorid>/providers/Microsoft.PowerApps/apis/shared_planner</connectorid></connectionreference>
      </connectionreferences></ImportExportXml>"#;
    let one = home.path().join("one");
    package(&one, FLOW);
    let customizations = CUSTOMIZATIONS.replace("</ImportExportXml>", references);
    fs::write(one.join("customizations.xml"), &customizations).unwrap();
    fs::write(home.path().join("settings.json"), SETTINGS).unwrap();
    let report = args(&[home.path()]).report().unwrap();
    insta::assert_snapshot!(in_settings(&report).join("\n"));
    // Of two that could be meant none is taken.
    let two = home.path().join("two");
    package(&two, FLOW);
    fs::write(two.join("customizations.xml"), &customizations).unwrap();
    let alone = in_settings(&args(&[home.path()]).report().unwrap());
    assert!(alone.iter().all(|told| !told.contains("shared_sql")), "{alone:?}");
    // Nested by solution, the name decides.
    let nested = format!("{{\"Orders\": {SETTINGS}}}");
    fs::remove_dir_all(&two).unwrap();
    fs::write(home.path().join("settings.json"), nested).unwrap();
    let nested = in_settings(&args(&[home.path()]).report().unwrap());
    assert!(nested.iter().any(|told| told.contains("shared_sql")), "{nested:?}");
}

#[test]
fn settings_of_the_accelerator_are_checked_too() {
    let home = tempfile::tempdir().unwrap();
    let text = r##"{"ActivateFlowConfiguration":[
      {"solutionComponentName":"A","solutionComponentUniqueName":"5b1f3c52-8d4e-4c0a-9a57-1d2e7f60a4aa","sortOrder":"#{order}#","activate":"true"},
      {"solutionComponentName":"B","solutionComponentUniqueName":"5b1f3c52-8d4e-4c0a-9a57-1d2e7f60a4ab","sortOrder":"1","activate":"perhaps"}]}"##;
    fs::write(home.path().join("customDeploymentSettings.json"), text).unwrap();
    let report = args(&[home.path()]).report().unwrap();
    insta::assert_snapshot!(in_settings(&report).join("\n"));
}
