//! Finding the connection that a reference means (design, rule 11): exactly one usable candidate
//! binds, several are a refusal that names them, none says why each was passed over.
use connref_solution::artefact::bindings_lock::{LockedBinding, target_of};
use connref_solution::model::facts::{Area, ConnectionFacts, PrincipalFacts, PrincipalKind};
use connref_solution::model::selector::Selector;
use connref_solution::model::{ApiName, ConnectionId, LogicalName, PrincipalId};

use crate::binding::bindable;
use crate::catalogue::code;
use crate::index::Index;
use crate::policy::pattern::fits;
use crate::policy::standing::binding_refusal;
use crate::refusal::Refusal;
use crate::standing::{identity, standing};

/// What was found for a reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReferenceMatch {
    /// The reference.
    pub reference: LogicalName,
    /// Its connector.
    pub api_name: ApiName,
    /// What it is bound to now.
    pub before: Option<ConnectionId>,
    /// What is to happen.
    pub verdict: Verdict,
    /// Every connection of the connector that was looked at, with what spoke against it.
    pub candidates: Vec<Candidate>,
}

/// What a match comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Bound already, and what it is bound to fits.
    Kept,
    /// Bind it to this connection.
    Bind(ConnectionId),
    /// Nothing fits, and the reference may stay unbound.
    Left,
    /// Nothing fits.
    Missing,
    /// Several fit.
    Ambiguous(Vec<ConnectionId>),
}

/// A connection that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The connection.
    pub connection: ConnectionId,
    /// Display name.
    pub name: String,
    /// Its owner's name.
    pub owner: String,
    /// As whom it acts.
    pub identity: String,
    /// What spoke against it; `None`: it fits.
    pub against: Option<String>,
    /// What would make it usable, where a right is all that is missing.
    pub fix: Option<String>,
}

/// Looks for the connection that `selector` means, as `caller`, who will bind it.
pub fn reference_match(
    index: &Index<'_>,
    caller: &PrincipalId,
    reference: &LogicalName,
    api_name: &ApiName,
    selector: &Selector,
) -> Result<ReferenceMatch, Refusal> {
    let optional = selector.optional == Some(true);
    let speaks_against = |one: &ConnectionFacts| mismatch(index, one, selector);
    matched(index, caller, (reference, api_name), optional, &speaks_against)
}

/// The same for any condition: `against` says what speaks against a connection.
fn matched(
    index: &Index<'_>,
    caller: &PrincipalId,
    (reference, api_name): (&LogicalName, &ApiName),
    optional: bool,
    against: &dyn Fn(&ConnectionFacts) -> Option<String>,
) -> Result<ReferenceMatch, Refusal> {
    let person = index
        .active(caller)
        .ok_or_else(|| Refusal::caller_disabled(caller, index.principal(caller)))?;
    let before = index.reference(reference).and_then(|row| row.connection.clone());
    let same = |one: &&ConnectionFacts| index.same_connector(&one.api_name, api_name);
    let mut candidates: Vec<Candidate> = index
        .facts
        .connections
        .iter()
        .filter(same)
        .map(|one| candidate(index, person, (reference, api_name), one, against(one)))
        .collect();
    candidates.sort_by(|a, b| {
        let order = |one: &Candidate| (one.against.is_some(), one.name.to_lowercase());
        order(a).cmp(&order(b)).then_with(|| a.connection.as_str().cmp(b.connection.as_str()))
    });
    let fitting: Vec<&ConnectionId> =
        candidates.iter().filter(|one| one.against.is_none()).map(|one| &one.connection).collect();
    let verdict = match (&before, fitting.as_slice()) {
        (Some(bound), all) if all.contains(&bound) => Verdict::Kept,
        (_, [one]) => Verdict::Bind((*one).clone()),
        (_, []) if optional => Verdict::Left,
        (_, []) => Verdict::Missing,
        (_, several) => Verdict::Ambiguous(several.iter().map(|id| (*id).clone()).collect()),
    };
    let (reference, api_name) = (reference.clone(), api_name.clone());
    Ok(ReferenceMatch { reference, api_name, before, verdict, candidates })
}

/// What may differ from a record all the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ignored {
    /// The connection's display name.
    pub name: bool,
    /// Its owner.
    pub owner: bool,
    /// What it reaches.
    pub target: bool,
}

/// Looks for the connection that a record means, where ids may have changed: the recorded one if
/// it is here, else the one of its connector, name, owner and target.
pub fn reference_restore(
    index: &Index<'_>,
    caller: &PrincipalId,
    locked: &LockedBinding,
    ignored: Ignored,
) -> Result<ReferenceMatch, Refusal> {
    let reference = index
        .reference(&locked.reference)
        .ok_or_else(|| Refusal::references_not_found(std::slice::from_ref(&locked.reference)))?;
    let api = &reference.api_name;
    let here = index
        .connection(&locked.connection)
        .filter(|found| index.same_connector(&found.api_name, api));
    let against = |one: &ConnectionFacts| match here {
        Some(found) => (found.id != one.id).then(|| "the recorded connection is here".to_owned()),
        None => unlike(index, one, locked, ignored),
    };
    matched(index, caller, (&reference.logical_name, api), false, &against)
}

/// The first thing in which a connection differs from a record. What the record does not say, or
/// what is to be ignored, differs in nothing.
fn unlike(
    index: &Index<'_>,
    one: &ConnectionFacts,
    locked: &LockedBinding,
    ignored: Ignored,
) -> Option<String> {
    let name = locked.name.as_deref().filter(|_| !ignored.name);
    if let Some(name) = name.filter(|name| !name.eq_ignore_ascii_case(&one.display_name)) {
        return Some(format!("its name is not the recorded `{name}`"));
    }
    let owner = locked.owner.as_deref().filter(|_| !ignored.owner);
    if let Some(owner) = owner.filter(|o| !is(index.principal(&one.owner), &one.owner, o)) {
        return Some(format!("its owner is not the recorded `{owner}`"));
    }
    let target = locked.target.as_deref().filter(|_| !ignored.target)?;
    match target_of(one) {
        None => Some(format!("what it reaches is not known, so not whether it is `{target}`")),
        Some(reached) if reached.eq_ignore_ascii_case(target) => None,
        Some(_) => Some(format!("it does not reach the recorded `{target}`")),
    }
}

fn candidate(
    index: &Index<'_>,
    caller: &PrincipalFacts,
    (reference, api_name): (&LogicalName, &ApiName),
    one: &ConnectionFacts,
    mismatch: Option<String>,
) -> Candidate {
    let mut fix = None;
    let against = mismatch.or_else(|| {
        let refusal = bindable(index, api_name, &one.id, &caller.id)
            .err()
            .or_else(|| binding_refusal(index, reference, one, Some(&caller.id)))
            // It can be bound in error, by hand and on purpose; nobody is to be surprised by it.
            .or_else(|| standing(index, one))?;
        // Whose shares are not told may be shared with the caller: not usable, not refused either.
        if refusal.code == code::CONNECTION_AUTHORIZATION_FAILED && !index.facts.knows(Area::Shares)
        {
            return Some("with whom it is shared is not known".to_owned());
        }
        fix = refusal.fix;
        Some(refusal.text)
    });
    Candidate {
        connection: one.id.clone(),
        name: one.display_name.clone(),
        owner: index.principal_name(&one.owner).to_owned(),
        identity: identity(index, one),
        against,
        fix,
    }
}

/// The first word of the selector that a connection does not answer to.
pub(crate) fn mismatch(
    index: &Index<'_>,
    one: &ConnectionFacts,
    selector: &Selector,
) -> Option<String> {
    if selector.connection.as_ref().is_some_and(|id| id != &one.id) {
        return Some("another connection is named by its id".to_owned());
    }
    if let Some(pattern) = selector.name.as_ref().filter(|p| !fits(p, &one.display_name)) {
        return Some(format!("its name is not `{pattern}`"));
    }
    let owner = index.principal(&one.owner);
    if let Some(wanted) = selector.owner.as_ref().filter(|wanted| !is(owner, &one.owner, wanted)) {
        return Some(format!("its owner is not `{wanted}`"));
    }
    if let Some(kind) = selector.owner_kind
        && owner.map(|owner| owner.kind) != Some(kind)
    {
        return Some(match kind {
            PrincipalKind::User => "its owner is not known to be a user".to_owned(),
            PrincipalKind::ServicePrincipal => {
                "its owner is not known to be a service principal".to_owned()
            }
        });
    }
    if selector.kind.is_some_and(|kind| kind != one.kind) {
        return Some("it holds another kind of credential".to_owned());
    }
    let target = selector.target.as_ref()?;
    let reached = one.fingerprint.as_ref().map(|found| &found.target);
    let mut reached = one.endpoint.iter().chain(reached).peekable();
    if reached.peek().is_none() {
        return Some(format!("what it reaches is not known, so not whether it is `{target}`"));
    }
    (!reached.any(|place| fits(target, place))).then(|| format!("it does not reach `{target}`"))
}

/// Whether a principal goes by a name: its name, its application id, its object id.
fn is(owner: Option<&PrincipalFacts>, id: &PrincipalId, wanted: &str) -> bool {
    let same = |text: &str| text.eq_ignore_ascii_case(wanted.trim());
    same(id.as_str())
        || owner.is_some_and(|owner| {
            same(&owner.name) || owner.application_id.as_deref().is_some_and(same)
        })
}
