//! An action or the trigger of a flow: what readers and rules ask of each is looked up once.
use std::borrow::Cow;

use crate::document::json::{JsonNode, JsonObject};

/// An action or the trigger, in the shape of the workflow definition language.
#[derive(Clone)]
pub struct FlowAction<'t> {
    /// The whole of it.
    pub value: JsonNode<'t>,
    /// Its `type`; empty if it does not say.
    pub kind: &'t str,
    /// `inputs`, if that is an object.
    pub inputs: Option<JsonObject<'t>>,
    /// `inputs.parameters`: flat, with paths as names.
    pub parameters: Option<JsonObject<'t>>,
    /// The key in `connectionReferences` that it names.
    pub key: Option<Cow<'t, str>>,
    /// The operation that it calls; empty if it does not say.
    pub operation: &'t str,
    /// Id of the flow that it calls as a child; empty if it calls none.
    pub child: &'t str,
    actions: Option<JsonObject<'t>>,
    otherwise: Option<JsonObject<'t>>,
    default: Option<JsonObject<'t>>,
    cases: Option<JsonObject<'t>>,
}

impl<'t> FlowAction<'t> {
    /// Looks at each member once; of several with one name the last counts.
    pub fn of(value: JsonNode<'t>) -> Self {
        let mut action = Self {
            value,
            kind: "",
            inputs: None,
            parameters: None,
            key: None,
            operation: "",
            child: "",
            actions: None,
            otherwise: None,
            default: None,
            cases: None,
        };
        let mut metadata = None;
        let Some(members) = value.as_object() else { return action };
        for (name, member) in members.iter() {
            match name {
                "type" => action.kind = member.as_str().unwrap_or_default(),
                "inputs" => action.inputs = member.as_object(),
                "actions" => action.actions = member.as_object(),
                "else" => action.otherwise = member.get("actions").and_then(JsonNode::as_object),
                "default" => action.default = member.get("actions").and_then(JsonNode::as_object),
                "cases" => action.cases = member.as_object(),
                "metadata" => metadata = Some(member),
                _ => {}
            }
        }
        if let Some(inputs) = action.inputs {
            action.read_inputs(inputs);
        }
        if action.operation.is_empty() {
            action.operation = metadata
                .and_then(|m| m.at("/flowSystemMetadata/swaggerOperationId")?.as_str())
                .unwrap_or_default();
        }
        action
    }

    fn read_inputs(&mut self, inputs: JsonObject<'t>) {
        let (mut host, mut operation) = (None, "");
        for (name, member) in inputs.iter() {
            match name {
                "host" => host = member.as_object(),
                "parameters" => self.parameters = member.as_object(),
                "operationId" => operation = member.as_str().unwrap_or_default(),
                _ => {}
            }
        }
        if let Some(host) = host {
            self.read_host(host);
        }
        if self.operation.is_empty() {
            self.operation = operation;
        }
    }

    fn read_host(&mut self, host: JsonObject<'t>) {
        let (mut key, mut old) = ("", None);
        for (name, member) in host.iter() {
            match name {
                "connectionName" => key = member.as_str().unwrap_or_default(),
                "connection" => old = member.get("name").and_then(JsonNode::as_str),
                "operationId" => self.operation = member.as_str().unwrap_or_default(),
                "workflowReferenceName" => self.child = member.as_str().unwrap_or_default(),
                _ => {}
            }
        }
        self.key = match key {
            "" => old.and_then(old_key).map(Cow::Owned),
            key => Some(Cow::Borrowed(key)),
        };
    }

    /// Whether it is of a type, which is written in any case.
    pub fn is(&self, kind: &str) -> bool {
        self.kind.eq_ignore_ascii_case(kind)
    }

    /// The actions within it, each map with the steps that lead there: `actions`, `else/actions`,
    /// `default/actions`, and those of each case of a switch.
    pub fn nested(&self) -> impl Iterator<Item = (NestedIn<'t>, JsonObject<'t>)> + use<'t> {
        let own = [
            (NestedIn::Actions, self.actions),
            (NestedIn::Else, self.otherwise),
            (NestedIn::Default, self.default),
        ];
        let cases = self.cases.into_iter().flat_map(JsonObject::iter);
        let cases = cases.filter_map(|(name, case)| {
            Some((NestedIn::Case(name), case.get("actions")?.as_object()?))
        });
        own.into_iter().filter_map(|(place, map)| Some((place, map?))).chain(cases)
    }
}

/// Where actions within an action lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NestedIn<'t> {
    /// `actions`: a scope, a loop, the first branch of a condition.
    Actions,
    /// `else/actions`.
    Else,
    /// `default/actions`: a switch's.
    Default,
    /// `cases/NAME/actions`.
    Case(&'t str),
}

/// The key in `@parameters('$connections')['shared_x']['connectionId']` and in
/// `@json(…)['$connections']['shared_x']['connectionId']`.
fn old_key(expression: &str) -> Option<String> {
    let (_, rest) = expression.split_once("$connections'")?;
    let rest = rest.trim_start_matches([')', ']', ' ', '?']).strip_prefix("['")?;
    Some(rest.split_once("']")?.0.replace("''", "'"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::json::JsonTree;

    #[test]
    fn what_is_said_twice_or_elsewhere() {
        let cases = [
            (r#"{"type":"A","type":"B"}"#, "B", None, ""),
            (r#"{"inputs":{"host":{"connectionName":"k","operationId":"O"}}}"#, "", Some("k"), "O"),
            (r#"{"inputs":{"host":{"connectionName":""},"operationId":"O"}}"#, "", None, "O"),
            (r#"{"inputs":{"host":{"connectionName":"k"}},"inputs":1}"#, "", None, ""),
            (
                r#"{"inputs":{"host":{"connection":{"name":"@parameters('$connections')['it''s']['connectionId']"}}},
                    "metadata":{"flowSystemMetadata":{"swaggerOperationId":"Old"}}}"#,
                "",
                Some("it's"),
                "Old",
            ),
            ("[]", "", None, ""),
        ];
        for (text, kind, key, operation) in cases {
            let tree = JsonTree::parse(text.as_bytes()).expect(text);
            let action = FlowAction::of(tree.root());
            assert_eq!(
                (action.kind, action.key.as_deref(), action.operation),
                (kind, key, operation),
                "{text}"
            );
        }
    }

    #[test]
    fn nested_actions_are_found_in_order() {
        let text = r#"{"cases":{"1":{"actions":{}},"2":{}},"default":{"actions":{}},"else":{"actions":{}},"actions":{}}"#;
        let tree = JsonTree::parse(text.as_bytes()).expect("it is JSON");
        let places: Vec<_> = FlowAction::of(tree.root()).nested().map(|(place, _)| place).collect();
        assert_eq!(
            places,
            [NestedIn::Actions, NestedIn::Else, NestedIn::Default, NestedIn::Case("1")]
        );
    }
}
