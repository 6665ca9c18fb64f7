//! Data policies: groups of connectors, rules for their actions and endpoints.
use std::collections::BTreeMap;

use connref_solution::model::{ApiName, EnvironmentId};

use super::pattern::{endpoint_fits, fits};

/// A group of connectors. The order is the strictness.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    /// "Business" (`Confidential` on the wire): only together with its kind.
    Business,
    /// "Non-business" (`General` on the wire): only together with its kind.
    #[default]
    NonBusiness,
    /// Not at all.
    Blocked,
}

impl Group {
    /// The word people know.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Business => "Business",
            Self::NonBusiness => "Non-business",
            Self::Blocked => "Blocked",
        }
    }
}

/// Whether a rule lets something pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Behaviour {
    /// Passes.
    #[default]
    Allow,
    /// Does not pass.
    Block,
}

/// Where a policy holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// In the whole tenant.
    #[default]
    Tenant,
    /// Only in these environments.
    Only(Vec<EnvironmentId>),
    /// In all but these environments.
    Except(Vec<EnvironmentId>),
}

impl Scope {
    /// Whether a policy with this scope holds in an environment. Of an environment that is not
    /// known, only policies that hold in the whole tenant or in all but some are held to hold:
    /// the answer before a deployment is the careful one.
    pub fn covers(&self, environment: Option<&EnvironmentId>) -> bool {
        match (self, environment) {
            (Self::Tenant, _) | (Self::Except(_), None) => true,
            (Self::Only(_), None) => false,
            (Self::Only(list), Some(id)) => list.contains(id),
            (Self::Except(list), Some(id)) => !list.contains(id),
        }
    }
}

/// Rules for the actions of one connector.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ActionRules {
    /// Operation ids and what holds for each; the first that fits counts.
    pub rules: Vec<(String, Behaviour)>,
    /// What holds for the rest, later operations too.
    pub default: Behaviour,
}

/// A rule for endpoints; rules are tried in order, the first that fits counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointRule {
    /// Pattern with `*`.
    pub pattern: String,
    /// What holds.
    pub behaviour: Behaviour,
}

/// A rule that puts custom connectors into a group by the address of their host; the first that
/// fits counts; `None` leaves it to other policies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlRule {
    /// Pattern with `*`.
    pub pattern: String,
    /// The group.
    pub group: Option<Group>,
}

/// One data policy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DataPolicy {
    /// The name people know.
    pub name: String,
    /// Where it holds.
    pub scope: Scope,
    /// The group of connectors that it does not name.
    pub default_group: Group,
    /// Groups by api name, in lower case and without the hash of a custom connector.
    pub groups: BTreeMap<String, Group>,
    /// Rules for actions, by connector.
    pub actions: BTreeMap<String, ActionRules>,
    /// Rules for endpoints, by connector.
    pub endpoints: BTreeMap<String, Vec<EndpointRule>>,
    /// Rules for custom connectors by address.
    pub urls: Vec<UrlRule>,
}

/// The form in which policies look connectors up: a custom connector without the hash that
/// differs between environments.
pub(super) fn connector_key(api: &ApiName) -> String {
    api.without_hash()
}

/// One use of a connector by a flow or an app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use<'a> {
    /// The connector; built-in actions under the names that policies give them (`Http`,
    /// `HttpWebhook`, `HttpRequestReceived`).
    pub api: ApiName,
    /// The operation, if it is known.
    pub operation: Option<&'a str>,
    /// The endpoint it reaches, if it is known before it runs.
    pub endpoint: Option<&'a str>,
    /// Address of the host of a custom connector, if known.
    pub host: Option<&'a str>,
}

/// What breaks a policy.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Violation {
    /// A connector of the group Blocked.
    Connector {
        /// Connector.
        api: ApiName,
    },
    /// Connectors of both groups together.
    Mixed {
        /// One of the Business group.
        business: ApiName,
        /// One of the Non-business group.
        other: ApiName,
    },
    /// An action that is blocked.
    Action {
        /// Connector.
        api: ApiName,
        /// Operation.
        operation: String,
    },
    /// An endpoint that is blocked.
    Endpoint {
        /// Connector.
        api: ApiName,
        /// Endpoint, without query.
        endpoint: String,
    },
}

impl Violation {
    /// What is wrong, in a sentence that names the policy.
    pub fn reason(&self, policy: &str) -> String {
        match self {
            Self::Connector { api } => format!("the policy `{policy}` blocks `{api}`"),
            Self::Mixed { business, other } => format!(
                "the policy `{policy}` keeps `{business}` (Business) apart from `{other}` (Non-business)"
            ),
            Self::Action { api, operation } => {
                format!("the policy `{policy}` blocks the action `{operation}` of `{api}`")
            }
            Self::Endpoint { api, endpoint } => {
                format!("the policy `{policy}` blocks the endpoint `{endpoint}` of `{api}`")
            }
        }
    }
}

/// What breaks one policy, with the place in the list of uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violations {
    /// Name of the policy.
    pub policy: String,
    /// What breaks it, each with the index of the use that shows it.
    pub found: Vec<(usize, Violation)>,
}

impl DataPolicy {
    /// The group this policy gives a connector.
    pub fn group(&self, api: &ApiName, host: Option<&str>) -> Group {
        if let Some(group) = self.groups.get(&connector_key(api)) {
            return *group;
        }
        let by_address = host.and_then(|host| {
            self.urls.iter().find(|rule| endpoint_fits(&rule.pattern, host))?.group
        });
        by_address.unwrap_or(self.default_group)
    }

    fn action_blocked(&self, one: &Use<'_>) -> Option<Violation> {
        let operation = one.operation.filter(|o| !o.is_empty())?;
        let rules = self.actions.get(&connector_key(&one.api))?;
        let named = rules.rules.iter().find(|(id, _)| fits(id, operation));
        let behaviour = named.map_or(rules.default, |(_, behaviour)| *behaviour);
        (behaviour == Behaviour::Block)
            .then(|| Violation::Action { api: one.api.clone(), operation: operation.to_owned() })
    }

    fn endpoint_blocked(&self, one: &Use<'_>) -> Option<Violation> {
        let endpoint = one.endpoint.filter(|e| !e.is_empty())?;
        let rules = self.endpoints.get(&connector_key(&one.api))?;
        let first = rules.iter().find(|rule| endpoint_fits(&rule.pattern, endpoint))?;
        (first.behaviour == Behaviour::Block).then(|| Violation::Endpoint {
            api: one.api.clone(),
            // A query may carry a key.
            endpoint: endpoint.split('?').next().unwrap_or(endpoint).to_owned(),
        })
    }

    fn broken(&self, uses: &[Use<'_>]) -> Vec<(usize, Violation)> {
        let mut found = Vec::new();
        let mut blocked = std::collections::HashSet::new();
        let (mut business, mut other) = (None, None);
        for (at, one) in uses.iter().enumerate() {
            match self.group(&one.api, one.host) {
                Group::Blocked => {
                    if blocked.insert(one.api.key()) {
                        found.push((at, Violation::Connector { api: one.api.clone() }));
                    }
                }
                Group::Business => business = business.or(Some((at, &one.api))),
                Group::NonBusiness => other = other.or(Some((at, &one.api))),
            }
            found.extend(self.action_blocked(one).map(|violation| (at, violation)));
            found.extend(self.endpoint_blocked(one).map(|violation| (at, violation)));
        }
        if let (Some((one, business)), Some((two, other))) = (business, other) {
            let (business, other) = (business.clone(), other.clone());
            found.push((one.max(two), Violation::Mixed { business, other }));
        }
        found
    }
}

/// Holds what one flow or app uses against every policy that covers the environment. Each policy
/// must hold by itself, so the strictest of several wins.
pub fn evaluate(
    policies: &[DataPolicy],
    environment: Option<&EnvironmentId>,
    uses: &[Use<'_>],
) -> Vec<Violations> {
    policies
        .iter()
        .filter(|policy| policy.scope.covers(environment))
        .map(|policy| Violations { policy: policy.name.clone(), found: policy.broken(uses) })
        .filter(|violations| !violations.found.is_empty())
        .collect()
}

/// The strictest group that the policies of an environment give a connector; `None` without a
/// policy.
pub fn effective_group(
    policies: &[DataPolicy],
    environment: Option<&EnvironmentId>,
    api: &ApiName,
    host: Option<&str>,
) -> Option<Group> {
    policies.iter().filter(|p| p.scope.covers(environment)).map(|p| p.group(api, host)).max()
}
