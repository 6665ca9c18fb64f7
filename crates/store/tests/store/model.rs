//! A model of who may do what, written from the rules and sharing nothing with the store: small
//! numbers instead of ids, one plain function instead of tables, queries and caches.

/// A user or a team.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    User(usize),
    Team(usize),
    /// A group of the tenant: only run-only shares of flows name one.
    Group(usize),
}

/// Create, read, write, delete, append, append to, assign, share.
pub(crate) const VERBS: usize = 8;
pub(crate) const READ: usize = 1;
/// The bit of each verb in a mask.
pub(crate) const BITS: [i64; VERBS] = [32, 1, 2, 65_536, 4, 16, 524_288, 262_144];
/// References, flows, variables.
pub(crate) const TABLES: usize = 3;
pub(crate) const FLOWS: usize = 1;

#[derive(Debug, Default)]
pub(crate) struct Role {
    /// Depth 0 to 4 by table and verb.
    pub(crate) depth: [[u8; VERBS]; TABLES],
    /// A team's role counts for its members' own rows.
    pub(crate) inherited: bool,
}

#[derive(Debug)]
pub(crate) struct User {
    pub(crate) unit: usize,
    pub(crate) roles: Vec<usize>,
}

#[derive(Debug)]
pub(crate) struct Team {
    pub(crate) unit: usize,
    /// 0 owner, 1 access, 2 security group, 3 office group.
    pub(crate) kind: u8,
    pub(crate) roles: Vec<usize>,
    pub(crate) members: Vec<usize>,
    /// The group, and which of its members: 0 all, 1 no guests, 2 owners, 3 guests.
    pub(crate) group: Option<(usize, u8)>,
}

#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) table: usize,
    pub(crate) owner: Who,
    pub(crate) shares: Vec<(Who, i64)>,
    pub(crate) run_only: Vec<Who>,
}

#[derive(Debug, Default)]
pub(crate) struct Model {
    /// The unit above each unit; none of the first.
    pub(crate) units: Vec<Option<usize>>,
    pub(crate) roles: Vec<Role>,
    pub(crate) users: Vec<User>,
    pub(crate) teams: Vec<Team>,
    /// Members of groups: (user, 0 member, 1 owner, 2 guest).
    pub(crate) groups: Vec<Vec<(usize, u8)>>,
    pub(crate) rows: Vec<Row>,
}

impl Model {
    fn in_team(&self, user: usize, team: &Team) -> bool {
        match (team.kind, team.group) {
            (0 | 1, _) => team.members.contains(&user),
            (_, None) => false,
            (_, Some((group, wanted))) => self.groups[group].iter().any(|(member, kind)| {
                *member == user
                    && match wanted {
                        0 => true,
                        1 => *kind != 2,
                        2 => *kind == 1,
                        _ => *kind == 2,
                    }
            }),
        }
    }

    fn is(&self, user: usize, who: Who) -> bool {
        match who {
            Who::User(one) => one == user,
            Who::Team(team) => self.in_team(user, &self.teams[team]),
            Who::Group(group) => self.groups[group].iter().any(|(member, _)| *member == user),
        }
    }

    fn below(&self, unit: usize, top: usize) -> bool {
        unit == top || self.units[unit].is_some_and(|above| self.below(above, top))
    }

    /// May the user do this to the row?
    pub(crate) fn allow(&self, user: usize, verb: usize, row: &Row) -> bool {
        let granted = |role: &usize| self.roles[*role].depth[row.table][verb];
        let me = &self.users[user];
        let mut own = me.roles.iter().map(granted).max().unwrap_or(0);
        let mut holders = Vec::new();
        for (at, team) in self.teams.iter().enumerate() {
            // An access team holds no roles, whatever is written down.
            if team.kind == 1 || !self.in_team(user, team) {
                continue;
            }
            for role in &team.roles {
                if self.roles[*role].inherited && granted(role) > 0 {
                    own = own.max(1);
                }
            }
            let depth = team.roles.iter().map(granted).max().unwrap_or(0);
            holders.push((Who::Team(at), team.unit, depth));
        }
        holders.push((Who::User(user), me.unit, own));
        let unit = match row.owner {
            Who::User(owner) => self.users[owner].unit,
            Who::Team(owner) => self.teams[owner].unit,
            Who::Group(_) => return false,
        };
        let reaches = |(who, home, depth): &(Who, usize, u8)| match depth {
            0 => false,
            1 => *who == row.owner,
            2 => *who == row.owner || unit == *home,
            3 => *who == row.owner || self.below(unit, *home),
            _ => true,
        };
        // A share is of use to whoever holds the privilege at all.
        let holds = holders.iter().any(|(_, _, depth)| *depth > 0);
        let shared =
            row.shares.iter().any(|(to, mask)| mask & BITS[verb] != 0 && self.is(user, *to))
                || (row.table == FLOWS
                    && verb == READ
                    && row.run_only.iter().any(|to| self.is(user, *to)));
        holders.iter().any(reaches) || (holds && shared)
    }
}
