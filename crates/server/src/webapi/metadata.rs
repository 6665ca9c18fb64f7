//! `$metadata` (CSDL 4.0) and the service document, generated from the catalogue of tables and the
//! table of verbs, so that they cannot say what is not there.
use std::fmt::Write as _;

use connref_store::query::{ColumnDef, Kind, TableDef, Tables};
use serde_json::{Value, json};

use super::allow::inserts;
use super::names;
use super::table::takes;
use super::verb::{BOUND, VERBS, Verb, VerbKind};

macro_rules! line {
    ($out:expr, $($arguments:tt)*) => {
        writeln!($out, $($arguments)*).expect("a String takes everything")
    };
}

/// The service document.
pub(super) fn service(root: &str, tables: Tables) -> Value {
    let sets: Vec<_> = tables
        .all()
        .map(|table| json!({"name": table.set, "kind": "EntitySet", "url": table.set}))
        .collect();
    json!({"@odata.context": format!("{root}/$metadata"), "value": sets})
}

/// The model as XML. `annotated` adds what is read-only and which sets take which messages, as the
/// vendor's service does for `$metadata?annotations=true` (of properties). Every name in it comes from this program, or was read from a solution as letters,
/// digits and `_`; none needs escaping.
pub(super) fn csdl(tables: Tables, annotated: bool) -> String {
    let mut out = String::from(HEAD);
    for table in tables.all() {
        entity_type(&mut out, table, annotated);
    }
    out.push_str(COMPLEX_TYPES);
    for verb in VERBS {
        signature(&mut out, verb);
    }
    out.push_str(ON_SETS);
    for (name, table) in BOUND {
        line!(out, r#"      <Action Name="{name}" IsBound="true">"#);
        line!(out, r#"        <Parameter Name="entity" Type="mscrm.{table}" Nullable="false" />"#);
        line!(out, "      </Action>");
    }
    container(&mut out, tables, annotated);
    out.push_str("    </Schema>\n  </edmx:DataServices>\n</edmx:Edmx>\n");
    out
}

const HEAD: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx">
  <edmx:DataServices>
    <Schema Namespace="Microsoft.Dynamics.CRM" Alias="mscrm" xmlns="http://docs.oasis-open.org/odata/ns/edm">
      <EntityType Name="crmbaseentity" Abstract="true" />
"#;

const COMPLEX_TYPES: &str = r#"      <ComplexType Name="BooleanManagedProperty">
        <Property Name="Value" Type="Edm.Boolean" Nullable="false" />
        <Property Name="CanBeChanged" Type="Edm.Boolean" Nullable="false" />
        <Property Name="ManagedPropertyLogicalName" Type="Edm.String" Nullable="false" />
      </ComplexType>
      <ComplexType Name="PrincipalAccess">
        <Property Name="AccessMask" Type="Edm.String" />
        <NavigationProperty Name="Principal" Type="mscrm.crmbaseentity" />
      </ComplexType>
      <ComplexType Name="RetrieveSharedPrincipalsAndAccessResponse">
        <Property Name="PrincipalAccesses" Type="Collection(mscrm.PrincipalAccess)" />
      </ComplexType>
      <ComplexType Name="WhoAmIResponse">
        <Property Name="BusinessUnitId" Type="Edm.Guid" Nullable="false" />
        <Property Name="UserId" Type="Edm.Guid" Nullable="false" />
        <Property Name="OrganizationId" Type="Edm.Guid" Nullable="false" />
      </ComplexType>
      <ComplexType Name="AddSolutionComponentResponse">
        <Property Name="id" Type="Edm.Guid" Nullable="false" />
      </ComplexType>
      <ComplexType Name="ExportSolutionResponse">
        <Property Name="ExportSolutionFile" Type="Edm.Binary" />
      </ComplexType>
      <ComplexType Name="RetrieveEnvironmentVariableSecretValueResponse">
        <Property Name="EnvironmentVariableSecretValue" Type="Edm.String" Nullable="false" />
      </ComplexType>
      <ComplexType Name="RetrieveEnvironmentVariableValueResponse">
        <Property Name="Value" Type="Edm.String" Nullable="false" />
      </ComplexType>
      <ComplexType Name="QueryExpression" OpenType="true" />
      <ComplexType Name="EntityQueryExpression" OpenType="true" />
      <ComplexType Name="RetrieveMetadataChangesResponse" OpenType="true" />
      <ComplexType Name="BulkDeleteResponse">
        <Property Name="JobId" Type="Edm.Guid" Nullable="false" />
      </ComplexType>
      <ComplexType Name="IsValidStateTransitionResponse">
        <Property Name="IsValid" Type="Edm.Boolean" Nullable="false" />
      </ComplexType>
      <ComplexType Name="OptionSetValue">
        <Property Name="Value" Type="Edm.Int32" Nullable="false" />
      </ComplexType>
      <ComplexType Name="SolutionParameters">
        <Property Name="StageSolutionUploadId" Type="Edm.Guid" />
      </ComplexType>
      <ComplexType Name="RetrieveSolutionImportResultResponse" OpenType="true" />
      <ComplexType Name="RetrieveFormattedImportJobResultsResponse">
        <Property Name="FormattedResults" Type="Edm.String" Nullable="false" />
      </ComplexType>
      <ComplexType Name="StageSolutionResponse" OpenType="true" />
      <ComplexType Name="ImportSolutionAsyncResponse">
        <Property Name="ImportJobKey" Type="Edm.String" Nullable="false" />
        <Property Name="AsyncOperationId" Type="Edm.Guid" Nullable="false" />
      </ComplexType>
      <ComplexType Name="StageAndUpgradeAsyncResponse">
        <Property Name="ImportJobKey" Type="Edm.String" Nullable="false" />
        <Property Name="AsyncOperationId" Type="Edm.Guid" Nullable="false" />
      </ComplexType>
      <ComplexType Name="ExportSolutionAsyncResponse">
        <Property Name="AsyncOperationId" Type="Edm.Guid" Nullable="false" />
        <Property Name="ExportJobId" Type="Edm.Guid" Nullable="false" />
      </ComplexType>
      <ComplexType Name="DownloadSolutionExportDataResponse">
        <Property Name="ExportSolutionFile" Type="Edm.Binary" />
      </ComplexType>
      <ComplexType Name="RemoveSolutionComponentResponse">
        <Property Name="id" Type="Edm.Guid" Nullable="false" />
      </ComplexType>
      <ComplexType Name="DeleteAndPromoteResponse">
        <Property Name="SolutionId" Type="Edm.Guid" Nullable="false" />
      </ComplexType>
      <ComplexType Name="dependency">
        <Property Name="dependencyid" Type="Edm.Guid" Nullable="false" />
        <Property Name="dependencytype" Type="Edm.Int32" />
        <Property Name="dependentcomponenttype" Type="Edm.Int32" />
        <Property Name="dependentcomponentobjectid" Type="Edm.Guid" />
        <Property Name="dependentcomponentparentid" Type="Edm.Guid" />
        <Property Name="dependentcomponentbasesolutionid" Type="Edm.Guid" />
        <Property Name="requiredcomponenttype" Type="Edm.Int32" />
        <Property Name="requiredcomponentobjectid" Type="Edm.Guid" />
        <Property Name="requiredcomponentparentid" Type="Edm.Guid" />
        <Property Name="requiredcomponentbasesolutionid" Type="Edm.Guid" />
      </ComplexType>
      <ComplexType Name="RetrieveAvailableLanguagesResponse">
        <Property Name="LocaleIds" Type="Collection(Edm.Int32)" Nullable="false" />
      </ComplexType>
      <ComplexType Name="RetrieveProvisionedLanguagesResponse">
        <Property Name="RetrieveProvisionedLanguages" Type="Collection(Edm.Int32)" Nullable="false" />
      </ComplexType>
      <ComplexType Name="RetrieveVersionResponse">
        <Property Name="Version" Type="Edm.String" Nullable="false" />
      </ComplexType>
      <ComplexType Name="CreateMultipleResponse">
        <Property Name="Ids" Type="Collection(Edm.Guid)" Nullable="false" />
      </ComplexType>
      <ComplexType Name="connref_Document" OpenType="true" />
"#;

/// Actions on a set of rows.
const ON_SETS: &str = r#"      <Action Name="CreateMultiple" IsBound="true">
        <Parameter Name="entityset" Type="Collection(mscrm.crmbaseentity)" Nullable="false" />
        <Parameter Name="Targets" Type="Collection(mscrm.crmbaseentity)" Nullable="false" />
        <ReturnType Type="mscrm.CreateMultipleResponse" Nullable="false" />
      </Action>
      <Action Name="UpdateMultiple" IsBound="true">
        <Parameter Name="entityset" Type="Collection(mscrm.crmbaseentity)" Nullable="false" />
        <Parameter Name="Targets" Type="Collection(mscrm.crmbaseentity)" Nullable="false" />
      </Action>
      <Action Name="UpsertMultiple" IsBound="true">
        <Parameter Name="entityset" Type="Collection(mscrm.crmbaseentity)" Nullable="false" />
        <Parameter Name="Targets" Type="Collection(mscrm.crmbaseentity)" Nullable="false" />
      </Action>
"#;

/// The end of an element that holds annotations, or none.
fn close(out: &mut String, element: &str, annotations: &[(&str, &str)]) {
    if annotations.is_empty() {
        out.push_str(" />\n");
        return;
    }
    out.push_str(">\n");
    for (term, value) in annotations {
        line!(out, r#"          <Annotation Term="{term}" {value}"#);
    }
    line!(out, "        </{element}>");
}

/// What the annotated model says of a column.
fn annotations(table: &TableDef, column: &ColumnDef) -> Vec<(&'static str, &'static str)> {
    let takes = takes(table);
    let (create, update) = (column.creatable && takes.create, column.updatable && takes.update);
    // A lookup's id is read; it is set by its navigation property.
    let lookup = column.kind.lookup().is_some();
    match (create, update) {
        _ if lookup => vec![COMPUTED, READ],
        (false, false) => vec![COMPUTED, READ],
        (true, false) => vec![("Org.OData.Core.V1.Immutable", r#"Bool="true" />"#)],
        _ => Vec::new(),
    }
}

const COMPUTED: (&str, &str) = ("Org.OData.Core.V1.Computed", r#"Bool="true" />"#);
const READ: (&str, &str) = (
    "Org.OData.Core.V1.Permissions",
    "><EnumMember>Org.OData.Core.V1.PermissionType/Read</EnumMember></Annotation>",
);

/// Which messages the rows of a set take.
fn restrictions(out: &mut String, table: &'static TableDef) {
    let takes = takes(table);
    for (term, property, may) in [
        ("InsertRestrictions", "Insertable", takes.create),
        ("UpdateRestrictions", "Updatable", takes.update),
        ("DeleteRestrictions", "Deletable", takes.delete),
        ("SearchRestrictions", "Searchable", false),
    ] {
        if !may {
            line!(out, r#"          <Annotation Term="Org.OData.Capabilities.V1.{term}">"#);
            line!(
                out,
                r#"            <Record><PropertyValue Property="{property}" Bool="false" /></Record>"#
            );
            line!(out, "          </Annotation>");
        }
    }
    line!(
        out,
        r#"          <Annotation Term="Org.OData.Capabilities.V1.SkipSupported" Bool="false" />"#
    );
    // What leads across is linked by `$ref`, not made.
    let fixed = table.many.iter().filter(|many| inserts(table, many).is_none());
    let fixed = fixed.map(|many| many.name).chain(table.crossings().map(|crossing| crossing.name));
    let fixed: Vec<_> = fixed.collect();
    if fixed.is_empty() {
        return;
    }
    line!(out, r#"          <Annotation Term="Org.OData.Capabilities.V1.NavigationRestrictions">"#);
    line!(
        out,
        r#"            <Record><PropertyValue Property="RestrictedProperties"><Collection>"#
    );
    for name in fixed {
        line!(
            out,
            r#"              <Record><PropertyValue Property="NavigationProperty" NavigationPropertyPath="{name}" /><PropertyValue Property="InsertRestrictions"><Record><PropertyValue Property="Insertable" Bool="false" /></Record></PropertyValue></Record>"#
        );
    }
    line!(out, "            </Collection></PropertyValue></Record>");
    line!(out, "          </Annotation>");
}

fn entity_type(out: &mut String, table: &'static TableDef, annotated: bool) {
    line!(out, r#"      <EntityType Name="{}" BaseType="mscrm.crmbaseentity">"#, table.name);
    line!(out, "        <Key>");
    line!(out, r#"          <PropertyRef Name="{}" />"#, table.primary_id);
    line!(out, "        </Key>");
    for column in table.columns {
        let length = match column.kind {
            Kind::Text(length) => format!(r#" MaxLength="{length}""#),
            Kind::Fixed { double: false, .. } => r#" Scale="variable""#.to_owned(),
            _ => String::new(),
        };
        let nullable = if column.name == table.primary_id { r#" Nullable="false""# } else { "" };
        let (name, edm) = (names::property(column), column.kind.edm());
        write!(out, r#"        <Property Name="{name}" Type="{edm}"{length}{nullable}"#)
            .expect("a String takes everything");
        let annotations = if annotated { annotations(table, column) } else { Vec::new() };
        close(out, "Property", &annotations);
    }
    for column in table.columns {
        // A lookup to a table that is not here has its id, and nothing to follow.
        if let Some((target, navigation)) = column.kind.lookup()
            && let Some(there) = table.beside(target)
        {
            line!(out, r#"        <NavigationProperty Name="{navigation}" Type="mscrm.{target}">"#);
            line!(
                out,
                r#"          <ReferentialConstraint Property="_{}_value" ReferencedProperty="{}" />"#,
                column.name,
                there.primary_id,
            );
            line!(out, "        </NavigationProperty>");
        }
    }
    for many in table.many {
        line!(
            out,
            r#"        <NavigationProperty Name="{}" Type="Collection(mscrm.{})" />"#,
            many.name,
            many.table,
        );
    }
    for crossing in table.crossings() {
        line!(
            out,
            r#"        <NavigationProperty Name="{}" Type="Collection(mscrm.{})" />"#,
            crossing.name,
            crossing.target.name,
        );
    }
    line!(out, "      </EntityType>");
}

fn signature(out: &mut String, verb: &Verb) {
    let element = element(verb);
    if verb.parameters.is_empty() && verb.result.is_none() {
        line!(out, r#"      <{element} Name="{}" />"#, verb.name);
        return;
    }
    line!(out, r#"      <{element} Name="{}">"#, verb.name);
    for parameter in verb.parameters {
        let nullable = if parameter.required { r#" Nullable="false""# } else { "" };
        line!(
            out,
            r#"        <Parameter Name="{}" Type="{}"{nullable} />"#,
            parameter.name,
            parameter.edm,
        );
    }
    if let Some(result) = verb.result {
        line!(out, r#"        <ReturnType Type="{result}" Nullable="false" />"#);
    }
    line!(out, "      </{element}>");
}

fn element(verb: &Verb) -> &'static str {
    match verb.kind {
        VerbKind::Function => "Function",
        VerbKind::Action => "Action",
    }
}

fn container(out: &mut String, tables: Tables, annotated: bool) {
    line!(out, r#"      <EntityContainer Name="System">"#);
    for table in tables.all() {
        line!(out, r#"        <EntitySet Name="{}" EntityType="mscrm.{}">"#, table.set, table.name);
        let single = table.columns.iter().filter_map(|column| {
            column.kind.lookup().map(|(target, navigation)| (navigation, target))
        });
        let many = table.many.iter().map(|many| (many.name, many.table));
        let across = table.crossings().map(|crossing| (crossing.name, crossing.target.name));
        for (path, target) in single.chain(many).chain(across) {
            let Some(set) = table.beside(target).map(|target| target.set) else { continue };
            line!(out, r#"          <NavigationPropertyBinding Path="{path}" Target="{set}" />"#);
        }
        if annotated {
            restrictions(out, table);
        }
        line!(out, "        </EntitySet>");
    }
    for verb in VERBS {
        let element = element(verb);
        line!(out, r#"        <{element}Import Name="{0}" {element}="mscrm.{0}" />"#, verb.name);
    }
    line!(out, "      </EntityContainer>");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_is_as_it_was() {
        insta::assert_snapshot!(csdl(Tables::default(), false));
    }

    #[test]
    fn annotations_say_what_is_only_read() {
        let text = csdl(Tables::default(), true);
        let of = |property: &str, set: &str| {
            let from = text.find(&format!(r#"<EntityType Name="{set}""#)).expect("the type");
            let at = from + text[from..].find(&format!(r#"Name="{property}""#)).expect("there");
            text[at..].split("<Property").next().expect("its element").to_owned()
        };
        assert!(of("versionnumber", "connectionreference").contains("V1.Computed"));
        assert!(of("_ownerid_value", "connectionreference").contains("PermissionType/Read"));
        assert!(!of("connectionid", "connectionreference").contains("Annotation"));
        assert!(of("connectionreferencelogicalname", "connectionreference").contains("Immutable"));
        let jobs = text.split(r#"<EntitySet Name="importjobs""#).nth(1).expect("the set");
        let jobs = jobs.split("</EntitySet>").next().expect("its end");
        assert!(jobs.contains("Insertable") && jobs.contains("Deletable"), "{jobs}");
    }

    #[test]
    fn the_service_document_lists_the_sets() {
        let service = service("https://x/api/data/v9.2", Tables::default());
        assert_eq!(
            service["value"].as_array().map(Vec::len),
            Some(connref_store::query::TABLES.len())
        );
        assert_eq!(service["@odata.context"], "https://x/api/data/v9.2/$metadata");
    }
}
