//! Who may be the delegate of a stage.
use connref_review::pipeline::delegate;
use connref_solution::artefact::pipeline_yaml::{Stage, pipeline_read};
use connref_solution::model::facts::{PrincipalKind, Role};

use crate::world::World;

fn stage(name: &str) -> Stage {
    let text = format!(
        "{{version: 1, name: p, solution: S, stages: [{{name: prod, environment: prod, delegate: {name}}}]}}"
    );
    pipeline_read(&text).expect("well formed").stages.remove(0)
}

#[test]
fn only_an_enabled_service_principal_deploys_and_more_rights_than_it_needs_are_told() {
    let mut world = World::default();
    let why = |world: &World, name: &str| {
        delegate(&world.0, &stage(name)).map(|(p, w)| (p.name.clone(), w))
    };
    assert_eq!(why(&world, "SVC"), Ok(("svc".to_owned(), None)));
    for (name, told) in [("nobody", "no service principal of `PROD`"), ("ann", "is a person")] {
        let refused = why(&world, name).expect_err(name);
        assert!(refused.contains(told), "{name}: {refused}");
    }
    let find = |world: &mut World, name: &str| {
        world.0.principals.iter().position(|p| p.name == name).expect("in the world")
    };
    let at = find(&mut world, "svc");
    world.0.principals[at].role = Role::SystemAdministrator;
    let (_, warning) = why(&world, "svc").expect("still a delegate");
    assert!(warning.expect("told").contains("more than the role Deployer"));
    world.0.principals[at].role = Role::Deployer;
    assert_eq!(why(&world, "svc"), Ok(("svc".to_owned(), None)));
    let gone = find(&mut world, "gone");
    world.0.principals[gone].kind = PrincipalKind::ServicePrincipal;
    assert!(why(&world, "gone").expect_err("disabled").contains("is disabled in `PROD`"));
}
