//! Bringing a list of elements to a list of values: fields change in place, elements are added,
//! removed and moved, and everything between them stays.
use crate::document::xml::{Fragment, Node, XmlDocument, XmlEdit, XmlError};

/// How the elements of one list are read and written.
pub(super) struct List<'l, T> {
    /// Path of the parent below the root.
    pub(super) parent: &'l str,
    /// Children of the parent's parent, in the order of the format.
    pub(super) order: &'l [&'l str],
    /// The elements, one for each old value.
    pub(super) nodes: &'l dyn for<'a> Fn(&'a XmlDocument) -> Vec<Node<'a>>,
    /// Whether two values are one thing, perhaps changed.
    pub(super) same: &'l dyn Fn(&T, &T) -> bool,
    /// Changes an element.
    pub(super) patch: &'l dyn for<'a> Fn(&mut XmlEdit<'a>, Node<'a>, &T, &T),
    /// Writes a new element.
    pub(super) write: &'l dyn Fn(&mut Fragment, &T),
}

impl<T: PartialEq> List<'_, T> {
    /// Makes the change.
    pub(super) fn apply(
        &self,
        document: XmlDocument,
        old: &[T],
        new: &[T],
    ) -> Result<XmlDocument, XmlError> {
        if old == new {
            return Ok(document);
        }
        let matched = self.matches(old, new);
        let document = self.fields(document, old, new, &matched)?;
        let unmoved = old.len() == new.len()
            && matched.iter().enumerate().all(|(at, found)| *found == Some(at));
        if unmoved {
            return Ok(document);
        }
        let document = self.parent_ensure(document)?;
        self.structure(document, new, &matched)
    }

    /// For each new value, the old one it comes from. Tried at the next place first, so that long
    /// lists with few changes take one pass.
    fn matches(&self, old: &[T], new: &[T]) -> Vec<Option<usize>> {
        let mut used = vec![false; old.len()];
        let mut next = 0;
        let mut matched = Vec::with_capacity(new.len());
        for value in new {
            let fits = |at: usize| !used[at] && (self.same)(&old[at], value);
            let found = if next < old.len() && fits(next) {
                Some(next)
            } else {
                (0..old.len()).find(|&at| fits(at))
            };
            if let Some(at) = found {
                used[at] = true;
                next = at + 1;
            }
            matched.push(found);
        }
        matched
    }

    fn fields(
        &self,
        document: XmlDocument,
        old: &[T],
        new: &[T],
        matched: &[Option<usize>],
    ) -> Result<XmlDocument, XmlError> {
        let nodes = (self.nodes)(&document);
        let mut edit = document.edit();
        for (value, at) in new.iter().zip(matched) {
            let Some(at) = *at else { continue };
            if &old[at] != value
                && let Some(node) = nodes.get(at)
            {
                (self.patch)(&mut edit, *node, &old[at], value);
            }
        }
        if edit.is_empty() { Ok(document) } else { edit.finish() }
    }

    fn parent_ensure(&self, document: XmlDocument) -> Result<XmlDocument, XmlError> {
        if document.root().find(self.parent).is_some() {
            return Ok(document);
        }
        let (above, name) = match self.parent.rsplit_once('/') {
            Some((above, name)) => (document.root().find(above), name),
            None => (Some(document.root()), self.parent),
        };
        let Some(above) = above else { return Ok(document) };
        let mut fragment = above.child_fragment();
        fragment.open(name, &[]).close(name);
        let mut edit = document.edit();
        edit.insert_ordered(above, name, &fragment.finish(), self.order);
        edit.finish()
    }

    fn structure(
        &self,
        document: XmlDocument,
        new: &[T],
        matched: &[Option<usize>],
    ) -> Result<XmlDocument, XmlError> {
        let Some(parent) = document.root().find(self.parent) else { return Ok(document) };
        let nodes = (self.nodes)(&document);
        let kept = kept(matched);
        let mut edit = document.edit();
        for (at, node) in nodes.iter().enumerate() {
            if !kept.contains(&at) {
                edit.remove(*node);
            }
        }
        let mut anchor: Option<Node<'_>> = None;
        let mut head: Vec<String> = Vec::new();
        for (value, at) in new.iter().zip(matched) {
            let node = at.and_then(|at| nodes.get(at).map(|node| (at, *node)));
            let markup = match node {
                Some((at, node)) if kept.contains(&at) => {
                    anchor = Some(node);
                    continue;
                }
                Some((_, node)) => node.outer().to_owned(),
                None => {
                    let mut fragment = parent.child_fragment();
                    (self.write)(&mut fragment, value);
                    fragment.finish()
                }
            };
            match anchor {
                Some(anchor) => edit.insert_after(anchor, &markup),
                None => head.push(markup),
            }
        }
        let first = kept.iter().min().and_then(|at| nodes.get(*at));
        match first {
            Some(first) => {
                for markup in &head {
                    edit.insert_before(*first, markup);
                }
            }
            None if !head.is_empty() => {
                let between = format!("{}{}", document.eol(), parent.child_indent());
                edit.append(parent, &head.join(&between));
            }
            None => {}
        }
        edit.finish()
    }
}

/// The old places that stay: those met in growing order.
fn kept(matched: &[Option<usize>]) -> std::collections::HashSet<usize> {
    let mut last = None;
    let mut kept = std::collections::HashSet::new();
    for at in matched.iter().flatten() {
        if last.is_none_or(|last| *at > last) {
            kept.insert(*at);
            last = Some(*at);
        }
    }
    kept
}
