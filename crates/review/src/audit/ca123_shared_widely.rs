//! CA123: a connection that the whole tenant, or a large group, may use.
use connref_solution::model::PrincipalId;
use connref_solution::model::facts::{ConnectionFacts, ShareLevel};

use super::{Cx, named};
use crate::catalogue::code;
use crate::finding::{Finding, Severity, Subject};
use crate::fix;
use crate::right::level_name;

pub(super) fn findings(cx: &Cx<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for connection in &cx.facts().connections {
        for (to, level) in &connection.shares {
            found.extend(finding(cx, connection, to, *level));
        }
    }
    found
}

/// Whom a share reaches, the option that takes it back, and how bad that is.
fn reach(cx: &Cx<'_>, to: &PrincipalId) -> Option<(String, String, Severity)> {
    let facts = cx.facts();
    if to == &facts.environment.tenant {
        let people = "everybody in the tenant".to_owned();
        return Some((people, "--with-tenant".to_owned(), Severity::Warning));
    }
    let group = facts.groups.iter().find(|g| &g.id == to).map(|g| (&g.name, g.members));
    let team = facts.teams.iter().find(|t| &t.id == to);
    // The team of a group is as large as the group.
    let of = team.and_then(|t| facts.groups.iter().find(|g| Some(&g.id) == t.group.as_ref()));
    let team = team.map(|t| (&t.name, of.map_or(t.members, |group| group.members.or(t.members))));
    let option = if group.is_some() { "--with-group" } else { "--with" };
    let (name, members) = group.or(team)?;
    let (size, severity) = match members {
        Some(members) if members < cx.options.large_group => return None,
        Some(members) => (format!("{members} members"), Severity::Warning),
        None => ("how many members it has is not known".to_owned(), Severity::Note),
    };
    let option = format!("{option} {}", fix::arg(name));
    Some((format!("group `{name}` ({size})"), option, severity))
}

fn finding(
    cx: &Cx<'_>,
    connection: &ConnectionFacts,
    to: &PrincipalId,
    level: ShareLevel,
) -> Option<Finding> {
    let (people, option, severity) = reach(cx, to)?;
    let message =
        format!("connection {} is shared with {people} ({})", named(connection), level_name(level));
    let help = format!(
        "all of them act as `{}` through it; share it with those who need it",
        connection.account.as_deref().unwrap_or_else(|| cx.index.principal_name(&connection.owner))
    );
    let command = format!(
        "connref connection share {} {option} --remove --env {}",
        fix::arg(&connection.id),
        fix::arg(&cx.facts().environment.name)
    );
    let subject = Subject::connection(connection);
    Some(Finding::new(code::CA123, severity, subject, message, help).fixed_by(command))
}
