//! Upgrades and layers: what goes, in which order, what stays, and what is hidden. The plan says it
//! before.
use connref_tests::Home;
use connref_tests::generated::Generated;
use connref_tests::package::{part_text, unzip, zip};
use connref_tests::samples::{samples, zips};
use serde_json::Value;

const MOVED: &[(&str, &str)] = &[("hbr_Mail", "hbr_Post")];
/// The reference goes from customizations.xml alone; bodies go on naming it.
const DROPPED: &[(&str, &str)] = &[(
    "connectionreferencelogicalname=\"hbr_Mail\"",
    "connectionreferencelogicalname=\"hbr_Post\"",
)];

fn installed(fidelity: &str) -> Home {
    let home = Home::new();
    home.ok(["env", "create", "dev", "--fidelity", fidelity]);
    let _ = home.file("one.zip", Generated { flows: 17, ..Generated::default() }.zip());
    home.ok(["solution", "import", "--path", "one.zip"]);
    home
}

fn next(home: &Home, words: &[(&str, &str)], flows: usize) {
    let next = Generated { version: "2.0.0.0", flows, words, ..Generated::default() };
    let _ = home.file("two.zip", next.zip());
}

fn references(home: &Home) -> Vec<String> {
    let mut names: Vec<String> = rows(&home.json(["ref", "list"]), "name");
    names.sort();
    names
}

fn rows(list: &Value, key: &str) -> Vec<String> {
    let rows = list.as_array().expect("a list").iter();
    rows.map(|row| row[key].as_str().expect("a text").to_owned()).collect()
}

/// Names of components that the plan changes so, in its order.
fn planned(plan: &Value, change: &str) -> Vec<String> {
    let all = plan["components"].as_array().expect("a list").iter();
    all.filter(|one| one["change"] == change)
        .map(|one| one["name"].as_str().expect("a name").to_owned())
        .collect()
}

const PLAN: [&str; 4] = ["solution", "plan", "two.zip", "--stage-and-upgrade"];
const UPGRADE: [&str; 5] = ["solution", "import", "--path", "two.zip", "--stage-and-upgrade"];

#[test]
fn a_reference_used_by_17_flows_goes_in_extended_fidelity() {
    let home = installed("extended");
    next(&home, MOVED, 15);
    let plan = plan(&home, 0);
    assert_eq!(planned(&plan, "removed"), ["Notice 15", "Notice 16", "hbr_Mail"], "{plan:#}");
    home.ok(UPGRADE);
    assert_eq!(references(&home), ["hbr_Ledger", "hbr_Post"]);
    assert_eq!(rows(&home.json(["flow", "list"]), "name").len(), 15);
    assert_eq!(home.json(["audit", "verify"])["ok"], true);
}

#[test]
fn the_vendors_service_refuses_it_and_so_does_dataverse_fidelity() {
    for words in [MOVED, DROPPED] {
        let home = installed("dataverse");
        next(&home, words, 17);
        let before = references(&home);
        let plan = plan(&home, 4);
        assert_eq!(plan["allowed"], false);
        let refusal = &plan["refusals"][0];
        assert_eq!(refusal["code"], "CannotDeleteInUseComponent", "{plan:#}");
        let text = refusal["message"].as_str().expect("a text");
        assert!(text.contains("is referenced by 17 other components"), "{text}");
        let fix = refusal["fix"].as_str().expect("a fix");
        assert!(fix.contains("hbr_Mail") && fix.contains("Notice 16"), "{fix}");
        let refused = home.run(UPGRADE).expect(4);
        assert!(refused.stderr.contains("referenced by 17"), "{}", refused.stderr);
        assert_eq!(references(&home), before);
        assert_eq!(home.json(["solution", "list"])[0]["version"], "1.0.0.0");
    }
}

#[test]
fn what_flows_go_on_using_stays_and_is_named() {
    let home = installed("extended");
    next(&home, DROPPED, 17);
    let plan = plan(&home, 0);
    assert_eq!(planned(&plan, "stays, still used"), ["hbr_Mail"], "{plan:#}");
    assert!(plan["warnings"].to_string().contains("CannotDeleteInUseComponent"), "{plan:#}");
    home.ok(UPGRADE);
    assert_eq!(references(&home), ["hbr_Ledger", "hbr_Mail", "hbr_Post"]);
}

#[test]
fn an_update_removes_nothing() {
    let home = installed("extended");
    next(&home, MOVED, 15);
    home.ok(["solution", "import", "--path", "two.zip"]);
    assert_eq!(references(&home), ["hbr_Ledger", "hbr_Mail", "hbr_Post"]);
    assert_eq!(rows(&home.json(["flow", "list"]), "name").len(), 17);
}

#[test]
fn a_holding_solution_waits_and_is_promoted_or_given_up() {
    let home = installed("extended");
    next(&home, MOVED, 15);
    let holding = ["solution", "import", "--path", "two.zip", "--import-as-holding"];
    home.ok(holding);
    let names = || {
        let mut names = rows(&home.json(["solution", "list"]), "uniqueName");
        names.sort();
        names
    };
    assert_eq!(names(), ["HarbourNotices", "HarbourNotices_Upgrade"]);
    assert_eq!(references(&home), ["hbr_Ledger", "hbr_Mail", "hbr_Post"]);
    home.run(holding).expect(4);
    home.run(["solution", "delete", "HarbourNotices"]).expect(6);
    home.ok(["solution", "delete", "HarbourNotices_Upgrade"]);
    assert_eq!(references(&home), ["hbr_Ledger", "hbr_Mail"]);
    home.run(["solution", "upgrade", "HarbourNotices"]).expect(4);
    home.ok(holding);
    home.ok(["solution", "upgrade", "HarbourNotices"]);
    assert_eq!(names(), ["HarbourNotices"]);
    assert_eq!(home.json(["solution", "list"])[0]["version"], "2.0.0.0");
    assert_eq!(references(&home), ["hbr_Ledger", "hbr_Post"]);
    assert_eq!(rows(&home.json(["flow", "list"]), "name").len(), 15);
}

#[test]
fn an_unmanaged_layer_hides_an_update_until_it_is_removed() {
    let home = installed("extended");
    let patch = Generated {
        name: "HarbourPatch",
        managed: false,
        flows: 1,
        words: &[("For pilot", "For the patched pilot"), ("Notice 0", "Notice 0 patched")],
        ..Generated::default()
    };
    let file = home.file("patch.zip", patch.zip());
    home.ok(["solution", "import", "--path", &file]);
    let unmanaged = home.json(["layer", "list", "--unmanaged"]);
    assert!(rows(&unmanaged, "solution").contains(&"Active".to_owned()), "{unmanaged:#}");
    next(&home, MOVED, 17);
    let plan = home.run_json(["solution", "plan", "two.zip"]).expect(0).json();
    assert_eq!(planned(&plan, "update hidden"), ["Notice 0 patched"], "{plan:#}");
    assert!(plan["warnings"].to_string().contains("CA121"), "{plan:#}");
    home.ok(["solution", "import", "--path", "two.zip"]);
    let flows = rows(&home.json(["flow", "list"]), "name");
    assert!(flows.contains(&"Notice 0 patched".to_owned()), "{flows:?}");
    home.ok(["layer", "remove", "flow", "Notice 0 patched"]);
    let flows = rows(&home.json(["flow", "list"]), "name");
    assert!(flows.contains(&"Notice 0".to_owned()), "{flows:?}");
    home.run(["layer", "remove", "flow", "Notice 0"]).expect(5);
    // A layer that is overwritten by the import needs no removing.
    home.ok(["solution", "import", "--path", &file]);
    home.ok(["solution", "import", "--path", "two.zip", "--force-overwrite"]);
    let flows = rows(&home.json(["flow", "list"]), "name");
    assert!(flows.contains(&"Notice 0".to_owned()), "{flows:?}");
}

#[test]
fn what_does_not_fit_is_refused_in_one_line_and_changes_nothing() {
    let home = installed("extended");
    next(&home, MOVED, 17);
    home.ok(UPGRADE);
    let other = |name: &str, package: Generated<'_>| home.file(name, package.zip());
    let publisher: &[(&str, &str)] = &[("<UniqueName>harbour<", "<UniqueName>pilot<")];
    let prefix: &[(&str, &str)] = &[("<CustomizationPrefix>hbr<", "<CustomizationPrefix>xyz<")];
    let two = Generated { version: "2.0.0.0", ..Generated::default() };
    let cases = [
        ("older", Generated::default(), "newer than the package"),
        ("unmanaged", Generated { managed: false, ..two }, "modes match"),
        ("publisher", Generated { words: publisher, ..two }, "belongs to the publisher"),
        ("prefix", Generated { words: prefix, ..two }, "has the prefix"),
        (
            "two of one name",
            Generated { words: &[("hbr_Ledger", "HBR_mail")], ..two },
            "defines the connection reference 'hbr_Mail' more than once",
        ),
        (
            "name taken",
            Generated { name: "PilotNotices", words: publisher, ..two },
            "came here with a managed solution of the publisher",
        ),
    ];
    let before = (home.json(["solution", "list"]), references(&home));
    for (what, package, says) in cases {
        let file = other(&format!("{what}.zip"), package);
        let refused = home.run(["solution", "import", "--path", &file]).expect(4);
        assert!(refused.stderr.contains(says), "{what}: {}", refused.stderr);
        // What was tried, why not, and what helps: a line each.
        assert!(refused.stderr.lines().count() <= 3, "{what}: {}", refused.stderr);
        assert_eq!((home.json(["solution", "list"]), references(&home)), before, "{what}");
    }
    home.ok(["solution", "import", "--path", "one.zip", "--skip-lower-version"]);
    home.ok(["solution", "import", "--path", "one.zip", "--stage-and-upgrade", "--allow-older"]);
    assert_eq!(references(&home), ["hbr_Ledger", "hbr_Mail"]);
}

#[test]
fn a_managed_package_over_an_unmanaged_solution_is_refused_in_one_line() {
    let home = Home::with_env("dev", &[]);
    let one = Generated { managed: false, ..Generated::default() };
    let file = home.file("one.zip", one.zip());
    home.ok(["solution", "import", "--path", &file]);
    let managed = home.file("managed.zip", Generated::default().zip());
    let refused = home.run(["solution", "import", "--path", &managed]).expect(4);
    assert!(refused.stderr.contains("already installed on this system as an unmanaged solution"));
    assert!(refused.stderr.contains("--convert-to-managed"), "{}", refused.stderr);
    assert!(refused.stderr.lines().count() <= 3, "{}", refused.stderr);
    assert_eq!(home.json(["solution", "list"])[0]["managed"], false);
}

/// The plan over the environment, which is that over a file of its facts.
fn plan(home: &Home, code: i32) -> Value {
    home.ok(["facts", "export", "--file", "facts.json", "--overwrite"]);
    let plan = home.run_json(PLAN).expect(code).json();
    let by_file = home.run_json(PLAN.into_iter().chain(["--facts", "facts.json"]));
    assert_eq!(by_file.expect(code).json(), plan);
    plan
}

/// A package as a managed one.
fn managed(bytes: &[u8]) -> Vec<u8> {
    let mut parts = unzip(bytes);
    let text = part_text(&parts, "solution.xml").replace("<Managed>0<", "<Managed>1<");
    for (name, content) in &mut parts {
        if name == "solution.xml" {
            *content = text.clone().into_bytes();
        }
    }
    zip(&parts)
}

#[test]
fn real_upgrades_and_managed_pairs() {
    let Some(folder) = samples("upgrade") else { return };
    let all = zips(&folder.join("zip"));
    let at = |name: &str| {
        let path = all.iter().find(|path| path.ends_with(name)).expect("the sample is there");
        path.display().to_string()
    };
    for fidelity in ["extended", "dataverse"] {
        for (old, new) in [
            (
                "ErrorHandlinginPowerAutomate_1_0_0_3.zip",
                "ErrorHandlinginPowerAutomate_1_0_0_4.zip",
            ),
            ("PL400Demos_1_0_3_0.zip", "PL400Demos_1_0_9_0.zip"),
        ] {
            let home = Home::new();
            home.ok(["env", "create", "dev", "--fidelity", fidelity]);
            home.ok(["solution", "import", "--path", &at(old)]);
            home.ok(["solution", "import", "--path", &at(new)]);
            home.run(["solution", "import", "--path", &at(old)]).expect(4);
        }
        for (one, other, newer) in [
            (
                "ErrorHandlinginPowerAutomate_1_0_0_3.zip",
                "ErrorHandlinginPowerAutomate_1_0_0_3_managed.zip",
                Some("ErrorHandlinginPowerAutomate_1_0_0_4.zip"),
            ),
            (
                "ParseListDataSourceInfo_1_0_0_0.zip",
                "ParseListDataSourceInfo_1_0_0_0_managed.zip",
                None,
            ),
        ] {
            pair(fidelity, [&at(one), &at(other)], newer.map(at).as_deref());
        }
    }
}

/// Neither kind replaces the other; a managed one takes over when asked to; then it is upgraded.
fn pair(fidelity: &str, [unmanaged, as_managed]: [&str; 2], newer: Option<&str>) {
    for (first, second) in [(unmanaged, as_managed), (as_managed, unmanaged)] {
        let home = Home::new();
        home.ok(["env", "create", "dev", "--fidelity", fidelity]);
        home.ok(["solution", "import", "--path", first]);
        let before = home.json(["solution", "list"]);
        let refused = home.run(["solution", "import", "--path", second]).expect(4);
        assert!(refused.stderr.contains("modes match"), "{}", refused.stderr);
        assert_eq!(home.json(["solution", "list"]), before);
        if first == unmanaged {
            home.ok(["solution", "import", "--path", second, "--convert-to-managed"]);
        }
        let Some(newer) = newer else { continue };
        let bytes = std::fs::read(newer).expect("a sample can be read");
        let file = home.file("newer.zip", managed(&bytes));
        let plan = home.run_json(["solution", "plan", &file, "--stage-and-upgrade"]);
        let allowed = plan.expect(0).json()["allowed"] == true;
        assert!(allowed, "{newer}");
        home.ok(["solution", "import", "--path", &file, "--stage-and-upgrade"]);
        assert_eq!(home.json(["solution", "list"])[0]["version"], "1.0.0.4");
        assert_eq!(home.json(["audit", "verify"])["ok"], true);
    }
}
