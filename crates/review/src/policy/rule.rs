//! Named rules for bindings: who may stand behind a reference in which kind of environment.
use connref_solution::model::facts::{EnvironmentKind, PrincipalKind};
use connref_solution::model::{ApiName, PrincipalId};

use super::pattern::{endpoint_fits, fits};

/// A rule with the name under which it is reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedRule {
    /// Name.
    pub name: String,
    /// The environments in which it holds; empty: in all.
    pub kinds: Vec<EnvironmentKind>,
    /// The rule.
    pub rule: BindingRule,
}

/// What a binding must satisfy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BindingRule {
    /// The connection is not a user's. Connectors that have no other kind can be excepted.
    NoUserConnection {
        /// Api names (patterns with `*`) to which it does not apply.
        except: Vec<String>,
    },
    /// Whoever binds is not the owner of the connection.
    BinderIsNotOwner,
    /// A connector only through one service principal.
    OnlyThrough {
        /// Api name (pattern with `*`).
        connector: String,
        /// Row id, application id or name of the principal.
        principal: String,
    },
    /// References reach only these targets.
    TargetIn {
        /// Api name (pattern with `*`).
        connector: String,
        /// Patterns of targets.
        targets: Vec<String>,
    },
}

/// One binding that is to be judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BindingCase<'a> {
    /// Kind of the environment.
    pub environment: EnvironmentKind,
    /// The reference's logical name.
    pub reference: &'a str,
    /// The connector.
    pub connector: &'a ApiName,
    /// Owner of the connection.
    pub owner: &'a PrincipalId,
    /// User or service principal; `None` if the owner is not known.
    pub owner_kind: Option<PrincipalKind>,
    /// Other names of the owner: application id, name.
    pub owner_names: &'a [&'a str],
    /// Who binds; `None` when an existing binding is judged and its binder is not known.
    pub binder: Option<&'a PrincipalId>,
    /// What the connection reaches (site, server, base URL); `None` if not known.
    pub target: Option<&'a str>,
}

/// A rule that a binding breaks, or of which it is not known whether it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BindingViolation {
    /// Name of the rule.
    pub rule: String,
    /// What is wrong, in a sentence.
    pub reason: String,
    /// False: the facts do not say; the rule could not be judged.
    pub known: bool,
}

enum Verdict {
    Fine,
    Broken(String),
    Unknown(String),
}

/// Holds a binding against the rules of its kind of environment.
pub fn bindings_evaluate(rules: &[NamedRule], case: &BindingCase<'_>) -> Vec<BindingViolation> {
    rules
        .iter()
        .filter(|r| r.kinds.is_empty() || r.kinds.contains(&case.environment))
        .filter_map(|named| {
            let (reason, known) = match named.rule.judge(case) {
                Verdict::Fine => return None,
                Verdict::Broken(reason) => (reason, true),
                Verdict::Unknown(reason) => (reason, false),
            };
            Some(BindingViolation { rule: named.name.clone(), reason, known })
        })
        .collect()
}

impl BindingRule {
    fn judge(&self, case: &BindingCase<'_>) -> Verdict {
        match self {
            Self::NoUserConnection { except } => user_connection(case, except),
            Self::BinderIsNotOwner => match case.binder {
                Some(binder) if binder == case.owner => Verdict::Broken(format!(
                    "whoever binds `{}` also owns the connection",
                    case.reference
                )),
                Some(_) => Verdict::Fine,
                None => Verdict::Unknown(format!("who bound `{}` is not known", case.reference)),
            },
            Self::OnlyThrough { connector, principal } => {
                let named = case.owner.as_str().eq_ignore_ascii_case(principal)
                    || case.owner_names.iter().any(|name| name.eq_ignore_ascii_case(principal));
                if named || !fits(connector, case.connector.as_str()) {
                    return Verdict::Fine;
                }
                Verdict::Broken(format!(
                    "`{}` goes to `{}` through another principal than `{principal}`",
                    case.reference, case.connector
                ))
            }
            Self::TargetIn { connector, targets } => target(case, connector, targets),
        }
    }
}

fn user_connection(case: &BindingCase<'_>, except: &[String]) -> Verdict {
    if except.iter().any(|pattern| fits(pattern, case.connector.as_str())) {
        return Verdict::Fine;
    }
    match case.owner_kind {
        Some(PrincipalKind::ServicePrincipal) => Verdict::Fine,
        Some(PrincipalKind::User) => {
            Verdict::Broken(format!("`{}` is bound to the connection of a person", case.reference))
        }
        None => Verdict::Unknown(format!(
            "the owner of the connection behind `{}` is not known",
            case.reference
        )),
    }
}

fn target(case: &BindingCase<'_>, connector: &str, targets: &[String]) -> Verdict {
    if !fits(connector, case.connector.as_str()) {
        return Verdict::Fine;
    }
    match case.target {
        Some(target) if targets.iter().any(|pattern| endpoint_fits(pattern, target)) => {
            Verdict::Fine
        }
        Some(target) => Verdict::Broken(format!(
            "`{}` reaches `{}`, which is none of the targets allowed",
            case.reference,
            target.split('?').next().unwrap_or(target)
        )),
        None => Verdict::Unknown(format!("what `{}` reaches is not known", case.reference)),
    }
}
