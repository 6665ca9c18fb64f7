//! One section per reference: who uses it, what its connection is, how it is bound.
use connref_review::runbook::{
    Acting, Binding, Certainty, Permission, ReferenceFacts, SignIn, Use, UserKind,
};
use connref_solution::connector::AuthenticationKind;
use connref_solution::model::facts::Capability;

use super::{TARGET, Writer, arg, kind, many};
use crate::page::{Check, Line, code, line};
use crate::render::clean;

pub(super) fn kinds(sign_in: &SignIn) -> String {
    let word = |kind: &AuthenticationKind| match kind {
        AuthenticationKind::OauthUser => "a person",
        AuthenticationKind::ClientSecret => "an application with a secret",
        AuthenticationKind::Certificate => "an application with a certificate",
        AuthenticationKind::ManagedIdentity => "a managed identity",
        AuthenticationKind::Basic => "user name and password",
        AuthenticationKind::ApiKey => "a key",
        AuthenticationKind::None => "nothing to sign in with",
        AuthenticationKind::Gateway => "through a gateway",
        AuthenticationKind::Unknown => "unknown",
    };
    match sign_in.kinds.is_empty() {
        true => "unknown".to_owned(),
        false => sign_in.kinds.iter().map(word).collect::<Vec<_>>().join(", "),
    }
}

pub(super) fn answer(answer: Capability) -> &'static str {
    match answer {
        Capability::Yes => "yes",
        Capability::No => "no",
        Capability::Unknown => "unknown",
    }
}

pub(super) fn connector(one: &ReferenceFacts) -> Line {
    let api = code(one.api_name.without_hash());
    match &one.connector_name {
        Some(name) => line(format!("{name} ")).append(api),
        None if one.custom => api.text(" (custom, not in the package)"),
        None => api,
    }
}

/// `2 flows, 1 agent`.
pub(super) fn used(one: &ReferenceFacts) -> String {
    let mut words = Vec::new();
    for what in [UserKind::Flow, UserKind::App, UserKind::Agent] {
        let mut names: Vec<&str> =
            one.uses.iter().filter(|u| u.kind == what).map(|u| u.name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        if !names.is_empty() {
            words.push(many(names.len(), kind(what)));
        }
    }
    if words.is_empty() { "nothing in the package".to_owned() } else { words.join(", ") }
}

impl Writer<'_> {
    pub(super) fn references(&mut self) {
        let book = self.told.book;
        if book.references.is_empty() {
            return;
        }
        self.section("Connections and references");
        for (index, one) in book.references.iter().enumerate() {
            self.reference(index + 1, one);
        }
        self.page.heading(3, line("How to bind, in three ways"));
        self.page.list(vec![
            line("By settings file, at the import: put the connection's id into the file of the next section. Best where a pipeline deploys."),
            line("By hand: open the solution, the connection reference, and choose the connection; or answer the import's question. A reference that is bound keeps its binding through later imports."),
            line("By API or command line, at any time: as given for each reference above. Bind the reference, never the flow: writing a flow's definition leaves a layer that hides later updates."),
        ]);
    }

    fn reference(&mut self, number: usize, one: &ReferenceFacts) {
        let mut title = line(format!("{}.{number} ", self.section)).code(one.logical_name.as_str());
        if !one.display_name.is_empty() && one.display_name != one.logical_name.as_str() {
            title = title.text(format!(" {}", one.display_name));
        }
        self.page.heading(3, title);
        let mut facts = vec![
            line("Connector: ").append(connector(one)),
            line(format!("Sign-in it offers: {}", kinds(&one.sign_in))),
            line("Service principal: ")
                .strong(answer(one.sign_in.principal))
                .text(format!("; {}", one.sign_in.reason)),
        ];
        if one.sign_in.kinds.is_empty() && !one.custom {
            let page = one.api_name.without_hash().trim_start_matches("shared_").to_owned();
            if page.bytes().all(|b| b.is_ascii_alphanumeric()) {
                facts.push(
                    line("Its page: ")
                        .link(format!("https://learn.microsoft.com/connectors/{page}/")),
                );
            }
        }
        self.page.list(facts);
        self.uses(one);
        self.permissions(one);
        self.todo(one);
    }

    fn uses(&mut self, one: &ReferenceFacts) {
        if one.uses.is_empty() {
            self.page.text(line("Nothing in the package is known to use it. It may stay unbound, unless something else in the environment needs it."));
            return;
        }
        let mut groups: Vec<(UserKind, &str, Acting, Vec<&Use>)> = Vec::new();
        for one in &one.uses {
            let same = |g: &&mut (UserKind, &str, Acting, Vec<&Use>)| {
                (g.0, g.1, g.2) == (one.kind, one.name.as_str(), one.acting)
            };
            match groups.iter_mut().find(same) {
                Some(group) => group.3.push(one),
                None => groups.push((one.kind, &one.name, one.acting, vec![one])),
            }
        }
        let row = |(what, name, acting, uses): (UserKind, &str, Acting, Vec<&Use>)| {
            let acting = match (what, acting) {
                (UserKind::Flow, Acting::Caller) => "the caller, with their own connection",
                (UserKind::Flow, Acting::BoundForCaller) => {
                    "the connection, on behalf of the caller"
                }
                _ => "the connection",
            };
            vec![line(format!("{} ", kind(what))).strong(name), actions(&uses), line(acting)]
        };
        let rows = groups.into_iter().map(row).collect();
        self.page.table(vec!["USED BY", "IN", "WHO ACTS"], rows);
    }

    fn permissions(&mut self, one: &ReferenceFacts) {
        if one.permissions.is_empty() {
            return;
        }
        self.page.text(line("What the connection must be allowed to do:"));
        self.page.list(one.permissions.iter().map(permission).collect());
    }

    fn todo(&mut self, one: &ReferenceFacts) {
        let name = one.logical_name.as_str();
        let only_callers =
            !one.uses.is_empty() && one.uses.iter().all(|u| u.acting == Acting::Caller);
        let mut create = Check::from(line("Create a connection to ").append(connector(one)).text(
            match one.sign_in.principal {
                Capability::No => ", signed in as a service account",
                Capability::Yes
                    if one.sign_in.kinds.contains(&AuthenticationKind::ClientSecret) =>
                {
                    ", as a service principal if no person shall stand behind it"
                }
                Capability::Yes | Capability::Unknown => "",
            },
        ));
        if one.holds_target {
            create = create.below(line("The connection itself holds what it reaches (server, base address, account): make one per target, and note it here: ______"));
        }
        if only_callers {
            create = create.below(line("Flows run with each caller's own connection; the binding serves whoever edits them."));
        }
        let mut bind = Check::from(line("Bind the reference to it"));
        if let Some(Binding::To(id)) = &one.binding {
            bind = bind.below(line("The settings file binds it to ").code(id).text("."));
        }
        let waiting: Vec<&str> = one.waiting().collect();
        if !waiting.is_empty() {
            bind = bind
                .below(line(format!("Until then these flows stay off: {}.", shortened(&waiting))));
        }
        self.page.checks(vec![create, bind]);
        let api = clean(&one.api_name.without_hash());
        let shown = arg(if one.display_name.is_empty() { name } else { &one.display_name });
        let create = match api.as_str() {
            _ if one.custom => format!(
                "connref connection create {} --name {shown} --environment {TARGET}",
                arg(&connector_word(one))
            ),
            _ => format!(
                "connref connection create {} --name {shown} --environment {TARGET}",
                arg(&api)
            ),
        };
        self.page.code(
            "sh",
            format!(
                "{create}\nconnref ref bind {} --connection CONNECTION --environment {TARGET}",
                arg(name)
            ),
        );
        self.page.code("http", api_calls(name));
    }
}

fn connector_word(one: &ReferenceFacts) -> String {
    one.connector_name.clone().unwrap_or_else(|| one.api_name.without_hash())
}

/// The calls of the Web API that bind it.
fn api_calls(name: &str) -> String {
    let literal = clean(name).replace('\'', "''");
    format!(
        "GET https://ORG.crm.dynamics.com/api/data/v9.2/connectionreferences?$select=connectionreferenceid,connectionid&$filter=connectionreferencelogicalname%20eq%20'{literal}'\n\n\
         PATCH https://ORG.crm.dynamics.com/api/data/v9.2/connectionreferences(CONNECTIONREFERENCEID)\n\
         If-Match: *\nContent-Type: application/json\n\n{{\"connectionid\": \"CONNECTION\"}}"
    )
}

/// The first few of a list.
pub(super) fn shortened(list: &[&str]) -> String {
    const SHOWN: usize = 12;
    let mut text = list.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ");
    if list.len() > SHOWN {
        text += &format!(" and {} more", list.len() - SHOWN);
    }
    text
}

/// Actions of one user, by operation.
fn actions(uses: &[&Use]) -> Line {
    let mut text = Line::default();
    let mut any = false;
    for one in uses {
        if one.action.is_empty() {
            continue;
        }
        if any {
            text = text.text(", ");
        }
        any = true;
        if one.trigger {
            text = text.text("trigger ");
        }
        text = text.text(one.action.replace('_', " "));
        if !one.operation.is_empty() {
            text = text.text(" (").code(&one.operation).text(")");
        }
    }
    match (any, uses.first().map(|one| one.kind)) {
        (true, _) => text,
        (false, Some(UserKind::Flow)) => line("listed; no action uses it"),
        (false, _) => line("–"),
    }
}

fn permission(one: &Permission) -> Line {
    let mut text = match one.certainty {
        Certainty::Known => line(&one.text),
        Certainty::Inferred => line(format!("{} (inferred)", one.text)),
        Certainty::Unknown => line(&one.text),
    };
    if !one.on.is_empty() {
        const SHOWN: usize = 6;
        let more = one.on.len().saturating_sub(SHOWN);
        let on = one.on.iter().take(SHOWN).cloned().collect::<Vec<_>>().join("; ");
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        text = text.text(format!(" ({on}{more})"));
    }
    let operations = one.operations.iter().filter(|o| !o.is_empty()).collect::<Vec<_>>();
    match operations.is_empty() {
        true => text,
        false => text.text(" — for ").codes(operations),
    }
}
