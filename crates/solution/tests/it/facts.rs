//! Facts files: what is written reads back the same, and what does not fit is refused with its
//! place.
use connref_solution::artefact::facts_json::{FactsError, facts_read, facts_value, facts_write};
use connref_solution::document::json::JsonError;
use connref_solution::model::facts::*;
use connref_solution::model::package::{FlowReference, FlowTrigger, Publisher, RuntimeSource};
use connref_solution::model::{Component, ComponentKind, Facts};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

fn id<T: From<String> + std::fmt::Debug>() -> impl Strategy<Value = T> {
    "[a-z0-9-]{1,8}".prop_map(T::from)
}

fn word() -> impl Strategy<Value = String> {
    "\\PC{0,8}"
}

fn moment() -> impl Strategy<Value = i64> {
    -60_000_000_000_000_000..253_000_000_000_000_000_i64
}

fn one<T: Clone + std::fmt::Debug>(of: &'static [T]) -> impl Strategy<Value = T> {
    proptest::sample::select(of)
}

fn environment() -> impl Strategy<Value = EnvironmentFacts> {
    let kinds = &[EnvironmentKind::Developer, EnvironmentKind::Test, EnvironmentKind::Production];
    let fidelity = one(&[Fidelity::Extended, Fidelity::Dataverse]);
    (id(), id(), word(), one(kinds), fidelity, any::<i64>()).prop_map(
        |(id, tenant, name, kind, fidelity, version)| EnvironmentFacts {
            id,
            tenant,
            name,
            kind,
            fidelity,
            version,
        },
    )
}

fn principal() -> impl Strategy<Value = PrincipalFacts> {
    let kind = one(&[PrincipalKind::User, PrincipalKind::ServicePrincipal]);
    let role = one(&[
        Role::None,
        Role::BasicUser,
        Role::EnvironmentMaker,
        Role::Deployer,
        Role::SystemCustomizer,
        Role::SystemAdministrator,
    ]);
    (
        (id(), kind, word(), word(), option::of(word()), role),
        (any::<bool>(), option::of(moment()), vec(id(), 0..3), option::of(id())),
        option::of(any::<bool>()),
    )
        .prop_map(
            |(
                (id, kind, name, display_name, application_id, role),
                (disabled, departed_at, counts_as, manager),
                may_import,
            )| PrincipalFacts {
                id,
                kind,
                name,
                display_name,
                application_id,
                role,
                disabled,
                departed_at,
                counts_as,
                manager,
                may_import,
            },
        )
}

fn connection() -> impl Strategy<Value = ConnectionFacts> {
    let kind = one(&[
        ConnectionKind::ServicePrincipal,
        ConnectionKind::User,
        ConnectionKind::SharedKey,
        ConnectionKind::None,
    ]);
    let status = prop_oneof![
        Just(ConnectionStatus::Connected),
        Just(ConnectionStatus::Disabled),
        (word(), word()).prop_map(|(code, message)| ConnectionStatus::Error { code, message }),
    ];
    let level = one(&[
        ShareLevel::CanView,
        ShareLevel::CanViewWithShare,
        ShareLevel::CanEdit,
        ShareLevel::Owner,
    ]);
    let fingerprint = (moment(), option::of(word()), word())
        .prop_map(|(tested_at, identity, target)| Fingerprint { tested_at, identity, target });
    let texts = (option::of(word()), option::of(word()), option::of(word()));
    (
        (id(), id(), word(), id(), kind, status, texts),
        (option::of(fingerprint), option::of(moment()), vec((id(), level), 0..3)),
        (moment(), option::of(moment())),
    )
        .prop_map(|(a, (fingerprint, ends_at, shares), (created_at, last_used_at))| {
            let (id, api_name, display_name, owner, kind, status, texts) = a;
            let (status_target, endpoint, account) = texts;
            ConnectionFacts {
                id,
                api_name,
                display_name,
                owner,
                kind,
                status,
                status_target,
                endpoint,
                account,
                fingerprint,
                ends_at,
                shares,
                created_at,
                last_used_at,
            }
        })
}

fn reference() -> impl Strategy<Value = ReferenceFacts> {
    (
        (id(), id(), word(), option::of(word()), id(), option::of(id())),
        (any::<i64>(), option::of(word()), option::of(moment()), id(), any::<bool>()),
        vec(id(), 0..3),
    )
        .prop_map(|(a, (binding_version, bound_by, bound_at, owner, managed), solutions)| {
            let (id, logical_name, display_name, description, api_name, connection) = a;
            ReferenceFacts {
                id,
                logical_name,
                display_name,
                description,
                api_name,
                connection,
                binding_version,
                bound_by,
                bound_at,
                owner,
                managed,
                solutions,
            }
        })
}

fn entry() -> impl Strategy<Value = FlowReference> {
    let source = one(&[RuntimeSource::Embedded, RuntimeSource::Invoker]);
    (word(), source, option::of(id()), option::of(word()), id(), option::of(id()), any::<bool>())
        .prop_map(|(key, source, logical_name, connection_name, api_name, api_logical_name, on)| {
            FlowReference {
                key,
                source,
                logical_name,
                connection_name,
                api_name,
                api_logical_name,
                on_behalf_of_invoker: on,
            }
        })
}

fn flow() -> impl Strategy<Value = FlowFacts> {
    let trigger = (word(), word(), option::of(word()), option::of(word())).prop_map(
        |(name, kind, request_kind, authentication)| FlowTrigger {
            name,
            kind,
            request_kind,
            authentication,
        },
    );
    let schedule = (0..ScheduleUnit::SPELLINGS.len(), any::<u32>())
        .prop_map(|(at, interval)| Schedule { unit: ScheduleUnit::SPELLINGS[at].0, interval });
    let operation =
        (id(), word(), option::of(word())).prop_map(|(api_name, operation, endpoint)| {
            FlowOperation { api_name, operation, endpoint }
        });
    let acted = (option::of(id()), id(), word(), any::<i64>(), moment()).prop_map(
        |(reference, connection, identity, binding_version, at)| Acted {
            reference,
            connection,
            identity,
            binding_version,
            at,
        },
    );
    let state = one(&[FlowState::Off, FlowState::On, FlowState::Suspended]);
    (
        (id(), word(), state, any::<bool>(), id(), option::of(id()), vec(entry(), 0..3)),
        (vec(id(), 0..3), vec(id(), 0..3), option::of(trigger), option::of(schedule)),
        (vec(operation, 0..3), option::of(word()), any::<bool>(), vec(id(), 0..3)),
        (any::<i64>(), option::of(moment()), vec(acted, 0..3), vec((id(), id()), 0..3)),
        (vec(id(), 0..3), vec(id(), 0..3)),
    )
        .prop_map(|(a, b, c, d, (co_owners, run_only))| {
            let (id, name, state, wanted_on, owner, activated_by, references) = a;
            let (children, variables, trigger, schedule) = b;
            let (operations, why_off, managed, solutions) = c;
            let (recent_runs, last_run_at, acted, uses) = d;
            FlowFacts {
                id,
                name,
                state,
                wanted_on,
                owner,
                activated_by,
                references,
                children,
                variables,
                trigger,
                schedule,
                operations,
                why_off,
                managed,
                solutions,
                recent_runs,
                last_run_at,
                acted,
                uses,
                co_owners,
                run_only,
            }
        })
}

fn connector() -> impl Strategy<Value = ConnectorFacts> {
    let can = one(&[Capability::Yes, Capability::No, Capability::Unknown]);
    (id(), id(), word(), option::of(id()), any::<bool>(), can).prop_map(
        |(id, api_name, display_name, logical_name, custom, service_principal)| ConnectorFacts {
            id,
            api_name,
            display_name,
            logical_name,
            custom,
            service_principal,
        },
    )
}

fn variable() -> impl Strategy<Value = VariableFacts> {
    (
        (id(), id(), word(), any::<i64>()),
        (option::of(word()), option::of(word()), any::<bool>(), any::<bool>()),
    )
        .prop_map(
            |((id, schema_name, display_name, kind), (default_value, value, required, m))| {
                VariableFacts {
                    id,
                    schema_name,
                    display_name,
                    kind,
                    default_value,
                    value,
                    required,
                    managed: m,
                }
            },
        )
}

fn component() -> impl Strategy<Value = Component> {
    let kind = prop::sample::select(ComponentKind::REMOVED_IN_ORDER.to_vec());
    (kind, word(), word()).prop_map(|(kind, id, name)| Component { kind, id: id.into(), name })
}

fn layer() -> impl Strategy<Value = LayerFacts> {
    let managed = (id(), word(), vec(word(), 0..3))
        .prop_map(|(solution, digest, references)| ManagedLayer { solution, digest, references });
    (component(), vec(managed, 0..3), option::of(moment()))
        .prop_map(|(component, managed, unmanaged)| LayerFacts { component, managed, unmanaged })
}

fn solution() -> impl Strategy<Value = SolutionFacts> {
    let more = (option::of(id()), vec(component(), 0..3));
    (id(), word(), word(), any::<bool>(), word(), any::<u32>(), more).prop_map(
        |(id, unique_name, version, managed, prefix, option_value_prefix, more)| SolutionFacts {
            upgrade_of: more.0,
            components: more.1,
            id,
            unique_name,
            version,
            managed,
            publisher: Publisher {
                unique_name: prefix.clone(),
                display_name: String::new(),
                prefix,
                option_value_prefix,
            },
        },
    )
}

fn facts() -> impl Strategy<Value = Facts> {
    let kinds =
        one(&[TeamKind::Owner, TeamKind::Access, TeamKind::SecurityGroup, TeamKind::OfficeGroup]);
    let team = (id(), kinds, word(), option::of(id()), option::of(any::<i64>()))
        .prop_map(|(id, kind, name, group, members)| TeamFacts { id, kind, name, group, members });
    let group = (id(), word(), option::of(any::<i64>()))
        .prop_map(|(id, name, members)| GroupFacts { id, name, members });
    let policy = (word(), word(), word()).prop_map(|(id, name, document)| PolicyFacts {
        id,
        name,
        document,
    });
    let area = (0..Area::ALL.len()).prop_map(|at| Area::ALL[at].0);
    (
        (environment(), moment(), vec(principal(), 0..3), vec(team, 0..3), vec(group, 0..3)),
        (vec(connector(), 0..3), vec(connection(), 0..3), vec(reference(), 0..3)),
        (
            vec(flow(), 0..3),
            vec(variable(), 0..3),
            vec(solution(), 0..3),
            vec(area, 0..3),
            vec(layer(), 0..3),
        ),
        vec(policy, 0..3),
    )
        .prop_map(|(a, b, (flows, variables, solutions, unknown, layers), policies)| {
            let (environment, taken_at, principals, teams, groups) = a;
            let (connectors, connections, references) = b;
            Facts {
                environment,
                taken_at,
                principals,
                teams,
                groups,
                connectors,
                connections,
                references,
                flows,
                variables,
                solutions,
                policies,
                unknown,
                layers,
            }
        })
}

proptest! {
    #[test]
    fn what_is_written_reads_back(facts in facts()) {
        let text = facts_write(&facts);
        let read = facts_read(text.as_bytes()).unwrap();
        prop_assert_eq!(&read, &facts);
        prop_assert_eq!(facts_write(&read), text);
    }

    #[test]
    fn hostile_text_is_refused_and_no_more(text in "[{\\[\":,a-z0-9\\]}]{0,64}") {
        facts_read(text.as_bytes()).unwrap_err();
    }
}

/// A file with what must be there and nothing else.
const LEAST: &str = r#"{"schemaVersion": 1, "takenAt": "2026-11-24T09:30:00Z",
  "environment": {"id": "e", "tenant": "t", "name": "PROD", "kind": "production", "fidelity": "dataverse", "version": 3}}"#;

#[test]
fn a_file_may_leave_out_what_is_empty() {
    let facts = facts_read(LEAST.as_bytes()).unwrap();
    assert_eq!(facts.environment.name, "PROD");
    assert_eq!(facts.taken_at, 1_795_512_600_000_000);
    assert!(facts.flows.is_empty() && facts.unknown.is_empty());
}

#[test]
fn what_does_not_fit_is_refused_with_its_place() {
    let error = |text: &str| {
        let error = facts_read(text.as_bytes()).unwrap_err();
        let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
        format!("{error}: {cause}")
    };
    assert!(error("{}").contains("`connref facts export`"));
    assert!(matches!(
        facts_read(LEAST.replace("\": 1,", "\": 2,").as_bytes()),
        Err(FactsError::Later { found: 2 })
    ));
    let unknown = error(&LEAST.replace("\"takenAt\"", "\"policy\": [], \"takenAt\""));
    assert!(unknown.contains("unknown field `policy`") && unknown.contains("line 1"), "{unknown}");
    let moment = error(&LEAST.replace("T09:30:00Z", ""));
    assert!(moment.contains("`2026-11-24` is no moment"), "{moment}");
    let kind = error(&LEAST.replace("\"production\"", "\"prod\""));
    assert!(kind.contains("unknown variant `prod`") && kind.contains("line 2"), "{kind}");
    let deep = format!("{}{}", "[".repeat(2000), "]".repeat(2000));
    // Bounded before anything recursive reads it.
    assert!(matches!(
        facts_read(deep.as_bytes()),
        Err(FactsError::Json { source: JsonError::Depth { .. } })
    ));
}

#[test]
fn the_schema_knows_every_field_that_is_written() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs/schemas/facts.schema.json");
    let schema: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let mut runner = TestRunner::deterministic();
    for _ in 0..64 {
        let facts = facts().new_tree(&mut runner).unwrap().current();
        known(&facts_value(&facts), &schema, &schema, "");
    }
}

/// Every member of a value is one that its schema names, all the way down.
fn known(
    value: &serde_json::Value,
    schema: &serde_json::Value,
    root: &serde_json::Value,
    at: &str,
) {
    let schema = match schema["$ref"].as_str() {
        Some(reference) => &root["$defs"][reference.rsplit('/').next().unwrap()],
        None => schema,
    };
    match value {
        serde_json::Value::Object(map) => {
            if let Some(any) = schema["oneOf"].as_array() {
                let inner = any.iter().find(|one| one["properties"].is_object()).unwrap();
                return known(value, inner, root, at);
            }
            for (name, inner) in map {
                let of = &schema["properties"][name];
                assert!(!of.is_null(), "{at}/{name} is not in the schema");
                known(inner, of, root, &format!("{at}/{name}"));
            }
            for needed in schema["required"].as_array().into_iter().flatten() {
                let name = needed.as_str().unwrap();
                assert!(map.contains_key(name), "{at}/{name} is required and was not written");
            }
        }
        serde_json::Value::Array(list) => {
            assert!(schema["items"].is_object(), "{at} is no list in the schema");
            list.iter().for_each(|one| known(one, &schema["items"], root, at));
        }
        serde_json::Value::String(text) => {
            let any = schema["oneOf"].as_array();
            let words = any.map_or(&schema["enum"], |any| {
                any.iter().map(|one| &one["enum"]).find(|e| e.is_array()).unwrap()
            });
            if let Some(words) = words.as_array() {
                assert!(words.iter().any(|w| w == text), "{at}: `{text}` is not in the schema");
            }
        }
        _ => {}
    }
}
