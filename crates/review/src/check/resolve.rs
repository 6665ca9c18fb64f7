//! From drafts to findings: lines and columns, one pass per part that has findings.
use std::borrow::Cow;
use std::collections::BTreeMap;

use connref_solution::artefact::customizations_xml::READ;
use connref_solution::document::xml::XmlDocument;

use super::context::Context;
use super::draft::{Draft, Path};
use super::locate::{json_places, xml_places};
use crate::finding::{Finding, Location};

const CUSTOMIZATIONS: &str = "customizations.xml";

pub(super) fn resolve(cx: &Context<'_>, drafts: Vec<Draft>) -> Vec<Finding> {
    let mut locations: Vec<Location> = drafts
        .iter()
        .map(|draft| {
            let (line, column) = match draft.at.path {
                Path::Line(line, column) => (line, column),
                _ => (0, 0),
            };
            let path = match &draft.at.path {
                Path::Json(pointer) | Path::Settings(_, pointer) => pointer.clone(),
                _ => String::new(),
            };
            Location { part: draft.at.part.clone(), path, line, column }
        })
        .collect();
    let mut parts: BTreeMap<(Option<usize>, &str, bool), Vec<usize>> = BTreeMap::new();
    for (index, draft) in drafts.iter().enumerate() {
        let key = match &draft.at.path {
            Path::Json(_) => (None, draft.at.part.as_str(), false),
            Path::Xml(_) => (None, draft.at.part.as_str(), true),
            Path::Settings(file, _) => (Some(*file), draft.at.part.as_str(), false),
            Path::Whole | Path::Line(..) => continue,
        };
        parts.entry(key).or_default().push(index);
    }
    for ((file, part, xml), indexes) in parts {
        let flow = cx.source.flows.iter().find(|flow| file.is_none() && flow.part == part);
        if let Some(flow) = flow.filter(|_| !xml) {
            json_resolve(flow.tree.text(), &indexes, &mut locations);
            continue;
        }
        let bytes = match file {
            Some(file) => cx.input.settings.get(file).map(|s| Cow::Borrowed(s.bytes)),
            // A part that cannot be read has no lines.
            None => cx.source.archive.read_part(part).ok().flatten(),
        };
        let Some(bytes) = bytes else { continue };
        if xml {
            xml_resolve(bytes.into_owned(), &drafts, &indexes, &mut locations);
        } else {
            let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&bytes);
            let Ok(text) = std::str::from_utf8(bytes) else { continue };
            json_resolve(text, &indexes, &mut locations);
        }
    }
    let made = drafts.into_iter().zip(locations).map(|(draft, location)| Finding {
        code: draft.code,
        severity: draft.severity,
        subject: draft.subject,
        message: draft.message,
        help: draft.help,
        fix: draft.fix,
        location: Some(location),
        suppression: None,
    });
    made.collect()
}

fn json_resolve(text: &str, indexes: &[usize], locations: &mut [Location]) {
    let pointers: Vec<&str> = indexes.iter().map(|i| locations[*i].path.as_str()).collect();
    let places = json_places(text, &pointers);
    for (index, place) in indexes.iter().zip(places) {
        if let Some((line, column)) = place {
            (locations[*index].line, locations[*index].column) = (line, column);
        }
    }
}

fn xml_resolve(bytes: Vec<u8>, drafts: &[Draft], indexes: &[usize], locations: &mut [Location]) {
    // Findings are in what is read of `customizations.xml`, which can be large.
    let document = match drafts[indexes[0]].at.part.to_ascii_lowercase().ends_with(CUSTOMIZATIONS) {
        true => XmlDocument::outline(bytes, &READ),
        false => XmlDocument::parse_owned(bytes),
    };
    let Ok(document) = document else { return };
    let wanted: Vec<_> = indexes
        .iter()
        .filter_map(|i| match &drafts[*i].at.path {
            Path::Xml(at) => Some(at),
            _ => None,
        })
        .collect();
    for (index, (path, (line, column))) in indexes.iter().zip(xml_places(&document, &wanted)) {
        let location = &mut locations[*index];
        (location.path, location.line, location.column) = (path, line, column);
    }
}
