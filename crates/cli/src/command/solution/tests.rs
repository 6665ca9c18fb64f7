use std::fs;
use std::path::Path;

use clap::Parser;
use connref_solution::{Archive, Limits};
use sha2::{Digest, Sha256};

use super::*;
use crate::cli::{Cli, Globals};

/// Runs an offline command line; `{}` stands for the folder, `EXAMPLE` for the example solution.
async fn run(home: &Path, line: &str, dry_run: bool) -> Outcome {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/contoso_orders");
    let place = |word: &str| {
        let word = word.replace("{}", &home.display().to_string());
        word.replace("EXAMPLE", &example.display().to_string())
    };
    let words = format!("connref solution {line}");
    let cli = Cli::try_parse_from(words.split(' ').map(place)).unwrap();
    let crate::command::Command::Solution(command) = cli.command else { panic!("{line}") };
    command.verb.run(&Context::new(Globals { dry_run, ..Globals::default() }).unwrap()).await
}

#[tokio::test]
async fn packing_and_unpacking_are_inverse() {
    let home = tempfile::tempdir().unwrap();
    let at = home.path();
    assert_eq!(run(at, "pack -f EXAMPLE -z {}/a.zip", true).await.unwrap(), Exit::Clean);
    assert!(!at.join("a.zip").exists());
    assert_eq!(run(at, "pack -f EXAMPLE -z {}/a.zip", false).await.unwrap(), Exit::Clean);
    assert!(run(at, "pack -f EXAMPLE -z {}/a.zip", false).await.is_err());
    assert_eq!(run(at, "unpack -z {}/a.zip -f {}/out", false).await.unwrap(), Exit::Clean);
    assert!(run(at, "unpack -z {}/a.zip -f {}/out", false).await.is_err());
    let again = "unpack -z {}/a.zip -f {}/out --overwrite";
    assert_eq!(run(at, again, false).await.unwrap(), Exit::Clean);
    assert_eq!(run(at, "pack -f {}/out -z {}/b.zip", false).await.unwrap(), Exit::Clean);
    assert_eq!(run(at, "diff {}/a.zip {}/b.zip", false).await.unwrap(), Exit::Clean);
    assert_eq!(fs::read(at.join("a.zip")).unwrap(), fs::read(at.join("b.zip")).unwrap());
}

#[tokio::test]
async fn migration_writes_only_where_it_is_told_to() {
    let home = tempfile::tempdir().unwrap();
    let at = home.path();
    assert_eq!(run(at, "migrate EXAMPLE", true).await.unwrap(), Exit::Clean);
    assert_eq!(fs::read_dir(at).unwrap().count(), 0);
    let line = "migrate EXAMPLE --split-connectors --out {}/new.zip";
    assert_eq!(run(at, line, false).await.unwrap(), Exit::Clean);
    assert_eq!(fs::read_dir(at).unwrap().count(), 2);
    assert_eq!(run(at, "migrate {}/new.zip", false).await.unwrap(), Exit::Clean);
    assert!(at.join("new_migrated.zip").is_file());
    assert!(run(at, line, false).await.is_err());
    let report = run(at, "check {} --with EXAMPLE --rules CR021", false).await.unwrap();
    assert_eq!(report, Exit::Clean);
}

#[tokio::test]
async fn a_kit_is_whole_and_the_same_every_time() {
    let home = tempfile::tempdir().unwrap();
    let at = home.path();
    assert_eq!(run(at, "pack -f EXAMPLE -z {}/orders.zip", false).await.unwrap(), Exit::Clean);
    assert_eq!(run(at, "kit {}/orders.zip --out {}/kit", true).await.unwrap(), Exit::Clean);
    assert!(!at.join("kit").exists());
    for line in [
        "kit {}/orders.zip --out {}/kit",
        "kit {}/orders.zip --out {}/a.zip",
        "kit {}/orders.zip --out {}/b.zip",
    ] {
        assert_eq!(run(at, line, false).await.unwrap(), Exit::Clean, "{line}");
        assert!(run(at, line, false).await.is_err(), "{line} replaced what was there");
    }
    let read = |name: &str| fs::read(at.join(name)).unwrap();
    assert_eq!(read("a.zip"), read("b.zip"));
    assert_eq!(read("orders.zip"), read("kit/orders.zip"));
    let manifest: serde_json::Value = serde_json::from_slice(&read("kit/manifest.json")).unwrap();
    let files = manifest["files"].as_array().unwrap();
    assert_eq!(files.len(), 9);
    for file in files {
        let content = read(&format!("kit/{}", file["path"].as_str().unwrap()));
        assert_eq!(file["bytes"], content.len());
        let sum: String = Sha256::digest(&content).iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(file["sha256"], sum, "{file}");
    }
    let archive = Archive::read(&at.join("a.zip"), &Limits::default()).unwrap();
    for part in archive.parts() {
        assert_eq!(part.bytes().unwrap(), read(&format!("kit/{}", part.name())), "{}", part.name());
    }
    assert_eq!(archive.parts().count(), 10);
    insta::assert_snapshot!(String::from_utf8(read("kit/README.md")).unwrap());
    insta::assert_snapshot!(String::from_utf8(read("kit/checks/run.sh")).unwrap());
    // An unpacked solution is packed, the same way.
    assert_eq!(run(at, "kit EXAMPLE --out {}/c.zip", false).await.unwrap(), Exit::Clean);
    let other = Archive::read(&at.join("c.zip"), &Limits::default()).unwrap();
    assert_eq!(other.bytes("ContosoOrders.zip").unwrap().unwrap(), read("orders.zip"));
}

#[test]
fn option_value_prefixes_are_stable_and_in_range() {
    for prefix in ["contoso", "new", "", "Ünïcode"] {
        assert!((10_000..=99_999).contains(&option_value_prefix(prefix)), "{prefix}");
    }
    assert_eq!(option_value_prefix("Contoso"), option_value_prefix("contoso"));
}
