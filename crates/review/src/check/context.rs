//! What every rule sees: the package, its flows with their actions, and what stands beside it.
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use connref_solution::artefact::flow_action::{FlowAction, NestedIn};
use connref_solution::document::json::{JsonNode, JsonObject};
use connref_solution::model::package::{FlowReference, Managed, PackageReference};
use connref_solution::model::{ApiName, FlowId, LogicalName, Package};

use super::provided::{Beside, Connectors, Provided};
use super::siblings::{Siblings, used};
use super::source::{CheckSource, SourceFlow};
use super::{CheckInput, CheckOptions};
use crate::finding::{Severity, Subject, SubjectKind};

/// A package under a check.
pub(crate) struct Context<'a> {
    pub(crate) input: &'a CheckInput<'a>,
    pub(crate) options: &'a CheckOptions,
    pub(crate) source: &'a CheckSource,
    pub(crate) package: &'a Package,
    pub(crate) flows: Vec<Flow<'a>>,
    references: HashMap<&'a LogicalName, &'a PackageReference>,
    declared: HashSet<(String, String)>,
    /// What the package itself provides.
    pub(super) own: Provided,
    /// What the packages beside it provide.
    pub(super) beside: Beside<'a>,
    /// The packages beside it with this one among them, and which of them this is.
    siblings: Option<(&'a Siblings<'a>, usize)>,
    /// Custom connectors of the package itself.
    pub(super) connectors: Connectors<'a>,
    /// Custom connectors of the package and of those beside it.
    pub(crate) all_connectors: Connectors<'a>,
}

/// A flow and its actions.
pub(crate) struct Flow<'a> {
    pub(crate) source: &'a SourceFlow,
    /// Pointer of the object that holds `connectionReferences` and `definition`.
    pub(crate) base: &'static str,
    pub(crate) actions: Vec<Action<'a>>,
}

/// An action or the trigger.
pub(crate) struct Action<'a> {
    pub(crate) name: &'a str,
    /// Pointer of the object that holds it; its neighbours share it.
    map: Rc<str>,
    pub(crate) trigger: bool,
    call: FlowAction<'a>,
    entry: Option<&'a FlowReference>,
}

/// The entries of `connectionReferences` by key.
type Entries<'a> = HashMap<&'a str, &'a FlowReference>;

impl<'a> Context<'a> {
    pub(crate) fn new(input: &'a CheckInput<'a>, options: &'a CheckOptions) -> Self {
        let source = input.source;
        let package = &source.package;
        let mut references = HashMap::new();
        for reference in &package.references {
            references.entry(&reference.logical_name).or_insert(reference);
        }
        let flows = source.flows.iter().map(Flow::new).collect();
        let declared = package.manifest.missing_dependencies.iter();
        let declared = declared
            .map(|d| (d.required_type.to_ascii_lowercase(), d.required.to_lowercase()))
            .collect();
        let siblings = input.siblings.map(|all| (all, all.position(source)));
        let own = || std::iter::once(package);
        Self {
            declared,
            own: Provided::of(own()),
            beside: Beside { all: siblings.map(|(all, me)| (&all.provided, me)) },
            connectors: Connectors::of(own()),
            all_connectors: Connectors::of(own())
                .with(siblings.map(|(all, me)| (&all.connectors, me))),
            siblings,
            input,
            options,
            source,
            package,
            flows,
            references,
        }
    }

    pub(crate) fn managed(&self) -> bool {
        self.package.manifest.managed == Managed::Managed
    }

    /// Severity of what an import of an unmanaged package repairs by itself.
    pub(crate) fn unless_unmanaged(&self) -> Severity {
        let strict = self.managed() || self.source.legacy;
        if strict { Severity::Error } else { Severity::Warning }
    }

    pub(crate) fn reference(&self, name: &LogicalName) -> Option<&'a PackageReference> {
        self.references.get(name).copied()
    }

    /// The connector that a flow's entry means: by its reference if it has one here.
    pub(crate) fn api_of(&self, entry: &'a FlowReference) -> &'a ApiName {
        if !entry.api_name.as_str().is_empty() {
            return &entry.api_name;
        }
        let named = entry.logical_name.as_ref().and_then(|name| self.reference(name));
        named.map_or(&entry.api_name, |r| &r.api_name)
    }

    /// Whether the manifest declares a dependency of a type on something of this name.
    pub(crate) fn declared(&self, kind: &str, name: &str) -> bool {
        self.declared.contains(&(kind.to_ascii_lowercase(), name.to_lowercase()))
    }

    /// Flows of this package that others call as a child, each with the name of a caller: one of
    /// this package if there is any.
    pub(crate) fn called(&self) -> HashMap<&'a FlowId, &'a str> {
        let mut called: HashMap<&FlowId, &str> = HashMap::new();
        for flow in &self.source.flows {
            for child in &flow.body.children {
                called.entry(child).or_insert(&flow.name);
            }
        }
        if let Some((all, me)) = self.siblings {
            for flow in &self.source.flows {
                let beside = all.called.get(&flow.id).and_then(|held| held.beside(me));
                if let Some(caller) = beside {
                    called.entry(&flow.id).or_insert(caller);
                }
            }
        }
        called
    }

    /// Whether a flow of a package beside this one takes the connections of its caller.
    pub(crate) fn invoker_beside(&self, flow: &str) -> bool {
        self.siblings.is_some_and(|(all, me)| {
            all.invoker.get(flow).is_some_and(|held| held.beside(me).is_some())
        })
    }

    /// References of this package that nothing modelled uses, here or beside it.
    pub(crate) fn unused(&self) -> impl Iterator<Item = &'a PackageReference> {
        let own: HashSet<&LogicalName> = used(self.source).collect();
        let beside = |name: &LogicalName| {
            self.siblings.is_some_and(|(all, me)| {
                all.used.get(name).is_some_and(|held| held.beside(me).is_some())
            })
        };
        let idle = self.package.references.iter();
        idle.filter(move |r| !own.contains(&r.logical_name) && !beside(&r.logical_name))
    }
}

impl<'a> Flow<'a> {
    fn new(source: &'a SourceFlow) -> Self {
        let root = source.tree.root();
        let (properties, base) = match root.get("properties") {
            Some(properties) => (properties, "/properties"),
            None => (root, ""),
        };
        let entries: Entries<'_> =
            source.body.references.iter().map(|e| (e.key.as_str(), e)).collect();
        let mut actions = Vec::new();
        let definition = properties.get("definition");
        let part = |name: &str| definition.and_then(|d| d.get(name)).and_then(JsonNode::as_object);
        let map: Rc<str> = format!("{base}/definition/triggers").into();
        for (name, value) in part("triggers").into_iter().flat_map(JsonObject::iter) {
            actions.push(Action::new((name, &map), value, true, &entries));
        }
        if let Some(map) = part("actions") {
            walk(map, format!("{base}/definition/actions"), &entries, &mut actions);
        }
        Self { source, base, actions }
    }

    pub(crate) fn subject(&self) -> Subject {
        Subject::new(SubjectKind::Flow, &self.source.id, &self.source.name)
    }

    pub(crate) fn entries(&self) -> &'a [FlowReference] {
        &self.source.body.references
    }

    /// Pointer of an entry of `connectionReferences`.
    pub(crate) fn entry_pointer(&self, key: &str) -> String {
        format!("{}/connectionReferences/{}", self.base, escape(key))
    }
}

/// Collects actions, nested ones too. The depth is that of the JSON, which is bounded.
fn walk<'a>(map: JsonObject<'a>, at: String, entries: &Entries<'a>, out: &mut Vec<Action<'a>>) {
    let at: Rc<str> = at.into();
    for (name, value) in map.iter() {
        let action = Action::new((name, &at), value, false, entries);
        for (place, nested) in action.call.nested() {
            let at = match place {
                NestedIn::Actions => action.at(&["actions"]),
                NestedIn::Else => action.at(&["else", "actions"]),
                NestedIn::Default => action.at(&["default", "actions"]),
                NestedIn::Case(case) => action.at(&["cases", case, "actions"]),
            };
            walk(nested, at, entries, out);
        }
        out.push(action);
    }
}

/// A member name as a step of a JSON pointer.
pub(crate) fn escape(name: &str) -> Cow<'_, str> {
    match name.contains(['~', '/']) {
        true => Cow::Owned(name.replace('~', "~0").replace('/', "~1")),
        false => Cow::Borrowed(name),
    }
}

impl<'a> Action<'a> {
    fn new(
        (name, map): (&'a str, &Rc<str>),
        value: JsonNode<'a>,
        trigger: bool,
        entries: &Entries<'a>,
    ) -> Self {
        let call = FlowAction::of(value);
        // Most rules ask for it.
        let entry = call.key.as_deref().and_then(|key| entries.get(key).copied());
        Self { name, map: Rc::clone(map), trigger, call, entry }
    }

    pub(crate) fn value(&self) -> JsonNode<'a> {
        self.call.value
    }

    pub(crate) fn is(&self, kind: &str) -> bool {
        self.call.is(kind)
    }

    pub(crate) fn operation(&self) -> &'a str {
        self.call.operation
    }

    /// The key of `connectionReferences` that it uses.
    pub(crate) fn connection_key(&self) -> Option<&str> {
        self.call.key.as_deref()
    }

    /// The entry of `connectionReferences` that it uses.
    pub(crate) fn entry(&self) -> Option<&'a FlowReference> {
        self.entry
    }

    /// Id of the flow that it calls as a child; empty if it calls none.
    pub(crate) fn child(&self) -> &'a str {
        self.call.child
    }

    pub(crate) fn inputs(&self) -> Option<JsonObject<'a>> {
        self.call.inputs
    }

    /// `inputs.parameters`: flat, with path keys.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = (&'a str, JsonNode<'a>)> + use<'a> {
        self.call.parameters.into_iter().flat_map(JsonObject::iter)
    }

    /// Pointer of something below it; `steps` are names as they are.
    pub(crate) fn at(&self, steps: &[&str]) -> String {
        let mut pointer = self.map.to_string();
        for step in std::iter::once(&self.name).chain(steps) {
            pointer.push('/');
            pointer.push_str(&escape(step));
        }
        pointer
    }
}
