//! The page of a review: every connection with what it carries and what was found, to be attested.
use connref_review::audit::Audited;
use connref_review::audit::uses::connection_uses;
use connref_review::{Finding, Severity};
use connref_solution::artefact::bindings_lock::target_of;
use connref_solution::artefact::facts_json::facts_write;
use connref_solution::model::facts::{
    Area, ConnectionFacts, ConnectionKind, ConnectionStatus, EnvironmentKind,
};
use connref_solution::model::{Facts, Micros};
use sha2::{Digest, Sha256};

use crate::page::{Check, Line, Page, code, line};

/// The page.
pub(super) fn page(facts: &Facts, audited: &Audited) -> Page {
    let environment = &facts.environment;
    let mut page = Page::new(format!("Review of the connections of {}", environment.name));
    let kind = match environment.kind {
        EnvironmentKind::Developer => "developer",
        EnvironmentKind::Test => "test",
        EnvironmentKind::Production => "production",
    };
    page.text(
        line(format!("Facts taken {} from environment ", moment(facts.taken_at)))
            .code(environment.name.as_str())
            .text(format!(" ({kind}, version {}). SHA-256 of the facts: ", environment.version))
            .code(digest(facts)),
    );
    summary(&mut page, facts, audited);
    page.heading(2, line("Connections"));
    let titles = vec![
        "CONNECTION",
        "OWNER",
        "HOLDS",
        "REACHES",
        "CARRIES",
        "LAST USED",
        "ENDS",
        "SHARED",
        "FOUND",
    ];
    page.table(titles, facts.connections.iter().map(|c| connection(facts, audited, c)).collect());
    findings(&mut page, audited);
    attest(&mut page, facts);
    page
}

fn summary(page: &mut Page, facts: &Facts, audited: &Audited) {
    let by_code = |code: &str| audited.findings.iter().filter(|f| f.code == code).count();
    let unbound = facts.references.iter().filter(|r| r.connection.is_none()).count();
    let rows = [
        ("Connections", facts.connections.len()),
        ("Connection references", facts.references.len()),
        ("of them unbound", unbound),
        ("Orphaned (CA107)", by_code("CA107")),
        ("Owner departed (CA105)", by_code("CA105")),
        ("Stale (CA110)", by_code("CA110")),
        ("Broken (CA111)", by_code("CA111")),
        ("High use (CA108)", by_code("CA108")),
        ("Duplicates (CA109)", by_code("CA109")),
        ("Share missing (CA106)", by_code("CA106")),
        ("A person's, in production (CA104)", by_code("CA104")),
        ("Ends soon (CA112)", by_code("CA112")),
        ("Widely shared (CA123)", by_code("CA123")),
    ];
    let rows = rows.map(|(what, count)| vec![line(what), line(count.to_string())]);
    page.table(vec!["WHAT", "HOW MANY"], rows.into());
    let unjudged: Vec<Line> = audited
        .unjudged
        .iter()
        .map(|(rule, areas)| {
            let words: Vec<&str> = areas.iter().map(|area| area.words()).collect();
            code(*rule).text(format!(" was not judged: {} is not known", words.join(", ")))
        })
        .collect();
    page.list(unjudged);
    if !facts.unknown.is_empty() {
        let words: Vec<&str> = facts.unknown.iter().map(|area| area.words()).collect();
        page.text(line("Not known, and so never taken for fine: ").text(words.join("; ")));
    }
}

fn connection(facts: &Facts, audited: &Audited, one: &ConnectionFacts) -> Vec<Line> {
    let owner = facts.principal(&one.owner);
    let gone = owner.is_none_or(|p| p.disabled || p.departed_at.is_some());
    let mut owned = line(owner.map_or(one.owner.as_str(), |p| p.name.as_str()));
    if gone {
        owned = owned.text(" ").strong("departed");
    }
    let uses = connection_uses(facts, &one.id);
    let on = uses.iter().filter(|u| u.on).count();
    let references =
        facts.references.iter().filter(|r| r.connection.as_ref() == Some(&one.id)).count();
    let holds = match one.kind {
        ConnectionKind::ServicePrincipal => "a service principal's",
        ConnectionKind::User => "a person's",
        ConnectionKind::SharedKey => "a shared key",
        ConnectionKind::None => "nothing",
    };
    let broken = match one.status {
        ConnectionStatus::Connected => "",
        ConnectionStatus::Error { .. } => ", broken",
        ConnectionStatus::Disabled => ", switched off",
    };
    // An empty field means nothing where it could not be seen.
    let unless = |area: Area, empty: &str| {
        if facts.knows(area) { empty.to_owned() } else { "not known".to_owned() }
    };
    let codes: Vec<&str> = audited
        .findings
        .iter()
        .filter(|f| *f.subject.id == *one.id.as_str())
        .map(|f| f.code)
        .collect();
    let name = if one.display_name.is_empty() { one.id.as_str() } else { &one.display_name };
    vec![
        line(name).text(" ").code(one.api_name.as_str()),
        owned,
        line(format!("{holds}{broken}")),
        line(target_of(one).unwrap_or("not known")),
        line(format!("{}, {}, {on} on", many(references, "reference"), many(uses.len(), "flow"))),
        line(one.last_used_at.map_or_else(|| unless(Area::LastUse, "never"), day)),
        line(one.ends_at.map_or_else(|| unless(Area::Ends, "–"), day)),
        line(match one.shares.len() {
            0 => unless(Area::Shares, "–"),
            count => count.to_string(),
        }),
        if codes.is_empty() { line("–") } else { line("").codes(codes) },
    ]
}

fn findings(page: &mut Page, audited: &Audited) {
    for (severity, title) in
        [(Severity::Error, "Errors"), (Severity::Warning, "Warnings"), (Severity::Note, "Notes")]
    {
        let found: Vec<Check> =
            audited.findings.iter().filter(|f| f.severity == severity).map(finding).collect();
        if !found.is_empty() {
            page.heading(2, line(format!("{title} ({})", found.len())));
            page.checks(found);
        }
    }
}

fn finding(finding: &Finding) -> Check {
    let mut check = Check::from(code(finding.code).text(" ").append(told(&finding.message)));
    if let Some(at) = &finding.location {
        check = check.below(code(format!("{}:{}", at.part, at.line)));
    }
    if !finding.help.is_empty() {
        check = check.below(told(&finding.help));
    }
    match &finding.fix {
        Some(fix) => check.below(code(fix)),
        None => check,
    }
}

/// A sentence whose names stand in back-ticks.
fn told(text: &str) -> Line {
    let parts = text.split('`').enumerate();
    parts.fold(line(""), |line, (at, part)| match at % 2 {
        0 => line.text(part),
        _ => line.code(part),
    })
}

fn many(count: usize, word: &str) -> String {
    format!("{count} {word}{}", if count == 1 { "" } else { "s" })
}

fn attest(page: &mut Page, facts: &Facts) {
    page.heading(2, line("Attestation"));
    page.checks(vec![
        line("every connection above is known, has an owner who is here, and is needed").into(),
        line("every error was repaired, or has a date and a name").into(),
        line("nobody has more than they need: shares and groups were looked at").into(),
    ]);
    page.text(
        line("Reviewed by ______________________ on ____________ for ")
            .code(facts.environment.name.as_str()),
    );
}

/// What makes the page provable: the hash of the facts file it was made from.
fn digest(facts: &Facts) -> String {
    let hash = Sha256::digest(facts_write(facts).as_bytes());
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn moment(at: Micros) -> String {
    jiff::Timestamp::from_microsecond(at).map_or_else(|_| "–".to_owned(), |t| t.to_string())
}

fn day(at: Micros) -> String {
    moment(at).chars().take(10).collect()
}
