//! Relationships of many to many: two tables, and one between them that holds the pairs.
use super::expr::{Expr, Literal};
use super::{TableDef, table_by_logical_name};

/// A relationship of many to many. Both ends know it by its name, and the columns of the table between
/// have the names of the keys they hold.
#[derive(Debug)]
pub struct ManyToMany {
    /// Its name, and the navigation property at both ends.
    pub name: &'static str,
    /// Logical names of the two tables.
    pub ends: [&'static str; 2],
    /// Logical name of the table between.
    pub between: &'static str,
}

/// Every relationship of many to many.
pub static MANY_TO_MANY: [ManyToMany; 3] = [
    ManyToMany {
        name: "teammembership_association",
        ends: ["systemuser", "team"],
        between: "teammembership",
    },
    ManyToMany {
        name: "systemuserroles_association",
        ends: ["systemuser", "role"],
        between: "systemuserroles",
    },
    ManyToMany { name: "teamroles_association", ends: ["team", "role"], between: "teamroles" },
];

/// A relationship of many to many, seen from one end.
#[derive(Clone, Copy, Debug)]
pub struct Crossing {
    /// The navigation property.
    pub name: &'static str,
    /// The table between.
    pub between: &'static TableDef,
    /// Its column with the key of this end.
    pub near: &'static str,
    /// The table at the other end.
    pub target: &'static TableDef,
}

impl Crossing {
    /// The column of the table between with the key of the other end.
    pub fn far(&self) -> &'static str {
        self.target.primary_id
    }

    /// The condition on rows of the other end that they belong to one row of this.
    pub fn of(&self, id: String) -> Expr {
        Expr::Exists {
            table: self.between,
            column: self.far().to_owned(),
            to: vec![self.target.primary_id.to_owned()],
            filter: Some(Box::new(Expr::equal(self.near, Literal::Guid(id)))),
        }
    }
}

impl TableDef {
    /// The relationships of many to many that begin here.
    pub fn crossings(&self) -> impl Iterator<Item = Crossing> {
        MANY_TO_MANY.iter().filter_map(|one| {
            let other = match one.ends {
                [first, second] if first == self.name => second,
                [first, second] if second == self.name => first,
                _ => return None,
            };
            Some(Crossing {
                name: one.name,
                between: table_by_logical_name(one.between)?,
                near: self.primary_id,
                target: table_by_logical_name(other)?,
            })
        })
    }

    /// A relationship of many to many by navigation property.
    pub fn crossing(&self, name: &str) -> Option<Crossing> {
        self.crossings().find(|crossing| crossing.name.eq_ignore_ascii_case(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_relationship_is_seen_from_both_ends() {
        for one in &MANY_TO_MANY {
            for end in one.ends {
                let table = table_by_logical_name(end).unwrap();
                let crossing = table.crossing(one.name).unwrap();
                for column in [crossing.near, crossing.far()] {
                    assert!(crossing.between.column(column).is_some(), "{} {column}", one.name);
                }
            }
        }
        assert!(table_by_logical_name("workflow").unwrap().crossings().next().is_none());
    }
}
