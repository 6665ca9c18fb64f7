//! Layers: what an import brings and does not show, because something lies on top (design rule 12).
use std::collections::HashMap;

use connref_solution::model::facts::{LayerFacts, SolutionFacts};
use connref_solution::model::{ComponentKind, Facts};

use super::report::Word;
use super::{Draft, ReportLine};
use crate::catalogue::code;
use crate::finding::{Finding, Severity, Subject};
use crate::fix;

/// Where a package comes in.
pub(super) struct Target<'a> {
    facts: &'a Facts,
    layers: HashMap<(ComponentKind, &'a str), &'a LayerFacts>,
    /// The solution of this name that is there.
    pub(super) base: Option<&'a SolutionFacts>,
    /// It comes in managed.
    pub(super) managed: bool,
    /// It comes in beside the one that is there.
    pub(super) holding: bool,
    /// Unmanaged layers are taken away.
    pub(super) overwrite: bool,
}

/// A component of a package that is there already.
pub(super) struct Known<'a> {
    pub(super) kind: ComponentKind,
    pub(super) id: &'a str,
    /// Came with a managed solution.
    pub(super) managed: bool,
    /// Fingerprint of what the package has of it.
    pub(super) digest: &'a str,
}

impl<'a> Target<'a> {
    pub(super) fn new(
        facts: &'a Facts,
        base: Option<&'a SolutionFacts>,
        managed: bool,
        holding: bool,
        overwrite: bool,
    ) -> Self {
        let layers = facts.layers.iter().map(|one| (one.component.key(), one)).collect();
        Self { facts, layers, base, managed, holding, overwrite }
    }

    /// Whether what the package brings of a component does not show. Says so, where it matters.
    pub(super) fn hides(&self, known: &Known<'_>, subject: &Subject, draft: &mut Draft) -> bool {
        let layer = self.layers.get(&(known.kind, known.id)).copied();
        let Some(above) = self.above(known, layer) else { return false };
        let own = self.base.and_then(|base| {
            layer?.managed.iter().find(|one| one.solution == base.id).map(|one| &one.digest)
        });
        if own.is_some_and(|digest| digest == known.digest) {
            return true;
        }
        draft.report.push(ReportLine::new(subject.clone(), Word::Hidden).detail(above.clone()));
        let unmanaged = above == UNMANAGED;
        let remove = "remove the layer if this environment should follow the solution, or import \
                      with --force-overwrite";
        draft.warnings.push(Finding {
            code: code::CA121,
            severity: Severity::Warning,
            subject: subject.clone(),
            message: format!("{above} hides what the package brings"),
            help: if unmanaged { remove } else { "the solution on top decides" }.to_owned(),
            fix: unmanaged.then(|| fix::layer_remove(self.facts, known.kind, &subject.name)),
            location: None,
            suppression: None,
        });
        true
    }

    /// What lies above this package's layer, in words.
    fn above(&self, known: &Known<'_>, layer: Option<&LayerFacts>) -> Option<String> {
        if !self.managed {
            return None;
        }
        let unmanaged = match layer {
            Some(layer) => layer.unmanaged.is_some(),
            None => !known.managed,
        };
        if unmanaged && !self.overwrite {
            return Some(UNMANAGED.to_owned());
        }
        let layer = layer.filter(|_| !self.holding)?;
        let base = self.base?;
        let at = layer.managed.iter().position(|one| one.solution == base.id)?;
        let top = layer.managed.last().filter(|_| at + 1 < layer.managed.len())?;
        let name = self.facts.solutions.iter().find(|s| s.id == top.solution);
        Some(format!("solution {}", name.map_or("on top", |s| s.unique_name.as_str())))
    }
}

const UNMANAGED: &str = "an unmanaged layer";
