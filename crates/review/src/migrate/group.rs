//! Which entries of which flows meant one connection.
use std::collections::{HashMap, HashSet};

use connref_solution::model::package::{FlowReference, RuntimeSource};
use connref_solution::model::{ApiName, FlowId, LogicalName, Package};

use super::KeptApart;

/// One entry of a flow's map without reference.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// Place of the flow in the package.
    pub(super) flow: usize,
    pub(super) flow_id: FlowId,
    pub(super) flow_name: String,
    pub(super) key: String,
    pub(super) api: ApiName,
    pub(super) api_logical_name: Option<LogicalName>,
    pub(super) mode: Mode,
    /// What tells connections apart, if anything still does: the connection's name.
    pub(super) connection: Option<String>,
}

/// Who acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Mode {
    source: RuntimeSourceKey,
    on_behalf: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum RuntimeSourceKey {
    Embedded,
    Invoker,
}

impl Mode {
    pub(super) fn of(reference: &FlowReference) -> Self {
        let source = match reference.source {
            RuntimeSource::Embedded => RuntimeSourceKey::Embedded,
            RuntimeSource::Invoker => RuntimeSourceKey::Invoker,
        };
        Self { source, on_behalf: reference.on_behalf_of_invoker }
    }
}

impl Entry {
    fn shown(&self) -> String {
        format!("`{}` of the flow `{}`", self.key, self.flow_name)
    }
}

/// Entries that get one reference.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) entries: Vec<Entry>,
    /// A reference of the package that they take, if they need no new one.
    pub(super) existing: Option<LogicalName>,
    /// Why they share it, if that was decided here and not by the maker.
    pub(super) reason: Option<String>,
}

impl Group {
    pub(super) fn first(&self) -> &Entry {
        &self.entries[0]
    }

    /// What the hash of its name is made of: stable under reordering of flows and maps.
    pub(super) fn seed(&self) -> String {
        let first = self.first();
        match &first.connection {
            Some(connection) => format!("{}|{connection}|{:?}", first.api.key(), first.mode),
            None => format!("{}|{}|{}", first.api.key(), first.flow_id, first.key),
        }
    }
}

/// Groups entries that certainly meant one connection: those that name the same one. Where the
/// export dropped the name, each entry stands alone.
pub(super) fn group(entries: Vec<Entry>) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut by_connection: HashMap<(String, String, Mode), usize> = HashMap::new();
    for entry in entries {
        if let Some(connection) = &entry.connection {
            let key = (entry.api.key(), connection.to_lowercase(), entry.mode);
            if let Some(&at) = by_connection.get(&key) {
                groups[at].entries.push(entry);
                continue;
            }
            by_connection.insert(key, groups.len());
        }
        groups.push(Group { entries: vec![entry], existing: None, reason: None });
    }
    groups
}

/// Connectors whose connections hold an identity and nothing else: no server, site or database
/// that two connections could differ in.
const IDENTITY_ONLY: [&str; 22] = [
    "shared_approvals",
    "shared_commondataserviceforapps",
    "shared_conversionservice",
    "shared_excelonlinebusiness",
    "shared_flowmanagement",
    "shared_microsoftforms",
    "shared_office365",
    "shared_office365groups",
    "shared_office365users",
    "shared_onedriveforbusiness",
    "shared_onenote",
    "shared_planner",
    "shared_powerappsforadmins",
    "shared_powerappsforappmakers",
    "shared_powerbi",
    "shared_powerplatformforadmins",
    "shared_rss",
    "shared_sendmail",
    "shared_sharepointonline",
    "shared_teams",
    "shared_todo",
    "shared_wordonlinebusiness",
];

/// Lets groups share a reference where that is safe, and says why each of the others does not.
pub(super) fn consolidate(
    groups: Vec<Group>,
    package: &Package,
    in_use: &InUse,
) -> (Vec<Group>, Vec<KeptApart>) {
    let mut done: Vec<Group> = Vec::new();
    let mut kept = Vec::new();
    for mut group in groups {
        if let Some(reason) = shares_nothing(&group) {
            // Alone with its connector it would share nothing anyway.
            if done.iter().any(|g| same_api(g, &group)) {
                kept.push(apart(&group, reason));
            }
            done.push(group);
            continue;
        }
        if let Some(taken) = existing(&group, package, in_use, &done) {
            group.existing = Some(taken.clone());
            group.reason = Some(format!(
                "`{taken}` is the package's one reference to this connector, used in the same way and not by these flows; a connection of it holds an identity and nothing else"
            ));
            done.push(group);
            continue;
        }
        let mut reasons = Vec::new();
        let partner =
            done.iter_mut().filter(|g| same_api(g, &group)).find(|partner| {
                match hindrance(partner, &group) {
                    Some(reason) => {
                        reasons.push(reason);
                        false
                    }
                    None => true,
                }
            });
        match (partner, reasons.into_iter().next()) {
            (Some(partner), _) => {
                partner.entries.append(&mut group.entries);
                if partner.reason.is_none() {
                    partner.reason = Some(
                        "they use the connector in the same way in different flows, and a connection of it holds an identity and nothing else"
                            .to_owned(),
                    );
                }
            }
            (None, reason) => {
                kept.extend(reason.map(|reason| apart(&group, reason)));
                done.push(group);
            }
        }
    }
    (done, kept)
}

fn apart(group: &Group, reason: String) -> KeptApart {
    let first = group.first();
    KeptApart { api_name: first.api.clone(), entry: first.shown(), reason }
}

fn same_api(one: &Group, other: &Group) -> bool {
    one.first().api.without_hash() == other.first().api.without_hash()
}

fn shares_nothing(group: &Group) -> Option<String> {
    let api = &group.first().api;
    (!IDENTITY_ONLY.contains(&api.key().as_str()))
        .then(|| format!("connections of `{api}` may lead to different servers, sites or data"))
}

/// Why two groups of one connector cannot share a reference.
fn hindrance(one: &Group, other: &Group) -> Option<String> {
    let (a, b) = (one.first(), other.first());
    if a.mode != b.mode {
        return Some(format!("{} acts as somebody else than {}", b.shown(), a.shown()));
    }
    if let (Some(x), Some(y)) = (&a.connection, &b.connection)
        && !x.eq_ignore_ascii_case(y)
    {
        return Some(format!("{} and {} named different connections", b.shown(), a.shown()));
    }
    let flows: HashSet<usize> = one.entries.iter().map(|e| e.flow).collect();
    let both = other.entries.iter().find(|entry| flows.contains(&entry.flow))?;
    Some(format!("the flow `{}` uses two connections of this connector", both.flow_name))
}

/// How flows use the references that a package has.
#[derive(Debug, Default)]
pub(super) struct InUse {
    by_reference: HashMap<LogicalName, Vec<(usize, Mode)>>,
}

impl InUse {
    pub(super) fn add(&mut self, reference: &LogicalName, flow: usize, mode: Mode) {
        self.by_reference.entry(reference.clone()).or_default().push((flow, mode));
    }
}

/// The package's one reference to the connector, if the group may take it.
fn existing(
    group: &Group,
    package: &Package,
    in_use: &InUse,
    done: &[Group],
) -> Option<LogicalName> {
    let first = group.first();
    let wanted = first.api.without_hash();
    let mut fitting = package.references.iter().filter(|r| r.api_name.without_hash() == wanted);
    let only = fitting.next()?;
    if fitting.next().is_some() || first.connection.is_some() {
        return None;
    }
    let uses = in_use.by_reference.get(&only.logical_name)?;
    let flows: HashSet<usize> = group.entries.iter().map(|e| e.flow).collect();
    // Flows that took it just now use it too.
    let taken = done.iter().filter(|g| g.existing.as_ref() == Some(&only.logical_name));
    let taken = taken.flat_map(|g| &g.entries).any(|entry| flows.contains(&entry.flow));
    let fits = uses.iter().all(|(flow, mode)| *mode == first.mode && !flows.contains(flow));
    (fits && !taken).then(|| only.logical_name.clone())
}
