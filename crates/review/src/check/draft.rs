//! A finding before its place is looked up.
use connref_solution::model::package::PackageReference;

use super::context::{Action, Context, Flow};
use crate::finding::{Severity, Subject, SubjectKind};

/// A finding whose place is not yet a line.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) code: &'static str,
    pub(crate) severity: Severity,
    pub(crate) subject: Subject,
    pub(crate) message: String,
    pub(crate) help: String,
    pub(crate) fix: Option<String>,
    pub(crate) at: At,
}

/// Where: a part and a path in it.
#[derive(Clone, Debug)]
pub(crate) struct At {
    pub(crate) part: String,
    pub(crate) path: Path,
}

#[derive(Clone, Debug)]
pub(crate) enum Path {
    /// The whole part.
    Whole,
    /// A line and column that are known.
    Line(usize, usize),
    /// A JSON pointer in a part of the archive.
    Json(String),
    /// A JSON pointer in a settings file, by its number in the input.
    Settings(usize, String),
    /// An element of an XML part.
    Xml(XmlAt),
}

/// An XML element by its name and something that tells it from others.
#[derive(Clone, Debug)]
pub(crate) struct XmlAt {
    pub(crate) element: &'static str,
    /// An attribute of it, or the name of a child, with the text it has.
    pub(crate) key: Option<(&'static str, String)>,
    /// The how-maniest of those that fit, from 0.
    pub(crate) nth: usize,
    /// A child that is meant instead of the element, if it is there.
    pub(crate) child: Option<&'static str>,
}

impl Draft {
    pub(crate) fn new(
        code: &'static str,
        severity: Severity,
        subject: Subject,
        at: At,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        let (message, help) = (message.into(), help.into());
        Self { code, severity, subject, message, help, fix: None, at }
    }

    pub(crate) fn fix(mut self, command: String) -> Self {
        self.fix = Some(command);
        self
    }
}

impl Flow<'_> {
    /// A place in the flow's body.
    pub(crate) fn place(&self, pointer: String) -> At {
        At { part: self.source.part.clone(), path: Path::Json(pointer) }
    }

    pub(crate) fn at_entry(&self, key: &str) -> At {
        self.place(self.entry_pointer(key))
    }

    pub(crate) fn at_action(&self, action: &Action<'_>, steps: &[&str]) -> At {
        self.place(action.at(steps))
    }
}

impl Context<'_> {
    fn part(&self, plain: &str, packager: &str) -> String {
        let found = self.source.archive.part(plain).or_else(|| self.source.archive.part(packager));
        found.map_or(plain, |p| p.name()).to_owned()
    }

    pub(crate) fn at_manifest(&self, xml: XmlAt) -> At {
        At { part: self.part("solution.xml", "Other/Solution.xml"), path: Path::Xml(xml) }
    }

    pub(crate) fn at_customizations(&self, xml: XmlAt) -> At {
        let part = self.part("customizations.xml", "Other/Customizations.xml");
        At { part, path: Path::Xml(xml) }
    }

    pub(crate) fn at_reference(&self, reference: &PackageReference, child: &'static str) -> At {
        let name = reference.logical_name.as_str().to_owned();
        self.at_customizations(XmlAt {
            element: "connectionreference",
            key: Some(("connectionreferencelogicalname", name)),
            nth: 0,
            child: (!child.is_empty()).then_some(child),
        })
    }

    /// A canvas app: in a file of its own when unpacked.
    pub(crate) fn at_app(&self, name: &str) -> At {
        let own = self.source.archive.part(&format!("CanvasApps/{name}.meta.xml"));
        self.at_component(
            "CanvasApp",
            "Name",
            name,
            own.map(|p| p.name().to_owned()),
            "ConnectionReferences",
        )
    }

    /// A custom connector: in a file of its own when unpacked.
    pub(crate) fn at_connector(&self, name: &str) -> At {
        let own = self.source.archive.part(&format!("Connectors/{name}.xml"));
        self.at_component("Connector", "name", name, own.map(|p| p.name().to_owned()), "name")
    }

    fn at_component(
        &self,
        element: &'static str,
        key: &'static str,
        name: &str,
        own: Option<String>,
        child: &'static str,
    ) -> At {
        let key = Some((key, name.to_owned()));
        let xml = XmlAt { element, key, nth: 0, child: Some(child) };
        match own {
            Some(part) => At { part, path: Path::Xml(xml) },
            None => self.at_customizations(xml),
        }
    }

    /// A part of a variable: the definition or the value that travels.
    pub(crate) fn at_variable(&self, schema: &str, value: bool) -> At {
        let folder = "environmentvariabledefinitions";
        let values = format!("{folder}/{schema}/environmentvariablevalues.json");
        let definition = format!("{folder}/{schema}/environmentvariabledefinition.xml");
        let (named, path) = if value {
            let pointer = "/environmentvariablevalues/environmentvariablevalue/value".to_owned();
            (values, Path::Json(pointer))
        } else {
            let child = Some("defaultvalue");
            let xml = XmlAt { element: "environmentvariabledefinition", key: None, nth: 0, child };
            (definition, Path::Xml(xml))
        };
        let part = self.source.archive.part(&named).map_or(named.as_str(), |p| p.name()).to_owned();
        At { part, path }
    }
}

/// The subject of a reference in a package.
pub(crate) fn reference_subject(reference: &PackageReference) -> Subject {
    Subject::new(SubjectKind::Reference, "", &reference.logical_name)
}
