//! `connref ref match` and `connref ref rebind`: bindings by what a connection is, not by its id.
use std::path::PathBuf;

use clap::Args;
use connref_client::Client;
use connref_review::index::Index;
use connref_review::matching::{
    Candidate, Ignored, ReferenceMatch, Verdict, reference_match, reference_restore,
};
use connref_review::{Refusal, shell_argument};
use connref_solution::model::facts::ReferenceFacts;
use connref_solution::model::selector::Bindings;
use connref_solution::model::{Facts, LogicalName, PrincipalId};
use serde_json::{Value, json};

use crate::command::audit::judge::lock;
use crate::command::connection::rotate::seconds;
use crate::command::solution::verify::bindings;
use crate::context::Context;
use crate::exit::{Exit, Failure, Outcome};
use crate::render::{clean, note, style};

/// Arguments of `ref match`.
#[derive(Args, Debug)]
pub(crate) struct MatchArgs {
    /// Only this reference (logical name; may be given several times)
    #[arg(long, value_name = "NAME")]
    reference: Vec<String>,
    /// Only the references of this solution (unique name)
    #[arg(long, value_name = "NAME")]
    solution: Option<String>,
    /// What each reference is meant to be bound to: selectors (bindings.yaml)
    #[arg(long, value_name = "PATH")]
    bindings: Option<PathBuf>,
    /// Also references that are bound, where their connection is not what is meant
    #[arg(long)]
    rebind: bool,
    #[command(flatten)]
    how: How,
}

/// Arguments of `ref rebind`.
#[derive(Args, Debug)]
pub(crate) struct RebindArgs {
    /// Recorded bindings (see `ref lock`)
    #[arg(long, value_name = "PATH", default_value = "bindings.lock.json")]
    from: PathBuf,
    /// Only this reference (logical name; may be given several times)
    #[arg(long, value_name = "NAME")]
    reference: Vec<String>,
    /// What may differ from the record: a copy may reach another place, or belong to somebody else
    #[arg(long, value_enum, value_name = "WHAT", value_delimiter = ',')]
    ignore: Vec<Ignore>,
    #[command(flatten)]
    how: How,
}

/// What a record may be ignored in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Ignore {
    Name,
    Owner,
    Target,
}

/// How matches are written.
#[derive(Args, Debug)]
struct How {
    /// Bind what is clear although something is not; 8 then
    #[arg(long)]
    partly: bool,
    #[command(flatten)]
    tested: Tested,
}

/// Whether a connection is tried before it is bound.
#[derive(Args, Debug)]
pub(crate) struct Tested {
    /// Ask the target first: a connection that nobody accepts is not bound
    #[arg(long)]
    tested: bool,
    /// How long the binding before comes back by itself when the new connection is not accepted (90s,
    /// 30m, 24h, 7d; 0s: never)
    #[arg(long, value_name = "TIME", default_value = "24h", requires = "tested", value_parser = seconds)]
    window: u64,
}

impl Tested {
    /// The seconds of the window, if it is asked for.
    pub(super) fn seconds(&self) -> Option<u64> {
        self.tested.then_some(self.window)
    }
}

/// Facts, and who asks.
struct World {
    client: Client,
    facts: Facts,
    caller: PrincipalId,
}

impl World {
    async fn read(context: &Context) -> Result<Self, Failure> {
        let client = context.client().await?;
        let facts = crate::facts_file::facts(context, None).await?;
        let caller = PrincipalId::from(client.who_am_i().await?);
        Ok(Self { client, facts, caller })
    }
}

impl MatchArgs {
    pub(super) async fn run(self, context: &Context) -> Outcome {
        let said = self.bindings.as_deref().map(bindings).transpose()?;
        let world = World::read(context).await?;
        let chosen = self.chosen(&world.facts)?;
        let index = Index::new(&world.facts);
        let none = Bindings::default();
        let bindings = said.as_ref().map_or(&none, |(bindings, _)| bindings);
        let found: Result<Vec<_>, Refusal> = chosen
            .into_iter()
            .map(|one| {
                let selector = bindings.selector(&world.facts.environment.name, &one.logical_name);
                let (name, api) = (&one.logical_name, &one.api_name);
                reference_match(&index, &world.caller, name, api, &selector)
            })
            .collect();
        let found = found.map_err(refused)?;
        if found.is_empty() {
            note("every reference is bound; --rebind looks at bound ones too");
        }
        self.how.finish(context, &world, &found).await
    }

    fn chosen<'f>(&self, facts: &'f Facts) -> Result<Vec<&'f ReferenceFacts>, Failure> {
        let named = named(facts, &self.reference)?;
        let solution = match &self.solution {
            None => None,
            Some(name) => Some(facts.solution(name).ok_or_else(|| {
                Failure::missing(format!("there is no solution `{name}`"))
                    .fix("connref solution list")
            })?),
        };
        let all = facts.references.iter();
        let wanted = |r: &&ReferenceFacts| {
            (self.rebind || r.connection.is_none())
                && (named.is_empty() || named.contains(&&r.logical_name))
                && solution.is_none_or(|s| r.solutions.contains(&s.id))
        };
        Ok(all.filter(wanted).collect())
    }
}

/// The references that were named, all of which have to be there.
fn named<'f>(facts: &'f Facts, names: &[String]) -> Result<Vec<&'f LogicalName>, Failure> {
    let find = |name: &String| {
        let found = facts.reference(&LogicalName::new(name)).map(|r| &r.logical_name);
        found.ok_or_else(|| {
            Failure::missing(format!("there is no connection reference `{name}`"))
                .fix("connref ref list")
        })
    };
    names.iter().map(find).collect()
}

fn refused(refusal: Refusal) -> Failure {
    let fix = refusal.fix.clone();
    let failure = Failure::refused(refusal.text);
    match fix {
        Some(fix) => failure.fix(fix),
        None => failure,
    }
}

impl RebindArgs {
    pub(super) async fn run(self, context: &Context) -> Outcome {
        let (record, shown) = lock(&self.from)?;
        let world = World::read(context).await?;
        let only: Vec<LogicalName> = self.reference.iter().map(|n| LogicalName::new(n)).collect();
        if let Some(odd) =
            only.iter().find(|name| !record.bindings.iter().any(|one| &one.reference == *name))
        {
            return Err(Failure::missing(format!("`{shown}` records no binding of `{odd}`")));
        }
        let ignored = Ignored {
            name: self.ignore.contains(&Ignore::Name),
            owner: self.ignore.contains(&Ignore::Owner),
            target: self.ignore.contains(&Ignore::Target),
        };
        let index = Index::new(&world.facts);
        let mut found = Vec::new();
        for one in
            record.bindings.iter().filter(|one| only.is_empty() || only.contains(&one.reference))
        {
            if world.facts.reference(&one.reference).is_none() {
                note(&format!("`{}` is recorded and is not here any more", one.reference));
                continue;
            }
            let matched = reference_restore(&index, &world.caller, one, ignored);
            found.push(matched.map_err(refused)?);
        }
        self.how.finish(context, &world, &found).await
    }
}

impl How {
    /// Tells what was found, and binds it unless something is not clear.
    async fn finish(&self, context: &Context, world: &World, found: &[ReferenceMatch]) -> Outcome {
        let unclear =
            found.iter().any(|one| matches!(one.verdict, Verdict::Missing | Verdict::Ambiguous(_)));
        let binds: Vec<(String, String)> = found
            .iter()
            .filter_map(|one| match &one.verdict {
                Verdict::Bind(id) => Some((one.reference.to_string(), id.to_string())),
                _ => None,
            })
            .collect();
        let write = (!unclear || self.partly) && !context.globals.dry_run && !binds.is_empty();
        if write {
            world.client.references_bind(&binds, self.tested.seconds()).await?;
        }
        if context.output.is_table() {
            context.output.text(&told(world, found, write))?;
        } else {
            const COLUMNS: &[(&str, &str)] = &[
                ("REFERENCE", "name"),
                ("CONNECTOR", "connector"),
                ("CONNECTION", "connection"),
                ("STATE", "state"),
            ];
            let rows: Vec<Value> = found.iter().map(|one| row(one, write)).collect();
            context.output.list(COLUMNS, &rows)?;
        }
        Ok(match (unclear, self.partly) {
            (false, _) => Exit::Clean,
            (true, true) if write => Exit::Partial,
            (true, _) => Exit::Refused,
        })
    }
}

/// What becomes of a reference, in a word.
fn state(one: &ReferenceMatch, written: bool) -> &'static str {
    match one.verdict {
        Verdict::Kept => "kept",
        Verdict::Bind(_) if written => "bound",
        Verdict::Bind(_) => "would be bound",
        Verdict::Left => "left unbound",
        Verdict::Missing => "nothing fits",
        Verdict::Ambiguous(_) => "ambiguous",
    }
}

/// The connection that a reference has afterwards.
fn chosen(one: &ReferenceMatch) -> Option<&Candidate> {
    let id = match &one.verdict {
        Verdict::Bind(id) => id,
        Verdict::Kept => one.before.as_ref()?,
        _ => return None,
    };
    one.candidates.iter().find(|candidate| &candidate.connection == id)
}

fn row(one: &ReferenceMatch, written: bool) -> Value {
    let connection = chosen(one);
    json!({
        "name": one.reference.as_str(),
        "connector": one.api_name.as_str(),
        "before": one.before.as_ref().map(|id| id.as_str()),
        "connection": connection.map(|c| c.name.as_str()),
        "connectionId": connection.map(|c| c.connection.as_str()),
        "actsAs": connection.map(|c| c.identity.as_str()),
        "state": state(one, written),
        "candidates": one.candidates.iter().map(|c| json!({
            "connection": c.name, "connectionId": c.connection.as_str(), "owner": c.owner,
            "fits": c.against.is_none(), "against": c.against, "fix": c.fix,
        })).collect::<Vec<_>>(),
    })
}

fn told(world: &World, found: &[ReferenceMatch], written: bool) -> String {
    let mut text = String::new();
    let mut unclear = 0;
    for one in found {
        let clear = !matches!(one.verdict, Verdict::Missing | Verdict::Ambiguous(_));
        unclear += usize::from(!clear);
        let glyph = if clear { style::good("✓") } else { style::bad("✕") };
        let to = chosen(one).map_or_else(String::new, |c| {
            format!(" → {} ({}), acts as {}", c.name, c.connection, c.identity)
        });
        let line = format!("{} ({}): {}{to}", one.reference, one.api_name, state(one, written));
        text += &format!("{glyph} {}\n", clean(&line));
        if !clear {
            text += &candidates(world, one);
        }
    }
    let bound = found.iter().filter(|one| matches!(one.verdict, Verdict::Bind(_))).count();
    if unclear > 0 && !written {
        let hint = "say which is meant in bindings.yaml, or bind by hand; --partly binds the rest";
        text += &format!("nothing was bound: {unclear} not clear · {hint}\n");
    } else if !found.is_empty() {
        let word = if written { "bound" } else { "to be bound" };
        text += &format!("{bound} of {} {word}\n", found.len());
    }
    text
}

/// Every candidate with what spoke against it.
fn candidates(world: &World, one: &ReferenceMatch) -> String {
    let mut text = String::new();
    if one.candidates.is_empty() {
        text += &format!("    there is no connection for {}\n", clean(one.api_name.as_str()));
    }
    for candidate in &one.candidates {
        let why = candidate.against.as_deref().unwrap_or("fits");
        let line = format!(
            "{} ({}), owned by {}: {why}",
            candidate.name, candidate.connection, candidate.owner
        );
        text += &format!("    {}\n", clean(&line));
        let bind = candidate.against.is_none().then(|| {
            format!(
                "connref ref bind {} --connection {} --env {}",
                shell_argument(&one.reference),
                shell_argument(&candidate.connection),
                shell_argument(&world.facts.environment.name)
            )
        });
        if let Some(fix) = bind.as_ref().or(candidate.fix.as_ref()) {
            text += &format!("      {} {}\n", style::good("fix:"), clean(fix));
        }
    }
    text
}
