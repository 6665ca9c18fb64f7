//! SQL to a store query: another language for what FetchXML says. Null compares as in SQL: with nothing,
//! so that `<>` and NOT leave rows without a value out.
use connref_store::query::{
    Aggregation, ColumnDef, Compare, Expr, Group, Join, Kind, Literal, Match, Operand, Order, Pick,
    Query, TableDef, Tables, Value,
};

use super::fault::Fault;
use super::filter::{bare, moment};
use super::names;
use super::sql_lex::fault;
use super::sql_parse::{self, Condition, Item, Joined, Name, Select, Side};

/// Reads a query on a table.
///
/// # Errors
/// What is no SELECT, names what is not there, or asks for what is not offered.
pub(super) fn parse(table: &'static TableDef, text: &str, tables: Tables) -> Result<Query, Fault> {
    let select = sql_parse::parse(text)?;
    if !select.table.eq_ignore_ascii_case(table.name) {
        return Err(fault(format!(
            "the query is about `{}`, but was sent to the entity set of `{}`",
            select.table, table.name
        )));
    }
    let mut reader = Reader { own: &select.alias, known: vec![(select.alias.clone(), table)] };
    let mut query = Query::new(table);
    for joined in &select.joins {
        let (parent, join) = reader.join(joined, tables)?;
        let home = match parent {
            None => Some(&mut query.joins),
            Some(parent) => below(&mut query.joins, &parent),
        };
        home.ok_or_else(|| fault("a join names a table that is not joined yet"))?.push(join);
    }
    query.filter = select.condition.as_ref().map(|one| reader.condition(one, false)).transpose()?;
    query.top = select.top;
    query.skip = select.skip;
    let values = select.items.iter().any(|item| matches!(item, Item::Value { .. }));
    if select.distinct || values || !select.groups.is_empty() {
        query.aggregation = Some(reader.aggregation(&select)?);
    } else {
        reader.columns(&select, &mut query)?;
    }
    Ok(query)
}

/// The joins below the one with this alias.
fn below<'j>(joins: &'j mut [Join], alias: &str) -> Option<&'j mut Vec<Join>> {
    joins.iter_mut().find_map(|join| {
        if join.alias == alias { Some(&mut join.joins) } else { below(&mut join.joins, alias) }
    })
}

struct Reader<'s> {
    /// The alias of the table that is asked about.
    own: &'s str,
    /// Aliases and their tables, in the order they were written.
    known: Vec<(String, &'static TableDef)>,
}

/// A column, and the join it is of; none is the table itself.
type Found = (Option<String>, &'static ColumnDef);

impl Reader<'_> {
    /// The column a name means: of the table before it, or of the first that has one.
    fn find(&self, name: &Name) -> Result<Found, Fault> {
        let found = match &name.of {
            Some(of) => {
                let (alias, table) = self
                    .known
                    .iter()
                    .find(|(alias, table)| alias == of || table.name == of.as_str())
                    .ok_or_else(|| fault(format!("`{of}` is no table of the query")))?;
                let column = table.column(&name.column);
                (alias, column.ok_or_else(|| Fault::no_attribute(table.name, &name.column))?)
            }
            None => {
                let mut with = self.known.iter().filter_map(|(alias, table)| {
                    table.column(&name.column).map(|column| (alias, column))
                });
                let first = with
                    .next()
                    .ok_or_else(|| Fault::no_attribute(self.known[0].1.name, &name.column))?;
                if with.next().is_some() {
                    return Err(fault(format!(
                        "`{}` is ambiguous; write the table before it",
                        name.column
                    )));
                }
                first
            }
        };
        let of = (found.0 != self.own).then(|| found.0.clone());
        Ok((of, found.1))
    }

    /// A join, and the alias of the join it hangs on.
    fn join(&mut self, joined: &Joined, tables: Tables) -> Result<(Option<String>, Join), Fault> {
        let table = tables.by_name(&joined.table).ok_or_else(|| Fault::no_entity(&joined.table))?;
        if self.known.iter().any(|(alias, _)| *alias == joined.alias) {
            return Err(fault(format!("the alias `{}` is used twice", joined.alias)));
        }
        self.known.push((joined.alias.clone(), table));
        let parts = match &joined.on {
            Condition::All(parts) => parts.iter().collect(),
            one => vec![one],
        };
        let (mut link, mut filter) = (None, None);
        for part in parts {
            if let (
                None,
                Condition::Compare { left, by: Compare::Eq, right: Side::Column(right) },
            ) = (&link, part)
            {
                link = Some((self.find(left)?, self.find(right)?));
                continue;
            }
            let (of, expr) = self.leaf(part, false)?;
            if of.as_deref() != Some(joined.alias.as_str()) {
                return Err(fault("ON joins by one `=`, and narrows the joined table only"));
            }
            filter = Some(Expr::and(filter.take(), expr));
        }
        let here = Some(joined.alias.clone());
        let ((parent, to), column) = match link {
            Some((left, right)) if left.0 == here && right.0 != here => (right, left.1),
            Some((left, right)) if right.0 == here && left.0 != here => (left, right.1),
            _ => return Err(fault("ON compares a column of the joined table with one before it")),
        };
        let join = Join {
            alias: joined.alias.clone(),
            table,
            column: column.name.to_owned(),
            to: to.name.to_owned(),
            outer: joined.outer,
            filter,
            joins: Vec::new(),
        };
        Ok((parent, join))
    }

    fn condition(&self, condition: &Condition, not: bool) -> Result<Expr, Fault> {
        let all = |parts: &[Condition]| {
            parts.iter().map(|part| self.condition(part, not)).collect::<Result<Vec<_>, _>>()
        };
        match (condition, not) {
            (Condition::Not(inner), _) => self.condition(inner, !not),
            (Condition::All(parts), false) | (Condition::Any(parts), true) => {
                Ok(Expr::And(all(parts)?))
            }
            (Condition::All(parts), true) | (Condition::Any(parts), false) => {
                Ok(Expr::Or(all(parts)?))
            }
            (leaf, _) => {
                let (of, expr) = self.leaf(leaf, not)?;
                Ok(match of {
                    None => expr,
                    Some(alias) => Expr::At { alias, expr: Box::new(expr) },
                })
            }
        }
    }

    /// One comparison, as a condition on the table that its column is of.
    fn leaf(&self, leaf: &Condition, not: bool) -> Result<(Option<String>, Expr), Fault> {
        match leaf {
            Condition::Null(name) => {
                let (of, column) = self.find(name)?;
                Ok((of, null(column, !not)))
            }
            Condition::Like { name, pattern } => {
                let (of, column) = self.find(name)?;
                let pattern = pattern.clone();
                let like = Expr::Match { path: path(column), by: Match::Whole, pattern };
                Ok((of, if not { valued(column, Expr::Not(Box::new(like))) } else { like }))
            }
            Condition::In { name, values } => {
                let (of, column) = self.find(name)?;
                let values = values.iter().map(|value| literal(column, value));
                let values = values.collect::<Result<Vec<_>, _>>()?;
                let among = Expr::In { path: path(column), values };
                Ok((of, if not { valued(column, Expr::Not(Box::new(among))) } else { among }))
            }
            Condition::Between { name, low, high } => {
                let (of, column) = self.find(name)?;
                let side = |by, side| Ok::<_, Fault>(compare(column, by, literal(column, side)?));
                Ok((
                    of,
                    if not {
                        let outside = [side(Compare::Lt, low)?, side(Compare::Gt, high)?];
                        valued(column, Expr::Or(outside.into()))
                    } else {
                        Expr::And(vec![side(Compare::Ge, low)?, side(Compare::Le, high)?])
                    },
                ))
            }
            Condition::Compare { left, by, right } => {
                let by = if not { by.negated() } else { *by };
                let (of, column) = self.find(left)?;
                let Side::Column(other) = right else {
                    return Ok((of, valued(column, compare(column, by, literal(column, right)?))));
                };
                let (other_of, other) = self.find(other)?;
                let right = match &other_of {
                    _ if other_of == of => Operand::Path(path(other)),
                    Some(alias) => {
                        Operand::Of { alias: alias.clone(), column: other.name.to_owned() }
                    }
                    None => return Err(fault("write the column of the first table first")),
                };
                let expr = Expr::Compare { left: Operand::Path(path(column)), by, right };
                Ok((of, valued(column, expr)))
            }
            Condition::All(_) | Condition::Any(_) | Condition::Not(_) => {
                Err(fault("a condition nests where one comparison is expected"))
            }
        }
    }

    /// What is answered of rows. The table's own columns come under the names rows have.
    fn columns(&self, select: &Select, query: &mut Query) -> Result<(), Fault> {
        let mut own = Vec::new();
        let mut everything = false;
        for item in &select.items {
            match item {
                Item::All => everything = true,
                Item::Column { name, alias } => {
                    let (of, column) = self.find(name)?;
                    match (&of, alias) {
                        (None, None) => own.push(column.name.to_owned()),
                        _ => query.picks.push(Pick {
                            of,
                            column: column.name.to_owned(),
                            name: alias.clone().unwrap_or_else(|| column.name.to_owned()),
                        }),
                    }
                }
                Item::Value { .. } => {}
            }
        }
        query.select = (!everything).then_some(own);
        for (name, descending) in &select.order {
            let aliased = query
                .picks
                .iter()
                .find(|pick| name.of.is_none() && pick.name.eq_ignore_ascii_case(&name.column));
            let (of, column) = match aliased {
                Some(pick) => (pick.of.clone(), pick.column.clone()),
                None => self.find(name).map(|(of, column)| (of, column.name.to_owned()))?,
            };
            query.order.push(Order { of, path: vec![column], descending: *descending });
        }
        Ok(())
    }

    /// What is answered of groups; DISTINCT groups by everything that is answered.
    fn aggregation(&self, select: &Select) -> Result<Aggregation, Fault> {
        let mut wanted = Aggregation::default();
        let grouped =
            select.groups.iter().map(|name| self.find(name)).collect::<Result<Vec<_>, _>>()?;
        for item in &select.items {
            match item {
                Item::All => return Err(fault("`*` does not go together with groups")),
                Item::Column { name, alias } => {
                    let (of, column) = self.find(name)?;
                    let is_grouped =
                        grouped.iter().any(|(known, by)| *known == of && by.name == column.name);
                    let by_distinct = select.distinct && grouped.is_empty();
                    if !is_grouped && !by_distinct {
                        return Err(fault(format!(
                            "`{}` is neither grouped by nor in an aggregate",
                            column.name
                        )));
                    }
                    let own = if of.is_none() {
                        names::property(column).into_owned()
                    } else {
                        column.name.to_owned()
                    };
                    let name = alias.clone().unwrap_or(own);
                    wanted.groups.push(Group { of, path: path(column), part: None, name });
                }
                Item::Value { how, name, alias } => {
                    let (of, path) = match name {
                        None => (None, Vec::new()),
                        Some(name) => {
                            let (of, column) = self.find(name)?;
                            (of, path(column))
                        }
                    };
                    let name =
                        alias.clone().unwrap_or_else(|| format!("expr{}", wanted.values.len() + 1));
                    wanted.values.push(Value { of, path, how: *how, name });
                }
            }
        }
        // A group that is not answered still tells groups apart.
        for (of, column) in grouped {
            if !wanted.groups.iter().any(|group| group.of == of && group.path == path(column)) {
                return Err(fault(format!("`{}` is grouped by and not answered", column.name)));
            }
        }
        for (name, descending) in &select.order {
            wanted.order.push((self.answered(&wanted, name)?, *descending));
        }
        Ok(wanted)
    }

    /// The name under which a sort key is answered.
    fn answered(&self, wanted: &Aggregation, name: &Name) -> Result<String, Fault> {
        let mut answers = wanted
            .groups
            .iter()
            .map(|group| &group.name)
            .chain(wanted.values.iter().map(|value| &value.name));
        if name.of.is_none()
            && let Some(alias) = answers.find(|alias| alias.eq_ignore_ascii_case(&name.column))
        {
            return Ok(alias.clone());
        }
        let (of, column) = self.find(name)?;
        let group = wanted.groups.iter().find(|group| group.of == of && group.path == path(column));
        group.map(|group| group.name.clone()).ok_or_else(|| {
            fault(format!("groups are not ordered by `{}`, which is not answered", column.name))
        })
    }
}

fn path(column: &ColumnDef) -> Vec<String> {
    vec![column.name.to_owned()]
}

fn compare(column: &ColumnDef, by: Compare, value: Literal) -> Expr {
    let left = Operand::Path(path(column));
    Expr::Compare { left, by, right: Operand::Literal(value) }
}

fn null(column: &ColumnDef, is: bool) -> Expr {
    compare(column, if is { Compare::Eq } else { Compare::Ne }, Literal::Null)
}

/// A condition that a row without a value does not fulfil.
fn valued(column: &ColumnDef, expr: Expr) -> Expr {
    Expr::And(vec![null(column, false), expr])
}

fn literal(column: &ColumnDef, side: &Side) -> Result<Literal, Fault> {
    match side {
        Side::Text(text) if column.kind == Kind::Time => moment(text)
            .map(Literal::Time)
            .ok_or_else(|| fault(format!("`{text}` is not a date and time"))),
        Side::Text(text) => Ok(Literal::Text(text.clone())),
        Side::Number(text) => bare(text).ok_or_else(|| fault(format!("`{text}` is no number"))),
        Side::Column(name) => {
            Err(fault(format!("`{}` stands where a value is expected", name.column)))
        }
    }
}
