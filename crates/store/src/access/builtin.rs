//! The roles every environment has. What they grant is written here and nowhere else; environments
//! take it over into their tables when they are made and when a newer binary opens them.
use connref_solution::model::facts::Role;

use super::{Depth, Entity, Privilege, Verb};

/// Grows when a built-in role changes.
pub(crate) const VERSION: i64 = 1;

/// A built-in role.
pub struct BuiltInRole {
    /// Row id, the same in every environment: where Dataverse has a template of the role, its id.
    pub id: &'static str,
    /// Name.
    pub name: &'static str,
    /// The model's name for it.
    pub role: Role,
    /// What it grants.
    pub grants: fn(Privilege) -> Depth,
}

/// All of them, the mightiest first.
pub static BUILT_IN: &[BuiltInRole] = &[
    BuiltInRole {
        id: "627090ff-40a3-4053-8790-584edc5be201",
        name: "System Administrator",
        role: Role::SystemAdministrator,
        grants: |_| Depth::Organization,
    },
    BuiltInRole {
        id: "119f245c-3cc8-4b62-b31c-d1a046ced15d",
        name: "System Customizer",
        role: Role::SystemCustomizer,
        grants: customizer,
    },
    BuiltInRole {
        id: "0f3a1f5e-0c6d-4b5c-9a51-6d2f7c1e8b05",
        name: "Deployer",
        role: Role::Deployer,
        grants: deployer,
    },
    BuiltInRole {
        id: "0f3a1f5e-0c6d-4b5c-9a51-6d2f7c1e8b03",
        name: "Environment Maker",
        role: Role::EnvironmentMaker,
        grants: maker,
    },
    BuiltInRole {
        id: "0f3a1f5e-0c6d-4b5c-9a51-6d2f7c1e8b04",
        name: "Basic User",
        role: Role::BasicUser,
        grants: basic,
    },
];

/// The built-in role behind the model's name; none for [`Role::None`].
pub fn built_in(role: Role) -> Option<&'static BuiltInRole> {
    BUILT_IN.iter().find(|known| known.role == role)
}

/// What everybody with a role may look at: who and what is there, not what others made.
fn directory(privilege: Privilege) -> Depth {
    use Entity as E;
    match privilege {
        Privilege::On(
            Verb::Read,
            E::BusinessUnit
            | E::Team
            | E::User
            | E::Role
            | E::Connector
            | E::Solution
            | E::Publisher
            | E::VariableDefinition
            | E::VariableValue,
        ) => Depth::Organization,
        _ => Depth::None,
    }
}

/// Uses what others made and share: without the right to create, `user` depth means shared rows.
fn basic(privilege: Privilege) -> Depth {
    let own = match privilege {
        Privilege::On(
            Verb::Read | Verb::Write | Verb::Append | Verb::AppendTo | Verb::Delete | Verb::Share,
            Entity::Workflow,
        )
        | Privilege::On(
            Verb::Read | Verb::Write | Verb::Append | Verb::AppendTo,
            Entity::ConnectionReference | Entity::VariableDefinition | Entity::VariableValue,
        ) => Depth::User,
        _ => Depth::None,
    };
    own.max(directory(privilege))
}

/// Makes things and sees its own.
fn maker(privilege: Privilege) -> Depth {
    use Entity as E;
    let own = match privilege {
        Privilege::On(
            _,
            E::ConnectionReference
            | E::Connector
            | E::VariableDefinition
            | E::VariableValue
            | E::Workflow,
        ) => Depth::User,
        Privilege::On(
            Verb::Create | Verb::Write | Verb::Append | Verb::AppendTo,
            E::Solution | E::Publisher,
        )
        | Privilege::ExportCustomization => Depth::Organization,
        _ => Depth::None,
    };
    own.max(directory(privilege))
}

/// Imports, binds and activates whatever is in the environment; does not see others' connections
/// and changes no rights.
fn deployer(privilege: Privilege) -> Depth {
    use Entity as E;
    use Verb as V;
    let deploy = match privilege {
        Privilege::On(
            V::Create | V::Read | V::Write | V::Append | V::AppendTo,
            E::ConnectionReference
            | E::Connector
            | E::VariableDefinition
            | E::VariableValue
            | E::Workflow
            | E::Solution
            | E::Publisher
            | E::ImportJob,
        )
        | Privilege::On(V::Delete, E::Solution)
        | Privilege::ImportCustomization
        | Privilege::ExportCustomization
        | Privilege::PublishCustomization => Depth::Organization,
        _ => Depth::None,
    };
    deploy.max(directory(privilege))
}

/// Changes whatever is made of solutions, nothing of people and their credentials.
fn customizer(privilege: Privilege) -> Depth {
    use Entity as E;
    let customize = match privilege {
        Privilege::On(
            _,
            E::ConnectionReference
            | E::Connector
            | E::VariableDefinition
            | E::VariableValue
            | E::Workflow
            | E::Solution
            | E::Publisher
            | E::ImportJob,
        )
        | Privilege::ImportCustomization
        | Privilege::ExportCustomization
        | Privilege::PublishCustomization => Depth::Organization,
        _ => Depth::None,
    };
    customize.max(directory(privilege))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_matrix_of_roles_and_privileges() {
        let mut text = format!("{:<34}", "privilege");
        for role in BUILT_IN {
            text.push_str(&format!(" {:<20}", role.name));
        }
        for privilege in Privilege::all() {
            text.push_str(&format!("\n{:<34}", privilege.name()));
            for role in BUILT_IN {
                let depth = (role.grants)(privilege);
                let word = if depth == Depth::None { "-" } else { depth.word() };
                text.push_str(&format!(" {word:<20}"));
            }
        }
        let text: Vec<_> = text.lines().map(str::trim_end).collect();
        insta::assert_snapshot!("roles_and_privileges", text.join("\n"));
    }

    #[test]
    fn nobody_below_the_administrator_changes_rights_or_sees_connections() {
        for role in &BUILT_IN[1..] {
            for privilege in [
                Privilege::AdministerConnections,
                Privilege::ActOnBehalfOfAnotherUser,
                Privilege::On(Verb::Assign, Entity::Role),
                Privilege::On(Verb::Write, Entity::Role),
                Privilege::On(Verb::Write, Entity::Team),
                Privilege::On(Verb::Write, Entity::User),
            ] {
                assert_eq!((role.grants)(privilege), Depth::None, "{} {privilege:?}", role.name);
            }
        }
    }
}
