//! Files stay inside the folders that the policy names.

use std::fs;
use std::os::unix::fs::symlink;

use connref_egress::{Egress, EgressConfig, Policy};

#[test]
fn only_files_inside_a_named_folder_open() {
    let root = tempfile::tempdir().expect("a folder");
    let (inside, outside) = (root.path().join("data"), root.path().join("database"));
    fs::create_dir_all(inside.join("sub")).expect("a folder");
    fs::create_dir_all(&outside).expect("a folder");
    for file in [inside.join("a.db"), inside.join("sub/b.db"), outside.join("c.db")] {
        fs::write(file, b"x").expect("a file");
    }
    symlink(outside.join("c.db"), inside.join("link.db")).expect("a link");
    symlink(inside.join("a.db"), inside.join("good.db")).expect("a link");
    let policy = Policy::parse(&format!("file:{}", inside.display())).expect("a policy");
    let egress = Egress::new(EgressConfig::default());
    for yes in ["a.db", "sub/b.db", "good.db", "sub/../a.db"] {
        egress.file(&policy, &inside.join(yes)).expect(yes);
    }
    for no in ["link.db", "missing.db", "sub", "../database/c.db", "", "../data/../database/c.db"] {
        egress.file(&policy, &inside.join(no)).expect_err(no);
    }
    egress.file(&policy, std::path::Path::new("a.db")).expect_err("relative");
    egress.file(&Policy::default(), &inside.join("a.db")).expect_err("no folder");
    let told = |path: &str| {
        egress
            .file(&policy, std::path::Path::new(path))
            .expect_err(path)
            .to_string()
            .replace(path, "")
    };
    assert_eq!(
        told("/etc/passwd"),
        told("/etc/nothing-of-that-name"),
        "existence outside is not told"
    );
}
