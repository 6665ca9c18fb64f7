//! CC001: a part that cannot be read. CC002: a part that is not strict JSON.
use connref_solution::connector::{ConnectionParameter, ParameterSet, PolicyTemplate};
use connref_solution::connector::{
    ConnectorPart, ConnectorText, Definition, DefinitionError, connector_text, parameters_read,
    policy_list, sets_read,
};
use connref_solution::document::json::{JsonError, Leniency};
use serde_json::Value;

use super::{ConnectorFileText, Found, UNREADABLE, whole};
use crate::catalogue::code;
use crate::finding::{Location, Severity};

/// A part inside a document that was read.
pub(super) struct Part {
    file: String,
    text: ConnectorText,
    /// Where the part begins in the document.
    prefix: &'static str,
}

impl Part {
    pub(super) fn value(&self) -> &Value {
        self.text.document.value().pointer(self.prefix).unwrap_or(&Value::Null)
    }

    /// The place of a pointer below the part.
    pub(super) fn at(&self, pointer: &str) -> Location {
        let path = format!("{}{pointer}", self.prefix);
        let place = self.text.document.locate(&path);
        let (line, column) = place.map_or((0, 0), |at| (at.line, at.column));
        Location { part: self.file.clone(), path, line, column }
    }
}

/// The parts of a connector, as far as they can be read.
#[derive(Default)]
pub(super) struct Sources {
    pub(super) swagger: Option<Part>,
    pub(super) definition: Option<Definition>,
    pub(super) parameter_part: Option<Part>,
    pub(super) parameters: Vec<ConnectionParameter>,
    pub(super) set_part: Option<Part>,
    pub(super) sets: Vec<ParameterSet>,
    pub(super) policy_part: Option<Part>,
    pub(super) policies: Vec<PolicyTemplate>,
    /// Whether nothing of a connection's side was left out because it could not be read.
    pub(super) whole: bool,
}

impl Sources {
    pub(super) fn read(files: &[ConnectorFileText<'_>], found: &mut Found) -> Self {
        let mut sources = Self { whole: true, ..Self::default() };
        for file in files {
            match connector_text(file.part, file.bytes) {
                Ok(text) => {
                    slips(file.name, &text, found);
                    sources.take(file, &text, found);
                }
                Err(error) => {
                    sources.whole &= file.part == ConnectorPart::Definition;
                    unreadable(file.name, &error, found);
                }
            }
        }
        sources.interpret(found);
        sources
    }

    fn take(&mut self, file: &ConnectorFileText<'_>, text: &ConnectorText, found: &mut Found) {
        let part = |prefix| Some(Part { file: file.name.to_owned(), text: text.clone(), prefix });
        match file.part {
            ConnectorPart::Definition => self.swagger = part(""),
            ConnectorPart::Parameters => self.parameter_part = part(""),
            ConnectorPart::Sets => self.set_part = part(""),
            ConnectorPart::Policies => self.policy_part = part(""),
            ConnectorPart::Properties => {
                if !text.document.value()["properties"].is_object() {
                    let message = "it has no `properties` object";
                    let help = "an apiProperties.json is `{\"properties\": {…}}`";
                    found.add(UNREADABLE, Severity::Error, || whole(file.name), message, help);
                    self.whole = false;
                }
                self.parameter_part = part("/properties/connectionParameters");
                self.set_part = part("/properties/connectionParameterSets");
                self.policy_part = part("/properties/policyTemplateInstances");
            }
        }
    }

    fn interpret(&mut self, found: &mut Found) {
        let mut refused = |part: &Part, error: DefinitionError| {
            let (at, reason) = match error {
                DefinitionError::Shape { at, reason, .. } => (at, reason),
                other => (String::new(), other.to_string()),
            };
            let help = "repair it: nothing can be made from it as it is";
            found.add(UNREADABLE, Severity::Error, || part.at(&at), reason, help);
        };
        if let Some(part) = &self.swagger {
            match Definition::read(part.value()) {
                Ok(definition) => self.definition = Some(definition),
                Err(error) => refused(part, error),
            }
        }
        if let Some(part) = &self.parameter_part {
            match parameters_read(part.value()) {
                Ok(parameters) => self.parameters = parameters,
                Err(error) => {
                    self.whole = false;
                    refused(part, error);
                }
            }
        }
        if let Some(part) = &self.set_part {
            match sets_read(part.value()) {
                Ok(sets) => self.sets = sets,
                Err(error) => {
                    self.whole = false;
                    refused(part, error);
                }
            }
        }
        if let Some(part) = &self.policy_part {
            match policy_list(part.value()) {
                Ok(policies) => self.policies = policies,
                Err(error) => refused(part, error),
            }
        }
    }

    pub(super) fn title(&self) -> Option<String> {
        let title = &self.definition.as_ref()?.title;
        (!title.is_empty()).then(|| title.clone())
    }

    /// Every parameter with the part it stands in and its pointer there.
    pub(super) fn placed_parameters(
        &self,
    ) -> impl Iterator<Item = (&Part, String, &ConnectionParameter)> {
        let escape = connref_solution::document::json::pointer_escape;
        let outside = self.parameter_part.iter().flat_map(move |part| {
            self.parameters.iter().map(move |p| (part, format!("/{}", escape(&p.name)), p))
        });
        let of_sets = self.set_part.iter().flat_map(move |part| {
            let list = if part.value().is_array() { "" } else { "/values" };
            self.sets.iter().enumerate().flat_map(move |(index, set)| {
                set.parameters.iter().map(move |p| {
                    let at = format!("{list}/{index}/parameters/{}", escape(&p.name));
                    (part, at, p)
                })
            })
        });
        outside.chain(of_sets)
    }
}

fn slips(file: &str, text: &ConnectorText, found: &mut Found) {
    for note in &text.notes {
        let severity = match note.kind {
            // Editors write one; every reader skips it.
            Leniency::ByteOrderMark => Severity::Note,
            _ => Severity::Warning,
        };
        let at = || Location {
            part: file.to_owned(),
            path: String::new(),
            line: note.line,
            column: note.column,
        };
        let message = format!("not strict JSON: {}", note.kind.as_str());
        let help = "repair it: other tools refuse the file or read something else";
        found.add(code::CC002, severity, at, message, help);
    }
}

fn unreadable(file: &str, error: &DefinitionError, found: &mut Found) {
    let (line, column, message) = match error {
        DefinitionError::Json { source: JsonError::Syntax { source }, .. } => {
            let reason = source.to_string();
            let reason = reason.split(" at line ").next().unwrap_or_default().to_owned();
            (source.line(), source.column(), format!("not JSON: {reason}"))
        }
        DefinitionError::Json { source: JsonError::Depth { limit, line }, .. } => {
            (*line, 0, format!("nested deeper than {limit}"))
        }
        other => (0, 0, other.to_string()),
    };
    let at = || Location { part: file.to_owned(), path: String::new(), line, column };
    let help = "repair it: nothing can be made from it as it is";
    found.add(UNREADABLE, Severity::Error, at, message, help);
}
