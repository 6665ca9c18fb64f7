//! FetchXML to a store query: another language for what `$filter`, `$expand` and `$apply` say.
use connref_solution::document::xml::{Node, XmlDocument};
use connref_store::query::{
    Aggregation, Cell, Cursor, DatePart, Expr, Group, How, Join, Order, PAGE_MAX, Pick, Query,
    TableDef, Value,
};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::fault::Fault;
use super::fetch_condition;
use super::filter_function::Surroundings;
use super::names;
use super::token;

/// A query in FetchXML, understood.
#[derive(Debug)]
pub(super) struct Fetch {
    /// The query.
    pub query: Query,
    /// Number of the page, from 1.
    pub page: usize,
}

/// Reads a query on a table.
///
/// # Errors
/// What is no FetchXML, names what is not there, or asks for what is not offered.
pub(super) fn parse(
    table: &'static TableDef,
    text: &str,
    around: &Surroundings<'_>,
) -> Result<Fetch, Fault> {
    let document = XmlDocument::parse(text.as_bytes())
        .map_err(|error| Fault::fetch(format!("Invalid FetchXML: {error}")))?;
    let root = document.root();
    if root.name() != "fetch" {
        return Err(Fault::fetch(format!("FetchXML begins with <fetch>, not <{}>.", root.name())));
    }
    let entity = only_child(root, "entity")?;
    let name = required(entity, "name")?;
    if !name.eq_ignore_ascii_case(table.name) {
        return Err(Fault::fetch(format!(
            "The query is about `{name}`, but was sent to the entity set of `{}`.",
            table.name
        )));
    }
    let mut reader = Reader {
        around,
        aggregate: flag(root, "aggregate")?,
        query: Query::new(table),
        wanted: Aggregation::default(),
        columns: Columns::default(),
        links: Vec::new(),
        filters: Vec::new(),
    };
    reader.entity(table, entity)?;
    reader.finish(root)
}

/// What a table answers.
#[derive(Default)]
struct Columns {
    named: Vec<String>,
    picks: Vec<Pick>,
    all: bool,
    none: bool,
}

struct Reader<'r> {
    around: &'r Surroundings<'r>,
    aggregate: bool,
    query: Query,
    wanted: Aggregation,
    columns: Columns,
    /// Logical names of joined tables so far, for aliases that are not given.
    links: Vec<String>,
    filters: Vec<Expr>,
}

impl Reader<'_> {
    fn entity(&mut self, table: &'static TableDef, entity: Node<'_>) -> Result<(), Fault> {
        for child in entity.children() {
            match child.name() {
                "attribute" => self.attribute(table, None, child)?,
                "all-attributes" => self.columns.all = true,
                "no-attrs" => self.columns.none = true,
                "order" => self.order(table, None, child)?,
                "filter" => {
                    self.filters.push(fetch_condition::filter(table, child, self.around, true)?);
                }
                "link-entity" => {
                    if let Some(join) = self.link(table, None, child)? {
                        self.query.joins.push(join);
                    }
                }
                name => return Err(unknown(name, "entity")),
            }
        }
        Ok(())
    }

    /// A joined table; none where it only narrows the rows, which a condition does.
    fn link(
        &mut self,
        parent: &'static TableDef,
        parent_alias: Option<&str>,
        node: Node<'_>,
    ) -> Result<Option<Join>, Fault> {
        let kind = node.attribute("link-type").unwrap_or("inner".into());
        let (table, column, to) = linked(parent, node, self.around)?;
        if matches!(&*kind, "exists" | "in") {
            let exists = fetch_condition::related(parent, node, self.around)?;
            self.filters.push(match parent_alias {
                None => exists,
                Some(alias) => Expr::At { alias: alias.to_owned(), expr: Box::new(exists) },
            });
            return Ok(None);
        }
        let outer = match &*kind {
            "inner" => false,
            "outer" => true,
            other => {
                return Err(Fault::unsupported(format!(
                    "a link-entity of the type `{other}` is not supported here"
                )));
            }
        };
        let alias = self.alias(table, node);
        let mut join = Join {
            alias: alias.clone(),
            table,
            column,
            to,
            outer,
            filter: None,
            joins: Vec::new(),
        };
        for child in node.children() {
            match child.name() {
                "attribute" => self.attribute(table, Some(&alias), child)?,
                "all-attributes" => self.all_of(table, &alias),
                "no-attrs" => {}
                "order" => self.order(table, Some(&alias), child)?,
                "filter" => {
                    let filter = fetch_condition::filter(table, child, self.around, false)?;
                    join.filter = Some(Expr::and(join.filter.take(), filter));
                }
                "link-entity" => {
                    if let Some(inner) = self.link(table, Some(&alias), child)? {
                        join.joins.push(inner);
                    }
                }
                name => return Err(unknown(name, "link-entity")),
            }
        }
        Ok(Some(join))
    }

    fn alias(&mut self, table: &TableDef, node: Node<'_>) -> String {
        let before = self.links.iter().filter(|name| *name == table.name).count();
        self.links.push(table.name.to_owned());
        match node.attribute("alias") {
            Some(alias) if !alias.is_empty() => alias.into_owned(),
            _ => format!("{}{}", table.name, before + 1),
        }
    }

    fn all_of(&mut self, table: &'static TableDef, alias: &str) {
        let picks = table.columns.iter().map(|column| Pick {
            of: Some(alias.to_owned()),
            column: column.name.to_owned(),
            name: format!("{alias}.{}", column.name),
        });
        self.columns.picks.extend(picks);
    }

    fn attribute(
        &mut self,
        table: &'static TableDef,
        of: Option<&str>,
        node: Node<'_>,
    ) -> Result<(), Fault> {
        let name = required(node, "name")?;
        let column = table.column(&name).ok_or_else(|| Fault::no_attribute(table.name, &name))?;
        let alias = node.attribute("alias").filter(|alias| !alias.is_empty());
        if node.attribute("rowaggregate").is_some() {
            return Err(Fault::unsupported("`rowaggregate` is not supported in FetchXML"));
        }
        if self.aggregate {
            let alias = alias.ok_or_else(|| {
                Fault::fetch(format!("The aggregated attribute `{name}` needs an alias."))
            })?;
            return self.aggregated(column.name, of, &alias, node);
        }
        for only in ["aggregate", "groupby", "dategrouping"] {
            if node.attribute(only).is_some() {
                return Err(Fault::fetch(format!(
                    "`{only}` needs the attribute aggregate='true' at <fetch>."
                )));
            }
        }
        let name = match (of, alias) {
            (_, Some(alias)) => alias.into_owned(),
            (Some(of), None) => format!("{of}.{}", column.name),
            (None, None) => {
                self.columns.named.push(column.name.to_owned());
                return Ok(());
            }
        };
        let of = of.map(str::to_owned);
        self.columns.picks.push(Pick { of, column: column.name.to_owned(), name });
        Ok(())
    }

    fn aggregated(
        &mut self,
        column: &str,
        of: Option<&str>,
        alias: &str,
        node: Node<'_>,
    ) -> Result<(), Fault> {
        let (of, path) = (of.map(str::to_owned), vec![column.to_owned()]);
        let name = alias.to_owned();
        if flag(node, "groupby")? {
            let part = node.attribute("dategrouping").map(|part| date_part(&part)).transpose()?;
            self.wanted.groups.push(Group { of, path, part, name });
            return Ok(());
        }
        let how = match node.attribute("aggregate").as_deref() {
            Some("count") => How::Rows,
            Some("countcolumn") if flag(node, "distinct")? => How::CountDistinct,
            Some("countcolumn") => How::Count,
            Some("sum") => How::Sum,
            Some("avg") => How::Average,
            Some("min") => How::Min,
            Some("max") => How::Max,
            Some(other) => {
                return Err(Fault::fetch(format!("`{other}` is no aggregate of FetchXML.")));
            }
            None => {
                return Err(Fault::fetch(format!(
                    "`{column}` is neither aggregated nor grouped by."
                )));
            }
        };
        self.wanted.values.push(Value { of, path, how, name });
        Ok(())
    }

    fn order(
        &mut self,
        table: &'static TableDef,
        of: Option<&str>,
        node: Node<'_>,
    ) -> Result<(), Fault> {
        let descending = flag(node, "descending")?;
        if let Some(alias) = node.attribute("alias") {
            self.wanted.order.push((alias.into_owned(), descending));
            return Ok(());
        }
        let name = required(node, "attribute")?;
        let of = match node.attribute("entityname") {
            Some(entity) => Some(entity.into_owned()),
            None => of.map(str::to_owned),
        };
        if of.is_none() && table.column(&name).is_none() {
            return Err(Fault::no_attribute(table.name, &name));
        }
        self.query.order.push(Order { of, path: vec![name.to_ascii_lowercase()], descending });
        Ok(())
    }

    fn finish(mut self, root: Node<'_>) -> Result<Fetch, Fault> {
        known_attributes(root)?;
        self.query.filter = (!self.filters.is_empty()).then_some(Expr::And(self.filters));
        self.query.count = flag(root, "returntotalrecordcount")?;
        let columns = self.columns;
        if self.aggregate {
            if !self.query.order.is_empty() {
                return Err(Fault::fetch("Aggregated rows are ordered by alias."));
            }
            check_order(&self.wanted)?;
            self.query.aggregation = Some(self.wanted);
        } else if !self.wanted.order.is_empty() {
            return Err(Fault::fetch("Rows that are not aggregated are ordered by attribute."));
        } else if flag(root, "distinct")? {
            self.query.aggregation = Some(distinct(&self.query, columns)?);
            self.query.order.clear();
        } else {
            let everything = columns.all
                || (columns.named.is_empty() && columns.picks.is_empty() && !columns.none);
            self.query.select = (!everything).then_some(columns.named);
            self.query.picks = columns.picks;
        }
        let page = paging(root, &mut self.query)?;
        Ok(Fetch { query: self.query, page })
    }
}

/// Rows that differ are groups by everything that is answered.
fn distinct(query: &Query, columns: Columns) -> Result<Aggregation, Fault> {
    let table = query.table;
    let named = if columns.all || (columns.named.is_empty() && columns.picks.is_empty()) {
        table.columns.iter().map(|column| column.name.to_owned()).collect()
    } else {
        columns.named
    };
    let own = named.into_iter().map(|name| {
        let shown = table.column(&name).map(|column| names::property(column).into_owned());
        let shown = shown.unwrap_or_else(|| name.clone());
        Group { of: None, path: vec![name], part: None, name: shown }
    });
    let picked = columns.picks.into_iter().map(|pick| Group {
        of: pick.of,
        path: vec![pick.column],
        part: None,
        name: pick.name,
    });
    let mut wanted = Aggregation { groups: own.chain(picked).collect(), ..Aggregation::default() };
    for order in &query.order {
        let group = wanted
            .groups
            .iter()
            .find(|group| group.of == order.of && group.path == order.path)
            .ok_or_else(|| Fault::fetch("Distinct rows are ordered by what they answer."))?;
        wanted.order.push((group.name.clone(), order.descending));
    }
    Ok(wanted)
}

fn check_order(wanted: &Aggregation) -> Result<(), Fault> {
    let known = |name: &str| {
        wanted.groups.iter().any(|group| group.name == name)
            || wanted.values.iter().any(|value| value.name == name)
    };
    match wanted.order.iter().find(|(name, _)| !known(name)) {
        None => Ok(()),
        Some((name, _)) => {
            Err(Fault::fetch(format!("No aggregated attribute has the alias `{name}`.")))
        }
    }
}

/// The table a link leads to, its column, and the column of the table it is linked to.
pub(super) fn linked(
    parent: &'static TableDef,
    node: Node<'_>,
    around: &Surroundings<'_>,
) -> Result<(&'static TableDef, String, String), Fault> {
    let name = required(node, "name")?;
    let table = around.tables.by_name(&name).ok_or_else(|| Fault::no_entity(&name))?;
    let (from, to) = (required(node, "from")?, required(node, "to")?);
    let from = table.column(&from).ok_or_else(|| Fault::no_attribute(table.name, &from))?;
    let to = parent.column(&to).ok_or_else(|| Fault::no_attribute(parent.name, &to))?;
    Ok((table, from.name.to_owned(), to.name.to_owned()))
}

fn paging(root: Node<'_>, query: &mut Query) -> Result<usize, Fault> {
    let top = number(root, "top")?;
    let count = number(root, "count")?;
    let page = number(root, "page")?.unwrap_or(1);
    if page == 0 {
        return Err(Fault::fetch("Pages are numbered from 1."));
    }
    if top.is_some() && (count.is_some() || page > 1) {
        return Err(Fault::fetch("`top` does not go together with `count` and `page`."));
    }
    query.top = top;
    query.page = count.filter(|count| *count > 0);
    let cookie = root.attribute("paging-cookie").filter(|cookie| !cookie.trim().is_empty());
    match cookie {
        Some(cookie) if page > 1 => place(query, cookie_read(&cookie)?)?,
        _ => query.skip = (page - 1).saturating_mul(query.page.unwrap_or(PAGE_MAX).min(PAGE_MAX)),
    }
    Ok(page)
}

/// Where a page begins: after a row, or for groups after so many.
pub(super) fn place(query: &mut Query, cursor: Cursor) -> Result<(), Fault> {
    if query.aggregation.is_none() {
        query.after = Some(cursor);
        return Ok(());
    }
    match cursor.0.as_slice() {
        [Cell::Int(skip)] => {
            query.skip = usize::try_from(*skip).map_err(|_| malformed())?;
            Ok(())
        }
        _ => Err(malformed()),
    }
}

fn malformed() -> Fault {
    Fault::fetch("Malformed paging cookie.")
}

/// The cookie that leads to the page after this one, as clients expect it wrapped.
pub(super) fn cookie_write(page: usize, cursor: &Cursor) -> String {
    let inner =
        format!("<cookie page=\"{page}\"><connref last=\"{}\" /></cookie>", token::write(cursor));
    let once = utf8_percent_encode(&inner, NON_ALPHANUMERIC).to_string();
    let twice = utf8_percent_encode(&once, NON_ALPHANUMERIC);
    format!("<cookie pagenumber=\"{}\" pagingcookie=\"{twice}\" istracking=\"False\" />", page + 1)
}

/// Clients hand a cookie back decoded, or still encoded once or twice.
fn cookie_read(text: &str) -> Result<Cursor, Fault> {
    let mut text = text.trim().to_owned();
    for _ in 0..2 {
        if !text.starts_with('<') {
            text = percent_decode_str(&text).decode_utf8().map_err(|_| malformed())?.into_owned();
        }
    }
    let document = XmlDocument::parse(text.as_bytes()).map_err(|_| malformed())?;
    let last = document.root().children().find_map(|child| child.attribute("last"));
    token::read(&last.ok_or_else(malformed)?).map_err(|_| malformed())
}

fn known_attributes(root: Node<'_>) -> Result<(), Fault> {
    const KNOWN: [&str; 17] = [
        "aggregate",
        "aggregatelimit",
        "count",
        "datasource",
        "distinct",
        "latematerialize",
        "mapping",
        "min-active-row-version",
        "no-lock",
        "options",
        "output-format",
        "page",
        "paging-cookie",
        "returntotalrecordcount",
        "top",
        "useraworderby",
        "utc-offset",
    ];
    match root.attributes().find(|(name, _)| !KNOWN.contains(name) && *name != "version") {
        None => Ok(()),
        Some((name, _)) => Err(Fault::fetch(format!("<fetch> has no attribute `{name}`."))),
    }
}

fn date_part(text: &str) -> Result<DatePart, Fault> {
    Ok(match text {
        "day" => DatePart::Day,
        "week" => DatePart::Week,
        "month" => DatePart::Month,
        "quarter" => DatePart::Quarter,
        "year" => DatePart::Year,
        "fiscal-period" => DatePart::FiscalPeriod,
        "fiscal-year" => DatePart::FiscalYear,
        other => return Err(Fault::fetch(format!("`{other}` is no grouping of dates."))),
    })
}

pub(super) fn required(node: Node<'_>, name: &str) -> Result<String, Fault> {
    node.attribute(name)
        .filter(|value| !value.is_empty())
        .map(std::borrow::Cow::into_owned)
        .ok_or_else(|| Fault::fetch(format!("<{}> has no attribute `{name}`.", node.name())))
}

fn flag(node: Node<'_>, name: &str) -> Result<bool, Fault> {
    match node.attribute(name).as_deref() {
        None | Some("" | "false" | "0") => Ok(false),
        Some("true" | "1") => Ok(true),
        Some(other) => Err(Fault::fetch(format!("`{name}` is true or false, not `{other}`."))),
    }
}

fn number(node: Node<'_>, name: &str) -> Result<Option<usize>, Fault> {
    node.attribute(name)
        .filter(|text| !text.is_empty())
        .map(|text| {
            text.parse()
                .map_err(|_| Fault::fetch(format!("`{name}` is a whole number, not `{text}`.")))
        })
        .transpose()
}

fn only_child<'n>(node: Node<'n>, name: &str) -> Result<Node<'n>, Fault> {
    let mut children = node.children();
    match (children.next(), children.next()) {
        (Some(child), None) if child.name() == name => Ok(child),
        _ => Err(Fault::fetch(format!("<{}> holds one <{name}>.", node.name()))),
    }
}

pub(super) fn unknown(name: &str, place: &str) -> Fault {
    Fault::fetch(format!("<{place}> does not hold <{name}>."))
}
