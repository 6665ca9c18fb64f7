//! Functions about what needs what.
use connref_review::Dependency;
use connref_solution::model::Component;
use serde_json::{Value, json};

use super::parameters::Parameters;
use super::solution::{component_kind, component_number};
use crate::operation::dependency::{Side, dependency_list, dependency_missing};
use crate::webapi::{Asked, Fault};

/// `RetrieveDependentComponents`, `RetrieveDependenciesForDelete` and `RetrieveRequiredComponents`.
pub(super) async fn list(
    asked: &Asked,
    parameters: Parameters,
    side: Side,
) -> Result<Value, Fault> {
    let kind = component_kind(parameters.int("ComponentType"))?;
    let found = dependency_list(&asked.cx, kind, parameters.required("ObjectId"), side).await?;
    Ok(rows(&found))
}

pub(super) async fn missing(asked: &Asked, parameters: Parameters) -> Result<Value, Fault> {
    let name = parameters.required("SolutionUniqueName");
    Ok(rows(&dependency_missing(&asked.cx, name).await?))
}

fn rows(found: &[Dependency]) -> Value {
    json!({"value": found.iter().map(row).collect::<Vec<_>>()})
}

/// Published dependencies.
const PUBLISHED: i64 = 2;

fn row(one: &Dependency) -> Value {
    let (dependent, required) = (&one.dependent, &one.required);
    json!({
        "dependencyid": id(dependent, required),
        "dependencytype": PUBLISHED,
        "dependentcomponenttype": component_number(dependent.kind),
        "dependentcomponentobjectid": &*dependent.id,
        "dependentcomponentparentid": null,
        "dependentcomponentbasesolutionid": null,
        "requiredcomponenttype": component_number(required.kind),
        "requiredcomponentobjectid": &*required.id,
        "requiredcomponentparentid": null,
        "requiredcomponentbasesolutionid": null,
    })
}

/// The row has no id of its own: made of the random ends of the two ids that are its key.
fn id(dependent: &Component, required: &Component) -> String {
    let part = |from: usize, to: usize| dependent.id.get(from..to).unwrap_or_default();
    let tail = required.id.get(19..).unwrap_or_default();
    format!("{}-{}-{}-{tail}", part(28, 36), part(24, 28), part(19, 23))
}

#[cfg(test)]
mod tests {
    use connref_solution::model::ComponentKind;

    use super::*;

    #[test]
    fn a_dependency_has_a_guid() {
        let one =
            |id: &str| Component { kind: ComponentKind::Flow, id: id.into(), name: String::new() };
        let made = id(
            &one("00000000-1111-2222-3333-444455556666"),
            &one("aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"),
        );
        assert!(connref_solution::model::id::is_guid(&made), "{made}");
    }
}
