//! Judgement on pipelines: who may ask, approve and roll back, which delegate may deploy, which release a
//! roll back goes to.
use connref_solution::artefact::pipeline_yaml::Stage;
use connref_solution::model::Facts;
use connref_solution::model::facts::{PrincipalFacts, PrincipalKind, Role};

/// Who asks: a name, and whether it is the operator of the installation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asker {
    /// Name.
    pub name: String,
    /// The operator, who set the pipeline and may do what its people may.
    pub operator: bool,
}

impl Asker {
    fn is_in(&self, names: &[String]) -> bool {
        self.operator || self.is_named(names)
    }

    /// Whether it is named, operator or not.
    pub fn is_named(&self, names: &[String]) -> bool {
        names.iter().any(|name| self.is(name))
    }

    /// Whether this is its name: names of people differ in more than ASCII letters.
    fn is(&self, name: &str) -> bool {
        name.trim().to_lowercase() == self.name.trim().to_lowercase()
    }
}

/// Why somebody may not, in words that follow the name.
pub type Denied = String;

/// Whether it may ask for a deployment to the stage.
pub fn may_request(stage: &Stage, asker: &Asker) -> Result<(), Denied> {
    if asker.is_in(&stage.requesters) {
        return Ok(());
    }
    Err(format!("ask for deployments to stage `{}`", stage.name))
}

/// Whether it may approve or reject what somebody asked for. Nobody approves their own request.
pub fn may_decide(stage: &Stage, asker: &Asker, requested_by: &str) -> Result<(), Denied> {
    if !asker.is_in(&stage.approvers) {
        return Err(format!("approve deployments to stage `{}`", stage.name));
    }
    if asker.is(requested_by) {
        return Err("approve its own request: somebody else does".to_owned());
    }
    Ok(())
}

/// Whether it may roll the stage back: whoever may approve, and where nobody does, whoever may ask. No
/// second person is asked for, since what it brings back was approved when it was deployed.
pub fn may_roll_back(stage: &Stage, asker: &Asker) -> Result<(), Denied> {
    let names = if stage.approvers.is_empty() { &stage.requesters } else { &stage.approvers };
    if asker.is_in(names) {
        return Ok(());
    }
    Err(format!("roll back stage `{}`", stage.name))
}

/// The delegate of a stage in its environment, or why it cannot be one; and what is worth saying of it.
pub fn delegate<'f>(
    facts: &'f Facts,
    stage: &Stage,
) -> Result<(&'f PrincipalFacts, Option<String>), String> {
    let name = &stage.delegate;
    let found = facts.principals.iter().find(|p| p.name.eq_ignore_ascii_case(name));
    let environment = &facts.environment.name;
    let Some(found) = found else {
        return Err(format!("the delegate `{name}` is no service principal of `{environment}`"));
    };
    if found.kind != PrincipalKind::ServicePrincipal {
        return Err(format!(
            "the delegate `{name}` is a person; a deployment is made by a service principal"
        ));
    }
    if found.disabled || found.departed_at.is_some() {
        return Err(format!("the delegate `{name}` is disabled in `{environment}`"));
    }
    let more = found.role > Role::Deployer;
    let warning = more.then(|| {
        format!("the delegate `{name}` holds more than the role Deployer in `{environment}`, which is enough")
    });
    Ok((found, warning))
}

/// A deployment that succeeded, oldest first in a list: its id, and where it went back to if it was a
/// roll back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// Id of the deployment.
    pub id: String,
    /// The deployment a roll back went to.
    pub back_to: Option<String>,
}

/// The release before the present one. A roll back makes the release it went to the present one again,
/// so that rolling back twice goes back two.
pub fn release_before(releases: &[Release]) -> Option<String> {
    let mut stack: Vec<&str> = Vec::new();
    for one in releases {
        match &one.back_to {
            None => stack.push(&one.id),
            Some(to) => match stack.iter().position(|id| id == to) {
                Some(at) => stack.truncate(at + 1),
                None => stack.push(to),
            },
        }
    }
    stack.len().checked_sub(2).map(|at| stack[at].to_owned())
}

#[cfg(test)]
mod tests {
    use connref_solution::artefact::pipeline_yaml::pipeline_read;

    use super::*;

    fn stage(approvers: &str) -> Stage {
        let text = format!(
            "{{version: 1, name: p, solution: S, stages: [{{name: prod, environment: prod, \
             delegate: d, requesters: [Ci, ann], approvers: {approvers}}}]}}"
        );
        pipeline_read(&text).expect("well formed").stages.remove(0)
    }

    fn asker(name: &str) -> Asker {
        Asker { name: name.to_owned(), operator: name == "op" }
    }

    #[test]
    fn the_table_of_who_may_what() {
        let (with, without) = (stage("[ann, bob]"), stage("[]"));
        let row = |name: &str| {
            let who = asker(name);
            [
                may_request(&with, &who).is_ok(),
                may_decide(&with, &who, "ci").is_ok(),
                may_decide(&with, &who, name).is_ok(),
                may_roll_back(&with, &who).is_ok(),
                may_roll_back(&without, &who).is_ok(),
                may_decide(&without, &who, "ci").is_ok(),
            ]
        };
        assert_eq!(row("CI"), [true, false, false, false, true, false]);
        assert_eq!(row("ann"), [true, true, false, true, true, false]);
        assert_eq!(row("bob"), [false, true, false, true, false, false]);
        assert_eq!(row("eve"), [false; 6]);
        assert_eq!(row("op"), [true, true, false, true, true, true]);
        let elise = stage("[\"Élise\", bob]");
        assert!(may_decide(&elise, &asker("ÉLISE"), "ci").is_ok());
        assert!(may_decide(&elise, &asker("ÉLISE"), "élise").is_err());
    }

    #[test]
    fn a_roll_back_goes_to_the_release_before_and_again_one_further() {
        let new = |id: &str| Release { id: id.into(), back_to: None };
        let back = |id: &str, to: &str| Release { id: id.into(), back_to: Some(to.into()) };
        let mut all = vec![];
        assert_eq!(release_before(&all), None);
        all.push(new("1"));
        assert_eq!(release_before(&all), None);
        all.extend([new("2"), new("3")]);
        assert_eq!(release_before(&all).as_deref(), Some("2"));
        all.push(back("4", "2"));
        assert_eq!(release_before(&all).as_deref(), Some("1"));
        all.push(new("5"));
        assert_eq!(release_before(&all).as_deref(), Some("2"));
        all.push(back("6", "1"));
        assert_eq!(release_before(&all), None);
    }
}
