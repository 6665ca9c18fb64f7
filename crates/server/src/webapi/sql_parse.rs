//! SQL to a tree: one SELECT, in the part of the language that the vendor's service has. Total: any text
//! gives a tree or a fault.
use connref_store::query::{Compare, How};

use super::fault::Fault;
use super::sql_lex::{Token, fault, lex};

/// A column, and the table or alias before it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Name {
    pub of: Option<String>,
    pub column: String,
}

/// What is answered.
#[derive(Debug)]
pub(super) enum Item {
    All,
    Column {
        name: Name,
        alias: Option<String>,
    },
    /// An aggregate; none of a column counts rows.
    Value {
        how: How,
        name: Option<Name>,
        alias: Option<String>,
    },
}

/// A joined table.
#[derive(Debug)]
pub(super) struct Joined {
    pub table: String,
    pub alias: String,
    pub outer: bool,
    pub on: Condition,
}

/// A condition.
#[derive(Debug)]
pub(super) enum Condition {
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
    Compare { left: Name, by: Compare, right: Side },
    Like { name: Name, pattern: String },
    In { name: Name, values: Vec<Side> },
    Between { name: Name, low: Side, high: Side },
    Null(Name),
}

/// The right side of a comparison.
#[derive(Debug)]
pub(super) enum Side {
    Column(Name),
    Text(String),
    Number(String),
}

/// A query.
#[derive(Debug, Default)]
pub(super) struct Select {
    pub distinct: bool,
    pub top: Option<usize>,
    pub items: Vec<Item>,
    pub table: String,
    pub alias: String,
    pub joins: Vec<Joined>,
    pub condition: Option<Condition>,
    pub groups: Vec<Name>,
    pub order: Vec<(Name, bool)>,
    pub skip: usize,
}

/// Most rows of TOP, as the vendor's service has it.
const TOP_MAX: usize = 5000;
/// Deepest nesting of conditions.
const DEPTH_MAX: usize = 30;
/// Words that end a name without AS.
const RESERVED: [&str; 28] = [
    "select", "distinct", "top", "from", "where", "group", "order", "by", "having", "inner",
    "left", "right", "full", "cross", "outer", "join", "on", "and", "or", "not", "in", "is",
    "null", "like", "between", "union", "offset", "fetch",
];

/// Reads a query.
///
/// # Errors
/// What is no SELECT, or is not offered.
pub(super) fn parse(text: &str) -> Result<Select, Fault> {
    let tokens = lex(text)?;
    let mut parser = Parser { tokens: &tokens, at: 0 };
    let select = parser.select()?;
    parser.sign(";");
    match parser.tokens.get(parser.at) {
        None => Ok(select),
        Some(token) => Err(unexpected(token)),
    }
}

struct Parser<'t> {
    tokens: &'t [Token],
    at: usize,
}

impl Parser<'_> {
    fn word(&mut self, wanted: &str) -> bool {
        let there = self.is_word(0, wanted);
        self.at += usize::from(there);
        there
    }

    fn is_word(&self, ahead: usize, wanted: &str) -> bool {
        matches!(
            self.tokens.get(self.at + ahead),
            Some(Token::Name { text, quoted: false }) if text.eq_ignore_ascii_case(wanted)
        )
    }

    fn sign(&mut self, wanted: &str) -> bool {
        let there = matches!(self.tokens.get(self.at), Some(Token::Sign(sign)) if *sign == wanted);
        self.at += usize::from(there);
        there
    }

    fn must(&mut self, there: bool, wanted: &str) -> Result<(), Fault> {
        if there {
            return Ok(());
        }
        let found = self.tokens.get(self.at).map_or("the end".to_owned(), shown);
        Err(fault(format!("{wanted} is expected, not {found}")))
    }

    fn must_word(&mut self, wanted: &str) -> Result<(), Fault> {
        let there = self.word(wanted);
        self.must(there, &format!("`{}`", wanted.to_uppercase()))
    }

    fn must_sign(&mut self, wanted: &str) -> Result<(), Fault> {
        let there = self.sign(wanted);
        self.must(there, &format!("`{wanted}`"))
    }

    /// A name that is no keyword.
    fn name_word(&mut self) -> Option<String> {
        match self.tokens.get(self.at) {
            Some(Token::Name { text, quoted })
                if *quoted || !RESERVED.iter().any(|word| word.eq_ignore_ascii_case(text)) =>
            {
                self.at += 1;
                Some(text.to_ascii_lowercase())
            }
            _ => None,
        }
    }

    fn must_name(&mut self) -> Result<String, Fault> {
        let found = self.name_word();
        self.must(found.is_some(), "a name")?;
        Ok(found.unwrap_or_default())
    }

    fn name(&mut self) -> Result<Name, Fault> {
        let first = self.must_name()?;
        if !self.sign(".") {
            return Ok(Name { of: None, column: first });
        }
        Ok(Name { of: Some(first), column: self.must_name()? })
    }

    fn count(&mut self) -> Result<usize, Fault> {
        match self.tokens.get(self.at) {
            Some(Token::Number(text)) => {
                self.at += 1;
                text.parse().map_err(|_| fault(format!("`{text}` is no whole number")))
            }
            _ => {
                self.must(false, "a number")?;
                Ok(0)
            }
        }
    }

    fn select(&mut self) -> Result<Select, Fault> {
        self.must_word("select")?;
        let mut select = Select { distinct: self.word("distinct"), ..Select::default() };
        if self.word("top") {
            let bracketed = self.sign("(");
            let top = self.count()?;
            if bracketed {
                self.must_sign(")")?;
            }
            if top > TOP_MAX {
                return Err(fault(format!("TOP takes at most {TOP_MAX}")));
            }
            select.top = Some(top);
        }
        loop {
            let item = self.item()?;
            select.items.push(item);
            if !self.sign(",") {
                break;
            }
        }
        self.must_word("from")?;
        (select.table, select.alias) = self.table()?;
        while let Some(joined) = self.joined()? {
            select.joins.push(joined);
        }
        if self.sign(",") {
            return Err(fault("tables are joined with JOIN … ON"));
        }
        if self.word("where") {
            select.condition = Some(self.either(0)?);
        }
        if self.word("group") {
            self.must_word("by")?;
            loop {
                select.groups.push(self.name()?);
                if !self.sign(",") {
                    break;
                }
            }
        }
        for never in ["having", "union"] {
            if self.word(never) {
                return Err(fault(format!("{} is not supported", never.to_uppercase())));
            }
        }
        if self.word("order") {
            self.must_word("by")?;
            loop {
                let name = self.name()?;
                let descending = self.word("desc");
                if !descending {
                    self.word("asc");
                }
                select.order.push((name, descending));
                if !self.sign(",") {
                    break;
                }
            }
            self.page(&mut select)?;
        }
        Ok(select)
    }

    /// `OFFSET n ROWS [FETCH NEXT m ROWS ONLY]`
    fn page(&mut self, select: &mut Select) -> Result<(), Fault> {
        if !self.word("offset") {
            return Ok(());
        }
        if select.top.is_some() {
            return Err(fault("TOP does not go together with OFFSET"));
        }
        select.skip = self.count()?;
        self.rows()?;
        if self.word("fetch") {
            if !self.word("first") {
                self.must_word("next")?;
            }
            select.top = Some(self.count()?);
            self.rows()?;
            self.must_word("only")?;
        }
        Ok(())
    }

    fn rows(&mut self) -> Result<(), Fault> {
        if self.word("row") { Ok(()) } else { self.must_word("rows") }
    }

    fn table(&mut self) -> Result<(String, String), Fault> {
        let name = self.name()?;
        if name.of.as_deref().is_some_and(|schema| schema != "dbo") {
            return Err(fault("a table has its logical name"));
        }
        self.word("as");
        let alias = self.name_word().unwrap_or_else(|| name.column.clone());
        Ok((name.column, alias))
    }

    fn joined(&mut self) -> Result<Option<Joined>, Fault> {
        for kind in ["right", "full", "cross"] {
            if self.is_word(0, kind) {
                return Err(fault(format!(
                    "{} JOIN is not supported; INNER and LEFT are",
                    kind.to_uppercase()
                )));
            }
        }
        let outer = self.word("left");
        if outer {
            self.word("outer");
        }
        let inner = !outer && self.word("inner");
        if !self.word("join") {
            self.must(!outer && !inner, "`JOIN`")?;
            return Ok(None);
        }
        let (table, alias) = self.table()?;
        self.must_word("on")?;
        Ok(Some(Joined { table, alias, outer, on: self.either(0)? }))
    }

    fn item(&mut self) -> Result<Item, Fault> {
        if self.sign("*") {
            return Ok(Item::All);
        }
        let opens = matches!(self.tokens.get(self.at + 1), Some(Token::Sign("(")));
        if !opens {
            let name = self.name()?;
            return Ok(Item::Column { name, alias: self.alias()? });
        }
        let function = self.must_name()?;
        self.must_sign("(")?;
        let distinct = self.word("distinct");
        let name = if self.sign("*") { None } else { Some(self.name()?) };
        self.must_sign(")")?;
        let how = match (function.as_str(), distinct, &name) {
            ("count", false, None) => How::Rows,
            ("count", false, Some(_)) => How::Count,
            ("count", true, Some(_)) => How::CountDistinct,
            ("sum", false, Some(_)) => How::Sum,
            ("avg", false, Some(_)) => How::Average,
            ("min", _, Some(_)) => How::Min,
            ("max", _, Some(_)) => How::Max,
            _ => return Err(fault(format!("the function `{function}` is not supported this way"))),
        };
        Ok(Item::Value { how, name, alias: self.alias()? })
    }

    fn alias(&mut self) -> Result<Option<String>, Fault> {
        if self.word("as") {
            // An alias keeps its case: it names what is answered.
            return match self.tokens.get(self.at) {
                Some(Token::Name { text, .. } | Token::Text(text)) => {
                    self.at += 1;
                    Ok(Some(text.clone()))
                }
                _ => self.must_name().map(Some),
            };
        }
        let written = match self.tokens.get(self.at) {
            Some(Token::Name { text, .. }) => text.clone(),
            _ => return Ok(None),
        };
        Ok(self.name_word().map(|_| written))
    }

    fn either(&mut self, depth: usize) -> Result<Condition, Fault> {
        let mut parts = vec![self.both(depth)?];
        while self.word("or") {
            parts.push(self.both(depth)?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Condition::Any(parts) })
    }

    fn both(&mut self, depth: usize) -> Result<Condition, Fault> {
        let mut parts = vec![self.unary(depth)?];
        while self.word("and") {
            parts.push(self.unary(depth)?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Condition::All(parts) })
    }

    fn unary(&mut self, depth: usize) -> Result<Condition, Fault> {
        if depth > DEPTH_MAX {
            return Err(fault(format!("conditions nest at most {DEPTH_MAX} deep")));
        }
        if self.word("not") {
            return Ok(Condition::Not(Box::new(self.unary(depth + 1)?)));
        }
        if self.sign("(") {
            let inner = self.either(depth + 1)?;
            self.must_sign(")")?;
            return Ok(inner);
        }
        self.leaf()
    }

    fn leaf(&mut self) -> Result<Condition, Fault> {
        let name = self.name()?;
        if self.word("is") {
            let not = self.word("not");
            self.must_word("null")?;
            return Ok(negated(Condition::Null(name), not));
        }
        let not = self.word("not");
        if self.word("like") {
            return match self.side()? {
                Side::Text(pattern) => Ok(negated(Condition::Like { name, pattern }, not)),
                _ => Err(fault("LIKE takes a text")),
            };
        }
        if self.word("in") {
            self.must_sign("(")?;
            let mut values = Vec::new();
            loop {
                match self.side()? {
                    Side::Column(_) => return Err(fault("IN takes a list of values")),
                    value => values.push(value),
                }
                if !self.sign(",") {
                    break;
                }
            }
            self.must_sign(")")?;
            return Ok(negated(Condition::In { name, values }, not));
        }
        if self.word("between") {
            let low = self.side()?;
            self.must_word("and")?;
            let high = self.side()?;
            return Ok(negated(Condition::Between { name, low, high }, not));
        }
        self.must(!not, "`LIKE`, `IN` or `BETWEEN`")?;
        let by = match self.tokens.get(self.at) {
            Some(Token::Sign("=")) => Compare::Eq,
            Some(Token::Sign("<>" | "!=")) => Compare::Ne,
            Some(Token::Sign("<")) => Compare::Lt,
            Some(Token::Sign("<=")) => Compare::Le,
            Some(Token::Sign(">")) => Compare::Gt,
            Some(Token::Sign(">=")) => Compare::Ge,
            _ => {
                self.must(false, "a comparison")?;
                Compare::Eq
            }
        };
        self.at += 1;
        Ok(Condition::Compare { left: name, by, right: self.side()? })
    }

    fn side(&mut self) -> Result<Side, Fault> {
        let minus = self.sign("-");
        let side = match self.tokens.get(self.at) {
            Some(Token::Text(text)) if !minus => Side::Text(text.clone()),
            Some(Token::Number(text)) => {
                Side::Number(format!("{}{text}", if minus { "-" } else { "" }))
            }
            _ => {
                self.must(!minus, "a number")?;
                return Ok(Side::Column(self.name()?));
            }
        };
        self.at += 1;
        Ok(side)
    }
}

fn negated(condition: Condition, not: bool) -> Condition {
    if not { Condition::Not(Box::new(condition)) } else { condition }
}

fn shown(token: &Token) -> String {
    match token {
        Token::Name { text, .. } | Token::Number(text) => format!("`{text}`"),
        Token::Text(text) => format!("'{text}'"),
        Token::Sign(sign) => format!("`{sign}`"),
    }
}

fn unexpected(token: &Token) -> Fault {
    fault(format!("{} stands where something else is expected", shown(token)))
}
