//! Activation and calls against a model that is small enough to be read at one glance, on random
//! worlds.
use connref_review::{Acting, connection_for_call, flow_activation};
use connref_solution::model::facts::*;
use connref_solution::model::package::{FlowReference, RuntimeSource};
use connref_solution::model::{ConnectionId, PrincipalId};

use crate::world::{Random, World, direct, entry, invoker, seed};

const PEOPLE: [&str; 5] = ["ann", "bob", "svc", "gone", "nobody"];
const APIS: [&str; 3] = ["shared_sql", "shared_mail", "shared_new-5facme-5faaaaaaaaaaaaaaaa"];
const LEVELS: [ShareLevel; 4] =
    [ShareLevel::CanView, ShareLevel::CanViewWithShare, ShareLevel::CanEdit, ShareLevel::Owner];

/// The model: plain loops, no shared code with what it judges.
struct Model<'a>(&'a Facts);

impl Model<'_> {
    fn here(&self, who: &PrincipalId) -> bool {
        self.0.principals.iter().any(|p| &p.id == who && !p.disabled && p.departed_at.is_none())
    }

    fn uses(&self, who: &PrincipalId, c: &ConnectionFacts) -> bool {
        self.here(who) && (&c.owner == who || c.shares.iter().any(|(p, _)| p == who))
    }

    fn works(&self, c: &ConnectionFacts) -> bool {
        self.here(&c.owner) && c.status == ConnectionStatus::Connected
    }

    /// The connection behind an entry; `Ok(None)`: the caller's.
    fn behind(&self, f: &FlowFacts, e: &FlowReference) -> Result<Option<&ConnectionFacts>, ()> {
        let (api, id) = match (&e.logical_name, &e.connection_name) {
            (Some(name), _) => {
                let r = self.0.reference(name).ok_or(())?;
                let same = self.0.same_connector(&r.api_name, &e.api_name);
                (&r.api_name, r.connection.clone().filter(|_| same).ok_or(())?)
            }
            (None, Some(name)) if !f.managed => (&e.api_name, ConnectionId::new(name)),
            (None, None) if e.source == RuntimeSource::Invoker => return Ok(None),
            _ => return Err(()),
        };
        let c = self.0.connection(&id).ok_or(())?;
        if self.0.same_connector(&c.api_name, api) { Ok(Some(c)) } else { Err(()) }
    }

    fn activates(&self, f: &FlowFacts, who: &PrincipalId) -> bool {
        let takes_caller =
            |f: &FlowFacts| f.references.iter().any(|e| e.source == RuntimeSource::Invoker);
        let entry = |e: &FlowReference| match self.behind(f, e) {
            Err(()) => false,
            Ok(None) => true,
            Ok(Some(c)) => {
                self.uses(who, c) && (e.source == RuntimeSource::Invoker || self.works(c))
            }
        };
        let child = |id| {
            self.0
                .flow(id)
                .is_some_and(|k| (k.state == FlowState::On || k.id == f.id) && !takes_caller(k))
        };
        self.here(who) && f.references.iter().all(entry) && f.children.iter().all(child)
    }

    fn calls(&self, f: &FlowFacts, e: &FlowReference, who: &PrincipalId) -> Option<ConnectionId> {
        if e.source == RuntimeSource::Embedded {
            let c = self.behind(f, e).ok()??;
            let carried =
                self.uses(&f.owner, c) || f.activated_by.as_ref().is_some_and(|a| self.uses(a, c));
            let caller = !e.on_behalf_of_invoker || self.here(who);
            return (carried && caller && self.works(c)).then(|| c.id.clone());
        }
        let api = e
            .logical_name
            .as_ref()
            .and_then(|n| self.0.reference(n))
            .map_or(&e.api_name, |r| &r.api_name);
        let mut own = self.0.connections.iter().filter(|c| {
            &c.owner == who && self.works(c) && self.0.same_connector(&c.api_name, api)
        });
        let first = own.next()?;
        own.next().is_none().then(|| first.id.clone())
    }
}

fn api(random: &mut Random) -> &'static str {
    // Mostly one connector, else nothing ever fits.
    if random.once_in(4) { random.pick::<&'static str>(&APIS) } else { APIS[0] }
}

pub(crate) fn random_world(random: &mut Random) -> World {
    let mut world = World::default();
    for i in 0..random.below(5) {
        let (owner, api) = (*random.pick(&PEOPLE), api(random));
        let broken = random.once_in(8);
        let connection = world.connection(&format!("c{i}"), api, owner);
        if broken {
            connection.status = if random.once_in(2) {
                ConnectionStatus::Disabled
            } else {
                ConnectionStatus::Error { code: "E".into(), message: "e".into() }
            };
        }
        for _ in 0..random.below(3) {
            connection.shares.push(((*random.pick(&PEOPLE)).into(), *random.pick(&LEVELS)));
        }
    }
    for i in 0..random.below(4) {
        let to = format!("c{}", random.below(6));
        let bound = !random.once_in(6);
        let api = api(random);
        world.reference(&format!("new_R{i}"), api, bound.then_some(to.as_str()));
    }
    for i in 0..1 + random.below(3) {
        let entries = (0..random.below(3)).map(|n| random_entry(random, n)).collect();
        let owner = *random.pick(&PEOPLE);
        let flow = world.flow(&format!("f{i}"), owner, entries);
        flow.managed = random.once_in(6);
        flow.state = *random.pick(&[FlowState::On, FlowState::Off, FlowState::Suspended]);
        if random.once_in(2) {
            flow.activated_by = Some((*random.pick(&PEOPLE)).into());
        }
        for _ in 0..random.below(6).saturating_sub(3) {
            flow.children.push(format!("f{}", random.below(4)).into());
        }
    }
    world
}

fn random_entry(random: &mut Random, n: u64) -> FlowReference {
    let (api, name) = (api(random), format!("NEW_r{}", random.below(4)));
    let mut made = match random.below(8) {
        0 => direct(Some(&format!("c{}", random.below(5))), api),
        1 => direct(None, api),
        2 | 3 => invoker(&name, api),
        _ => entry(&name, api),
    };
    if random.once_in(10) {
        made.source = RuntimeSource::Invoker;
    }
    made.on_behalf_of_invoker = random.once_in(6);
    made.key = format!("k{n}");
    made
}

#[test]
fn activation_and_calls_agree_with_the_model() {
    let first = seed("activation_and_calls_agree_with_the_model");
    let (mut turned_on, mut called, mut asked) = (0, 0, 0);
    for number in 0..25_000 {
        let world = random_world(&mut Random(first.wrapping_add(number)));
        let (facts, model) = (&world.0, Model(&world.0));
        for flow in &facts.flows {
            for who in PEOPLE.map(PrincipalId::new) {
                let activation = flow_activation(facts, &flow.id, &who);
                let expected = model.activates(flow, &who);
                assert_eq!(
                    activation.allowed(),
                    expected,
                    "seed {first}+{number} {} {who} {activation:?}",
                    flow.id
                );
                assert!(activation.allowed() || activation.grants.is_empty());
                turned_on += u64::from(expected);
                for entry in &flow.references {
                    let used = connection_for_call(facts, &flow.id, &entry.key, &who, &[]);
                    let expected = model
                        .calls(flow, entry, &who)
                        .filter(|_| entry.source == RuntimeSource::Embedded || model.here(&who));
                    let got = used.as_ref().ok().map(|u| u.connection.clone());
                    assert_eq!(
                        got, expected,
                        "seed {first}+{number} {} {} {who} {used:?}",
                        flow.id, entry.key
                    );
                    if let Ok(used) = used {
                        let own = used.acting == Acting::Invoker;
                        assert_eq!(own, entry.source == RuntimeSource::Invoker);
                        called += 1;
                    }
                    asked += 1;
                }
            }
        }
    }
    // The worlds must reach both sides, or the agreement says nothing.
    assert!(
        turned_on > 10_000 && called > 10_000 && asked > called + 10_000,
        "{turned_on} {called} {asked}"
    );
}
