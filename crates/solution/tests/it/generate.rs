//! Generated packages.
use connref_solution::model::package::{
    Managed, Manifest, Package, PackageConnector, PackageReference, PackageVariable, Publisher,
    RootComponent, Workflow,
};
use connref_solution::model::{ApiName, FlowId, LogicalName};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

/// Any text that XML can hold, with what needs escaping among it; never empty.
pub(crate) fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[ -~]{1,20}", "[<>&\"'\\]\\[!x]{1,12}", "\\PC{1,10}", "[a-z\n\t\r ]{1,12}",]
}

fn name() -> impl Strategy<Value = String> {
    "[a-z]{2,5}_[A-Za-z0-9]{1,10}"
}

fn guid() -> impl Strategy<Value = String> {
    "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}"
}

fn json_text() -> impl Strategy<Value = String> {
    text().prop_map(|t| {
        serde_json::json!({"properties": {"definition": {"description": t}}}).to_string()
    })
}

fn manifest() -> impl Strategy<Value = Manifest> {
    let component = (0u32..400, option::of(guid()), option::of(name()), 0u32..3).prop_map(
        |(kind, id, schema_name, behavior)| RootComponent { kind, id, schema_name, behavior },
    );
    (
        name(),
        text(),
        option::of(text()),
        "[1-9]\\.[0-9]{1,2}\\.[0-9]\\.[0-9]",
        any::<bool>(),
        1030u32..1040,
        (name(), text(), "[a-z]{2,8}", 10_000u32..99_999),
        vec(component, 0..4),
    )
        .prop_map(
            |(unique_name, display_name, description, version, managed, language, p, root)| {
                Manifest {
                    unique_name,
                    display_name,
                    description: description.unwrap_or_default(),
                    version,
                    managed: if managed { Managed::Managed } else { Managed::Unmanaged },
                    language,
                    publisher: Publisher {
                        unique_name: p.0,
                        display_name: p.1,
                        prefix: p.2,
                        option_value_prefix: p.3,
                    },
                    root_components: root,
                    missing_dependencies: Vec::new(),
                }
            },
        )
}

fn reference() -> impl Strategy<Value = PackageReference> {
    (
        name(),
        text(),
        option::of(text()),
        "shared_[a-z]{1,8}",
        option::of(guid()),
        any::<bool>(),
        option::of(0u32..2),
    )
        .prop_map(|(name, display_name, description, api, custom, customizable, prompting)| {
            PackageReference {
                logical_name: LogicalName::new(&name),
                display_name,
                description,
                api_name: ApiName::new(&api),
                custom_connector_id: custom,
                customizable,
                prompting_behavior: prompting,
            }
        })
}

fn workflow() -> impl Strategy<Value = Workflow> {
    (guid(), text(), option::of(text()), 0..2i32, option::of(0..2i32), json_text()).prop_map(
        |(id, name, description, state_code, modern_flow_type, body)| Workflow {
            json_file_name: Some(format!("/Workflows/Flow-{}.json", id.to_uppercase())),
            id: FlowId::new(&id),
            name,
            description,
            category: 5,
            state_code,
            modern_flow_type,
            client_data: Some(body),
        },
    )
}

fn connector() -> impl Strategy<Value = PackageConnector> {
    (
        guid(),
        "[a-z]{2,5}_5F[a-z0-9-]{1,8}",
        text(),
        option::of(text()),
        vec(option::of(json_text()), 4),
    )
        .prop_map(|(id, name, display_name, description, parts)| PackageConnector {
            id,
            name,
            display_name,
            description,
            openapi_definition: parts[0].clone(),
            connection_parameters: parts[1].clone(),
            connection_parameter_sets: parts[2].clone(),
            policy_templates: parts[3].clone(),
        })
}

fn variable() -> impl Strategy<Value = PackageVariable> {
    (
        (name(), text(), option::of(text()), 100_000_000i64..100_000_006),
        (option::of(text()), option::of(text()), any::<bool>()),
        (
            option::of("shared_[a-z]{1,8}"),
            option::of(text()),
            option::of(name()),
            option::of(0u32..2),
        ),
    )
        .prop_map(
            |((name, display_name, description, kind), (default_value, value, required), more)| {
                PackageVariable {
                    schema_name: LogicalName::new(&name),
                    display_name,
                    description,
                    kind,
                    default_value,
                    value,
                    required,
                    api_name: more.0.map(|a| ApiName::new(&a)),
                    parameter_key: more.1,
                    parent: more.2.map(|p| LogicalName::new(&p)),
                    secret_store: more.3,
                }
            },
        )
}

/// A package that can be written without a base; names are unique as in a real one.
pub(crate) fn package() -> impl Strategy<Value = Package> {
    (
        manifest(),
        vec(reference(), 0..5),
        vec(workflow(), 0..4),
        vec(connector(), 0..3),
        vec(variable(), 0..4),
    )
        .prop_map(
            |(manifest, mut references, mut workflows, mut connectors, mut variables)| {
                let mut seen = std::collections::HashSet::new();
                references.retain(|r| seen.insert(format!("r{}", r.logical_name.key())));
                workflows.retain(|w| seen.insert(format!("w{}", w.id)));
                connectors.retain(|c| seen.insert(format!("c{}", c.name.to_lowercase())));
                variables.retain(|v| seen.insert(format!("v{}", v.schema_name.key())));
                Package {
                    manifest,
                    references,
                    workflows,
                    connectors,
                    variables,
                    ..Package::default()
                }
            },
        )
}
