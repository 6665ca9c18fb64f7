//! A small package, built step by step, as the parts of an archive.
#![expect(clippy::needless_pass_by_value, clippy::unwrap_used, reason = "helpers of tests")]
use connref_review::check::{CheckInput, CheckOptions, CheckSource, check};
use connref_review::{Finding, Severity};
use connref_solution::{Archive, Limits};
use serde_json::{Value, json};

/// A solution in the making: prefix `acme`, unmanaged.
#[derive(Clone, Debug)]
pub(crate) struct Pack {
    pub(crate) name: &'static str,
    pub(crate) managed: bool,
    pub(crate) prefix: String,
    pub(crate) references: String,
    pub(crate) connectors: String,
    pub(crate) apps: String,
    pub(crate) workflows: String,
    pub(crate) missing: String,
    pub(crate) parts: Vec<(String, Vec<u8>)>,
}

/// The flow that [`Pack::flow`] adds first.
pub(crate) const FLOW: &str = "11111111-1111-4111-8111-111111111111";
/// The flow that it adds second.
pub(crate) const CHILD: &str = "22222222-2222-4222-8222-222222222222";

impl Default for Pack {
    fn default() -> Self {
        Self {
            name: "Acme",
            managed: false,
            prefix: "acme".to_owned(),
            references: String::new(),
            connectors: String::new(),
            apps: String::new(),
            workflows: String::new(),
            missing: String::new(),
            parts: Vec::new(),
        }
    }
}

impl Pack {
    pub(crate) fn reference(mut self, name: &str, api: &str) -> Self {
        self.references += &format!(
            "\n    <connectionreference connectionreferencelogicalname=\"{name}\">\n      \
             <connectionreferencedisplayname>{name}</connectionreferencedisplayname>\n      \
             <connectorid>/providers/Microsoft.PowerApps/apis/{api}</connectorid>\n    \
             </connectionreference>"
        );
        self
    }

    /// Markup among the references, as it is.
    pub(crate) fn reference_markup(mut self, markup: &str) -> Self {
        self.references += markup;
        self
    }

    /// A flow with these `connectionReferences`, trigger and actions.
    pub(crate) fn flow(self, entries: Value, trigger: Value, actions: Value) -> Self {
        let id = if self.workflows.is_empty() { FLOW } else { CHILD };
        let body = json!({"properties": {
            "connectionReferences": entries,
            "definition": {"triggers": {"manual": trigger}, "actions": actions},
        }, "schemaVersion": "1.0.0.0"});
        self.flow_text(id, &format!("{body:#}"))
    }

    pub(crate) fn flow_text(mut self, id: &str, text: &str) -> Self {
        let part = format!("Workflows/Flow-{}.json", id.to_uppercase());
        self.workflows += &format!(
            "<Workflow WorkflowId=\"{{{id}}}\" Name=\"Flow {}\"><JsonFileName>/{part}</JsonFileName>\
             <Category>5</Category><StateCode>1</StateCode></Workflow>",
            &id[..1]
        );
        self.parts.push((part, text.as_bytes().to_vec()));
        self
    }

    /// A flow that uses a reference in one action.
    pub(crate) fn uses(self, reference: &str, api: &str) -> Self {
        self.flow(entry(reference, api), button(), json!({"Do": call(api, "DoIt", json!({}))}))
    }

    pub(crate) fn connector(mut self, id: &str, name: &str, operations: &[&str]) -> Self {
        let swagger = json!({"swagger": "2.0", "host": "api.acme.test", "paths":
            operations.iter().map(|o| (format!("/{o}"), json!({"get": {"operationId": o}})))
                .collect::<serde_json::Map<_, _>>()});
        let file = format!("Connector/{name}_openapidefinition.json");
        self.connectors += &format!(
            "<Connector><connectorid>{id}</connectorid><displayname>Tool</displayname><name>{name}</name>\
             <connectortype>1</connectortype><openapidefinition>/{file}</openapidefinition></Connector>"
        );
        self.parts.push((file, swagger.to_string().into_bytes()));
        self
    }

    pub(crate) fn app(mut self, source: Value) -> Self {
        let map = json!({"3f1c": source}).to_string().replace('<', "&lt;").replace('&', "&amp;");
        self.apps += &format!(
            "<CanvasApp><Name>acme_app_1</Name><DisplayName>App</DisplayName>\
             <ConnectionReferences>{map}</ConnectionReferences></CanvasApp>"
        );
        self
    }

    pub(crate) fn missing(mut self, required: &str) -> Self {
        self.missing += &format!(
            "\n<MissingDependency><Required {required}/><Dependent type=\"29\" displayName=\"Flow 1\"/></MissingDependency>"
        );
        self
    }

    pub(crate) fn variable(
        mut self,
        name: &str,
        kind: i64,
        default: Option<&str>,
        value: Option<&str>,
    ) -> Self {
        let folder = format!("environmentvariabledefinitions/{name}");
        let default =
            default.map_or(String::new(), |d| format!("<defaultvalue>{d}</defaultvalue>"));
        let text = format!(
            "<environmentvariabledefinition schemaname=\"{name}\">{default}<displayname default=\"{name}\"/>\
             <type>{kind}</type></environmentvariabledefinition>"
        );
        self.parts.push((format!("{folder}/environmentvariabledefinition.xml"), text.into_bytes()));
        if let Some(value) = value {
            let json = json!({"environmentvariablevalues": {"environmentvariablevalue": {"value": value}}});
            self.parts.push((
                format!("{folder}/environmentvariablevalues.json"),
                json.to_string().into_bytes(),
            ));
        }
        self
    }

    pub(crate) fn part(mut self, name: &str, text: &str) -> Self {
        self.parts.push((name.to_owned(), text.as_bytes().to_vec()));
        self
    }

    pub(crate) fn parts(&self) -> Vec<(String, Vec<u8>)> {
        let manifest = format!(
            "<ImportExportXml languagecode=\"1033\">\n<SolutionManifest><UniqueName>{}</UniqueName>\
             <Version>1.0.0.0</Version><Managed>{}</Managed>\n<Publisher><UniqueName>acme</UniqueName>\n\
             <CustomizationPrefix>{}</CustomizationPrefix></Publisher><RootComponents/>\
             <MissingDependencies>{}</MissingDependencies></SolutionManifest></ImportExportXml>",
            self.name,
            u8::from(self.managed),
            self.prefix,
            self.missing
        );
        let customizations = format!(
            "<ImportExportXml>\n  <Workflows>{}</Workflows>\n  <CanvasApps>{}</CanvasApps>\n  \
             <Connectors>{}</Connectors>\n  <connectionreferences>{}\n  </connectionreferences>\n</ImportExportXml>",
            self.workflows, self.apps, self.connectors, self.references
        );
        let mut parts = vec![
            ("solution.xml".to_owned(), manifest.into_bytes()),
            ("customizations.xml".to_owned(), customizations.into_bytes()),
        ];
        parts.extend(self.parts.iter().cloned());
        parts
    }

    pub(crate) fn source(&self) -> CheckSource {
        source(self.parts())
    }

    pub(crate) fn check(&self) -> Vec<Finding> {
        check(&CheckInput::new(&self.source()), &CheckOptions::default())
    }

    pub(crate) fn check_with(&self, options: &CheckOptions) -> Vec<Finding> {
        check(&CheckInput::new(&self.source()), options)
    }

    /// Severities of the findings of one code.
    pub(crate) fn severities(&self, code: &str) -> Vec<Severity> {
        self.check().iter().filter(|f| f.code == code).map(|f| f.severity).collect()
    }
}

pub(crate) fn source(parts: Vec<(String, Vec<u8>)>) -> CheckSource {
    CheckSource::read(Archive::from_parts(parts, &Limits::default()).unwrap()).unwrap()
}

/// An exported flow package with one connection, or with none.
pub(crate) fn legacy(connection: bool) -> CheckSource {
    let entries = if connection {
        json!({"shared_teams": {"connectionName": "shared-teams-e1b700cb-e0cc-4f18-9c2f-0123456789ab",
            "source": "Embedded", "id": "/providers/Microsoft.PowerApps/apis/shared_teams"}})
    } else {
        json!({})
    };
    let body = json!({"properties": {"displayName": "Old", "connectionReferences": entries,
        "definition": {"triggers": {"manual": button()}, "actions": {}}}});
    let folder = format!("Microsoft.Flow/flows/{FLOW}");
    source(vec![
        ("Microsoft.Flow/flows/manifest.json".to_owned(), b"{}".to_vec()),
        (format!("{folder}/definition.json"), body.to_string().into_bytes()),
    ])
}

pub(crate) fn entry(reference: &str, api: &str) -> Value {
    json!({api: {"runtimeSource": "embedded",
        "connection": {"connectionReferenceLogicalName": reference}, "api": {"name": api}}})
}

pub(crate) fn button() -> Value {
    json!({"type": "Request", "kind": "Button", "inputs": {}})
}

pub(crate) fn call(key: &str, operation: &str, parameters: Value) -> Value {
    json!({"type": "OpenApiConnection", "inputs": {"parameters": parameters, "host": {
        "connectionName": key, "operationId": operation, "apiId": "/providers/Microsoft.PowerApps/apis/x"}}})
}
