//! A small environment, built step by step. Names are ids: `ann` is the id and the name of Ann.
use std::collections::BTreeMap;

use connref_review::{Import, ImportOptions, Outcome, Refusal, import_outcome};
use connref_solution::model::facts::*;
use connref_solution::model::package::*;
use connref_solution::model::settings::{SettingsReference, SettingsVariable};
use connref_solution::model::*;

/// An environment in the making.
#[derive(Clone, Debug)]
pub(crate) struct World(pub(crate) Facts);

impl Default for World {
    /// Ann and Bob are makers, `svc` is a service principal, `gone` was disabled; connectors sql,
    /// mail and the custom acme.
    fn default() -> Self {
        let environment = EnvironmentFacts {
            id: "e1".into(),
            tenant: "tenant".into(),
            name: "PROD".into(),
            kind: EnvironmentKind::Production,
            fidelity: Fidelity::Extended,
            version: 7,
        };
        let mut world = Self(Facts {
            environment,
            taken_at: 0,
            principals: Vec::new(),
            teams: Vec::new(),
            groups: Vec::new(),
            connectors: Vec::new(),
            connections: Vec::new(),
            references: Vec::new(),
            flows: Vec::new(),
            variables: Vec::new(),
            solutions: Vec::new(),
            policies: Vec::new(),
            unknown: Vec::new(),
            layers: Vec::new(),
        });
        for (name, kind) in [
            ("ann", PrincipalKind::User),
            ("bob", PrincipalKind::User),
            ("svc", PrincipalKind::ServicePrincipal),
            ("gone", PrincipalKind::User),
        ] {
            world.0.principals.push(PrincipalFacts {
                id: name.into(),
                kind,
                name: name.into(),
                display_name: name.into(),
                application_id: None,
                role: Role::EnvironmentMaker,
                disabled: name == "gone",
                departed_at: None,
                counts_as: vec!["tenant".into()],
                manager: None,
                may_import: Some(true),
            });
        }
        world.connector("shared_sql", None);
        world.connector("shared_mail", None);
        world.connector("shared_new-5facme-5faaaaaaaaaaaaaaaa", Some("new_acme"));
        world
    }
}

impl World {
    pub(crate) fn dataverse(mut self) -> Self {
        self.0.environment.fidelity = Fidelity::Dataverse;
        self
    }

    pub(crate) fn connector(&mut self, api: &str, logical: Option<&str>) {
        self.0.connectors.push(ConnectorFacts {
            id: api.into(),
            api_name: api.into(),
            display_name: api.into(),
            logical_name: logical.map(Into::into),
            custom: logical.is_some(),
            service_principal: Capability::Unknown,
        });
    }

    pub(crate) fn connection(&mut self, id: &str, api: &str, owner: &str) -> &mut ConnectionFacts {
        self.0.connections.push(ConnectionFacts {
            id: id.into(),
            api_name: api.into(),
            display_name: id.into(),
            owner: owner.into(),
            kind: ConnectionKind::User,
            status: ConnectionStatus::Connected,
            status_target: None,
            endpoint: None,
            account: None,
            fingerprint: None,
            ends_at: None,
            shares: Vec::new(),
            created_at: 0,
            last_used_at: None,
        });
        self.0.connections.last_mut().expect("just pushed")
    }

    pub(crate) fn reference(
        &mut self,
        name: &str,
        api: &str,
        to: Option<&str>,
    ) -> &mut ReferenceFacts {
        self.0.references.push(ReferenceFacts {
            id: format!("r-{}", name.to_lowercase()).into(),
            logical_name: name.into(),
            display_name: format!("Display of {name}"),
            description: Some(format!("Text of {name}")),
            api_name: api.into(),
            connection: to.map(Into::into),
            binding_version: i64::from(to.is_some()),
            bound_by: None,
            bound_at: None,
            owner: "ann".into(),
            managed: false,
            solutions: vec!["s1".into()],
        });
        self.0.references.last_mut().expect("just pushed")
    }

    pub(crate) fn flow(
        &mut self,
        id: &str,
        owner: &str,
        entries: Vec<FlowReference>,
    ) -> &mut FlowFacts {
        self.0.flows.push(FlowFacts {
            id: id.into(),
            name: id.into(),
            state: FlowState::Off,
            wanted_on: true,
            owner: owner.into(),
            activated_by: None,
            references: entries,
            children: Vec::new(),
            variables: Vec::new(),
            trigger: None,
            schedule: None,
            operations: Vec::new(),
            why_off: None,
            managed: false,
            solutions: vec!["s1".into()],
            recent_runs: 10,
            last_run_at: None,
            acted: Vec::new(),
            uses: Vec::new(),
            co_owners: Vec::new(),
            run_only: Vec::new(),
        });
        self.0.flows.last_mut().expect("just pushed")
    }

    pub(crate) fn variable(&mut self, name: &str, value: Option<&str>) -> &mut VariableFacts {
        self.0.variables.push(VariableFacts {
            id: format!("v-{name}").into(),
            schema_name: name.into(),
            display_name: name.into(),
            kind: 100_000_000,
            default_value: None,
            value: value.map(Into::into),
            required: false,
            managed: false,
        });
        self.0.variables.last_mut().expect("just pushed")
    }

    pub(crate) fn policy(&mut self, name: &str, document: &str) {
        let (id, name, document) = (name.into(), name.into(), document.into());
        self.0.policies.push(PolicyFacts { id, name, document });
    }

    pub(crate) fn solution(&mut self, name: &str, version: &str, managed: bool) {
        self.0.solutions.push(SolutionFacts {
            id: format!("s-{name}").into(),
            unique_name: name.into(),
            version: version.into(),
            managed,
            publisher: Publisher::default(),
            upgrade_of: None,
            components: Vec::new(),
        });
    }

    pub(crate) fn import(&self, case: &Case) -> Result<Outcome, Vec<Refusal>> {
        import_outcome(
            &self.0,
            Import {
                package: &case.package,
                bodies: &case.bodies,
                tables: &[],
                parts: Vec::new(),
                settings: case.settings.as_ref(),
                caller: &case.caller,
                options: case.options,
            },
        )
    }
}

/// An entry through a reference.
pub(crate) fn entry(name: &str, api: &str) -> FlowReference {
    FlowReference {
        key: api.into(),
        source: RuntimeSource::Embedded,
        logical_name: Some(name.into()),
        connection_name: None,
        api_name: api.into(),
        api_logical_name: None,
        on_behalf_of_invoker: false,
    }
}

/// An entry that takes the caller's connection.
pub(crate) fn invoker(name: &str, api: &str) -> FlowReference {
    FlowReference { source: RuntimeSource::Invoker, ..entry(name, api) }
}

/// An entry without a reference.
pub(crate) fn direct(connection: Option<&str>, api: &str) -> FlowReference {
    FlowReference {
        logical_name: None,
        connection_name: connection.map(Into::into),
        ..entry("", api)
    }
}

/// One import in the making.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) package: Package,
    pub(crate) bodies: BTreeMap<FlowId, FlowBody>,
    pub(crate) settings: Option<DeploymentSettings>,
    pub(crate) caller: PrincipalId,
    pub(crate) options: ImportOptions,
}

impl Default for Case {
    fn default() -> Self {
        let mut package = Package::default();
        package.manifest.unique_name = "Orders".into();
        package.manifest.version = "1.0.0.0".into();
        Self {
            package,
            bodies: BTreeMap::new(),
            settings: None,
            caller: "ann".into(),
            options: ImportOptions::default(),
        }
    }
}

impl Case {
    pub(crate) fn managed(mut self) -> Self {
        self.package.manifest.managed = Managed::Managed;
        self
    }

    pub(crate) fn caller(mut self, caller: &str) -> Self {
        self.caller = caller.into();
        self
    }

    pub(crate) fn reference(mut self, name: &str, api: &str) -> Self {
        self.package.references.push(PackageReference {
            logical_name: name.into(),
            display_name: String::new(),
            description: None,
            api_name: api.into(),
            custom_connector_id: None,
            customizable: true,
            prompting_behavior: None,
        });
        self
    }

    pub(crate) fn flow(mut self, id: &str, entries: Vec<FlowReference>, children: &[&str]) -> Self {
        self.package.workflows.push(workflow(id, 5, 1));
        let children = children.iter().map(|c| (*c).into()).collect();
        self.bodies
            .insert(id.into(), FlowBody { references: entries, children, ..FlowBody::default() });
        self
    }

    pub(crate) fn variable(mut self, name: &str, value: Option<&str>) -> Self {
        self.package.variables.push(PackageVariable {
            schema_name: name.into(),
            display_name: String::new(),
            description: None,
            kind: 100_000_000,
            default_value: None,
            value: value.map(Into::into),
            required: false,
            api_name: None,
            parameter_key: None,
            parent: None,
            secret_store: None,
        });
        self
    }

    pub(crate) fn bind(mut self, name: &str, connection: &str) -> Self {
        self.settings.get_or_insert_default().references.push(SettingsReference {
            logical_name: name.into(),
            connection_id: connection.into(),
            api_name: None,
            owner: None,
        });
        self
    }

    pub(crate) fn set(mut self, name: &str, value: &str) -> Self {
        self.settings
            .get_or_insert_default()
            .variables
            .push(SettingsVariable { schema_name: name.into(), value: value.into() });
        self
    }
}

/// A workflow row of a package.
pub(crate) fn workflow(id: &str, category: i32, state_code: i32) -> Workflow {
    Workflow {
        id: id.into(),
        name: id.into(),
        description: None,
        category,
        state_code,
        modern_flow_type: None,
        json_file_name: None,
        client_data: None,
    }
}

/// A small seeded generator (splitmix64): the seed is all a failure needs.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    /// True once in `odds`.
    pub(crate) fn once_in(&mut self, odds: u64) -> bool {
        self.below(odds) == 0
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len() as u64) as usize]
    }
}

/// The seed of a random test: from `SEED`, else a fixed one; printed.
#[expect(clippy::print_stdout, reason = "shown when the test fails")]
pub(crate) fn seed(test: &str) -> u64 {
    let seed = std::env::var("SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(20_261_123);
    println!("{test}: SEED={seed}");
    seed
}

/// A data policy that puts one connector into a group.
pub(crate) fn blocks(api: &str, group: &str) -> String {
    serde_json::json!({
        "displayName": "main", "defaultConnectorsClassification": "General",
        "environmentType": "AllEnvironments",
        "connectorGroups": [{
            "classification": group,
            "connectors": [{"id": format!("/providers/Microsoft.PowerApps/apis/{api}")}],
        }],
    })
    .to_string()
}
