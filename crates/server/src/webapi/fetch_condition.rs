//! Filters of FetchXML: `<filter>`, `<condition>`, and links inside of filters.
use connref_solution::document::xml::Node;
use connref_store::query::{
    ColumnDef, Compare, Expr, FILTER_DEPTH_MAX, Line, Literal, Match, Operand, TableDef, Tables,
};

use super::fault::Fault;
use super::fetch::{linked, required, unknown};
use super::filter::moment;
use super::filter_function::{
    Surroundings, held, hierarchy, in_quarter, line_of, principals, start, typed, within,
};
use super::span::{Given, Span, span};

/// Reads a `<filter>` on a table. `outermost` says that it may speak of joined tables.
///
/// # Errors
/// Names that are not there, values that do not fit, operators that are not offered.
pub(super) fn filter(
    table: &'static TableDef,
    node: Node<'_>,
    around: &Surroundings<'_>,
    outermost: bool,
) -> Result<Expr, Fault> {
    Conditions { around, outermost }.filter(table, node, 0)
}

/// The condition that a link of a kind which only narrows rows stands for.
pub(super) fn related(
    parent: &'static TableDef,
    node: Node<'_>,
    around: &Surroundings<'_>,
) -> Result<Expr, Fault> {
    Conditions { around, outermost: false }.related(parent, node, 0)
}

struct Conditions<'c> {
    around: &'c Surroundings<'c>,
    outermost: bool,
}

fn not(expr: Expr) -> Expr {
    Expr::Not(Box::new(expr))
}

impl Conditions<'_> {
    fn filter(
        &self,
        table: &'static TableDef,
        node: Node<'_>,
        depth: usize,
    ) -> Result<Expr, Fault> {
        if depth > FILTER_DEPTH_MAX / 2 {
            return Err(Fault::fetch(format!(
                "Filters nest at most {} deep.",
                FILTER_DEPTH_MAX / 2
            )));
        }
        let mut parts = Vec::new();
        for child in node.children() {
            parts.push(match child.name() {
                "condition" => self.condition(table, child)?,
                "filter" => self.filter(table, child, depth + 1)?,
                "link-entity" => self.related(table, child, depth + 1)?,
                name => return Err(unknown(name, "filter")),
            });
        }
        if parts.is_empty() {
            // A filter without conditions filters nothing, whatever its type.
            return Ok(Expr::And(parts));
        }
        match node.attribute("type").as_deref() {
            None | Some("and" | "") => Ok(Expr::And(parts)),
            Some("or") => Ok(Expr::Or(parts)),
            Some(other) => {
                Err(Fault::fetch(format!("A filter is of the type and or or, not `{other}`.")))
            }
        }
    }

    /// `any`, `not any`, `all`, `not all`, and outside of filters `exists` and `in`. In the vendor's
    /// words `all` means that there are related rows and none of them fits.
    fn related(
        &self,
        parent: &'static TableDef,
        node: Node<'_>,
        depth: usize,
    ) -> Result<Expr, Fault> {
        if depth > FILTER_DEPTH_MAX / 2 {
            return Err(Fault::fetch("Links nest too deep."));
        }
        let (table, column, to) = linked(parent, node, self.around)?;
        let inside = Conditions { around: self.around, outermost: false };
        let mut parts = Vec::new();
        for child in node.children() {
            parts.push(match child.name() {
                "filter" => inside.filter(table, child, depth + 1)?,
                "link-entity" => inside.related(table, child, depth + 1)?,
                "attribute" | "no-attrs" => continue,
                name => return Err(unknown(name, "link-entity")),
            });
        }
        let exists = |filter: Option<Expr>| Expr::Exists {
            table,
            column: column.clone(),
            to: vec![to.clone()],
            filter: filter.map(Box::new),
        };
        let fits = (!parts.is_empty()).then_some(Expr::And(parts));
        let kind = node.attribute("link-type").unwrap_or_default();
        Ok(match &*kind {
            "any" | "not all" | "exists" | "in" => exists(fits),
            "not any" => not(exists(fits)),
            "all" => Expr::And(vec![exists(None), not(exists(fits))]),
            other => {
                return Err(Fault::fetch(format!(
                    "A link-entity inside a filter is of the type any, not any, all or not all, not `{other}`."
                )));
            }
        })
    }

    fn condition(&self, table: &'static TableDef, node: Node<'_>) -> Result<Expr, Fault> {
        let of = node.attribute("entityname").filter(|name| !name.is_empty());
        let Some(alias) = of else { return self.on(table, node) };
        if !self.outermost {
            return Err(Fault::fetch("`entityname` stands in the filter of the entity only."));
        }
        // The join may come later in the text: its table is found by its alias there.
        let table = joined(self.around.tables, node, &alias)
            .ok_or_else(|| Fault::fetch(format!("No link-entity has the alias `{alias}`.")))?;
        Ok(Expr::At { alias: alias.into_owned(), expr: Box::new(self.on(table, node)?) })
    }

    fn on(&self, table: &'static TableDef, node: Node<'_>) -> Result<Expr, Fault> {
        let name = required(node, "attribute")?;
        let column = table.column(&name).ok_or_else(|| Fault::no_attribute(table.name, &name))?;
        let operator = required(node, "operator")?;
        let mut values: Vec<String> =
            node.attribute("value").map(std::borrow::Cow::into_owned).into_iter().collect();
        values.extend(
            node.children()
                .filter(|child| child.name() == "value")
                .map(|child| child.text().trim().to_owned()),
        );
        let one =
            Condition { column, path: vec![column.name.to_owned()], operator: &operator, values };
        match node.attribute("valueof") {
            Some(other) => one.with_column(table, &other, self.outermost),
            None => one.expr(self.around),
        }
    }
}

/// The table of the link with an alias, anywhere in the query that a condition stands in.
fn joined(tables: Tables, condition: Node<'_>, alias: &str) -> Option<&'static TableDef> {
    fn search(
        tables: Tables,
        node: Node<'_>,
        alias: &str,
        seen: &mut Vec<String>,
    ) -> Option<&'static TableDef> {
        for child in node.children().filter(|child| child.name() == "link-entity") {
            let name = child.attribute("name").unwrap_or_default().to_ascii_lowercase();
            let before = seen.iter().filter(|seen| **seen == name).count();
            let given = child.attribute("alias").filter(|alias| !alias.is_empty());
            let own = given.map_or_else(|| format!("{name}{}", before + 1), |a| a.into_owned());
            seen.push(name.clone());
            if own == alias {
                return tables.by_name(&name);
            }
            if let Some(found) = search(tables, child, alias, seen) {
                return Some(found);
            }
        }
        None
    }
    let mut node = condition;
    while node.name() != "entity" {
        node = node.parent()?;
    }
    search(tables, node, alias, &mut Vec::new())
}

struct Condition<'c> {
    column: &'static ColumnDef,
    path: Vec<String>,
    operator: &'c str,
    values: Vec<String>,
}

impl Condition<'_> {
    fn expr(&self, around: &Surroundings<'_>) -> Result<Expr, Fault> {
        let guid = |id: &str| self.compared(Compare::Eq, Literal::Guid(id.to_owned()));
        Ok(match self.operator {
            "eq" => self.compare(Compare::Eq)?,
            "ne" | "neq" => self.compare(Compare::Ne)?,
            "gt" => self.compare(Compare::Gt)?,
            "ge" => self.compare(Compare::Ge)?,
            "lt" => self.compare(Compare::Lt)?,
            "le" => self.compare(Compare::Le)?,
            "null" => self.compared(Compare::Eq, Literal::Null),
            "not-null" => self.compared(Compare::Ne, Literal::Null),
            "like" => self.matches(Match::Whole)?,
            "not-like" => not(self.matches(Match::Whole)?),
            "begins-with" => self.matches(Match::StartsWith)?,
            "not-begin-with" => not(self.matches(Match::StartsWith)?),
            "ends-with" => self.matches(Match::EndsWith)?,
            "not-end-with" => not(self.matches(Match::EndsWith)?),
            "in" => self.one_of()?,
            "not-in" => not(self.one_of()?),
            "between" => self.between()?,
            "not-between" => not(self.between()?),
            "eq-userid" => guid(around.user),
            "ne-userid" => not(guid(around.user)),
            "eq-businessid" => guid(around.unit),
            "ne-businessid" => not(guid(around.unit)),
            "eq-userteams" => principals(&self.path, around, false),
            "eq-useroruserteams" => principals(&self.path, around, true),
            "above" => self.line(Line::Above)?,
            "eq-or-above" => self.line(Line::AboveOrEqual)?,
            "under" => self.line(Line::Under)?,
            "eq-or-under" => self.line(Line::UnderOrEqual)?,
            "not-under" => not(self.line(Line::Under)?),
            "eq-useroruserhierarchy" => hierarchy(&self.path, around, false),
            "eq-useroruserhierarchyandteams" => hierarchy(&self.path, around, true),
            "contain-values" => self.holds()?,
            "not-contain-values" => not(self.holds()?),
            "in-fiscal-period" => in_quarter(&self.path, self.value()?).map_err(Fault::fetch)?,
            "on" => within(&self.path, self.day()?),
            "not-on" => not(within(&self.path, self.day()?)),
            "on-or-after" => within(&self.path, Span { end: None, ..self.day()? }),
            "on-or-before" => within(&self.path, Span { start: None, ..self.day()? }),
            name => self.span(name, around.now)?,
        })
    }

    fn line(&self, line: Line) -> Result<Expr, Fault> {
        line_of(&self.path, line, self.value()?).map_err(Fault::fetch)
    }

    fn holds(&self) -> Result<Expr, Fault> {
        held(&self.path, &self.values).map_err(Fault::fetch)
    }

    fn span(&self, name: &str, now: i64) -> Result<Expr, Fault> {
        let number = |at: usize| {
            self.values.get(at).map(|text| {
                text.trim()
                    .parse::<i64>()
                    .map_err(|_| Fault::fetch(format!("`{text}` is not a whole number.")))
            })
        };
        let unsupported = || match name {
            // Users have no language here.
            "eq-userlanguage" => {
                Fault::unsupported(format!("the operator `{name}` is not supported in FetchXML"))
            }
            _ => Fault::fetch(format!("`{name}` is no operator of FetchXML.")),
        };
        // FetchXML writes every name with dashes or as one word.
        if name.bytes().any(|b| b.is_ascii_uppercase())
            || span(name, Given::default(), now).is_none()
        {
            return Err(unsupported());
        }
        let given = Given { first: number(0).transpose()?, second: number(1).transpose()? };
        let span = span(name, given, now).ok_or_else(unsupported)?.ok_or_else(|| {
            Fault::fetch(format!("`{name}` needs a number that leads to a date of the calendar."))
        })?;
        Ok(within(&self.path, span))
    }

    fn value(&self) -> Result<&str, Fault> {
        match self.values.as_slice() {
            [only] => Ok(only),
            _ => Err(Fault::fetch(format!(
                "The operator `{}` on `{}` takes one value.",
                self.operator, self.column.name
            ))),
        }
    }

    fn compared(&self, by: Compare, value: Literal) -> Expr {
        Expr::Compare { left: Operand::Path(self.path.clone()), by, right: Operand::Literal(value) }
    }

    fn compare(&self, by: Compare) -> Result<Expr, Fault> {
        Ok(self.compared(by, typed(self.column, self.value()?)?))
    }

    fn matches(&self, by: Match) -> Result<Expr, Fault> {
        Ok(Expr::Match { path: self.path.clone(), by, pattern: self.value()?.to_owned() })
    }

    fn one_of(&self) -> Result<Expr, Fault> {
        let values =
            self.values.iter().map(|text| typed(self.column, text)).collect::<Result<_, _>>()?;
        Ok(Expr::In { path: self.path.clone(), values })
    }

    fn between(&self) -> Result<Expr, Fault> {
        let [low, high] = self.values.as_slice() else {
            return Err(Fault::fetch(format!("`{}` takes two values.", self.operator)));
        };
        Ok(Expr::And(vec![
            self.compared(Compare::Ge, typed(self.column, low)?),
            self.compared(Compare::Le, typed(self.column, high)?),
        ]))
    }

    fn day(&self) -> Result<Span, Fault> {
        let text = self.value()?;
        let at = moment(text).ok_or_else(|| Fault::fetch(format!("`{text}` is not a date.")))?;
        Ok(Span { start: Some(start(at, 0)?), end: Some(start(at, 1)?) })
    }

    /// A comparison with another column, of the same table or as `alias.column` of a joined one.
    fn with_column(
        &self,
        table: &'static TableDef,
        other: &str,
        outermost: bool,
    ) -> Result<Expr, Fault> {
        let by = match self.operator {
            "eq" => Compare::Eq,
            "ne" | "neq" => Compare::Ne,
            "gt" => Compare::Gt,
            "ge" => Compare::Ge,
            "lt" => Compare::Lt,
            "le" => Compare::Le,
            name => {
                return Err(Fault::fetch(format!("`{name}` does not compare with `valueof`.")));
            }
        };
        let right = match other.split_once('.') {
            Some(_) if !outermost => {
                return Err(Fault::fetch(
                    "`valueof` of another table stands in the filter of the entity only.",
                ));
            }
            Some((alias, column)) => {
                Operand::Of { alias: alias.to_owned(), column: column.to_ascii_lowercase() }
            }
            None => {
                let column =
                    table.column(other).ok_or_else(|| Fault::no_attribute(table.name, other))?;
                Operand::Path(vec![column.name.to_owned()])
            }
        };
        Ok(Expr::Compare { left: Operand::Path(self.path.clone()), by, right })
    }
}
