//! Writing packages: new ones, changed ones, unchanged ones.
use connref_solution::archive::Layout;
use connref_solution::model::LogicalName;
use connref_solution::model::package::Package;
use connref_solution::{Archive, Limits, WriteError, package_read, package_write};
use proptest::prelude::*;

use crate::generate::package;
use crate::support::{contents, managed_zip, read};

fn through_zip(archive: &Archive) -> Archive {
    Archive::from_zip(&archive.to_zip().unwrap(), &Limits::default()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_new_package_reads_as_it_was(package in package()) {
        let written = through_zip(&package_write(None, &package).unwrap());
        prop_assert_eq!(package_read(&written).unwrap(), package);
    }

    #[test]
    fn writing_is_deterministic(package in package()) {
        let once = package_write(None, &package).unwrap().to_zip().unwrap();
        let twice = package_write(None, &package).unwrap().to_zip().unwrap();
        prop_assert_eq!(once, twice);
    }

    #[test]
    fn any_package_becomes_any_other(one in package(), other in package()) {
        let base = through_zip(&package_write(None, &one).unwrap());
        let written = through_zip(&package_write(Some(&base), &other).unwrap());
        prop_assert_eq!(package_read(&written).unwrap(), other);
    }

    #[test]
    fn fields_change_in_place(one in package(), other in package()) {
        // The same things with other fields, some of them in other places.
        let mut mixed = one.clone();
        for (a, b) in mixed.references.iter_mut().zip(&other.references) {
            *a = connref_solution::model::package::PackageReference {
                logical_name: a.logical_name.clone(), ..b.clone()
            };
        }
        for (a, b) in mixed.workflows.iter_mut().zip(&other.workflows) {
            *a = connref_solution::model::package::Workflow { id: a.id.clone(), ..b.clone() };
            a.json_file_name = Some(format!("/Workflows/Other-{}.json", a.id));
        }
        for (a, b) in mixed.connectors.iter_mut().zip(&other.connectors) {
            *a = connref_solution::model::package::PackageConnector { name: a.name.clone(), ..b.clone() };
        }
        for (a, b) in mixed.variables.iter_mut().zip(&other.variables) {
            *a = connref_solution::model::package::PackageVariable {
                schema_name: a.schema_name.clone(), ..b.clone()
            };
        }
        mixed.references.reverse();
        let turn = usize::from(mixed.workflows.len() > 1);
        mixed.workflows.rotate_left(turn);
        let base = through_zip(&package_write(None, &one).unwrap());
        let written = through_zip(&package_write(Some(&base), &mixed).unwrap());
        prop_assert_eq!(package_read(&written).unwrap(), mixed);
    }
}

#[test]
fn an_unchanged_package_keeps_every_byte() {
    let zip = managed_zip();
    let base = Archive::from_zip(&zip, &Limits::default()).unwrap();
    let written = package_write(Some(&base), &package_read(&base).unwrap()).unwrap();
    assert_eq!(written.to_zip().unwrap(), zip);
}

#[test]
fn one_change_touches_one_part() {
    let base = read("invoices");
    let mut package = package_read(&base).unwrap();
    package.references[0].description = Some("now <with> a & text".to_owned());
    let written = package_write(Some(&base), &package).unwrap();
    let changed: Vec<String> = contents(&written)
        .into_iter()
        .filter(|(name, bytes)| base.bytes(name).unwrap() != Some(bytes))
        .map(|(name, _)| name)
        .collect();
    assert_eq!(changed, ["customizations.xml"]);
    let text =
        String::from_utf8(written.bytes("customizations.xml").unwrap().unwrap().to_vec()).unwrap();
    let before =
        String::from_utf8(base.bytes("customizations.xml").unwrap().unwrap().to_vec()).unwrap();
    let added = "      <description>now &lt;with&gt; a &amp; text</description>\r\n";
    assert!(text.contains(added));
    assert_eq!(text.replace(added, ""), before);
    assert_eq!(package_read(&written).unwrap(), package);
}

#[test]
fn things_come_and_go_where_they_belong() {
    let base = read("invoices");
    let mut package = package_read(&base).unwrap();
    let gone = package.workflows.remove(0);
    let mut added = package.references[0].clone();
    added.logical_name = LogicalName::new("cnt_added");
    package.references.insert(1, added);
    package.variables[0].value = Some("another".to_owned());
    package.variables.remove(1);
    package.manifest.version = "2.0.0.0".to_owned();
    package.manifest.root_components.retain(|c| c.id.as_deref() != Some(gone.id.as_str()));
    let written = package_write(Some(&base), &package).unwrap();
    assert_eq!(package_read(&through_zip(&written)).unwrap(), package);
    assert!(written.part(gone.json_file_name.as_deref().unwrap()).is_none());
}

#[test]
fn a_folder_becomes_a_zip_with_content_types() {
    let base = read("invoices");
    assert_eq!(base.layout(), Layout::Folder);
    let mut bare = base.clone();
    assert!(bare.remove("[Content_Types].xml"));
    let written = package_write(Some(&bare), &package_read(&bare).unwrap()).unwrap();
    assert_eq!(written.layout(), Layout::Zip);
    let types = written.bytes("[Content_Types].xml").unwrap().unwrap();
    assert!(String::from_utf8_lossy(types).contains("Extension=\"json\""));
    for (name, bytes) in contents(&bare) {
        assert_eq!(written.bytes(&name).unwrap(), Some(&*bytes), "{name}");
    }
}

#[test]
fn a_simple_packager_folder_is_put_together() {
    let base = read("unpacked");
    let package = package_read(&base).unwrap();
    let written = through_zip(&package_write(Some(&base), &package).unwrap());
    let mut read_back = package_read(&written).unwrap();
    assert_eq!(read_back.manifest.managed, connref_solution::model::package::Managed::Unmanaged);
    read_back.manifest.managed = package.manifest.managed;
    assert_eq!(read_back, package);
    assert!(written.part("Connector/cnt_5Fledger_openapidefinition.json").is_some());
}

#[test]
fn a_packager_folder_with_unknown_components_is_refused() {
    let mut base = read("unpacked");
    base.set("Entities/cnt_Invoice/Entity.xml", b"<Entity/>".to_vec()).unwrap();
    let error = package_write(Some(&base), &package_read(&base).unwrap()).unwrap_err();
    assert!(
        matches!(&error, WriteError::UnknownComponents { kinds, .. } if kinds == &["`Entities`"]),
        "{error}"
    );
}

#[test]
fn a_connection_in_the_base_does_not_leave() {
    let mut base = read("invoices");
    let text =
        String::from_utf8(base.bytes("customizations.xml").unwrap().unwrap().to_vec()).unwrap();
    let id = "<connectionid>0123456789abcdef0123456789abcdef</connectionid>";
    let text = text.replacen("<iscustomizable>", &format!("{id}<iscustomizable>"), 1);
    base.set("customizations.xml", text.into_bytes()).unwrap();
    let package = package_read(&base).unwrap();
    assert!(package.problems.iter().any(|p| p.message.contains("connectionid")));
    let written = package_write(Some(&base), &package).unwrap();
    let text = written.bytes("customizations.xml").unwrap().unwrap();
    assert!(!String::from_utf8_lossy(text).contains("0123456789abcdef"));
}

#[test]
fn what_cannot_be_written_is_refused() {
    let base = read("invoices");
    let package = package_read(&base).unwrap();
    let refused = |change: &dyn Fn(&mut Package)| {
        let mut package = package.clone();
        change(&mut package);
        package_write(Some(&base), &package).unwrap_err().to_string()
    };
    assert!(refused(&|p| p.workflows[0].client_data = Some("{".to_owned())).contains("Workflows/"));
    assert!(refused(&|p| p.workflows[0].client_data = None).contains("no body"));
    assert!(
        refused(&|p| p.workflows[0].json_file_name = Some("/solution.xml".to_owned()))
            .contains("not named")
    );
    assert!(
        refused(&|p| p.references[0].display_name = "\u{1}".to_owned())
            .contains("customizations.xml")
    );
    assert!(refused(&|p| p.canvas_apps.push(Default::default())).contains("canvas apps"));
    assert!(
        package_write(
            None,
            &Package { agent_uses: vec![("a".to_owned(), "b".into())], ..Package::default() }
        )
        .is_err()
    );
}
